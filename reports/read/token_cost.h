/* token_cost.h - Read the seconds of each decoded token of a profile, and how
 * many routed layers kept it (parts of layers, where those are routed apart),
 * from its tokens.csv. */
#ifndef TOKEN_COST_H
#define TOKEN_COST_H

#include "reports/read/run.h"

struct token_step {
    enum side arm;
    double   kept;             /* layers, parts that kept it; mean of a batch */
    double   seconds;          /* NAN: not measured */
};

struct token_cost {
    struct token_step *step;   /* [n], owned; the dense twin's among them */
    size_t n;
    double most;               /* columns kept_<layer>, kept_<part>_<layer> */
    double batch;              /* tokens of a step, one of each sequence */
    bool   apart;              /* columns of parts */
    bool   busy;               /* others ran while seconds were measured */
};

/* The word for what `most` counts: "layers" or "parts". */
const char *token_cost_layers(const struct token_cost *cost);

/* Nothing is read from a run without tokens.csv.  STATUS_BAD_FORMAT as
 * "path:line: what". */
enum status token_cost_read(struct token_cost *out, const struct run *run,
                            struct error *err) MUST_CHECK;
void        token_cost_close(struct token_cost *cost);

#endif
