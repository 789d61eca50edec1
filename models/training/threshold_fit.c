/* threshold_fit.c - Cut the scores of training text where the capacity is. */
#include "models/training/threshold_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/model/plan.h"

/* Enough that the share kept is known to about 1 %: of n tokens at a share c,
 * sqrt((1 - c) / (c n)). */
enum { FIT_TOKENS = 1 << 16, FIT_PASSES = 2 };

struct scores {
    const struct threshold_fit *job;
    const struct model_spec *spec;
    float  *pass;                  /* [choices,B*T] of one forward */
    float  *all, *scratch;         /* [choices,room], [room] */
    int64_t n, room;               /* of a choice */
};

/* The windows of a text that are looked at. */
static int64_t windows_of(const struct threshold_fit *job, int32_t text)
{
    int64_t all = data_windows(job->corpus->data[text], SPLIT_TRAIN,
                               job->n_tokens);
    int64_t share = (int64_t)ceil(job->corpus->weight[text] * FIT_TOKENS /
                                  job->n_tokens);
    return share < all ? share : all;
}

static enum status open_scores(struct scores *s, struct error *err)
{
    const struct threshold_fit *job = s->job;
    const size_t choices = (size_t)plan_n_choices(s->spec);

    for (int32_t i = 0; i < job->corpus->n; i++)
        s->room += windows_of(job, i) * job->n_tokens;
    s->pass = calloc(choices * (size_t)job->n_sequences * (size_t)job->n_tokens,
                     sizeof *s->pass);
    s->all = calloc(choices * (size_t)s->room + 1, sizeof *s->all);
    s->scratch = calloc((size_t)s->room + 1, sizeof *s->scratch);
    return s->pass && s->all && s->scratch
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "no memory for the scores of"
                           " %lld tokens", (long long)s->room);
}

/* Takes the scores of b sequences' tokens that a cut judges. */
static void take_pass(struct scores *s, int32_t b)
{
    const int32_t T = s->job->n_tokens, first = s->spec->keep_first;
    const int64_t judged = T > first ? T - first : 0;

    for (int32_t i = 0; i < b; i++, s->n += judged)
        for (int32_t c = 0; c < plan_n_choices(s->spec); c++)
            memcpy(s->all + c * s->room + s->n,
                   s->pass + ((int64_t)c * b + i) * T + (T - judged),
                   (size_t)judged * sizeof *s->all);
}

static void take_text(struct scores *s, int32_t text,
                      const struct route_policy *policy)
{
    const struct threshold_fit *job = s->job;
    const struct data *data = job->corpus->data[text];
    const int64_t n = windows_of(job, text), T = job->n_tokens;
    const int64_t every = data_windows(data, SPLIT_TRAIN, job->n_tokens);

    for (int64_t done = 0, b = 0;
         done < n && job->watch->go_on(job->watch, done, n); done += b) {
        for (b = 0; b < job->n_sequences && done + b < n; b++)
            data_window(data, SPLIT_TRAIN, (done + b) * every / n,
                        job->n_tokens, job->ids + b * T, job->targets + b * T);
        model_forward(job->model, &(struct model_input){
            .ids = job->ids, .n_sequences = (int32_t)b,
            .n_tokens = job->n_tokens, .policy = policy,
            .seed = random_mix(job->seed, 4, (uint64_t)text, (uint64_t)done),
            .scores = s->pass }, NULL, NULL);
        take_pass(s, (int32_t)b);
    }
}

/* Of nested choices those that the choice before kept: others have none. */
static int64_t n_scored(const struct scores *s, int32_t choice)
{
    const float *score = s->all + choice * s->room;
    int64_t n = 0;

    for (int64_t i = 0; i < s->n; i++)
        n += isfinite(score[i]) != 0;
    return n;
}

static void set_cuts(const struct scores *s)
{
    float *threshold = model_thresholds(s->job->model);

    for (int32_t c = 0; c < plan_n_choices(s->spec) && s->n > 0; c++) {
        const struct plan_choice made = plan_choice(s->spec, c);
        int64_t keep = llround(s->spec->capacity[made.layer] * (double)s->n);
        if (s->spec->nested && made.routed && keep > n_scored(s, c))
            keep = n_scored(s, c);
        if (spec_follows(s->spec, made.layer))
            threshold[c] = threshold[c - 1];
        else if (made.routed)
            threshold[c] = route_cut(s->all + c * s->room, (int32_t)s->n,
                                     (int32_t)(keep > 0 ? keep : 1),
                                     s->scratch);
    }
}

enum status threshold_fit(const struct threshold_fit *job, struct error *err)
{
    struct scores s = { .job = job, .spec = model_spec(job->model) };
    enum status status = open_scores(&s, err);

    for (int i = 0; i < FIT_PASSES && status == STATUS_OK; i++) {
        s.n = 0;
        for (int32_t text = 0; text < job->corpus->n; text++)
            take_text(&s, text, i == 0 ? job->policy : route_find("threshold"));
        set_cuts(&s);
        status = model_check(job->model, "the training text", err);
    }
    free(s.scratch);
    free(s.all);
    free(s.pass);
    return status;
}
