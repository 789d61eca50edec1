/* directory.h - Make a new directory to work in, and put files into it. */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A new directory; the caller removes it with remove_directory(). */
static inline void make_directory(char out[64])
{
    strcpy(out, "/tmp/isobath-test-XXXXXX");
    cr_assert(mkdtemp(out) != NULL);
}

static inline void remove_directory(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    cr_expect(system(command) == 0);
}

/* For a TestSuite: every test works in a directory of its own. */
static char entered_directory[64];

static inline void enter_directory(void)
{
    make_directory(entered_directory);
    cr_assert(chdir(entered_directory) == 0);
}

static inline void leave_directory(void)
{
    cr_assert(chdir("/") == 0);
    remove_directory(entered_directory);
}

static inline void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL);
    fputs(text, file);
    cr_assert(fclose(file) == 0);
}

#endif
