/* machine_serial.h - Find how much of the time that work waits for its operands
 * hides behind its arithmetic on this machine. */
#ifndef MACHINE_SERIAL_H
#define MACHINE_SERIAL_H

#include "hwprof/commands/machine_shares.h"
#include "sim/price/machine.h"

/* Sets shares->serial_caches, serial_memory and reached (machine.h) to what makes
 * the prices of `machine`, a profile without them, the times of the steps in *far:
 * every step counts alike, and the ranges are those of single ops.  Changes
 * *machine on the way.  Unknown stays what *far has no step for. */
enum status machine_serial_fit(struct machine_shares *shares,
                               const struct machine_far *far,
                               struct machine *machine,
                               struct error *err) MUST_CHECK;

#endif
