/* tokenizer_spm.h - Encode by SentencePiece's BPE: characters merge by score,
 * those without a token are spelled in bytes (src/bpe_model.cc of
 * github.com/google/sentencepiece). */
#ifndef TOKENIZER_SPM_H
#define TOKENIZER_SPM_H

#include "models/tokens/tokenizer_parts.h"

/* True where a space begins a word in every token that has one: then no merge
 * crosses the start of a word, and words are encoded one by one. */
bool tokenizer_spm_has_words(const struct vocab *vocab);

/* Append the ids of text[size], whose spaces are spaces. */
enum status tokenizer_spm_encode(const struct tokenizer_parts *parts,
                                 const char *text, size_t size,
                                 struct ids *ids, struct error *err) MUST_CHECK;

#endif
