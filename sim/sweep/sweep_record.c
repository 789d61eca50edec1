/* sweep_record.c - Keep what the points of a study found in one small file, and
 * go on from it where their directories are gone. */
#include "sim/sweep/sweep_record.h"

#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/json.h"
#include "sim/core/answer/summary.h"
#include "sim/sweep/record_table.h"

enum { RECORDS_MAX_BYTES = 256 << 20, CLAIMS_MAX_BYTES = 1 << 20 };

/* Of the older one, records are objects without the members that all of them
 * share. */
static const char schema[] = "isobath-records-2";
static const char older_schema[] = "isobath-records-1";
const char sweep_record_name[] = "records.json";

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

/* Look at the records of all points that are done, or write them. */
static enum status each_record(struct record_table *table, FILE *file,
                               const struct sweep *sweep, const char *directory,
                               const enum point_state *state, struct error *err)
{
    enum status status = STATUS_OK;
    const char *before = "\n";

    for (int32_t i = 0; i < sweep->n_points && status == STATUS_OK; i++) {
        json_t *record = NULL;
        if (state[i] != POINT_DONE)
            continue;
        status = read_record(&record, sweep, directory, i, err);
        if (record && !file)
            record_table_look(table, record);
        if (record && file) {
            fputs(before, file);
            record_table_write(file, table, record);
            before = ",\n";
        }
        json_decref(record);
    }
    return status;
}

static enum status write_records(struct record_table *table,
                                 const struct sweep *sweep,
                                 const char *directory,
                                 const enum point_state *state,
                                 struct error *err)
{
    struct file_writer writer;
    enum status status = file_create_in(&writer, directory, sweep_record_name,
                                        err);

    if (status != STATUS_OK)
        return status;
    fprintf(writer.stream, "{\"schema\": \"%s\",\n", schema);
    record_table_head(writer.stream, table);
    fputs(",\n\"points\": [", writer.stream);
    status = each_record(table, writer.stream, sweep, directory, state, err);
    fputs("\n]}\n", writer.stream);
    /* Lack of memory is noted, and then nothing is committed (json_watch()). */
    return file_end(&writer, status, err);
}

enum status sweep_record_write(const struct sweep *sweep, const char *directory,
                               const enum point_state *state,
                               struct error *err)
{
    struct record_table table = { .like = NULL };
    enum status status = each_record(&table, NULL, sweep, directory, state,
                                     err);

    if (status == STATUS_OK && table.like)
        status = write_records(&table, sweep, directory, state, err);
    record_table_close(&table);
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

static bool is_records(const json_t *records)
{
    const char *is = text_in(records, "schema");
    const bool older = strcmp(is, older_schema) == 0 &&
                       json_is_object(json_object_get(records, "shared"));
    const bool newer = strcmp(is, schema) == 0 &&
                       !json_object_get(records, "shared") &&
                       json_is_object(json_object_get(records, "like")) &&
                       json_is_array(json_object_get(records, "columns"));

    return (older || newer) &&
           json_is_array(json_object_get(records, "points"));
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
    if (status == STATUS_OK && !is_records(*out))
        status = error_set(err, STATUS_BAD_FORMAT, "%s:1:1: allowed is %s, as"
                           " sweep writes it, or %s", path, schema,
                           older_schema);
    return status;
}

/* A record as it was before it was written; new. */
static enum status whole_record(json_t **out, const json_t *records,
                                const json_t *record, json_t **before,
                                struct error *err)
{
    const json_t *shared = json_object_get(records, "shared");

    if (!shared)
        return record_table_read(out, json_object_get(records, "like"),
                                 json_object_get(records, "columns"), record,
                                 before, err);
    *out = json_deep_copy(shared);
    return *out && json_object_update_recursive(*out, (json_t *)record) == 0
               ? STATUS_OK
               : error_set(err, STATUS_BAD_FORMAT, "no object");
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
    json_t *records = NULL, *record, *before = NULL;
    size_t i;
    enum status status = read_records(&records, path, err);

    json_array_foreach(json_object_get(records, "points"), i, record) {
        struct error why = { STATUS_OK, "" };
        json_t *whole = NULL;
        status = whole_record(&whole, records, record, &before, &why);
        if (status == STATUS_OK)
            status = take(taken, sweep, directory, path, whole, check, err);
        else
            error_set(err, status, "%s: record %zu is %s", path, i, why.text);
        json_decref(whole);
        if (status != STATUS_OK)
            break;
    }
    json_decref(before);
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
