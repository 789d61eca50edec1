/* test_routed_keys.c - Check what routed layers leave behind: keys of skipped
 * tokens, choices of parts, and traces that other runs replay. */
#include "sim/core/model/trace.h"
#include "tests/routed.h"

/* ---- keys ---- */

static size_t head_at(const struct model *m, int32_t b, int32_t g)
{
    return ((size_t)b * (size_t)m->spec.n_kv_heads + (size_t)g) *
           (size_t)m->cache_capacity * (size_t)m->spec.head_size;
}

/* Key number d and value number d of head g at a place; keys lie by tiles of 16. */
static float key_at(const struct model *m, int32_t l, int32_t b, int32_t g,
                    int32_t d, int32_t at)
{
    return m->cache[l].keys[head_at(m, b, g) +
                            (size_t)((at / 16 * m->spec.head_size + d) * 16 +
                                     at % 16)];
}

static float value_at(const struct model *m, int32_t l, int32_t b, int32_t g,
                      int32_t d, int32_t at)
{
    return m->cache[l].values[head_at(m, b, g) +
                              (size_t)(at * m->spec.head_size + d)];
}

/* The choice of a layer's attention; its feed-forward part's is the last before
 * the next layer's. */
static int32_t attention_choice(const struct model_spec *spec, int32_t l)
{
    return spec->part == PART_APART ? 2 * l : l;
}

/* One step in which layer 1, or its attention, skips sequence 0 and keeps the
 * others; a feed-forward part apart, the other way round. */
static struct model *skip_one(const struct variant *v, float **keys,
                              float **values)
{
    struct model_spec spec = shape(v);
    struct model *m = open_model(&spec, true, 1);
    int32_t ids[B * T];
    bool keep[CHOICES * B] = { 0 };
    size_t size = head_at(m, B, 0) * sizeof(float);

    draw_ids(ids);
    model_decode_reset(m);
    model_forward(m, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = 8, .policy = policy_of(v),
        .cache = true }, NULL, NULL);
    *keys = malloc(size);
    *values = malloc(size);
    memcpy(*keys, m->cache[1].keys, size);
    memcpy(*values, m->cache[1].values, size);
    for (int b = 0; b < B; b++) {
        keep[(attention_choice(&spec, 2) - 1) * B + b] = b == 0;
        keep[attention_choice(&spec, 1) * B + b] = b > 0;
    }
    model_decode(m, &(struct decode_input){ .ids = ids, .keep = keep }, NULL);
    return m;
}

static int32_t attended(const struct model *m, int32_t l, int32_t b)
{
    return allocation_count(model_allocation(m),
                            attention_choice(&m->spec, l), b);
}

/* The family's parts can be routed around so: test_families.c says what not. */
static bool takes(enum family family, int part, int keys)
{
    const struct traits *has = &family_traits[family];
    const bool parallel = has->parallel != PARALLEL_NONE;

    return !(parallel && part != PART_BLOCK) &&
           !(keys == SKIPPED_KEYS_COMPUTED &&
             (parallel || has->norms == NORMS_AFTER));
}

Test(routed_keys, a_skipped_token_with_absent_keys_changes_no_entry_of_its_block)
{
    for (int p = 0; p < PART_COUNT; p++)
        for (int f = 0; f < FAMILY_COUNT; f++) {
            if (p == PART_FFN || !takes((enum family)f, p, SKIPPED_KEYS_ABSENT))
                continue;
            struct variant v = { (enum family)f, (enum routed_part)p,
                                 SKIPPED_KEYS_ABSENT, SIGNAL_NORM, false, false,
                                 0, false };
            float *keys, *values;
            struct model *m = skip_one(&v, &keys, &values);
            size_t size = head_at(m, 1, 0) * sizeof(float);
            cr_expect(memcmp(keys, m->cache[1].keys, size) == 0);
            cr_expect(memcmp(values, m->cache[1].values, size) == 0);
            cr_expect(memcmp(keys + head_at(m, 1, 0),
                             m->cache[1].keys + head_at(m, 1, 0), size) != 0);
            for (int b = 0; b < B; b++)
                cr_expect(eq(int, m->cache[1].length[b],
                             attended(m, 1, b) + (b > 0)));
            free(keys);
            free(values);
            model_close(m);
        }
}

