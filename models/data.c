/* data.c - blocks to splits, splits to runs, runs to windows. */
#include "models/data.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "sim/core/file.h"

enum { SPLIT_MODULUS = 20 };

const char *const split_names[SPLIT_COUNT] = {
    [SPLIT_TRAIN]      = "train",
    [SPLIT_VALIDATION] = "validation",
    [SPLIT_TEST]       = "test",
};

/* Adjacent blocks of one split. */
struct run {
    int64_t start, size;         /* bytes of the text */
    int64_t draws_before;        /* window starts in the runs before this one */
};

struct part {
    struct run *run;             /* [n_runs], in the order of the text */
    int64_t n_runs, size, longest;
    int64_t n_draws;             /* window starts in all runs */
};

struct data {
    struct file_map map;
    char        path[FILE_PATH_SIZE];
    char        hash[17];
    int32_t     n_tokens;
    struct part part[SPLIT_COUNT];
};

static enum split block_split(const unsigned char *block, int64_t size)
{
    static const enum split held_out[] = { SPLIT_VALIDATION, SPLIT_TEST };

    if (size < DATA_BLOCK)
        return SPLIT_TRAIN;
    uint64_t bucket = XXH64(block, DATA_BLOCK, 0) % SPLIT_MODULUS;
    return bucket < sizeof held_out / sizeof *held_out ? held_out[bucket]
                                                       : SPLIT_TRAIN;
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
        enum split split = block_split(data->map.data + at, block);
        if (!part_add(&data->part[split], at, block))
            return false;
    }
    return true;
}

static int64_t run_draws(const struct run *run, int32_t n_tokens)
{
    return run->size > n_tokens ? run->size - n_tokens : 0;
}

static int64_t run_windows(const struct run *run, int32_t n_tokens)
{
    return run->size > n_tokens ? (run->size - 1) / n_tokens : 0;
}

static void count_draws(struct part *part, int32_t n_tokens)
{
    for (int64_t i = 0; i < part->n_runs; i++) {
        struct run *run = &part->run[i];
        run->draws_before = part->n_draws;
        part->n_draws += run_draws(run, n_tokens);
        if (run->size > part->longest)
            part->longest = run->size;
    }
}

enum status data_open(struct data **out, const char *path, int32_t n_tokens,
                      struct error *err)
{
    if (n_tokens < 1)
        return error_set(err, STATUS_BAD_VALUE,
                         "windows of %d tokens: at least 1", n_tokens);
    struct data *data = calloc(1, sizeof *data);
    if (!data)
        return error_set(err, STATUS_NO_MEMORY, "no memory to open %s", path);
    data->n_tokens = n_tokens;
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
    for (int s = 0; s < SPLIT_COUNT; s++)
        count_draws(&data->part[s], n_tokens);
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
                     " in a row: too few for one window of %d + 1; give a"
                     " longer text or fewer tokens",
                     data->path, data->map.size, part->size, split_names[split],
                     part->longest, data->n_tokens);
}

const char *data_hash(const struct data *data)
{
    return data->hash;
}

int64_t data_size(const struct data *data, enum split split)
{
    return data->part[split].size;
}

static void copy_window(const struct data *data, int64_t start,
                        int32_t n_tokens, int32_t *inputs, int32_t *targets)
{
    const unsigned char *text = data->map.data + start;

    for (int32_t t = 0; t < n_tokens; t++) {
        inputs[t] = text[t];
        targets[t] = text[t + 1];
    }
}

/* The byte where the i-th of all window starts lies. */
static int64_t draw_start(const struct part *part, int64_t i)
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
    return part->run[low].start + (i - part->run[low].draws_before);
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

void data_batch(const struct data *data, enum split split,
                struct random *random, int32_t n_sequences, int32_t *inputs,
                int32_t *targets)
{
    const struct part *part = &data->part[split];
    int32_t T = data->n_tokens;

    assert(part->n_draws > 0);
    for (int32_t b = 0; b < n_sequences; b++) {
        int64_t start = draw_start(part, below(random, part->n_draws));
        size_t at = (size_t)b * (size_t)T;
        copy_window(data, start, T, inputs + at, targets + at);
    }
}

int64_t data_windows(const struct data *data, enum split split,
                     int32_t n_tokens)
{
    const struct part *part = &data->part[split];
    int64_t n = 0;

    for (int64_t i = 0; i < part->n_runs; i++)
        n += run_windows(&part->run[i], n_tokens);
    return n;
}

void data_window(const struct data *data, enum split split, int64_t i,
                 int32_t n_tokens, int32_t *inputs, int32_t *targets)
{
    const struct part *part = &data->part[split];
    int64_t r = 0, n;

    assert(i >= 0);
    for (; r < part->n_runs; r++, i -= n)
        if (i < (n = run_windows(&part->run[r], n_tokens)))
            break;
    assert(r < part->n_runs);
    copy_window(data, part->run[r].start + i * n_tokens, n_tokens, inputs,
                targets);
}
