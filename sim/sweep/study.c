/* study.c - Read a study file: axes, phases and rows. */
#include "sim/sweep/study.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/nearest.h"
#include "sim/sweep/listed.h"
#include "sim/sweep/solve.h"

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a study");
}

/* ---- axes ---- */

static enum status check_distinct(const struct study *s,
                                  const struct sweep_setting *setting,
                                  const char *key, const yaml_node_t *list,
                                  struct error *err)
{
    const ptrdiff_t n = document_size(list);
    struct listed *listed = calloc((size_t)n, sizeof *listed);

    if (!listed)
        return no_memory(err);
    for (ptrdiff_t i = 0; i < n; i++)
        listed[i] = listed_value(setting[i].value, i);
    const ptrdiff_t twice = listed_twice(listed, n, n, 0);
    free(listed);
    return twice < 0 ? STATUS_OK
        : study_refuse(s, document_item(s->document, list, twice), err,
                       "axis '%.64s' has %.64s twice", key,
                       setting[twice].value);
}

static bool is_taken(const struct study *s, const char *key)
{
    bool taken = false;
    for (size_t k = 0; k < s->n_taken; k++)
        taken |= strcmp(s->sweep.key[k], key) == 0;
    return taken;
}

/* Take a key for an axis: no other part of the study may give it a value. */
static enum status take_key(struct study *s, const char *key,
                            const yaml_node_t *node, struct error *err)
{
    if (settings_have(&s->shared, key))
        return study_refuse(s, node, err, "axis '%.64s' is fixed under set:", key);
    if (is_taken(s, key))
        return study_refuse(s, node, err, "'%.64s' is an axis already", key);
    return settings_column(s, key, node, err);
}

/* Append an axis of n choices of so many settings, all still to be set. */
static struct sweep_setting *add_axis(struct study *s, struct phase *phase,
                                      int32_t n, size_t n_settings)
{
    struct axis *axis = &phase->axis[phase->n_axes];
    struct sweep_setting *setting = study_keep(s, (size_t)n * n_settings *
                                                sizeof *setting);

    axis->choice = study_keep(s, (size_t)n * sizeof *axis->choice);
    if (!setting || !axis->choice)
        return NULL;
    for (int32_t i = 0; i < n; i++)
        axis->choice[i] = (struct choice){
            n_settings, setting + (size_t)i * n_settings };
    axis->n = n;
    phase->n_axes++;
    return setting;
}

/* Read the values of a key into every `step`-th setting; two may be alike where
 * they are but a part of a zip. */
static enum status read_list(struct study *s, struct sweep_setting *out,
                             size_t step, const char *key,
                             const yaml_node_t *list, struct error *err)
{
    for (ptrdiff_t i = 0; i < document_size(list); i++) {
        const yaml_node_t *node = document_item(s->document, list, i);
        struct sweep_setting *setting = &out[(size_t)i * step];
        enum status status = settings_value(s, setting, key, node, err);
        if (status != STATUS_OK)
            return status;
        assert(setting->value);
    }
    return step == 1 ? check_distinct(s, out, key, list, err) : STATUS_OK;
}

static enum status check_list(const struct study *s, const char *key,
                              const yaml_node_t *list, struct error *err)
{
    if (list->type == YAML_SEQUENCE_NODE && document_size(list) > 0)
        return STATUS_OK;
    return study_refuse(s, list, err, "axis '%.64s': allowed is a list of values,"
                        " [0.25, 0.5]", key);
}

static enum status check_mapping(const struct study *s, const char *part,
                                 const yaml_node_t *node, struct error *err)
{
    if (node->type == YAML_MAPPING_NODE &&
        document_size(node) + (ptrdiff_t)s->every.n_axes <= SWEEP_MAX_KEYS)
        return STATUS_OK;
    return study_refuse(s, node, err, "%s: allowed is a mapping from at most %d keys"
                        " to lists of values", part, SWEEP_MAX_KEYS);
}

