/* helper.c - Start a child, send it numbers of runs, read seconds. */
#include "tests/bench/helper.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

bool helper_open(struct helper *out,
                 void (*serve)(int in, int out, void *context), void *context)
{
    int to[2], from[2];

    signal(SIGPIPE, SIG_IGN);        /* a dead child is an error of write() */
    *out = (struct helper){ 0 };
    if (pipe(to) != 0)
        return false;
    if (pipe(from) != 0) {
        close(to[0]);
        close(to[1]);
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_IGN);     /* it ends when the pipe closes */
        close(to[1]);
        close(from[0]);
        serve(to[0], from[1], context);
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    *out = (struct helper){ pid > 0 ? pid : 0, to[1], from[0], "" };
    if (pid < 0 ||
        read(out->from, out->text, sizeof out->text) != sizeof out->text)
        helper_close(out);
    return out->pid > 0;
}

double helper_run(void *argument, int64_t times)
{
    struct helper *helper = argument;
    double seconds = 0.0;
    if (write(helper->to, &times, sizeof times) != sizeof times ||
        read(helper->from, &seconds, sizeof seconds) != sizeof seconds)
        return (double)INFINITY;     /* it died */
    return seconds;
}

void helper_close(struct helper *helper)
{
    if (helper->to > 0) {
        close(helper->to);
        close(helper->from);
    }
    if (helper->pid > 0)
        waitpid(helper->pid, NULL, 0);
    *helper = (struct helper){ 0 };
}
