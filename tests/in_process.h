/* in_process.h - Run a command in the process of its test, in a directory of the
 * test's own, and read what it said. */
#ifndef IN_PROCESS_H
#define IN_PROCESS_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/answer/command.h"
#include "tests/directory.h"

enum { MOST_ARGUMENTS = 40, TEXT_SIZE = 1 << 20 };

static char directory[64], said[TEXT_SIZE], complained[TEXT_SIZE];

static inline void read_text(char text[TEXT_SIZE], const char *path)
{
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, TEXT_SIZE - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
}

static inline void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    cr_assert(file != NULL);
    fputs(text, file);
    cr_assert(fclose(file) == 0);
}

/* Names still mean the configs of the tree. */
static inline void enter_own_directory(void)
{
    char configs[4096];

    cr_assert(getcwd(configs, sizeof configs - 16) != NULL);
    strcat(configs, "/configs");
    setenv("ISOBATH_CONFIGS", configs, 1);
    make_directory(directory);
    cr_assert(chdir(directory) == 0);
}

static inline void leave_own_directory(void)
{
    cr_expect(chdir("/") == 0);
    remove_directory(directory);
}

/* Its exit code; arguments end with NULL. */
static inline int call(const struct command *command,
                       const char *const *arguments)
{
    char *argv[MOST_ARGUMENTS] = { (char *)"isobath" };
    int argc = 1;

    for (; *arguments; arguments++)
        argv[argc++] = (char *)(uintptr_t)*arguments;
    cr_assert(freopen("out", "w", stdout) != NULL);
    cr_assert(freopen("err", "w", stderr) != NULL);
    const int code = command_run(command, argc, argv);
    fflush(stdout);
    fflush(stderr);
    read_text(said, "out");
    read_text(complained, "err");
    return code;
}

#endif
