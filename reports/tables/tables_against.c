/* tables_against.c - Add the table of scored runs beside their rivals. */
#include "reports/tables/tables.h"

#include <math.h>

#include "reports/read/jsonpath.h"

static const struct column against_columns[] = {
    { "run", "", "", COLUMN_TEXT, true },
    { "against", "against", "", COLUMN_TEXT, true },
    { "what", "", "", COLUMN_TEXT, true },
    { "rival", "the rival", "", COLUMN_QUANTITY, false },
    { "model", "the model", "", COLUMN_QUANTITY, false },
    { "ratio", "model / rival", "", COLUMN_FACTOR, false },
};

/* A run and its rival, a row a quantity. */
struct pair {
    struct table *t;
    const struct run *run;
    const json_t *rival;
    bool busy;
};

static void put(const struct pair *p, const char *what, const char *unit,
                struct amount rival, struct amount model, struct amount ratio)
{
    table_row(p->t, ROW_PLAIN);
    table_text(p->t, p->run->name);
    table_text(p->t, jsonpath_text(p->rival, "name"));
    table_text(p->t, what);
    table_quantity(p->t, rival, unit);
    table_quantity(p->t, model, unit);
    table_amount(p->t, ratio);
}

static void put_loss(const struct pair *p)
{
    const char *why = jsonpath_text(p->rival, "unscored");
    struct amount more = jsonpath_amount(p->rival, "loss_increase",
                                         PROV_MEASURED);
    struct amount theirs = jsonpath_amount(p->rival, "per_token.nats",
                                           PROV_MEASURED);

    more.value += 1;
    more.low += 1;
    more.high += 1;
    if (why)
        more = theirs = amount_unknown(why);
    put(p, "loss", "nats per token", theirs,
        jsonpath_amount(p->run->summary, "per_token.nats", PROV_MEASURED),
        more);
}

static void put_metric(const struct pair *p, const char *what, const char *unit,
                       const char *metric, enum provenance from)
{
    const char *of_token = "per_token.", *of_rival = "ratio.";
    struct amount rival, model, ratio;
    char path[64];

    snprintf(path, sizeof path, "%s%s", of_token, metric);
    rival = jsonpath_amount(p->rival, path, from);
    model = jsonpath_amount(p->run->summary, path, from);
    snprintf(path, sizeof path, "%s%s", of_rival, metric);
    ratio = jsonpath_amount(p->rival, path, from);
    rival.modelled = model.modelled = ratio.modelled = from == PROV_PREDICTED;
    put(p, what, unit, rival, model, ratio);
}

static void put_pair(const struct pair *p)
{
    put_loss(p);
    put_metric(p, "FLOPs of a token", "flop", "flops", PROV_COUNTED);
    put_metric(p, "bytes of a token", "B", "bytes", PROV_COUNTED);
    put_metric(p, "time of a token, its loss included", "s", "seconds",
               p->busy ? PROV_BUSY : PROV_MEASURED);
    if (isfinite(jsonpath_number(p->run->summary, "per_token.joules.value")))
        put_metric(p, "energy of a token", "J", "joules", PROV_PREDICTED);
}

void tables_against(struct report *r)
{
    struct table *t = NULL;

    for (size_t i = 0; i < r->n_runs; i++) {
        const struct run *run = &r->run[i];
        const json_t *rival = json_object_get(run->summary, "against");
        if (!report_scores_text(run) || !json_is_object(rival))
            continue;
        if (!t) {
            t = REPORT_ADD_TABLE(r, ANSWER, NULL, "against", against_columns);
            table_caption(t, "What the model takes of its rival on the same"
                          " windows of text, in turns.");
        }
        put_pair(&(struct pair){
            .t = t, .run = run, .rival = rival,
            .busy = json_is_true(jsonpath_at(run->summary, "load.busy")) });
    }
}
