/* tokenizer_copy.c - Copy the files of a tokenizer and take their checksum. */
#include "models/files/tokenizer_copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "models/files/gguf.h"
#include "models/files/sniff.h"
#include "sim/core/base/file.h"

enum { JSON, GGUF, BIN, SPM };
const char *const tokenizer_copy_names[] = {
    [JSON] = "tokenizer.json", [GGUF] = "tokenizer.gguf",
    [BIN] = "tokenizer.bin", [SPM] = "tokenizer.model", NULL
};

/* One after another into DIRECTORY/NAME. */
struct piece {
    const void *bytes;
    size_t      size;
};

static enum status write_pieces(struct tokenizer_copy *out,
                                const char *directory, const char *name,
                                const struct piece *piece, int n,
                                struct error *err)
{
    struct file_writer writer = { 0 };
    XXH64_state_t *state = XXH64_createState();
    enum status status = state ? file_create_in(&writer, directory, name, err)
                               : error_set(err, STATUS_NO_MEMORY, "a copy");

    *out = (struct tokenizer_copy){ .name = name };
    if (status == STATUS_OK) {
        XXH64_reset(state, 0);
        for (int i = 0; i < n; i++) {
            fwrite(piece[i].bytes, 1, piece[i].size, writer.stream);
            XXH64_update(state, piece[i].bytes, piece[i].size);
            out->bytes += piece[i].size;
        }
        snprintf(out->hash, sizeof out->hash, "%016" PRIx64,
                 (uint64_t)XXH64_digest(state));
        status = file_commit(&writer, err);      /* a failed write shows here */
    }
    XXH64_freeState(state);
    return status;
}

static enum status copy_whole(struct tokenizer_copy *out, const char *path,
                              const char *directory, const char *name,
                              struct error *err)
{
    struct file_map map;
    enum status status = file_map(&map, path, err);

    if (status != STATUS_OK)
        return status;
    status = write_pieces(out, directory, name,
                          &(struct piece){ map.data, map.size }, 1, err);
    file_unmap(&map);
    return status;
}

static enum status copy_json(struct tokenizer_copy *out, const char *path,
                             const char *directory, const char *name,
                             struct error *err)
{
    static const char as_it_stands[] =
        "{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n";
    static const char config[] = "tokenizer_config.json";
    const char *slash = strrchr(path, '/');
    char beside[FILE_PATH_SIZE];
    struct tokenizer_copy other;

    snprintf(beside, sizeof beside, "%.*s%s",
             slash ? (int)(slash - path + 1) : 0, path, config);
    enum status status =
        file_exists(beside)
            ? copy_whole(&other, beside, directory, config, err)
            : write_pieces(&other, directory, config, &(struct piece){
                               as_it_stands, sizeof as_it_stands - 1 }, 1, err);
    return status == STATUS_OK ? copy_whole(out, path, directory, name, err)
                               : status;
}

/* The values of a GGUF file, in one without tensors. */
static enum status copy_gguf(struct tokenizer_copy *out, const char *path,
                             const char *directory, const char *name,
                             struct error *err)
{
    struct gguf *file = NULL;
    enum status status = gguf_open(&file, path, err);

    if (status != STATUS_OK)
        return status;
    const uint32_t version = gguf_version(file);
    const uint64_t counts[2] = { 0, gguf_value_count(file) };
    const struct gguf_text values = gguf_values(file);
    const struct piece pieces[] = {
        { "GGUF", 4 }, { &version, sizeof version }, { counts, sizeof counts },
        { values.bytes, values.size },
    };
    status = write_pieces(out, directory, name, pieces,
                          sizeof pieces / sizeof *pieces, err);
    gguf_close(file);
    return status;
}

static const struct {
    const char *end;
    int         as;
    enum status (*copy)(struct tokenizer_copy *out, const char *path,
                        const char *directory, const char *name,
                        struct error *err);
} formats[] = {
    { ".json", JSON, copy_json }, { ".gguf", GGUF, copy_gguf },
    { ".bin", BIN, copy_whole }, { ".model", SPM, copy_whole },
};

enum status tokenizer_copy(struct tokenizer_copy *out, const char *path,
                           const char *directory, struct error *err)
{
    const size_t n = strlen(path);
    enum sniff sniff;
    enum status status = sniff_file(&sniff, path, err);

    if (status != STATUS_OK)
        return status;
    if (sniff == SNIFF_GGUF)
        return copy_gguf(out, path, directory, tokenizer_copy_names[GGUF], err);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const size_t m = strlen(formats[i].end);
        if (n >= m && strcmp(path + n - m, formats[i].end) == 0)
            return formats[i].copy(out, path, directory,
                                   tokenizer_copy_names[formats[i].as], err);
    }
    return error_set(err, STATUS_BAD_VALUE, "%.200s: a tokenizer is a .bin of"
                     " llama2.c, a .gguf, a .model of SentencePiece or a"
                     " tokenizer.json", path);
}

enum status tokenizer_copy_find(char *out, const char *directory,
                                struct error *err)
{
    for (const char *const *name = tokenizer_copy_names; *name; name++) {
        enum status status = file_join(out, directory, *name, err);
        if (status != STATUS_OK || file_exists(out))
            return status;
    }
    *out = '\0';
    return STATUS_OK;
}
