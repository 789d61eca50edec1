/* sweep.c - Read a study file and multiply it out into points. */
#include "sim/sweep/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/config/config_value.h"
#include "sim/core/config/document.h"
#include "sim/core/base/nearest.h"

struct settings {
    size_t n;
    struct sweep_setting of[SWEEP_MAX_KEYS];
};

struct axis {
    const char *key;
    int32_t     n;
    const char **value;          /* [n] */
};

struct point {
    char *name;
    struct sweep_setting *setting;
    size_t n_settings;
};

/* A text made here, in a list that sweep_close() walks. */
struct text {
    struct text *next;
    char bytes[];
};

struct sweep {
    struct document *document;
    char   base[FILE_PATH_SIZE];
    uint64_t base_hash;
    const struct sweep_work *work;
    struct settings shared;      /* `set:` */
    struct settings extra;       /* --set */
    size_t n_axes;
    struct axis axis[SWEEP_MAX_KEYS];
    size_t n_keys;
    const char *key[SWEEP_MAX_KEYS];
    int32_t n_points;
    struct point *point;         /* [n_points] */
    struct text  *texts;
};

const struct sweep_work sweep_works[] = {
    { .name = "train", .resume = "--resume" },
    { .name = "run", .timed = true },
    { .name = NULL },
};

static const yaml_node_pair_t *pairs(const yaml_node_t *mapping)
{
    return mapping->data.mapping.pairs.start;
}

static ptrdiff_t n_pairs(const yaml_node_t *mapping)
{
    return mapping->data.mapping.pairs.top - mapping->data.mapping.pairs.start;
}

static ptrdiff_t n_items(const yaml_node_t *list)
{
    return list->data.sequence.items.top - list->data.sequence.items.start;
}

static const yaml_node_t *item(const struct sweep *s, const yaml_node_t *list,
                               ptrdiff_t i)
{
    return document_node(s->document, list->data.sequence.items.start[i]);
}

static const yaml_node_t *at(const struct sweep *s, int node)
{
    return document_node(s->document, node);
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a study");
}

/* A copy that lives as long as the sweep; NULL: no memory. */
static const char *keep_text(struct sweep *s, const char *bytes)
{
    size_t size = strlen(bytes) + 1;
    struct text *text = malloc(sizeof *text + size);

    if (!text)
        return NULL;
    memcpy(text->bytes, bytes, size);
    text->next = s->texts;
    s->texts = text;
    return text->bytes;
}

/* A value as --set takes it: a scalar's own text, a list as [a, b]. */
static enum status value_text(struct sweep *s, const char **out,
                              const yaml_node_t *node, struct error *err)
{
    char text[CONFIG_TEXT_SIZE];
    enum status status;

    if ((*out = document_text(node)))
        return STATUS_OK;
    status = config_value_text(text, s->document, node, err);
    if (status != STATUS_OK)
        return status;
    *out = keep_text(s, text);
    return *out ? STATUS_OK : no_memory(err);
}

/* Keys that name files, in the configs of train and run; and their sections,
 * each of which may be given as a file. */
static const char *const file_keys[] = {
    "data.path", "data.tokenizer", "machine", "routing.replay", "run.machine",
    "run.model", "run.text", "run.tokenizer", "train.init",
    "data", "model", "routing", "run", "train",
};

bool sweep_names_file(const char *key)
{
    for (size_t i = 0; i < sizeof file_keys / sizeof *file_keys; i++)
        if (strcmp(key, file_keys[i]) == 0)
            return true;
    return false;
}

/* Read the value of a key; the name of a file is relative to the study. */
static enum status value_of(struct sweep *s, const char **out, const char *key,
                            const yaml_node_t *node, struct error *err)
{
    const char *text = document_text(node);
    char path[FILE_PATH_SIZE];

    if (!text || !*text || !sweep_names_file(key))
        return value_text(s, out, node, err);
    enum status status = document_resolve(path, s->document, node, err);
    if (status != STATUS_OK)
        return status;
    *out = keep_text(s, path);
    return *out ? STATUS_OK : no_memory(err);
}

