/* event_table.c - Read one file of configs/counters/. */
#include "hwprof/counters/event_table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/config/document.h"
#include "sim/core/base/nearest.h"

struct reader {
    struct document *document;
    struct error    *err;
};

__attribute__((format(printf, 3, 4)))
static enum status fail(const struct reader *r, const yaml_node_t *node,
                        const char *format, ...)
{
    char text[300];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return document_fail(r->document, node, STATUS_BAD_VALUE, r->err, "%s",
                         text);
}

/* One key of a mapping, and what reads its value into the target. */
struct field {
    const char *name;
    enum status (*read)(struct reader *r, const yaml_node_t *value,
                        const struct field *field, void *member);
    size_t  offset, size;
    bool    required;
    int64_t low, high;           /* of whole numbers */
};

static enum status read_fields(struct reader *r, const yaml_node_t *node,
                               const struct field *fields, void *target)
{
    uint32_t seen = 0;

    if (node->type != YAML_MAPPING_NODE)
        return fail(r, node, "expected `key: value` pairs");
    for (ptrdiff_t i = 0; i < document_size(node); i++) {
        const yaml_node_t *key = document_key(r->document, node, i);
        const char *name = document_text(key);
        struct nearest nearest = nearest_to(name ? name : "");
        int f = 0;
        for (; fields[f].name && (!name || strcmp(fields[f].name, name)); f++)
            nearest_offer(&nearest, fields[f].name);
        if (!fields[f].name)
            return fail(r, key, "unknown key %s%s%s", name ? name : "",
                        nearest.name ? ": did you mean " : "",
                        nearest.name ? nearest.name : "");
        if (seen & (UINT32_C(1) << f))
            return fail(r, key, "%s is given twice", name);
        seen |= UINT32_C(1) << f;
        enum status status = fields[f].read(
            r, document_value(r->document, node, i), &fields[f],
            (char *)target + fields[f].offset);
        if (status != STATUS_OK)
            return status;
    }
    for (int f = 0; fields[f].name; f++)
        if (fields[f].required && !(seen & (UINT32_C(1) << f)))
            return fail(r, node, "%s is missing", fields[f].name);
    return STATUS_OK;
}

static enum status read_text(struct reader *r, const yaml_node_t *value,
                             const struct field *field, void *member)
{
    const char *text = document_text(value);

    if (!text || !*text || strlen(text) >= field->size)
        return fail(r, value, "expected a text of 1 to %zu bytes",
                    field->size - 1);
    strcpy(member, text);
    return STATUS_OK;
}

/* A code may be any number, a weight any but 0. */
static enum status read_whole(struct reader *r, const yaml_node_t *value,
                              const struct field *field, void *member)
{
    const char *text = document_text(value);
    char *end = NULL;

    errno = 0;
    int64_t number = text ? strtoll(text, &end, 0) : 0;
    if (text && end != text && !*end && !errno && number >= field->low &&
        number <= field->high && (number || field->low >= 0)) {
        if (field->size == sizeof number)
            *(int64_t *)member = number;
        else
            *(int32_t *)member = (int32_t)number;
        return STATUS_OK;
    }
    if (field->high > INT32_MAX)
        return fail(r, value, "expected a whole number such as 0xc0");
    return fail(r, value, "expected a whole number from %" PRId64 " to %" PRId64
                "%s", field->low, field->high, field->low < 0 ? ", not 0" : "");
}

static enum status read_rate(struct reader *r, const yaml_node_t *value,
                             const struct field *field, void *member)
{
    const char *text = document_text(value);
    char *end = NULL;
    double rate = text ? strtod(text, &end) : 0;

    (void)field;
    if (!text || *end || !(rate > 0 && isfinite(rate)))
        return fail(r, value, "expected a number > 0");
    *(double *)member = rate;
    return STATUS_OK;
}

static enum status read_kind(struct reader *r, const yaml_node_t *value,
                             const struct field *field, void *member)
{
    static const char *const names[EVENT_KIND_COUNT] = {
        [EVENT_RAW] = "raw", [EVENT_HARDWARE] = "hardware" };
    const char *text = document_text(value);

    (void)field;
    for (int k = 0; text && k < EVENT_KIND_COUNT; k++)
        if (strcmp(text, names[k]) == 0) {
            *(enum event_kind *)member = (enum event_kind)k;
            return STATUS_OK;
        }
    return fail(r, value, "kind is raw or hardware");
}

/* 0x21 or 0x00-0x0f */
static bool parse_range(struct event_range *out, const char *text)
{
    char *end;
    unsigned long first = strtoul(text, &end, 0), last = first;

    if (end != text && *end == '-') {
        text = end + 1;
        last = strtoul(text, &end, 0);
    }
    if (end == text || *end || last < first || last > 0xffff)
        return false;
    *out = (struct event_range){ (uint32_t)first, (uint32_t)last };
    return true;
}

/* [0x00-0x0f, 0x21] */
static enum status read_models(struct reader *r, const yaml_node_t *value,
                               const struct field *field, void *member)
{
    struct event_table *table = member;

    (void)field;
    if (value->type != YAML_SEQUENCE_NODE)
        return fail(r, value, "expected a list such as [0x00-0x0f, 0x21]");
    for (ptrdiff_t i = 0; i < document_size(value); i++) {
        const yaml_node_t *node = document_item(r->document, value, i);
        const char *text = document_text(node);
        struct event_range range;
        if (!text || !parse_range(&range, text))
            return fail(r, node, "expected a model such as 0x21, or a range "
                        "such as 0x00-0x0f");
        if (table->n_models == EVENT_RANGE_MAX)
            return fail(r, node, "at most %d models", EVENT_RANGE_MAX);
        table->model[table->n_models++] = range;
    }
    return STATUS_OK;
}

