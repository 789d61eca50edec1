/* page_priced.c - Write the page's sentences about points that were priced. */
#include "reports/page/page.h"

#include <math.h>
#include "reports/draw/html.h"

enum { FLOPS, BYTES, SECONDS };          /* of priced_metrics */

/* What is told of: the time, where a machine gave one, else bytes. */
static int told_of(const struct prices *priced)
{
    for (size_t i = 0; i < priced->n; i++)
        if (amount_known(priced->point[i].of_twin[SECONDS]))
            return SECONDS;
    return BYTES;
}

/* The share of a point that skips work; NULL: unknown, or a dense model, which is
 * its own twin. */
static const struct amount *share_of(const struct priced_point *p, int metric,
                                     bool twin)
{
    const struct amount *a = twin ? &p->of_twin[metric] : &p->of_rival[metric];
    const bool skips = amount_known(p->of_twin[FLOPS]) &&
                       p->of_twin[FLOPS].value < 1;
    return skips && amount_known(*a) ? a : NULL;
}

/* "4 of 12 points take surely less time than ...; the least is NAME, 57 % (55 to
 * 60 %)": surely, if the whole interval lies below. */
static void say(FILE *out, const struct prices *priced, int metric, bool twin)
{
    const char *word = metric == SECONDS ? "time" : "bytes";
    const struct priced_point *least = NULL;
    size_t n = 0, below = 0;

    for (size_t i = 0; i < priced->n; i++) {
        const struct amount *a = share_of(&priced->point[i], metric, twin);
        if (!a)
            continue;
        n++;
        below += (isfinite(a->high) ? a->high : a->value) < 1;
        if (!least || a->value < share_of(least, metric, twin)->value)
            least = &priced->point[i];
    }
    if (!least)
        return;
    const struct amount *a = share_of(least, metric, twin);
    html_textf(out, " Of %zu that skip work %zu take %s %s a token than %s%s",
               n, below, metric == SECONDS ? "less" : "fewer", word,
               twin ? "the dense twin" : "the rival ",
               twin ? "" : priced->rival);
    html_textf(out, "; the least, %.1f %% of its", 100 * a->value);
    if (isfinite(a->low) && isfinite(a->high))
        html_textf(out, " (%.1f to %.1f %%)", 100 * a->low, 100 * a->high);
    html_textf(out, ", takes %s.", least->name);
}

void page_lead_priced(const struct report *r, FILE *out)
{
    const struct prices *priced = &r->priced;
    const int metric = told_of(priced);

    fputs("<p class=\"lead\">", out);
    html_textf(out, "%zu point%s priced.", priced->n,
               priced->n == 1 ? " was" : "s were");
    say(out, priced, metric, true);
    say(out, priced, metric, false);
    fputs("</p>\n", out);
}
