/* gguf.h - Read tensors and metadata from a file that llama.cpp laid out.
 *
 *   "GGUF" | u32 version | u64 tensors | u64 values
 *   values:   text key | u32 type | the value
 *   tensors:  text name | u32 n_dims | u64 dims | u32 type | u64 offset
 *   padding to the alignment | data
 *
 * A text is u64 length and bytes; numbers are little-endian; the first dim is
 * the fastest.  docs/gguf.md and src/gguf.cpp of github.com/ggml-org/ggml at
 * d99724f.
 *
 * A file is foreign input: before anything is taken from it, the reader holds
 * it to all that the reference demands (no key or name twice, an alignment that
 * is a power of two, every tensor at the padded end of the one before it, all
 * inside the file) and to the limits below.  Arrays of arrays are refused:
 * nothing that is used here has them.
 *
 * The file is mapped, not copied; what is allocated is at most some 16 times
 * the bytes that values and tensors take in it. */
#ifndef GGUF_H
#define GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"
#include "sim/core/base/number.h"

enum {
    GGUF_MAX_DIMS = 4,           /* as the reference */
    GGUF_MAX_NAME = 64,          /* bytes of a tensor's name; the format's */
    GGUF_MAX_KEY = 65535,        /* bytes; the format's */
    GGUF_MAX_LENGTH = 1 << 30,   /* of a text or an array; the reference's */
    GGUF_MAX_VALUES = 1 << 16,   /* real files have under a hundred */
    GGUF_MAX_PARTS = 1024,       /* the largest models have some 50 */
    GGUF_MAX_TENSORS = 1 << 16,  /* the largest models have a few thousand */
};

/* Value types, in the format's numbering, with the bytes of one.
 *    id        name       bytes                                              */
#define GGUF_VALUE_MAP(X)                                                     \
    X(U8,     "u8",     1)                                                    \
    X(I8,     "i8",     1)                                                    \
    X(U16,    "u16",    2)                                                    \
    X(I16,    "i16",    2)                                                    \
    X(U32,    "u32",    4)                                                    \
    X(I32,    "i32",    4)                                                    \
    X(F32,    "f32",    4)                                                    \
    X(BOOL,   "bool",   1)                                                    \
    X(TEXT,   "string", 0)                                                    \
    X(ARRAY,  "array",  0)                                                    \
    X(U64,    "u64",    8)                                                    \
    X(I64,    "i64",    8)                                                    \
    X(F64,    "f64",    8)

enum gguf_value_type {
#define X(id, name, bytes) GGUF_VALUE_##id,
    GGUF_VALUE_MAP(X)
#undef X
    GGUF_VALUE_COUNT
};

/* Tensor types: the format's number, numbers in a block, bytes of a block
 * (ggml-common.h of the same tree).
 *    id       number  block  bytes                                           */
#define GGUF_TYPE_MAP(X)                                                      \
    X(F32,       0,     1,     4)                                             \
    X(F16,       1,     1,     2)                                             \
    X(Q4_0,      2,    32,    18)                                             \
    X(Q4_1,      3,    32,    20)                                             \
    X(Q5_0,      6,    32,    22)                                             \
    X(Q5_1,      7,    32,    24)                                             \
    X(Q8_0,      8,    32,    34)                                             \
    X(Q8_1,      9,    32,    36)                                             \
    X(Q2_K,     10,   256,    84)                                             \
    X(Q3_K,     11,   256,   110)                                             \
    X(Q4_K,     12,   256,   144)                                             \
    X(Q5_K,     13,   256,   176)                                             \
    X(Q6_K,     14,   256,   210)                                             \
    X(Q8_K,     15,   256,   292)                                             \
    X(IQ2_XXS,  16,   256,    66)                                             \
    X(IQ2_XS,   17,   256,    74)                                             \
    X(IQ3_XXS,  18,   256,    98)                                             \
    X(IQ1_S,    19,   256,    50)                                             \
    X(IQ4_NL,   20,    32,    18)                                             \
    X(IQ3_S,    21,   256,   110)                                             \
    X(IQ2_S,    22,   256,    82)                                             \
    X(IQ4_XS,   23,   256,   136)                                             \
    X(I8,       24,     1,     1)                                             \
    X(I16,      25,     1,     2)                                             \
    X(I32,      26,     1,     4)                                             \
    X(I64,      27,     1,     8)                                             \
    X(F64,      28,     1,     8)                                             \
    X(IQ1_M,    29,   256,    56)                                             \
    X(BF16,     30,     1,     2)                                             \
    X(TQ1_0,    34,   256,    54)                                             \
    X(TQ2_0,    35,   256,    66)                                             \
    X(MXFP4,    39,    32,    17)

enum gguf_type {
#define X(id, number, block, bytes) GGUF_##id = number,
    GGUF_TYPE_MAP(X)
#undef X
    GGUF_TYPE_END = 64
};
const char *gguf_type_name(enum gguf_type type);

