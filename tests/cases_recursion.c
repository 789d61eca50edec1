/* cases_recursion.c - Make small models whose layers share weights. */
#include "tests/cases.h"

#include <stdio.h>
#include <string.h>

static const struct shape deep = { 12, 2, 1, 6, 20, 17, 6, 2, 13 };

/* More than one recursion each. */
static const struct recursion several[] = {
    { .first = 0, .last = 5, .times = 2 }, { .first = 0, .last = 5, .times = 6 },
    { .first = 1, .last = 4, .times = 2 }, { .first = 0, .last = 5, .times = 3 },
    { .first = 1, .last = 5, .times = 5 }, { .first = 2, .last = 5, .times = 2 },
};

/* Both layers of a span may be routed, or one; each recursion by itself. */
static void route(struct model_spec *spec, int i)
{
    const bool parallel = spec->traits.parallel != PARALLEL_NONE;
    const bool fits = spec_norms_before(spec) && !parallel;

    spec->part = parallel ? PART_BLOCK
                          : (enum routed_part)(i / 4 % PART_COUNT);
    spec->skipped_keys = i % 3 == 1 && fits && spec->part != PART_FFN
                             ? SKIPPED_KEYS_COMPUTED
                         : i % 3 == 2 && !spec->routed[0] &&
                                 spec->part != PART_FFN
                             ? SKIPPED_KEYS_CARRIED : SKIPPED_KEYS_ABSENT;
    spec->gate = (enum gate)(i % GATE_COUNT);
    spec->aux_loss = i % 5 == 1 ? 0.5 : 0.0;
    spec->n_predictor = i % 7 == 3 ? 6 : 0;
}

/* The i-th capacity of spans that are run one after another. */
static const double falling[] = { 0.8, 0.55, 0.4, 0.3, 0.2, 0.1 };

struct model_spec case_nested(const struct shape **shape,
                              char what[CASE_NAME_SIZE], int i)
{
    const struct recursion none = { .times = 0 };
    const struct recursion *r = i % 7 < 6 ? &several[i % 7] : &none;

    *shape = &deep;
    struct model_spec spec = case_spec(&deep, (enum family)(i % FAMILY_COUNT),
                                       0.5, PATTERN_ALL);
    spec.recursion = *r;
    spec.nested = true;
    const int32_t span = spec_span(&spec) > 0 ? spec_span(&spec) : 1;
    for (int32_t l = 0; l < deep.n_layers; l++) {
        const int32_t of = (l - r->first) / span;
        const bool all = r->times > 0 && (l < r->first || l > r->last);
        /* All tokens are in the first recursion, now and then. */
        spec.routed[l] = !all && (of > 0 || i % 3 > 0);
        spec.capacity[l] = spec.routed[l] ? falling[of] : 1.0;
    }
    spec.gate = (enum gate)(i % GATE_COUNT);
    spec.tied_head = i % 4 < 2;
    spec.aux_loss = i % 5 == 1 ? 0.5 : 0.0;
    spec.z_loss = i % 5 == 2 ? 0.3 : 0.0;
    spec.n_predictor = span == 1 && i % 2 ? 6 : 0;
    snprintf(what, CASE_NAME_SIZE, "case %d: %s, layers %d to %d %d times,"
             " nested, %d routed, gate %s", i,
             family_names[spec_family(&spec)], r->first, r->last, r->times,
             spec_n_routed(&spec), gate_names[spec.gate]);
    return spec;
}

struct model_spec case_recursion(const struct shape **shape,
                                 char what[CASE_NAME_SIZE], int i)
{
    static const enum pattern patterns[] = { PATTERN_ODD, PATTERN_ALL };
    const bool routed = i % 2;

    *shape = &deep;
    struct model_spec spec = case_spec(&deep, (enum family)(i % FAMILY_COUNT),
                                       routed ? 0.4 : 0.0, patterns[i / 2 % 2]);
    spec.recursion = several[i % 6];
    spec.tied_head = i % 4 < 2;
    if (routed)
        route(&spec, i / 2);
    snprintf(what, CASE_NAME_SIZE, "case %d: %s, layers %d to %d %d times, %d"
             " routed around %s, keys %s", i, family_names[spec_family(&spec)],
             spec.recursion.first, spec.recursion.last, spec.recursion.times,
             spec_n_routed(&spec), part_names[spec.part],
             skipped_keys_names[spec.skipped_keys]);
    return spec;
}

