/* router_record.c - Record what a model's routers did over a text. */
#include "models/scoring/router_record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool open_rule(struct router_rule *rule, const struct router_record *r,
                      const struct model_spec *spec)
{
    const size_t n = (size_t)r->room, all = n * (size_t)r->n_choices;

    rule->nats = malloc(n * sizeof *rule->nats);
    rule->entropy = malloc(n * sizeof *rule->entropy);
    rule->kept = calloc(all, sizeof *rule->kept);
    if (spec_scored(spec) && !(rule->score = malloc(all * sizeof *rule->score)))
        return false;
    return rule->nats && rule->entropy && rule->kept;
}

enum status router_record_open(struct router_record *r,
                               const struct model_spec *spec,
                               const struct route_policy *own,
                               const struct route_policy *causal,
                               int64_t windows, int32_t n_tokens,
                               struct error *err)
{
    const int32_t all = plan_n_choices(spec);

    for (int32_t c = 0; c < all; c++) {
        const struct plan_choice made = plan_choice(spec, c);
        if (made.routed) {
            r->choice[r->n_choices] = c;
            r->layer[r->n_choices++] = made.layer;
        }
    }
    r->room = windows * n_tokens;
    r->windows_most = windows;
    r->n_rules = own == causal ? 1 : ROUTER_RULES;
    r->rule[ROUTER_OWN].policy = own;
    r->rule[ROUTER_CAUSAL].policy = causal;
    r->first = calloc((size_t)windows + 1, sizeof *r->first);
    r->id = malloc((size_t)r->room * sizeof *r->id);
    r->target = malloc((size_t)r->room * sizeof *r->target);
    r->scores = malloc((size_t)all * (size_t)n_tokens * sizeof *r->scores);
    bool opened = r->first && r->id && r->target && r->scores;
    for (int i = 0; i < r->n_rules && opened; i++)
        opened = open_rule(&r->rule[i], r, spec);
    return opened ? STATUS_OK
                  : error_set(err, STATUS_NO_MEMORY, "no memory for a record of"
                              " %" PRId64 " tokens", r->room);
}

void router_record_close(struct router_record *r)
{
    for (int i = 0; i < ROUTER_RULES; i++) {
        free(r->rule[i].nats);
        free(r->rule[i].entropy);
        free(r->rule[i].score);
        free(r->rule[i].kept);
    }
    free(r->scores);
    free(r->target);
    free(r->id);
    free(r->first);
}

int64_t router_judged(const struct router_record *r)
{
    return r->first[r->windows / 2];
}

const struct router_rule *router_causal(const struct router_record *r)
{
    return &r->rule[r->n_rules - 1];
}

static size_t at(const struct router_record *r, int32_t choice)
{
    return (size_t)choice * (size_t)r->room;
}

const unsigned char *router_kept(const struct router_record *r,
                                 const struct router_rule *rule, int32_t choice)
{
    return rule->kept + at(r, choice);
}

const float *router_score(const struct router_record *r,
                          const struct router_rule *rule, int32_t choice)
{
    return rule->score ? rule->score + at(r, choice) : NULL;
}

/* Take over the choices of the pass that has just ended. */
static void take_choices(struct router_record *r, struct router_rule *rule,
                         const struct model *m, int32_t n_tokens)
{
    const struct allocation *a = model_allocation(m);

    for (int32_t c = 0; c < r->n_choices; c++) {
        const int32_t *kept = allocation_kept(a, r->choice[c], 0);
        const int32_t n = allocation_count(a, r->choice[c], 0);
        for (int32_t i = 0; i < n; i++)
            rule->kept[at(r, c) + (size_t)(r->n + kept[i])] = 1;
        if (rule->score)
            memcpy(rule->score + at(r, c) + r->n,
                   r->scores + (size_t)r->choice[c] * (size_t)n_tokens,
                   (size_t)n_tokens * sizeof *rule->score);
    }
}

enum status router_record_add(struct router_record *r, struct run_arm *arm,
                              const struct score_window *w, uint64_t seed,
                              struct error *err)
{
    const size_t size = (size_t)w->n_tokens * sizeof(float);

    memcpy(r->id + r->n, w->ids, (size_t)w->n_tokens * sizeof *r->id);
    memcpy(r->target + r->n, w->targets,
           (size_t)w->n_tokens * sizeof *r->target);
    for (int i = 0; i < r->n_rules; i++) {
        struct router_rule *rule = &r->rule[i];
        const struct run_pass pass = {
            .window = w, .seed = run_pass_seed(seed, r->windows),
            .entropy = true, .scores = r->scores,
        };
        struct forward_meter meter = forward_meter();
        run_arm_forward(arm, &pass, rule->policy, &meter.meter);
        rule->flops += meter.flops;
        memcpy(rule->nats + r->n, model_nats(arm->model), size);
        memcpy(rule->entropy + r->n, model_entropy(arm->model), size);
        take_choices(r, rule, arm->model, w->n_tokens);
        const enum status status = run_arm_check(arm, err);
        if (status != STATUS_OK)
            return status;
    }
    r->n += w->n_tokens;
    r->first[++r->windows] = r->n;
    return STATUS_OK;
}