static void check_carried(enum family family, enum routed_part part)
{
    struct variant v = { .family = family, .part = part,
                         .keys = SKIPPED_KEYS_CARRIED, .signal = SIGNAL_NORM };
    float *keys, *values;
    struct model *m = skip_one(&v, &keys, &values);
    const int32_t choice = attention_choice(&m->spec, 1);
    int32_t alike = 0, unlike = 0;
    for (int32_t b = 0; b < B; b++) {
        cr_expect(eq(int, m->cache[1].length[b], 9));
        for (int32_t t = 0; t < 9; t++) {
            bool kept = t < 8 ? kept_at(model_allocation(m), choice, b, t)
                              : b > 0;
            for (int32_t g = 0; g < m->spec.n_kv_heads; g++)
                for (int32_t d = 0; d < m->spec.head_size; d++) {
                    bool same = key_at(m, 1, b, g, d, t) ==
                                    key_at(m, 0, b, g, d, t) &&
                                value_at(m, 1, b, g, d, t) ==
                                    value_at(m, 0, b, g, d, t);
                    cr_expect(eq(int, same, !kept));
                    alike += same;
                    unlike += !same;
                }
        }
    }
    cr_assert(alike > 0 && unlike > 0);
    free(keys);
    free(values);
    model_close(m);
}

Test(routed_keys, a_carried_key_is_that_of_the_layer_before)
{
    for (int f = 0; f < FAMILY_COUNT; f++) {
        check_carried((enum family)f, PART_BLOCK);
        if (takes((enum family)f, PART_APART, SKIPPED_KEYS_CARRIED))
            check_carried((enum family)f, PART_APART);
    }
}

/* ---- one choice and two ---- */

/* True for tokens kept where parts are one, by place alone; some of every
 * step. */
static bool kept_as_one(int32_t layer, int32_t b, int32_t t)
{
    return layer % 2 == 0 || (t * 7 + layer * 3 + b * 5) % 11 < 5;
}

/* Everything, or what is kept as one, by every choice whose part is `part` or
 * within it. */
static struct allocation routes_of(const struct model_spec *spec,
                                   enum routed_part part)
{
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, plan_n_choices(spec), B, T, NULL),
                 0));
    for (int32_t c = 0; c < a.n_choices; c++) {
        const enum routed_part own = plan_choice(spec, c).part;
        for (int32_t b = 0; b < B && (part == PART_BLOCK || own == part);
             b++) {
            int32_t n = 0;
            for (int32_t t = 0; t < T; t++)
                if (kept_as_one(plan_choice(spec, c).layer, b, t))
                    allocation_kept(&a, c, b)[n++] = t;
            a.count[c * B + b] = n;
        }
    }
    return a;
}

/* Parts that keep the same tokens are the block; where one keeps them all, they
 * are the other part alone. */
static void check_as_one(enum family family, enum routed_part part,
                         enum skipped_keys keys)
{
    const struct variant v[2] = {
        { .family = family, .part = part, .keys = keys, .signal = SIGNAL_NORM },
        { .family = family, .part = PART_APART, .keys = keys,
          .signal = SIGNAL_NORM },
    };
    const struct route_policy *replay = case_policy("replay");
    struct model *model[2];
    struct allocation routes[2];
    int32_t ids[B * T];
    char what[96];

    name_of(what, &v[0]);
    draw_ids(ids);
    for (int i = 0; i < 2; i++) {
        struct model_spec spec = shape(&v[i]);
        routes[i] = routes_of(&spec, part);
        model[i] = open_model(&spec, true, 1);
        model_decode_reset(model[i]);
        model_forward(model[i], &(struct model_input){
            .ids = ids, .n_sequences = B, .n_tokens = T - 6, .policy = replay,
            .replayed = &routes[i], .cache = true }, NULL, NULL);
    }
    cr_expect(same_bits(model[0], model[1]), "%s: forward", what);
    for (int step = 0; step < 6; step++) {
        for (int i = 0; i < 2; i++)
            model_decode(model[i], &(struct decode_input){
                .ids = ids + step * B, .policy = replay,
                .replayed = &routes[i] }, NULL);
        cr_expect(same_bits(model[0], model[1]), "%s: step", what);
    }
    for (int i = 0; i < 2; i++) {
        allocation_close(&routes[i]);
        model_close(model[i]);
    }
}

Test(routed_keys, parts_apart_that_agree_are_one_part_bit_for_bit)
{
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int k = 0; k < SKIPPED_KEYS_COUNT; k++) {
            if (!takes((enum family)f, PART_APART, k))
                continue;
            check_as_one((enum family)f, PART_BLOCK, (enum skipped_keys)k);
            check_as_one((enum family)f, PART_ATTENTION, (enum skipped_keys)k);
            if (k == SKIPPED_KEYS_ABSENT)
                check_as_one((enum family)f, PART_FFN, SKIPPED_KEYS_ABSENT);
        }
}

