/* router_answer.c - Make tables of what isobath router found; write and print
 * them. */
#include <math.h>
#include <stdlib.h>

#include "models/commands/router_job.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"

static void put_share(struct table *t, double share)
{
    table_amount(t, amount_of(share, PROV_COUNTED));
}

void router_put_choice(struct table *t, const struct router_job *j, int32_t c)
{
    const struct plan_choice made = plan_choice(&j->arm.spec,
                                                j->record.choice[c]);

    table_row(t, ROW_PLAIN);
    table_count(t, (uint64_t)made.layer, PROV_COUNTED);
    table_text(t, part_names[made.part]);
}

/* ---- agreement with the rule of training ---- */

static void put_confusion(struct table *t, const struct confusion *c,
                          double auc)
{
    const double guessed = (double)(c->n[0][1] + c->n[1][1]);

    put_share(t, guessed / (double)confusion_total(c));
    put_share(t, confusion_accuracy(c));
    put_share(t, confusion_balanced(c));
    put_share(t, confusion_precision(c));
    put_share(t, confusion_recall(c));
    put_share(t, confusion_f1(c));
    put_share(t, auc);
}

/* Always what is more frequent: no score, so that every pair is a tie. */
static void put_majority(struct table *t, const struct confusion *of)
{
    const int64_t kept = of->n[1][0] + of->n[1][1];
    const int64_t skipped = of->n[0][0] + of->n[0][1];
    const bool yes = kept > skipped;
    struct confusion c = { { { 0 } } };

    c.n[0][yes] = skipped;
    c.n[1][yes] = kept;
    table_text(t, yes ? "always kept" : "never kept");
    put_confusion(t, &c, 0.5);
}

/* Of hashes the low ones are kept. */
static double auc_of_causal(const struct router_record *r, int32_t c)
{
    const struct router_rule *rule = router_causal(r);
    const float *score = router_score(r, rule, c);
    const int64_t from = router_judged(r);

    if (!score)
        return (double)NAN;
    const double auc =
        confusion_auc(score + from,
                      router_kept(r, &r->rule[ROUTER_OWN], c) + from,
                      (size_t)(r->n - from));
    return rule->policy->signal == SIGNAL_HASH ? 1 - auc : auc;
}

static void put_table_name(struct table *t, const struct router_table *table)
{
    if (table->order == 0)
        table_text(t, "drawn at random");
    else
        table_textf(t, "last %d token%s", table->order,
                    table->order > 1 ? "s" : "");
}

static void fill_agreement(struct table *t, const struct router_job *j)
{
    static const struct column columns[] = {
        ROUTER_CHOICE_COLUMNS,
        { "guess", "guess", "", COLUMN_TEXT, true },
        { "kept", "kept", "", COLUMN_SHARE, false },
        { "accuracy", "accuracy", "", COLUMN_SHARE, false },
        { "balanced_accuracy", "balanced", "", COLUMN_SHARE, false },
        { "precision", "precision", "", COLUMN_SHARE, false },
        { "recall", "recall", "", COLUMN_SHARE, false },
        { "f1", "F1", "", COLUMN_LOSS, false },
        { "auc", "AUC", "", COLUMN_LOSS, false },
    };
    const struct router_record *r = &j->record;

    table_open(t, "agreement", columns, sizeof columns / sizeof *columns);
    table_caption(t, "Guesses of whom %s keeps",
                  r->rule[ROUTER_OWN].policy->name);
    for (int32_t c = 0; c < r->n_choices; c++) {
        const struct confusion found = router_agreement(r, c);
        router_put_choice(t, j, c);
        table_text(t, router_causal(r)->policy->name);
        put_confusion(t, &found, auc_of_causal(r, c));
        router_put_choice(t, j, c);
        put_majority(t, &found);
        for (int i = 0; i < j->n_tables; i++) {
            router_put_choice(t, j, c);
            put_table_name(t, &j->table[i]);
            put_confusion(t, &j->table[i].found[c], j->table[i].auc[c]);
        }
    }
}

/* ---- what the prediction loses by who chooses ---- */

/* Losses on the judged half less those of the causal rule, windows being the
 * blocks of text that both share; nats[0] is that of token router_judged(). */
static struct difference loss_less(const struct router_record *r,
                                   const float *nats)
{
    const int64_t half = r->windows / 2, n = r->windows - half;
    double *more = calloc(2 * (size_t)n + 1, sizeof *more);
    struct difference d = { .mean = (double)NAN, .low = (double)NAN,
                            .high = (double)NAN };
    const float *causal = router_causal(r)->nats;

    if (!more)
        return d;
    double *tokens = more + n;
    for (int64_t w = half, t = r->first[half]; w < r->windows; w++) {
        tokens[w - half] = (double)(r->first[w + 1] - r->first[w]);
        for (; t < r->first[w + 1]; t++)
            more[w - half] += (double)nats[t - r->first[half]] -
                              (double)causal[t];
    }
    d = stats_ratio(more, tokens, (size_t)n);
    free(more);
    return d;
}

static double mean_of(const float *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum / (double)n;
}

