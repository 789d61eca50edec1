/* test_config.c - Read configs through their table; refuse bad ones with the
 * place and a remedy. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/config/config.h"
#include "sim/core/base/file.h"
#include "sim/core/config/document.h"
#include "tests/directory.h"

static const char *const gates[] = { "raw", "sigmoid", "2*sigmoid", "one",
                                     NULL };

struct target {
    bool    tied;
    int64_t steps, layers, seed;
    double  rate;
    int     gate;
    char    name[CONFIG_TEXT_SIZE], text[CONFIG_TEXT_SIZE];
    struct config_int_list  routed;
    struct config_real_list capacity;
    struct quantity         peak;
};

#define KEY(name, type, member, ...) \
    { name, type, offsetof(struct target, member), __VA_ARGS__ }

static const struct config_key keys[] = {
    KEY("train.steps", CONFIG_INT, steps, 1, 1e9, NULL, NULL, "step",
        "how many steps"),
    KEY("train.rate", CONFIG_REAL, rate, DBL_MIN, 1, "1e-3", NULL, "",
        "learning rate"),
    KEY("train.seed", CONFIG_INT, seed, 0, 0, "0", NULL, "", "seed"),
    KEY("model.layers", CONFIG_INT, layers, 1, 256, "4", NULL, "", "layers"),
    KEY("model.tied", CONFIG_BOOL, tied, 0, 0, "true", NULL, "", "tied head"),
    KEY("model.gate", CONFIG_CHOICE, gate, 0, 0, "2*sigmoid", gates, "",
        "gate"),
    KEY("model.routed", CONFIG_INT_LIST, routed, 0, 255, "[]", NULL, "",
        "routed layers"),
    KEY("model.capacity", CONFIG_REAL_LIST, capacity, DBL_MIN, 1, "1", NULL, "",
        "capacity"),
    KEY("name", CONFIG_TEXT, name, 0, 0, "", NULL, "", "name of the run"),
    KEY("data.text", CONFIG_PATH, text, 0, 0, "", NULL, "", "training text"),
    KEY("peak", CONFIG_QUANTITY, peak, 0, 1e15,
        "{value: 15, low: 8, high: 30, grade: assumed, source: none}", NULL,
        "flop/s", "peak speed"),
    { .name = NULL },
};
static const struct config_schema schema = { "run", keys };

TestSuite(config, .init = enter_directory, .fini = leave_directory);

static struct target target;
static struct config_origin origins[sizeof keys / sizeof *keys];

/* Load `text` as run.yaml, with up to three settings. */
static enum status load(const char *text, const char *a, const char *b,
                        struct error *err)
{
    struct config_setting settings[] = { { .text = a }, { .text = b } };
    size_t n = (a != NULL) + (b != NULL);

    put_file("run.yaml", text);
    memset(&target, 0xff, sizeof target);
    return config_load(&target, &schema, "run.yaml", settings, n, origins, err);
}

static void must_load(const char *text, const char *a, const char *b)
{
    struct error err = { STATUS_OK, "" };
    enum status status = load(text, a, b, &err);
    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
}

Test(config, values_and_defaults_reach_their_members)
{
    must_load("train:\n  steps: 200\n  rate: 2.5e-4\n"
              "model: {tied: false, gate: one, routed: [1, 3],"
              " capacity: [0.125, 0.5]}\n"
              "name: \"a b\"\n", NULL, NULL);
    cr_assert(eq(i64, target.steps, 200));
    cr_assert(eq(dbl, target.rate, 2.5e-4));
    cr_assert(eq(i64, target.seed, 0));
    cr_assert(eq(i64, target.layers, 4));
    cr_assert(eq(int, target.tied, 0));
    cr_assert(eq(int, target.gate, 3));
    cr_assert(eq(i32, target.routed.n, 2));
    cr_assert(eq(i64, target.routed.value[1], 3));
    cr_assert(eq(dbl, target.capacity.value[0], 0.125));
    cr_assert_str_eq(target.name, "a b");
    cr_assert_str_eq(target.text, "");
    cr_assert(eq(dbl, target.peak.high, 30.0));
    cr_assert_str_eq(target.peak.grade, "assumed");
}

