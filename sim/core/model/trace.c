/* trace.c - Write and read kept positions. */
#include "sim/core/model/trace.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/file.h"
#include "sim/core/model/plan.h"

static const char header[] = "window,layer,part,tokens,kept";

enum { TRACE_MAX_BYTES = 1 << 28, TRACE_MAX_TOKENS = 1 << 20 };

/* Neighbouring positions, both included. */
struct stretch {
    int32_t first, last;
};

/* One choice of a window, and where its part stands in the file. */
struct choice {
    int32_t layer;
    enum routed_part part;
    int line, column;
};

/* One window of one choice. */
struct line {
    int32_t n_tokens, n_kept;
    size_t  first_stretch, n_stretches;
};

struct trace {
    char    name[256];
    struct choice choice[PLAN_MAX_CHOICES];   /* [n_choices], ascending */
    int32_t n_choices;                /* that each window names */
    struct line *lines;               /* [windows, n_choices] */
    size_t  n_lines, lines_room;
    struct stretch *stretches;
    size_t  n_stretches, stretches_room;
};

/* ---- writing ---- */

void trace_write_header(FILE *file)
{
    fprintf(file, "%s\r\n", header);
}

static void write_kept(FILE *file, const int32_t *kept, int32_t n)
{
    for (int32_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && kept[end] == kept[end - 1] + 1; end++)
            ;
        fprintf(file, "%s%d", i > 0 ? " " : "", kept[i]);
        if (end - i > 1)
            fprintf(file, "-%d", kept[end - 1]);
    }
}

enum status trace_write(FILE *file, const struct model_spec *spec,
                        const struct allocation *a, int64_t first_window,
                        struct error *err)
{
    for (int32_t b = 0; b < a->n_sequences; b++)
        for (int32_t c = 0; c < plan_n_choices(spec); c++) {
            const struct plan_choice made = plan_choice(spec, c);
            if (!made.routed)
                continue;
            fprintf(file, "%" PRId64 ",%d,%s,%d,", first_window + b, made.layer,
                    part_names[made.part], allocation_length(a, b));
            write_kept(file, allocation_kept(a, c, b),
                       allocation_count(a, c, b));
            fputs("\r\n", file);
        }
    return ferror(file) ? error_set(err, STATUS_IO, "writing the trace failed")
                        : STATUS_OK;
}

/* ---- reading ---- */

struct reader {
    struct trace *trace;
    const char *at, *end, *line_start;
    int line;
    bool knows_choices;               /* window 0 is over */
    enum status status;               /* the first failure; what is read after
                                       * it means nothing */
    struct error *err;
};

static void refuse(struct reader *r, const char *what)
{
    if (r->status == STATUS_OK)
        r->status = error_set(r->err, STATUS_BAD_FORMAT, "%s:%d:%d: %s",
                              r->trace->name, r->line,
                              (int)(r->at - r->line_start) + 1, what);
}

static bool next_is(const struct reader *r, char c)
{
    return r->at < r->end && *r->at == c;
}

static bool takes(struct reader *r, char c)
{
    if (!next_is(r, c))
        return false;
    r->at++;
    return true;
}

static bool at_line_end(const struct reader *r)
{
    return r->at == r->end || *r->at == '\n' || *r->at == '\r';
}

static void line_end(struct reader *r)
{
    takes(r, '\r');
    if (r->at < r->end && !takes(r, '\n'))
        refuse(r, "the line must end here");
    r->line++;
    r->line_start = r->at;
}

/* A number from `low` to `high`; `what` says which. */
static int64_t number(struct reader *r, int64_t low, int64_t high,
                      const char *what)
{
    const char *start = r->at;
    char words[120];
    int64_t value = 0;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && value <= high)
        value = 10 * value + (*r->at++ - '0');
    if (r->at > start && value >= low && value <= high)
        return value;
    r->at = start;
    snprintf(words, sizeof words, "%s: allowed is %" PRId64 " to %" PRId64,
             what, low, high);
    refuse(r, words);
    return low;
}

static void comma(struct reader *r)
{
    if (!takes(r, ','))
        refuse(r, "a comma must stand here");
}

/* Room for one more in an array that doubles; NULL: no memory. */
static void *grown(struct reader *r, void *array, size_t n, size_t *room,
                   size_t size)
{
    size_t wanted = *room ? 2 * *room : 64;
    void *larger;

    if (n < *room)
        return array;
    larger = reallocarray(array, wanted, size);
    if (larger)
        *room = wanted;
    else if (r->status == STATUS_OK)
        r->status = error_set(r->err, STATUS_NO_MEMORY, "no memory for the"
                              " trace %s", r->trace->name);
    return larger;
}

static void add_stretch(struct reader *r, struct line *line,
                        struct stretch stretch)
{
    struct trace *t = r->trace;
    struct stretch *more = grown(r, t->stretches, t->n_stretches,
                                 &t->stretches_room, sizeof *more);
    if (!more)
        return;
    t->stretches = more;
    t->stretches[t->n_stretches++] = stretch;
    line->n_stretches++;
    line->n_kept += stretch.last - stretch.first + 1;
}

