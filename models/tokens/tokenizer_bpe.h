/* tokenizer_bpe.h - Encode by byte-level BPE: bytes merge by rank, within
 * words. */
#ifndef TOKENIZER_BPE_H
#define TOKENIZER_BPE_H

#include "models/tokens/tokenizer_parts.h"

/* Append the ids of a word; `encoder` is a struct encoder. */
enum status tokenizer_bpe_word(void *encoder, const char *word, size_t size,
                               struct error *err) MUST_CHECK;

#endif
