/* test_classes.c - Expect small models of every class that is read, as
 * transformers and llama.cpp's converter write them, to give the logits that
 * transformers gives.  Files and numbers are from data/classes/make.py. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "models/files/safetensors.h"
#include "models/files/source.h"
#include "sim/price/memory.h"
#include "tests/words.h"

enum { T = 28, V = 37 };

struct expected {
    float ids[T], logits[T * V];
};

static void read_floats(const struct safetensors *file, const char *name,
                        float *out, size_t n)
{
    const struct safetensors_tensor *t = safetensors_find(file, name);
    struct error err = { STATUS_OK, "" };

    cr_assert(t != NULL);
    cr_assert(eq(int, safetensors_floats(out, n, t, &err), STATUS_OK), "%s",
              err.text);
}

static void read_expected(struct expected *out, const char *name)
{
    char path[FILE_PATH_SIZE];
    struct safetensors *file = NULL;
    struct error err = { STATUS_OK, "" };

    snprintf(path, sizeof path, "tests/data/classes/%s/expected.safetensors",
             name);
    cr_assert(eq(int, safetensors_open(&file, path, &err), STATUS_OK), "%s",
              err.text);
    read_floats(file, "ids", out->ids, T);
    read_floats(file, "logits", out->logits, T * V);
    safetensors_close(file);
}

/* `plain`: as if the config stretched no frequencies. */
static struct model *open_source(struct source *source, const char *path,
                                 bool plain)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = T,
                                           .n_threads = 1 };
    struct model *model = NULL;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, source_read(source, path, NULL, 0, &err), STATUS_OK),
              "%s", err.text);
    if (plain)
        source->spec.rope_scaling.kind = ROPE_SCALING_NONE;
    cr_assert(eq(int, model_open(&model, &source->spec, &options, &err),
                 STATUS_OK), "%s", err.text);
    cr_assert(eq(int, source_fill(source, model, 1, &err), STATUS_OK), "%s",
              err.text);
    return model;
}

/* The largest difference, of logits of order one. */
static double difference(struct model *model, const struct expected *want)
{
    int32_t ids[T];
    double most = 0.0, size = 0.0;

    for (int t = 0; t < T; t++)
        ids[t] = (int32_t)want->ids[t];
    model_forward(model, &(struct model_input){
        .ids = ids, .n_sequences = 1, .n_tokens = T,
        .policy = route_find("dense") }, NULL, NULL);
    for (int i = 0; i < T * V; i++) {
        double d = (double)(model_logits(model)[i] - want->logits[i]);
        most = fmax(most, fabs(d));
        size = fmax(size, fabs((double)want->logits[i]));
    }
    cr_assert(size > 1.0, "logits of at most %g test nothing", size);
    return most;
}

struct class {
    char name[16], file[40];
    enum rope_scaling_kind kind;
    enum family family;
};

