/* figure_distribution.c - Draw empirical distributions: the times of a
 * profile's decode steps, and the costs and losses of a scored text's
 * tokens. */
#include "reports/figures/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/base/stats.h"
#include "sim/core/answer/table.h"

/* All tokens, and those that were kept by none, some and all of the routed
 * blocks. */
enum group { GROUP_DENSE, GROUP_EVERY, GROUP_NONE, GROUP_SOME, GROUP_ALL,
             GROUP_COUNT };

static const struct {
    const char *name, *line, *mark;    /* gnuplot's */
} groups[GROUP_COUNT] = {
    [GROUP_DENSE] = { "dense twin", "lc rgb C_DENSE lw 2.2", "PT_DENSE" },
    [GROUP_EVERY] = { "MoD", "lc rgb C_MOD lw 2.2", "PT_MOD" },
    [GROUP_NONE]  = { "kept by no block", "lc rgb C_ALT lw 1.1", "PT_ALT" },
    [GROUP_SOME]  = { "kept by some", "lc rgb OPC[5] lw 1.1", "11" },
    [GROUP_ALL]   = { "kept by all", "lc rgb C_CONTROL lw 1.1", "PT_CONTROL" },
};

enum { GROUP_LEAST = 6,        /* tokens that a curve is drawn for */
       STEPS_MOST = 400 };

struct sample {
    double *value;             /* [n], owned; sorted by whoever reads it */
    size_t  n;
    double  median, tenth;     /* one in ten is above `tenth` */
};

struct samples {
    struct sample of[GROUP_COUNT];
    const char *every;         /* the name of GROUP_EVERY; NULL: "MoD" */
};

static void put(struct sample *s, double value)
{
    if (isfinite(value))
        s->value[s->n++] = value;
}

static bool samples_open(struct samples *out, size_t n)
{
    *out = (struct samples){ .of = { { .n = 0 } } };
    for (int g = 0; g < GROUP_COUNT; g++)
        if (!(out->of[g].value = calloc(n + 1, sizeof(double))))
            return false;
    return true;
}

static void samples_close(struct samples *samples)
{
    for (int g = 0; g < GROUP_COUNT; g++)
        free(samples->of[g].value);
}

static void summarise(struct samples *samples)
{
    for (int g = 0; g < GROUP_COUNT; g++) {
        struct sample *s = &samples->of[g];
        s->median = stats_median(s->value, s->n);
        s->tenth = stats_quantile(s->value, s->n, 0.9);
    }
}

/* A group that is the whole would only hide it. */
static bool is_drawn(const struct samples *samples, int group)
{
    size_t n = samples->of[group].n;
    return group <= GROUP_EVERY ? n > 0
                                : n >= GROUP_LEAST &&
                                  n < samples->of[GROUP_EVERY].n;
}

static const char *name_of(const struct samples *samples, int group)
{
    return group == GROUP_EVERY && samples->every ? samples->every
                                                  : groups[group].name;
}

/* Write a block a group: the steps, from a share of 0 on and to the end of the
 * axis; then the medians of all. */
static void write_data(struct plot *p, struct samples *samples, double factor,
                       double end, const char *what)
{
    struct stats_step step[STEPS_MOST];

    for (int g = 0; g < GROUP_COUNT; g++) {
        struct sample *s = &samples->of[g];
        size_t n = stats_distribution(s->value, s->n, step, STEPS_MOST);
        fprintf(p->data, "# %s, n = %zu: %s  share_at_or_below\n",
                name_of(samples, g), s->n, what);
        if (n)
            fprintf(p->data, "%.9g 0\n", step[0].x / factor);
        for (size_t i = 0; i < n; i++)
            fprintf(p->data, "%.9g %.6g\n", step[i].x / factor, step[i].share);
        if (n && step[n - 1].x < end)
            fprintf(p->data, "%.9g 1\n", end / factor);
        fputs(n ? "\n\n" : "NaN NaN\n\n\n", p->data);
    }
    for (int g = 0; g < GROUP_COUNT; g++)
        fprintf(p->data, "# %s: median %s  share\n%.9g 0.5\n\n\n",
                name_of(samples, g), what, samples->of[g].median / factor);
}

