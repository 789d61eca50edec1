/* serving.c - Fill a machine with sequences, as far as limits allow. */
#include "sim/price/serving.h"

#include <math.h>

const char *const served_bound_names[] = { SERVED_BOUND_MAP(NAMES_WORD) NULL };

static enum status price(struct predict_range *out, const struct rival *who,
                         struct predict_question q, struct error *err)
{
    struct contender c;
    enum status status = contender_open(&c, &q, who, err);

    if (status == STATUS_OK)
        *out = c.range;
    contender_close(&c);
    return status;
}

static enum status price_prompt(struct predict_range *out,
                                const struct serving *mix,
                                const struct rival *who,
                                struct predict_question q, struct error *err)
{
    q.phase = MEMORY_FORWARD;
    q.all_logits = false;
    q.n_sequences = 1;
    q.n_tokens = mix->n_prompt;
    return price(out, who, q, err);
}

static enum status price_step(struct predict_range *out,
                              const struct serving *mix,
                              const struct rival *who,
                              struct predict_question q, int32_t C,
                              struct error *err)
{
    q.phase = MEMORY_DECODE;
    q.n_sequences = C;
    q.n_tokens = serving_step_tokens(mix);
    return price(out, who, q, err);
}

/* How many sequences fit at their longest; the most that is asked for where the
 * machine's memory is unknown. */
static enum status fitting(int32_t *out, const struct serving *mix,
                           const struct rival *who,
                           const struct predict_question *question,
                           struct error *err)
{
    const struct quantity *memory = &question->machine->memory_bytes;
    struct predict_question q = *question;
    struct contender c;

    *out = mix->concurrency;
    if (!quantity_known(memory))
        return STATUS_OK;
    q.machine = NULL;
    q.phase = MEMORY_DECODE;
    q.n_sequences = 1;
    q.n_tokens = mix->n_prompt + mix->n_new;
    enum status status = contender_open(&c, &q, who, err);
    if (status == STATUS_OK) {
        const struct hold_question held = {
            .regime = &q.regime, .phase = MEMORY_DECODE, .n_sequences = 1,
            .n_tokens = q.n_tokens, .n_threads = 1,
        };
        *out = (int32_t)fmin(*out, contender_largest_batch(&c, &held,
                                       (uint64_t)memory->low));
    }
    contender_close(&c);
    return status;
}

static void fill(struct served *out, const struct serving *mix,
                 const struct predict_range *prompt,
                 const struct predict_range *step, int32_t C)
{
    out->concurrency = C;
    out->cycle = bill_mix(prompt, C, step, mix->n_new - 1);
    out->prompts = C * prompt->seconds.value / out->cycle.seconds.value;
    out->first = prompt->seconds.value + (C > 1 ? step->seconds.value : 0);
    out->next = mix->n_new > 1
                    ? (out->cycle.seconds.value - prompt->seconds.value) /
                          (mix->n_new - 1)
                    : (double)NAN;
}

/* NAN, which is unknown, is over no limit. */
static bool is_over(const struct served *s, const struct serving *mix,
                    enum served_bound *bound)
{
    if (mix->first_limit > 0 && s->first > mix->first_limit)
        *bound = BOUND_FIRST;
    else if (mix->next_limit > 0 && s->next > mix->next_limit)
        *bound = BOUND_NEXT;
    else
        return false;
    return true;
}

/* More sequences make every token slower: try the most, then halve. */
static enum status search(struct served *out, const struct serving *mix,
                          const struct rival *who,
                          const struct predict_question *question,
                          const struct predict_range *prompt, int32_t most,
                          struct error *err)
{
    int32_t meets = 0, above = most, C = most;
    enum served_bound bound = out->bound;
    struct served tried = { 0 };
    struct predict_range step;
    enum status status = STATUS_OK;

    while (meets < above && status == STATUS_OK) {
        status = price_step(&step, mix, who, *question, C, err);
        if (status != STATUS_OK)
            return status;
        fill(&tried, mix, prompt, &step, C);
        if (is_over(&tried, mix, &bound)) {
            above = C - 1;
        } else {
            *out = tried;
            meets = C;
        }
        C = above - (above - meets) / 2;
    }
    out->bound = bound;
    return STATUS_OK;
}

enum status serving_serve(struct served *out, const struct serving *mix,
                          const struct rival *who,
                          const struct predict_question *question,
                          struct error *err)
{
    struct predict_range prompt;
    int32_t most;

    *out = (struct served){ .first = NAN, .next = NAN };
    enum status status = fitting(&most, mix, who, question, err);
    if (status == STATUS_OK)
        status = price_prompt(&prompt, mix, who, *question, err);
    if (status != STATUS_OK)
        return status;
    out->bound = most < mix->concurrency ? BOUND_MEMORY : BOUND_ASKED;
    return search(out, mix, who, question, &prompt, most, err);
}

/* ---- what comes of it ---- */

int32_t serving_step_tokens(const struct serving *mix)
{
    return mix->n_prompt + (mix->n_new > 1 ? mix->n_new / 2 : 1);
}

static double new_tokens(const struct served *s, const struct serving *mix)
{
    return (double)s->concurrency * mix->n_new;
}

double served_rate(const struct served *s, const struct serving *mix)
{
    return s->concurrency == 0 ? 0
                               : new_tokens(s, mix) / s->cycle.seconds.value;
}

static const double seconds_per_hour = 3600, joules_per_kwh = 3.6e6,
                    million = 1e6;

double served_hours(const struct served *s, const struct serving *mix)
{
    return s->concurrency == 0
               ? (double)NAN
               : s->cycle.seconds.value / seconds_per_hour * million /
                     new_tokens(s, mix);
}

double served_kwh(const struct served *s, const struct serving *mix)
{
    return s->concurrency == 0
               ? (double)NAN
               : s->cycle.joules.value / joules_per_kwh * million /
                     new_tokens(s, mix);
}

struct estimate served_ratio(const struct served *a, const struct served *b,
                             enum metric metric)
{
    if (a->concurrency == 0 || b->concurrency == 0)
        return (struct estimate){ NAN, NAN, NAN };
    const double by = (double)b->concurrency / a->concurrency;
    struct estimate e = bill_ratio(&a->cycle, &b->cycle, metric);
    return (struct estimate){ e.value * by, e.low * by, e.high * by };
}
