/* tokenizer_unigram.h - Encode by a unigram model: the tokens whose scores have
 * the greatest sum (Kudo 2018; src/models/unigram of
 * github.com/huggingface/tokenizers). */
#ifndef TOKENIZER_UNIGRAM_H
#define TOKENIZER_UNIGRAM_H

#include "models/tokens/tokenizer_parts.h"

/* Append the ids of a word; `encoder` is a struct encoder. */
enum status tokenizer_unigram_word(void *encoder, const char *word, size_t size,
                                   struct error *err) MUST_CHECK;

#endif