struct model_spec case_depths(const struct shape **shape,
                              char what[CASE_NAME_SIZE], int i)
{
    *shape = &deep;
    struct model_spec spec = case_spec(&deep, (enum family)(i % FAMILY_COUNT),
                                       0.5, PATTERN_ALL);
    spec.recursion = several[i % 6];
    spec.nested = spec.depths = true;
    for (int32_t l = 0; l < deep.n_layers; l++) {
        const int32_t of = (l - spec.recursion.first) / spec_span(&spec);
        spec.routed[l] = l >= spec.recursion.first && l <= spec.recursion.last;
        spec.capacity[l] = spec.routed[l] && of > 0 ? falling[of - 1] : 1.0;
    }
    spec.gate = (enum gate)(i % GATE_COUNT);
    spec.gate_scale = i % 7 == 1 && spec.gate != GATE_ONE ? 1.5 : 0.0;
    spec.tied_head = i % 4 < 2;
    spec.balance_loss = i % 3 == 1 ? 0.5 : 0.0;
    snprintf(what, CASE_NAME_SIZE, "case %d: %s, layers %d to %d, one of %d"
             " depths, gate %s, balance %g", i,
             family_names[spec_family(&spec)], spec.recursion.first,
             spec.recursion.last, spec.recursion.times, gate_names[spec.gate],
             spec.balance_loss);
    return spec;
}

struct model_spec case_lent(const struct shape **shape,
                            char what[CASE_NAME_SIZE], int i)
{
    static struct model_spec (*const make[])(
        const struct shape **, char[CASE_NAME_SIZE], int) = {
        case_recursion, case_nested, case_depths,
    };
    struct model_spec spec = make[i % 3](shape, what, i / 3 * (i % 3 ? 1 : 2));
    const struct recursion *r = &spec.recursion;

    if (r->times < 2)
        spec.recursion = several[i / 3 % 6];
    spec.recursion.keys = RECURSION_KEYS_SHARED;
    memset(spec.windowed, 0, sizeof spec.windowed);
    for (int32_t l = 0; l < spec.n_layers && !spec.depths; l++) {
        spec.routed[l] &= l >= r->first + spec_span(&spec) && l <= r->last;
        spec.capacity[l] = spec.routed[l]
                               ? falling[(l - r->first) / spec_span(&spec)]
                               : 1.0;
    }
    snprintf(what + strlen(what), CASE_NAME_SIZE - strlen(what), ", keys lent");
    return spec;
}

struct model_spec case_recursed_experts(const struct shape **shape,
                                        char what[CASE_NAME_SIZE], int i)
{
    static const enum family families[] = { FAMILY_LLAMA, FAMILY_QWEN2,
                                            FAMILY_QWEN3, FAMILY_STABLELM };
    static const struct experts kinds[] = {
        { .n = 4, .active = 2, .width = 17, .normalised = true,
          .balance_loss = 0.3, .z_loss = 0.2 },
        { .n = 5, .active = 1, .width = 16, .shared = 12 },
        { .n = 3, .active = 2, .width = 19, .capacity = 0.8,
          .balance_loss = 0.4 },
        { .n = 4, .active = 2, .width = 16, .rule = EXPERT_RULE_EXPERTS,
          .z_loss = 0.1 },
        { .n = 9, .active = 2, .idle = 2, .width = 8, .normalised = true },
    };
    static struct model_spec (*const make[])(
        const struct shape **, char[CASE_NAME_SIZE], int) = {
        case_recursion, case_nested, case_depths,
    };
    const int of = (int)families[i % 4] + (int)FAMILY_COUNT * (i / 4);
    struct model_spec spec = make[i % 3](shape, what, of);

    if (i % 3 == 0)
        spec = spec_dense(&spec);
    spec.experts = kinds[i % 5];
    for (int32_t l = 0; l < spec.n_layers; l++)
        spec.has_experts[l] = i % 7 < 4 || spec_owner(&spec, l) % 2 == 0;
    snprintf(what + strlen(what), CASE_NAME_SIZE - strlen(what), ", %d of %d"
             " experts", spec.experts.active, spec.experts.n);
    return spec;
}
