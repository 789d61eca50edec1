/* tables_answer.c - Add the table of the first screen. */
#include "reports/tables/tables.h"

static const struct column answer_columns[] = {
    { "what", "", "", COLUMN_TEXT, true },
    { "dense", "dense", "", COLUMN_QUANTITY, false },
    { "mod", "MoD", "", COLUMN_QUANTITY, false },
    { "ratio", "MoD / dense", "", COLUMN_FACTOR, false },
};

static void answer_row(struct table *t, const char *what, const char *unit,
                       struct amount dense, struct amount mod,
                       struct amount ratio)
{
    table_row(t, ROW_PLAIN);
    table_text(t, what);
    table_quantity(t, dense, unit);
    table_quantity(t, mod, unit);
    table_amount(t, ratio);
}

static void answer_study(struct table *t, const struct study *s)
{
    struct amount dense = amount_of(s->dense->causal.mean, PROV_MEASURED);
    struct amount mod = amount_of(s->mod->causal.mean, PROV_MEASURED);
    struct amount fd = amount_of(s->dense->flops_forward, PROV_COUNTED);
    struct amount fm = amount_of(s->mod->flops_forward, PROV_COUNTED);
    struct amount share = amount_of(100 * s->mod->realised.mean, PROV_COUNTED);

    answer_row(t, "held-out loss, best of each", "nats per byte", dense, mod,
               amount_ratio(mod, dense));
    answer_row(t, "forward pass per token, best of each", "flop", fd, fm,
               amount_ratio(fm, fd));
    answer_row(t, "tokens that routed blocks keep under that rule", "%",
               amount_of(100, PROV_COUNTED), share,
               amount_of(s->mod->realised.mean, PROV_COUNTED));
}

static void answer_phase(struct table *t, const struct phase *f)
{
    static const struct { enum metric metric; const char *name; } rows[] = {
        { METRIC_FLOPS, "FLOPs" }, { METRIC_SECONDS, "time" },
        { METRIC_JOULES, "energy" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const enum metric m = rows[i].metric;
        struct amount arm[ARM_COUNT];
        char what[96], words[PHASE_WORDS_SIZE];
        for (int a = 0; a < ARM_COUNT; a++)
            arm[a] = phase_total(f, (enum side)a, m);
        phase_words(words, f);
        snprintf(what, sizeof what, "%s of one %s, twins", rows[i].name,
                 words);
        answer_row(t, what, metric_table[m].unit, arm[ARM_DENSE], arm[ARM_MOD],
                   f->ratio[m]);
    }
}

void tables_answer(struct report *r)
{
    struct table *t = REPORT_ADD_TABLE(r, ANSWER, NULL, "answer",
                                       answer_columns);

    table_caption(t, "In short.");
    if (r->study.dense && r->study.mod)
        answer_study(t, &r->study);
    if (report_phase(r) && phase_has_twin(report_phase(r)))
        answer_phase(t, report_phase(r));
}
