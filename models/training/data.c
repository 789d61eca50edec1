/* data.c - Sort blocks into splits, join them to runs, cut runs into
 * windows. */
#include "models/training/data.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "models/tokens/tokenizer.h"
#include "sim/core/base/file.h"

enum { SPLIT_MODULUS = 20, MOST_TENTHS = 3, HELD_OUT_BYTES = 1000000 };

const char *const split_names[SPLIT_COUNT] = {
    [SPLIT_TRAIN]      = "train",
    [SPLIT_VALIDATION] = "validation",
    [SPLIT_TEST]       = "test",
};

/* Adjacent blocks of one split. */
struct run {
    int64_t start, size;         /* bytes of the text, or of the tokens */
    int64_t draws_before;        /* window starts in the runs before this one */
};

struct part {
    struct run *run;             /* [n_runs], in the order of the text */
    int64_t n_runs, size;        /* size: in bytes */
    int64_t longest;             /* run */
    int64_t n_draws;             /* window starts in all runs */
};

struct data {
    struct file_map map;
    char        path[FILE_PATH_SIZE];
    char        hash[17];
    int32_t     n_tokens;
    uint64_t    held_out;        /* of SPLIT_MODULUS buckets, even */
    const struct tokenizer *tokenizer;   /* NULL: a byte is a token */
    int32_t    *ids;             /* [n_ids] of all runs */
    int64_t     n_ids;
    size_t      room;
    char        ids_hash[17];
    bool        lead;            /* windows begin with a token of their own */
    struct part part[SPLIT_COUNT];
};

static enum split block_split(const struct data *data,
                              const unsigned char *block, int64_t size)
{
    if (size < DATA_BLOCK)
        return SPLIT_TRAIN;
    uint64_t bucket = XXH64(block, DATA_BLOCK, 0) % SPLIT_MODULUS;
    if (bucket >= data->held_out)
        return SPLIT_TRAIN;
    return bucket % 2 == 0 ? SPLIT_VALIDATION : SPLIT_TEST;
}

static int64_t at_most(int64_t value, int64_t limit)
{
    return value < limit ? value : limit;
}

/* Append a block to the last run of its part, or start a run there. */
static bool part_add(struct part *part, int64_t start, int64_t size)
{
    struct run *last = part->n_runs > 0 ? &part->run[part->n_runs - 1] : NULL;

    part->size += size;
    if (last && last->start + last->size == start) {
        last->size += size;
        return true;
    }
    /* The capacity doubles: n_runs is a power of two when it is full. */
    if ((part->n_runs & (part->n_runs - 1)) == 0) {
        size_t capacity = part->n_runs > 0 ? 2 * (size_t)part->n_runs : 1;
        struct run *grown = realloc(part->run, capacity * sizeof *grown);
        if (!grown)
            return false;
        part->run = grown;
    }
    assert(part->run);
    part->run[part->n_runs++] = (struct run){ .start = start, .size = size };
    return true;
}

static bool split_text(struct data *data)
{
    int64_t size = (int64_t)data->map.size;

    for (int64_t at = 0; at < size; at += DATA_BLOCK) {
        int64_t block = at_most(DATA_BLOCK, size - at);
        enum split split = block_split(data, data->map.data + at, block);
        if (!part_add(&data->part[split], at, block))
            return false;
    }
    return true;
}

/* Append the run's tokens behind those of the runs before, in place of its
 * bytes. */
static enum status encode_run(struct data *data, struct run *run,
                              struct error *err)
{
    const char *text = (const char *)data->map.data + run->start;
    int32_t *ids = NULL;
    size_t n = 0;
    enum status status = tokenizer_encode(data->tokenizer, text,
                                          (size_t)run->size, false,
                                          TOKENIZER_PARSE, &ids, &n, err);
    if (status != STATUS_OK)
        return status;
    if ((size_t)data->n_ids + n > data->room) {
        size_t room = 2 * ((size_t)data->n_ids + n);
        int32_t *grown = realloc(data->ids, room * sizeof *grown);
        if (!grown) {
            free(ids);
            return error_set(err, STATUS_NO_MEMORY, "no memory for the tokens"
                             " of %s", data->path);
        }
        data->ids = grown;
        data->room = room;
    }
    if (n > 0)
        memcpy(data->ids + data->n_ids, ids, n * sizeof *ids);
    free(ids);
    run->start = data->n_ids;
    run->size = (int64_t)n;
    data->n_ids += (int64_t)n;
    return STATUS_OK;
}

static enum status encode_runs(struct data *data, struct error *err)
{
    for (int s = 0; s < SPLIT_COUNT; s++)
        for (int64_t i = 0; i < data->part[s].n_runs; i++) {
            enum status status = encode_run(data, &data->part[s].run[i], err);
            if (status != STATUS_OK)
                return status;
        }
    snprintf(data->ids_hash, sizeof data->ids_hash, "%016" PRIx64,
             (uint64_t)XXH64(data->ids, (size_t)data->n_ids * sizeof(int32_t),
                             0));
    data->lead = tokenizer_begins(data->tokenizer);
    return STATUS_OK;
}

