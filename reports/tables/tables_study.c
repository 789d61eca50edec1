/* tables_study.c - Add tables of trained models, and of a text that one of
 * them scored. */
#include "reports/tables/tables.h"

#include <math.h>

struct amount tables_known(double value, enum provenance from)
{
    struct amount a = amount_of(value, from);
    if (!amount_known(a))
        a.reason = "no summary holds this number";
    return a;
}

void tables_or_skip(struct table *t, double value, enum provenance from)
{
    if (isnan(value))
        table_skip(t);
    else
        table_amount(t, amount_of(value, from));
}

static struct amount measured(double value)
{
    return tables_known(value, PROV_MEASURED);
}

static struct amount counted(double value)
{
    return tables_known(value, PROV_COUNTED);
}

static enum row_kind row_of(const struct setting *s)
{
    return setting_routes_none(s) ? ROW_PLAIN : ROW_MOD;
}

static const struct column settings_columns[] = {
    { "kind", "kind", "", COLUMN_TEXT, true },
    { "setting", "setting", "", COLUMN_TEXT, true },
    { "loss_causal", "held-out, causal rule", "", COLUMN_LOSS, false },
    { "loss_causal_sd", "± sd", "", COLUMN_LOSS, false },
    { "loss_topk", "held-out, top-k", "", COLUMN_LOSS, false },
    { "loss_train", "training", "", COLUMN_LOSS, false },
    { "capacity", "capacity", "", COLUMN_SHARE, true },
    { "capacity_realised", "realised", "", COLUMN_SHARE, false },
    { "parameters", "parameters", "", COLUMN_SI, true },
    { "flops_forward_per_token", "forward per token", "flop", COLUMN_SI,
      false },
    { "flops_train", "training", "flop", COLUMN_SI, false },
    { "tokens", "tokens seen", "", COLUMN_SI, true },
    { "seeds", "seeds", "", COLUMN_WHOLE, true },
};

static void settings(struct report *r)
{
    const struct study *study = &r->study;
    struct table *t = REPORT_ADD_TABLE(r, SETUP, NULL, "settings",
                                       settings_columns);

    table_caption(t, "Every setting trained, averaged over its seeds: a "
                  "setting is named by capacity in routed blocks and "
                  "layers×channels. Losses in nats per byte; a dense "
                  "model has no rule to choose, so its losses are one; "
                  "sd over seeds.");
    t->grouped = true;
    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        struct amount sd = measured(s->causal.sd);
        struct amount flops = amount_of(s->flops_train, study->flops_from);
        char label[160];
        if (s->causal.n < 2)
            sd.reason = "one seed has no spread";
        table_row(t, row_of(s));
        table_text(t, setting_kind_word(s));
        study_label(label, study, s);
        table_text(t, label);
        table_amount(t, measured(s->causal.mean));
        table_amount(t, sd);
        if (setting_routes_none(s) && !s->topk.n)
            table_skip(t);
        else
            table_amount(t, measured(s->topk.mean));
        table_amount(t, measured(s->train.mean));
        table_amount(t, counted(s->capacity));
        table_amount(t, counted(setting_routes_none(s)
                                ? 1.0 : s->realised.mean));
        table_amount(t, counted(s->n_parameters));
        table_amount(t, counted(s->flops_forward));
        table_amount(t, flops);
        table_amount(t, counted(s->tokens));
        table_amount(t, counted((double)s->n_seeds));
    }
}

static const struct column difference_columns[] = {
    { "setting", "setting", "", COLUMN_TEXT, true },
    { "against", "less the best dense", "", COLUMN_TEXT, true },
    { "capacity", "capacity", "", COLUMN_SHARE, true },
    { "capacity_realised", "realised", "", COLUMN_SHARE, false },
    { "pairs", "pairs of seeds", "", COLUMN_WHOLE, true },
    { "text_blocks", "blocks of text", "", COLUMN_WHOLE, true },
    { "difference", "difference of held-out loss", "", COLUMN_SIGNED, false },
    { "p", "p, corrected", "", COLUMN_LOSS, true },
    { "p_within", "p of none, corrected", "", COLUMN_LOSS, true },
    { "verdict", "finding", "", COLUMN_TEXT, true },
};

static void differences(struct report *r)
{
    const struct study *study = &r->study;
    struct table *t;

    if (!study->dense)
        return;
    t = REPORT_ADD_TABLE(r, SCALING, NULL, "differences", difference_columns);
    table_caption(t, "Held-out loss (causal rule, nats per byte) less that of "
                  "the best dense setting%s, with its 95 %% interval over seeds "
                  "and, where runs recorded them, blocks of the text. p: "
                  "Student's t; of none: two one-sided tests against ±%g %% of "
                  "the dense loss (TOST); both by Holm for all with at least %d "
                  "seeds. What would be seen, 4 of 5 such studies would see. "
                  "The dense setting was chosen by these losses: its luck "
                  "counts against the others.",
                  study->separate ? " of equal training FLOPs" : "",
                  STUDY_MARGIN_PERMILLE / 10.0, STATS_FEWEST_SEEDS);
    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        const struct compared *c = &s->against_dense;
        struct amount d = measured(c->loss.mean);
        char label[160], said[96];
        if (s == s->rival)
            continue;
        d.low = c->loss.low;
        d.high = c->loss.high;
        table_row(t, row_of(s));
        study_label(label, study, s);
        table_textf(t, "%s%s", setting_kind_before(s), label);
        study_label(label, study, s->rival);
        table_text(t, label);
        table_amount(t, counted(s->capacity));
        table_amount(t, counted(s->realised.mean));
        table_amount(t, counted((double)c->loss.n));
        tables_or_skip(t, c->n_blocks ? (double)c->n_blocks : nan(""),
                       PROV_COUNTED);
        table_amount(t, d);
        tables_or_skip(t, s->p, PROV_MEASURED);
        tables_or_skip(t, s->p_within, PROV_MEASURED);
        study_said(said, s->verdict, c, s->rival->causal.mean,
                   study_tested(study));
        table_text(t, said);
    }
}

