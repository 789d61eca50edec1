/* sniff.c - Hold the first bytes of a file against a table. */
#include "models/files/sniff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "sim/core/base/file.h"

enum { FIRST = 256 };

#define PICKLE "weights that PyTorch pickled: not read, as they may run code;" \
    " save_pretrained() of transformers writes model.safetensors instead"
#define LFS "a pointer of Git LFS, not the file: git lfs pull fetches it"
#define PAGE "a page of HTML: a download that gave no file"

/* How a file begins, behind blanks where `text`. */
static const struct beginning {
    enum sniff  kind;
    bool        text;
    const char *bytes;
    size_t      size;
    const char *what;            /* NULL: it is read */
} beginnings[] = {
#define BYTES(kind, bytes, what)                                               \
    { SNIFF_##kind, false, bytes, sizeof bytes - 1, what }
#define WORDS(words, what)                                                     \
    { SNIFF_NONE, true, words, sizeof words - 1, what }
    BYTES(GGUF, "GGUF", NULL),
    BYTES(LLAMA2C, "24ka", NULL),        /* 0x616b3432 of export.py */
    BYTES(NONE, "PK\x03\x04", PICKLE),   /* torch.save() zips */
    BYTES(NONE, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46", PICKLE),  /* and its magic
                                          * number, before version 1.6 */
    BYTES(NONE, "\x1f\x8b\x08", "compressed by gzip: gunzip it first"),
    BYTES(NONE, "lmgg", "of GGML's first format: convert it to GGUF"),
    BYTES(NONE, "fmgg", "of GGML's second format: convert it to GGUF"),
    BYTES(NONE, "tjgg", "of GGML's third format: convert it to GGUF"),
    BYTES(NONE, "\x89HDF\r\n", "of HDF5, which Keras writes: not read"),
    WORDS("version https://git-lfs.github.com/spec/", LFS),
    WORDS("<!doctype html", PAGE),
    WORDS("<html", PAGE),
    WORDS("{\"schemaVersion\":", "a manifest of Ollama: the model is the largest"
          " of the blobs that it names, a GGUF file"),
    WORDS("{\"model_format\":", "a blob of Ollama that describes a model: the"
          " model is the largest of the blobs beside it, a GGUF file"),
};

enum { BEGINNINGS = sizeof beginnings / sizeof *beginnings };

const char *sniff_refused(int i)
{
    for (int k = 0; k < BEGINNINGS; k++)
        if (beginnings[k].what && i-- == 0)
            return beginnings[k].what;
    return NULL;
}

static bool begins(const struct beginning *b, const unsigned char *bytes,
                   size_t size)
{
    const char *text = (const char *)bytes;
    size_t at = b->text ? strspn(text, " \t\r\n") : 0;

    if (size < at + b->size)
        return false;
    return b->text ? strncasecmp(text + at, b->bytes, b->size) == 0
                   : memcmp(bytes, b->bytes, b->size) == 0;
}

/* u64 bytes of the header, and the header's brace: safetensors.h. */
static bool is_safetensors(const unsigned char *bytes, size_t size,
                           uint64_t file_size)
{
    uint64_t header = 0;

    if (size < 9)
        return false;
    memcpy(&header, bytes, 8);
    return bytes[8] == '{' && header >= 2 && header <= file_size - 8;
}

enum status sniff_file(enum sniff *out, const char *path, struct error *err)
{
    unsigned char bytes[FIRST + 1] = { 0 };
    struct stat info;
    size_t n = 0;

    *out = SNIFF_OTHER;
    /* What is no regular file can be read but once. */
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return STATUS_OK;
    FILE *file = file_open_optional(path);
    if (!file)
        return STATUS_OK;
    setvbuf(file, NULL, _IONBF, 0);
    n = fread(bytes, 1, FIRST, file);
    fclose(file);
    for (int i = 0; i < BEGINNINGS; i++) {
        if (!begins(&beginnings[i], bytes, n))
            continue;
        *out = beginnings[i].kind;
        return beginnings[i].what
                   ? error_set(err, STATUS_BAD_VALUE, "%.200s: %s", path,
                               beginnings[i].what)
                   : STATUS_OK;
    }
    if (is_safetensors(bytes, n, (uint64_t)info.st_size))
        *out = SNIFF_SAFETENSORS;
    return STATUS_OK;
}

enum status sniff_refusal(enum sniff *out, enum status status, const char *path,
                          struct error *err)
{
    enum sniff sniff = SNIFF_OTHER;

    if (status != STATUS_OK && status != STATUS_NO_MEMORY &&
        sniff_file(&sniff, path, err) != STATUS_OK)
        status = STATUS_BAD_VALUE;
    if (out)
        *out = sniff;
    return status;
}
