/* safetensors_write.c - Write tensors; the same tensors give the same bytes. */
#include "models/files/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/json.h"
#include "sim/core/base/file.h"

enum { ALIGNMENT = 8 };          /* of the data, as the reference pads it */

/* The order in which the reference writes: serialize() in tensor.rs. */
static int compare_written(const void *a, const void *b)
{
    const struct safetensors_tensor *l = a, *r = b;

    if (l->dtype != r->dtype)
        return l->dtype > r->dtype ? -1 : 1;
    return strcmp(l->name, r->name);
}

static int compare_note(const void *a, const void *b)
{
    const struct safetensors_note *l = a, *r = b;
    return strcmp(l->key, r->key);
}

/* A new array, sorted; NULL: no memory. */
static void *sorted(const void *array, size_t n, size_t size,
                    int (*compare)(const void *, const void *))
{
    char *copy = malloc((n + 1) * size);
    if (copy && n > 0) {
        memcpy(copy, array, n * size);
        qsort(copy, n, size, compare);
    }
    return copy;
}

static json_t *tensor_entry(const struct safetensors_tensor *t, uint64_t begin)
{
    json_t *shape = json_array();

    for (int32_t i = 0; i < t->rank; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)t->shape[i])))
            break;
    return json_pack("{s:s, s:o, s:[I, I]}",
                     "dtype", safetensors_dtype_names[t->dtype],
                     "shape", shape,
                     "data_offsets", (json_int_t)begin,
                     (json_int_t)(begin + t->bytes));
}

/* Put the tensors into the header and fill in their bytes. */
static enum status add_tensors(json_t *header,
                               struct safetensors_tensor *tensor, size_t n,
                               const char *path, struct error *err)
{
    uint64_t at = 0;

    for (size_t i = 0; i < n; i++) {
        struct safetensors_tensor *t = &tensor[i];
        uint64_t bytes;
        if (t->rank < 0 || t->rank > SAFETENSORS_MAX_RANK ||
            !safetensors_size(&bytes, t) || bytes > INT64_MAX - at)
            return error_set(err, STATUS_BAD_VALUE, "%s: tensor %.80s: rank"
                             " above %d, or too large", path, t->name,
                             SAFETENSORS_MAX_RANK);
        if (strcmp(t->name, SAFETENSORS_METADATA) == 0 ||
            json_object_get(header, t->name))
            return error_set(err, STATUS_BAD_VALUE, "%s: tensor %.80s: this"
                             " name is taken", path, t->name);
        t->bytes = (size_t)bytes;
        if (json_object_set_new(header, t->name, tensor_entry(t, at)))
            return error_set(err, STATUS_BAD_VALUE, "%s: tensor %.80s: the name"
                             " is not UTF-8, or no memory is left", path,
                             t->name);
        at += bytes;
    }
    return STATUS_OK;
}

static enum status add_notes(json_t *header,
                             const struct safetensors_note *note, size_t n,
                             const char *path, struct error *err)
{
    json_t *metadata = json_object();

    for (size_t i = 0; i < n; i++)
        if (json_object_get(metadata, note[i].key) ||
            json_object_set_new(metadata, note[i].key,
                                json_string(note[i].text))) {
            json_decref(metadata);
            return error_set(err, STATUS_BAD_VALUE, "%s: metadata %.80s: the"
                             " key is taken, or it or its text is not UTF-8",
                             path, note[i].key);
        }
    if (n > 0)
        json_object_set_new(header, SAFETENSORS_METADATA, metadata);
    else
        json_decref(metadata);
    return STATUS_OK;
}

/* A failed write stays noted in the stream: file_commit() reports it. */
static void write_stream(FILE *stream, const char *header, size_t header_size,
                         const struct safetensors_tensor *tensor, size_t n)
{
    size_t pad = (ALIGNMENT - header_size % ALIGNMENT) % ALIGNMENT;
    uint64_t size = header_size + pad;

    fwrite(&size, sizeof size, 1, stream);
    fwrite(header, 1, header_size, stream);
    fprintf(stream, "%*s", (int)pad, "");
    for (size_t i = 0; i < n && !ferror(stream); i++)
        if (tensor[i].bytes > 0)
            fwrite(tensor[i].data, tensor[i].bytes, 1, stream);
}

static enum status write_file(const char *path, const char *header,
                              const struct safetensors_tensor *tensor,
                              size_t n, struct error *err)
{
    struct file_writer writer;
    size_t size = strlen(header);

    if (size > SAFETENSORS_MAX_HEADER - ALIGNMENT)
        return error_set(err, STATUS_BAD_VALUE, "%s: header of %zu bytes: the"
                         " limit is %d", path, size, SAFETENSORS_MAX_HEADER);
    enum status status = file_replace(&writer, path, err);
    if (status != STATUS_OK)
        return status;
    write_stream(writer.stream, header, size, tensor, n);
    return file_commit(&writer, err);
}

enum status safetensors_write(const char *path,
                              const struct safetensors_tensor *tensors,
                              size_t n_tensors,
                              const struct safetensors_note *notes,
                              size_t n_notes, struct error *err)
{
    json_t *header = json_object();
    struct safetensors_tensor *tensor =
        sorted(tensors, n_tensors, sizeof *tensor, compare_written);
    struct safetensors_note *note =
        sorted(notes, n_notes, sizeof *note, compare_note);

    enum status status = header && tensor && note
        ? add_notes(header, note, n_notes, path, err)
        : error_set(err, STATUS_NO_MEMORY, "no memory to write %s", path);
    if (status == STATUS_OK)
        status = add_tensors(header, tensor, n_tensors, path, err);
    char *text = status == STATUS_OK ? json_dumps(header, JSON_COMPACT) : NULL;
    if (text && !error_memory_ran_out())
        status = write_file(path, text, tensor, n_tensors, err);
    else if (status == STATUS_OK)
        status = error_set(err, STATUS_NO_MEMORY, "no memory to write %s",
                           path);
    free(text);
    free(note);
    free(tensor);
    json_decref(header);
    return status;
}
