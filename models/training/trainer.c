/* trainer.c - Train a model: step, judge, save and note the curve. */
#include "models/training/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "models/training/divergence.h"
#include "models/training/threshold_fit.h"
#include "sim/core/answer/table.h"
#include "sim/core/model/plan.h"

/* Rows of the curve besides those that are judged: enough for any plot. */
enum { CURVE_ROWS = 200 };

/* Sequences judged at a time, at most: products reach their full speed with
 * fewer rows than a training step has, and the buffers stay small. */
enum { JUDGED_AT_ONCE = 4 };

enum { STEP, TOKENS, FLOPS, SECONDS, JOULES, RATE, TRAIN_LOSS, HELDOUT_LOSS,
       CAPACITY, GRAD_NORM, FORESEEN, FORESEEN_BALANCED, EXPERT_BALANCE,
       EXPERT_SQUARE, EXPERT_LOAD, EXPERT_DROPPED };

static const char *const curve_titles[TRAINING_CURVE_COLUMNS] = {
    "step", "tokens", "flops", "seconds", "joules", "lr", "train_loss",
    "heldout_loss", "capacity_realised", "grad_norm", "predictor_accuracy",
    "predictor_balanced", "expert_balance_loss", "expert_z_loss",
    "expert_load_max", "expert_dropped"
};

struct trainer {
    struct trainer_options options;
    struct corpus          corpus;               /* borrowed texts */
    struct model          *model, *judge;
    struct training_state  state;
    struct ledger         *counted;
    struct ledger_meter    meter;
    int32_t  judged_at_once;
    int32_t *ids, *targets;              /* [B,T] */
    int64_t *start;                      /* [B] positions of the windows */
    struct allocation replayed;          /* [B] what the trace kept of them;
                                          * opened where there is one */
    int64_t  most_curve;
    double (*curve)[TRAINING_CURVE_COLUMNS];     /* [most_curve] */
    double   loss, grad_norm;
    bool     drew_routers;
    char     init_hash[17];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int64_t trainer_steps(const struct trainer *t)
{
    const struct trainer_options *o = &t->options;
    const int64_t done = t->state.step, most = TRAINER_MOST_STEPS * o->steps;

    if (o->budget <= 0.0 || done == 0)
        return o->steps;
    const struct cost sum = ledger_sum(t->counted, LEDGER_ANY, LEDGER_ANY,
                                       LEDGER_ANY, LEDGER_ANY);
    const double spent = cost_get(&sum, METRIC_FLOPS);
    const double left = (o->budget - spent) / (spent / (double)done);
    return done + (int64_t)fmin(fmax(round(left), 0.0), (double)(most - done));
}

bool trainer_done(const struct trainer *t)
{
    return t->state.step >= trainer_steps(t);
}

/* The first step after `step` with a row of the curve: step 1, each
 * CURVE_ROWS-th of the steps, every step that is judged, and the last, which with
 * a budget is known once it is done. */
static int64_t next_row(const struct trainer *t, int64_t step)
{
    const struct trainer_options *o = &t->options;
    const int64_t every[] = { (o->steps + CURVE_ROWS - 1) / CURVE_ROWS,
                              o->judge_every };
    const int64_t last = o->budget > 0.0 && !trainer_done(t)
                             ? INT64_MAX : trainer_steps(t);
    int64_t next = step < 1 ? 1 : step < last ? last : INT64_MAX;

    for (int i = 0; i < 2; i++)
        if (every[i] > 0 && (step / every[i] + 1) * every[i] < next)
            next = (step / every[i] + 1) * every[i];
    return next;
}

static int64_t curve_most(const struct trainer_options *o)
{
    const int64_t times = o->budget > 0.0 ? TRAINER_MOST_STEPS : 1;
    const int64_t steps = times * o->steps;
    int64_t judged = o->judge_every > 0 ? steps / o->judge_every + 1 : 0;
    int64_t rows = times * CURVE_ROWS + 2 + judged;
    return rows < steps ? rows : steps;
}

static struct model_options judge_options(const struct trainer_options *o,
                                          const struct model *weights)
{
    return (struct model_options){
        .n_sequences = o->n_sequences < JUDGED_AT_ONCE ? o->n_sequences
                                                       : JUDGED_AT_ONCE,
        .n_tokens = o->n_tokens, .n_threads = o->n_threads,
        .weights_of = weights,
    };
}

/* Without an init all weights are drawn again, and come out the same. */
static void draw_routers(struct trainer *t)
{
    const struct trainer_options *o = &t->options;
    double deviation = o->router_deviation;

    if (!o->init)
        model_init(t->model, o->init_scheme, o->seed);
    else if (deviation == 0.0)
        deviation = TRAINER_ROUTER_DEVIATION;
    if (deviation > 0.0)
        model_init_routers(t->model, o->seed, deviation);
}

static void hash_init(char out[17], struct model *m)
{
    const uint64_t weights = XXH64(model_weights(m), sizeof(float) *
                                   model_tensors(m)->floats, 0);

    snprintf(out, 17, "%016" PRIx64, (uint64_t)XXH64(model_thresholds(m),
             sizeof(float) * (size_t)plan_n_choices(model_spec(m)), weights));
}

static enum status first_weights(struct trainer *t, struct error *err)
{
    const struct source *init = t->options.init;
    const struct model_spec *spec = model_spec(t->model);
    const bool had_routers = init && init->spec.router_scores;

