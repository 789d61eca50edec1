/* stored_config.c - Apply types, given by name, to the matrices of a shape. */
#include "sim/core/config/stored_config.h"

#include <stdio.h>
#include <string.h>

const char *const stored_config_types[] = { NUMBER_MAP(NAMES_WORD) NULL };
const char *const stored_config_choices[] = { "all", NUMBER_MAP(NAMES_WORD)
                                              NULL };

static const char *const kinds[STORED_KINDS] = {
    [MATRIX_QUERY] = "query", [MATRIX_KEY] = "key", [MATRIX_VALUE] = "value",
    [MATRIX_PROJECT] = "project", [MATRIX_GATE] = "gate", [MATRIX_UP] = "up",
    [MATRIX_DOWN] = "down", [STORED_EMBEDDING] = "embedding",
    [STORED_HEAD] = "head",
};

static bool has(const struct model_spec *spec, int kind)
{
    return kind < MATRIX_COUNT   ? spec_has_matrix(spec, (enum matrix)kind)
           : kind == STORED_HEAD ? !spec->tied_head : true;
}

static int32_t inputs_of(const struct model_spec *spec, int kind)
{
    return kind < MATRIX_COUNT ? spec_inputs(spec, (enum matrix)kind)
                               : spec->n_channels;
}

static enum status refuse(int type, int kind, bool apart, int32_t inputs,
                          struct error *err)
{
    char allowed[128] = "";
    size_t used = 0;

    for (int t = 0; t < NUMBER_COUNT; t++)
        if (inputs % number_table[t].block == 0)
            used += (size_t)snprintf(allowed + used, sizeof allowed - used,
                                     "%s%s", used > 0 ? ", " : "",
                                     number_table[t].name);
    return error_set(err, STATUS_BAD_VALUE, "weights.%s: %s has blocks of %d,"
                     " and %s has %d inputs; allowed for it are %s",
                     apart ? kinds[kind] : "all", number_table[type].name,
                     number_table[type].block, kinds[kind], inputs, allowed);
}

enum status stored_config_apply(struct model_spec *spec,
                                const struct stored_config *config,
                                struct error *err)
{
    uint8_t type[STORED_KINDS];

    for (int kind = 0; kind < STORED_KINDS; kind++) {
        const bool apart = config->of[kind] > 0;
        const int asked = apart ? config->of[kind] - 1 : config->all;
        const int32_t inputs = inputs_of(spec, kind);
        if (has(spec, kind) && inputs % number_table[asked].block != 0)
            return refuse(asked, kind, apart, inputs, err);
        type[kind] = has(spec, kind) ? (uint8_t)asked : NUMBER_F32;
    }
    for (int32_t l = 0; l < spec->n_layers; l++)
        memcpy(spec->stored[l], type, sizeof spec->stored[l]);
    spec->stored_embedding = type[STORED_EMBEDDING];
    spec->stored_head = type[STORED_HEAD];
    return STATUS_OK;
}

bool stored_config_find(struct stored_config *out, const char *name)
{
    for (int type = 0; type < NUMBER_COUNT; type++)
        if (strcmp(name, number_table[type].name) == 0) {
            *out = (struct stored_config){ .all = type };
            return true;
        }
    return false;
}
