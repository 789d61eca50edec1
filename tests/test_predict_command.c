/* test_predict_command.c - isobath predict as a user meets the routing keys: of
 * a shape, and of a model that was trained without them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/words.h"

int predict_command(int argc, char **argv);

enum { MOST_ARGUMENTS = 24, TEXT_SIZE = 1 << 16 };

static char directory[64], said[TEXT_SIZE], complained[TEXT_SIZE];

static void read_text(char text[TEXT_SIZE], const char *path)
{
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, TEXT_SIZE - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    cr_assert(file != NULL);
    fputs(text, file);
    cr_assert(fclose(file) == 0);
}

static void set_up(void)
{
    make_directory(directory);
    cr_assert(chdir(directory) == 0);
    write_file("m.yaml", "model: {family: llama, layers: 4, channels: 32,"
               " heads: 4, kv_heads: 2, ffn: 64, vocab: 100, max_tokens: 64}\n"
               "routing: {gate: one, capacity: 0.25}\n");
    cr_assert(mkdir("hf", 0777) == 0);
    write_file("hf/config.json", "{\"architectures\": [\"LlamaForCausalLM\"],"
               " \"model_type\": \"llama\", \"hidden_size\": 32,"
               " \"intermediate_size\": 64, \"num_hidden_layers\": 4,"
               " \"num_attention_heads\": 4, \"num_key_value_heads\": 2,"
               " \"vocab_size\": 100, \"max_position_embeddings\": 64,"
               " \"rms_norm_eps\": 1e-5, \"rope_theta\": 10000.0,"
               " \"hidden_act\": \"silu\", \"tie_word_embeddings\": true}\n");
}

static void tear_down(void)
{
    cr_expect(chdir("/") == 0);
    remove_directory(directory);
}

TestSuite(predict_command, .init = set_up, .fini = tear_down);

/* isobath predict ARGUMENTS -o out, all in this process. */
static int predict(const char *const *arguments)
{
    char *argv[MOST_ARGUMENTS] = { (char *)"isobath predict" };
    int argc = 1;

    for (; *arguments; arguments++)
        argv[argc++] = (char *)(uintptr_t)*arguments;
    argv[argc++] = (char *)"-o";
    argv[argc++] = (char *)"out";
    cr_assert(freopen("err", "w", stderr) != NULL);
    unlink("out");
    int code = predict_command(argc, argv);
    fflush(stderr);
    read_text(said, "out");
    read_text(complained, "err");
    return code;
}
#define PREDICT(...) predict((const char *const[]){ __VA_ARGS__, NULL })
#define SET(text) "--set", "routing." text

static double number_at(json_t *object, const char *path)
{
    char part[64];
    while (object && *path) {
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        object = json_object_get(object, part);
        path += n + (path[n] == '.');
    }
    cr_assert(object && json_is_number(object));
    return json_number_value(object);
}

static json_t *json_said(void)
{
    json_t *root = json_loads(said, 0, NULL);
    cr_assert(root != NULL, "%s%s", said, complained);
    return root;
}

#define FLOPS "totals.predicted.flops"
#define DENSE "dense.flops"

/* What layers 1 and 3 skip of T = 64 tokens, 48 each: of a row, the norm is
 * 4*32 + 19 = 147, up 2*32*128, act 21*64, down 2*64*32. */
Test(predict_command, the_feed_forward_part_alone)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--format",
        "json", SET("policy=every_nth"), SET("part=ffn")), 0), "%s",
              complained);
    json_t *root = json_said();
    cr_expect(eq(dbl, number_at(root, DENSE) - number_at(root, FLOPS),
                 2 * 48 * (147 + 8192 + 1344 + 4096.0)));
    json_decref(root);
}

Test(predict_command, says_what_is_routed_and_what_it_assumes)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill",
        SET("policy=token_norm"), SET("part=attention"),
        SET("skipped_keys=computed")), 0), "%s", complained);
    cr_expect(strstr(said, "2 routed around their attention, keys of skipped"
                           " tokens computed, by the signal norm, each keeps 16"
                           " of 64 tokens") != NULL, "%s", said);
    cr_expect(strstr(said, "evenly spaced") != NULL);
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "decode",
        SET("policy=hash"), SET("skipped_keys=carried")), 0), "%s", complained);
    cr_expect(strstr(said, "keys of skipped tokens carried") != NULL, "%s",
              said);
    cr_expect(strstr(said, "evenly spaced") == NULL, "%s", said);
}

/* As above, but 4 and a quarter of 60 are kept: 19 of 64, 45 skipped; and with
 * a fixed k, 16. */
