/* report_made.h - Report on run directories, also ones that are made by hand, and
 * read what came out. */
#ifndef REPORT_MADE_H
#define REPORT_MADE_H

#include <criterion/new/assert.h>
#include <string.h>

#include "tests/report_folder.h"

static inline char *text_of(const char *name)
{
    char *text = NULL;
    size_t size;
    cr_assert(file_read(&text, &size, in_folder(name), 1 << 26, &err) ==
              STATUS_OK, "%s", err.text);
    return text;
}

static inline void has(const char *text, const char *part)
{
    cr_assert(strstr(text, part) != NULL, "not there: %s", part);
}

static inline void lacks(const char *text, const char *part)
{
    cr_assert(strstr(text, part) == NULL, "there: %s", part);
}

static inline void put(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    cr_assert(file != NULL);
    fputs(text, file);
    fclose(file);
}

static inline void make(const char *name)
{
    cr_assert(file_make_directory(in_folder(name), NULL) == STATUS_OK);
}

static inline void report_of(char *path)
{
    cr_assert(report_open(&report, &path, 1, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
}

static inline void report_of_all(void)
{
    char sweep[] = DATA "sweep", profile[] = DATA "profile";
    char score[] = DATA "score";
    char *paths[] = { sweep, profile, score };

    cr_assert(report_open(&report, paths, 3, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
}

static const char head[] =
    "{\"schema\":\"isobath-run-1\",\"status\":\"done\",\"command\":";

static inline void put_summary(const char *name, const char *rest)
{
    char text[4096];
    snprintf(text, sizeof text, "%s%s", head, rest);
    put(name, text);
}

static inline void refused(char *path, const char *why)
{
    enum status status = report_open(&report, &path, 1, &err);
    cr_assert(eq(int, status_exit_code(status), 2));
    cr_assert(strstr(err.text, why) != NULL, "%s", err.text);
}

#endif
