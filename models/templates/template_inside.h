/* template_inside.h - Hold a template as a tree, and what reading and running it
 * share. */
#ifndef TEMPLATE_INSIDE_H
#define TEMPLATE_INSIDE_H

#include <stdbool.h>
#include <stdint.h>
#include "models/templates/template.h"

/* Children are numbers of nodes; lists hang together by `next`.  0 is none.
 *               a            b            c          text */
enum node_kind {
    NODE_NONE,
    NODE_TEXT,  /*                                     its bytes */
    NODE_PRINT, /* expression */
    NODE_IF,    /* condition  body         else */
    NODE_FOR,   /* over       body         else       ; d: names, e: condition */
    NODE_SET,   /* target     expression   */
    NODE_SETS,  /* target     body         */
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_BLOCK, /*            body: of a generation */
    NODE_MACRO, /* its form   body           ; the form is as of a call */
    NODE_CONST, /*                                     value */
    NODE_NAME,  /*                                     name */
    NODE_LIST,  /* elements */
    NODE_DICT,  /* pairs, of nodes key (a), value (b) */
    NODE_PAIR,
    NODE_ATTRIBUTE, /* of                              name */
    NODE_ITEM,  /* of         index */
    NODE_SLICE, /* of         start        stop       ; d: step */
    NODE_CALL,  /* of         arguments */
    NODE_NAMED, /* expression: an argument             name */
    NODE_FILTER,/* of         arguments               name */
    NODE_TEST,  /* of         arguments               name */
    NODE_NOT,   /* of */
    NODE_MINUS, /* of */
    NODE_AND, NODE_OR,  /* left  right                   operator */
    NODE_BINARY,/* left       right                    operator */
    NODE_EITHER,/* condition  then         else */
};

struct node {
    enum node_kind kind;
    int32_t a, b, c, d, e, next, line;
    json_t *value;               /* owned */
};

struct template {
    struct node *node;           /* [n], the first is none */
    int32_t n, room;
    int32_t root;                /* of its statements the first */
};

/* ---- template_lex.c ---- */

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_STRING, TOKEN_NUMBER,
                  TOKEN_OPERATOR };

struct token {
    enum token_kind kind;        /* END: of the tag, which the reader leaves */
    const char *at;              /* in the text */
    size_t  size;
    json_t *value;               /* of a string or number; owned by the reader */
};

struct reader {
    struct template *t;
    const char *text;
    size_t size, at;
    int32_t line, depth, brackets;
    struct token token;          /* the one to be looked at */
    struct error *err;
    enum status status;          /* the first failure; nothing is read after */
};

/* Sets the first failure; returns 0, which is no node. */
int32_t template_refuse(struct reader *r, const char *what, const char *name,
                        size_t size);
/* Reads the tag's next token. */
void    token_next(struct reader *r);
bool    token_is(const struct reader *r, enum token_kind kind,
                 const char *text);
/* Passes it if it is there. */
bool    token_skip(struct reader *r, enum token_kind kind, const char *text);
void    token_expect(struct reader *r, enum token_kind kind, const char *text);

/* ---- template_parse.c, template_expression.c ---- */

int32_t node_add(struct reader *r, struct node node);
/* A node whose value is this text. */
int32_t node_named(struct reader *r, enum node_kind kind, const char *text,
                   size_t size);
int32_t parse_expression(struct reader *r);
/* Without "a if b else c", as what a loop runs over is. */
int32_t parse_either(struct reader *r);
/* A name, or an attribute of one. */
int32_t parse_target(struct reader *r);

/* ---- template_run.c ---- */

struct bytes {
    char  *at;
    size_t n, room;
};

struct run {
    const struct template *t;
    json_t *scopes;              /* objects of names, the last the innermost */
    json_t *spaces;              /* namespaces, which alone may be changed */
    json_t *macros;              /* name: number of its node */
    int64_t steps;
    int32_t depth;
    struct error *err;
    enum status status;
    int32_t line;
};

/* Statements and expressions nest so deep; left-hand chains of operators, indices
 * and filters do, and macros that call macros. */
enum { RUN_MAX_DEPTH = 4 * TEMPLATE_MAX_DEPTH };

/* Undefined is NULL, and so is what comes of a failure: look at run->status. */
json_t *run_fail(struct run *run, const char *what, const char *name);
/* Counts n steps; false: there were too many. */
bool    run_step(struct run *run, int64_t n);
/* A new value; NULL only where memory ran out. */
json_t *run_made(struct run *run, json_t *value);
json_t *run_text(struct run *run, const char *bytes, size_t size);
/* Takes the value over; what is undefined leaves a list or name as it is. */
void    run_append(struct run *run, json_t *list, json_t *value);
void    run_put(struct run *run, json_t *into, const char *name, json_t *value);
void    bytes_add(struct run *run, struct bytes *to, const char *from,
                  size_t n);
/* As print does; STATUS_BAD_FORMAT of lists and dictionaries. */
void    bytes_add_value(struct run *run, struct bytes *to, const json_t *value);

/* The inner text of a macro, whose node this is. */
struct arguments;
json_t *run_macro(struct run *run, int32_t macro, const struct arguments *a);

/* ---- template_evaluate.c, template_call.c ---- */

json_t *evaluate_call(struct run *run, const struct node *node);
/* A filter or test of its operand. */
json_t *evaluate_named(struct run *run, const struct node *node);

json_t *evaluate(struct run *run, int32_t node);
bool    value_true(const json_t *value);
bool    value_same(const json_t *a, const json_t *b);

/* ---- template_builtins.c, template_texts.c ---- */

enum { ARGUMENTS_MAX = 8 };

/* Of a call: what it is applied to, and what stands in its brackets. */
struct arguments {
    json_t *of;                  /* borrowed, as all; NULL: undefined */
    json_t *at[ARGUMENTS_MAX];
    int     n;
    json_t *named;               /* object, or NULL */
    bool    defined;             /* `of` is */
};
typedef json_t *builtin_fn(struct run *run, const struct arguments *a);

/* NULL: there is none of this name. */
builtin_fn *filter_find(const char *name);
builtin_fn *test_find(const char *name);     /* they give true or false */
builtin_fn *function_find(const char *name);
/* Of a value of this kind. */
builtin_fn *method_find(const json_t *of, const char *name);

builtin_fn text_trim, text_upper, text_lower, text_title, text_capitalize,
           text_replace, text_strip, text_lstrip, text_rstrip, text_split,
           text_startswith, text_endswith;
/* In code points. */
size_t  text_length(const json_t *text);
/* text[from:to], in code points. */
json_t *text_part(struct run *run, const json_t *text, size_t from, size_t to);

#endif
