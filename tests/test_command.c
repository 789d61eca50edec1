/* What every command shares: options, messages, signals. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <criterion/redirect.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/core/answer/command.h"
#include "sim/core/base/file.h"

static error_t hand_over(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = state->input;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* Parse up to three arguments the way a command does. */
static struct command_options parse(const char *a, const char *b,
                                    const char *c)
{
    static const struct argp_child children[] = { { &command_argp, 0, NULL, 0 },
                                                  { NULL, 0, NULL, 0 } };
    static const struct argp argp = { .parser = hand_over,
                                      .children = children };
    struct command_options options = { .n_settings = 0 };
    const char *arguments[] = { "isobath test", a, b, c, NULL };
    static char text[4][64];     /* the options point into it */
    char *argv[5] = { NULL };
    int argc = 0;

    for (; arguments[argc]; argc++)
        argv[argc] = strcpy(text[argc], arguments[argc]);
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    return options;
}

Test(command, options_reach_their_members)
{
    struct command_options o = parse("--set=a.b=1", "-oout", "--format=json");

    cr_assert(eq(sz, o.n_settings, 1));
    cr_assert_str_eq(o.setting[0].text, "a.b=1");
    cr_assert_str_eq(o.output, "out");
    cr_assert(eq(int, o.format, FORMAT_JSON));
    cr_assert(not(o.quiet));
}

Test(command, threads_are_as_many_as_may_run_unless_given)
{
    cpu_set_t set;

    sched_getaffinity(0, sizeof set, &set);
    cr_assert(eq(int, parse(NULL, NULL, NULL).threads, CPU_COUNT(&set)));
    cr_assert(eq(int, parse("--threads=0", NULL, NULL).threads,
                 CPU_COUNT(&set)));
    cr_assert(eq(int, parse("--threads=3", NULL, NULL).threads, 3));
}

/* Wrong usage ends with exit code 2 and a message that names the option. */
struct usage {
    char argument[32], says[64];
};

ParameterizedTestParameters(command, bad_usage_exits_with_2)
{
    static struct usage usages[] = {
        { "--set=novalue", "--set 'novalue': allowed is key=value" },
        { "--format=jsn", "did you mean 'json'?" },
        { "--threads=-1", "--threads '-1': allowed is 0" },
        { "--threads=2x", "--threads '2x': allowed is 0" },
        { "--threads=99999", "allowed is 0" },
        { "--bogus", "--bogus" },
        { "--output", "requires an argument" },
    };
    return cr_make_param_array(struct usage, usages,
                               sizeof usages / sizeof *usages);
}

ParameterizedTest(struct usage *u, command, bad_usage_exits_with_2)
{
    char text[1024] = "";
    int ends[2], how = 0;

    cr_assert(eq(int, pipe(ends), 0));
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        parse(u->argument, NULL, NULL);
        _exit(0);
    }
    close(ends[1]);
    cr_assert(gt(int, (int)read(ends[0], text, sizeof text - 1), 0));
    waitpid(child, &how, 0);
    cr_assert(eq(int, WEXITSTATUS(how), 2), "%s", u->argument);
    cr_assert(ne(ptr, strstr(text, u->says), NULL), "%s", text);
}

Test(command, a_failure_prints_one_line_and_gives_the_exit_code)
{
    struct error err;

    cr_redirect_stderr();
    error_set(&err, STATUS_BAD_VALUE, "a.yaml:1:2: wrong");
    cr_assert(eq(int, command_fail(&err), 2));
    error_set(&err, STATUS_INTERRUPTED, "stopped");
    cr_assert(eq(int, command_fail(&err), 130));
    fflush(stderr);
    cr_assert_stderr_eq_str("isobath: error: a.yaml:1:2: wrong\n"
                            "isobath: error: stopped\n");
}

Test(command, control_characters_in_messages_are_shown_not_sent)
{
    cr_redirect_stderr();
    command_warn("file '%s'", "\x1b[31m\xc2\x9b\xc3\xa9");
    fflush(stderr);
    cr_assert_stderr_eq_str("isobath: warning: file '\\x1b[31m\\xc2\x9b"
                            "\xc3\xa9'\n");
}

Test(command, foreign_text_is_quoted_line_by_line)
{
    cr_redirect_stderr();
    command_quote("one\ntwo");
    fflush(stderr);
    cr_assert_stderr_eq_str("  one\n  two\n");
}

Test(command, a_first_signal_is_noted_and_a_second_ends_with_130)
{
    int how = 0;
    pid_t child = fork();

    if (child == 0) {
        command_catch_signals();
        raise(SIGINT);
        if (!command_interrupted)
            _exit(1);
        raise(SIGTERM);
        _exit(2);
    }
    waitpid(child, &how, 0);
    cr_assert(eq(int, WEXITSTATUS(how), 130));
}

Test(command, a_file_that_shrinks_while_mapped_ends_in_words)
{
    char path[] = "/tmp/isobath-test-XXXXXX", said[128] = "";
    int fd = mkstemp(path), ends[2], how;

    cr_assert(fd >= 0 && ftruncate(fd, 8192) == 0 && pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct file_map map;
        dup2(ends[1], STDERR_FILENO);
        command_catch_signals();
        if (file_map(&map, path, NULL) != STATUS_OK || ftruncate(fd, 0) != 0)
            _exit(99);
        _exit(((const volatile unsigned char *)map.data)[5000] + 98);
    }
    cr_assert(waitpid(child, &how, 0) == child);
    cr_expect(eq(int, how, 2 << 8));         /* exited, with 2 */
    cr_assert(read(ends[0], said, sizeof said - 1) > 0);
    cr_expect(strstr(said, "cut short while it was being read") != NULL, "%s",
              said);
    close(fd);
    unlink(path);
}

Test(command, progress_prints_nothing_where_there_is_no_terminal)
{
    cr_redirect_stderr();
    struct progress progress = progress_begin("training", "step", 10, false);
    progress_at(&progress, 5, NULL);
    progress_end(&progress);
    fflush(stderr);
    cr_assert_stderr_eq_str("");
}
