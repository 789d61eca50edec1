/* tables_flips.c - Add what isobath answer says of savings that shrink and of answers
 * that flip: stage by stage, by batch and length, by number, between machines. */
#include "reports/tables/tables.h"

#include <math.h>
#include "reports/read/jsonpath.h"

static void put_text(struct table *t, const json_t *row, const char *key)
{
    const char *text = jsonpath_text(row, key);
    table_text(t, text ? text : "");
}

static void put_number(struct table *t, const json_t *row, const char *path,
                       bool modelled)
{
    struct amount amount = amount_of(jsonpath_number(row, path),
                                     PROV_PREDICTED);

    amount.modelled = modelled;
    table_amount(t, amount);
}

typedef void add_rows(struct table *t, const struct run *run);

static void add_all(struct report *r, struct table *t, add_rows *add)
{
    t->grouped = true;
    for (size_t i = 0; i < r->n_worked; i++)
        if (r->worked[i]->kind == RUN_ASKED)
            add(t, r->worked[i]);
}

/* ---- what is left of a saving ---- */

#define MODELLED(key, heading) { key, heading, "", COLUMN_SHARE, false }
static const struct column fall_columns[] = {
    { "machine", "machine", "", COLUMN_TEXT, true },
    { "rival", "against", "", COLUMN_TEXT, true },
    { "nominal_flops", "nominal FLOPs", "", COLUMN_SHARE, false },
    { "flops", "executed", "", COLUMN_SHARE, false },
    { "bytes", "bytes", "", COLUMN_SHARE, false },
    MODELLED("seconds", "time"),           MODELLED("joules", "energy"),
    MODELLED("served_seconds", "time, end to end"),
    MODELLED("served_joules", "energy, end to end"),
    MODELLED("prefill_share", "prompts' share of it"),
    { "largest_batch", "largest B", "", COLUMN_WHOLE, false },
    { "rival_largest_batch", "of the rival", "", COLUMN_WHOLE, false },
};

/* Those of of_rival, by their column. */
static void put_stage(struct table *t, const json_t *row, const char *key)
{
    static const char *const ends[] = { "value", "low", "high" };
    double of[3];
    char path[96];

    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "of_rival.%s.%s", key, ends[i]);
        of[i] = jsonpath_number(row, path);
    }
    struct amount amount = amount_of(of[0], PROV_PREDICTED);
    amount.modelled = of[1] < of[2];
    if (amount.modelled)
        amount.low = of[1], amount.high = of[2];
    table_amount(t, amount);
}

static void add_falls(struct table *t, const struct run *run)
{
    enum { FIRST = 2, N_STAGES = 7 };
    const json_t *list = jsonpath_at(run->summary, "waterfall.rows"), *row;
    size_t i;

    json_array_foreach(list, i, row) {
        table_row(t, ROW_PLAIN);
        put_text(t, row, "machine");
        put_text(t, row, "rival");
        for (int s = FIRST; s < FIRST + N_STAGES; s++)
            put_stage(t, row, t->column[s].key);
        put_number(t, row, "prefill_share", true);
        put_number(t, row, "largest_batch", false);
        put_number(t, row, "rival_largest_batch", false);
    }
}

/* ---- by batch and length ---- */

static const struct column plane_columns[] = {
    { "machine", "machine", "", COLUMN_TEXT, true },
    { "phase", "phase", "", COLUMN_TEXT, true },
    { "rival", "against", "", COLUMN_TEXT, true },
    { "tokens", "T", "", COLUMN_WHOLE, true },
    { "time_saves", "less time at B", "", COLUMN_TEXT, true },
    { "time_open", "not told at", "", COLUMN_TEXT, true },
    { "time_costs", "more at", "", COLUMN_TEXT, true },
    { "energy_saves", "less energy at B", "", COLUMN_TEXT, true },
    { "energy_open", "not told at", "", COLUMN_TEXT, true },
    { "energy_costs", "more at", "", COLUMN_TEXT, true },
};

/* "1 to 4, 64": batches of a row of the plane, each twice the one before. */
static void put_batches(struct table *t, const json_t *stands, const char *stand)
{
    const json_t *list = json_object_get(stands, stand);
    const size_t n = json_array_size(list);
    char text[128] = "";

    for (size_t i = 0, end; i < n; i = end) {
        const json_int_t first = json_integer_value(json_array_get(list, i));
        json_int_t last = first;
        for (end = i + 1; end < n; end++, last *= 2)
            if (json_integer_value(json_array_get(list, end)) != 2 * last)
                break;
        TEXT_ADD(text, "%s%lld", i ? ", " : "", (long long)first);
        if (last > first)
            TEXT_ADD(text, " to %lld", (long long)last);
    }
    table_text(t, n ? text : "-");
}