    enum status status = STATUS_OK;

    t->drew_routers = spec->router_scores && !had_routers;
    if (init)
        status = source_fill(init, t->model, t->options.seed, err);
    if (init && status == STATUS_OK)
        hash_init(t->init_hash, t->model);
    if (!init || t->drew_routers)
        draw_routers(t);
    return status;
}

enum status trainer_open(struct trainer **out, const struct model_spec *spec,
                         const struct trainer_options *options,
                         const struct corpus *corpus, const char *fingerprint,
                         struct error *err)
{
    struct trainer *t = calloc(1, sizeof *t);
    size_t tokens = (size_t)options->n_sequences * (size_t)options->n_tokens;
    enum status status = STATUS_NO_MEMORY;

    if (!t)
        return error_set(err, status, "no memory for training");
    t->options = *options;
    t->corpus = *corpus;
    t->ids = calloc(tokens, sizeof *t->ids);
    t->targets = calloc(tokens, sizeof *t->targets);
    t->start = calloc((size_t)options->n_sequences, sizeof *t->start);
    t->most_curve = curve_most(options);
    t->curve = calloc((size_t)t->most_curve, sizeof *t->curve);
    if (!t->ids || !t->targets || !t->start || !t->curve) {
        error_set(err, status, "no memory for a batch and a curve of %lld rows",
                  (long long)t->most_curve);
        goto fail;
    }
    struct model_options model = {
        .n_sequences = options->n_sequences, .n_tokens = options->n_tokens,
        .train = true, .n_threads = options->n_threads,
    };
    if ((status = model_open(&t->model, spec, &model, err)))
        goto fail;
    struct model_options judge = judge_options(options, t->model);
    t->judged_at_once = judge.n_sequences;
    if ((status = model_open(&t->judge, spec, &judge, err)))
        goto fail;
    if ((status = ledger_open(&t->counted, (struct ledger_shape){
             .by_pass = true, .by_op = true, .n_layers = spec->n_layers },
             cost_zero(PROV_COUNTED), err)))
        goto fail;
    if (options->trace &&
        (status = allocation_open(&t->replayed, plan_n_choices(spec),
                                  options->n_sequences, options->n_tokens,
                                  err)))
        goto fail;
    if ((status = first_weights(t, err)))
        goto fail;
    model_set_threshold_rate(t->model, (float)(1.0 - options->threshold_decay));
    t->meter = ledger_meter(t->counted);
    t->state = (struct training_state){
        .random = random_seeded(random_mix(options->seed, 1, 0, 0)),
        .curve = &t->curve[0][0], .counted = t->counted,
        .predicted = options->predicted,
    };
    snprintf(t->state.fingerprint, sizeof t->state.fingerprint, "%s",
             fingerprint);
    *out = t;
    return STATUS_OK;
fail:
    trainer_close(t);
    return status;
}

void trainer_close(struct trainer *t)
{
    if (!t)
        return;
    ledger_close(t->counted);
    model_close(t->judge);
    model_close(t->model);
    allocation_close(&t->replayed);
    free(t->curve);
    free(t->start);
    free(t->targets);
    free(t->ids);
    free(t);
}

/* Nats per token to nats per byte; exactly 1 where bytes are the tokens. */
static double per_byte(int64_t tokens, int64_t bytes)
{
    return (double)tokens / (double)bytes;
}

static double kept_share(const struct model *model)
{
    const struct model_spec *spec = model_spec(model);
    const struct allocation *a = model_allocation(model);
    int64_t kept = 0, seen = 0;
    for (int32_t c = 0; c < plan_n_choices(spec); c++)
        if (plan_choice(spec, c).routed) {
            kept += allocation_rows(a, c);
            seen += (int64_t)a->n_sequences * a->n_tokens;
        }
    return seen > 0 ? (double)kept / (double)seen : (double)NAN;
}

static bool judged(const struct trainer *t, int64_t step)
{
    const int64_t every = t->options.judge_every;
    return every > 0 && (trainer_done(t) || step % every == 0);
}

/* Of whom predictors said right that they are kept, or are not; NAN of none. */
static void note_foreseen(const struct model *model, double *row)
{
    int64_t n[2][2];
    double total[2], right[2];

    model_foreseen(model, n);
    for (int i = 0; i < 2; i++) {
        right[i] = (double)n[i][i];
        total[i] = (double)(n[i][0] + n[i][1]);
    }
    row[FORESEEN] = (right[0] + right[1]) / (total[0] + total[1]);
    row[FORESEEN_BALANCED] = 0.5 * (right[0] / total[0] + right[1] / total[1]);
}

/* What the newest step's tokens entered: the load of an expert over the mean, in
 * the layer and for the expert where that is largest; and the share of entries
 * that were dropped.  NAN of no experts. */
static void note_experts(const struct model *model, double *row)
{
    const struct model_spec *spec = model_spec(model);
    const struct dispatch *d = &model_allocation(model)->dispatch;
    double largest = (double)NAN, entries = 0.0, dropped = 0.0;

    for (int32_t l = 0; l < spec->n_layers; l++) {
        uint64_t load[SPEC_MAX_EXPERTS] = { 0 };
        uint64_t missed[SPEC_MAX_EXPERTS] = { 0 };
        if (!spec->has_experts[l])
            continue;
        const struct dispatch_count n = dispatch_count(d, l);
        dispatch_loads(d, l, load, missed);
        for (int32_t e = 0; e < spec->experts.n; e++) {
            largest = fmax(largest, (double)load[e] * spec->experts.n /
                                        (double)n.entries);
            dropped += (double)missed[e];
        }
        entries += (double)n.entries;
    }
    row[EXPERT_BALANCE] = model_expert_balance(model);
    row[EXPERT_SQUARE] = model_expert_square(model);
    row[EXPERT_LOAD] = largest;
    row[EXPERT_DROPPED] = dropped / (entries + dropped);
}

static void note_curve(struct trainer *t, double rate)
{
    const struct trainer_options *o = &t->options;
    int64_t step = t->state.step;
    if (next_row(t, step - 1) != step)
        return;
    double *row = t->curve[t->state.n_curve++];
    struct cost sum = ledger_sum(t->counted, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY, LEDGER_ANY);
    const struct route_policy *causal = trainer_causal_policy(t);
    row[STEP] = (double)step;
    row[TOKENS] = (double)step * o->n_sequences * o->n_tokens;
    row[FLOPS] = cost_get(&sum, METRIC_FLOPS);
    row[SECONDS] = t->state.seconds;
    row[JOULES] = (double)NAN;
    row[RATE] = rate;
    row[TRAIN_LOSS] = t->loss;
    row[HELDOUT_LOSS] =
        judged(t, step) && causal
            ? trainer_judge(t, SPLIT_VALIDATION, causal, o->curve_windows,
                            NULL).nats
            : (double)NAN;
    row[CAPACITY] = kept_share(t->model);
    row[GRAD_NORM] = t->grad_norm;
    note_foreseen(t->model, row);
    note_experts(t->model, row);
}

enum status trainer_check(const struct trainer *t, struct error *err)
{
    return model_check(t->judge, "the held-out text", err);
}

/* What the trace kept of the first n windows, by their starts; NULL: nothing is
 * replayed. */
static const struct allocation *replay(struct trainer *t, int32_t n)
{
    if (!t->options.trace)
        return NULL;
    for (int32_t b = 0; b < n; b++)
        text_trace_fill(&t->replayed, b, t->options.trace, t->start[b]);
    return &t->replayed;
}

enum status trainer_step(struct trainer *t, struct error *err)
{
    const struct trainer_options *o = &t->options;
    int64_t step = t->state.step + 1;
    const int64_t steps = trainer_steps(t);
    double rate = schedule_rate(&o->schedule, step, steps);
    double started = now();
    char where[OVERFLOW_SIZE];
    enum status status = STATUS_OK;

