/* tokenizer_bpe.h - Encode by byte-level BPE: bytes merge by rank, within
 * words. */
#ifndef TOKENIZER_BPE_H
#define TOKENIZER_BPE_H

#include "models/tokens/tokenizer_parts.h"

/* Append the ids of a word; `encoder` is a struct encoder. */
enum status tokenizer_bpe_word(void *encoder, const char *word, size_t size,
                               struct error *err) MUST_CHECK;

/* GPT-2 writes bytes as printable characters: text[size] so into out[2 * size];
 * returns the bytes written. */
size_t tokenizer_bpe_spell(char *out, const char *text, size_t size);
/* The bytes that such characters stand for, into out[size]; false: some
 * character is none of those. */
bool tokenizer_bpe_bytes(char *out, size_t *n, const char *text, size_t size);

#endif