Test(config, without_a_file_settings_and_defaults_do)
{
    struct config_setting settings[] = { { .text = "train.steps=7" } };
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, config_load(&target, &schema, NULL, settings, 1, NULL,
                                  &err), STATUS_OK));
    cr_assert(eq(i64, target.steps, 7));
}

Test(config, integers_may_be_written_as_exact_reals)
{
    must_load("train: {steps: 1e6, seed: -3}\nmodel: {layers: 12.0}", NULL,
              NULL);
    cr_assert(eq(i64, target.steps, 1000000));
    cr_assert(eq(i64, target.seed, -3));
    cr_assert(eq(i64, target.layers, 12));
}

Test(config, an_integer_keeps_all_64_bits)
{
    must_load("train: {steps: 1, seed: 9223372036854775807}", NULL, NULL);
    cr_assert(eq(i64, target.seed, INT64_MAX));
}

Test(config, one_number_is_a_list_of_one)
{
    must_load("train: {steps: 1}\nmodel: {capacity: 0.25}", NULL, NULL);
    cr_assert(eq(i32, target.capacity.n, 1));
    cr_assert(eq(dbl, target.capacity.value[0], 0.25));
}

Test(config, settings_outweigh_the_file_and_the_last_one_holds)
{
    must_load("train: {steps: 1}", "train.steps=5", "train.steps=6");
    cr_assert(eq(i64, target.steps, 6));
}

Test(config, a_setting_may_be_a_list)
{
    static const char *const written[] = { "model.capacity=[0.1, 0.2]",
                                           "model.capacity=0.1,0.2" };
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        must_load("train: {steps: 1}", written[i], NULL);
        cr_assert(eq(i32, target.capacity.n, 2));
        cr_assert(eq(dbl, target.capacity.value[1], 0.2));
    }
}

Test(config, texts_in_settings_are_taken_as_they_stand)
{
    must_load("train: {steps: 1}", "name=a: [b] #c", "data.text=x y=z");
    cr_assert_str_eq(target.name, "a: [b] #c");
    cr_assert_str_eq(target.text, "x y=z");
}

Test(config, a_section_may_be_a_file_relative_to_its_namer)
{
    cr_assert(eq(int, system("mkdir -p models/text"), 0));
    put_file("models/tiny.yaml", "layers: 9\ngate: raw\n");
    must_load("train: {steps: 1}\nmodel: models/tiny.yaml", NULL, NULL);
    cr_assert(eq(i64, target.layers, 9));
    cr_assert(eq(int, target.gate, 0));
}

Test(config, paths_are_relative_to_the_file_that_names_them)
{
    cr_assert(eq(int, system("mkdir -p sub"), 0));
    put_file("sub/data.yaml", "text: corpus/a.txt");
    must_load("train: {steps: 1}\ndata: sub/data.yaml", NULL, NULL);
    cr_assert_str_eq(target.text, "sub/corpus/a.txt");
    must_load("train: {steps: 1}\ndata: {text: /abs/a.txt}", NULL, NULL);
    cr_assert_str_eq(target.text, "/abs/a.txt");
}

Test(config, a_sections_file_can_be_replaced_and_its_keys_set_after)
{
    put_file("a.yaml", "layers: 1\ngate: raw");
    put_file("b.yaml", "layers: 2\ntied: false");
    must_load("train: {steps: 1}\nmodel: a.yaml", "model.gate=one",
              "model=b.yaml");
    cr_assert(eq(i64, target.layers, 2));
    cr_assert(eq(int, target.gate, 3));
    cr_assert(eq(int, target.tied, 0));
}

static void put_shipped(const char *text)
{
    cr_assert(file_make_directory("shipped/models", NULL) == STATUS_OK);
    put_file("shipped/models/little.yaml", text);
    setenv("ISOBATH_CONFIGS", "shipped", 1);
}

