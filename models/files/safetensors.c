/* safetensors.c - Read safetensors headers; reject anything inconsistent before
 * use. */
#include "models/files/safetensors.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/kernels/half.h"
#include "sim/core/base/file.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the format is little-endian, and data is used in place");

enum { PREFIX = 8 };             /* bytes of N */

static const uint8_t dtype_bits[SAFETENSORS_DTYPE_COUNT] = {
#define X(id, bits) [SAFETENSORS_##id] = bits,
    SAFETENSORS_DTYPE_MAP(X)
#undef X
};
const char *const safetensors_dtype_names[SAFETENSORS_DTYPE_COUNT] = {
#define X(id, bits) [SAFETENSORS_##id] = #id,
    SAFETENSORS_DTYPE_MAP(X)
#undef X
};

struct safetensors {
    struct file_map map;         /* empty when the bytes are the caller's */
    json_t *header;              /* owns the names and the metadata */
    size_t  n;
    struct safetensors_tensor *tensor;          /* [n] by offset */
    const struct safetensors_tensor **by_name;  /* [n] */
};

/* A file being checked. */
struct source {
    const char *name;
    const unsigned char *bytes;
    size_t size;
    size_t data_at;              /* where the data starts */
};

/* "file: tensor NAME: what"; names come from outside, so what a terminal would
 * obey is replaced, and a long one is cut. */
__attribute__((format(printf, 4, 5)))
static enum status bad(struct error *err, const struct source *source,
                       const char *tensor, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);

    error_set(err, STATUS_BAD_FORMAT, "%.160s: %s%.80s%s%s", source->name,
              tensor ? "tensor " : "", tensor ? tensor : "",
              tensor ? ": " : "", what);
    error_make_printable(err);
    return STATUS_BAD_FORMAT;
}

bool safetensors_size(uint64_t *bytes, const struct safetensors_tensor *t)
{
    uint64_t n = 1;

    for (int32_t i = 0; i < t->rank; i++)
        if (__builtin_mul_overflow(n, t->shape[i], &n))
            return false;
    if (__builtin_mul_overflow(n, (uint64_t)dtype_bits[t->dtype], &n) ||
        n % 8 != 0)
        return false;
    *bytes = n / 8;
    return true;
}

/* The header's extent, before anything is allocated for it. */
static enum status check_extent(struct source *source, struct error *err)
{
    uint64_t n;
    size_t commas = 0;

    if (source->size < PREFIX)
        return bad(err, source, NULL, "%zu bytes: too short for the %d bytes"
                   " that say how long the header is", source->size, PREFIX);
    memcpy(&n, source->bytes, PREFIX);
    if (n > SAFETENSORS_MAX_HEADER)
        return bad(err, source, NULL, "header of %llu bytes: the limit is %d;"
                   " is this a safetensors file?", (unsigned long long)n,
                   SAFETENSORS_MAX_HEADER);
    if (n > source->size - PREFIX)
        return bad(err, source, NULL, "header of %llu bytes in a file of %zu:"
                   " the file is cut short", (unsigned long long)n,
                   source->size);
    for (size_t i = 0; i < n; i++)
        commas += source->bytes[PREFIX + i] == ',';
    if (commas > SAFETENSORS_MAX_VALUES)
        return bad(err, source, NULL, "header of %zu values: the limit is %d",
                   commas, SAFETENSORS_MAX_VALUES);
    source->data_at = PREFIX + (size_t)n;
    return STATUS_OK;
}

