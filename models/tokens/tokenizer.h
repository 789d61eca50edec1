/* tokenizer.h - Turn text into token ids and back.
 *
 * Kinds: bytes (the byte is the id); byte-level BPE as GPT-2 and Llama 3 have
 * it (merges by rank, after a split into words); BPE of characters as Llama 2,
 * Gemma and llama2.c have it (merges by rank or score, bytes or an unknown token
 * for what has none); unigram models as T5 has them (the best sum of scores).
 * Ids are those of the reference implementations, for every text that has them:
 * one with something that has no token, not even an unknown one, is refused,
 * where the `tokenizers` library would leave that out unsaid. */
#ifndef TOKENIZER_H
#define TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"

struct tokenizer;                 /* opaque: tokenizer.c */

/* From a file: *.bin (llama2.c), *.gguf, *.model (SentencePiece), tokenizer.json;
 * NULL: bytes.  `n_vocab` is the model's; a text that has a token beyond is not
 * encoded; <= 0: not known.  Caller releases with tokenizer_close(); NULL is fine. */
enum status tokenizer_open(struct tokenizer **out, const char *path,
                           int32_t n_vocab, struct error *err) MUST_CHECK;
void        tokenizer_close(struct tokenizer *tokenizer);

const char *tokenizer_kind(const struct tokenizer *tokenizer);
int32_t     tokenizer_size(const struct tokenizer *tokenizer);
/* Bytes in memory, with what reading the file left; 0: NULL. */
size_t      tokenizer_memory(const struct tokenizer *tokenizer);
int32_t     tokenizer_bos(const struct tokenizer *tokenizer);   /* -1: none */
int32_t     tokenizer_eos(const struct tokenizer *tokenizer);   /* -1: none */

/* True where the tokenizer's files put BOS before a text. */
bool        tokenizer_begins(const struct tokenizer *tokenizer);
/* True for a token that ends a text where a model emits it: EOS, BOS, which
 * begins another text, and those by which chat models end a turn. */
bool        tokenizer_ends(const struct tokenizer *tokenizer, int32_t id);

/* A question as the model's chat template puts it: chat_ask(). */
struct chat_question;
enum status tokenizer_ask(struct chat_question *out,
                          const struct tokenizer *tokenizer, const char *text,
                          size_t size, struct error *err) MUST_CHECK;

/* What becomes of "<|im_end|>" in a text. */
#define TOKENIZER_SPECIAL_MAP(X)                                               \
    X(PARSE, "parse")            /* it is the special token, as transformers   \
                                  * takes it */                                \
    X(TEXT,  "text")             /* it is text like any other */

enum tokenizer_special {
#define X(id, name) TOKENIZER_##id,
    TOKENIZER_SPECIAL_MAP(X)
#undef X
    TOKENIZER_SPECIAL_COUNT
};
extern const char *const tokenizer_special_names[];     /* NULL ends */

/* All of text[size], BOS first where `bos`.  *ids is the caller's to free.
 * STATUS_BAD_VALUE: something in the text has no token. */
enum status tokenizer_encode(const struct tokenizer *tokenizer,
                             const char *text, size_t size, bool bos,
                             enum tokenizer_special special, int32_t **ids,
                             size_t *n, struct error *err) MUST_CHECK;

/* The bytes of one token, not NUL-ended, borrowed; `first` drops the space that
 * SentencePiece puts before a text.  Special tokens, and ids out of range: no
 * bytes. */
const char *tokenizer_bytes(const struct tokenizer *tokenizer, int32_t id,
                            bool first, size_t *size);
/* The bytes of a text that it stands for: also of special tokens. */
size_t      tokenizer_length(const struct tokenizer *tokenizer, int32_t id,
                             bool first);

#endif
