/* command.h - what every command of the program shares. */
#ifndef COMMAND_H
#define COMMAND_H

#include <argp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "sim/core/answer/format.h"
#include "sim/core/config/config.h"
#include "sim/core/base/error.h"

/* One row of the program's command table. */
struct command {
    const char *name;            /* "predict" */
    const char *usage;           /* "MODEL [options]" */
    const char *help;            /* one line */
    int (*run)(int argc, char **argv);   /* argv[0] is "isobath predict";
                                          * returns the exit code */
};

/* Options every command takes.  Put `command_argp` among the children of the
 * command's own argp and hand it a struct command_options as input. */
enum { COMMAND_MAX_SETTINGS = 128 };
struct command_options {
    struct config_setting setting[COMMAND_MAX_SETTINGS];   /* --set, borrowed */
    size_t      n_settings;
    enum format format;          /* --format text|json|csv */
    bool        quiet;           /* --quiet */
    const char *output;          /* -o, --output; NULL */
    int         threads;         /* --threads; once parsed at least 1: where it
                                  * is not given, as many as may run */
};
extern const struct argp command_argp;

/* "isobath: error: TEXT" on stderr; returns status_exit_code(err->status).
 * Control characters, which file names may hold, are shown as \x1b. */
int command_fail(const struct error *err);
void command_warn(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Foreign text under a message: each line behind two blanks. */
void command_quote(const char *text);

/* Set by SIGINT and SIGTERM once command_catch_signals() ran; a second signal
 * ends the process at once with exit code 130.  SIGBUS, which a mapped file that
 * shrinks brings, ends it in words with exit code 2. */
extern volatile sig_atomic_t command_interrupted;
void command_catch_signals(void);

/* A progress line on stderr: on a terminal one line, at most 5 times a second,
 * after 1 s, with rate and time left; otherwise nothing.  Rate and time left start
 * from the first progress_at(), so call it at the start: resumed work is not
 * mistaken for fast work.  progress_clear() makes room to print something else,
 * progress_end() erases the line for good. */
struct progress {
    const char *what;            /* "training" */
    const char *unit;            /* "step" */
    double total;                /* 0: unknown */
    double first;                /* done at the first call; < 0: none yet */
    double started, shown;       /* seconds of CLOCK_MONOTONIC */
    bool   on;
};
struct progress progress_begin(const char *what, const char *unit, double total,
                               bool quiet);
void progress_at(struct progress *progress, double done, const char *note);
void progress_clear(const struct progress *progress);
void progress_end(struct progress *progress);

double clock_seconds(void);      /* CLOCK_MONOTONIC */

/* Ends the process, with the way to use the command, where --set was given to a
 * command that has no config. */
void command_refuse_settings(const struct command_options *options,
                             const struct argp_state *state);

/* The largest resident set of this process so far, in bytes; 0: not told here. */
uint64_t command_peak_bytes(void);
/* All that the machine has. */
uint64_t command_memory_bytes(void);

#endif