/* Read axes; or a zip, lists of one length that make one axis. */
static enum status read_axes(struct study *s, struct phase *phase,
                             const char *part, bool zip,
                             const yaml_node_t *node, struct error *err)
{
    enum status status = check_mapping(s, part, node, err);
    struct sweep_setting *setting = NULL;
    ptrdiff_t n = 0;

    for (ptrdiff_t i = 0; status == STATUS_OK && i < document_size(node); i++) {
        const yaml_node_t *list = document_value(s->document, node, i);
        const size_t step = zip ? (size_t)document_size(node) : 1;
        const char *key = "";
        if ((status = settings_key(s, &key, node, i, err)) == STATUS_OK &&
            (status = check_list(s, key, list, err)) == STATUS_OK)
            status = take_key(s, key, document_key(s->document, node, i), err);
        if (status == STATUS_OK && zip && i > 0 && document_size(list) != n)
            status = study_refuse(s, list, err, "zip: '%.64s' has %td values, those"
                                  " before it %td: allowed are lists of one length",
                                  key, document_size(list), n);
        if (status != STATUS_OK)
            return status;
        n = document_size(list);
        if (!zip || i == 0)
            setting = add_axis(s, phase, (int32_t)n, step);
        status = setting ? read_list(s, zip ? setting + i : setting, step, key,
                                     list, err) : no_memory(err);
    }
    return status;
}

/* ---- phases ---- */

static bool is_seed(const char *key)
{
    const char *dot = strrchr(key, '.');
    return strcmp(dot ? dot + 1 : key, "seed") == 0;
}

/* The choice of an axis that another has too, behind those of that; -1: none, or
 * they are of other keys. */
static enum status find_shared(int32_t *out, const struct axis *x,
                               const struct axis *y, struct error *err)
{
    const size_t n = (size_t)x->n + (size_t)y->n;

    *out = -1;
    if (strcmp(x->choice->setting->key, y->choice->setting->key) != 0)
        return STATUS_OK;
    struct listed *listed = calloc(n, sizeof *listed);
    if (!listed)
        return no_memory(err);
    for (int32_t i = 0; i < x->n; i++)
        listed[i] = listed_value(x->choice[i].setting->value, i);
    for (int32_t i = 0; i < y->n; i++)
        listed[x->n + i] = listed_value(y->choice[i].setting->value, x->n + i);
    const ptrdiff_t twice = listed_twice(listed, (ptrdiff_t)n, x->n, x->n);
    if (twice >= 0)
        *out = (int32_t)(twice - x->n);
    free(listed);
    return STATUS_OK;
}

/* What was chosen on a seed is not confirmed by the same seed. */
static enum status check_apart(const struct study *s, const struct phase *a,
                               const struct phase *b, const yaml_node_t *node,
                               struct error *err)
{
    for (size_t i = 0; i < a->n_axes * b->n_axes; i++) {
        const struct axis *x = &a->axis[i / b->n_axes];
        const struct axis *y = &b->axis[i % b->n_axes];
        int32_t shared = -1;
        enum status status = is_seed(x->choice->setting->key)
                                 ? find_shared(&shared, x, y, err) : STATUS_OK;
        if (status != STATUS_OK)
            return status;
        if (shared >= 0)
            return study_refuse(s, node, err, "phase '%.64s' has %.64s %.64s,"
                                " and so has '%.64s': seeds of phases are"
                                " apart", b->name,
                                y->choice[shared].setting->key,
                                y->choice[shared].setting->value, a->name);
    }
    return STATUS_OK;
}

static enum status read_phases(struct study *s, const yaml_node_t *node,
                               struct error *err)
{
    enum status status = STATUS_OK;

