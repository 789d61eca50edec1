/* import_job.h - Hold a trace that isobath import takes in, by pass and op. */
#ifndef IMPORT_JOB_H
#define IMPORT_JOB_H

#include <stdio.h>

#include "hwprof/imported/torch_trace.h"
#include "sim/core/answer/command.h"
#include "sim/core/ledger/ledger.h"
#include "sim/price/machine.h"

struct import_options {
    struct command_options common;
    const char *machine, *machine_out;   /* NULL: not given */
};

/* The calls of one op in one pass. */
struct import_cell {
    int64_t calls;
    double  flops, bytes;            /* NAN: of some call not known */
    double  seconds;
    double  predicted_seconds, predicted_joules;     /* NAN: not known */
};

struct import_job {
    struct import_options *options;
    const char *file;
    struct chrome_trace chrome;
    struct torch_trace trace;
    struct machine *machine;         /* NULL: none */
    struct import_cell cell[PASS_COUNT][OP_COUNT];
    struct import_cell total;
    struct ledger *ledger[3];        /* predicted, counted, measured */
};

/* ---- import_work.c ---- */

/* The kind of work that a call is (flops.h), and its size on the machine's
 * curve. */
enum work   import_work(const struct import_job *job,
                        const struct torch_call *call);
double      import_size(const struct import_job *job,
                        const struct torch_call *call);
enum precision import_precision(const struct torch_call *call);
const char *import_phase_name(const struct torch_trace *trace);
/* amount / by; NAN where by is 0. */
double      import_per(double amount, double by);
/* Fills cell and total from trace. */
void        import_add_up(struct import_job *job);

/* ---- import_answer.c ---- */

/* Files the sums in job->ledger and leaves ledger and summary in the directory
 * of --output; prints the summary where --format json asks for it. */
enum status import_write(struct import_job *job, struct error *err) MUST_CHECK;

/* ---- import_text.c ---- */

/* The table of ops alone, and with what it rests on and what was not mapped. */
enum status import_print_ops(FILE *file, const struct import_job *job,
                             struct error *err) MUST_CHECK;
enum status import_print(const struct import_job *job,
                         struct error *err) MUST_CHECK;

/* ---- import_machine.c ---- */

/* The times are of kernels and the profile of a CPU, or the other way round. */
bool        import_is_elsewhere(const struct import_job *job);
/* Before anything is written.  STATUS_BAD_VALUE: import_is_elsewhere(), or a
 * file stands at `path` that import_machine_write() did not write. */
enum status import_machine_check(const struct import_job *job,
                                 const char *path,
                                 struct error *err) MUST_CHECK;
/* The profile of job->machine with what the trace's calls reached of it, into a
 * file that appears whole or not at all: peaks that were beaten, and shares by
 * size, graded measured.  Its name is that of the trace's device, where it
 * names one.  STATUS_BAD_VALUE: no call is bound by arithmetic. */
enum status import_machine_write(const struct import_job *job,
                                 const char *path,
                                 struct error *err) MUST_CHECK;

#endif
