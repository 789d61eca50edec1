/* test_prompt.c - Run isobath run --prompt as a user does: the text alone on
 * standard output, a row a token, costs as predicted, a message where it cannot
 * run. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models/commands/run_prompt_answer.h"
#include "sim/core/base/clock.h"
#include "tests/shared.h"
#include "tests/words.h"

static char directory[64];

/* The exit code of `isobath` with these arguments; stdout and stderr are files
 * in the directory.  The program lies beside the folder of this test. */
__attribute__((format(printf, 1, 2)))
static int isobath(const char *format, ...)
{
    char program[512], arguments[2048], command[3072];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    va_list args;

    cr_assert(n > 0);
    program[n] = '\0';
    for (int up = 0; up < 2; up++)
        *strrchr(program, '/') = '\0';
    va_start(args, format);
    vsnprintf(arguments, sizeof arguments, format, args);
    va_end(args);
    snprintf(command, sizeof command, "cd '%s' && '%s/isobath' %s --threads 1"
             " >stdout 2>stderr", directory, program, arguments);
    int how = system(command);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

/* A file of the directory; the caller frees. */
static char *text_of(const char *name)
{
    char path[128], *text;
    size_t size;
    struct error err = { STATUS_OK, "" };

    snprintf(path, sizeof path, "%s/%s", directory, name);
    cr_assert(eq(int, file_read(&text, &size, path, 1 << 20, &err), STATUS_OK),
              "%s", err.text);
    return text;
}

static void expect_said(const char *file, const char *needle)
{
    char *text = text_of(file);
    cr_expect(strstr(text, needle) != NULL, "no '%s' in: %s", needle, text);
    free(text);
}

static json_t *summary_of(const char *run)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s/summary.json", directory, run);
    json_t *summary = json_load_file(path, 0, NULL);
    cr_assert(summary != NULL);
    return summary;
}

static bool agreed(json_t *summary)
{
    return json_is_true(json_object_get(summary, "counted_equals_predicted"));
}

static bool has_object(json_t *json, const char *key)
{
    return json_is_object(json_object_get(json, key));
}

static int lines_of(const char *text)
{
    int n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL);
    fputs(text, file);
    cr_assert(fclose(file) == 0);
}

static void set_up(void)
{
    char path[128];
    make_directory(directory);
    snprintf(path, sizeof path, "%s/text", directory);
    write_words(path);
    write_file("tiny.yaml", "model: {family: llama, layers: 2, channels: 16,"
                            " heads: 2, max_tokens: 40, qkv_bias: true}\n"
                            "routing: {policy: dense}\n");
}

static void tear_down(void)
{
    remove_directory(directory);
}

TestSuite(prompt, .init = set_up, .fini = tear_down);

/* Bytes are tokens; a model that was never trained says anything, but it
 * repeats it, all of it is UTF-8, and nothing else is on standard output. */
Test(prompt, the_text_alone_is_on_standard_output)
{
    const double started = clock_seconds();
    cr_assert(eq(int, isobath("run tiny.yaml --prompt 'In the' -n 20 -o r"),
                 0));
    const double seconds = clock_seconds() - started;
    json_t *summary = summary_of("r");
    json_t *g = json_object_get(summary, "generation");
    char *said = text_of("stdout");

    cr_expect_str_eq(said, json_string_value(json_object_get(g, "text")));
    cr_expect(eq(int, (int)json_integer_value(
        json_object_get(g, "prompt_tokens")), 6));
    cr_expect(eq(int, (int)json_integer_value(
        json_object_get(g, "new_tokens")), 20));
    cr_expect(agreed(summary));
    const double opened = json_real_value(json_object_get(g, "open_seconds"));
    cr_expect(opened > 0.0 && opened < seconds, "%g of %g s", opened, seconds);
    expect_said("stderr", "prompt of 6 tokens, 20 new, ended by length");
    expect_said("stderr", "opened ");
    expect_said("stderr", "counted == predicted");
    expect_said("stderr", "B/s of weights");
    cr_assert(eq(int, isobath("run tiny.yaml --prompt 'In the' -n 20 -q"), 0));
    char *again = text_of("stdout"), *silent = text_of("stderr");
    cr_expect_str_eq(again, said);
    cr_expect_str_eq(silent, "");
    free(silent);
    free(again);
    free(said);
    json_decref(summary);
}

