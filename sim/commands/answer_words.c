/* answer_words.c - Say in sentences what the cells say. */
#include "sim/commands/answer_job.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

static const char *const phase_words[ANSWER_PHASES] = { "Training", "Prefill",
                                                        "Decode" };
static const char *const phase_nouns[ANSWER_PHASES] = { "training", "prefill",
                                                        "decode" };

void answer_say(char out[ANSWER_WORDS_SIZE], const char *format, ...)
{
    const size_t used = strlen(out);
    va_list list;

    va_start(list, format);
    vsnprintf(out + used, ANSWER_WORDS_SIZE - used, format, list);
    va_end(list);
}

const char *answer_verdict(const struct answer_tally *t)
{
    return t->n == 0          ? "unknown"
           : t->saves == t->n ? "yes"
           : t->saves > 0     ? "in part"
           : t->costs > 0     ? "no" : "not told";
}

static double percent_of(double ratio)
{
    return 100 * fabs(1 - ratio);
}

static int decimals_of(double percent)
{
    return percent < 9.95;
}

/* "31 % less, L4, B 1, T 512 (0.672 to 0.701 of it)". */
static void say_cell(char *out, const struct answer_job *j,
                     const struct answer_cell *cell, int rival,
                     enum metric metric)
{
    const struct estimate *e = answer_ratio(cell, rival, metric);
    const double value = percent_of(e->value);

    answer_say(out, "%.*f %% %s, %s, B %d, T %d (%.3f to %.3f of it)",
               decimals_of(value), value, e->value < 1 ? "less" : "more",
               j->machine[cell->machine].machine.name, cell->n_sequences,
               cell->n_tokens, e->low, e->high);
}

/* Machines with cells of the phase none of which saves. */
static void say_where_not(char *out, const struct answer_job *j,
                          int phase, int rival, enum metric metric)
{
    const char *before = " In no cell on ";

    for (int m = 0; m < j->n_machines; m++) {
        bool any = false, saves = false;
        for (size_t i = 0; i < j->n_cells; i++) {
            const struct answer_cell *cell = &j->cell[i];
            const struct estimate *e = answer_ratio(cell, rival, metric);
            if (cell->machine != m || cell->phase != phase || isnan(e->value) ||
                cell->model.fit == DOES_NOT_FIT ||
                cell->rival[rival].fit == DOES_NOT_FIT)
                continue;
            any = true;
            saves |= e->high < 1;
        }
        if (!any || saves)
            continue;
        answer_say(out, "%s%s", before, j->machine[m].machine.name);
        before = ", ";
    }
    if (before[0] == ',')
        answer_say(out, ".");
}

static void say_metric(char *out, const struct answer_job *j, int phase,
                       int rival, enum metric metric)
{
    const struct answer_tally t = answer_tally(j, phase, rival, metric);
    const int open = t.n - t.saves - t.costs;

    answer_say(out, metric == METRIC_SECONDS ? " Time:" : " Energy:");
    if (t.n == 0) {
        answer_say(out, t.unknown > 0 ? " unknown on these machines."
                                      : " no cell has room for both.");
        return;
    }
    answer_say(out, " less in %d of %d cells", t.saves, t.n);
    if (t.costs > 0)
        answer_say(out, ", more in %d", t.costs);
    if (open > 0)
        answer_say(out, ", not told in %d, where the interval holds 1", open);
    answer_say(out, ". Best: ");
    say_cell(out, j, t.best, rival, metric);
    answer_say(out, ". Worst: ");
    say_cell(out, j, t.worst, rival, metric);
    answer_say(out, ".");
    if (t.saves > 0 && t.saves < t.n)
        say_where_not(out, j, phase, rival, metric);
}

void answer_words(char out[ANSWER_WORDS_SIZE], const struct answer_job *j,
                  int phase, int rival)
{
    const struct answer_tally t = answer_tally(j, phase, rival, METRIC_SECONDS);

    out[0] = '\0';
    answer_say(out, "%s, against %s.", phase_words[phase],
               j->rival[rival].name);
    if (phase == 0 && *j->untrained) {
        answer_say(out, " Not priced: %s.", j->untrained);
        return;
    }
    say_metric(out, j, phase, rival, METRIC_SECONDS);
    say_metric(out, j, phase, rival, METRIC_JOULES);
    if (t.unfit > 0)
        answer_say(out, " Left out are cells that the"
                   " model does not fit in: %d.", t.unfit);
    if (t.alone > 0)
        answer_say(out, " Cells that it fits in and the rival does"
                   " not: %d.", t.alone);
}

static void lead_metric(char *out, const struct answer_job *j, int rival,
                        enum metric metric, const char *what)
{
    const char *before = "";

    answer_say(out, " %s is saved in ", what);
    for (int p = *j->untrained ? 1 : 0; p < ANSWER_PHASES; p++) {
        const struct answer_tally t = answer_tally(j, p, rival, metric);
        answer_say(out, "%s%s ", before, phase_nouns[p]);
        before = ", in ";
        if (t.n == 0)
            answer_say(out, "in no cell that tells");
        else
            answer_say(out, "in %d of %d cells", t.saves, t.n);
    }
    answer_say(out, ".");
}

void answer_lead(char out[ANSWER_WORDS_SIZE], const struct answer_job *j,
                 int rival)
{
    out[0] = '\0';
    answer_say(out, "Against %s:", j->rival[rival].about);
    lead_metric(out, j, rival, METRIC_SECONDS, "time");
    lead_metric(out, j, rival, METRIC_JOULES, "Energy");
}

/* The last part of a path, unless that is what all models have. */
static const char *short_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] && strcmp(slash, "/config.json") != 0 ? slash + 1
                                                                  : path;
}

void answer_about(char out[ANSWER_WORDS_SIZE], const struct answer_job *j)
{
    const struct model_spec *s = &j->file.spec;
    const int n = spec_n_routed(s);

    out[0] = '\0';
    answer_say(out, "%s: %s, %d layers, C %d, %.4g M parameters",
               short_name(j->options->common.operand[0]),
               family_names[spec_family(s)], s->n_layers, s->n_channels, (double)memory_parameters(s) / 1e6);
    if (spec_span(s) > 0)
        answer_say(out, "; layers %d to %d are %d layers run %d times",
                   s->recursion.first, s->recursion.last, spec_span(s),
                   s->recursion.times);
    if (s->experts.n > 0)
        answer_say(out, "; a token enters %d of %d experts in %d layers, %.4g M"
                   " parameters active", s->experts.active, s->experts.n,
                   spec_n_expert_layers(s),
                   (double)memory_active_parameters(s) / 1e6);
    if (n == 0 && (spec_span(s) > 0 || s->experts.n > 0))
        return;
    if (n == 0) {
        answer_say(out, "; it routes no layer, and is its own dense twin:"
                   " --set routing.capacity=0.125 prices it as if it had been"
                   " trained so");
        return;
    }
    for (int32_t l = 0; l < s->n_layers; l++)
        if (s->routed[l]) {
            answer_say(out, "; %d routed, the first keeps %.4g %% of its"
                       " tokens", n, 100 * s->capacity[l]);
            break;
        }
    if (j->options->trace)
        answer_say(out, ", as %.200s has it", j->options->trace);
}
