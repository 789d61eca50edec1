/* run_trace.h - Replay the tokens that a scored run keeps from a file, and
 * write them to one, trace.csv (sim/core/model/trace.h).  A text's trace
 * (text_trace.h) is replayed too, on the windows of its splits. */
#ifndef RUN_TRACE_H
#define RUN_TRACE_H

#include "models/scoring/run_text.h"
#include "sim/core/base/file.h"
#include "sim/core/model/text_trace.h"
#include "sim/core/model/trace.h"

/* Zero before use.  Its functions do nothing for a part that was not opened. */
struct run_trace {
    struct trace      *trace;        /* both NULL: nothing is replayed */
    struct text_trace *of_text;
    const struct run_text *text;     /* of which that is; borrowed */
    struct allocation  replayed;     /* of the current window */
    struct file_writer kept;         /* stream NULL: not wanted */
};

/* Read the trace that the windows of `text` are to replay.  STATUS_BAD_VALUE,
 * too, where one of a text is of another, of other windows, or is not replayed on
 * a split. */
enum status run_trace_replay(struct run_trace *out, const char *path,
                             const struct model_spec *spec,
                             const struct run_text *text,
                             struct error *err) MUST_CHECK;
/* Write every window to DIRECTORY/trace.csv. */
enum status run_trace_keep(struct run_trace *out, const char *directory,
                           struct error *err) MUST_CHECK;
void        run_trace_close(struct run_trace *trace);

/* Find the tokens that the i-th window is to keep; NULL: nothing is
 * replayed. */
enum status run_trace_begin(struct run_trace *trace, int64_t i,
                            int32_t n_tokens, const struct model_spec *spec,
                            const struct allocation **replayed,
                            struct error *err) MUST_CHECK;
/* Write the tokens that the i-th window kept. */
enum status run_trace_end(struct run_trace *trace, int64_t i,
                          const struct model_spec *spec,
                          const struct allocation *kept,
                          struct error *err) MUST_CHECK;
/* Complete the file of the kept tokens. */
enum status run_trace_finish(struct run_trace *trace,
                             struct error *err) MUST_CHECK;

#endif