ParameterizedTestParameters(classes, the_logits_are_those_of_transformers)
{
    static struct class cases[] = {
        { "qwen2", "qwen2", ROPE_SCALING_NONE, FAMILY_QWEN2 },
        { "qwen2", "qwen2.gguf", ROPE_SCALING_NONE, FAMILY_QWEN2 },
        { "llama3", "llama3", ROPE_SCALING_LLAMA3, FAMILY_LLAMA },
        { "llama3", "llama3.gguf", ROPE_SCALING_FACTORS, FAMILY_LLAMA },
        { "linear", "linear", ROPE_SCALING_LINEAR, FAMILY_LLAMA },
        { "linear", "linear.gguf", ROPE_SCALING_LINEAR, FAMILY_LLAMA },
        { "mistral", "mistral", ROPE_SCALING_NONE, FAMILY_LLAMA },
        { "mistral", "mistral.gguf", ROPE_SCALING_NONE, FAMILY_LLAMA },
        { "gpt2", "gpt2", ROPE_SCALING_NONE, FAMILY_GPT2 },
        { "gpt2", "gpt2.gguf", ROPE_SCALING_NONE, FAMILY_GPT2 },
        { "qwen3", "qwen3", ROPE_SCALING_NONE, FAMILY_QWEN3 },
        { "qwen3", "qwen3.gguf", ROPE_SCALING_NONE, FAMILY_QWEN3 },
        { "gemma2", "gemma2", ROPE_SCALING_NONE, FAMILY_GEMMA2 },
        { "gemma3", "gemma3", ROPE_SCALING_LINEAR, FAMILY_GEMMA3 },
        { "olmo2", "olmo2", ROPE_SCALING_NONE, FAMILY_OLMO2 },
        { "gpt_neox", "gpt_neox", ROPE_SCALING_NONE, FAMILY_GPT_NEOX },
        { "stablelm", "stablelm", ROPE_SCALING_NONE, FAMILY_STABLELM },
        { "stablelm_heads", "stablelm_heads", ROPE_SCALING_NONE,
          FAMILY_STABLELM },
        { "opt", "opt", ROPE_SCALING_NONE, FAMILY_OPT },
        { "phi", "phi", ROPE_SCALING_NONE, FAMILY_PHI },
        { "phi3", "phi3", ROPE_SCALING_LONG, FAMILY_LLAMA },
        { "smollm3", "smollm3", ROPE_SCALING_NONE, FAMILY_LLAMA },
        { "mixtral", "mixtral", ROPE_SCALING_NONE, FAMILY_LLAMA },
        { "qwen2_moe", "qwen2_moe", ROPE_SCALING_NONE, FAMILY_QWEN2 },
        { "qwen3_moe", "qwen3_moe", ROPE_SCALING_NONE, FAMILY_QWEN3 },
        { "olmoe", "olmoe", ROPE_SCALING_NONE, FAMILY_QWEN3 },
        { "granite", "granite", ROPE_SCALING_NONE, FAMILY_QWEN2 },
        { "dynamic", "dynamic", ROPE_SCALING_DYNAMIC, FAMILY_LLAMA },
        { "gemma", "gemma", ROPE_SCALING_NONE, FAMILY_GEMMA },
        { "falcon", "falcon", ROPE_SCALING_NONE, FAMILY_FALCON },
        { "falcon_two", "falcon_two", ROPE_SCALING_NONE, FAMILY_FALCON },
        { "neox_fast", "neox_fast", ROPE_SCALING_NONE, FAMILY_GPT_NEOX },
        { "starcoder2", "starcoder2", ROPE_SCALING_NONE, FAMILY_STARCODER2 },
        { "gemma2_usual", "gemma2_usual", ROPE_SCALING_NONE, FAMILY_GEMMA2 },
        { "gemma3_usual", "gemma3_usual", ROPE_SCALING_LINEAR, FAMILY_GEMMA3 },
        { "phi_usual", "phi_usual", ROPE_SCALING_NONE, FAMILY_PHI },
        { "smollm3_usual", "smollm3_usual", ROPE_SCALING_NONE, FAMILY_QWEN2 },
        { "mixtral", "mixtral.gguf", ROPE_SCALING_NONE, FAMILY_LLAMA },
        { "qwen3_moe", "qwen3_moe.gguf", ROPE_SCALING_NONE, FAMILY_QWEN3 },
        { "olmoe", "olmoe.gguf", ROPE_SCALING_NONE, FAMILY_QWEN3 },
        { "olmo2", "olmo2.gguf", ROPE_SCALING_NONE, FAMILY_OLMO2 },
        { "gpt_neox", "gpt_neox.gguf", ROPE_SCALING_NONE, FAMILY_GPT_NEOX },
        { "stablelm", "stablelm.gguf", ROPE_SCALING_NONE, FAMILY_STABLELM },
        { "phi_usual", "phi_usual.gguf", ROPE_SCALING_NONE, FAMILY_PHI },
        { "phi3", "phi3.gguf", ROPE_SCALING_LONG, FAMILY_LLAMA },
        { "granite", "granite.gguf", ROPE_SCALING_NONE, FAMILY_QWEN2 },
        { "starcoder2", "starcoder2.gguf", ROPE_SCALING_NONE,
          FAMILY_STARCODER2 },
        { "gemma2_usual", "gemma2_usual.gguf", ROPE_SCALING_NONE,
          FAMILY_GEMMA2 },
        { "gemma3_usual", "gemma3_usual.gguf", ROPE_SCALING_LINEAR,
          FAMILY_GEMMA3 },
        { "smollm3_usual", "smollm3_usual.gguf", ROPE_SCALING_NONE,
          FAMILY_QWEN2 },
        { "stablelm_heads", "stablelm_heads.gguf", ROPE_SCALING_NONE,
          FAMILY_STABLELM },
        { "falcon_usual", "falcon_usual", ROPE_SCALING_NONE, FAMILY_FALCON },
        { "falcon_usual", "falcon_usual.gguf", ROPE_SCALING_NONE,
          FAMILY_FALCON },
        { "falcon_both", "falcon_both", ROPE_SCALING_NONE, FAMILY_FALCON },
        { "falcon_both", "falcon_both.gguf", ROPE_SCALING_NONE, FAMILY_FALCON },
        { "gemma_usual", "gemma_usual", ROPE_SCALING_NONE, FAMILY_GEMMA },
        { "gemma_usual", "gemma_usual.gguf", ROPE_SCALING_NONE, FAMILY_GEMMA },
        { "qwen2_moe_usual", "qwen2_moe_usual", ROPE_SCALING_NONE,
          FAMILY_QWEN2 },
        { "qwen2_moe_usual", "qwen2_moe_usual.gguf", ROPE_SCALING_NONE,
          FAMILY_QWEN2 },
    };
    return cr_make_param_array(struct class, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct class *c, classes,
                  the_logits_are_those_of_transformers)
{
    char path[FILE_PATH_SIZE];
    struct source source;
    struct expected want;

    snprintf(path, sizeof path, "tests/data/classes/%s", c->file);
    read_expected(&want, c->name);
    struct model *model = open_source(&source, path, false);
    cr_expect(eq(int, source.spec.rope_scaling.kind, c->kind));
    cr_expect(eq(int, spec_family(&source.spec), c->family));
    double off = difference(model, &want);
    cr_log_info("%s: off by %.2g", c->file, off);
    cr_expect(off <= 2e-5, "%s: off by %g", c->file, off);
    model_close(model);
}

/* So that what is tested of a class, decoding and costs among it, holds for both.
 * Where a scale of scores is 1, one says so and the other says nothing. */
Test(classes, a_gguf_file_has_the_shape_of_the_directory_it_was_made_from)
{
    static const char *const names[] = {
        "qwen2", "qwen3", "mistral", "gpt2", "olmo2", "gpt_neox", "stablelm",
        "phi3", "phi_usual", "granite", "starcoder2", "gemma2_usual",
        "gemma3_usual", "smollm3_usual", "mixtral", "qwen3_moe", "olmoe",
        "stablelm_heads", "gemma_usual", "qwen2_moe_usual", "falcon_usual",
        "falcon_both",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[FILE_PATH_SIZE];
        struct source source[2];
        struct error err = { STATUS_OK, "" };

        for (int k = 0; k < 2; k++) {
            snprintf(path, sizeof path, "tests/data/classes/%s%s", names[i],
                     k ? ".gguf" : "");
            cr_assert(eq(int, source_read(&source[k], path, NULL, 0, &err),
                         STATUS_OK), "%s", err.text);
            if (!(source[k].spec.fold.scores != 1.0f))
                source[k].spec.fold.scores = 0.0f;
        }
        cr_expect(eq(u64, memory_parameters(&source[0].spec),
                     memory_parameters(&source[1].spec)), "%s", names[i]);
        /* What routers are trained with, and the width that no layer has, are
         * said by one alone. */
        for (int k = 0; k < 2; k++)
            source[k].spec.experts.balance_loss =
                source[k].spec.experts.z_loss = 0.0;
        if (!spec_has_ffn(&source[0].spec))
            source[1].spec.n_ffn = source[0].spec.n_ffn;
        cr_expect(memcmp(&source[0].spec, &source[1].spec,
                         sizeof source->spec) == 0, "%s", names[i]);
    }
}

/* A config may claim what no file holds: it is found out before memory is taken,
 * of which this would need terabytes. */
Test(classes, a_config_that_claims_more_than_its_files_hold_is_refused)
{
    char directory[64], path[FILE_PATH_SIZE], here[FILE_PATH_SIZE];
    struct source source;
    struct error err = { STATUS_OK, "" };

    make_directory(directory);
    cr_assert(getcwd(here, sizeof here) != NULL);
    char *target = strcat(here, "/tests/data/classes/qwen2/model.safetensors");
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    cr_assert(symlink(target, path) == 0);
    snprintf(path, sizeof path, "%s/config.json", directory);
    FILE *file = fopen(path, "w");
    fputs("{\"model_type\":\"qwen2\",\"hidden_size\":65536,"
          "\"intermediate_size\":1048576,\"num_hidden_layers\":256,"
          "\"num_attention_heads\":64,\"num_key_value_heads\":64,"
          "\"max_position_embeddings\":1048576,\"vocab_size\":1048576}", file);
    fclose(file);
    cr_expect(eq(int, source_read(&source, directory, NULL, 0, &err),
                 STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "'model.embed_tokens.weight' is [37,24];"
                     " config.json calls for [1048576,65536]") != NULL, "%s",
              err.text);
    remove_directory(directory);
}

/* A class with a size that no tensor has, or one that it has no use for. */
static void try_size(const char *directory, const char *class, const char *key)
{
    char path[FILE_PATH_SIZE];
    struct source source;
    struct error err = { STATUS_OK, "" };

    snprintf(path, sizeof path, "tests/data/classes/%s/config.json", class);
    json_t *config = json_load_file(path, 0, NULL);
    cr_assert(config != NULL, "%s", path);
    if (json_object_get(config, key)) {
        json_object_set_new(config, key,
                            json_integer(strstr(key, "layer") ? 250 : 1 << 20));
        snprintf(path, sizeof path, "%s/config.json", directory);
        cr_assert(json_dump_file(config, path, 0) == 0);
        if (source_read(&source, directory, NULL, 0, &err) == STATUS_OK)
            cr_expect(memory_parameters(&source.spec) < 1 << 15, "%s, %s", class,
                      key);
        else
            cr_expect(strlen(err.text) > 0, "%s, %s", class, key);
    }
    json_decref(config);
}

/* In room for lists of tensors, of which these would need up to terabytes. */
Test(classes, sizes_that_no_tensor_has_are_refused_before_memory_is_taken)
{
    static const char *const all[] = {
        "qwen2", "gpt2", "qwen3", "mistral", "gemma", "gemma2", "gemma3", "olmo2",
        "gpt_neox", "falcon", "falcon_two", "stablelm", "stablelm_heads", "phi",
        "phi3", "opt", "smollm3", "granite", "starcoder2", "mixtral",
        "qwen2_moe", "qwen3_moe", "olmoe",
    };
    static const char *const keys[] = {
        "hidden_size", "n_embd", "intermediate_size", "n_inner", "ffn_dim",
        "ffn_hidden_size", "vocab_size", "num_hidden_layers", "n_layer",
        "num_attention_heads", "head_dim", "num_experts", "num_local_experts",
        "moe_intermediate_size", "shared_expert_intermediate_size",
        "max_position_embeddings", "n_positions",
    };

#ifndef __SANITIZE_ADDRESS__         /* which takes an address space of its own */
    const struct rlimit room = { 1ul << 29, 1ul << 29 };
    cr_assert(setrlimit(RLIMIT_AS, &room) == 0);
#endif
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char directory[64], path[FILE_PATH_SIZE];
        make_directory(directory);
        snprintf(path, sizeof path, "tests/data/classes/%s/model.safetensors",
                 all[i]);
        char *target = realpath(path, NULL);
        cr_assert(target != NULL);
        snprintf(path, sizeof path, "%s/model.safetensors", directory);
        cr_assert(symlink(target, path) == 0);
        free(target);
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            try_size(directory, all[i], keys[k]);
        remove_directory(directory);
    }
}

