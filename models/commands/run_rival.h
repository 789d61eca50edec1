/* run_rival.h - Make the rival that isobath run holds a model against, with
 * weights of its own where there are any. */
#ifndef RUN_RIVAL_H
#define RUN_RIVAL_H

#include <jansson.h>
#include "models/files/source.h"
#include "models/scoring/run_config.h"
#include "models/tokens/tokenizer.h"
#include "sim/price/rival.h"

struct run_rival {
    const char    *asked;        /* of --against; "": none; borrowed */
    struct rival   rival;
    struct source  source;       /* of another model */
    struct model_spec spec;      /* that runs */
    const struct route_policy *policy;   /* of a prompt and of a scored text */
    const char    *unscored;     /* why its losses say nothing; NULL: they do */
};

/* Nothing where run.against is empty.  The rival of `spec`, which runs T =
 * n_tokens at a time.  STATUS_BAD_VALUE: it is none, or cannot run so.  *out is
 * zero before. */
enum status run_rival_open(struct run_rival *out,
                           const struct run_config *config,
                           const struct model_spec *spec, int32_t n_tokens,
                           struct error *err) MUST_CHECK;
/* STATUS_BAD_VALUE: a token is not to the rival what it is to the model's
 * `tokenizer`; NULL: bytes. */
enum status run_rival_check_tokens(const struct run_rival *rival,
                                   const struct run_config *config,
                                   const struct tokenizer *tokenizer,
                                   struct error *err) MUST_CHECK;

/* Weights into a model opened with rival->spec: those of the layers of `of` that
 * it is made of, its own, or drawn where nobody trained it. */
enum status run_rival_fill(const struct run_rival *rival, struct model *model,
                           const struct model *of, uint64_t seed,
                           struct error *err) MUST_CHECK;

/* "its dense twin: the same 4 layers, none routed", and with how many it runs
 * where they are others. */
void    run_rival_print(FILE *file, const struct run_rival *rival);

/* {"rival", "name", "about", "layers", "layers_run", "unscored"}. */
json_t *run_rival_json(const struct run_rival *rival);

#endif
