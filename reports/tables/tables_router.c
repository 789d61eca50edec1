/* tables_router.c - Add the tables that isobath router wrote: whom routers keep
 * and why, and what looking ahead tells them. */
#include "reports/tables/tables.h"

#include <math.h>
#include <string.h>
#include "reports/read/csv.h"

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
#define COLUMNS(name) name, sizeof name / sizeof *name

/* A file of the run's directory, and the table it becomes. */
static const struct source {
    const char *file, *name, *caption, *folded;
    const struct column *columns;
    size_t n_columns;
} sources[] = {
    { "replaced.csv", "router-replaced", "What the same weights lose when "
      "somebody else chooses the tokens: on one text, with the interval over its "
      "windows.", NULL, COLUMNS(replaced) },
    { "agreement.csv", "router-agreement", "Guesses of whom the rule of training "
      "keeps. The accuracy of a guess means little by itself: never keeping "
      "anybody is right for all who are skipped, so balanced accuracy and the "
      "area under the ROC curve (AUC) stand beside it.", NULL,
      COLUMNS(agreement) },
    { "leak.csv", "router-leak", "Every token behind a position was exchanged "
      "for those of another window. A causal rule notices nothing; what the "
      "prediction of the true next token loses is what looking ahead had told.",
      NULL, COLUMNS(leak) },
    { "hardness.csv", "router-hardness", "Whether the tokens kept are the hard "
      "ones: Pearson's correlation with the entropy and the loss of the "
      "prediction made at the token.",
      "Are the kept tokens the hard ones?", COLUMNS(hardness) },
    { "kinds.csv", "router-kinds", "Share kept by kind of token, under the "
      "causal rule.", "What is kept, by kind of token", COLUMNS(shares) },
    { "places.csv", "router-places", "Share kept by place, from the start of the "
      "window as a share of it.", "What is kept, by place in the window",
      COLUMNS(shares) },
    { "heights.csv", "router-heights", "Tokens and the share kept by "
      "sigmoid(score), from.", "What is kept, by the height of the score",
      COLUMNS(shares) },
};

/* How the file says that a number is known; counts of things do not say. */
static enum provenance source_of(const struct csv *csv, size_t row,
                                 const char *key)
{
    char name[TABLE_NAME_SIZE];

    snprintf(name, sizeof name, "%s_source", key);
    const char *word = csv_text(csv, row, csv_column(csv, name));
    for (int i = 0; provenance_names[i]; i++)
        if (strcmp(word, provenance_names[i]) == 0)
            return (enum provenance)i;
    return PROV_COUNTED;
}

/* NAN where the file has none. */
static double part_of(const struct csv *csv, size_t row, const char *key,
                      const char *end)
{
    char name[TABLE_NAME_SIZE];
    double value = nan("");

    snprintf(name, sizeof name, "%s%s", key, end);
    return csv_real(csv, row, csv_column(csv, name), &value,
                    NULL) == STATUS_OK ? value : nan("");
}

/* A number with its interval where there is one; an empty field is a question
 * that has no sense there. */
static void put_number(struct table *t, const struct csv *csv, size_t row,
                       const char *key)
{
    struct amount amount = amount_of(part_of(csv, row, key, ""),
                                     source_of(csv, row, key));

    amount.low = part_of(csv, row, key, "_low");
    amount.high = part_of(csv, row, key, "_high");
    if (amount_known(amount))
        table_amount(t, amount);
    else
        table_skip(t);
}

static void add_rows(struct table *t, const struct csv *csv,
                     const struct run *run, const struct source *s)
{
    for (size_t r = 0; r < csv->n_rows; r++) {
        table_row(t, ROW_MOD);
        table_text(t, run->title ? run->title : run->name);
        for (size_t c = 1; c < s->n_columns; c++)
            if (s->columns[c].style == COLUMN_TEXT)
                table_text(t, csv_text(csv, r,
                                       csv_column(csv, s->columns[c].key)));
            else
                put_number(t, csv, r, s->columns[c].key);
    }
}

static void add_table(struct report *report, const struct source *s)
{
    struct table *t = report_add_table(report, SECTION_ROUTER, s->folded,
                                       s->name, s->columns, s->n_columns);

    table_caption(t, "%s", s->caption);
    t->grouped = true;
    for (size_t i = 0; i < report->n_worked; i++) {
        const struct run *run = report->worked[i];
        struct csv csv;
        if (run->kind != RUN_ROUTER)
            continue;
        if (csv_open_in(&csv, run->path, s->file, NULL) == STATUS_OK)
            add_rows(t, &csv, run, s);
        csv_close(&csv);
    }
}

void tables_router(struct report *report)
{
    bool any = false;

    for (size_t i = 0; i < report->n_worked; i++)
        any |= report->worked[i]->kind == RUN_ROUTER;
    for (size_t i = 0; i < sizeof sources / sizeof *sources && any; i++)
        add_table(report, &sources[i]);
}
