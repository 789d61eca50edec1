/* chat.h - Put a question into the words that a chat model was trained to answer:
 * by the chat template of its files (models/templates) or, where that asks more
 * than is known, in a form that many models share and whose marks are in it. */
#ifndef CHAT_H
#define CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include "sim/core/base/error.h"

/* Of a tokenizer's files; {0}: they have none. */
struct chat {
    char  *template;             /* owned; NULL: none */
    size_t size;
};
/* Copies the template. */
enum status chat_take(struct chat *chat, const char *template, size_t size,
                      struct error *err) MUST_CHECK;
void        chat_free(struct chat *chat);

/* Texts of tokens that templates name; NULL: the model has none. */
struct chat_ends {
    const char *bos, *eos;
    size_t bos_size, eos_size;
};

struct chat_question {
    char  *text;                 /* owned, like the next, and by the caller */
    size_t size;
    char  *why;                  /* the template is not used; NULL: it is */
    const char *form;            /* that is used then; else NULL */
};

/* text[size] as the one turn of a user, and the beginning of the answer.  A
 * template puts what it puts, BOS and a system's message too; a form puts
 * neither.  STATUS_BAD_VALUE: there is no template, it refuses the question, or
 * it is not known and has no known form. */
enum status chat_ask(struct chat_question *out, const struct chat *chat,
                     const struct chat_ends *ends, const char *text,
                     size_t size, struct error *err) MUST_CHECK;
void        chat_question_free(struct chat_question *question);

#endif