/* test_predict.c works out from op.h what a token costs; here the rows of the
 * table, for the six tokens of the prompt and each new one, must agree with the
 * summary.  C = 16, two heads: a token's flops grow only where its keys fill
 * another tile of 16. */
Test(prompt, a_row_for_every_new_token)
{
    cr_assert(eq(int, isobath("run tiny.yaml --prompt 'In the' -n 14 -o r"),
                 0));
    char *table = text_of("r/tokens.csv"), *line = strchr(table, '\n') + 1;
    unsigned long long flops[14] = { 0 }, bytes = 0, sum = 0;
    int position, token, rows = 0;
    double seconds;

    cr_expect(eq(int, lines_of(table), 15));
    cr_expect(strncmp(table, "position,token,text,seconds,flops,bytes\r\n",
                      41) == 0, "%s", table);
    for (; *line; line = strchr(line, '\n') + 1, rows++) {
        cr_assert(sscanf(line, "%d,%d,", &position, &token) == 2);
        cr_expect(eq(int, position, 6 + rows));
        /* From the back: the text may hold anything. */
        char *end = strchr(line, '\r'), *at = end;
        for (int commas = 0; commas < 3; commas += *at == ',')
            at--;
        int n = sscanf(at, ",%lf,%llu,%llu", &seconds, &flops[rows], &bytes);
        cr_expect(rows < 13 ? n == 3 : n < 1, "row %d: %d", rows, n);
        sum += flops[rows];
    }
    cr_expect(eq(int, rows, 14));
    /* Positions 6..15 run over 16 keys, 16..18 over 32. */
    for (int i = 1; i < 13; i++)
        cr_expect(i == 10 ? flops[i] > flops[i - 1]
                          : flops[i] == flops[i - 1], "row %d", i);
    json_t *summary = summary_of("r");
    json_t *counted = json_object_get(json_object_get(
        json_object_get(summary, "totals"), "counted"), "flops");
    json_t *prefill = json_object_get(json_object_get(summary, "generation"),
                                      "prefill_flops");
    cr_expect(eq(int, (int)json_integer_value(counted),
                 (int)sum + (int)json_integer_value(prefill)));
    json_decref(summary);
    free(table);
}

Test(prompt, draws_go_by_their_seed)
{
    static const char *const rules[] = {
        "--seed 3", "--seed 3", "--seed 4", "--seed 3 --top-k 1",
    };
    char *said[4], *greedy;

    for (int i = 0; i < 4; i++) {
        cr_assert(eq(int, isobath("run tiny.yaml --prompt A -n 30"
                                  " --temperature 1 %s", rules[i]), 0));
        said[i] = text_of("stdout");
    }
    cr_assert(eq(int, isobath("run tiny.yaml --prompt A -n 30 --seed 3"), 0));
    greedy = text_of("stdout");
    cr_expect_str_eq(said[0], said[1]);
    cr_expect(strcmp(said[0], said[2]) != 0);
    cr_expect_str_eq(said[3], greedy);          /* one is left to draw from */
    free(greedy);
    for (int i = 0; i < 4; i++)
        free(said[i]);
}

/* Of the text nothing changes; what was drafted is told, and each round costs what
 * is predicted. */
