/* test_flops.c - Expect the price list to say what sim/core/ledger/op.h
 * says. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/ledger/ledger.h"
#include "sim/price/flops.h"
#include "tests/specs.h"

struct row {
    enum family family;
    enum pass pass;
    enum op   op;
    uint64_t  flops16;        /* of a row with n = 16 keys */
    uint64_t  bytes, shared_bytes;
};

/* Worked by hand from the convention: loops over a row and what they read. */
static struct row rows[] = {
    /* 8*64 + 30 + 5;  8*64 + 8;  8*64 */
    { FAMILY_GPT2, PASS_FORWARD, OP_NORM, 547, 520, 512 },
    /* 2*64*192;  4*64 + 4*192;  4*64*192 + 4*192 */
    { FAMILY_GPT2, PASS_FORWARD, OP_QKV, 24576, 1024, 49920 },
    /* 2(4*32*16 + 20*16 + 64 + 16);  8*64 + 8*64 + 16 */
    { FAMILY_GPT2, PASS_FORWARD, OP_ATTEND, 4896, 1040, 0 },
    { FAMILY_GPT2, PASS_FORWARD, OP_PROJECT, 8256, 768, 16640 },
    { FAMILY_GPT2, PASS_FORWARD, OP_FFN_UP, 32768, 1280, 66560 },
    { FAMILY_GPT2, PASS_FORWARD, OP_ACT, 6144, 2048, 0 },
    { FAMILY_GPT2, PASS_FORWARD, OP_FFN_DOWN, 32832, 1536, 65792 },
    /* 7*64 + 45 + 6;  4*64 + 12;  4*64 */
    { FAMILY_GPT2, PASS_FORWARD, OP_ROUTE, 499, 268, 256 },
    /* 4 + 8*64 + 4*64 */
    { FAMILY_GPT2, PASS_FORWARD, OP_EMBED, 64, 772, 0 },
    { FAMILY_GPT2, PASS_FORWARD, OP_HEAD, 32768, 1280, 65536 },
    /* 20*256 + 15 + 27 + 3;  4*256 + 16 */
    { FAMILY_GPT2, PASS_FORWARD, OP_LOSS, 5165, 1040, 0 },
    /* 21*256 + 15 + 27 + 2 */
    { FAMILY_GPT2, PASS_FORWARD, OP_ENTROPY, 5420, 1036, 0 },
    { FAMILY_GPT2, PASS_FORWARD, OP_ROPE, 0, 0, 0 },
    /* 2(10*32*16 + 22*16 + 128 + 15);  16*64 + 16*64 + 16 */
    { FAMILY_GPT2, PASS_BACKWARD, OP_ATTEND, 11230, 2064, 0 },
    /* 4*64*192 + 192;  4*192 + 8*64;  8*64*192 + 4*192 */
    { FAMILY_GPT2, PASS_BACKWARD, OP_QKV, 49344, 1280, 99072 },
    /* 19*64 + 30 + 2;  16*64 + 8;  12*64 */
    { FAMILY_GPT2, PASS_BACKWARD, OP_NORM, 1248, 1032, 768 },
    { FAMILY_GPT2, PASS_BACKWARD, OP_ACT, 8192, 3072, 0 },
    /* 5*64 + 15 + 1 + 4;  20*64 + 8 */
    { FAMILY_GPT2, PASS_BACKWARD, OP_GATE, 340, 1288, 0 },
    { FAMILY_GPT2, PASS_BACKWARD, OP_GATHER, 64, 768, 0 },
    /* 18*64 + 30 + 2;  12*64 + 12;  8*64 */
    { FAMILY_GPT2, PASS_BACKWARD, OP_ROUTE, 1184, 780, 512 },
    /* tied: 4*128*64 for the positions alone */
    { FAMILY_GPT2, PASS_BACKWARD, OP_EMBED, 128, 1284, 32768 },
    /* 4*32 + 15 + 4 */
    { FAMILY_LLAMA, PASS_FORWARD, OP_NORM, 147, 260, 128 },
    { FAMILY_LLAMA, PASS_FORWARD, OP_QKV, 4096, 384, 8192 },
    /* 3(32 + 16);  8*48 + 4*8 */
    { FAMILY_LLAMA, PASS_FORWARD, OP_ROPE, 144, 416, 0 },
    /* 4(4*8*16 + 20*16 + 16 + 16);  8*32 + 8*16 + 32 */
    { FAMILY_LLAMA, PASS_FORWARD, OP_ATTEND, 3456, 416, 0 },
    { FAMILY_LLAMA, PASS_FORWARD, OP_FFN_UP, 8192, 640, 16384 },
    { FAMILY_LLAMA, PASS_FORWARD, OP_ACT, 1344, 768, 0 },
    /* 4*32 + 30 + 5 */
    { FAMILY_LLAMA, PASS_FORWARD, OP_ROUTE, 163, 136, 128 },
    /* 3*32 + 18 + 3;  12*32 + 8 */
    { FAMILY_LLAMA, PASS_FORWARD, OP_GATE, 117, 392, 0 },
    { FAMILY_LLAMA, PASS_FORWARD, OP_EMBED, 0, 260, 0 },
    { FAMILY_LLAMA, PASS_BACKWARD, OP_ACT, 1728, 1280, 0 },
    { FAMILY_LLAMA, PASS_BACKWARD, OP_ROUTE, 432, 392, 256 },
    /* untied: 4*100*32 */
    { FAMILY_LLAMA, PASS_BACKWARD, OP_EMBED, 32, 388, 12800 },
    { FAMILY_LLAMA, PASS_FORWARD, OP_QK_NORM, 0, 0, 0 },
    { FAMILY_QWEN2, PASS_FORWARD, OP_QKV, 4096, 384, 8448 },
    { FAMILY_QWEN2, PASS_BACKWARD, OP_QKV, 8256, 512, 16640 },
    /* Six heads of 8: squares 2*8 + 15, 4 to the scale, scaled twice 2*8; in, out
     * and scale 68; two gammas */
    { FAMILY_QWEN3, PASS_FORWARD, OP_QK_NORM, 6*51, 6*68, 64 },
    /* 4*8 + 15 + 1 to the mean, 5*8 from it, 3*8 for dgamma; three operands and
     * the scale 100; gammas and their gradients */
    { FAMILY_QWEN3, PASS_BACKWARD, OP_QK_NORM, 6*112, 6*100, 128 },
};

