/* run_result.h - what isobath run found out: as JSON, as text, as CSV. */
#ifndef RUN_RESULT_H
#define RUN_RESULT_H

#include <jansson.h>
#include <stdio.h>
#include "models/score.h"
#include "models/source.h"

/* All borrowed. */
struct run_result {
    const struct source *source;
    const struct model_spec *spec;     /* that ran: the source's, or its dense
                                        * twin's */
    const char *model, *text, *machine;   /* as given; no machine: NULL */
    const char *split;                 /* "all", "validation" */
    const char *isa, *hash;            /* of the program; of the text */
    int64_t window, stride, limit, seed;
    int     threads;
    const struct score *score;         /* [n_scores]; [0] is the metered one,
                                        * the last that of training */
    int     n_scores;
    int64_t bytes;                     /* of the text that was predicted; fewer
                                        * tokens than that, or as many */
    const struct ledger *predicted, *counted, *measured;
    double  seconds;                   /* in the model under score[0] */
    bool    finished;                  /* the whole text */
    bool    agreed;                    /* counted == predicted */
    uint64_t parameters, predicted_bytes, allocated_bytes, peak_bytes;
};

/* Parts that summaries share.  File names may be anything, JSON holds UTF-8; a
 * shape as a config would say it. */
json_t *run_result_name(const char *name);
json_t *run_result_model(const struct model_spec *spec);

/* summary.json; the caller decrefs. */
enum status run_result_json(json_t **out, const struct run_result *result,
                            int argc, char **argv,
                            struct error *err) MUST_CHECK;

/* A line a rule.  A failed write shows in the stream. */
void run_result_text(FILE *file, const struct run_result *result);
void run_result_csv(FILE *file, const struct run_result *result);

#endif
