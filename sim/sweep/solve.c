/* solve.c - Read what a row of a study leaves to be solved. */
#include "sim/sweep/solve.h"

#include <inttypes.h>
#include <string.h>

const char *const solve_part_names[] = { SOLVE_PART_MAP(NAMES_WORD) NULL };
const char *const solve_equal_names[] = { SOLVE_EQUAL_MAP(NAMES_WORD) NULL };

const char *const solve_keys[SOLVE_PART_COUNT][SOLVE_MAX_KEYS] = {
    [SOLVE_LAYERS] = { "model.layers" },
    [SOLVE_WIDTH]  = { "model.heads", "model.channels" },
    [SOLVE_TOKENS] = { "train.steps" },
};

enum { VALUE_SIZE = 24 };        /* digits of an int64_t */

#define OF_SOLVE "settings[].solve."
#define EQUALS "one of training_flops, forward_flops, parameters"

const struct file_key solve_said[] = {
    { OF_SOLVE "layers", EQUALS, "", "find model.layers, so that this is as near"
      " to that of the other row as whole layers can come" },
    { OF_SOLVE "width", EQUALS, "", "find model.channels and model.heads in"
      " their proportion, heads as large as they are" },
    { OF_SOLVE "tokens", "training_flops", "", "find train.steps" },
    { OF_SOLVE "as", "the name of a row that is not solved itself", NULL,
      "the row that it is to cost as much as" },
    { NULL, NULL, NULL, NULL },
};

static int find_word(const char *const *names, const char *text)
{
    int i = 0;
    while (names[i] && (!text || strcmp(names[i], text) != 0))
        i++;
    return names[i] ? i : -1;
}

/* {PART: EQUAL, as: ROW}, in either order. */
static enum status read_words(struct study *s, struct sweep_solve *out,
                              const yaml_node_t *node, struct error *err)
{
    int part = -1, equal = -1;

    for (ptrdiff_t i = 0; node->type == YAML_MAPPING_NODE &&
                          i < document_size(node); i++) {
        const char *key = document_text(document_key(s->document, node, i));
        const char *value = document_text(document_value(s->document, node, i));
        if (key && strcmp(key, "as") == 0) {
            out->as = value;
        } else {
            part = find_word(solve_part_names, key);
            equal = find_word(solve_equal_names, value);
        }
    }
    if (part < 0 || equal < 0 || !out->as || document_size(node) != 2 ||
        (part == SOLVE_TOKENS && equal != SOLVE_TRAINING))
        return study_refuse(s, node, err, "solve: allowed is {layers or width:"
                            " training_flops, forward_flops or parameters, as: NAME of"
                            " a row}, or {tokens: training_flops, as: NAME}");
    out->part = (enum solve_part)part;
    out->equal = (enum solve_equal)equal;
    return STATUS_OK;
}

enum status solve_read(struct study *s, struct settings *own, struct row *row,
                       const yaml_node_t *node, struct error *err)
{
    struct sweep_solve *solve = study_keep(s, sizeof *solve);
    const char *place = study_place(s, node);
    enum status status = STATUS_OK;

    if (!solve || !place)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a study");
    if ((status = read_words(s, solve, node, err)) != STATUS_OK)
        return status;
    row->solve = solve;
    for (int k = 0; k < SOLVE_MAX_KEYS && status == STATUS_OK; k++) {
        const char *key = solve_keys[solve->part][k];
        if (!key)
            break;
        status = settings_have(own, key)
            ? study_refuse(s, node, err, "solve: '%.64s' has a value in this row", key)
            : settings_add(s, own, node, (struct sweep_setting){
                  .key = key, .place = place }, err);
    }
    return status;
}

static const struct row *find_row(const struct study *s, const char *name)
{
    for (int32_t r = 0; r < s->n_rows; r++)
        if (s->row[r].name && strcmp(s->row[r].name, name) == 0)
            return &s->row[r];
    return NULL;
}

enum status solve_check(const struct study *s, struct error *err)
{
    for (int32_t p = 0; p < s->sweep.n_points; p++) {
        const struct sweep_point *point = &s->sweep.point[p];
        const struct row *as = point->solve ? find_row(s, point->solve->as)
                                            : NULL;
        if (!point->solve || (as && !as->solve &&
                              sweep_reference(&s->sweep, p) >= 0))
            continue;
        for (size_t i = 0; i < point->n_settings; i++)
            if (!point->setting[i].value)
                return error_set(err, STATUS_BAD_VALUE, "%s: solve: as '%.64s':"
                                 " allowed is the name of a row that is not"
                                 " solved itself", point->setting[i].place,
                                 point->solve->as);
    }
    return STATUS_OK;
}

int32_t sweep_reference(const struct sweep *sweep, int32_t point)
{
    const struct sweep_point *p = &sweep->point[point];

    for (int32_t r = 0; r < sweep->n_points; r++) {
        const struct sweep_point *q = &sweep->point[r];
        bool same = q->row && strcmp(q->row, p->solve->as) == 0;
        for (size_t k = 0; k < sweep->n_axes && same; k++) {
            const char *x = sweep_value(p, sweep->key[k]);
            const char *y = sweep_value(q, sweep->key[k]);
            same = x && y && strcmp(x, y) == 0;
        }
        if (same)
            return r;
    }
    return -1;
}

enum status sweep_settle(struct sweep *sweep, int32_t point, int key,
                         int64_t value, struct error *err)
{
    struct study *s = (struct study *)sweep;
    const struct sweep_point *p = &sweep->point[point];
    const char *name = solve_keys[p->solve->part][key];
    char text[VALUE_SIZE];

    snprintf(text, sizeof text, "%" PRId64, value);
    for (size_t i = p->n_settings; i-- > 0;)
        if (strcmp(p->setting[i].key, name) == 0) {
            char *kept = study_keep(s, VALUE_SIZE);
            if (!kept)
                break;
            p->setting[i].value = p->setting[i].given = strcpy(kept, text);
            return STATUS_OK;
        }
    return error_set(err, STATUS_NO_MEMORY, "no memory for a study");
}
