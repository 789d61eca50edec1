/* import_text.c - Print an imported trace as tables. */
#include "hwprof/commands/import_job.h"

#include <math.h>
#include <stdio.h>
#include "sim/core/answer/table.h"

static struct amount amount(double value)
{
    return amount_of(value, PROV_PREDICTED);
}

static void add_row(struct table *t, const char *pass, const char *op,
                    const struct import_cell *c, double whole,
                    enum row_kind kind)
{
    table_row(t, kind);
    table_text(t, pass);
    table_text(t, op);
    table_count(t, (uint64_t)c->calls, PROV_COUNTED);
    table_amount(t, amount(c->flops));
    table_amount(t, amount(c->bytes));
    table_amount(t, amount_of(c->seconds, PROV_MEASURED));
    table_amount(t, amount(import_per(c->seconds, whole)));
    table_amount(t, amount(import_per(c->flops, c->seconds)));
    table_amount(t, amount(c->predicted_seconds));
    table_amount(t, amount(import_per(c->seconds, c->predicted_seconds)));
}

enum status import_print_ops(FILE *file, const struct import_job *job,
                             struct error *err)
{
    static const struct column columns[] = {
        { "pass", "pass", "", COLUMN_TEXT, true },
        { "op", "op", "", COLUMN_TEXT, true },
        { "calls", "calls", "", COLUMN_WHOLE, true },
        { "flops", "", "flop", COLUMN_SI, true },
        { "bytes", "", "B", COLUMN_SI, true },
        { "seconds", "measured", "s", COLUMN_SI, true },
        { "share", "share", "", COLUMN_SHARE, true },
        { "flops_per_second", "", "flop/s", COLUMN_SI, true },
        { "predicted_seconds", "predicted", "s", COLUMN_SI, true },
        { "of_predicted", "of predicted", "", COLUMN_FACTOR, true },
    };
    const double whole = job->trace.seconds;
    struct table t;

    table_open(&t, "imported", columns, sizeof columns / sizeof *columns);
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            if (job->cell[p][o].calls > 0)
                add_row(&t, pass_names[p], op_table[o].name, &job->cell[p][o],
                        whole, ROW_PLAIN);
    add_row(&t, "all", "mapped", &job->total, whole, ROW_TOTAL);
    const enum format format = (enum format)job->options->common.format;
    enum status status = table_print(&t, format == FORMAT_CSV ? format
                                                              : FORMAT_TEXT,
                                     file, err);
    table_close(&t);
    return status;
}

enum { UNMAPPED_SHOWN = 12 };

static enum status print_unmapped(FILE *file, const struct torch_trace *trace,
                                  struct error *err)
{
    static const struct column columns[] = {
        { "unmapped", "none of our ops", "", COLUMN_TEXT, true },
        { "calls", "calls", "", COLUMN_WHOLE, true },
        { "seconds", "measured", "s", COLUMN_SI, true },
        { "share", "share", "", COLUMN_SHARE, true },
    };
    struct table t;

    table_open(&t, "unmapped", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < trace->n_unmapped && i < UNMAPPED_SHOWN; i++) {
        const struct torch_unmapped *u = &trace->unmapped[i];
        table_row(&t, ROW_PLAIN);
        table_textf(&t, "%.60s", u->name);
        table_count(&t, (uint64_t)u->n, PROV_COUNTED);
        table_amount(&t, amount_of(u->seconds, PROV_MEASURED));
        table_amount(&t, amount(import_per(u->seconds, trace->seconds)));
    }
    table_row(&t, ROW_TOTAL);
    table_textf(&t, "all %zu", trace->n_unmapped);
    table_skip(&t);
    table_amount(&t, amount_of(trace->unmapped_seconds, PROV_MEASURED));
    table_amount(&t, amount(import_per(trace->unmapped_seconds,
                                       trace->seconds)));
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}

enum status import_print(const struct import_job *job, struct error *err)
{
    const struct torch_trace *t = &job->trace;
    char all[TABLE_NUMBER_SIZE], span[TABLE_NUMBER_SIZE];

    table_si(all, t->seconds, "s");
    table_si(span, t->busy_until, "s");
    printf("%s: %s, B %g, T %g, C %g, V %g, %lld passes; %s of %s in %s\n\n",
           job->file, import_phase_name(t), t->batch, t->tokens, t->channels,
           t->vocab, (long long)t->passes, table_ascii(all),
           t->device ? "kernels" : "the CPU", table_ascii(span));
    if (!t->device)
        puts("TIMES ARE OF THE CPU: no kernel of a GPU is in the trace\n");
    enum status status = import_print_ops(stdout, job, err);
    if (status == STATUS_OK && t->n_unmapped > 0) {
        putchar('\n');
        status = print_unmapped(stdout, t, err);
    }
    puts("\nmeasured: by PyTorch's profiler; FLOPs and bytes: from the shapes"
         " of the calls;\npredicted: the roofline of --machine; elements,"
         " copies and casts go with the op before them");
    if (t->unshaped > 0)
        printf("shapes or types are not told of all calls (not of %lld): what"
               " depends on them is unknown\n", (long long)t->unshaped);
    return status;
}
