/* test_rundir.c - Expect a run directory to have one writer, and its summary
 * never to invent a number. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/core/answer/rundir.h"
#include "tests/directory.h"

TestSuite(rundir, .init = enter_directory, .fini = leave_directory);

static struct error err;

static struct ledger *ledger_with(uint64_t flops, double seconds)
{
    struct ledger *ledger = NULL;
    struct cost cost = { 0 };
    struct ledger_key key = { PASS_FORWARD, 0, LEDGER_SHARED, OP_QKV };

    cost_set_count(&cost, METRIC_FLOPS, flops, PROV_COUNTED);
    cost_set_real(&cost, METRIC_SECONDS, seconds, PROV_MEASURED);
    cr_assert(eq(int, ledger_open(&ledger, (struct ledger_shape){
        .by_pass = true, .by_op = true, .n_layers = 1 },
        (struct cost){ 0 }, &err), STATUS_OK));
    cr_assert(eq(int, ledger_charge(ledger, key, &cost), STATUS_OK));
    return ledger;
}

static json_t *summary(void)
{
    return summary_open("train", json_pack("{s:i}", "steps", 3),
                        json_pack("{s:s}", "commit", "abc"));
}

static json_t *total(json_t *summary, const char *witness, const char *name)
{
    return json_object_get(json_object_get(json_object_get(summary, "totals"),
                                           witness), name);
}

static const char *word(json_t *summary, const char *witness, const char *kind,
                        const char *name)
{
    const char *text = json_string_value(
        json_object_get(total(summary, witness, kind), name));
    return text ? text : "";
}

Test(rundir, a_second_writer_is_refused_and_told_who_holds_it)
{
    struct rundir first;
    char want[128];

    cr_assert(eq(int, rundir_open(&first, "a/run", &err), STATUS_OK));
    pid_t child = fork();
    if (child == 0) {
        struct rundir second;
        enum status status = rundir_open(&second, "a/run", &err);
        snprintf(want, sizeof want, "'a/run' is in use by process %ld",
                 (long)getppid());
        _exit(status == STATUS_BAD_VALUE && strstr(err.text, want) ? 7 : 8);
    }
    int how = 0;
    waitpid(child, &how, 0);
    cr_assert(eq(int, WEXITSTATUS(how), 7));
    rundir_close(&first);
}

Test(rundir, closing_or_dying_frees_the_directory)
{
    struct rundir rundir;

    cr_assert(eq(int, rundir_open(&rundir, "run", &err), STATUS_OK));
    rundir_close(&rundir);
    pid_t child = fork();
    if (child == 0) {
        _exit(rundir_open(&rundir, "run", &err) == STATUS_OK ? 0 : 1);
    }
    waitpid(child, NULL, 0);     /* it ended without closing */
    cr_assert(eq(int, rundir_open(&rundir, "run", &err), STATUS_OK));
    rundir_close(&rundir);
}

Test(rundir, a_new_summary_knows_no_totals_and_says_why)
{
    json_t *s = summary();

    cr_assert_str_eq(json_string_value(json_object_get(s, "schema")),
                     "isobath-run-1");
    cr_assert_str_eq(json_string_value(json_object_get(s, "status")), "done");
    cr_assert(eq(int, json_typeof(total(s, "measured", "joules")), JSON_NULL));
    cr_assert_str_eq(word(s, "measured", "reasons", "joules"), "not asked for");
    cr_assert_str_eq(word(s, "predicted", "sources", "flops"), "unknown");
    json_decref(s);
}

Test(rundir, totals_carry_numbers_sources_and_reasons)
{
    json_t *s = summary();
    struct ledger *ledger = ledger_with(1u << 20, 0.25);

    ledger_set_reason(ledger, METRIC_JOULES, "no sensor");
    cr_assert(eq(int, summary_totals(s, "counted", ledger, &err), STATUS_OK));
    cr_assert(eq(i64, json_integer_value(total(s, "counted", "flops")),
                 1 << 20));
    cr_assert(eq(dbl, json_real_value(total(s, "counted", "seconds")), 0.25));
    cr_assert_str_eq(word(s, "counted", "sources", "flops"), "counted");
    cr_assert_str_eq(word(s, "counted", "reasons", "flops"), "");
    cr_assert(eq(int, json_typeof(total(s, "counted", "joules")), JSON_NULL));
    cr_assert_str_eq(word(s, "counted", "reasons", "joules"), "no sensor");
    ledger_close(ledger);
    json_decref(s);
}

Test(rundir, a_total_that_json_cannot_hold_is_an_error_not_a_wrong_number)
{
    json_t *s = summary();
    struct ledger *ledger = ledger_with(UINT64_MAX, 0.0);

    cr_assert(eq(int, summary_totals(s, "counted", ledger, &err),
                 STATUS_OVERFLOWED));
    ledger_close(ledger);
    json_decref(s);
}

