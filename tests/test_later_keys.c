/* test_later_keys.c - What a key came to say later, a run did before it too: the
 * same setting and the same fingerprint. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <sys/stat.h>

#include "reports/read/run_directory.h"
#include "reports/read/study.h"
#include "sim/core/config/later_keys.h"
#include "tests/directory.h"

TestSuite(later_keys, .init = enter_directory, .fini = leave_directory);

/* A finished training of that config. */
static void put_run(const char *name, const char *config)
{
    char path[64];

    cr_assert(mkdir(name, 0777) == 0);
    snprintf(path, sizeof path, "%s/summary.json", name);
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL);
    fprintf(file, "{\"schema\": \"isobath-run-1\", \"command\": \"train\","
            " \"status\": \"done\", \"config\": %s, \"loss\":"
            " {\"heldout_causal\": 2.0}, \"routing\": {\"blocks\": []},"
            " \"tokens\": 10}\n", config);
    cr_assert(fclose(file) == 0);
}

static size_t n_settings(const char *const *config, size_t n)
{
    struct run run[8];
    struct study study;
    struct error err = { 0 };

    for (size_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "run-%zu", i);
        put_run(name, config[i]);
        cr_assert(run_open(&run[i], name, &err) == STATUS_OK, "%s", err.text);
    }
    cr_assert(study_open(&study, run, n, &err) == STATUS_OK, "%s", err.text);
    const size_t settings = study.n;
    study_close(&study);
    for (size_t i = 0; i < n; i++)
        run_close(&run[i]);
    return settings;
}

/* Seeds 1 to 4: a program that knew neither key, one that knew a window, one that
 * knew both, and today's words for what they all did. */
Test(later_keys, a_run_that_lacks_a_key_is_of_the_setting_that_it_was)
{
    static const char *const same[] = {
        "{\"model\": {\"layers\": 2}, \"routing\": {\"capacity\": 0.5},"
        " \"train\": {\"seed\": 1}}",
        "{\"model\": {\"layers\": 2, \"window\": 0}, \"routing\": {\"capacity\":"
        " 0.5}, \"train\": {\"seed\": 2}}",
        "{\"model\": {\"layers\": 2, \"window\": 0}, \"routing\": {\"capacity\":"
        " 0.5, \"gate_scale\": 1.0}, \"train\": {\"seed\": 3}}",
        "{\"model\": {\"layers\": 2, \"window\": 0, \"experts\": 0}, \"routing\":"
        " {\"capacity\": 0.5, \"gate_scale\": 1, \"keep_first\": 0},"
        " \"train\": {\"seed\": 4, \"judge_split\": \"validation\","
        " \"schedule\": \"cosine_to_last\", \"init_scheme\": \"gpt2\"}}",
    };

    cr_expect(eq(sz, n_settings(same, 4), 1));
}

/* What such runs did is not today's default. */
Test(later_keys, a_run_that_lacks_a_key_is_of_no_other_setting)
{
    static const char *const unlike[] = {
        "{\"model\": {\"layers\": 2}, \"train\": {\"seed\": 1}}",
        "{\"model\": {\"layers\": 2, \"window\": 8}, \"train\": {\"seed\": 1}}",
        "{\"model\": {\"layers\": 2}, \"train\": {\"seed\": 1, \"schedule\":"
        " \"linear\"}}",
        "{\"model\": {\"layers\": 2}, \"train\": {\"seed\": 1, \"judge_split\":"
        " \"test\"}}",
    };

    cr_expect(eq(sz, n_settings(unlike, 4), 4));
}

Test(later_keys, what_is_put_in_can_be_left_out_and_what_is_given_stays)
{
    json_t *lacks = json_loads("{\"model\": {\"layers\": 2, \"window\": 8}}", 0,
                               NULL);
    json_t *config = json_deep_copy(lacks);

    later_keys_fill(config);
    cr_expect(json_object_get(config, "train") == NULL);
    cr_expect(json_object_size(json_object_get(config, "model")) > 20);
    json_object_del(json_object_get(config, "model"), "qk_norm");
    later_keys_forget(config, 0, 0);
    cr_expect(json_equal(config, lacks));
    later_keys_fill(config);
    later_keys_forget(config, 0, later_keys_n());
    cr_expect(json_object_size(json_object_get(config, "model")) > 20);
    json_decref(config);
    json_decref(lacks);
}
