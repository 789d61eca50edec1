/* tokenizer_bpe.h - byte-level BPE: words by a pattern, merges by rank. */
#ifndef TOKENIZER_BPE_H
#define TOKENIZER_BPE_H

#include "models/tokens/tokenizer_file.h"

/* The pattern and GGUF's name of each way to split; names as in
 * src/llama-vocab.cpp of github.com/ggml-org/llama.cpp, patterns as in the
 * models' tokenizer.json. */
struct split_name {
    const char *pre;             /* tokenizer.ggml.pre */
    enum tokenizer_split split;
    bool whole_words;            /* a word that is a token needs no merges */
};
const struct split_name *tokenizer_bpe_split(const char *pre, size_t size);
/* A Split's regular expression in tokenizer.json; false: not known. */
bool tokenizer_bpe_pattern(enum tokenizer_split *split, const char *pattern);

/* The end of the word that begins at text[at], at < size. */
size_t tokenizer_bpe_word(enum tokenizer_split split, const char *text,
                          size_t at, size_t size);

/* Append the ids of text[size]. */
enum status tokenizer_bpe_encode(const struct tokenizer_parts *parts,
                                 const char *text, size_t size,
                                 struct ids *ids, struct error *err) MUST_CHECK;

/* The bytes that a token stands for, as GPT-2 writes them with printable
 * characters, into out[size]; false: some character is none of those. */
bool tokenizer_bpe_bytes(char *out, size_t *n, const char *text, size_t size);

#endif
