/* test_energy_table.c - Print a fit that is known, as isobath machine
 * --fit-energy does. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "hwprof/measure/energy_table.h"
#include "hwprof/measure/fact.h"
#include "tests/synthetic_machine.h"

static struct energy_coefficient found(double value)
{
    return (struct energy_coefficient){ value, 0.75 * value, 1.25 * value, true,
                                        "" };
}

static void fill(struct energy_answer *a)
{
    *a = (struct energy_answer){ .window_seconds = 1, .n_threads = 2 };
    snprintf(a->run.source, sizeof a->run.source, "intel-rapl:0 \"package-0\"");
    a->run.n_rows = 77;
    a->run.n_windows = 80;
    a->run.n_rejected = 3;
    a->run.n_reasons = 1;
    a->run.rejection[0] = (struct energy_rejection){ 2, 3, "it stood still" };
    a->run.idle_before = 20.25;
    a->run.idle_after = (double)NAN;
    a->fit.n_kernels = ENERGY_N_KERNELS;
    a->fit.standing = found(24);
    a->fit.term[ENERGY_IDLE] = found(20);
    a->fit.term[ENERGY_AWAKE] = found(2);
    a->fit.term[ENERGY_FLOP] = found(12e-12);
    for (int t = ENERGY_L1; t <= ENERGY_DRAM; t++)
        a->fit.term[t] = (struct energy_coefficient){ 0, 0, 1e-12, false,
                                                      "no window shows it" };
    a->fit.condition = 12.5;
    a->fit.residual = 0.01;
    a->fit.held_out[3] = (struct energy_held_out){ true, -0.04, 6 };
    a->fit.held_out[4].n_rows = 6;
    a->fit.n_held_out = 1;
    a->fit.worst_held_out = 0.04;
    a->profile.fit = &a->fit;
    a->profile.source = a->source;
}

static enum status print_csv(FILE *file, const struct energy_answer *answer,
                             struct error *err)
{
    struct table t;

    facts_open(&t);
    energy_table_facts(&t, answer);
    enum status status = table_print(&t, FORMAT_CSV, file, err);
    table_close(&t);
    return status;
}

static char *printed(enum status (*print)(FILE *, const struct energy_answer *,
                                          struct error *),
                     const struct energy_answer *answer)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    cr_expect(eq(int, print(file, answer, NULL), STATUS_OK));
    fclose(file);
    return text;
}

/* The text with every run of blanks as one. */
static void squeeze(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++)
        if (*from != ' ' || (to > text && to[-1] != ' '))
            *to++ = *from;
    *to = '\0';
}

static void expect(const char *text, const char *words)
{
    cr_expect(strstr(text, words) != NULL, "no '%s' in:\n%s", words, text);
}

Test(energy_table, text_says_what_is_known_and_what_is_not)
{
    struct energy_answer a;

    fill(&a);
    char *text = printed(energy_table_text, &a);
    squeeze(text);
    expect(text, "77 windows of 1 s on 2 threads");
    expect(text, "joules_per_flop 12.0 pJ/flop 9.00 pJ/flop 15.0 pJ/flop "
           "fitted\n");
    expect(text, "idle_watts 20.0 W 15.0 W 25.0 W in watts.static\n");
    expect(text, "watts.static 24.0 W 18.0 W 30.0 W fitted\n");
    expect(text, "l2.joules_per_byte - - - prior: no window shows it\n");
    expect(text, "1 kernels, at most 4.0% off (L1 -4.0%)");
    expect(text, "condition number 12.5");
    expect(text, "Left out: 3 of 80 windows\n 3, the first in fma: it stood "
                 "still\n");
    cr_expect(strstr(text, "Idle before") == NULL, "half of a pair");
    free(text);
}

static bool same(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fabs(b);
}

static bool is_null(const json_t *json)
{
    return json_is_null(json);
}

Test(energy_table, json_has_null_for_what_is_unknown)
{
    struct energy_answer a;
    const char *unit;
    double value, low, high;

    fill(&a);
    json_t *json = energy_table_json(&a);
    json_t *all = json_object_get(json, "coefficients");
    cr_assert(eq(int, json_unpack(json_object_get(all, "joules_per_flop"),
        "{s:s, s:f, s:f, s:f}", "unit", &unit, "value", &value, "low", &low,
        "high", &high), 0));
    cr_expect(eq(str, (char *)unit, "J/flop"));
    cr_expect(same(value, 12e-12) && same(low, 9e-12) && same(high, 15e-12));
    const json_t *dram = json_object_get(all, "dram.joules_per_byte");
    cr_expect(is_null(json_object_get(dram, "value")));
    json_t *held = json_object_get(json, "held_out");
    const json_t *l1 = json_object_get(held, "L1");
    const json_t *l2 = json_object_get(held, "L2");
    cr_expect(is_null(json_object_get(l2, "error")));
    cr_expect(same(json_real_value(json_object_get(l1, "error")), -0.04));
    cr_expect(json_object_get(held, "fma") == NULL, "it never ran");
    cr_expect(is_null(json_object_get(json, "idle_watts_after")));
    cr_expect(same(json_real_value(json_object_get(json, "idle_watts_before")),
                   20.25));
    json_decref(json);
}

Test(energy_table, csv_has_eight_fields_a_row)
{
    struct energy_answer a;

    fill(&a);
    char *text = printed(print_csv, &a);
    expect(text, "coefficient,joules_per_flop,2,1.2e-11,9e-12,J/flop,"
                 "\"intel-rapl:0 \"\"package-0\"\"\",\r\n");
    expect(text, "coefficient_high,joules_per_flop,2,1.5e-11,,J/flop,,\r\n");
    expect(text, "coefficient,l3.joules_per_byte,2,,,J/B,");
    cr_expect(strstr(text, "coefficient_high,l3") == NULL);
    free(text);
}