Test(prompt, drafts_change_no_token)
{
    write_file("deep.yaml", "model: {family: llama, layers: 4, channels: 16,"
                            " heads: 2, max_tokens: 80}\n");
    cr_assert(eq(int, isobath("run deep.yaml --prompt ab -n 60 -o plain"), 0));
    char *plain = text_of("stdout");
    cr_assert(eq(int, isobath("run deep.yaml --prompt ab -n 60 --draft-layers 3"
                              " --drafts 5 -o drafted"), 0));
    char *drafted = text_of("stdout");
    cr_expect(eq(str, drafted, plain));
    expect_said("stderr", "accepted");
    json_t *summary = summary_of("drafted");
    json_t *drafts = json_object_get(json_object_get(summary, "generation"),
                                     "drafts");
    cr_expect(agreed(summary));
    cr_expect(gt(int, (int)json_integer_value(json_object_get(drafts,
                                                              "drafted")), 0));
    json_decref(summary);
    free(drafted);
    free(plain);
    cr_expect(eq(int, isobath("run deep.yaml --prompt ab --draft-layers 4"), 2));
    expect_said("stderr", "--draft-layers 4");
    cr_expect(eq(int, isobath("run deep.yaml --prompt ab --draft-layers 2"
                              " --temperature 1"), 2));
    expect_said("stderr", "--temperature");
}

Test(prompt, other_forms_and_standard_input)
{
    cr_assert(eq(int, isobath("run tiny.yaml --prompt - -n 3 --format json"
                              " <tiny.yaml"), 2));
    expect_said("stderr", "tokens: tiny.yaml has positions for 40");
    write_file("in", "In the");
    cr_assert(eq(int, isobath("run tiny.yaml --prompt - -n 3 --format csv"
                              " <in"), 0));
    char *table = text_of("stdout");
    cr_expect(eq(int, lines_of(table), 4));
    cr_expect(strstr(table, "\n6,") && strstr(table, "\n8,"));
    free(table);
    cr_assert(eq(int, isobath("run tiny.yaml --prompt - -n 3 --format json"
                              " <in"), 0));
    char *text = text_of("stdout");
    json_t *summary = json_loads(text, 0, NULL);
    cr_expect(has_object(summary, "generation"));
    json_decref(summary);
    free(text);
}

/* Of a model whose second layer routes its parts apart. */
Test(prompt, a_row_tells_which_parts_kept_the_token)
{
    const struct model_spec spec = { .n_layers = 2, .part = PART_APART,
                                     .routed = { false, true } };
    const struct new_token token[2] = {
        { .id = 'a', .ran = true, .n_tokens = 1, .seconds = 0.5, .flops = 7,
          .bytes = 8 },
        { .id = 'b' },
    };
    const bool kept[4] = { false, true };
    char *table = NULL;
    size_t size;
    FILE *file = open_memstream(&table, &size);

    run_prompt_csv(file, &(struct run_prompt_answer){
        .spec = &spec, .n_prompt = 3, .n_new = 2, .token = token, .kept = kept,
        .n_kept = 2 });
    fclose(file);
    cr_expect_str_eq(table, "position,token,text,seconds,flops,bytes,"
                            "attention_1,ffn_1\r\n"
                            "3,97,a,0.5,7,8,0,1\r\n"
                            "4,98,b,,,,,\r\n");
    free(table);
}

static void expect_rules(json_t *summary, const char *rule, const char *step,
                         int keep_first)
{
    json_t *routing = json_object_get(summary, "routing");
    cr_expect_str_eq(json_string_value(json_object_get(routing, "rule")), rule);
    cr_expect_str_eq(json_string_value(json_object_get(routing, "step_rule")),
                     step);
    cr_expect(eq(int, (int)json_integer_value(json_object_get(routing,
              "keep_first")), keep_first));
    cr_expect(agreed(summary));
}

