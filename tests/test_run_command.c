/* test_run_command.c - Run isobath run as a user does: losses, rows, twins,
 * what it refuses, and a sweep of it. */
#include <criterion/criterion.h>

#include "tests/cli.h"

TestSuite(run_command, .init = set_up, .fini = leave_directory);

static void train_a(void)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.judge_windows=0"), 0));
}

/* 236 tokens, 1.245570 nats a token, 0.828295 bits a byte: what llama2.c gives
 * with windows of 512 tokens, BOS one of them. */
Test(run_command, run_scores_a_llama2c_model_with_its_tokenizer)
{
    char model[FILE_PATH_SIZE], tokenizer[FILE_PATH_SIZE], text[FILE_PATH_SIZE];
    shared_from_here(model, "llama2c/stories260K.bin");
    shared_from_here(tokenizer, "llama2c/tok512.bin");
    shared_from_here(text, "text/nll_text_tinystory.txt");
    cr_assert(eq(int, ISOBATH("run", model, "--tokenizer", tokenizer, "--text",
                              text, "--window", "511", "-o", "r"), 0));
    json_t *scored = summary_of("r");
    cr_expect(eq(dbl, number_at(scored, "loss.heldout_tokens"), 236));
    cr_expect(eq(dbl, number_at(scored, "loss.heldout_bytes"), 512));
    cr_expect(epsilon_eq(dbl, number_at(scored, "loss.nats_per_token"),
                         1.245570, 5e-6));
    cr_expect(epsilon_eq(dbl, number_at(scored, "loss.bits_per_byte"),
                         0.828295, 5e-6));
    cr_expect(eq(dbl, number_at(scored, "counted_equals_predicted"), 1));
    json_decref(scored);
    cr_assert(eq(int, ISOBATH("run", model, "--text", text), 2));
    expect_said("stderr", "any other needs --tokenizer FILE");
}

/* Drawn and trained as once, so that the causal rule keeps far more than its
 * share. */
Test(run_command, run_finds_the_loss_that_training_reported)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.judge_windows=0", "--set",
                              "train.init_scheme=gpt2", "--set",
                              "train.schedule=cosine_to_last"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--split",
                              "validation", "-o", "r"), 0));
    expect_said("stdout", "counted == predicted: ");
    json_t *trained = summary_of("a"), *scored = summary_of("r");
    cr_expect(epsilon_eq(dbl, number_at(scored, "loss.heldout_causal"),
                         number_at(trained, "loss.heldout_causal"), 1e-5));
    cr_expect(epsilon_eq(dbl, number_at(scored, "loss.heldout_topk"),
                         number_at(trained, "loss.heldout_topk"), 1e-5));
    cr_expect(eq(dbl, number_at(scored, "loss.heldout_bytes"),
                 number_at(trained, "loss.heldout_bytes")));
    cr_expect(eq(dbl, number_at(scored, "counted_equals_predicted"), 1));
    cr_expect(eq(dbl, number_at(scored, "totals.counted.flops"),
                 number_at(scored, "totals.predicted.flops")));
    cr_expect(eq(dbl, number_at(scored, "totals.counted.bytes"),
                 number_at(scored, "totals.predicted.bytes")));
    cr_expect(number_at(scored, "totals.measured.seconds") > 0);
    /* Each loss stands with the flops of its own rule: run predicts them from
     * who was kept, training counted them as it judged. */
    cr_expect(number_at(trained, "routing.capacity_realised") > 0.5);
    cr_expect(epsilon_eq(dbl, number_at(scored, "flops_per_token_forward"),
                         number_at(trained, "flops_per_token_forward"), 1));
    json_t *own = json_array_get(json_object_get(json_object_get(scored,
                                 "loss"), "rules"), 1);
    cr_expect(eq(dbl, json_number_value(json_object_get(own,
                      "flops_per_token")),
                 number_at(trained, "flops_per_token_forward_topk")));
    cr_expect(number_at(trained, "flops_per_token_forward_topk") <
              0.8 * number_at(trained, "flops_per_token_forward"));
    json_decref(scored);
    json_decref(trained);
}

