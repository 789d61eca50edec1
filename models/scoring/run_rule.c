/* run_rule.c - Choose the rule by which a model is scored, and check it. */
#include "models/scoring/run_rule.h"

#include <stdio.h>
#include <string.h>

#include "sim/core/base/nearest.h"

static enum status no_policy(const struct run_config *c, struct error *err)
{
    struct nearest near = nearest_to(c->policy);
    char all[256] = "";

    for (const struct route_policy *p = route_policies; p->name; p++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "",
                 p->name);
        nearest_offer(&near, p->name);
    }
    return run_config_fail(c, "run.policy", err, "%.64s: allowed is %s%s%s%s",
                           c->policy, all, near.name ? "; did you mean '"
                           : "", near.name ? near.name : "",
                           near.name ? "'?" : "");
}

enum status run_rule_check(const struct run_config *c,
                           const struct source *source, struct error *err)
{
    const struct route_policy *p = *c->policy ? route_find(c->policy)
                                              : source->routing.policy;
    const char *key = *c->policy ? "run.policy" : "routing.policy";

    if (!p)
        return no_policy(c, err);
    if (p == route_find("threshold") && !source->routing.has_thresholds)
        return run_config_fail(c, key, err, "threshold: %s has no thresholds,"
                               " which training keeps", source->path);
    if (p == route_find("replay") && !*source->replay)
        return run_config_fail(c, key, err, "replay: give the trace, --set"
                               " routing.policy=replay --set"
                               " routing.replay=FILE, or another rule by"
                               " --policy");
    if (!*c->policy)
        return STATUS_OK;
    if (p->signal != SIGNAL_NONE && p->signal != source->spec.signal)
        return run_config_fail(c, "run.policy", err, "%s: it goes by the"
                               " signal %s, which %s is not set up for; a"
                               " model that does not route by itself takes"
                               " routing.policy: %s", p->name,
                               signal_names[p->signal], source->path,
                               p->name);
    if (p->scored && !source->spec.router_scores)
        return run_config_fail(c, "run.policy", err, "%s: it goes by router"
                               " scores, and %s has none (it was trained"
                               " under %s)", p->name, source->path,
                               source->routing.policy->name);
    if (p->predicted && source->spec.n_predictor == 0)
        return run_config_fail(c, "run.policy", err, "%s: it goes by a"
                               " predictor, and %s has none; training with"
                               " routing.predictor makes one", p->name,
                               source->path);
    struct error why;
    if (source->spec.nested &&
        route_check(p, &source->spec, &why) != STATUS_OK)
        return run_config_fail(c, "run.policy", err, "%s", why.text);
    return STATUS_OK;
}

enum status run_rule_check_routed(const struct run_config *c,
                                  const struct source *source,
                                  struct error *err)
{
    enum status status = run_rule_check(c, source, err);
    const struct route_policy *p = *c->policy ? route_find(c->policy)
                                              : source->routing.policy;
    const struct route_policy *replay = route_find("replay");

    if (status != STATUS_OK)
        return status;
    if (p == replay || source->routing.policy == replay) {
        error_set(err, STATUS_BAD_VALUE, "%s: it is to replay a trace, whose"
                  " choices are not the model's own; allowed here is another"
                  " rule, such as --set routing.policy=drawn", source->path);
        return STATUS_BAD_VALUE;
    }
    if (!p->choose) {
        run_config_fail(c, "run.policy", err, "%s: it routes nothing,"
                        " which leaves no choice to look at; allowed here are"
                        " the others, such as expert_choice, threshold and"
                        " drawn", p->name);
        return STATUS_BAD_VALUE;
    }
    return STATUS_OK;
}

const struct route_policy *run_rule_usual(const struct source *source)
{
    const struct route_policy *own = source->routing.policy;
    if (!own->causal && source->spec.n_predictor > 0)
        return route_find("predictor");
    if (!own->causal && source->spec.aux_loss > 0.0)
        return route_find("sigmoid");
    if (own->causal || !own->scored ||
        !source->routing.has_thresholds)
        return own;
    return route_find("threshold");
}
