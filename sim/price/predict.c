/* predict.c - Walk the ops of a step in their order, and charge each. */
#include "sim/price/predict.h"

#include "sim/core/model/spec_check.h"
#include "sim/price/pricing.h"

static const enum op ffn_forward[] = { OP_FFN_UP, OP_ACT, OP_FFN_DOWN };
static const enum op ffn_backward[] = { OP_FFN_DOWN, OP_ACT, OP_FFN_UP };
static const enum op attended_backward[] = { OP_ROPE, OP_QK_NORM, OP_QKV };

/* ROWS_ALL: those of the layer, whichever these are. */
struct expert_step {
    enum flops_set set;
    enum rows rows;
    enum op   op;
};
static const struct expert_step experts_forward[] = {
    { FLOPS_EXPERTS, ROWS_ALL, OP_ROUTE },
    { FLOPS_EXPERTS, ROWS_ALL, OP_SELECT },
    { FLOPS_EXPERTS, ROWS_ALL, OP_ROUTE_LOSS },
    { FLOPS_BESIDES, ROWS_ALL, OP_FFN_UP },
    { FLOPS_BESIDES, ROWS_ALL, OP_ACT },
    { FLOPS_BESIDES, ROWS_ALL, OP_ROUTE },
    { FLOPS_BESIDES, ROWS_ALL, OP_GATE },
    { FLOPS_BESIDES, ROWS_ALL, OP_FFN_DOWN },
    { FLOPS_ENTRIES, ROWS_ENTRIES, OP_GATHER },
    { FLOPS_ENTRIES, ROWS_ENTRIES, OP_FFN_UP },
    { FLOPS_ENTRIES, ROWS_ENTRIES, OP_ACT },
    { FLOPS_ENTRIES, ROWS_ENTRIES, OP_GATE },
    { FLOPS_ENTRIES, ROWS_ENTRIES, OP_FFN_DOWN },
    { FLOPS_EXPERTS, ROWS_ALL, OP_GATE },
    { FLOPS_FURTHER, ROWS_FURTHER, OP_GATE },
};
static const struct expert_step experts_backward[] = {
    { FLOPS_ENTRIES_BACK, ROWS_ENTRIES, OP_FFN_DOWN },
    { FLOPS_ENTRIES_BACK, ROWS_ENTRIES, OP_GATE },
    { FLOPS_ENTRIES_BACK, ROWS_ENTRIES, OP_ACT },
    { FLOPS_ENTRIES_BACK, ROWS_ENTRIES, OP_FFN_UP },
    { FLOPS_ENTRIES_BACK, ROWS_ENTRIES, OP_GATHER },
    { FLOPS_EXPERTS_BACK, ROWS_ALL, OP_GATHER },
    { FLOPS_FURTHER_BACK, ROWS_FURTHER, OP_GATHER },
    { FLOPS_BESIDES_BACK, ROWS_ALL, OP_FFN_DOWN },
    { FLOPS_BESIDES_BACK, ROWS_ALL, OP_GATE },
    { FLOPS_BESIDES_BACK, ROWS_ALL, OP_ACT },
    { FLOPS_BESIDES_BACK, ROWS_ALL, OP_FFN_UP },
    { FLOPS_BESIDES_BACK, ROWS_ALL, OP_ROUTE },
    { FLOPS_EXPERTS_BACK, ROWS_ALL, OP_ROUTE },
};
#define N_OPS(ops) (int)(sizeof (ops) / sizeof *(ops))

/* A layer without positions turns nothing; losses of scores are of training. */
static bool runs(const struct pricing *p, enum op op)
{
    return op == OP_ROPE         ? spec_turns(p->job.spec, p->layer)
           : op == OP_ROUTE_LOSS ? p->phase == MEMORY_TRAIN
                                 : true;
}

static void walk(struct pricing *p, const enum op *ops, int n, enum rows rows)
{
    for (int i = 0; i < n; i++)
        if (runs(p, ops[i]))
            pricing_rows(p, ops[i], rows);
}

