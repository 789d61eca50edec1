/* sweep_folder.c - Own the directory of a point: whether it is done, and what it
 * was asked. */
#include "sim/sweep/sweep_folder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/json.h"
#include "sim/core/answer/summary.h"

enum { REQUEST_MAX_BYTES = 1 << 20 };

const char *const point_state_names[] = { POINT_STATE_MAP(NAMES_WORD) NULL };

enum status sweep_point_path(char out[FILE_PATH_SIZE], const char *directory,
                             int32_t point, struct error *err)
{
    char name[32];

    snprintf(name, sizeof name, "points/%06d", point);
    return file_join(out, directory, name, err);
}

enum status sweep_point_state(enum point_state *out, const char *directory,
                              int32_t point, struct error *err)
{
    char path[FILE_PATH_SIZE], file[FILE_PATH_SIZE];
    json_t *summary = NULL;
    enum status status = sweep_point_path(path, directory, point, err);

    if (status == STATUS_OK)
        status = file_join(file, path, "summary.json", err);
    if (status != STATUS_OK)
        return status;
    if (!file_exists(file)) {
        *out = file_exists(path) ? POINT_STARTED : POINT_PENDING;
        return STATUS_OK;
    }
    status = summary_read(&summary, path, err);
    if (status != STATUS_OK)
        return status;
    const char *word = json_string_value(json_object_get(summary, "status"));
    *out = word && strcmp(word, point_state_names[POINT_DONE]) == 0
               ? POINT_DONE : POINT_STARTED;
    json_decref(summary);
    return STATUS_OK;
}

enum status sweep_point_states(enum point_state *state,
                               const struct sweep *sweep, const char *directory,
                               struct error *err)
{
    enum status status = STATUS_OK;

    for (int32_t i = 0; i < sweep->n_points && status == STATUS_OK; i++) {
        state[i] = POINT_PENDING;
        if (directory)
            status = sweep_point_state(&state[i], directory, i, err);
    }
    return status;
}

int32_t sweep_count(const struct sweep *sweep, const char *filter,
                    const enum point_state *state, int wanted)
{
    int32_t found = 0;

    for (int32_t i = 0; i < sweep->n_points; i++)
        found += (wanted == SWEEP_ANY || (int)state[i] == wanted) &&
                 sweep_matches(&sweep->point[i], filter);
    return found;
}

json_t *sweep_request(const struct sweep *sweep, int32_t point)
{
    const struct sweep_point *p = &sweep->point[point];
    json_t *settings = json_object();
    char hash[24];

    snprintf(hash, sizeof hash, "%016" PRIx64, sweep->base_hash);
    for (size_t i = 0; i < p->n_settings; i++)
        json_object_set_new(settings, p->setting[i].key,
                            json_string(p->setting[i].value));
    return json_pack("{s:s, s:i, s:s, s:s*, s:s*, s:s, s:s, s:s, s:o}",
                     "schema", "isobath-point-1", "point", point, "name",
                     p->name, "row", p->row, "phase", p->phase, "command",
                     sweep->work->name, "base", sweep->base, "base_hash", hash,
                     "settings", settings);
}

/* The first key whose value is another than it was.  Older requests have names
 * of files as they were seen from where the sweep ran.  NULL: none. */
static const char *differing_key(const json_t *older,
                                 const struct sweep_point *point)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)older, key, value) {
        const struct sweep_setting *now = sweep_find(point, key);
        const char *was = json_string_value(value);
        if (!now || !was || (strcmp(was, now->value) != 0 &&
                             strcmp(was, now->given) != 0))
            return key;
    }
    for (size_t i = 0; i < point->n_settings; i++)
        if (!json_object_get(older, point->setting[i].key))
            return point->setting[i].key;
    return NULL;
}

static const char *or_nothing(const char *text)
{
    return text ? text : "nothing";
}

bool sweep_request_differs(char out[REQUEST_WORDS_SIZE],
                           const struct sweep *sweep, int32_t point,
                           const json_t *older)
{
    static const char *const other[] = { "command", "base_hash" };
    const struct sweep_point *p = &sweep->point[point];
    const json_t *settings = json_object_get(older, "settings");
    const char *key = differing_key(settings, p);
    json_t *now = sweep_request(sweep, point);
    bool differs = key != NULL;

    if (key)
        snprintf(out, REQUEST_WORDS_SIZE, "was begun with %s = %s, the study"
                 " now says %s", key,
                 or_nothing(json_string_value(json_object_get(settings, key))),
                 or_nothing(sweep_value(p, key)));
    for (size_t i = 0; !differs && i < sizeof other / sizeof *other; i++) {
        differs = !json_equal(json_object_get(older, other[i]),
                              json_object_get(now, other[i]));
        if (differs)
            snprintf(out, REQUEST_WORDS_SIZE, "was begun with another command"
                     " or base config (%s differs)", other[i]);
    }
    json_decref(now);
    return differs;
}

static enum status request_path(char out[FILE_PATH_SIZE], const char *directory,
                                int32_t point, struct error *err)
{
    char folder[FILE_PATH_SIZE];
    enum status status = sweep_point_path(folder, directory, point, err);

    return status == STATUS_OK ? file_join(out, folder, "point.json", err)
                               : status;
}

enum status sweep_request_check(const struct sweep *sweep,
                                const char *directory, int32_t point,
                                struct error *err)
{
    char path[FILE_PATH_SIZE], words[REQUEST_WORDS_SIZE];
    char *text = NULL;
    size_t size = 0;
    json_t *older = NULL;
    enum status status = request_path(path, directory, point, err);

    if (status != STATUS_OK || !file_exists(path))
        return status;
    status = file_read(&text, &size, path, REQUEST_MAX_BYTES, err);
    if (status == STATUS_OK)
        status = json_parse(&older, text, size, path, err);
    free(text);
    if (status == STATUS_OK &&
        sweep_request_differs(words, sweep, point, older)) {
        status = STATUS_BAD_VALUE;
        error_set(err, status, "point %d %s: remove '%.*s' to run it anew, or"
                  " choose another directory", point, words,
                  (int)(strlen(path) - strlen("/point.json")), path);
    }
    json_decref(older);
    return status;
}

enum status sweep_request_write(const struct sweep *sweep,
                                const char *directory, int32_t point,
                                struct error *err)
{
    char folder[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
    enum status status = sweep_point_path(folder, directory, point, err);

    if (status == STATUS_OK)
        status = file_make_directory(folder, err);
    if (status == STATUS_OK)
        status = request_path(path, directory, point, err);
    /* What stands there asks the same: sweep_request_check().  A process that is
     * at the point would take one that is half written for a leftover. */
    if (status != STATUS_OK || file_exists(path))
        return status;
    json_t *request = sweep_request(sweep, point);
    status = json_write(request, path, err);
    json_decref(request);
    /* Of two that share the study, the other wrote it and began. */
    return file_exists(path) ? STATUS_OK : status;
}
