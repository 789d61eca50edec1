/* gguf_values.c - Check the metadata, find a value by its key, take it by
 * kind. */
#include "models/files/gguf_inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    uint8_t     bytes;           /* 0: not of one size */
} value_types[GGUF_VALUE_COUNT] = {
#define X(id, name, bytes) [GGUF_VALUE_##id] = { name, bytes },
    GGUF_VALUE_MAP(X)
#undef X
};

static enum status check_flags(const struct gguf_value *v, const struct
                               gguf_reader *in, struct error *err)
{
    for (uint64_t i = 0; i < v->n; i++)
        if (v->at[i] > 1)
            return gguf_bad(err, in->name, v->key, "a bool of %d: allowed are 0"
                            " and 1", v->at[i]);
    return STATUS_OK;
}

/* Past the n elements of a value whose type is known. */
static enum status take_elements(struct gguf_value *v, struct gguf_reader *in,
                                 struct error *err)
{
    const uint64_t size = value_types[v->type].bytes;
    struct gguf_text ignored;
    enum status status = STATUS_OK;

    v->at = in->at;
    if (v->type == GGUF_VALUE_TEXT) {
        for (uint64_t i = 0; i < v->n && status == STATUS_OK; i++)
            status = gguf_take_text(&ignored, in, GGUF_MAX_LENGTH, v->key, err);
        return status;
    }
    status = gguf_skip(in, v->n * size, v->key, err);
    return status == STATUS_OK && v->type == GGUF_VALUE_BOOL
               ? check_flags(v, in, err) : status;
}

static enum status take_type(enum gguf_value_type *out, struct gguf_reader *in,
                             struct gguf_text key, struct error *err)
{
    uint32_t number = 0;
    enum status status = gguf_take(&number, in, sizeof number, key, err);

    if (status != STATUS_OK)
        return status;
    if (number >= GGUF_VALUE_COUNT)
        return gguf_bad(err, in->name, key, "value type %" PRIu32 ": allowed"
                        " are 0 to %d", number, GGUF_VALUE_COUNT - 1);
    *out = (enum gguf_value_type)number;
    return STATUS_OK;
}

static enum status take_array_head(struct gguf_value *v, struct gguf_reader *in,
                                   struct error *err)
{
    enum status status = take_type(&v->type, in, v->key, err);

    v->is_array = true;
    if (status == STATUS_OK)
        status = gguf_take(&v->n, in, sizeof v->n, v->key, err);
    if (status != STATUS_OK)
        return status;
    if (v->type == GGUF_VALUE_ARRAY)
        return gguf_bad(err, in->name, v->key, "an array of arrays: supported"
                        " are arrays of numbers, bools and strings");
    if (v->n > GGUF_MAX_LENGTH)
        return gguf_bad(err, in->name, v->key, "an array of %" PRIu64 ": the"
                        " limit is %d", v->n, GGUF_MAX_LENGTH);
    return STATUS_OK;
}

static enum status take_value(struct gguf_value *v, struct gguf_reader *in,
                              struct error *err)
{
    const struct gguf_text nobody = { "a key", 5 };
    enum status status = gguf_take_text(&v->key, in, GGUF_MAX_KEY, nobody, err);

    if (status != STATUS_OK)
        return status;
    if (v->key.size == 0 || memchr(v->key.bytes, '\0', v->key.size))
        return gguf_bad(err, in->name, nobody, "empty, or with a NUL in it,"
                        " before byte %td", in->at - in->start);
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
    const struct gguf_value *const *l = a, *const *r = b;
    return compare_text((*l)->key, (*r)->key);
}

enum status gguf_read_values(struct gguf *file, struct gguf_reader *in,
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
            return gguf_bad(err, in->name, file->by_key[i]->key,
                            "the key is there twice");
    return STATUS_OK;
}

const struct gguf_value *gguf_find_value(const struct gguf *file, const
                                         char *key)
{
    const struct gguf_value wanted = { .key = gguf_text_of(key) };
    const struct gguf_value *pointer = &wanted;
    const struct gguf_value *const *found =
        bsearch(&pointer, file->by_key, file->n_values, sizeof *file->by_key,
                compare_key);
    return found ? *found : NULL;
}

bool gguf_has(const struct gguf *file, const char *key)
{
    return gguf_find_value(file, key) != NULL;
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
    const struct gguf_value *v = gguf_find_value(file, key);

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
    const struct gguf_value *v = gguf_find_value(file, key);

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

bool gguf_is_array(const struct gguf *file, const char *key)
{
    const struct gguf_value *v = gguf_find_value(file, key);
    return v && v->is_array;
}

bool gguf_text_is(struct gguf_text text, const char *word)
{
    return compare_text(text, gguf_text_of(word)) == 0;
}

enum status gguf_array(struct gguf_array *out, const struct gguf *file,
                       const char *key, struct error *err)
{
    const struct gguf_value *v = gguf_find_value(file, key);

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

bool gguf_next_flag(struct gguf_array *array, bool *out)
{
    if (array->n == 0 || array->type != GGUF_VALUE_BOOL)
        return false;
    *out = *array->at == 1;
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
