/* machine_shape.c - List the models that are run, and make their specs. */
#include "hwprof/commands/machine_shape.h"

#include <string.h>

const struct machine_shape machine_shapes[] = {
    { USE_LAUNCHES,    FAMILY_GPT2,   16,  16,  4,   16,  1,  256,  1, true },  /* first */
    { USE_TRAINED,     FAMILY_GPT2,   32,  16,  4,  128,  1,  256,  1, true },
    { USE_TRAINED,     FAMILY_LLAMA,  64,  32,  4,  128,  4,  256,  1, true },
    { USE_TRAINED,     FAMILY_GPT2,  128,  64,  4,  256,  1,  512,  1, true },
    { USE_TRAINED,     FAMILY_LLAMA, 128,  64,  4,  256,  8,  256,  1, false },
    { USE_TRAINED,     FAMILY_GPT2,  256,  64,  4,  256,  4, 1024,  1, false },
    { USE_TRAINED,     FAMILY_LLAMA, 256,  64,  4,  512,  2,  256,  1, false },
    { USE_TRAINED,     FAMILY_GPT2,  512,  64,  4,  256,  4,  512,  1, false },
    { USE_HEADS,       FAMILY_GPT2,  128,  16,  2,  256,  4,   64,  1, true },
    { USE_HEADS,       FAMILY_GPT2,  128,  32,  2,  256,  4,   64,  1, true },
    { USE_HEADS,       FAMILY_GPT2,  128,  64,  2,  256,  4,   64,  1, true },
    { USE_HEADS,       FAMILY_GPT2,  128, 128,  2,  256,  4,   64,  1, true },
    { USE_DECODED,     FAMILY_LLAMA,  64,  32,  4,   64,  1,  256,  1, true },
    { USE_DECODED,     FAMILY_GPT2,  128,  64,  4,  256,  1,  256,  1, true },
    { USE_DECODED,     FAMILY_GPT2,  256,  64,  4,  256,  4,  256,  1, false },
    { USE_DECODED,     FAMILY_LLAMA, 256,  64,  4,  128, 16,  256,  1, false },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16,  1,   64,  1, true },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16,  2,   64,  1, true },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16,  3,   64,  1, false },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16,  4,   64,  1, true },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16,  5,   64,  1, false },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16,  6,   64,  1, false },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16,  8,   64,  1, true },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16, 12,   64,  1, false },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16, 16,   64,  1, true },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16, 32,   64,  1, false },
    { USE_NEAR,        FAMILY_GPT2,  128,  64,  1,   16, 64,   64,  1, true },
    { USE_QUERY,       FAMILY_GPT2,   64,  16,  1,   16,  1,   64,  1, true },
    { USE_QUERY,       FAMILY_GPT2,   64,  16,  1,   64,  1,   64,  1, false },
    { USE_QUERY,       FAMILY_GPT2,   64,  16,  1,  128,  1,   64,  1, false },
    { USE_QUERY,       FAMILY_GPT2,   64,  16,  1,  256,  1,   64,  1, false },
    { USE_QUERY,       FAMILY_GPT2,   64,  16,  1,  512,  1,   64,  1, false },
    { USE_QUERY,       FAMILY_GPT2,   64,  32,  1,   16,  1,   64,  1, false },
    { USE_QUERY,       FAMILY_GPT2,   64,  32,  1,   64,  1,   64,  1, true },
    { USE_QUERY,       FAMILY_GPT2,   64,  32,  1,  128,  1,   64,  1, false },
    { USE_QUERY,       FAMILY_GPT2,   64,  32,  1,  256,  1,   64,  1, true },
    { USE_QUERY,       FAMILY_GPT2,   64,  32,  1,  512,  1,   64,  1, false },
    { USE_QUERY,       FAMILY_GPT2,   64,  64,  1,   16,  1,   64,  1, false },
    { USE_QUERY,       FAMILY_GPT2,   64,  64,  1,   64,  1,   64,  1, false },
    { USE_QUERY,       FAMILY_GPT2,   64,  64,  1,  128,  1,   64,  1, false },
    { USE_QUERY,       FAMILY_GPT2,   64,  64,  1,  256,  1,   64,  1, true },
    { USE_QUERY,       FAMILY_GPT2,   64,  64,  1,  512,  1,   64,  1, false },
    { USE_STORED8,     FAMILY_LLAMA, 256,  64,  1,   16,  1,   64,  1, true },
    { USE_STORED8,     FAMILY_LLAMA, 256,  64,  1,   16,  2,   64,  1, false },
    { USE_STORED8,     FAMILY_LLAMA, 256,  64,  1,   16,  4,   64,  1, false },
    { USE_STORED8,     FAMILY_LLAMA, 256,  64,  1,   16,  6,   64,  1, false },
    { USE_STORED8,     FAMILY_LLAMA, 256,  64,  1,   16,  8,   64,  1, true },
    { USE_STORED8,     FAMILY_LLAMA, 256,  64,  1,   16, 12,   64,  1, false },
    { USE_STORED8,     FAMILY_LLAMA, 256,  64,  1,   16, 16,   64,  1, false },
    { USE_STORED8,     FAMILY_LLAMA, 256,  64,  1,   16, 64,   64,  1, false },
    { USE_STORED4,     FAMILY_LLAMA, 256,  64,  1,   16,  1,   64,  1, true },
    { USE_STORED4,     FAMILY_LLAMA, 256,  64,  1,   16,  2,   64,  1, false },
    { USE_STORED4,     FAMILY_LLAMA, 256,  64,  1,   16,  4,   64,  1, false },
    { USE_STORED4,     FAMILY_LLAMA, 256,  64,  1,   16,  6,   64,  1, false },
    { USE_STORED4,     FAMILY_LLAMA, 256,  64,  1,   16,  8,   64,  1, true },
    { USE_STORED4,     FAMILY_LLAMA, 256,  64,  1,   16, 12,   64,  1, false },
    { USE_STORED4,     FAMILY_LLAMA, 256,  64,  1,   16, 16,   64,  1, false },
    { USE_STORED4,     FAMILY_LLAMA, 256,  64,  1,   16, 64,   64,  1, false },
    { USE_SELDOM,      FAMILY_GPT2,  192,  64,  4,   64,  1,  256,  1, true },
    { USE_SELDOM,      FAMILY_GPT2,  192,  64,  4,   64,  1,  256,  2, false },
    { USE_SELDOM,      FAMILY_GPT2,  192,  64,  4,   64,  1,  256,  4, false },
    { USE_SELDOM,      FAMILY_GPT2,  192,  64,  4,   64,  1,  256,  8, true },
    { USE_SELDOM,      FAMILY_GPT2,  192,  64,  4,   64,  1,  256, 16, false },
    { USE_CACHED,      FAMILY_GPT2,  128,  64,  4,  256,  1,  256,  1, true },
    { USE_CACHED,      FAMILY_LLAMA, 128,  32,  4,  128,  4,  256,  1, false },
    { USE_CACHED,      FAMILY_GPT2,  128,  64,  4,   64,  8,  256,  1, false },
    { USE_CACHED,      FAMILY_GPT2,   64,  64,  4, 1024,  2,  256,  1, false },
    { USE_CACHED,      FAMILY_LLAMA, 128,  32,  2, 1024,  2,  256,  1, false },
    { USE_BETWEEN,     FAMILY_GPT2,  256,  64,  1,   64,  1,  256,  1, false },
    { USE_BETWEEN,     FAMILY_GPT2,  256,  64,  2,   64,  1,  256,  1, false },
    { USE_BETWEEN,     FAMILY_GPT2,  256,  64,  3,   64,  1,  256,  1, false },
    { USE_BETWEEN,     FAMILY_GPT2,  256,  64,  4,   64,  1,  256,  1, false },
    { USE_BETWEEN,     FAMILY_GPT2,  256,  64,  5,   64,  1,  256,  1, true },
    { USE_BETWEEN,     FAMILY_GPT2,  256,  64,  6,   64,  1,  256,  1, false },
    { USE_BETWEEN,     FAMILY_GPT2,  256,  64,  8,   64,  1,  256,  1, false },
    { USE_BETWEEN,     FAMILY_GPT2,  256,  64, 11,   64,  1,  256,  1, false },
    { USE_BETWEEN,     FAMILY_GPT2,  256,  64, 16,   64,  1,  256,  1, false },
    { USE_BETWEEN,     FAMILY_GPT2,  256,  64, 24,   64,  1,  256,  1, false },
    { USE_PAST,        FAMILY_GPT2,  512,  64, 12,   32,  1,  512,  1, true },
    { USE_PAST,        FAMILY_LLAMA, 512,  64, 12,   32,  4,  512,  1, false },
    { USE_PAST,        FAMILY_GPT2,  512,  64, 12,   32, 16,  512,  1, false },
    { USE_PAST,        FAMILY_LLAMA, 192,  64,  6, 1024,  6,  512,  1, false },
    { USE_PAST,        FAMILY_GPT2,  256,  64,  6,  512,  8,  512,  1, false },
    { USE_PAST,        FAMILY_GPT2,  192,  32,  8,  384, 12,  512,  1, false },
    { USE_PAST,        FAMILY_GPT2,  384,  64, 20,   32,  8,  512,  1, true },
    { USE_STORED_PAST, FAMILY_GPT2,  640,  64, 16,   32,  1,  512,  1, false },
    { USE_STORED_PAST, FAMILY_GPT2,  640,  64, 16,   32,  3,  512,  1, false },
};
_Static_assert(sizeof machine_shapes / sizeof *machine_shapes <=
                   MACHINE_SHAPES_MAX, "more shapes than there is room for");
