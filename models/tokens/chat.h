/* chat.h - Put a question into the words that a chat model was trained to answer:
 * forms that many models share, each with its mark, by which it is known in the
 * template of a model's files. */
#ifndef CHAT_H
#define CHAT_H

#include <stddef.h>
#include "sim/core/base/error.h"

struct chat_form;                /* of static storage */

/* The form of a template of transformers' (Jinja); NULL: none that is known. */
const struct chat_form *chat_find(const char *template, size_t size);
const char *chat_name(const struct chat_form *form);

/* text[size] as the one turn of a user, and the beginning of the answer; no
 * system message, and no BOS, which is the tokenizer's.  *out is the caller's to
 * free. */
enum status chat_apply(char **out, size_t *n, const struct chat_form *form,
                       const char *text, size_t size,
                       struct error *err) MUST_CHECK;

#endif
