/* words.h - a small text to train on, and a directory to put things into. */
#ifndef WORDS_H
#define WORDS_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/random.h"

/* A new directory; the caller removes it with remove_directory(). */
static inline void make_directory(char out[64])
{
    strcpy(out, "/tmp/isobath-test-XXXXXX");
    cr_assert(mkdtemp(out) != NULL);
}

static inline void remove_directory(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    cr_expect(system(command) == 0);
}

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

#endif
