/* test_answer.c - What isobath answer says is what isobath predict says, cell by
 * cell; tallies count each cell once. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/commands/commands.h"
#include "tests/in_process.h"

static void set_up(void)
{
    enter_own_directory();
    write_file("m.yaml", "model: {family: llama, layers: 6, channels: 64,"
               " heads: 4, kv_heads: 2, ffn: 128, vocab: 100, max_tokens: 256}\n"
               "routing: {gate: one, capacity: 0.25}\n");
    write_file("dense.yaml", "model: {family: llama, layers: 6, channels: 64,"
               " heads: 4, kv_heads: 2, ffn: 128, vocab: 100, max_tokens: 256}\n"
               "routing: {policy: dense}\n");
}

TestSuite(answer, .init = set_up, .fini = leave_own_directory);

#define ANSWER(...) \
    call(&answer_command, (const char *const[]){ __VA_ARGS__, NULL })
#define PREDICT(...) \
    call(&predict_command, (const char *const[]){ __VA_ARGS__, NULL })

static json_t *parsed(void)
{
    json_t *root = json_loads(said, 0, NULL);
    cr_assert(root != NULL, "%s%s", said, complained);
    return root;
}

static double at(const json_t *object, const char *path)
{
    char part[64];
    while (object && *path) {
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        object = json_object_get(object, part);
        path += n + (path[n] == '.');
    }
    return json_is_number(object) ? json_number_value(object) : (double)NAN;
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The value of a cell's column, {value, unit, ...} or a text. */
static double value(const json_t *cell, const char *key)
{
    return at(json_object_get(cell, key), "value");
}

static json_t *cells_of(json_t *root)
{
    return json_object_get(json_object_get(root, "cells"), "rows");
}

Test(answer, each_cell_is_what_predict_says)
{
    static const char *const phases[] = { "train", "prefill", "decode" };
    static const char *const tokens[] = { "--tokens", "--tokens", "--context" };
    static const char *const rivals[] = { "dense", "layers:2" };
    size_t i = 0;

    cr_assert(eq(int, ANSWER("m.yaml", "--machine", "a100-80", "--against",
        "layers:2", "--context", "256", "--batch", "8", "-f", "json",
        "--dtype", "fp32"), 0), "%s", complained);
    json_t *root = parsed();
    cr_assert(eq(sz, json_array_size(cells_of(root)), 6), "%s", said);
    for (int p = 0; p < 3; p++)
        for (int r = 0; r < 2; r++, i++) {
            const json_t *cell = json_array_get(cells_of(root), i);
            cr_assert(eq(int, PREDICT("m.yaml", "--machine", "a100-80",
                "--against", rivals[r], "--phase", phases[p], tokens[p], "256",
                "-B", "8", "-f", "json"), 0), "%s", complained);
            json_t *own = parsed();
            cr_expect_str_eq(text_at(cell, "rival"), rivals[r]);
            cr_expect_str_eq(text_at(cell, "phase"), phases[p]);
            cr_expect(epsilon_eq(dbl, value(cell, "seconds_of_rival"),
                                 at(own, "against.ratio.seconds.value"), 1e-8));
            cr_expect(epsilon_eq(dbl, value(cell, "joules_of_rival_low"),
                                 at(own, "against.ratio.joules.low"), 1e-8));
            cr_expect(eq(dbl, value(cell, "flops"),
                         at(own, "totals.predicted.flops")));
            cr_expect(eq(dbl, value(cell, "rival_flops"),
                         at(own, "against.totals.flops")));
            cr_expect(eq(dbl, value(cell, "largest_batch"),
                         at(own, "fit.largest_batch")));
            json_decref(own);
        }
    json_decref(root);
}

