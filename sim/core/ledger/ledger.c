/* ledger.c - Store costs in a dense array over the axes that are resolved. */
#include "sim/core/ledger/ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct cell {
    struct cost cost;
    bool        touched;
};

/* What the first n_tokens tokens were charged alike in one pass, layer and op,
 * and their cells do not hold yet; 0: nothing. */
struct alike {
    int32_t     n_tokens;
    struct cost each;
};

struct waiting {
    size_t       n;                /* that hold something */
    struct alike alike[];          /* [passes][layers][ops] */
};

struct ledger {
    struct ledger_shape shape;
    struct cost  blank;
    size_t       n_passes, n_layers, n_tokens, n_ops;   /* cells along an axis */
    struct cell *cell;             /* [passes][layers][tokens][ops] */
    struct waiting *waiting;
    char        *reason[METRIC_COUNT];
};

static size_t axis_cells(int32_t n)
{
    return n > 0 ? (size_t)n + 1 : 1;
}

static size_t n_alike(const struct ledger *l)
{
    return l->n_passes * l->n_layers * l->n_ops;
}

enum status ledger_open(struct ledger **out, struct ledger_shape shape,
                        struct cost blank, struct error *err)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    size_t n = 0;

    if (!ledger)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a ledger");
    ledger->shape = shape;
    ledger->blank = blank;
    ledger->n_passes = shape.by_pass ? PASS_COUNT : 1;
    ledger->n_layers = axis_cells(shape.n_layers);
    ledger->n_tokens = axis_cells(shape.n_tokens);
    ledger->n_ops    = shape.by_op ? OP_COUNT : 1;
    if (__builtin_mul_overflow(n_alike(ledger), ledger->n_tokens, &n) ||
        !(ledger->cell = calloc(n, sizeof *ledger->cell)) ||
        !(ledger->waiting = calloc(1, sizeof *ledger->waiting +
                                          n_alike(ledger) *
                                              sizeof(struct alike)))) {
        free(ledger->cell);
        free(ledger);
        return error_set(err, STATUS_NO_MEMORY,
                         "no memory for a ledger of %d layers, %d tokens",
                         shape.n_layers, shape.n_tokens);
    }
    *out = ledger;
    ledger_clear(ledger);
    return STATUS_OK;
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    for (int m = 0; m < METRIC_COUNT; m++)
        free(ledger->reason[m]);
    free(ledger->waiting);
    free(ledger->cell);
    free(ledger);
}

struct ledger_shape ledger_shape(const struct ledger *ledger)
{
    return ledger->shape;
}

static size_t n_cells(const struct ledger *l)
{
    return l->n_passes * l->n_layers * l->n_tokens * l->n_ops;
}

void ledger_clear(struct ledger *ledger)
{
    for (size_t i = 0; i < n_cells(ledger); i++)
        ledger->cell[i] = (struct cell){ .cost = ledger->blank };
    for (size_t i = 0; i < n_alike(ledger); i++)
        ledger->waiting->alike[i].n_tokens = 0;
    ledger->waiting->n = 0;
}

static size_t axis_index(size_t cells, int32_t i)
{
    if (cells == 1)
        return 0;
    assert(i >= -1 && (size_t)(i + 1) <= cells);
    return i < 0 ? cells - 1 : (size_t)i;
}

/* The place of a key's pass, layer and op; *op alone. */
static size_t row_of(const struct ledger *l, struct ledger_key key, size_t *op)
{
    size_t p = l->n_passes == 1 ? 0 : (size_t)key.pass;
    *op = l->n_ops == 1 ? 0 : (size_t)key.op;
    return p * l->n_layers + axis_index(l->n_layers, key.layer);
}

static struct cell *cell_at(const struct ledger *l, struct ledger_key key)
{
    size_t op, row = row_of(l, key, &op);
    size_t t = axis_index(l->n_tokens, key.token);
    return &l->cell[(row * l->n_tokens + t) * l->n_ops + op];
}

