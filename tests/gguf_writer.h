/* gguf_writer.h - Write GGUF files of metadata and tensors into memory. */
#ifndef GGUF_WRITER_H
#define GGUF_WRITER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf.h"

struct writer {
    FILE    *values, *infos, *data;
    char    *text[3];
    size_t   size[3];
    uint64_t n_values, n_tensors;
};

static inline void open_writer(struct writer *w)
{
    *w = (struct writer){ 0 };
    w->values = open_memstream(&w->text[0], &w->size[0]);
    w->infos = open_memstream(&w->text[1], &w->size[1]);
    w->data = open_memstream(&w->text[2], &w->size[2]);
}

static inline void put32(FILE *file, uint32_t n)
{
    fwrite(&n, sizeof n, 1, file);
}

static inline void put64(FILE *file, uint64_t n)
{
    fwrite(&n, sizeof n, 1, file);
}

static inline void put_text(FILE *file, const char *text)
{
    put64(file, strlen(text));
    fputs(text, file);
}

static inline void put_int(struct writer *w, const char *key, uint32_t n)
{
    put_text(w->values, key);
    put32(w->values, GGUF_VALUE_U32);
    put32(w->values, n);
    w->n_values++;
}

static inline void put_real(struct writer *w, const char *key, float x)
{
    put_text(w->values, key);
    put32(w->values, GGUF_VALUE_F32);
    fwrite(&x, sizeof x, 1, w->values);
    w->n_values++;
}

static inline void put_word(struct writer *w, const char *key, const char *word)
{
    put_text(w->values, key);
    put32(w->values, GGUF_VALUE_TEXT);
    put_text(w->values, word);
    w->n_values++;
}

/* `words` ends with NULL. */
static inline void put_words(struct writer *w, const char *key,
                             const char *const words[])
{
    uint64_t n = 0;

    while (words[n])
        n++;
    put_text(w->values, key);
    put32(w->values, GGUF_VALUE_ARRAY);
    put32(w->values, GGUF_VALUE_TEXT);
    put64(w->values, n);
    for (uint64_t i = 0; i < n; i++)
        put_text(w->values, words[i]);
    w->n_values++;
}

/* Matrices are written as F32, or as BF16, the upper half of its bits. */
static enum gguf_type matrix_type = GGUF_F32;

static inline void put_tensor(struct writer *w, const char *name, uint64_t rows,
                       uint64_t columns, const float *x)
{
    const bool half = rows > 0 && matrix_type == GGUF_BF16;

    put_text(w->infos, name);
    put32(w->infos, rows > 0 ? 2 : 1);
    put64(w->infos, columns);
    if (rows > 0)
        put64(w->infos, rows);
    put32(w->infos, half ? GGUF_BF16 : GGUF_F32);
    put64(w->infos, (uint64_t)ftell(w->data));
    for (uint64_t i = 0; i < (rows > 0 ? rows : 1) * columns; i++)
        fwrite((const char *)&x[i] + (half ? 2 : 0), half ? 2 : 4, 1, w->data);
    while (ftell(w->data) % 32)
        fputc(0, w->data);
    w->n_tensors++;
}

/* The whole file; the caller frees. */
static inline char *finish(struct writer *w, size_t *size)
{
    char *image;
    FILE *file = open_memstream(&image, size);

    fclose(w->values);
    fclose(w->infos);
    fclose(w->data);
    fputs("GGUF", file);
    put32(file, 3);
    put64(file, w->n_tensors);
    put64(file, w->n_values);
    fwrite(w->text[0], 1, w->size[0], file);
    fwrite(w->text[1], 1, w->size[1], file);
    while (ftell(file) % 32)
        fputc(0, file);
    fwrite(w->text[2], 1, w->size[2], file);
    fclose(file);
    for (int i = 0; i < 3; i++)
        free(w->text[i]);
    return image;
}

/* "llama.block_count" and the like. */
static inline const char *behind(const char *architecture, const char *key)
{
    static char name[128];
    snprintf(name, sizeof name, "%s.%s", architecture, key);
    return name;
}

#endif
