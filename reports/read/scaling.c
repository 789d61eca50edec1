/* scaling.c - Say at which size each budget is spent best, and what an arm would
 * need to reach the loss of another. */
#include "reports/read/scaling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/base/random.h"

/* Room for the runs of an arm, and for what was drawn of them. */
struct room {
    struct law_point *point, *drawn;     /* [n_runs] */
    double *size, *loss;                 /* [2 n_runs]; drawn ones in the second
                                          * half */
    struct law *law;                     /* [2][SCALING_ROUNDS]: of dense, of the
                                          * arm */
    double of_round[2][SCALING_ROUNDS];
};

static bool is_of(const struct scaling_arm *arm, const struct setting *s)
{
    return s->kind == arm->kind && s->budget >= 0 && s->flops_train > 0 &&
           s->n_parameters > 0 && s->tokens > 0 &&
           (s->kind == SETTING_DENSE || s->capacity == arm->capacity);
}

static void add_arm(struct scaling *out, const struct setting *s)
{
    struct scaling_arm *arm = &out->arm[out->n_arms];

    if (s->kind != SETTING_DENSE && s->kind != SETTING_MOD)
        return;
    for (size_t a = 0; a < out->n_arms; a++)
        if (is_of(&out->arm[a], s))
            return;
    *arm = (struct scaling_arm){ .kind = s->kind, .capacity = s->capacity,
                                 .least = nan(""), .size = nan(""),
                                 .multiplier = nan("") };
    if (s->kind == SETTING_DENSE)
        snprintf(arm->name, sizeof arm->name, "dense");
    else
        snprintf(arm->name, sizeof arm->name, "MoD %g%%", 100 * s->capacity);
    out->n_arms += is_of(arm, s);
}

static int by_kind_and_capacity(const void *a, const void *b)
{
    const struct scaling_arm *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->capacity > y->capacity) - (x->capacity < y->capacity);
}

/* The middle 95 % of what came of the rounds. */
static struct bounds middle(double *x, size_t n)
{
    struct bounds in = { nan(""), nan("") };
    size_t known = 0;

    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]))
            x[known++] = x[i];
    if (2 * known > SCALING_ROUNDS)
        stats_middle(x, known, &in.low, &in.high);
    return in;
}

/* ---- a curve: one budget ---- */

static size_t gather_curve(struct room *room, const struct scaling_arm *arm,
                           const struct study *study, int budget)
{
    size_t n = 0;

    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        for (size_t j = 0; j < s->n && is_of(arm, s) && s->budget == budget; j++)
            if (isfinite(s->run[j]->facts.loss_causal)) {
                room->size[n] = s->n_parameters;
                room->loss[n++] = s->run[j]->facts.loss_causal;
            }
    }
    return n;
}

static void add_curve(struct scaling *out, size_t arm, const struct study *study,
                      int budget, struct room *room)
{
    struct scaling_curve *c = &out->curve[out->n_curves];
    struct random random = random_seeded(1);
    const size_t n = gather_curve(room, &out->arm[arm], study, budget);

    if (n == 0)
        return;
    *c = (struct scaling_curve){ .arm = arm, .n = n, .budget = budget,
                                 .fit = parabola_fit(room->size, room->loss, n) };
    for (int r = 0; r < SCALING_ROUNDS; r++) {
        for (size_t i = 0; i < n; i++) {
            const uint32_t k = random_below(&random, (uint32_t)n);
            room->size[n + i] = room->size[k];
            room->loss[n + i] = room->loss[k];
        }
        const struct parabola p = parabola_fit(room->size + n, room->loss + n, n);
        room->of_round[0][r] = p.size;
        room->of_round[1][r] = p.loss;
    }
    c->size = middle(room->of_round[0], SCALING_ROUNDS);
    c->loss = middle(room->of_round[1], SCALING_ROUNDS);
    out->n_curves++;
    out->arm[arm].n += n;
    out->arm[arm].n_budgets++;
}

/* ---- a law: all budgets ---- */

static size_t gather_arm(struct room *room, const struct scaling_arm *arm,
                         const struct study *study)
{
    size_t n = 0;

    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        for (size_t j = 0; j < s->n && is_of(arm, s); j++)
            if (s->run[j]->facts.loss_causal > 0)
                room->point[n++] = (struct law_point){
                    s->flops_train / s->tokens, s->tokens,
                    s->run[j]->facts.loss_causal };
    }
    return n;
}

static void draw_laws(struct law *law, struct room *room, size_t n,
                      const struct law *near)
{
    struct random random = random_seeded(2);

    for (int r = 0; r < SCALING_ROUNDS; r++) {
        for (size_t i = 0; i < n; i++)
            room->drawn[i] = room->point[random_below(&random, (uint32_t)n)];
        if (!law_fit(&law[r], room->drawn, n, near))
            law[r] = (struct law){ nan(""), nan(""), nan(""), nan(""), nan("") };
    }
}

/* The number that stands so far into a law, of every round. */
static struct bounds bounds_of(const struct law *law, size_t member,
                               struct room *room)
{
    for (int r = 0; r < SCALING_ROUNDS; r++)
        memcpy(&room->of_round[0][r], (const char *)&law[r] + member,
               sizeof(double));
    return middle(room->of_round[0], SCALING_ROUNDS);
}

