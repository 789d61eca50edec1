/* words.h - Write a small text to train on, and a tokenizer for it. */
#ifndef WORDS_H
#define WORDS_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"
#include "tests/directory.h"

/* 60 blocks of 4096 bytes, words drawn from a short list.  With this seed
 * data.h gives 4 of them to validation and 3 to test. */
static inline void write_words(const char *path)
{
    static const char *const word[] = {
        "and ", "the ", "light ", "shineth ", "in ", "darkness, ", "river ",
        "went ", "out ", "of ", "Eden ", "to ", "water ", "garden.\n"
    };
    struct random random = random_seeded(2);
    FILE *file = fopen(path, "wb");
    long left = 60 * 4096;

    cr_assert(file != NULL);
    while (left > 0) {
        const char *w = word[random_below(&random, sizeof word / sizeof *word)];
        long n = (long)strlen(w) < left ? (long)strlen(w) : left;
        fwrite(w, 1, (size_t)n, file);
        left -= n;
    }
    cr_assert(fclose(file) == 0);
}

/* A llama2.c tokenizer of 270 tokens: begin is 1, byte b is 3 + b, then the
 * texts below from 259 on; "th", "the", "in" and "AA" are merges. */
enum { WORDS_TOKENS = 270 };
static inline void write_tokenizer(const char *path)
{
    static const char *const text[] = { " ", "A", "AA", "t", "h", "e", "th",
                                        "the", "i", "n", "in" };
    static const char *const special[] = { "<unk>", "\n<s>\n", "\n</s>\n" };
    FILE *file = fopen(path, "wb");
    int32_t longest = 5;

    cr_assert(file != NULL);
    fwrite(&longest, 4, 1, file);
    for (int i = 0; i < WORDS_TOKENS; i++) {
        char byte[8];
        snprintf(byte, sizeof byte, "<0x%02X>", (unsigned)(i - 3) & 255u);
        const char *t = i < 3 ? special[i] : i < 259 ? byte : text[i - 259];
        int32_t n = (int32_t)strlen(t);
        float score = n == 1 ? -1e9f : -(float)n;
        fwrite(&score, 4, 1, file);
        fwrite(&n, 4, 1, file);
        fwrite(t, 1, (size_t)n, file);
    }
    cr_assert(fclose(file) == 0);
}

#endif
