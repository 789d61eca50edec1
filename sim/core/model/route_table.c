/* route_table.c - Keep contexts in a hash table, and cut their shares. */
#include "sim/core/model/route_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/file.h"
#include "sim/core/base/random.h"
#include "sim/core/model/plan.h"

enum { FIRST_SLOTS = 1024, LEAST_COUNT = 2 };
static const size_t most_bytes = (size_t)1 << 31;      /* of a file */

struct context {
    int32_t id[ROUTE_TABLE_ORDER];    /* the oldest first */
    int32_t n;
    int64_t count;
};

/* Whose numbers stand in a column: a part's where parts are apart, else the
 * layer's, which is called its block. */
struct counted {
    int32_t layer;
    enum routed_part part;
};

struct route_table {
    struct counted counted[PLAN_MAX_CHOICES];   /* [n_columns], in the order of
                                       * choices */
    int32_t n_columns;
    int32_t column[SPEC_MAX_LAYERS][PART_APART];   /* -1: none */
    int     order;
    struct context *context;          /* [n] */
    int64_t *kept;                    /* [n,n_columns] */
    float   *score;                   /* likewise, of a fitted table */
    double   share[PLAN_MAX_CHOICES]; /* [n_columns] kept of the counted tokens */
    int64_t  n, room;
    int64_t *slot;                    /* [n_slots] of context + 1; 0: free */
    int64_t  n_slots;                 /* a power of 2, at least 2 n */
};

/* ---- contexts ---- */

static uint64_t hash_of(const int32_t *id, int32_t n)
{
    uint64_t hash = (uint64_t)n;
    for (int32_t i = 0; i < n; i++)
        hash = random_mix(hash, (uint64_t)id[i], 0, 0);
    return hash;
}

/* The slot of a context, or the free one where it belongs. */
static int64_t slot_of(const struct route_table *t, const int32_t *id,
                       int32_t n)
{
    const int64_t last = t->n_slots - 1;
    int64_t s = (int64_t)(hash_of(id, n) & (uint64_t)last);

    for (; t->slot[s] > 0; s = (s + 1) & last) {
        const struct context *c = &t->context[t->slot[s] - 1];
        if (c->n == n && memcmp(c->id, id, (size_t)n * sizeof *id) == 0)
            break;
    }
    return s;
}

static enum status no_memory(const struct route_table *t, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a table of more than"
                     " %" PRId64 " contexts", t->n);
}

static enum status grow(struct route_table *t, struct error *err)
{
    const int64_t room = t->room ? 2 * t->room : FIRST_SLOTS / 2;
    const size_t columns = (size_t)t->n_columns;
    struct context *context = realloc(t->context,
                                      (size_t)room * sizeof *context);
    if (context)
        t->context = context;
    int64_t *kept = realloc(t->kept, (size_t)room * columns * sizeof *kept);
    if (kept)
        t->kept = kept;
    int64_t *slot = calloc((size_t)room * 2, sizeof *slot);
    if (!context || !kept || !slot) {
        free(slot);
        return no_memory(t, err);
    }
    free(t->slot);
    t->slot = slot;
    t->n_slots = 2 * room;
    t->room = room;
    for (int64_t i = 0; i < t->n; i++)
        t->slot[slot_of(t, t->context[i].id, t->context[i].n)] = i + 1;
    return STATUS_OK;
}

/* The context's place, new ones with nothing counted. */
static enum status place_of(int64_t *out, struct route_table *t,
                            const int32_t *id, int32_t n, struct error *err)
{
    enum status status = STATUS_OK;

    if (t->n == t->room && (status = grow(t, err)))
        return status;
    int64_t s = slot_of(t, id, n);
    if (t->slot[s] == 0) {
        struct context *c = &t->context[t->n];
        *c = (struct context){ .n = n };
        memcpy(c->id, id, (size_t)n * sizeof *id);
        memset(t->kept + t->n * t->n_columns, 0,
               (size_t)t->n_columns * sizeof *t->kept);
        t->slot[s] = ++t->n;
    }
    *out = t->slot[s] - 1;
    return STATUS_OK;
}

