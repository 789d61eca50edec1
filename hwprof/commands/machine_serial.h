/* machine_serial.h - Find how much of the time that work waits for its operands
 * hides behind its arithmetic on this machine. */
#ifndef MACHINE_SERIAL_H
#define MACHINE_SERIAL_H

#include "hwprof/commands/machine_shares.h"
#include "sim/price/machine.h"

/* Sets shares->serial (the keys serial.* of machine.h), reached and aging to what makes
 * the prices of `machine`, a profile without them, the times of the steps in *far,
 * of those that are there several times their medians:
 * the mean of their ops, each by how long it may wait, and a range that has 80 %
 * of them.  Changes *machine on
 * the way.  Left out is what *far has no step for. */
enum status machine_serial_fit(struct machine_shares *shares,
                               const struct machine_far *far,
                               struct machine *machine,
                               struct error *err) MUST_CHECK;

#endif