ParameterizedTestParameters(flops, rows_cost_what_the_convention_says)
{
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, flops, rows_cost_what_the_convention_says)
{
    struct model_spec spec = small_of(row->family, 1);
    struct flops_list list = flops_list(&spec);
    const struct flops_price *price = &list.at[row->pass][row->op];

    cr_expect(eq(u64, price->flops + 16 * price->flops_per_key, row->flops16),
              "%s %s", pass_names[row->pass], op_table[row->op].name);
    cr_expect(eq(u64, price->bytes, row->bytes));
    cr_expect(eq(u64, price->shared_bytes, row->shared_bytes));
}

Test(flops, a_layer_of_the_worked_example_is_110566)
{
    static const enum op layer[] = { OP_NORM, OP_QKV, OP_ATTEND, OP_PROJECT,
                                     OP_NORM, OP_FFN_UP, OP_ACT, OP_FFN_DOWN };
    struct model_spec spec = worked_gpt2(1);
    struct flops_list list = flops_list(&spec);
    uint64_t sum = 0;

    for (size_t i = 0; i < sizeof layer / sizeof *layer; i++) {
        const struct flops_price *p = &list.at[PASS_FORWARD][layer[i]];
        sum += p->flops + p->flops_per_key * flops_keys(0);
    }
    cr_assert(eq(u64, sum, 110566));
}

