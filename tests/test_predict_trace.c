/* test_predict_trace.c - Price recorded and drawn routes as a user does: which
 * flags a drawing takes, whose means the layers' are, and where the recorded
 * model's depth is read. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/cli.h"

static int isobath(const char *const *arguments)
{
    return finish(start(arguments, (struct limits){ 0 }));
}
#define RUN(...) isobath((const char *const[]){ __VA_ARGS__, NULL })

static void in_a_directory(void)
{
    set_up();
    put_file("m.yaml", "model: {family: llama, layers: 4, channels: 32,"
             " heads: 4, kv_heads: 2, ffn: 64, vocab: 256, max_tokens: 64}\n"
             "routing: {gate: one, capacity: 0.25}\n");
    put_file("deep.yaml", "model: {family: llama, layers: 8, channels: 32,"
             " heads: 4, kv_heads: 2, ffn: 64, vocab: 256, max_tokens: 64}\n");
}

TestSuite(predict_trace, .init = in_a_directory, .fini = leave_directory);

/* ---- against ---- */

/* A column of the row of a step's quantity in stdout, which is CSV. */
static double of_step(const char *quantity, const char *column)
{
    char *text = read_file("stdout", NULL), *header = text, *at = text;
    int wanted = 0, n = 0;
    double value = (double)NAN;

    for (char *word = header; strncmp(word, column, strlen(column)) != 0;
         word = strpbrk(word, ",\r") + 1)
        wanted++;
    while ((at = strstr(at, "\nstep,")) != NULL) {
        char *field = ++at;
        for (n = 0; n < wanted; n++) {
            if (n == 3 && strncmp(field, quantity, strlen(quantity)) != 0)
                break;
            field = strchr(field, ',') + 1;
        }
        if (n == wanted)
            value = atof(field);
    }
    free(text);
    return value;
}

#define DRAWN(model, ...)                                                      \
    RUN("predict", model, "--synthetic", "iid", "--windows", "4", "-f", "csv",  \
        "-m", "h100-sxm", __VA_ARGS__)

/* Left after two layers, the model is the twin of one that has two. */
Test(predict_trace, a_rival_is_priced_for_every_step)
{
    static const char *const phases[] = { "prefill", "decode" };
    static const char *const told[] = { "flops", "bytes", "seconds" };

    put_file("two.yaml", "model: {family: llama, layers: 2, channels: 32,"
             " heads: 4, kv_heads: 2, ffn: 64, vocab: 256, max_tokens: 64}\n"
             "routing: {gate: one, capacity: 0.25}\n");
    for (int p = 0; p < 2; p++)
        for (int q = 0; q < 3; q++) {
            cr_assert(eq(int, DRAWN("m.yaml", "--phase", phases[p], "--against",
                                    "exit:2"), 0), "%s",
                      read_file("stderr", NULL));
            const double rival = of_step(told[q], "mean") /
                                 of_step(told[q], "of_rival");
            cr_assert(eq(int, DRAWN("two.yaml", "--phase", phases[p]), 0));
            cr_expect(epsilon_eq(dbl, rival / of_step(told[q], "dense_mean"),
                                 1, 1e-6), "%s %s", phases[p], told[q]);
            cr_expect(isnan(of_step(told[q], "of_rival")) ||
                      of_step(told[q], "of_rival") <= 0);
        }
}

/* A depth between whole ones costs what lies between. */
Test(predict_trace, a_rival_of_equal_flops_takes_them)
{
    cr_assert(eq(int, DRAWN("m.yaml", "--phase", "prefill", "--logits", "all",
                            "--against", "equal-flops"), 0));
    cr_expect(epsilon_eq(dbl, of_step("flops", "of_rival"), 1, 1e-6));
}

/* Bursts in short windows keep another share than the capacity that is named: equal
 * are the FLOPs of what they keep. */
Test(predict_trace, equal_flops_are_those_of_what_is_kept)
{
    put_file("cut.yaml", "model: {family: llama, layers: 4, channels: 32,"
             " heads: 4, kv_heads: 2, ffn: 64, vocab: 256, max_tokens: 64}\n"
             "routing: {gate: one, capacity: 0.25, policy: threshold}\n");
    cr_assert(eq(int, RUN("predict", "cut.yaml", "--synthetic", "bursty",
        "--persistence", "0.99", "--windows", "4", "-f", "csv", "--phase",
        "prefill", "--logits", "all", "--against", "equal-flops"), 0), "%s",
              read_file("stderr", NULL));
    cr_expect(epsilon_eq(dbl, of_step("flops", "of_rival"), 1, 1e-6), "%g",
              of_step("flops", "of_rival"));
}

