/* run_result.h - what isobath run found out: as JSON, as text, as CSV. */
#ifndef RUN_RESULT_H
#define RUN_RESULT_H

#include <jansson.h>
#include <stdio.h>
#include "models/scoring/score.h"
#include "models/files/source.h"

/* 95 % intervals, or the low and high of a machine profile; NAN: unknown. */
struct run_range {
    double value, low, high;
};

/* What a token run through a model cost: loss and entropy left out of flops and
 * bytes, but not of seconds and joules. */
struct run_spent {
    double nats;                       /* per scored token */
    double flops, flops_predicted, bytes;   /* counted but for the second */
    double seconds;                    /* measured, of a whole forward */
    struct run_range joules;           /* modelled; NAN without a machine */
};

/* The dense twin on the same windows, in turns with the model. */
struct run_twin {
    struct run_spent spent;
    int64_t windows;                   /* pairs behind the loss's intervals */
    int64_t times;                     /* pairs behind the seconds' */
    struct run_range difference;       /* of loss, nats per token */
    struct run_range increase;         /* the same over the twin's loss */
    double flops, bytes;               /* the model's over the twin's */
    struct run_range seconds;          /* median over pairs of that ratio */
    struct run_range joules;           /* of that ratio, over the profile's
                                        * coefficients, which err together */
};

/* All borrowed. */
struct run_result {
    const struct source *source;
    const struct model_spec *spec;     /* that ran: the source's, or its dense
                                        * twin's */
    const char *model, *text, *machine;   /* as given; no machine: NULL */
    const char *split;                 /* "all", "validation" */
    const char *isa, *hash;            /* of the program; of the text */
    int64_t window, stride, limit, skip, seed;
    int     threads;
    const struct score *score;         /* [n_scores]; [0] is the metered one,
                                        * the last that of training */
    int     n_scores;
    int64_t bytes;                     /* of the text that was predicted; fewer
                                        * tokens than that, or as many */
    const struct ledger *predicted, *counted, *measured;
    double  seconds;                   /* in the model under score[0] */
    struct run_spent spent;            /* under score[0] */
    const struct run_twin *twin;       /* NULL: none ran */
    bool    entropy;                   /* was worked out */
    const struct config_setting *setting;   /* [n_settings] that the source was
                                        * read with */
    size_t  n_settings;
    bool    finished;                  /* the whole text */
    bool    agreed;                    /* counted == predicted, twin and all */
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
