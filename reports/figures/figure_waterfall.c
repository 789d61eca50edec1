/* figure_waterfall.c - Draw how FLOPs saved become time and energy saved, step
 * by step. */
#include "reports/figures/figures.h"

#include <math.h>
#include "sim/core/answer/table.h"

enum kind { TOTAL, SAVED, BACK };

struct step {
    const char *first, *second;        /* the two lines of its name */
    double from, to;                   /* percent of dense */
    enum kind kind;
    double half;                       /* of the interval; 0: none */
    bool   modelled;
};
enum { MAX_STEPS = 8 };

static double total_of(const struct phase *phase, enum side arm)
{
    struct amount a = phase->totals[arm].of[WITNESS_COUNTED][METRIC_FLOPS];
    return amount_known(a) ? a.value : totals_best(&phase->totals[arm],
                                                   METRIC_FLOPS).value;
}

/* Percent of the dense twin's FLOPs that choosing and moving tokens costs;
 * nan("") without the phase's ledger. */
static double router_share(const struct phase *phase)
{
    static const enum op ops[] = { OP_ROUTE, OP_SELECT, OP_GATHER, OP_GATE };
    double sum = 0;

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        struct amount a = witness_sum(&phase->witnesses[ARM_MOD],
                                      WITNESS_COUNTED, METRIC_FLOPS,
                                      LEDGER_ANY, LEDGER_ANY, (int)ops[i]);
        if (amount_known(a))
            sum += a.value;
    }
    return phase->witnesses[ARM_MOD].ledger[WITNESS_COUNTED]
           ? 100 * sum / total_of(phase, ARM_DENSE) : nan("");
}

static double half_of(struct amount a)
{
    if (!isfinite(a.low) || !isfinite(a.high))
        return 0;
    return 100 * fmax(a.high - a.value, a.value - a.low);
}

static void add(struct step *steps, int *n, struct step step)
{
    steps[(*n)++] = step;
}

/* Add a change and the total that it leads to. */
static void add_change(struct step *steps, int *n, const char *back[2],
                       const char *saved[2], const char *total,
                       struct amount ratio)
{
    double from = steps[*n - 1].to, to = 100 * ratio.value;
    bool up = to > from;

    add(steps, n, (struct step){ up ? back[0] : saved[0],
                                 up ? back[1] : saved[1], from, to,
                                 up ? BACK : SAVED, 0, ratio.modelled });
    add(steps, n, (struct step){ total, ratio.modelled ? "(modelled)" : "", 0,
                                 to, TOTAL, half_of(ratio), ratio.modelled });
}

static int build(struct step *steps, const struct phase *phase)
{
    static const char *slow[] = { "not turned", "into time" };
    static const char *fast[] = { "time beyond", "the FLOPs" };
    static const char *hungry[] = { "static power,", "bytes moved" };
    static const char *frugal[] = { "energy beyond", "the time" };
    double flops = 100 * phase->ratio[METRIC_FLOPS].value;
    double router = router_share(phase);
    int n = 0;

    add(steps, &n, (struct step){ "dense twin", "", 0, 100, TOTAL, 0, false });
    if (router > 0) {
        add(steps, &n, (struct step){ "blocks", "skipped", 100, flops - router,
                                      SAVED, 0, false });
        add(steps, &n, (struct step){ "router", "added", flops - router, flops,
                                      BACK, 0, false });
    } else {
        add(steps, &n, (struct step){ "blocks", "skipped", 100, flops,
                                      flops > 100 ? BACK : SAVED, 0, false });
    }
    add(steps, &n, (struct step){ "executed", "FLOPs", 0, flops, TOTAL, 0,
                                  false });
    if (amount_known(phase->ratio[METRIC_SECONDS]))
        add_change(steps, &n, slow, fast, "time",
                   phase->ratio[METRIC_SECONDS]);
    if (amount_known(phase->ratio[METRIC_SECONDS]) &&
        amount_known(phase->ratio[METRIC_JOULES]))
        add_change(steps, &n, hungry, frugal, "energy",
                   phase->ratio[METRIC_JOULES]);
    return n;
}

static void change(char out[48], struct amount ratio, const char *less,
                   const char *more, const char *none)
{
    bool interval = isfinite(ratio.low) && isfinite(ratio.high);

    if (ratio.from == PROV_BUSY)
        snprintf(out, 48, "an unclear change (others ran)");
    else if (!interval && ratio.from == PROV_MEASURED)
        snprintf(out, 48, "an unclear change (few repeats)");
    else if (interval && ratio.low < 1 && ratio.high > 1)
        snprintf(out, 48, "%s", none);
    else
        snprintf(out, 48, "%.0f %% %s", 100 * fabs(1 - ratio.value),
                 ratio.value <= 1 ? less : more);
}

