/* outfile.h - Write the single file that -o names, in place of nothing that a user
 * would miss. */
#ifndef OUTFILE_H
#define OUTFILE_H

#include "sim/core/base/error.h"
#include "sim/core/base/file.h"

/* What a command's own files begin with, of each form in which it writes them. */
enum { OUTFILE_HEAD_SIZE = 64, OUTFILE_HEADS_MAX = 12 };
struct outfile_heads {
    const char *head[OUTFILE_HEADS_MAX];       /* NULL ends */
};

/* Before the work.  STATUS_BAD_VALUE: the file has the name of a result in a
 * directory that holds a run (rundir.h); or it is there, is not empty, and begins
 * as none of the command's own.  Devices and pipes are nobody's. */
enum status outfile_check(const char *path, const struct outfile_heads *own,
                          struct error *err) MUST_CHECK;
/* Begin it; the same refusals, and file_create()'s.  That it takes the place of an
 * older one is said in a line. */
enum status outfile_create(struct file_writer *out, const char *path,
                           const struct outfile_heads *own,
                           struct error *err) MUST_CHECK;

#endif
