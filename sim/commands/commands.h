/* commands.h - List the commands of the program, and its scripts. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "sim/core/answer/command.h"

extern const struct command machine_command, predict_command, answer_command,
                            train_command, run_command, router_command,
                            route_table_command, route_trace_command,
                            regret_command, sensitivity_command,
                            allocate_command, profile_command, import_command,
                            sweep_command, report_command, keys_command;
extern const struct command *const commands[];     /* NULL ends */

/* Whole lines, for the help of the program itself. */
extern const char program_examples[];

/* What surrounds the program: isobath NAME starts a file of scripts/. */
struct script {
    const char *name;            /* "corpus"; NULL ends */
    const char *usage, *help;
};
extern const struct script scripts[];

#endif
