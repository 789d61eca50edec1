/* predict_measured.c - Set a measured time beside a prediction. */
#include "sim/commands/predict_answer.h"

#include <math.h>

#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"

enum verdict { INSIDE, FASTER, SLOWER, IMPOSSIBLE, NOT_TOLD };
static const char *const verdicts[] = {
    [INSIDE] = "inside the interval", [FASTER] = "faster than the interval",
    [SLOWER] = "slower than the interval", [IMPOSSIBLE] = "impossible",
    [NOT_TOLD] = "no time is predicted",
};

/* NAN, an unknown bound, compares false. */
static enum verdict judge(const struct predict_range *r, double measured)
{
    return measured < r->least_memory || measured < r->least_arithmetic
               ? IMPOSSIBLE
           : isnan(r->seconds.value)    ? NOT_TOLD
           : measured < r->seconds.low  ? FASTER
           : measured > r->seconds.high ? SLOWER : INSIDE;
}

/* Why it is impossible; "" where it is not. */
static void explain(char out[160], const struct predict_answer *a)
{
    const struct predict_range *r = &a->contest.model.range;
    const double measured = a->options->measured;
    const struct machine *m = a->machine;
    const enum precision format = a->question.regime.arithmetic;
    char least[TABLE_NUMBER_SIZE], rate[TABLE_NUMBER_SIZE];

    out[0] = '\0';
    if (measured < r->least_memory) {
        table_si(least, r->least_memory, "s");
        table_si(rate, m->level[LEVEL_DRAM].bytes_per_second.high, "B/s");
        snprintf(out, 160, "what no cache holds takes %s at the memory's full"
                 " rate, %s", least, rate);
    } else if (measured < r->least_arithmetic) {
        table_si(least, r->least_arithmetic, "s");
        table_si(rate, machine_peak(m, format)->high, "FLOP/s");
        snprintf(out, 160, "products take %s at the peak of %s, %s", least,
                 precision_names[format], rate);
    }
}

void predict_measured_text(FILE *file, const struct predict_answer *a)
{
    const double measured = a->options->measured;
    char time[TABLE_NUMBER_SIZE], why[160];

    if (!(measured > 0) || !a->machine)
        return;
    const enum verdict verdict = judge(&a->contest.model.range, measured);
    table_si(time, measured, "s");
    explain(why, a);
    fprintf(file, "%-12s%s: %s", "measured", time, verdicts[verdict]);
    if (verdict == IMPOSSIBLE)
        fprintf(file, ": %s\n", why);
    else if (verdict == NOT_TOLD)
        fputc('\n', file);
    else
        fprintf(file, ", %.3g of the predicted time\n",
                measured / a->contest.model.range.seconds.value);
}

json_t *predict_measured_json(const struct predict_answer *a)
{
    const struct predict_range *r = &a->contest.model.range;
    const double measured = a->options->measured;
    char why[160];

    if (!(measured > 0) || !a->machine)
        return json_null();
    explain(why, a);
    return json_pack("{s:f, s:s, s:s*, s:o, s:o, s:o}", "seconds", measured,
        "verdict", verdicts[judge(r, measured)],
        "why", *why ? why : NULL,
        "of_predicted", json_number(measured / r->seconds.value),
        "least_memory_seconds", json_number(r->least_memory),
        "least_arithmetic_seconds",
        json_number(r->least_arithmetic));
}
