/* asked.h - Find the rival that figures of isobath answer are drawn against. */
#ifndef ASKED_H
#define ASKED_H

#include "reports/read/run.h"

/* The rival that was asked for last, as --against has it, and its name: "equal-FLOP
 * dense".  Borrowed of the run; never NULL. */
const char *asked_rival(const struct run *run);
const char *asked_rival_name(const struct run *run);

#endif