/* A whole config gives its section, from the command line too. */
Test(config, a_section_may_be_a_shipped_config_by_name)
{
    put_shipped("model: {layers: 7}\n");
    must_load("train: {steps: 1}\nmodel: little\n", NULL, NULL);
    cr_expect(eq(i64, target.layers, 7));
    must_load("train: {steps: 1}\nmodel: {layers: 3}\n", "model=little", NULL);
    cr_expect(eq(i64, target.layers, 7));
    put_file("little", "{layers: 5}\n");
    must_load("train: {steps: 1}\nmodel: little\n", NULL, NULL);
    cr_expect(eq(i64, target.layers, 5));
}

static uint64_t hash_of(const char *path)
{
    uint64_t hash = 0;
    cr_assert(document_hash(&hash, path, NULL) == STATUS_OK);
    return hash;
}

Test(config, a_hash_counts_what_a_name_means)
{
    put_file("run.yaml", "model: little\n");
    put_shipped("model: {layers: 7}\n");
    const uint64_t before = hash_of("run.yaml");
    put_shipped("model: {layers: 7}   # seven\n");
    cr_expect(eq(u64, hash_of("run.yaml"), before));
    put_shipped("model: {layers: 8}\n");
    cr_expect(ne(u64, hash_of("run.yaml"), before));
}

Test(config, origins_tell_where_a_value_stands)
{
    put_file("a.yaml", "\n\nlayers:   1");
    must_load("train: {steps: 1}\nmodel: a.yaml", "name=x", NULL);
    cr_assert_str_eq(origins[3].path, "a.yaml");
    cr_assert(eq(int, origins[3].line, 3));
    cr_assert(eq(int, origins[3].column, 11));
    cr_assert_str_eq(origins[8].path, "--set");
    cr_assert(eq(int, origins[8].line, 0));
    cr_assert_str_eq(origins[2].path, "default");
}

Test(config, a_later_check_can_blame_the_place)
{
    struct error err = { STATUS_BAD_VALUE, "model.layers 1: too few" };

    must_load("train: {steps: 1}\nmodel: {layers: 1}", NULL, NULL);
    cr_assert(eq(int, config_blame(&schema, origins, "model.layers", &err),
                 STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "run.yaml:2:17: model.layers 1: too few");
}

Test(config, json_holds_the_resolved_values_in_sections)
{
    must_load("train: {steps: 12}\nname: x", NULL, NULL);
    json_t *json = config_json(&target, &schema);
    int64_t steps = 0;
    const char *gate = "", *grade = "";

    cr_assert(eq(int, json_unpack(json, "{s:{s:I}, s:{s:s}, s:{s:s}}", "train",
                                  "steps", &steps, "model", "gate", &gate,
                                  "peak", "grade", &grade), 0));
    cr_assert(eq(i64, steps, 12));
    cr_assert_str_eq(gate, "2*sigmoid");
    cr_assert_str_eq(grade, "assumed");
    json_decref(json);
}

Test(config, help_shows_every_key_with_range_unit_and_default)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    config_help(&schema, file);
    fclose(file);
    cr_assert(ne(ptr, strstr(text, "train.steps: an integer, 1 to 1000000000,"
                                   " in step; required"), NULL), "%s", text);
    cr_assert(ne(ptr, strstr(text, "above 0 to 1"), NULL), "%s", text);
    cr_assert(ne(ptr, strstr(text, "one of raw, sigmoid, 2*sigmoid, one;"
                                   " default 2*sigmoid"), NULL), "%s", text);
    free(text);
}

Test(config, an_empty_file_lacks_what_is_required)
{
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, load("# nothing\n", NULL, NULL, &err), STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "run.yaml:1:1: missing key 'train.steps' (how"
                                " many steps): allowed is an integer, 1 to"
                                " 1000000000, in step");
}

/* A mistake that users make: the message starts with `at` and holds `says`. */
struct mistake {
    char text[128], setting[64], at[24], says[96];
};