static void read_kept(struct reader *r, struct line *line)
{
    const int64_t most = line->n_tokens - 1;
    int64_t first, last = -1;

    line->first_stretch = r->trace->n_stretches;
    while (r->status == STATUS_OK && !at_line_end(r)) {
        if (last >= 0 && !takes(r, ' '))
            refuse(r, "positions are parted by a space");
        first = number(r, last + 1, most, "a kept position");
        last = takes(r, '-') ? number(r, first + 1, most, "the last of a"
                                      " stretch of positions") : first;
        add_stretch(r, line, (struct stretch){ (int32_t)first, (int32_t)last });
    }
}

/* A part's name up to the next comma. */
static enum routed_part read_part(struct reader *r, const char *allowed)
{
    char words[120];

    for (int p = 0; p < PART_APART; p++) {
        const size_t n = strlen(part_names[p]);
        if ((size_t)(r->end - r->at) > n && r->at[n] == ',' &&
            memcmp(r->at, part_names[p], n) == 0 &&
            (!*allowed || strcmp(part_names[p], allowed) == 0)) {
            r->at += n;
            return (enum routed_part)p;
        }
    }
    snprintf(words, sizeof words, "a part: allowed is %s", *allowed ? allowed
             : "block, attention or ffn");
    refuse(r, words);
    return PART_BLOCK;
}

/* Of window 0: a layer above the one before, or the feed-forward part of one
 * whose attention stands before. */
static void read_new_choice(struct reader *r)
{
    struct trace *t = r->trace;
    const struct choice *last = t->n_choices > 0
                                    ? &t->choice[t->n_choices - 1] : NULL;
    const bool half = last && last->part == PART_ATTENTION;
    struct choice new;

    new.layer = (int32_t)number(r, last ? last->layer + !half : 0,
                                SPEC_MAX_LAYERS - 1,
                                half ? "the layer before or one above it"
                                     : "a layer above the one before");
    comma(r);
    new.line = r->line;
    new.column = (int)(r->at - r->line_start) + 1;
    new.part = read_part(r, half && new.layer == last->layer
                                ? part_names[PART_FFN] : "");
    if (r->status == STATUS_OK)
        t->choice[t->n_choices++] = new;
}

/* Layer and part of the line: the first window says which there are. */
static void read_choice(struct reader *r)
{
    const struct trace *t = r->trace;

    if (!r->knows_choices) {
        read_new_choice(r);
        return;
    }
    const struct choice *due = &t->choice[t->n_lines % (size_t)t->n_choices];
    number(r, due->layer, due->layer, "a layer, as in window 0");
    comma(r);
    read_part(r, part_names[due->part]);
}

/* Windows count up from 0.  After a line of window 0 comes another choice of
 * it, or the first of window 1: then it is known how many lines a window has. */
static void read_window(struct reader *r)
{
    const struct trace *t = r->trace;
    const int64_t due = r->knows_choices
                            ? (int64_t)(t->n_lines / (size_t)t->n_choices) : 0;
    const int64_t most = r->knows_choices ? due : t->n_lines > 0;

    r->knows_choices |= number(r, due, most, "a window") == 1;
}

static void read_line(struct reader *r)
{
    struct trace *t = r->trace;
    struct line line = { 0 };

    read_window(r);
    comma(r);
    read_choice(r);
    comma(r);
    line.n_tokens = (int32_t)number(r, 1, TRACE_MAX_TOKENS,
                                    "a window's tokens");
    comma(r);
    read_kept(r, &line);
    line_end(r);
    struct line *more = grown(r, t->lines, t->n_lines, &t->lines_room,
                              sizeof *more);
    if (!more)
        return;
    t->lines = more;
    t->lines[t->n_lines++] = line;
}

static void read_header(struct reader *r)
{
    const size_t n = sizeof header - 1;

    if ((size_t)(r->end - r->at) < n || memcmp(r->at, header, n) != 0) {
        refuse(r, "not a trace: its first line is"
                  " window,layer,part,tokens,kept");
        return;
    }
    r->at += n;
    line_end(r);
}

static void read_all(struct reader *r)
{
    struct trace *t = r->trace;

    read_header(r);
    while (r->status == STATUS_OK && r->at < r->end)
        read_line(r);
    if (t->n_lines == 0)
        refuse(r, "a trace without a window");
    else if (r->status == STATUS_OK && t->n_lines % (size_t)t->n_choices != 0)
        refuse(r, "the last window lacks lines that the others have");
}

enum status trace_parse(struct trace **out, const char *text, size_t size,
                        const char *name, struct error *err)
{
    struct trace *trace = calloc(1, sizeof *trace);
    struct reader r = { .trace = trace, .at = text, .end = text + size,
                        .line_start = text, .line = 1, .err = err };

    if (!trace)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a trace");
    snprintf(trace->name, sizeof trace->name, "%s", name);
    read_all(&r);
    if (r.status == STATUS_OK)
        *out = trace;
    else
        trace_close(trace);
    return r.status;
}

