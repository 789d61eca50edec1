/* run_trace.c - Replay and keep traces, a window at a time. */
#include "models/scoring/run_trace.h"

#include <math.h>
#include <string.h>

#include "sim/core/model/plan.h"

/* Windows that the trace holds whole are those of a split, as training has
 * it. */
static enum status check_text(const struct run_trace *t, const char *path,
                              struct error *err)
{
    const struct text_trace_head *h = text_trace_head(t->of_text);
    const struct score_text *w = &t->text->windows;
    const int32_t tenths = (int32_t)lround(t->text->held_out * 10);
    const char *unit = *h->tokens_hash ? "tokens" : "bytes";

    if (!w->data)
        error_set(err, STATUS_BAD_VALUE, "%.200s: a text's trace is replayed on"
                  " a part of the text; give --split", path);
    else if (strcmp(h->text_hash, t->text->hash) != 0)
        error_set(err, STATUS_BAD_VALUE, "%.200s: of another text: of hash %s,"
                  " and this has %s", path, h->text_hash, t->text->hash);
    else if (strcmp(h->tokens_hash, data_tokens_hash(w->data)) != 0)
        error_set(err, STATUS_BAD_VALUE, "%.200s: of this text in %s; give the"
                  " tokenizer that it was recorded with", path,
                  *h->tokens_hash ? "tokens that are others here" : "bytes");
    else if (h->held_out != tenths || h->window != w->window)
        error_set(err, STATUS_BAD_VALUE, "%.200s: of windows of %d %s with 0.%d"
                  " held out; these are of %d %s with 0.%d held out", path,
                  h->window, unit, h->held_out, w->window, unit, tenths);
    else
        return STATUS_OK;
    return STATUS_BAD_VALUE;
}

static enum status read_of_text(struct run_trace *t, const char *path,
                                const struct model_spec *spec,
                                struct error *err)
{
    enum status status = text_trace_read(&t->of_text, path, err);

    if (status == STATUS_OK)
        status = text_trace_check(t->of_text, spec, err);
    return status == STATUS_OK ? check_text(t, path, err) : status;
}

enum status run_trace_replay(struct run_trace *t, const char *path,
                             const struct model_spec *spec,
                             const struct run_text *text, struct error *err)
{
    t->text = text;
    enum status status = text_trace_is(path) ? read_of_text(t, path, spec, err)
                                             : trace_read(&t->trace, path, err);
    return status == STATUS_OK
               ? allocation_open(&t->replayed, plan_n_choices(spec), 1,
                                 text->windows.window, err)
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
    text_trace_close(t->of_text);
    trace_close(t->trace);
}

enum status run_trace_begin(struct run_trace *t, int64_t i, int32_t n_tokens,
                            const struct model_spec *spec,
                            const struct allocation **replayed,
                            struct error *err)
{
    *replayed = NULL;
    if (!t->trace && !t->of_text)
        return STATUS_OK;
    t->replayed.length[0] = n_tokens;
    *replayed = &t->replayed;
    if (t->of_text) {
        const struct score_text *w = &t->text->windows;
        text_trace_fill(&t->replayed, 0, t->of_text,
                        data_window_start(w->data, w->split, i, w->window));
        return STATUS_OK;
    }
    return trace_fill(&t->replayed, t->trace, spec, i, err);
}

enum status run_trace_end(struct run_trace *t, int64_t i,
                          const struct model_spec *spec,
                          const struct allocation *kept, struct error *err)
{
    enum status status = STATUS_OK;

    if (t->kept.stream)
        status = trace_write(t->kept.stream, spec, kept, i, err);
    return status == STATUS_OK ? STATUS_OK : file_end(&t->kept, status, err);
}

enum status run_trace_finish(struct run_trace *t, struct error *err)
{
    return t->kept.stream ? file_commit(&t->kept, err) : STATUS_OK;
}