/* All cells are told: those that save, cost, are open, unknown or have no room. */
Test(answer, tallies_count_every_cell_once)
{
    cr_assert(eq(int, ANSWER("m.yaml", "--context", "64,256", "--batch",
        "1,4,4096", "--machine", "tpu-v5e", "--machine", "l4", "--machine",
        "raspberry-pi-5", "--dtype", "fp32", "-f", "json"), 0), "%s",
              complained);
    json_t *root = parsed();
    const json_t *verdicts = json_object_get(root, "verdicts");
    cr_assert(eq(sz, json_array_size(verdicts), 6));
    for (size_t v = 0; v < 6; v++) {
        const json_t *verdict = json_array_get(verdicts, v);
        for (int m = 0; m < 2; m++) {
            const json_t *t = json_object_get(verdict,
                                              m ? "joules" : "seconds");
            int counted[3] = { 0 };
            for (size_t i = 0; i < json_array_size(cells_of(root)); i++) {
                const json_t *cell = json_array_get(cells_of(root), i);
                if (strcmp(text_at(cell, "phase"), text_at(verdict, "phase")) ||
                    strcmp(text_at(cell, "rival"), text_at(verdict, "rival")))
                    continue;
                const double low = value(cell, m ? "joules_of_rival_low"
                                                 : "seconds_of_rival_low");
                const double high = value(cell, m ? "joules_of_rival_high"
                                                  : "seconds_of_rival_high");
                const bool none = !strcmp(text_at(cell, "fits"),
                                          "does not fit") ||
                    !strcmp(text_at(cell, "rival_fits"), "does not fit");
                counted[0]++;
                counted[1] += !none && high < 1;
                counted[2] += !none && low > 1;
            }
            cr_expect(eq(dbl, counted[0], 18));
            cr_expect(eq(dbl, at(t, "saves"), counted[1]));
            cr_expect(eq(dbl, at(t, "costs"), counted[2]));
            cr_expect(eq(dbl, at(t, "cells") + at(t, "unknown") +
                         at(t, "does_not_fit") + at(t, "model_alone_fits"),
                         18));
            cr_expect(ge(dbl, at(t, "unknown"), 4));      /* the TPU's */
        }
    }
    json_decref(root);
}

/* A dense model neither saves nor costs against its twin: no interval is below 1,
 * and it says how to ask. */
Test(answer, a_dense_model_saves_nothing)
{
    cr_assert(eq(int, ANSWER("dense.yaml", "--machine", "l4", "--context", "64",
                             "--batch", "1", "-f", "json"), 0), "%s",
              complained);
    json_t *root = parsed();
    for (size_t v = 0; v < 6; v++) {
        const json_t *verdict = json_array_get(json_object_get(root,
                                                               "verdicts"), v);
        cr_expect(eq(dbl, at(verdict, "seconds.saves"), 0));
        cr_expect(eq(dbl, at(verdict, "joules.costs"), 0));
    }
    cr_expect(strstr(text_at(root, "about"), "--set routing.capacity") != NULL);
    json_decref(root);
}

/* Beside itself only others are worth a table. */
Test(answer, a_dense_model_is_told_how_to_ask)
{
    cr_assert(eq(int, ANSWER("dense.yaml", "--machine", "l4", "--context",
                             "64"), 0), "%s", complained);
    cr_expect(strstr(said, "is its own dense twin") != NULL, "%s", said);
    cr_expect(strstr(said, "routing.capacity=0.125") != NULL, "%s", said);
    cr_expect(strstr(said, "1.000") == NULL, "%s", said);
    cr_assert(eq(int, ANSWER("dense.yaml", "--machine", "l4", "--context", "64",
                             "--against", "layers:3"), 0), "%s", complained);
    cr_expect(strstr(said, "Decode, against ") != NULL, "%s", said);
}

