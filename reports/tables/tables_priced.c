/* tables_priced.c - Add the tables of a sweep of isobath predict: what a token
 * costs, over the dense twin and over another rival, and layer by layer. */
#include "reports/tables/tables.h"

#define OF_RIVALS(metric, heading, unit)                                       \
    { metric "_per_token", heading, unit, COLUMN_SI, false },                  \
    { metric "_of_twin", "of the twin", "", COLUMN_SHARE, false },             \
    { metric "_of_rival", "of the rival", "", COLUMN_SHARE, false }

static const struct column columns[] = {
    { "setting", "setting", "", COLUMN_TEXT, true },
    OF_RIVALS("flops", "", "flop"),
    OF_RIVALS("bytes", "", "B"),
    OF_RIVALS("seconds", "", "s"),
    OF_RIVALS("joules", "", "J"),
    { "rival_layers", "layers of the rival", "", COLUMN_FACTOR, false },
    { "memory_bytes", "memory", "B", COLUMN_SI, false },
    { "parameters", "parameters", "", COLUMN_SI, false },
};

static void points(struct report *r)
{
    const struct prices *priced = &r->priced;
    struct table *t = REPORT_ADD_TABLE(r, PHASES, NULL, "priced", columns);

    table_caption(t, "What a token is predicted to take, as a share of the dense "
                  "twin and of the rival %s, whose depth need not be whole. "
                  "Intervals of 80 %% are of the share: both models are priced "
                  "by the same draws of the machine's numbers. Nothing was run; "
                  "joules are modelled.", priced->rival);
    t->grouped = true;
    for (size_t i = 0; i < priced->n; i++) {
        const struct priced_point *p = &priced->point[i];
        table_row(t, ROW_PLAIN);
        table_text(t, p->name);
        for (int m = 0; m < PRICED_METRICS; m++) {
            table_amount(t, p->per_token[m]);
            table_amount(t, p->of_twin[m]);
            table_amount(t, p->of_rival[m]);
        }
        tables_or_skip(t, p->rival_layers, PROV_PREDICTED);
        tables_or_skip(t, p->memory, PROV_PREDICTED);
        tables_or_skip(t, p->parameters, PROV_PREDICTED);
    }
}

#define OF_TWIN(metric, unit)                                                  \
    { metric "_per_token", "", unit, COLUMN_SI, false },                       \
    { metric "_of_twin", "of the twin", "", COLUMN_SHARE, false }

static const struct column layer_columns[] = {
    { "setting", "setting", "", COLUMN_TEXT, true },
    { "layers", "each of layers", "", COLUMN_TEXT, true },
    OF_TWIN("flops", "flop"), OF_TWIN("bytes", "B"),
    OF_TWIN("seconds", "s"), OF_TWIN("joules", "J"),
};

static void layers(struct report *r)
{
    const struct prices *priced = &r->priced;
    struct table *t;

    if (priced->n_layers == 0)
        return;
    t = REPORT_ADD_TABLE(r, OPS, "Layer by layer, predicted", "priced-layers",
                         layer_columns);
    table_caption(t, "What a token is predicted to take of each layer, those that "
                  "cost alike together, as a share of the same layer of the "
                  "dense twin; outside are embedding, head and loss.");
    t->grouped = true;
    for (size_t i = 0; i < priced->n_layers; i++) {
        const struct priced_layers *l = &priced->layers[i];
        table_row(t, ROW_PLAIN);
        table_text(t, priced->point[l->point].name);
        table_text(t, l->name);
        for (int m = 0; m < PRICED_METRICS; m++) {
            table_amount(t, l->per_token[m]);
            table_amount(t, l->of_twin[m]);
        }
    }
}

void tables_priced(struct report *r)
{
    if (r->priced.n == 0)
        return;
    points(r);
    layers(r);
}
