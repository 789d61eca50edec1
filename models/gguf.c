/* gguf.c - check everything, then believe it. */
#include "models/gguf.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/file.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the format is little-endian, and data is used in place");

enum {
    USUAL_ALIGNMENT = 32,        /* where general.alignment is absent */
    LEAST_VALUE = 8 + 1 + 4 + 1, /* bytes in a file: length, key, type, value */
    LEAST_TENSOR = 8 + 1 + 4 + 4 + 8,   /* length, name, dims, type, offset */
};

static const struct {
    const char *name;
    uint8_t     bytes;           /* 0: not of one size */
} value_types[GGUF_VALUE_COUNT] = {
#define X(id, name, bytes) [GGUF_VALUE_##id] = { name, bytes },
    GGUF_VALUE_MAP(X)
#undef X
};

static const struct {
    const char *name;            /* NULL: no such type */
    uint16_t    block, bytes;
} types[GGUF_TYPE_END] = {
#define X(id, number, block, bytes) [number] = { #id, block, bytes },
    GGUF_TYPE_MAP(X)
#undef X
};

struct value {
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
    struct value *value;                 /* [n_values] */
    const struct value **by_key;         /* [n_values] */
    struct gguf_tensor *tensor;          /* [n_tensors] */
    const struct gguf_tensor **by_name;  /* [n_tensors] */
};

/* What is still to be read of a file. */
struct reader {
    const char *name;            /* of the file */
    const unsigned char *start, *at;
    size_t left;
};

/* "file: SUBJECT: what"; subjects come from outside, so what a terminal would
 * obey is replaced, and a long one is cut. */
__attribute__((format(printf, 4, 5)))
static enum status bad(struct error *err, const char *name,
                       struct gguf_text subject, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);

    error_set(err, STATUS_BAD_FORMAT, "%.160s: %.*s%s%s", name,
              subject.size < 80 ? (int)subject.size : 80, subject.bytes,
              subject.size > 0 ? ": " : "", what);
    for (char *c = err ? err->text : what; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return STATUS_BAD_FORMAT;
}

static struct gguf_text text_of(const char *s)
{
    return (struct gguf_text){ s, strlen(s) };
}

static enum status cut_short(const struct reader *in, struct gguf_text subject,
                             uint64_t wanted, struct error *err)
{
    return bad(err, in->name, subject, "%" PRIu64 " bytes wanted at byte %td,"
               " and %zu are left: the file is cut short or damaged", wanted,
               in->at - in->start, in->left);
}

static enum status take(void *out, struct reader *in, size_t size,
                        struct gguf_text subject, struct error *err)
{
    if (size > in->left)
        return cut_short(in, subject, size, err);
    memcpy(out, in->at, size);
    in->at += size;
    in->left -= size;
    return STATUS_OK;
}

static enum status skip(struct reader *in, uint64_t size,
                        struct gguf_text subject, struct error *err)
{
    if (size > in->left)
        return cut_short(in, subject, size, err);
    in->at += size;
    in->left -= (size_t)size;
    return STATUS_OK;
}

static enum status take_text(struct gguf_text *out, struct reader *in,
                             uint64_t limit, struct gguf_text subject,
                             struct error *err)
{
    uint64_t size = 0;
    enum status status = take(&size, in, sizeof size, subject, err);

    if (status != STATUS_OK)
        return status;
    if (size > limit)
        return bad(err, in->name, subject, "a text of %" PRIu64 " bytes at byte"
                   " %td: the limit is %" PRIu64, size, in->at - in->start,
                   limit);
    *out = (struct gguf_text){ (const char *)in->at, (size_t)size };
    return skip(in, size, subject, err);
}

/* ---- values ---- */

static enum status check_flags(const struct value *v, const struct reader *in,
                               struct error *err)
{
    for (uint64_t i = 0; i < v->n; i++)
        if (v->at[i] > 1)
            return bad(err, in->name, v->key, "a bool of %d: allowed are 0 and"
                       " 1", v->at[i]);
    return STATUS_OK;
}

/* Past the n elements of a value whose type is known. */
static enum status take_elements(struct value *v, struct reader *in,
                                 struct error *err)
{
    const uint64_t size = value_types[v->type].bytes;
    struct gguf_text ignored;
    enum status status = STATUS_OK;

