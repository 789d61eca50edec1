/* sweep_priced.h - Hold what isobath predict answers to a point of a study. */
#ifndef SWEEP_PRICED_H
#define SWEEP_PRICED_H

#include "sim/commands/predict_answer.h"
#include "sim/commands/sweep_given.h"

struct priced {
    struct predict_options options;
    struct predict_answer answer;        /* by layer; against the twin and, unless
                                          * the point names another rival, the
                                          * dense model of equal FLOPs */
    char *argv[SWEEP_MAX_KEYS + 3];
};

/* Caller releases with priced_close(), also after a failure, whose text names the
 * place of the mistake. */
enum status priced_open(struct priced **out, const char *base,
                        const struct sweep_given *given,
                        struct error *err) MUST_CHECK;
void        priced_close(struct priced *priced);

/* What points.csv has of it: per_token.METRIC; of the twin and of the rival
 * ratio.METRIC, those of seconds and joules with an interval of 80 %; layers of
 * the rival, memory_bytes, parameters.  NULL: no memory. */
json_t     *priced_json(const struct priced *priced);

/* The name of the other rival, as --against has it. */
const char *priced_rival(const struct priced *priced);

/* Rows of layers.csv: point,layer, then of each of some metrics the amount a token,
 * and of each its share of the twin's; an unknown one is empty. */
void        priced_layers_head(FILE *file);
void        priced_layers(FILE *file, const struct priced *priced, int32_t point);

#endif
