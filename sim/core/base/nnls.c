/* nnls.c - Solve for an active set of columns by reflections. */
#include "sim/core/base/nnls.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A column less than this beside what it was depends on those before it. */
static const double depends = 1e-12;

/* Room for one problem: the columns in use, side by side, and b. */
struct room {
    double *q;                   /* [n + 1, m], by columns; the last one is b */
    double *residual;            /* [m] */
};

static bool make_room(struct room *room, int m, int n)
{
    room->q = error_noted(calloc((size_t)(n + 2) * (size_t)m,
                                 sizeof *room->q));
    if (!room->q)
        return false;
    room->residual = room->q + (size_t)(n + 1) * (size_t)m;
    return true;
}

static enum status no_room(int m, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a fit of %d rows",
                     m);
}

static double dot(const double *x, const double *y, int m)
{
    double sum = 0;

    for (int i = 0; i < m; i++)
        sum += x[i] * y[i];
    return sum;
}

/* Turn column k so that it ends at row k, and the columns up to `last` with it.
 * False: nothing of it was left. */
static bool reflect(double *q, int m, int k, int last, double was)
{
    double *v = q + (size_t)k * (size_t)m;
    double length = sqrt(dot(v + k, v + k, m - k));

    if (!(length > depends * was))
        return false;
    double head = v[k] > 0 ? -length : length;
    v[k] -= head;
    double half = -head * v[k];            /* |v|^2 / 2 */
    for (int j = k + 1; j <= last; j++) {
        double *to = q + (size_t)j * (size_t)m;
        double times = dot(v + k, to + k, m - k) / half;
        for (int i = k; i < m; i++)
            to[i] -= times * v[i];
    }
    v[k] = head;
    return true;
}

/* s[n] of the columns in `used`, 0 elsewhere.  False: they depend. */
static bool solve(double *s, const double *a, const double *b, int m, int n,
                  const bool *used, const struct room *room)
{
    int column[NNLS_MAX], p = 0;

    for (int j = 0; j < n; j++) {
        s[j] = 0;
        if (used[j])
            column[p++] = j;
    }
    if (p > m)
        return false;
    for (int k = 0; k < p; k++)
        for (int i = 0; i < m; i++)
            room->q[(size_t)k * (size_t)m + (size_t)i] =
                a[(size_t)i * (size_t)n + (size_t)column[k]];
    double *right = room->q + (size_t)p * (size_t)m;
    memcpy(right, b, (size_t)m * sizeof *b);

    for (int k = 0; k < p; k++) {
        const double *v = room->q + (size_t)k * (size_t)m;
        if (!reflect(room->q, m, k, p, sqrt(dot(v, v, m))))
            return false;
    }
    for (int k = p - 1; k >= 0; k--) {
        double sum = right[k];
        for (int j = k + 1; j < p; j++)
            sum -= room->q[(size_t)j * (size_t)m + (size_t)k] * s[column[j]];
        s[column[k]] = sum / room->q[(size_t)k * (size_t)m + (size_t)k];
    }
    return true;
}

/* The column outside that would help most, -1: none. */
static int most_wanted(const double *x, const double *a, const double *b,
                       int m, int n, const bool *used, const bool *refused,
                       const struct room *room)
{
    double most = 16 * DBL_EPSILON * m * sqrt(dot(b, b, m));
    int wanted = -1;

    for (int i = 0; i < m; i++)
        room->residual[i] = b[i] - dot(a + (size_t)i * (size_t)n, x, n);
    for (int j = 0; j < n; j++) {
        double pull = 0;
        for (int i = 0; i < m; i++)
            pull += a[(size_t)i * (size_t)n + (size_t)j] * room->residual[i];
        if (!used[j] && !refused[j] && pull > most) {
            most = pull;
            wanted = j;
        }
    }
    return wanted;
}

/* Go from x towards s as far as nothing falls below zero; what reaches zero
 * leaves the set.  False: all of s is allowed, and x is s. */
static bool step_back(double *x, const double *s, int n, bool *used)
{
    double share = 1;
    int first = -1;

    for (int j = 0; j < n; j++)
        if (used[j] && s[j] <= 0 && x[j] / (x[j] - s[j]) < share) {
            share = x[j] / (x[j] - s[j]);
            first = j;
        }
    for (int j = 0; j < n; j++) {
        x[j] = used[j] ? x[j] + share * (s[j] - x[j]) : 0;
        if (first >= 0 && used[j] && (j == first || !(x[j] > 0))) {
            x[j] = 0;
            used[j] = false;
        }
    }
    return first >= 0;
}

