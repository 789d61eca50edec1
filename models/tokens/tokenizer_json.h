/* tokenizer_json.h - Declare what the readers of tokenizer.json share. */
#ifndef TOKENIZER_JSON_H
#define TOKENIZER_JSON_H

#include <jansson.h>
#include "models/tokens/tokenizer_file.h"

#define UNDERLINE "\xe2\x96\x81"

struct json_file {
    const char   *name;
    const json_t *root;
    struct error *err;
};

/* "" where there is no text. */
const char *json_text_of(const json_t *object, const char *key);
bool        json_is(const json_t *object, const char *key, const char *text);
/* A flag that is not there, or null, is `otherwise`. */
bool        json_flag(const json_t *object, const char *key, bool otherwise);

/* tokenizer_json_steps.c: the keys normalizer and pre_tokenizer; sets the kind
 * BPE where bytes are spelled as GPT-2 spells them. */
enum status tokenizer_json_steps(struct tokenizer_parts *parts,
                                 struct json_file *file) MUST_CHECK;

/* tokenizer_json_added.c: the added tokens, once the vocabulary is there. */
enum status tokenizer_json_added(struct tokenizer_parts *parts,
                                 struct json_file *file) MUST_CHECK;
/* The tokens that begin and end a text, of the post_processor or, where it puts
 * none, of tokenizer_config.json, which may be NULL; and its chat template. */
enum status tokenizer_json_ends(struct tokenizer_parts *parts,
                                const struct json_file *file,
                                const json_t *config) MUST_CHECK;

#endif
