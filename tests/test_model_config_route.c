/* test_model_config_route.c - Keys make a model that has weights route: what its
 * shape leaves open, and what of a recorded trace. */
#include <string.h>

#include "sim/core/model/route.h"
#include "tests/config_text.h"

static enum status route(struct model_spec *spec,
                         const struct route_policy **policy, char *replay,
                         const char *const *settings, struct error *err)
{
    struct config_setting setting[MAX_SETTINGS] = { { NULL } };
    size_t n = 0;

    for (; n < MAX_SETTINGS && settings && settings[n]; n++)
        setting[n].text = settings[n];
    static char table[CONFIG_TEXT_SIZE];
    return model_config_route(spec, policy, replay, table, "m.gguf", setting, n, err);
}

Test(model_config_route, routes_a_dense_model_that_has_weights)
{
    struct model_spec spec = spec_of(tiny_llama, NULL), before;
    const struct route_policy *policy = route_find("dense");
    char replay[CONFIG_TEXT_SIZE];
    struct error err;

    before = spec;
    cr_assert(eq(int, route(&spec, &policy, replay, NULL, &err), STATUS_OK));
    cr_expect(memcmp(&spec, &before, sizeof spec) == 0);
    cr_assert(eq(int, route(&spec, &policy, replay, SET(
        "routing.policy=token_norm", "routing.capacity=0.5",
        "routing.blocks=2,4", "routing.part=ffn"), &err), STATUS_OK), "%s",
        err.text);
    cr_expect(policy == route_find("token_norm"));
    cr_expect(eq(int, spec.signal, SIGNAL_NORM));
    cr_expect(eq(int, spec.gate, GATE_ONE));
    cr_expect(eq(int, spec.part, PART_FFN));
    cr_expect(spec.routed[2] && spec.routed[4]);
    cr_expect(eq(i32, spec_n_routed(&spec), 2));
    cr_expect(not(spec.router_scores));
    cr_expect(eq(dbl, spec.capacity[2], 0.5));
    cr_expect_str_eq(replay, "");
    cr_expect(eq(i32, spec.n_channels, before.n_channels));
}