    v->at = in->at;
    if (v->type == GGUF_VALUE_TEXT) {
        for (uint64_t i = 0; i < v->n && status == STATUS_OK; i++)
            status = take_text(&ignored, in, GGUF_MAX_LENGTH, v->key, err);
        return status;
    }
    status = skip(in, v->n * size, v->key, err);
    return status == STATUS_OK && v->type == GGUF_VALUE_BOOL
               ? check_flags(v, in, err) : status;
}

static enum status take_type(enum gguf_value_type *out, struct reader *in,
                             struct gguf_text key, struct error *err)
{
    uint32_t number = 0;
    enum status status = take(&number, in, sizeof number, key, err);

    if (status != STATUS_OK)
        return status;
    if (number >= GGUF_VALUE_COUNT)
        return bad(err, in->name, key, "value type %" PRIu32 ": allowed are 0"
                   " to %d", number, GGUF_VALUE_COUNT - 1);
    *out = (enum gguf_value_type)number;
    return STATUS_OK;
}

static enum status take_array_head(struct value *v, struct reader *in,
                                   struct error *err)
{
    enum status status = take_type(&v->type, in, v->key, err);

    v->is_array = true;
    if (status == STATUS_OK)
        status = take(&v->n, in, sizeof v->n, v->key, err);
    if (status != STATUS_OK)
        return status;
    if (v->type == GGUF_VALUE_ARRAY)
        return bad(err, in->name, v->key, "an array of arrays: supported are"
                   " arrays of numbers, bools and strings");
    if (v->n > GGUF_MAX_LENGTH)
        return bad(err, in->name, v->key, "an array of %" PRIu64 ": the limit"
                   " is %d", v->n, GGUF_MAX_LENGTH);
    return STATUS_OK;
}

static enum status take_value(struct value *v, struct reader *in,
                              struct error *err)
{
    const struct gguf_text nobody = { "a key", 5 };
    enum status status = take_text(&v->key, in, GGUF_MAX_KEY, nobody, err);

    if (status != STATUS_OK)
        return status;
    if (v->key.size == 0 || memchr(v->key.bytes, '\0', v->key.size))
        return bad(err, in->name, nobody, "empty, or with a NUL in it, before"
                   " byte %td", in->at - in->start);
    v->n = 1;
    status = take_type(&v->type, in, v->key, err);
    if (status == STATUS_OK && v->type == GGUF_VALUE_ARRAY)
        status = take_array_head(v, in, err);
    return status == STATUS_OK ? take_elements(v, in, err) : status;
}

