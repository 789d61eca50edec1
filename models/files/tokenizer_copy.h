/* tokenizer_copy.h - Lay beside a checkpoint's weights the tokenizer that
 * encoded its text. */
#ifndef TOKENIZER_COPY_H
#define TOKENIZER_COPY_H

#include <stdint.h>
#include "sim/core/base/error.h"

/* The names of a directory's tokenizer, best first; NULL ends:
 *   tokenizer.json   whole, with the tokenizer_config.json that lay beside it;
 *                    where none did, one that has transformers take the file as
 *                    it stands, whatever class the model has
 *   tokenizer.gguf   the metadata of a GGUF file, and no tensor
 *   tokenizer.bin    of llama2.c, whole
 * Readers other than isobath know the first of them. */
extern const char *const tokenizer_copy_names[];

struct tokenizer_copy {
    const char *name;            /* of those; NULL: nothing was copied */
    uint64_t    bytes;
    char        hash[17];        /* XXH64 of them, hexadecimal */
};

/* Of a file that tokenizer_open() takes, into DIRECTORY; each file appears
 * whole or not at all. */
enum status tokenizer_copy(struct tokenizer_copy *out, const char *path,
                           const char *directory,
                           struct error *err) MUST_CHECK;

/* The path of DIRECTORY's tokenizer into out[FILE_PATH_SIZE]; "": none. */
enum status tokenizer_copy_find(char *out, const char *directory,
                                struct error *err) MUST_CHECK;

#endif