Test(run_command, run_finds_the_loss_that_training_reported_of_the_test_split)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.judge_windows=0", "--set",
                              "train.judge_split=test"), 0));
    json_t *trained = summary_of("a");
    cr_expect(eq(str, (char *)json_string_value(json_object_get(
        json_object_get(trained, "loss"), "heldout_split")), "test"));
    for (int test = 0; test < 2; test++) {
        cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--split",
                                  test ? "test" : "validation", "-o",
                                  test ? "t" : "v"), 0));
        json_t *scored = summary_of(test ? "t" : "v");
        cr_expect(eq(int, test, fabs(number_at(scored, "loss.heldout_causal") -
                                     number_at(trained, "loss.heldout_causal"))
                                     < 1e-5));
        json_decref(scored);
    }
    json_decref(trained);
}

/* Sums of the columns flops and loss_nats, and the number of rows. */
static void sum_tokens(const char *name, double *flops, double *nats, int *rows)
{
    FILE *file = fopen(name, "r");
    char line[512];
    double loss, each;

    *flops = *nats = 0;
    *rows = -1;
    while (fgets(line, sizeof line, file)) {
        const char *numbers = line;
        if (++*rows == 0)
            continue;
        /* A comma in the texts stands between quotes. */
        for (int field = 0; field < 5; numbers++)
            if (*numbers == '"')
                numbers = strchr(numbers + 1, '"');
            else
                field += *numbers == ',';
        cr_assert(sscanf(numbers, "%lf,%*f,%*d,%lf,", &loss, &each) == 2, "%s",
                  line);
        *nats += loss;
        *flops += each;
    }
    fclose(file);
}

Test(run_command, run_writes_a_row_for_every_byte_it_predicts)
{
    double flops, nats;
    int rows;

    train_a();
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit",
                              "1000", "-o", "r", "--tokens", "-q"), 0));
    expect_said("r/tokens.csv", "position,token,text,target,target_text,"
                "loss_nats,entropy_nats,blocks_used,flops,bytes,joules,"
                "block_1,score_block_1\r\n0,");
    sum_tokens("r/tokens.csv", &flops, &nats, &rows);
    json_t *s = summary_of("r");
    cr_expect(number_at(s, "load.cpu_seconds") > 0);
    cr_expect(isfinite(number_at(s, "load.busy")));
    cr_expect(eq(int, rows, 999));
    cr_expect(eq(dbl, flops, number_at(s, "totals.counted.flops")));
    cr_expect(epsilon_eq(dbl, nats / rows,
                         number_at(s, "loss.heldout_causal"), 1e-6));
    json_decref(s);
}

Test(run_command, run_scores_each_byte_once_whatever_the_stride)
{
    double flops, nats;
    int rows;

    train_a();
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit",
                              "1000", "--window", "50", "--stride", "13", "-o",
                              "r", "-q"), 0));
    sum_tokens("r/tokens.csv", &flops, &nats, &rows);
    json_t *s = summary_of("r");
    cr_expect(eq(int, rows, 999));
    cr_expect(eq(dbl, number_at(s, "loss.heldout_bytes"), 999));
    cr_expect(number_at(s, "tokens") > 3 * 999);
    cr_expect(flops < number_at(s, "totals.counted.flops"));
    json_decref(s);
}

Test(run_command, run_takes_a_shape_and_draws_its_weights)
{
    put_file("model.yaml", "model:\n  family: gpt2\n  layers: 2\n"
             "  channels: 16\n  heads: 2\n  max_tokens: 64\n");
    cr_expect(eq(int, ISOBATH("run", "model.yaml", "--text", "text", "--limit",
                              "500", "--format", "csv"), 0));
    expect_said("stdout", "model,rule,causal,bytes,nats_per_byte,bits_per_byte,"
                "perplexity_per_byte,capacity_realised,flops_per_token\r\n"
                "model,dense,1,499,5.");
}

/* Attention and feed-forward part apart: counted, predicted, told apart in the
 * table and the trace, and replayed. */
