/* report.h - Read runs, build tables and figures from them, and write a
 * folder. */
#ifndef REPORT_H
#define REPORT_H

#include "reports/findings.h"

/* Read the directories and build everything but the page.  Caller releases with
 * report_close(), also after a failure. */
enum status report_open(struct report *out, char *const *paths, size_t n,
                        struct error *err) MUST_CHECK;
void        report_close(struct report *report);

/* figures/, tables/ and index.html in `folder`. */
enum status report_write(struct report *report, const char *folder,
                         struct error *err) MUST_CHECK;

#endif
