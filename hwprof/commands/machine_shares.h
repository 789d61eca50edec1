/* machine_shares.h - Measure what share of its peak this machine's work reaches,
 * by running small models. */
#ifndef MACHINE_SHARES_H
#define MACHINE_SHARES_H

#include "hwprof/machine/peak.h"
#include "hwprof/measure/machine_profile.h"

/* Trains and decodes models of several widths, each op's time being the best of
 * several steps: other tenants of the machine only ever make it slower.  Takes
 * about 10 s, `quick` 2 s.  `peak` is that of as many threads. */
enum status machine_shares_measure(struct machine_shares *out,
                                   const struct peak *peak, bool quick,
                                   struct error *err) MUST_CHECK;

#endif
