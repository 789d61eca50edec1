/* page_capacities.c - Write the first sentences about what blocks lose at other
 * capacities, and about what was chosen by that. */
#include "reports/page/page.h"

#include <math.h>
#include <string.h>
#include "reports/draw/html.h"
#include "reports/read/jsonpath.h"

static const json_t *row_called(const json_t *rows, const char *name)
{
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) {
        const char *text = jsonpath_text(row, "allocation");
        if (text && strcmp(text, name) == 0)
            return row;
    }
    return NULL;
}

static void nats_text(FILE *out, double nats)
{
    char number[32];

    snprintf(number, sizeof number, "%.4f", nats);
    html_fact(out, number, amount_of(1, PROV_MEASURED));
}

/* Blocks dropped alone: the cheapest and the dearest. */
static void dropped_text(const json_t *rows, FILE *out)
{
    double least = HUGE_VAL, most = -HUGE_VAL, at_least = 0, at_most = 0;
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) {
        const double layer = jsonpath_number(row, "layer.value");
        const double capacity = jsonpath_number(row, "capacity.value");
        const double more = jsonpath_number(row, "more.value");
        if (!isfinite(more) || !(capacity <= 0))
            continue;
        at_least = more < least ? layer : at_least;
        at_most = more > most ? layer : at_most;
        least = fmin(least, more);
        most = fmax(most, more);
    }
    if (!(most > least))
        return;
    html_textf(out, " Dropped alone, block %.0f costs least, ", at_least);
    nats_text(out, least);
    html_textf(out, " nats a token more, and block %.0f most, ", at_most);
    nats_text(out, most);
    fputs(".", out);
}

void page_lead_sensitivity(const struct run *run, FILE *out)
{
    const json_t *rows = jsonpath_at(run->summary, "sensitivity.table.rows");
    const double loss = jsonpath_number(json_array_get(rows, 0),
                                        "nats_per_token.value");
    const char *policy = jsonpath_text(run->summary, "sensitivity.policy");
    char model[RUN_NAME_SIZE];

    run_model(model, run);
    fputs("<p class=\"lead\">", out);
    html_textf(out, "%s loses ", model);
    nats_text(out, loss);
    html_textf(out, " nats a token on %.0f tokens as it is. Then each of its"
               " blocks, alone, worked on fewer of them, chosen by %s.",
               run->facts.tokens, policy ? policy : "its rule");
    dropped_text(rows, out);
    fputs(" What several lose together is not their sum: isobath allocate runs"
          " what it chooses.</p>\n", out);
}

/* " The same capacity in all blocks loses 0.0421 more (95 %: 0.0310 to 0.0532)." */
static void rival_text(const json_t *rows, const char *name, const char *words,
                       FILE *out)
{
    const json_t *row = row_called(rows, name);
    const double more = jsonpath_number(row, "more_than_chosen.value");
    const double low = jsonpath_number(row, "more_than_chosen.low");
    const double high = jsonpath_number(row, "more_than_chosen.high");

    if (!isfinite(more))
        return;
    const double sign = more < 0 ? -1 : 1;

    html_textf(out, " %s loses ", words);
    nats_text(out, fabs(more));
    html_textf(out, " %s", more < 0 ? "less" : "more");
    if (isfinite(low) && isfinite(high))
        html_textf(out, " (95 %%: %.4f to %.4f%s)", sign * (more < 0 ? high : low),
                   sign * (more < 0 ? low : high),
                   low <= 0 && high >= 0 ? ", no difference seen" : "");
    fputs(".", out);
}

void page_lead_allocation(const struct run *run, FILE *out)
{
    const json_t *found = json_object_get(run->summary, "allocation");
    const json_t *rows = jsonpath_at(found, "arms.rows");
    const json_t *chosen = row_called(rows, "chosen");
    const char *metric = jsonpath_text(found, "metric");
    const double share = jsonpath_number(found, "budget_per_token") /
                         jsonpath_number(found, "all_blocks_per_token");
    char model[RUN_NAME_SIZE];

    run_model(model, run);
    fputs("<p class=\"lead\">", out);
    html_textf(out, "Within %.3g %% of the %s that all blocks take on all tokens,"
               " what was chosen for %s loses ", 100 * share,
               metric ? metric : "cost", model);
    nats_text(out, jsonpath_number(chosen, "more.value"));
    html_textf(out, " nats a token above the model as it is, on %.0f tokens of"
               " text that chose nothing.", run->facts.tokens);
    rival_text(rows, "the same in all blocks", "The same capacity in all blocks",
               out);
    rival_text(rows, "blocks dropped, no dearer", "Dropping whole blocks, for no"
               " more,", out);
    rival_text(rows, "blocks dropped, one fewer", "Dropping one fewer, which costs"
               " more,", out);
    fputs("</p>\n", out);
}