/* Thin curves first, so that the two that matter lie on top. */
static void write_plot(struct plot *p, const struct samples *samples,
                       int first_block)
{
    const char *before = "plot ";

    for (int g = GROUP_COUNT - 1; g >= 0; g--) {
        if (!is_drawn(samples, g))
            continue;
        fprintf(p->script, "%sD index %d using 1:(100*$2) with steps %s "
                "notitle, \\\n     D index %d using 1:(100*$2) with points %s "
                "pt %s ps 0.9 notitle", before, first_block + g,
                groups[g].line, first_block + GROUP_COUNT + g, groups[g].line,
                groups[g].mark);
        before = ", \\\n     ";
    }
    fputc('\n', p->script);
}

/* Write the key in an empty frame of full width, so that it does not wrap. */
static void write_key(struct plot *p, const struct samples *samples)
{
    const char *before = "plot [0:1][0:1] ";

    fputs("set multiplot\nunset border; unset tics; unset grid\n", p->script);
    for (int g = 0; g < GROUP_COUNT; g++)
        if (is_drawn(samples, g)) {
            fprintf(p->script, "%sNaN with linespoints %s pt %s ps 0.9 title "
                    "'%s (%zu)'", before, groups[g].line, groups[g].mark,
                    name_of(samples, g), samples->of[g].n);
            before = ", \\\n     ";
        }
    fputs("\nunset key\ndo for [i=901:930] { unset label i }\n"
          "set border 3 ls 91\n"
          "set xtics nomirror out scale 0.5,0.25 textcolor rgb INK\n"
          "set ytics nomirror out scale 0.5,0.25 textcolor rgb INK\n"
          "set grid xtics ytics ls 90, ls 90\n", p->script);
}

static void tell_beyond(struct plot *p, size_t n, const char *what)
{
    size_t used = strlen(p->foot);

    if (n)
        snprintf(p->foot + used, sizeof p->foot - used, "  |  %zu %s%s beyond "
                 "the frame", n, what, n == 1 ? "" : "s");
}

static void share_axis(struct plot *p)
{
    fputs("set yrange [0:103]\nset ytics 0,25,100\nset format y '%g%%'\n",
          p->script);
}

/* ---- decode steps ---- */

static enum group group_of(const struct token_cost *cost,
                           const struct token_step *s)
{
    return s->kept <= 0 ? GROUP_NONE
         : s->kept >= cost->most ? GROUP_ALL : GROUP_SOME;
}

static void gather_steps(struct samples *samples, const struct token_cost *cost)
{
    for (size_t i = 0; i < cost->n; i++) {
        const struct token_step *s = &cost->step[i];
        if (s->arm == ARM_DENSE) {
            put(&samples->of[GROUP_DENSE], s->seconds);
            continue;
        }
        put(&samples->of[GROUP_EVERY], s->seconds);
        if (cost->most > 0 && cost->batch <= 1)
            put(&samples->of[group_of(cost, s)], s->seconds);
    }
}

static void say_steps(struct plot *p, const struct samples *samples)
{
    const struct sample *dense = &samples->of[GROUP_DENSE];
    const struct sample *mod = &samples->of[GROUP_EVERY];
    char text[4][TABLE_NUMBER_SIZE];

    table_si(text[0], mod->median, "s");
    table_si(text[1], dense->median, "s");
    table_si(text[2], mod->tenth, "s");
    table_si(text[3], dense->tenth, "s");
    if (!dense->n)
        snprintf(p->head, sizeof p->head, "Decode steps: half within %.20s, "
                 "nine in ten within %.20s", text[0], text[2]);
    else
        snprintf(p->head, sizeof p->head, "MoD decode steps: half within "
                 "%.20s, nine in ten %.20s; dense %.20s and %.20s", text[0],
                 text[2], text[1], text[3]);
}