const int machine_n_shapes = sizeof machine_shapes / sizeof *machine_shapes;

bool machine_shape_trains(const struct machine_shape *shape)
{
    return shape->use == USE_TRAINED || shape->use == USE_HEADS;
}

int machine_shape_steps(const struct machine_shape *shape)
{
    enum { TRAINED = 8,          /* which are long */
           DECODED = 32 };

    return machine_shape_trains(shape)  ? TRAINED
           : shape->use == USE_SELDOM ? MACHINE_STEPS : DECODED;
}

static bool routes(const struct machine_shape *shape)
{
    return shape->use == USE_LAUNCHES || shape->use == USE_TRAINED ||
           shape->use == USE_DECODED || shape->use == USE_SELDOM;
}

/* A narrow feed-forward part leaves weights that every second cache holds. */
static bool near(const struct machine_shape *shape)
{
    return shape->use >= USE_NEAR && shape->use <= USE_STORED4;
}

/* Weights stay zero, which takes as long as any. */
static enum number stored_as(enum machine_use use)
{
    return use == USE_STORED8 ? NUMBER_Q8_0
           : use == USE_STORED4 || use == USE_STORED_PAST ? NUMBER_Q4_1
                                                          : NUMBER_F32;
}

struct model_spec machine_shape_spec(const struct machine_shape *shape)
{
    struct model_spec s = {
        .traits = family_traits[shape->family], .n_layers = shape->layers,
        .n_channels = shape->channels,
        .n_heads = shape->channels / shape->head,
        .n_kv_heads = shape->channels / shape->head, .head_size = shape->head,
        .n_ffn = near(shape) ? shape->channels / 2 : 4 * shape->channels,
        .n_vocab = shape->vocab,
        .max_tokens = shape->tokens + shape->period + machine_shape_steps(shape),
        .tied_head = true,
        .norm_epsilon = 1e-5f, .rope_theta = 10000.0f, .gate = GATE_SIGMOID2,
        .router_scores = true, .router_trained = true,
    };
    for (int32_t l = 0; l < shape->layers; l++)
        memset(s.stored[l], stored_as(shape->use), sizeof s.stored[l]);
    for (int32_t l = 1; l < shape->layers && routes(shape); l += 2) {
        s.routed[l] = true;
        s.capacity[l] = 0.125;
    }
    return s;
}