Test(prompt, a_rule_that_looks_ahead_routes_the_prompt_and_its_twin_goes_on)
{
    static const struct { const char *rule, *step; } rules[] = {
        { "token_norm_top_k", "token_norm" }, { "strided", "every_nth" },
        { "residual_change_top_k", "residual_change" }, { "random", "drawn" },
        { "first_k", "every_nth" }, { "last_k", "every_nth" },
        { "hash", "hash" },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        for (int first = 0; first < 3; first += 2) {
            char run[32];
            snprintf(run, sizeof run, "%zu-%d", i, first);
            cr_assert(eq(int, isobath("run tiny.yaml --prompt 'the light' -n 12"
                " -o %s --set routing.policy=%s --set routing.gate=one --set"
                " routing.capacity=0.5 --set routing.keep_first=%d", run,
                rules[i].rule, first), 0), "%s", rules[i].rule);
            json_t *summary = summary_of(run);
            expect_rules(summary, rules[i].rule, rules[i].step, first);
            json_decref(summary);
        }
}

/* Every second token, counted from the start, is kept by both parts. */
Test(prompt, parts_apart_go_on_as_predicted)
{
    cr_assert(eq(int, isobath("run tiny.yaml --prompt ABC -n 4 -o r --set"
                              " routing.policy=every_nth --set"
                              " routing.gate=one --set"
                              " routing.capacity=0.5 --set"
                              " routing.part=apart"), 0));
    char *table = text_of("r/tokens.csv"), *line = table;
    static const char *const ends[] = { ",attention_1,ffn_1\r\n", ",1,1\r\n",
                                        ",0,0\r\n", ",1,1\r\n",
                                        ",,,,,\r\n" };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char *end = strchr(line, '\n') + 1;
        const size_t n = strlen(ends[i]);
        cr_expect(end - line >= (ptrdiff_t)n &&
                  memcmp(end - n, ends[i], n) == 0, "line %zu: %s", i, line);
        line = end;
    }
    free(table);
    json_t *summary = summary_of("r");
    cr_expect(agreed(summary));
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(
        summary, "routing"), "part")), "apart");
    json_decref(summary);
}

/* The last cell of each row, by position: whether the layer kept the token. */
static void read_kept(const char *run, char kept[64])
{
    char path[128];
    snprintf(path, sizeof path, "%s/tokens.csv", run);
    char *table = text_of(path), *line = strchr(table, '\n') + 1;

    for (; *line; line = strchr(line, '\n') + 1) {
        const int position = atoi(line);
        cr_assert(position >= 0 && position < 63);
        kept[position] = strchr(line, '\r')[-1];
    }
    free(table);
}

/* A prompt and what follows it, scored as a text: a rule that draws keeps the same
 * of them. */
Test(prompt, what_is_drawn_is_drawn_again_of_the_same_text)
{
    char said[64] = "In the", generated[64] = "", scored[64] = "";
    int n = 6, kept = 0;

    cr_assert(eq(int, isobath("run tiny.yaml --prompt 'In the' -n 30 -o r --set"
        " routing.policy=drawn --set routing.gate=one --set"
        " routing.capacity=0.5"), 0));
    char *table = text_of("r/tokens.csv"), *line = strchr(table, '\n') + 1;
    for (int position, token; *line; line = strchr(line, '\n') + 1) {
        cr_assert(sscanf(line, "%d,%d,", &position, &token) == 2);
        cr_assert(eq(int, position, n));
        said[n++] = (char)token;
    }
    cr_assert(eq(int, n, 36));
    write_file("said", said);
    cr_assert(eq(int, isobath("run tiny.yaml --text said --tokens -o s --set"
        " routing.policy=drawn --set routing.gate=one --set"
        " routing.capacity=0.5"), 0));
    read_kept("r", generated);
    read_kept("s", scored);
    for (int i = 6; i < 35; i++) {
        cr_expect(generated[i] == scored[i], "token %d: %c and %c", i,
                  generated[i], scored[i]);
        kept += generated[i] == '1';
    }
    cr_expect(kept > 0 && kept < 29);
    free(table);
}

