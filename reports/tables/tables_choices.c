/* tables_choices.c - Add the tables of who works on what: isobath router, how well
 * routers choose and why; isobath regret, what their decisions were worth; isobath
 * sensitivity and allocate, how much each block works. */
#include "reports/tables/tables.h"

#include "sim/core/answer/expert_columns.h"

#define RUN { "run", "model", "", COLUMN_TEXT, true }
#define LAYER                                                                  \
    { "layer", "layer", "", COLUMN_WHOLE, true },                              \
    { "part", "part", "", COLUMN_TEXT, true }

static const struct column agreement[] = {
    RUN, LAYER,
    { "guess", "guess", "", COLUMN_TEXT, true },
    { "kept", "kept", "", COLUMN_SHARE, false },
    { "accuracy", "accuracy", "", COLUMN_SHARE, false },
    { "balanced_accuracy", "balanced accuracy", "", COLUMN_SHARE, false },
    { "precision", "precision", "", COLUMN_SHARE, false },
    { "recall", "recall", "", COLUMN_SHARE, false },
    { "f1", "F1", "", COLUMN_LOSS, false },
    { "auc", "AUC", "", COLUMN_LOSS, false },
};
static const struct column replaced[] = {
    RUN,
    { "chosen_by", "chosen by", "", COLUMN_TEXT, true },
    { "causal", "causal", "", COLUMN_YES, true },
    { "nats_per_token", "loss, nats per token", "", COLUMN_LOSS, false },
    { "more", "more than the causal rule's", "", COLUMN_SIGNED, false },
    { "kept", "kept", "", COLUMN_SHARE, false },
    { "flops_per_token", "forward per token", "flop", COLUMN_SI, false },
};
static const struct column leak[] = {
    RUN,
    { "rule", "rule", "", COLUMN_TEXT, true },
    { "causal", "causal", "", COLUMN_YES, true },
    { "positions", "positions", "", COLUMN_WHOLE, true },
    { "changed", "predictions changed", "", COLUMN_SHARE, false },
    { "rerouted", "choices changed", "", COLUMN_SHARE, false },
    { "nats", "leak, nats per token", "", COLUMN_SIGNED, false },
};
static const struct column hardness[] = {
    RUN, LAYER,
    { "with", "being kept, with", "", COLUMN_TEXT, true },
    { "r", "correlation", "", COLUMN_SIGNED, false },
};
static const struct column shares[] = {
    RUN, LAYER,
    { "bin", "where", "", COLUMN_TEXT, true },
    { "tokens", "tokens", "", COLUMN_WHOLE, true },
    { "kept", "kept", "", COLUMN_SHARE, false },
};
static const struct column allocations[] = {
    RUN,
    { "chosen_by", "chosen by", "", COLUMN_TEXT, true },
    { "nats_per_token", "loss, nats per token", "", COLUMN_LOSS, false },
    { "more", "more than the router's", "", COLUMN_SIGNED, false },
    { "flops_per_token", "forward per token", "flop", COLUMN_SI, false },
    { "swaps", "tokens swapped", "", COLUMN_WHOLE, true },
};
static const struct column worths[] = {
    RUN, LAYER,
    { "decisions", "decisions", "", COLUMN_WHOLE, true },
    { "kept", "kept", "", COLUMN_SHARE, false },
    { "worth_kept", "worth of the kept", "nat/flop", COLUMN_SI, false },
    { "worth_skipped", "worth of the skipped", "nat/flop", COLUMN_SI, false },
    { "idle", "kept for nothing", "", COLUMN_SHARE, false },
    { "misplaced", "kept for others", "", COLUMN_SHARE, false },
    { "drawn_more", "drawn: loss above the router's", "", COLUMN_SIGNED,
      false },
    { "oracle_more", "oracle: likewise", "", COLUMN_SIGNED, false },
    { "share_of_oracle", "router's share", "", COLUMN_SHARE, false },
};
static const struct column losses[] = {
    RUN,
    { "layer", "block", "", COLUMN_WHOLE, true },
    { "capacity", "share of tokens", "", COLUMN_SHARE, true },
    { "nats_per_token", "nats/token", "", COLUMN_LOSS, false },
    { "flops_per_token", "a token", "flop", COLUMN_SI, false },
    { "more", "more than as it is", "", COLUMN_SIGNED, false },
};
static const struct column arms[] = {
    RUN,
    { "allocation", "allocation", "", COLUMN_TEXT, true },
    { "cost_per_token", "cost of a token", "", COLUMN_SI, false },
    { "flops_per_token", "counted", "flop", COLUMN_SI, false },
    { "nats_per_token", "nats/token", "", COLUMN_LOSS, false },
    { "predicted_more", "foretold", "", COLUMN_SIGNED, false },
    { "more", "more than as it is", "", COLUMN_SIGNED, false },
    { "more_than_chosen", "more than chosen", "", COLUMN_SIGNED, false },
};
static const struct column capacities[] = {
    RUN,
    { "layer", "block", "", COLUMN_WHOLE, true },
    { "as_is", "as it is", "", COLUMN_SHARE, true },
    { "chosen", "chosen", "", COLUMN_SHARE, true },
    { "first", "by the table alone", "", COLUMN_SHARE, true },
    { "uniform", "the same", "", COLUMN_SHARE, true },
    { "dropped", "dropped", "", COLUMN_SHARE, true },
};
static const struct column rounds[] = {
    RUN,
    { "round", "round", "", COLUMN_WHOLE, true },
    { "by", "found by", "", COLUMN_TEXT, true },
    { "runs", "runs", "", COLUMN_WHOLE, true },
    { "cost_per_token", "cost of a token", "", COLUMN_SI, false },
    { "more", "more than as it is", "", COLUMN_SIGNED, false },
};
static const struct column balance[] = { RUN, EXPERT_BALANCE_COLUMNS };
static const struct column expert_shares[] = {
    RUN,
    { "layer", "layer", "", COLUMN_WHOLE, true },
    { "expert", "expert", "", COLUMN_WHOLE, true },
    { "does", "does", "", COLUMN_TEXT, true },
    { "entered", "entered", "", COLUMN_WHOLE, true },
    { "share", "share of entries", "", COLUMN_SHARE, false },
    { "over_mean", "over mean", "", COLUMN_LOSS, false },
    { "dropped", "dropped", "", COLUMN_SHARE, false },
};
static const struct column expert_kinds[] = { RUN, EXPERT_KINDS_COLUMNS };
#define COLUMNS(name) name, sizeof name / sizeof *name

