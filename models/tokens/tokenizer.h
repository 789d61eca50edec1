/* tokenizer.h - Turn text into token ids and back.
 *
 * Kinds: bytes (the byte is the id); byte-level BPE as GPT-2 and Llama 3 have
 * it (merges by rank, after a split into words); SentencePiece-style BPE with
 * byte fallback as Llama 2 and llama2.c have it (merges by score).  Ids are
 * those of the reference implementations, for every text. */
#ifndef TOKENIZER_H
#define TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"

struct tokenizer;                 /* opaque: tokenizer.c */

/* From a file: *.bin (llama2.c), *.gguf, tokenizer.json; NULL: bytes.
 * `n_vocab` is the model's; the file may have no more tokens; <= 0: not known.
 * Caller releases with tokenizer_close(); NULL is fine. */
enum status tokenizer_open(struct tokenizer **out, const char *path,
                           int32_t n_vocab, struct error *err) MUST_CHECK;
void        tokenizer_close(struct tokenizer *tokenizer);

const char *tokenizer_kind(const struct tokenizer *tokenizer);
int32_t     tokenizer_size(const struct tokenizer *tokenizer);
int32_t     tokenizer_bos(const struct tokenizer *tokenizer);   /* -1: none */
int32_t     tokenizer_eos(const struct tokenizer *tokenizer);   /* -1: none */

/* True where the tokenizer's files put BOS before a text. */
bool        tokenizer_begins(const struct tokenizer *tokenizer);
/* True for a token that ends a text where a model emits it: EOS, BOS, which
 * begins another text, and those by which chat models end a turn. */
bool        tokenizer_ends(const struct tokenizer *tokenizer, int32_t id);

/* All of text[size], special tokens in it taken as plain text, BOS first where
 * `bos`.  *ids is the caller's to free. */
enum status tokenizer_encode(const struct tokenizer *tokenizer,
                             const char *text, size_t size, bool bos,
                             int32_t **ids, size_t *n,
                             struct error *err) MUST_CHECK;

/* The bytes of one token, not NUL-ended, borrowed; `first` drops the space that
 * SentencePiece puts before a text.  Out of range: no bytes. */
const char *tokenizer_bytes(const struct tokenizer *tokenizer, int32_t id,
                            bool first, size_t *size);

#endif