static int compare_text(struct gguf_text a, struct gguf_text b)
{
    int order = memcmp(a.bytes, b.bytes, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_key(const void *a, const void *b)
{
    const struct value *const *l = a, *const *r = b;
    return compare_text((*l)->key, (*r)->key);
}

static enum status read_values(struct gguf *file, struct reader *in,
                               struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < file->n_values && status == STATUS_OK; i++) {
        status = take_value(&file->value[i], in, err);
        file->by_key[i] = &file->value[i];
    }
    if (status != STATUS_OK)
        return status;
    qsort(file->by_key, file->n_values, sizeof *file->by_key, compare_key);
    for (size_t i = 1; i < file->n_values; i++)
        if (compare_key(&file->by_key[i - 1], &file->by_key[i]) == 0)
            return bad(err, in->name, file->by_key[i]->key,
                       "the key stands there twice");
    return STATUS_OK;
}

static const struct value *find_value(const struct gguf *file, const char *key)
{
    const struct value wanted = { .key = text_of(key) }, *pointer = &wanted;
    const struct value *const *found =
        bsearch(&pointer, file->by_key, file->n_values, sizeof *file->by_key,
                compare_key);
    return found ? *found : NULL;
}

/* ---- tensors ---- */

static enum status take_shape(struct gguf_tensor *t, struct reader *in,
                              struct gguf_text name, struct error *err)
{
    uint32_t rank = 0;
    enum status status = take(&rank, in, sizeof rank, name, err);

    if (status != STATUS_OK)
        return status;
    if (rank > GGUF_MAX_DIMS)
        return bad(err, in->name, name, "%" PRIu32 " dims: the limit is %d",
                   rank, GGUF_MAX_DIMS);
    t->rank = (int32_t)rank;
    t->n = 1;
    for (uint32_t i = 0; i < rank; i++) {
        uint64_t *dim = &t->shape[rank - 1 - i];
        if ((status = take(dim, in, sizeof *dim, name, err)))
            return status;
        if (*dim == 0 || *dim > INT64_MAX ||
            __builtin_mul_overflow(t->n, *dim, &t->n) || t->n > INT64_MAX)
            return bad(err, in->name, name, "dim %" PRIu32 " is %" PRIu64
                       ": each must be above 0, and their product below 2^63",
                       i, *dim);
    }
    return STATUS_OK;
}

static enum status take_tensor_type(struct gguf_tensor *t, struct reader *in,
                                    struct gguf_text name, struct error *err)
{
    uint32_t number = 0;
    uint64_t bytes;
    enum status status = take(&number, in, sizeof number, name, err);

    if (status != STATUS_OK)
        return status;
    if (number >= GGUF_TYPE_END || !types[number].name)
        return bad(err, in->name, name, "unknown tensor type %" PRIu32, number);
    t->type = (enum gguf_type)number;
    uint64_t row = t->rank > 0 ? t->shape[t->rank - 1] : 1;
    if (row % types[number].block != 0)
        return bad(err, in->name, name, "rows of %" PRIu64 " numbers: %s takes"
                   " multiples of %d", row, types[number].name,
                   types[number].block);
    if (__builtin_mul_overflow(t->n / types[number].block,
                               (uint64_t)types[number].bytes, &bytes) ||
        bytes > SIZE_MAX)
        return bad(err, in->name, name, "its bytes do not fit in 64 bits");
    t->bytes = (size_t)bytes;
    return STATUS_OK;
}

static enum status take_tensor(struct gguf_tensor *t, struct reader *in,
                               struct error *err)
{
    const struct gguf_text nobody = { "a tensor's name", 15 };
    struct gguf_text name = { "", 0 };
    enum status status = take_text(&name, in, GGUF_MAX_NAME, nobody, err);

    if (status != STATUS_OK)
        return status;
    if (name.size == 0 || memchr(name.bytes, '\0', name.size))
        return bad(err, in->name, nobody, "empty, or with a NUL in it, before"
                   " byte %td", in->at - in->start);
    memcpy(t->name, name.bytes, name.size);
    status = take_shape(t, in, name, err);
    if (status == STATUS_OK)
        status = take_tensor_type(t, in, name, err);
    if (status == STATUS_OK)
        status = take(&t->offset, in, sizeof t->offset, name, err);
    return status;
}

static int compare_name(const void *a, const void *b)
{
    const struct gguf_tensor *const *l = a, *const *r = b;
    return strcmp((*l)->name, (*r)->name);
}

static enum status read_tensors(struct gguf *file, struct reader *in,
                                struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < file->n_tensors && status == STATUS_OK; i++) {
        status = take_tensor(&file->tensor[i], in, err);
        file->by_name[i] = &file->tensor[i];
    }
    if (status != STATUS_OK)
        return status;
    qsort(file->by_name, file->n_tensors, sizeof *file->by_name, compare_name);
    for (size_t i = 1; i < file->n_tensors; i++)
        if (compare_name(&file->by_name[i - 1], &file->by_name[i]) == 0)
            return bad(err, in->name, text_of(file->by_name[i]->name),
                       "the tensor stands there twice");
    return STATUS_OK;
}

static enum status read_alignment(const struct gguf *file, uint32_t *out,
                                  struct error *err)
{
    static const char key[] = "general.alignment";
    const struct value *v = find_value(file, key);

    *out = USUAL_ALIGNMENT;
    if (!v)
        return STATUS_OK;
    if (v->is_array || v->type != GGUF_VALUE_U32)
        return bad(err, file->name, v->key, "must be of type u32");
    memcpy(out, v->at, sizeof *out);
    return *out > 0 && (*out & (*out - 1)) == 0
               ? STATUS_OK
               : bad(err, file->name, v->key, "%" PRIu32 ": must be a power of"
                     " two", *out);
}

