/* manual.h - Write the manual pages and the completions of shells, from the
 * tables that --help prints. */
#ifndef MANUAL_H
#define MANUAL_H

#include <stdio.h>
#include "sim/commands/commands.h"

/* Pages of man(7): of the program, of one command. */
void manual_program(FILE *file);
void manual_command(FILE *file, const struct command *command);

/* Completions: of commands, flags, choices, keys behind --set, and the names of
 * shipped configs. */
void completion_bash(FILE *file);
void completion_zsh(FILE *file);

#endif
