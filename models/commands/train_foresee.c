/* train_foresee.c - Say what a training would spend, without training. */
#include "models/commands/train_job.h"

#include <inttypes.h>
#include <math.h>

#include "sim/core/answer/table.h"
#include "sim/price/memory.h"
#include "sim/price/predict.h"

static void add_row(struct table *t, const struct train_job *s,
                    const struct cost *step, enum metric metric)
{
    const double amount = cost_known(step, metric) ? cost_get(step, metric)
                                                   : (double)NAN;
    const char *unit = metric_table[metric].unit;
    struct amount one = amount_of(amount, step->from[metric]);
    struct amount all = amount_of(amount * (double)s->config.steps,
                                  step->from[metric]);

    one.modelled = all.modelled = amount_is_model(metric, step->from[metric]);
    table_row(t, ROW_PLAIN);
    table_text(t, metric_table[metric].column);
    table_quantity(t, one, unit);
    table_quantity(t, all, unit);
}

/* The interval of the seconds of a step, from the machine's. */
static enum status price_range(struct predict_range *range,
                               const struct train_job *s, struct error *err)
{
    const struct predict_job job = { .spec = &s->spec,
                                     .allocation = &s->allocation,
                                     .machine = s->machine };
    struct ledger *scratch = NULL;
    enum status status = ledger_open(&scratch, (struct ledger_shape){
        .by_pass = true, .by_op = true, .n_layers = s->spec.n_layers },
        cost_zero(PROV_PREDICTED), err);

    if (status == STATUS_OK)
        status = predict_train_step(scratch, &job, range, err);
    ledger_close(scratch);
    return status;
}

static void print_end(FILE *file, const struct train_job *s,
                      const struct predict_range *range)
{
    const double steps = (double)s->config.steps;
    char value[PROGRESS_DURATION_SIZE], low[PROGRESS_DURATION_SIZE],
         high[PROGRESS_DURATION_SIZE];

    progress_duration(value, steps * range->seconds.value);
    progress_duration(low, steps * range->seconds.low);
    progress_duration(high, steps * range->seconds.high);
    fprintf(file, "ends      after %s on %s, from %s to %s (modelled)\n", value,
            s->machine->name, low, high);
}

static void print_head(FILE *file, const struct train_job *s)
{
    const struct train_config *c = &s->config;
    const double tokens = (double)(c->steps * c->batch * c->tokens);
    char parameters[TABLE_NUMBER_SIZE], all[TABLE_NUMBER_SIZE];

    table_si(parameters, (double)memory_parameters(&s->spec), "");
    table_si(all, tokens, "");
    fprintf(file, "model     %d layers, C %d, %d routed, %s parameters\n"
            "steps     %" PRId64 " of %" PRId64 " x %" PRId64 " tokens, %s"
            " tokens in all%s\n", s->spec.n_layers, s->spec.n_channels,
            spec_n_routed(&s->spec), parameters, c->steps, c->batch, c->tokens,
            all, c->capacity_warmup > 0 ? "; those of the capacity's warmup cost"
                                          " more than is said below" : "");
}

static void print_memory(FILE *file, const struct train_job *s)
{
    char need[TABLE_NUMBER_SIZE], have[TABLE_NUMBER_SIZE];

    table_si(need, (double)train_predicted_bytes(s), "B");
    table_si(have, (double)command_memory_bytes(), "B");
    fprintf(file, "memory    %s, of %s in this machine\n", need,
            have);
}

enum status train_foresee(const struct train_job *s, struct error *err)
{
    static const struct column columns[] = {
        { "metric", "", "", COLUMN_TEXT, true },
        { "step", "a step", "", COLUMN_QUANTITY, false },
        { "run", "in all", "", COLUMN_QUANTITY, false },
    };
    static const enum metric shown[] = { METRIC_FLOPS, METRIC_BYTES,
                                         METRIC_SECONDS, METRIC_JOULES };
    const enum format format = (enum format)s->arguments.common.format;
    const bool text = format == FORMAT_TEXT;
    const struct cost step = ledger_sum(s->predicted, LEDGER_ANY, LEDGER_ANY,
                                        LEDGER_ANY, LEDGER_ANY);
    struct predict_range range = { .joules = { 0 } };
    struct table t;
    enum status status = s->machine ? price_range(&range, s, err) : STATUS_OK;

    if (status != STATUS_OK)
        return status;
    if (text)
        print_head(stdout, s);
    table_open(&t, "foreseen", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (s->machine || shown[i] == METRIC_FLOPS || shown[i] == METRIC_BYTES)
            add_row(&t, s, &step, shown[i]);
    status = table_print(&t, format, stdout, err);
    table_close(&t);
    if (!text || status != STATUS_OK)
        return status;
    print_memory(stdout, s);
    if (s->machine)
        print_end(stdout, s, &range);
    puts(s->machine ? "config and text are right; nothing was trained"
                    : "config and text are right; nothing was trained;"
                      " --machine NAME foretells time and energy");
    return STATUS_OK;
}