static double capacity_of(const struct router_record *r,
                          const struct router_rule *rule)
{
    int64_t kept = 0;

    for (int32_t c = 0; c < r->n_choices; c++)
        for (int64_t t = router_judged(r); t < r->n; t++)
            kept += router_kept(r, rule, c)[t];
    return (double)kept / (double)((r->n - router_judged(r)) * r->n_choices);
}

static void put_loss(struct table *t, const struct router_record *r,
                     const float *nats, bool own)
{
    table_amount(t, amount_of(mean_of(nats, r->n - router_judged(r)),
                              PROV_MEASURED));
    if (own)
        table_skip(t);
    else
        table_amount(t, router_amount(loss_less(r, nats), PROV_MEASURED));
}

static void fill_replaced(struct table *t, const struct router_job *j)
{
    static const struct column columns[] = {
        { "chosen_by", "chosen by", "", COLUMN_TEXT, true },
        { "causal", "causal", "", COLUMN_YES, true },
        { "nats_per_token", "nats/token", "", COLUMN_LOSS, false },
        { "more", "more than causal", "", COLUMN_SIGNED, false },
        { "kept", "kept", "", COLUMN_SHARE, false },
        { "flops_per_token", "a token", "flop", COLUMN_SI, false },
    };
    const struct router_record *r = &j->record;

    table_open(t, "replaced", columns, sizeof columns / sizeof *columns);
    table_caption(t, "Loss by who chooses the tokens%s", j->n_tables > 0
                  ? ": tables counted on the first half of the text, all judged"
                    " on the second" : "");
    for (int i = r->n_rules - 1; i >= 0 && r->n_choices > 0; i--) {
        const struct router_rule *rule = &r->rule[i];
        table_row(t, ROW_PLAIN);
        table_text(t, rule->policy->name);
        table_count(t, rule->policy->causal, PROV_COUNTED);
        put_loss(t, r, rule->nats + router_judged(r), i == r->n_rules - 1);
        put_share(t, capacity_of(r, rule));
        table_amount(t, amount_of((double)rule->flops / (double)r->n,
                                  PROV_COUNTED));
    }
    for (int i = 0; i < j->n_tables; i++) {
        const struct router_table *table = &j->table[i];
        table_row(t, ROW_PLAIN);
        put_table_name(t, table);
        table_count(t, 1, PROV_COUNTED);
        put_loss(t, r, table->nats, false);
        put_share(t, table->capacity);
        table_amount(t, amount_of((double)table->flops /
                                  (double)(r->n - router_judged(r)),
                                  PROV_COUNTED));
    }
}

/* ---- hardness ---- */

static void fill_hardness(struct table *t, const struct router_job *j)
{
    static const struct column columns[] = {
        ROUTER_CHOICE_COLUMNS,
        { "with", "with", "", COLUMN_TEXT, true },
        { "r", "r", "", COLUMN_SIGNED, false },
    };
    const struct router_record *r = &j->record;
    const struct router_rule *rule = router_causal(r);
    const struct { const char *name; const float *value; } with[] = {
        { "entropy", rule->entropy }, { "loss", rule->nats },
    };

    table_open(t, "hardness", columns, sizeof columns / sizeof *columns);
    table_caption(t, "Correlation of being kept with the token's prediction");
    for (int32_t c = -1; c < r->n_choices && r->n_choices > 0; c++)
        for (int i = 0; i < 2; i++) {
            if (c >= 0) {
                router_put_choice(t, j, c);
            } else {
                table_row(t, ROW_PLAIN);
                table_skip(t);
                table_text(t, "all");
            }
            table_text(t, with[i].name);
            table_amount(t, router_amount(router_correlation(r, c, with[i].value),
                                     PROV_MEASURED));
        }
}

/* ---- leak ---- */

static void fill_leak(struct table *t, const struct router_job *j)
{
    static const struct column columns[] = {
        { "rule", "rule", "", COLUMN_TEXT, true },
        { "causal", "causal", "", COLUMN_YES, true },
        { "positions", "positions", "", COLUMN_WHOLE, true },
        { "changed", "changed", "", COLUMN_SHARE, false },
        { "rerouted", "rerouted", "", COLUMN_SHARE, false },
        { "nats", "leak, nats/token", "", COLUMN_SIGNED, false },
    };

    table_open(t, "leak", columns, sizeof columns / sizeof *columns);
    table_caption(t, "Predictions and choices that change when the tokens"
                  " behind them are others, and the loss that this costs");
    for (int i = j->record.n_rules - 1; i >= 0; i--) {
        const struct router_leak *leak = &j->leak[i];
        const double tried = (double)leak->positions;
        if (leak->positions == 0)
            continue;
        table_row(t, ROW_PLAIN);
        table_text(t, j->record.rule[i].policy->name);
        table_count(t, j->record.rule[i].policy->causal, PROV_COUNTED);
        table_count(t, (uint64_t)leak->positions, PROV_COUNTED);
        put_share(t, (double)leak->changed / tried);
        put_share(t, (double)leak->rerouted / tried);
        table_amount(t, router_amount(leak->nats, PROV_MEASURED));
    }
}

