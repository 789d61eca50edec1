/* test_decode_price.c - What a decode step waits for: weights that every step
 * reads come back sooner than those of blocks that few tokens enter. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sim/price/hold.h"
#include "tests/priced.h"

/* One cache of so many bytes before the memory. */
static struct machine one_cache(double bytes)
{
    static struct machine m;

    cr_assert(eq(int, machine_load(&m, "epyc-milan-2core", NULL), STATUS_OK));
    m.level[LEVEL_L1].size_bytes.value = m.level[LEVEL_L2].size_bytes.value = 0;
    m.level[LEVEL_L3].size_bytes.value = bytes;
    return m;
}

static uint64_t from_memory(const struct ledger *l, int32_t layer, int op)
{
    return ledger_sum(l, LEDGER_ALL, layer, LEDGER_ALL, op)
        .count[METRIC_DRAM_BYTES];
}

/* Layer 1 of 2 keeps a token in four: all that a step is not expected to touch is
 * three quarters of its weights, 4096 * 4 bytes of attention and 3 * 32 * 64 * 4
 * of the feed-forward part at width 32. */
Test(decode_price, weights_of_every_step_come_back_before_those_of_few)
{
    struct asked q = { .spec = llama(), .B = 1, .T = 40, .phase = EXPECTED };
    const struct hold_question question = {
        .spec = &q.spec, .regime = &q.regime, .phase = MEMORY_DECODE,
        .n_sequences = 1, .n_tokens = 40 };
    const double all = (double)hold_buffers(&question).total;
    const double block = 4.0 * (double)(q.spec.n_channels *
        (2 * q.spec.n_heads + 2 * q.spec.n_kv_heads) * q.spec.head_size +
        3 * q.spec.n_channels * q.spec.n_ffn);
    const struct {
        double cache;
        bool always, seldom;     /* come from memory */
    } held[] = {
        { all + 4, false, false },
        { all - 0.75 * block + 4, false, true },
        { all - 0.75 * block - 4, true, true },
    };

    for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
        struct machine m = one_cache(held[i].cache);
        q.machine = &m;
        struct ledger *l = priced(q);
        cr_expect(eq(int, from_memory(l, 0, OP_QKV) > 0, held[i].always));
        cr_expect(eq(int, from_memory(l, 1, OP_QKV) > 0, held[i].seldom));
        ledger_close(l);
    }
}

/* Steps come by that leave a block alone, each using all but it, until one of four
 * sequences wakes it: 1 / (1 - 0.75^4) - 1 of them; a sequence's keys wait for its
 * own token, 3 steps.  What others take meanwhile comes from memory; of layer 0
 * nothing does. */
Test(decode_price, what_few_tokens_use_is_taken_by_others_meanwhile)
{
    struct asked q = { .spec = llama(), .B = 4, .T = 40, .phase = EXPECTED };
    struct machine m = one_cache(1e9);
    const double woken = 1 - pow(0.75, 4);
    const struct hold_question question = {
        .spec = &q.spec, .regime = &q.regime, .phase = MEMORY_DECODE,
        .n_sequences = 4, .n_tokens = 40 };
    const double block = 4.0 * (double)(q.spec.n_channels *
        (2 * q.spec.n_heads + 2 * q.spec.n_kv_heads) * q.spec.head_size +
        3 * q.spec.n_channels * q.spec.n_ffn);

    q.regime.kv = PRECISION_FP16;    /* bytes told are of traffic, not of lines */
    const double used = (double)hold_buffers(&question).total -
                        (1 - woken) * block;
    m.aging_bytes = (struct quantity){ .value = 2 * used };
    q.machine = &m;
    struct ledger *l = priced(q);
    m.aging_bytes.value = 1;             /* all of it is lost at once */
    struct ledger *all = priced(q);
    const struct { int op; double steps; } at[] = {
        { OP_FFN_DOWN, 1 / woken - 1 }, { OP_ATTEND, 3 } };
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        const double lost = 1 - exp(-at[i].steps / 2);
        cr_expect(eq(int, from_memory(l, 0, at[i].op) > 0, false));
        cr_expect(epsilon_eq(dbl, (double)from_memory(l, 1, at[i].op) /
                                      (double)from_memory(all, 1, at[i].op),
                             lost, 0.01));
    }
    ledger_close(all);
    ledger_close(l);
}

/* Where any of many sequences wakes a block, it is read like the others. */
Test(decode_price, a_batch_wakes_every_block)
{
    struct asked q = { .spec = llama(), .B = 64, .T = 40, .phase = EXPECTED };
    const struct hold_question question = {
        .spec = &q.spec, .regime = &q.regime, .phase = MEMORY_DECODE,
        .n_sequences = 64, .n_tokens = 40 };
    struct machine m = one_cache((double)hold_buffers(&question).total - 4);
    q.machine = &m;
    struct ledger *l = priced(q);

    cr_expect(gt(u64, from_memory(l, 0, OP_QKV), 0));
    cr_expect(gt(u64, from_memory(l, 1, OP_QKV), 0));
    ledger_close(l);
}
