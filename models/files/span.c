/* span.c - Map the columns of our matrices to the rows of foreign ones. */
#include "models/files/span.h"

#include <string.h>

void span_columns(const struct model_spec *s, const struct tensor *t,
                  enum span span, int64_t *from, int64_t *to)
{
    const int64_t q = spec_q(s), e = spec_e(s), f = t->columns / 2;
    const struct { int64_t from, to; } table[] = {
        [SPAN_ALL]  = { 0, t->columns },
        [SPAN_Q]    = { 0, q },
        [SPAN_K]    = { q, q + e },
        [SPAN_V]    = { q + e, q + 2 * e },
        [SPAN_GATE] = { 0, f },
        [SPAN_UP]   = { f, 2 * f },
    };
    *from = table[span].from;
    *to = table[span].to;
}

/* A group is the heads of queries that share a key, the key, and the value. */
static int64_t row_in_group(int64_t c, const struct model_spec *spec,
                            int64_t columns)
{
    const int64_t d = spec->head_size, groups = spec->n_kv_heads;
    const int64_t e = groups * d, q = columns - 2 * e, queries = q / groups;
    const int64_t of = c < q ? c / queries : (c - q) % e / d;
    const int64_t at = c < q ? c % queries
                             : queries + (c - q) / e * d + (c - q) % d;

    return of * (queries + 2 * d) + at;
}

int64_t span_row(int64_t c, enum layout layout, const struct model_spec *spec,
                 int64_t columns)
{
    const int64_t d = spec->head_size;

    if (layout == LAYOUT_HEADS)
        return row_in_group(c, spec, columns);
    if (layout != LAYOUT_PAIRS)
        return c;
    int64_t j = c % d, half = d / 2;
    return c - j + (j < half ? 2 * j : 2 * (j - half) + 1);
}

enum { TILE = 16 };              /* floats of a cache line */

/* A tile at a time, so that each line of either side is used while it is at
 * hand. */
void span_write(const float *ours, const struct tensor *t, int64_t from,
                int64_t to, enum layout layout, const struct model_spec *spec,
                float *theirs)
{
    const int64_t width = to - from;

    if (layout == LAYOUT_SAME) {
        for (int64_t r = 0; r < t->rows; r++)
            memcpy(&theirs[r * width], &ours[r * t->columns + from],
                   (size_t)width * sizeof *ours);
        return;
    }
    for (int64_t c0 = 0; c0 < width; c0 += TILE)
        for (int64_t r = 0; r < t->rows; r++)
            for (int64_t c = c0; c < width && c < c0 + TILE; c++)
                theirs[span_row(c, layout, spec, width) * t->rows + r] =
                    ours[r * t->columns + from + c];
}
