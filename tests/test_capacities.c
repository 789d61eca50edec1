/* test_capacities.c - Run small models at capacities of one's own. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "models/scoring/capacities.h"
#include "models/scoring/run_arm.h"
#include "sim/core/model/plan.h"
#include "sim/price/predict.h"
#include "tests/directory.h"

enum { T = 16, SIZE = 70, LAYERS = 3, WINDOWS = 5 };

struct fixture {
    struct source source;
    struct run_config config;
    struct score_text text;
    struct capacities capacities;
    int32_t ids[SIZE];
};

static bool always(void *watcher)
{
    (void)watcher;
    return true;
}

static bool never(void *watcher)
{
    (void)watcher;
    return false;
}

/* The shape of a YAML file, which nobody trained: drawn weights. */
static enum status open_on(struct fixture *f, const char *policy,
                           struct error *err)
{
    static const char yaml[] =
        "model:\n  family: gpt2\n  layers: 3\n  channels: 32\n  heads: 2\n"
        "  ffn: 64\n  vocab: 100\n  max_tokens: 64\n";
    char directory[64], path[96];
    const struct config_setting settings[] = {
        { .text = "routing.policy=hash" }, { .text = "routing.blocks=every" },
        { .text = "routing.capacity=0.5" },
    };

    make_directory(directory);
    snprintf(path, sizeof path, "%s/model.yaml", directory);
    put_file(path, yaml);
    cr_assert(eq(int, source_read(&f->source, path, settings, 3, err),
                 STATUS_OK), "%s", err->text);
    for (int i = 0; i < SIZE; i++)
        f->ids[i] = (7 * i * i + 3 * i) % 100;
    f->text = (struct score_text){ .ids = f->ids, .size = SIZE, .bos = -1,
                                   .window = T, .stride = T };
    f->config.window = T;
    f->config.seed = 4;
    snprintf(f->config.policy, sizeof f->config.policy, "%s", policy);
    const enum status status = capacities_open(&f->capacities, &f->source,
                                               &f->config, &f->text, 1, err);
    remove_directory(directory);
    return status;
}

static void open_fixture(struct fixture *f, const char *policy)
{
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, open_on(f, policy, &err), STATUS_OK), "%s", err.text);
}

static struct capacity_loss loss_at(struct fixture *f, const double *capacity)
{
    struct error err = { STATUS_OK, "" };
    struct capacity_loss loss;

    cr_assert(eq(int, capacities_run(&f->capacities, capacity, always, NULL,
                                     &loss, &err), STATUS_OK), "%s", err.text);
    return loss;
}

/* Windows one by one, the dropped block by an empty record. */
static double dropped_alone(struct fixture *f, int32_t layer, int64_t w)
{
    struct score_window window;
    struct allocation a;
    struct error err = { STATUS_OK, "" };
    double mean, sum = 0;

    cr_assert(score_window_open(&window, T, &err) == STATUS_OK);
    score_window(&f->text, w, &window);
    const int32_t n = window.n_tokens;
    cr_assert(allocation_open(&a, LAYERS, 1, n, &err) == STATUS_OK);
    for (int32_t l = 0; l < LAYERS; l++) {
        a.count[l] = l == layer ? 0 : n;
        for (int32_t t = 0; t < n; t++)
            allocation_kept(&a, l, 0)[t] = t;
    }
    model_forward(f->capacities.model, &(struct model_input){
        .ids = window.ids, .targets = window.targets, .n_sequences = 1,
        .n_tokens = n, .policy = route_find("replay"), .replayed = &a,
    }, NULL, &mean);
    for (int32_t t = 0; t < n; t++)
        sum += (double)model_nats(f->capacities.model)[t];
    allocation_close(&a);
    score_window_close(&window);
    return sum;
}

