/* test_grid.c - Price grids: rows are what predict says of each point alone, and a
 * grid that was interrupted goes on. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "reports/read/csv.h"
#include "tests/cli.h"

TestSuite(grid, .init = set_up, .fini = leave_directory);

static const char grid[] =
    "model: [mod-220m-paper, smollm-135m]\n"
    "capacity: [0.125, 0.5]\n"
    "context: [100, 512, 4096]\n"
    "phase: [train, prefill, decode]\n"
    "dtype: [bf16, fp32]\n"
    "batch: [1, 16]\n"
    "machine: [h100-sxm, tpu-v5e]\n"
    "rival: [dense, equal-flops, layers:3]\n";
enum { N_POINTS = 2 * 2 * 3 * 3 * 2 * 2 * 2 * 3 };

static struct csv rows(const char *path)
{
    struct error err = { STATUS_OK, "" };
    struct csv csv;

    cr_assert(csv_open(&csv, path, &err) == STATUS_OK, "%s", err.text);
    return csv;
}

static const char *field(const struct csv *csv, size_t row, const char *column)
{
    cr_assert(csv_column(csv, column) >= 0, "no column %s", column);
    return csv_text(csv, row, csv_column(csv, column));
}

/* The same digits, of a number that JSON states to the last bit; empty: null. */
static void expect_number(const char *text, json_t *json, const char *path)
{
    const json_t *number = at(json, path);
    char said[64] = "";

    if (json_is_integer(number))
        snprintf(said, sizeof said, "%lld",
                 (long long)json_integer_value(number));
    else if (json_is_real(number))
        snprintf(said, sizeof said, "%.15g", json_real_value(number));
    cr_expect_str_eq(text, said, "%s", path);
}

static void expect_row(const struct csv *csv, size_t row)
{
    static const char *const metrics[] = { "flops", "bytes", "seconds",
                                           "joules" };
    char capacity[64], column[64], path[64];
    const bool decodes = strcmp(field(csv, row, "phase"), "decode") == 0;
    const char *machine = strcmp(field(csv, row, "machine"), "TPU v5e") == 0
                              ? "tpu-v5e" : "h100-sxm";

    snprintf(capacity, sizeof capacity, "routing.capacity=%s",
             field(csv, row, "capacity"));
    cr_assert(eq(int, STARTED("predict", field(csv, row, "model"), "--set",
        capacity, "--phase", field(csv, row, "phase"), "--batch",
        field(csv, row, "batch"), decodes ? "--context" : "--tokens",
        field(csv, row, "tokens"), "--dtype", field(csv, row, "dtype"), "--machine",
        machine, "--against", field(csv, row, "rival"), "-f", "json"), 0), "%s",
        read_file("stderr", NULL));
    json_t *json = json_load_file("stdout", 0, NULL);
    cr_assert(json != NULL);
    for (int m = 0; m < 4; m++) {
        snprintf(path, sizeof path, "totals.predicted.%s", metrics[m]);
        expect_number(field(csv, row, metrics[m]), json, path);
        snprintf(column, sizeof column, "rival_%s", metrics[m]);
        snprintf(path, sizeof path, "against.totals.%s", metrics[m]);
        expect_number(field(csv, row, column), json, path);
        snprintf(column, sizeof column, "%s_of_rival", metrics[m]);
        snprintf(path, sizeof path, "against.ratio.%s.value", metrics[m]);
        expect_number(field(csv, row, column), json, path);
    }
    expect_number(field(csv, row, "joules_of_rival_low"), json,
                  "against.ratio.joules.low");
    expect_number(field(csv, row, "seconds_of_rival_high"), json,
                  "against.ratio.seconds.high");
    expect_number(field(csv, row, "memory_bytes"), json, "memory_bytes");
    json_decref(json);
}

/* Every seventeenth, of two models, in all phases, on a machine of which no joules
 * are known too. */
Test(grid, a_row_is_what_predict_says_of_its_point)
{
    put_file("grid.yaml", grid);
    cr_assert(eq(int, STARTED("predict", "--grid", "grid.yaml", "--intervals",
                              "256", "-q", "-o", "rows.csv"), 0), "%s",
              read_file("stderr", NULL));
    struct csv csv = rows("rows.csv");
    cr_assert(eq(sz, csv.n_rows, N_POINTS));
    int n = 0;
    for (size_t i = 0; i < csv.n_rows; i += 17)
        if (strstr(field(&csv, i, "reason"), "context") == NULL)
            expect_row(&csv, i), n++;
    cr_expect(gt(int, n, 20));
    csv_close(&csv);
}

