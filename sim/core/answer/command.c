/* command.c - Run a command; print messages; note signals. */
#include "sim/core/answer/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/answer/json.h"
#include "sim/core/base/cpus.h"
#include "sim/core/base/file.h"

enum { LINE_SIZE = 256 };

/* Names and texts from outside may hold escape sequences: show them. */
static void print_safely(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned char next = (unsigned char)text[i + 1];
        bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;
        if ((c < 0x20 && c != '\t') || c == 0x7f || c1)
            fprintf(stderr, "\\x%02x", c);
        else
            fputc(c, stderr);
    }
    fputc('\n', stderr);
}

static void print_message(const char *kind, const char *text)
{
    fflush(stdout);
    fprintf(stderr, "isobath: %s: ", kind);
    print_safely(text, strlen(text));
}

int command_fail(const struct error *err)
{
    struct error shown = *err;

    /* Without memory, a reader may take right input for wrong. */
    if (error_memory_ran_out() && err->status != STATUS_NO_MEMORY)
        error_set(&shown, STATUS_NO_MEMORY, "memory ran out; then: %.400s",
                  err->text);
    print_message("error", shown.text);
    return status_exit_code(shown.status);
}

static void print_words(const char *kind, const char *format, va_list args)
{
    char text[sizeof ((struct error *)0)->text];

    vsnprintf(text, sizeof text, format, args);
    print_message(kind, text);
}

void command_warn(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_words("warning", format, args);
    va_end(args);
}

/* Of the command that runs: what it writes is far from where flags are known. */
static bool is_quiet;

void command_note(const char *format, ...)
{
    va_list args;

    if (is_quiet)
        return;
    va_start(args, format);
    print_words("note", format, args);
    va_end(args);
}

static int run(const struct command *command, struct command_options *options,
               int argc, char **argv)
{
    struct error err = { .status = STATUS_OK };

    if (flags_read(options, command, argc, argv, &err) != STATUS_OK) {
        int code = command_fail(&err);
        fprintf(stderr, "  help: 'isobath %s --help' lists its flags\n",
                command->name);
        return code;
    }
    is_quiet = options->quiet;
    if (options->help)
        flags_help(stdout, command);
    else if (options->usage)
        flags_usage(stdout, command);
    else if (options->version)
        puts("isobath " ISOBATH_VERSION);
    else
        return command->run(options);
    return 0;
}

int command_run(const struct command *command, int argc, char **argv)
{
    struct error err;

    json_watch();
    struct command_options *options = calloc(1, command->options_size);
    if (!options) {
        error_set(&err, STATUS_NO_MEMORY, "no memory");
        return command_fail(&err);
    }
    int code = run(command, options, argc, argv);
    flags_close(options);
    free(options);
    if (code == 0 && error_memory_ran_out()) {
        error_set(&err, STATUS_NO_MEMORY, "memory ran out: something may be"
                  " missing from what was said or written");
        return command_fail(&err);
    }
    return code;
}

void command_cap_threads(struct command_options *o)
{
    const struct cpus cpus = cpus_allowed("");

    if (o->threads <= cpus.n)
        return;
    if (!o->quiet)
        command_warn("--threads %d: this process may use %d CPU%s (%s), and runs"
                     " on %d thread%s", o->threads, cpus.n,
                     cpus.n > 1 ? "s" : "", cpus.limit, cpus.n,
                     cpus.n > 1 ? "s" : "");
    o->threads = cpus.n;
}

void command_quote(const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        fputs("  ", stderr);
        print_safely(text, length);
        text += length + (text[length] == '\n');
    }
}

/* Global, because a signal handler has nowhere else to put it. */
volatile sig_atomic_t command_interrupted;

/* A handler may write(), and not print. */
static void say_bluntly(const char *text, size_t size)
{
    ssize_t ignored = write(STDERR_FILENO, text, size);
    (void)ignored;
}

static void end_at_once(int signal)
{
    static const char text[] = "isobath: error: interrupted\n";

    (void)signal;
    file_abandon_all();
    say_bluntly(text, sizeof text - 1);
    _exit(status_exit_code(STATUS_INTERRUPTED));
}

static void note_signal(int signal)
{
    if (command_interrupted)
        end_at_once(signal);
    command_interrupted = 1;
}

/* Say it in words when a mapped file shrinks while it is read (SIGBUS). */
static void end_in_words(int signal)
{
    static const char text[] = "isobath: error: a file was cut short while it"
                               " was being read\n";
    (void)signal;
    say_bluntly(text, sizeof text - 1);
    _exit(status_exit_code(STATUS_BAD_FORMAT));
}

static void catch_with(void (*handler)(int))
{
    /* Restarting keeps file writes whole; loops look at the flag instead. */
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* nohup, which ignores it, goes on doing so. */
    if (signal(SIGHUP, SIG_IGN) != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
    action.sa_handler = end_in_words;
    sigaction(SIGBUS, &action, NULL);
}

void command_catch_signals(void)
{
    catch_with(note_signal);
}

void command_end_on_signals(void)
{
    catch_with(end_at_once);
}

/* getrusage()'s ru_maxrss will not do: across exec it keeps the peak of the
 * program that called exec. */
uint64_t command_peak_bytes(void)
{
    FILE *file = file_open_optional("/proc/self/status");
    unsigned long long kib = 0;
    char line[LINE_SIZE];

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %llu kB", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return (uint64_t)kib * 1024;
}

uint64_t command_memory_bytes(void)
{
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}
