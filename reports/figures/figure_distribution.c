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

enum { GROUP_LEAST = 6,        /* tokens that a curve is drawn for */
       STEPS_MOST = 400 };

struct sample {
    double *value;             /* [n], owned; sorted by whoever reads it */
    size_t  n;
    double  median, tenth;     /* one in ten is above `tenth` */
};

/* A quantity on its axis, and its distributions. */
struct panel {
    const char *what, *unit;   /* "FLOPs of a token", "FLOP" */
    const char *word;          /* the unit in the data, "seconds" */
    const char *share, *every; /* "share of tokens"; the name of GROUP_EVERY */
    bool   dense;              /* GROUP_EVERY is of a dense model */
    struct sample of[GROUP_COUNT];
    double low, high;
    size_t beyond;             /* values right of the frame */
    struct prefix prefix;
};

static void put(struct panel *panel, enum group group, double value)
{
    struct sample *s = &panel->of[group];

    if (isfinite(value))
        s->value[s->n++] = value;
}

static bool panel_open(struct panel *out, size_t n)
{
    for (int g = 0; g < GROUP_COUNT; g++)
        if (!(out->of[g].value = error_noted(calloc(n + 1, sizeof(double)))))
            return false;
    return true;
}

static void panel_close(struct panel *panel)
{
    for (int g = 0; g < GROUP_COUNT; g++)
        free(panel->of[g].value);
}

static void summarise(struct panel *panel)
{
    for (int g = 0; g < GROUP_COUNT; g++) {
        struct sample *s = &panel->of[g];
        s->median = stats_median(s->value, s->n);
        s->tenth = stats_quantile(s->value, s->n, 0.9);
    }
}

static void count_beyond(struct panel *panel)
{
    for (int g = GROUP_DENSE; g <= GROUP_EVERY; g++)
        for (size_t i = 0; i < panel->of[g].n; i++)
            panel->beyond += panel->of[g].value[i] > panel->high;
    panel->prefix = prefix_for(panel->high);
}

/* A group that is the whole would only hide it. */
static bool is_drawn(const struct panel *panel, int group)
{
    size_t n = panel->of[group].n;
    return group <= GROUP_EVERY ? n > 0
                                : n >= GROUP_LEAST &&
                                  n < panel->of[GROUP_EVERY].n;
}

static const char *name_of(const struct panel *panel, int group)
{
    static const char *const names[GROUP_COUNT] = {
        [GROUP_DENSE] = "dense twin", [GROUP_NONE] = "kept by no block",
        [GROUP_SOME] = "kept by some", [GROUP_ALL] = "kept by all",
    };

    if (group == GROUP_DENSE && !panel->of[GROUP_EVERY].n)
        return "dense";
    return group == GROUP_EVERY ? panel->every : names[group];
}

/* Write a block a group: the steps, from a share of 0 on and to the end of the
 * axis; then the medians of all. */
static void write_data(struct plot *p, struct panel *panel)
{
    const double factor = panel->prefix.factor;
    struct stats_step step[STEPS_MOST];

    for (int g = 0; g < GROUP_COUNT; g++) {
        struct sample *s = &panel->of[g];
        size_t n = stats_distribution(s->value, s->n, step, STEPS_MOST);
        fprintf(p->data, "# %s, n = %zu: %s%s  share_at_or_below\n",
                name_of(panel, g), s->n, panel->prefix.letter, panel->word);
        if (n)
            fprintf(p->data, "%.9g 0\n", step[0].x / factor);
        for (size_t i = 0; i < n; i++)
            fprintf(p->data, "%.9g %.6g\n", step[i].x / factor, step[i].share);
        if (n && step[n - 1].x < panel->high)
            fprintf(p->data, "%.9g 1\n", panel->high / factor);
        fputs(n ? "\n\n" : "NaN NaN\n\n\n", p->data);
    }
    for (int g = 0; g < GROUP_COUNT; g++)
        fprintf(p->data, "# %s: median %s%s  share\n%.9g 0.5\n\n\n",
                name_of(panel, g), panel->prefix.letter, panel->word,
                panel->of[g].median / factor);
}

