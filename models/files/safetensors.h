/* safetensors.h - Read and write tensors in a file as Hugging Face lays them
 * out.
 *
 *   u64 N, little-endian | N bytes of JSON | data
 *   {"__metadata__": {"key": "text", ...},
 *    "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 *
 * Offsets count from the start of the data; numbers are little-endian, in C
 * order.  github.com/huggingface/safetensors, README at 24b0b28.
 *
 * A file is foreign input: before anything is taken from it, the reader holds
 * it to all that the reference demands (tensors in a row from 0 to the exact
 * end, no hole, no overlap, size = shape x dtype, header at most 100 MB) and to
 * what the reference leaves open: no name twice, no key it does not know, at
 * most SAFETENSORS_MAX_RANK axes and SAFETENSORS_MAX_VALUES header values.
 *
 * The file is mapped, not copied.  Replace such files by rename, as the writer
 * does; one that is cut short while mapped ends the process: SIGBUS, see
 * command_catch_signals(). */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"

enum {
    SAFETENSORS_MAX_HEADER = 100000000,   /* bytes; the reference's own limit */
    SAFETENSORS_MAX_RANK   = 8,
    SAFETENSORS_MAX_VALUES = 1 << 20,     /* commas: some 150000 tensors; keeps
                                           * the parsed header near 100 MB */
};

/*    id           bits of an element: safetensors/src/tensor.rs at 24b0b28   */
#define SAFETENSORS_DTYPE_MAP(X)                                              \
    X(BOOL,        8)                                                         \
    X(F4,          4)                                                         \
    X(F6_E2M3,     6)                                                         \
    X(F6_E3M2,     6)                                                         \
    X(U8,          8)                                                         \
    X(I8,          8)                                                         \
    X(F8_E5M2,     8)                                                         \
    X(F8_E4M3,     8)                                                         \
    X(F8_E8M0,     8)                                                         \
    X(F8_E4M3FNUZ, 8)                                                         \
    X(F8_E5M2FNUZ, 8)                                                         \
    X(I16,         16)                                                        \
    X(U16,         16)                                                        \
    X(F16,         16)                                                        \
    X(BF16,        16)                                                        \
    X(I32,         32)                                                        \
    X(U32,         32)                                                        \
    X(F32,         32)                                                        \
    X(C64,         64)                                                        \
    X(F64,         64)                                                        \
    X(I64,         64)                                                        \
    X(U64,         64)

enum safetensors_dtype {
#define X(id, bits) SAFETENSORS_##id,
    SAFETENSORS_DTYPE_MAP(X)
#undef X
    SAFETENSORS_DTYPE_COUNT
};
extern const char *const safetensors_dtype_names[SAFETENSORS_DTYPE_COUNT];

struct safetensors_tensor {
    const char *name;            /* UTF-8, without NUL; borrowed */
    enum safetensors_dtype dtype;
    int32_t     rank;            /* 0: one number */
    uint64_t    shape[SAFETENSORS_MAX_RANK];   /* a 0 is legal: no data */
    const void *data;            /* borrowed; in a file of any alignment */
    size_t      bytes;           /* the reader's result; not the writer's */
};

/* Name of the header entry that maps texts to texts. */
#define SAFETENSORS_METADATA "__metadata__"

/* shape x dtype; false where it does not fit or is no whole number of bytes. */
bool safetensors_size(uint64_t *bytes,
                      const struct safetensors_tensor *tensor) MUST_CHECK;

struct safetensors;              /* opaque: safetensors.c */

/* Map and check a file.  STATUS_BAD_FORMAT names file, tensor and the rule it
 * breaks.  Caller releases *out with safetensors_close(); NULL is fine. */
enum status safetensors_open(struct safetensors **out, const char *path,
                             struct error *err) MUST_CHECK;

/* The same for bytes in memory, which must outlive *out; `name` is for
 * messages. */
enum status safetensors_parse(struct safetensors **out, const void *bytes,
                              size_t size, const char *name,
                              struct error *err) MUST_CHECK;
void        safetensors_close(struct safetensors *file);

/* The tensors of the file, in the order of its data.  Owned by `file`. */
size_t safetensors_count(const struct safetensors *file);
const struct safetensors_tensor *safetensors_at(const struct safetensors *file,
                                                size_t i);
/* NULL: no such tensor. */
const struct safetensors_tensor *safetensors_find(
    const struct safetensors *file, const char *name);
/* The text under a key of __metadata__; NULL: none.  Owned by `file`. */
const char *safetensors_metadata(const struct safetensors *file,
                                 const char *key);

/* All n elements of a tensor as float, exactly: F32, F16 and BF16 are read.
 * STATUS_BAD_VALUE for any other dtype, or another number of elements than n;
 * out[n] is then as it was. */
enum status safetensors_floats(float *out, size_t n,
                               const struct safetensors_tensor *tensor,
                               struct error *err) MUST_CHECK;

struct safetensors_note {
    const char *key, *text;
};

/* Write tensors and metadata to `path`, whole or not at all.  The bytes depend
 * on the content alone, not on the order given: tensors by dtype, the last of
 * the table first, then name, as the reference does, so that data is aligned;
 * notes by key; the header padded with spaces to 8 bytes. */
enum status safetensors_write(const char *path,
                              const struct safetensors_tensor *tensors,
                              size_t n_tensors,
                              const struct safetensors_note *notes,
                              size_t n_notes, struct error *err) MUST_CHECK;

#endif