/* The model's own rule: a routed layer's threshold, which the table shows. */
Test(prompt, a_trained_mixture_of_depths_goes_on)
{
    write_file("run.yaml",
        "model: {family: llama, layers: 2, channels: 16, heads: 2,"
        " max_tokens: 64}\n"
        "routing: {capacity: 0.25}\n"
        "data: {path: text, tokens: 32}\n"
        "train: {batch: 2, steps: 40, judge_windows: 4}\n");
    cr_assert(eq(int, isobath("train run.yaml -o trained -q"), 0));
    cr_assert(eq(int, isobath("run trained --prompt 'the light' -n 50 -o r"
                              " --temperature 1"), 0));
    expect_said("stderr", "\nkept    by routed layers, ");
    expect_said("stderr", " % of the prompt, ");
    expect_said("stderr", " % of the new ones\n");
    char *table = text_of("r/tokens.csv");
    cr_expect(strstr(table, ",bytes,block_1\r\n") != NULL);
    cr_expect(strstr(table, ",1\r\n") || strstr(table, ",0\r\n"));
    free(table);
    json_t *summary = summary_of("r"), *routing;
    routing = json_object_get(summary, "routing");
    cr_expect_str_eq(json_string_value(json_object_get(routing, "rule")),
                     "threshold");
    double kept = json_number_value(json_object_get(routing,
                                                    "capacity_realised"));
    cr_expect(kept > 0.0 && kept < 1.0, "%g", kept);
    cr_expect(agreed(summary));
    json_decref(summary);
    cr_assert(eq(int, isobath("run trained --prompt 'the light' -n 5 --policy"
                              " dense -o d"), 0));
    cr_assert(eq(int, isobath("run trained --prompt 'the light' -n 5 --policy"
                              " expert_choice -o e --set routing.keep_first=3"),
                 0));
    expect_said("stderr", "the prompt by expert_choice (looks ahead), new"
                " tokens by threshold (its causal twin), keep_first 3");
    summary = summary_of("e");
    expect_rules(summary, "expert_choice", "threshold", 3);
    json_decref(summary);
    /* Stored in float32, a model is kept in float32: the same text. */
    cr_assert(eq(int, isobath("run trained --prompt 'the light' -n 20"), 0));
    char *said = text_of("stdout");
    cr_assert(eq(int, isobath("run trained --prompt 'the light' -n 20 -o s"
                              " --weights stored"), 0));
    char *again = text_of("stdout");
    cr_expect_str_eq(again, said);
    summary = summary_of("s");
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(
        json_object_get(summary, "config"), "run"), "weights")), "f32");
    json_decref(summary);
    free(again);
    free(said);
}

Test(prompt, what_cannot_be_is_told)
{
    static const struct { const char *arguments, *words; } cases[] = {
        { "run tiny.yaml", "give --text FILE to score one, or --prompt TEXT" },
        { "run tiny.yaml --prompt A --weights stored",
          "tiny.yaml is a shape, without stored weights" },
        { "run tiny.yaml --text text --prompt a", "give one of them" },
        { "run tiny.yaml --text text -n 3", "--new: goes with --prompt" },
        { "run tiny.yaml --prompt a --window 8", "--window: goes with --text" },
        { "run tiny.yaml --prompt a --top-k 3", "give --temperature X too" },
        { "run tiny.yaml --prompt a --temperature -1", "allowed is a number, 0 to" },
        { "run tiny.yaml --prompt a --top-p 1.5", "allowed is a number, 0 to 1" },
        { "run tiny.yaml --prompt a -n 0", "--new 0: allowed is an integer, 1 to" },
        { "run tiny.yaml --prompt a -n 41",
          "after a prompt of 1 tokens, tiny.yaml has positions for 40 more" },
        { "run tiny.yaml --prompt ''", "no token that begins a text" },
        { "run tiny.yaml --prompt a --set routing.policy=expert_choice"
          " --set routing.capacity=0.5", "no thresholds to judge a token by" },
        { "run tiny.yaml --prompt a --set routing.policy=attention_received"
          " --set routing.capacity=0.5 --set routing.gate=one",
          "ranks a token by the attention of later tokens" },
        { "run tiny.yaml --prompt a --set weights.all=bf16",
          "tiny.yaml: weights: a shape's are drawn in float32" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect(eq(int, isobath("%s", cases[i].arguments), 2), "%s",
                  cases[i].arguments);
        expect_said("stderr", cases[i].words);
    }
    /* The last new token needs no position. */
    cr_expect(eq(int, isobath("run tiny.yaml --prompt a -n 40"), 0));
}

/* stories260K with n of its numbers, from the first-th on, made `x`: the token
 * table has 512*64, then come the first norms of its layers. */
static void write_damaged(const char *name, long first, long n, float x)
{
    enum { HEADER = 7 * sizeof(int32_t) };
    char model[FILE_PATH_SIZE], path[128], *bytes;
    size_t size;

    shared_path(model, "llama2c/stories260K.bin");
    cr_assert(eq(int, file_read(&bytes, &size, model, 1 << 24, NULL),
                 STATUS_OK));
    for (long i = first; i < first + n; i++)
        memcpy(bytes + HEADER + 4 * (size_t)i, &x, sizeof x);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(bytes, 1, size, file) == size);
    cr_assert(fclose(file) == 0);
    free(bytes);
}