Test(capacities, at_0_a_block_is_dropped)
{
    struct fixture f = { .text = { .size = 0 } };

    open_fixture(&f, "token_norm");
    cr_assert(eq(long, f.capacities.windows, WINDOWS));
    for (int32_t l = 0; l < LAYERS; l++) {
        double capacity[SPEC_MAX_LAYERS] = { 1, 1, 1 };
        capacity[l] = 0;
        struct capacity_loss loss = loss_at(&f, capacity);
        for (int64_t w = 0; w < WINDOWS; w++) {
            const double alone = dropped_alone(&f, l, w);
            cr_expect(epsilon_eq(dbl, loss.nats[w], alone, 0), "%d %ld", l,
                      (long)w);
        }
        capacity_loss_close(&loss);
    }
    capacities_close(&f.capacities);
}

Test(capacities, a_dense_model_is_left_alone_with_all_its_tokens)
{
    struct fixture f = { .text = { .size = 0 } };

    open_fixture(&f, "token_norm");
    for (int32_t l = 0; l < LAYERS; l++)
        cr_expect(eq(dbl, f.capacities.spec.capacity[l], 1));
    capacities_close(&f.capacities);
}

/* Rules that keep K whatever they see cost what the formulas say, a dropped
 * block nothing but its choice. */
Test(capacities, what_is_counted_is_predicted)
{
    struct fixture f = { .text = { .size = 0 } };
    struct error err = { STATUS_OK, "" };
    const double tried[][LAYERS] = { { 0, 1, 0.5 }, { 0.25, 0, 0 },
                                     { 1, 1, 1 }, { 0, 0, 0 } };

    open_fixture(&f, "token_norm_top_k");
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        struct model_spec spec = f.capacities.spec;
        struct capacity_loss loss = loss_at(&f, tried[i]);
        uint64_t flops = 0;
        for (int32_t l = 0; l < LAYERS; l++)
            spec.capacity[l] = tried[i][l];
        for (int64_t w = 0; w < WINDOWS; w++) {
            struct allocation a;
            struct ledger *ledger;
            cr_assert(allocation_open(&a, LAYERS, 1,
                                      (int32_t)f.capacities.tokens[w], &err) ==
                      STATUS_OK);
            allocation_fill(&a, &spec);
            cr_assert(ledger_open(&ledger, (struct ledger_shape){ 0 },
                                  cost_zero(PROV_PREDICTED), &err) ==
                      STATUS_OK);
            cr_assert(predict_forward(ledger, &(struct predict_job){
                .spec = &spec, .allocation = &a }, PREDICT_HEAD, NULL, &err) ==
                STATUS_OK, "%s", err.text);
            const struct cost sum = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY,
                                               LEDGER_ANY, LEDGER_ANY);
            flops += sum.count[METRIC_FLOPS];
            ledger_close(ledger);
            allocation_close(&a);
        }
        cr_expect(eq(u64, loss.flops, flops), "%zu", i);
        capacity_loss_close(&loss);
    }
    capacities_close(&f.capacities);
}

Test(capacities, rules_that_keep_whatever_the_capacity_are_refused)
{
    static const char *const rules[] = { "threshold", "sigmoid", "predictor",
                                         "token_choice", "replay", "dense" };

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct fixture f = { .text = { .size = 0 } };
        struct error err = { STATUS_OK, "" };
        cr_expect(eq(int, open_on(&f, rules[i], &err), STATUS_BAD_VALUE));
        cr_expect(strstr(err.text, rules[i]) == err.text, "%s", err.text);
        capacities_close(&f.capacities);
    }
}

Test(capacities, a_run_that_is_ended_says_so)
{
    struct fixture f = { .text = { .size = 0 } };
    struct error err = { STATUS_OK, "" };
    struct capacity_loss loss;
    const double capacity[SPEC_MAX_LAYERS] = { 1, 1, 1 };

    open_fixture(&f, "token_norm");
    cr_expect(eq(int, capacities_run(&f.capacities, capacity, never, NULL,
                                     &loss, &err), STATUS_INTERRUPTED));
    capacity_loss_close(&loss);
    capacities_close(&f.capacities);
}
