/* executed_flops.h - Count the floating-point operations that ran, from how
 * often each instruction did.
 *
 * A dump of callgrind under --dump-instr=yes lists, after its head, every
 * instruction that ran: the file it was loaded from, its address there, and how
 * many times.  Its bytes, decoded, say the rest.  Format: callgrind_dump.h. */
#ifndef EXECUTED_FLOPS_H
#define EXECUTED_FLOPS_H

#include "hwprof/counters/callgrind_dump.h"
#include "hwprof/counters/flop_mix.h"

/* The bytes of an instruction, *n of which may be read; NULL: nobody has them.
 * `object` is a path, or "???" where `address` is the process's own. */
typedef const uint8_t *code_finder(void *context, const char *object,
                                   uint64_t address, size_t *n);

/* `text` is a whole dump, and changed.  STATUS_BAD_FORMAT: it is none, or its
 * instructions do not add up to its own total.  STATUS_UNAVAILABLE: one of them
 * has no bytes, or its bytes do not tell how much it does. */
enum status executed_flops(struct flop_mix *out, char *text, size_t size,
                           code_finder *find, void *context,
                           struct error *err) MUST_CHECK;

#endif
