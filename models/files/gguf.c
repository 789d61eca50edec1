/* gguf.c - Read GGUF headers; reject anything inconsistent before use. */
#include "models/files/gguf_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the format is little-endian, and data is used in place");

static enum status read_version(struct gguf *file, struct gguf_reader *in,
                                struct error *err)
{
    const struct gguf_text head = { "header", 6 };
    char magic[4] = { 0 };
    enum status status = gguf_take(magic, in, sizeof magic, head, err);

    if (status == STATUS_OK && memcmp(magic, "GGUF", sizeof magic) != 0)
        return gguf_bad(err, in->name, head, "does not begin with GGUF: this is"
                        " no GGUF file");
    if (status == STATUS_OK)
        status = gguf_take(&file->version, in, sizeof file->version, head, err);
    if (status != STATUS_OK || file->version == 2 || file->version == 3)
        return status;
    if (file->version != 0 && (file->version & 0xffff) == 0)
        return gguf_bad(err, in->name, head, "the file is big-endian: supported"
                        " are little-endian files");
    return gguf_bad(err, in->name, head, "version %" PRIu32 ": supported are 2"
                    " and 3", file->version);
}

/* A count is held against the bytes there are before anything is allocated. */
static enum status check_count(uint64_t n, uint64_t limit, size_t least,
                               const struct gguf_reader *in, const char *what,
                               struct error *err)
{
    const struct gguf_text head = { "header", 6 };

    if (n > in->left / least)
        return gguf_bad(err, in->name, head, "%" PRIu64 " %s: the %zu bytes"
                        " behind cannot hold so many", n, what, in->left);
    return n <= limit ? STATUS_OK
                      : gguf_bad(err, in->name, head, "%" PRIu64 " %s: the"
                                 " limit is %" PRIu64, n, what, limit);
}

static enum status read_counts(struct gguf *file, struct gguf_reader *in,
                               struct error *err)
{
    const struct gguf_text head = { "header", 6 };
    uint64_t tensors = 0, values = 0;
    enum status status;

    if ((status = gguf_take(&tensors, in, sizeof tensors, head, err)) ||
        (status = gguf_take(&values, in, sizeof values, head, err)) ||
        (status = check_count(tensors, GGUF_MAX_TENSORS, GGUF_LEAST_TENSOR, in,
                              "tensors", err)) ||
        (status = check_count(values, GGUF_MAX_VALUES, GGUF_LEAST_VALUE, in,
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
    struct gguf_reader in = { .start = bytes, .at = bytes, .left = size };
    enum status status;

    if (!file) {
        error_set(err, STATUS_NO_MEMORY, "no memory to read %.160s", name);
        return STATUS_NO_MEMORY;
    }
    snprintf(file->name, sizeof file->name, "%s", name);
    in.name = file->name;
    status = read_version(file, &in, err);
    if (status == STATUS_OK)
        status = read_counts(file, &in, err);
    file->values.bytes = (const char *)in.at;
    if (status == STATUS_OK)
        status = gguf_read_values(file, &in, err);
    file->values.size = (size_t)((const char *)in.at - file->values.bytes);
    if (status == STATUS_OK)
        status = gguf_read_tensors(file, &in, err);
    if (status == STATUS_OK)
        status = gguf_place_tensors(file, &in, err);
    if (status == STATUS_OK)
        *out = file;
    else
        gguf_close(file);
    return status;
}

static enum status open_one(struct gguf **out, const char *path,
                            struct error *err)
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

/* "NAME-00001-of-00003.gguf" of part 1 to "NAME-" and its length. */
static enum status part_stem(int *length, const struct gguf *file, int64_t n,
                             struct error *err)
{
    char end[40];
    const size_t size = strlen(file->name);
    const size_t tail = (size_t)snprintf(end, sizeof end,
                                         "00001-of-%05" PRId64 ".gguf", n);

    if (size <= tail || strcmp(file->name + size - tail, end) != 0)
        return error_set(err, STATUS_BAD_VALUE, "%.200s: one of %" PRId64
                         " parts: give the first, whose name ends in -%s",
                         file->name, n, end);
    *length = (int)(size - tail);
    return STATUS_OK;
}

/* The parts behind the first: gguf-split of github.com/ggml-org/llama.cpp. */
static enum status open_parts(struct gguf *file, int64_t n, struct error *err)
{
    char path[FILE_PATH_SIZE];
    int stem = 0;
    int64_t no = 0, tensors = 0;
    enum status status = part_stem(&stem, file, n, err);

    if (status != STATUS_OK)
        return status;
    file->more = calloc((size_t)n, sizeof *file->more);
    if (!file->more)
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %.160s",
                         file->name);
    for (int64_t i = 1; i < n && status == STATUS_OK; i++) {
        snprintf(path, sizeof path, "%.*s%05" PRId64 "-of-%05" PRId64 ".gguf",
                 stem, file->name, i + 1, n);
        if (!file_exists(path))
            return error_set(err, STATUS_BAD_VALUE, "%.200s: part %" PRId64
                             " of %" PRId64 " is not there", path, i + 1, n);
        status = open_one(&file->more[file->n_more], path, err);
        file->n_more += status == STATUS_OK;
        if (status == STATUS_OK)
            status = gguf_integer(&no, file->more[i - 1], "split.no", i, i,
                                  err);
    }
    tensors = (int64_t)gguf_tensor_count(file);
    for (size_t i = 0; i < (size_t)tensors && status == STATUS_OK; i++) {
        const struct gguf_tensor *t = gguf_tensor(file, i);
        if (gguf_find(file, t->name) != t)
            status = gguf_bad(err, file->name, gguf_text_of(t->name), "two parts"
                              " have the tensor");
    }
    if (status == STATUS_OK && gguf_has(file, "split.tensors.count"))
        status = gguf_integer(&tensors, file, "split.tensors.count", tensors,
                              tensors, err);
    return status;
}

enum status gguf_open(struct gguf **out, const char *path, struct error *err)
{
    struct gguf *file = NULL;
    int64_t n = 1;
    enum status status = open_one(&file, path, err);

    if (status == STATUS_OK && gguf_has(file, "split.count"))
        status = gguf_integer(&n, file, "split.count", 0, GGUF_MAX_PARTS, err);
    if (status == STATUS_OK && n > 1)
        status = open_parts(file, n, err);
    if (status == STATUS_OK)
        *out = file;
    else
        gguf_close(file);
    return status;
}

void gguf_close(struct gguf *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->n_more; i++)
        gguf_close(file->more[i]);
    free(file->more);
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

size_t gguf_part_count(const struct gguf *file)
{
    return 1 + file->n_more;
}

bool gguf_mapped(const struct gguf *file)
{
    return file->map.data != NULL;
}

const char *gguf_name(const struct gguf *file)
{
    return file->name;
}