ParameterizedTestParameters(config, mistakes_are_refused_with_a_place)
{
    static struct mistake mistakes[] = {
        { "train: {steps: 0}", "", "run.yaml:1:16: ",
          "train.steps 0: allowed is an integer, 1 to 1000000000" },
        { "train: {steps: many}", "", "run.yaml:1:16: ", "train.steps many" },
        { "train: {steps: '3'}", "", "run.yaml:1:16: ", "without quotes" },
        { "train: {steps: 010}", "", "run.yaml:1:16: ", "leading zeros" },
        { "train: {steps: 0x10}", "", "run.yaml:1:16: ", "in decimal" },
        { "train: {steps: 1_000}", "", "run.yaml:1:16: ", "separators" },
        { "train: {steps: 1.5}", "", "run.yaml:1:16: ", "an integer" },
        { "train: {steps: 1e30}", "", "run.yaml:1:16: ", "an integer" },
        { "train: {steps: [1]}", "", "run.yaml:1:16: ", "a list: allowed" },
        { "train: {steps: 1, steps: 2}", "", "run.yaml:1:19: ",
          "repeated key 'steps'" },
        { "train: {steps: 1}\ntrain: {rate: 1}", "", "run.yaml:2:1: ",
          "repeated key 'train'" },
        { "train: {steps: 1, seed: 9223372036854775808}", "", "run.yaml:1:25: ",
          "in 64 bits" },
        { "train: {steps: 1, stpes: 1}", "", "run.yaml:1:19: ",
          "unknown key 'train.stpes', did you mean 'train.steps'?" },
        { "steps: 1", "", "run.yaml:1:1: ",
          "unknown key 'steps', did you mean 'train.steps'?" },
        { "trian: {steps: 1}", "", "run.yaml:1:1: ", "did you mean 'train'?" },
        { "train.steps: 1", "", "run.yaml:1:1: ", "indented mappings" },
        { "train: {steps: 1, rate: 0}", "", "run.yaml:1:25: ", "above 0 to 1" },
        { "train: {steps: 1, rate: .nan}", "", "run.yaml:1:25: ", "a number" },
        { "train: {steps: 1, rate: .inf}", "", "run.yaml:1:25: ", "a number" },
        { "train: {steps: 1, rate: inf}", "", "run.yaml:1:25: ", "a number" },
        { "train: {steps: 1, rate: 1e999}", "", "run.yaml:1:25: ", "double" },
        { "train: {steps: 1, rate: 1e-999}", "", "run.yaml:1:25: ", "double" },
        { "train:\n  steps: 1\n  rate: 0,5", "", "run.yaml:3:9: ",
          "separators" },
        { "train: {steps: 1, rate: 1.0x}", "", "run.yaml:1:25: ", "a number" },
        { "train: {steps: 1, rate: }", "", "run.yaml:1:2", "nothing" },
        { "train: {steps: 1}\nmodel: {tied: yes}", "", "run.yaml:2:15: ",
          "model.tied yes: allowed is true or false" },
        { "train: {steps: 1}\nmodel: {tied: 'true'}", "", "run.yaml:2:15: ",
          "without quotes" },
        { "train: {steps: 1}\nmodel: {gate: sigmiod}", "", "run.yaml:2:15: ",
          "did you mean 'sigmoid'?" },
        { "train: {steps: 1}\nmodel: {capacity: [1, 2]}", "", "run.yaml:2:23: ",
          "model.capacity[1] 2: allowed is numbers, above 0 to 1" },
        { "train: {steps: 1}\nmodel:", "", "run.yaml:2:7: ", "model is empty" },
        { "train: {steps: 1}\nmodel: [1]", "", "run.yaml:2:8: ", "a mapping" },
        { "train: {steps: 1}\nmodel: none.yaml", "", "run.yaml:2:8: ",
          "model: no file 'none.yaml'" },
        { "train: {steps: 1}\nname: ~", "", "run.yaml:2:7: ", "in quotes" },
        { "train: {steps: 1}\nname: \"a\\0b\"", "", "run.yaml:2:7: ",
          "a NUL byte" },
        { "train: {steps: 1}\npeak: 3", "", "run.yaml:2:7: ",
          "{value, low, high, grade, source}" },
        { "train: {steps: 1}\npeak: {value: 1, low: 1, high: 1, grade:"
          " assumed}", "", "run.yaml:2:7: ", "peak.source is missing" },
        { "train: {steps: 1}\npeak: {value: 1, low: 2, high: 3, grade:"
          " assumed, source: s}", "", "run.yaml:2:7: ",
          "allowed is low <= value <= high" },
        { "train: {steps: 1}\npeak: {value: 1, low: 1, high: 1, grade:"
          " guess, source: s}", "", "run.yaml:2:42: ", "one of measured" },
        { "train: {steps: 1}\npeak: {value: 1, value: 2}", "",
          "run.yaml:2:18: ", "repeated 'value'" },
        { "train: &a {steps: 1}", "", "run.yaml:1:8: ", "an anchor" },
        { "train: *a", "", "run.yaml:1:8: ", "an alias" },
        { "train: {steps: !!int 1}", "", "run.yaml:1:16: ", "a tag" },
        { "train: {steps: 1}\n---\nname: x", "", "run.yaml:2:1: ",
          "a second document" },
        { "train: {steps: 1", "", "run.yaml:", "did not find expected" },
        { "train: {steps: \x01}", "", "run.yaml:1:16: ", "control characters" },
        { "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "", "run.yaml:1:17: ",
          "nested too deeply" },
        { "just text", "", "run.yaml:1:1: ", "a run config is a mapping" },
        { "train: {steps: 1}", "train.stepz=3", "--set: ",
          "unknown key 'train.stepz', did you mean 'train.steps'?" },
        { "train: {steps: 1}", "train.steps", "--set: ", "key=value" },
        { "train: {steps: 1}", "=3", "--set: ", "key=value" },
        { "train: {steps: 1}", "train.steps=-1", "--set: ",
          "train.steps -1: allowed is" },
        { "train: {steps: 1}", "train.steps=", "--set: ",
          "train.steps nothing" },
        { "train: {steps: 1}", "train.steps=[", "--set: ", "did not find" },
        { "train: {steps: 1}", "model=none.yaml", "--set: ",
          "model: no file 'none.yaml'" },
    };
    return cr_make_param_array(struct mistake, mistakes,
                               sizeof mistakes / sizeof *mistakes);
}