    int64_t bytes = corpus_batch(&t->corpus, &t->state.random, o->n_sequences,
                                 o->n_tokens, t->start, t->ids, t->targets);
    struct model_input input = {
        .ids = t->ids, .targets = t->targets, .n_sequences = o->n_sequences,
        .n_tokens = o->n_tokens, .policy = o->policy,
        .seed = random_mix(o->seed, 2, (uint64_t)step, 0), .train = true,
        .openness = schedule_openness(o->capacity_warmup, step, steps),
        .replayed = replay(t, o->n_sequences),
    };
    model_forward(t->model, &input, &t->meter.meter, &t->loss);
    if (step == 1 &&
        (status = model_check(t->model, o->init ? o->init->path
                                                : "the weights as drawn", err)))
        return status;
    if (model_overflow(t->model, where))
        return divergence_fail(t->model, step, where, o->schedule.peak, err);
    t->loss *= per_byte((int64_t)o->n_sequences * o->n_tokens, bytes);
    model_backward(t->model, &t->meter.meter);
    struct update update = {
        .learning_rate = rate, .beta1 = o->beta1, .beta2 = o->beta2,
        .epsilon = o->epsilon, .weight_decay = o->weight_decay,
        .clip = o->clip, .step = step, .hidden_rate = rate * o->hidden_rate,
        .router_rate = rate * o->router_rate,
        .router_decay = o->router_decay,
    };
    t->grad_norm = model_update(t->model, &update, &t->meter.meter);
    if (!isfinite(t->grad_norm))
        return divergence_fail(t->model, step, "the norm of the gradients is"
                               " not a number", o->schedule.peak, err);
    t->state.seconds += now() - started;
    t->state.step = step;
    note_curve(t, rate);
    if ((status = trainer_check(t, err)))
        return status;
    return t->meter.status == STATUS_OK
               ? STATUS_OK
               : error_set(err, t->meter.status, "the run's tally overflowed");
}

/* A judging under way, over all texts. */
struct judging {
    struct trainer *trainer;
    enum split split;
    const struct route_policy *policy;
    struct judge_watch *watch;
    int64_t most, of;              /* windows: of a text; of all, to do */
    struct forward_meter meter;
    double  kept;
    struct verdict verdict;
};

static int64_t windows_of(const struct judging *j, int32_t text)
{
    const struct trainer *t = j->trainer;
    int64_t all = data_windows(t->corpus.data[text], j->split,
                               t->options.n_tokens);
    return j->most > 0 && j->most < all ? j->most : all;
}

/* The block of the window that is so many further than those judged. */
static struct judge_block *block_of(struct judging *j, int64_t further)
{
    return &j->verdict.block[(j->verdict.windows + further) *
                             j->verdict.n_blocks / j->of];
}

static void judge_text(struct judging *j, int32_t text)
{
    struct trainer *t = j->trainer;
    const struct trainer_options *o = &t->options;
    const struct data *data = t->corpus.data[text];
    int64_t all = data_windows(data, j->split, o->n_tokens);
    int64_t n = windows_of(j, text), T = o->n_tokens, done = 0, bytes = 0;
    double nats = 0.0;

    while (done < n && (!j->watch || j->watch->go_on(j->watch,
                                                     j->verdict.windows,
                                                     j->of))) {
        int32_t b = 0;
        for (; b < t->judged_at_once && done + b < n; b++) {
            t->start[b] = data_window_start(data, j->split,
                                            (done + b) * all / n, o->n_tokens);
            int64_t size = data_copy(data, j->split, t->start[b], o->n_tokens,
                                     t->ids + b * T, t->targets + b * T);
            block_of(j, b)->bytes += size;
            bytes += size;
        }
        struct model_input input = {
            .ids = t->ids, .targets = t->targets, .n_sequences = b,
            .n_tokens = o->n_tokens, .policy = j->policy,
            .seed = random_mix(o->seed, 3, (uint64_t)j->verdict.windows, 0),
            .replayed = replay(t, b),
        };
        double mean;
        model_forward(t->judge, &input, &j->meter.meter, &mean);
        nats += mean * b;
        j->kept += kept_share(t->judge) * b;
        for (int64_t i = 0; i < b * T; i++)
            block_of(j, i / T)->nats += (double)model_nats(t->judge)[i];
        done += b;
        j->verdict.windows += b;
    }
    j->verdict.source_nats[text] = nats / (double)done *
                                   per_byte(done * T, bytes);
    j->verdict.source_bytes[text] = bytes;
    j->verdict.nats += t->corpus.weight[text] * j->verdict.source_nats[text];
    j->verdict.bytes += bytes;
}

struct verdict trainer_judge(struct trainer *t, enum split split,
                             const struct route_policy *policy, int64_t most,
                             struct judge_watch *watch)
{
    struct judging j = { .trainer = t, .split = split, .policy = policy,
                         .watch = watch, .most = most,
                         .meter = forward_meter() };

