/* test_source.c - Read all that a MODEL on the command line may name. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "models/files/checkpoint.h"
#include "models/files/source.h"
#include "tests/cases.h"
#include "tests/shared.h"
#include "tests/words.h"

static const struct shape tiny = { .n_channels = 8, .n_heads = 2,
    .n_kv_heads = 1, .head_size = 4, .n_ffn = 12, .n_vocab = 11, .n_layers = 2,
    .n_sequences = 1, .n_tokens = 6 };
static const struct model_options options = { .n_sequences = 1, .n_tokens = 6,
                                              .n_threads = 1 };
static char directory[64];

static struct model *exported(void)
{
    struct model_spec spec = case_spec(&tiny, FAMILY_LLAMA, 0.5, PATTERN_ODD);
    struct model *model = case_model(&spec, &options, 3);

    model_thresholds(model)[1] = 0.25f;
    make_directory(directory);
    cr_assert(eq(int, checkpoint_export(model, case_policy("expert_choice"),
                                        directory, NULL), STATUS_OK));
    return model;
}

static void write_yaml(char path[96], const char *text)
{
    make_directory(directory);
    snprintf(path, 96, "%s/model.yaml", directory);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    cr_assert(fclose(file) == 0);
}

static const char yaml[] = "model:\n  family: gpt2\n  layers: 2\n"
                           "  channels: 8\n  heads: 2\n  max_tokens: 6\n"
                           "routing:\n  capacity: 0.5\n";

Test(source, a_directory_has_weights_and_thresholds)
{
    struct model *model = exported(), *again = NULL;
    struct source source;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, source_read(&source, directory, NULL, 0, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(source.has_weights);
    cr_expect(eq(i32, source.spec.n_channels, 8));
    cr_expect(source.routing.policy == case_policy("expert_choice"));
    cr_expect(source.routing.has_thresholds);
    cr_assert(eq(int, model_open(&again, &source.spec, &options, &err),
                 STATUS_OK), "%s", err.text);
    cr_assert(eq(int, source_fill(&source, again, 1, &err), STATUS_OK), "%s",
              err.text);
    /* The file of its weights means it, too. */
    char file[96];
    snprintf(file, sizeof file, "%s/model.safetensors", directory);
    cr_assert(eq(int, source_read(&source, file, NULL, 0, &err), STATUS_OK),
              "%s", err.text);
    cr_expect_str_eq(source.path, directory);
    const struct tensor *t = tensor_find(model_tensors(model), 1,
                                         TENSOR_ROUTER);
    cr_expect(memcmp(model_weights(model) + t->offset,
                     model_weights(again) + t->offset,
                     t->n * sizeof(float)) == 0);
    cr_expect(eq(flt, model_thresholds(again)[1], 0.25f));
    model_close(again);
    model_close(model);
    remove_directory(directory);
}

/* A model with a head of its own, under a config that says it is tied. */
static bool read_as_tied(bool same_head)
{
    struct model_spec spec = case_spec(&tiny, FAMILY_LLAMA, 0.5, PATTERN_ODD);
    struct source source;
    struct error err = { STATUS_OK, "" };
    char command[192];

    spec.tied_head = false;
    struct model *model = case_model(&spec, &options, 3);
    const struct tensor *head = tensor_find(model_tensors(model), -1,
                                            TENSOR_HEAD);
    const struct tensor *tokens = tensor_find(model_tensors(model), -1,
                                              TENSOR_WTE);
    if (same_head)
        memcpy(model_weights(model) + head->offset,
               model_weights(model) + tokens->offset, head->n * sizeof(float));
    make_directory(directory);
    cr_assert(eq(int, checkpoint_export(model, case_policy("expert_choice"),
                                        directory, NULL), STATUS_OK));
    snprintf(command, sizeof command, "sed -i 's/\\(tie_word_embeddings\": *\\)"
             "false/\\1true/' %s/config.json", directory);
    cr_assert(system(command) == 0);
    cr_assert(eq(int, source_read(&source, directory, NULL, 0, &err),
                 STATUS_OK), "%s", err.text);
    model_close(model);
    remove_directory(directory);
    return source.spec.tied_head;
}

Test(source, a_head_that_is_not_the_embedding_is_not_tied)
{
    cr_expect(read_as_tied(true));
    cr_expect(not(read_as_tied(false)));
}