/* The number of tokens of the text that a window of T takes. */
static int64_t window_span(const struct data *data, int32_t n_tokens)
{
    return (int64_t)n_tokens + !data->lead;
}

static int64_t run_draws(const struct data *data, const struct run *run)
{
    int64_t span = window_span(data, data->n_tokens);
    return run->size >= span ? run->size - span + 1 : 0;
}

static int64_t run_windows(const struct data *data, const struct run *run,
                           int32_t n_tokens)
{
    return run->size >= window_span(data, n_tokens)
               ? (run->size - !data->lead) / n_tokens : 0;
}

static void count_draws(const struct data *data, struct part *part)
{
    for (int64_t i = 0; i < part->n_runs; i++) {
        struct run *run = &part->run[i];
        run->draws_before = part->n_draws;
        part->n_draws += run_draws(data, run);
        if (run->size > part->longest)
            part->longest = run->size;
    }
}

double data_held_out(int64_t bytes)
{
    for (int tenths = 1; tenths <= MOST_TENTHS; tenths++)
        if (bytes / 10 * tenths >= HELD_OUT_BYTES)
            return tenths / 10.0;
    return DATA_HELD_OUT;
}

enum status data_open(struct data **out, const char *path, int32_t n_tokens,
                      struct error *err)
{
    return data_open_tokens(out, path, n_tokens, NULL, DATA_HELD_OUT, err);
}

enum status data_open_tokens(struct data **out, const char *path,
                             int32_t n_tokens,
                             const struct tokenizer *tokenizer,
                             double held_out, struct error *err)
{
    if (n_tokens < 1)
        return error_set(err, STATUS_BAD_VALUE,
                         "windows of %d tokens: at least 1", n_tokens);
    struct data *data = calloc(1, sizeof *data);
    if (!data)
        return error_set(err, STATUS_NO_MEMORY, "no memory to open %s", path);
    data->n_tokens = n_tokens;
    data->held_out = 2 * (uint64_t)llround(fmax(held_out, DATA_HELD_OUT) *
                                           SPLIT_MODULUS / 2);
    data->tokenizer = tokenizer;
    snprintf(data->path, sizeof data->path, "%s", path);

    enum status status = file_map(&data->map, path, err);
    if (status != STATUS_OK)
        goto out;
    snprintf(data->hash, sizeof data->hash, "%016" PRIx64,
             (uint64_t)XXH64(data->map.data, data->map.size, 0));
    if (!split_text(data)) {
        status = error_set(err, STATUS_NO_MEMORY,
                           "no memory for the runs of %s", path);
        goto out;
    }
    if (tokenizer && (status = encode_runs(data, err)))
        goto out;
    for (int s = 0; s < SPLIT_COUNT; s++)
        count_draws(data, &data->part[s]);
    status = data_require(data, SPLIT_TRAIN, err);
    if (status == STATUS_OK)
        status = data_require(data, SPLIT_VALIDATION, err);
out:
    if (status == STATUS_OK)
        *out = data;
    else
        data_close(data);
    return status;
}

void data_close(struct data *data)
{
    if (!data)
        return;
    for (int s = 0; s < SPLIT_COUNT; s++)
        free(data->part[s].run);
    free(data->ids);
    file_unmap(&data->map);
    free(data);
}

enum status data_require(const struct data *data, enum split split,
                         struct error *err)
{
    const struct part *part = &data->part[split];

    if (part->n_draws > 0)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_VALUE,
                     "%s: %zu bytes leave %" PRId64 " for %s, at most %" PRId64
                     "%s in a row: too few for one window of %d%s; give a"
                     " longer text or fewer tokens",
                     data->path, data->map.size, part->size, split_names[split],
                     part->longest, data->tokenizer ? " tokens" : "",
                     data->n_tokens, data->lead ? "" : " + 1");
}

const char *data_hash(const struct data *data)
{
    return data->hash;
}

int64_t data_size(const struct data *data, enum split split)
{
    return data->part[split].size;
}

int64_t data_tokens(const struct data *data)
{
    return data->n_ids;
}

const char *data_tokens_hash(const struct data *data)
{
    return data->ids_hash;
}

static int64_t copy_bytes(const struct data *data, int64_t start,
                          int32_t n_tokens, int32_t *inputs, int32_t *targets)
{
    const unsigned char *text = data->map.data + start;

    for (int32_t t = 0; t < n_tokens; t++) {
        inputs[t] = text[t];
        targets[t] = text[t + 1];
    }
    return n_tokens;
}

/* Copy tokens from `start` on, within a run that begins at `run`. */
static int64_t copy_window(const struct data *data, int64_t run, int64_t start,
                           int32_t n_tokens, int32_t *inputs, int32_t *targets)
{
    int64_t bytes = 0;

    if (!data->tokenizer)
        return copy_bytes(data, start, n_tokens, inputs, targets);
    for (int32_t t = 0; t < n_tokens; t++) {
        int64_t target = start + t + !data->lead;
        inputs[t] = t == 0 && data->lead ? tokenizer_bos(data->tokenizer)
                                         : data->ids[target - 1];
        targets[t] = data->ids[target];
        bytes += (int64_t)tokenizer_length(data->tokenizer, targets[t],
                                           target == run);
    }
    return bytes;
}