static enum status charge_cell(struct cell *cell, const struct cost *cost)
{
    if (!cell->touched) {
        cell->cost = *cost;
        cell->touched = true;
        return STATUS_OK;
    }
    return cost_add(&cell->cost, cost);
}

enum status ledger_charge(struct ledger *ledger, struct ledger_key key,
                          const struct cost *cost)
{
    return charge_cell(cell_at(ledger, key), cost);
}

/* Put what waits at place i into the cells. */
static void settle(const struct ledger *l, size_t i)
{
    struct alike *a = &l->waiting->alike[i];
    struct cell *cell = &l->cell[i / l->n_ops * l->n_tokens * l->n_ops +
                                 i % l->n_ops];

    if (a->n_tokens == 0)
        return;
    for (int32_t t = 0; t < a->n_tokens; t++, cell += l->n_ops)
        if (charge_cell(cell, &a->each) != STATUS_OK)
            cell->cost = (struct cost){ 0 };     /* too large: unknown */
    a->n_tokens = 0;
    l->waiting->n--;
}

static void settle_all(const struct ledger *l)
{
    for (size_t i = 0; l->waiting->n > 0 && i < n_alike(l); i++)
        settle(l, i);
}

enum status ledger_charge_alike(struct ledger *ledger, struct ledger_key key,
                                int32_t n_tokens, const struct cost *each)
{
    size_t op, i = row_of(ledger, key, &op) * ledger->n_ops + op;
    struct alike *a = &ledger->waiting->alike[i];

    assert(n_tokens >= 0 && (size_t)n_tokens < ledger->n_tokens);
    if (n_tokens == 0)
        return STATUS_OK;
    if (a->n_tokens == n_tokens)
        return cost_add(&a->each, each);
    settle(ledger, i);
    *a = (struct alike){ n_tokens, *each };
    ledger->waiting->n++;
    return STATUS_OK;
}

void ledger_set_count(struct ledger *ledger, struct ledger_key key,
                      enum metric metric, uint64_t value, enum provenance from)
{
    settle_all(ledger);
    struct cell *cell = cell_at(ledger, key);
    cost_set_count(&cell->cost, metric, value, from);
    cell->touched = true;
}

void ledger_set_real(struct ledger *ledger, struct ledger_key key,
                     enum metric metric, double value, enum provenance from)
{
    settle_all(ledger);
    struct cell *cell = cell_at(ledger, key);
    cost_set_real(&cell->cost, metric, value, from);
    cell->touched = true;
}

const struct cost *ledger_at(const struct ledger *ledger, struct ledger_key key)
{
    settle_all(ledger);
    return &cell_at(ledger, key)->cost;
}

bool ledger_touched(const struct ledger *ledger, struct ledger_key key)
{
    settle_all(ledger);
    return cell_at(ledger, key)->touched;
}

/* The range of cells along one axis that `i` names. */
static void axis_range(size_t cells, int32_t i, size_t *from, size_t *to)
{
    if (i == LEDGER_ANY || cells == 1) {
        *from = 0;
        *to = cells;
    } else {
        *from = axis_index(cells, i);
        *to = *from + 1;
    }
}

struct cost ledger_sum(const struct ledger *l, int pass, int32_t layer,
                       int32_t token, int op)
{
    size_t p0 = 0, p1 = l->n_passes, o0 = 0, o1 = l->n_ops, y0, y1, t0, t1;
    struct cost sum = l->blank;
    bool any = false;

    settle_all(l);
    if (pass != LEDGER_ANY && l->n_passes > 1)
        p0 = (size_t)pass, p1 = p0 + 1;
    if (op != LEDGER_ANY && l->n_ops > 1)
        o0 = (size_t)op, o1 = o0 + 1;
    axis_range(l->n_layers, layer, &y0, &y1);
    axis_range(l->n_tokens, token, &t0, &t1);

    for (size_t p = p0; p < p1; p++)
        for (size_t y = y0; y < y1; y++)
            for (size_t t = t0; t < t1; t++)
                for (size_t o = o0; o < o1; o++) {
                    const struct cell *cell = &l->cell[
                        ((p * l->n_layers + y) * l->n_tokens + t) * l->n_ops
                        + o];
                    if (!cell->touched)
                        continue;
                    if (!any)
                        sum = cell->cost;
                    else if (cost_add(&sum, &cell->cost) != STATUS_OK)
                        return (struct cost){ 0 };   /* too large: unknown */
                    any = true;
                }
    return sum;
}

