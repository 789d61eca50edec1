/* flags.h - Read a command line by a table that has a row for each flag.
 *
 * A row says what a row of a config says: name, type, range, default and help,
 * so a bad value is refused, and --help describes it, as in a config.  A flag
 * is written --name VALUE or --name=VALUE; where it has a letter, also -x VALUE
 * or -xVALUE, and letters may share a dash.  Behind -- nothing is a flag. */
#ifndef FLAGS_H
#define FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "sim/core/answer/format.h"
#include "sim/core/base/error.h"
#include "sim/core/base/file.h"
#include "sim/core/config/config.h"

/* The flags that have a letter.  A letter belongs to one name, so it means the
 * same in every command that has the flag. */
#define FLAG_LETTER_MAP(X) \
    X('B', "--batch")      \
    X('C', "--recorded")   \
    X('f', "--format")     \
    X('?', "--help")       \
    X('j', "--jobs")       \
    X('m', "--machine")    \
    X('n', "--new")        \
    X('o', "--output")     \
    X('p', "--phases")     \
    X('q', "--quiet")      \
    X('r', "--repeats")    \
    X('S', "--seed")       \
    X('s', "--set")        \
    X('t', "--threads")    \
    X('V', "--version")    \
    X('w', "--weights")

/* A flag; or, where the name does not begin with a dash, an argument that is
 * not a flag ("MODEL", and "DIR..." for one or more of them), which is left in
 * `operand` below.  A flag sets a member of the command's options:
 *     CONFIG_BOOL       bool: whether the flag was given
 *     CONFIG_TEXT       const char *: borrowed from the command line, or NULL
 *     CONFIG_PATHS      struct config_paths: one each time the flag is given
 *     CONFIG_SETTINGS   --set KEY=VALUE
 *     another type      as in a config; CONFIG_INT an int64_t
 * The default NULL makes a flag required.  With the default "" the member is 0
 * where the flag is not given, and -1 if it is a choice. */
struct flag {
    struct config_key value;     /* name: "--batch"; NULL ends a table */
    const char *argument;        /* name of its value in help; NULL: has none;
                                  * "[HOW]": --name alone means the first of its
                                  * choices, and a value follows "=" only */
    const char *with;            /* "--explain": the flag that this one needs,
                                  * and under which help lists it; or NULL */
    const char *key;             /* the key of the command's config that it is
                                  * another name of: type, range, default and
                                  * help are the key's.  NULL: it is none */
};
enum { FLAGS_MAX = 64 };         /* rows of a table */