/* ---- all of them ---- */

enum { AGREEMENT, REPLACED, HARDNESS, PLACES, KINDS, HEIGHTS, LEAK, BALANCE,
       EXPERTS, EXPERT_KINDS, TABLES };

static void fill(struct table t[TABLES], const struct router_job *j)
{
    fill_agreement(&t[AGREEMENT], j);
    fill_replaced(&t[REPLACED], j);
    fill_hardness(&t[HARDNESS], j);
    router_fill_places(&t[PLACES], j);
    router_fill_kinds(&t[KINDS], j);
    router_fill_heights(&t[HEIGHTS], j);
    fill_leak(&t[LEAK], j);
    router_fill_balance(&t[BALANCE], &j->experts);
    router_fill_experts(&t[EXPERTS], &j->experts);
    router_fill_expert_kinds(&t[EXPERT_KINDS], &j->experts);
}

static enum status make_summary(json_t **out, const struct table t[TABLES],
                                const struct router_job *j, struct error *err)
{
    const struct run_config *c = &j->config;
    const struct command_options *o = &j->flags.common;
    json_t *router = json_object();
    json_t *config = json_pack(
        "{s:{s:o, s:o, s:I, s:s, s:I, s:I, s:I}, s:o}",
        "run", "model", json_text(c->model), "text", json_text(c->text),
        "window", (json_int_t)c->window, "split",
        c->split == RUN_ALL ? "all" : split_names[c->split],
        "limit", (json_int_t)c->limit, "seed", (json_int_t)c->seed,
        "positions", (json_int_t)j->flags.positions,
        "model", summary_model(&j->arm.spec));

    *out = summary_open("router", config, provenance_json(
        o->argc, o->argv, o->threads, c->seed, model_isa(j->arm.model),
        c->text, j->text.hash));
    bool made = *out && router &&
        json_object_set_new(router, "rule", json_string(
            j->record.rule[ROUTER_OWN].policy->name)) == 0 &&
        json_object_set_new(router, "causal_rule", json_string(
            router_causal(&j->record)->policy->name)) == 0 &&
        json_object_set_new(*out, "tokens", json_integer(j->record.n)) == 0;
    if (made && j->interrupted)
        made = json_object_set_new(*out, "status",
                                   json_string("interrupted")) == 0;
    for (int i = 0; i < TABLES && made; i++)
        made = json_object_set_new(router, t[i].name,
                                   summary_table(&t[i], err)) == 0;
    if (made && json_object_set(*out, "router", router) == 0) {
        json_decref(router);
        return STATUS_OK;
    }
    json_decref(router);
    return error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
}

static enum status write_files(const struct table t[TABLES], json_t *summary,
                               const struct router_job *j, struct error *err)
{
    enum status status = STATUS_OK;

    rundir_clear(&j->rundir);
    for (int i = 0; i < TABLES && status == STATUS_OK; i++) {
        char name[FILE_PATH_SIZE];
        snprintf(name, sizeof name, "%.40s.csv", t[i].name);
        status = table_write(&t[i], FORMAT_CSV, j->rundir.path, name, err);
    }
    return status == STATUS_OK ? rundir_finish(&j->rundir, summary, err)
                               : status;
}

/* Places and heights are many rows, and so are kinds by expert: here are fewer of
 * them, and those who want all take the files. */
static enum status print_text(const struct table t[TABLES],
                              const struct router_job *j, struct error *err)
{
    struct table quarters, scores;
    const struct table *const printed[] = {
        &t[AGREEMENT], &t[REPLACED], &t[HARDNESS], &quarters, &t[KINDS],
        &scores, &t[LEAK], &t[BALANCE], &t[EXPERTS],
    };
    enum status status = STATUS_OK;
    bool any = false;

    router_fill_quarters(&quarters, j);
    router_fill_scores(&scores, j);
    for (size_t i = 0;
         i < sizeof printed / sizeof *printed && status == STATUS_OK; i++) {
        if (printed[i]->n_rows == 0)
            continue;
        fputs(any ? "\n" : "", stdout);
        any = true;
        status = table_aligned(printed[i], stdout, err);
    }
    table_close(&scores);
    table_close(&quarters);
    router_say_collapse(stdout, &j->experts);
    return status;
}

enum status router_deliver(struct router_job *j, struct error *err)
{
    const enum format format = (enum format)j->flags.common.format;
    struct table t[TABLES];
    json_t *summary = NULL;

    fill(t, j);
    enum status status = make_summary(&summary, t, j, err);
    if (status == STATUS_OK && j->rundir.lock >= 0)
        status = write_files(t, summary, j, err);
    if (status == STATUS_OK)
        status = format == FORMAT_JSON  ? json_print(summary, stdout, err)
                 : format == FORMAT_CSV
                     ? table_print(&t[j->record.n_choices > 0 ? AGREEMENT
                                                              : BALANCE],
                                   format, stdout, err)
                     : print_text(t, j, err);
    json_decref(summary);
    for (int i = 0; i < TABLES; i++)
        table_close(&t[i]);
    return status;
}