/* Round up; false where that does not fit. */
static bool pad(uint64_t *size, uint32_t alignment)
{
    uint64_t more = -*size & (alignment - 1);
    return !__builtin_add_overflow(*size, more, size);
}

/* Each tensor starts at the padded end of the one before it, inside the
 * file.  The padding behind the last may be missing. */
static enum status place_tensors(struct gguf *file, const struct reader *in,
                                 struct error *err)
{
    uint64_t data_at = (uint64_t)(in->at - in->start), at = 0;
    const uint64_t size = data_at + in->left;
    uint32_t alignment;
    enum status status = read_alignment(file, &alignment, err);

    if (status != STATUS_OK)
        return status;
    if (!pad(&data_at, alignment))
        data_at = UINT64_MAX;
    for (size_t i = 0; i < file->n_tensors; i++) {
        struct gguf_tensor *t = &file->tensor[i];
        uint64_t end;
        if (t->offset != at)
            return bad(err, file->name, text_of(t->name), "starts at %" PRIu64
                       " of the data, the padded end of the tensor before it is"
                       " %" PRIu64, t->offset, at);
        if (data_at > size || at > size - data_at ||
            t->bytes > size - data_at - at)
            return bad(err, file->name, text_of(t->name), "%zu bytes at %"
                       PRIu64 " of the data, which starts at byte %" PRIu64
                       ": the file has %" PRIu64, t->bytes, at, data_at, size);
        t->data = in->start + data_at + at;
        end = at + t->bytes;
        if (!pad(&end, alignment))
            return bad(err, file->name, text_of(t->name), "its end does not fit"
                       " in 64 bits");
        at = end;
    }
    return STATUS_OK;
}

/* ---- the file ---- */

static enum status read_version(struct gguf *file, struct reader *in,
                                struct error *err)
{
    const struct gguf_text head = { "header", 6 };
    char magic[4] = { 0 };
    enum status status = take(magic, in, sizeof magic, head, err);

    if (status == STATUS_OK && memcmp(magic, "GGUF", sizeof magic) != 0)
        return bad(err, in->name, head, "does not begin with GGUF: this is no"
                   " GGUF file");
    if (status == STATUS_OK)
        status = take(&file->version, in, sizeof file->version, head, err);
    if (status != STATUS_OK || file->version == 2 || file->version == 3)
        return status;
    if (file->version != 0 && (file->version & 0xffff) == 0)
        return bad(err, in->name, head, "the file is big-endian: supported are"
                   " little-endian files");
    return bad(err, in->name, head, "version %" PRIu32 ": supported are 2 and"
               " 3", file->version);
}

/* A count is held against the bytes there are before anything is allocated. */
static enum status check_count(uint64_t n, uint64_t limit, size_t least,
                               const struct reader *in, const char *what,
                               struct error *err)
{
    const struct gguf_text head = { "header", 6 };

    if (n > in->left / least)
        return bad(err, in->name, head, "%" PRIu64 " %s: the %zu bytes behind"
                   " cannot hold so many", n, what, in->left);
    return n <= limit ? STATUS_OK
                      : bad(err, in->name, head, "%" PRIu64 " %s: the limit is"
                            " %" PRIu64, n, what, limit);
}

static enum status read_counts(struct gguf *file, struct reader *in,
                               struct error *err)
{
    const struct gguf_text head = { "header", 6 };
    uint64_t tensors = 0, values = 0;
    enum status status;

    if ((status = take(&tensors, in, sizeof tensors, head, err)) ||
        (status = take(&values, in, sizeof values, head, err)) ||
        (status = check_count(tensors, GGUF_MAX_TENSORS, LEAST_TENSOR, in,
                              "tensors", err)) ||
        (status = check_count(values, GGUF_MAX_VALUES, LEAST_VALUE, in,
                              "values", err)))
        return status;
    file->n_tensors = (size_t)tensors;
    file->n_values = (size_t)values;
    file->value = calloc(file->n_values + 1, sizeof *file->value);
    file->by_key = calloc(file->n_values + 1, sizeof *file->by_key);
    file->tensor = calloc(file->n_tensors + 1, sizeof *file->tensor);
    file->by_name = calloc(file->n_tensors + 1, sizeof *file->by_name);
    return file->value && file->by_key && file->tensor && file->by_name
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "no memory to read %.160s",
                           in->name);
}

