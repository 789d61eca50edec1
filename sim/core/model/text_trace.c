/* text_trace.c - Keep a bit for each token of a text and each choice. */
#include "sim/core/model/text_trace.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "sim/core/base/file.h"
#include "sim/core/model/plan.h"

static const char magic[16] = "isobath-trace-1\n";

/* Where things stand in the file: text_trace.h. */
enum {
    AT_RULE = 16, AT_TEXT_HASH = 48, AT_TOKENS_HASH = 64, AT_POSITIONS = 80,
    AT_RECORDED = 88, AT_WINDOW = 96, AT_HELD_OUT = 100, AT_LAYERS = 104,
    AT_CHOICES = 108, AT_CHOICE = 112, CHOICE_SIZE = 16, HASH_SIZE = 8,
    MOST_WINDOW = 1 << 20
};
static const uint64_t most_positions = (uint64_t)1 << 40;

struct kept_choice {
    int32_t layer;
    enum routed_part part;
    int64_t kept;
};

struct text_trace {
    char    name[256];
    struct text_trace_head head;
    struct kept_choice choice[PLAN_MAX_CHOICES];    /* [n_choices] */
    int32_t n_choices;
    size_t  stride;               /* bytes of a choice's row */
    const unsigned char *bits;    /* [n_choices, stride] */
    unsigned char *own;           /* the same, of a trace being noted */
    uint64_t hash;
    struct file_map map;          /* data NULL: none */
};

static size_t stride_of(int64_t positions)
{
    return ((size_t)positions + 7) / 8;
}

static bool kept_at(const unsigned char *row, int64_t position)
{
    return row[position / 8] >> (position % 8) & 1;
}

/* The choice's number in an allocation (plan.h). */
static int32_t number_in(const struct text_trace *t, int32_t i,
                         const struct allocation *a)
{
    const int32_t a_layer = a->n_choices / t->head.n_layers;

    return a_layer * t->choice[i].layer +
           (a_layer == 2 && t->choice[i].part == PART_FFN);
}

/* ---- noting ---- */

enum status text_trace_open(struct text_trace **out,
                            const struct text_trace_head *head,
                            const struct model_spec *spec, struct error *err)
{
    struct text_trace *t = calloc(1, sizeof *t);

    if (!t)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a trace");
    t->head = *head;
    t->head.recorded = 0;
    t->head.n_layers = spec->n_layers;
    t->stride = stride_of(head->positions);
    for (int32_t c = 0; c < plan_n_choices(spec); c++) {
        const struct plan_choice made = plan_choice(spec, c);
        if (made.routed)
            t->choice[t->n_choices++] = (struct kept_choice){
                .layer = made.layer, .part = made.part };
    }
    t->own = calloc(t->stride * (size_t)t->n_choices + 1, 1);
    t->bits = t->own;
    if (!t->own) {
        text_trace_close(t);
        return error_set(err, STATUS_NO_MEMORY, "no memory for a trace of %"
                         PRId64 " tokens", head->positions);
    }
    *out = t;
    return STATUS_OK;
}

void text_trace_close(struct text_trace *t)
{
    if (!t)
        return;
    if (t->map.data)
        file_unmap(&t->map);
    free(t->own);
    free(t);
}

void text_trace_note(struct text_trace *t, const struct allocation *a,
                     int32_t b, int64_t start, int32_t first)
{
    const int32_t length = allocation_length(a, b);

    assert(start >= 0 && start + length <= t->head.positions);
    for (int32_t i = 0; i < t->n_choices; i++) {
        struct kept_choice *choice = &t->choice[i];
        const int32_t c = number_in(t, i, a);
        const int32_t *kept = allocation_kept(a, c, b);
        unsigned char *row = t->own + t->stride * (size_t)i;
        for (int32_t k = 0; k < allocation_count(a, c, b); k++) {
            const int64_t p = start + kept[k];
            if (kept[k] < first)
                continue;
            row[p / 8] |= (unsigned char)(1u << (p % 8));
            choice->kept++;
        }
    }
    t->head.recorded += length > first ? length - first : 0;
}

/* ---- writing ---- */