Test(run_command, run_routes_both_parts_of_a_layer_apart)
{
    put_file("model.yaml", "model:\n  family: gpt2\n  layers: 2\n"
               "  channels: 16\n  heads: 2\n  max_tokens: 64\n");
    cr_assert(eq(int, ISOBATH("run", "model.yaml", "--text", "text", "--limit",
                              "500", "--tokens", "-o", "r", "--set",
                              "routing.policy=hash", "--set",
                              "routing.capacity=0.5", "--set",
                              "routing.gate=one", "--set",
                              "routing.part=apart"), 0));
    expect_said("stdout", "counted == predicted: ");
    expect_said("r/tokens.csv", ",joules,attention_1,ffn_1,"
                "score_attention_1,score_ffn_1\r\n0,");
    expect_said("r/trace.csv", "window,layer,part,tokens,kept\r\n0,1,attention,"
                "64,");
    expect_said("r/trace.csv", "\r\n0,1,ffn,64,");
    cr_assert(eq(int, ISOBATH("run", "model.yaml", "--text", "text", "--limit",
                              "500", "-o", "again", "--set",
                              "routing.policy=replay", "--set",
                              "routing.replay=r/trace.csv", "--set",
                              "routing.gate=one", "--set",
                              "routing.part=apart"), 0));
    json_t *first = summary_of("r"), *again = summary_of("again");
    cr_expect(eq(dbl, number_at(first, "per_token.nats"),
                 number_at(again, "per_token.nats")));
    cr_expect(eq(dbl, number_at(first, "routing.capacity_realised"),
                 number_at(again, "routing.capacity_realised")));
    json_decref(again);
    json_decref(first);
    cr_expect(eq(int, ISOBATH("run", "model.yaml", "--text", "text", "--set",
                              "routing.policy=replay", "--set",
                              "routing.replay=r/trace.csv"), 2));
    expect_said("stderr", "r/trace.csv:2:5: part attention; allowed is a trace"
                " made with routing.part block");
}

Test(run_command, run_tells_what_it_cannot_score)
{
    train_a();
    const char *a = "a", *text = "text";
    put_file("empty", "");
    put_file("one", "x");
    put_file("two", "xy");

    cr_expect(eq(int, ISOBATH("run", a, "--text", "no"), 2));
    expect_said("stderr", "No such file");
    cr_expect(eq(int, ISOBATH("run", a, "--text", "empty"), 2));
    expect_said("stderr", "empty: 0 bytes: a text to score has at least 2"
                " tokens");
    cr_expect(eq(int, ISOBATH("run", a, "--text", "one"), 2));
    cr_expect(eq(int, ISOBATH("run", a, "--text", "two"), 0));
    cr_expect(eq(int, ISOBATH("run", a, "--text", text, "--window", "65"), 2));
    expect_said("stderr", "--window 65: allowed is 1 to the model's max_tokens,"
                " 64");
    cr_expect(eq(int, ISOBATH("run", a, "--text", text, "--stride", "33"), 2));
    cr_expect(eq(int, ISOBATH("run", a, "--text", text, "--policy",
                              "treshold"), 2));
    expect_said("stderr", "did you mean 'threshold'?");
    cr_expect(eq(int, ISOBATH("run", a, "--text", text, "-o", a), 2));
    expect_said("stderr", "holds the results of isobath train");
    cr_expect(eq(int, ISOBATH("run", ".", "--text", text), 2));
    expect_said("stderr", "no config.json in it");
    cr_expect(eq(int, ISOBATH("run", a), 2));
    cr_expect(eq(int, ISOBATH("run", "--text", text), 2));
    cr_expect(eq(int, ISOBATH("run", a, "--text", text, "--weights", "q4"),
                 2));
    expect_said("stderr", "--weights q4: allowed is one of float32, stored");
}

/* A model in float32 is stored in float32: the same run. */
Test(run_command, run_and_profile_keep_weights_as_stored)
{
    train_a();
    put_file("model.yaml", "model:\n  family: gpt2\n  layers: 2\n"
             "  channels: 16\n  heads: 2\n  max_tokens: 64\n");
    cr_expect(eq(int, ISOBATH("run", "model.yaml", "--text", "text",
                              "--weights", "stored"), 2));
    expect_said("stderr", "model.yaml is a shape, without stored weights");
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "500",
                              "--weights", "stored", "-o", "s"), 0));
    json_t *stored = summary_of("s");
    cr_expect(eq(str, (char *)json_string_value(json_object_get(
        json_object_get(json_object_get(stored, "config"), "run"),
        "weights")), "f32"));
    json_decref(stored);
    cr_expect(eq(int, ISOBATH("profile", "a", "-o", "p", "--weights", "stored",
                              "--phases", "train"), 2));
    expect_said("stderr", "--phases train: weights kept as stored cannot be"
                " trained");
}