static bool is_size(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static enum status read_dtype(struct safetensors_tensor *t, const json_t *value,
                              const struct source *source, struct error *err)
{
    if (!json_is_string(value))
        return bad(err, source, t->name, "dtype must be a string");
    const char *name = json_string_value(value);
    for (int d = 0; d < SAFETENSORS_DTYPE_COUNT; d++)
        if (strcmp(name, safetensors_dtype_names[d]) == 0) {
            t->dtype = (enum safetensors_dtype)d;
            return STATUS_OK;
        }
    return bad(err, source, t->name, "unknown dtype %.32s", name);
}

static enum status read_shape(struct safetensors_tensor *t, const json_t *value,
                              const struct source *source, struct error *err)
{
    size_t i;
    json_t *axis;

    if (!json_is_array(value))
        return bad(err, source, t->name, "shape must be a list of sizes");
    if (json_array_size(value) > SAFETENSORS_MAX_RANK)
        return bad(err, source, t->name, "shape of %zu axes: the limit is %d",
                   json_array_size(value), SAFETENSORS_MAX_RANK);
    json_array_foreach(value, i, axis) {
        if (!is_size(axis))
            return bad(err, source, t->name,
                       "shape: axis %zu is not a whole number >= 0", i);
        t->shape[i] = (uint64_t)json_integer_value(axis);
    }
    t->rank = (int32_t)json_array_size(value);
    return STATUS_OK;
}

static enum status read_offsets(struct safetensors_tensor *t,
                                const json_t *value,
                                const struct source *source, struct error *err)
{
    const json_t *first = json_array_get(value, 0);
    const json_t *last = json_array_get(value, 1);
    uint64_t needed, data_size = source->size - source->data_at;

    if (json_array_size(value) != 2 || !is_size(first) || !is_size(last))
        return bad(err, source, t->name,
                   "data_offsets must be two whole numbers >= 0");
    uint64_t begin = (uint64_t)json_integer_value(first);
    uint64_t end = (uint64_t)json_integer_value(last);
    if (begin > end || end > data_size)
        return bad(err, source, t->name, "data_offsets [%llu, %llu]: allowed is"
                   " 0 <= begin <= end <= %llu, the size of the data",
                   (unsigned long long)begin, (unsigned long long)end,
                   (unsigned long long)data_size);
    if (!safetensors_size(&needed, t))
        return bad(err, source, t->name, "shape x dtype is no whole number of"
                   " bytes below 2^61");
    if (needed != end - begin)
        return bad(err, source, t->name, "shape x dtype is %llu bytes,"
                   " data_offsets span %llu", (unsigned long long)needed,
                   (unsigned long long)(end - begin));
    t->data = source->bytes + source->data_at + begin;
    t->bytes = (size_t)needed;
    return STATUS_OK;
}

static enum status read_tensor(struct safetensors_tensor *t, const char *name,
                               json_t *entry, const struct source *source,
                               struct error *err)
{
    static const struct {
        const char *key;
        enum status (*read)(struct safetensors_tensor *, const json_t *,
                            const struct source *, struct error *);
    } part[] = {                 /* offsets are checked against the others */
        { "dtype", read_dtype },
        { "shape", read_shape },
        { "data_offsets", read_offsets },
    };
    enum { N_PARTS = sizeof part / sizeof *part };

    t->name = name;
    if (!json_is_object(entry))
        return bad(err, source, name, "must be an object");
    for (int i = 0; i < N_PARTS; i++) {
        json_t *value = json_object_get(entry, part[i].key);
        if (!value)
            return bad(err, source, name, "no %s", part[i].key);
        enum status status = part[i].read(t, value, source, err);
        if (status != STATUS_OK)
            return status;
    }
    /* A key of a later format could change what the bytes mean. */
    if (json_object_size(entry) != N_PARTS)
        return bad(err, source, name, "keys other than dtype, shape and"
                   " data_offsets");
    return STATUS_OK;
}

static enum status check_metadata(const json_t *metadata,
                                  const struct source *source,
                                  struct error *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object(metadata))
        return bad(err, source, NULL, SAFETENSORS_METADATA
                   " must be an object");
    json_object_foreach((json_t *)metadata, key, value)
        if (!json_is_string(value))
            return bad(err, source, NULL, SAFETENSORS_METADATA
                       ": %.80s must be a string", key);
    return STATUS_OK;
}

