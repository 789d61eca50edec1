/* shards.c - Open one file of tensors, or the many that an index names. */
#include "models/files/shards.h"

#include <stdlib.h>
#include <string.h>

#include "models/files/sniff.h"
#include "sim/core/answer/json.h"
#include "sim/core/base/file.h"

/* Of an index: one of 100000 tensors has some 10 MB. */
enum { MAX_INDEX = 1 << 24 };

struct shards {
    char    path[FILE_PATH_SIZE];
    json_t *index;               /* NULL: a single file, file[0] */
    json_t *map;                 /* of tensor to file name; in the index */
    json_t *numbers;             /* of file name to place in file[] */
    size_t  n;
    struct safetensors *file[SHARDS_MAX];
};

static enum status open_one(struct shards *s, const char *path,
                            struct error *err)
{
    enum status status = safetensors_open(&s->file[s->n], path, err);

    if (status == STATUS_OK)
        s->n++;
    return sniff_refusal(NULL, status, path, err);
}

static enum status read_index(struct shards *s, struct error *err)
{
    char *text;
    size_t size;
    enum status status = file_read(&text, &size, s->path, MAX_INDEX, err);

    if (status != STATUS_OK)
        return status;
    status = json_parse(&s->index, text, size, s->path, err);
    free(text);
    if (status != STATUS_OK)
        return status;
    s->map = json_object_get(s->index, "weight_map");
    return json_object_size(s->map) > 0
               ? STATUS_OK
               : error_set(err, STATUS_BAD_FORMAT, "%.160s: weight_map must be"
                           " an object of tensors and their files", s->path);
}

/* A shard that the index names, unless it is open already. */
static enum status open_shard(struct shards *s, const char *directory,
                              const char *tensor, const json_t *value,
                              struct error *err)
{
    const char *name = json_string_value(value);
    char path[FILE_PATH_SIZE];

    if (!name || !*name || *name == '.' || strchr(name, '/'))
        return error_set(err, STATUS_BAD_FORMAT, "%.160s: weight_map of %.80s:"
                         " must be the name of a file beside it", s->path,
                         tensor);
    if (json_object_get(s->numbers, name))
        return STATUS_OK;
    if (s->n == SHARDS_MAX)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: allowed are %d files",
                         s->path, SHARDS_MAX);
    if (json_object_set_new(s->numbers, name, json_integer((json_int_t)s->n)))
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %.160s",
                         s->path);
    enum status status = file_join(path, directory, name, err);
    return status == STATUS_OK ? open_one(s, path, err) : status;
}

static enum status open_shards(struct shards *s, const char *directory,
                               struct error *err)
{
    enum status status = read_index(s, err);
    const char *tensor;
    json_t *value;

    if (status != STATUS_OK)
        return status;
    s->numbers = json_object();
    json_object_foreach(s->map, tensor, value)
        if ((status = open_shard(s, directory, tensor, value, err)))
            return status;
    return STATUS_OK;
}

/* What a directory has where it has no tensors that are read. */
static enum status refuse_pickles(const char *directory, struct error *err)
{
    static const char *const names[] = { "pytorch_model.bin",
        "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack" };
    char other[FILE_PATH_SIZE];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (file_join(other, directory, names[i], NULL) == STATUS_OK &&
            file_exists(other))
            return error_set(err, STATUS_BAD_VALUE, "%.200s: no"
                             " model.safetensors in it, but %s, which is not"
                             " read: save_pretrained() of transformers writes"
                             " the former", directory, names[i]);
    return STATUS_OK;
}

enum status shards_open(struct shards **out, const char *directory,
                        struct error *err)
{
    struct shards *s = calloc(1, sizeof *s);
    char index[FILE_PATH_SIZE];
    enum status status;

    if (!s)
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %.160s",
                         directory);
    status = file_join(s->path, directory, "model.safetensors", err);
    if (status == STATUS_OK)
        status = file_join(index, directory, "model.safetensors.index.json",
                           err);
    const bool whole = status == STATUS_OK && file_exists(s->path);
    if (status == STATUS_OK && !whole && file_exists(index)) {
        memcpy(s->path, index, sizeof index);
        status = open_shards(s, directory, err);
    } else if (status == STATUS_OK) {
        if (!whole)
            status = refuse_pickles(directory, err);
        if (status == STATUS_OK)
            status = open_one(s, s->path, err);
    }
    if (status == STATUS_OK)
        *out = s;
    else
        shards_close(s);
    return status;
}

void shards_close(struct shards *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        safetensors_close(s->file[i]);
    json_decref(s->numbers);
    json_decref(s->index);
    free(s);
}

const char *shards_path(const struct shards *s)
{
    return s->path;
}

const struct safetensors_tensor *shards_find(const struct shards *s,
                                             const char *name)
{
    json_int_t i = 0;

    if (s->index) {
        const char *file = json_string_value(json_object_get(s->map, name));
        if (!file)
            return NULL;
        i = json_integer_value(json_object_get(s->numbers, file));
    }
    return safetensors_find(s->file[i], name);
}

size_t shards_count(const struct shards *s)
{
    return s->n;
}

const struct safetensors *shards_at(const struct shards *s, size_t i)
{
    return s->file[i];
}
