/* run_text.c - Open a text to score. */
#include "models/scoring/run_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <xxhash.h>

#include "sim/core/answer/summary.h"

enum {
    LARGEST_USUAL_WINDOW = 1024, /* by default, since memory grows with it */
};

/* A number of the section `data` in the config of the run that trained the model;
 * 0: no run states it. */
static enum status trained_with(double *out, const char *key,
                                const struct run_config *c,
                                const struct source *source, struct error *err)
{
    char path[FILE_PATH_SIZE];
    json_t *summary = NULL;
    struct error why;
    enum status status = file_join(path, c->model, "summary.json", err);

    *out = 0;
    if (status != STATUS_OK || !source->has_weights || !file_exists(path))
        return status;
    status = summary_read(&summary, c->model, &why);
    *out = json_number_value(json_object_get(json_object_get(
        json_object_get(summary, "config"), "data"), key));
    json_decref(summary);
    /* Somebody else's summary is none; one that cannot be read may be ours. */
    return status == STATUS_OK || status == STATUS_BAD_FORMAT
               ? STATUS_OK : error_set(err, status, "%s", why.text);
}

enum status run_text_window(struct run_config *c, const struct source *source,
                            struct error *err)
{
    const bool fixed = c->split != RUN_ALL;
    const int64_t most = source->spec.max_tokens;
    enum status status = STATUS_OK;
    double trained = 0;

    if (c->window > most)
        return run_config_fail(c, "run.window", err, "%" PRId64 ": allowed"
                               " is 1 to the model's max_tokens, %" PRId64,
                               c->window, most);
    if (c->window == 0)
        status = trained_with(&trained, "tokens", c, source, err);
    if (status != STATUS_OK)
        return status;
    if (trained >= 1 && trained <= (double)most)
        c->window = (int64_t)trained;
    if (c->window < 1)
        c->window = most < LARGEST_USUAL_WINDOW ? most : LARGEST_USUAL_WINDOW;
    if (c->stride == 0)
        c->stride = c->window;
    if (c->stride > c->window || (fixed && c->stride < c->window))
        return run_config_fail(c, "run.stride", err, "%" PRId64 ": allowed"
                               " is %s the window, %" PRId64, c->stride,
                               fixed ? "only" : "1 to", c->window);
    return STATUS_OK;
}

enum status run_text_tokenizer(struct tokenizer **out, const char *path,
                               const struct source *source, struct error *err)
{
    if (!path && *source->tokenizer)
        path = source->tokenizer;
    if (path)
        return tokenizer_open(out, path, source->spec.n_vocab, err);
    if (source->spec.n_vocab != DATA_VOCAB)
        return error_set(err, STATUS_BAD_VALUE, "%s: a vocabulary of %d; %d"
                         " would be bytes, any other needs --tokenizer FILE",
                         source->path, source->spec.n_vocab, DATA_VOCAB);
    return STATUS_OK;
}

static enum status open_tokenizer(struct run_text *t,
                                  const struct run_config *c,
                                  const struct source *source,
                                  struct error *err)
{
    return run_text_tokenizer(&t->tokenizer, *c->tokenizer ? c->tokenizer
                                                           : NULL, source, err);
}

/* Encode all of the text as tokens; each window begins with BOS if the
 * tokenizer puts one before a text. */
static enum status encode(struct run_text *t, enum tokenizer_special special,
                          struct error *err)
{
    size_t n;
    enum status status = tokenizer_encode(t->tokenizer,
                                          (const char *)t->map.data,
                                          t->map.size, false, special, &t->ids,
                                          &n, err);
    if (status != STATUS_OK)
        return status;
    t->windows.ids = t->ids;
    t->windows.size = (int64_t)n;
    t->windows.bos = tokenizer_begins(t->tokenizer)
                         ? tokenizer_bos(t->tokenizer) : -1;
    return STATUS_OK;
}

static enum status open_split(struct run_text *t, const char *path,
                              struct error *err)
{
    enum status status = data_open_tokens(&t->data, path, t->windows.window,
                                          t->tokenizer, t->held_out, err);
    if (status == STATUS_OK)
        status = data_require(t->data, t->windows.split, err);
    t->windows.data = t->data;
    return status;
}

