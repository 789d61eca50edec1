/* answer_deliver.c - Print an answer, or leave it in a directory. */
#include "sim/commands/answer_job.h"

#include <math.h>
#include <stdlib.h>

#include "sim/core/answer/json.h"
#include "sim/core/answer/rundir.h"
#include "sim/core/base/wrap.h"

/* ---- text ---- */

static struct amount amount_or(double value, const char *why)
{
    return isfinite(value) ? amount_of(value, PROV_PREDICTED)
                           : amount_unknown(*why ? why : NULL);
}

enum { FIXED_COLUMNS = 9 };

static void add_row(struct table *t, const struct answer_job *j,
                    const struct answer_cell *cell)
{
    const struct answer_machine *m = &j->machine[cell->machine];
    const struct answer_side *own = &cell->model;

    table_row(t, ROW_PLAIN);
    table_text(t, m->machine.name);
    table_text(t, memory_phase_names[answer_phases[cell->phase]]);
    table_count(t, (uint64_t)cell->n_tokens, PROV_PREDICTED);
    table_count(t, (uint64_t)cell->n_sequences, PROV_PREDICTED);
    table_quantity(t, amount_of(cost_get(&own->total, METRIC_FLOPS),
                                PROV_PREDICTED), "FLOP");
    table_quantity(t, amount_or(cost_get(&own->total, METRIC_SECONDS),
                                m->why[METRIC_SECONDS]), "s");
    table_quantity(t, amount_or(cost_get(&own->total, METRIC_JOULES),
                                m->why[METRIC_JOULES]), "J");
    if (answer_phases[cell->phase] == MEMORY_TRAIN)
        table_skip(t);
    else
        table_quantity(t, amount_of((double)own->hold.bytes[MEMORY_KV],
                                    PROV_PREDICTED), "B");
    table_amount(t, amount_or(own->largest_batch, ""));
    for (int r = 0; r < j->n_rivals; r++) {
        table_amount(t, amount_or(cell->pair[r].seconds.value,
                                  m->why[METRIC_SECONDS]));
        table_amount(t, amount_or(cell->pair[r].joules.value,
                                  m->why[METRIC_JOULES]));
        table_amount(t, amount_or(cell->rival[r].largest_batch, ""));
    }
}

static enum status print_cells(FILE *file, const struct answer_job *j,
                               struct error *err)
{
    struct column columns[FIXED_COLUMNS + 3 * ANSWER_RIVALS_MAX] = {
        { "machine", "machine", "", COLUMN_TEXT, true },
        { "phase", "phase", "", COLUMN_TEXT, true },
        { "tokens", "T", "", COLUMN_WHOLE, true },
        { "batch", "B", "", COLUMN_WHOLE, true },
        { "flops", "FLOPs", "", COLUMN_QUANTITY, true },
        { "seconds", "time", "", COLUMN_QUANTITY, true },
        { "joules", "energy", "", COLUMN_QUANTITY, true },
        { "kv", "KV", "", COLUMN_QUANTITY, true },
        { "largest", "largest B", "", COLUMN_WHOLE, true },
    };
    const char *over[FIXED_COLUMNS + 3 * ANSWER_RIVALS_MAX] = { NULL };
    struct table t;

    for (int r = 0; r < j->n_rivals; r++)
        for (int i = 0; i < 3; i++) {
            columns[FIXED_COLUMNS + 3 * r + i] = (struct column){ "of_rival",
                ((const char *const[]){ "time of", "energy of",
                                        "largest B" })[i], "",
                i < 2 ? COLUMN_FACTOR : COLUMN_WHOLE, true };
            over[FIXED_COLUMNS + 3 * r + i] = j->rival[r].name;
        }
    table_open(&t, "answer", columns,
               (size_t)(FIXED_COLUMNS + 3 * j->n_rivals));
    t.over = over;
    for (size_t i = 0; i < j->n_cells; i++)
        add_row(&t, j, &j->cell[i]);
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}