extern const char figure_distribution_gp[], figure_distribution_panel_gp[];

static void name_drawn(struct plot *p, const struct panel *panel)
{
    fputs("DRAWN = '", p->script);
    for (int g = 0; g < GROUP_COUNT; g++)
        if (is_drawn(panel, g))
            fprintf(p->script, "%d ", g + 1);
    fputs("'\n", p->script);
}

static void draw(struct plot *p, struct panel *panels, int n)
{
    size_t longest = 0;
    int names = 0;

    for (int g = 0; g < GROUP_COUNT; g++)
        if (is_drawn(panels, g)) {
            const size_t length = strlen(name_of(panels, g)) + 8;
            longest = length > longest ? length : longest;
            names++;
        }
    plot_key(p, names, longest);
    plot_grid(p, (struct grid){ .n = n, .wide = 2, .narrow = 1, .gap = 56,
                                .below = 66, .height = p->height - p->top -
                                                       p->bottom });
    fprintf(p->script, "EVERY = %s\narray NAME[%d]\n", panels->dense
            ? "1" : "2", GROUP_COUNT);
    for (int g = 0; g < GROUP_COUNT; g++)
        fprintf(p->script, "NAME[%d] = '%s (%zu)'\n", g + 1,
                name_of(panels, g), panels->of[g].n);
    name_drawn(p, panels);
    fputs(figure_distribution_gp, p->script);
    for (int i = 0; i < n; i++) {
        const struct panel *panel = &panels[i];
        write_data(p, &panels[i]);
        name_drawn(p, panel);
        fprintf(p->script, "k = %d; X0 = %.9g; X1 = %.9g; "
                "STEP = %.9g; BLOCK = %d\nXLABEL = '%s, %s%s'; YLABEL = '%s'\n%s", i,
                panel->low / panel->prefix.factor,
                panel->high / panel->prefix.factor,
                plot_step((panel->high - panel->low) / panel->prefix.factor), i * 2 * GROUP_COUNT,
                panel->what, panel->prefix.letter, panel->unit,
                i && !plot_is_narrow(p) ? "" : panel->share, figure_distribution_panel_gp);
    }
    fputs("unset multiplot\n", p->script);
}

static void tell_beyond(struct plot *p, size_t n, const char *what)
{
    if (n)
        TEXT_ADD(p->foot, "  |  %zu %s%s beyond the frame", n, what,
                 n == 1 ? "" : "s");
}

/* ---- decode steps ---- */

static void gather_steps(struct panel *panel, const struct token_cost *cost)
{
    for (size_t i = 0; i < cost->n; i++) {
        const struct token_step *s = &cost->step[i];
        put(panel, s->arm == ARM_DENSE ? GROUP_DENSE : GROUP_EVERY, s->seconds);
        if (s->arm == ARM_MOD && cost->most > 0 && cost->batch <= 1)
            put(panel, s->kept <= 0 ? GROUP_NONE : s->kept >= cost->most
                       ? GROUP_ALL : GROUP_SOME, s->seconds);
    }
    summarise(panel);
}

/* A step that was interrupted would stretch the axis. */
static bool find_extent_of_steps(struct panel *panel)
{
    double most = 0, room;

    panel->low = HUGE_VAL;
    for (int g = GROUP_DENSE; g <= GROUP_EVERY; g++) {
        struct sample *s = &panel->of[g];
        if (!s->n)
            continue;
        most = fmax(most, stats_quantile(s->value, s->n, 0.95));
        panel->low = fmin(panel->low, s->value[0]);
        panel->high = fmax(panel->high, s->value[s->n - 1]);
    }
    if (!(most > 0) || !(panel->low > 0))
        return false;
    panel->high = fmin(panel->high, 1.5 * most);
    count_beyond(panel);
    room = 0.04 * (panel->high - panel->low);
    panel->low = fmax(0, panel->low - room);
    panel->high *= panel->high > panel->low ? 1 : 1.1;
    return true;
}

