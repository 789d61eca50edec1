/* gguf_tensors.c - Read the list of tensors and place their data in the
 * file. */
#include "models/files/gguf_inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_ALIGNMENT = 32 };       /* where general.alignment is absent */

static const struct {
    const char *name;            /* NULL: no such type */
    uint16_t    block, bytes;
} types[GGUF_TYPE_END] = {
#define X(id, number, block, bytes) [number] = { #id, block, bytes },
    GGUF_TYPE_MAP(X)
#undef X
};

static enum status take_shape(struct gguf_tensor *t, struct gguf_reader *in,
                              struct gguf_text name, struct error *err)
{
    uint32_t rank = 0;
    enum status status = gguf_take(&rank, in, sizeof rank, name, err);

    if (status != STATUS_OK)
        return status;
    if (rank > GGUF_MAX_DIMS)
        return gguf_bad(err, in->name, name, "%" PRIu32 " dims: the limit is"
                        " %d", rank, GGUF_MAX_DIMS);
    t->rank = (int32_t)rank;
    t->n = 1;
    for (uint32_t i = 0; i < rank; i++) {
        uint64_t *dim = &t->shape[rank - 1 - i];
        if ((status = gguf_take(dim, in, sizeof *dim, name, err)))
            return status;
        if (*dim == 0 || *dim > INT64_MAX ||
            __builtin_mul_overflow(t->n, *dim, &t->n) || t->n > INT64_MAX)
            return gguf_bad(err, in->name, name, "dim %" PRIu32 " is %" PRIu64
                            ": each must be above 0, and their product below"
                            " 2^63", i, *dim);
    }
    return STATUS_OK;
}

static enum status take_tensor_type(struct gguf_tensor *t, struct gguf_reader
                                    *in, struct gguf_text name, struct error
                                    *err)
{
    uint32_t number = 0;
    uint64_t bytes;
    enum status status = gguf_take(&number, in, sizeof number, name, err);

    if (status != STATUS_OK)
        return status;
    if (number >= GGUF_TYPE_END || !types[number].name)
        return gguf_bad(err, in->name, name, "unknown tensor type %" PRIu32,
                        number);
    t->type = (enum gguf_type)number;
    uint64_t row = t->rank > 0 ? t->shape[t->rank - 1] : 1;
    if (row % types[number].block != 0)
        return gguf_bad(err, in->name, name, "rows of %" PRIu64 " numbers: %s"
                        " takes multiples of %d", row, types[number].name,
                        types[number].block);
    if (__builtin_mul_overflow(t->n / types[number].block,
                               (uint64_t)types[number].bytes, &bytes) ||
        bytes > SIZE_MAX)
        return gguf_bad(err, in->name, name, "its bytes do not fit in 64 bits");
    t->bytes = (size_t)bytes;
    return STATUS_OK;
}

static enum status take_tensor(struct gguf_tensor *t, struct gguf_reader *in,
                               struct error *err)
{
    const struct gguf_text nobody = { "a tensor's name", 15 };
    struct gguf_text name = { "", 0 };
    enum status status = gguf_take_text(&name, in, GGUF_MAX_NAME, nobody, err);

    if (status != STATUS_OK)
        return status;
    if (name.size == 0 || memchr(name.bytes, '\0', name.size))
        return gguf_bad(err, in->name, nobody, "empty, or with a NUL in it,"
                        " before byte %td", in->at - in->start);
    memcpy(t->name, name.bytes, name.size);
    status = take_shape(t, in, name, err);
    if (status == STATUS_OK)
        status = take_tensor_type(t, in, name, err);
    if (status == STATUS_OK)
        status = gguf_take(&t->offset, in, sizeof t->offset, name, err);
    return status;
}

static int compare_name(const void *a, const void *b)
{
    const struct gguf_tensor *const *l = a, *const *r = b;
    return strcmp((*l)->name, (*r)->name);
}

enum status gguf_read_tensors(struct gguf *file, struct gguf_reader *in,
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
            return gguf_bad(err, in->name, gguf_text_of(file->by_name[i]->name),
                            "the tensor is there twice");
    return STATUS_OK;
}

static enum status read_alignment(const struct gguf *file, uint32_t *out,
                                  struct error *err)
{
    static const char key[] = "general.alignment";
    const struct gguf_value *v = gguf_find_value(file, key);

    *out = USUAL_ALIGNMENT;
    if (!v)
        return STATUS_OK;
    if (v->is_array || v->type != GGUF_VALUE_U32)
        return gguf_bad(err, file->name, v->key, "must be of type u32");
    memcpy(out, v->at, sizeof *out);
    return *out > 0 && (*out & (*out - 1)) == 0
               ? STATUS_OK
               : gguf_bad(err, file->name, v->key, "%" PRIu32 ": must be a"
                          " power of two", *out);
}

/* Round up; false where that does not fit. */
static bool pad(uint64_t *size, uint32_t alignment)
{
    uint64_t more = -*size & (alignment - 1);
    return !__builtin_add_overflow(*size, more, size);
}

/* Each tensor starts at the padded end of the one before it, inside the
 * file.  The padding behind the last may be missing. */
enum status gguf_place_tensors(struct gguf *file, const struct gguf_reader *in,
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
            return gguf_bad(err, file->name, gguf_text_of(t->name), "starts at"
                            " %" PRIu64 " of the data, the padded end of the"
                            " tensor before it is %" PRIu64, t->offset, at);
        if (data_at > size || at > size - data_at ||
            t->bytes > size - data_at - at)
            return gguf_bad(err, file->name, gguf_text_of(t->name), "%zu bytes"
                            " at %" PRIu64 " of the data, which starts at byte"
                            " %" PRIu64 ": the file has %" PRIu64, t->bytes, at,
                            data_at, size);
        t->data = in->start + data_at + at;
        end = at + t->bytes;
        if (!pad(&end, alignment))
            return gguf_bad(err, file->name, gguf_text_of(t->name), "its end"
                            " does not fit in 64 bits");
        at = end;
    }
    return STATUS_OK;
}

const char *gguf_type_name(enum gguf_type type)
{
    return types[type].name;
}

size_t gguf_tensor_count(const struct gguf *file)
{
    size_t n = file->n_tensors;

    for (size_t i = 0; i < file->n_more; i++)
        n += file->more[i]->n_tensors;
    return n;
}

const struct gguf_tensor *gguf_tensor(const struct gguf *file, size_t i)
{
    const struct gguf *part = file;

    for (size_t k = 0; i >= part->n_tensors; part = file->more[k++])
        i -= part->n_tensors;
    return &part->tensor[i];
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
    for (size_t i = 0; !found && i < file->n_more; i++)
        found = bsearch(&key, file->more[i]->by_name, file->more[i]->n_tensors,
                        sizeof *file->by_name, compare_name);
    return found ? *found : NULL;
}
