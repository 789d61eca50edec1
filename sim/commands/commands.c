/* commands.c - Order the commands and scripts as isobath --help lists them. */
#include "sim/commands/commands.h"

const struct command *const commands[] = {
    &machine_command, &predict_command, &answer_command, &train_command,
    &run_command, &router_command, &route_table_command, &route_trace_command,
    &regret_command, &sensitivity_command, &allocate_command,
    &profile_command, &import_command, &sweep_command, &report_command,
    &keys_command, NULL
};

const char program_examples[] =
    "  isobath predict smollm-135m --machine h100-sxm --phase decode\n"
    "  isobath train demo -o build/run\n"
    "  isobath report build/run -o build/report\n";

const struct script scripts[] = {
    { "corpus", "kjv|mixed", "lay a text to train on under build/corpus" },
    { "models", "NAME", "fetch a small real model into build/models" },
    { "study", "STUDY", "sweep, report, and keep what a reader needs" },
    { "demo", "", "the main job on real text, ending in a report" },
    { NULL, NULL, NULL },
};
