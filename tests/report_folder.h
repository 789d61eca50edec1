/* report_folder.h - Open a report, with a folder of its own to write into. */
#ifndef REPORT_FOLDER_H
#define REPORT_FOLDER_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "reports/report.h"
#include "sim/core/base/file.h"

#define DATA "tests/data/report/"

static char folder[] = "/tmp/isobath-report-XXXXXX";
static struct error err;
static struct report report;

static inline void set_up(void)
{
    cr_assert(mkdtemp(folder) != NULL);
}

static inline int remove_one(const char *path, const struct stat *info,
                             int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static inline void clean_up(void)
{
    report_close(&report);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline char *in_folder(const char *name)
{
    static char path[FILE_PATH_SIZE];
    cr_assert(file_join(path, folder, name, NULL) == STATUS_OK);
    return path;
}

#endif
