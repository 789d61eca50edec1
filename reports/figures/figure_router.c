/* figure_router.c - Draw what the loss gains when chance, or a table of the last
 * few tokens, chooses in a router's place. */
#include "reports/figures/figures.h"

#include <math.h>
#include <string.h>

/* A row of the table router-replaced; loss in percent of the causal rule's. */
struct bar {
    const char *name;
    double more, low, high;
};
enum { MAX_BARS = 16 };

/* The rows of the first model, but for the causal rule itself, which comes
 * first and is what the others are compared with. */
static int collect(struct bar *out, const struct table *t)
{
    const char *model = findings_cell(t, 0, "run")->text;
    const double loss = findings_cell(t, 0, "nats_per_token")->amount.value;
    int n = 0;

    for (size_t row = 1; row < t->n_rows && n < MAX_BARS; row++) {
        const struct amount more = findings_cell(t, row, "more")->amount;
        if (strcmp(findings_cell(t, row, "run")->text, model) != 0)
            break;
        if (amount_known(more))
            out[n++] = (struct bar){ findings_cell(t, row, "chosen_by")->text,
                                     100 * more.value / loss,
                                     100 * more.low / loss,
                                     100 * more.high / loss };
    }
    return n;
}

/* The shortest context whose loss cannot be told from the router's, or is within
 * a tenth of a percent of it. */
static void say(struct plot *p, const struct bar *bar, int n)
{
    for (int i = 0; i < n; i++)
        if (strncmp(bar[i].name, "last ", 5) == 0 &&
            (bar[i].low <= 0 || bar[i].more < 0.1)) {
            TEXT_SET(p->head, "A table of the %s chooses as well as the router:"
                     " %+.2f %% of loss", bar[i].name, bar[i].more);
            return;
        }
    TEXT_SET(p->head, "Loss when another chooses the tokens in the router's"
             " place");
}

static void write_bars(struct plot *p, const struct bar *bar, int n)
{
    fputs("# x  percent_more  low  high  \"chosen by\"\n", p->data);
    fprintf(p->script, "set %ctics (", plot_is_narrow(p) ? 'y' : 'x');
    for (int i = 0; i < n; i++) {
        fprintf(p->data, "%d %.9g %.9g %.9g \"%s\"\n", i, bar[i].more,
                bar[i].low, bar[i].high, bar[i].name);
        fputs(i > 0 ? ", " : "", p->script);
        plot_quote(p, bar[i].name);
        fprintf(p->script, " %d", i);
    }
    fputs(")\n", p->script);
}

extern const char figure_router_gp[];

void figure_router(struct plot *p, const struct report *r)
{
    const struct table *t = report_find_table(r, "router-replaced");
    struct bar bar[MAX_BARS];
    struct range range = RANGE_EMPTY;
    int n = t && t->n_rows > 0 ? collect(bar, t) : 0;

    if (n == 0)
        return;
    p->ready = true;
    range_add(&range, 0);
    for (int i = 0; i < n; i++) {
        range_add(&range, bar[i].more);
        range_add(&range, bar[i].low);
        range_add(&range, bar[i].high);
    }
    range_widen(&range, 0.14, 0.01);
    if (plot_is_narrow(p)) {     /* for what stands at the end of the longest */
        const double room = 0.3 * (range.high - range.low);
        range.high += room;
        range.low -= range.low < 0 ? room : 0;
    }
    say(p, bar, n);
    TEXT_SET(p->sub, "The same weights on the same text, the gate still the "
             "router's score; tables were counted on the first half of the text, "
             "all are judged on the second; intervals: 95 %%, over windows");
    TEXT_SET(p->foot, "loss measured on held-out text");
    TEXT_SET(p->alt, "Bars: loss over that of the causal rule, in percent, when "
             "chance, a table of the last one to five tokens, or the rule of "
             "training chooses. %s.", p->head);
    if (plot_is_narrow(p)) {
        p->left = 150;
        p->bottom = 84;
        p->height = p->top + p->bottom + 26 * n;
    }
    write_bars(p, bar, n);
    fprintf(p->script, "X1 = %.1f; LOW = %.9g; TOP = %.9g; STEP = %.9g\n%s",
            n - 0.3, range.low, range.high, plot_step(range.high - range.low),
            figure_router_gp);
}
