/* sweep_record.c - Keep what the points of a study found in one small file, and
 * go on from it where their directories are gone. */
#include "sim/sweep/sweep_record.h"

#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/json.h"
#include "sim/core/answer/summary.h"

enum { RECORDS_MAX_BYTES = 256 << 20, CLAIMS_MAX_BYTES = 1 << 20 };

static const char schema[] = "isobath-records-1";
const char sweep_record_name[] = "records.json";

/* ---- what all have alike ---- */

/* Take out of `shared` what the other does not have alike. */
static void keep_alike(json_t *shared, const json_t *other)
{
    const char *key;
    json_t *mine;
    void *next;

    json_object_foreach_safe(shared, next, key, mine) {
        json_t *theirs = json_object_get(other, key);
        if (json_is_object(mine) && json_is_object(theirs))
            keep_alike(mine, theirs);
        else if (!json_equal(mine, theirs))
            json_object_del(shared, key);
    }
}

/* Take out of `record` what `shared` has alike. */
static void drop_alike(json_t *record, const json_t *shared)
{
    const char *key;
    json_t *mine;
    void *next;

    json_object_foreach_safe(record, next, key, mine) {
        json_t *common = json_object_get(shared, key);
        if (json_is_object(mine) && json_is_object(common))
            drop_alike(mine, common);
        if (json_equal(mine, common) ||
            (json_is_object(common) && json_object_size(mine) == 0))
            json_object_del(record, key);
    }
}

/* ---- writing ---- */

static enum status read_record(json_t **out, const struct sweep *sweep,
                               const char *directory, int32_t point,
                               struct error *err)
{
    char path[FILE_PATH_SIZE];
    json_t *summary = NULL;
    enum status status = sweep_point_path(path, directory, point, err);

    if (status == STATUS_OK)
        status = summary_read(&summary, path, err);
    if (status != STATUS_OK)
        return status;
    *out = json_pack("{s:o, s:o}", "request", sweep_request(sweep, point),
                     "summary", summary);
    return *out ? STATUS_OK
                : error_set(err, STATUS_NO_MEMORY, "no memory for a record");
}

static enum status find_shared(json_t **out, const struct sweep *sweep,
                               const char *directory,
                               const enum point_state *state, struct error *err)
{
    enum status status = STATUS_OK;

    for (int32_t i = 0; i < sweep->n_points && status == STATUS_OK; i++) {
        json_t *record = NULL;
        if (state[i] != POINT_DONE)
            continue;
        status = read_record(&record, sweep, directory, i, err);
        if (*out && record)
            keep_alike(*out, record);
        else if (record)
            *out = json_incref(record);
        json_decref(record);
    }
    return status;
}

static void write_json(FILE *file, const json_t *json)
{
    /* Lack of memory is noted, and then nothing is committed (json_watch()). */
    (void)json_dumpf(json, file, JSON_COMPACT | JSON_SORT_KEYS);
}

enum status sweep_record_write(const struct sweep *sweep, const char *directory,
                               const enum point_state *state,
                               struct error *err)
{
    struct file_writer writer;
    json_t *shared = NULL;
    bool first = true;
    enum status status = find_shared(&shared, sweep, directory, state, err);

    if (status != STATUS_OK || !shared) {
        json_decref(shared);
        return status;
    }
    status = file_create_in(&writer, directory, sweep_record_name, err);
    if (status != STATUS_OK) {
        json_decref(shared);
        return status;
    }
    fprintf(writer.stream, "{\"schema\": \"%s\",\n\"shared\": ", schema);
    write_json(writer.stream, shared);
    fputs(",\n\"points\": [", writer.stream);
    for (int32_t i = 0; i < sweep->n_points && status == STATUS_OK; i++) {
        json_t *record = NULL;
        if (state[i] != POINT_DONE)
            continue;
        status = read_record(&record, sweep, directory, i, err);
        drop_alike(record, shared);
        fputs(first ? "\n" : ",\n", writer.stream);
        write_json(writer.stream, record);
        json_decref(record);
        first = false;
    }
    fputs("\n]}\n", writer.stream);
    json_decref(shared);
    if (status == STATUS_OK)
        return file_commit(&writer, err);
    file_abandon(&writer);
    return status;
}

/* ---- taking over ---- */

