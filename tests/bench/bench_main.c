/* bench_main.c - Measure how fast this machine runs the program, beside what
 * the machine could do: medians and extremes of interleaved samples.  Nothing
 * is asserted. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/answer/command.h"
#include "sim/core/base/file.h"
#include "sim/core/answer/rundir.h"
#include "tests/bench/bench.h"

/* The whole run, in s: short enough to wait for. */
static const double most_seconds = 170.0;

static const struct section {
    const char    *name, *help;
    bench_section *run;
} sections[] = {
    { "peak",    "sgemm by every library here and by our kernel", bench_peak },
    { "gemm",    "products as a step has them, beside the libraries'",
      bench_gemm },
    { "train",   "training steps as a share of the peak, dense and MoD",
      bench_train },
    { "widths",  "steps of widths and heads that are no multiple of 16",
      bench_widths },
    { "routed",  "MoD beside dense at small widths: time over flops",
      bench_routed },
    { "ops",     "where the time of a step goes", bench_ops },
    { "decode",  "decoding and prompts, weights in float32 and as stored",
      bench_decode },
    { "predict", "time of a prediction, and of a listening meter",
      bench_predict },
    { "open",    "CPU time and memory of opening models and tokenizers",
      bench_open },
};
enum { N_SECTIONS = sizeof sections / sizeof *sections };

struct options {
    const char *only, *csv;
    bool quick, noisy, json;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'c': o->csv = arg;     return 0;
    case 'j': o->json = true;   return 0;
    case 'o': o->only = arg;    return 0;
    case 'n': o->noisy = true;  return 0;
    case 'q': o->quick = true;  return 0;
    default:  return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_table[] = {
    { "only", 'o', "NAME", 0, "One section: peak, gemm, train, widths, routed,"
      " ops, decode, predict, open", 0 },
    { "quick", 'q', NULL, 0, "Three rounds instead of seven, small shapes", 0 },
    { "noisy", 'n', NULL, 0, "Keep rounds that other processes disturbed", 0 },
    { "csv", 'c', "FILE", 0, "Write every number there too", 0 },
    { "json", 'j', NULL, 0, "Print JSON instead of text", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

struct rounds_plan bench_plan(const struct bench *bench, int n_threads,
                              double sample_seconds, double most)
{
    double left = bench->ends - clock_seconds();
    return (struct rounds_plan){
        .wanted = bench->quick ? 3 : 7, .n_threads = n_threads,
        .noisy = bench->noisy,
        .sample_seconds = bench->quick ? sample_seconds / 2 : sample_seconds,
        .most_seconds = most < left ? most : left,
    };
}

static void open_bench(struct bench *bench, const struct options *options)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    *bench = (struct bench){
        .quick = options->quick, .noisy = options->noisy,
        .n_threads = cpus > 1 ? 2 : 1,
        .ends = clock_seconds() + most_seconds, .kernels = kernels_best(),
    };
    blas_stock_open(&bench->stock, 1024);
    blas_open(bench->blas);
}

static int find_section(const char *name)
{
    for (int i = 0; i < N_SECTIONS; i++)
        if (strcmp(sections[i].name, name) == 0)
            return i;
    return -1;
}

static enum status run_sections(struct bench *bench,
                                const struct options *options,
                                struct results *results, struct error *err)
{
    for (int i = 0; i < N_SECTIONS; i++) {
        if (options->only && strcmp(options->only, sections[i].name) != 0)
            continue;
        results[i].section = sections[i].name;
        enum status status = sections[i].run(bench, &results[i], err);
        if (status != STATUS_OK)
            return status;
        if (command_interrupted)
            return error_set(err, STATUS_INTERRUPTED, "interrupted");
        if (!options->json)
            results_print(&results[i], stdout);
    }
    return STATUS_OK;
}

static enum status write_csv(const struct results *results, const char *path,
                             struct error *err)
{
    struct file_writer file;
    enum status status = file_create(&file, path, err);
    if (status != STATUS_OK)
        return status;
    results_csv_header(file.stream);
    for (int i = 0; i < N_SECTIONS; i++)
        if (results[i].section)
            results_csv(&results[i], file.stream);
    return file_commit(&file, err);
}

static enum status print_json(const struct results *results,
                              const struct bench *bench, int argc, char **argv,
                              struct error *err)
{
    json_t *list = json_array(), *all;
    for (int i = 0; i < N_SECTIONS; i++)
        if (results[i].section)
            json_array_append_new(list, results_json(&results[i]));
    all = json_pack("{s:s, s:o, s:o}", "schema", "isobath-bench-1",
                    "provenance",
                    provenance_json(argc, argv, bench->n_threads, 1,
                                    bench->kernels->name, NULL, NULL),
                    "sections", list);
    if (!all || json_dumpf(all, stdout, JSON_INDENT(2)) != 0) {
        json_decref(all);
        return error_set(err, STATUS_IO, "cannot print the results");
    }
    json_decref(all);
    putchar('\n');
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    const struct argp argp = {
        .options = option_table, .parser = parse_option,
        .doc = "Speed, side by side with the BLAS libraries.",
    };
    struct options options = { 0 };
    struct error err;
    struct bench bench;
    struct results *results = calloc(N_SECTIONS, sizeof *results);
    enum status status = STATUS_OK;

    argp_err_exit_status = status_exit_code(STATUS_BAD_VALUE);
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (!results)
        status = error_set(&err, STATUS_NO_MEMORY, "no memory for results");
    else if (options.only && find_section(options.only) < 0)
        status = error_set(&err, STATUS_BAD_VALUE, "--only '%s': allowed is"
                           " peak, gemm, train, widths, routed, ops, decode,"
                           " predict or open",
                           options.only);
    if (status != STATUS_OK)
        return command_fail(&err);

    command_catch_signals();
    open_bench(&bench, &options);
    status = run_sections(&bench, &options, results, &err);
    helper_close(&bench.stock);
    if (status == STATUS_OK && options.json)
        status = print_json(results, &bench, argc, argv, &err);
    if (status == STATUS_OK && options.csv)
        status = write_csv(results, options.csv, &err);
    free(results);
    return status == STATUS_OK ? 0 : command_fail(&err);
}