    if (node->type != YAML_MAPPING_NODE || document_size(node) == 0 ||
        document_size(node) > SWEEP_MAX_PHASES)
        return study_refuse(s, node, err, "phases: allowed is a mapping from at most"
                            " %d names to axes", SWEEP_MAX_PHASES);
    s->sweep.has_phases = true;
    for (ptrdiff_t i = 0; status == STATUS_OK && i < document_size(node); i++) {
        struct phase *phase = &s->phase[s->n_phases];
        status = settings_key(s, &phase->name, node, i, err);
        if (status == STATUS_OK)
            status = read_axes(s, phase, phase->name, false,
                               document_value(s->document, node, i), err);
        for (size_t p = 0; p < s->n_phases && status == STATUS_OK; p++)
            status = check_apart(s, &s->phase[p], phase,
                                 document_key(s->document, node, i), err);
        s->n_phases++;
    }
    return status;
}

const struct phase *study_phase(const struct study *s, const char *name)
{
    for (size_t p = 0; p < s->n_phases; p++)
        if (name && strcmp(s->phase[p].name, name) == 0)
            return &s->phase[p];
    return NULL;
}

/* The phases that a row or a point names, one or a list; a study without
 * phases: takes any word. */
static enum status read_phase_names(struct study *s, struct row *row,
                                    const yaml_node_t *node, struct error *err)
{
    const bool list = node->type == YAML_SEQUENCE_NODE;
    const ptrdiff_t n = list ? document_size(node) : 1;

    if (n < 1 || n > SWEEP_MAX_PHASES)
        return study_refuse(s, node, err, "phase: allowed are 1 to %d names",
                            SWEEP_MAX_PHASES);
    s->sweep.has_phases = true;
    for (ptrdiff_t i = 0; i < n; i++) {
        const yaml_node_t *item = list ? document_item(s->document, node, i)
                                       : node;
        const char *name = document_text(item);
        if (!name || !*name || (s->n_phases > 0 && !study_phase(s, name)))
            return study_refuse(s, item, err, "phase: allowed is the name of one, as"
                                " under phases:");
        row->phase[row->n_phases++] = name;
    }
    return STATUS_OK;
}

/* ---- rows ---- */

enum status study_read_row(struct study *s, struct settings *own,
                           struct row *row, const yaml_node_t *node,
                           struct error *err)
{
    const yaml_node_t *words[WORDS] = { NULL };
    enum status status = settings_read(s, own, words, node, err);

    if (status == STATUS_OK && words[WORD_NAME])
        row->name = document_text(words[WORD_NAME]);
    if (status == STATUS_OK && words[WORD_PHASE])
        status = read_phase_names(s, row, words[WORD_PHASE], err);
    if (status == STATUS_OK && words[WORD_SOLVE])
        status = solve_read(s, own, row, words[WORD_SOLVE], err);
    for (size_t i = 0; i < own->n && status == STATUS_OK; i++)
        status = settings_column(s, own->of[i].key, node, err);
    return status;
}

static enum status read_row(struct study *s, struct row *row,
                            const yaml_node_t *node, struct error *err)
{
    struct settings own = { 0 };
    enum status status = study_read_row(s, &own, row, node, err);

    if (status != STATUS_OK)
        return status;
    if (!row->name || !*row->name)
        return study_refuse(s, node, err, "settings: a row needs a name");
    for (size_t i = 0; i < own.n; i++)
        if (is_taken(s, own.of[i].key))
            return study_refuse(s, node, err, "'%.64s' is an axis: a row cannot fix"
                                " it", own.of[i].key);
    if (row->n_phases == 0 && s->n_phases > 0)
        row->phase[row->n_phases++] = s->phase[0].name;
    struct sweep_setting *setting = study_keep(s, own.n * sizeof *setting + 1);
    if (!setting)
        return no_memory(err);
    memcpy(setting, own.of, own.n * sizeof *setting);
    row->choice = (struct choice){ own.n, setting };
    return STATUS_OK;
}

static enum status open_rows(struct study *s, ptrdiff_t n, struct error *err)
{
    s->n_rows = (int32_t)n;
    s->row = study_keep(s, (size_t)n * sizeof *s->row);
    return s->row ? STATUS_OK : no_memory(err);
}

static enum status check_names(const struct study *s, const yaml_node_t *list,
                               struct error *err)
{
    const size_t n = (size_t)s->n_rows;
    struct listed *listed = calloc(n, sizeof *listed);