static void put(unsigned char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static void put_head(unsigned char *at, const struct text_trace *t)
{
    const struct text_trace_head *h = &t->head;

    memcpy(at, magic, sizeof magic);
    memcpy(at + AT_RULE, h->rule, strlen(h->rule));
    memcpy(at + AT_TEXT_HASH, h->text_hash, strlen(h->text_hash));
    memcpy(at + AT_TOKENS_HASH, h->tokens_hash, strlen(h->tokens_hash));
    put(at + AT_POSITIONS, (uint64_t)h->positions, 8);
    put(at + AT_RECORDED, (uint64_t)h->recorded, 8);
    put(at + AT_WINDOW, (uint64_t)h->window, 4);
    put(at + AT_HELD_OUT, (uint64_t)h->held_out, 4);
    put(at + AT_LAYERS, (uint64_t)h->n_layers, 4);
    put(at + AT_CHOICES, (uint64_t)t->n_choices, 4);
    for (int32_t i = 0; i < t->n_choices; i++) {
        unsigned char *choice = at + AT_CHOICE + i * CHOICE_SIZE;
        put(choice, (uint64_t)t->choice[i].layer, 4);
        put(choice + 4, (uint64_t)t->choice[i].part, 4);
        put(choice + 8, (uint64_t)t->choice[i].kept, 8);
    }
}

enum status text_trace_write(const struct text_trace *t, FILE *file,
                             struct error *err)
{
    unsigned char head[AT_CHOICE + PLAN_MAX_CHOICES * CHOICE_SIZE] = { 0 };
    const size_t n_head = AT_CHOICE + (size_t)t->n_choices * CHOICE_SIZE;
    const size_t n_bits = t->stride * (size_t)t->n_choices;
    unsigned char end[HASH_SIZE];
    XXH64_state_t *state = XXH64_createState();

    if (!state)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a checksum");
    put_head(head, t);
    XXH64_reset(state, 0);
    XXH64_update(state, head, n_head);
    XXH64_update(state, t->bits, n_bits);
    put(end, XXH64_digest(state), HASH_SIZE);
    XXH64_freeState(state);
    fwrite(head, 1, n_head, file);
    fwrite(t->bits, 1, n_bits, file);
    fwrite(end, 1, HASH_SIZE, file);
    return ferror(file) ? error_set(err, STATUS_IO, "writing the trace failed")
                        : STATUS_OK;
}

/* ---- reading ---- */

static uint64_t get(const unsigned char *at, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static enum status refuse(const struct text_trace *t, const char *what,
                          struct error *err)
{
    error_set(err, STATUS_BAD_FORMAT, "%.200s: %s", t->name, what);
    return STATUS_BAD_FORMAT;
}

/* Printable letters up to `size`, or to the first zero. */
static bool get_text(char *out, const unsigned char *at, size_t size)
{
    size_t n = 0;

    for (; n < size && at[n]; n++)
        if (at[n] <= ' ' || at[n] > '~')
            return false;
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

static bool get_head(struct text_trace *t, const unsigned char *at)
{
    struct text_trace_head *h = &t->head;
    const uint64_t positions = get(at + AT_POSITIONS, 8);
    const uint64_t recorded = get(at + AT_RECORDED, 8);
    const uint64_t window = get(at + AT_WINDOW, 4);
    const uint64_t held_out = get(at + AT_HELD_OUT, 4);
    const uint64_t layers = get(at + AT_LAYERS, 4);
    const uint64_t choices = get(at + AT_CHOICES, 4);

    h->positions = (int64_t)positions;
    h->recorded = (int64_t)recorded;
    h->window = (int32_t)window;
    h->held_out = (int32_t)held_out;
    h->n_layers = (int32_t)layers;
    t->n_choices = (int32_t)choices;
    return get_text(h->rule, at + AT_RULE, sizeof h->rule - 1) &&
           get_text(h->text_hash, at + AT_TEXT_HASH, 16) &&
           get_text(h->tokens_hash, at + AT_TOKENS_HASH, 16) &&
           positions >= 1 && positions <= most_positions && recorded >= 1 &&
           recorded <= positions && window >= 1 && window <= MOST_WINDOW &&
           held_out >= 1 && held_out <= 9 && layers >= 1 &&
           layers <= SPEC_MAX_LAYERS && choices >= 1 &&
           choices <= PLAN_MAX_CHOICES && route_find(h->rule);
}

/* A layer above the one before, or the feed-forward part of one whose attention
 * stands before. */
static bool follows(const struct kept_choice *now,
                    const struct kept_choice *before)
{
    if (!before || now->layer > before->layer)
        return true;
    return now->layer == before->layer && now->part == PART_FFN &&
           before->part == PART_ATTENTION;
}

static bool get_choices(struct text_trace *t, const unsigned char *at)
{
    for (int32_t i = 0; i < t->n_choices; i++, at += CHOICE_SIZE) {
        const uint64_t layer = get(at, 4), part = get(at + 4, 4);
        const uint64_t kept = get(at + 8, 8);
        if (layer >= (uint64_t)t->head.n_layers || part >= PART_APART ||
            kept > (uint64_t)t->head.recorded)
            return false;
        t->choice[i] = (struct kept_choice){
            .layer = (int32_t)layer, .part = (enum routed_part)part,
            .kept = (int64_t)kept };
        if (!follows(&t->choice[i], i > 0 ? &t->choice[i - 1] : NULL))
            return false;
    }
    return true;
}

/* The bits are as many as the head says, and none stands behind the text. */
static bool bits_agree(const struct text_trace *t)
{
    for (int32_t i = 0; i < t->n_choices; i++) {
        const unsigned char *row = t->bits + t->stride * (size_t)i;
        int64_t kept = 0;
        for (size_t b = 0; b < t->stride; b++)
            kept += __builtin_popcount(row[b]);
        for (int64_t p = t->head.positions; p < (int64_t)t->stride * 8; p++)
            if (kept_at(row, p))
                return false;
        if (kept != t->choice[i].kept)
            return false;
    }
    return true;
}

static enum status parse(struct text_trace *t, const unsigned char *bytes,
                         size_t size, struct error *err)
{
    if (size < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0)
        return refuse(t, "not a text's trace, as isobath route-trace writes"
                      " it", err);
    if (size < AT_CHOICE || !get_head(t, bytes))
        return refuse(t, "a text's trace whose head is cut or says what cannot"
                      " be", err);
    const size_t n_head = AT_CHOICE + (size_t)t->n_choices * CHOICE_SIZE;
    t->stride = stride_of(t->head.positions);
    const size_t due = n_head + t->stride * (size_t)t->n_choices + HASH_SIZE;
    if (size != due) {
        error_set(err, STATUS_BAD_FORMAT, "%.200s: %zu bytes, and %" PRId64
                  " tokens of %d choices take %zu: it is cut or is not one"
                  " file", t->name, size, t->head.positions, t->n_choices, due);
        return STATUS_BAD_FORMAT;
    }
    t->bits = bytes + n_head;
    t->hash = get(bytes + size - HASH_SIZE, HASH_SIZE);
    if (XXH64(bytes, size - HASH_SIZE, 0) != t->hash)
        return refuse(t, "damaged: its bytes do not match their checksum",
                      err);
    if (!get_choices(t, bytes + AT_CHOICE) || !bits_agree(t))
        return refuse(t, "a text's trace whose choices say what cannot be",
                      err);
    return STATUS_OK;
}

enum status text_trace_parse(struct text_trace **out,
                             const unsigned char *bytes, size_t size,
                             const char *name, struct error *err)
{
    struct text_trace *t = calloc(1, sizeof *t);

    if (!t)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a trace");
    snprintf(t->name, sizeof t->name, "%s", name);
    enum status status = parse(t, bytes, size, err);
    if (status == STATUS_OK)
        *out = t;
    else
        text_trace_close(t);
    return status;
}

bool text_trace_is(const char *path)
{
    unsigned char start[sizeof magic];
    FILE *file = file_open_optional(path);
    bool is = false;

    if (!file)
        return false;
    is = fread(start, 1, sizeof start, file) == sizeof start &&
         memcmp(start, magic, sizeof start) == 0;
    fclose(file);
    return is;
}

enum status text_trace_read(struct text_trace **out, const char *path,
                            struct error *err)
{
    struct file_map map;
    enum status status = file_map(&map, path, err);

    if (status != STATUS_OK)
        return status;
    status = text_trace_parse(out, map.data, map.size, path, err);
    if (status == STATUS_OK)
        (*out)->map = map;
    else
        file_unmap(&map);
    return status;
}

/* ---- what it says ---- */

const struct text_trace_head *text_trace_head(const struct text_trace *t)
{
    return &t->head;
}

uint64_t text_trace_hash(const struct text_trace *t)
{
    return t->hash;
}

double text_trace_share(const struct text_trace *t, int32_t layer)
{
    double kept = 0, tokens = 0;

    for (int32_t i = 0; i < t->n_choices; i++)
        if (t->choice[i].layer == layer) {
            kept += (double)t->choice[i].kept;
            tokens += (double)t->head.recorded;
        }
    return tokens > 0 ? kept / tokens : (double)NAN;
}

enum status text_trace_check(const struct text_trace *t,
                             const struct model_spec *spec, struct error *err)
{
    int32_t i = 0;
    bool same = true;

    if (t->head.n_layers != spec->n_layers) {
        error_set(err, STATUS_BAD_VALUE, "%.200s: of a model of %d layers;"
                  " allowed is one of a model of %d", t->name,
                  t->head.n_layers, spec->n_layers);
        return STATUS_BAD_VALUE;
    }
    for (int32_t c = 0; c < plan_n_choices(spec) && same; c++) {
        const struct plan_choice made = plan_choice(spec, c);
        if (!made.routed)
            continue;
        same = i < t->n_choices && t->choice[i].layer == made.layer &&
               t->choice[i].part == made.part;
        i += same;
    }
    if (same && i == t->n_choices)
        return STATUS_OK;
    const struct kept_choice *is = &t->choice[i < t->n_choices
                                                  ? i : t->n_choices - 1];
    error_set(err, STATUS_BAD_VALUE, "%.200s: it has layer %d, part %s;"
              " allowed is a trace of the layers that the model routes, made"
              " with its routing.part %s", t->name, is->layer,
              part_names[is->part], part_names[spec->part]);
    return STATUS_BAD_VALUE;
}

void text_trace_fill(struct allocation *a, int32_t b,
                     const struct text_trace *t, int64_t start)
{
    const int32_t length = allocation_length(a, b);

    assert(start >= 0 && start + length <= t->head.positions);
    for (int32_t i = 0; i < t->n_choices; i++) {
        const unsigned char *row = t->bits + t->stride * (size_t)i;
        const int32_t c = number_in(t, i, a);
        int32_t *kept = allocation_kept(a, c, b), n = 0;
        for (int32_t p = 0; p < length; p++)
            if (kept_at(row, start + p))
                kept[n++] = p;
        a->count[c * a->n_sequences + b] = n;
    }
}