Test(model_config_route, refuses_of_a_model_with_weights_what_stands_fixed)
{
    static const struct { const char *setting[3], *words; } wrong[] = {
        { { "model.layers=5" }, "--set model.layers=5: m.gguf has weights, so"
                                " its shape is fixed" },
        { { "routing.gate=raw" }, "--set routing.gate=raw: m.gguf has" },
        { { "routing.router=train" }, "--set routing.router=train: m.gguf" },
        { { "routing=other.yaml" }, "--set routing=other.yaml: m.gguf" },
        { { "routing.policy=token_norm", "model.heads=3" },
          "--set model.heads=3" },
        { { "routing.capacity=0.5" },
          "default: routing.policy expert_choice: goes by router scores" },
        { { "routing.policy=token_norm" },
          "default: routing.capacity 1 with routing.blocks every-other: routes"
          " nothing" },
        { { "routing.policy=expert_choice", "routing.capacity=0.5" },
          "--set: routing.policy expert_choice: goes by router scores, and"
          " m.gguf has no router; allowed are random, strided" },
        { { "routing.policy=hash", "routing.capacity=0.5",
            "routing.blocks=6" }, "--set: routing.blocks: layer 6: this model"
                                  " has layers 0 to 5" },
        { { "routing.policy=hash", "routing.capacity=2" },
          "--set: routing.capacity 2: allowed is (0, 1]" },
        { { "routing.policy=best" }, "token_norm" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct model_spec spec = spec_of(tiny_llama, NULL), before = spec;
        const struct route_policy *policy = route_find("dense");
        char replay[CONFIG_TEXT_SIZE];
        struct error err = { STATUS_OK, "" };
        cr_expect(eq(int, route(&spec, &policy, replay, SET(
            wrong[i].setting[0], wrong[i].setting[1], wrong[i].setting[2]),
            &err), STATUS_BAD_VALUE), "%s", wrong[i].setting[0]);
        cr_expect(strstr(err.text, wrong[i].words) != NULL, "%s: %s",
                  wrong[i].setting[0], err.text);
        cr_expect(memcmp(&spec, &before, sizeof spec) == 0);
        cr_expect(policy == route_find("dense"));
    }
}

Test(model_config_route, gives_a_model_that_routes_another_policy_and_no_more)
{
    struct model_spec spec = spec_of(tiny_llama, SET("routing.capacity=0.5"));
    const struct route_policy *policy = route_find("expert_choice");
    char replay[CONFIG_TEXT_SIZE];
    struct error err;

    cr_assert(eq(int, route(&spec, &policy, replay,
                            SET("routing.policy=random"), &err), STATUS_OK));
    cr_expect(policy == route_find("random"));
    cr_expect(spec.router_scores && spec.gate == GATE_SIGMOID2);
    /* a signal chooses, and the router goes on to gate */
    cr_expect(eq(int, route(&spec, &policy, replay,
                            SET("routing.policy=token_norm"), &err),
                 STATUS_OK));
    cr_expect(spec.router_scores && spec.signal == SIGNAL_NORM);
    cr_expect(eq(int, route(&spec, &policy, replay,
                            SET("routing.policy=attention_received"), &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "routing.gate 2*sigmoid: a model that goes by"
                     " the signal received") != NULL, "%s", err.text);
    cr_assert(eq(int, route(&spec, &policy, replay,
                            SET("routing.policy=random"), &err), STATUS_OK));
    cr_expect(eq(int, spec.signal, SIGNAL_NONE));
    cr_expect(eq(int, route(&spec, &policy, replay,
                            SET("routing.capacity=0.25"), &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "--set routing.capacity=0.25: m.gguf routes as"
                     " it was trained to") != NULL, "%s", err.text);
    cr_expect(policy == route_find("random"));
    cr_assert(eq(int, route(&spec, &policy, replay,
                            SET("routing.policy=dense"), &err), STATUS_OK));
    cr_expect(eq(i32, spec_n_routed(&spec), 0));
}

/* A trace of layers 1 and 3: of 10 tokens, 5 and none. */
static void write_trace(char path[64], char directory[32],
                        enum routed_part part)
{
    strcpy(directory, "/tmp/isobath-test-XXXXXX");
    cr_assert(mkdtemp(directory) != NULL);
    snprintf(path, 64, "%s/t.csv", directory);
    FILE *file = fopen(path, "w");
    fprintf(file, "window,layer,part,tokens,kept\n0,1,%s,10,0-3 9\n"
            "0,3,%s,10,\n", part_names[part], part_names[part]);
    cr_assert(fclose(file) == 0);
}

/* A trace that was made with one part, replayed by a model of another; `trained`
 * says it routes by itself, whole blocks. */
static void refuses_trace(enum routed_part part, bool trained,
                          const char *asked, const char *words)
{
    const struct route_policy *policy = route_find("dense");
    char replay[CONFIG_TEXT_SIZE], directory[32], path[64], setting[96];
    struct model_spec spec = trained ? spec_of(tiny_llama,
                                               SET("routing.capacity=0.5",
                                                   "routing.blocks=1,3"))
                                     : spec_of(tiny_llama, NULL);
    struct error err;

    write_trace(path, directory, part);
    snprintf(setting, sizeof setting, "routing.replay=%s", path);
    cr_expect(eq(int, asked ? route(&spec, &policy, replay,
                                    SET("routing.policy=replay", setting,
                                        asked), &err)
                            : route(&spec, &policy, replay,
                                    SET("routing.policy=replay", setting),
                                    &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, words) != NULL, "%s", err.text);
    unlink(path);
    rmdir(directory);
}

Test(model_config_route, a_trace_of_another_part_is_refused_with_its_place)
{
    refuses_trace(PART_FFN, false, NULL, "t.csv:2:5: part ffn; allowed is a"
                  " trace made with routing.part block");
    refuses_trace(PART_BLOCK, false, "routing.part=attention",
                  "t.csv:2:5: part block");
    refuses_trace(PART_ATTENTION, false, "routing.part=apart",
                  "t.csv:2:5: part attention");
    refuses_trace(PART_FFN, true, NULL, "t.csv:2:5: part ffn");
}

Test(model_config_route, takes_blocks_and_capacities_from_a_trace)
{
    struct model_spec spec = spec_of(tiny_llama, NULL), trained;
    const struct route_policy *policy = route_find("dense");
    char replay[CONFIG_TEXT_SIZE], directory[32], path[64], setting[96];
    struct error err;

    write_trace(path, directory, PART_BLOCK);
    snprintf(setting, sizeof setting, "routing.replay=%s", path);
    cr_assert(eq(int, route(&spec, &policy, replay,
                            SET("routing.policy=replay", setting), &err),
                 STATUS_OK), "%s", err.text);
    cr_expect_str_eq(replay, path);
    cr_expect(policy == route_find("replay"));
    cr_expect(spec.routed[1] && spec.routed[3] && !spec.routed[5]);
    cr_expect(eq(dbl, spec.capacity[1], 0.5));
    /* none at all is next to none */
    cr_expect(spec.capacity[3] > 0 && spec.capacity[3] < 1e-5);
    cr_expect(eq(int, spec.signal, SIGNAL_NONE));

    /* a model that routes 1, 3 and 5 is not what was recorded */
    trained = spec_of(tiny_llama, SET("routing.capacity=0.5"));
    cr_expect(eq(int, route(&trained, &policy, replay,
                            SET("routing.policy=replay", setting), &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "layer 5 is routed and not in it") != NULL,
              "%s", err.text);
    trained = spec_of(tiny_llama, SET("routing.capacity=0.5",
                                      "routing.blocks=1,3"));
    cr_expect(eq(int, route(&trained, &policy, replay,
                            SET("routing.policy=replay", setting), &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(dbl, trained.capacity[3], 0.5));

    struct model_spec shallow = spec_of("model: {family: llama, layers: 3,"
                                        " channels: 48, heads: 3}\n", NULL);
    cr_expect(eq(int, route(&shallow, &policy, replay,
                            SET("routing.policy=replay", setting), &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "it routes layer 3; this model has layers 0 to"
                               " 2") != NULL, "%s", err.text);
    unlink(path);
    rmdir(directory);
}