/* The machine profile may change; what the run was set against stays with it. */
Test(run_command, profile_keeps_the_ceilings_of_its_machine)
{
    char machine[600];
    snprintf(machine, sizeof machine, "%s/configs/machines/"
             "emerald-rapids-2core.yaml", started_in);
    put_file("model.yaml", "model:\n  family: gpt2\n  layers: 2\n"
               "  channels: 16\n  heads: 2\n  max_tokens: 64\n");
    cr_assert(eq(int, ISOBATH("profile", "model.yaml", "-o", "p", "--machine",
                              machine, "--phases", "prefill", "-r", "2",
                              "--tokens", "32", "-q"), 0));
    json_t *s = summary_of("p"), *all = json_object_get(s, "ceilings");
    json_t *l3 = json_object_get(all, "l3_bytes_per_second");
    cr_expect(eq(int, (int)json_integer_value(json_object_get(all, "cores")),
                 2));
    cr_expect(epsilon_eq(dbl, json_number_value(json_object_get(
        json_object_get(all, "flops_per_second"), "value")), 354e9, 1));
    cr_expect(epsilon_eq(dbl, json_number_value(json_object_get(l3, "low")),
                         45e9, 1));
    cr_expect(eq(str, (char *)json_string_value(json_object_get(l3, "grade")),
                 "measured"));
    json_decref(s);
    cr_assert(eq(int, ISOBATH("profile", "model.yaml", "-o", "none", "-q",
                              "--phases", "prefill", "-r", "2", "--tokens", "32"),
                 0));
    s = summary_of("none");
    cr_expect(json_object_get(s, "ceilings") == NULL);
    json_decref(s);
}

/* 256 tokens are not in a model of 64, of which all but the first decode. */
Test(run_command, a_profile_fits_the_model_and_prints_what_it_writes)
{
    put_file("model.yaml", "model:\n  family: gpt2\n  layers: 2\n"
               "  channels: 16\n  heads: 2\n  max_tokens: 64\n");
    cr_assert(eq(int, ISOBATH("profile", "model.yaml", "-o", "p", "-p", "decode",
                              "-r", "1", "-q", "-f", "json"), 0));
    expect_same_file("stdout", "p/summary.json");
    json_t *s = summary_of("p");
    cr_expect(eq(dbl, number_at(s, "config.tokens"), 64));
    cr_expect(eq(dbl, number_at(s, "config.decode_steps"), 63));
    json_decref(s);
}

Test(run_command, run_takes_any_bytes)
{
    FILE *file = fopen("bytes", "wb");
    for (int i = 0; i < 2000; i++)
        fputc(i * 37 % 256, file);
    fclose(file);
    train_a();
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "bytes", "-o", "r", "-q"),
                 0));
    expect_said("r/tokens.csv", "\n7,3,\\x03,");
}

Test(run_command, run_prints_its_answer_quietly_too_where_no_file_holds_it)
{
    train_a();
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "300",
                              "-q"), 0));
    expect_said("stdout", "nats/byte");
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "300",
                              "-q", "-o", "r"), 0));
    char *printed = read_file("stdout", NULL);
    cr_expect(eq(str, printed, ""));
    free(printed);
}

/* The same words in a file and as flags. */
static const char run_config[] =
    "run:\n"
    "  model: a\n"
    "  text: text\n"
    "  limit: 1000\n"
    "  window: 50\n";

Test(run_command, run_takes_a_config_as_it_takes_flags)
{
    train_a();
    put_file("c.yaml", run_config);
    cr_assert(eq(int, ISOBATH("run", "c.yaml", "-o", "f", "-q"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "1000",
                              "--window", "50", "-o", "g", "-q"), 0));
    expect_same_file("f/tokens.csv", "g/tokens.csv");
    json_t *f = summary_of("f"), *g = summary_of("g");
    cr_expect(json_equal(at(f, "config.run"), at(g, "config.run")) == 1);
    json_decref(g);
    json_decref(f);
    cr_expect(eq(int, ISOBATH("run", "c.yaml", "--limit", "500", "--format",
                              "csv"), 0));
    expect_said("stdout", "threshold,1,499,");
    cr_expect(eq(int, ISOBATH("run", "c.yaml", "--window", "65"), 2));
    expect_said("stderr", "--window 65: allowed is 1 to the model's max_tokens,"
                " 64");
    put_file("d.yaml", "run: {model: a, text: text, window: 65}\n");
    cr_expect(eq(int, ISOBATH("run", "d.yaml"), 2));
    expect_said("stderr", "d.yaml:1:37: run.window 65: allowed is 1 to");
    put_file("d.yaml", "run: {model: a, text: text}\nrouting: {blocks: none}"
             "\n");
    cr_expect(eq(int, ISOBATH("run", "d.yaml"), 2));
    expect_said("stderr", "d.yaml:2:19: ");
}

