/* test_parts_config.c - Expect a model that other files state to be printed as
 * YAML that says the same model, and each key of a part to mean what it says. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/hf_config.h"
#include "sim/core/config/config_print.h"
#include "sim/core/config/layer_list.h"
#include "sim/core/config/model_config.h"
#include "sim/price/predict.h"
#include "tests/cases.h"
#include "tests/reference.h"
#include "tests/directory.h"

static const char beginning[] = "model: {family: llama, layers: 6, channels: 32,"
                                " heads: 4, max_tokens: 64";

/* Of a file m.yaml in a directory of its own. */
static enum status load_text(struct model_spec *spec, const char *text,
                             struct error *err)
{
    char directory[64], path[80];

    make_directory(directory);
    snprintf(path, sizeof path, "%s/m.yaml", directory);
    put_file(path, text);
    enum status status = model_config_load(spec, NULL, path, NULL, 0, err);
    remove_directory(directory);
    return status;
}

static enum status load(struct model_spec *spec, const char *rest,
                        struct error *err)
{
    char text[2048];

    snprintf(text, sizeof text, "%s%s}\n", beginning, rest);
    return load_text(spec, text, err);
}

static void expect_same(const struct model_spec *a, const struct model_spec *b,
                        const char *what)
{
    const size_t n = (size_t)a->n_layers * sizeof *a->windowed;

    cr_expect(traits_equal(&a->traits, &b->traits), "%s", what);
    cr_expect(a->n_layers == b->n_layers && a->n_channels == b->n_channels &&
              a->n_heads == b->n_heads && a->n_kv_heads == b->n_kv_heads &&
              a->head_size == b->head_size && a->n_ffn == b->n_ffn &&
              a->n_vocab == b->n_vocab && a->max_tokens == b->max_tokens &&
              a->tied_head == b->tied_head, "%s: sizes", what);
    cr_expect(a->norm_epsilon == b->norm_epsilon &&
              a->rope_theta == b->rope_theta &&
              a->local_theta == b->local_theta && a->n_rotary == b->n_rotary &&
              a->attention_cap == b->attention_cap &&
              a->logit_cap == b->logit_cap, "%s: numbers", what);
    cr_expect(a->window == b->window && memcmp(a->windowed, b->windowed, n) == 0,
              "%s: windows", what);
    cr_expect(memcmp(a->unturned, b->unturned, n) == 0, "%s: unturned", what);
    cr_expect(memcmp(&a->rope_scaling, &b->rope_scaling,
                     sizeof a->rope_scaling) == 0, "%s: scaling", what);
}

/* As YAML; freed by the caller. */
static char *printed(const struct model_spec *spec)
{
    struct model_config config;
    struct error err = { STATUS_OK, "" };
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    cr_assert(file != NULL);
    model_config_of(&config, spec, "expert_choice");
    cr_assert(eq(int, config_print(file, &config, sizeof config,
                                   &model_config_schema, "model", &err),
                 STATUS_OK), "%s", err.text);
    cr_assert(fclose(file) == 0);
    return text;
}

static void check_config(const struct model_spec *spec, const char *what)
{
    struct model_spec again;
    struct error err = { STATUS_OK, "" };
    char *text = printed(spec);

    cr_assert(eq(int, load_text(&again, text, &err), STATUS_OK), "%s: %s", what,
              err.text);
    expect_same(spec, &again, what);
    free(text);
}

Test(parts_config, a_config_of_each_class_prints_as_the_same_model)
{
    static const char *const classes[] = {
        "gemma2", "gemma3", "gpt2", "gpt_neox", "linear", "llama3", "mistral",
        "olmo2", "phi", "phi3", "qwen2", "qwen3", "smollm3", "stablelm",
    };

    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        char path[128];
        snprintf(path, sizeof path, "tests/data/classes/%s/config.json",
                 classes[i]);
        cr_assert(eq(int, hf_config_read(&spec, NULL, path, &err), STATUS_OK),
                  "%s", err.text);
        check_config(&spec, classes[i]);
    }
}

#define SHAPE(type)                                                            \
    "{\"model_type\":\"" type "\",\"vocab_size\":64,\"hidden_size\":32,"       \
    "\"intermediate_size\":48,\"num_hidden_layers\":26,"                       \
    "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":8,"      \
    "\"max_position_embeddings\":4096"

