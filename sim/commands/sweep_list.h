/* sweep_list.h - Say which points a study has, and which of them are done. */
#ifndef SWEEP_LIST_H
#define SWEEP_LIST_H

#include "sim/core/answer/format.h"
#include "sim/sweep/sweep.h"

/* Print those that the filter lets through (the CSV has all); `directory` is
 * where they ran, NULL: nowhere yet. */
enum status sweep_list(const struct sweep *sweep, const char *filter,
                       const char *directory, enum format format,
                       struct error *err) MUST_CHECK;

#endif
