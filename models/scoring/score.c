/* score.c - Cut a text into windows, add up their rows, and write them. */
#include "models/scoring/score.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/model/plan.h"

enum status score_window_open(struct score_window *w, int64_t n,
                              struct error *err)
{
    w->ids = calloc((size_t)n, sizeof *w->ids);
    w->targets = calloc((size_t)n, sizeof *w->targets);
    return w->ids && w->targets
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "no memory for a window");
}

void score_window_close(struct score_window *w)
{
    free(w->targets);
    free(w->ids);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The first token of a text is predicted only from a BOS before it. */
static bool has_bos(const struct score_text *t)
{
    return t->ids && t->bos >= 0;
}

/* The number of tokens that have one before them to predict them from. */
static int64_t n_targets(const struct score_text *t)
{
    int64_t size = t->limit > 0 ? least(t->limit, t->size) : t->size;
    return size > 0 && !has_bos(t) ? size - 1 : size;
}

static int32_t token_at(const struct score_text *t, int64_t position)
{
    return t->ids ? t->ids[position] : t->bytes[position];
}

int64_t score_windows(const struct score_text *t)
{
    if (t->data) {
        int64_t all = data_windows(t->data, t->split, t->window);
        int64_t most = t->limit / t->window;
        return t->limit > 0 ? least(all, most > 0 ? most : 1) : all;
    }
    int64_t n = n_targets(t);
    if (n <= t->window)
        return n > 0;
    return 1 + (n - t->window + t->stride - 1) / t->stride;
}

void score_window(const struct score_text *t, int64_t i,
                  struct score_window *w)
{
    w->position = i * t->stride;
    w->first = i > 0 ? t->window - t->stride : 0;
    w->n_tokens = t->window;
    if (t->data) {
        w->bytes = data_window(t->data, t->split, i, t->window, w->ids,
                               w->targets);
        return;
    }
    w->n_tokens = (int32_t)least(t->window, n_targets(t) - w->position);
    w->position -= has_bos(t);
    for (int32_t r = 0; r < w->n_tokens; r++) {
        w->ids[r] = r == 0 && has_bos(t) ? t->bos
                                         : token_at(t, w->position + r);
        w->targets[r] = token_at(t, w->position + r + 1);
    }
}

void score_add(struct score *s, const struct model *m,
               const struct score_window *w)
{
    const struct model_spec *spec = model_spec(m);
    const float *nats = model_nats(m), *entropy = model_entropy(m);

    for (int32_t r = w->first; r < w->n_tokens; r++) {
        s->nats += (double)nats[r];
        s->entropy += (double)entropy[r];
    }
    s->scored += w->n_tokens - w->first;
    s->rows += w->n_tokens;
    for (int32_t c = 0; c < plan_n_choices(spec); c++)
        if (plan_choice(spec, c).routed) {
            s->kept += allocation_rows(model_allocation(m), c);
            s->seen += w->n_tokens;
        }
}

double score_nats(const struct score *s)
{
    return s->scored > 0 ? s->nats / (double)s->scored : (double)NAN;
}

double score_capacity(const struct score *s)
{
    return s->seen > 0 ? (double)s->kept / (double)s->seen : (double)NAN;
}

static void write_choices(FILE *file, const struct model_spec *spec,
                          const char *before)
{
    for (int32_t c = 0; c < plan_n_choices(spec); c++) {
        const struct plan_choice made = plan_choice(spec, c);
        if (made.routed)
            fprintf(file, ",%s%s_%d", before, spec->part == PART_APART
                    ? part_names[made.part] : "block", made.layer);
    }
}

void score_write_choices(FILE *file, const struct model_spec *spec)
{
    write_choices(file, spec, "");
}

void score_write_header(FILE *file, const struct model_spec *spec)
{
    fputs("position,token,text,target,target_text,loss_nats,entropy_nats,"
          "blocks_used,flops,bytes,joules", file);
    score_write_choices(file, spec);
    if (spec_scored(spec))
        write_choices(file, spec, "score_");
    fputs("\r\n", file);
}

void score_write_text(FILE *file, const char *text, size_t size)
{
    bool quoted = size > 0 && (memchr(text, '"', size) ||
                               memchr(text, ',', size));
    if (quoted)
        fputc('"', file);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c >= 0x7f || c == '\\')
            fprintf(file, "\\x%02x", (unsigned)c);
        else
            fputs(c == '"' ? "\"\"" : (char[]){ (char)c, '\0' }, file);
    }
    if (quoted)
        fputc('"', file);
}

