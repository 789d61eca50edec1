/* sweep_points.c - Multiply a study out into points. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sweep/claims.h"
#include "sim/sweep/solve.h"

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a study");
}

/* "dense capacity=0.125 seed=1": the row's name, and the last part of each key
 * that differs. */
static const char *default_name(struct study *s, const char *row,
                                const struct settings *own, size_t from)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = file_open_text(&text, &size);
    const char *kept = NULL;

    if (!file)
        return NULL;
    fputs(row ? row : "", file);
    for (size_t i = from; i < own->n; i++) {
        const char *dot = strrchr(own->of[i].key, '.');
        fprintf(file, "%s%s=%s", row || i > from ? " " : "",
                dot ? dot + 1 : own->of[i].key, own->of[i].value);
    }
    if (file_close_text(file, &text))
        kept = study_keep_text(s, text);
    free(text);
    return kept;
}

/* Append a point with its own settings between the shared ones and --set. */
static enum status add_point(struct study *s, const struct settings *own,
                             struct sweep_point named, struct error *err)
{
    struct sweep_point *point = &s->sweep.point[s->sweep.n_points++];
    const struct settings *const parts[] = { &s->shared, own, &s->extra };
    size_t n = s->shared.n + own->n + s->extra.n;

    *point = named;
    point->setting = study_keep(s, (n + 1) * sizeof *point->setting);
    if (!point->name || !point->setting)
        return no_memory(err);
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        for (size_t i = 0; i < parts[p]->n; i++)
            point->setting[point->n_settings++] = parts[p]->of[i];
    return STATUS_OK;
}

/* The axes of a row in one of its phases: of every phase, then of this one. */
static size_t list_axes(const struct study *s, const struct phase *phase,
                        const struct axis *out[2 * SWEEP_MAX_KEYS])
{
    size_t n = 0;

    for (size_t a = 0; a < s->every.n_axes; a++)
        out[n++] = &s->every.axis[a];
    for (size_t a = 0; phase && a < phase->n_axes; a++)
        out[n++] = &phase->axis[a];
    return n;
}

/* The number of points of a row in a phase; above SWEEP_MAX_POINTS at once when
 * there are too many. */
static int64_t combinations(const struct study *s, const struct phase *phase)
{
    const struct axis *axes[2 * SWEEP_MAX_KEYS];
    const size_t n = list_axes(s, phase, axes);
    int64_t product = 1;

    for (size_t a = 0; a < n && product <= SWEEP_MAX_POINTS; a++)
        product *= axes[a]->n;
    return product;
}

/* Point number `index` of a row in a phase, the last axis fastest. */
static enum status add_combination(struct study *s, const struct row *row,
                                   const char *phase, int64_t index,
                                   struct error *err)
{
    const struct axis *axes[2 * SWEEP_MAX_KEYS];
    const size_t n = list_axes(s, study_phase(s, phase), axes);
    const struct choice *choice[2 * SWEEP_MAX_KEYS + 1] = { &row->choice };
    struct settings own = { 0 };
    enum status status = STATUS_OK;

    for (size_t a = n; a-- > 0; index /= axes[a]->n)
        choice[a + 1] = &axes[a]->choice[index % axes[a]->n];
    for (size_t c = 0; c <= n; c++)
        for (size_t i = 0; i < choice[c]->n && status == STATUS_OK; i++)
            status = settings_add(s, &own, NULL, choice[c]->setting[i], err);
    return status != STATUS_OK ? status
        : add_point(s, &own, (struct sweep_point){
              .name = default_name(s, row->name, &own, row->choice.n),
              .row = row->name, .phase = phase, .solve = row->solve }, err);
}

static enum status add_listed(struct study *s, const yaml_node_t *node,
                              struct error *err)
{
    struct settings own = { 0 };
    struct row row = { .name = NULL };
    enum status status = study_read_row(s, &own, &row, node, err);

    if (status == STATUS_OK && row.n_phases > 1)
        status = document_fail(s->document, node, STATUS_BAD_VALUE, err,
                               "a point is in one phase");
    return status != STATUS_OK ? status
        : add_point(s, &own, (struct sweep_point){
              .name = row.name ? row.name : default_name(s, NULL, &own, 0),
              .phase = row.phase[0], .solve = row.solve }, err);
}

static enum status make_points(struct study *s, struct error *err)
{
    const ptrdiff_t listed = s->points ? document_size(s->points) : 0;
    int64_t n = listed;
    enum status status = STATUS_OK;

    for (int32_t r = 0; r < s->n_rows && n <= SWEEP_MAX_POINTS; r++)
        for (size_t p = 0; p < s->row[r].n_phases || p == 0; p++)
            n += combinations(s, study_phase(s, s->row[r].phase[p]));
    if (n == 0 || n > SWEEP_MAX_POINTS)
        return document_fail(s->document, NULL, STATUS_BAD_VALUE, err, "%s points: allowed are 1 to %d, from"
                      " settings:, axes: and points:",
                      n == 0 ? "no" : "too many", SWEEP_MAX_POINTS);
    s->sweep.point = study_keep(s, (size_t)n * sizeof *s->sweep.point);
    if (!s->sweep.point)
        return no_memory(err);
    for (int32_t r = 0; r < s->n_rows; r++)
        for (size_t p = 0; p < s->row[r].n_phases || p == 0; p++) {
            const char *phase = s->row[r].phase[p];
            const int64_t all = combinations(s, study_phase(s, phase));
            for (int64_t i = 0; i < all && status == STATUS_OK; i++)
                status = add_combination(s, &s->row[r], phase, i, err);
        }
    for (ptrdiff_t i = 0; i < listed && status == STATUS_OK; i++)
        status = add_listed(s, document_item(s->document, s->points, i), err);
    return status;
}

static enum status take_extra(struct study *s,
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
        s->extra.of[i] = (struct sweep_setting){
            .key = study_keep_text(s, key), .value = equals + 1,
            .given = equals + 1 };
        if (!s->extra.of[i].key)
            return no_memory(err);
        s->extra.n++;
    }
    return STATUS_OK;
}

const struct file_key *const sweep_file_keys[] = {
    study_keys, settings_keys, solve_said, claims_keys, NULL,
};

enum status sweep_open(struct sweep **out, const char *path,
                       const struct config_setting *extra, size_t n_extra,
                       struct error *err)
{
    struct study *s = calloc(1, sizeof *s);

    if (!s)
        return no_memory(err);
    s->sweep.work = sweep_works;
    enum status status = document_read(&s->document, path, err);
    if (status == STATUS_OK)
        s->sweep.path = s->document->path;
    if (status == STATUS_OK)
        status = take_extra(s, extra, n_extra, err);
    if (status == STATUS_OK)
        status = study_read(s, err);
    if (status == STATUS_OK)
        status = make_points(s, err);
    if (status == STATUS_OK)
        status = solve_check(s, err);
    if (status == STATUS_OK && s->claims)
        status = claims_read(s, s->claims, err);
    if (status == STATUS_OK)
        *out = &s->sweep;
    else
        sweep_close(&s->sweep);
    return status;
}

void sweep_close(struct sweep *sweep)
{
    struct study *s = (struct study *)sweep;

    while (s && s->blocks) {
        struct block *next = s->blocks->next;
        free(s->blocks);
        s->blocks = next;
    }
    if (s) {
        json_decref(s->sweep.claims);
        document_close(s->document);
    }
    free(s);
}

