/* run_source.c - Open the model that a job over a text or a prompt names. */
#include "models/scoring/run_source.h"

#include "models/scoring/run_rule.h"

static enum status read(struct source *out, const struct run_config *c,
                        struct error *err)
{
    if (source_read(out, c->model, c->passed, c->n_passed, err) != STATUS_OK)
        return run_config_blame(c, err);
    return source_keep(out, (enum weights)c->weights, err);
}

enum status run_source_open(struct source *out, const struct run_config *c,
                            struct error *err)
{
    enum status status = read(out, c, err);

    return status == STATUS_OK ? run_rule_check(c, out, err) : status;
}

enum status run_source_open_choosing(struct source *out,
                                     const struct run_config *c,
                                     struct error *err)
{
    enum status status = read(out, c, err);

    if (status != STATUS_OK)
        return status;
    if (spec_n_routed(&out->spec) > 0)
        return run_rule_check_routed(c, out, err);
    if (out->spec.experts.n > 0)
        return run_rule_check(c, out, err);
    return error_set(err, STATUS_BAD_VALUE, "%s: no block routes, and none has"
                     " experts; give a model that was trained with either, or"
                     " --set routing.policy=NAME", c->model);
}

enum status run_source_open_routed(struct source *out,
                                   const struct run_config *c,
                                   struct error *err)
{
    enum status status = read(out, c, err);

    if (status == STATUS_OK && spec_n_routed(&out->spec) == 0)
        return error_set(err, STATUS_BAD_VALUE, "%s: no block routes; give a"
                         " model that was trained with routing, or --set"
                         " routing.policy=NAME", c->model);
    return status == STATUS_OK ? run_rule_check_routed(c, out, err) : status;
}

enum status run_source_open_alone(struct source *out,
                                  const struct run_config *c,
                                  struct error *err)
{
    enum status status = run_source_open_routed(out, c, err);

    if (status == STATUS_OK && out->spec.nested)
        return error_set(err, STATUS_BAD_VALUE, "%s: its blocks choose among the"
                         " tokens of the block before (routing.nested): a token"
                         " that one lets go is gone from all after it, and no"
                         " choice can be changed alone; isobath router,"
                         " route-table and route-trace look at it", c->model);
    return status;
}