void figure_token_times(struct plot *p, const struct report *r)
{
    const struct token_cost *cost = &r->token_cost;
    struct samples samples;
    double low = HUGE_VAL, high = 0, most = 0;
    size_t beyond = 0, used;
    struct prefix prefix;
    char what[32];

    if (!samples_open(&samples, cost->n)) {
        samples_close(&samples);
        return;
    }
    gather_steps(&samples, cost);
    summarise(&samples);
    for (int g = GROUP_DENSE; g <= GROUP_EVERY; g++) {
        struct sample *s = &samples.of[g];
        if (!s->n)
            continue;
        most = fmax(most, stats_quantile(s->value, s->n, 0.95));
        low = fmin(low, s->value[0]);
        high = fmax(high, s->value[s->n - 1]);
    }
    if (!samples.of[GROUP_EVERY].n || !(low > 0)) {
        if (cost->n)
            snprintf(p->reason, sizeof p->reason, "no decode step of the MoD "
                     "model has a measured time above 0");
        samples_close(&samples);
        return;
    }
    /* A step that was interrupted would stretch the axis. */
    high = fmin(high, 1.5 * most);
    for (int g = GROUP_DENSE; g <= GROUP_EVERY; g++)
        for (size_t i = 0; i < samples.of[g].n; i++)
            beyond += samples.of[g].value[i] > high;
    prefix = prefix_for(high);
    p->ready = true;
    say_steps(p, &samples);
    snprintf(p->sub, sizeof p->sub, "Share of decode steps that took at most "
             "so long; a step is the median of its repeats; marks: medians; in "
             "brackets: steps");
    used = strlen(p->sub);
    if (cost->batch > 1)
        snprintf(p->sub + used, sizeof p->sub - used, "; a step decodes %g "
                 "tokens, one of each sequence", cost->batch);
    else if (cost->most > 0)
        snprintf(p->sub + used, sizeof p->sub - used, "; thin: by how many of "
                 "%g routed blocks kept the token", cost->most);
    snprintf(p->foot, sizeof p->foot, "time measured without listeners, MoD "
             "and dense twin in turns%s", cost->batch > 1 || cost->most == 0
             ? "" : "  |  routing counted  |  curves of fewer than 6 steps left "
                    "out");
    tell_beyond(p, beyond, "step");
    snprintf(p->alt, sizeof p->alt, "Cumulative distributions of the time of "
             "a decode step, dense twin and MoD, and MoD by how many routed "
             "blocks kept the token. %s.", p->head);
    low = fmax(0, low - 0.04 * (high - low));
    high = high > low ? high : 1.1 * high;
    snprintf(what, sizeof what, "%sseconds", prefix.letter);
    write_data(p, &samples, prefix.factor, high, what);
    write_key(p, &samples);
    fprintf(p->script, "set xrange [%.9g:%.9g]\nset format x '%%g'\n"
            "set xlabel 'time of a decode step, %ss' offset 0,0.3\n"
            "set ylabel 'share of steps' offset 0.6,0\n", low / prefix.factor,
            high / prefix.factor, prefix.letter);
    share_axis(p);
    write_plot(p, &samples, 0);
    fputs("unset multiplot\n", p->script);
    samples_close(&samples);
}

/* ---- tokens of a scored text ---- */

/* One panel: the quantity on its axis, and its distribution. */
struct measure {
    const char *what, *unit;   /* "counted FLOPs of a token", "FLOP" */
    double (*of)(const struct token *token);
    bool   least_zero;         /* the axis starts at 0 */
    struct samples samples;
    double low, high;
    size_t beyond;
    struct prefix prefix;
};

static double flops_of(const struct token *token)
{
    return token->flops;
}

static double loss_of(const struct token *token)
{
    return token->loss_nats;
}

static void gather_tokens(struct measure *m, const struct tokens *t)
{
    for (size_t i = 0; i < t->n; i++) {
        double value = m->of(&t->token[i]);
        int used = tokens_used(t, i);
        put(&m->samples.of[GROUP_EVERY], value);
        if (t->n_blocks)
            put(&m->samples.of[used == 0 ? GROUP_NONE : used == t->n_blocks
                               ? GROUP_ALL : GROUP_SOME], value);
    }
    summarise(&m->samples);
}

/* One in two hundred may lie beyond the frame, if that saves half of it. */
static void find_extent(struct measure *m)
{
    struct sample *s = &m->samples.of[GROUP_EVERY];
    double far = stats_quantile(s->value, s->n, 0.995), room;

    if (!s->n)
        return;
    m->low = m->least_zero ? fmin(0, s->value[0]) : s->value[0];
    m->high = s->value[s->n - 1];
    if (far - m->low > 0 && m->high - m->low > 2 * (far - m->low))
        m->high = far;
    for (size_t i = 0; i < s->n; i++)
        m->beyond += s->value[i] > m->high;
    m->prefix = prefix_for(m->high);
    room = 0.04 * (m->high - m->low);
    if (!(room > 0))
        room = fmax(0.1 * fabs(m->high), 1e-9);
    m->low = m->least_zero ? m->low : fmax(0, m->low - room);
    m->high += room;
}

