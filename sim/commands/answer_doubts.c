/* answer_doubts.c - Tell what flips: cells whose interval holds 1, by the number of
 * the machine that makes it; and cells in which machines disagree. */
#include "sim/commands/answer_job.h"

#include <stdlib.h>

static const struct { enum metric metric; const char *words; } judged[] = {
    { METRIC_SECONDS, "time" }, { METRIC_JOULES, "energy" } };
enum { N_JUDGED = sizeof judged / sizeof *judged };

static const struct doubt *doubt_in(const struct answer_cell *cell, int rival,
                                    enum metric metric)
{
    const struct answer_pair *pair = &cell->pair[rival];
    return metric == METRIC_JOULES ? &pair->joules_doubt : &pair->seconds_doubt;
}

/* ---- by the number that makes the interval ---- */

/* Cells that one number leaves open against a rival. */
struct group {
    int rival, number;
    int n[N_JUDGED];                   /* cells, by time and by energy */
    double share, together;            /* sums over them */
    bool in[ANSWER_PHASES], on[ANSWER_MACHINES_MAX];
};

static int n_of(const struct group *g)
{
    return g->n[0] + g->n[1];
}

static int by_cells(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    const int n = n_of(x), m = n_of(y);
    return n != m ? (n < m) - (n > m) : (x->number > y->number) -
                                            (x->number < y->number);
}

static struct group group_of(const struct answer_job *j, int rival, int number)
{
    struct group g = { .rival = rival, .number = number };

    for (size_t i = 0; i < j->n_cells; i++)
        for (int k = 0; k < N_JUDGED; k++) {
            const struct answer_cell *cell = &j->cell[i];
            const struct doubt *doubt = doubt_in(cell, rival, judged[k].metric);
            if (doubt->number != number ||
                answer_stand(cell, rival, judged[k].metric) != STAND_OPEN)
                continue;
            g.n[k]++;
            g.share += doubt->share;
            g.together += doubt->together;
            g.in[cell->phase] = g.on[cell->machine] = true;
        }
    return g;
}

/* Those that hold a cell, of one rival, the largest first; returns how many. */
static int find_groups(struct group out[RATES_NUMBERS],
                       const struct answer_job *j, int rival)
{
    int n = 0;

    for (int number = 0; number < RATES_NUMBERS; number++) {
        out[n] = group_of(j, rival, number);
        n += n_of(&out[n]) > 0;
    }
    qsort(out, (size_t)n, sizeof *out, by_cells);
    return n;
}

/* "L4, RTX 4090" of machines that are marked. */
static void say_machines(char out[ANSWER_WORDS_SIZE], const struct answer_job *j,
                         const bool *on)
{
    const char *before = "";

    out[0] = '\0';
    for (int m = 0; m < j->n_machines; m++)
        if (on[m]) {
            answer_say(out, "%s%s", before, j->machine[m].machine.name);
            before = ", ";
        }
}

static void say_phases(char out[ANSWER_WORDS_SIZE], const bool *in)
{
    const char *before = "";

    out[0] = '\0';
    for (int p = 0; p < ANSWER_PHASES; p++)
        if (in[p]) {
            answer_say(out, "%s%s", before, memory_phase_names[answer_phases[p]]);
            before = ", ";
        }
}

static void add_group(struct table *t, const struct answer_job *j,
                      const struct group *g)
{
    char text[ANSWER_WORDS_SIZE];

    table_row(t, ROW_PLAIN);
    table_text(t, j->asked[g->rival]);
    table_text(t, rates_numbers[g->number]);
    for (int k = 0; k < N_JUDGED; k++)
        table_count(t, (uint64_t)g->n[k], PROV_PREDICTED);
    table_amount(t, amount_of(g->share / n_of(g), PROV_PREDICTED));
    table_amount(t, amount_of(g->together / n_of(g), PROV_PREDICTED));
    say_phases(text, g->in);
    table_text(t, text);
    say_machines(text, j, g->on);
    table_text(t, text);
}

enum status answer_doubts_table(struct table *out, const struct answer_job *j,
                                struct error *err)
{
    static const struct column columns[] = {
        { "rival", "against", "", COLUMN_TEXT, true },
        { "number", "number", "", COLUMN_TEXT, true },
        { "time_cells", "cells, time", "", COLUMN_WHOLE, true },
        { "energy_cells", "cells, energy", "", COLUMN_WHOLE, true },
        { "variance_share", "of the variance", "", COLUMN_FACTOR, true },
        { "all_numbers_share", "all numbers", "", COLUMN_FACTOR, true },
        { "phases", "phases", "", COLUMN_TEXT, true },
        { "machines", "machines", "", COLUMN_TEXT, true },
    };
    struct group group[RATES_NUMBERS];