Test(flops, a_detached_router_gets_no_gradient_and_gate_one_no_arithmetic)
{
    struct model_spec detached = small_llama(1), one = small_llama(1);
    detached.router_trained = false;
    detached.router_detached = true;
    one.gate = GATE_ONE;
    struct flops_list f = flops_list(&detached), o = flops_list(&one);

    /* 2*32 + 1;  12*32 + 4 */
    cr_expect(eq(u64, f.at[PASS_BACKWARD][OP_GATE].flops, 65));
    cr_expect(eq(u64, f.at[PASS_BACKWARD][OP_GATE].bytes, 388));
    cr_expect(f.at[PASS_BACKWARD][OP_ROUTE].rule == NULL);
    cr_expect(o.at[PASS_BACKWARD][OP_ROUTE].rule == NULL);
    cr_expect(eq(u64, o.at[PASS_FORWARD][OP_GATE].flops, 0));
    cr_expect(eq(u64, o.at[PASS_BACKWARD][OP_GATHER].flops, 0));
    cr_expect(eq(u64, o.at[PASS_BACKWARD][OP_GATHER].bytes, 256));
}

/* A llama of width 32, gate 0.7 * tanh, which skipped tokens pass too. */
Test(flops, a_gated_bypass_multiplies_what_is_skipped)
{
    struct model_spec spec = small_llama(1);
    spec.gate = GATE_TANH;
    spec.gate_scale = 0.7;
    spec.bypass_gated = true;
    struct flops_list f = flops_list(&spec);
    const struct flops_price *to = &f.at[FLOPS_OF_SKIPPED][OP_GATE];
    const struct flops_price *back = &f.at[FLOPS_BACK_SKIPPED][OP_GATE];

    /* 32 products, exp and 4, the factor;  the row twice, score, gate */
    cr_expect(eq(u64, to->flops, 32 + 18 + 4 + 1));
    cr_expect(eq(u64, to->bytes, 2 * 128 + 8));
    /* 2*32 + fold, 32 products, slope 3 and the factor;  the gradient twice, the
     * row, which is put back, gate, score */
    cr_expect(eq(u64, back->flops, 64 + 15 + 32 + 4));
    cr_expect(eq(u64, back->bytes, 2 * 128 + 2 * 128 + 8));
    cr_expect(eq(u64, f.at[PASS_FORWARD][OP_GATE].flops, 3 * 32 + 18 + 4 + 1));
    spec.router_trained = false;
    spec.router_detached = true;
    f = flops_list(&spec);
    cr_expect(eq(u64, f.at[FLOPS_BACK_SKIPPED][OP_GATE].flops, 32));
    cr_expect(eq(u64, f.at[FLOPS_BACK_SKIPPED][OP_GATE].bytes, 2 * 128 + 4));
}

/* A llama of width 32: no difference is taken, and what is handed on stays. */
Test(flops, a_gate_of_what_the_block_gives_does_not_subtract)
{
    struct model_spec spec = small_llama(1);
    spec.gate = GATE_SIGMOID;
    spec.gates_output = true;
    struct flops_list f = flops_list(&spec);

    /* 2*32, exp and 2;  two rows read, one written, score, gate */
    cr_expect(eq(u64, f.at[PASS_FORWARD][OP_GATE].flops, 64 + 18 + 2));
    cr_expect(eq(u64, f.at[PASS_FORWARD][OP_GATE].bytes, 3 * 128 + 8));
    /* 32, 2*32 and fold, slope 3;  the gradient, the output and two written */
    cr_expect(eq(u64, f.at[PASS_BACKWARD][OP_GATE].flops, 32 + 64 + 15 + 3));
    cr_expect(eq(u64, f.at[PASS_BACKWARD][OP_GATE].bytes, 4 * 128 + 8));
    spec.router_trained = false;
    spec.router_detached = true;
    f = flops_list(&spec);
    cr_expect(eq(u64, f.at[PASS_BACKWARD][OP_GATE].flops, 32));
    cr_expect(eq(u64, f.at[PASS_BACKWARD][OP_GATE].bytes, 3 * 128 + 4));
}

