/* cases_recursion.c - Make small models whose layers share weights. */
#include "tests/cases.h"

#include <stdio.h>

static const struct shape deep = { 12, 2, 1, 6, 20, 17, 6, 2, 13 };

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
    static const struct recursion spans[] = {
        { 0, 5, 2 }, { 0, 5, 6 }, { 1, 4, 2 }, { 0, 5, 3 }, { 1, 5, 5 },
        { 2, 5, 2 }, { 0, 0, 0 },
    };
    const struct recursion *r = &spans[i % 7];

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
    static const struct recursion spans[] = {
        { 0, 5, 2 }, { 0, 5, 6 }, { 1, 4, 2 }, { 0, 5, 3 }, { 1, 5, 5 },
        { 2, 5, 2 },
    };
    static const enum pattern patterns[] = { PATTERN_ODD, PATTERN_ALL };
    const bool routed = i % 2;

    *shape = &deep;
    struct model_spec spec = case_spec(&deep, (enum family)(i % FAMILY_COUNT),
                                       routed ? 0.4 : 0.0, patterns[i / 2 % 2]);
    spec.recursion = spans[i % 6];
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
