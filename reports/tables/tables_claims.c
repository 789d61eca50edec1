/* tables_claims.c - Add the table of a study's claims and what became of them. */
#include "reports/tables/tables.h"

#include <math.h>

static const struct column columns[] = {
    { "claim", "claim", "", COLUMN_TEXT, true },
    { "statement", "in words", "", COLUMN_TEXT, true },
    { "a", "loss of", "", COLUMN_TEXT, true },
    { "is", "is", "", COLUMN_TEXT, true },
    { "b", "than, or as, that of", "", COLUMN_TEXT, true },
    { "metric", "loss", "", COLUMN_TEXT, true },
    { "phase", "judged in", "", COLUMN_TEXT, true },
    { "seeds", "seeds", "", COLUMN_WHOLE, true },
    { "test", "test", "", COLUMN_TEXT, true },
    { "text_blocks", "blocks of text", "", COLUMN_WHOLE, true },
    { "difference", "difference", "", COLUMN_SIGNED, false },
    { "difference_share", "of b's loss", "", COLUMN_SHARE, false },
    { "p", "p, corrected", "", COLUMN_LOSS, true },
    { "margin", "margin", "", COLUMN_SHARE, true },
    { "p_within", "p of none, corrected", "", COLUMN_LOSS, true },
    { "seen", "could have seen", "", COLUMN_SHARE, true },
    { "flops_ratio", "training FLOPs, a / b", "", COLUMN_FACTOR, false },
    { "verdict", "verdict", "", COLUMN_TEXT, true },
    { "study", "study, hash", "", COLUMN_TEXT, true },
    { "fixed", "fixed at", "", COLUMN_TEXT, true },
};

static void difference(struct table *t, struct difference d, double share)
{
    struct amount a = amount_of(d.mean / share, PROV_MEASURED);

    a.low = d.low / share;
    a.high = d.high / share;
    a.reason = "the claim was not judged";
    table_amount(t, a);
}

static void add(struct table *t, const struct claim *c)
{
    const struct difference d = c->difference.loss;

    table_row(t, ROW_PLAIN);
    table_text(t, c->name);
    table_text(t, c->text ? c->text : "");
    table_text(t, c->a ? c->a : "");
    table_text(t, c->is);
    table_text(t, c->b ? c->b : "");
    table_text(t, c->topk ? "top-k" : "causal rule");
    table_text(t, c->phase ? c->phase : "");
    table_amount(t, tables_known((double)d.n, PROV_COUNTED));
    table_text(t, d.n == 0 ? "" : c->difference.paired ? "paired" : "unpaired");
    tables_or_skip(t, c->difference.n_blocks ? (double)c->difference.n_blocks
                                            : nan(""), PROV_COUNTED);
    difference(t, d, 1);
    difference(t, d, c->loss_b);
    tables_or_skip(t, c->p, PROV_MEASURED);
    table_amount(t, amount_of(c->margin, PROV_COUNTED));
    tables_or_skip(t, c->p_within, PROV_MEASURED);
    tables_or_skip(t, c->seen, PROV_MEASURED);
    table_amount(t, tables_known(c->flops_ratio, PROV_COUNTED));
    table_text(t, c->said);
    table_text(t, c->study_hash ? c->study_hash : "");
    table_text(t, c->fixed ? c->fixed : "");
}

void tables_claims(struct report *r)
{
    struct table *t = REPORT_ADD_TABLE(r, ANSWER, NULL, "claims", columns);

    table_caption(t, "What the study claimed, written down before its first point "
                  "ran, and the hash of the file that says so. An arm of several "
                  "rows is the one that did best in the other phases. Intervals "
                  "of 95 %% over seeds and blocks of text. p: Student's t; of "
                  "none: two one-sided tests against the margin; both corrected "
                  "by Holm for all claims. Could have seen: 4 of 5 such studies "
                  "would.");
    for (size_t i = 0; i < r->claims.n; i++)
        add(t, &r->claims.claim[i]);
}