/* The text of a mapping's key, which must be new to this mapping. */
static enum status key_text(const struct sweep *s, const char **out,
                            const yaml_node_t *mapping, ptrdiff_t i,
                            struct error *err)
{
    const yaml_node_t *node = at(s, pairs(mapping)[i].key);
    const char *text = document_text(node);

    if (!text || !*text || strchr(text, '='))
        return document_fail(s->document, node, STATUS_BAD_VALUE, err,
                             "allowed is the name of a key");
    for (ptrdiff_t j = 0; j < i; j++)
        if (strcmp(text, document_text(at(s, pairs(mapping)[j].key))) == 0)
            return document_fail(s->document, node, STATUS_BAD_VALUE, err,
                                 "repeated key '%.64s'", text);
    *out = text;
    return STATUS_OK;
}

static const char *find(const struct settings *settings, const char *key)
{
    for (size_t i = settings->n; i-- > 0;)
        if (strcmp(settings->of[i].key, key) == 0)
            return settings->of[i].value;
    return NULL;
}

static enum status add(const struct sweep *s, struct settings *settings,
                       const yaml_node_t *node, struct sweep_setting setting,
                       struct error *err)
{
    if (settings->n == SWEEP_MAX_KEYS)
        return document_fail(s->document, node, STATUS_BAD_VALUE, err,
                             "more than %d settings", SWEEP_MAX_KEYS);
    settings->of[settings->n++] = setting;
    return STATUS_OK;
}

/* Add a column for a key that differs between points. */
static enum status add_key(struct sweep *s, const char *key,
                           const yaml_node_t *node, struct error *err)
{
    if (find(&s->extra, key))
        return document_fail(s->document, node, STATUS_BAD_VALUE, err,
                             "'%.64s' differs from point to point, so --set"
                             " cannot fix it", key);
    for (size_t i = 0; i < s->n_keys; i++)
        if (strcmp(s->key[i], key) == 0)
            return STATUS_OK;
    if (s->n_keys == SWEEP_MAX_KEYS)
        return document_fail(s->document, node, STATUS_BAD_VALUE, err,
                             "more than %d keys", SWEEP_MAX_KEYS);
    s->key[s->n_keys++] = key;
    return STATUS_OK;
}

/* Read key: value pairs into `out`; `name`, unless NULL, takes the key
 * "name". */