static void bound_law(struct scaling_arm *arm, const struct law *law,
                      struct room *room)
{
    static const size_t member[] = {
        offsetof(struct law, e), offsetof(struct law, a), offsetof(struct law, b),
        offsetof(struct law, alpha), offsetof(struct law, beta),
    };

    for (size_t m = 0; m < sizeof member / sizeof *member; m++) {
        const struct bounds in = bounds_of(law, member[m], room);
        memcpy((char *)&arm->low + member[m], &in.low, sizeof in.low);
        memcpy((char *)&arm->high + member[m], &in.high, sizeof in.high);
    }
}

static bool was_tried(const struct room *room, size_t n, double size)
{
    double first = HUGE_VAL, last = 0;

    for (size_t i = 0; i < n; i++) {
        first = fmin(first, room->point[i].size);
        last = fmax(last, room->point[i].size);
    }
    return size >= first && size <= last;
}

/* What dense needs for the least loss of the arm, over what the arm takes. */
static void compare(struct scaling_arm *arm, const struct scaling_arm *dense,
                    double budget, struct room *room)
{
    arm->multiplier = law_compute(&dense->law, arm->least) / budget;
    for (int r = 0; r < SCALING_ROUNDS; r++)
        room->of_round[0][r] = law_compute(
            &room->law[r], law_least(&room->law[SCALING_ROUNDS + r], budget,
                                     NULL)) / budget;
    arm->multiplier_in = middle(room->of_round[0], SCALING_ROUNDS);
}

static void fit_arm(struct scaling *s, size_t a, const struct study *study,
                    struct room *room)
{
    struct scaling_arm *arm = &s->arm[a];
    const bool dense = arm->kind == SETTING_DENSE;
    struct law *law = room->law + (dense ? 0 : SCALING_ROUNDS);
    const double budget = study->budget[study->n_budgets - 1];
    const size_t n = gather_arm(room, arm, study);

    arm->fitted = arm->n_budgets > 1 && study->separate &&
                  law_fit(&arm->law, room->point, n, NULL);
    if (!arm->fitted)
        return;
    draw_laws(law, room, n, &arm->law);
    bound_law(arm, law, room);
    arm->least = law_least(&arm->law, budget, &arm->size);
    arm->tried = was_tried(room, n, arm->size);
    for (int r = 0; r < SCALING_ROUNDS; r++)
        room->of_round[0][r] = law_least(&law[r], budget, NULL);
    arm->least_in = middle(room->of_round[0], SCALING_ROUNDS);
    if (!dense && s->arm[0].fitted)
        compare(arm, &s->arm[0], budget, room);
}

/* ---- all ---- */

static void fit_all(struct scaling *s, const struct study *study,
                    struct room *room)
{
    for (size_t i = 0; i < study->n; i++)
        add_arm(s, &study->setting[i]);
    qsort(s->arm, s->n_arms, sizeof *s->arm, by_kind_and_capacity);
    for (size_t a = 0; a < s->n_arms; a++)
        for (size_t b = 0; b < study->n_budgets; b++)
            add_curve(s, a, study, (int)b, room);
    for (size_t a = 0; a < s->n_arms; a++)
        fit_arm(s, a, study, room);
}

enum status scaling_open(struct scaling *out, const struct study *study,
                         struct error *err)
{
    const size_t n = study->n_runs + 1;
    struct room *room = calloc(1, sizeof *room);

    *out = (struct scaling){
        .arm = calloc(study->n + 1, sizeof *out->arm),
        .curve = calloc(study->n + 1, sizeof *out->curve) };
    if (room) {
        room->point = calloc(2 * n, sizeof *room->point);
        room->size = calloc(4 * n, sizeof *room->size);
        room->law = calloc(2 * SCALING_ROUNDS, sizeof *room->law);
    }
    const bool whole = out->arm && out->curve && room && room->point &&
                       room->size && room->law;
    if (whole) {
        room->drawn = room->point + n;
        room->loss = room->size + 2 * n;
        fit_all(out, study, room);
    }
    if (room) {
        free(room->point);
        free(room->size);
        free(room->law);
    }
    free(room);
    return whole ? STATUS_OK
                 : error_set(err, STATUS_NO_MEMORY, "no memory for fits");
}

void scaling_close(struct scaling *scaling)
{
    free(scaling->arm);
    free(scaling->curve);
    *scaling = (struct scaling){ .n_arms = 0 };
}

void scaling_edge(char out[96], const struct scaling_curve *c)
{
    const char *towards = c->fit.falls ? "larger" : "smaller";

    if (c->fit.bracketed)
        *out = 0;
    else if (c->fit.n_sizes < 3)
        snprintf(out, 96, "no minimum: %d size%s tried, three are needed",
                 c->fit.n_sizes, c->fit.n_sizes == 1 ? " was" : "s were");
    else
        snprintf(out, 96, "not bracketed: lower towards %s models than were"
                 " tried", towards);
}