Test(source, the_dense_twin_takes_the_same_weights)
{
    struct model *model = exported(), *twin = NULL;
    struct source source;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, source_read(&source, directory, NULL, 0, &err),
                 STATUS_OK));
    struct model_spec dense = spec_dense(&source.spec);
    cr_assert(eq(int, model_open(&twin, &dense, &options, &err), STATUS_OK));
    cr_assert(eq(int, source_fill(&source, twin, 1, &err), STATUS_OK), "%s",
              err.text);
    const struct tensor *a = tensor_find(model_tensors(model), 1, TENSOR_DOWN);
    const struct tensor *b = tensor_find(model_tensors(twin), 1, TENSOR_DOWN);
    cr_expect(memcmp(model_weights(model) + a->offset,
                     model_weights(twin) + b->offset,
                     a->n * sizeof(float)) == 0);
    model_close(twin);
    model_close(model);
    remove_directory(directory);
}

Test(source, a_gguf_file_goes_by_its_magic_whatever_its_name)
{
    static const char *const names[] = { "m.gguf", "m", "m.bin", "m.yaml",
                                         "m.safetensors", "sha256-0" };
    char target[FILE_PATH_SIZE], link[FILE_PATH_SIZE];

    cr_assert(getcwd(target, sizeof target - 40) != NULL);
    strcat(target, "/tests/data/classes/llama3.gguf");
    make_directory(directory);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct source source;
        struct error err = { STATUS_OK, "" };
        snprintf(link, sizeof link, "%s/%s", directory, names[i]);
        cr_assert(symlink(target, link) == 0);
        cr_assert(eq(int, source_read(&source, link, NULL, 0, &err), STATUS_OK),
                  "%s", err.text);
        cr_expect(source.kind == SOURCE_GGUF && source.has_weights);
        cr_expect(eq(str, source.path, link));
        cr_expect(eq(str, source.tokenizer, link));
        cr_expect(eq(i32, source.spec.n_vocab, 37));
    }
    remove_directory(directory);
}

Test(source, a_file_is_a_shape_whose_weights_are_drawn)
{
    struct model *model = NULL, *again = NULL;
    struct source source;
    struct error err = { STATUS_OK, "" };
    char path[96];

    write_yaml(path, yaml);
    cr_assert(eq(int, source_read(&source, path, NULL, 0, &err), STATUS_OK),
              "%s", err.text);
    cr_expect(not(source.has_weights));
    cr_expect(not(source.routing.has_thresholds));
    cr_expect(source.routing.policy == case_policy("expert_choice"));
    cr_assert(eq(int, model_open(&model, &source.spec, &options, &err),
                 STATUS_OK));
    cr_assert(eq(int, model_open(&again, &source.spec, &options, &err),
                 STATUS_OK));
    cr_assert(eq(int, source_fill(&source, model, 1, &err), STATUS_OK));
    cr_assert(eq(int, source_fill(&source, again, 2, &err), STATUS_OK));
    cr_expect(model_weights(model)[0] != model_weights(again)[0]);
    model_close(again);
    model_close(model);
    remove_directory(directory);
}

Test(source, settings_bend_a_file)
{
    const struct config_setting deeper = { .text = "model.layers=5" };
    struct source source;
    char path[96];

    write_yaml(path, yaml);
    cr_assert(eq(int, source_read(&source, path, &deeper, 1, NULL),
                 STATUS_OK));
    cr_expect(eq(i32, source.spec.n_layers, 5));
    remove_directory(directory);
}

