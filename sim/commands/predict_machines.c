/* predict_machines.c - Set machines side by side: all that come with the program
 * by name, or some by what they would take for a model. */
#include "sim/commands/predict_answer.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"
#include "sim/core/base/shipped.h"

static struct amount amount_of_quantity(const struct quantity *q)
{
    return quantity_known(q) ? amount_of(q->value, PROV_PREDICTED)
                             : amount_unknown(NULL);
}

/* ---- the list ---- */

static const enum precision listed[] = { PRECISION_FP32, PRECISION_BF16,
                                         PRECISION_FP16, PRECISION_FP8,
                                         PRECISION_INT8 };
enum { N_LISTED = sizeof listed / sizeof *listed, N_COLUMNS = 4 + N_LISTED };

static const char ending[] = ".yaml";

static int is_profile(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name), m = strlen(ending);
    return n > m && strcmp(entry->d_name + n - m, ending) == 0;
}

static enum status add_listed(struct table *t, const char *folder,
                              const char *file, struct error *err)
{
    char path[FILE_PATH_SIZE];
    struct machine machine;
    enum status status = file_join(path, folder, file, err);

    if (status == STATUS_OK)
        status = machine_load(&machine, path, err);
    if (status != STATUS_OK)
        return status;
    table_row(t, ROW_PLAIN);
    table_textf(t, "%.*s", (int)(strlen(file) - strlen(ending)), file);
    for (int i = 0; i < N_LISTED; i++)
        table_quantity(t, amount_of_quantity(machine_peak(&machine, listed[i])),
                       "flop/s");
    table_quantity(t, amount_of_quantity(
        &machine.level[LEVEL_DRAM].bytes_per_second), "B/s");
    table_quantity(t, amount_of_quantity(&machine.memory_bytes), "B");
    table_quantity(t, amount_of_quantity(&machine.watts.cap), "W");
    return STATUS_OK;
}

enum status predict_machines_list(FILE *file, enum format format,
                                  struct error *err)
{
    struct column columns[N_COLUMNS] = {
        { "machine", "machine", "", COLUMN_TEXT, true } };
    static const char *const rest[] = { "bytes_per_second", "memory_bytes",
                                        "watts" };
    char folder[FILE_PATH_SIZE], keys[N_LISTED][32];
    struct dirent **entry;
    struct table t;

    if (!shipped_folder(folder, "machines"))
        return error_set(err, STATUS_FAILED, "no machine profiles: neither"
                         " beside the program nor installed");
    const int n = scandir(folder, &entry, is_profile, alphasort);
    if (n < 0)
        return error_set(err, STATUS_IO, "cannot read %s", folder);
    for (int i = 0; i < N_LISTED; i++) {
        const char *name = precision_names[listed[i]];
        snprintf(keys[i], sizeof keys[i], "%s_flops_per_second", name);
        columns[1 + i] = (struct column){ keys[i], name, "", COLUMN_QUANTITY,
                                          true };
    }
    for (int i = 0; i < N_COLUMNS - 1 - N_LISTED; i++)
        columns[1 + N_LISTED + i] = (struct column){
            rest[i], ((const char *const[]){ "memory's rate", "memory",
            "design power" })[i], "", COLUMN_QUANTITY, true };
    table_open(&t, "machines", columns, N_COLUMNS);
    enum status status = STATUS_OK;
    for (int i = 0; i < n; i++) {
        if (status == STATUS_OK)
            status = add_listed(&t, folder, entry[i]->d_name, err);
        free(entry[i]);
    }
    free(entry);
    if (status == STATUS_OK)
        status = table_print(&t, format, file, err);
    table_close(&t);
    return status;
}

/* ---- side by side ---- */

/* What one machine takes. */
struct priced {
    char   name[CONFIG_TEXT_SIZE];
    struct predict_row rows[PREDICT_ROWS_MAX], total;
    int    n_rows;
    struct predict_ratios ratios;         /* to the rival that is told */
    char   reasons[METRIC_COUNT][TABLE_NAME_SIZE * 8];
};

/* Blocks of columns, one in each for every machine. */
static const struct block {
    const char *over;             /* NULL: whose it is a share of, is told */
    enum metric metric;
} blocks[] = {
    { "time", METRIC_SECONDS },
    { NULL, METRIC_SECONDS },
    { "energy", METRIC_JOULES },
};
enum { N_BLOCKS = sizeof blocks / sizeof *blocks };

static enum status price(struct priced *out, struct predict_answer *a,
                         const char *name, struct error *err)
{
    enum status status = machine_load(a->machine, name, err);

    contest_close(&a->contest);
    if (status == STATUS_OK)
        status = predict_work_out(a, err);
    if (status != STATUS_OK)
        return status;
    strcpy(out->name, a->machine->name);
    memcpy(out->rows, a->rows, sizeof out->rows);
    out->n_rows = a->n_rows;
    out->total = a->total;
    out->ratios = predict_ratios(&a->contest, predict_told(a));
    for (int i = 0; i < N_BLOCKS; i++) {
        const char *why = ledger_reason(a->contest.model.ledger,
                                        blocks[i].metric);
        snprintf(out->reasons[blocks[i].metric], sizeof *out->reasons, "%s",
                 why ? why : "");
    }
    return STATUS_OK;
}

static struct amount amount_in(const struct block *block,
                               const struct priced *p, const struct cost *cost,
                               const struct cost *rival)
{
    const double of = cost_get(rival, block->metric);

    if (!block->over)
        return amount_of(of > 0 ? cost_get(cost, block->metric) / of
                                : (double)NAN, PROV_PREDICTED);
    return cost_known(cost, block->metric)
               ? amount_of(cost_get(cost, block->metric), PROV_PREDICTED)
               : amount_unknown(p->reasons[block->metric]);
}

