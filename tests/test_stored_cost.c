/* test_stored_cost.c - Weights kept as stored cost what is predicted and what the
 * kernels execute, in work and in memory. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/fill.h"
#include "sim/core/model/plan.h"
#include "sim/price/memory.h"
#include "sim/price/predict.h"
#include "tests/counting/counting.h"
#include "tests/memory_block.h"
#include "tests/stored_models.h"

struct witness {
    struct ledger_meter ledger;      /* first: downcast */
    void (*on_end)(struct meter *meter, const struct op_run *run);
    const char *what;
    uint64_t at_begin, n_ops;
};

static void on_begin(struct meter *meter, const struct op_run *run)
{
    struct witness *w = (struct witness *)meter;
    (void)run;
    w->at_begin = counting_flops;
}

/* Expects the tallies to be what the arithmetic counted; then files them. */
static void on_end(struct meter *meter, const struct op_run *run)
{
    struct witness *w = (struct witness *)meter;
    cr_assert(run->total.flops == counting_flops - w->at_begin,
              "%s: %s of layer %d: tallied %llu flops, executed %llu", w->what,
              op_table[run->op].name, run->layer,
              (unsigned long long)run->total.flops,
              (unsigned long long)(counting_flops - w->at_begin));
    w->n_ops++;
    w->on_end(meter, run);
}

static struct witness witness_of(struct ledger *ledger, const char *what)
{
    struct witness w = { .ledger = ledger_meter(ledger), .what = what };
    w.on_end = w.ledger.meter.end;
    w.ledger.meter.begin = on_begin;
    w.ledger.meter.end = on_end;
    return w;
}

/* Prefill and decode steps: executed == counted == predicted, by token. */
static void costs_agree(const struct model_spec *spec,
                        const struct kernels *kernels, const char *what)
{
    int32_t ids[B * T], ignored[B * T];
    struct error err = { STATUS_OK, "" };
    struct model *m = open_model(spec, spec, kernels, 1);
    struct ledger *counted = case_ledger(spec->n_layers, B * PREFILL,
                                         PROV_COUNTED);
    struct ledger *predicted = case_ledger(spec->n_layers, B * PREFILL,
                                           PROV_PREDICTED);
    struct witness w = witness_of(counted, what);

    case_text(ids, ignored, B * T, spec->n_vocab, 5);
    const struct model_input prefill = prefill_of(spec, ids);
    model_forward(m, &prefill, &w.ledger.meter, NULL);
    struct predict_job job = { .spec = spec, .allocation = model_allocation(m) };
    cr_assert(predict_forward(predicted, &job, PREDICT_HEAD, NULL, &err) ==
              STATUS_OK, "%s", err.text);
    case_same_ledger(predicted, counted, what);
    ledger_close(counted);
    ledger_close(predicted);

    for (int32_t t = PREFILL; t < PREFILL + 4; t++) {
        struct allocation now;
        counted = case_ledger(spec->n_layers, B, PROV_COUNTED);
        predicted = case_ledger(spec->n_layers, B, PROV_PREDICTED);
        w = witness_of(counted, what);
        model_decode(m, &(struct decode_input){ .ids = ids + t * B,
                                                .policy = policy_of(spec) },
                     &w.ledger.meter);
        cr_assert(allocation_open(&now, plan_n_choices(spec), B, t + 1,
                                  &err) == STATUS_OK);
        model_decode_allocation(m, NULL, &now);
        job.allocation = &now;
        cr_assert(predict_decode(predicted, &job, NULL, &err) == STATUS_OK,
                  "%s", err.text);
        case_same_ledger(predicted, counted, what);
        allocation_close(&now);
        ledger_close(counted);
        ledger_close(predicted);
    }
    cr_assert(w.n_ops > 0);
    model_close(m);
}

Test(stored_cost, executed_counted_and_predicted_are_one_number)
{
    static const struct kernels *const all[] = {
        &kernels_counting4, &kernels_counting8, &kernels_counting16,
    };
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int t = 1; t < NUMBER_COUNT; t++) {
            struct model_spec spec = spec_of(contrasts[f], (t + f) % 2);
            store_all(&spec, (enum number)t);
            costs_agree(&spec, all[(t + f) % 3], number_table[t].name);
        }
}

Test(stored_cost, so_they_are_with_mixed_types_and_odd_sizes)
{
    for (int f = 0; f < N_CONTRASTS; f++) {
        struct model_spec spec = spec_of(contrasts[f], false);
        store_mixed(&spec);
        costs_agree(&spec, &kernels_counting16, "mixed");
        spec = odd_spec(contrasts[f]);
        costs_agree(&spec, &kernels_counting8, "odd");
        spec.embedding_scale = 3.0f;
        costs_agree(&spec, &kernels_counting8, "scaled");
    }
}

Test(stored_cost, so_they_are_with_every_part_and_skipped_key)
{
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int i = 0; i < N_APART; i++) {
            const struct model_spec spec = apart_spec(
                contrasts[f], apart[i].part, apart[i].keys, (i + f) % 2);
            costs_agree(&spec, i % 2 ? &kernels_counting16
                                     : &kernels_counting8,
                        skipped_keys_names[apart[i].keys]);
        }
}

/* By hand: queries of a llama with C = 96, H D = 96, E = 24, all rows.  Q4_1 has
 * 20 bytes and 64 flops a block of 32: three blocks a column.  Queries and
 * values: 96 and 24 (tiles: 32) columns; keys in Q8_0, 34 bytes and 32 flops. */