enum status trace_read(struct trace **out, const char *path, struct error *err)
{
    char *text;
    size_t size;

    enum status status = file_read(&text, &size, path, TRACE_MAX_BYTES, err);
    if (status != STATUS_OK)
        return status;
    status = trace_parse(out, text, size, path, err);
    free(text);
    return status;
}

void trace_close(struct trace *trace)
{
    if (!trace)
        return;
    free(trace->lines);
    free(trace->stretches);
    free(trace);
}

/* ---- what it says ---- */

int64_t trace_windows(const struct trace *trace)
{
    return (int64_t)(trace->n_lines / (size_t)trace->n_choices);
}

int32_t trace_last_layer(const struct trace *trace)
{
    return trace->choice[trace->n_choices - 1].layer;
}

static const struct line *line_of(const struct trace *trace, int64_t window,
                                  int32_t index)
{
    return &trace->lines[(size_t)window * (size_t)trace->n_choices +
                         (size_t)index];
}

int32_t trace_tokens(const struct trace *trace, int64_t window)
{
    return line_of(trace, window, 0)->n_tokens;
}

double trace_share(const struct trace *trace, int32_t layer)
{
    double kept = 0, tokens = 0;

    for (int32_t i = 0; i < trace->n_choices; i++)
        for (int64_t w = 0; trace->choice[i].layer == layer &&
                            w < trace_windows(trace); w++) {
            kept += line_of(trace, w, i)->n_kept;
            tokens += line_of(trace, w, i)->n_tokens;
        }
    return tokens > 0 ? kept / tokens : (double)NAN;
}

static enum status other_layer(const struct trace *trace, int32_t layer,
                               bool routed, struct error *err)
{
    return error_set(err, STATUS_BAD_VALUE, "%.160s: layer %d is %s; allowed is"
                     " a trace of the layers that the model routes",
                     trace->name, layer, routed ? "routed and not in it"
                                                : "in it and not routed");
}

/* The n choices of one layer against those that the model makes there. */
static enum status check_parts(const struct trace *trace,
                               const struct choice *is, int32_t n,
                               const struct model_spec *spec,
                               struct error *err)
{
    const int32_t due = plan_choices_a_layer(spec), first = due * is->layer;
    int32_t same = 0;

    while (same < n && same < due &&
           is[same].part == plan_choice(spec, first + same).part)
        same++;
    if (same == n && same == due)
        return STATUS_OK;
    is += same < n ? same : n - 1;
    return error_set(err, STATUS_BAD_VALUE, "%.160s:%d:%d: part %s; allowed is"
                     " a trace made with routing.part %s, which the model has",
                     trace->name, is->line, is->column, part_names[is->part],
                     part_names[spec->part]);
}

enum status trace_check(const struct trace *trace,
                        const struct model_spec *spec, struct error *err)
{
    enum status status = STATUS_OK;

    for (int32_t l = 0, i = 0, n = 0;
         l < SPEC_MAX_LAYERS && status == STATUS_OK; l++, i += n) {
        const bool routed = l < spec->n_layers && spec->routed[l];
        for (n = 0; i + n < trace->n_choices &&
                    trace->choice[i + n].layer == l; n++)
            ;
        if (routed != (n > 0))
            return other_layer(trace, l, routed, err);
        if (routed)
            status = check_parts(trace, &trace->choice[i], n, spec, err);
    }
    return status;
}

static void fill_one(struct allocation *a, const struct trace *trace,
                     const struct line *line, int32_t choice, int32_t sequence)
{
    int32_t *kept = allocation_kept(a, choice, sequence), n = 0;

    for (size_t i = 0; i < line->n_stretches; i++) {
        const struct stretch *s = &trace->stretches[line->first_stretch + i];
        for (int32_t t = s->first; t <= s->last; t++)
            kept[n++] = t;
    }
    a->count[choice * a->n_sequences + sequence] = n;
}

enum status trace_fill(struct allocation *a, const struct trace *trace,
                       const struct model_spec *spec, int64_t first_window,
                       struct error *err)
{
    enum status status = trace_check(trace, spec, err);

    for (int32_t b = 0; b < a->n_sequences && status == STATUS_OK; b++) {
        const int64_t window = first_window + b;
        if (window < 0 || window >= trace_windows(trace))
            return error_set(err, STATUS_BAD_VALUE, "%.160s: window %" PRId64
                             ": it has windows 0 to %" PRId64, trace->name,
                             window, trace_windows(trace) - 1);
        for (int32_t c = 0, i = 0; c < plan_n_choices(spec); c++) {
            if (!plan_choice(spec, c).routed)
                continue;
            const struct line *line = line_of(trace, window, i++);
            if (line->n_tokens != allocation_length(a, b))
                return error_set(err, STATUS_BAD_VALUE, "%.160s: window %"
                                 PRId64 " has %d tokens, the text's has %d: a"
                                 " trace is replayed on the text, tokenizer and"
                                 " window it was made with", trace->name,
                                 window, line->n_tokens,
                                 allocation_length(a, b));
            fill_one(a, trace, line, c, b);
        }
    }
    return status;
}