enum status gguf_parse(struct gguf **out, const void *bytes, size_t size,
                       const char *name, struct error *err)
{
    struct gguf *file = calloc(1, sizeof *file);
    struct reader in = { .start = bytes, .at = bytes, .left = size };
    enum status status;

    if (!file)
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %.160s",
                         name);
    snprintf(file->name, sizeof file->name, "%s", name);
    in.name = file->name;
    status = read_version(file, &in, err);
    if (status == STATUS_OK)
        status = read_counts(file, &in, err);
    file->values.bytes = (const char *)in.at;
    if (status == STATUS_OK)
        status = read_values(file, &in, err);
    file->values.size = (size_t)((const char *)in.at - file->values.bytes);
    if (status == STATUS_OK)
        status = read_tensors(file, &in, err);
    if (status == STATUS_OK)
        status = place_tensors(file, &in, err);
    if (status == STATUS_OK)
        *out = file;
    else
        gguf_close(file);
    return status;
}

enum status gguf_open(struct gguf **out, const char *path, struct error *err)
{
    struct file_map map;
    enum status status = file_map(&map, path, err);
    if (status != STATUS_OK)
        return status;
    status = gguf_parse(out, map.data, map.size, path, err);
    if (status == STATUS_OK) {
        (*out)->map = map;
        file_give_back(map.data, map.size);    /* all keys were looked at */
    } else {
        file_unmap(&map);
    }
    return status;
}

void gguf_close(struct gguf *file)
{
    if (!file)
        return;
    free(file->value);
    free(file->by_key);
    free(file->tensor);
    free(file->by_name);
    if (file->map.data)
        file_unmap(&file->map);
    free(file);
}

uint32_t gguf_version(const struct gguf *file)
{
    return file->version;
}

bool gguf_mapped(const struct gguf *file)
{
    return file->map.data != NULL;
}

const char *gguf_name(const struct gguf *file)
{
    return file->name;
}

const char *gguf_type_name(enum gguf_type type)
{
    return types[type].name;
}

/* ---- metadata ---- */

bool gguf_has(const struct gguf *file, const char *key)
{
    return find_value(file, key) != NULL;
}

size_t gguf_value_count(const struct gguf *file)
{
    return file->n_values;
}

struct gguf_text gguf_values(const struct gguf *file)
{
    return file->values;
}

struct gguf_text gguf_key(const struct gguf *file, size_t i)
{
    return file->value[i].key;
}

static enum status refuse(struct error *err, const struct gguf *file,
                          const char *key, const char *wanted)
{
    const struct value *v = find_value(file, key);

    if (!v)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: no %s in it, which is"
                         " needed", file->name, key);
    return error_set(err, STATUS_BAD_VALUE, "%.160s: %s is %s%s: it must be %s",
                     file->name, key, v->is_array ? "an array of " : "",
                     value_types[v->type].name, wanted);
}

/* The front of an array of one: scalars are read as arrays are. */
static bool scalar(struct gguf_array *out, const struct gguf *file,
                   const char *key)
{
    const struct value *v = find_value(file, key);

    if (!v || v->is_array)
        return false;
    *out = (struct gguf_array){ v->type, 1, v->at };
    return true;
}

enum status gguf_integer(int64_t *out, const struct gguf *file,
                         const char *key, int64_t min, int64_t max,
                         struct error *err)
{
    struct gguf_array one;
    int64_t n;

    if (!scalar(&one, file, key) || !gguf_next_integer(&one, &n))
        return refuse(err, file, key, "an integer");
    if (n < min || n > max)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %s %" PRId64
                         ": allowed is %" PRId64 " to %" PRId64, file->name,
                         key, n, min, max);
    *out = n;
    return STATUS_OK;
}