/* Row r of the table, of one of the models; -1: the total. */
static void add_row(struct table *t, const char *name, const struct priced *p,
                    int n, int r, int model, int told)
{
    table_row(t, r < 0 ? ROW_TOTAL : ROW_PLAIN);
    table_text(t, name);
    for (int i = 0; i < N_BLOCKS * n; i++) {
        const struct priced *one = &p[i % n];
        const struct predict_row *row = r < 0 ? &one->total : &one->rows[r];
        table_amount(t, amount_in(&blocks[i / n], one,
                                  predict_cost(row, model),
                                  &row->rival[told]));
    }
}

/* What each machine takes of the rival's time and energy. */
static void print_against(FILE *file, const struct predict_answer *a,
                          const struct priced *p, int n)
{
    const int told = predict_told(a);

    if (spec_is_dense(&a->question.spec) && told == PREDICT_TWIN)
        return;
    fprintf(file, "against %s\n", a->rival[told].about);
    for (int i = 0; i < n; i++) {
        fprintf(file, "%s: ", p[i].name);
        predict_against_line(file, &p[i].ratios);
    }
}

static enum status print_text(FILE *file, const struct predict_answer *a,
                              const struct priced *p, int n, struct error *err)
{
    const enum predict_by by = (enum predict_by)a->options->by;
    struct column columns[1 + CONFIG_PATHS_MAX * N_BLOCKS] = {
        { "name", predict_by_names[by], "", COLUMN_TEXT, true } };
    const char *over[1 + CONFIG_PATHS_MAX * N_BLOCKS] = { "" };
    const int told = predict_told(a);
    const char *of_rival = told == PREDICT_TWIN ? "time, of the dense twin's"
                                                : "time, of the rival's";
    struct table t;

    for (int i = 0; i < n * N_BLOCKS; i++) {
        const struct block *block = &blocks[i / n];
        columns[1 + i] = (struct column){ "amount", p[i % n].name,
            block->over ? metric_table[block->metric].unit : "",
            block->over ? COLUMN_SI : COLUMN_FACTOR, true };
        over[1 + i] = block->over ? block->over : of_rival;
    }
    predict_print_question(file, a);
    fputc('\n', file);
    table_open(&t, "predicted", columns, (size_t)(1 + n * N_BLOCKS));
    t.over = over;
    for (int r = 0; r < p->n_rows && by != PREDICT_BY_TOTAL; r++)
        add_row(&t, p->rows[r].name, p, n, r, 0, told);
    add_row(&t, "total", p, n, -1, 0, told);
    for (int r = told; r >= 0; r--)
        add_row(&t, a->rival[r].name, p, n, -1, 1 + r, told);
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    print_against(file, a, p, n);
    fputs("predicted: nothing was run; joules are modelled from the profiles'"
          " coefficients\n", file);
    table_close(&t);
    return status;
}

/* A row for each machine, model and row of the text. */
static enum status print_rows(FILE *file, const struct predict_answer *a,
                              const struct priced *p, int n, struct error *err)
{
    const int told = predict_told(a), n_models = 1 + a->n_rivals;
    const bool other = told != PREDICT_TWIN;
    struct column columns[4 + METRIC_COUNT + PREDICT_AGAINST_COLUMNS] = {
        { "machine", "", "", COLUMN_TEXT, true },
        { "model", "", "", COLUMN_TEXT, true },
        { "phase", "", "", COLUMN_TEXT, true },
        { predict_by_names[a->options->by], "", "", COLUMN_TEXT, true } };
    struct table t;

    for (int m = 0; m < METRIC_COUNT; m++)
        columns[4 + m] = (struct column){
            metric_table[m].column, "", metric_table[m].unit, COLUMN_SI, true };
    memcpy(columns + 4 + METRIC_COUNT, predict_against_columns,
           sizeof predict_against_columns);
    table_open(&t, "predicted", columns,
               4 + METRIC_COUNT + (other ? PREDICT_AGAINST_COLUMNS : 0));
    t.digits = 9;
    for (int i = 0; i < n; i++)
        for (int r = 0; r < n_models * p[i].n_rows; r++) {
            const int model = r / p[i].n_rows;
            const struct predict_row *row = &p[i].rows[r % p[i].n_rows];
            table_row(&t, ROW_PLAIN);
            table_text(&t, p[i].name);
            table_text(&t, predict_model_name(a, model));
            table_text(&t, memory_phase_names[a->question.phase]);
            table_text(&t, row->name);
            for (int m = 0; m < METRIC_COUNT; m++)
                table_cost(&t, predict_cost(row, model), (enum metric)m);
            if (other)
                predict_against_cells(&t, row, model, told,
                    a->options->by == PREDICT_BY_TOTAL ? &p[i].ratios : NULL);
        }
    enum status status = table_print(&t, (enum format)a->options->common.format,
                                     file, err);
    table_close(&t);
    return status;
}

enum status predict_machines_print(FILE *file, struct predict_answer *a,
                                   struct error *err)
{
    const struct config_paths *machines = &a->options->machines;
    struct priced *priced = calloc((size_t)machines->n, sizeof *priced);
    enum status status = STATUS_OK;

    if (!priced)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d machines",
                         machines->n);
    for (int i = 0; i < machines->n && status == STATUS_OK; i++)
        status = price(&priced[i], a, machines->value[i], err);
    if (status == STATUS_OK)
        status = (a->options->common.format == FORMAT_TEXT ? print_text
                  : print_rows)(file, a, priced, machines->n, err);
    free(priced);
    return status;
}