/* It is no dense model: that of equal FLOPs has other weights to read. */
Test(answer, a_mixture_is_held_against_the_dense_model_of_equal_flops)
{
    cr_assert(eq(int, ANSWER("dense.yaml", "--machine", "l4", "--context", "64",
                             "--set", "model.experts=8"), 0), "%s", complained);
    cr_expect(strstr(said, "Decode, against equal-FLOP dense.") != NULL, "%s",
              said);
    cr_expect(strstr(said, "is its own dense twin") == NULL, "%s", said);
    cr_assert(eq(int, ANSWER("dense.yaml", "--machine", "l4", "--context", "64",
                             "--set", "model.experts=8", "-f", "json"), 0), "%s",
              complained);
    json_t *root = parsed();
    cr_expect(strstr(text_at(root, "about"), "; a token enters 2 of 8 experts in"
                     " 6 layers, ") != NULL, "%s", text_at(root, "about"));
    json_decref(root);
}

Test(answer, what_is_given_twice_counts_once)
{
    cr_assert(eq(int, ANSWER("m.yaml", "--machine", "l4", "--machine",
        "tpu-v5e", "--context", "64,32", "--batch", "8,1", "--against",
        "exit:3", "--against", "equal-params", "-f", "csv"), 0), "%s",
        complained);
    char *once = strdup(said);
    cr_assert(eq(int, ANSWER("m.yaml", "--machine", "l4", "--machine",
        "tpu-v5e", "--machine", "l4", "--context", "64,64,32,64", "--batch",
        "8,1,8", "--against", "exit:3", "--against", "exit:3", "--against",
        "equal-params", "-f", "csv"), 0), "%s", complained);
    cr_expect_str_eq(said, once);
    free(once);
}

/* On a GPU a model so small waits for launches, and so does each rival. */
Test(answer, what_waits_for_launches_is_not_known_exactly)
{
    cr_assert(eq(int, ANSWER("m.yaml", "--machine", "h100-sxm", "--context",
                             "64,128", "--batch", "1,8", "-f", "json"), 0),
              "%s", complained);
    json_t *root = parsed();
    const json_t *cells = cells_of(root), *cell;
    size_t i;

    cr_assert(json_array_size(cells) > 0, "%s", said);
    json_array_foreach(cells, i, cell)
        cr_expect(value(cell, "seconds_of_rival_high") -
                      value(cell, "seconds_of_rival_low") > 1e-3);
    json_decref(root);
}

/* A machine and a rival by a name and by paths to the same bytes. */
Test(answer, what_is_named_in_two_ways_counts_once)
{
    char line[2304], machine[1024], model[1024];

    snprintf(machine, sizeof machine, "%s/machines/l4.yaml",
             getenv("ISOBATH_CONFIGS"));
    snprintf(model, sizeof model, "%s/models/tiny-48-mod.yaml",
             getenv("ISOBATH_CONFIGS"));
    snprintf(line, sizeof line, "cp '%s' mine.yaml && ln -s '%s' other.yaml",
             machine, model);
    cr_assert(system(line) == 0);
    cr_assert(eq(int, ANSWER("m.yaml", "--machine", "l4", "--context", "64",
                             "--against", "tiny-48-mod", "-f", "csv"), 0),
              "%s", complained);
    char *once = strdup(said);
    cr_assert(eq(int, ANSWER("m.yaml", "--machine", "l4", "--machine", machine,
                             "--machine", "./mine.yaml", "--context", "64",
                             "--against", "tiny-48-mod", "--against",
                             "other.yaml", "--against", model, "-f", "csv"), 0),
              "%s", complained);
    cr_expect_str_eq(said, once);
    free(once);
}