static void walk_experts(struct pricing *p, const struct expert_step *steps,
                         int n, enum rows rows)
{
    pricing_enter_experts(p, rows);
    for (int i = 0; i < n; i++)
        if (runs(p, steps[i].op))
            pricing_rows_of(p, steps[i].set, steps[i].op,
                            steps[i].rows == ROWS_ALL ? rows : steps[i].rows);
}

/* The norm on what a part reads, and that on what it adds, in either pass. */
static void norm_before(struct pricing *p, enum rows rows)
{
    if (spec_norms_before(p->job.spec))
        pricing_rows(p, OP_NORM, rows);
}

static void norm_added(struct pricing *p, enum rows rows)
{
    if (!spec_norms_after(p->job.spec))
        return;
    if (p->pass == PASS_FORWARD)
        pricing_rows_of(p, FLOPS_ADDED, OP_NORM, rows);
    else
        pricing_rows(p, OP_NORM, rows);
}

/* Attention's norm may be that of both parts. */
static void norm_fed(struct pricing *p, enum rows rows)
{
    if (p->job.spec->traits.parallel != PARALLEL_NORM)
        norm_before(p, rows);
}

static void feed_forward(struct pricing *p, enum rows rows)
{
    norm_fed(p, rows);
    if (p->job.spec->has_experts[p->layer])
        walk_experts(p, experts_forward, N_OPS(experts_forward), rows);
    else
        walk(p, ffn_forward, N_OPS(ffn_forward), rows);
    norm_added(p, rows);
}

static void feed_forward_backward(struct pricing *p, enum rows rows)
{
    norm_added(p, rows);
    if (p->job.spec->has_experts[p->layer])
        walk_experts(p, experts_backward, N_OPS(experts_backward), rows);
    else
        walk(p, ffn_backward, N_OPS(ffn_backward), rows);
    norm_fed(p, rows);
}

static void gather(struct pricing *p, bool norm)
{
    if (norm)
        pricing_rows_of(p, FLOPS_OF_KEPT, OP_GATHER, ROWS_KEPT);
    else
        pricing_rows(p, OP_GATHER, ROWS_KEPT);
}

/* The head reads the rows that a choice kept, and puts their logits among those
 * of all. */
static void read_kept(struct pricing *p, int32_t choice)
{
    pricing_enter(p, PASS_FORWARD, LEDGER_OUTSIDE);
    pricing_follow(p, choice);
    pricing_rows(p, OP_NORM, ROWS_KEPT);
    pricing_rows(p, OP_HEAD, ROWS_KEPT);
    pricing_rows_of(p, FLOPS_OF_SIGNAL, OP_GATHER, ROWS_KEPT);
}

/* At an exit, of the rows that are still there. */
static void judge(struct pricing *p, int32_t choice)
{
    const int32_t layer = p->layer;
    const bool first = !p->job.spec->routed[layer - 1];

    if (p->phase == MEMORY_LAST)
        return;
    if (first) {
        pricing_enter(p, PASS_FORWARD, LEDGER_OUTSIDE);
        pricing_rows(p, OP_NORM, ROWS_ALL);
        pricing_rows(p, OP_HEAD, ROWS_ALL);
    } else {
        read_kept(p, choice - 1);
    }
    pricing_enter(p, PASS_FORWARD, layer);
    if (!first)
        pricing_follow(p, choice - 1);
    pricing_rows_of(p, FLOPS_OF_SIGNAL, OP_ROUTE,
                    first ? ROWS_ALL : ROWS_KEPT);
}

/* Scores, chooses and gathers.  Where keys of skipped tokens are computed, the
 * norm comes first and is gathered too. */