typedef enum status make(struct table *out, const struct answer_job *job,
                         struct error *err);

static enum status print_table(FILE *file, const struct answer_job *j,
                               make *fill, enum format format,
                               struct error *err)
{
    struct table t;
    enum status status = fill(&t, j, err);

    if (status == STATUS_OK)
        status = table_print(&t, format, file, err);
    table_close(&t);
    return status;
}

static void print_machines(FILE *file, const struct answer_job *j)
{
    char text[ANSWER_WORDS_SIZE] = "";

    for (int m = 0; m < j->n_machines; m++)
        answer_say(text, "%s%s (%s)", m ? ", " : "Machines and formats: ",
                   j->machine[m].machine.name,
                   precision_names[j->machine[m].arithmetic]);
    wrap_text(file, 0, 2, text);
}

static void print_words(FILE *file, const struct answer_job *j)
{
    char text[ANSWER_WORDS_SIZE];

    for (int p = 0; p < ANSWER_PHASES; p++)
        for (int r = 0; r < j->n_rivals; r++) {
            answer_words(text, j, p, r);
            wrap_text(file, 0, 2, text);
        }
}

static void print_flips(FILE *file, const struct answer_job *j)
{
    char text[ANSWER_WORDS_SIZE];

    for (int r = 0; r < j->n_rivals; r++) {
        answer_fall_words(text, j, r);
        wrap_text(file, 0, 2, text);
        answer_doubts_words(text, j, r);
        wrap_text(file, 0, 2, text);
    }
    fputc('\n', file);
}

static void print_mix_words(FILE *file, const struct answer_job *j)
{
    char text[ANSWER_WORDS_SIZE];

    for (int r = 0; r < j->n_rivals; r++) {
        answer_mix_words(text, j, r);
        wrap_text(file, 0, 2, text);
    }
}

/* A dense model against itself, and nobody else was asked for: all factors are
 * 1, and how to ask is the answer. */
static bool is_own_twin(const struct answer_job *j)
{
    return spec_is_dense(&j->file.spec) && j->file.spec.experts.n == 0 &&
           j->options->against.n == 0 && !j->options->study;
}

static enum status print_text(FILE *file, const struct answer_job *j,
                              struct error *err)
{
    char text[ANSWER_WORDS_SIZE];

    answer_about(text, j);
    wrap_text(file, 0, 2, text);
    if (is_own_twin(j))
        return STATUS_OK;
    print_machines(file, j);
    fputc('\n', file);
    for (int r = 0; r < j->n_rivals; r++) {
        answer_lead(text, j, r);
        wrap_text(file, 0, 2, text);
    }
    fputc('\n', file);
    enum status status = print_table(file, j, answer_digest_table, FORMAT_TEXT,
                                     err);
    fputc('\n', file);
    print_words(file, j);
    fputc('\n', file);
    print_flips(file, j);
    if (status == STATUS_OK)
        status = print_cells(file, j, err);
    fputc('\n', file);
    print_mix_words(file, j);
    if (status == STATUS_OK)
        status = print_table(file, j, answer_mix_table, FORMAT_TEXT, err);
    wrap_text(file, 0, 0, "predicted: nothing was run; time and energy are"
              " modelled from the profiles' coefficients, and intervals are 80"
              " % of their draws; of it: the model's over the rival's");
    return status;
}

/* ---- JSON ---- */

static json_t *tally_json(const struct answer_job *j, int phase, int rival,
                          enum metric metric)
{
    const struct answer_tally t = answer_tally(j, phase, rival, metric);
    const double nothing = (double)NAN;

    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o}",
        "verdict", answer_verdict(&t), "cells", t.n, "saves", t.saves,
        "costs", t.costs, "model_alone_fits", t.alone, "does_not_fit", t.unfit,
        "unknown", t.unknown,
        "lowest", json_number(t.best ? answer_ratio(t.best, rival,
                                                    metric)->value : nothing),
        "highest", json_number(t.worst ? answer_ratio(t.worst, rival,
                                                      metric)->value
                                       : nothing));
}

