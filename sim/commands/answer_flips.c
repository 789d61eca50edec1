/* answer_flips.c - Tabulate the plane of batch and context: where time and energy
 * over a rival cross 1. */
#include "sim/commands/answer_job.h"

#include <math.h>

#include "sim/core/answer/json.h"

static void add_estimate(struct table *t, const struct estimate *e)
{
    const double of[] = { e->value, e->low, e->high };

    for (int i = 0; i < 3; i++)
        table_amount(t, isfinite(of[i]) ? amount_of(of[i], PROV_PREDICTED)
                                        : amount_unknown(NULL));
}

static void add_cell(struct table *t, const struct answer_job *j,
                     const struct answer_cell *cell, int rival)
{
    const struct answer_machine *m = &j->machine[cell->machine];

    table_row(t, ROW_PLAIN);
    table_text(t, m->machine.name);
    table_text(t, memory_phase_names[answer_phases[cell->phase]]);
    table_text(t, j->asked[rival]);
    table_count(t, (uint64_t)cell->n_tokens, PROV_PREDICTED);
    table_count(t, (uint64_t)cell->n_sequences, PROV_PREDICTED);
    table_text(t, answer_stands[answer_stand(cell, rival, METRIC_SECONDS)]);
    add_estimate(t, &cell->pair[rival].seconds);
    table_text(t, answer_stands[answer_stand(cell, rival, METRIC_JOULES)]);
    add_estimate(t, &cell->pair[rival].joules);
}

enum status answer_flips_table(struct table *out, const struct answer_job *j,
                               struct error *err)
{
    static const struct column columns[] = {
        { "machine", "", "", COLUMN_TEXT, true },
        { "phase", "", "", COLUMN_TEXT, true },
        { "rival", "", "", COLUMN_TEXT, true },
        { "tokens", "", "", COLUMN_WHOLE, true },
        { "batch", "", "", COLUMN_WHOLE, true },
        { "time", "", "", COLUMN_TEXT, true },
        { "seconds_of_rival", "", "", COLUMN_FACTOR, true },
        { "seconds_of_rival_low", "", "", COLUMN_FACTOR, true },
        { "seconds_of_rival_high", "", "", COLUMN_FACTOR, true },
        { "energy", "", "", COLUMN_TEXT, true },
        { "joules_of_rival", "", "", COLUMN_FACTOR, true },
        { "joules_of_rival_low", "", "", COLUMN_FACTOR, true },
        { "joules_of_rival_high", "", "", COLUMN_FACTOR, true },
    };

    table_open(out, "flips", columns, sizeof columns / sizeof *columns);
    out->digits = 4;                 /* of 64 draws */
    for (size_t i = 0; i < j->n_plane; i++)
        for (int r = 0; r < j->n_rivals; r++)
            add_cell(out, j, &j->plane[i], r);
    if (out->status != STATUS_OK)
        error_set(err, out->status, "no memory for the table");
    return out->status;
}

/* ---- JSON: a row a machine, phase, rival and length ---- */

/* {"saves": [1, 2, 4], "costs": [...], ...}: batches of a row of the plane. */
static json_t *batches_json(const struct answer_job *j,
                            const struct answer_cell *row, int rival,
                            enum metric metric)
{
    json_t *out = json_object();

    for (int s = 0; s < STAND_COUNT; s++) {
        json_t *list = json_array();
        for (int b = 0; b < j->plane_batches.n; b++)
            if ((int)answer_stand(&row[b], rival, metric) == s)
                json_array_append_new(list,
                                      json_integer(row[b].n_sequences));
        if (json_array_size(list) > 0)
            json_object_set_new(out, answer_stands[s], list);
        else
            json_decref(list);
    }
    return out;
}

json_t *answer_flips_json(const struct answer_job *j)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < j->n_plane; i += (size_t)j->plane_batches.n)
        for (int r = 0; r < j->n_rivals; r++) {
            const struct answer_cell *row = &j->plane[i];
            json_array_append_new(rows, json_pack(
                "{s:s, s:s, s:s, s:i, s:o, s:o}",
                "machine", j->machine[row->machine].machine.name,
                "phase", memory_phase_names[answer_phases[row->phase]],
                "rival", j->asked[r], "tokens", (int)row->n_tokens,
                "seconds", batches_json(j, row, r, METRIC_SECONDS),
                "joules", batches_json(j, row, r, METRIC_JOULES)));
        }
    return rows;
}