static void choose(struct pricing *p, int32_t choice, bool gathers_norm)
{
    if (spec_leaves(p->job.spec))
        judge(p, choice);
    pricing_follow(p, choice);
    pricing_rows(p, OP_ROUTE, ROWS_ALL);
    if (p->phase == MEMORY_TRAIN || p->job.predicted)
        pricing_rows(p, OP_PREDICT, ROWS_ALL);
    if (!spec_leaves(p->job.spec))
        pricing_rows_of(p, FLOPS_OF_SIGNAL, OP_ROUTE, ROWS_ALL);
    if (p->layer == p->job.spec->recursion.first)
        pricing_rows_of(p, FLOPS_OF_DEPTHS, OP_ROUTE, ROWS_ALL);
    pricing_select(p);
    if (p->phase == MEMORY_TRAIN)
        pricing_rows(p, OP_ROUTE_LOSS, ROWS_ALL);
    gather(p, gathers_norm);
}

/* Puts keys and values into the table of the sequence; in a decode step, and in
 * training, where each layer has a table of its own, copies them from the layer
 * before where a token is skipped. */
static void carry(struct pricing *p, const struct stage *stage, enum rows rows)
{
    if (p->phase != MEMORY_DECODE && stage->keys_tabled)
        pricing_rows_of(p, FLOPS_OF_ALL, OP_GATHER, rows);
    if ((p->phase == MEMORY_DECODE || p->phase == MEMORY_TRAIN) &&
        stage->skipped_keys == SKIPPED_KEYS_CARRIED)
        pricing_rows_of(p, FLOPS_OF_ALL, OP_GATHER, ROWS_SKIPPED);
}

/* Makes queries of kept rows, keys and values of all; or their gradients, if
 * there is any. */
static void project_apart(struct pricing *p)
{
    static const enum op ops[] = { OP_QKV, OP_QK_NORM, OP_ROPE };
    for (int i = 0; i < N_OPS(ops) && runs(p, ops[i]); i++)
        pricing_kept_and_all(p, ops[i]);
}

/* Queries alone, where keys are those of the first recursion. */
static void ask(struct pricing *p, enum rows rows)
{
    static const enum op ops[] = { OP_QKV, OP_QK_NORM, OP_ROPE };
    for (int i = 0; i < N_OPS(ops) && runs(p, ops[i]); i++)
        pricing_queries(p, ops[i], rows);
}

static void attention(struct pricing *p, const struct stage *stage,
                      enum rows rows)
{
    if (stage->skipped_keys == SKIPPED_KEYS_COMPUTED) {
        pricing_rows(p, OP_NORM, ROWS_ALL);
        project_apart(p);
    } else if (stage->skipped_keys == SKIPPED_KEYS_SHARED) {
        norm_before(p, rows);
        ask(p, rows);
    } else {
        norm_before(p, rows);
        pricing_rows(p, OP_QKV, rows);
        pricing_rows(p, OP_QK_NORM, rows);
        if (runs(p, OP_ROPE))
            pricing_rows(p, OP_ROPE, rows);
    }
    carry(p, stage, rows);
    if (stage->skipped_keys != SKIPPED_KEYS_ABSENT)
        pricing_attend_all(p, rows);
    else
        pricing_rows(p, OP_ATTEND, rows);
    pricing_rows(p, OP_PROJECT, rows);
    norm_added(p, rows);
}

static void stage_forward(struct pricing *p, const struct stage *stage)
{
    const enum rows rows = stage->rows == STAGE_KEPT ? ROWS_KEPT : ROWS_ALL;

    const bool norm = stage->skipped_keys == SKIPPED_KEYS_COMPUTED;

    if (stage->begins)
        pricing_rows_of(p, FLOPS_OF_DEPTHS, OP_GATHER, ROWS_ALL);
    if (stage->follows) {
        pricing_follow(p, stage->choice);
        if (stage->gathers)
            gather(p, norm);
    } else if (stage->chooses != PLAN_NO_CHOICE) {
        choose(p, stage->chooses, norm);
    }
    if (stage->parts & STAGE_ATTENTION)
        attention(p, stage, rows);
    if (stage->parts & STAGE_FFN)
        feed_forward(p, rows);
    if (stage->gated)
        pricing_rows(p, OP_GATE, rows);
    if (stage->gates_skipped && p->phase == MEMORY_TRAIN)
        pricing_rows(p, OP_GATHER, ROWS_SKIPPED);
    if (stage->gates_skipped)
        pricing_rows_of(p, FLOPS_OF_SKIPPED, OP_GATE, ROWS_SKIPPED);
    if (stage->ends)
        pricing_rows_of(p, FLOPS_OF_DEPTHS, OP_GATE, ROWS_ALL);
}