/* A file of the run's directory, and the table it becomes. */
static const struct source {
    enum run_kind kind;
    enum section section;
    const char *file, *name, *caption, *folded;
    const struct column *columns;
    size_t n_columns;
} sources[] = {
    { RUN_ROUTER, SECTION_ROUTER, "replaced.csv", "router-replaced",
      "What the same weights lose when somebody else chooses the tokens: on"
      " one text, with the interval over its windows.",
      NULL, COLUMNS(replaced) },
    { RUN_ROUTER, SECTION_ROUTER, "agreement.csv", "router-agreement",
      "Guesses of whom the rule of training keeps. The accuracy of a guess "
      "means little by itself: never keeping anybody is right for all who "
      "are skipped, so balanced accuracy and the area under the ROC curve "
      "(AUC) stand beside it.",
      NULL, COLUMNS(agreement) },
    { RUN_ROUTER, SECTION_ROUTER, "leak.csv", "router-leak",
      "Every token behind a position was exchanged for those of another "
      "window. A causal rule notices nothing; what the prediction of the "
      "true next token loses is what looking ahead had told.",
      NULL, COLUMNS(leak) },
    { RUN_ROUTER, SECTION_ROUTER, "hardness.csv", "router-hardness",
      "Whether the tokens kept are the hard ones: Pearson's correlation "
      "with the entropy and the loss of the prediction made at the token.",
      "Are the kept tokens the hard ones?", COLUMNS(hardness) },
    { RUN_ROUTER, SECTION_ROUTER, "kinds.csv", "router-kinds",
      "Share kept by kind of token, under the causal rule.",
      "What is kept, by kind of token", COLUMNS(shares) },
    { RUN_ROUTER, SECTION_ROUTER, "places.csv", "router-places",
      "Share kept by place, from the start of the window as a share of it.",
      "What is kept, by place in the window", COLUMNS(shares) },
    { RUN_ROUTER, SECTION_ROUTER, "heights.csv", "router-heights",
      "Tokens and the share kept by sigmoid(score), from.",
      "What is kept, by the height of the score", COLUMNS(shares) },
    { RUN_ROUTER, SECTION_ROUTER, "expert-balance.csv", "router-expert-balance",
      "How evenly experts are entered. Entered alike, as many experts would have"
      " the same entropy; the heaviest are as many as a token enters, and where"
      " they take nearly all the layer has collapsed: the others are weights that"
      " nothing uses.",
      NULL, COLUMNS(balance) },
    { RUN_ROUTER, SECTION_ROUTER, "experts.csv", "router-experts",
      "What each expert takes of a layer's entries, and of those that chose it"
      " what found it full.",
      "What each expert takes", COLUMNS(expert_shares) },
    { RUN_ROUTER, SECTION_ROUTER, "expert-kinds.csv", "router-expert-kinds",
      "Of a kind of token the share of its choices that an expert has, and that"
      " over the share it has of all.",
      "Which kinds of token go to which expert", COLUMNS(expert_kinds) },
    { RUN_REGRET, SECTION_REGRET, "allocations.csv", "regret-allocations",
      "Loss by who chooses among the sampled tokens, every block keeping as"
      " many: run, not predicted. The oracle has seen the answers; no "
      "router can.",
      NULL, COLUMNS(allocations) },
    { RUN_REGRET, SECTION_REGRET, "blocks.csv", "regret-blocks",
      "What a FLOP saves in nats where a router spends it, and would save "
      "where not; the kept without which the loss is no higher, and those "
      "that the oracle gives to others; the loss when chance or the oracle "
      "chooses in that block alone; and, of what the oracle gains over "
      "chance, the share that the router has.",
      NULL, COLUMNS(worths) },
    { RUN_SENSITIVITY, SECTION_CAPACITIES, "sensitivity.csv", "sensitivity",
      "What a text loses with one block alone at a share of the tokens, the "
      "others as they are; first with none changed.",
      NULL, COLUMNS(losses) },
    { RUN_ALLOCATE, SECTION_CAPACITIES, "arms.csv", "allocation",
      "Run on text that chose nothing. Foretold is by the table of single "
      "blocks or, after rounds, what runs on the table's text lost.",
      NULL, COLUMNS(arms) },
    { RUN_ALLOCATE, SECTION_CAPACITIES, "capacities.csv",
      "allocation-capacities", "Share of the tokens that each block works on.",
      NULL, COLUMNS(capacities) },
    { RUN_ALLOCATE, SECTION_CAPACITIES, "rounds.csv", "allocation-rounds",
      "How it was chosen: what each round found, with the runs of the table's "
      "text up to there, and what it lost on that text.",
      NULL, COLUMNS(rounds) },
};