static json_t *verdicts_json(const struct answer_job *j)
{
    json_t *list = json_array();
    char text[ANSWER_WORDS_SIZE];

    for (int p = 0; p < ANSWER_PHASES; p++)
        for (int r = 0; r < j->n_rivals; r++) {
            answer_words(text, j, p, r);
            json_array_append_new(list, json_pack(
                "{s:s, s:s, s:s, s:o, s:o, s:o}",
                "phase", memory_phase_names[answer_phases[p]],
                "rival", j->asked[r], "words", text,
                "flops", tally_json(j, p, r, METRIC_FLOPS),
                "seconds", tally_json(j, p, r, METRIC_SECONDS),
                "joules", tally_json(j, p, r, METRIC_JOULES)));
        }
    return list;
}

static json_t *rivals_json(const struct answer_job *j)
{
    json_t *list = json_array();
    char text[ANSWER_WORDS_SIZE];

    for (int r = 0; r < j->n_rivals; r++) {
        answer_lead(text, j, r);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:f, s:s}",
            "rival", j->asked[r], "name", j->rival[r].name,
            "about", j->rival[r].about, "layers", j->rival[r].layers,
            "words", text));
    }
    return list;
}

static json_t *machines_json(const struct answer_job *j)
{
    json_t *list = json_array();

    for (int m = 0; m < j->n_machines; m++)
        json_array_append_new(list, json_pack("{s:s, s:s}",
            "name", j->machine[m].machine.name, "arithmetic",
            precision_names[j->machine[m].arithmetic]));
    return list;
}

static json_t *numbers_json(const struct config_int_list *list)
{
    json_t *out = json_array();

    for (int i = 0; i < list->n; i++)
        json_array_append_new(out, json_integer((json_int_t)list->value[i]));
    return out;
}

static json_t *config_of(const struct answer_job *j)
{
    const struct answer_options *o = j->options;
    return json_pack("{s:s, s:o, s:o, s:o, s:s, s:O}",
        "file", o->common.operand[0], "machines", machines_json(j),
        "batches", numbers_json(&o->batches),
        "tokens", numbers_json(&o->contexts),
        "execution", execution_names[o->execution], "model", j->file.config);
}

/* A table as JSON has it. */
static enum status table_as_json(json_t **out, const struct answer_job *j,
                                 make *fill, struct error *err)
{
    struct table t;
    char *text = NULL;
    size_t size = 0;
    enum status status = fill(&t, j, err);
    FILE *file = status == STATUS_OK ? file_open_text(&text, &size) : NULL;

    if (status == STATUS_OK && !file)
        status = error_set(err, STATUS_NO_MEMORY, "no memory for a table");
    if (status == STATUS_OK)
        status = table_json(&t, file, err);
    if (file && !file_close_text(file, &text) && status == STATUS_OK)
        status = error_set(err, STATUS_NO_MEMORY, "no memory for a table");
    if (status == STATUS_OK)
        status = json_parse(out, text, size, t.name, err);
    free(text);
    table_close(&t);
    return status;
}

/* Tables of what flips, and the words of each rival. */
static enum status flips_json(json_t **out, const struct answer_job *j,
                              struct error *err)
{
    json_t *doubts = NULL, *splits = NULL, *words = json_array();
    char text[ANSWER_WORDS_SIZE];
    enum status status = table_as_json(&doubts, j, answer_doubts_table, err);