static void say_steps(struct plot *p, const struct panel *panel)
{
    const struct sample *dense = &panel->of[GROUP_DENSE];
    const struct sample *every = &panel->of[GROUP_EVERY];
    const struct sample *mod = every->n ? every : dense;
    char text[4][TABLE_NUMBER_SIZE];

    table_si(text[0], mod->median, "s");
    table_si(text[1], dense->median, "s");
    table_si(text[2], mod->tenth, "s");
    table_si(text[3], dense->tenth, "s");
    if (!dense->n || !every->n)
        TEXT_SET(p->head, "Decode steps: half within %.20s, nine in ten within "
                 "%.20s", text[0], text[2]);
    else
        TEXT_SET(p->head, "MoD decode steps: half within %.20s, nine in ten "
                 "%.20s; dense %.20s and %.20s", text[0], text[2], text[1],
                 text[3]);
}

static void describe_steps(struct plot *p, const struct panel *panel,
                           const struct token_cost *cost)
{
    say_steps(p, panel);
    TEXT_SET(p->sub, "Share of decode steps that took at most so long; a step "
             "is the median of its repeats; marks: medians; in brackets: "
             "steps");
    if (cost->batch > 1)
        TEXT_ADD(p->sub, "; a step decodes %g tokens, one of each sequence",
                 cost->batch);
    else if (cost->most == 1)
        TEXT_ADD(p->sub, "; thin: by whether the routed block kept the token");
    else if (cost->most > 1)
        TEXT_ADD(p->sub, "; thin: by how many of %g routed blocks kept the "
                 "token", cost->most);
    TEXT_SET(p->foot, "time measured without listeners%s%s",
             panel->of[GROUP_DENSE].n && panel->of[GROUP_EVERY].n
             ? ", MoD and dense twin in turns" : "",
             cost->batch > 1 || cost->most == 0 ? "" : "  |  routing counted  |  "
             "curves of fewer than 6 steps left out");
    tell_beyond(p, panel->beyond, "step");
    TEXT_SET(p->alt, "Cumulative distributions of the time of a decode step%s. "
             "%s.", cost->most > 0 ? ", dense twin and MoD, and MoD by how many "
             "routed blocks kept the token" : "", p->head);
}

void figure_token_times(struct plot *p, const struct report *r)
{
    const struct token_cost *cost = &r->token_cost;
    struct panel panel = { .what = "time of a decode step", .unit = "s",
        .word = "seconds", .share = "share of steps", .every = "MoD" };

    if (panel_open(&panel, cost->n)) {
        gather_steps(&panel, cost);
        p->ready = find_extent_of_steps(&panel);
        if (!p->ready && cost->n)
            TEXT_SET(p->reason, "no decode step has a measured time above "
                     "0");
    }
    if (p->ready) {
        describe_steps(p, &panel, cost);
        draw(p, &panel, 1);
    }
    panel_close(&panel);
}

/* ---- tokens of a scored text ---- */

static void gather_tokens(struct panel *panel, const struct tokens *t,
                          bool of_loss)
{
    for (size_t i = 0; i < t->n; i++) {
        double value = of_loss ? t->token[i].loss_nats : t->token[i].flops;
        int used = tokens_used(t, i);
        put(panel, GROUP_EVERY, value);
        if (t->n_blocks)
            put(panel, used == 0 ? GROUP_NONE : used == t->n_blocks
                       ? GROUP_ALL : GROUP_SOME, value);
    }
    summarise(panel);
}

