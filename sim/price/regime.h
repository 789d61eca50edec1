/* regime.h - Say how the steps of a model are run: number formats, and what of a
 * training step is kept or done over.
 *
 * {0} is the executor: float32 throughout, kept rows gathered, all sequences at
 * once on one device, and what backward needs is kept.  Any other is priced, never
 * run; several devices are an estimate: exchanges hide behind no work, and take
 * the link's rate and a launch each. */
#ifndef REGIME_H
#define REGIME_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/base/precision.h"
#include "sim/core/model/spec.h"

/* How a routed block is run on the rows that it keeps. */
#define EXECUTION_MAP(X)                                                       \
    X(EXECUTION_GATHERED, "gathered")  /* on as many as there are: a decode    \
        * step without any leaves the block out */                             \
    X(EXECUTION_PADDED,   "padded")    /* on its share of the rows, whoever is \
        * kept, as graphs of fixed shapes do: of a decode step c*B, rounded up */ \
    X(EXECUTION_MASKED,   "masked")    /* on all rows, and what it made of     \
        * others is dropped: nothing is saved */

enum execution { EXECUTION_MAP(NAMES_ID) EXECUTION_COUNT };
extern const char *const execution_names[];           /* NULL ends */

/* What each of the devices that share a batch holds its part of alone, and of
 * what comes before in this list: stages 1 to 3 of ZeRO (Rajbhandari et al. 2020,
 * arXiv 1910.02054, section 5).  It updates that part alone. */
#define SHARDING_MAP(X)                                                        \
    X(SHARDING_NONE,      "none")                                              \
    X(SHARDING_OPTIMIZER, "optimizer")                                         \
    X(SHARDING_GRADIENTS, "gradients")  /* each step's are summed where they   \
        * are held */                                                          \
    X(SHARDING_WEIGHTS,   "weights")    /* and a layer's are fetched for its   \
        * forward pass, and again for its backward pass; those outside any     \
        * once, and kept between */

enum sharding { SHARDING_MAP(NAMES_ID) SHARDING_COUNT };
extern const char *const sharding_names[];            /* NULL ends */

struct regime {
    enum execution execution;
    /* What products and attention multiply in, and the format of all rows that
     * ops read and write.  Sums are taken in fp32 or the like, in registers:
     * profiles state peaks with such sums. */
    enum precision arithmetic;
    /* Of parameters; those that the spec stores otherwise are as stored.
     * Training keeps them so and reads them in the arithmetic's format. */
    enum precision weights;
    enum precision kv;               /* cached keys and values */
    enum precision gradients;        /* of parameters */
    enum precision moments;          /* the optimizer's two */
    /* Training keeps the input of each layer alone, and works out the rest of
     * its forward pass again before its backward pass: ops of forward that are
     * filed under backward (Chen et al. 2016, arXiv 1604.06174). */
    bool    recompute;
    /* Training takes so many steps of B sequences each, one after the other, and
     * updates once; 0: 1.  Adding to gradients costs what writing them does. */
    int32_t accumulate;
    /* Devices that share the work of every layer: heads, widths and vocabulary
     * are cut into so many parts, and rows are summed over the devices after
     * attention and after the feed-forward part, and so are their gradients
     * (Shoeybi et al. 2019, arXiv 1909.08053, section 3).  0: 1. */
    int32_t tensor;
    /* Devices that take sequences of their own, and sum gradients before each
     * update.  0: 1. */
    int32_t data;
    enum sharding sharding;          /* over `data` */
};

/* The part of the model that one of `tensor` devices holds.  STATUS_BAD_VALUE:
 * heads or widths are no multiple of that. */
enum status regime_shard(struct model_spec *spec, const struct regime *regime,
                         struct error *err) MUST_CHECK;

/* Bytes that a device sends to sum so many over n devices in a ring: 2 * (n - 1)
 * / n of them (Patarasuk and Yuan 2009, section 3). */
double regime_ring_bytes(double bytes, int32_t n_devices);

/* Devices that hold a part each of this, and of the update; at least 1. */
int32_t regime_parts(const struct regime *regime, enum sharding what);

int32_t regime_devices(const struct regime *regime);  /* at least 1 */

int32_t regime_steps(const struct regime *regime);    /* at least 1 */

/* All its formats are the executor's. */
bool regime_is_fp32(const struct regime *regime);

/* Bytes of numbers of which float32 takes `bytes`, rounded. */
uint64_t regime_bytes(uint64_t bytes, enum precision precision);

#endif
