/* route_table_file.c - Write a table of contexts, and read it. */
#include "sim/core/model/route_table_inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/file.h"

enum { LEAST_COUNT = 2 };
static const size_t most_bytes = (size_t)1 << 31;      /* of a file */

static int by_length_then_ids(const void *a, const void *b)
{
    const struct context *x = *(const struct context *const *)a;
    const struct context *y = *(const struct context *const *)b;

    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    for (int32_t i = 0; i < x->n; i++)
        if (x->id[i] != y->id[i])
            return x->id[i] < y->id[i] ? -1 : 1;
    return 0;
}

/* Of a column's name, behind kept_L. */
const char *const route_table_suffixes[PART_APART] = {
    [PART_BLOCK] = "", [PART_ATTENTION] = "_attention", [PART_FFN] = "_ffn" };

static void write_context(FILE *file, const struct route_table *t, int64_t at)
{
    const struct context *c = &t->context[at];

    for (int32_t i = 0; i < c->n; i++)
        fprintf(file, "%s%d", i > 0 ? " " : "", c->id[i]);
    fprintf(file, ",%" PRId64, c->count);
    for (int32_t i = 0; i < t->n_columns; i++)
        fprintf(file, ",%" PRId64, t->kept[at * t->n_columns + i]);
    fputs("\r\n", file);
}

enum status route_table_write(const struct route_table *t, FILE *file,
                              struct error *err)
{
    const struct context **sorted = calloc((size_t)t->n + 1, sizeof *sorted);
    int64_t n = 0;

    if (!sorted)
        return route_table_no_memory(t, err);
    for (int64_t i = 0; i < t->n; i++)
        if (t->context[i].n == 0 || t->context[i].count >= LEAST_COUNT)
            sorted[n++] = &t->context[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_length_then_ids);
    fputs("context,count", file);
    for (int32_t c = 0; c < t->n_columns; c++)
        fprintf(file, ",kept_%d%s", t->counted[c].layer,
                route_table_suffixes[t->counted[c].part]);
    fputs("\r\n", file);
    for (int64_t i = 0; i < n; i++)
        write_context(file, t, sorted[i] - t->context);
    free(sorted);
    return ferror(file) ? error_set(err, STATUS_IO, "writing the table failed")
                        : STATUS_OK;
}

struct reader {
    const char *name, *at, *line_start;
    int line;
    struct error *err;
};

static enum status refuse(const struct reader *r, const char *what)
{
    return error_set(r->err, STATUS_BAD_FORMAT, "%s:%d:%d: %s", r->name,
                     r->line, (int)(r->at - r->line_start) + 1, what);
}

static bool takes(struct reader *r, const char *word)
{
    const size_t n = strlen(word);
    if (strncmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* A number from 0 to `high`, without a sign. */
static bool takes_number(struct reader *r, int64_t high, int64_t *out)
{
    char *end;
    if (*r->at < '0' || *r->at > '9')
        return false;
    long long value = strtoll(r->at, &end, 10);
    if (value > high)
        return false;
    *out = value;
    r->at = end;
    return true;
}

static enum status end_line(struct reader *r)
{
    takes(r, "\r");
    if (*r->at && !takes(r, "\n"))
        return refuse(r, "the line must end here");
    r->line++;
    r->line_start = r->at;
    return STATUS_OK;
}

/* The part behind a layer's number, which every column has or none: attention's
 * column first. */
static enum routed_part read_part(struct reader *r)
{
    for (int p = PART_BLOCK + 1; p < PART_APART; p++)
        if (takes(r, route_table_suffixes[p]))
            return (enum routed_part)p;
    return PART_BLOCK;
}

static enum status read_header(struct reader *r, struct route_table *t)
{
    const struct counted *before = NULL;
    int64_t layer;

    if (!takes(r, "context,count"))
        return refuse(r, "a table of routes begins with context,count");
    while (takes(r, ",kept_")) {
        if (!takes_number(r, SPEC_MAX_LAYERS - 1, &layer))
            return refuse(r, "layers are numbers, ascending");
        const struct counted next = { (int32_t)layer, read_part(r) };
        if (before && (next.layer < before->layer ||
                       (next.layer == before->layer &&
                        !(before->part == PART_ATTENTION &&
                          next.part == PART_FFN))))
            return refuse(r, "layers are numbers, ascending, each once or as"
                             " kept_L_attention and then kept_L_ffn");
        route_table_add_column(t, next.layer, next.part);
        before = &t->counted[t->n_columns - 1];
    }
    return t->n_columns > 0 ? end_line(r)
                            : refuse(r, "no layer: kept_1, ... must follow");
}

static enum status read_context(struct reader *r, struct route_table *t)
{
    int32_t id[ROUTE_TABLE_ORDER], n = 0;
    int64_t value, at, before = t->n;

    while (n < ROUTE_TABLE_ORDER && takes_number(r, INT32_MAX, &value)) {
        id[n++] = (int32_t)value;
        if (!takes(r, " "))
            break;
    }
    enum status status = route_table_place(&at, t, id, n, r->err);
    if (status != STATUS_OK)
        return status;
    if (at != before)
        return refuse(r, "this context was there already");
    if (route_table_parent(t, at) < 0 && n > 0)
        return refuse(r, "the context without the oldest token must come"
                         " before");
    if (!takes(r, ",") || !takes_number(r, INT64_MAX / 2, &value) || value < 1)
        return refuse(r, "a context's count must be a number, from 1");
    t->context[at].count = value;
    t->order = n > t->order ? n : t->order;
    for (int32_t c = 0; c < t->n_columns; c++)
        if (!takes(r, ",") || !takes_number(r, value,
                                            &t->kept[at * t->n_columns + c]))
            return refuse(r, "a layer's number must be 0 to the count");
    return end_line(r);
}

enum status route_table_read(struct route_table **out, const char *path,
                             struct error *err)
{
    char *text = NULL;
    size_t size;
    enum status status = file_read(&text, &size, path, most_bytes, err);
    struct reader r = { path, text, text, 1, err };
    struct route_table *t = NULL;

    if (status == STATUS_OK && !(t = route_table_new(err)))
        status = STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = read_header(&r, t);
    while (status == STATUS_OK && *r.at)
        status = read_context(&r, t);
    if (status == STATUS_OK && t->n == 0)
        status = refuse(&r, "a table has at least the empty context");
    free(text);
    if (status == STATUS_OK)
        *out = t;
    else
        route_table_close(t);
    return status;
}