/* One in two hundred may lie beyond the frame, if that saves half of it. */
static void find_extent(struct panel *panel, bool from_zero)
{
    struct sample *s = &panel->of[GROUP_EVERY];
    double far = stats_quantile(s->value, s->n, 0.995), room;

    if (!s->n)
        return;
    panel->low = from_zero ? fmin(0, s->value[0]) : s->value[0];
    panel->high = s->value[s->n - 1];
    if (far - panel->low > 0 &&
        panel->high - panel->low > 2 * (far - panel->low))
        panel->high = far;
    count_beyond(panel);
    room = 0.04 * (panel->high - panel->low);
    if (!(room > 0))
        room = fmax(0.1 * fabs(panel->high), 1e-9);
    panel->low = from_zero ? panel->low : fmax(0, panel->low - room);
    panel->high += room;
}

static void say_tokens(struct plot *p, const struct panel *cost,
                       const struct panel *loss)
{
    const struct sample *none = &loss->of[GROUP_NONE];
    const struct sample *all = &loss->of[GROUP_ALL];
    const struct sample *every = &cost->of[GROUP_EVERY];
    char half[TABLE_NUMBER_SIZE], nine[TABLE_NUMBER_SIZE];

    table_si(half, every->median, "FLOP");
    table_si(nine, every->tenth, "FLOP");
    if (none->n >= GROUP_LEAST && all->n >= GROUP_LEAST)
        TEXT_SET(p->head, "Median loss of a token: %.2f nats where no routed "
                 "block kept it, %.2f where all did", none->median,
                 all->median);
    else if (every->n)
        TEXT_SET(p->head, "Half of the tokens cost at most %s, nine in ten %s",
                 half, nine);
    else
        TEXT_SET(p->head, "Half of the tokens lose at most %.2f nats, nine in "
                 "ten %.2f", loss->of[GROUP_EVERY].median,
                 loss->of[GROUP_EVERY].tenth);
}

static void describe_tokens(struct plot *p, const struct panel panel[2],
                            const struct tokens *t)
{
    say_tokens(p, &panel[0], &panel[1]);
    TEXT_SET(p->sub, "Share of the scored text's tokens that cost, and lost, at "
             "most so much; marks: medians; in brackets: tokens%s", t->n_blocks
             ? "; thin: by how many routed blocks kept the token" : "");
    TEXT_SET(p->foot, "FLOPs and routing counted, for each token's own work  |"
             "  loss measured");
    if (t->n_blocks)
        TEXT_ADD(p->foot, "  |  curves of fewer than %d tokens left out",
                 GROUP_LEAST);
    tell_beyond(p, panel[0].beyond + panel[1].beyond, "token");
    TEXT_SET(p->alt, "Cumulative distributions over %zu tokens of a scored "
             "text, of counted FLOPs and of loss, by how many routed blocks "
             "kept the token. %s.", t->n, p->head);
}

void figure_text_tokens(struct plot *p, const struct report *r)
{
    struct panel panel[2] = {
        { .what = "FLOPs of a token", .unit = "FLOP", .word = "FLOP",
          .share = "share of tokens", .every = "every token" },
        { .what = "loss of a token", .unit = "nats", .word = "nats",
          .share = "share of tokens", .every = "every token" },
    };
    const struct tokens *t = &r->tokens;
    const bool open = panel_open(&panel[0], t->n) &&
                      panel_open(&panel[1], t->n);

    for (int i = 0; open && i < 2; i++) {
        panel[i].dense = t->n_blocks == 0;
        gather_tokens(&panel[i], t, i == 1);
        find_extent(&panel[i], i == 1);
    }
    const bool costs = panel[0].of[GROUP_EVERY].n > 0;
    const bool loses = panel[1].of[GROUP_EVERY].n > 0;
    p->ready = costs || loses;
    if (t->n && !p->ready)
        TEXT_SET(p->reason, "tokens.csv of the scored text holds neither FLOPs "
                 "nor losses");
    if (p->ready) {
        p->height = 440;
        describe_tokens(p, panel, t);
        draw(p, costs ? panel : panel + 1, costs + loses);
    }
    panel_close(&panel[0]);
    panel_close(&panel[1]);
}