/* 2 dollars an hour, 300 grams a kWh at 1.5 of the machine's. */
Test(answer, money_and_grams_come_from_the_profile)
{
    char profile[4096], command[8192];

    snprintf(profile, sizeof profile, "%s/machines/l4.yaml",
             getenv("ISOBATH_CONFIGS"));
    snprintf(command, sizeof command, "cp '%s' priced.yaml && printf '%%s\\n' "
        "'price_per_hour: {value: 2, low: 2, high: 2, grade: assumed, source: t}'"
        " 'pue: {value: 1.5, low: 1.5, high: 1.5, grade: assumed, source: t}' "
        "'grams_co2_per_kwh: {value: 300, low: 300, high: 300, grade: assumed, "
        "source: t}' >>priced.yaml", profile);
    cr_assert(system(command) == 0);
    cr_assert(eq(int, ANSWER("m.yaml", "--machine", "priced.yaml", "--machine",
        "l4", "--context", "64", "--batch", "1", "--prompt-tokens", "100",
        "--generate", "50", "-f", "json"), 0), "%s", complained);
    json_t *root = parsed();
    const json_t *mix = json_object_get(root, "mix");
    const json_t *rows = json_object_get(mix, "rows");
    cr_assert(eq(sz, json_array_size(rows), 6));
    for (size_t i = 0; i < 3; i++) {
        const json_t *row = json_array_get(rows, i);
        cr_expect(epsilon_eq(dbl, at(row, "usd_per_million"),
                             2 * at(row, "machine_hours_per_million"), 1e-9));
        cr_expect(epsilon_eq(dbl, at(row, "grams_co2_per_million"),
                             450 * at(row, "kwh_per_million"), 1e-9));
        cr_expect(isnan(at(json_array_get(rows, 3 + i), "usd_per_million")));
    }
    cr_expect_str_eq(text_at(json_array_get(json_object_get(mix, "unknown"), 1),
                             "usd"),
                     "price_per_hour: the profile does not say");
    json_decref(root);
}