    table_open(out, "doubts", columns, sizeof columns / sizeof *columns);
    out->digits = 3;
    for (int r = 0; r < j->n_rivals; r++) {
        const int n = find_groups(group, j, r);
        for (int i = 0; i < n; i++)
            add_group(out, j, &group[i]);
    }
    if (out->status != STATUS_OK)
        error_set(err, out->status, "no memory for the table");
    return out->status;
}

/* ---- between machines ---- */

/* A phase, batch and length, as machines see it. */
struct split {
    int n_save, n_cost;
    bool saves[ANSWER_MACHINES_MAX], costs[ANSWER_MACHINES_MAX];
};

/* Cells are laid out alike on all machines. */
static struct split split_at(const struct answer_job *j, size_t i, int rival,
                             enum metric metric)
{
    const size_t each = j->n_cells / (size_t)j->n_machines;
    struct split s = { 0 };

    for (int m = 0; m < j->n_machines; m++) {
        const enum answer_stand stand =
            answer_stand(&j->cell[(size_t)m * each + i], rival, metric);
        s.n_save += s.saves[m] = stand == STAND_SAVES;
        s.n_cost += s.costs[m] = stand == STAND_COSTS;
    }
    return s;
}

static bool divides(const struct split *s)
{
    return s->n_save > 0 && s->n_cost > 0;
}

static void add_split(struct table *t, const struct answer_job *j,
                      const struct answer_cell *cell, int rival, int judge,
                      const struct split *s)
{
    char machines[ANSWER_WORDS_SIZE];

    table_row(t, ROW_PLAIN);
    table_text(t, memory_phase_names[answer_phases[cell->phase]]);
    table_text(t, j->asked[rival]);
    table_text(t, judged[judge].words);
    table_count(t, (uint64_t)cell->n_tokens, PROV_PREDICTED);
    table_count(t, (uint64_t)cell->n_sequences, PROV_PREDICTED);
    say_machines(machines, j, s->saves);
    table_text(t, machines);
    say_machines(machines, j, s->costs);
    table_text(t, machines);
}

enum status answer_splits_table(struct table *out, const struct answer_job *j,
                                struct error *err)
{
    static const struct column columns[] = {
        { "phase", "phase", "", COLUMN_TEXT, true },
        { "rival", "against", "", COLUMN_TEXT, true },
        { "metric", "of", "", COLUMN_TEXT, true },
        { "tokens", "T", "", COLUMN_WHOLE, true },
        { "batch", "B", "", COLUMN_WHOLE, true },
        { "saves_on", "saves on", "", COLUMN_TEXT, true },
        { "costs_on", "costs on", "", COLUMN_TEXT, true },
    };

    table_open(out, "splits", columns, sizeof columns / sizeof *columns);
    for (int r = 0; r < j->n_rivals; r++)
        for (int k = 0; k < N_JUDGED; k++)
            for (size_t i = 0; i < j->n_cells / (size_t)j->n_machines; i++) {
                const struct split s = split_at(j, i, r, judged[k].metric);
                if (divides(&s))
                    add_split(out, j, &j->cell[i], r, k, &s);
            }
    if (out->status != STATUS_OK)
        error_set(err, out->status, "no memory for the table");
    return out->status;
}

/* ---- words ---- */

static void say_splits(char *out, const struct answer_job *j, int rival)
{
    const size_t each = j->n_cells / (size_t)j->n_machines;
    int n[N_JUDGED] = { 0 };

    for (int k = 0; k < N_JUDGED; k++)
        for (size_t i = 0; i < each; i++) {
            const struct split s = split_at(j, i, rival, judged[k].metric);
            n[k] += divides(&s);
        }
    answer_say(out, " Of %zu combinations of phase, batch and length, machines"
               " disagree on time in %d and on energy in %d: one saves, another"
               " costs.", each,
               n[0], n[1]);
}

static int n_open(const struct answer_job *j, int rival, enum metric metric)
{
    int n = 0;

    for (size_t i = 0; i < j->n_cells; i++)
        n += answer_stand(&j->cell[i], rival, metric) == STAND_OPEN;
    return n;
}

void answer_doubts_words(char out[ANSWER_WORDS_SIZE], const struct answer_job *j,
                         int rival)
{
    enum { MOST = 3 };
    struct group group[RATES_NUMBERS];
    const int n = find_groups(group, j, rival);

    out[0] = '\0';
    answer_say(out, "What flips, against %s: the interval holds 1 in %d of %zu cells"
               " for time and in %d for energy", j->rival[rival].name,
               n_open(j, rival, METRIC_SECONDS), j->n_cells,
               n_open(j, rival, METRIC_JOULES));
    for (int i = 0; i < n && i < MOST; i++)
        answer_say(out, "%s %s makes most of it in %d (%.0f %% of its variance)",
                   i ? ";" : ".", rates_numbers[group[i].number],
                   n_of(&group[i]), 100 * group[i].share / n_of(&group[i]));
    answer_say(out, ".");
    if (j->n_machines > 1)
        say_splits(out, j, rival);
}