/* Of those without their oldest token; -1: it is the empty one. */
static int64_t parent_of(const struct route_table *t, int64_t i)
{
    const struct context *c = &t->context[i];
    return c->n == 0 ? -1 : t->slot[slot_of(t, c->id + 1, c->n - 1)] - 1;
}

/* ---- opening and counting ---- */

static enum status open_empty(struct route_table **out, struct error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a table");
    for (int32_t l = 0; l < SPEC_MAX_LAYERS; l++)
        for (int p = 0; p < PART_APART; p++)
            (*out)->column[l][p] = -1;
    return STATUS_OK;
}

static void add_column(struct route_table *t, int32_t layer,
                       enum routed_part part)
{
    t->column[layer][part] = t->n_columns;
    t->counted[t->n_columns++] = (struct counted){ layer, part };
}

/* That of a choice, its own or its layer's; -1: none. */
static int32_t column_of(const struct route_table *t, int32_t layer,
                         enum routed_part part)
{
    const int32_t own = t->column[layer][part];
    return own >= 0 ? own : t->column[layer][PART_BLOCK];
}

enum status route_table_open(struct route_table **out,
                             const struct model_spec *spec, int order,
                             struct error *err)
{
    enum status status = open_empty(out, err);

    if (status != STATUS_OK)
        return status;
    (*out)->order = order;
    for (int32_t c = 0; c < plan_n_choices(spec); c++) {
        const struct plan_choice choice = plan_choice(spec, c);
        if (choice.routed)
            add_column(*out, choice.layer, spec->part == PART_APART
                                               ? choice.part : PART_BLOCK);
    }
    return STATUS_OK;
}

void route_table_close(struct route_table *t)
{
    if (!t)
        return;
    free(t->slot);
    free(t->score);
    free(t->kept);
    free(t->context);
    free(t);
}

enum status route_table_count(struct route_table *t, const int32_t *ids,
                              const bool *kept, int32_t n, struct error *err)
{
    for (int32_t i = 0; i < n; i++)
        for (int32_t order = 0; order <= t->order && order <= i + 1; order++) {
            int64_t at;
            enum status status = place_of(&at, t, ids + i + 1 - order, order,
                                          err);
            if (status != STATUS_OK)
                return status;
            t->context[at].count++;
            for (int32_t c = 0; c < t->n_columns; c++)
                t->kept[at * t->n_columns + c] += kept[c * n + i];
        }
    return STATUS_OK;
}

int64_t route_table_contexts(const struct route_table *t)
{
    return t->n;
}

int route_table_order(const struct route_table *t)
{
    return t->order;
}