struct gguf_text {               /* not NUL-ended; borrowed from the file */
    const char *bytes;
    size_t      size;
};

struct gguf_tensor {
    char     name[GGUF_MAX_NAME + 1];
    enum gguf_type type;
    int32_t  rank;               /* 0: one number */
    uint64_t shape[GGUF_MAX_DIMS];   /* in C order: the last is the fastest,
                                      * the file's dims reversed; none is 0 */
    uint64_t n;                  /* numbers, the product of the shape */
    uint64_t offset;             /* from the start of the data */
    const void *data;            /* borrowed; of any alignment */
    size_t   bytes;
};

struct gguf;                     /* opaque: gguf_inside.h */

/* Map and check a file; of one that is split (NAME-00001-of-00003.gguf, the first
 * of them given), all its parts, whose tensors are those of one file.
 * STATUS_BAD_FORMAT names file, key or tensor, and the
 * rule it breaks.  Caller releases *out with gguf_close(); NULL is fine. */
enum status gguf_open(struct gguf **out, const char *path,
                      struct error *err) MUST_CHECK;
/* The same for bytes in memory, which must outlive *out; `name` is for
 * messages and is copied. */
enum status gguf_parse(struct gguf **out, const void *bytes, size_t size,
                       const char *name, struct error *err) MUST_CHECK;
void        gguf_close(struct gguf *file);

uint32_t    gguf_version(const struct gguf *file);   /* 2 or 3 */
const char *gguf_name(const struct gguf *file);      /* for messages */
/* Files that it is made of, 1 where it is not split. */
size_t      gguf_part_count(const struct gguf *file);
/* Tensors lie in a mapping: what was read of them may be given back. */
bool        gguf_mapped(const struct gguf *file);

/* ---- metadata, by key ---- */

bool   gguf_has(const struct gguf *file, const char *key);
size_t gguf_value_count(const struct gguf *file);
/* All keys and values as they stand in the file, one after another. */
struct gguf_text gguf_values(const struct gguf *file);
/* The i-th key, in the order of the file. */
struct gguf_text gguf_key(const struct gguf *file, size_t i);

/* One value.  STATUS_BAD_VALUE names file and key: it is not there, is of
 * another kind, or outside min..max; *out is then as it was, so that a default
 * needs only gguf_has().  Integers of any width are integers; f32 and f64, and
 * integers, are reals. */
enum status gguf_integer(int64_t *out, const struct gguf *file,
                         const char *key, int64_t min, int64_t max,
                         struct error *err) MUST_CHECK;
enum status gguf_real(double *out, const struct gguf *file, const char *key,
                      struct error *err) MUST_CHECK;
enum status gguf_flag(bool *out, const struct gguf *file, const char *key,
                      struct error *err) MUST_CHECK;
enum status gguf_text(struct gguf_text *out, const struct gguf *file,
                      const char *key, struct error *err) MUST_CHECK;
bool        gguf_text_is(struct gguf_text text, const char *word);

bool        gguf_is_array(const struct gguf *file, const char *key);

/* An array, taken element by element from the front; nothing is copied. */
struct gguf_array {
    enum gguf_value_type type;   /* of its elements */
    uint64_t n;                  /* elements not yet taken */
    const unsigned char *at;     /* the next */
};
/* STATUS_BAD_VALUE: not there, or no array. */
enum status gguf_array(struct gguf_array *out, const struct gguf *file,
                       const char *key, struct error *err) MUST_CHECK;
/* Take the next element; false: none is left, or it is of another kind
 * (compare `type` first).  Unsigned numbers past INT64_MAX are of another
 * kind. */
bool gguf_next_text(struct gguf_array *array, struct gguf_text *out);
bool gguf_next_integer(struct gguf_array *array, int64_t *out);
bool gguf_next_real(struct gguf_array *array, double *out);
bool gguf_next_flag(struct gguf_array *array, bool *out);

/* ---- tensors, in the order of their data ---- */

size_t gguf_tensor_count(const struct gguf *file);
const struct gguf_tensor *gguf_tensor(const struct gguf *file, size_t i);
const struct gguf_tensor *gguf_find(const struct gguf *file,
                                    const char *name);   /* NULL: none */

/* The type of number.h that the tensor's numbers have; STATUS_BAD_VALUE: none
 * of them.  In gguf_floats.c. */
enum status gguf_number(enum number *out, const struct gguf_tensor *tensor,
                        struct error *err) MUST_CHECK;

/* All n numbers of a tensor as float: numbers_floats().  STATUS_BAD_VALUE for
 * a type of no such number, or another count; out[n] is then as it was. */
enum status gguf_floats(float *out, size_t n, const struct gguf_tensor *tensor,
                        struct error *err) MUST_CHECK;

#endif
