/* tables_asked.c - Add the tables that isobath answer left: does it save, in which
 * phase and against whom; every cell; and a mix of requests. */
#include "reports/tables/tables.h"

#include "reports/read/jsonpath.h"

/* ---- does it save? ---- */

static const struct column verdict_columns[] = {
    { "model", "model", "", COLUMN_TEXT, true },
    { "phase", "phase", "", COLUMN_TEXT, true },
    { "rival", "against", "", COLUMN_TEXT, true },
    { "flops_lowest", "FLOPs of it, lowest", "", COLUMN_FACTOR, false },
    { "flops_highest", "highest", "", COLUMN_FACTOR, false },
    { "saves_time", "saves time", "", COLUMN_TEXT, true },
    { "seconds_lowest", "time of it, lowest", "", COLUMN_FACTOR, false },
    { "seconds_highest", "highest", "", COLUMN_FACTOR, false },
    { "saves_energy", "saves energy", "", COLUMN_TEXT, true },
    { "joules_lowest", "energy of it, lowest", "", COLUMN_FACTOR, false },
    { "joules_highest", "highest", "", COLUMN_FACTOR, false },
};

static const char *or_nothing(const char *text)
{
    return text ? text : "";
}

static void put_bounds(struct table *t, const json_t *tally, bool modelled)
{
    static const char *const ends[] = { "lowest", "highest" };

    for (int i = 0; i < 2; i++) {
        struct amount amount = amount_of(jsonpath_number(tally, ends[i]),
                                         PROV_PREDICTED);
        amount.modelled = modelled;
        table_amount(t, amount);
    }
}

/* "in part, 27 of 28" */
static void put_verdict(struct table *t, const json_t *tally)
{
    table_textf(t, "%s, %.0f of %.0f", or_nothing(jsonpath_text(tally,
                                                                "verdict")),
                jsonpath_number(tally, "saves"),
                jsonpath_number(tally, "cells"));
}

static void add_verdicts(struct table *t, const struct run *run)
{
    const json_t *list = jsonpath_at(run->summary, "verdicts"), *verdict;
    char model[RUN_NAME_SIZE];
    size_t i;

    run_model(model, run);
    json_array_foreach(list, i, verdict) {
        table_row(t, ROW_PLAIN);
        table_text(t, model);
        table_text(t, or_nothing(jsonpath_text(verdict, "phase")));
        table_text(t, or_nothing(jsonpath_text(verdict, "rival")));
        put_bounds(t, jsonpath_at(verdict, "flops"), false);
        put_verdict(t, jsonpath_at(verdict, "seconds"));
        put_bounds(t, jsonpath_at(verdict, "seconds"), true);
        put_verdict(t, jsonpath_at(verdict, "joules"));
        put_bounds(t, jsonpath_at(verdict, "joules"), true);
    }
}

static void verdicts(struct report *r)
{
    struct table *t = REPORT_ADD_TABLE(r, ANSWER, NULL, "asked",
                                       verdict_columns);

    table_caption(t, "Does it save? A cell is a machine, a batch and a length; it "
                  "saves where the whole interval of the model's time or energy "
                  "over the rival's lies below 1: 80 %% of the draws of the "
                  "machine's numbers, the same for both.");
    t->grouped = true;
    for (size_t i = 0; i < r->n_worked; i++)
        if (r->worked[i]->kind == RUN_ASKED)
            add_verdicts(t, r->worked[i]);
}

/* ---- files of the directory ---- */

#define MODELLED(key, heading, unit, style) { key, heading, unit, style, false }

static const struct column mix_columns[] = {
    { "machine", "machine", "", COLUMN_TEXT, true },
    { "model", "model", "", COLUMN_TEXT, true },
    { "concurrency", "at once", "", COLUMN_WHOLE, true },
    { "bound", "bound by", "", COLUMN_TEXT, true },
    MODELLED("first_token_seconds", "first token", "s", COLUMN_SI),
    MODELLED("next_token_seconds", "next token", "s", COLUMN_SI),
    MODELLED("tokens_per_second", "tokens/s", "", COLUMN_WHOLE),
    MODELLED("machine_hours_per_million", "machine hours a million", "",
             COLUMN_LOSS),
    MODELLED("kwh_per_million", "kWh a million", "", COLUMN_LOSS),
    MODELLED("usd_per_million", "USD a million", "", COLUMN_LOSS),
    MODELLED("grams_co2_per_million", "gCO2 a million", "", COLUMN_FACTOR),
    MODELLED("seconds_of_it", "the model's time over it", "", COLUMN_FACTOR),
    MODELLED("joules_of_it", "the model's energy over it", "", COLUMN_FACTOR),
};

static const struct column cell_columns[] = {
    { "machine", "machine", "", COLUMN_TEXT, true },
    { "phase", "phase", "", COLUMN_TEXT, true },
    { "tokens", "T", "", COLUMN_WHOLE, true },
    { "batch", "B", "", COLUMN_WHOLE, true },
    { "rival", "against", "", COLUMN_TEXT, true },
    { "flops", "", "flop", COLUMN_SI, false },
    MODELLED("seconds", "", "s", COLUMN_SI),
    MODELLED("joules", "", "J", COLUMN_SI),
    MODELLED("kv_bytes", "KV", "B", COLUMN_SI),
    { "largest_batch", "largest B", "", COLUMN_WHOLE, false },
    { "rival_largest_batch", "of the rival", "", COLUMN_WHOLE, false },
    { "flops_of_rival", "FLOPs of it", "", COLUMN_FACTOR, false },
    MODELLED("seconds_of_rival", "time of it", "", COLUMN_FACTOR),
    MODELLED("joules_of_rival", "energy of it", "", COLUMN_FACTOR),
};

static void add_rows(struct table *t, const struct csv *csv)
{
    for (size_t row = 0; row < csv->n_rows; row++) {
        table_row(t, ROW_PLAIN);
        tables_fields(t, csv, row, 0, PROV_PREDICTED);
    }
}

static void add_file(struct table *t, const struct report *r, const char *file)
{
    t->grouped = true;
    for (size_t i = 0; i < r->n_worked; i++) {
        struct csv csv;
        if (r->worked[i]->kind != RUN_ASKED)
            continue;
        if (csv_open_in(&csv, r->worked[i]->path, file, NULL) == STATUS_OK)
            add_rows(t, &csv);
        csv_close(&csv);
    }
}

void tables_asked(struct report *r)
{
    struct table *t;
    bool any = false;

    for (size_t i = 0; i < r->n_worked; i++)
        any |= r->worked[i]->kind == RUN_ASKED;
    if (!any)
        return;
    verdicts(r);
    t = REPORT_ADD_TABLE(r, PHASES, NULL, "asked-mix", mix_columns);
    table_caption(t, "A mix of requests, as many at once as are asked for and fit "
                  "into memory and limits; a million is of new tokens. Money and "
                  "grams are told where the machine's profile tells a price, a "
                  "grid and the site's share.");
    add_file(t, r, "mix.csv");
    t = REPORT_ADD_TABLE(r, PHASES, "Every machine, length and batch",
                         "asked-cells", cell_columns);
    table_caption(t, "A step of the model, and its share of the rival's. Nothing "
                  "was run.");
    add_file(t, r, "answer.csv");
}