/* ---- the file ---- */

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
static const char *const suffixes[PART_APART] = {
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
        return no_memory(t, err);
    for (int64_t i = 0; i < t->n; i++)
        if (t->context[i].n == 0 || t->context[i].count >= LEAST_COUNT)
            sorted[n++] = &t->context[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_length_then_ids);
    fputs("context,count", file);
    for (int32_t c = 0; c < t->n_columns; c++)
        fprintf(file, ",kept_%d%s", t->counted[c].layer,
                suffixes[t->counted[c].part]);
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
        if (takes(r, suffixes[p]))
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
        add_column(t, next.layer, next.part);
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
    enum status status = place_of(&at, t, id, n, r->err);
    if (status != STATUS_OK)
        return status;
    if (at != before)
        return refuse(r, "this context was there already");
    if (parent_of(t, at) < 0 && n > 0)
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

    if (status == STATUS_OK)
        status = open_empty(&t, err);
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

/* ---- the cut ---- */

/* A context, its share, and the counted tokens whose longest it is. */
struct used {
    int64_t context;
    double  share;
    int64_t tokens;
};

static int by_share_falling(const void *a, const void *b)
{
    double x = ((const struct used *)a)->share;
    double y = ((const struct used *)b)->share;
    return (x < y) - (x > y);
}

/* Shares of one column, and who uses which context; contexts come after their
 * parents. */
static void take_shares(const struct route_table *t, int32_t column,
                        struct used *used)
{
    for (int64_t i = 0; i < t->n; i++) {
        const int64_t count = t->context[i].count, parent = parent_of(t, i);
        const double kept = (double)t->kept[i * t->n_columns + column];
        const double prior = parent >= 0 ? used[parent].share
                                         : kept / (double)count;
        used[i] = (struct used){ i, (kept + prior) / ((double)count + 1.0),
                                 count };
        if (parent >= 0)
            used[parent].tokens -= count;
    }
}

static bool adds_up(const struct used *used, int64_t n)
{
    bool good = true;
    for (int64_t i = 0; i < n; i++)
        good &= used[i].tokens >= 0;
    return good;
}

/* The lowest share that is kept. */
static double cut_of(struct used *used, int64_t n, double capacity,
                     double *share)
{
    int64_t all = 0, kept = 0;
    double cut = HUGE_VAL, off = HUGE_VAL;

    qsort(used, (size_t)n, sizeof *used, by_share_falling);
    for (int64_t i = 0; i < n; i++)
        all += used[i].tokens;
    *share = 0.0;
    for (int64_t i = 0; i < n; i++) {
        kept += used[i].tokens;
        if (i + 1 < n && !(used[i + 1].share < used[i].share))
            continue;
        double reached = (double)kept / (double)all;
        if (fabs(reached - capacity) < off) {
            off = fabs(reached - capacity);
            cut = used[i].share;
            *share = reached;
        }
    }
    return cut;
}

static enum status fit_column(struct route_table *t, int32_t column,
                              double capacity, struct used *used,
                              struct error *err)
{
    take_shares(t, column, used);
    if (!adds_up(used, t->n))
        return error_set(err, STATUS_BAD_VALUE, "the counts of contexts are"
                         " more than that of the context they share");
    const double cut = cut_of(used, t->n, capacity, &t->share[column]);
    for (int64_t i = 0; i < t->n; i++)
        t->score[used[i].context * t->n_columns + column] =
            (float)(used[i].share - cut);
    return STATUS_OK;
}

enum status route_table_fit(struct route_table *t,
                            const struct model_spec *spec, struct error *err)
{
    const size_t n = (size_t)t->n;
    struct used *used = calloc(n, sizeof *used);
    enum status status = STATUS_OK;

    free(t->score);
    t->score = calloc(n * (size_t)t->n_columns, sizeof *t->score);
    if (!used || !t->score) {
        free(used);
        return no_memory(t, err);
    }
    for (int32_t c = 0; c < plan_n_choices(spec) && status == STATUS_OK; c++) {
        const struct plan_choice choice = plan_choice(spec, c);
        const int32_t column = column_of(t, choice.layer, choice.part);
        if (!choice.routed)
            continue;
        status = column >= 0
            ? fit_column(t, column, spec->capacity[choice.layer], used, err)
            : error_set(err, STATUS_BAD_VALUE, "the table has no layer %d%s,"
                        " which is routed", choice.layer,
                        suffixes[choice.part]);
    }
    free(used);
    return status;
}

double route_table_share(const struct route_table *t, int32_t layer,
                         enum routed_part part)
{
    return t->share[column_of(t, layer, part)];
}

float route_table_score(const struct route_table *t, int32_t layer,
                        enum routed_part part, const int32_t *newest,
                        int32_t before)
{
    int32_t n = before + 1 < t->order ? before + 1 : t->order;
    int64_t at = 0;

    while (n >= 0 && (at = t->slot[slot_of(t, newest + 1 - n, n)]) == 0)
        n--;
    return t->score[(at - 1) * t->n_columns + column_of(t, layer, part)];
}