static const struct column point_columns[] = {
    { "kind", "kind", "", COLUMN_TEXT, true },
    { "setting", "setting", "", COLUMN_TEXT, true },
    { "seed", "seed", "", COLUMN_TEXT, true },
    { "directory", "directory", "", COLUMN_TEXT, true },
    { "capacity_realised", "realised", "", COLUMN_SHARE, false },
    { "flops_predicted", "training, predicted", "flop", COLUMN_SI, false },
    { "flops_counted", "training, counted", "flop", COLUMN_SI, false },
    { "seconds", "time", "s", COLUMN_SI, false },
    { "joules", "energy", "J", COLUMN_SI, false },
    { "loss_causal", "held-out, causal rule", "", COLUMN_LOSS, false },
    { "loss_topk", "held-out, top-k", "", COLUMN_LOSS, false },
    { "loss_train", "training", "", COLUMN_LOSS, false },
};

static void points(struct report *r)
{
    const struct study *study = &r->study;
    struct table *t = REPORT_ADD_TABLE(r, SCALING, "Every training run", "points",
                                       point_columns);

    table_caption(t, "Every training run. Losses in nats per byte.");
    for (size_t i = 0; i < study->n; i++)
        for (size_t j = 0; j < study->setting[i].n; j++) {
            const struct setting *s = &study->setting[i];
            const struct run *run = s->run[j];
            table_row(t, row_of(s));
            table_text(t, setting_kind_word(s));
            table_text(t, s->label);
            if (isfinite(run->facts.seed))
                table_textf(t, "%.0f", run->facts.seed);
            else
                table_text(t, "unknown");
            table_text(t, run->name);
            table_amount(t, counted(run->facts.realised));
            table_amount(t, run->totals.of[WITNESS_PREDICTED][METRIC_FLOPS]);
            table_amount(t, run->totals.of[WITNESS_COUNTED][METRIC_FLOPS]);
            table_amount(t, run->totals.of[WITNESS_MEASURED][METRIC_SECONDS]);
            table_amount(t, totals_best(&run->totals, METRIC_JOULES));
            table_amount(t, measured(run->facts.loss_causal));
            if (run->facts.dense && !isfinite(run->facts.loss_topk))
                table_skip(t);
            else
                table_amount(t, measured(run->facts.loss_topk));
            table_amount(t, measured(run->facts.loss_train));
        }
}

static const struct column kind_columns[] = {
    { "kind", "kind of token", "", COLUMN_TEXT, true },
    { "tokens", "tokens", "", COLUMN_WHOLE, true },
    { "blocks_used", "routed blocks or parts used, mean", "", COLUMN_FACTOR,
      false },
    { "loss", "loss of the next token, nats", "", COLUMN_LOSS, false },
};
static const struct column dense_kind_columns[] = {
    { "kind", "kind of token", "", COLUMN_TEXT, true },
    { "tokens", "tokens", "", COLUMN_WHOLE, true },
    { "loss", "loss of the next token, nats", "", COLUMN_LOSS, false },
};

static void kinds(struct report *r)
{
    double used[TOKEN_KIND_COUNT] = { 0 }, loss[TOKEN_KIND_COUNT] = { 0 };
    size_t n[TOKEN_KIND_COUNT] = { 0 }, known[TOKEN_KIND_COUNT] = { 0 };
    struct table *t;

    if (r->tokens.n == 0)
        return;
    for (size_t i = 0; i < r->tokens.n; i++) {
        enum token_kind kind = tokens_kind(&r->tokens, i);
        used[kind] += tokens_used(&r->tokens, i);
        n[kind]++;
        if (isfinite(r->tokens.token[i].loss_nats)) {
            loss[kind] += r->tokens.token[i].loss_nats;
            known[kind]++;
        }
    }
    if (r->tokens.n_blocks) {
        t = REPORT_ADD_TABLE(r, TEXT, NULL, "token-kinds", kind_columns);
        table_caption(t, "Which kinds of token the routed %s (%d) worked on, "
                      "over all %zu tokens.", tokens_blocks(&r->tokens),
                      r->tokens.n_blocks, r->tokens.n);
    } else {
        t = REPORT_ADD_TABLE(r, TEXT, NULL, "token-kinds", dense_kind_columns);
        table_caption(t, "Which kinds of token are followed by what is hard to "
                      "predict, over all %zu tokens.", r->tokens.n);
    }
    for (int k = 0; k < TOKEN_KIND_COUNT; k++) {
        if (!n[k])
            continue;
        table_row(t, ROW_PLAIN);
        table_text(t, token_kind_names[k]);
        table_amount(t, counted((double)n[k]));
        if (r->tokens.n_blocks)
            table_amount(t, counted(used[k] / (double)n[k]));
        table_amount(t, measured(known[k] ? loss[k] / (double)known[k]
                                          : nan("")));
    }
}

void tables_study(struct report *report)
{
    if (report->study.n) {
        settings(report);
        differences(report);
        if (report->study.n_runs > 1)      /* one is a setting of its own */
            points(report);
    }
    kinds(report);
}
