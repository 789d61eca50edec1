/* chrome_trace.h - Read the events of a PyTorch profiler trace.
 *
 * The JSON that export_chrome_trace() writes, in the form of Chrome's traces: an
 * object with a list "traceEvents", or that list alone.  Complete events ("ph":
 * "X") are kept: ops of the CPU, annotations, launches, and kernels of a GPU; with
 * record_shapes=True ops say the shapes of their inputs.  Others are passed over,
 * and so are keys that nobody here asks for. */
#ifndef CHROME_TRACE_H
#define CHROME_TRACE_H

#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"
#include "sim/core/base/names.h"
#include "sim/core/base/precision.h"

/* "cat" of an event; others are not kept. */
#define CHROME_KIND_MAP(X)                                                     \
    X(CHROME_OP,         "cpu_op")                                             \
    X(CHROME_ANNOTATION, "user_annotation")                                    \
    X(CHROME_LAUNCH,     "cuda_runtime")                                       \
    X(CHROME_DRIVER,     "cuda_driver")                                        \
    X(CHROME_KERNEL,     "kernel")                                             \
    X(CHROME_COPY,       "gpu_memcpy")                                         \
    X(CHROME_SET,        "gpu_memset")

enum chrome_kind { CHROME_KIND_MAP(NAMES_ID) CHROME_KIND_COUNT };

enum { CHROME_MAX_DIMS = 6, CHROME_MAX_INPUTS = 16, CHROME_NONE = -1 };

/* One input of an op.  A list of tensors is one of so many numbers. */
struct chrome_input {
    int     n_dims;              /* 0: a scalar, or nothing */
    int64_t dim[CHROME_MAX_DIMS];
    int     bytes;               /* of a number; 0: no tensor */
    int     format;              /* enum precision, or CHROME_NONE */
};

struct chrome_event {
    enum chrome_kind kind;
    size_t  name;                /* chrome_name() */
    int64_t process, thread;
    double  start, seconds;      /* s */
    int64_t external, correlation, sequence;     /* CHROME_NONE: none */
    size_t  first_input;
    int     n_inputs;
    uint32_t true_inputs;        /* a bit for each whose value is "True" */
};

struct chrome_trace {
    struct chrome_event *event;  /* [n_events] */
    struct chrome_input *input;
    char  *names;                /* NUL-ended, one after another */
    char   device[80];           /* of the first GPU; "": none is named */
    size_t n_events, n_inputs, n_names;
    size_t n_bare;               /* ops without "cat", which are not kept: what a
                                  * PyTorch without Kineto writes, never a shape
                                  * among it */
    size_t events_room, inputs_room, names_room;
};

/* STATUS_BAD_FORMAT: "name:line:col: what".  *out is {0}; release it with
 * chrome_trace_close(), also after a failure. */
enum status chrome_trace_parse(struct chrome_trace *out, const char *text,
                               size_t size, const char *name,
                               struct error *err) MUST_CHECK;
void        chrome_trace_close(struct chrome_trace *trace);

const char *chrome_name(const struct chrome_trace *trace,
                        const struct chrome_event *event);
const struct chrome_input *chrome_inputs(const struct chrome_trace *trace,
                                         const struct chrome_event *event);

#endif
