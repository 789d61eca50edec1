/* test_profile_tokens.c - Write the tokens.csv of a profile: a column for every
 * choice that the model makes, two a layer where its parts are routed apart,
 * and the dense twin's tokens under the same columns. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hwprof/commands/profile_job.h"
#include "sim/core/base/file.h"
#include "reports/read/csv.h"
#include "tests/fake_bench.h"

enum { L = 4, STEPS = 2, BATCH = 3 };

/* A computer with one CPU and nothing to count with. */
static struct fake_tree bare_computer(void)
{
    struct fake_tree tree = fake_tree_open();
    const char *cache = "devices/system/cpu/cpu0/cache/index0";
    const char *const files[][2] = { { "level", "2" }, { "size", "1024K" },
                                     { "type", "Unified" } };
    char name[80];

    fake_tree_write(&tree, "devices/system/cpu/online", "0\n");
    fake_tree_write(&tree, "meminfo", "MemTotal: 8388608 kB\n");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(name, sizeof name, "%s/%s", cache, files[i][0]);
        fake_tree_write(&tree, name, "%s\n", files[i][1]);
    }
    return tree;
}

static struct model_spec shape(enum routed_part part)
{
    return (struct model_spec){
        .traits = family_traits[FAMILY_LLAMA], .n_layers = L, .part = part,
        .routed = { false, true, false, true },
        .capacity = { 1, 0.5, 1, 0.5 },
    };
}

/* tokens.csv of a model whose choice c kept kept[step][c] sequences' tokens; its
 * dense twin kept all.  Both take what was measured. */
static char *written_by(enum routed_part part, const int32_t *kept,
                        const struct measure *measured,
                        const struct fake_tree *tree)
{
    struct measure *measure = (struct measure *)(uintptr_t)measured;
    struct profile_job s = {
        .arguments = { .batch = BATCH, .tokens = 10, .steps = STEPS },
        .spec = { [ARM_MOD] = shape(part) },
    };
    struct cost step[STEPS] = { cost_zero(PROV_COUNTED),
                                cost_zero(PROV_COUNTED) };
    int32_t all[STEPS * L];
    char path[512], *text;
    size_t size;
    struct error err;

    s.spec[ARM_DENSE] = spec_dense(&s.spec[ARM_MOD]);
    snprintf(s.rundir.path, sizeof s.rundir.path, "%s", tree->root);
    for (int i = 0; i < STEPS * L; i++)
        all[i] = BATCH;
    struct arm arm[ARM_COUNT] = {
        { .job = &s, .name = "dense", .spec = &s.spec[ARM_DENSE],
          .measure = measure, .step = step, .kept = all },
        { .job = &s, .name = "mod", .spec = &s.spec[ARM_MOD],
          .measure = measure, .step = step,
          .kept = (int32_t *)(uintptr_t)kept },
    };
    cr_assert(eq(int, profile_tokens_write(&s, arm, ARM_COUNT, &err),
                 STATUS_OK), "%s", err.text);
    fake_tree_path(tree, path, "tokens.csv");
    cr_assert(eq(int, file_read(&text, &size, path, 1 << 16, &err), STATUS_OK),
              "%s", err.text);
    return text;
}

/* The same where nothing was measured. */
static char *written(enum routed_part part, const int32_t *kept)
{
    struct fake_tree tree = bare_computer();
    const struct measure_options options = {
        .sysfs_root = tree.root, .proc_root = tree.root,
        .configs = "/nonexistent", .n_layers = L,
        .metrics = 1u << METRIC_SECONDS, .n_tokens = STEPS, .bare = true,
    };
    struct measure *measure;
    struct error err;

    cr_assert(eq(int, measure_open(&measure, &options, &err), STATUS_OK), "%s",
              err.text);
    char *text = written_by(part, kept, measure, &tree);
    measure_close(measure);
    fake_tree_close(&tree);
    return text;
}

static void says(const char *text, const char *words)
{
    cr_expect(strstr(text, words) != NULL, "'%s' not in\n%s", words, text);
}

/* model,step,position,tokens,kept: of layers 1 and 3. */
Test(profile_tokens, a_routed_block_has_a_column)
{
    char *text = written(PART_BLOCK, (int32_t[STEPS * L]){ 3, 2, 3, 1,
                                                           3, 0, 3, 3 });
    says(text, "model,step,position,tokens,kept,kept_1,kept_3,flops_counted,");
    says(text, "\r\ndense,0,8,3,6,3,3,0,0,");
    says(text, "\r\nmod,0,8,3,3,2,1,0,0,");
    says(text, "\r\nmod,1,9,3,3,0,3,0,0,");
    free(text);
}

/* Choices 2 and 3 are layer 1's, 6 and 7 layer 3's. */
Test(profile_tokens, parts_routed_apart_have_two)
{
    char *text = written(PART_APART, (int32_t[STEPS * 2 * L]){
        3, 3, 2, 1, 3, 3, 0, 3,  3, 3, 1, 0, 3, 3, 2, 2 });
    says(text, "model,step,position,tokens,kept,kept_attention_1,kept_ffn_1,"
               "kept_attention_3,kept_ffn_3,flops_counted,");
    says(text, "\r\ndense,0,8,3,12,3,3,3,3,0,0,");
    says(text, "\r\ndense,1,9,3,12,3,3,3,3,0,0,");
    says(text, "\r\nmod,0,8,3,6,2,1,0,3,0,0,");
    says(text, "\r\nmod,1,9,3,5,1,0,2,2,0,0,");
    free(text);
}