Test(predict_command, the_first_tokens_are_paid_for)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--format",
        "json", SET("policy=every_nth"), SET("part=ffn"), SET("keep_first=4")),
                 0), "%s", complained);
    json_t *root = json_said();
    cr_expect(eq(dbl, number_at(root, DENSE) - number_at(root, FLOPS),
                 2 * 45 * (147 + 8192 + 1344 + 4096.0)));
    json_decref(root);
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill",
        SET("policy=every_nth"), SET("keep_first=4")), 0), "%s", complained);
    cr_expect(strstr(said, "the first 4 tokens always and of the others a"
                           " share, each keeps 19 of 64 tokens") != NULL, "%s",
              said);
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill",
        SET("policy=strided"), SET("keep_first=4")), 0), "%s", complained);
    cr_expect(strstr(said, "the first 4 tokens always, each keeps 16 of 64"
                           " tokens") != NULL, "%s", said);
}

Test(predict_command, explains_the_rows_of_a_part)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--explain",
        "norm", SET("policy=every_nth"), SET("part=ffn")), 0), "%s",
              complained);
    cr_expect(strstr(said, "layer 1           64 rows, then 16") != NULL, "%s",
              said);
}

Test(predict_command, refuses_what_no_formula_covers)
{
    cr_expect(eq(int, PREDICT("m.yaml", SET("policy=token_norm")), 2));
    cr_expect(strstr(complained, "routing.policy: training does not go by the"
                     " signal norm") != NULL, "%s", complained);
    cr_expect(strstr(complained, "--phase prefill or decode") != NULL);
    cr_expect(eq(int, PREDICT("m.yaml", "--phase", "decode",
                              SET("policy=attention_received")), 2));
    cr_expect(strstr(complained, "looks ahead") != NULL, "%s", complained);
    cr_expect(eq(int, PREDICT("m.yaml", "--phase", "prefill",
        SET("policy=every_nth"), SET("part=ffn"), SET("skipped_keys=carried")),
                 2));
    cr_expect(strstr(complained, "--set: routing.skipped_keys carried: with"
                     " routing.part ffn") != NULL, "%s", complained);
}

/* The same shape, as a file of Hugging Face and routed by settings alone. */
Test(predict_command, a_model_with_weights_is_routed_by_settings)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--format",
        "json", SET("policy=token_norm"), SET("skipped_keys=carried")), 0),
              "%s", complained);
    json_t *shape = json_said();
    cr_assert(eq(int, PREDICT("hf", "--phase", "prefill", "--format", "json",
        SET("policy=token_norm"), SET("skipped_keys=carried"),
        SET("capacity=0.25")), 0), "%s", complained);
    json_t *model = json_said();
    cr_expect(eq(dbl, number_at(model, FLOPS), number_at(shape, FLOPS)));
    cr_expect(eq(dbl, number_at(model, DENSE), number_at(shape, DENSE)));
    json_t *set = json_object_get(json_object_get(json_object_get(model,
                                  "config"), "model"), "set");
    cr_expect(eq(sz, json_array_size(set), 3));
    json_decref(shape);
    json_decref(model);

    cr_expect(eq(int, PREDICT("hf", "--set", "model.layers=2"), 2));
    cr_expect(strstr(complained, "--set model.layers=2: hf/config.json has"
                     " weights") != NULL, "%s", complained);
    cr_expect(eq(int, PREDICT("hf", SET("policy=expert_choice"),
                              SET("capacity=0.5")), 2));
    cr_expect(strstr(complained, "has no router; allowed are") != NULL, "%s",
              complained);
}

/* Layer 1 kept half, layer 3 a quarter. */
Test(predict_command, a_trace_says_blocks_and_capacities)
{
    write_file("t.csv", "window,layer,tokens,kept\n0,1,8,0-3\n0,3,8,2 5\n");
    cr_assert(eq(int, PREDICT("hf", "--phase", "prefill", SET("policy=replay"),
                              SET("replay=t.csv")), 0), "%s", complained);
    cr_expect(strstr(said, "2 routed, they keep 16 to 32 of 64 tokens") != NULL,
              "%s", said);
    cr_expect(eq(int, PREDICT("hf", "--phase", "prefill",
                              SET("policy=replay"), SET("replay=no.csv")), 2));
    cr_expect(strstr(complained, "no.csv") != NULL, "%s", complained);
    write_file("t.csv", "window,layer,tokens,kept\n0,1,8,0-3\n0,3,8,2 9\n");
    cr_expect(eq(int, PREDICT("hf", "--phase", "prefill",
                              SET("policy=replay"), SET("replay=t.csv")), 2));
    cr_expect(strstr(complained, "t.csv:3:9: a kept position: allowed is 3 to"
                                 " 7") != NULL, "%s", complained);
}