    if (status == STATUS_OK)
        status = table_as_json(&splits, j, answer_splits_table, err);
    for (int r = 0; r < j->n_rivals; r++) {
        answer_doubts_words(text, j, r);
        json_array_append_new(words, json_pack("{s:s, s:s}", "rival",
                                               j->asked[r], "words", text));
    }
    *out = json_pack("{s:o, s:o*, s:o*, s:o}", "words", words,
                     "numbers", doubts, "machines", splits,
                     "plane", answer_flips_json(j));
    return status;
}

static enum status summary_of(json_t **out, const struct answer_job *j,
                              struct error *err)
{
    const struct command_options *o = &j->options->common;
    char about[ANSWER_WORDS_SIZE];
    json_t *flips = NULL;
    json_t *summary = summary_open("answer", config_of(j),
        provenance_json(o->argc, o->argv, o->threads, 0, NULL, NULL, NULL));

    *out = summary;
    if (!summary)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
    answer_about(about, j);
    json_object_set_new(summary, "about", json_string(about));
    json_object_set_new(summary, "interval", json_real(0.8));
    json_object_set_new(summary, "rivals", rivals_json(j));
    json_object_set_new(summary, "verdicts", verdicts_json(j));
    json_object_set_new(summary, "waterfall", answer_fall_json(j));
    json_object_set_new(summary, "mix", answer_mix_json(j));
    enum status status = flips_json(&flips, j, err);
    json_object_set_new(summary, "flips", flips);
    return status;
}

/* The cells as a table, as answer.csv has them. */
static enum status add_cells(json_t *summary, const struct answer_job *j,
                             struct error *err)
{
    json_t *cells = NULL;
    enum status status = table_as_json(&cells, j, answer_cells_table, err);

    if (status == STATUS_OK)
        json_object_set_new(summary, "cells", cells);
    return status;
}

static enum status print_json(FILE *file, const struct answer_job *j,
                              struct error *err)
{
    json_t *summary = NULL;
    enum status status = summary_of(&summary, j, err);

    if (status == STATUS_OK)
        status = add_cells(summary, j, err);
    if (status == STATUS_OK)
        status = json_print(summary, file, err);
    json_decref(summary);
    return status;
}

/* ---- delivery ---- */

static enum status write_table(const struct rundir *dir,
                               const struct answer_job *j, make *fill,
                               const char *name, struct error *err)
{
    struct table t;
    enum status status = fill(&t, j, err);

    if (status == STATUS_OK)
        status = table_write(&t, FORMAT_CSV, dir->path, name, err);
    table_close(&t);
    return status;
}

static const struct { const char *name; make *fill; } files[] = {
    { "answer.csv", answer_cells_table },   { "mix.csv", answer_mix_table },
    { "flips.csv", answer_flips_table },    { "waterfall.csv", answer_fall_table },
    { "doubts.csv", answer_doubts_table },  { "splits.csv", answer_splits_table },
};

static enum status write_all(const struct answer_job *j, struct error *err)
{
    struct rundir dir;
    json_t *summary = NULL;
    enum status status = rundir_open_anew(&dir, j->options->common.output,
                                         "answer", err);

    if (status != STATUS_OK)
        return status;
    rundir_clear(&dir);
    status = summary_of(&summary, j, err);
    for (size_t i = 0; i < sizeof files / sizeof *files && status == STATUS_OK;
         i++)
        status = write_table(&dir, j, files[i].fill, files[i].name, err);
    if (status == STATUS_OK)
        status = rundir_finish(&dir, summary, err);
    json_decref(summary);
    rundir_close(&dir);
    return status;
}

enum status answer_deliver(const struct answer_job *j, struct error *err)
{
    const enum format format = (enum format)j->options->common.format;
    enum status status = j->options->common.output ? write_all(j, err)
                                                   : STATUS_OK;

    if (status != STATUS_OK)
        return status;
    return format == FORMAT_TEXT  ? print_text(stdout, j, err)
           : format == FORMAT_CSV ? print_table(stdout, j, answer_cells_table,
                                                FORMAT_CSV, err)
                                  : print_json(stdout, j, err);
}