static bool same_kept(const struct allocation *a, int32_t c, int32_t d,
                      int32_t b)
{
    int32_t n = allocation_count(a, c, b);
    return n == allocation_count(a, d, b) &&
           memcmp(allocation_kept(a, c, b), allocation_kept(a, d, b),
                  (size_t)n * sizeof(int32_t)) == 0;
}

/* Draws and hashes differ from choice to choice, of one layer too. */
Test(routed_keys, no_two_choices_are_drawn_alike)
{
    static const struct { const char *policy; enum signal signal; } drawn[] = {
        { "random", SIGNAL_NONE }, { "drawn", SIGNAL_NONE },
        { "hash", SIGNAL_HASH },
    };
    int32_t ids[B * T];

    draw_ids(ids);
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
        const struct variant v = { .part = PART_APART, .together = true,
                                   .signal = drawn[i].signal };
        struct model_spec spec = shape(&v);
        struct model *m = open_model(&spec, false, 1);
        model_forward(m, &(struct model_input){
            .ids = ids, .n_sequences = B, .n_tokens = T,
            .policy = case_policy(drawn[i].policy), .seed = 5 }, NULL, NULL);
        for (int32_t c = 2; c < CHOICES; c++)
            for (int32_t d = 2; d < c; d++)
                for (int32_t b = 0; b < B; b++)
                    cr_expect(not(same_kept(model_allocation(m), c, d, b)),
                              "%s: choices %d and %d", drawn[i].policy, c, d);
        model_close(m);
    }
}

/* Step by step the draws are those of one forward. */
Test(routed_keys, apart_each_step_draws_what_one_forward_draws)
{
    const struct variant v = { .family = FAMILY_LLAMA, .part = PART_APART };
    const struct route_policy *drawn = case_policy("drawn");
    struct model_spec spec = shape(&v);
    struct model *whole = open_model(&spec, false, 1);
    struct model *steps = open_model(&spec, true, 1);
    int32_t ids[B * T], column[B];

    draw_ids(ids);
    model_forward(whole, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T, .policy = drawn,
        .seed = 5 }, NULL, NULL);
    model_decode_reset(steps);
    for (int32_t t = 0; t < T; t++) {
        for (int32_t b = 0; b < B; b++)
            column[b] = ids[b * T + t];
        model_decode(steps, &(struct decode_input){ .ids = column,
                     .policy = drawn, .seed = 5 }, NULL);
        for (int32_t b = 0; b < B; b++)
            cr_expect(step_distance(steps, whole, b, t) < 1e-4,
                      "token %d of sequence %d", t, b);
    }
    model_close(steps);
    model_close(whole);
}

/* ---- traces ---- */

/* The tokens that a forward kept, written, read and replayed on sequences of
 * unlike lengths, give the same bits. */
static void check_replay(const struct variant *v)
{
    char what[96], *text = NULL;
    size_t size;
    struct model_spec spec = shape(v), again = spec;
    struct allocation replayed;
    struct trace *trace;
    struct error err = { STATUS_OK, "" };
    int32_t ids[B * T];

    again.signal = SIGNAL_NONE;            /* nobody goes by it */
    struct model *first = open_model(&spec, false, 1);
    struct model *second = open_model(&again, false, 1);
    name_of(what, v);
    draw_ids(ids);
    run_whole(first, v, ids, lengths);
    FILE *file = open_memstream(&text, &size);
    trace_write_header(file);
    cr_assert(eq(int, trace_write(file, &spec, model_allocation(first), 0,
                                  NULL), STATUS_OK));
    cr_assert(fclose(file) == 0);
    cr_assert(eq(int, trace_parse(&trace, text, size, "t.csv", &err),
                 STATUS_OK), "%s", err.text);
    cr_assert(eq(int, allocation_open(&replayed, plan_n_choices(&again), B, T,
                                      NULL), STATUS_OK));
    memcpy(replayed.length, lengths, sizeof lengths);
    cr_assert(eq(int, trace_fill(&replayed, trace, &again, 0, &err),
                 STATUS_OK), "%s: %s", what, err.text);
    model_forward(second, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T, .length = lengths,
        .policy = case_policy("replay"), .replayed = &replayed }, NULL, NULL);
    cr_expect(same_bits(first, second), "%s", what);
    allocation_close(&replayed);
    trace_close(trace);
    free(text);
    model_close(second);
    model_close(first);
}

Test(routed_keys, a_replayed_trace_gives_the_same_bits)
{
    each_variant(check_replay, true);
}
