/* predict_drafts.c - Price new tokens that a model's first layers draft, beside
 * those that it decodes one by one. */
#include "sim/commands/predict_answer.h"

#include "sim/core/answer/json.h"
#include "sim/price/speculation.h"

enum status predict_drafts_work_out(struct predict_answer *a, struct error *err)
{
    const struct predict_options *o = a->options;
    const struct predict_question *q = &a->question;
    const struct predict_job job = { .spec = &q->spec, .machine = q->machine,
                                     .regime = q->regime };
    const struct speculated round = { (int32_t)o->draft_layers,
                                      (int32_t)o->drafts, q->n_tokens - 1 };
    struct ledger *ledger = NULL;

    if (o->draft_layers == 0)
        return STATUS_OK;
    if (!(o->accepted > 0))
        return error_set(err, STATUS_BAD_VALUE, "--draft-layers: what it costs"
                         " depends on --accepted P: give it");
    if (round.n_layers >= q->spec.n_layers || q->n_sequences > 1 ||
        spec_n_routed(&q->spec) > 0 || q->spec.experts.n > 0 ||
        round.n_before + round.n_drafts >= q->spec.max_tokens)
        return error_set(err, STATUS_BAD_VALUE, "--draft-layers %d: allowed is 1"
                         " to %d, with one sequence, --context up to %d, and a"
                         " model that routes nothing and has no experts",
                         round.n_layers, q->spec.n_layers - 1,
                         q->spec.max_tokens - round.n_drafts);
    enum status status = ledger_open(&ledger, (struct ledger_shape){ 0 },
                                     (struct cost){ 0 }, err);
    if (status == STATUS_OK)
        status = predict_speculation(ledger, &job, &round, err);
    if (status == STATUS_OK)
        a->round = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                              LEDGER_ANY);
    ledger_close(ledger);
    return status;
}

static double tokens_of(const struct predict_options *o)
{
    return speculation_tokens(o->accepted, (int32_t)o->drafts);
}

void predict_drafts_text(FILE *file, const struct predict_answer *a)
{
    static const struct { enum metric metric; const char *unit; } told[] = {
        { METRIC_FLOPS, "FLOP" }, { METRIC_BYTES, "B" },
        { METRIC_SECONDS, "s" }, { METRIC_JOULES, "J" },
    };
    const struct predict_options *o = a->options;
    const struct cost plain = prediction_total(&a->contest.model);

    if (o->draft_layers == 0)
        return;
    fprintf(file, "%-12sby the first %d of %d layers, %d a round, %.3g of them"
            " right: %.3g tokens a round; of each\n", "drafts",
            (int)o->draft_layers, a->question.spec.n_layers, (int)o->drafts,
            o->accepted, tokens_of(o));
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        const double each = cost_get(&a->round, told[i].metric) / tokens_of(o);
        char amount[TABLE_NUMBER_SIZE];
        if (!cost_known(&a->round, told[i].metric))
            continue;
        table_si(amount, each, told[i].unit);
        fprintf(file, "%-12s%s, %.3g of what it is without\n", "", amount,
                each / cost_get(&plain, told[i].metric));
    }
}

json_t *predict_drafts_json(const struct predict_answer *a)
{
    const struct predict_options *o = a->options;
    const double n = tokens_of(o);

    return json_pack("{s:I, s:I, s:f, s:f, s:o, s:o, s:o, s:o}", "layers",
        (json_int_t)o->draft_layers, "drafts", (json_int_t)o->drafts,
        "accepted", o->accepted, "tokens_per_round", n,
        "flops_per_token", json_number(cost_get(&a->round, METRIC_FLOPS) / n),
        "bytes_per_token", json_number(cost_get(&a->round, METRIC_BYTES) / n),
        "seconds_per_token",
        json_number(cost_get(&a->round, METRIC_SECONDS) / n),
        "joules_per_token",
        json_number(cost_get(&a->round, METRIC_JOULES) / n));
}