/* Windows as public models have them, beyond positions too; scalings; biases. */
Test(parts_config, so_do_patterns_scalings_and_biases)
{
    static const char *const configs[] = {
        SHAPE("gemma3_text") ",\"sliding_window\":512}",
        SHAPE("gemma3_text") ",\"sliding_window\":8192}",
        SHAPE("gemma2") ",\"sliding_window\":64}",
        SHAPE("qwen2") ",\"use_sliding_window\":true,\"sliding_window\":64,"
            "\"max_window_layers\":20}",
        SHAPE("qwen3") ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,"
            "\"original_max_position_embeddings\":1024}}",
        SHAPE("llama") ",\"attention_bias\":true,\"mlp_bias\":true}",
        SHAPE("llama") ",\"rope_scaling\":{\"rope_type\":\"llama3\","
            "\"factor\":32,\"low_freq_factor\":1,\"high_freq_factor\":4,"
            "\"original_max_position_embeddings\":1024}}",
        SHAPE("smollm3") ",\"rope_theta\":5e6}",
        SHAPE("phi3") ",\"original_max_position_embeddings\":1024,"
            "\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1,1,1,1]"
            ",\"long_factor\":[1.1,2.7,33.3,64]}}",
    };

    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_assert(eq(int, hf_config_parse(&spec, NULL, configs[i],
                                          strlen(configs[i]), "config.json",
                                          &err), STATUS_OK), "%s", err.text);
        check_config(&spec, configs[i]);
    }
}

/* What no file says is a default, so nothing of it is printed. */
Test(parts_config, a_model_of_defaults_prints_none_of_its_parts)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, load(&spec, "", &err), STATUS_OK), "%s", err.text);
    char *text = printed(&spec);
    cr_expect(eq(str, text, "model:\n  family: llama\n  layers: 6\n"
                            "  channels: 32\n  heads: 4\n  kv_heads: 4\n"
                            "  head_size: 8\n  ffn: 96\n  max_tokens: 64\n"));
    free(text);
}

Test(parts_config, layers_are_said_by_patterns_and_lists)
{
    static const struct { const char *text, *in, *again; } lists[] = {
        { "none", "......", "none" },     { "every", "xxxxxx", "every" },
        { "every-other", ".x.x.x", "1,3,5" },
        { "5:1", "xxxxx.", "5:1" },       { "1:1", "x.x.x.", "1:1" },
        { "1:2", "x..x..", "1:2" },       { "0,2,5", "x.x..x", "0,2,5" },
        { " 1 , 2", ".xx...", "1,2" },    { "4:3", "xxxx..", "4:2" },
    };
    static const char *const refused[] = {
        "", "odd", "5:", ":1", "5:0", "0:1", "1:1:1", "1,", "1,1", "2,1", "6",
        "-1", "1;2", "999999999999999999999:1",
    };

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        bool in[SPEC_MAX_LAYERS];
        char again[CONFIG_TEXT_SIZE], short_again[CONFIG_TEXT_SIZE];
        cr_assert(eq(int, layer_list_read(in, "model.x", lists[i].text, 6,
                                          NULL), STATUS_OK), "%s",
                  lists[i].text);
        for (int l = 0; l < 6; l++)
            cr_expect(in[l] == (lists[i].in[l] == 'x'), "%s", lists[i].text);
        layer_list_write_short(short_again, in, 6);
        cr_expect(eq(str, short_again, (char *)lists[i].again));
        layer_list_write(again, in, 6);
        cr_expect(strchr(again, ':') == NULL, "%s", again);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        bool in[SPEC_MAX_LAYERS];
        struct error err = { STATUS_OK, "" };
        cr_expect(eq(int, layer_list_read(in, "model.x", refused[i], 6, &err),
                     STATUS_BAD_VALUE), "%s", refused[i]);
        cr_expect(strncmp(err.text, "model.x", 7) == 0, "%s", err.text);
    }
}