    for (int32_t i = 0; i < t->corpus.n; i++)
        j.of += windows_of(&j, i);
    j.verdict.n_blocks = (int)(j.of < JUDGE_BLOCKS ? j.of : JUDGE_BLOCKS);
    for (int32_t i = 0; i < t->corpus.n; i++)
        judge_text(&j, i);
    j.verdict.tokens = j.verdict.windows * t->options.n_tokens;
    j.verdict.capacity = j.kept / (double)j.verdict.windows;
    j.verdict.flops = (double)j.meter.flops / (double)j.verdict.tokens;
    return j.verdict;
}

enum status trainer_fit_thresholds(struct trainer *t, struct judge_watch *watch,
                                   struct error *err)
{
    const struct threshold_fit job = {
        .model = t->judge, .corpus = &t->corpus, .policy = t->options.policy,
        .n_sequences = t->judged_at_once, .n_tokens = t->options.n_tokens,
        .seed = t->options.seed, .ids = t->ids, .targets = t->targets,
        .watch = watch,
    };
    return threshold_fit(&job, err);
}

/* Replace the judge, so that there are never three models. */
static enum status change_judge(struct trainer *t, const struct model_spec *spec,
                                struct error *err)
{
    struct model_options options = judge_options(&t->options, t->model);
    model_close(t->judge);
    t->judge = NULL;
    return model_open(&t->judge, spec, &options, err);
}

/* Judge the same tensors: routed, but keeping everything and gated by one.  Not
 * every policy knows of the capacity; this one keeps K of T. */
enum status trainer_judge_dense(struct trainer *t, enum split split,
                                int64_t most, struct judge_watch *watch,
                                struct verdict *out, struct error *err)
{
    struct model_spec spec = *model_spec(t->model);