/* 3*32, exp and 2; and the factor, where it is another than 1. */
Test(flops, a_gate_is_multiplied_by_what_is_not_1)
{
    static const struct { enum gate gate; double scale; uint64_t factor; }
        cases[] = {
        { GATE_SIGMOID2, 0.0, 1 }, { GATE_SIGMOID2, 0.5, 0 },
        { GATE_SIGMOID2, 0.25, 1 }, { GATE_SIGMOID, 0.0, 0 },
        { GATE_SIGMOID, 0.5, 1 }, { GATE_SIGMOID, 1 + 1e-12, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model_spec spec = small_llama(1);
        spec.gate = cases[i].gate;
        spec.gate_scale = cases[i].scale;
        cr_expect(eq(u64, flops_list(&spec).at[PASS_FORWARD][OP_GATE].flops,
                     3 * 32 + 18 + 2 + cases[i].factor), "case %zu", i);
    }
}

/* C 32, H 4, D 8, Q 32, E 16: backward where skipped tokens have keys. */
Test(flops, keys_of_skipped_tokens_have_gradients)
{
    static const struct {
        enum skipped_keys keys;
        enum flops_set set;
        enum op op;
        uint64_t flops, per_key, bytes, shared;
    } prices[] = {
        /* 4(32 + 15); 4(80 + 18 + 4); 16*32 + 8*4 */
        { SKIPPED_KEYS_COMPUTED, FLOPS_BACK_KEPT, OP_ATTEND, 188, 408, 544, 0 },
        { SKIPPED_KEYS_COMPUTED, FLOPS_BACK_ALL, OP_ATTEND, 0, 0, 256, 0 },
        { SKIPPED_KEYS_COMPUTED, FLOPS_BACK_KEPT, OP_QKV, 4096, 0, 384, 8192 },
        { SKIPPED_KEYS_COMPUTED, FLOPS_BACK_ALL, OP_QKV, 4096, 0, 384, 8192 },
        { SKIPPED_KEYS_COMPUTED, FLOPS_BACK_KEPT, OP_ROPE, 96, 0, 288, 0 },
        { SKIPPED_KEYS_COMPUTED, FLOPS_BACK_ALL, OP_ROPE, 48, 0, 160, 0 },
        { SKIPPED_KEYS_COMPUTED, FLOPS_BACK_KEPT, OP_GATHER, 32, 0, 384, 0 },
        { SKIPPED_KEYS_CARRIED, FLOPS_BACK_KEPT, OP_ATTEND, 188, 408, 544, 0 },
        /* keys and values are added to what is there */
        { SKIPPED_KEYS_CARRIED, FLOPS_BACK_ALL, OP_ATTEND, 32, 0, 384, 0 },
        { SKIPPED_KEYS_CARRIED, FLOPS_BACK_TABLED, OP_ATTEND, 220, 408, 928,
          0 },
        { SKIPPED_KEYS_CARRIED, FLOPS_BACK_TABLED, OP_GATHER, 0, 0, 384, 0 },
    };
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
        struct model_spec spec = small_llama(1);
        spec.skipped_keys = prices[i].keys;
        const struct flops_list list = flops_list(&spec);
        const struct flops_price *p = &list.at[prices[i].set][prices[i].op];
        cr_expect(eq(u64, p->flops, prices[i].flops), "row %zu", i);
        cr_expect(eq(u64, p->flops_per_key, prices[i].per_key), "row %zu", i);
        cr_expect(eq(u64, p->bytes, prices[i].bytes), "row %zu", i);
        cr_expect(eq(u64, p->shared_bytes, prices[i].shared), "row %zu", i);
    }
}

