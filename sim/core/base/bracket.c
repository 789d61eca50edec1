/* bracket.c - Double until it is too much, then halve. */
#include "sim/core/base/bracket.h"

#include <inttypes.h>

static enum status rise(struct bracket *b, bracket_share *share, void *context,
                        int64_t most, struct error *err)
{
    enum status status = STATUS_OK;

    while (b->above < 1 && status == STATUS_OK) {
        if (b->high >= most)
            return error_set(err, STATUS_BAD_VALUE, "no number up to %" PRId64
                             " comes to as much", most);
        b->low = b->high;
        b->below = b->above;
        b->high = b->high > most / 2 ? most : 2 * b->high;
        status = share(&b->above, context, b->high, err);
    }
    return status;
}

static enum status halve(struct bracket *b, bracket_share *share, void *context,
                         struct error *err)
{
    enum status status = STATUS_OK;
    double got = 0;

    while (b->high - b->low > 1 && status == STATUS_OK) {
        const int64_t middle = b->low + (b->high - b->low) / 2;
        status = share(&got, context, middle, err);
        if (got < 1)
            b->low = middle, b->below = got;
        else
            b->high = middle, b->above = got;
    }
    return status;
}

enum status bracket_find(struct bracket *out, bracket_share *share,
                         void *context, int64_t least, int64_t most,
                         struct error *err)
{
    *out = (struct bracket){ .low = least, .high = least };
    enum status status = share(&out->above, context, least, err);

    out->below = out->above;
    if (status == STATUS_OK)
        status = rise(out, share, context, most, err);
    if (status == STATUS_OK)
        status = halve(out, share, context, err);
    if (status == STATUS_OK && !(out->above > 1)) {
        out->low = out->high;
        out->below = out->above;
    }
    return status;
}

int64_t bracket_nearest(const struct bracket *bracket)
{
    return 1 - bracket->below < bracket->above - 1 ? bracket->low
                                                   : bracket->high;
}
