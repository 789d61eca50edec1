/* spread.c - Collect samples, and tell how they spread. */
#include "sim/price/spread.h"

#include <math.h>
#include <stdlib.h>

#include "sim/core/base/stats.h"

enum status samples_take(struct samples *s, double value, double dense,
                         struct error *err)
{
    if (s->n == s->size) {
        const size_t size = s->size ? 2 * s->size : 256;
        double *more = reallocarray(s->x, size, sizeof *more);
        if (!more)
            return error_set(err, STATUS_NO_MEMORY, "no memory for %zu samples",
                             size);
        s->x = more;
        s->size = size;
    }
    s->x[s->n++] = value;
    s->dense += dense;
    return STATUS_OK;
}

struct distribution samples_spread(struct samples *s)
{
    struct distribution d = { s->n, (double)NAN, (double)NAN, (double)NAN,
                              (double)NAN, (double)NAN, (double)NAN };

    if (s->n == 0 || isnan(s->x[0])) {
        d.n = 0;
        return d;
    }
    d.mean = stats_spread(s->x, s->n).mean;
    d.p50 = stats_quantile(s->x, s->n, 0.5);
    d.p95 = stats_quantile(s->x, s->n, 0.95);
    d.p99 = stats_quantile(s->x, s->n, 0.99);
    d.most = s->x[s->n - 1];
    d.dense = s->dense / (double)s->n;
    return d;
}