/* Without context the model does not know what was left out before. */
Test(run_command, run_leaves_out_what_it_is_told_to_skip)
{
    size_t size;
    char *text = read_file("text", &size);

    train_a();
    FILE *rest = fopen("rest", "wb");
    fwrite(text + 1000, 1, size - 1000, rest);
    fclose(rest);
    free(text);
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "500",
                              "--set", "run.skip=1000", "-o", "f", "-q"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "rest", "--limit", "500",
                              "-o", "g", "-q"), 0));
    expect_same_file("f/tokens.csv", "g/tokens.csv");
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "text", "--set",
                              "run.skip=1e9"), 2));
    expect_said("stderr", "run.skip 1000000000: text is of ");
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "text", "--split", "test",
                              "--set", "run.skip=1"), 2));
}

/* A number by its column in the first row of a CSV file of numbers. */
static double first_in_csv(const char *path, int column)
{
    char *text = read_file(path, NULL), *at = strstr(text, "\r\n") + 2;
    for (; column > 0; column--)
        at = strchr(at, ',') + 1;
    double value = atof(at);
    free(text);
    return value;
}

/* The model alone, its twin alone, and both in turns: the same losses. */
/* `run` scores what overlaps once; who counts choices would count them twice. */
Test(run_command, what_looks_at_routers_takes_no_overlap)
{
    train_a();
    cr_expect(eq(int, ISOBATH("router", "a", "--text", "text", "--set",
                              "run.stride=16"), 2));
    expect_said("stderr", "run.stride 16: allowed is only the window, 32, "
                "here");
    cr_expect(eq(int, ISOBATH("route-table", "a", "--text", "text", "-o", "t",
                              "--set", "run.stride=16"), 2));
    expect_said("stderr", "run.stride 16: allowed is only the window, 32");
    cr_expect(not(there("t")));
}

/* A table of parts apart routes each by its own column, in a run and in
 * training. */
Test(run_command, a_table_is_counted_and_gone_by_of_parts_apart)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "routing.part=apart"), 0));
    cr_assert(eq(int, ISOBATH("route-table", "a", "--text", "text", "-o", "t",
                              "--order", "2"), 0));
    expect_said("stdout", "attention");
    expect_said("t", "kept_1_attention,kept_1_ffn");
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "640",
                              "--set", "routing.policy=table", "--set",
                              "routing.table=t", "-o", "r", "-q"), 0));
    json_t *s = summary_of("r");
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    cr_expect(epsilon_eq(dbl, number_at(s, "routing.capacity_realised"), 0.25,
                         0.1));
    json_decref(s);
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "b", "-q", "--set",
                              "routing.part=apart", "--set",
                              "routing.policy=table", "--set",
                              "routing.gate=one", "--set", "routing.table=t",
                              "--set", "train.steps=4"), 0));
    s = summary_of("b");
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    json_decref(s);
}

