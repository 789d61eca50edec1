/* stored_config.h - Read the `weights:` section of a model file: the types that
 * its matrices would be stored in, to price a model that nobody has quantised
 * yet.
 *
 *     weights: {all: q4_1, embedding: q8_0, down: q6_k}
 *
 * Norms, biases and routers stay float32, as in GGUF files. */
#ifndef STORED_CONFIG_H
#define STORED_CONFIG_H

#include "sim/core/config/config.h"
#include "sim/core/model/spec.h"

enum { STORED_EMBEDDING = MATRIX_COUNT, STORED_HEAD, STORED_KINDS };

struct stored_config {
    int all;                     /* enum number */
    int of[STORED_KINDS];        /* 0: as all, else 1 + enum number; by enum
                                  * matrix, then the two above */
};

extern const char *const stored_config_types[];    /* NULL-ended */
extern const char *const stored_config_choices[];  /* "all", then the types */

/* clang-format off */
#define STORED_CONFIG_ROW(base, name, i, what)                                 \
    { "weights." name, CONFIG_CHOICE, (base) +                                 \
      offsetof(struct stored_config, of) + (i) * sizeof(int), 0, 0, "all",     \
      stored_config_choices, "", what },
/* The rows of a struct stored_config that lies `base` bytes into the target. */
#define STORED_CONFIG_KEYS(base)                                               \
    { "weights.all", CONFIG_CHOICE, (base) +                                   \
      offsetof(struct stored_config, all), 0, 0, "f32", stored_config_types,   \
      "", "for predict: what every matrix is stored in; products read and"     \
      " widen it so" },                                                        \
    STORED_CONFIG_ROW(base, "query", MATRIX_QUERY, "one kind of them apart")   \
    STORED_CONFIG_ROW(base, "key", MATRIX_KEY, "likewise")                     \
    STORED_CONFIG_ROW(base, "value", MATRIX_VALUE, "likewise")                 \
    STORED_CONFIG_ROW(base, "project", MATRIX_PROJECT, "attention's output")   \
    STORED_CONFIG_ROW(base, "gate", MATRIX_GATE, "of llama")                   \
    STORED_CONFIG_ROW(base, "up", MATRIX_UP, "likewise")                       \
    STORED_CONFIG_ROW(base, "down", MATRIX_DOWN, "likewise")                   \
    STORED_CONFIG_ROW(base, "embedding", STORED_EMBEDDING,                     \
        "and of a tied head")                                                  \
    STORED_CONFIG_ROW(base, "head", STORED_HEAD, "where it is a tensor of its" \
        " own")
/* clang-format on */

/* Put the types into a valid spec.  STATUS_BAD_VALUE: the text begins with the
 * key of a matrix whose inputs are not whole blocks of its type. */
enum status stored_config_apply(struct model_spec *spec,
                                const struct stored_config *config,
                                struct error *err) MUST_CHECK;

/* Set one type for all, by name; false: no such type. */
bool stored_config_find(struct stored_config *out, const char *name);

#endif
