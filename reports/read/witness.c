/* witness.c - Read the ledgers of one execution from its ledger.csv. */
#include "reports/read/witness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/csv.h"
#include "sim/core/model/spec.h"

const char *const witness_names[WITNESS_COUNT] = {
#define X(id, name) [WITNESS_##id] = name,
    WITNESS_MAP(X)
#undef X
};

enum { ANY = -1 };     /* "all": the file does not resolve this axis */

struct row {
    enum witness witness;
    struct ledger_key key;     /* pass and op may be ANY */
    bool any_layer;
    uint32_t below;            /* metrics that are below resolution, as bits */
    struct cost cost;
};

struct columns {
    int witness, pass, layer, token, op, phase;
    int value[METRIC_COUNT], source[METRIC_COUNT];
};

static enum status find_columns(struct columns *out, const struct csv *csv,
                                struct error *err)
{
    const struct { const char *name; int *at; } wanted[] = {
        { "witness", &out->witness }, { "pass", &out->pass },
        { "layer", &out->layer }, { "op", &out->op },
    };
    char name[64];

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if ((*wanted[i].at = csv_column(csv, wanted[i].name)) < 0)
            return error_set(err, STATUS_BAD_FORMAT, "%s:1: column '%s' is "
                             "missing", csv->path, wanted[i].name);
    out->token = csv_column(csv, "token");
    out->phase = csv_column(csv, "phase");
    for (int m = 0; m < METRIC_COUNT; m++) {
        out->value[m] = csv_column(csv, metric_table[m].column);
        snprintf(name, sizeof name, "%s_source", metric_table[m].column);
        out->source[m] = csv_column(csv, name);
    }
    return STATUS_OK;
}

/* Index of `text` in a table of names; `all` is ANY; -2 when it is neither. */
static int find_name(const char *const *names, int n, const char *text)
{
    if (strcmp(text, "all") == 0)
        return ANY;
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return -2;
}

static enum status unknown_word(const struct csv *csv, size_t r, int column,
                                struct error *err)
{
    return error_set(err, STATUS_BAD_FORMAT, "%s:%d: '%.40s' is no %s this "
                     "version knows", csv->path, csv->line[r + 1],
                     csv_text(csv, r, column), csv->field[column]);
}

static enum status read_layer(struct row *row, const struct csv *csv, size_t r,
                              int column, struct error *err)
{
    const char *text = csv_text(csv, r, column);
    char *end = NULL;
    long layer = strtol(text, &end, 10);

    row->any_layer = strcmp(text, "all") == 0;
    row->key.layer = LEDGER_OUTSIDE;
    if (row->any_layer || strcmp(text, "outside") == 0)
        return STATUS_OK;
    if (end == text || *end || layer < 0 || layer >= SPEC_MAX_LAYERS)
        return error_set(err, STATUS_BAD_FORMAT, "%s:%d: layer is '%.40s', "
                         "allowed is 0..%d, outside or all", csv->path,
                         csv->line[r + 1], text, SPEC_MAX_LAYERS - 1);
    row->key.layer = (int32_t)layer;
    return STATUS_OK;
}

static enum status read_metric(struct cost *cost, enum metric m,
                               const struct csv *csv, size_t r,
                               const struct columns *at, enum provenance usual,
                               struct error *err)
{
    enum status status;
    int from = (int)usual;
    bool known;
    uint64_t count = 0;
    double real = nan("");

    if ((int)m < METRIC_FIRST_REAL) {
        status = csv_count(csv, r, at->value[m], &count, &known, err);
    } else {
        status = csv_real(csv, r, at->value[m], &real, err);
        known = isfinite(real);
    }
    if (status != STATUS_OK || !known)
        return status;
    if (*csv_text(csv, r, at->source[m]))
        from = find_name(provenance_names, PROV_COUNT,
                         csv_text(csv, r, at->source[m]));
    if (from < 0)
        return unknown_word(csv, r, at->source[m], err);
    if ((int)m < METRIC_FIRST_REAL)
        cost_set_count(cost, m, count, (enum provenance)from);
    else
        cost_set_real(cost, m, real, (enum provenance)from);
    return STATUS_OK;
}