    if (!listed)
        return no_memory(err);
    for (size_t i = 0; i < n; i++)
        listed[i] = listed_word(s->row[i].name, (ptrdiff_t)i);
    const ptrdiff_t twice = listed_twice(listed, s->n_rows, s->n_rows, 0);
    free(listed);
    return twice < 0 ? STATUS_OK
        : study_refuse(s, document_item(s->document, list, twice), err,
                       "settings: two rows are called '%.64s'",
                       s->row[twice].name);
}

static enum status read_rows(struct study *s, const yaml_node_t *node,
                             struct error *err)
{
    if (node->type != YAML_SEQUENCE_NODE || document_size(node) == 0)
        return study_refuse(s, node, err, "settings: allowed is a list of mappings,"
                            " {name: mod, routing.capacity: 0.125}");
    s->sweep.has_rows = true;
    enum status status = open_rows(s, document_size(node), err);
    for (int32_t i = 0; i < s->n_rows && status == STATUS_OK; i++)
        status = read_row(s, &s->row[i], document_item(s->document, node, i),
                          err);
    return status == STATUS_OK ? check_names(s, node, err) : status;
}

/* Axes without rows are of one that has no name and no key, in all phases. */
static enum status add_nameless(struct study *s, struct error *err)
{
    enum status status = open_rows(s, 1, err);

    for (size_t p = 0; p < s->n_phases && status == STATUS_OK; p++)
        s->row->phase[s->row->n_phases++] = s->phase[p].name;
    return status;
}

/* ---- the file ---- */

/* A file, the name of a config that comes with the program, or that config
 * itself: then the study is the file that the points are given. */
static enum status read_base(struct study *s, const yaml_node_t *node,
                             struct error *err)
{
    char *base = s->sweep.base;

    if (node->type == YAML_MAPPING_NODE) {
        strcpy(base, s->sweep.path);
        return document_hash_part(&s->sweep.base_hash, s->document, node, err);
    }
    enum status status = document_resolve(base, s->document, "base", node, err);
    if (status != STATUS_OK)
        return status;
    if (!file_exists(base))
        return study_refuse(s, node, err, "base: no file '%s'", base);
    return document_hash(&s->sweep.base_hash, base, err);
}

static enum status read_command(struct study *s, const yaml_node_t *node,
                                struct error *err)
{
    char quote[DOCUMENT_QUOTE_SIZE], allowed[96] = "";

    document_quote(quote, node);
    for (const struct sweep_work *w = sweep_works; w->name; w++) {
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s",
                 used ? " or " : "", w->name);
        if (strcmp(quote, w->name) == 0) {
            s->sweep.work = w;
            return STATUS_OK;
        }
    }
    return study_refuse(s, node, err, "command %s: allowed is %s", quote, allowed);
}

static enum status read_set(struct study *s, const yaml_node_t *node,
                            struct error *err)
{
    return settings_read(s, &s->shared, NULL, node, err);
}

static enum status read_zip(struct study *s, const yaml_node_t *node,
                            struct error *err)
{
    return read_axes(s, &s->every, "zip", true, node, err);
}

static enum status read_every(struct study *s, const yaml_node_t *node,
                              struct error *err)
{
    return read_axes(s, &s->every, "axes", false, node, err);
}

static enum status read_points(struct study *s, const yaml_node_t *node,
                               struct error *err)
{
    s->points = node;
    return node->type == YAML_SEQUENCE_NODE ? STATUS_OK
        : study_refuse(s, node, err, "points: allowed is a list of mappings");
}

/* They are read when the rows are (claims.c). */
static enum status keep_claims(struct study *s, const yaml_node_t *node,
                               struct error *err)
{
    if (!s->sweep.work->trains)
        return study_refuse(s, node, err, "claims: they are of losses of trained"
                            " models, and command: %s trains none; allowed with"
                            " train", s->sweep.work->name);
    s->claims = node;
    return STATUS_OK;
}

