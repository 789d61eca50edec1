/* command.h - Describe a command, run it, and print its messages. */
#ifndef COMMAND_H
#define COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "sim/core/answer/flags.h"
#include "sim/core/answer/progress.h"
#include "sim/core/base/clock.h"
#include "sim/core/base/error.h"

/* Read the command line (argv[0] is "isobath predict"), run the command and
 * return the exit code; or print what was asked for, or what is wrong. */
int command_run(const struct command *command, int argc, char **argv);

/* "isobath: error: TEXT" on stderr; returns status_exit_code(err->status).
 * Control characters, which file names may hold, are shown as \x1b. */
int command_fail(const struct error *err);
void command_warn(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* The same, of what needs no mending, and not under --quiet. */
void command_note(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* For a command whose threads run here: no more of them than CPUs that this
 * process may use, which is said where fewer run than were asked for. */
void command_cap_threads(struct command_options *options);

/* Print foreign text under a message, each line behind two blanks. */
void command_quote(const char *text);

/* Set by SIGINT, SIGTERM and SIGHUP once command_catch_signals() ran (SIGHUP
 * not where it was ignored, as under nohup); a second signal ends the process at
 * once with exit code 130.  SIGBUS, which a mapped file that shrinks brings, ends
 * it in words with exit code 2. */
extern volatile sig_atomic_t command_interrupted;
void command_catch_signals(void);
/* The first of those signals ends the process at once with exit code 130; no
 * file stays half written.  For commands that have nothing to save. */
void command_end_on_signals(void);

/* The largest resident set of this process so far, in bytes; 0 where the system
 * does not tell. */
uint64_t command_peak_bytes(void);
/* The machine's physical memory, in bytes. */
uint64_t command_memory_bytes(void);

#endif