/* Worked by hand from "Frozen backbone" of op.h. */
static const struct row frozen_rows[] = {
    /* 2*64*192;  4*192 + 4*64;  4*64*192 */
    { FAMILY_GPT2, PASS_BACKWARD, OP_QKV, 24576, 1024, 49152 },
    /* 14*64 + 30 + 2;  16*64 + 8;  4*64 */
    { FAMILY_GPT2, PASS_BACKWARD, OP_NORM, 928, 1032, 256 },
    { FAMILY_GPT2, PASS_BACKWARD, OP_FFN_DOWN, 32768, 1280, 65536 },
    { FAMILY_GPT2, PASS_BACKWARD, OP_HEAD, 32768, 1280, 65536 },
    /* 10*32 + 15 + 1;  16*32 + 4;  4*32 */
    { FAMILY_LLAMA, PASS_BACKWARD, OP_NORM, 336, 516, 128 },
    { FAMILY_LLAMA, PASS_BACKWARD, OP_FFN_UP, 8192, 640, 16384 },
    { FAMILY_LLAMA, PASS_BACKWARD, OP_PROJECT, 2048, 256, 4096 },
    { FAMILY_LLAMA, PASS_BACKWARD, OP_HEAD, 6400, 528, 12800 },
    { FAMILY_QWEN3, PASS_BACKWARD, OP_QK_NORM, 6*88, 6*100, 64 },
    /* unchanged: 2(10*32*16 + 22*16 + 128 + 15);  13*32 + 16 */
    { FAMILY_GPT2, PASS_BACKWARD, OP_ATTEND, 11230, 2064, 0 },
    { FAMILY_LLAMA, PASS_BACKWARD, OP_ROUTE, 432, 392, 256 },
    { FAMILY_GPT2, PASS_FORWARD, OP_QKV, 24576, 1024, 49920 },
};

Test(flops, frozen_weights_cost_the_way_through_them_alone)
{
    for (size_t i = 0; i < sizeof frozen_rows / sizeof *frozen_rows; i++) {
        const struct row *row = &frozen_rows[i];
        struct model_spec spec = small_of(row->family, 1);
        spec.backbone_frozen = true;
        struct flops_list list = flops_list(&spec);
        const struct flops_price *price = &list.at[row->pass][row->op];

        cr_expect(eq(u64, price->flops + 16 * price->flops_per_key,
                     row->flops16), "row %zu", i);
        cr_expect(eq(u64, price->bytes, row->bytes), "row %zu", i);
        cr_expect(eq(u64, price->shared_bytes, row->shared_bytes), "row %zu",
                  i);
    }
}

Test(flops, keys_of_a_query_are_whole_tiles)
{
    cr_expect(eq(u64, flops_keys(0), 16));
    cr_expect(eq(u64, flops_keys(15), 16));
    cr_expect(eq(u64, flops_keys(16), 32));
}

Test(flops, the_closed_sum_of_keys_is_the_sum_over_queries)
{
    uint64_t sum = 0;
    for (uint64_t n = 0; n < 1000; n++) {
        cr_assert(eq(u64, flops_keys_sum(n), sum));
        sum += 16 * ((n + 1 + 15) / 16);
    }
}

static uint64_t parameters(const struct model_spec *spec, int32_t layer,
                           bool trained)
{
    struct flops_tensor tensors[FLOPS_TENSORS_MAX];
    int n = flops_tensors(tensors, spec, layer);
    uint64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += tensors[i].trained || !trained ? tensors[i].n : 0;
    return sum;
}

Test(flops, of_a_frozen_backbone_the_routers_alone_are_trained)
{
    struct model_spec spec = worked_gpt2(1);
    spec.backbone_frozen = true;
    cr_expect(eq(u64, parameters(&spec, LEDGER_OUTSIDE, true), 0));
    cr_expect(eq(u64, parameters(&spec, 0, true), 64));
}

Test(flops, tensors_add_up_to_the_models_parameters)
{
    struct model_spec spec = worked_gpt2(1);
    /* norms 4*64; qkv 64*192 + 192; project 64*64 + 64; up 64*256 + 256; down
     * 256*64 + 64; router 64 */
    cr_expect(eq(u64, parameters(&spec, 0, false),
                 256 + 12480 + 4160 + 16640 + 16448 + 64));
    /* tokens 256*64, positions 128*64, final norm 2*64 */
    cr_expect(eq(u64, parameters(&spec, LEDGER_OUTSIDE, false), 24704));
    spec.router_trained = false;
    cr_expect(eq(u64, parameters(&spec, 0, true), 49984));
    spec = small_llama(1);
    /* tokens and head 100*32 each, final norm 32 */
    cr_expect(eq(u64, parameters(&spec, LEDGER_OUTSIDE, false), 6432));
    uint64_t plain = parameters(&spec, 0, false);
    spec.traits.qk_norm = true;
    cr_expect(eq(u64, parameters(&spec, 0, false), plain + 2 * 8));
}

