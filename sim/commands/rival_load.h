/* rival_load.h - Make the rival that a command line names. */
#ifndef RIVAL_LOAD_H
#define RIVAL_LOAD_H

#include "sim/price/rival.h"

/* What --against may say, for help. */
#define RIVAL_HELP                                                             \
    "dense, the twin that routes no layer; equal-flops or equal-params, a dense" \
    " model whose depth is solved for; layers:N or exit:N, that twin with N"   \
    " layers kept, or left after N; layers:0,2,3, with these; or another model"

/* A model's file, or its name, is read as MODEL of isobath predict is, with no
 * settings; T = n_tokens as in rival_make(). */
enum status rival_load(struct rival *out, const char *text,
                       const struct model_spec *spec, int32_t n_tokens,
                       struct error *err) MUST_CHECK;

#endif