static enum status leave_out(struct run_text *t, const char *path,
                             struct error *err)
{
    struct score_text *w = &t->windows;

    if (t->data)
        return error_set(err, STATUS_BAD_VALUE, "run.skip: a split is scored in"
                         " the fixed windows of training; leave it out");
    if (t->skip > w->size - 2)
        return error_set(err, STATUS_BAD_VALUE, "run.skip %" PRId64 ": %s is of"
                         " %" PRId64 " tokens, and 2 have to be left", t->skip,
                         path, w->size);
    w->size -= t->skip;
    w->ids = w->ids ? w->ids + t->skip : NULL;
    w->bytes = w->bytes ? w->bytes + t->skip : NULL;
    return STATUS_OK;
}

enum status run_text_open(struct run_text *t, struct run_config *c,
                          const struct source *source, struct error *err)
{
    enum status status = run_text_window(c, source, err);

    if (status == STATUS_OK)
        status = trained_with(&t->held_out, "held_out", c, source, err);
    if (!(t->held_out > 0 && t->held_out <= 0.5))
        t->held_out = DATA_HELD_OUT;
    if (status == STATUS_OK)
        status = open_tokenizer(t, c, source, err);
    if (status == STATUS_OK)
        status = file_map(&t->map, c->text, err);
    if (status != STATUS_OK)
        return status;
    t->skip = c->skip;
    t->windows = (struct score_text){
        .split = (enum split)c->split, .window = (int32_t)c->window,
        .stride = (int32_t)c->stride, .limit = c->limit,
    };
    snprintf(t->hash, sizeof t->hash, "%016" PRIx64,
             (uint64_t)XXH64(t->map.data, t->map.size, 0));
    t->windows.size = (int64_t)t->map.size;
    if (c->split != RUN_ALL && c->special != TOKENIZER_PARSE)
        return run_config_fail(c, "run.special", err, "text: splits are"
                               " encoded as training does; allowed is parse");
    if (c->split != RUN_ALL)
        status = open_split(t, c->text, err);
    else if (t->tokenizer)
        status = encode(t, (enum tokenizer_special)c->special, err);
    else
        t->windows.bytes = t->map.data;
    if (status == STATUS_OK && t->skip > 0)
        status = leave_out(t, c->text, err);
    if (status == STATUS_OK && score_windows(&t->windows) == 0)
        status = error_set(err, STATUS_BAD_VALUE, "%s: %zu bytes: a text to"
                           " score has at least 2 tokens", c->text, t->map.size);
    return status;
}

enum status run_text_open_once(struct run_text *t, struct run_config *c,
                               const struct source *source, struct error *err)
{
    enum status status = run_text_open(t, c, source, err);

    if (status == STATUS_OK && c->stride != c->window)
        return run_config_fail(c, "run.stride", err, "%" PRId64 ": allowed is"
                               " only the window, %" PRId64 ", here", c->stride,
                               c->window);
    return status;
}

void run_text_close(struct run_text *t)
{
    free(t->ids);
    tokenizer_close(t->tokenizer);
    data_close(t->data);
    file_unmap(&t->map);
}

/* A split maps the text once more. */
uint64_t run_text_memory(const struct run_text *t)
{
    const int64_t ids = t->data  ? data_tokens(t->data)
                        : t->ids ? t->windows.size + t->skip : 0;

    return (t->data ? 2 : 1) * (uint64_t)t->map.size +
           tokenizer_memory(t->tokenizer) + sizeof(int32_t) * (uint64_t)ids;
}

int64_t run_text_bytes(const struct run_text *t, const struct score_window *w)
{
    int64_t bytes = 0;

    if (t->data)
        return w->bytes;
    if (!t->tokenizer)
        return w->n_tokens - w->first;
    for (int32_t r = w->first; r < w->n_tokens; r++) {
        /* The text's first token drops the space that SentencePiece adds. */
        bytes += (int64_t)tokenizer_length(t->tokenizer, w->targets[r],
                                           t->skip + w->position + r + 1 == 0);
    }
    return bytes;
}