#define FLAG(name, argument, with, type, options, member, ...)                 \
    { { name, CONFIG_##type, offsetof(options, member), __VA_ARGS__ },         \
      argument, with, NULL }
#define FLAG_KEY(flag, argument, with, key)                                    \
    { { .name = flag }, argument, with, key }
#define FLAG_OPERAND(name, fallback, help)                                     \
    { { name, CONFIG_TEXT, 0, 0, 0, fallback, NULL, NULL, help },              \
      NULL, NULL, NULL }

/* Rows that several commands have. */
#define FLAG_SET                                                               \
    { { "--set", CONFIG_SETTINGS, 0, 0, 0, "", NULL, NULL,                     \
        "set a key of the config to a value; may be given more than once" },   \
      "KEY=VALUE", NULL, NULL }
#define FLAG_FORMAT(with, formats)                                             \
    FLAG("--format", "FORMAT", with, CHOICE, struct command_options, format,   \
         0, 0, "text", formats, NULL, "the format of the answer")
#define FLAG_QUIET                                                             \
    FLAG("--quiet", NULL, NULL, BOOL, struct command_options, quiet, 0, 0, "", \
         NULL, NULL, "print no progress and no notes")
#define FLAG_OUTPUT(argument, fallback, help)                                  \
    FLAG("--output", argument, NULL, TEXT, struct command_options, output,     \
         0, 0, fallback, NULL, NULL, help)
/* Of commands that do not go on from what they left there. */
#define FLAG_REPLACED(argument, fallback, help)                                \
    FLAG_OUTPUT(argument, fallback, help "; in place of an older one of this"  \
        " command alone, which is said")
#define FLAG_THREADS                                                           \
    FLAG("--threads", "N", NULL, INT, struct command_options, threads_wanted,  \
         0, 1024, "0", NULL, NULL, "how many threads to use; 0: as many as this"\
         " process may run at once")
/* Flags that every command answers; ends a table. */
#define FLAG_ASKS(name, member, help)                                          \
    FLAG(name, NULL, NULL, BOOL, struct command_options, member, 0, 0, "",     \
         NULL, NULL, help)
#define FLAG_END                                                               \
    FLAG_ASKS("--help", help, "print this help and exit"),                     \
    FLAG_ASKS("--usage", usage, "print a short usage line and exit"),          \
    FLAG_ASKS("--version", version, "print the program's version and exit"),   \
    { .argument = NULL }

extern const char *const format_names[FORMAT_COUNT + 1];   /* NULL ends */

/* The options of every command begin with these, all zero. */
enum { COMMAND_MAX_SETTINGS = 128 };
struct command_options {
    int          argc;           /* as typed; argv[0] is "isobath predict" */
    char       **argv;
    char       **operand;        /* [n_operands], NULL-ended, borrowed texts */
    size_t       n_operands;
    struct config_setting setting[COMMAND_MAX_SETTINGS];   /* of flags that are
                                  * keys, then of --set, which outweighs them */
    size_t       n_settings;
    char         found[FILE_PATH_SIZE];   /* of the first operand, where it is
                                  * the name of a shipped config */
    char        *made[COMMAND_MAX_SETTINGS];   /* [n_by_flag] owned: texts of
                                  * the first settings */
    size_t       n_by_flag;
    int          format;         /* enum format */
    bool         quiet, help, usage, version;
    const char  *output;         /* NULL: not given */
    int64_t      threads_wanted;
    int          threads;        /* at least 1; command_cap_threads() */
    uint64_t     given;          /* a bit for each row of the command's flags */
    const struct command *command;
};

/* A command of the program, and all that its help says. */
struct command {
    const char *name;            /* "predict" */
    const char *usage;           /* "MODEL -o DIR": a line for each way */
    const char *help;            /* one line, for the list of commands */
    const char *about;           /* a paragraph */
    const char *examples;        /* whole lines, three or more */
    const struct flag *flags;    /* ends with FLAG_END */
    const char *const *kinds;    /* of shipped configs whose names its operand
                                  * may be (shipped.h); NULL: none */
    const struct config_schema *config;   /* whose keys isobath keys lists: of
                                  * --set, or of the file it reads or writes;
                                  * NULL: none */
    const struct file_key *const *file_keys;   /* of the file that it takes, which
                                      * a reader of its own reads; NULL: none;
                                      * NULL ends the list of tables */
    const struct config_schema *also;     /* of another file that a flag reads,
                                  * listed under its kind; NULL: none */
    size_t      options_size;    /* of a struct that begins with a struct
                                  * command_options */
    int       (*run)(void *options);      /* returns the exit code */
};

/* Fill *options by the table of `command`; release it with flags_close(), also
 * after a failure.  Where the line asks for help, usage or version, the rest of
 * the line is not read and no argument is required. */
enum status flags_read(struct command_options *options,
                       const struct command *command, int argc, char **argv,
                       struct error *err) MUST_CHECK;
void        flags_close(struct command_options *options);

/* STATUS_BAD_VALUE where a flag that goes with `with` was given, or its key
 * set: "--layer: goes with --explain". */
enum status flags_refuse(const struct command_options *options,
                         const char *with, struct error *err) MUST_CHECK;

/* True if the line has the flag, called as in its row. */
bool        flags_given(const struct command_options *options,
                        const char *flag);
/* True if a flag or --set gives the key a value. */
bool        flags_sets(const struct command_options *options, const char *key);

/* Add the setting that a flag (or operand) stands for, before those of
 * --set. */
enum status flags_set_key(struct command_options *options, const char *key,
                          const char *value, const char *flag,
                          struct error *err) MUST_CHECK;

/* How help writes a flag, and what it says of it. */
struct flag_row {
    char letter;                 /* '\0': none */
    char name[128];              /* "-o, --output=DIR" */
    char described[512];         /* "one of a, b; default a"; "": nothing to say */
    const struct config_key *key;          /* of the flag, or of the config */
};
void flags_row(struct flag_row *out, const struct command *command,
               const struct flag *flag);
bool flags_is_operand(const struct flag *flag);
/* The flag whose group, "With --explain:", begins with this row; NULL: none
 * does. */
const char *flags_group(const struct command *command, const struct flag *flag);

/* Print how to call a command; print what it does, by example, and its
 * flags. */
void flags_usage(FILE *file, const struct command *command);
void flags_help(FILE *file, const struct command *command);

#endif