Test(predict_trace, a_rival_that_routes_is_refused)
{
    cr_expect(eq(int, DRAWN("m.yaml", "--against", "m.yaml"), 2));
    expect_said("stderr", "--against m.yaml: it routes, and nobody says whom");
}

/* ---- drawn ---- */

static const struct {
    const char *kind, *flag, *value, *said;      /* said NULL: taken */
} drawings[] = {
    { "iid",    "--persistence", "0.1", "--persistence: goes with --synthetic"
                                        " bursty" },
    { "zipf",   "--persistence", "0.1", "--persistence: goes with --synthetic"
                                        " bursty" },
    { "bursty", "--persistence", "0.1", NULL },
    { "iid",    "--exponent",    "3",   "--exponent: goes with --synthetic"
                                        " zipf" },
    { "bursty", "--exponent",    "3",   "--exponent: goes with --synthetic"
                                        " zipf" },
    { "zipf",   "--exponent",    "3",   NULL },
};

Test(predict_trace, what_a_drawing_does_not_use_is_refused)
{
    for (size_t i = 0; i < sizeof drawings / sizeof *drawings; i++) {
        cr_expect(eq(int, RUN("predict", "m.yaml", "--synthetic",
                              drawings[i].kind, drawings[i].flag,
                              drawings[i].value, "--windows", "4"),
                     drawings[i].said ? 2 : 0), "%s %s", drawings[i].kind,
                  drawings[i].flag);
        if (drawings[i].said)
            expect_said("stderr", drawings[i].said);
    }
}

/* Whether a decode step's few rows are kept by a layer comes and goes, so that
 * the mean is not the median: the text's stands over that of the dense twin. */
Test(predict_trace, the_cost_of_a_layer_is_the_mean_that_of_dense_is_of)
{
    cr_assert(eq(int, RUN("predict", "m.yaml", "--synthetic", "iid", "--phase",
                          "decode", "--windows", "64"), 0), "%s",
              read_file("stderr", NULL));
    expect_said("stdout", "mean step");
    char *text = read_file("stdout", NULL), *line = strstr(text, "if alone");
    double mean = NAN, of_dense = NAN, csv_mean = NAN;
    line = strchr(strchr(line, '\n') + 1, '\n') + 1;
    cr_assert(eq(int, sscanf(line, "%*d %*s %*f %*f %*f %*f %*f %lf %*f %*f"
                             " %lf", &mean, &of_dense), 2), "%s", line);
    free(text);
    cr_assert(eq(int, RUN("predict", "m.yaml", "--synthetic", "iid", "--phase",
                          "decode", "--windows", "64", "-f", "csv"), 0));
    text = read_file("stdout", NULL);
    line = strstr(text, "layer,1,,flops,flop,");
    cr_assert(line != NULL, "%s", text);
    double dense = NAN, median = NAN;
    cr_assert(eq(int, sscanf(line, "layer,1,,flops,flop,%*d,%lf,%lf,%*f,%*f,"
                             "%*f,%lf", &csv_mean, &median, &dense), 3), "%s",
              line);
    free(text);
    cr_expect(gt(dbl, fabs(csv_mean - median), 0.2 * dense));
    cr_expect(epsilon_eq(dbl, mean * 1e3, csv_mean, 0.01 * csv_mean));
    cr_expect(epsilon_eq(dbl, mean * 1e3 / dense, of_dense, 0.01));
}

/* ---- recorded ---- */

/* A model of 8 dense layers goes by one of 4, of which every second is routed. */
Test(predict_trace, the_depth_of_a_recorded_run_is_in_its_summary)
{
    cr_assert(eq(int, RUN("run", "m.yaml", "--text", "text", "-o", "recorded",
                          "--limit", "256", "-q"), 0), "%s",
              read_file("stderr", NULL));
    cr_assert(there("recorded/trace.csv"));
    cr_assert(not(there("recorded/config.json")));
    cr_expect(eq(int, RUN("predict", "deep.yaml", "--trace", "recorded",
                          "--by-depth", "--phase", "prefill"), 0), "%s", read_file("stderr", NULL));
    expect_said("stdout", "layers go by those at their relative depth:");
    cr_expect(eq(int, unlink("recorded/summary.json"), 0));
    cr_expect(eq(int, RUN("predict", "deep.yaml", "--trace", "recorded",
                          "--by-depth", "--phase", "prefill"), 2));
    expect_said("stderr", "--by-depth: 'recorded' has neither the config.json of"
                " the model that was recorded nor the summary.json of isobath"
                " run");
}
