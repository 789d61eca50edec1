/* sweep_foresee.c - Say what a study would spend, without running it. */
#include "sim/commands/sweep_foresee.h"

#include <math.h>
#include <string.h>

#include "sim/commands/sweep_resolve.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/table.h"

static const struct column columns[] = {
    { "point", "point", "", COLUMN_WHOLE, true },
    { "name", "name", "", COLUMN_TEXT, true },
    { "steps", "steps", "", COLUMN_WHOLE, true },
    { "tokens", "tokens", "", COLUMN_SI, true },
    { "flops", "", "flop", COLUMN_SI, true },
    { "flops_forward_per_token", "forward", "flop/token", COLUMN_SI, true },
    { "parameters", "parameters", "", COLUMN_SI, true },
    { "bytes_kept", "kept", "B", COLUMN_SI, true },
    { "bytes_held", "memory", "B", COLUMN_SI, true },
    { "seconds_modelled", "modelled", "s", COLUMN_SI, true },
};

static void add_row(struct table *t, const struct resolved *r, bool modelled)
{
    const double amounts[] = { r->steps, r->tokens, r->flops, r->flops_forward,
                               r->parameters, r->bytes_kept, r->bytes_held,
                               r->seconds };
    const size_t n = sizeof amounts / sizeof *amounts;

    for (size_t i = 0; i < n - !modelled; i++)
        table_amount(t, amount_of(amounts[i], PROV_PREDICTED));
}

/* The total of what adds up. */
static void add_total(struct table *t, const struct resolved *sum, int32_t n,
                      const char *machine)
{
    struct resolved total = *sum;

    total.flops_forward = total.parameters = total.bytes_held = (double)NAN;
    table_row(t, ROW_TOTAL);
    table_skip(t);
    table_textf(t, "%d points", n);
    add_row(t, &total, machine != NULL);
    if (machine)
        table_caption(t, "Modelled by %.200s, one point after the other: %.3g"
                      " hours.", machine, total.seconds / 3600);
}

static void add_up(struct resolved *sum, const struct resolved *r)
{
    sum->steps += r->steps;
    sum->tokens += r->tokens;
    sum->flops += r->flops;
    sum->bytes_kept += r->bytes_kept;
    sum->seconds += r->seconds;
}

enum status sweep_foresee(const struct sweep *sweep, const char *filter,
                          const char *machine, enum format format,
                          struct error *err)
{
    const size_t n_columns = sizeof columns / sizeof *columns - !machine;
    struct resolved sum = { .steps = 0 };
    struct error last = { STATUS_OK, "" };
    int32_t n = 0, n_bad = 0, n_alike = 0;
    char alike[64] = "";
    struct table t;

    table_open(&t, "points", columns, n_columns);
    for (int32_t i = 0; i < sweep->n_points; i++) {
        const struct sweep_point *point = &sweep->point[i];
        struct resolved r;
        struct error why = { STATUS_OK, "" };
        if (!sweep_matches(point, filter))
            continue;
        n++;
        if (sweep_resolve(&r, sweep, point, (struct resolve_as){
                .with_data = true, .machine = machine }, &why) != STATUS_OK) {
            n_bad++;
            if (strcmp(why.text, last.text) == 0) {
                n_alike++;
                continue;
            }
            command_warn("point %d (%s): %s", i, point->name, why.text);
            last = why;
            continue;
        }
        table_row(&t, ROW_PLAIN);
        table_count(&t, (uint64_t)i, PROV_PREDICTED);
        table_text(&t, point->name);
        add_row(&t, &r, machine != NULL);
        add_up(&sum, &r);
    }
    add_total(&t, &sum, n - n_bad, machine);
    enum status status = table_print(&t, format, stdout, err);
    table_close(&t);
    if (status != STATUS_OK || n_bad == 0)
        return status;
    if (n_alike > 0)
        snprintf(alike, sizeof alike, ", %d for the reason of the one before",
                 n_alike);
    return error_set(err, STATUS_BAD_VALUE, "%d of %d points cannot run%s",
                     n_bad, n, alike);
}
