/* regime.c - Answer what follows from a regime's members. */
#include "sim/core/model/spec_check.h"
#include "sim/price/regime.h"

#include <stddef.h>

const char *const execution_names[] = { EXECUTION_MAP(NAMES_WORD) NULL };
const char *const sharding_names[] = { SHARDING_MAP(NAMES_WORD) NULL };

int32_t regime_steps(const struct regime *regime)
{
    return regime->accumulate > 1 ? regime->accumulate : 1;
}

bool regime_is_fp32(const struct regime *r)
{
    return r->arithmetic == PRECISION_FP32 && r->weights == PRECISION_FP32 &&
           r->kv == PRECISION_FP32 && r->gradients == PRECISION_FP32 &&
           r->moments == PRECISION_FP32;
}

uint64_t regime_bytes(uint64_t bytes, enum precision precision)
{
    const uint64_t bits = (uint64_t)precision_bits[precision];
    return bytes / 32 * bits + (bytes % 32 * bits + 16) / 32;
}

int32_t regime_devices(const struct regime *r)
{
    return (r->tensor > 1 ? r->tensor : 1) * (r->data > 1 ? r->data : 1);
}

int32_t regime_parts(const struct regime *r, enum sharding what)
{
    return r->sharding >= what && r->data > 1 ? r->data : 1;
}

double regime_ring_bytes(double bytes, int32_t n_devices)
{
    return n_devices > 1 ? 2 * bytes * (n_devices - 1) / n_devices : 0;
}

enum status regime_shard(struct model_spec *spec, const struct regime *regime,
                         struct error *err)
{
    const int32_t n = regime->tensor > 1 ? regime->tensor : 1;
    const struct { const char *what; int32_t *size; } cut[] = {
        { "heads", &spec->n_heads }, { "feed-forward width", &spec->n_ffn },
        { "width of experts", &spec->experts.width },
        { "width of shared experts", &spec->experts.shared },
    };

    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        if (*cut[i].size % n != 0)
            return error_set(err, STATUS_BAD_VALUE, "%d tensor-parallel"
                             " devices: allowed are divisors of the %s, %d", n,
                             cut[i].what, *cut[i].size);
        *cut[i].size /= n;
    }
    /* Key heads that are too few to be cut are on several devices. */
    spec->n_kv_heads = spec->n_kv_heads > n ? spec->n_kv_heads / n : 1;
    spec->n_vocab = (spec->n_vocab + n - 1) / n;
    return spec_check(spec, err);
}
