/* test_json.c - Expect unknown numbers to stay unknown in JSON, and documents
 * to appear whole. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>

#include "sim/core/answer/json.h"
#include "sim/core/base/file.h"
#include "tests/directory.h"

TestSuite(json, .init = enter_directory, .fini = leave_directory);

static void says(json_t *json, const char *want)
{
    char *got = json_dumps(json, JSON_ENCODE_ANY);
    cr_expect_str_eq(got, want);
    free(got);
    json_decref(json);
}

Test(json, unknown_is_null_and_zero_is_zero)
{
    says(json_number((double)NAN), "null");
    says(json_number((double)INFINITY), "null");
    says(json_number(0), "0.0");
    says(json_whole(0), "null");
    says(json_whole(7), "7");
    says(json_text(NULL), "null");
    says(json_text(""), "\"\"");
}

Test(json, bytes_that_are_no_utf8_are_named_as_such)
{
    says(json_text("a\xff"), "\"(not UTF-8)\"");
}

Test(json, an_amount_of_a_cost_is_exact_or_null_or_too_large)
{
    struct cost cost = { .count = { [METRIC_FLOPS] = INT64_MAX,
                                    [METRIC_BYTES] = UINT64_MAX },
                         .from = { [METRIC_FLOPS] = PROV_COUNTED,
                                   [METRIC_BYTES] = PROV_COUNTED,
                                   [METRIC_CYCLES] = PROV_BELOW } };

    cost_set_real(&cost, METRIC_SECONDS, 0.5, PROV_MEASURED);
    says(json_amount(&cost, METRIC_FLOPS), "9223372036854775807");
    cr_expect(eq(ptr, json_amount(&cost, METRIC_BYTES), NULL));
    says(json_amount(&cost, METRIC_CYCLES), "null");
    says(json_amount(&cost, METRIC_JOULES), "null");
    says(json_amount(&cost, METRIC_SECONDS), "0.5");
}

Test(json, a_document_appears_whole_or_not_at_all)
{
    struct error err = { STATUS_OK, "" };
    json_t *json = json_pack("{s:i}", "a", 1);

    cr_assert(json_write(json, "a.json", &err) == STATUS_OK);
    says(json_load_file("a.json", 0, NULL), "{\"a\": 1}");
    cr_expect(json_write(NULL, "b.json", &err) == STATUS_NO_MEMORY);
    cr_expect(not(file_exists("b.json")));
    cr_expect(json_write(json, "none/c.json", &err) == STATUS_BAD_VALUE);
    json_decref(json);
}

Test(json, a_text_that_does_not_parse_is_named_with_its_place)
{
    struct error err = { STATUS_OK, "" };
    json_t *json = NULL;

    cr_assert(json_parse(&json, "{\n \"a\": 1}", 10, "x.json", &err) ==
              STATUS_OK);
    json_decref(json);
    cr_expect(json_parse(&json, "{\n \"a\": }", 9, "x.json", &err) ==
              STATUS_BAD_FORMAT);
    cr_expect(strncmp(err.text, "x.json:2:", 9) == 0, "%s", err.text);
    error_note_memory();
    cr_expect(json_parse(&json, "{}", 2, "x.json", &err) == STATUS_NO_MEMORY);
}

/* What transformers writes where no length is set, and a text that looks so. */
Test(json, integers_beyond_63_bits_are_reals)
{
    static const char text[] =
        "\xef\xbb\xbf{\"a\": [1000000000000000019884624838656,"
        "-99999999999999999999, 9223372036854775807],"
        " \"99999999999999999999\": \"\\\"99999999999999999999\"}";
    struct error err = { STATUS_OK, "" };
    json_t *json = NULL;

    cr_assert(json_parse(&json, text, strlen(text), "x.json", &err) ==
              STATUS_OK, "%s", err.text);
    const json_t *list = json_object_get(json, "a");
    cr_expect(json_real_value(json_array_get(list, 0)) == 1e30);
    cr_expect(json_real_value(json_array_get(list, 1)) == -1e20);
    cr_expect(json_integer_value(json_array_get(list, 2)) == INT64_MAX);
    cr_expect_str_eq(json_string_value(json_object_get(
        json, "99999999999999999999")), "\"99999999999999999999");
    json_decref(json);
}
