/* gnuplot.c - Run gnuplot, and hear what it says. */
#include "reports/draw/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 8 };

/* What gnuplot said on its standard error: all of it, cut short, and the first
 * line of it by which its output is not whole. */
struct said {
    char all[200], fault[200];
};

/* gnuplot ends with 0 after some errors, and says them.  Libraries that it draws
 * with begin their lines otherwise, and are heard on every machine without fonts
 * or a home. */
static bool is_fault(const char *line)
{
    static const char *const libraries[] = { "Fontconfig", "(" };
    static const char *const faults[] = { "error", "output", "out of memory",
                                          "no space left", "cairo reports" };

    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        if (strncmp(line, libraries[i], strlen(libraries[i])) == 0)
            return false;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcasestr(line, faults[i]))
            return true;
    return false;
}

static void note(struct said *said, const char *line)
{
    size_t used = strlen(said->all);

    snprintf(said->all + used, sizeof said->all - used, "%s%s",
             used && *line ? " " : "", line);
    if (!*said->fault && is_fault(line))
        snprintf(said->fault, sizeof said->fault, "%s", line);
}

/* Read all that comes, so that gnuplot never waits. */
static void hear(int heard, struct said *said)
{
    char block[256], line[sizeof said->fault];
    size_t n = 0;

    for (;;) {
        ssize_t got = read(heard, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        for (ssize_t i = 0; i < got; i++) {
            if (block[i] != '\n' && n + 1 < sizeof line)
                line[n++] = block[i];
            if (block[i] != '\n')
                continue;
            line[n] = '\0';
            n = 0;
            note(said, line);
        }
        if (got <= 0)
            break;
    }
    line[n] = '\0';
    note(said, line);
}

/* Start argv[0] in `folder`; its stdout goes to `out`, its stderr to `heard`. */
static enum status start(pid_t *pid, char *const *argv, const char *folder,
                         int out, int heard, struct error *err)
{
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);

    failed |= posix_spawn_file_actions_addchdir_np(&actions, folder);
    failed |= posix_spawn_file_actions_addopen(&actions, 0, "/dev/null",
                                               O_RDONLY, 0);
    failed |= posix_spawn_file_actions_adddup2(&actions, out, 1);
    failed |= posix_spawn_file_actions_adddup2(&actions, heard, 2);
    if (failed == 0)             /* until here, all that can lack is memory */
        failed = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == 0)
        return STATUS_OK;
    const enum status status = failed == ENOMEM ? STATUS_NO_MEMORY
                                                : STATUS_UNAVAILABLE;
    error_set(err, status, "%s: %s", argv[0], strerror(failed));
    return status;
}

enum status gnuplot_run(char *const *arguments, const char *folder, int out,
                        struct error *err)
{
    char program[] = "gnuplot", *argv[ARGUMENTS_MAX + 2] = { program };
    struct said said = { "", "" };
    int heard[2], code = 0;
    pid_t pid;

    for (int i = 0; i < ARGUMENTS_MAX && arguments[i]; i++)
        argv[i + 1] = arguments[i];
    if (pipe2(heard, O_CLOEXEC) != 0)
        return error_set(err, STATUS_IO, "no pipe: %s", strerror(errno));
    enum status status = start(&pid, argv, folder, out, heard[1], err);
    close(heard[1]);
    if (status != STATUS_OK) {
        close(heard[0]);
        return status;
    }
    hear(heard[0], &said);
    close(heard[0]);
    while (waitpid(pid, &code, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(code) || WEXITSTATUS(code) != 0)
        return error_set(err, STATUS_IO, "gnuplot failed: %s",
                         *said.all ? said.all : "it said nothing");
    return *said.fault
               ? error_set(err, STATUS_IO, "gnuplot says: %s", said.fault)
               : STATUS_OK;
}