Test(answer, the_text_says_it_in_words_and_names_whom)
{
    cr_assert(eq(int, ANSWER("m.yaml", "--machine", "l4", "--context", "64",
        "--batch", "1", "--against", "exit:3", "--against", "equal-params"), 0),
              "%s", complained);
    static const char *const words[] = {
        "Against its dense twin: the same 6 layers", "is saved in",
        "Training, against dense twin. Time: ", "exit after 3 of 6",
        "equal-size dense", "Decode, against exit after 3 of 6. Time:",
        "Requests of ", "price_per_hour: the profile does not say" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        cr_expect(strstr(said, words[i]) != NULL, "%s\n%s", words[i], said);
}

/* Forward FLOPs a token of the dense model of n of m.yaml's layers. */
static double dense_flops(const char *layers)
{
    cr_assert(eq(int, PREDICT("dense.yaml", "--phase", "prefill", "--logits",
        "all", "--tokens", "256", "-f", "json", "--set", layers), 0), "%s",
              complained);
    json_t *root = parsed();
    const double flops = at(root, "totals.predicted.flops") / 256;
    json_decref(root);
    return flops;
}

/* A study whose dense losses are 2 + log(x / x5)^2, x5 those of 5 layers, and
 * whose routed ones are flat in what they come to, so that the model's loss is
 * that of 3 dense layers wherever it lies. */
Test(answer, the_dense_model_of_equal_loss)
{
    static const char *const layers[] = { "model.layers=2", "model.layers=4",
                                          "model.layers=6" };
    const double x3 = dense_flops("model.layers=3"),
                 x5 = dense_flops("model.layers=5");
    const double loss = 2 + log(x3 / x5) * log(x3 / x5);
    FILE *file;

    cr_assert(mkdir("study", 0777) == 0);
    file = fopen("study/settings.csv", "w");
    cr_assert(file != NULL);
    fprintf(file, "kind,setting,loss_causal,capacity,flops_forward_per_token\n");
    for (int i = 0; i < 3; i++) {
        const double x = dense_flops(layers[i]);
        fprintf(file, "dense,d,%.12g,1,%.12g\n",
                2 + log(x / x5) * log(x / x5), x);
        fprintf(file, "MoD,m,%.12g,0.25,%.12g\n", loss + 1e-9 *
                log(x / x5) * log(x / x5), x);
        fprintf(file, "MoD,other,9,0.5,%.12g\n", x);
    }
    cr_assert(fclose(file) == 0);
    cr_assert(eq(int, ANSWER("m.yaml", "--machine", "l4", "--context", "64",
        "--batch", "1", "--against-loss", "study", "-f", "json"), 0), "%s",
              complained);
    json_t *root = parsed();
    const json_t *rival = json_array_get(json_object_get(root, "rivals"), 2);
    cr_expect_str_eq(text_at(rival, "rival"), "equal-loss");
    cr_expect(epsilon_eq(dbl, at(rival, "layers"), 3, 1e-5), "%g",
              at(rival, "layers"));
    json_decref(root);

    cr_expect(eq(int, ANSWER("m.yaml", "--machine", "l4", "--against-loss",
        "study", "--set", "routing.capacity=0.5", "-f", "csv"), 2));
    cr_expect(strstr(complained, "no lowest point") != NULL, "%s", complained);
    cr_expect(eq(int, ANSWER("m.yaml", "--machine", "l4", "--against-loss",
        "study", "--set", "model.layers=30", "-f", "csv"), 2));
    cr_expect(strstr(complained, "allowed is what was trained") != NULL, "%s",
              complained);
    cr_expect(eq(int, ANSWER("m.yaml", "--against-loss", "none"), 2));
    cr_expect(strstr(complained, "--against-loss none: ") != NULL, "%s",
              complained);
}

Test(answer, a_directory_has_it_all)
{
    char csv[TEXT_SIZE];

    cr_assert(eq(int, ANSWER("m.yaml", "--machine", "l4", "--context", "64",
                             "--batch", "1", "-o", "d", "-f", "csv"), 0), "%s",
              complained);
    read_text(csv, "d/answer.csv");
    cr_expect_str_eq(csv, said);
    read_text(csv, "d/mix.csv");
    cr_expect(strstr(csv, "tokens_per_second") != NULL);
    json_t *summary = json_load_file("d/summary.json", 0, NULL);
    cr_assert(summary != NULL);
    cr_expect_str_eq(text_at(summary, "command"), "answer");
    json_decref(summary);
}

Test(answer, what_cannot_be_asked_is_refused)
{
    static const struct {
        const char *arguments[5], *words;
    } wrong[] = {
        { { "m.yaml", "--context", "300" }, "--context 300: allowed is 1 to" },
        { { "m.yaml", "--batch", "0,1" }, "--batch" },
        { { "m.yaml", "--prompt-tokens", "250", "--generate", "9" },
          "--prompt-tokens 250 and --generate 9" },
        { { "m.yaml", "--against", "layers:7" }, "--against layers:7" },
        { { "m.yaml", "--machine", "nowhere" }, "nowhere" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *arguments[6] = { NULL };
        for (int a = 0; a < 5; a++)
            arguments[a] = wrong[i].arguments[a];
        cr_expect(eq(int, call(&answer_command, arguments), 2));
        cr_expect(strstr(complained, wrong[i].words) != NULL, "%s", complained);
    }
}

/* ---- what is left, and what flips ---- */

static const char *const asked_so[] = { "m.yaml", "--machine", "a100-80",
    "--machine", "raspberry-pi-5", "--batch", "1,16", "--context", "64,256", "-f",
    "json", NULL };

static const json_t *entry(const json_t *list, const char *machine,
                           const char *rival)
{
    const json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
        if (strcmp(text_at(row, "machine"), machine) == 0 &&
            strcmp(text_at(row, "rival"), rival) == 0)
            return row;
    cr_assert(false, "no row of %s against %s", machine, rival);
    return NULL;
}

/* 6 layers of which every other keeps a quarter: what stands outside, and of the
 * layers (3 + 3 / 4) / 6, by predict's own rows of the twin. */
Test(answer, a_waterfall_begins_with_what_capacities_say)
{
    cr_assert(eq(int, call(&answer_command, asked_so), 0), "%s", complained);
    json_t *root = parsed();
    const json_t *fall = json_object_get(root, "waterfall");
    const json_t *row = entry(json_object_get(fall, "rows"), "A100 SXM 80 GB",
                              "dense");
    char tokens[16], batch[16];
    snprintf(tokens, sizeof tokens, "%.0f", at(fall, "tokens"));
    snprintf(batch, sizeof batch, "%.0f", at(fall, "batch"));
    const double nominal = at(row, "of_rival.nominal_flops.value");

    cr_assert(eq(int, PREDICT("dense.yaml", "--phase", "decode", "--batch", batch,
        "--context", tokens, "--by", "layer", "-f", "json", "--dtype", "bf16",
        "--machine", "a100-80"), 0), "%s", complained);
    json_t *dense = parsed();
    const json_t *layers = json_object_get(dense, "table"), *layer;
    const double all = at(dense, "totals.predicted.flops");
    double in_layers = 0;
    size_t i;
    json_array_foreach(layers, i, layer)
        if (strcmp(text_at(layer, "layer"), "outside") != 0)
            in_layers += at(layer, "predicted.flops");
    cr_assert(gt(dbl, in_layers, 0));
    cr_expect(epsilon_eq(dbl, nominal, 1 - in_layers * 0.75 / 2 / all, 1e-9),
              "%g", nominal);
    cr_expect(gt(dbl, at(row, "of_rival.flops.value"), nominal - 0.05));
    cr_expect(eq(dbl, at(row, "largest_batch") / at(row, "rival_largest_batch"),
                 at(row, "of_rival.largest_batch.value")));
    cr_expect(gt(dbl, at(row, "prefill_share"), 0));
    cr_expect(lt(dbl, at(row, "prefill_share"), 1));
    json_decref(dense);
    json_decref(root);
}

static bool holds_batch(const json_t *stands, const char *stand, int batch)
{
    const json_t *list = json_object_get(stands, stand), *one;
    size_t i;

    json_array_foreach(list, i, one)
        if (json_integer_value(one) == batch)
            return true;
    return false;
}

/* Where the plane meets a cell, and the interval is far from 1, both say the same:
 * that of the plane is of fewer draws. */
Test(answer, the_plane_says_what_cells_say)
{
    cr_assert(eq(int, call(&answer_command, asked_so), 0), "%s", complained);
    json_t *root = parsed();
    const json_t *plane = json_object_get(json_object_get(root, "flips"), "plane");
    const json_t *cell, *row;
    size_t i, k;
    int n = 0;

    json_array_foreach(cells_of(root), i, cell) {
        const double low = value(cell, "seconds_of_rival_low"),
                     high = value(cell, "seconds_of_rival_high");
        if (low < 1.02 && high > 0.98)
            continue;
        json_array_foreach(plane, k, row)
            if (at(row, "tokens") == value(cell, "tokens") &&
                strcmp(text_at(row, "machine"), text_at(cell, "machine")) == 0 &&
                strcmp(text_at(row, "phase"), text_at(cell, "phase")) == 0 &&
                strcmp(text_at(row, "rival"), text_at(cell, "rival")) == 0) {
                cr_expect(holds_batch(json_object_get(row, "seconds"),
                                      high < 1 ? "saves" : "costs",
                                      (int)value(cell, "batch")));
                n++;
            }
    }
    cr_expect(gt(int, n, 12));
    json_decref(root);
}

/* Cells whose interval holds 1 are all told of, once by time and once by energy; so
 * are those in which machines disagree. */
Test(answer, what_flips_are_the_cells_that_do)
{
    cr_assert(eq(int, call(&answer_command, asked_so), 0), "%s", complained);
    json_t *root = parsed();
    const json_t *flips = json_object_get(root, "flips"), *cell, *row, *other;
    const json_t *numbers = json_object_get(json_object_get(flips, "numbers"),
                                            "rows");
    int open = 0, told = 0, divided = 0;
    size_t i, k;

    json_array_foreach(cells_of(root), i, cell) {
        open += value(cell, "seconds_of_rival_low") <= 1 &&
                value(cell, "seconds_of_rival_high") >= 1;
        open += value(cell, "joules_of_rival_low") <= 1 &&
                value(cell, "joules_of_rival_high") >= 1;
        json_array_foreach(cells_of(root), k, other)
            divided += strcmp(text_at(cell, "phase"), text_at(other, "phase")) == 0 &&
                       strcmp(text_at(cell, "rival"), text_at(other, "rival")) == 0 &&
                       value(cell, "tokens") == value(other, "tokens") &&
                       value(cell, "batch") == value(other, "batch") &&
                       value(cell, "seconds_of_rival_high") < 1 &&
                       value(other, "seconds_of_rival_low") > 1;
    }
    json_array_foreach(numbers, i, row) {
        told += (int)(value(row, "time_cells") + value(row, "energy_cells"));
        cr_expect(gt(dbl, value(row, "variance_share"), 0));
        cr_expect(le(dbl, value(row, "variance_share"), 1));
    }
    cr_expect(eq(int, told, open));
    json_array_foreach(json_object_get(json_object_get(flips, "machines"), "rows"),
                       i, row)
        divided -= strcmp(text_at(row, "metric"), "time") == 0;
    cr_expect(eq(int, divided, 0));
    json_decref(root);
}

/* ---- recorded routes ---- */

static const char quarter[] = "window,layer,part,tokens,kept\n"
    "0,1,block,16,0-3\n0,3,block,16,4-7\n0,5,block,16,1 5 9 13\n";

/* A dense model on routes that keep a quarter of the tokens in every other layer is
 * what it is under a rule that keeps so many, and no router. */
Test(answer, a_trace_is_answered_for_by_the_shares_that_it_keeps)
{
    write_file("trace.csv", quarter);
    cr_assert(eq(int, ANSWER("dense.yaml", "-m", "l4", "-f", "csv", "-q",
                             "--set", "routing.policy=every_nth", "--set",
                             "routing.capacity=0.25", "--set",
                             "routing.gate=one"), 0), "%s", complained);
    char *same = strdup(said);
    cr_assert(eq(int, ANSWER("dense.yaml", "-m", "l4", "-f", "csv", "-q",
                             "--trace", "trace.csv"), 0), "%s", complained);
    cr_expect(same && strcmp(said, same) == 0);
    free(same);
}

/* Of a model that routes, the share recorded takes the place of its capacity. */
Test(answer, a_trace_tells_what_a_routed_model_kept)
{
    write_file("trace.csv", "window,layer,part,tokens,kept\n0,1,block,16,0-7\n"
               "0,3,block,16,0-7\n0,5,block,16,0-7\n");
    cr_assert(eq(int, ANSWER("m.yaml", "-m", "l4", "-q", "--trace",
                             "trace.csv"), 0), "%s", complained);
    cr_expect(strstr(said, "50 % of its tokens, as trace.csv has it")
              != NULL,
              "%s", said);
}

Test(answer, a_trace_of_another_model_is_refused_by_name)
{
    write_file("trace.csv", "window,layer,part,tokens,kept\n0,7,block,16,0-3\n");
    cr_expect(eq(int, ANSWER("dense.yaml", "-m", "l4", "--trace", "trace.csv"),
                 2));
    cr_expect(strstr(complained, "trace.csv: it routes layer 7; the model has"
                     " layers 0 to 5") != NULL, "%s", complained);
    write_file("trace.csv", "window,layer,part,tokens,kept\n0,2,block,16,0-3\n");
    cr_expect(eq(int, ANSWER("m.yaml", "-m", "l4", "--trace", "trace.csv"), 2));
    cr_expect(strstr(complained, "layer 1 is not in it") != NULL, "%s",
              complained);
    cr_expect(eq(int, ANSWER("m.yaml", "-m", "l4", "--by-depth"), 2));
    cr_expect(strstr(complained, "--by-depth: goes with --trace") != NULL, "%s",
              complained);
}