Test(prompt, weights_that_are_no_numbers_or_overflow_are_an_error)
{
    static const char *const asks[] = { "--prompt Once -n 4", "--text text" };
    char tokenizer[FILE_PATH_SIZE];

    shared_path(tokenizer, "llama2c/tok512.bin");
    write_damaged("nan.bin", 512 * 64 + 3, 1, NAN);
    write_damaged("large.bin", 512 * 64, 64, 1e38f);
    write_file("text", "Once upon a time there was a text.\n");
    for (int i = 0; i < 2; i++) {
        cr_expect(eq(int, isobath("run nan.bin --tokenizer '%s' %s", tokenizer,
                                  asks[i]), 1));
        expect_said("stderr", "nan.bin: tensor model.layers.0.input_layernorm"
                    ".weight: a number in it is NaN or infinite");
        cr_expect(eq(int, isobath("run large.bin --tokenizer '%s' %s",
                                  tokenizer, asks[i]), 1));
        expect_said("stderr", "weights are damaged or overflow float32");
    }
}

/* Signalled while it speaks: the text so far stands, so does the summary. */
Test(prompt, interrupted_it_ends_with_its_summary)
{
    char path[128], command[2048], program[512];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

    program[n] = '\0';
    for (int up = 0; up < 2; up++)
        *strrchr(program, '/') = '\0';
    write_file("long.yaml", "model: {family: gpt2, layers: 8, channels: 256,"
                            " heads: 4, max_tokens: 100000}\n"
                            "routing: {policy: dense}\n");
    snprintf(path, sizeof path, "%s/stdout", directory);
    snprintf(command, sizeof command, "cd '%s' && { '%s/isobath' run long.yaml"
             " --prompt a -n 50000 -o r --threads 1 >stdout 2>stderr &"
             " for i in $(seq 100); do sleep 0.1; [ -s stdout ] && break; done;"
             " kill -INT $!; wait $!; echo $? >code; }", directory, program);
    cr_assert(system(command) == 0);
    expect_said("code", "130");
    expect_said("stderr", "ended by interrupted");
    json_t *summary = summary_of("r");
    cr_expect_str_eq(json_string_value(json_object_get(summary, "status")),
                     "interrupted");
    json_decref(summary);
}

/* llama2.c's own continuation, byte for byte, and its end of a text. */
Test(prompt, stories_go_on_as_llama2_c_tells_them)
{
    char model[FILE_PATH_SIZE], tokenizer[FILE_PATH_SIZE],
         story[FILE_PATH_SIZE], *want, *said;
    size_t size;

    shared_path(model, "llama2c/stories260K.bin");
    shared_path(tokenizer, "llama2c/tok512.bin");
    shared_path(story, "vectors/stories260K_greedy_n200.txt");
    cr_assert(eq(int, file_read(&want, &size, story, 1 << 20, NULL),
                 STATUS_OK));
    cr_assert(eq(int, isobath("run '%s' --tokenizer '%s' --prompt '' -n 200",
                              model, tokenizer), 0));
    said = text_of("stdout");
    /* Greedy from BOS: the file ends with a line end of llama2.c's own. */
    cr_expect(strlen(said) + 1 == size && strncmp(said, want, size - 1) == 0,
              "%s", said);
    free(said);
    cr_assert(eq(int, isobath("run '%s' --tokenizer '%s' --prompt '%.16s'"
                              " -n 100", model, tokenizer, want), 0));
    said = text_of("stdout");
    cr_expect(strncmp(said, want + 16, 100) == 0, "'%.16s' then '%s'", want,
              said);
    free(said);
    free(want);
}