static void stages_forward(struct pricing *p, int32_t layer)
{
    for (int32_t i = 0; i < p->tariff->plan.n_stages[layer]; i++)
        stage_forward(p, &p->tariff->plan.stage[layer][i]);
}

static void layer_forward(struct pricing *p, int32_t layer, bool training)
{
    const struct model_spec *spec = p->job.spec;
    const uint64_t B = (uint64_t)p->job.allocation->n_sequences;

    pricing_enter(p, PASS_FORWARD, layer);
    stages_forward(p, layer);
    if (spec->routed[layer] && training && spec->router_scores &&
        !spec_follows(spec, layer))
        pricing_shared(p, OP_SELECT, (uint64_t)plan_choices_a_layer(spec) *
                                         (B + FLOPS_THRESHOLD_BEYOND_B), 0);
}

/* Of a training step: the head after a layer that is not the last. */
static void exit_forward(struct pricing *p)
{
    static const enum op ops[] = { OP_NORM, OP_HEAD, OP_LOSS };

    pricing_enter(p, PASS_FORWARD, LEDGER_OUTSIDE);
    walk(p, ops, N_OPS(ops), ROWS_ALL);
}

static void exit_backward(struct pricing *p)
{
    static const enum op ops[] = { OP_LOSS, OP_HEAD, OP_NORM };

    pricing_enter(p, PASS_BACKWARD, LEDGER_OUTSIDE);
    p->sums = true;
    walk(p, ops, N_OPS(ops), ROWS_ALL);
}

static void forward(struct pricing *p, bool training, unsigned with)
{
    pricing_enter(p, PASS_FORWARD, LEDGER_OUTSIDE);
    if (p->job.first_layer == 0)
        pricing_rows(p, OP_EMBED, ROWS_ALL);
    for (int32_t l = p->job.first_layer; l < pricing_end_layer(p); l++) {
        if (pricing_walks(p, l))
            layer_forward(p, l, training);
        if (training && spec_exits(p->job.spec, l))
            exit_forward(p);
    }
    if (p->job.headless)
        return;
    pricing_enter(p, PASS_FORWARD, LEDGER_OUTSIDE);
    enum rows read = with & PREDICT_LAST ? ROWS_LAST : ROWS_ALL;
    if (spec_leaves(p->job.spec) && read == ROWS_ALL) {
        read_kept(p, p->job.spec->n_layers - 1);
    } else {
        pricing_rows(p, OP_NORM, read);
        pricing_rows(p, OP_HEAD, read);
    }
    if (with & PREDICT_LOSS)
        pricing_rows(p, OP_LOSS, ROWS_ALL);
    if (with & PREDICT_ENTROPY)
        pricing_rows(p, OP_ENTROPY, ROWS_ALL);
}

static void attention_backward(struct pricing *p, const struct stage *stage,
                               enum rows rows)
{
    const bool computed = stage->skipped_keys == SKIPPED_KEYS_COMPUTED;

