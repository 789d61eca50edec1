/* run_paired.c - Compare a scored model with its rival, window by window. */
#include "models/commands/run_paired.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "sim/core/answer/json.h"
#include "sim/core/base/stats.h"

/* ---- the cost of a token ---- */

double run_per_row(const struct run_arm *arm, const struct ledger *ledger,
                   enum metric metric)
{
    static const int without[] = { OP_LOSS, OP_ENTROPY };
    struct cost sum = ledger_sum(ledger, PASS_FORWARD, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    double amount = cost_get(&sum, metric);
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        struct cost part = ledger_sum(ledger, PASS_FORWARD, LEDGER_ANY,
                                      LEDGER_ANY, without[i]);
        amount -= cost_get(&part, metric);
    }
    return amount / (double)arm->score[0].rows;
}

struct run_spent run_spent(const struct run_scoring *s, int i)
{
    const struct run_arm *arm = &s->arm[i];
    const double rows = (double)arm->score[0].rows;
    const struct estimate *j = &s->joules[i];
    const double unknown = s->machine ? 0 : (double)NAN;

    return (struct run_spent){
        .nats = i == PAIR_RIVAL && s->rival.unscored
                    ? (double)NAN : score_nats(&arm->score[0]),
        .flops = run_per_row(arm, arm->counted, METRIC_FLOPS),
        .flops_predicted = run_per_row(arm, arm->predicted, METRIC_FLOPS),
        .bytes = run_per_row(arm, arm->counted, METRIC_BYTES),
        .seconds = arm->seconds / rows,
        .joules = { j->value / rows + unknown, j->low / rows + unknown,
                    j->high / rows + unknown },
    };
}

/* ---- pairs ---- */

static struct estimate range_of(struct difference d)
{
    return (struct estimate){ d.mean, d.low, d.high };
}

static const struct estimate unknown = { (double)NAN, (double)NAN,
                                         (double)NAN };

/* Coefficients err together: all at their low, or all at their high. */
static struct estimate joules_ratio(const struct run_spent *a,
                                    const struct run_spent *b)
{
    double low = a->joules.low / b->joules.low;
    double high = a->joules.high / b->joules.high;
    double value = a->joules.value / b->joules.value;

    return (struct estimate){ value, fmin(value, fmin(low, high)),
                              fmax(value, fmax(low, high)) };
}

static bool compare_losses(struct run_paired *out, const struct run_scoring *s)
{
    const size_t n = (size_t)s->pairs.n;

    out->difference = out->increase = unknown;
    if (s->rival.unscored)
        return true;
    double *x = error_noted(calloc(3 * n + 1, sizeof *x));
    if (!x)
        return false;
    double *more = x + n, *rival = more + n;
    for (size_t i = 0; i < n; i++) {
        const struct run_pair *p = &s->pairs.pair[i];
        x[i] = p->tokens;
        more[i] = p->nats[PAIR_MODEL] - p->nats[PAIR_RIVAL];
        rival[i] = p->nats[PAIR_RIVAL];
    }
    out->difference = range_of(stats_ratio(more, x, n));
    out->increase = range_of(stats_ratio(more, rival, n));
    free(x);
    return true;
}

bool run_paired(struct run_paired *out, const struct run_scoring *s)
{
    const struct run_spent model = run_spent(s, PAIR_MODEL);

    out->spent = run_spent(s, PAIR_RIVAL);
    out->seconds = range_of(stats_median_interval(s->pairs.ratio, (size_t)
                                                  s->pairs.n_ratios));
    out->flops = model.flops / out->spent.flops;
    out->bytes = model.bytes / out->spent.bytes;
    out->joules = joules_ratio(&model, &out->spent);
    return compare_losses(out, s);
}

/* ---- JSON ---- */

static json_t *range_json(struct estimate range)
{
    return json_pack("{s:o, s:o, s:o}", "value", json_number(range.value),
                     "low", json_number(range.low),
                     "high", json_number(range.high));
}

json_t *run_spent_json(const struct run_spent *s)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "nats", json_number(s->nats),
                     "perplexity", json_number(exp(s->nats)),
                     "flops", json_number(s->flops),
                     "flops_predicted", json_number(s->flops_predicted),
                     "bytes", json_number(s->bytes),
                     "seconds", json_number(s->seconds),
                     "joules", range_json(s->joules));
}

json_t *run_paired_json(const struct run_scoring *s, const struct run_paired *p)
{
    if (s->n_arms == 1)
        return json_null();
    json_t *out = run_rival_json(&s->rival);
    json_t *rest = json_pack("{s:o, s:I, s:I, s:o, s:o, s:{s:o, s:o, s:o, s:o}}",
                             "per_token", run_spent_json(&p->spent),
                             "windows", (json_int_t)s->pairs.n,
                             "times", (json_int_t)s->pairs.n_ratios,
                             "loss_difference", range_json(p->difference),
                             "loss_increase", range_json(p->increase),
                             "ratio", "flops", json_number(p->flops),
                             "bytes", json_number(p->bytes),
                             "seconds", range_json(p->seconds),
                             "joules", range_json(p->joules));
    json_object_update(out, rest);
    json_decref(rest);
    return out;
}

/* ---- text ---- */

/* Print "+1.23 % [+1.10, +1.36]"; without ends if they are unknown. */
static void print_percent(struct estimate range, double less)
{
    printf("%+.2f %%", 100 * (range.value - less));
    if (isfinite(range.low) && isfinite(range.high))
        printf(" [%+.2f, %+.2f]", 100 * (range.low - less),
                100 * (range.high - less));
}

void run_paired_print(const struct run_scoring *s, const struct run_paired *p)
{
    fputs("against ", stdout);
    run_rival_print(stdout, &s->rival);
    printf("; on the same %" PRId64 " windows, in turns, %" PRId64 " times\n  ",
           s->pairs.n, s->pairs.n_ratios);
    if (s->rival.unscored)
        printf("its loss is unknown: %s", s->rival.unscored);
    else {
        printf("loss %.4f nats/token, the model's ", p->spent.nats);
        print_percent(p->increase, 0);
    }
    printf("\n  flops %+.2f %%, bytes %+.2f %%, seconds ",
           100 * (p->flops - 1), 100 * (p->bytes - 1));
    print_percent(p->seconds, 1);
    if (isfinite(p->joules.value)) {
        fputs(", joules (modelled) ", stdout);
        print_percent(p->joules, 1);
    }
    putchar('\n');
}