/* ",id,text" */
static void write_token(FILE *file, const struct tokenizer *tokenizer,
                        int32_t id)
{
    const char byte[1] = { (char)id }, *text = byte;
    size_t size = sizeof byte;
    if (tokenizer)
        text = tokenizer_bytes(tokenizer, id, false, &size);
    fprintf(file, ",%d,", id);
    score_write_text(file, text, size);
}

/* The index at which each choice's kept positions are read next, since rows
 * come in order. */
struct cursor {
    int32_t at[PLAN_MAX_CHOICES];
};

static bool passes(const struct allocation *a, struct cursor *c, int32_t choice,
                   int32_t row)
{
    const int32_t *kept = allocation_kept(a, choice, 0);
    int32_t n = allocation_count(a, choice, 0), *at = &c->at[choice];

    while (*at < n && kept[*at] < row)
        ++*at;
    return *at < n && kept[*at] == row;
}

/* ",score", or "," of a token that the choice did not ask (spec.nested). */
static void write_score(FILE *file, double score)
{
    fputc(',', file);
    if (isfinite(score))
        fprintf(file, "%.9g", score);
}

static void write_row(FILE *file, const struct model *m,
                      const struct score_window *w, int32_t r,
                      const struct score_known *known, struct cursor *cursor)
{
    const struct model_spec *spec = model_spec(m);
    const struct ledger_key key = { .layer = LEDGER_OUTSIDE, .token = r };
    const struct cost *cost = ledger_at(known->counted, key);
    const int32_t n_choices = plan_n_choices(spec),
        each = plan_choices_a_layer(spec);
    bool passed[PLAN_MAX_CHOICES] = { false };
    int32_t used = 0;

    for (int32_t c = 0; c < n_choices; c++)
        passed[c] = passes(model_allocation(m), cursor, c, r);
    for (int32_t l = 0; l < spec->n_layers; l++)
        used += passed[each * l] && passed[each * l + each - 1];
    fprintf(file, "%" PRId64, w->position + r);
    write_token(file, w->tokenizer, w->ids[r]);
    write_token(file, w->tokenizer, w->targets[r]);
    fprintf(file, ",%.9g,%.9g,%d,%" PRIu64 ",%" PRIu64 ",",
            (double)model_nats(m)[r], (double)model_entropy(m)[r], used,
            cost->count[METRIC_FLOPS], cost->count[METRIC_BYTES]);
    if (known->predicted) {
        double joules = cost_get(ledger_at(known->predicted, key),
                                 METRIC_JOULES);
        if (isfinite(joules))
            fprintf(file, "%.9g", joules);
    }
    for (int32_t c = 0; c < n_choices; c++)
        if (plan_choice(spec, c).routed)
            fprintf(file, ",%d", passed[c]);
    for (int32_t c = 0; c < n_choices && spec_scored(spec); c++)
        if (plan_choice(spec, c).routed)
            write_score(file, (double)known->scores[c * w->n_tokens + r]);
    fputs("\r\n", file);
}

void score_write_tokens(FILE *file, const struct model *m,
                        const struct score_window *w,
                        const struct score_known *known)
{
    struct cursor cursor = { { 0 } };

    for (int32_t r = w->first; r < w->n_tokens; r++)
        write_row(file, m, w, r, known, &cursor);
}