/* Counts of things do not say how they are known. */
static void add_rows(struct table *t, const struct csv *csv,
                     const struct run *run)
{
    for (size_t r = 0; r < csv->n_rows; r++) {
        table_row(t, ROW_MOD);
        table_text(t, run->title ? run->title : run->name);
        tables_fields(t, csv, r, 1, PROV_COUNTED);
    }
}

static void add_table(struct report *report, const struct source *s)
{
    struct table *t = report_add_table(report, s->section, s->folded,
                                       s->name, s->columns, s->n_columns);

    table_caption(t, "%s", s->caption);
    t->grouped = true;
    for (size_t i = 0; i < report->n_worked; i++) {
        const struct run *run = report->worked[i];
        struct csv csv;
        if (run->kind != s->kind)
            continue;
        if (csv_open_in(&csv, run->path, s->file, NULL) == STATUS_OK)
            add_rows(t, &csv, run);
        csv_close(&csv);
    }
}

static bool says_any(const struct run *run, const struct source *s)
{
    struct csv csv;
    const bool any = csv_open_in(&csv, run->path, s->file, NULL) == STATUS_OK &&
                     csv.n_rows > 0;

    csv_close(&csv);
    return any;
}

void tables_choices(struct report *report)
{
    for (size_t s = 0; s < sizeof sources / sizeof *sources; s++) {
        bool any = false;
        for (size_t i = 0; i < report->n_worked; i++)
            any |= report->worked[i]->kind == sources[s].kind &&
                   says_any(report->worked[i], &sources[s]);
        if (any)
            add_table(report, &sources[s]);
    }
}