static void add_plane(struct table *t, const struct run *run)
{
    static const char *const metrics[] = { "seconds", "joules" };
    const json_t *list = jsonpath_at(run->summary, "flips.plane"), *row;
    size_t i;

    json_array_foreach(list, i, row) {
        table_row(t, ROW_PLAIN);
        put_text(t, row, "machine");
        put_text(t, row, "phase");
        put_text(t, row, "rival");
        put_number(t, row, "tokens", false);
        for (int m = 0; m < 2; m++) {
            const json_t *stands = jsonpath_at(row, metrics[m]);
            put_batches(t, stands, "saves");
            put_batches(t, stands, "not told");
            put_batches(t, stands, "costs");
        }
    }
}

/* ---- by number, and between machines ---- */

static const struct column doubt_columns[] = {
    { "rival", "against", "", COLUMN_TEXT, true },
    { "number", "number of the machine", "", COLUMN_TEXT, true },
    { "time_cells", "cells, time", "", COLUMN_WHOLE, true },
    { "energy_cells", "cells, energy", "", COLUMN_WHOLE, true },
    { "variance_share", "of the variance", "", COLUMN_SHARE, true },
    { "all_numbers_share", "all numbers", "", COLUMN_SHARE, true },
    { "phases", "phases", "", COLUMN_TEXT, true },
    { "machines", "machines", "", COLUMN_TEXT, true },
};

static const struct column split_columns[] = {
    { "phase", "phase", "", COLUMN_TEXT, true },
    { "rival", "against", "", COLUMN_TEXT, true },
    { "metric", "of", "", COLUMN_TEXT, true },
    { "tokens", "T", "", COLUMN_WHOLE, true },
    { "batch", "B", "", COLUMN_WHOLE, true },
    { "saves_on", "saves on", "", COLUMN_TEXT, true },
    { "costs_on", "costs on", "", COLUMN_TEXT, true },
};

/* Rows of a table that the summary holds: {KEY: text or {value}}. */
static void add_table(struct table *t, const struct run *run, const char *path)
{
    const json_t *list = jsonpath_at(run->summary, path), *row;
    char value[96];
    size_t i;

    json_array_foreach(list, i, row) {
        table_row(t, ROW_PLAIN);
        for (size_t c = 0; c < t->n_columns; c++) {
            snprintf(value, sizeof value, "%s.value", t->column[c].key);
            if (t->column[c].style == COLUMN_TEXT)
                put_text(t, row, t->column[c].key);
            else
                put_number(t, row, value, false);
        }
    }
}

static void add_doubts(struct table *t, const struct run *run)
{
    add_table(t, run, "flips.numbers.rows");
}

static void add_splits(struct table *t, const struct run *run)
{
    add_table(t, run, "flips.machines.rows");
}

void tables_flips(struct report *r)
{
    struct table *t;

    if (!report_asked(r))
        return;
    t = REPORT_ADD_TABLE(r, PHASES, "What is left of a saving, stage by stage",
                         "asked-waterfall", fall_columns);
    table_caption(t, "Shares of the rival's: of a decode step of the mix; of its "
                  "requests from prompt to last token; and the largest batch that "
                  "fits. Nominal: the twin's FLOPs, of each routed layer but the "
                  "share that it keeps.");
    add_all(r, t, add_falls);
    t = REPORT_ADD_TABLE(r, FLIPS, NULL, "asked-doubts", doubt_columns);
    table_caption(t, "Cells whose interval holds 1, by the number of the machine that "
                  "makes most of it. Its share of the variance: the squared "
                  "correlation of its 256 draws with the ratio's, as far as the "
                  "ratio is linear in it; of launches, which differ by kind of work, "
                  "that of all kinds. What all numbers lack of 100 %% is left to how "
                  "they act together.");
    add_all(r, t, add_doubts);
    t = REPORT_ADD_TABLE(r, FLIPS, NULL, "asked-splits", split_columns);
    table_caption(t, "Phases, lengths and batches that save on one machine and cost "
                  "on another.");
    add_all(r, t, add_splits);
    t = REPORT_ADD_TABLE(r, FLIPS, "By machine, phase, length and batch",
                         "asked-plane", plane_columns);
    table_caption(t, "Batches 1 to 256, each twice the one before: at which a "
                  "step takes less than the rival's, at which more, and at which the "
                  "interval holds 1.");
    add_all(r, t, add_plane);
}
