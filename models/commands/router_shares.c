/* router_shares.c - Make tables of the shares that routers keep, by where a token
 * stands, what it is and how high it is scored. */
#include "models/commands/router_job.h"

struct amount router_amount(struct difference d, enum provenance from)
{
    struct amount amount = amount_of(d.mean, from);
    amount.low = d.low;
    amount.high = d.high;
    return amount;
}

static void put_bin(struct table *t, const struct router_job *j, int32_t c,
                    const char *bin, const struct router_share *share)
{
    router_put_choice(t, j, c);
    table_text(t, bin);
    table_count(t, (uint64_t)share->seen, PROV_COUNTED);
    table_amount(t, router_amount(share->share, PROV_COUNTED));
}

/* `bins` shares a choice: share[c * bins + bin]. */
static void fill_bins(struct table *t, const struct router_job *j,
                      const char *name, const char *caption,
                      const struct router_share *share, int bins,
                      const char *const *names)
{
    static const struct column columns[] = {
        ROUTER_CHOICE_COLUMNS,
        { "bin", "where", "", COLUMN_TEXT, true },
        { "tokens", "tokens", "", COLUMN_WHOLE, true },
        { "kept", "kept", "", COLUMN_SHARE, false },
    };

    table_open(t, name, columns, sizeof columns / sizeof *columns);
    table_caption(t, "%s", caption);
    for (int32_t c = 0; c < j->record.n_choices; c++)
        for (int i = 0; i < bins; i++) {
            char from[24];
            snprintf(from, sizeof from, "%.4g", (double)i / bins);
            if (share[c * bins + i].seen > 0)
                put_bin(t, j, c, names ? names[i] : from,
                        &share[c * bins + i]);
        }
}

void router_fill_places(struct table *t, const struct router_job *j)
{
    fill_bins(t, j, "places", "Share kept by place in the window, from its start"
              " as a share of the window", &j->view.place[0][0], ROUTER_PLACES,
              NULL);
}

void router_fill_kinds(struct table *t, const struct router_job *j)
{
    fill_bins(t, j, "kinds", "Share kept by kind of token",
              &j->view.kind[0][0], TOKEN_KIND_COUNT, token_kind_names);
}

void router_fill_heights(struct table *t, const struct router_job *j)
{
    fill_bins(t, j, "heights", "Share kept by sigmoid(score), from",
              &j->view.height[0][0], ROUTER_HEIGHTS, NULL);
}

/* ---- for people: a row a choice ---- */

void router_fill_quarters(struct table *t, const struct router_job *j)
{
    static const struct column columns[] = {
        ROUTER_CHOICE_COLUMNS,
        { "first", "first quarter", "", COLUMN_SHARE, false },
        { "second", "second", "", COLUMN_SHARE, false },
        { "third", "third", "", COLUMN_SHARE, false },
        { "last", "last", "", COLUMN_SHARE, false },
    };

    table_open(t, "quarters", columns, sizeof columns / sizeof *columns);
    table_caption(t, "Share kept by quarter of the window");
    for (int32_t c = 0; c < j->record.n_choices; c++) {
        router_put_choice(t, j, c);
        for (int i = 0; i < ROUTER_QUARTERS; i++)
            if (j->view.quarter[c][i].seen > 0)
                table_amount(t, router_amount(j->view.quarter[c][i].share,
                                         PROV_COUNTED));
            else
                table_skip(t);
    }
}

enum { TENTHS = 10 };

static void put_tenths(struct table *t, const struct router_share *height,
                       bool of_kept)
{
    int64_t n[TENTHS] = { 0 }, all = 0;

    for (int i = 0; i < ROUTER_HEIGHTS; i++) {
        const int64_t tokens = of_kept ? height[i].kept : height[i].seen;
        n[i * TENTHS / ROUTER_HEIGHTS] += tokens;
        all += tokens;
    }
    for (int i = 0; i < TENTHS; i++)
        table_amount(t, amount_of((double)n[i] / (double)all, PROV_COUNTED));
}

void router_fill_scores(struct table *t, const struct router_job *j)
{
#define TENTH(from) { "from_" #from, "0." #from, "", COLUMN_SHARE, false }
    static const struct column columns[] = {
        ROUTER_CHOICE_COLUMNS,
        { "of", "of tokens", "", COLUMN_TEXT, true },
        TENTH(0), TENTH(1), TENTH(2), TENTH(3), TENTH(4), TENTH(5), TENTH(6),
        TENTH(7), TENTH(8), TENTH(9),
    };
#undef TENTH
    const struct router_record *r = &j->record;

    table_open(t, "scores", columns, sizeof columns / sizeof *columns);
    table_caption(t, "Scores, which gates are made of: share of all tokens, and"
                  " of those kept, by sigmoid(score), from");
    for (int32_t c = 0; c < r->n_choices; c++)
        for (int of_kept = 0;
             of_kept < 2 && router_score(r, router_causal(r), c); of_kept++) {
            router_put_choice(t, j, c);
            table_text(t, of_kept ? "kept" : "all");
            put_tenths(t, j->view.height[c], of_kept);
        }
}