static enum status read_row(struct row *row, const struct csv *csv, size_t r,
                            const struct columns *at, struct error *err)
{
    static const enum provenance usual[WITNESS_COUNT] = {
        [WITNESS_PREDICTED] = PROV_PREDICTED,
        [WITNESS_COUNTED]   = PROV_COUNTED,
        [WITNESS_MEASURED]  = PROV_MEASURED,
    };
    const char *ops[OP_COUNT];
    int witness = find_name(witness_names, WITNESS_COUNT,
                            csv_text(csv, r, at->witness));
    int pass = find_name(pass_names, PASS_COUNT, csv_text(csv, r, at->pass));
    int op;
    enum status status;

    for (int i = 0; i < OP_COUNT; i++)
        ops[i] = op_table[i].name;
    op = find_name(ops, OP_COUNT, csv_text(csv, r, at->op));
    if (witness < 0)
        return unknown_word(csv, r, at->witness, err);
    if (pass < ANY)
        return unknown_word(csv, r, at->pass, err);
    if (op < ANY)
        return unknown_word(csv, r, at->op, err);
    *row = (struct row){ .witness = (enum witness)witness };
    row->key = (struct ledger_key){ .pass = (enum pass)pass,
                                    .token = LEDGER_SHARED, .op = (enum op)op };
    status = read_layer(row, csv, r, at->layer, err);
    for (int m = 0; status == STATUS_OK && m < METRIC_COUNT; m++) {
        status = read_metric(&row->cost, (enum metric)m, csv, r, at,
                             usual[witness], err);
        if (witness == WITNESS_MEASURED &&
            strcmp(csv_text(csv, r, at->source[m]),
                   provenance_names[PROV_BELOW]) == 0)
            row->below |= UINT32_C(1) << m;
    }
    return status;
}

/* A cell below resolution adds nothing here; such cells are counted. */
static enum status file_below(struct witnesses *out, struct row *row,
                              struct error *err)
{
    struct ledger_shape shape = ledger_shape(out->ledger[WITNESS_MEASURED]);
    struct cost one = cost_zero(PROV_MEASURED);
    enum status status = out->below ? STATUS_OK
        : ledger_open(&out->below, shape, (struct cost){ 0 }, err);

    for (int m = 0; m < METRIC_COUNT; m++) {
        if (!(row->below & UINT32_C(1) << m))
            continue;
        if (m < METRIC_FIRST_REAL) {
            cost_set_count(&row->cost, (enum metric)m, 0, PROV_MEASURED);
            cost_set_count(&one, (enum metric)m, 1, PROV_MEASURED);
        } else {
            cost_set_real(&row->cost, (enum metric)m, 0, PROV_MEASURED);
            cost_set_real(&one, (enum metric)m, 1, PROV_MEASURED);
        }
    }
    return status ? status : ledger_charge(out->below, row->key, &one);
}

static bool in_phase(const struct csv *csv, size_t r, const struct columns *at,
                     const char *phase)
{
    return at->phase < 0 || !phase ||
           strcmp(csv_text(csv, r, at->phase), phase) == 0;
}

/* One pass over the file per witness finds its resolution. */
static enum status find_shapes(struct ledger_shape shape[WITNESS_COUNT],
                               bool seen[WITNESS_COUNT], const struct csv *csv,
                               const struct columns *at, const char *phase,
                               struct error *err)
{
    struct row row;
    enum status status;

    for (int w = 0; w < WITNESS_COUNT; w++)
        shape[w] = (struct ledger_shape){ .by_pass = true, .by_op = true };
    for (size_t r = 0; r < csv->n_rows; r++) {
        struct ledger_shape *s;
        if (!in_phase(csv, r, at, phase))
            continue;
        if ((status = read_row(&row, csv, r, at, err)) != STATUS_OK)
            return status;
        s = &shape[row.witness];
        seen[row.witness] = true;
        s->by_pass &= (int)row.key.pass != ANY;
        s->by_op &= (int)row.key.op != ANY;
        if (row.any_layer)
            s->n_layers = -1;
        else if (s->n_layers >= 0 && row.key.layer >= s->n_layers)
            s->n_layers = row.key.layer + 1;
    }
    return STATUS_OK;
}

/* A ledger that has only work outside any layer has no layer axis to lose. */
static enum status open_ledgers(struct witnesses *out,
                                struct ledger_shape shape[WITNESS_COUNT],
                                const bool seen[WITNESS_COUNT],
                                struct error *err)
{
    enum status status = STATUS_OK;

    for (int w = 0; w < WITNESS_COUNT && status == STATUS_OK; w++) {
        if (!seen[w])
            continue;
        if (shape[w].n_layers < 0)
            shape[w].n_layers = 0;
        if (shape[w].n_layers > out->n_layers)
            out->n_layers = shape[w].n_layers;
        status = ledger_open(&out->ledger[w], shape[w], (struct cost){ 0 },
                             err);
    }
    return status;
}

static enum status file_row(struct witnesses *out, const struct row *row,
                            const struct csv *csv, size_t r, bool folds,
                            struct error *err)
{
    struct ledger *ledger = out->ledger[row->witness];
    struct ledger_shape shape = ledger_shape(ledger);