enum status gguf_real(double *out, const struct gguf *file, const char *key,
                      struct error *err)
{
    struct gguf_array one;
    return scalar(&one, file, key) && gguf_next_real(&one, out)
               ? STATUS_OK : refuse(err, file, key, "a number");
}

enum status gguf_flag(bool *out, const struct gguf *file, const char *key,
                      struct error *err)
{
    struct gguf_array one;

    if (!scalar(&one, file, key) || one.type != GGUF_VALUE_BOOL)
        return refuse(err, file, key, "a bool");
    *out = *one.at == 1;
    return STATUS_OK;
}

enum status gguf_text(struct gguf_text *out, const struct gguf *file,
                      const char *key, struct error *err)
{
    struct gguf_array one;
    return scalar(&one, file, key) && gguf_next_text(&one, out)
               ? STATUS_OK : refuse(err, file, key, "a string");
}

bool gguf_text_is(struct gguf_text text, const char *word)
{
    return compare_text(text, text_of(word)) == 0;
}

enum status gguf_array(struct gguf_array *out, const struct gguf *file,
                       const char *key, struct error *err)
{
    const struct value *v = find_value(file, key);

    if (!v || !v->is_array)
        return refuse(err, file, key, "an array");
    *out = (struct gguf_array){ v->type, v->n, v->at };
    return STATUS_OK;
}

bool gguf_next_text(struct gguf_array *array, struct gguf_text *out)
{
    uint64_t size;

    if (array->n == 0 || array->type != GGUF_VALUE_TEXT)
        return false;
    memcpy(&size, array->at, sizeof size);
    *out = (struct gguf_text){ (const char *)array->at + sizeof size,
                               (size_t)size };
    array->at += sizeof size + size;
    array->n--;
    return true;
}

static int64_t integer_at(enum gguf_value_type type, const unsigned char *at)
{
    union {
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        int64_t i64;
    } number = { 0 };

    memcpy(&number, at, value_types[type].bytes);
    switch (type) {
    case GGUF_VALUE_U8:  return number.u8;
    case GGUF_VALUE_I8:  return number.i8;
    case GGUF_VALUE_U16: return number.u16;
    case GGUF_VALUE_I16: return number.i16;
    case GGUF_VALUE_U32: return number.u32;
    case GGUF_VALUE_I32: return number.i32;
    default:             return number.i64;
    }
}

static bool is_integer(enum gguf_value_type type)
{
    return value_types[type].bytes > 0 && type != GGUF_VALUE_BOOL &&
           type != GGUF_VALUE_F32 && type != GGUF_VALUE_F64;
}

bool gguf_next_integer(struct gguf_array *array, int64_t *out)
{
    if (array->n == 0 || !is_integer(array->type))
        return false;
    int64_t n = integer_at(array->type, array->at);
    if (array->type == GGUF_VALUE_U64 && n < 0)
        return false;
    *out = n;
    array->at += value_types[array->type].bytes;
    array->n--;
    return true;
}

bool gguf_next_real(struct gguf_array *array, double *out)
{
    float single;
    int64_t integer;

    if (array->n > 0 && array->type == GGUF_VALUE_F32) {
        memcpy(&single, array->at, sizeof single);
        *out = (double)single;
    } else if (array->n > 0 && array->type == GGUF_VALUE_F64) {
        memcpy(out, array->at, sizeof *out);
    } else if (gguf_next_integer(array, &integer)) {
        *out = (double)integer;
        return true;
    } else {
        return false;
    }
    array->at += value_types[array->type].bytes;
    array->n--;
    return true;
}

/* ---- tensors ---- */

size_t gguf_tensor_count(const struct gguf *file)
{
    return file->n_tensors;
}

const struct gguf_tensor *gguf_tensor(const struct gguf *file, size_t i)
{
    return &file->tensor[i];
}

const struct gguf_tensor *gguf_find(const struct gguf *file, const char *name)
{
    struct gguf_tensor wanted;
    const struct gguf_tensor *key = &wanted;

    if (strlen(name) > GGUF_MAX_NAME)
        return NULL;
    strcpy(wanted.name, name);
    const struct gguf_tensor *const *found =
        bsearch(&key, file->by_name, file->n_tensors, sizeof *file->by_name,
                compare_name);
    return found ? *found : NULL;
}