/* Each part that a class adds does change the logits: what would leave it out
 * would be found out. */
Test(classes, without_a_part_of_it_a_model_says_something_else)
{
    static const struct { const char *name; enum tensor_id moved; } all[] = {
        { "qwen2", TENSOR_QKV_BIAS }, { "qwen3", TENSOR_QUERY_GAMMA },
        { "qwen3", TENSOR_KEY_GAMMA }, { "llama3", TENSOR_COUNT },
        { "linear", TENSOR_COUNT }, { "gemma2", TENSOR_ADDED1_GAMMA },
        { "gemma3", TENSOR_ADDED2_GAMMA }, { "olmo2", TENSOR_KEY_GAMMA },
        { "gpt_neox", TENSOR_NORM2_BETA }, { "phi", TENSOR_DOWN_BIAS },
        { "stablelm_heads", TENSOR_QUERY_GAMMA },
        { "opt", TENSOR_NORM2_BETA },
        { "mixtral", TENSOR_EXPERT_ROUTER }, { "olmoe", TENSOR_EXPERT_UP },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char path[FILE_PATH_SIZE];
        struct source source;
        struct expected want;

        snprintf(path, sizeof path, "tests/data/classes/%s", all[i].name);
        read_expected(&want, all[i].name);
        struct model *model = open_source(&source, path, true);
        if (all[i].moved < TENSOR_COUNT)
            model_weights(model)[tensor_find(model_tensors(model), 0,
                                             all[i].moved)->offset] += 0.5f;
        cr_expect(difference(model, &want) > 1e-3, "%s", all[i].name);
        model_close(model);
    }
}
