/* contents.h - Know what a report wrote, so that the next one in the folder takes
 * away what it no longer has.
 *
 * FOLDER/.contents has a line for each figure and table, "figures/phases".  It is
 * written before they are, with those of the older report, and again once these
 * are gone: a killed report is cleared away too.  Files that it does not name, and
 * lines that no report writes, are left alone. */
#ifndef CONTENTS_H
#define CONTENTS_H

#include "reports/findings.h"

/* Before anything of the report is written.  Caller frees *older; it is NULL
 * after a failure. */
enum status contents_begin(char **older, const struct report *report,
                           const char *folder, struct error *err) MUST_CHECK;
/* Once all of it is: remove what *older has besides, and drawings of figures that
 * are not drawn now. */
enum status contents_end(const char *older, const struct report *report,
                         const char *folder, struct error *err) MUST_CHECK;

#endif
