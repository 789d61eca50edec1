/* isobath.c - Run the command that the first argument names. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/kernels/kernels.h"
#include "sim/commands/commands.h"
#include "sim/core/base/nearest.h"
#include "sim/core/base/shipped.h"

static void print_help(FILE *file)
{
    fprintf(file, "Usage: isobath COMMAND [FLAG...]\n\nExamples:\n%s"
            "\nFlags that most commands take:\n"
            "  -o, --output=PATH    where results go\n"
            "  -m, --machine=FILE   a machine profile or its name; adds seconds"
            " and joules\n"
            "  -s, --set=KEY=VALUE  a key of the config; 'isobath keys COMMAND'"
            " lists them\n"
            "  -f, --format=FORMAT  text, json or csv\n"
            "  -q, --quiet          no progress and no notes\n"
            "  -?, --help           what a command does, by example, and its"
            " flags\n"
            "\nCommands:\n", program_examples);
    for (int i = 0; commands[i]; i++)
        fprintf(file, "  %-11s  %s\n", commands[i]->name, commands[i]->help);
    fputs("\nScripts:\n", file);
    for (const struct script *s = scripts; s->name; s++)
        fprintf(file, "  %-6s %-10s  %s\n", s->name, s->usage, s->help);
}

static int run(const struct command *command, int argc, char **argv)
{
    char name[64], kernels[KERNELS_NAMES_SIZE];
    struct error err;

    if (!kernels_can_choose(kernels)) {
        error_set(&err, STATUS_BAD_VALUE, "ISOBATH_KERNELS=%.64s: this CPU runs"
                  " %s", getenv("ISOBATH_KERNELS"), kernels);
        return command_fail(&err);
    }
    snprintf(name, sizeof name, "isobath %s", command->name);
    argv[0] = name;
    return command_run(command, argc, argv);
}

/* Become the script, which learns from ISOBATH where the program lies; return
 * where it cannot be started. */
static int start_script(const struct script *script, char **argv)
{
    char path[FILE_PATH_SIZE], self[FILE_PATH_SIZE];
    struct error err;

    if (!shipped_script(path, self, script->name)) {
        error_set(&err, STATUS_IO, "the script %s lies neither beside this"
                  " program nor where it is installed", script->name);
        return command_fail(&err);
    }
    setenv("ISOBATH", self, 1);
    argv[0] = path;
    execv(path, argv);
    error_set(&err, STATUS_IO, "cannot start %s: %s", path, strerror(errno));
    return command_fail(&err);
}

static int fail_unknown(const char *name)
{
    struct nearest near = nearest_to(name);

    for (int i = 0; commands[i]; i++)
        nearest_offer(&near, commands[i]->name);
    for (const struct script *s = scripts; s->name; s++)
        nearest_offer(&near, s->name);
    fprintf(stderr, "isobath: error: unknown command '%s'%s%s%s\n"
            "  help: 'isobath --help' lists all\n", name,
            near.name ? ", did you mean '" : "", near.name ? near.name : "",
            near.name ? "'?" : "");
    return status_exit_code(STATUS_BAD_VALUE);
}

/* A full disk behind stdout must not end as success. */
static int close_output(int code)
{
    /* A write that failed on the way is not seen by the last one. */
    bool whole = !ferror(stdout);

    whole &= fclose(stdout) == 0;
    if (whole || code != 0)
        return code;
    fputs("isobath: error: cannot write the output: a write failed, as on a full"
          " disk\n", stderr);
    return status_exit_code(STATUS_IO);
}

/* If a standard stream is closed, the next file opened would get its number and
 * all that is printed.  Open it read-only, so that printing fails as it
 * should. */
static void keep_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    keep_streams();
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        strcmp(name, "help") == 0) {
        print_help(stdout);
        return close_output(0);
    }
    if (strcmp(name, "--version") == 0) {
        puts("isobath " ISOBATH_VERSION);
        return close_output(0);
    }
    if (argc < 2) {
        print_help(stderr);
        return status_exit_code(STATUS_BAD_VALUE);
    }
    for (int i = 0; commands[i]; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return close_output(run(commands[i], argc - 1, argv + 1));
    for (const struct script *s = scripts; s->name; s++)
        if (strcmp(name, s->name) == 0)
            return close_output(start_script(s, argv + 1));
    return fail_unknown(name);
}