static enum status run(double *x, const double *a, const double *b, int m,
                       int n, const struct room *room, struct error *err)
{
    bool used[NNLS_MAX] = { false }, refused[NNLS_MAX] = { false };
    double s[NNLS_MAX];
    int j;

    memset(x, 0, (size_t)n * sizeof *x);
    for (int round = 0; round < 30 * n; round++) {
        j = most_wanted(x, a, b, m, n, used, refused, room);
        if (j < 0)
            return STATUS_OK;
        used[j] = true;
        /* Rounding may call for a column that then wants to be negative:
         * Lawson and Hanson's test, without which it could go round in
         * circles. */
        if (!solve(s, a, b, m, n, used, room) || s[j] <= 0) {
            used[j] = false;
            refused[j] = true;
            continue;
        }
        memset(refused, 0, sizeof refused);
        while (step_back(x, s, n, used))
            if (!solve(s, a, b, m, n, used, room))
                return error_set(err, STATUS_FAILED, "the fit met columns that"
                                 " depend on each other");
    }
    return error_set(err, STATUS_FAILED, "the fit does not settle");
}

enum status nnls(double *x, const double *a, const double *b, int m, int n,
                 struct error *err)
{
    struct room room;

    if (!make_room(&room, m, n))
        return no_room(m, err);
    enum status status = run(x, a, b, m, n, &room, err);
    free(room.q);
    return status;
}

/* The column last of all: what is left of it below the others is its own. */
static double own_of(const double *a, int m, int n, int wanted,
                     const struct room *room)
{
    double was[NNLS_MAX] = { 0 };
    int k = 0, rank = 0;

    for (int j = 0; j < n; j++) {
        int at = j == wanted ? n - 1 : k++;
        double *to = room->q + (size_t)at * (size_t)m;
        for (int i = 0; i < m; i++)
            to[i] = a[(size_t)i * (size_t)n + (size_t)j];
        was[at] = sqrt(dot(to, to, m));
    }
    /* A column that depends on those before it gives its place up. */
    for (k = 0; k < n - 1 && rank < m; k++) {
        double *v = room->q + (size_t)k * (size_t)m;
        double *to = room->q + (size_t)rank * (size_t)m;
        if (k != rank)
            memcpy(to, v, (size_t)m * sizeof *v);
        if (was[k] > 0 && reflect(room->q, m, rank, n - 1, was[k]))
            rank++;
    }
    const double *v = room->q + (size_t)(n - 1) * (size_t)m;
    if (!(was[n - 1] > 0) || rank >= m)
        return 0;
    return sqrt(dot(v + rank, v + rank, m - rank)) / was[n - 1];
}

enum status nnls_own(double *own, const double *a, int m, int n,
                     struct error *err)
{
    struct room room;

    if (!make_room(&room, m, n))
        return no_room(m, err);
    for (int j = 0; j < n; j++)
        own[j] = own_of(a, m, n, j, &room);
    free(room.q);
    return STATUS_OK;
}

/* Turn rows and columns p and q of g so that g[p][q] is 0. */
static void rotate(double g[NNLS_MAX][NNLS_MAX], int n, int p, int q)
{
    double theta = (g[q][q] - g[p][p]) / (2 * g[p][q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;

    for (int k = 0; k < n; k++) {
        double x = g[k][p], y = g[k][q];
        g[k][p] = c * x - s * y;
        g[k][q] = s * x + c * y;
    }
    for (int k = 0; k < n; k++) {
        double x = g[p][k], y = g[q][k];
        g[p][k] = c * x - s * y;
        g[q][k] = s * x + c * y;
    }
}

double nnls_condition(const double *a, int m, int n)
{
    double g[NNLS_MAX][NNLS_MAX] = { { 0 } }, low = HUGE_VAL, high = 0;

    for (int i = 0; i < m; i++)
        for (int p = 0; p < n; p++)
            for (int q = 0; q < n; q++)
                g[p][q] += a[(size_t)i * (size_t)n + (size_t)p] *
                           a[(size_t)i * (size_t)n + (size_t)q];
    for (int sweep = 0; sweep < 30; sweep++)
        for (int p = 0; p < n - 1; p++)
            for (int q = p + 1; q < n; q++)
                if (fabs(g[p][q]) > DBL_EPSILON * 1e-3 *
                                    sqrt(fabs(g[p][p] * g[q][q])))
                    rotate(g, n, p, q);
    for (int j = 0; j < n; j++) {
        low = fmin(low, g[j][j]);
        high = fmax(high, g[j][j]);
    }
    return low > n * DBL_EPSILON * high ? sqrt(high / low) : HUGE_VAL;
}
