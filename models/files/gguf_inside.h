/* gguf_inside.h - Declare what gguf.c, gguf_values.c and gguf_tensors.c
 * share. */
#ifndef GGUF_INSIDE_H
#define GGUF_INSIDE_H

#include "models/files/gguf.h"
#include "sim/core/base/file.h"

struct gguf_value {
    struct gguf_text key;
    enum gguf_value_type type;
    bool     is_array;           /* `type` is then that of its elements */
    uint64_t n;                  /* elements; 1 unless an array */
    const unsigned char *at;     /* of the first */
};

struct gguf {
    struct file_map map;         /* empty when the bytes are the caller's */
    char     name[FILE_PATH_SIZE];
    uint32_t version;
    size_t   n_values, n_tensors;
    struct gguf_text values;             /* their bytes, keys included */
    struct gguf_value *value;            /* [n_values] */
    const struct gguf_value **by_key;    /* [n_values] */
    struct gguf_tensor *tensor;          /* [n_tensors] */
    const struct gguf_tensor **by_name;  /* [n_tensors] */
    struct gguf **more;          /* [n_more], owned: the parts behind this one */
    size_t   n_more;
};

/* ---- gguf_reader.c; too little left is STATUS_BAD_FORMAT ---- */

/* The part of a file that is still to be read. */
struct gguf_reader {
    const char *name;            /* of the file */
    const unsigned char *start, *at;
    size_t left;
};

/* "file: SUBJECT: what"; subjects come from outside, so what a terminal would
 * obey is replaced, and a long one is cut. */
enum status gguf_bad(struct error *err, const char *name,
                     struct gguf_text subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
struct gguf_text gguf_text_of(const char *s);

enum status gguf_take(void *out, struct gguf_reader *in, size_t size,
                      struct gguf_text subject, struct error *err) MUST_CHECK;
enum status gguf_skip(struct gguf_reader *in, uint64_t size,
                      struct gguf_text subject, struct error *err) MUST_CHECK;
/* Length and bytes; *out points into the file. */
enum status gguf_take_text(struct gguf_text *out, struct gguf_reader *in,
                           uint64_t limit, struct gguf_text subject,
                           struct error *err) MUST_CHECK;

/* ---- gguf_values.c ---- */

enum { GGUF_LEAST_VALUE = 8 + 1 + 4 + 1 }; /* bytes: length, key, type, value */

/* The n_values that stand next, into file->value and file->by_key. */
enum status gguf_read_values(struct gguf *file, struct gguf_reader *in,
                             struct error *err) MUST_CHECK;
const struct gguf_value *gguf_find_value(const struct gguf *file,
                                         const char *key);   /* NULL: none */

/* ---- gguf_tensors.c ---- */

/* Bytes: length, name, dims, type, offset. */
enum { GGUF_LEAST_TENSOR = 8 + 1 + 4 + 4 + 8 };

/* The n_tensors that stand next, into file->tensor and file->by_name; then,
 * where their data lies. */
enum status gguf_read_tensors(struct gguf *file, struct gguf_reader *in,
                              struct error *err) MUST_CHECK;
enum status gguf_place_tensors(struct gguf *file, const struct gguf_reader *in,
                               struct error *err) MUST_CHECK;

#endif
