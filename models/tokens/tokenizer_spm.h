/* tokenizer_spm.h - Encode by BPE of characters, which merge by rank or, as
 * SentencePiece has it (src/bpe_model.cc of github.com/google/sentencepiece), by
 * score; those without a token are spelled in bytes, or unknown. */
#ifndef TOKENIZER_SPM_H
#define TOKENIZER_SPM_H

#include "models/tokens/tokenizer_parts.h"

/* True where a space begins a word in every token that has one: then no merge
 * crosses the start of a word, and words are encoded one by one. */
bool tokenizer_spm_has_words(const struct vocab *vocab);

/* Append the ids of a word; `encoder` is a struct encoder. */
enum status tokenizer_spm_word(void *encoder, const char *word, size_t size,
                               struct error *err) MUST_CHECK;

/* The ids of text[size], for which no token stands: of its bytes where each has
 * one, else the unknown token's, unless `fused` to the same before it.
 * STATUS_BAD_VALUE: there is none. */
enum status tokenizer_spm_unknown(struct encoder *encoder, const char *text,
                                  size_t size, bool fused,
                                  struct error *err) MUST_CHECK;

#endif