Test(flops, clip_folds_once_a_chunk_and_adamw_takes_17)
{
    cr_expect(eq(u64, flops_clip(4096), 2 * 4096 + 16));
    cr_expect(eq(u64, flops_clip(5000), 2 * 5000 + 2 * 16));
    cr_expect(eq(u64, FLOPS_CLIP_BYTES * 5000, 20000));
    cr_expect(eq(u64, FLOPS_ADAMW * 1000, 17000));
    cr_expect(eq(u64, FLOPS_ADAMW_BYTES * 1000, 28000));
}

Test(flops, a_formula_is_spelled_with_its_numbers)
{
    struct model_spec spec = worked_gpt2(1);
    char text[80];

    flops_spell(text, sizeof text, "2*C*(Q + 2*E)", &spec, 0);
    cr_expect(eq(str, text, (char *)"2*64*(64 + 2*64)"));
    flops_spell(text, sizeof text, "H*(2*D + FOLD + 1)", &spec, 0);
    cr_expect(eq(str, text, (char *)"2*(2*32 + 15 + 1)"));
    flops_spell(text, 5, "1000*C", &spec, 0);
    cr_expect(eq(str, text, (char *)"1000"));
}

/* Just enough arithmetic for the printed formulas: + * ( ). */
static uint64_t sum_of(const char **at);

static uint64_t factor_of(const char **at)
{
    *at += strspn(*at, " ");
    if (**at != '(')
        return strtoull(*at, (char **)at, 10);
    ++*at;
    uint64_t value = sum_of(at);
    ++*at;
    return value;
}

static uint64_t product_of(const char **at)
{
    uint64_t value = factor_of(at);
    while (**at == '*') {
        ++*at;
        value *= factor_of(at);
    }
    return value;
}

static uint64_t sum_of(const char **at)
{
    uint64_t value = product_of(at);
    *at += strspn(*at, " ");
    while (**at == '+') {
        ++*at;
        value += product_of(at);
        *at += strspn(*at, " ");
    }
    return value;
}

static uint64_t value_of(const char *formula, const struct model_spec *spec)
{
    char text[200];
    const char *at = text;
    flops_spell(text, sizeof text, formula, spec, 0);
    return sum_of(&at);
}

static void expect_true_texts(const struct model_spec *spec)
{
    struct flops_list list = flops_list(spec);
    flops_store(&list, spec, 0);
    for (int i = 0; i < FLOPS_SETS * OP_COUNT; i++) {
        const struct flops_price *p = &list.at[i / OP_COUNT][i % OP_COUNT];
        if (!p->rule)
            continue;
        cr_expect(eq(u64, value_of(p->rule->flops, spec), p->flops));
        cr_expect(eq(u64, value_of(p->rule->flops_per_key, spec),
                     p->flops_per_key));
        cr_expect(eq(u64, value_of(p->rule->bytes, spec), p->bytes));
        cr_expect(eq(u64, value_of(p->rule->shared_bytes, spec),
                     p->shared_bytes));
        cr_expect(eq(u64, p->rule->shared_flops
                              ? value_of(p->rule->shared_flops, spec) : 0,
                     p->shared_flops));
    }
}

Test(flops, what_is_printed_is_what_is_charged)
{
    for (int gate = 0; gate < GATE_COUNT; gate++)
        for (int raw = 0; raw < ROUTER_INPUT_COUNT; raw++) {
            struct model_spec g = worked_gpt2(1), l = small_llama(1);
            g.gate = l.gate = (enum gate)gate;
            g.router_input = l.router_input = (enum router_input)raw;
            expect_true_texts(&g);
            expect_true_texts(&l);
        }
    for (int signal = 0; signal < SIGNAL_COUNT; signal++)
        for (int keys = 0; keys < SKIPPED_KEYS_COUNT; keys++) {
            struct model_spec g = worked_gpt2(1), l = small_of(FAMILY_QWEN3, 1);
            g.router_scores = l.router_scores = false;
            g.gate = l.gate = GATE_ONE;
            g.signal = l.signal = (enum signal)signal;
            g.skipped_keys = l.skipped_keys = (enum skipped_keys)keys;
            l.traits.qkv_bias = signal % 2;
            expect_true_texts(&g);
            expect_true_texts(&l);
        }
}

