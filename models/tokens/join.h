/* join.h - Join neighbouring pieces of a text, the best pair first, until no
 * pair may be joined. */
#ifndef JOIN_H
#define JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"

/* A piece of the text: [at, at + size), the token it is (-1: none), and the
 * pieces before and after it (-1: none).  Size 0: swallowed by another. */
struct symbol {
    uint32_t at, size;
    int32_t  id, previous, next;
};

struct join_candidate {
    uint64_t key;                /* order, then position: the leftmost first */
    uint32_t right, size;        /* of both pieces together */
};

/* Scratch, grown as needed and used again; {0} to begin with. */
struct join {
    struct symbol *symbol;       /* [n]; the first is never swallowed */
    struct join_candidate *heap;
    size_t n, room, n_heap;
};

/* pair() gives the token that two neighbours become and its order, of which the
 * lowest goes first; false: they stay apart. */
struct join_rule {
    bool (*pair)(const struct join_rule *rule, const struct symbol *left,
                 const struct symbol *right, uint32_t *order, int32_t *id);
    const void *context;
    const char *text;
};

void        join_free(struct join *join);
/* Room for n pieces, none there yet. */
enum status join_reset(struct join *join, size_t n,
                       struct error *err) MUST_CHECK;
void        join_push(struct join *join, uint32_t at, uint32_t size,
                      int32_t id);
/* O(n log n) calls of the rule at most. */
void        join_run(struct join *join, const struct join_rule *rule);

#endif
