/* test_run_config.c - Ask isobath run by a file, by flags and by settings; a
 * mistake is told with the place it was made in. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/scoring/run_config.h"
#include "tests/directory.h"

static struct run_config config;
static struct error err;

TestSuite(run_config, .init = enter_directory, .fini = leave_directory);

static const char file[] = "run:\n  model: m.gguf\n  text: t\n  window: 64\n"
                           "routing:\n  policy: random\n  capacity: [0.5, 1]\n";

static enum status take(const char *path, const struct config_setting *given,
                        size_t n)
{
    return run_config_read(&config, path, given, n, &err);
}

static void expect_passed(const char *const *texts)
{
    size_t n = 0;
    for (; texts[n]; n++)
        cr_expect_str_eq(config.passed[n].text, texts[n]);
    cr_expect(eq(sz, config.n_passed, n));
}

Test(run_config, a_file_says_what_flags_say)
{
    put_file("c.yaml", file);
    cr_assert(run_config_is("c.yaml"));
    cr_assert(eq(int, take("c.yaml", NULL, 0), STATUS_OK), "%s", err.text);
    cr_expect_str_eq(config.model, "m.gguf");
    cr_expect(eq(i64, config.window, 64));
    cr_expect(eq(i64, config.stride, 0));
    cr_expect(eq(int, config.split, RUN_ALL));
    cr_expect_str_eq(config.against, "");
    expect_passed((const char *const[]){ "routing.policy=random",
                                         "routing.capacity=[0.5, 1]", NULL });
}

/* As its other files; what is typed is seen from where it is typed. */
Test(run_config, a_trace_lies_where_the_config_says)
{
    const struct config_setting given[] = {
        { "routing.replay=typed.csv", NULL, NULL },
    };
    cr_assert(mkdir("sub", 0777) == 0);
    put_file("sub/c.yaml", "run: {model: m.gguf, text: /t}\n"
             "routing: {policy: replay, replay: \"../x: y.csv\"}\n");
    cr_assert(eq(int, take("sub/c.yaml", given, 1), STATUS_OK), "%s", err.text);
    cr_expect_str_eq(config.model, "sub/m.gguf");
    cr_expect_str_eq(config.text, "/t");
    expect_passed((const char *const[]){ "routing.policy=replay",
                                         "routing.replay=sub/../x: y.csv",
                                         "routing.replay=typed.csv", NULL });
}

Test(run_config, without_a_file_flags_do)
{
    const struct config_setting given[] = {
        { "run.model=m.gguf", "MODEL", NULL }, { "run.text=t", "--text", NULL },
        { "run.split=test", "--split", NULL },
        { "run.against=dense", "--against", NULL },
        { "model.layers=3", NULL, NULL },
    };
    cr_assert(eq(int, take(NULL, given, 5), STATUS_OK), "%s", err.text);
    cr_expect_str_eq(config.text, "t");
    cr_expect(eq(int, config.split, SPLIT_TEST));
    cr_expect_str_eq(config.against, "dense");
    expect_passed((const char *const[]){ "model.layers=3", NULL });
}

Test(run_config, what_is_typed_outweighs_the_file)
{
    const struct config_setting given[] = {
        { "run.window=32", "--window", NULL },
        { "routing.policy=strided", NULL, NULL },
    };
    put_file("c.yaml", file);
    cr_assert(eq(int, take("c.yaml", given, 2), STATUS_OK), "%s", err.text);
    cr_expect(eq(i64, config.window, 32));
    /* The last of a key holds. */
    expect_passed((const char *const[]){ "routing.policy=random",
                                         "routing.capacity=[0.5, 1]",
                                         "routing.policy=strided", NULL });
}

Test(run_config, a_model_yaml_is_no_run)
{
    put_file("m.yaml", "model:\n  family: gpt2\n");
    put_file("n.txt", file);
    cr_expect(eq(int, run_config_is("m.yaml"), false));
    cr_expect(eq(int, run_config_is("n.txt"), false));
    cr_expect(eq(int, run_config_is("none.yaml"), false));
}