ParameterizedTest(struct mistake *m, config, mistakes_are_refused_with_a_place)
{
    struct error err = { STATUS_OK, "" };
    enum status status = load(m->text, *m->setting ? m->setting : NULL, NULL,
                              &err);

    cr_expect(eq(int, status_exit_code(status), 2), "%s", m->text);
    cr_expect(eq(int, strncmp(err.text, m->at, strlen(m->at)), 0),
              "%s\ngave: %s", m->text, err.text);
    cr_expect(ne(ptr, strstr(err.text, m->says), NULL), "%s\ngave: %s", m->text,
              err.text);
}

Test(config, an_error_inside_a_sections_file_names_that_file)
{
    struct error err = { STATUS_OK, "" };

    put_file("a.yaml", "gate: raw\nlayers: 1000\n");
    cr_assert(eq(int, load("train: {steps: 1}\nmodel: a.yaml", NULL, NULL,
                           &err), STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "a.yaml:2:9: model.layers 1000: allowed is an"
                                " integer, 1 to 256");
}

Test(config, a_list_longer_than_its_member_is_refused)
{
    char text[4096] = "train: {steps: 1}\nmodel:\n  routed: [0";
    struct error err = { STATUS_OK, "" };

    for (int i = 0; i < CONFIG_LIST_MAX; i++)
        strcat(text, ", 1");
    strcat(text, "]");
    cr_assert(eq(int, load(text, NULL, NULL, &err), STATUS_BAD_VALUE));
    cr_assert(ne(ptr, strstr(err.text, "at most 256"), NULL), "%s", err.text);
}

Test(config, a_file_past_one_mebibyte_is_refused)
{
    struct error err = { STATUS_OK, "" };
    char *text = malloc((1 << 20) + 2);

    memset(text, '#', (1 << 20) + 1);
    text[(1 << 20) + 1] = '\0';
    cr_assert(eq(int, load(text, NULL, NULL, &err), STATUS_BAD_VALUE));
    cr_assert(ne(ptr, strstr(err.text, "larger than"), NULL), "%s", err.text);
    free(text);
}

Test(config, a_missing_file_is_named)
{
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, config_load(&target, &schema, "nowhere.yaml", NULL, 0,
                                  NULL, &err), STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "cannot read 'nowhere.yaml': No such file or"
                                " directory");
}