    norm_added(p, rows);
    pricing_rows(p, OP_PROJECT, rows);
    if (stage->skipped_keys != SKIPPED_KEYS_ABSENT)
        pricing_attend_all(p, rows);
    else
        pricing_rows_of(p, stage->keys_tabled ? FLOPS_BACK_TABLED
                                              : FLOPS_BACKWARD,
                        OP_ATTEND, rows);
    if (stage->keys_tabled)
        pricing_rows_of(p, FLOPS_BACK_TABLED, OP_GATHER, rows);
    if (!computed) {
        if (stage->skipped_keys == SKIPPED_KEYS_SHARED)
            ask(p, rows);
        else
            walk(p, attended_backward, N_OPS(attended_backward), rows);
        norm_before(p, rows);
        return;
    }
    project_apart(p);
    pricing_rows_of(p, FLOPS_BACK_KEPT, OP_GATHER, rows);
    pricing_rows(p, OP_NORM, p->count[rows].rows > 0 ? ROWS_ALL : rows);
}

static void parts_backward(struct pricing *p, const struct stage *stage,
                           enum rows rows)
{
    if (stage->parts & STAGE_FFN)
        feed_forward_backward(p, rows);
    if (stage->parts & STAGE_ATTENTION)
        attention_backward(p, stage, rows);
    if (stage->gathers)
        pricing_rows(p, OP_GATHER, rows);
}

/* `ends`: backward comes from above and goes no further than the router. */
static void stage_backward(struct pricing *p, const struct stage *stage,
                           bool ends)
{
    const enum rows rows = stage->rows == STAGE_KEPT ? ROWS_KEPT : ROWS_ALL;
    const bool all = spec_scores_all_learn(p->job.spec);

    if (stage->ends)
        pricing_rows_of(p, FLOPS_BACK_DEPTHS, OP_GATE, ROWS_ALL);
    if (stage->choice != PLAN_NO_CHOICE)
        pricing_follow(p, stage->choice);
    if (stage->gated)
        pricing_rows(p, OP_ROUTE_LOSS, ROWS_ALL);
    if (stage->gates_skipped)
        pricing_rows_of(p, FLOPS_BACK_SKIPPED, OP_GATE, ROWS_SKIPPED);
    if (stage->gated)
        pricing_rows(p, OP_GATE, rows);
    if (!ends)
        parts_backward(p, stage, rows);
    if (stage->begins)
        pricing_rows_of(p, FLOPS_BACK_DEPTHS, OP_GATHER, ROWS_ALL);
    if (stage->chooses == PLAN_NO_CHOICE || stage->follows)
        return;
    pricing_rows(p, OP_ROUTE, all ? ROWS_ALL : ROWS_KEPT);
    if (p->layer == p->job.spec->recursion.first)
        pricing_rows_of(p, FLOPS_BACK_DEPTHS, OP_ROUTE, ROWS_ALL);
    pricing_rows(p, OP_PREDICT, ROWS_ALL);
}

static void layer_backward(struct pricing *p, int32_t layer, bool ends)
{
    if (p->job.regime.recompute) {
        pricing_enter_again(p, layer);
        stages_forward(p, layer);
    }
    pricing_enter(p, PASS_BACKWARD, layer);
    p->sums = !p->job.spec->backbone_frozen &&
              spec_runs_next(p->job.spec, layer) >= 0;
    for (int32_t i = p->tariff->plan.n_stages[layer] - 1; i >= 0; i--)
        stage_backward(p, &p->tariff->plan.stage[layer][i], ends);
}

static void backward(struct pricing *p)
{
    const int32_t stop = p->stop;

    pricing_enter(p, PASS_BACKWARD, LEDGER_OUTSIDE);
    pricing_rows(p, OP_LOSS, ROWS_ALL);
    pricing_rows(p, OP_HEAD, ROWS_ALL);
    pricing_rows(p, OP_NORM, ROWS_ALL);
    for (int32_t l = p->job.spec->n_layers - 1; l >= 0 && l >= stop; l--) {
        if (spec_exits(p->job.spec, l))
            exit_backward(p);
        if (pricing_walks(p, l))
            layer_backward(p, l, l == stop);
    }
    if (stop != LEDGER_OUTSIDE)
        return;
    pricing_enter(p, PASS_BACKWARD, LEDGER_OUTSIDE);
    pricing_rows(p, OP_EMBED, ROWS_ALL);
}

