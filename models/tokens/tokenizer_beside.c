/* tokenizer_beside.c - Look for tokens that were added to a SentencePiece model
 * without it: they are cut out of a text before it, which is not done. */
#include <stdlib.h>
#include <string.h>

#include "models/tokens/tokenizer_json.h"
#include "sim/core/answer/json.h"
#include "sim/core/base/file.h"

enum { MAX_BYTES = 1 << 27 };

/* The file of that name beside `path`; *out NULL: there is none. */
static enum status read_beside(json_t **out, char name[FILE_PATH_SIZE],
                               const char *path, const char *file,
                               struct error *err)
{
    const char *slash = strrchr(path, '/');
    char *text;
    size_t size;

    *out = NULL;
    snprintf(name, FILE_PATH_SIZE, "%.*s%s",
             slash ? (int)(slash - path + 1) : 0, path, file);
    if (!file_exists(name))
        return STATUS_OK;
    enum status status = file_read(&text, &size, name, MAX_BYTES, err);
    if (status != STATUS_OK)
        return status;
    status = json_parse(out, text, size, name, err);
    free(text);
    return status;
}

/* A piece that the model itself keeps out of words. */
static bool is_own(const struct vocab *vocab, json_int_t id)
{
    return id >= 0 && id < vocab->n && vocab->role[id] != VOCAB_NORMAL &&
           vocab->role[id] != VOCAB_BYTE;
}

static enum status check(const struct vocab *vocab, json_int_t id,
                         const char *token, const char *name, struct error *err)
{
    if (is_own(vocab, id))
        return STATUS_OK;
    return tokenizer_bad(err, name, NULL, "token %" JSON_INTEGER_FORMAT ", '%.64s',"
                         " was added to the SentencePiece model, which is not"
                         " read; a tokenizer.json has all of them", id, token);
}

enum status tokenizer_check_beside(const struct tokenizer_parts *parts,
                                   const char *path, struct error *err)
{
    char name[FILE_PATH_SIZE];
    const char *key;
    json_t *root, *value;
    enum status status = read_beside(&root, name, path, "added_tokens.json", err);

    json_object_foreach(root, key, value)
        if (status == STATUS_OK && json_is_integer(value))
            status = check(&parts->vocab, json_integer_value(value), key, name,
                           err);
    json_decref(root);
    if (status != STATUS_OK)
        return status;
    status = read_beside(&root, name, path, "tokenizer_config.json", err);
    json_object_foreach(json_object_get(root, "added_tokens_decoder"), key, value)
        if (status == STATUS_OK)
            status = check(&parts->vocab, strtoll(key, NULL, 10),
                           json_text_of(value, "content"), name, err);
    json_decref(root);
    return status;
}