static enum status read_header(struct safetensors *file,
                               const struct source *source, struct error *err)
{
    const char *name;
    json_t *entry;

    json_object_foreach(file->header, name, entry) {
        bool is_metadata = strcmp(name, SAFETENSORS_METADATA) == 0;
        enum status status = is_metadata
            ? check_metadata(entry, source, err)
            : read_tensor(&file->tensor[file->n++], name, entry, source, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static int compare_place(const void *a, const void *b)
{
    const struct safetensors_tensor *l = a, *r = b;
    const char *l_data = l->data, *r_data = r->data;

    if (l_data != r_data)
        return l_data < r_data ? -1 : 1;
    /* Of all that start there, empty ones come before the one that goes on. */
    if (l->bytes != r->bytes)
        return l->bytes < r->bytes ? -1 : 1;
    return strcmp(l->name, r->name);
}

static int compare_name(const void *a, const void *b)
{
    const struct safetensors_tensor *const *l = a, *const *r = b;
    return strcmp((*l)->name, (*r)->name);
}

/* Each tensor starts where the one before it ends, the last ends the file. */
static enum status check_rows(const struct safetensors *file,
                              const struct source *source, struct error *err)
{
    const unsigned char *data = source->bytes + source->data_at, *at = data;

    for (size_t i = 0; i < file->n; i++) {
        const struct safetensors_tensor *t = &file->tensor[i];
        const unsigned char *begin = t->data;
        if (begin != at)
            return bad(err, source, t->name, "starts at %td of the data, the"
                       " tensor before it ends at %td: tensors must neither"
                       " overlap nor leave holes", begin - data, at - data);
        at = begin + t->bytes;
    }
    size_t size = source->size - source->data_at;
    if ((size_t)(at - data) != size)
        return bad(err, source, NULL, "%zu bytes of data, the tensors end at"
                   " %td", size, at - data);
    return STATUS_OK;
}

static enum status index_tensors(struct safetensors *file,
                                 const struct source *source,
                                 struct error *err)
{
    size_t n = json_object_size(file->header);

    file->tensor = calloc(n + 1, sizeof *file->tensor);
    file->by_name = calloc(n + 1, sizeof *file->by_name);
    if (!file->tensor || !file->by_name)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the %zu tensors"
                         " of %s", n, source->name);
    enum status status = read_header(file, source, err);
    if (status != STATUS_OK)
        return status;
    qsort(file->tensor, file->n, sizeof *file->tensor, compare_place);
    for (size_t i = 0; i < file->n; i++)
        file->by_name[i] = &file->tensor[i];
    qsort(file->by_name, file->n, sizeof *file->by_name, compare_name);
    return check_rows(file, source, err);
}

enum status safetensors_parse(struct safetensors **out, const void *bytes,
                              size_t size, const char *name, struct error *err)
{
    struct source source = { .name = name, .bytes = bytes, .size = size };
    json_error_t json;

    enum status status = check_extent(&source, err);
    if (status != STATUS_OK)
        return status;
    struct safetensors *file = calloc(1, sizeof *file);
    if (!file)
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %s", name);

    file->header = json_loadb((const char *)source.bytes + PREFIX,
                              source.data_at - PREFIX, JSON_REJECT_DUPLICATES,
                              &json);
    if (!file->header)
        status = bad(err, &source, NULL, "header: %s (at its byte %d)",
                     json.text, json.position);
    else if (!json_is_object(file->header))
        status = bad(err, &source, NULL, "header: must be an object");
    else
        status = index_tensors(file, &source, err);

    if (status == STATUS_OK)
        *out = file;
    else
        safetensors_close(file);
    return status;
}

enum status safetensors_open(struct safetensors **out, const char *path,
                             struct error *err)
{
    struct file_map map;
    enum status status = file_map(&map, path, err);
    if (status != STATUS_OK)
        return status;
    status = safetensors_parse(out, map.data, map.size, path, err);
    if (status == STATUS_OK)
        (*out)->map = map;
    else
        file_unmap(&map);
    return status;
}

void safetensors_close(struct safetensors *file)
{
    if (!file)
        return;
    json_decref(file->header);
    free(file->tensor);
    free(file->by_name);
    if (file->map.data)
        file_unmap(&file->map);
    free(file);
}

size_t safetensors_count(const struct safetensors *file)
{
    return file->n;
}

const struct safetensors_tensor *safetensors_at(const struct safetensors *file,
                                                size_t i)
{
    return &file->tensor[i];
}

const struct safetensors_tensor *safetensors_find(
    const struct safetensors *file, const char *name)
{
    const struct safetensors_tensor wanted = { .name = name }, *key = &wanted;
    const struct safetensors_tensor *const *found =
        bsearch(&key, file->by_name, file->n, sizeof *file->by_name,
                compare_name);
    return found ? *found : NULL;
}

const char *safetensors_metadata(const struct safetensors *file,
                                 const char *key)
{
    return json_string_value(json_object_get(
        json_object_get(file->header, SAFETENSORS_METADATA), key));
}

static void floats_f32(float *out, size_t n, const unsigned char *in)
{
    memcpy(out, in, n * sizeof *out);
}

static void floats_bf16(float *out, size_t n, const unsigned char *in)
{
    for (size_t i = 0; i < n; i++)
        out[i] = half_from_bf16(in + 2 * i);
}

static void floats_f16(float *out, size_t n, const unsigned char *in)
{
    for (size_t i = 0; i < n; i++)
        out[i] = half_from_f16(in + 2 * i);
}

enum status safetensors_floats(float *out, size_t n,
                               const struct safetensors_tensor *tensor,
                               struct error *err)
{
    static void (*const convert[SAFETENSORS_DTYPE_COUNT])(
        float *, size_t, const unsigned char *) = {
        [SAFETENSORS_F32]  = floats_f32,
        [SAFETENSORS_F16]  = floats_f16,
        [SAFETENSORS_BF16] = floats_bf16,
    };
    size_t elements = tensor->bytes * 8 / dtype_bits[tensor->dtype];

    if (!convert[tensor->dtype])
        return error_set(err, STATUS_BAD_VALUE,
                         "tensor %.80s is %s: supported are F32, F16 and BF16",
                         tensor->name, safetensors_dtype_names[tensor->dtype]);
    if (elements != n)
        return error_set(err, STATUS_BAD_VALUE, "tensor %.80s has %zu numbers:"
                         " needed are %zu", tensor->name, elements, n);
    if (n > 0)
        convert[tensor->dtype](out, n, tensor->data);
    return STATUS_OK;
}
