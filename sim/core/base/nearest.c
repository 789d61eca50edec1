/* nearest.c - Compute the optimal string alignment distance, in three rows. */
#include "sim/core/base/nearest.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { LENGTH_MAX = 64 };        /* names longer than this have no neighbours */

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Damerau 1964, restricted to swaps of neighbours that are not edited again. */
static int distance(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b);
    int row[3][LENGTH_MAX + 1];

    if (m > LENGTH_MAX || n > LENGTH_MAX)
        return INT_MAX;
    for (size_t j = 0; j <= n; j++)
        row[0][j] = (int)j;
    for (size_t i = 1; i <= m; i++) {
        int *now = row[i % 3], *above = row[(i + 2) % 3];
        const int *two_above = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            now[j] = smaller(above[j - 1] + (a[i - 1] != b[j - 1]),
                             smaller(above[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = smaller(now[j], two_above[j - 2] + 1);
        }
    }
    return row[m % 3][n];
}

struct nearest nearest_to(const char *wanted)
{
    return (struct nearest){ .wanted = wanted, .distance = INT_MAX };
}

/* h100 of h100-sxm: a part of the name is given, and all of that part. */
static bool begins(const char *candidate, const char *wanted)
{
    const size_t n = strlen(wanted);
    return n > 0 && strncmp(candidate, wanted, n) == 0 && candidate[n] == '-';
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
    const int d = begins(candidate, nearest->wanted)
                      ? 0 : distance(nearest->wanted, candidate);

    if (d < nearest->distance && 3 * (size_t)d <= strlen(candidate)) {
        nearest->name = candidate;
        nearest->distance = d;
    }
}