static struct flops_price price_of(struct model_spec spec, enum flops_set set,
                                   enum op op)
{
    return flops_list(&spec).at[set][op];
}

Test(flops, signals_cost_what_the_convention_says)
{
    struct model_spec spec = worked_gpt2(1);
    spec.router_scores = false;
    spec.gate = GATE_ONE;
    spec.signal = SIGNAL_NORM;
    struct flops_price p = price_of(spec, FLOPS_OF_SIGNAL, OP_ROUTE);
    /* 2*64 + 15;  4*64 + 4 */
    cr_expect(eq(u64, p.flops, 143));
    cr_expect(eq(u64, p.bytes, 260));
    cr_expect(eq(u64, p.shared_bytes, 0));
    spec.signal = SIGNAL_CHANGE;
    p = price_of(spec, FLOPS_OF_SIGNAL, OP_ROUTE);
    /* 3*64 + 15;  12*64 + 4 */
    cr_expect(eq(u64, p.flops, 207));
    cr_expect(eq(u64, p.bytes, 772));
    spec.signal = SIGNAL_RECEIVED;
    p = price_of(spec, FLOPS_OF_SIGNAL, OP_ROUTE);
    /* 2*64 and, of 16 keys, 16*2(2*32 + 18 + 3);  8*64 + 8*64 + 8*2 + 4 */
    cr_expect(eq(u64, p.flops + 16 * p.flops_per_key, 128 + 16 * 170));
    cr_expect(eq(u64, p.bytes, 1044));
    spec.signal = SIGNAL_HASH;
    p = price_of(spec, FLOPS_OF_SIGNAL, OP_ROUTE);
    cr_expect(eq(u64, p.flops, 0));
    cr_expect(eq(u64, p.bytes, 8));
    cr_expect(eq(u64, price_of(spec, FLOPS_FORWARD, OP_SELECT).bytes, 4));
    spec.signal = SIGNAL_NONE;
    cr_expect(price_of(spec, FLOPS_FORWARD, OP_ROUTE).rule == NULL);
    cr_expect(eq(u64, price_of(spec, FLOPS_FORWARD, OP_SELECT).bytes, 0));
}

Test(flops, computed_keys_of_gpt2_have_biases_and_no_rotation)
{
    struct model_spec spec = worked_gpt2(1);
    spec.skipped_keys = SKIPPED_KEYS_COMPUTED;
    struct flops_price kept = price_of(spec, FLOPS_OF_KEPT, OP_QKV);
    struct flops_price all = price_of(spec, FLOPS_OF_ALL, OP_QKV);
    /* 2*64*64, 4*64 + 4*64, 4*64*64 + 4*64 */
    cr_expect(eq(u64, kept.flops, 8192));
    cr_expect(eq(u64, kept.bytes, 512));
    cr_expect(eq(u64, kept.shared_bytes, 16640));
    /* 4*64*64, 4*64 + 8*64, 8*64*64 + 8*64: with the other half, qkv's own */
    cr_expect(eq(u64, all.flops, 16384));
    cr_expect(eq(u64, all.bytes, 768));
    cr_expect(eq(u64, all.shared_bytes, 33280));
    cr_expect(eq(u64, kept.shared_bytes + all.shared_bytes, 49920));
    cr_expect(price_of(spec, FLOPS_OF_KEPT, OP_ROPE).rule == NULL);
    cr_expect(price_of(spec, FLOPS_OF_ALL, OP_GATHER).rule == NULL);
    spec.skipped_keys = SKIPPED_KEYS_ABSENT;
    cr_expect(price_of(spec, FLOPS_OF_KEPT, OP_ATTEND).rule == NULL);
}

