/* answer_table.c - Tabulate the cells, and what they come to. */
#include "sim/commands/answer_job.h"

#include <math.h>

static struct amount amount_or(double value, const char *why)
{
    return isfinite(value) ? amount_of(value, PROV_PREDICTED)
                           : amount_unknown(*why ? why : NULL);
}

static struct amount cost_or(const struct answer_machine *m,
                             const struct answer_side *side, enum metric metric)
{
    return amount_or(cost_get(&side->total, metric), m->why[metric]);
}

/* Keys and values are cached for decode steps; training has none. */
static void add_kv(struct table *t, const struct answer_cell *cell,
                   const struct answer_side *side)
{
    if (answer_phases[cell->phase] == MEMORY_TRAIN)
        table_skip(t);
    else
        table_quantity(t, amount_of((double)side->hold.bytes[MEMORY_KV],
                                    PROV_PREDICTED), "B");
}

/* ---- CSV: a row a cell and rival ---- */

static const char memory_unknown[] = "memory_bytes: the profile does not say";

static void add_side(struct table *t, const struct answer_machine *m,
                     const struct answer_cell *cell,
                     const struct answer_side *side)
{
    table_cost(t, &side->total, METRIC_FLOPS);
    table_cost(t, &side->total, METRIC_BYTES);
    table_amount(t, cost_or(m, side, METRIC_SECONDS));
    table_amount(t, cost_or(m, side, METRIC_JOULES));
    add_kv(t, cell, side);
    table_count(t, side->hold.total, PROV_PREDICTED);
    table_amount(t, amount_or(side->largest_batch, memory_unknown));
    table_text(t, fit_names[side->fit]);
}

static void add_estimate(struct table *t, const struct estimate *e,
                         const char *why)
{
    table_amount(t, amount_or(e->value, why));
    table_amount(t, amount_or(e->low, why));
    table_amount(t, amount_or(e->high, why));
}

static void add_cell(struct table *t, const struct answer_job *j,
                     const struct answer_cell *cell, int rival)
{
    const struct answer_machine *m = &j->machine[cell->machine];

    table_row(t, ROW_PLAIN);
    table_text(t, m->machine.name);
    table_text(t, precision_names[m->arithmetic]);
    table_text(t, memory_phase_names[answer_phases[cell->phase]]);
    table_count(t, (uint64_t)cell->n_sequences, PROV_PREDICTED);
    table_count(t, (uint64_t)cell->n_tokens, PROV_PREDICTED);
    table_text(t, j->asked[rival]);
    add_side(t, m, cell, &cell->model);
    add_side(t, m, cell, &cell->rival[rival]);
    table_amount(t, amount_or(cell->pair[rival].flops.value, ""));
    add_estimate(t, &cell->pair[rival].seconds, m->why[METRIC_SECONDS]);
    add_estimate(t, &cell->pair[rival].joules, m->why[METRIC_JOULES]);
}

enum status answer_cells_table(struct table *out, const struct answer_job *j,
                               struct error *err)
{
#define SIDE(before)                                                           \
        { before "flops", "", "flop", COLUMN_SI, true },                       \
        { before "bytes", "", "B", COLUMN_SI, true },                          \
        { before "seconds", "", "s", COLUMN_SI, true },                        \
        { before "joules", "", "J", COLUMN_SI, true },                         \
        { before "kv_bytes", "", "B", COLUMN_SI, true },                       \
        { before "memory_bytes", "", "B", COLUMN_SI, true },                   \
        { before "largest_batch", "", "", COLUMN_WHOLE, true },                \
        { before "fits", "", "", COLUMN_TEXT, true }
    static const struct column columns[] = {
        { "machine", "", "", COLUMN_TEXT, true },
        { "format", "", "", COLUMN_TEXT, true },
        { "phase", "", "", COLUMN_TEXT, true },
        { "batch", "", "", COLUMN_WHOLE, true },
        { "tokens", "", "", COLUMN_WHOLE, true },
        { "rival", "", "", COLUMN_TEXT, true },
        SIDE(""), SIDE("rival_"),
        { "flops_of_rival", "", "", COLUMN_FACTOR, true },
        { "seconds_of_rival", "", "", COLUMN_FACTOR, true },
        { "seconds_of_rival_low", "", "", COLUMN_FACTOR, true },
        { "seconds_of_rival_high", "", "", COLUMN_FACTOR, true },
        { "joules_of_rival", "", "", COLUMN_FACTOR, true },
        { "joules_of_rival_low", "", "", COLUMN_FACTOR, true },
        { "joules_of_rival_high", "", "", COLUMN_FACTOR, true },
    };
#undef SIDE

    table_open(out, "answer", columns, sizeof columns / sizeof *columns);
    out->digits = 9;
    for (size_t i = 0; i < j->n_cells; i++)
        for (int r = 0; r < j->n_rivals; r++)
            add_cell(out, j, &j->cell[i], r);
    if (out->status != STATUS_OK)
        error_set(err, out->status, "no memory for the table");
    return out->status;
}

/* ---- the digest ---- */

static void add_range(struct table *t, const struct answer_tally *tally,
                      int rival, enum metric metric)
{
    if (tally->n == 0) {
        table_text(t, "-");
        return;
    }
    table_textf(t, "%.3f to %.3f",
                answer_ratio(tally->best, rival, metric)->value,
                answer_ratio(tally->worst, rival, metric)->value);
}

static void add_digest(struct table *t, const struct answer_job *j, int phase,
                       int rival)
{
    static const enum metric metrics[] = { METRIC_FLOPS, METRIC_SECONDS,
                                           METRIC_JOULES };

    table_row(t, ROW_PLAIN);
    table_text(t, memory_phase_names[answer_phases[phase]]);
    table_text(t, j->rival[rival].name);
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        const struct answer_tally tally = answer_tally(j, phase, rival,
                                                       metrics[i]);
        if (metrics[i] != METRIC_FLOPS)
            table_text(t, answer_verdict(&tally));
        add_range(t, &tally, rival, metrics[i]);
        if (metrics[i] == METRIC_JOULES)
            table_textf(t, "%d", tally.n);
    }
}

enum status answer_digest_table(struct table *out, const struct answer_job *j,
                                struct error *err)
{
    static const struct column columns[] = {
        { "phase", "phase", "", COLUMN_TEXT, true },
        { "rival", "against", "", COLUMN_TEXT, true },
        { "flops", "FLOPs of it", "", COLUMN_TEXT, true },
        { "saves_time", "saves time", "", COLUMN_TEXT, true },
        { "seconds", "time of it", "", COLUMN_TEXT, true },
        { "saves_energy", "saves energy", "", COLUMN_TEXT, true },
        { "joules", "energy of it", "", COLUMN_TEXT, true },
        { "cells", "cells", "", COLUMN_TEXT, true },
    };

    table_open(out, "digest", columns, sizeof columns / sizeof *columns);
    for (int p = *j->untrained ? 1 : 0; p < ANSWER_PHASES; p++)
        for (int r = 0; r < j->n_rivals; r++)
            add_digest(out, j, p, r);
    if (out->status != STATUS_OK)
        error_set(err, out->status, "no memory for the table");
    return out->status;
}