Test(parts_config, what_cannot_be_is_refused_by_its_place)
{
    static const struct { const char *rest, *what; } bad[] = {
        { ", window: 8, window_layers: 6", "m.yaml:1:101: model.window_layers" },
        { ", rotary_size: 3", "model.rotary_size 3: allowed are even" },
        { ", rotary_size: 10", "model.rotary_size 10: allowed are even" },
        { ", local_rope_theta: 100", "model.local_rope_theta: no layer" },
        { ", attention_cap: -1", "model.attention_cap -1: allowed is" },
        { ", norms: after, parallel: one-norm", "have norms before them" },
        { ", rope_scaling: longrope, rope_long_divisors: [1, 2]",
          "model.rope_long_divisors: 2 numbers: allowed is one, or one for each"
          " of 4 pairs" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_expect(eq(int, load(&spec, bad[i].rest, &err), STATUS_BAD_VALUE),
                  "%s", bad[i].rest);
        cr_expect(strstr(err.text, bad[i].what) != NULL, "%s", err.text);
        cr_expect(strstr(err.text, "m.yaml:1:") != NULL, "%s", err.text);
    }
}

/* Peng et al. 2023 have 0.1 ln s + 1. */
Test(parts_config, yarn_has_its_own_amplitude_unless_one_is_given)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, load(&spec, ", rope_scaling: yarn, rope_factor: 4,"
                           " rope_high_frequency: 32", &err), STATUS_OK), "%s",
              err.text);
    cr_expect(fabsf(spec.rope_scaling.amplitude - 1.13862944f) < 1e-6f);
    cr_assert(eq(int, load(&spec, ", rope_scaling: yarn, rope_factor: 4,"
                           " rope_high_frequency: 32, rope_amplitude: 2", &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(spec.rope_scaling.amplitude == 2.0f);
}

/* ---- parts that no family has together ---- */

enum { B = 2, T = 21, V = 29 };

static void check_run(const struct model_spec *spec, const char *what)
{
    const struct model_options options = { .n_sequences = B, .n_tokens = T,
                                           .n_threads = 2 };
    struct model *m = case_model(spec, &options, 5);
    double worst = 0, *logits = calloc((size_t)B * T * V, sizeof *logits);
    struct ledger *counted = case_ledger(spec->n_layers, 0, PROV_COUNTED);
    struct ledger *predicted = case_ledger(spec->n_layers, 0, PROV_PREDICTED);
    struct ledger_meter meter = ledger_meter(counted);
    struct error err = { STATUS_OK, "" };
    int32_t ids[B * T], targets[B * T];

    case_text(ids, targets, B * T, V, 7);
    model_forward(m, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T,
        .policy = route_find("dense") }, &meter.meter, NULL);
    double *weights = case_weights(m);
    reference_loss(&(struct reference){
        .spec = spec, .tensors = model_tensors(m), .weights = weights, .ids = ids,
        .targets = ids, .n_sequences = B, .n_tokens = T,
        .allocation = model_allocation(m) }, NULL, logits);
    for (int i = 0; i < B * T * V; i++)
        worst = fmax(worst, fabs((double)model_logits(m)[i] - logits[i]));
    cr_expect(lt(dbl, worst, 2e-4), "%s", what);
    const struct predict_job job = { .spec = spec,
                                     .allocation = model_allocation(m) };
    cr_assert(eq(int, predict_forward(predicted, &job, PREDICT_HEAD, NULL,
                                      &err), STATUS_OK), "%s", err.text);
    cr_expect(case_same_ledger(predicted, counted, what) > 0);
    ledger_close(predicted);
    ledger_close(counted);
    free(logits);
    free(weights);
    model_close(m);
}

Test(parts_config, parts_that_no_family_joins_run_and_cost_what_is_predicted)
{
    static const char *const families[] = { "llama", "gpt2", "qwen3" };
    static const char *const parts[] = {
        "norms: around, activation: gelu_erf", "norms: after, ffn_bias: true",
        "parallel: two-norms, activation: geglu", "parallel: one-norm",
        "project_bias: true, ffn_bias: true, qkv_bias: true, qk_norm: true",
        "attention_cap: 20, logit_cap: 5, window: 6, window_layers: 1:1",
    };

    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            struct model_spec spec;
            struct error err = { STATUS_OK, "" };
            char text[512];
            snprintf(text, sizeof text, "model: {family: %s, layers: 3,"
                     " channels: 24, heads: 4, ffn: 20, vocab: 29,"
                     " max_tokens: 21, %s}\n", families[f], parts[i]);
            cr_assert(eq(int, load_text(&spec, text, &err), STATUS_OK), "%s",
                      err.text);
            check_run(&spec, text);
        }
}
