/* test_law.c - Recover a law of loss, and the lowest of a parabola, from points
 * whose law is known. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/read/law.h"
#include "reports/read/parabola.h"
#include "tests/shared.h"

enum { MOST = 400 };

static struct law_point point[MOST];

/* Hoffmann et al. 2022, section 3.3; for compute 6 N D. */
static const struct law hoffmann = { 1.69, 406.4, 410.7, 0.34, 0.28 };

static size_t points_of(const struct law *law)
{
    size_t n = 0;

    for (double size = 1e7; size < 2e10; size *= 3)
        for (double tokens = 1e9; tokens < 1e12; tokens *= 5) {
            point[n] = (struct law_point){ size, tokens, law->e +
                law->a / pow(size, law->alpha) + law->b / pow(tokens, law->beta) };
            n++;
        }
    return n;
}

static double apart(double a, double b)
{
    return fabs(a / b - 1);
}

Test(law, points_without_noise_give_their_law_back)
{
    const size_t n = points_of(&hoffmann);
    struct law l;

    cr_assert(law_fit(&l, point, n, NULL));
    cr_expect(apart(l.e, hoffmann.e) < 1e-4 && apart(l.alpha, hoffmann.alpha) <
              1e-4 && apart(l.beta, hoffmann.beta) < 1e-4 &&
              apart(l.a, hoffmann.a) < 2e-3 && apart(l.b, hoffmann.b) < 2e-3,
              "%.9g %.9g %.9g %.9g %.9g", l.e, l.a, l.b, l.alpha, l.beta);
}

Test(law, an_outlier_moves_little)
{
    const size_t n = points_of(&hoffmann);
    struct law l;

    point[7].loss *= 2;
    cr_assert(law_fit(&l, point, n, NULL));
    cr_expect(apart(l.e, hoffmann.e) < 1e-2 && apart(l.alpha, hoffmann.alpha) <
              1e-2, "%.9g %.9g", l.e, l.alpha);
}

/* By calculus: alpha A / M^alpha = beta B / D^beta where M D is fixed. */
Test(law, the_best_size_balances_both_terms)
{
    double size;
    const double compute = 3e21, least = law_least(&hoffmann, compute, &size);
    const double tokens = compute / size;

    cr_expect(apart(0.34 * 406.4 / pow(size, 0.34),
                    0.28 * 410.7 / pow(tokens, 0.28)) < 1e-9);
    cr_expect(law_loss(&hoffmann, size, tokens) == least);
    cr_expect(law_loss(&hoffmann, 1.1 * size, tokens / 1.1) > least);
    cr_expect(law_loss(&hoffmann, size / 1.1, tokens * 1.1) > least);
    cr_expect(apart(law_compute(&hoffmann, least), compute) < 1e-9);
    cr_expect(isnan(law_compute(&hoffmann, 1.6)));
}

Test(law, too_few_points_have_none)
{
    struct law l;

    points_of(&hoffmann);
    cr_expect(not(law_fit(&l, point, LAW_FEWEST - 1, NULL)));
    for (size_t i = 0; i < 10; i++)
        point[i].size = i % 2 ? 1e8 : 2e8;          /* two sizes alone */
    cr_expect(not(law_fit(&l, point, 10, NULL)));
}

static int by_loss(const void *a, const void *b)
{
    const struct law_point *x = a, *y = b;
    return (x->loss > y->loss) - (x->loss < y->loss);
}

/* Size, compute and loss, of which compute is 6 N D. */
static size_t read_chinchilla(const char *path)
{
    enum { SIZE = 3, COMPUTE = 4, LOSS = 6, COLUMNS = 7 };
    char line[512];
    FILE *file = fopen(path, "r");
    size_t n = 0;

    cr_assert(file && fgets(line, sizeof line, file));
    while (n < MOST && fgets(line, sizeof line, file)) {
        double value[COLUMNS] = { 0 };
        char *rest = line, *cell;
        for (int c = 0; c < COLUMNS && (cell = strsep(&rest, ",")); c++)
            value[c] = strtod(cell, NULL);
        point[n++] = (struct law_point){ value[SIZE],
            value[COMPUTE] / 6 / value[SIZE], value[LOSS] };
    }
    fclose(file);
    qsort(point, n, sizeof *point, by_loss);
    return n - 5;                       /* without the five highest losses */
}

/* The sum that the fit is to make least, written down anew. */
static double sum_of(const struct law *l, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        const double off = fabs(log(l->e + l->a * pow(point[i].size, -l->alpha) +
                                    l->b * pow(point[i].tokens, -l->beta)) -
                                log(point[i].loss));
        sum += off <= 1e-3 ? off * off / 2 : 1e-3 * (off - 5e-4);
    }
    return sum;
}

/* Besiroglu et al. 2024 (arXiv 2404.10102): E 1.81686, A 482.00572, B 2085.43420,
 * alpha .34781, beta .36585; standard errors .03, 124.6, 1293, .02, .02.  A sum
 * below theirs is a better minimum of the same sum. */
Test(law, the_published_points_give_the_published_constants)
{
    static const struct law published = { 1.81686, 482.00572, 2085.43420, 0.34781,
                                          0.36585 };
    char path[FILE_PATH_SIZE];
    struct law l;

    shared_path(path, "published/epoch_chinchilla_svg.csv");
    const size_t n = read_chinchilla(path);
    cr_assert(eq(sz, n, 240));
    cr_assert(law_fit(&l, point, n, NULL));
    cr_expect(sum_of(&l, n) <= sum_of(&published, n), "%.12g %.12g",
              sum_of(&l, n), sum_of(&published, n));
    cr_expect(fabs(l.e - published.e) < 2e-3 &&
              fabs(l.alpha - published.alpha) < 2e-3 &&
              fabs(l.beta - published.beta) < 2e-3 &&
              apart(l.a, published.a) < 0.05 && apart(l.b, published.b) < 0.05,
              "%.9g %.9g %.9g %.9g %.9g", l.e, l.a, l.b, l.alpha, l.beta);
}

/* (log size - 3)^2 + 2, sizes around e^3. */
Test(law, a_parabola_has_its_vertex)
{
    const double at[] = { 1, 2.5, 3.5, 4, 2.5 };
    double size[5], loss[5];

    for (int i = 0; i < 5; i++) {
        size[i] = exp(at[i]);
        loss[i] = (at[i] - 3) * (at[i] - 3) + 2;
    }
    struct parabola p = parabola_fit(size, loss, 5);
    cr_expect(eq(int, p.n_sizes, 4));
    cr_expect(p.bracketed && apart(log(p.size), 3) < 1e-12 &&
              apart(p.loss, 2) < 1e-12 && apart(p.bend, 1) < 1e-12);
    p = parabola_fit(size, loss, 2);                /* e^1 and e^2.5 */
    cr_expect(p.falls && !p.bracketed && isnan(p.size));
    for (int i = 0; i < 3; i++)
        size[i] = exp(at[i] - 2), loss[i] = (at[i] - 5) * (at[i] - 5) + 2;
    p = parabola_fit(size, loss, 3);                /* all on one side */
    cr_expect(p.falls && !p.bracketed && apart(log(p.size), 3) < 1e-12);
    for (int i = 0; i < 5; i++)
        size[i] = exp(at[i]), loss[i] = 2 - (at[i] - 3) * (at[i] - 3);
    cr_expect(not(parabola_fit(size, loss, 5).bracketed));
}
