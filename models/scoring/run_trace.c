/* run_trace.c - Replay and keep traces, a window at a time. */
#include "models/scoring/run_trace.h"

#include "sim/core/model/plan.h"

enum status run_trace_replay(struct run_trace *t, const char *path,
                             const struct model_spec *spec, int32_t n_tokens,
                             struct error *err)
{
    enum status status = trace_read(&t->trace, path, err);
    return status == STATUS_OK
               ? allocation_open(&t->replayed, plan_n_choices(spec), 1,
                                 n_tokens, err)
               : status;
}

enum status run_trace_keep(struct run_trace *t, const char *directory,
                           struct error *err)
{
    enum status status = file_create_in(&t->kept, directory, "trace.csv", err);

    if (status == STATUS_OK)
        trace_write_header(t->kept.stream);
    return status;
}

void run_trace_close(struct run_trace *t)
{
    file_abandon(&t->kept);
    allocation_close(&t->replayed);
    trace_close(t->trace);
}

enum status run_trace_begin(struct run_trace *t, int64_t i, int32_t n_tokens,
                            const struct model_spec *spec,
                            const struct allocation **replayed,
                            struct error *err)
{
    *replayed = NULL;
    if (!t->trace)
        return STATUS_OK;
    t->replayed.length[0] = n_tokens;
    *replayed = &t->replayed;
    return trace_fill(&t->replayed, t->trace, spec, i, err);
}

enum status run_trace_end(struct run_trace *t, int64_t i,
                          const struct model_spec *spec,
                          const struct allocation *kept, struct error *err)
{
    return t->kept.stream ? trace_write(t->kept.stream, spec, kept, i, err)
                          : STATUS_OK;
}

enum status run_trace_finish(struct run_trace *t, struct error *err)
{
    return t->kept.stream ? file_commit(&t->kept, err) : STATUS_OK;
}