enum status ledger_scale(struct ledger *ledger, uint64_t factor)
{
    settle_all(ledger);
    for (size_t i = 0; i < n_cells(ledger); i++) {
        struct cost *cost = &ledger->cell[i].cost;
        struct cost next = *cost;
        for (int m = 0; m < METRIC_FIRST_REAL; m++)
            if (__builtin_mul_overflow(cost->count[m], factor, &next.count[m]))
                return STATUS_OVERFLOWED;
        for (int m = 0; m < METRIC_COUNT - METRIC_FIRST_REAL; m++)
            next.real[m] *= (double)factor;
        *cost = next;
    }
    return STATUS_OK;
}

void ledger_set_reason(struct ledger *ledger, enum metric metric,
                       const char *reason)
{
    char *copy = strdup(reason);
    if (!copy) {
        error_note_memory();     /* the figure stays unknown */
        return;
    }
    free(ledger->reason[metric]);
    ledger->reason[metric] = copy;
}

void ledger_set_clock(struct ledger *ledger, double seconds,
                      enum provenance from, const char *why)
{
    ledger_set_real(ledger, (struct ledger_key){ 0 }, METRIC_SECONDS, seconds,
                    from);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (m != METRIC_SECONDS)
            ledger_set_reason(ledger, (enum metric)m, why);
}

const char *ledger_reason(const struct ledger *ledger, enum metric metric)
{
    return ledger->reason[metric];
}

void ledger_write_header(FILE *file, bool by_token)
{
    fprintf(file, "witness,pass,layer,%sop", by_token ? "token," : "");
    for (int m = 0; m < METRIC_COUNT; m++)
        fprintf(file, ",%s,%s_source", metric_table[m].column,
                metric_table[m].column);
    fputs("\r\n", file);
}

static void write_index(FILE *file, size_t i, size_t cells, const char *last)
{
    if (cells == 1)
        fputs("all,", file);
    else if (i + 1 == cells)
        fprintf(file, "%s,", last);
    else
        fprintf(file, "%zu,", i);
}

static void write_cost(FILE *file, const struct cost *cost)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (!cost_known(cost, (enum metric)m))
            fputs(",", file);
        else if (m < METRIC_FIRST_REAL)
            fprintf(file, ",%" PRIu64, cost->count[m]);
        else
            fprintf(file, ",%.9g", cost->real[m - METRIC_FIRST_REAL]);
        fprintf(file, ",%s", provenance_names[cost->from[m]]);
    }
}

enum status ledger_write(const struct ledger *l, const char *witness,
                         FILE *file, struct error *err)
{
    settle_all(l);
    for (size_t p = 0; p < l->n_passes; p++)
        for (size_t y = 0; y < l->n_layers; y++)
            for (size_t t = 0; t < l->n_tokens; t++)
                for (size_t o = 0; o < l->n_ops; o++) {
                    const struct cell *cell = &l->cell[
                        ((p * l->n_layers + y) * l->n_tokens + t) * l->n_ops
                        + o];
                    if (!cell->touched)
                        continue;
                    fprintf(file, "%s,%s,", witness,
                            l->n_passes == 1 ? "all" : pass_names[p]);
                    write_index(file, y, l->n_layers, "outside");
                    if (l->shape.n_tokens > 0)
                        write_index(file, t, l->n_tokens, "shared");
                    fputs(l->n_ops == 1 ? "all" : op_table[o].name, file);
                    write_cost(file, &cell->cost);
                    fputs("\r\n", file);
                }
    return ferror(file) ? error_set(err, STATUS_IO, "writing a ledger failed")
                        : STATUS_OK;
}
