/* commands.c - Order the commands as isobath --help lists them. */
#include "sim/commands/commands.h"

const struct command *const commands[] = {
    &machine_command, &predict_command, &train_command, &run_command,
    &router_command, &route_table_command, &profile_command, &sweep_command,
    &report_command, &keys_command, NULL
};