Test(grid, what_has_no_price_is_left_empty_with_its_reason)
{
    put_file("grid.yaml", grid);
    cr_assert(eq(int, STARTED("predict", "--grid", "grid.yaml", "-q", "-o",
                              "rows.csv"), 0));
    struct csv csv = rows("rows.csv");
    int n_long = 0, n_unknown = 0;
    for (size_t i = 0; i < csv.n_rows; i++) {
        const bool too_long = strcmp(field(&csv, i, "tokens"), "4096") == 0 &&
                              strcmp(field(&csv, i, "model"), "mod-220m-paper") == 0;
        const bool tpu = strcmp(field(&csv, i, "machine"), "TPU v5e") == 0;
        cr_expect(eq(int, *field(&csv, i, "flops") == '\0', too_long));
        cr_expect(eq(int, *field(&csv, i, "joules") == '\0', too_long || tpu));
        cr_expect(eq(int, *field(&csv, i, "reason") != '\0', too_long || tpu));
        n_long += strcmp(field(&csv, i, "reason"), "context 4096: allowed is 1 to"
                         " the model's max_tokens, 2048") == 0;
        n_unknown += strstr(field(&csv, i, "reason"), "joules_per_flop") != NULL ||
                     strstr(field(&csv, i, "reason"), "peak_flops") != NULL;
    }
    cr_expect(eq(int, n_long, N_POINTS / 2 / 3));
    cr_expect(gt(int, n_unknown, 0));
    csv_close(&csv);
}

Test(grid, a_context_as_long_as_the_model_has_tokens_is_priced)
{
    put_file("grid.yaml", "model: mod-220m-paper\ncontext: [2048, 2049]\n");
    cr_assert(eq(int, STARTED("predict", "--grid", "grid.yaml", "-q", "-o",
                              "rows.csv"), 0));
    struct csv csv = rows("rows.csv");
    cr_assert(eq(sz, csv.n_rows, 2));
    cr_expect(strlen(field(&csv, 0, "flops")) > 0);
    cr_expect(eq(sz, strlen(field(&csv, 1, "flops")), 0));
    csv_close(&csv);
}

Test(grid, the_capacity_of_a_model_that_routes_its_first_block_alone_is_told)
{
    put_file("first.yaml", "model: {family: llama, layers: 3, channels: 32,"
             " heads: 2}\nrouting: {capacity: 0.5, blocks: 0}\n");
    put_file("grid.yaml", "model: first.yaml\n");
    cr_assert(eq(int, STARTED("predict", "--grid", "grid.yaml", "-q", "-o",
                              "rows.csv"), 0), "%s", read_file("stderr", NULL));
    struct csv csv = rows("rows.csv");
    cr_expect_str_eq(field(&csv, 0, "capacity"), "0.5");
    csv_close(&csv);
}

/* What lies in FILE.part, with half a row behind it, is kept. */
Test(grid, an_interrupted_grid_goes_on)
{
    size_t size;

    put_file("grid.yaml", grid);
    cr_assert(eq(int, STARTED("predict", "--grid", "grid.yaml", "-q", "-o",
                              "whole.csv"), 0));
    char *whole = read_file("whole.csv", &size);
    char *part = strndup(whole, size * 2 / 3);
    put_file("rows.csv.part", part);
    cr_assert(eq(int, STARTED("predict", "--grid", "grid.yaml", "-q", "-o",
                              "rows.csv"), 0), "%s", read_file("stderr", NULL));
    cr_expect(strcmp(read_file("rows.csv", NULL), whole) == 0);
    cr_expect(access("rows.csv.part", F_OK) != 0);

    put_file("other.yaml", "model: mod-220m-paper\nphase: decode\n");
    put_file("rows.csv.part", part);
    cr_expect(eq(int, STARTED("predict", "--grid", "other.yaml", "-q", "-o",
                              "rows.csv"), 2));
    expect_said("stderr", "rows.csv.part: what stands in it is not of this"
                " grid");
    cr_expect(strcmp(read_file("rows.csv.part", NULL), part) == 0);
    free(part);
    free(whole);
}

static void expect_foreign(const char *grid_text, const char *part)
{
    put_file("grid.yaml", grid_text);
    put_file("rows.csv.part", part);
    cr_expect(eq(int, STARTED("predict", "--grid", "grid.yaml", "-q", "-o",
                              "rows.csv"), 2), "%s", part);
    expect_said("stderr", "what stands in it is not of this grid");
    cr_expect(strcmp(read_file("rows.csv.part", NULL), part) == 0);
}

