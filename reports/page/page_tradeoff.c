/* page_tradeoff.c - Write the page's sentences about a real model's
 * routings. */
#include "reports/page/page.h"

#include <math.h>
#include "reports/draw/html.h"

/* Write "12.3 % less time ± 0.4"; more if it is more. */
static void saved(FILE *out, const struct trade *t, enum spend s)
{
    const struct amount share = t->share[s];
    char text[96];

    if (!amount_known(share)) {
        html_textf(out, "an unknown change in %s", spend_words[s]);
        return;
    }
    if (share.from == PROV_BUSY) {
        html_textf(out, "an unclear change in %s (%+.1f %%, measured while "
                   "others ran)", spend_words[s], 100 * (share.value - 1));
        return;
    }
    if (share.from == PROV_MEASURED && !isfinite(share.low)) {
        html_textf(out, "an unclear change in %s (%+.1f %%, from fewer than 6 "
                   "pairs, which have no interval)", spend_words[s],
                   100 * (share.value - 1));
        return;
    }
    if (share.low <= 1 && share.high >= 1) {
        snprintf(text, sizeof text, "no measurable change in %s",
                 spend_words[s]);
        html_fact(out, text, share);
        return;
    }
    snprintf(text, sizeof text, "%.1f %% %s %s", 100 * fabs(1 - share.value),
             share.value > 1 ? "more" : s == SPEND_FLOPS || s == SPEND_BYTES
             ? "fewer" : "less", spend_words[s]);
    html_fact(out, text, share);
    if (isfinite(share.low) && isfinite(share.high))
        fprintf(out, " <i>(%.1f to %.1f %%)</i>", 100 * (1 - share.high),
                100 * (1 - share.low));
}

static void within(FILE *out, const struct tradeoff *x, double limit)
{
    const struct trade *t = tradeoff_best(x, SPEND_FLOPS, limit);

    fprintf(out, "<li>At most <b>%g %%</b> more loss: ", 100 * limit);
    if (!t) {
        fputs("no routing that was tried and does not look ahead stays within "
              "it.</li>\n", out);
        return;
    }
    html_textf(out, "%s at capacity %g %% spends ", t->line,
               100 * t->capacity);
    saved(out, t, SPEND_FLOPS);
    fputs(" and ", out);
    saved(out, t, SPEND_BYTES);
    fputs(", which became ", out);
    saved(out, t, SPEND_SECONDS);
    fputs(" and ", out);
    saved(out, t, SPEND_JOULES);
    fprintf(out, "; its loss is %+.2f %% of the dense loss, 95 %% interval "
            "%+.2f to %+.2f.</li>\n", 100 * t->increase.value,
            100 * t->increase.low, 100 * t->increase.high);
}

void page_lead_tradeoff(const struct report *r, FILE *out)
{
    const struct tradeoff *x = &r->tradeoff;
    char number[32];

    fputs("<p class=\"lead\">How much of this model's work can tokens "
          "skip?", out);
    if (amount_known(x->dense_loss)) {
        snprintf(number, sizeof number, "%.4f", x->dense_loss.value);
        fputs(" Dense, it reads the text at ", out);
        html_fact(out, number, x->dense_loss);
        fputs(" nats per token.", out);
    }
    fputs("</p>\n<ul>\n", out);
    for (int i = 0; i < TRADEOFF_LIMITS; i++)
        within(out, x, tradeoff_limits[i]);
    fputs("</ul>\n", out);
}

extern const char tradeoff_html[];

void page_setup_tradeoff(const struct report *r, FILE *out)
{
    const struct tradeoff *x = &r->tradeoff;
    size_t paired = 0;

    if (x->n == 0)
        return;
    for (size_t i = 0; i < x->n; i++)
        paired += x->point[i].windows > 0;
    fprintf(out, "<p>One model, %zu ways to route tokens around parts of it. "
            "In %zu of them every window of text was "
            "also run by the dense twin, the same weights with nothing routed, "
            "right before or after: so losses are compared on the same tokens, "
            "and times in the same moment. Windows are what the intervals "
            "resample, since tokens of one window are not independent.</p>\n",
            x->n, paired);
    if (json_is_array(x->usual_blocks))
        fprintf(out, "<p>Unless a routing's name says otherwise, %zu blocks are "
                "routed, as wholes, and a token that skips one leaves no key "
                "there.</p>\n", json_array_size(x->usual_blocks));
    fputs(tradeoff_html, out);
    if (x->n_unfinished)
        fprintf(out, "<p class=\"warn\">Of the sweep, %zu point%s not "
                "finished and missing here.</p>\n", x->n_unfinished,
                x->n_unfinished == 1 ? " is" : "s are");
}
