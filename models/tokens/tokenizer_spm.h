/* tokenizer_spm.h - SentencePiece's BPE: characters merge by score, and what
 * has no token is spelled in bytes.  github.com/google/sentencepiece,
 * src/bpe_model.cc. */
#ifndef TOKENIZER_SPM_H
#define TOKENIZER_SPM_H

#include "models/tokens/tokenizer_file.h"

/* Does a space begin a word in every token that has one?  Then no merge crosses
 * the start of a word, and words are encoded one by one. */
bool tokenizer_spm_has_words(const struct vocab *vocab);

/* Append the ids of text[size], whose spaces are spaces. */
enum status tokenizer_spm_encode(const struct tokenizer_parts *parts,
                                 const char *text, size_t size,
                                 struct ids *ids, struct error *err) MUST_CHECK;

#endif