static void say(struct plot *p, const struct phase *phase)
{
    char flops[48], time[48], energy[48];
    const char *verb;

    change(flops, phase->ratio[METRIC_FLOPS], "fewer FLOPs", "more FLOPs",
           "as many FLOPs");
    if (!amount_known(phase->ratio[METRIC_SECONDS])) {
        TEXT_SET(p->head, "%s; the time is unknown", flops);
        return;
    }
    verb = phase->ratio[METRIC_SECONDS].low > 1 ? "but take" : "become";
    change(time, phase->ratio[METRIC_SECONDS], "less time", "more time",
           "no measurable change in time");
    change(energy, phase->ratio[METRIC_JOULES], "less energy", "more energy",
           "no measurable change in energy");
    if (amount_known(phase->ratio[METRIC_JOULES]))
        TEXT_SET(p->head, "%s %s %s and %s%s", flops, verb,
                 time, energy,
                 phase->ratio[METRIC_JOULES].modelled ? " (modelled)"
                                                              : "");
    else
        TEXT_SET(p->head, "%s %s %s", flops, verb, time);
}

static void write_data(struct plot *p, const struct step *steps, int n)
{
    fputs("# k  \"label\"  from  to  kind(0 total, 1 saved, 2 given back)  "
          "half_interval  modelled\n", p->data);
    for (int i = 0; i < n; i++)
        fprintf(p->data, "%d \"%s%s%s\" %.9g %.9g %d %.9g %d\n", i + 1,
                steps[i].first, *steps[i].second ? " " : "", steps[i].second,
                steps[i].from, steps[i].to, steps[i].kind, steps[i].half,
                steps[i].modelled);
}

extern const char figure_waterfall_gp[];

static void write_script(struct plot *p, const struct step *steps, int n)
{
    double highest = 100;
    bool modelled = false;

    for (int i = 0; i < n; i++) {
        highest = fmax(highest, steps[i].to + steps[i].half);
        modelled |= steps[i].modelled;
    }
    fprintf(p->script, "N = %d; TOP = %.9g; MODELLED = %d\nset %ctics (", n,
            (plot_is_narrow(p) ? 1.3 : 1.12) * highest, modelled,
            plot_is_narrow(p) ? 'y' : 'x');
    for (int i = 0; i < n; i++)
        fprintf(p->script, "%s\"%s%s%s\" %d", i ? ", " : "", steps[i].first,
                plot_is_narrow(p) ? " " : "\\n", steps[i].second, i + 1);
    fprintf(p->script, ")\n%s", figure_waterfall_gp);
}

void figure_waterfall(struct plot *p, const struct report *r)
{
    const struct phase *phase = report_phase(r);
    struct step steps[MAX_STEPS];
    char words[PHASE_WORDS_SIZE];
    struct amount joules;
    int n;

    if (!phase || !amount_known(phase->ratio[METRIC_FLOPS]))
        return;
    joules = phase->ratio[METRIC_JOULES];
    p->ready = true;
    p->left = plot_is_narrow(p) ? 162 : 78;
    p->bottom = plot_is_narrow(p) ? 84 : 100;
    plot_key(p, 4, 10);
    n = build(steps, phase);
    say(p, phase);
    phase_words(words, phase);
    TEXT_SET(p->sub, "Each stage as a share of the dense twin (dense = 100 "
             "%%), one %s; bars on totals: 95 %% interval of the paired ratio",
             words);
    TEXT_SET(p->foot, "FLOPs %s  |  time %s%s",
             amount_word(phase->ratio[METRIC_FLOPS]),
             amount_word(phase->ratio[METRIC_SECONDS]),
             !amount_known(joules) ? "  |  energy unknown"
             : joules.modelled ? "  |  hatched: energy modelled, no sensor was "
                                 "read" : "  |  energy measured");
    TEXT_SET(p->alt, "Waterfall in percent of the dense twin, one %s. Dense "
             "100", words);
    for (int i = 1; i < n; i++)
        TEXT_ADD(p->alt, "; %s %s %.1f", steps[i].first, steps[i].second,
                 steps[i].kind == TOTAL ? steps[i].to
                                        : steps[i].to - steps[i].from);
    write_data(p, steps, n);
    write_script(p, steps, n);
}
