/* page_regret.c - Write what isobath regret found: a sentence, and the text
 * shaded by compute that was wasted and that was missed. */
#include "reports/page/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/draw/html.h"
#include "reports/read/jsonpath.h"
#include "sim/core/base/stats.h"

enum { TOKENS_SHOWN = 1024 };

static double from_row(const struct run *run, const char *chosen_by,
                       const char *key, const char *what)
{
    const json_t *rows = jsonpath_at(run->summary, "regret.allocations.rows");
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) {
        const char *name = json_string_value(json_object_get(row, "chosen_by"));
        if (name && strcmp(name, chosen_by) == 0) {
            const json_t *value = json_object_get(json_object_get(row, key),
                                                  what);
            return json_is_number(value) ? json_number_value(value)
                                         : (double)NAN;
        }
    }
    return (double)NAN;
}

void page_lead_regret(const struct run *run, FILE *out)
{
    const char *rule = jsonpath_text(run->summary, "regret.rule");
    const double loss = from_row(run, rule ? rule : "", "nats_per_token",
                                 "value");
    const double more = from_row(run, "oracle", "more", "value");
    const double low = from_row(run, "oracle", "more", "low");
    const double high = from_row(run, "oracle", "more", "high");
    char model[RUN_NAME_SIZE], number[32];

    if (!isfinite(loss) || !isfinite(more))
        return;
    fputs("<p class=\"lead\">", out);
    snprintf(number, sizeof number, "%.4f", loss);
    run_model(model, run);
    html_textf(out, "%s, routed by %s, loses ", model, rule);
    html_fact(out, number, amount_of(1, PROV_MEASURED));
    html_textf(out, " nats a token on %.0f tokens. An oracle that has seen the "
               "answers, run at equal FLOPs, loses ", run->facts.tokens);
    if (more < 0) {
        snprintf(number, sizeof number, "%.4f", -more);
        html_fact(out, number, amount_of(1, PROV_MEASURED));
        html_textf(out, " less (%.2f %%", -100 * more / loss);
        if (isfinite(low) && isfinite(high))
            html_textf(out, "; 95 %% interval %s%.4f to %.4f",
                       high > 0 ? "−" : "", fabs(high), -low);
        html_text(out, high < 0 ? "): so much better routing could gain here."
                                : "): too few decisions to tell it from nothing.");
    } else {
        html_text(out, "no less: among the decisions sampled there was nothing "
                  "to gain.");
    }
    fputs("</p>\n", out);
}

/* The value from which on a token has all of the shade: that of 1 regretted
 * token in 20. */
static double full_shade(const double *nats, size_t n)
{
    double *x = error_noted(calloc(n + 1, sizeof *x)), high = 0;
    size_t some = 0;

    for (size_t i = 0; x && i < n; i++)
        if (nats[i] > 0)
            x[some++] = nats[i];
    if (some > 0)
        high = stats_quantile(x, some, 0.95);
    free(x);
    return high;
}

static void write_token(const struct regrets *g, size_t i, const double *nats,
                        double high, FILE *out)
{
    const char *text = g->tokens.token[i].text;

    if (isfinite(nats[i]))
        fprintf(out, "<span class=\"t c%d\" title=\"%.4f nats\">",
                page_shade(0, high, nats[i]), nats[i]);
    else
        fputs("<span class=\"t u\">", out);
    html_text(out, *text ? text : " ");
    fputs("</span>", out);
    if (strchr(text, '\n'))
        fputs("<br>", out);
}

static void write_map(const struct regrets *g, enum regretted what,
                      const char *words, FILE *out)
{
    const size_t n = g->tokens.n;
    const double high = full_shade(g->nats[what], n);

    fputs("<p>", out);
    html_textf(out, "%s, from none to %.3g nats:", words, high);
    fprintf(out, "</p>\n<p class=\"toks%s\">",
            page_is_bytes(&g->tokens) ? " bytes" : "");
    for (size_t i = 0; i < n && i < TOKENS_SHOWN; i++)
        write_token(g, i, g->nats[what], high, out);
    fputs(n > TOKENS_SHOWN ? "&hellip;</p>\n" : "</p>\n", out);
}

void page_regret(const struct report *r, FILE *out)
{
    const struct regrets *g = &r->regrets;

    if (g->tokens.n == 0)
        return;
    fputs("<p>", out);
    html_text(out, "Each block was made to decide otherwise about one token at "
              "a time, and the window run again. Below, tokens are shaded by "
              "how far the decisions about them lie on the wrong side of the "
              "cut that keeps as many tokens, in nats over the blocks; pale "
              "ones were not sampled.");
    if (g->tokens.n > TOKENS_SHOWN)
        html_textf(out, " The first %d of %zu tokens are shown; all are in "
                   "regret.csv of %s.", TOKENS_SHOWN, g->tokens.n,
                   r->regretted->name);
    fputs("</p>\n", out);
    write_map(g, REGRETTED_MISSED, "Missed compute: skipped, and worth more "
              "than what was kept", out);
    write_map(g, REGRETTED_SPENT, "Wasted compute: kept, and worth less than "
              "what was skipped", out);
}