/* Of each of six heads: 51 flops, 32 bytes in, 32 out and 4 of the scale; in
 * training 32 more, that come back in backward.  A gamma is 32 bytes. */
Test(flops, heads_are_normalised_where_they_are_and_kept_in_training)
{
    struct model_spec spec = small_of(FAMILY_QWEN3, 1);
    struct flops_price p = price_of(spec, FLOPS_TRAINING, OP_QK_NORM);
    cr_expect(eq(u64, p.flops, 6*51));
    cr_expect(eq(u64, p.bytes, 6*100));
    cr_expect(eq(u64, p.shared_bytes, 64));
    cr_expect(price_of(spec, FLOPS_OF_KEPT, OP_QK_NORM).rule == NULL);
    spec.skipped_keys = SKIPPED_KEYS_COMPUTED;
    p = price_of(spec, FLOPS_OF_KEPT, OP_QK_NORM);
    cr_expect(eq(u64, p.flops, 4*51));
    cr_expect(eq(u64, p.bytes, 4*68));
    cr_expect(eq(u64, p.shared_bytes, 32));
    p = price_of(spec, FLOPS_OF_ALL, OP_QK_NORM);
    cr_expect(eq(u64, p.flops, 2*51));
    cr_expect(eq(u64, p.bytes, 2*68));
    cr_expect(eq(u64, p.shared_bytes, 32));
}

Test(flops, a_strip_runs_as_far_as_its_last_query)
{
    int32_t kept[40];
    uint64_t sum = 0;
    for (int32_t i = 0; i < 40; i++)
        kept[i] = 3 * i + 1;
    /* ends: 46, 94 and, of the last 8, 118 */
    cr_expect(eq(u64, flops_keys_seen(kept, 40, 0), 48));
    cr_expect(eq(u64, flops_keys_seen(kept, 40, 15), 48));
    cr_expect(eq(u64, flops_keys_seen(kept, 40, 16), 96));
    cr_expect(eq(u64, flops_keys_seen(kept, 40, 39), 128));
    cr_expect(eq(u64, flops_keys_seen_sum(kept, 40),
                 16 * 48 + 16 * 96 + 8 * 128));
    /* with all of them kept, what the usual rule says */
    for (int32_t n = 0; n <= 40; n++) {
        for (int32_t i = 0; i < n; i++)
            kept[i] = i;
        cr_expect(eq(u64, flops_keys_seen_sum(kept, n), sum), "%d", n);
        sum += flops_keys((uint64_t)n);
    }
}

/* Nothing stored: nothing changes; everything: the ops with matrices do. */
Test(flops, stored_weights_have_texts_of_their_own)
{
    static const enum op with[] = { OP_EMBED, OP_QKV, OP_PROJECT, OP_FFN_UP,
                                    OP_FFN_DOWN, OP_HEAD };
    for (int f = 0; f < 4; f++) {
        struct model_spec spec = f % 2 ? worked_gpt2(1) : small_llama(1);
        const struct flops_list plain = flops_list(&spec);
        struct flops_list list = plain;
        spec.traits.qkv_bias = f / 2;
        flops_store(&list, &spec, 0);
        cr_expect(memcmp(&list, &plain, sizeof list) == 0);
        for (int i = 0; i < MATRIX_COUNT; i++)
            spec.stored[0][i] = (uint8_t)(NUMBER_Q8_0 + i % 5);
        spec.stored_embedding = spec.stored_head = NUMBER_Q4_1;
        spec.skipped_keys = SKIPPED_KEYS_COMPUTED;
        expect_true_texts(&spec);
        spec.skipped_keys = SKIPPED_KEYS_ABSENT;
        expect_true_texts(&spec);
        flops_store(&list, &spec, 0);
        for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
            const struct flops_price *p = &list.at[PASS_FORWARD][with[i]];
            cr_expect(p->rule && p->rule->shared_flops);
            cr_expect(p->rule->op == with[i]);
        }
    }
}
