/* tokenizer_file.h - Read the files that describe a tokenizer. */
#ifndef TOKENIZER_FILE_H
#define TOKENIZER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "models/tokens/tokenizer_parts.h"

/* The readers fill `parts`, or leave it empty and name file and key.
 * `n_vocab` <= 0: not known. */
enum status tokenizer_read_llama2c(struct tokenizer_parts *parts,
                                   const unsigned char *bytes, size_t size,
                                   const char *name, int32_t n_vocab,
                                   struct error *err) MUST_CHECK;
struct gguf;
enum status tokenizer_read_gguf(struct tokenizer_parts *parts,
                                const struct gguf *file, int32_t n_vocab,
                                struct error *err) MUST_CHECK;
/* A SentencePiece model (src/sentencepiece_model.proto of
 * github.com/google/sentencepiece). */
enum status tokenizer_read_spm(struct tokenizer_parts *parts,
                               const unsigned char *bytes, size_t size,
                               const char *name, int32_t n_vocab,
                               struct error *err) MUST_CHECK;
/* STATUS_BAD_...: added_tokens.json or tokenizer_config.json beside that model
 * add a token to it. */
enum status tokenizer_check_beside(const struct tokenizer_parts *parts,
                                   const char *path,
                                   struct error *err) MUST_CHECK;
/* A file's text; NULL: there is none. */
struct tokenizer_text {
    const char *name, *text;
    size_t size;
};
/* `config` is tokenizer_config.json, which names the tokens that begin and end a
 * text. */
enum status tokenizer_read_json(struct tokenizer_parts *parts,
                                const struct tokenizer_text *file,
                                const struct tokenizer_text *config,
                                int32_t n_vocab,
                                struct error *err) MUST_CHECK;

/* The i-th type of step that a normalizer, or a pre_tokenizer, may have in a
 * tokenizer.json; NULL: behind the last. */
const char *tokenizer_json_step(bool pre_tokenizer, int i);

/* The i-th type of model that is read, of a tokenizer.json and of a GGUF file;
 * NULL: behind the last. */
const char *tokenizer_json_model(int i);
const char *tokenizer_gguf_model(int i);

/* The i-th name of a way to split words that tokenizer.ggml.pre may have; NULL:
 * behind the last. */
const char *tokenizer_gguf_pre(int i);

/* "file: key: what", with nothing in it that a terminal would obey. */
enum status tokenizer_bad(struct error *err, const char *name,
                          const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* For readers.  A token as the file has it: byte-level spelling and U+2581 are
 * undone, "<0xAB>" of role VOCAB_BYTE becomes its byte. */
enum status tokenizer_add(struct tokenizer_parts *parts, const char *text,
                          size_t size, enum vocab_role role, const char *name,
                          const char *key, struct error *err) MUST_CHECK;
/* "left right", between ids by their text in the vocabulary. */
enum status tokenizer_add_merge(struct tokenizer_parts *parts,
                                const char *left, size_t left_size,
                                const char *right, size_t right_size,
                                const char *name, const char *key,
                                struct error *err) MUST_CHECK;
/* The message of a part, *why, as one of a file's key; STATUS_OK: none. */
enum status tokenizer_blame(enum status status, const struct error *why,
                            const char *name, const char *key,
                            struct error *err) MUST_CHECK;
/* A further pattern by which words are cut; splitter.h. */
enum status tokenizer_add_pattern(struct tokenizer_parts *parts,
                                  const char *pattern, const char *name,
                                  const char *key,
                                  struct error *err) MUST_CHECK;
/* SentencePiece's steps of a normalizer: a space before texts that are not empty,
 * where `prefix`; U+2581 for spaces, as the vocabulary has it. */
enum status tokenizer_add_prefix(struct tokenizer_parts *parts, bool prefix,
                                 struct error *err) MUST_CHECK;
enum status tokenizer_add_underline(struct tokenizer_parts *parts,
                                    struct error *err) MUST_CHECK;
/* Texts have the special and added tokens as the vocabulary spells them;
 * `normalised`: the added ones once they are normalised. */
enum status tokenizer_add_added(struct tokenizer_parts *parts, bool normalised,
                                const char *name, const char *key,
                                struct error *err) MUST_CHECK;
/* Index the vocabulary; of more tokens than the model has, none that it lacks may
 * stand in a text. */
enum status tokenizer_index(struct tokenizer_parts *parts, int32_t n_vocab,
                            const char *name, const char *key,
                            struct error *err) MUST_CHECK;

#endif
