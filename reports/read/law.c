/* law.c - Fit how loss falls with what a model costs a token and with the tokens
 * that it saw. */
#include "reports/read/law.h"

#include <math.h>
#include <stdlib.h>
#include "sim/core/base/nnls.h"

static const double huber_turn = 1e-3;

/* The points of a fit, with sizes and tokens beside their geometric mean, so that
 * all columns are near 1. */
struct fit {
    size_t n;
    double still, near;          /* changes of the sum, and of the exponents, at
                                  * which a search ends */
    double size, tokens;         /* the geometric means */
    double *log_size, *log_tokens, *loss;        /* [n] less those */
    double *row, *right;         /* [3 n], [n] scratch of the inner problem */
    double x[3];                 /* E, A, B of the exponents tried last */
};

static bool fit_open(struct fit *f, const struct law_point *p, size_t n)
{
    *f = (struct fit){ .n = n };
    f->log_size = error_noted(calloc(7 * n + 1, sizeof *f->log_size));
    if (!f->log_size)
        return false;
    f->log_tokens = f->log_size + n;
    f->loss = f->log_tokens + n;
    f->row = f->loss + n;
    f->right = f->row + 3 * n;
    for (size_t i = 0; i < n; i++) {
        f->log_size[i] = log(p[i].size);
        f->log_tokens[i] = log(p[i].tokens);
        f->loss[i] = p[i].loss;
        f->size += f->log_size[i] / (double)n;
        f->tokens += f->log_tokens[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        f->log_size[i] -= f->size;
        f->log_tokens[i] -= f->tokens;
    }
    return true;
}

/* The sum of Huber's losses under f->x; leaves in f->row and f->right the linear
 * problem whose solution is the next step of Gauss and Newton: near the fitted p,
 * log(q / seen) is about log(p / seen) + q / p - 1, weighed as Huber's slope is. */
static double weigh(struct fit *f, double alpha, double beta)
{
    double sum = 0;

    for (size_t i = 0; i < f->n; i++) {
        const double of[3] = { 1, exp(-alpha * f->log_size[i]),
                               exp(-beta * f->log_tokens[i]) };
        const double p = f->x[0] * of[0] + f->x[1] * of[1] + f->x[2] * of[2];
        const double off = log(p / f->loss[i]), far = fabs(off);
        const double weight = far <= huber_turn ? 1 : huber_turn / far;
        const double root = sqrt(weight);
        sum += far <= huber_turn ? off * off / 2
                                 : huber_turn * (far - huber_turn / 2);
        for (int k = 0; k < 3; k++)
            f->row[3 * i + (size_t)k] = root * of[k] / p;
        f->right[i] = root * (1 - off);
    }
    return sum;
}

/* Least squares of relative errors, to begin with. */
static bool begin(struct fit *f, double alpha, double beta)
{
    for (size_t i = 0; i < f->n; i++) {
        f->row[3 * i] = 1 / f->loss[i];
        f->row[3 * i + 1] = exp(-alpha * f->log_size[i]) / f->loss[i];
        f->row[3 * i + 2] = exp(-beta * f->log_tokens[i]) / f->loss[i];
        f->right[i] = 1;
    }
    return nnls(f->x, f->row, f->right, (int)f->n, 3, NULL) == STATUS_OK;
}

/* The least sum for these exponents; f->x has its E, A and B. */
static double try(struct fit *f, double alpha, double beta)
{
    enum { MOST_STEPS = 400 };
    double sum = HUGE_VAL;

    if (!(alpha > 0 && beta > 0 && alpha < 4 && beta < 4) ||
        !begin(f, alpha, beta))
        return HUGE_VAL;
    for (int step = 0; step < MOST_STEPS; step++) {
        const double now = weigh(f, alpha, beta);
        if (!(fabs(sum - now) > f->still * now))
            return now;
        sum = now;
        if (nnls(f->x, f->row, f->right, (int)f->n, 3, NULL) != STATUS_OK)
            return HUGE_VAL;
    }
    return sum;
}

struct corner {
    double at[2], sum;           /* alpha and beta */
};

static struct corner corner_at(struct fit *f, double alpha, double beta)
{
    return (struct corner){ { alpha, beta }, try(f, alpha, beta) };
}

static int by_sum(const void *a, const void *b)
{
    const double x = ((const struct corner *)a)->sum,
                 y = ((const struct corner *)b)->sum;
    return (x > y) - (x < y);
}

/* The worst corner moved to the other side of the other two's middle, so far. */
static struct corner moved(struct fit *f, const struct corner c[3], double far)
{
    double at[2];

    for (int k = 0; k < 2; k++) {
        const double middle = (c[0].at[k] + c[1].at[k]) / 2;
        at[k] = middle + far * (middle - c[2].at[k]);
    }
    return corner_at(f, at[0], at[1]);
}

/* Nelder and Mead, The Computer Journal 7, 1965, with their coefficients. */
static void descend(struct fit *f, struct corner c[3])
{
    enum { MOST_MOVES = 200 };

    for (int move = 0; move < MOST_MOVES; move++) {
        qsort(c, 3, sizeof *c, by_sum);
        if (fabs(c[2].at[0] - c[0].at[0]) + fabs(c[2].at[1] - c[0].at[1]) <
            f->near)
            break;
        struct corner next = moved(f, c, 1);
        if (next.sum < c[0].sum) {
            const struct corner further = moved(f, c, 2);
            next = further.sum < next.sum ? further : next;
        } else if (next.sum >= c[1].sum) {
            next = moved(f, c, next.sum < c[2].sum ? 0.5 : -0.5);
            if (next.sum >= c[2].sum) {
                for (int k = 1; k < 3; k++)
                    c[k] = corner_at(f, (c[k].at[0] + c[0].at[0]) / 2,
                                     (c[k].at[1] + c[0].at[1]) / 2);
                continue;
            }
        }
        c[2] = next;
    }
    qsort(c, 3, sizeof *c, by_sum);
}

static struct corner best_of_grid(struct fit *f)
{
    enum { STEPS = 10 };
    const double first = 0.1, step = 0.15;
    struct corner best = { { 0.5, 0.5 }, HUGE_VAL };

    for (int i = 0; i < STEPS; i++)
        for (int j = 0; j < STEPS; j++) {
            const struct corner c = corner_at(f, first + step * i,
                                              first + step * j);
            best = c.sum < best.sum ? c : best;
        }
    return best;
}

/* Three sizes tell alpha from a straight line, three numbers of tokens beta. */
static bool has_three(const double *x, size_t n)
{
    double seen[2];
    int found = 0;

    for (size_t i = 0; i < n && found < 3; i++) {
        bool is_new = true;
        for (int k = 0; k < found; k++)
            is_new &= fabs(x[i] - seen[k]) > 1e-6;
        if (is_new && found < 2)
            seen[found] = x[i];
        found += is_new;
    }
    return found == 3;
}

bool law_fit(struct law *out, const struct law_point *point, size_t n,
             const struct law *near)
{
    const double step = 0.05;
    struct fit f;
    bool fitted = false;

    if (n < LAW_FEWEST || !fit_open(&f, point, n))
        return false;
    f.still = near ? 1e-8 : 1e-13;
    f.near = near ? 1e-4 : 1e-7;
    if (has_three(f.log_size, n) && has_three(f.log_tokens, n)) {
        const struct corner first = near
            ? corner_at(&f, near->alpha, near->beta) : best_of_grid(&f);
        struct corner c[3] = { first,
            corner_at(&f, first.at[0] + step, first.at[1]),
            corner_at(&f, first.at[0], first.at[1] + step) };
        descend(&f, c);
        fitted = isfinite(try(&f, c[0].at[0], c[0].at[1]));
        *out = (struct law){ f.x[0], f.x[1] * exp(c[0].at[0] * f.size),
                             f.x[2] * exp(c[0].at[1] * f.tokens),
                             c[0].at[0], c[0].at[1] };
    }
    free(f.log_size);
    return fitted;
}

double law_loss(const struct law *l, double size, double tokens)
{
    return l->e + l->a * pow(size, -l->alpha) + l->b * pow(tokens, -l->beta);
}

double law_least(const struct law *l, double compute, double *size)
{
    const double best = pow(l->alpha * l->a / (l->beta * l->b) *
                                pow(compute, l->beta),
                            1 / (l->alpha + l->beta));

    if (size)
        *size = best;
    return law_loss(l, best, compute / best);
}

/* The least loss is E + K / compute^gamma, gamma = alpha beta / (alpha + beta). */
double law_compute(const struct law *l, double loss)
{
    const double k = law_least(l, 1, NULL) - l->e;
    return pow(k / (loss - l->e), (l->alpha + l->beta) / (l->alpha * l->beta));
}