static enum status read_settings(struct sweep *s, struct settings *out,
                                 const char **name, const yaml_node_t *node,
                                 struct error *err)
{
    if (node->type != YAML_MAPPING_NODE)
        return document_fail(s->document, node, STATUS_BAD_VALUE, err,
                             "allowed is a mapping, train.steps: 10");
    for (ptrdiff_t i = 0; i < n_pairs(node); i++) {
        struct sweep_setting setting = { "", "" };
        enum status status = key_text(s, &setting.key, node, i, err);
        if (status == STATUS_OK)
            status = value_of(s, &setting.value, setting.key,
                              at(s, pairs(node)[i].value), err);
        if (status == STATUS_OK && name && strcmp(setting.key, "name") == 0)
            *name = setting.value;
        else if (status == STATUS_OK)
            status = add(s, out, node, setting, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* 1e-3 and .001 are one value. */
static bool same_value(const char *a, const char *b)
{
    char *end_a, *end_b;
    double x = strtod(a, &end_a), y = strtod(b, &end_b);

    if (end_a == a || *end_a || end_b == b || *end_b)
        return strcmp(a, b) == 0;
    return x == y;
}

static enum status read_axis(struct sweep *s, struct axis *axis,
                             const yaml_node_t *key, const yaml_node_t *list,
                             struct error *err)
{
    if (list->type != YAML_SEQUENCE_NODE || n_items(list) == 0)
        return document_fail(s->document, list, STATUS_BAD_VALUE, err,
                             "axis '%.64s': allowed is a list of values,"
                             " [0.25, 0.5]", axis->key);
    if (find(&s->shared, axis->key))
        return document_fail(s->document, key, STATUS_BAD_VALUE, err,
                             "axis '%.64s' is fixed under set:", axis->key);
    axis->n = (int32_t)n_items(list);
    axis->value = calloc((size_t)axis->n, sizeof *axis->value);
    if (!axis->value)
        return no_memory(err);
    for (int32_t i = 0; i < axis->n; i++) {
        enum status status = value_of(s, &axis->value[i], axis->key,
                                      item(s, list, i), err);
        if (status != STATUS_OK)
            return status;
        for (int32_t j = 0; j < i; j++)
            if (same_value(axis->value[i], axis->value[j]))
                return document_fail(s->document, item(s, list, i),
                                     STATUS_BAD_VALUE, err, "axis '%.64s' has"
                                     " %.64s twice", axis->key, axis->value[i]);
    }
    return add_key(s, axis->key, key, err);
}

static enum status read_axes(struct sweep *s, const yaml_node_t *node,
                             struct error *err)
{
    if (node->type != YAML_MAPPING_NODE || n_pairs(node) > SWEEP_MAX_KEYS)
        return document_fail(s->document, node, STATUS_BAD_VALUE, err,
                             "axes: allowed is a mapping from at most %d keys"
                             " to lists of values", SWEEP_MAX_KEYS);
    for (ptrdiff_t i = 0; i < n_pairs(node); i++) {
        struct axis *axis = &s->axis[s->n_axes];
        enum status status = key_text(s, &axis->key, node, i, err);
        if (status == STATUS_OK) {
            s->n_axes++;         /* from here on it may own memory */
            status = read_axis(s, axis, at(s, pairs(node)[i].key),
                               at(s, pairs(node)[i].value), err);
        }
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* "capacity=0.125 seed=1": the last part of each key that differs. */
static char *default_name(const struct settings *own)
{
    char *name = NULL;
    size_t size = 0;
    FILE *file = file_open_text(&name, &size);

    if (!file)
        return NULL;
    for (size_t i = 0; i < own->n; i++) {
        const char *dot = strrchr(own->of[i].key, '.');
        fprintf(file, "%s%s=%s", i > 0 ? " " : "",
                dot ? dot + 1 : own->of[i].key, own->of[i].value);
    }
    if (file_close_text(file))
        return name;
    free(name);
    return NULL;
}

/* Append a point with its own settings between the shared ones and --set. */
static enum status add_point(struct sweep *s, const struct settings *own,
                             const char *name, struct error *err)
{
    struct point *point = &s->point[s->n_points];
    const struct settings *const parts[] = { &s->shared, own, &s->extra };
    size_t n = s->shared.n + own->n + s->extra.n;

    *point = (struct point){
        .name = name ? strdup(name) : default_name(own),
        .setting = calloc(n + 1, sizeof *point->setting),
    };
    s->n_points++;
    if (!point->name || !point->setting)
        return no_memory(err);
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        for (size_t i = 0; i < parts[p]->n; i++)
            point->setting[point->n_settings++] = parts[p]->of[i];
    return STATUS_OK;
}

/* Point number `index` of the product of all axes, the last one fastest. */
static enum status add_combination(struct sweep *s, int32_t index,
                                   struct error *err)
{
    struct settings own = { .n = s->n_axes };

    for (size_t a = s->n_axes; a-- > 0;) {
        own.of[a] = (struct sweep_setting){
            s->axis[a].key, s->axis[a].value[index % s->axis[a].n] };
        index /= s->axis[a].n;
    }
    return add_point(s, &own, NULL, err);
}

static enum status add_listed(struct sweep *s, const yaml_node_t *node,
                              struct error *err)
{
    struct settings own = { 0 };
    const char *name = NULL;
    enum status status = read_settings(s, &own, &name, node, err);

    for (size_t i = 0; i < own.n && status == STATUS_OK; i++)
        status = add_key(s, own.of[i].key, node, err);
    return status == STATUS_OK ? add_point(s, &own, name, err) : status;
}

static enum status make_points(struct sweep *s, const yaml_node_t *points,
                               struct error *err)
{
    int64_t product = s->n_axes > 0, listed = points ? n_items(points) : 0;
    enum status status = STATUS_OK;

    for (size_t a = 0; a < s->n_axes && product <= SWEEP_MAX_POINTS; a++)
        product *= s->axis[a].n;
    if (product + listed == 0 || product + listed > SWEEP_MAX_POINTS)
        return document_fail(s->document, NULL, STATUS_BAD_VALUE, err,
                             "%s points: allowed are 1 to %d, from axes: and"
                             " points:", product + listed == 0 ? "no"
                                                               : "too many",
                             SWEEP_MAX_POINTS);
    s->point = calloc((size_t)(product + listed), sizeof *s->point);
    if (!s->point)
        return no_memory(err);
    for (int32_t i = 0; i < product && status == STATUS_OK; i++)
        status = add_combination(s, i, err);
    for (int32_t i = 0; i < listed && status == STATUS_OK; i++)
        status = add_listed(s, item(s, points, i), err);
    return status;
}

static enum status read_base(struct sweep *s, const yaml_node_t *node,
                             struct error *err)
{
    enum status status = document_resolve(s->base, s->document, node, err);

    if (status != STATUS_OK)
        return status;
    if (!file_exists(s->base))
        return document_fail(s->document, node, STATUS_BAD_VALUE, err,
                             "base: no file '%s'", s->base);
    return document_hash(&s->base_hash, s->base, err);
}

static enum status read_command(struct sweep *s, const yaml_node_t *node,
                                struct error *err)
{
    char quote[DOCUMENT_QUOTE_SIZE], allowed[64] = "";

    document_quote(quote, node);
    for (const struct sweep_work *w = sweep_works; w->name; w++) {
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s",
                 used ? " or " : "", w->name);
        if (strcmp(quote, w->name) == 0) {
            s->work = w;
            return STATUS_OK;
        }
    }
    return document_fail(s->document, node, STATUS_BAD_VALUE, err,
                         "command %s: allowed is %s", quote, allowed);
}

enum { ROOT_BASE, ROOT_COMMAND, ROOT_SET, ROOT_AXES, ROOT_POINTS, ROOT_COUNT };
static const char *const root_keys[ROOT_COUNT] = {
    [ROOT_BASE] = "base", [ROOT_COMMAND] = "command", [ROOT_SET] = "set",
    [ROOT_AXES] = "axes", [ROOT_POINTS] = "points",
};

/* The nodes of the top-level keys; NULL where one is absent. */
static enum status read_root(struct sweep *s, const yaml_node_t *out[ROOT_COUNT],
                             struct error *err)
{
    const yaml_node_t *root = document_root(s->document);

    if (!root || root->type != YAML_MAPPING_NODE)
        return document_fail(s->document, root, STATUS_BAD_VALUE, err,
                             "a study is a mapping with base:, and axes: or"
                             " points:");
    for (ptrdiff_t i = 0; i < n_pairs(root); i++) {
        const char *key = "";
        enum status status = key_text(s, &key, root, i, err);
        if (status != STATUS_OK)
            return status;
        struct nearest near = nearest_to(key);
        int found = -1;
        for (int k = 0; k < ROOT_COUNT; k++) {
            nearest_offer(&near, root_keys[k]);
            if (strcmp(key, root_keys[k]) == 0)
                found = k;
        }
        if (found < 0)
            return document_fail(s->document, at(s, pairs(root)[i].key),
                                 STATUS_BAD_VALUE, err, "unknown key '%.64s'"
                                 "%s%s%s: allowed are base, command, set, axes"
                                 " and points", key,
                                 near.name ? ", did you mean '" : "",
                                 near.name ? near.name : "",
                                 near.name ? "'?" : "");
        out[found] = at(s, pairs(root)[i].value);
    }
    return STATUS_OK;
}

static enum status read_study(struct sweep *s, struct error *err)
{
    const yaml_node_t *node[ROOT_COUNT] = { NULL };
    enum status status = read_root(s, node, err);

    if (status == STATUS_OK && !node[ROOT_BASE])
        status = document_fail(s->document, NULL, STATUS_BAD_VALUE, err,
                               "missing key 'base': the run config that the"
                               " points start from");
    if (status == STATUS_OK)
        status = read_base(s, node[ROOT_BASE], err);
    if (status == STATUS_OK && node[ROOT_COMMAND])
        status = read_command(s, node[ROOT_COMMAND], err);
    if (status == STATUS_OK && node[ROOT_SET])
        status = read_settings(s, &s->shared, NULL, node[ROOT_SET], err);
    if (status == STATUS_OK && node[ROOT_AXES])
        status = read_axes(s, node[ROOT_AXES], err);
    if (status == STATUS_OK && node[ROOT_POINTS] &&
        node[ROOT_POINTS]->type != YAML_SEQUENCE_NODE)
        status = document_fail(s->document, node[ROOT_POINTS],
                               STATUS_BAD_VALUE, err, "points: allowed is a"
                               " list of mappings");
    if (status == STATUS_OK)
        status = make_points(s, node[ROOT_POINTS], err);
    return status;
}

static enum status take_extra(struct sweep *s,
                              const struct config_setting *extra,
                              size_t n_extra, struct error *err)
{
    for (size_t i = 0; i < n_extra; i++) {
        const char *equals = strchr(extra[i].text, '=');
        if (!equals || equals == extra[i].text || i == SWEEP_MAX_KEYS)
            return error_set(err, STATUS_BAD_VALUE, "--set '%.64s': allowed is"
                             " key=value, %d times", extra[i].text,
                             SWEEP_MAX_KEYS);
        char key[CONFIG_TEXT_SIZE];
        snprintf(key, sizeof key, "%.*s", (int)(equals - extra[i].text),
                 extra[i].text);
        s->extra.of[i] = (struct sweep_setting){ keep_text(s, key),
                                                 equals + 1 };
        if (!s->extra.of[i].key)
            return no_memory(err);
        s->extra.n++;
    }
    return STATUS_OK;
}

enum status sweep_open(struct sweep **out, const char *path,
                       const struct config_setting *extra, size_t n_extra,
                       struct error *err)
{
    struct sweep *s = calloc(1, sizeof *s);

    if (!s)
        return no_memory(err);
    s->work = sweep_works;
    enum status status = document_read(&s->document, path, err);
    if (status == STATUS_OK)
        status = take_extra(s, extra, n_extra, err);
    if (status == STATUS_OK)
        status = read_study(s, err);
    if (status != STATUS_OK) {
        sweep_close(s);
        return status;
    }
    *out = s;
    return STATUS_OK;
}

void sweep_close(struct sweep *s)
{
    if (!s)
        return;
    for (int32_t i = 0; i < s->n_points; i++) {
        free(s->point[i].name);
        free(s->point[i].setting);
    }
    free(s->point);
    for (size_t a = 0; a < s->n_axes; a++)
        free(s->axis[a].value);
    while (s->texts) {
        struct text *next = s->texts->next;
        free(s->texts);
        s->texts = next;
    }
    document_close(s->document);
    free(s);
}

const char *sweep_path(const struct sweep *sweep)
{
    return sweep->document->path;
}

const char *sweep_base(const struct sweep *sweep)
{
    return sweep->base;
}

uint64_t sweep_base_hash(const struct sweep *sweep)
{
    return sweep->base_hash;
}

const struct sweep_work *sweep_work(const struct sweep *sweep)
{
    return sweep->work;
}

int32_t sweep_n_points(const struct sweep *sweep)
{
    return sweep->n_points;
}

struct sweep_point sweep_point(const struct sweep *sweep, int32_t point)
{
    const struct point *p = &sweep->point[point];
    return (struct sweep_point){ p->name, p->setting, p->n_settings };
}

size_t sweep_n_keys(const struct sweep *sweep)
{
    return sweep->n_keys;
}

const char *sweep_key(const struct sweep *sweep, size_t key)
{
    return sweep->key[key];
}

const char *sweep_value(const struct sweep *sweep, int32_t point,
                        const char *key)
{
    const struct point *p = &sweep->point[point];

    for (size_t i = p->n_settings; i-- > 0;)
        if (strcmp(p->setting[i].key, key) == 0)
            return p->setting[i].value;
    return NULL;
}
