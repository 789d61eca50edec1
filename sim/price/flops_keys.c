/* flops_keys.c - Count the keys that rows attend to, tile by tile. */
#include "sim/price/flops.h"

uint64_t flops_keys(uint64_t i)
{
    return OP_KEY_TILE * (i / OP_KEY_TILE + 1);
}

/* Whole tiles cost 16, 32, ..., 16q keys a row; the rest of the rows run over
 * one tile more. */
uint64_t flops_keys_sum(uint64_t n_rows)
{
    uint64_t q = n_rows / OP_KEY_TILE, rest = n_rows % OP_KEY_TILE;
    return OP_KEY_TILE * (OP_KEY_TILE * (q * (q + 1) / 2) + rest * (q + 1));
}

uint64_t flops_keys_passed(uint64_t i, uint64_t window)
{
    const uint64_t first = i / OP_KEY_TILE * OP_KEY_TILE;

    return window == 0 || first < window
               ? 0 : (first + 1 - window) / OP_KEY_TILE * OP_KEY_TILE;
}

uint64_t flops_keys_passed_sum(uint64_t n_rows, uint64_t window)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < n_rows && window > 0; i += OP_KEY_TILE)
        sum += flops_keys_passed(i, window) *
               (n_rows - i < OP_KEY_TILE ? n_rows - i : OP_KEY_TILE);
    return sum;
}

uint64_t flops_keys_seen(const int32_t *kept, int32_t n, int32_t i)
{
    int32_t end = (i / OP_KEY_TILE + 1) * OP_KEY_TILE;
    return flops_keys((uint64_t)kept[(end < n ? end : n) - 1]);
}

uint64_t flops_keys_seen_sum(const int32_t *kept, int32_t n)
{
    uint64_t sum = 0;

    for (int32_t i = 0; i < n; i += OP_KEY_TILE)
        sum += (uint64_t)(n - i < OP_KEY_TILE ? n - i : OP_KEY_TILE) *
               flops_keys_seen(kept, n, i);
    return sum;
}

uint64_t flops_attend_cached_bytes(const struct model_spec *spec, uint64_t m)
{
    const uint64_t H = (uint64_t)spec->n_heads,
        cached = 4 * (uint64_t)spec_cached(spec) * m;

    /* Latent: queries and results are of the cached vector's width. */
    if (spec->latent.kv > 0)
        return 4 * H * (uint64_t)(2 * spec->latent.kv + spec->latent.rotary) +
               8 * H + cached;
    return 8 * (uint64_t)spec_q(spec) + cached + 8 * H;
}
