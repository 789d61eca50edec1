/* fuzz_shards.c - Check that an index, whatever it says, names only files
 * beside itself, or is refused with a message. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/files/shards.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        abort();
}

/* Beside the index lies one file, "a", with the tensor "t". */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    /* A header of 64 bytes. */
    static const char a[] = "\x40\0\0\0\0\0\0\0{\"t\":{\"dtype\":\"U8\",\"shape\":"
                            "[1],\"data_offsets\":[0,1]}}           x";
    char directory[] = "/tmp/isobath-fuzz-XXXXXX", index[64], shard[64];
    struct shards *shards = NULL;
    struct error err = { STATUS_OK, "" };

    if (!mkdtemp(directory))
        abort();
    snprintf(index, sizeof index, "%s/model.safetensors.index.json", directory);
    snprintf(shard, sizeof shard, "%s/a", directory);
    write_file(index, bytes, size);
    write_file(shard, a, 8 + 64 + 1);
    enum status status = shards_open(&shards, directory, &err);
    if (status == STATUS_OK) {
        assert(shards_count(shards) == 1);
        assert(safetensors_count(shards_at(shards, 0)) == 1);
        (void)shards_find(shards, "t");
    } else {
        assert(!shards && err.status == status && strlen(err.text) > 0);
    }
    shards_close(shards);
    unlink(shard);
    unlink(index);
    rmdir(directory);
    return 0;
}