Test(stored_cost, qkv_of_a_layer_worked_out_by_hand)
{
    const struct model_spec spec = odd_spec(FAMILY_LLAMA);
    struct flops_list list = flops_list(&spec);

    flops_store(&list, &spec, 0);
    const struct flops_price *qkv = &list.at[PASS_FORWARD][OP_QKV];
    cr_expect(eq(u64, qkv->flops, 2 * 96 * (96 + 48)));
    cr_expect(eq(u64, qkv->bytes, 4 * 96 + 4 * (96 + 48)));
    cr_expect(eq(u64, qkv->shared_bytes,
                 96 * 3 * 20 + 24 * 3 * 34 + 24 * 3 * 20));
    cr_expect(eq(u64, qkv->shared_flops,
                 96 * 3 * 64 + 32 * 3 * 32 + 32 * 3 * 64));
    /* If keys of skipped tokens are computed: queries of kept rows, keys and
     * values of all. */
    struct model_spec computed = spec;
    computed.skipped_keys = SKIPPED_KEYS_COMPUTED;
    computed.traits.qkv_bias = true;
    struct flops_list parts = flops_list(&computed);
    flops_store(&parts, &computed, 0);
    const struct flops_price *kept = &parts.at[FLOPS_OF_KEPT][OP_QKV];
    const struct flops_price *all = &parts.at[FLOPS_OF_ALL][OP_QKV];
    cr_expect(eq(u64, kept->flops, 2 * 96 * 96));
    cr_expect(eq(u64, kept->shared_bytes, 96 * 3 * 20 + 4 * 96));
    cr_expect(eq(u64, kept->shared_flops, 96 * 3 * 64));
    cr_expect(eq(u64, all->flops, 2 * 96 * 48));
    cr_expect(eq(u64, all->shared_bytes,
                 24 * 3 * 34 + 24 * 3 * 20 + 4 * 48));
    cr_expect(eq(u64, all->shared_flops, 32 * 3 * 32 + 32 * 3 * 64));
    /* A row of the embedding: 3 blocks; the head: 37 columns, 48 widened. */
    const struct flops_price *embed = &list.at[PASS_FORWARD][OP_EMBED];
    cr_expect(eq(u64, embed->flops, 3 * 64));
    cr_expect(eq(u64, embed->bytes, 4 + 4 * 96 + 3 * 20));
    const struct flops_price *head = &list.at[PASS_FORWARD][OP_HEAD];
    cr_expect(eq(u64, head->shared_bytes, 37 * 3 * 20));
    cr_expect(eq(u64, head->shared_flops, 48 * 3 * 64));
}

/* A model without routing, whose activations are the same on both sides. */
Test(stored_cost, memory_is_as_predicted)
{
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int odd = 0; odd < 2; odd++) {
            struct model_spec spec = odd ? odd_spec(contrasts[f])
                                         : spec_of(contrasts[f], false);
            struct error err;
            struct model *m = NULL;
            if (!odd)
                store_mixed(&spec);
            spec = spec_dense(&spec);
            const struct model_options options = {
                .n_sequences = B, .n_tokens = T, .n_threads = 2,
            };
            cr_assert(model_open(&m, &spec, &options, &err) == STATUS_OK,
                      "%s", err.text);
            const double has = (double)model_bytes(m);
            const double said = (double)memory_block_bytes(
                &spec, B, T, MEMORY_FORWARD, 2);
            cr_expect(fabs(has - said) < 0.02 * has, "%g bytes, predicted %g",
                      has, said);
            struct memory_item items[MEMORY_ITEMS_MAX];
            const int n = memory_items(items, &spec, B, T, MEMORY_FORWARD);
            uint64_t stored = 0;
            for (int i = 0; i < n; i++)
                if (strcmp(items[i].name, "stored weights") == 0)
                    stored = 4 * items[i].numbers * items[i].rows;
            cr_expect(eq(u64, stored, model_tensors(m)->stored_bytes));
            model_close(m);
        }
}

/* One sequence, 200 tokens at once and then up to 500: what a prompt takes. */
Test(stored_cost, memory_of_a_prompt_is_as_predicted)
{
    for (int f = 0; f < N_CONTRASTS; f++)
        for (int kept = 0; kept < 2; kept++)
            for (int scored = 0; scored < 2; scored++) {
                struct model_spec spec = odd_spec(contrasts[f]);
                struct error err;
                struct model *m = NULL;
                spec.max_tokens = 600;
                spec.n_vocab = 5003;
                if (!kept)
                    store_all(&spec, NUMBER_F32);
                if (!scored)
                    spec = spec_dense(&spec);
                const struct model_options options = {
                    .n_sequences = 1, .n_tokens = 500, .n_prefill = 200,
                    .decode = true, .last_only = true, .n_threads = 2,
                };
                cr_assert(model_open(&m, &spec, &options, &err) == STATUS_OK,
                          "%s", err.text);
                const double has = (double)model_bytes(m);
                /* But for ids, targets and the routes of 4 layers, which lie
                 * elsewhere, and the process around it. */
                const double said = (double)memory_generate_bytes(
                    &spec, 200, 500, 2) - MEMORY_PROCESS_BYTES -
                    2 * MEMORY_PROBE_BYTES -
                    4.0 * (2 + 4) * 200;
                cr_expect(fabs(has - said) < 0.005 * has, "%s, %s: %.0f bytes,"
                          " predicted %.0f", family_names[f],
                          kept ? "stored" : "float32", has, said);
                model_close(m);
            }
}