static void say_tokens(struct plot *p, const struct measure *cost,
                       const struct measure *loss)
{
    const struct sample *none = &loss->samples.of[GROUP_NONE];
    const struct sample *all = &loss->samples.of[GROUP_ALL];
    const struct sample *every = &cost->samples.of[GROUP_EVERY];
    char half[TABLE_NUMBER_SIZE], nine[TABLE_NUMBER_SIZE];

    table_si(half, every->median, "FLOP");
    table_si(nine, every->tenth, "FLOP");
    if (none->n >= GROUP_LEAST && all->n >= GROUP_LEAST)
        snprintf(p->head, sizeof p->head, "Median loss of a token: %.2f nats "
                 "where no routed block kept it, %.2f where all did",
                 none->median, all->median);
    else if (every->n)
        snprintf(p->head, sizeof p->head, "Half of the tokens cost at most %s, "
                 "nine in ten %s", half, nine);
    else
        snprintf(p->head, sizeof p->head, "Half of the tokens lose at most "
                 "%.2f nats, nine in ten %.2f",
                 loss->samples.of[GROUP_EVERY].median,
                 loss->samples.of[GROUP_EVERY].tenth);
}

static void write_panel(struct plot *p, struct measure *m, int panel,
                        int n_panels)
{
    static const double gap = 56;
    double width = (plot_frame_width(p) - (n_panels - 1) * gap) / n_panels;
    double x = p->left + panel * (width + gap);
    char what[32];

    snprintf(what, sizeof what, "%s%s", m->prefix.letter, m->unit);
    write_data(p, &m->samples, m->prefix.factor, m->high, what);
    fprintf(p->script, "set lmargin at screen %.1f/W\nset rmargin at screen "
            "%.1f/W\nset xrange [%.9g:%.9g]\nset format x '%%g'\n"
            "set xlabel '%s, %s%s' offset 0,0.3\nset ylabel '%s' offset 0.6,0"
            "\n", x, x + width, m->low / m->prefix.factor,
            m->high / m->prefix.factor, m->what, m->prefix.letter, m->unit,
            panel ? "" : "share of tokens");
    write_plot(p, &m->samples, panel * 2 * GROUP_COUNT);
}

static void draw_text(struct plot *p, struct measure *measure, int n,
                      const struct tokens *t)
{
    const struct measure *cost = &measure[0], *loss = &measure[1];
    struct measure *shown[2];
    int n_shown = 0;
    size_t beyond = cost->beyond + loss->beyond;

    for (int i = 0; i < n; i++)
        if (measure[i].samples.of[GROUP_EVERY].n)
            shown[n_shown++] = &measure[i];
    if (!n_shown) {
        snprintf(p->reason, sizeof p->reason, "tokens.csv of the scored text "
                 "holds neither FLOPs nor losses");
        return;
    }
    p->ready = true;
    p->height = 440;
    say_tokens(p, cost, loss);
    snprintf(p->sub, sizeof p->sub, "Share of the scored text's tokens that "
             "cost, and lost, at most so much; marks: medians; in brackets: "
             "tokens%s", t->n_blocks ? "; thin: by how many routed blocks kept "
             "the token" : "");
    snprintf(p->foot, sizeof p->foot, "FLOPs and routing counted, for each "
             "token's own work  |  loss measured");
    if (t->n_blocks)
        snprintf(p->foot + strlen(p->foot), sizeof p->foot - strlen(p->foot),
                 "  |  curves of fewer than %d tokens left out", GROUP_LEAST);
    tell_beyond(p, beyond, "token");
    snprintf(p->alt, sizeof p->alt, "Cumulative distributions over %zu tokens "
             "of a scored text, of counted FLOPs and of loss, by how many "
             "routed blocks kept the token. %s.", t->n, p->head);
    write_key(p, &shown[0]->samples);
    share_axis(p);
    for (int i = 0; i < n_shown; i++)
        write_panel(p, shown[i], i, n_shown);
    fputs("unset multiplot\n", p->script);
}

void figure_text_tokens(struct plot *p, const struct report *r)
{
    const struct tokens *t = &r->tokens;
    struct measure measure[] = {
        { .what = "FLOPs of a token", .unit = "FLOP", .of = flops_of },
        { .what = "loss of a token", .unit = "nats", .of = loss_of,
          .least_zero = true },
    };
    const int n = sizeof measure / sizeof *measure;
    bool open = true;

    if (t->n == 0)
        return;
    for (int i = 0; i < n; i++) {
        open &= samples_open(&measure[i].samples, t->n);
        measure[i].samples.every = "every token";
    }
    for (int i = 0; open && i < n; i++) {
        gather_tokens(&measure[i], t);
        find_extent(&measure[i]);
    }
    if (open)
        draw_text(p, measure, n, t);
    for (int i = 0; i < n; i++)
        samples_close(&measure[i].samples);
}
