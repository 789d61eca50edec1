/* trace.h - Store the tokens that a run kept, for another run to replay.
 *
 * CSV, a line for each window (a sequence of the run, from 0) and each choice
 * of a routed layer (plan.h):
 *     window,layer,part,tokens,kept
 *     0,1,attention,512,0-3 7 9-30
 *     0,1,ffn,512,0-14
 * part is what the choice is around: block, attention or ffn; a layer has two
 * lines where parts are apart, attention's first.  tokens is the window's
 * length; kept are positions, ascending, neighbours as first-last, so that a
 * line a window and choice is enough; those kept as a sequence's first are among
 * them.  Windows stand in order, their layers ascending, and layers and parts are
 * the same in each. */
#ifndef TRACE_H
#define TRACE_H

#include <stdio.h>
#include "sim/core/model/route.h"

/* The header, and then what a pass over windows first_window, first_window + 1,
 * ... kept in the layers that `spec` routes.  STATUS_IO: the file failed.
 *     trace_write_header(out.stream);
 *     status = trace_write(out.stream, spec, model_allocation(model), w, err); */
void        trace_write_header(FILE *file);
enum status trace_write(FILE *file, const struct model_spec *spec,
                        const struct allocation *allocation,
                        int64_t first_window, struct error *err) MUST_CHECK;

struct trace;                     /* opaque: trace.c */

/* STATUS_BAD_FORMAT: "file:line:column: what, and what is allowed".  Caller
 * releases with trace_close(); NULL is fine. */
enum status trace_read(struct trace **out, const char *path,
                       struct error *err) MUST_CHECK;
/* The same for text in memory; `name` is for messages. */
enum status trace_parse(struct trace **out, const char *text, size_t size,
                        const char *name, struct error *err) MUST_CHECK;
void        trace_close(struct trace *trace);

int64_t trace_windows(const struct trace *trace);
/* The tokens of one of them. */
int32_t trace_tokens(const struct trace *trace, int64_t window);

/* The share of its tokens that a layer kept over all windows, in [0, 1], of two
 * parts the mean; NAN: the trace does not name the layer. */
double trace_share(const struct trace *trace, int32_t layer);
/* The last layer that it names. */
int32_t trace_last_layer(const struct trace *trace);

/* Check that its choices are those of the layers that `spec` routes:
 * STATUS_BAD_VALUE, for another part with "file:line:column: what". */
enum status trace_check(const struct trace *trace,
                        const struct model_spec *spec,
                        struct error *err) MUST_CHECK;

/* Copy the tokens that windows first_window, ... kept into the routed layers of
 * an open allocation whose lengths are set: a pass over the same text.
 * STATUS_BAD_VALUE: the trace ends before, its windows are of other lengths, or
 * trace_check() says so. */
enum status trace_fill(struct allocation *allocation, const struct trace *trace,
                       const struct model_spec *spec, int64_t first_window,
                       struct error *err) MUST_CHECK;

#endif