    for (int32_t l = 0; l < spec.n_layers; l++)
        spec.capacity[l] = 1.0;
    spec.gate = GATE_ONE;
    spec.gate_scale = 0.0;
    spec.bypass_gated = spec.gates_output = false;
    spec.backbone_frozen = false;
    enum status status = change_judge(t, &spec, err);
    if (status != STATUS_OK)
        return status;
    *out = trainer_judge(t, split, route_find("strided"), most, watch);
    status = trainer_check(t, err);
    return status == STATUS_OK ? change_judge(t, model_spec(t->model), err)
                               : status;
}

enum status trainer_judge_drawn(struct trainer *t, enum split split,
                                const struct route_policy *policy, int64_t most,
                                struct judge_watch *watch, struct verdict *out,
                                struct error *err)
{
    const struct tensor_list *list = model_tensors(t->model);
    float *learned = calloc(list->learned, sizeof *learned);

    if (!learned)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the routers");
    tensor_copy_learned(list, model_weights(t->model), learned, false);
    draw_routers(t);
    *out = trainer_judge(t, split, policy, most, watch);
    tensor_copy_learned(list, model_weights(t->model), learned, true);
    free(learned);
    return STATUS_OK;
}

bool trainer_drew_routers(const struct trainer *t)
{
    return t->drew_routers && model_spec(t->model)->backbone_frozen;
}

/* Of a trace the rule that chose: whether it is causal is what counts. */
static bool is_causal(const struct trainer_options *o)
{
    const struct route_policy *rule =
        o->trace ? route_find(text_trace_head(o->trace)->rule) : o->policy;
    return rule->causal;
}

const struct route_policy *trainer_causal_policy(const struct trainer *t)
{
    const struct model_spec *spec = model_spec(t->model);
    if (spec_experts_choose(spec))
        return NULL;
    if (spec_n_routed(spec) == 0 || is_causal(&t->options))
        return t->options.policy;
    if (spec->n_predictor > 0)
        return route_find("predictor");
    if (spec->aux_loss > 0.0)
        return route_find("sigmoid");
    return t->options.policy->scored ? route_find("threshold") : NULL;
}

enum status trainer_save(struct trainer *t, const char *path, struct error *err)
{
    return training_state_save(t->model, &t->state, path, err);
}

/* Exactly the rows that the steps so far have written: there is room for those
 * of the steps to come, and for no others. */
static bool curve_fits(const struct trainer *t)
{
    int64_t step = 0;

    for (int64_t i = 0; i < t->state.n_curve; i++) {
        step = next_row(t, step);
        if (t->curve[i][STEP] != (double)step)
            return false;
    }
    return t->state.step >= step &&
           t->state.step < next_row(t, step);
}

enum status trainer_resume(struct trainer *t, const char *path,
                           struct error *err)
{
    enum status status = training_state_resume(t->model, &t->state,
                                               t->most_curve, path, err);
    if (status == STATUS_OK && t->state.step > trainer_steps(t))
        return error_set(err, STATUS_BAD_FORMAT, "%s: step %lld of %lld", path,
                         (long long)t->state.step,
                         (long long)trainer_steps(t));
    if (status == STATUS_OK && !curve_fits(t))
        return error_set(err, STATUS_BAD_FORMAT, "%s: its curve has not the"
                         " rows of %lld steps of %lld", path,
                         (long long)t->state.step,
                         (long long)trainer_steps(t));
    return status;
}

struct model *trainer_model(struct trainer *t)
{
    return t->model;
}

const struct training_state *trainer_state(const struct trainer *t)
{
    return &t->state;
}

double trainer_last_loss(const struct trainer *t)
{
    return t->loss;
}

/* Averaged from the curve, which survives a resume. */
static double recent(const struct trainer *t, int column)
{
    double sum = 0.0;
    int64_t n = 0, tenth = trainer_steps(t) / 10;
    int64_t from = t->state.step - (tenth > 0 ? tenth : 1);
    for (int64_t i = 0; i < t->state.n_curve; i++)
        if (t->curve[i][STEP] > (double)from) {
            sum += t->curve[i][column];
            n++;
        }
    return n > 0 ? sum / (double)n : (double)NAN;
}

double trainer_recent_loss(const struct trainer *t)
{
    return recent(t, TRAIN_LOSS);
}

double trainer_recent_accuracy(const struct trainer *t)
{
    return recent(t, FORESEEN);
}

double trainer_recent_balanced(const struct trainer *t)
{
    return recent(t, FORESEEN_BALANCED);
}

const char *trainer_init_hash(const struct trainer *t)
{
    return t->init_hash;
}

size_t trainer_bytes(const struct trainer *t)
{
    return model_bytes(t->model) + model_bytes(t->judge);
}

enum status trainer_write_curve(const struct trainer *t, const char *directory,
                                struct error *err)
{
    struct column columns[TRAINING_CURVE_COLUMNS];
    struct table curve;

    for (int c = 0; c < TRAINING_CURVE_COLUMNS; c++)
        columns[c] = (struct column){ curve_titles[c], "", "", COLUMN_SI,
                                      true };
    table_open(&curve, "curve", columns, TRAINING_CURVE_COLUMNS);
    curve.digits = 9;
    for (int64_t i = 0; i < t->state.n_curve; i++) {
        table_row(&curve, ROW_PLAIN);
        for (int c = 0; c < TRAINING_CURVE_COLUMNS; c++)
            table_amount(&curve, amount_of(t->curve[i][c], PROV_MEASURED));
    }
    enum status status = table_write(&curve, FORMAT_CSV, directory,
                                     "curve.csv", err);
    table_close(&curve);
    return status;
}
