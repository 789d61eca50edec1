/* test_solve.c - Solve layers, width or steps of a row for what another row
 * costs. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "tests/cli.h"

TestSuite(solve, .init = set_up, .fini = leave_directory);

/* The row that is solved is the same model as the one whose cost it is to have,
 * so that there is one answer. */
struct known {
    char dense[96], solved[128], key[16];
    int value;
};

ParameterizedTestParameters(solve, the_same_model_is_found_again)
{
    static struct known all[] = {
        { "model.layers: 5", "solve: {layers: training_flops, as: dense}",
          "model.layers", 5 },
        { "model.layers: 5", "solve: {layers: forward_flops, as: dense}",
          "model.layers", 5 },
        { "model.layers: 1", "solve: {layers: parameters, as: dense}",
          "model.layers", 1 },
        { "model.heads: 7, model.channels: 56",
          "solve: {width: parameters, as: dense}", "model.channels", 56 },
        { "model.heads: 7, model.channels: 56",
          "solve: {width: forward_flops, as: dense}", "model.heads", 7 },
        { "train.steps: 37", "solve: {tokens: training_flops, as: dense}",
          "train.steps", 37 },
    };
    return cr_make_param_array(struct known, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct known *k, solve, the_same_model_is_found_again)
{
    char study[1024], wanted[64];

    snprintf(study, sizeof study,
             "base: run.yaml\n"
             "set: {routing.capacity: 1, %s}\n"
             "settings:\n"
             "  - {name: found, %s}\n"
             "  - {name: dense, %s}\n"
             "axes: {train.seed: [1, 2]}\n",
             strstr(k->key, "steps") ? "train.warmup: 0" : "train.steps: 9",
             k->solved, k->dense);
    if (strstr(k->key, "steps"))
        cr_assert(system("sed '/steps:/d' run.yaml > b && mv b run.yaml") == 0);
    put_file("study.yaml", study);
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "--list", "-f", "json"), 0),
              "%s", study);
    json_t *points = json_load_file("stdout", 0, NULL);
    snprintf(wanted, sizeof wanted, "%d", k->value);
    for (size_t i = 0; i < 2; i++) {
        const json_t *settings = json_object_get(json_array_get(points, i),
                                                 "settings");
        cr_expect_str_eq(json_string_value(json_object_get(settings, k->key)),
                         wanted);
    }
    json_decref(points);
}

static double dry_number(const char *name, const char *column)
{
    json_t *table = json_load_file("stdout", 0, NULL), *row;
    double found = (double)NAN;
    size_t i;

    json_array_foreach(json_object_get(table, "rows"), i, row)
        if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
            found = json_number_value(json_object_get(
                json_object_get(row, column), "value"));
    json_decref(table);
    return found;
}

Test(solve, the_nearest_is_taken_at_each_budget)
{
    char study[512];
    double cost[3];

    cr_assert(system("sed '/steps:/d' run.yaml > b && mv b run.yaml") == 0);
    put_file("study.yaml",
             "base: run.yaml\n"
             "settings:\n"
             "  - {name: dense, routing.capacity: 1, model.layers: 3}\n"
             "  - {name: deep, solve: {layers: forward_flops, as: dense}}\n"
             "axes: {train.budget_flops: [1e9, 4e9]}\n");
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "--list", "-f", "json"), 0));
    json_t *points = json_load_file("stdout", 0, NULL);
    const json_t *one = json_array_get(points, 2), *four = json_array_get(points, 3);
    const int layers = atoi(json_string_value(json_object_get(
        json_object_get(one, "settings"), "model.layers")));
    cr_expect(json_equal(json_object_get(json_object_get(one, "settings"),
                                         "model.layers"),
                         json_object_get(json_object_get(four, "settings"),
                                         "model.layers")));
    json_decref(points);
    cr_assert(gt(int, layers, 3));
    for (int i = 0; i < 3; i++) {
        snprintf(study, sizeof study,
                 "base: run.yaml\n"
                 "points:\n"
                 "  - {name: dense, routing.capacity: 1, model.layers: 3,"
                 " train.budget_flops: 1e9}\n"
                 "  - {name: deep, model.layers: %d, train.budget_flops: 1e9}\n",
                 layers + i - 1);
        put_file("study.yaml", study);
        cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "--dry-run", "-f",
                                  "json"), 0));
        cost[i] = fabs(dry_number("deep", "flops_forward_per_token") /
                       dry_number("dense", "flops_forward_per_token") - 1);
    }
    cr_expect(cost[1] < cost[0] && cost[1] < cost[2], "%g %g %g", cost[0],
              cost[1], cost[2]);
}

struct mistake {
    char row[128], says[96];
};

ParameterizedTestParameters(solve, mistakes_are_refused_with_a_place)
{
    static struct mistake all[] = {
        { "solve: {depth: parameters, as: dense}", ":4:29: solve: allowed is" },
        { "solve: {layers: cost, as: dense}", ":4:29: solve: allowed is" },
        { "solve: {tokens: parameters, as: dense}", ":4:29: solve: allowed is" },
        { "solve: {layers: parameters}", ":4:29: solve: allowed is" },
        { "solve: {layers: parameters, as: none}", ":4:29: solve: as 'none'" },
        { "solve: {layers: parameters, as: x}", ":4:29: solve: as 'x'" },
        { "model.layers: 2, solve: {layers: parameters, as: dense}",
          ":4:46: solve: 'model.layers' has a value in this row" },
        { "model.ffn: 3000, solve: {layers: parameters, as: dense}", "" },
    };
    return cr_make_param_array(struct mistake, all, sizeof all / sizeof *all);
}

ParameterizedTest(struct mistake *m, solve, mistakes_are_refused_with_a_place)
{
    char study[512], says[160];

    snprintf(study, sizeof study,
             "base: run.yaml\n"
             "settings:\n"
             "  - {name: dense, model.layers: 2}\n"
             "  - {name: x,        %s}\n", m->row);
    put_file("study.yaml", study);
    const int code = ISOBATH("sweep", "study.yaml", "--list");
    if (!*m->says) {             /* the smallest is too large: it is taken */
        cr_expect(eq(int, code, 0));
        return;
    }
    cr_expect(eq(int, code, 2), "%s", m->row);
    snprintf(says, sizeof says, "study.yaml%s", m->says);
    expect_said("stderr", says);
}
