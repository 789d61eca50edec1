/* predict_trace.h - Hold what isobath predict says of known routes: how costs
 * spread. */
#ifndef PREDICT_TRACE_H
#define PREDICT_TRACE_H

#include "sim/commands/predict_answer.h"
#include "sim/core/model/plan.h"
#include "sim/price/batches.h"

/* How one quantity spreads, of a whole or of a layer. */
struct trace_row {
    const char *of, *quantity, *unit;
    int32_t layer;                   /* -1: of none */
    const char *part;                /* "": of none */
    struct distribution d;
};

struct trace_answer {
    struct predict_answer *a;
    bool supposed;                   /* the model is dense */
    struct routes *routes;
    struct batches batches;
    struct distribution kept[PLAN_MAX_CHOICES];      /* [n_choices] */
    struct distribution seconds[SPEC_MAX_LAYERS], flops[SPEC_MAX_LAYERS];
    struct trace_row *rows;
    size_t n_rows;
};

/* ---- predict_routes.c ---- */

/* Of a trace, or of that in a directory; --by-depth: as flags have it.  The model,
 * if it is dense, is then supposed to route so. */
enum status predict_routes_recorded(struct routes **out, const char *trace,
                                    bool by_depth, struct model_spec *spec,
                                    struct error *err) MUST_CHECK;
/* Of drawn scores. */
enum status predict_routes_drawn(struct routes **out,
                                 const struct predict_answer *answer,
                                 struct error *err) MUST_CHECK;

/* ---- predict_trace.c ---- */

/* Of the i-th choice of the batches. */
const char *trace_part(const struct trace_answer *x, int32_t i);
int32_t     trace_layer(const struct trace_answer *x, int32_t i);

/* The mean over the dense twin's; NAN: it has none. */
double trace_of_dense(const struct distribution *d);

/* The rival of --against, NULL where that is the twin. */
const struct rival *trace_rival(const struct predict_answer *answer);
/* What the mean step takes of the rival's: flops, bytes, seconds, joules; NAN:
 * unknown. */
enum { TRACE_RATIOS = 4 };
void trace_ratios(double out[TRACE_RATIOS], const struct trace_answer *x);

/* ---- predict_trace_text.c, predict_trace_json.c ---- */

enum status trace_print_text(FILE *file, const struct trace_answer *x,
                             struct error *err) MUST_CHECK;
enum status trace_print_csv(FILE *file, const struct trace_answer *x,
                            struct error *err) MUST_CHECK;
enum status trace_print_json(FILE *file, const struct trace_answer *x, int argc,
                             char **argv, struct error *err) MUST_CHECK;

#endif
