/* router_experts.c - Make tables of the experts that tokens enter; say where they
 * have collapsed. */
#include <math.h>

#include "models/commands/router_job.h"
#include "sim/core/answer/expert_columns.h"

static void put_share(struct table *t, uint64_t part, uint64_t whole)
{
    table_amount(t, amount_of((double)part / (double)whole, PROV_COUNTED));
}

void router_fill_balance(struct table *t, const struct expert_record *r)
{
    static const struct column columns[] = { EXPERT_BALANCE_COLUMNS };

    table_open(t, "expert-balance", columns, sizeof columns / sizeof *columns);
    table_caption(t, "How evenly experts are entered; the heaviest are as many"
                  " as a token enters");
    for (int32_t i = 0; i < r->n_layers; i++) {
        const struct expert_balance b = expert_balance_of(r, i);
        const uint64_t chosen = b.entries + b.dropped + b.idle;
        table_row(t, ROW_PLAIN);
        table_count(t, (uint64_t)r->layer[i], PROV_COUNTED);
        table_count(t, (uint64_t)r->n_experts, PROV_COUNTED);
        table_count(t, (uint64_t)b.used, PROV_COUNTED);
        table_amount(t, amount_of(b.effective, PROV_COUNTED));
        table_amount(t, amount_of(b.largest, PROV_COUNTED));
        table_amount(t, amount_of(b.heaviest, PROV_COUNTED));
        put_share(t, b.dropped, chosen);
        put_share(t, b.idle, chosen);
        table_count(t, b.collapsed, PROV_COUNTED);
    }
}

void router_fill_experts(struct table *t, const struct expert_record *r)
{
    static const struct column columns[] = {
        { "layer", "layer", "", COLUMN_WHOLE, true },
        { "expert", "expert", "", COLUMN_WHOLE, true },
        { "does", "does", "", COLUMN_TEXT, true },
        { "chosen", "chosen", "", COLUMN_WHOLE, true },
        { "entered", "entered", "", COLUMN_WHOLE, true },
        { "share", "share of entries", "", COLUMN_SHARE, false },
        { "over_mean", "over mean", "", COLUMN_LOSS, false },
        { "dropped", "dropped", "", COLUMN_SHARE, false },
    };

    table_open(t, "experts", columns, sizeof columns / sizeof *columns);
    table_caption(t, "What each expert takes");
    for (int32_t i = 0; i < r->n_layers; i++) {
        const struct expert_balance b = expert_balance_of(r, i);
        for (int32_t e = 0; e < r->n_scores; e++) {
            const uint64_t entered = expert_entered(r, i, e);
            const uint64_t missed = expert_missed(r, i, e);
            const bool idle = e >= r->n_experts;
            table_row(t, ROW_PLAIN);
            table_count(t, (uint64_t)r->layer[i], PROV_COUNTED);
            table_count(t, (uint64_t)e, PROV_COUNTED);
            table_text(t, idle ? "nothing" : "an expert");
            table_count(t, entered + missed, PROV_COUNTED);
            table_count(t, entered, PROV_COUNTED);
            put_share(t, entered, b.entries);
            table_amount(t, amount_of((double)entered * r->n_experts /
                                      (double)b.entries, PROV_COUNTED));
            if (idle)
                table_skip(t);
            else
                put_share(t, missed, entered + missed);
        }
    }
}

/* Choices of no-ops are a kind's choices like others. */
void router_fill_expert_kinds(struct table *t, const struct expert_record *r)
{
    static const struct column columns[] = { EXPERT_KINDS_COLUMNS };

    table_open(t, "expert-kinds", columns, sizeof columns / sizeof *columns);
    table_caption(t, "Which kinds of token choose which expert");
    for (int32_t i = 0; i < r->n_layers; i++) {
        uint64_t of_kind[TOKEN_KIND_COUNT] = { 0 }, all = 0;
        const size_t first = (size_t)i * (size_t)r->n_scores * TOKEN_KIND_COUNT;
        for (int32_t e = 0; e < r->n_scores * TOKEN_KIND_COUNT; e++) {
            const size_t at = first + (size_t)e;
            of_kind[e % TOKEN_KIND_COUNT] += r->entered[at] + r->missed[at];
            all += r->entered[at] + r->missed[at];
        }
        for (int32_t e = 0; e < r->n_scores * TOKEN_KIND_COUNT; e++) {
            const size_t at = first + (size_t)e;
            const int32_t expert = e / TOKEN_KIND_COUNT;
            const uint64_t chosen = r->entered[at] + r->missed[at];
            const uint64_t by_all = expert_entered(r, i, expert) +
                                    expert_missed(r, i, expert);
            const uint64_t kind = of_kind[e % TOKEN_KIND_COUNT];
            if (kind == 0)
                continue;
            table_row(t, ROW_PLAIN);
            table_count(t, (uint64_t)r->layer[i], PROV_COUNTED);
            table_count(t, (uint64_t)expert, PROV_COUNTED);
            table_text(t, token_kind_names[e % TOKEN_KIND_COUNT]);
            table_count(t, chosen, PROV_COUNTED);
            put_share(t, chosen, kind);
            table_amount(t, amount_of(((double)chosen / (double)kind) /
                                      ((double)by_all / (double)all),
                                      PROV_COUNTED));
        }
    }
}

void router_say_collapse(FILE *out, const struct expert_record *r)
{
    for (int32_t i = 0; i < r->n_layers; i++) {
        const struct expert_balance b = expert_balance_of(r, i);
        if (b.collapsed)
            fprintf(out, "layer %d has collapsed: %d of its %d experts take"
                    " %.1f %% of all entries\n", r->layer[i], r->most,
                    r->n_experts, 100.0 * b.heaviest);
    }
}
