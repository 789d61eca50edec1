/* memory.h - Predict what a run holds at its peak, as a table.
 *
 * A row per buffer: numbers of 4 bytes per row, and rows.  The executor lays
 * out the same buffers from its own code; this is the prediction. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/model/plan.h"
#include "sim/core/model/spec.h"

#define MEMORY_PHASE_MAP(X)                                                    \
    X(MEMORY_TRAIN,   "train")   /* every layer's results wait for backward */ \
    X(MEMORY_FORWARD, "prefill") /* layers take turns in one set of buffers */ \
    X(MEMORY_DECODE,  "decode")  /* one row a sequence, and the cached keys */

enum memory_phase {
    MEMORY_PHASE_MAP(NAMES_ID)
    MEMORY_PHASE_COUNT,
    MEMORY_LAST = MEMORY_PHASE_COUNT,  /* prefill with logits of each sequence's
                                        * last row alone; MEMORY_FORWARD has
                                        * those of every row */
    MEMORY_RECOMPUTED,                 /* train, but a layer's results are worked
                                        * out again for its backward pass: only
                                        * its input waits (regime.h) */
};
extern const char *const memory_phase_names[];       /* NULL ends */

/* What a buffer is for.  Activations are numbers that the arithmetic's format
 * makes; statistics, places and ids beside them are workspace. */
#define MEMORY_KIND_MAP(X)                                                     \
    X(MEMORY_WEIGHTS,     "weights")     X(MEMORY_KV,        "kv")             \
    X(MEMORY_ACTIVATIONS, "activations") X(MEMORY_GRADIENTS, "gradients")      \
    X(MEMORY_OPTIMIZER,   "optimizer")   X(MEMORY_WORKSPACE, "workspace")

enum memory_kind { MEMORY_KIND_MAP(NAMES_ID) MEMORY_KIND_COUNT };
extern const char *const memory_kind_names[];        /* NULL ends */

struct memory_item {
    enum memory_kind kind;
    const char *name;         /* "qkv" */
    uint64_t    numbers;      /* per row, 4 bytes each */
    uint64_t    rows;         /* over all layers that hold the buffer at once */
    bool        packed;       /* weights in types of their own (number.h) */
    bool        own;          /* only this program's kernels want it */
};
enum { MEMORY_ITEMS_MAX = 64 };

/* What of a model's memory no batch, length or phase changes, to be worked out
 * once for many. */
struct memory_fixed {
    const struct plan *plan;         /* of the spec; borrowed */
    uint64_t floats, stored_bytes;   /* float32 numbers; matrices of other types */
    uint64_t learned;                /* numbers that have a gradient and two
                                      * moments */
};
struct memory_fixed memory_fixed_of(const struct model_spec *spec,
                                    const struct plan *plan);

/* A model needs more than whole routed blocks without keys of skipped tokens do
 * in these cases: a table of keys and values where those are carried, the copy
 * of the stream that `change` compares with; and a cached key for every token,
 * not for the kept ones alone, wherever attention sees them all.  Where keys
 * are computed, the gathered normed rows lie where the second norm's will.
 * If parts are routed apart, each layer has routes and remembered decode
 * state for two choices, and `change` keeps two copies; the parts take turns in
 * the rest.
 *
 * B sequences of T tokens (decode: T tokens cached).  Routed layers hold
 * B*spec_kept() rows: the number that a policy with a fixed k keeps.  Fills
 * out[MEMORY_ITEMS_MAX]; returns how many. */
int memory_items(struct memory_item *out, const struct model_spec *spec,
                 int32_t n_sequences, int32_t n_tokens,
                 enum memory_phase phase);
/* The same of a spec whose fixed part is there. */
int memory_items_by(struct memory_item *out, const struct model_spec *spec,
                    const struct memory_fixed *fixed, int32_t n_sequences,
                    int32_t n_tokens, enum memory_phase phase);

/* UINT64_MAX when it does not fit, as all sums here. */
uint64_t memory_item_bytes(const struct memory_item *item);

/* The sum of those items in bytes: the memory of a model with its routes and
 * tokens, without the scratch of threads and the process itself; UINT64_MAX
 * when it does not fit. */
uint64_t memory_bytes(const struct model_spec *spec, int32_t n_sequences,
                      int32_t n_tokens, enum memory_phase phase);

enum {
    /* Training judges on a second model, without weights of its own, of at most
     * so many sequences. */
    MEMORY_JUDGED_AT_ONCE = 4,
    /* Memory of the program and its libraries, text and model apart: code,
     * tables of the counter libraries, stacks, heap, JSON.  Measured: the most
     * that VmHWM of trainings and scorings was above what is listed, 8.0 to 9.9
     * MB over 22 cases of 11 to 180 MB, on one thread and two; Debian 12,
     * x86-64, with PAPI and LIKWID, without which it is less. */
    MEMORY_PROCESS_BYTES = 10000000,
    /* A thread reads so many bytes between two probes of the machine
     * (hwprof/machine/load.c). */
    MEMORY_PROBE_BYTES = 2 << 20,
};

/* The whole process at its peak, the same every time and no less than what is
 * taken, except for the text that it reads, whose pages count too, and a
 * tokenizer.  Train: both models, and the copy of the weights that is written
 * into a file; otherwise the model with its scratch.  UINT64_MAX when it does not
 * fit. */
uint64_t memory_process_bytes(const struct model_spec *spec,
                              int32_t n_sequences, int32_t n_tokens,
                              enum memory_phase phase, int n_threads);

/* The part of it that is no item of memory_items(). */
uint64_t memory_beside_bytes(const struct model_spec *spec,
                             int32_t n_sequences, int32_t n_tokens,
                             enum memory_phase phase, int n_threads);

/* The same for a process that takes a prompt in one forward and then decodes,
 * one sequence of at most n_tokens, prompt and new ones together: keys and
 * values, logits of one row, and unless it is stored the head once more, along
 * its columns. */
uint64_t memory_generate_bytes(const struct model_spec *spec, int32_t n_prompt,
                               int32_t n_tokens, int n_threads);

/* The same of both models in one process; UINT64_MAX likewise. */
uint64_t memory_joined_bytes(uint64_t one, uint64_t other, int n_threads);
/* With so many beside them; UINT64_MAX likewise. */
uint64_t memory_with_bytes(uint64_t process, uint64_t beside);

/* The number of parameters of the model, and of those that one token uses: all
 * but the experts that it does not enter. */
uint64_t memory_parameters(const struct model_spec *spec);
uint64_t memory_active_parameters(const struct model_spec *spec);

#endif