/* As many rows of another batch; all rows, and the same once more. */
Test(grid, rows_of_another_grid_are_not_gone_on_with)
{
    static const char one[] = "model: tiny-48-mod\nbatch: [1, 2]\n",
        other[] = "model: tiny-48-mod\nbatch: [1, 3]\n";
    size_t size;

    put_file("grid.yaml", one);
    cr_assert(eq(int, STARTED("predict", "--grid", "grid.yaml", "-q", "-o",
                              "whole.csv"), 0));
    char *whole = read_file("whole.csv", &size);
    expect_foreign(other, whole);
    char *twice = NULL;
    cr_assert(asprintf(&twice, "%s%s", whole, strchr(whole, '\n') + 1) > 0);
    expect_foreign(one, twice);
    free(twice);
    free(whole);
}

/* 2 * 256 * 256 * 3 points, which take seconds. */
Test(grid, an_interrupt_leaves_whole_rows)
{
    char text[4096] = "model: [mod-220m-paper, tiny-48-mod]\n"
                      "phase: [train, prefill, decode]\nbatch: [1";
    const struct timespec moment = { .tv_nsec = 400000000 };

    for (int i = 2; i <= 256; i++)
        sprintf(text + strlen(text), ",%d", i);
    strcat(text, "]\ncontext: [1");
    for (int i = 2; i <= 256; i++)
        sprintf(text + strlen(text), ",%d", i);
    strcat(text, "]\n");
    put_file("grid.yaml", text);
    const pid_t child = start(ARGUMENTS("predict", "--grid", "grid.yaml", "-o",
                                        "rows.csv"), (struct limits){ 0 });
    for (int i = 0; i < 100 && access("rows.csv.part", F_OK) != 0; i++)
        nanosleep(&moment, NULL);
    nanosleep(&moment, NULL);
    cr_assert(kill(child, SIGINT) == 0);
    cr_expect(eq(int, finish(child), 130));
    expect_said("stderr", "rows are there, in rows.csv.part; the same command"
                " goes on");
    cr_expect(access("rows.csv", F_OK) != 0);
    struct csv csv = rows("rows.csv.part");
    cr_expect(gt(sz, csv.n_rows, 1));
    csv_close(&csv);
}

struct mistake {
    char file[96], says[160];
};

ParameterizedTestParameters(grid, a_mistake_is_named_by_its_place)
{
    static struct mistake mistakes[] = {
        { "model: tiny-48-mod\nphase: [decode, decod]\n",
          "grid.yaml:2:17: phase[1] decod: allowed is words, at most 16, of"
          " train, prefill, decode; did you mean 'decode'?" },
        { "model: [tiny-48-mod, tiny-49]\n", "grid.yaml:1:8: tiny-49: no such"
          " file" },
        { "model: tiny-48-mod\nmachine: h1000\n", "grid.yaml:2:10: h1000" },
        { "model: tiny-48-mod\ncapacity: [0.5, 2]\n", "grid.yaml:2:17:"
          " capacity[1] 2: allowed is numbers, 0 to 1" },
        { "model: tiny-48-mod\nrival: layers:x\n", "grid.yaml:2:8: --against"
          " layers:x" },
        { "model: tiny-48-mod\nmachines: l4\n", "grid.yaml:2:1: unknown key"
          " 'machines'" },
        { "batch: 1\n", "grid.yaml:1:1: missing key 'model'" },
    };
    return cr_make_param_array(struct mistake, mistakes,
                               sizeof mistakes / sizeof *mistakes);
}

ParameterizedTest(struct mistake *m, grid, a_mistake_is_named_by_its_place)
{
    put_file("grid.yaml", m->file);
    cr_expect(eq(int, STARTED("predict", "--grid", "grid.yaml"), 2));
    expect_said("stderr", m->says);
}

Test(grid, its_axes_are_no_flags)
{
    put_file("grid.yaml", "model: tiny-48-mod\n");
    cr_expect(eq(int, STARTED("predict", "--grid", "grid.yaml", "-B", "2"), 2));
    expect_said("stderr", "--batch: not with --grid, whose axes are keys");
    cr_expect(eq(int, STARTED("predict", "tiny-48-mod", "--grid", "grid.yaml"),
                 2));
    cr_expect(eq(int, STARTED("keys", "grid"), 0));
    expect_said("stdout", "capacity: numbers, 0 to 1, at most 256; default []");
}