Test(run_command, run_with_a_twin_pairs_what_both_would_have_said_alone)
{
    train_a();
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "1000",
                              "--against", "dense", "--set", "run.repeats=3", "-o", "p"),
                 0));
    expect_said("stdout", "none routed; on the same 32 windows, in turns, 96"
                " times");
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "1000",
                              "-o", "m", "-q"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "1000",
                              "--policy", "dense", "-o", "d", "-q"), 0));
    json_t *p = summary_of("p"), *m = summary_of("m"), *d = summary_of("d");
    double model = number_at(m, "per_token.nats");
    double dense = number_at(d, "per_token.nats");
    cr_expect(epsilon_eq(dbl, number_at(p, "per_token.nats"), model, 1e-9));
    cr_expect(epsilon_eq(dbl, number_at(p, "against.per_token.nats"), dense,
                         1e-9));
    cr_expect(epsilon_eq(dbl, number_at(p, "against.loss_difference.value"),
                         model - dense, 1e-9));
    cr_expect(epsilon_eq(dbl, number_at(p, "against.loss_increase.value"),
                         model / dense - 1, 1e-9));
    cr_expect(number_at(p, "against.loss_difference.low") <= model - dense);
    cr_expect(number_at(p, "against.loss_difference.high") >= model - dense);
    cr_expect(eq(dbl, number_at(p, "per_token.flops"),
                 number_at(m, "per_token.flops")));
    cr_expect(eq(dbl, number_at(p, "per_token.flops"),
                 number_at(p, "per_token.flops_predicted")));
    cr_expect(epsilon_eq(dbl, number_at(p, "against.ratio.flops"),
                         number_at(m, "per_token.flops") /
                         number_at(d, "per_token.flops"), 1e-12));
    cr_expect(number_at(p, "against.ratio.seconds.low") > 0);
    cr_expect(eq(dbl, number_at(p, "counted_equals_predicted"), 1));
    cr_expect(isnan(number_at(p, "per_token.joules.value")));
    cr_expect(eq(dbl, first_in_csv("p/windows.csv", 1), 32));
    cr_expect(epsilon_eq(dbl, first_in_csv("p/losses.csv", 1),
                         first_in_csv("m/tokens.csv", 5), 1e-6));
    cr_expect(eq(int, there("p/tokens.csv"), false));
    json_decref(d);
    json_decref(m);
    json_decref(p);
}

/* ---- sweep of run ---- */

static const char study[] =
    "base: c.yaml\n"
    "command: run\n"
    "set: {run.against: dense}\n"
    "axes: {run.policy: [threshold, expert_choice, random, dense]}\n";

/* The columns that a clock does not touch. */
static void expect_same_points(const char *a, const char *b)
{
    static const char *const same[] = { "per_token.nats", "per_token.flops",
                                        "against.loss_increase.high" };
    for (int i = 0; i < 4; i++) {
        char x[PATH_SIZE], y[PATH_SIZE];
        snprintf(x, sizeof x, "%s/points/%06d", a, i);
        snprintf(y, sizeof y, "%s/points/%06d", b, i);
        json_t *p = summary_of(x), *q = summary_of(y);
        for (size_t k = 0; k < sizeof same / sizeof *same; k++)
            cr_expect(eq(dbl, number_at(p, same[k]), number_at(q, same[k])));
        strcat(x, "/losses.csv");
        strcat(y, "/losses.csv");
        expect_same_file(x, y);
        json_decref(q);
        json_decref(p);
    }
}

Test(run_command, a_sweep_of_run_killed_at_any_moment_goes_on)
{
    static const long moments[] = { 60, 150, 90, 220 };

    train_a();
    put_file("c.yaml", run_config);
    put_file("study.yaml", study);
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "whole"), 0));
    expect_said("stdout", "4 of 4 points done");
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        pid_t child = start(ARGUMENTS("sweep", "study.yaml", "-o", "parts",
                                      "--threads", "1"),
                            (struct limits){ 0 });
        pause_milliseconds(moments[i]);
        kill(child, SIGKILL);
        finish(child);
        pause_milliseconds(100);       /* its points are told to end */
    }
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "parts"), 0));
    expect_same_points("whole", "parts");
    expect_said("parts/points.csv", "3,policy=dense,dense,done,999,999,");
    cr_expect(eq(int, STARTED("report", "parts", "-o", "r"), 0));
    expect_said("r/tables/tradeoff.csv", "expert_choice,looks ahead,0.25");
    expect_said("r/tables/tradeoff.csv", "random,control,0.25");
}

Test(run_command, run_interrupted_keeps_what_it_had)
{
    char rows[64];

    train_a();
    pid_t child = start(ARGUMENTS("run", "a", "--text", "text", "--stride",
                                  "1", "-o", "r", "--threads", "1"),
                        (struct limits){ 0 });
    snprintf(rows, sizeof rows, "r/tokens.csv.%d.tmp", (int)child);
    wait_for(rows);
    kill(child, SIGINT);
    cr_expect(eq(int, finish(child), 130));
    expect_said("stderr", "interrupted after ");
    json_t *s = summary_of("r");
    cr_expect(strcmp(json_string_value(json_object_get(s, "status")),
                     "interrupted") == 0);
    cr_expect(number_at(s, "loss.heldout_bytes") > 0);
    json_decref(s);
}