static void expect_refused(const char *path, const struct config_setting *set,
                           const char *needle)
{
    struct source source;
    struct error err = { STATUS_OK, "" };
    cr_expect(eq(int, source_read(&source, path, set, set ? 1 : 0, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, needle) != NULL, "%s", err.text);
}

Test(source, settings_do_not_bend_weights)
{
    const struct config_setting deeper = { .text = "model.layers=5" };
    struct model *model = exported();
    expect_refused(directory, &deeper, "its shape is fixed");
    model_close(model);
    remove_directory(directory);
}

/* A directory of a dense model: a checkpoint of one that routes nothing. */
static void export_dense(void)
{
    struct model_spec routed = case_spec(&tiny, FAMILY_LLAMA, 0.5, PATTERN_ODD);
    struct model_spec spec = spec_dense(&routed);
    struct model *model = case_model(&spec, &options, 3);

    make_directory(directory);
    cr_assert(eq(int, checkpoint_export(model, case_policy("dense"), directory,
                                        NULL), STATUS_OK));
    model_close(model);
}

Test(source, settings_route_a_dense_model_with_weights)
{
    const struct config_setting settings[] = {
        { .text = "routing.policy=every_nth" },
        { .text = "routing.capacity=0.5" },
        { .text = "routing.part=attention" },
        { .text = "routing.skipped_keys=computed" },
    };
    struct source source;
    struct model *model = NULL;
    struct error err = { STATUS_OK, "" };

    export_dense();
    cr_assert(eq(int, source_read(&source, directory, settings, 4, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(source.routing.policy == case_policy("every_nth"));
    cr_expect(source.spec.routed[1] && !source.spec.routed[0]);
    cr_expect(eq(int, source.spec.gate, GATE_ONE));
    cr_expect(eq(int, source.spec.part, PART_ATTENTION));
    cr_expect(eq(int, source.spec.skipped_keys, SKIPPED_KEYS_COMPUTED));
    cr_expect_str_eq(source.replay, "");
    /* its dense twin takes the weights */
    struct model_spec dense = spec_dense(&source.spec);
    cr_assert(eq(int, model_open(&model, &dense, &options, &err), STATUS_OK));
    cr_expect(eq(int, source_fill(&source, model, 1, &err), STATUS_OK), "%s",
              err.text);
    model_close(model);
    expect_refused(directory, &(struct config_setting){
        .text = "routing.policy=expert_choice" }, "has no router");
    expect_refused(directory, &(struct config_setting){
        .text = "model.layers=3" }, "its shape is fixed");
    remove_directory(directory);
}

Test(source, a_checkpoint_that_names_a_rule_it_cannot_serve_is_refused)
{
    struct model *model = exported();
    char command[200];

    snprintf(command, sizeof command, "sed -i"
             " s/expert_choice/attention_received/ %s/config.json", directory);
    cr_assert(system(command) == 0);
    expect_refused(directory, NULL, "goes by the signal received");
    model_close(model);
    remove_directory(directory);
}

Test(source, a_directory_without_a_model_is_told_from_one_with)
{
    make_directory(directory);
    expect_refused(directory, NULL, "no config.json in it");
    remove_directory(directory);
}

Test(source, what_does_not_exist_is_named)
{
    expect_refused("/nowhere/model", NULL, "/nowhere/model");
}

Test(source, a_gguf_file_without_a_model_says_so)
{
    char path[96];
    make_directory(directory);
    snprintf(path, sizeof path, "%s/x.gguf", directory);
    FILE *file = fopen(path, "w");
    fwrite("GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 1, 24, file);
    cr_assert(fclose(file) == 0);
    expect_refused(path, NULL, "no general.architecture in it");
    remove_directory(directory);
}

Test(source, a_vocabulary_alone_is_no_model)
{
    char path[FILE_PATH_SIZE];
    shared_path(path, "tokenizers/ggml-vocab-gpt-2.gguf");
    struct source source;
    struct error err = { STATUS_OK, "" };
    cr_expect(eq(int, source_read(&source, path, NULL, 0, &err),
                 STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "no tensor token_embd.weight") != NULL, "%s",
              err.text);
}

Test(source, a_model_of_llama2c_has_weights_and_no_tokenizer)
{
    char path[FILE_PATH_SIZE];
    const struct config_setting deeper = { .text = "model.layers=5" };
    struct source source;
    struct model *model = NULL;

    shared_path(path, "llama2c/stories260K.bin");
    cr_assert(eq(int, source_read(&source, path, NULL, 0, NULL), STATUS_OK));
    cr_expect(source.has_weights && source.kind == SOURCE_LLAMA2C);
    cr_expect(strcmp(source.tokenizer, "") == 0);
    cr_expect(source.routing.policy == case_policy("dense"));
    cr_assert(eq(int, model_open(&model, &source.spec, &options, NULL),
                 STATUS_OK));
    cr_expect(eq(int, source_fill(&source, model, 1, NULL), STATUS_OK));
    cr_expect(model_weights(model)[0] != 0.0f);
    expect_refused(path, &deeper, "its shape is fixed");
    model_close(model);
}