    folds |= !shape.by_pass || !shape.by_op || shape.n_layers == 0;
    if (!folds && ledger_touched(ledger, row->key))
        return error_set(err, STATUS_BAD_FORMAT, "%s:%d: this witness, pass, "
                         "layer and op stood in an earlier row", csv->path,
                         csv->line[r + 1]);
    if (ledger_charge(ledger, row->key, &row->cost) != STATUS_OK)
        return error_set(err, STATUS_BAD_FORMAT, "%s:%d: a sum passes 2^64",
                         csv->path, csv->line[r + 1]);
    return STATUS_OK;
}

enum status witnesses_read(struct witnesses *out, const char *path,
                           const char *phase, struct error *err)
{
    struct witnesses result = { .n_layers = 0 };
    struct ledger_shape shape[WITNESS_COUNT];
    bool seen[WITNESS_COUNT] = { false };
    struct columns at = { 0 };
    struct csv csv;
    struct row row;
    enum status status = csv_open(&csv, path, err);

    if (status != STATUS_OK)
        return status;
    status = find_columns(&at, &csv, err);
    if (status == STATUS_OK)
        status = find_shapes(shape, seen, &csv, &at, phase, err);
    if (status == STATUS_OK)
        status = open_ledgers(&result, shape, seen, err);
    for (size_t r = 0; status == STATUS_OK && r < csv.n_rows; r++) {
        if (!in_phase(&csv, r, &at, phase))
            continue;
        status = read_row(&row, &csv, r, &at, err);
        if (status == STATUS_OK && row.below)
            status = file_below(&result, &row, err);
        if (status == STATUS_OK)
            status = file_row(&result, &row, &csv, r, at.token >= 0, err);
    }
    csv_close(&csv);
    if (status != STATUS_OK) {
        witnesses_close(&result);
        return status;
    }
    *out = result;
    return STATUS_OK;
}

void witnesses_close(struct witnesses *witnesses)
{
    for (int w = 0; w < WITNESS_COUNT; w++)
        ledger_close(witnesses->ledger[w]);
    ledger_close(witnesses->below);
    *witnesses = (struct witnesses){ .n_layers = 0 };
}

/* The ledger does not know a cell that no row resolves. */
static bool resolves(const struct ledger *ledger, int pass, int32_t layer,
                     int op)
{
    struct ledger_shape shape = ledger_shape(ledger);
    return (pass == LEDGER_ANY || shape.by_pass) &&
           (op == LEDGER_ANY || shape.by_op) &&
           (layer == LEDGER_ANY ||
            (shape.n_layers > 0 && layer < shape.n_layers));
}

/* True if the cells below resolution may hold more than a tenth of `known`. */
static bool hides_too_much(const struct witnesses *witnesses,
                           enum metric metric, int pass, int32_t layer, int op,
                           double known)
{
    struct cost cells;

    if (!witnesses->below)
        return false;
    cells = ledger_sum(witnesses->below, pass, layer, LEDGER_ANY, op);
    double n = cost_get(&cells, metric);
    double most = witnesses->below_at_most[metric];
    return n > 0 && !(most > 0 && n * most <= 0.1 * known);
}

struct amount witness_sum(const struct witnesses *witnesses,
                          enum witness witness, enum metric metric, int pass,
                          int32_t layer, int op)
{
    const struct ledger *ledger = witnesses->ledger[witness];
    struct amount amount;
    struct cost cost;

    if (!ledger)
        return amount_unknown("this run has no ledger of that witness");
    if (!resolves(ledger, pass, layer, op))
        return amount_unknown("the ledger does not resolve this finely");
    cost = ledger_sum(ledger, pass, layer, LEDGER_ANY, op);
    amount = amount_of(cost_get(&cost, metric),
                       (enum provenance)cost.from[metric]);
    if (witness == WITNESS_MEASURED && amount_known(amount) &&
        hides_too_much(witnesses, metric, pass, layer, op, amount.value))
        return amount_unknown("below resolution: its regions are too small for "
                              "what reading costs");
    amount.modelled = amount_is_model(metric, amount.from);
    return amount;
}

struct amount witness_best(const struct witnesses *witnesses,
                           enum metric metric, int pass, int32_t layer, int op)
{
    static const enum witness order[] = { WITNESS_MEASURED, WITNESS_COUNTED,
                                          WITNESS_PREDICTED };
    struct amount amount = amount_unknown("this run has no ledger");

    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        amount = witness_sum(witnesses, order[i], metric, pass, layer, op);
        if (amount_known(amount))
            break;
    }
    return amount;
}
