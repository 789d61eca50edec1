/* test_command.c - Messages, signals and progress that every command shares. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/core/answer/command.h"
#include "sim/core/base/file.h"

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

Test(command, a_hangup_is_noted_as_well_unless_it_was_ignored)
{
    int how = 0;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGHUP, SIG_DFL);           /* as nohup does not leave it */
        command_catch_signals();
        raise(SIGHUP);
        _exit(command_interrupted ? 7 : 8);
    }
    waitpid(child, &how, 0);
    cr_expect(eq(int, WEXITSTATUS(how), 7));
    child = fork();
    if (child == 0) {
        signal(SIGHUP, SIG_IGN);
        command_catch_signals();
        raise(SIGHUP);
        _exit(command_interrupted ? 7 : 8);
    }
    waitpid(child, &how, 0);
    cr_expect(eq(int, WEXITSTATUS(how), 8));
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

static bool leaves_nothing(const char *directory)
{
    char command[128];
    snprintf(command, sizeof command, "test -z \"$(ls -A %s)\"", directory);
    return system(command) == 0;
}

Test(command, a_signal_that_ends_it_leaves_no_file_half_written)
{
    static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
    char directory[] = "/tmp/isobath-test-XXXXXX";
    struct file_writer writer, done;
    int how = 0;

    cr_assert(mkdtemp(directory) != NULL);
    for (size_t i = 0; i < 6; i++) {
        pid_t child = fork();
        if (child == 0) {
            signal(SIGHUP, SIG_DFL);
            if (i < 3)
                command_end_on_signals();
            else
                command_catch_signals();
            if (file_create_in(&done, directory, "left", NULL) != STATUS_OK ||
                file_create_in(&writer, directory, "half", NULL) != STATUS_OK)
                _exit(99);
            file_abandon(&done);
            fputs("half", writer.stream);
            raise(signals[i % 3]);
            raise(signals[i % 3]);
            _exit(98);
        }
        cr_assert(waitpid(child, &how, 0) == child);
        cr_expect(eq(int, WEXITSTATUS(how), 130));
        cr_expect(leaves_nothing(directory));
    }
    rmdir(directory);
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