#define MEMBER(type, member) \
    offsetof(type, member), sizeof ((type *)0)->member
#define CODE(name, type, member, required) \
    { name, read_whole, MEMBER(type, member), required, 0, INT64_MAX }
#define WHOLE(name, type, member, required, low, high) \
    { name, read_whole, MEMBER(type, member), required, low, high }
#define OTHER(name, read, type, member, required) \
    { name, read, MEMBER(type, member), required, 0, 0 }

static const struct field event_fields[] = {
    OTHER("name", read_text, struct event, name, true),
    OTHER("papi", read_text, struct event, papi, false),
    OTHER("kind", read_kind, struct event, kind, false),
    CODE("code", struct event, code, true),
    CODE("extra", struct event, extra, false),
    WHOLE("times", struct event, times, true, -4096, 4096),
    { .name = NULL },
};

static enum status read_events(struct reader *r, const yaml_node_t *value,
                               const struct field *field, void *member)
{
    struct event_row *row = member;

    (void)field;
    if (value->type != YAML_SEQUENCE_NODE)
        return fail(r, value, "expected a list of events");
    for (ptrdiff_t i = 0; i < document_size(value); i++) {
        const yaml_node_t *node = document_item(r->document, value, i);
        if (row->n_events == EVENT_ROW_MAX)
            return fail(r, node, "at most %d events", EVENT_ROW_MAX);
        enum status status = read_fields(r, node, event_fields,
                                         &row->event[row->n_events]);
        if (status != STATUS_OK)
            return status;
        row->n_events++;
    }
    return row->n_events ? STATUS_OK : fail(r, value, "no event");
}

static const struct field row_fields[] = {
    { "events", read_events, 0, sizeof(struct event_row), false, 0, 0 },
    OTHER("missing", read_text, struct event_row, missing, false),
    WHOLE("others_at_most", struct event_row, others_at_most, false, 0,
          EVENT_GROUP_MAX),
    OTHER("most_per_second", read_rate, struct event_row, most_per_second,
          false),
    OTHER("source", read_text, struct event_row, source, false),
    { .name = NULL },
};

static enum status read_row(struct reader *r, const yaml_node_t *value,
                            struct event_row *row)
{
    row->others_at_most = EVENT_GROUP_MAX;
    enum status status = read_fields(r, value, row_fields, row);
    if (status != STATUS_OK)
        return status;
    if (row->missing[0] && row->n_events == 0)
        return STATUS_OK;
    if (row->missing[0] || row->n_events == 0 || !row->source[0] ||
        row->most_per_second <= 0)
        return fail(r, value, "expected events, most_per_second and source, "
                    "or missing");
    return STATUS_OK;
}

static enum status read_metrics(struct reader *r, const yaml_node_t *value,
                                const struct field *field, void *member)
{
    struct event_row *row = member;

    (void)field;
    if (value->type != YAML_MAPPING_NODE)
        return fail(r, value, "expected `metric: ...` pairs");
    for (ptrdiff_t i = 0; i < document_size(value); i++) {
        const yaml_node_t *key = document_key(r->document, value, i);
        const char *name = document_text(key);
        int m = name ? metric_find(name) : -1;
        if (m < 0 || metric_table[m].measured != MEASURED_BY_COUNTER)
            return fail(r, key, "%s is no count that events can give",
                        name ? name : "this");
        if (row[m].n_events || row[m].missing[0])
            return fail(r, key, "%s is given twice", name);
        enum status status = read_row(
            r, document_value(r->document, value, i), &row[m]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static const struct field table_fields[] = {
    OTHER("table", read_text, struct event_table, name, true),
    OTHER("vendor", read_text, struct event_table, vendor, true),
    WHOLE("family", struct event_table, family, false, 0, INT32_MAX),
    { "models", read_models, 0, sizeof(struct event_table), false, 0, 0 },
    WHOLE("events_at_once", struct event_table, events_at_once, true, 0,
          EVENT_GROUP_MAX),
    CODE("scrub", struct event_table, scrub, false),
    OTHER("metrics", read_metrics, struct event_table, row, true),
    { .name = NULL },
};

static enum status check_sizes(struct reader *r, const yaml_node_t *root,
                               const struct event_table *table)
{
    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        if (table->row[m].n_events > table->events_at_once)
            return fail(r, root, "%s takes %d events, events_at_once is %d",
                        metric_table[m].column, table->row[m].n_events,
                        table->events_at_once);
    return STATUS_OK;
}

static enum status read_document(struct reader *r, struct event_table *out)
{
    const yaml_node_t *root = document_root(r->document);

    if (!root)
        return fail(r, NULL, "the file is empty");
    enum status status = read_fields(r, root, table_fields, out);
    return status == STATUS_OK ? check_sizes(r, root, out) : status;
}

enum status event_table_load(struct event_table *out, const char *path,
                             struct error *err)
{
    struct reader r = { .err = err };
    enum status status = document_read(&r.document, path, err);

    if (status != STATUS_OK)
        return status;
    *out = (struct event_table){ 0 };
    snprintf(out->path, sizeof out->path, "%s", path);
    status = read_document(&r, out);
    document_close(r.document);
    return status;
}