/* The run in which the i-th of all window starts lies. */
static const struct run *draw_run(const struct part *part, int64_t i)
{
    int64_t low = 0, high = part->n_runs - 1;

    /* The last run whose draws_before <= i.  It is never one too short for a
     * window: the run after such a one has the same draws_before. */
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (part->run[middle].draws_before <= i)
            low = middle;
        else
            high = middle - 1;
    }
    return &part->run[low];
}

/* The run of a position. */
static const struct run *run_at(const struct part *part, int64_t position)
{
    int64_t low = 0, high = part->n_runs - 1;

    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (part->run[middle].start <= position)
            low = middle;
        else
            high = middle - 1;
    }
    return &part->run[low];
}

/* Uniform in [0, limit): random_below() draws 32 bits, a text may be longer. */
static int64_t below(struct random *random, int64_t limit)
{
    if (limit <= UINT32_MAX)
        return random_below(random, (uint32_t)limit);
    uint64_t excess = -(uint64_t)limit % (uint64_t)limit, draw;
    do
        draw = random_next(random);
    while (draw < excess);
    return (int64_t)(draw % (uint64_t)limit);
}

int64_t data_positions(const struct data *data)
{
    return data->tokenizer ? data->n_ids : (int64_t)data->map.size;
}

int64_t data_draw(const struct data *data, enum split split,
                  struct random *random)
{
    const struct part *part = &data->part[split];

    assert(part->n_draws > 0);
    int64_t i = below(random, part->n_draws);
    const struct run *run = draw_run(part, i);
    return run->start + i - run->draws_before;
}

int64_t data_copy(const struct data *data, enum split split, int64_t start,
                  int32_t n_tokens, int32_t *inputs, int32_t *targets)
{
    return copy_window(data, run_at(&data->part[split], start)->start, start,
                       n_tokens, inputs, targets);
}

int64_t data_batch(const struct data *data, enum split split,
                   struct random *random, int32_t n_sequences, int32_t *inputs,
                   int32_t *targets)
{
    int32_t T = data->n_tokens;
    int64_t bytes = 0;

    for (int32_t b = 0; b < n_sequences; b++) {
        size_t at = (size_t)b * (size_t)T;
        bytes += data_copy(data, split, data_draw(data, split, random), T,
                           inputs + at, targets + at);
    }
    return bytes;
}

int64_t data_windows(const struct data *data, enum split split,
                     int32_t n_tokens)
{
    const struct part *part = &data->part[split];
    int64_t n = 0;

    for (int64_t i = 0; i < part->n_runs; i++)
        n += run_windows(data, &part->run[i], n_tokens);
    return n;
}

int64_t data_window_start(const struct data *data, enum split split, int64_t i,
                          int32_t n_tokens)
{
    const struct part *part = &data->part[split];
    int64_t r = 0, n;

    assert(i >= 0);
    for (; r < part->n_runs; r++, i -= n)
        if (i < (n = run_windows(data, &part->run[r], n_tokens)))
            break;
    assert(r < part->n_runs);
    return part->run[r].start + i * n_tokens;
}

int64_t data_window(const struct data *data, enum split split, int64_t i,
                    int32_t n_tokens, int32_t *inputs, int32_t *targets)
{
    return data_copy(data, split, data_window_start(data, split, i, n_tokens),
                     n_tokens, inputs, targets);
}

/* Of a run's tokens, those that its windows leave. */
static int64_t run_rest(const struct data *data, const struct run *run,
                        int32_t n_tokens)
{
    const int64_t n = run_windows(data, run, n_tokens);
    return n > 0 ? run->size - !data->lead - n * n_tokens : 0;
}

int64_t data_covers(const struct data *data, enum split split,
                    int32_t n_tokens)
{
    const struct part *part = &data->part[split];
    int64_t n = data_windows(data, split, n_tokens);

    for (int64_t r = 0; r < part->n_runs; r++)
        n += run_rest(data, &part->run[r], n_tokens) > 0;
    return n;
}

void data_cover(const struct data *data, enum split split, int64_t i,
                int32_t n_tokens, int64_t *start, int32_t *held)
{
    const struct part *part = &data->part[split];
    int64_t r = 0, n = 0, rest = 0;

    for (; r < part->n_runs; r++, i -= n + (rest > 0)) {
        n = run_windows(data, &part->run[r], n_tokens);
        rest = run_rest(data, &part->run[r], n_tokens);
        if (i < n + (rest > 0))
            break;
    }
    assert(r < part->n_runs);
    *held = i < n ? 0 : n_tokens - (int32_t)rest;
    *start = part->run[r].start + i * n_tokens - *held;
}