/* ---- what was measured of a step ---- */

static double bench_now(void *context)
{
    return ((struct bench *)context)->now;
}

/* One repeat of each pass: 3 J in half a second; the first of two steps takes
 * longer. */
static struct measure *measure_steps(struct bench *bench)
{
    struct measure *m;
    struct error err = { 0 };
    const struct measure_options options = {
        .sysfs_root = bench->tree.root, .proc_root = bench->tree.root,
        .configs = "/nonexistent", .backend = &fake_backend, .n_layers = L,
        .n_repeats = 1, .busy = busy, .busy_context = bench,
        .metrics = counter_bit(METRIC_SECONDS) | counter_bit(METRIC_JOULES),
        .n_tokens = STEPS, .bare = true, .clock = { bench_now, NULL, bench },
    };
    int pass;

    cr_assert(eq(int, measure_open(&m, &options, &err), STATUS_OK), "%s",
              err.text);
    while ((pass = measure_next(m)) >= 0) {
        cr_assert(eq(int, measure_begin(m, pass, &err), STATUS_OK), "%s",
                  err.text);
        run_op(measure_meter(m), &bench->fake, 0, OP_QKV, 1);
        for (int t = 0; t < STEPS; t++) {
            measure_token(m, t);
            usleep(t ? 1000 : 3000);
        }
        bench->now += 0.5;
        post_energy(bench, 3000000);
        cr_assert(not(measure_again(m)));
        cr_assert(eq(int, measure_end(m, &err), STATUS_OK), "%s", err.text);
    }
    struct ledger *ledger = open_ledger(L, 0);
    measure_finish(m, ledger, NULL);
    ledger_close(ledger);
    return m;
}

static double real_at(const struct csv *csv, size_t row, const char *column)
{
    double value;
    struct error err;

    cr_assert(eq(int, csv_real(csv, row, csv_column(csv, column), &value, &err),
                 STATUS_OK), "%s", err.text);
    return value;
}

static const char *text_at(const struct csv *csv, size_t row,
                           const char *column)
{
    return csv_text(csv, row, csv_column(csv, column));
}

/* A step is shorter than what a sensor posts in: its joules are a share. */
Test(profile_tokens, a_step_has_its_share_of_the_joules_by_its_seconds)
{
    struct bench bench = make_bench(true);
    struct measure *m = measure_steps(&bench);
    const int32_t kept[STEPS * L] = { 3, 2, 3, 1, 3, 0, 3, 3 };
    struct csv csv;
    char path[512];

    free(written_by(PART_BLOCK, kept, m, &bench.tree));
    fake_tree_path(&bench.tree, path, "tokens.csv");
    cr_assert(eq(int, csv_open(&csv, path, NULL), STATUS_OK));
    cr_assert(eq(sz, csv.n_rows, STEPS * ARM_COUNT));
    double first = real_at(&csv, 0, "joules");    /* of the dense twin */
    double second = real_at(&csv, ARM_COUNT, "joules");
    cr_expect(epsilon_eq(dbl, first + second, 3, 1e-6));
    cr_expect(epsilon_eq(dbl, first / second, real_at(&csv, 0, "seconds") /
                         real_at(&csv, ARM_COUNT, "seconds"), 1e-5));
    cr_expect(eq(str, (char *)text_at(&csv, 0, "joules_source"),
                 "apportioned"));
    cr_expect(epsilon_eq(dbl, real_at(&csv, 0, "joules_resolution"),
                         0.001 * 3 / 0.5, 1e-9));
    cr_expect(real_at(&csv, 0, "seconds_resolution") > 0);
    cr_expect(eq(str, (char *)text_at(&csv, 0, "joules_reason"), ""));
    cr_expect(eq(str, (char *)text_at(&csv, 0, "flops"), ""));
    cr_expect(eq(str, (char *)text_at(&csv, 0, "flops_source"), "unknown"));
    cr_expect(eq(str, (char *)text_at(&csv, 0, "flops_reason"),
                 "not asked for"));
    csv_close(&csv);
    measure_close(m);
    fake_tree_close(&bench.tree);
}

/* Choices 1 and 3 are made: 2 + 1 + 3 + 0 of their 12 tokens; what no layer chooses
 * counts for nothing. */
Test(profile_tokens, the_share_kept_is_that_of_the_choices_that_are_made)
{
    static int32_t kept[STEPS * L] = { BATCH, 2, BATCH, 1, BATCH, 3, BATCH, 0 };
    const struct model_spec mod = shape(PART_BLOCK), dense = spec_dense(&mod);
    struct profile_job s = { .arguments = { .batch = BATCH, .steps = STEPS } };

    cr_expect(epsilon_eq(dbl, profile_kept(&(struct arm){
        .job = &s, .spec = &mod, .kept = kept }), 0.5, 1e-12));
    cr_expect(isnan(profile_kept(&(struct arm){
        .job = &s, .spec = &dense, .kept = kept })));
}
