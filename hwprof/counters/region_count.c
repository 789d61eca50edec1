/* region_count.c - Keep a dense array of counts, one a cell of a ledger. */
#include "hwprof/counters/region_count.h"

#include <stdlib.h>
#include <string.h>

static size_t n_layer_cells(const struct region_count *c)
{
    return c->n_layers > 0 ? (size_t)c->n_layers + 1 : 1;
}

static size_t n_cells(const struct region_count *c)
{
    return PASS_COUNT * n_layer_cells(c) * OP_COUNT;
}

static size_t layer_index(const struct region_count *c, int32_t layer)
{
    if (c->n_layers <= 0)
        return 0;
    return layer < 0 ? (size_t)c->n_layers : (size_t)layer;
}

enum status region_count_open(struct region_count *out, int32_t n_layers,
                              struct error *err)
{
    *out = (struct region_count){ .n_layers = n_layers };
    out->n = calloc(n_cells(out), sizeof *out->n);
    return out->n ? STATUS_OK
                  : error_set(err, STATUS_NO_MEMORY, "no memory to count the"
                              " regions of %d layers", n_layers);
}

void region_count_close(struct region_count *count)
{
    free(count->n);
    count->n = NULL;
}

void region_count_clear(struct region_count *count)
{
    memset(count->n, 0, n_cells(count) * sizeof *count->n);
}

void region_count_add(struct region_count *count, struct ledger_key key)
{
    if (count)
        count->n[((size_t)key.pass * n_layer_cells(count) +
                  layer_index(count, key.layer)) * OP_COUNT +
                 (size_t)key.op]++;
}

uint64_t region_count_sum(const struct region_count *count, int pass,
                          int32_t layer, int op)
{
    const size_t layers = n_layer_cells(count);
    uint64_t sum = 0;

    for (size_t p = 0; p < PASS_COUNT; p++)
        for (size_t y = 0; y < layers; y++)
            for (size_t o = 0; o < OP_COUNT; o++)
                if ((pass == LEDGER_ANY || p == (size_t)pass) &&
                    (layer == LEDGER_ANY || y == layer_index(count, layer)) &&
                    (op == LEDGER_ANY || o == (size_t)op))
                    sum += count->n[(p * layers + y) * OP_COUNT + o];
    return sum;
}