/* Charges one clip and one adamw for the tensors of a layer, or for those
 * outside any: of the part of each that a device holds. */
static void update_layer(struct pricing *p, int32_t layer)
{
    struct flops_tensor tensors[FLOPS_TENSORS_MAX];
    int n = flops_tensors(tensors, p->job.spec, layer);
    uint64_t numbers = 0, clipped = 0;
    uint64_t clip = layer == LEDGER_OUTSIDE ? FLOPS_CLIP_ONCE : 0;
    const uint64_t parts =
        (uint64_t)regime_parts(&p->job.regime, SHARDING_OPTIMIZER);

    for (int i = 0; i < n; i++) {
        if (!tensors[i].trained || tensors[i].shared)
            continue;
        const uint64_t held = (tensors[i].n + parts - 1) / parts;
        numbers += held;
        if (!tensors[i].clipped)
            continue;
        clipped += held;
        clip += flops_clip(held);
    }
    pricing_enter(p, PASS_UPDATE, layer);
    if (clip > 0)
        pricing_shared(p, OP_CLIP, clip, FLOPS_CLIP_BYTES * clipped);
    if (numbers > 0)
        pricing_shared(p, OP_ADAMW, FLOPS_ADAMW * numbers,
                       FLOPS_ADAMW_BYTES * numbers);
}

static void walk_training(struct pricing *p)
{
    forward(p, true, PREDICT_LOSS);
    backward(p);
    update_layer(p, LEDGER_OUTSIDE);
    for (int32_t l = 0; l < p->job.spec->n_layers; l++)
        if (pricing_walks(p, l))
            update_layer(p, l);
}

enum status predict_train_step(struct ledger *ledger,
                               const struct predict_job *job,
                               struct predict_range *range, struct error *err)
{
    struct pricing p;
    enum status status = spec_check_training(job->spec, err);
    if (status == STATUS_OK)
        status = pricing_begin(&p, ledger, job, MEMORY_TRAIN, false, range, err);
    if (status != STATUS_OK)
        return status;
    if (!pricing_repeats(&p))
        walk_training(&p);
    return pricing_end(&p);
}

enum status predict_forward(struct ledger *ledger,
                            const struct predict_job *job, unsigned with,
                            struct predict_range *range, struct error *err)
{
    struct pricing p;
    if (with & PREDICT_LAST && with & (PREDICT_LOSS | PREDICT_ENTROPY))
        return error_set(err, STATUS_BAD_VALUE, "loss and entropy are of every"
                         " row: the last row's logits are not enough");
    enum status status = pricing_begin(&p, ledger, job,
                                       with & PREDICT_LAST ? MEMORY_LAST
                                                           : MEMORY_FORWARD,
                                       false, range, err);
    if (status != STATUS_OK)
        return status;
    if (!pricing_repeats(&p))
        forward(&p, false, with);
    return pricing_end(&p);
}

static enum status decode(struct ledger *ledger, const struct predict_job *job,
                          bool expected, struct predict_range *range,
                          struct error *err)
{
    struct pricing p;
    enum status status = pricing_begin(&p, ledger, job, MEMORY_DECODE,
                                       expected, range, err);
    if (status != STATUS_OK)
        return status;
    if (!pricing_repeats(&p))
        forward(&p, false, PREDICT_HEAD);
    return pricing_end(&p);
}

enum status predict_decode(struct ledger *ledger,
                           const struct predict_job *job,
                           struct predict_range *range, struct error *err)
{
    return decode(ledger, job, false, range, err);
}

enum status predict_decode_expected(struct ledger *ledger,
                                    const struct predict_job *job,
                                    struct predict_range *range,
                                    struct error *err)
{
    if (ledger && ledger_shape(ledger).n_tokens > 0)
        return error_set(err, STATUS_BAD_VALUE, "an expected decode step is"
                         " not of any one token: give the routes");
    return decode(ledger, job, true, range, err);
}