/* The parts of a study, in the order in which they are read. */
const struct file_key study_keys[] = {
    { "base", "a mapping, or the name of a file, relative to the study", NULL,
      "the run config that the points start from, its keys or their file; of"
      " profile and predict a model" },
    { "command", "one of train, run, router, profile, predict", "train",
      "what runs at each point; options of profile and predict are keys, as"
      " predict.batch: 8" },
    { "set", "a mapping, key: value", "", "keys of every point, as --set takes"
      " them; files are relative to the study" },
    { "zip", "a mapping from keys to lists of one length", "",
      "lists that are taken together: the first values of all, then the second"
      " ones; they make one axis" },
    { "axes", "a mapping from keys to lists of values", "",
      "every combination is a point, the last axis fastest" },
    { "phases", "a mapping from at most 8 names to axes", "",
      "axes of those rows alone that name the phase, as selection: {train.seed:"
      " [1, 2]}; seeds of two phases may not be the same" },
    { "settings", "a list of mappings, {name: mod, key: value}", "",
      "named rows of keys; each is a point at every combination of zip, axes"
      " and its phases" },
    { "points", "a list of mappings, {name: alone, key: value}", "",
      "points after those, one each; they take what settings[] takes" },
    { "claims", "a list of mappings", "",
      "what the study claims of its rows before it runs; isobath report judges"
      " it; with command train alone" },
    { NULL, NULL, NULL, NULL },
};

static enum status (*const part_readers[])(struct study *s,
                                           const yaml_node_t *node,
                                           struct error *err) = {
    read_base, read_command, read_set, read_zip, read_every, read_phases,
    read_rows, read_points, keep_claims,
};
enum { PARTS = sizeof part_readers / sizeof *part_readers };
_Static_assert(sizeof study_keys / sizeof *study_keys == PARTS + 1,
               "a part that nobody reads, or that nobody tells of");

static enum status check_part(const struct study *s, const yaml_node_t *root,
                              ptrdiff_t i, struct error *err)
{
    const char *key = "";
    enum status status = settings_key(s, &key, root, i, err);
    struct nearest near = nearest_to(key);
    char all[160] = "";

    for (int p = 0; p < PARTS; p++) {
        const size_t used = strlen(all);
        nearest_offer(&near, study_keys[p].name);
        if (status != STATUS_OK || strcmp(key, study_keys[p].name) == 0)
            return status;
        snprintf(all + used, sizeof all - used, "%s%s", p ? ", " : "",
                 study_keys[p].name);
    }
    return study_refuse(s, document_key(s->document, root, i), err,
                        "unknown key '%.64s'%s%s%s: allowed are %s", key,
                        near.name ? ", did you mean '" : "",
                        near.name ? near.name : "", near.name ? "'?" : "", all);
}

enum status study_read(struct study *s, struct error *err)
{
    const yaml_node_t *root = document_root(s->document);
    enum status status = STATUS_OK;

    if (!root || root->type != YAML_MAPPING_NODE)
        return study_refuse(s, root, err, "a study is a mapping with base:, and"
                            " settings:, axes: or points:");
    for (ptrdiff_t i = 0; i < document_size(root) && status == STATUS_OK; i++)
        status = check_part(s, root, i, err);
    if (status == STATUS_OK &&
        !document_find(s->document, root, document_size(root), "base"))
        status = study_refuse(s, NULL, err, "missing key 'base': the run config that"
                              " the points start from");
    for (int p = 0; p < PARTS && status == STATUS_OK; p++) {
        const yaml_node_t *node = document_find(
            s->document, root, document_size(root), study_keys[p].name);
        if (node)
            status = part_readers[p](s, node, err);
        s->n_taken = s->sweep.n_keys;
        if (part_readers[p] == read_every)
            s->sweep.n_axes = s->n_taken;
    }
    return status == STATUS_OK && !s->row &&
                   (s->every.n_axes > 0 || s->n_phases > 0)
               ? add_nameless(s, err) : status;
}
