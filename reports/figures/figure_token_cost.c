/* figure_token_cost.c - Draw a token's seconds against the number of routed
 * layers, or parts of layers, that kept it, beside the dense twin's tokens. */
#include "reports/figures/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/base/stats.h"
#include "sim/core/answer/table.h"

/* The tokens of one class: how many layers kept them, rounded; the dense twin's
 * stand behind the last. */
struct class {
    double *seconds;           /* borrowed scratch */
    size_t  n;
    struct difference median;
};

static int class_of(const struct token_cost *cost, const struct token_step *s)
{
    return s->arm == ARM_DENSE ? (int)cost->most + 1 : (int)lround(s->kept);
}

static struct class gather(const struct token_cost *cost, int which,
                           double *scratch)
{
    struct class c = { .seconds = scratch };

    for (size_t i = 0; i < cost->n; i++)
        if (class_of(cost, &cost->step[i]) == which &&
            isfinite(cost->step[i].seconds))
            c.seconds[c.n++] = cost->step[i].seconds;
    c.median = stats_median_interval(c.seconds, c.n);
    return c;
}

/* A blank between MoD and the dense twin. */
static double place(const struct token_cost *cost, int which)
{
    return which > (int)cost->most ? which + 0.4 : which;
}

/* Points are spread over their class by their order, not by chance. */
static void write_data(struct plot *p, const struct token_cost *cost,
                       const struct class *class, double factor)
{
    int n = (int)cost->most + 2;

    fputs("# x  seconds, one row a token\n", p->data);
    for (size_t i = 0; i < cost->n; i++)
        if (isfinite(cost->step[i].seconds))
            fprintf(p->data, "%.4f %.9g %d\n",
                    place(cost, class_of(cost, &cost->step[i])) +
                        0.5 * ((double)(i * 7 % 31) / 31 - 0.5),
                    cost->step[i].seconds / factor,
                    cost->step[i].arm == ARM_MOD);
    fputs("\n\n# x  median  low  high  tokens  mod\n", p->data);
    for (int c = 0; c < n; c++) {
        struct difference d = class[c].median;
        if (class[c].n)
            fprintf(p->data, "%.4f %.9g %.9g %.9g %zu %d\n", place(cost, c),
                    d.mean / factor,
                    (isfinite(d.low) ? d.low : d.mean) / factor,
                    (isfinite(d.high) ? d.high : d.mean) / factor,
                    class[c].n, c <= (int)cost->most);
    }
}

/* "Kept by no routed layer, a token takes 61 % of the dense time; kept by all 3,
 * 93 %". */
static void say_token(struct plot *p, const struct token_cost *cost,
                      const struct class *class, int first, int last)
{
    const double dense = class[(int)cost->most + 1].median.mean;
    char kept[48], more[32];

    if (first == 0)
        snprintf(kept, sizeof kept, "no routed %.*s",
                 (int)strlen(token_cost_layers(cost)) - 1,
                 token_cost_layers(cost));
    else
        snprintf(kept, sizeof kept, "%d of %g routed %s", first, cost->most,
                 token_cost_layers(cost));
    if (last == 1)
        snprintf(more, sizeof more, "one");
    else
        snprintf(more, sizeof more, last == (int)cost->most ? "all %d" : "%d", last);
    TEXT_SET(p->head, "Kept by %s, a token takes %.0f %% of the dense time; kept "
             "by %s, %.0f %%", kept, 100 * class[first].median.mean / dense, more,
             100 * class[last].median.mean / dense);
}

static void say(struct plot *p, const struct token_cost *cost,
                const struct class *class)
{
    const struct class *dense = &class[(int)cost->most + 1];
    int first = 0, last = (int)cost->most;

    while (first < last && class[first].n < 6)
        first++;
    while (last > first && class[last].n < 6)
        last--;
    if (dense->n < 6 || first == last || cost->busy)
        TEXT_SET(p->head, "What a decoded token takes, by how many routed %s "
                 "kept it", token_cost_layers(cost));
    else if (cost->batch > 1)
        TEXT_SET(p->head, "A step of %g tokens that on average about %d of %g "
                 "routed %s keep takes %.0f %% of the dense step's time, "
                 "about %d: %.0f %%", cost->batch, first,
                 cost->most, token_cost_layers(cost),
                 100 * class[first].median.mean / dense->median.mean, last,
                 100 * class[last].median.mean / dense->median.mean);
    else
        say_token(p, cost, class, first, last);
}

extern const char figure_token_cost_gp[];

static void write_script(struct plot *p, const struct token_cost *cost,
                         struct prefix prefix, double highest)
{
    bool many = cost->batch > 1;

    fprintf(p->script, "MOST = %g; TOP = %.9g; LAYERS = '%s'; KEPT = '%s'\n"
            "STEP = '%s'; UNIT = '%ss'\nset xtics (", cost->most, highest,
            token_cost_layers(cost), many ? "tokens of a step, mean, rounded"
            : "token", many ? "step" : "token", prefix.letter);
    for (int c = 0; c <= (int)cost->most; c++)
        fprintf(p->script, "'%d' %d, ", c, c);
    fprintf(p->script, "'dense' %.1f)\n%s", cost->most + 1.4,
            figure_token_cost_gp);
}

void figure_token_cost(struct plot *p, const struct report *r)
{
    const struct token_cost *cost = &r->token_cost;
    int n = (int)cost->most + 2;
    double *scratch = error_noted(calloc((size_t)n * (cost->n + 1),
                                         sizeof *scratch));
    struct class *class = error_noted(calloc((size_t)n, sizeof *class));
    double highest = 0, middle = 0;
    size_t known = 0, above = 0;

    for (int c = 0; scratch && class && c < n; c++) {
        class[c] = gather(cost, c, scratch + (size_t)c * (cost->n + 1));
        known += c <= (int)cost->most ? class[c].n : 0;
        for (size_t i = 0; i < class[c].n; i++)
            highest = fmax(highest, class[c].seconds[i]);
        if (class[c].n)
            middle = fmax(middle, class[c].median.mean);
    }
    highest = fmin(highest, 2 * middle);
    for (size_t i = 0; i < cost->n; i++)
        above += cost->step[i].seconds > highest;
    if (cost->most > 0 && known > 0) {
        struct prefix prefix = prefix_for(highest);
        const char *what = cost->batch > 1 ? "step" : "token";
        p->ready = true;
        say(p, cost, class);
        TEXT_SET(p->sub, "Decoding, one step after another: each mark is a "
                 "%s, the median of its repeats; large marks are medians over "
                 "%ss with their interval by ranks", what,
                 what);
        TEXT_SET(p->foot, "time measured without listeners, MoD and dense "
                 "twin in turns%s  |  routing counted  |  %zu %s%s above the "
                 "frame", cost->busy ? ", busy: others ran" : "", above, what,
                 above == 1 ? "" : "s");
        TEXT_SET(p->alt, "Time of each decoded token against how many of %g "
                 "routed %s kept it, and of the dense twin's tokens. %s.",
                 cost->most, token_cost_layers(cost),
                 p->head);
        plot_key(p, 2, 17);
        write_data(p, cost, class, prefix.factor);
        write_script(p, cost, prefix, highest / prefix.factor);
    }
    free(class);
    free(scratch);
}
