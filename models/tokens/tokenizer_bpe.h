/* tokenizer_bpe.h - Encode by byte-level BPE: bytes merge by rank, within
 * words. */
#ifndef TOKENIZER_BPE_H
#define TOKENIZER_BPE_H

#include "models/tokens/tokenizer_parts.h"

/* Append the ids of text[size]. */
enum status tokenizer_bpe_encode(const struct tokenizer_parts *parts,
                                 const char *text, size_t size,
                                 struct ids *ids, struct error *err) MUST_CHECK;

/* The bytes that a token stands for, as GPT-2 writes them with printable
 * characters, into out[size]; false: some character is none of those. */
bool tokenizer_bpe_bytes(char *out, size_t *n, const char *text, size_t size);

#endif
