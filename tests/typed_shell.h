/* typed_shell.h - An interactive shell on a terminal of its own, typed into as a
 * person does. */
#ifndef TYPED_SHELL_H
#define TYPED_SHELL_H

#include <criterion/criterion.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TYPED_SHELL_SAID = 1 << 16, TYPED_SHELL_PATIENCE_MS = 60000 };

struct typed_shell {
    pid_t child;
    int terminal;
};

static inline void typed_shell_type(const struct typed_shell *shell,
                                    const char *keys)
{
    const size_t n = strlen(keys);
    cr_assert(write(shell->terminal, keys, n) == (ssize_t)n);
}

/* What the shell writes between a < and the next >, which is the caller's to
 * free; a shell that says no such thing for a minute fails the test. */
static inline char *typed_shell_hear(const struct typed_shell *shell)
{
    char *said = calloc(1, TYPED_SHELL_SAID), *from, *to = NULL;
    size_t n = 0;

    while (!(from = strchr(said, '<')) || !(to = strchr(from, '>'))) {
        struct pollfd ready = { .fd = shell->terminal, .events = POLLIN };
        cr_assert(poll(&ready, 1, TYPED_SHELL_PATIENCE_MS) == 1, "%s", said);
        const ssize_t more = read(shell->terminal, said + n,
                                  TYPED_SHELL_SAID - 1 - n);
        cr_assert(more > 0, "%s", said);
        n += (size_t)more;
    }
    *to = '\0';
    memmove(said, from + 1, (size_t)(to - from));
    return said;
}

/* `argv`, whose start must end with a word printed between < and >. */
static inline void typed_shell_open(struct typed_shell *shell,
                                    const char *const *argv)
{
    shell->child = forkpty(&shell->terminal, NULL, NULL, NULL);
    cr_assert(shell->child >= 0);
    if (shell->child == 0) {
        setenv("TERM", "dumb", 1);
        execvp(argv[0], (char *const *)(size_t)argv);
        _exit(98);
    }
    free(typed_shell_hear(shell));
}

static inline void typed_shell_close(struct typed_shell *shell)
{
    kill(shell->child, SIGHUP);
    close(shell->terminal);
    waitpid(shell->child, NULL, 0);
}

#endif