static void refused(const char *text, const struct config_setting *given,
                    size_t n, const char *says)
{
    put_file("c.yaml", text);
    cr_expect(eq(int, take("c.yaml", given, n), STATUS_BAD_VALUE));
    cr_expect(strncmp(err.text, says, strlen(says)) == 0, "%s\ngave: %s", says,
              err.text);
}

Test(run_config, mistakes_are_named_with_their_place)
{
    const struct config_setting flag = { "run.window=0x3", "--window", NULL };
    const struct config_setting set = { .text = "run.window=-1" };

    refused("run: {text: t}", NULL, 0, "c.yaml:1:6: missing key 'run.model'");
    refused("run: {model: /, text: t, windw: 3}", NULL, 0,
            "c.yaml:1:26: unknown key 'run.windw', did you mean 'run.window'?");
    refused("run: {model: /, text: t, split: half}", NULL, 0,
            "c.yaml:1:33: run.split half: allowed is one of all, train,"
            " validation, test");
    refused("run: {model: /, text: t}\nrouting: 3", NULL, 0,
            "c.yaml:2:10: routing 3: allowed is key: value");
    refused("run: {model: /, text: t}\nrouting: {a: {b: 1}}", NULL, 0,
            "c.yaml:2:14: allowed is a value or a list");
    refused("run: {model: /, text: t}\nrouting: {a: 1, a: 2}", NULL, 0,
            "c.yaml:2:17: repeated key 'a'");
    refused("run: {model: /, text: t}\nrouting: {a.b: 1}", NULL, 0,
            "c.yaml:2:11: key 'a.b'");
    refused(file, &flag, 1, "--window 0x3: allowed is an integer");
    refused(file, &set, 1, "--set: run.window -1: allowed is an integer");
}

/* The message of source_read() for a setting that came from the file. */
Test(run_config, the_place_in_the_file_takes_the_blame_for_a_setting)
{
    const struct config_setting set = { .text = "routing.policy=hsah" };

    put_file("c.yaml", file);
    cr_assert(eq(int, take("c.yaml", &set, 1), STATUS_OK));
    error_set(&err, STATUS_BAD_VALUE, "--set: routing.capacity 0.5: allowed"
              " is less");
    cr_expect(eq(int, run_config_blame(&config, &err), STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "c.yaml:7:13: routing.capacity 0.5: allowed is"
                               " less");
    error_set(&err, STATUS_BAD_VALUE, "--set: routing.policy hsah: no such");
    run_config_blame(&config, &err);
    cr_expect_str_eq(err.text, "--set: routing.policy hsah: no such");
    error_set(&err, STATUS_IO, "m.gguf: cannot be read");
    run_config_blame(&config, &err);
    cr_expect_str_eq(err.text, "m.gguf: cannot be read");
}

Test(run_config, a_later_check_names_who_gave_the_value)
{
    const struct config_setting flag = { "run.window=65", "--window", NULL };

    put_file("c.yaml", file);
    cr_assert(eq(int, take("c.yaml", NULL, 0), STATUS_OK));
    run_config_fail(&config, "run.window", &err, "%d: too much", 64);
    cr_expect_str_eq(err.text, "c.yaml:4:11: run.window 64: too much");
    cr_assert(eq(int, take("c.yaml", &flag, 1), STATUS_OK));
    run_config_fail(&config, "run.window", &err, "%d: too much", 65);
    cr_expect_str_eq(err.text, "--window 65: too much");
}

Test(run_config, the_keys_are_told_as_json)
{
    put_file("c.yaml", file);
    cr_assert(eq(int, take("c.yaml", NULL, 0), STATUS_OK));
    json_t *json = config_json(&config, &run_config_schema);
    json_t *routing = json_object_get(json, "routing");
    cr_expect_str_eq(json_string_value(json_object_get(routing, "capacity")),
                     "[0.5, 1]");
    cr_expect(eq(i64, json_integer_value(json_object_get(
                     json_object_get(json, "run"), "window")), 64));
    json_decref(json);
}
