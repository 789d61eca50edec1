/* machine_shape.h - The small models that tell what share of its peak a machine's
 * work reaches. */
#ifndef MACHINE_SHAPE_H
#define MACHINE_SHAPE_H

#include "sim/core/model/spec.h"

/* What a shape is for.  Trained and decoded ones show what ops reach with their
 * operands where a step leaves them; near ones, one layer in the second cache,
 * what products of few rows reach, or those by weights stored as Q8_0 and Q4_1;
 * heads, how attention depends on the size of its heads, and queries, likewise near
 * ones, how that of one new token does, and on its keys; seldom ones,
 * what is left in the last cache of a layer that others run without; the rest, how work waits for operands in the last cache,
 * past it, and between. */
enum machine_use { USE_LAUNCHES, USE_TRAINED, USE_HEADS, USE_DECODED, USE_NEAR,
                   USE_QUERY, USE_STORED8, USE_STORED4, USE_SELDOM, USE_CACHED, USE_BETWEEN, USE_PAST,
                   USE_STORED_PAST, USE_COUNT };

/* Of trained and decoded models every second layer routes 12.5 % of its tokens,
 * so that choosing and gathering are seen; when decoding, a token in each `period`
 * steps.  A decoded model has `tokens` before the first step. */
struct machine_shape {
    enum machine_use use;
    enum family family;
    int32_t channels, head, layers, tokens, sequences, vocab, period;
    bool    quick;               /* the others are left out where few do */
};
enum { MACHINE_SHAPES_MAX = 96, MACHINE_STEPS = 64, MACHINE_LAYERS_MAX = 24,
       MACHINE_SEQUENCES_MAX = 64 };

/* The first one is that of launches. */
extern const struct machine_shape machine_shapes[];
extern const int machine_n_shapes;

bool machine_shape_trains(const struct machine_shape *shape);
/* Steps that are timed, of decoded ones enough for the last cache to hold what it
 * holds of a model that goes by again and again: at most MACHINE_STEPS. */
int machine_shape_steps(const struct machine_shape *shape);
/* With room for as many tokens more, and those of a period before. */
struct model_spec machine_shape_spec(const struct machine_shape *shape);

#endif