Test(rundir, a_total_that_is_not_finite_is_an_error_too)
{
    json_t *s = summary();
    struct ledger *ledger = ledger_with(1, (double)NAN);

    cr_assert(eq(int, summary_totals(s, "counted", ledger, &err),
                 STATUS_OVERFLOWED));
    ledger_close(ledger);
    json_decref(s);
}

Test(rundir, a_summary_reads_back_as_it_was_written)
{
    struct rundir rundir;
    json_t *s = summary(), *back = NULL;

    cr_assert(eq(int, rundir_open(&rundir, "run", &err), STATUS_OK));
    json_object_set_new(s, "loss", json_real(0.1));
    cr_assert(eq(int, summary_write(s, rundir.path, &err), STATUS_OK));
    cr_assert(eq(int, summary_read(&back, "run", &err), STATUS_OK));
    cr_assert(json_equal(s, back));
    json_decref(s);
    json_decref(back);
    rundir_close(&rundir);
}

static enum status read_text(const char *text)
{
    FILE *file = fopen("summary.json", "w");
    json_t *out = NULL;

    fputs(text, file);
    fclose(file);
    return summary_read(&out, ".", &err);
}

Test(rundir, a_broken_summary_is_named_with_its_place)
{
    cr_assert(eq(int, read_text("{\"schema\":\n  }"), STATUS_BAD_FORMAT));
    cr_assert(eq(int, strncmp(err.text, "./summary.json:2:3: ", 20), 0), "%s",
              err.text);
}

Test(rundir, another_schema_is_refused)
{
    cr_assert(eq(int, read_text("{\"schema\": \"other\"}"), STATUS_BAD_FORMAT));
    cr_assert_str_eq(err.text, "./summary.json:1:1: schema other: allowed is"
                               " isobath-run-1");
    cr_assert(eq(int, read_text("[1]"), STATUS_BAD_FORMAT));
}

Test(rundir, provenance_has_every_field_and_null_where_unknown)
{
    static const char *const fields[] = {
        "version", "commit", "dirty", "build_flags", "compiler", "isa", "cpu",
        "kernel", "perf_event_paranoid", "memory_bytes", "threads", "seed",
        "data_path", "data_hash", "start_time", "arguments", NULL };
    char name[] = "isobath train", odd[] = "\xff";
    char *argv[] = { name, odd, NULL };
    json_t *p = provenance_json(2, argv, 3, -7, "avx2", NULL, NULL);

    for (int i = 0; fields[i]; i++)
        cr_expect(ne(ptr, json_object_get(p, fields[i]), NULL), "%s",
                  fields[i]);
    cr_assert(eq(i64, json_integer_value(json_object_get(p, "seed")), -7));
    cr_assert(eq(int, json_typeof(json_object_get(p, "data_hash")), JSON_NULL));
    cr_assert_str_eq(json_string_value(json_array_get(
        json_object_get(p, "arguments"), 1)), "(not UTF-8)");
    cr_assert(eq(sz, strlen(json_string_value(
        json_object_get(p, "start_time"))), strlen("2026-01-01T00:00:00Z")));
    json_decref(p);
}

Test(rundir, the_ledger_file_has_one_header_and_a_witness_per_row)
{
    struct rundir rundir;
    struct ledger *a = ledger_with(5, 0.5), *b = ledger_with(6, 0.5);
    char *text = NULL;
    size_t size = 0;

    cr_assert(eq(int, rundir_open(&rundir, "run", &err), STATUS_OK));
    cr_assert(eq(int, rundir_write_ledgers(&rundir, a, NULL, b, &err),
                 STATUS_OK));
    cr_assert(eq(int, file_read(&text, &size, "run/ledger.csv", 9999, &err),
                 STATUS_OK));
    cr_assert(eq(int, strncmp(text, "witness,pass,layer,op,flops,flops_source,",
                              41), 0));
    cr_assert(ne(ptr, strstr(text, "\r\npredicted,forward,0,qkv,5,counted,,"
                                   "unknown,"), NULL), "%s", text);
    cr_assert(ne(ptr, strstr(text, "\r\nmeasured,forward,0,qkv,6,counted,"),
                 NULL), "%s", text);
    free(text);
    ledger_close(a);
    ledger_close(b);
    rundir_close(&rundir);
}

Test(rundir, ledgers_with_and_without_tokens_do_not_share_a_table)
{
    struct rundir rundir;
    struct ledger *a = ledger_with(5, 0.5), *b = NULL;

    cr_assert(eq(int, rundir_open(&rundir, "run", &err), STATUS_OK));
    cr_assert(eq(int, ledger_open(&b, (struct ledger_shape){ .n_tokens = 2 },
                                  (struct cost){ 0 }, &err), STATUS_OK));
    cr_assert(eq(int, rundir_write_ledgers(&rundir, a, b, NULL, &err),
                 STATUS_BAD_VALUE));
    ledger_close(a);
    ledger_close(b);
    rundir_close(&rundir);
}
