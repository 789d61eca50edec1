/* tables_tradeoff.c - Add tables of a real model's routings. */
#include "reports/tables/tables.h"

#include <math.h>
#include <string.h>

static enum row_kind row_of(const struct trade *t)
{
    return t->kind == TRADE_DENSE ? ROW_PLAIN : ROW_MOD;
}

static const struct column point_columns[] = {
    { "setting", "routing", "", COLUMN_TEXT, true },
    { "kind", "goes by", "", COLUMN_TEXT, true },
    { "capacity", "capacity", "", COLUMN_SHARE, true },
    { "capacity_realised", "realised", "", COLUMN_SHARE, false },
    { "loss", "loss, nats per token", "", COLUMN_LOSS, false },
    { "increase", "loss over dense", "", COLUMN_SHARE, false },
    { "flops", "forward per token", "flop", COLUMN_SI, false },
    { "share_flops", "FLOPs of dense", "", COLUMN_SHARE, false },
    { "share_bytes", "bytes of dense", "", COLUMN_SHARE, false },
    { "share_seconds", "time of dense", "", COLUMN_SHARE, false },
    { "share_joules", "energy of dense", "", COLUMN_SHARE, false },
    { "tokens", "tokens", "", COLUMN_WHOLE, true },
    { "windows", "windows", "", COLUMN_WHOLE, true },
    { "times", "times", "", COLUMN_WHOLE, true },
    { "front", "on the front of", "", COLUMN_TEXT, true },
};

/* "FLOPs, time"; "-" for none. */
static void front_text(char out[64], const struct trade *t)
{
    size_t used = 0;

    strcpy(out, "-");
    for (int s = 0; s < SPEND_COUNT; s++)
        if (t->front[s] && used < 64)
            used += (size_t)snprintf(out + used, 64 - used, "%s%s",
                                     used ? ", " : "", spend_words[s]);
}

static void points(struct report *r)
{
    const struct tradeoff *x = &r->tradeoff;
    struct table *t = REPORT_ADD_TABLE(r, SCALING, NULL, "tradeoff",
                                       point_columns);

    table_caption(t, "Every routing tried, against the dense twin on the same "
                  "windows of text. Loss over dense: share of the twin's loss, "
                  "± from the 95 %% interval over windows. Time: median of the "
                  "ratios of so many times, ± from its 95 %% interval. Energy: ± "
                  "from the machine profile's low and high. On the front: without "
                  "looking ahead, none is as cheap with less loss.");
    t->grouped = true;
    for (size_t i = 0; i < x->n; i++) {
        const struct trade *p = &x->point[i];
        char front[64];
        front_text(front, p);
        table_row(t, row_of(p));
        table_text(t, p->line);
        table_text(t, trade_kind_names[p->kind]);
        table_amount(t, tables_known(p->capacity, PROV_COUNTED));
        table_amount(t, tables_known(p->realised, PROV_COUNTED));
        table_amount(t, p->loss);
        table_amount(t, p->increase);
        table_amount(t, p->spent[SPEND_FLOPS]);
        for (int s = 0; s < SPEND_COUNT; s++)
            table_amount(t, p->share[s]);
        table_amount(t, tables_known(p->tokens, PROV_COUNTED));
        tables_or_skip(t, p->windows, PROV_COUNTED);
        tables_or_skip(t, p->times, PROV_COUNTED);
        table_text(t, front);
    }
}

static const struct column budget_columns[] = {
    { "limit", "more loss, at most", "", COLUMN_TEXT, true },
    { "kind", "goes by", "", COLUMN_TEXT, true },
    { "setting", "routing", "", COLUMN_TEXT, true },
    { "capacity", "capacity", "", COLUMN_SHARE, true },
    { "increase", "loss over dense", "", COLUMN_SHARE, false },
    { "share_flops", "FLOPs of dense", "", COLUMN_SHARE, false },
    { "share_bytes", "bytes of dense", "", COLUMN_SHARE, false },
    { "share_seconds", "time of dense", "", COLUMN_SHARE, false },
    { "share_joules", "energy of dense", "", COLUMN_SHARE, false },
};

static void budget(struct table *t, const struct tradeoff *x, double limit,
                   enum trade_kind kind)
{
    const struct trade *p = tradeoff_within(x, kind, SPEND_FLOPS, limit);

    table_row(t, p ? ROW_MOD : ROW_PLAIN);
    table_textf(t, "%g %%", 100 * limit);
    table_text(t, trade_kind_names[kind]);
    if (!p) {
        table_text(t, "none of those tried");
        for (int i = 0; i < 2 + SPEND_COUNT; i++)
            table_skip(t);
        return;
    }
    table_text(t, p->line);
    table_amount(t, tables_known(p->capacity, PROV_COUNTED));
    table_amount(t, p->increase);
    for (int s = 0; s < SPEND_COUNT; s++)
        table_amount(t, p->share[s]);
}

static bool has_kind(const struct tradeoff *x, enum trade_kind kind)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->point[i].kind == kind)
            return true;
    return false;
}

static void budgets(struct report *r)
{
    struct table *t = REPORT_ADD_TABLE(r, ANSWER, NULL, "budgets",
                                       budget_columns);

    table_caption(t, "The fewest FLOPs within a loss: that the paired increase "
                  "stays below must be known at 97.5 %%, one-sided as the upper "
                  "end of a 95 %% interval, corrected by Holm for all points "
                  "tried. Points that were run, nothing in between.");
    t->grouped = true;
    for (int i = 0; i < TRADEOFF_LIMITS; i++)
        for (int k = TRADE_CAUSAL; k < TRADE_KIND_COUNT; k++)
            if (has_kind(&r->tradeoff, (enum trade_kind)k))
                budget(t, &r->tradeoff, tradeoff_limits[i],
                       (enum trade_kind)k);
}

void tables_tradeoff(struct report *r)
{
    if (r->tradeoff.n == 0)
        return;
    budgets(r);
    points(r);
}