static const char *text_in(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_called(const struct sweep_point *point, const json_t *request)
{
    return strcmp(point->name, text_in(request, "name")) == 0 &&
           strcmp(point->phase ? point->phase : "",
                  text_in(request, "phase")) == 0;
}

/* The point that is asked what the record was asked; -1: none.  A study that
 * grew has it under another number. */
static enum status find_point(int32_t *out, const struct sweep *sweep,
                              const json_t *request, const char *path,
                              struct error *err)
{
    const json_int_t was = json_integer_value(json_object_get(request,
                                                              "point"));
    char words[REQUEST_WORDS_SIZE];

    for (int32_t i = 0; i < sweep->n_points; i++) {
        const int32_t p = (int32_t)((was + i) % sweep->n_points);
        if (is_called(&sweep->point[p], request) &&
            !sweep_request_differs(words, sweep, p, request)) {
            *out = p;
            return STATUS_OK;
        }
    }
    *out = -1;
    for (int32_t p = 0; p < sweep->n_points; p++)
        if (is_called(&sweep->point[p], request)) {
            sweep_request_differs(words, sweep, p, request);
            return error_set(err, STATUS_BAD_VALUE, "%s: point %d (%.80s) %s",
                             path, p, sweep->point[p].name, words);
        }
    return STATUS_OK;
}

/* The log of a point that ran elsewhere says so. */
static enum status write_log(const char *folder, const char *path,
                             struct error *err)
{
    struct file_writer writer;
    enum status status = file_create_in(&writer, folder, "log.txt", err);

    if (status != STATUS_OK)
        return status;
    fprintf(writer.stream, "taken over from %s\n", path);
    return file_commit(&writer, err);
}

static enum status lay(const struct sweep *sweep, const char *directory,
                       int32_t point, json_t *summary, const char *path,
                       struct error *err)
{
    char folder[FILE_PATH_SIZE];
    enum status status = sweep_point_path(folder, directory, point, err);

    if (status == STATUS_OK)
        status = sweep_request_write(sweep, directory, point, err);
    if (status == STATUS_OK)
        status = write_log(folder, path, err);
    return status == STATUS_OK ? summary_write(summary, folder, err) : status;
}

/* Append the record to those that are taken, if the study has its point and that
 * is not done. */
static enum status take(json_t *taken, const struct sweep *sweep,
                        const char *directory, const char *path,
                        const json_t *record, sweep_record_check *check,
                        struct error *err)
{
    json_t *summary = json_object_get(record, "summary");
    enum point_state state = POINT_PENDING;
    struct error why = { STATUS_OK, "" };
    int32_t point = -1;
    enum status status = find_point(&point, sweep,
                                    json_object_get(record, "request"), path,
                                    err);

    if (status == STATUS_OK && strcmp(text_in(summary, "status"),
                                      point_state_names[POINT_DONE]) != 0)
        status = error_set(err, STATUS_BAD_FORMAT, "%s: a record of a point that"
                           " is not done", path);
    if (status != STATUS_OK || point < 0)
        return status;
    status = sweep_point_state(&state, directory, point, err);
    if (status != STATUS_OK || state == POINT_DONE)
        return status;
    if (check && (status = check(sweep, point, summary, &why)) != STATUS_OK)
        return error_set(err, status, "%s: point %d (%.80s): %s", path, point,
                         sweep->point[point].name, why.text);
    json_array_append_new(taken, json_pack("{s:i, s:O}", "point", point,
                                           "summary", summary));
    return STATUS_OK;
}

static enum status read_records(json_t **out, const char *path,
                                struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    enum status status = file_read(&text, &size, path, RECORDS_MAX_BYTES, err);

    if (status == STATUS_OK)
        status = json_parse(out, text, size, path, err);
    free(text);
    if (status == STATUS_OK &&
        (strcmp(text_in(*out, "schema"), schema) != 0 ||
         !json_is_object(json_object_get(*out, "shared")) ||
         !json_is_array(json_object_get(*out, "points"))))
        status = error_set(err, STATUS_BAD_FORMAT, "%s:1:1: allowed is %s, with"
                           " shared and points, as sweep writes it", path,
                           schema);
    return status;
}

/* The claims were fixed when the study began, wherever that was. */
static enum status adopt_claims(const char *directory, const char *from,
                                struct error *err)
{
    char there[FILE_PATH_SIZE], here[FILE_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    struct file_writer writer;
    enum status status = file_join(there, from, "claims.json", err);

    if (status == STATUS_OK)
        status = file_join(here, directory, "claims.json", err);
    if (status != STATUS_OK || !file_exists(there) || file_exists(here))
        return status;
    status = file_read(&text, &size, there, CLAIMS_MAX_BYTES, err);
    if (status == STATUS_OK)
        status = file_replace(&writer, here, err);
    if (status == STATUS_OK) {
        fwrite(text, 1, size, writer.stream);
        status = file_commit(&writer, err);
    }
    free(text);
    return status;
}

/* All records are looked at before the first is laid down. */
static enum status take_all(json_t *taken, const struct sweep *sweep,
                            const char *directory, const char *path,
                            sweep_record_check *check, struct error *err)
{
    json_t *records = NULL, *record;
    size_t i;
    enum status status = read_records(&records, path, err);

    json_array_foreach(json_object_get(records, "points"), i, record) {
        json_t *whole = json_deep_copy(json_object_get(records, "shared"));
        if (!whole || json_object_update_recursive(whole, record) != 0)
            status = error_set(err, STATUS_BAD_FORMAT, "%s: record %zu is no"
                               " object", path, i);
        if (status == STATUS_OK)
            status = take(taken, sweep, directory, path, whole, check, err);
        json_decref(whole);
        if (status != STATUS_OK)
            break;
    }
    json_decref(records);
    return status;
}

enum status sweep_record_adopt(int32_t *n, const struct sweep *sweep,
                               const char *directory, const char *from,
                               sweep_record_check *check, struct error *err)
{
    char path[FILE_PATH_SIZE];
    json_t *taken = json_array(), *one;
    size_t i;
    enum status status = file_join(path, from, sweep_record_name, err);

    *n = 0;
    if (status == STATUS_OK)
        status = take_all(taken, sweep, directory, path, check, err);
    json_array_foreach(taken, i, one) {
        if (status != STATUS_OK)
            break;
        status = lay(sweep, directory, (int32_t)json_integer_value(
                         json_object_get(one, "point")),
                     json_object_get(one, "summary"), path, err);
        *n += status == STATUS_OK;
    }
    json_decref(taken);
    return status == STATUS_OK ? adopt_claims(directory, from, err) : status;
}
