/* tokenizer_json_added.c - Read added_tokens, and which tokens begin and end a
 * text. */
#include <stdlib.h>
#include <string.h>

#include "models/tokens/tokenizer_json.h"

static int32_t id_of(const json_t *token)
{
    return (int32_t)json_integer_value(json_object_get(token, "id"));
}

/* What a token looks like: its content, or that normalised as texts are. */
static enum status spell(char **out, size_t *n,
                         const struct tokenizer_parts *parts,
                         const json_t *token, bool normalised,
                         struct error *err)
{
    static const struct normalizer none = { 0 };
    const json_t *content = json_object_get(token, "content");

    return normalizer_run(normalised ? &parts->normalizer : &none, out, n,
                          json_string_value(content),
                          json_string_length(content), err);
}

/* Those whose pattern is normalised, or those whose is not; their bytes are
 * summed first, then put. */
static enum status put_all(struct tokenizer_parts *parts, const json_t *tokens,
                           bool normalised, bool put, size_t *n, size_t *bytes,
                           struct error *err)
{
    struct added *added = &parts->added[normalised];
    size_t i, size;
    json_t *token;
    char *text;

    json_array_foreach(tokens, i, token) {
        const bool special = json_flag(token, "special", false);
        if (json_flag(token, "normalized", !special) != normalised)
            continue;
        enum status status = spell(&text, &size, parts, token, normalised, err);
        if (status != STATUS_OK)
            return status;
        if (put)
            added_put(added, text, size, (struct added_token){
                .id = id_of(token), .special = special,
                .left = json_flag(token, "lstrip", false),
                .right = json_flag(token, "rstrip", false),
                .single_word = json_flag(token, "single_word", false) });
        ++*n;
        *bytes += size;
        free(text);
    }
    return STATUS_OK;
}

enum status tokenizer_json_added(struct tokenizer_parts *parts,
                                 struct json_file *file)
{
    const json_t *tokens = json_object_get(file->root, "added_tokens");
    enum status status = STATUS_OK;
    int32_t twice[2];

    for (int normalised = 0; normalised < 2 && status == STATUS_OK;
         normalised++) {
        struct added *added = &parts->added[normalised];
        size_t n = 0, bytes = 0, n_put = 0, bytes_put = 0;
        status = put_all(parts, tokens, normalised, false, &n, &bytes,
                         file->err);
        if (status == STATUS_OK)
            status = added_create(added, n, bytes, file->err);
        if (status == STATUS_OK)
            status = put_all(parts, tokens, normalised, true, &n_put,
                             &bytes_put, file->err);
        if (status == STATUS_OK && !added_index(added, twice))
            status = tokenizer_bad(file->err, file->name, "added_tokens", "two"
                                   " of them look the same, %d and %d",
                                   added->token[twice[0]].id,
                                   added->token[twice[1]].id);
    }
    return status;
}

/* The id of an added token or of one of the vocabulary; -1: none, also of no
 * text. */
static int32_t find_token(const struct json_file *file, const char *text)
{
    const json_t *vocab = json_object_get(
        json_object_get(file->root, "model"), "vocab");
    const json_t *id = json_object_get(vocab, text);
    size_t i;
    json_t *token, *piece;

    json_array_foreach(json_object_get(file->root, "added_tokens"), i, token)
        if (*text && json_is(token, "content", text))
            return id_of(token);
    json_array_foreach(vocab, i, piece) {
        const char *own = json_string_value(json_array_get(piece, 0));
        if (*text && own && strcmp(own, text) == 0)
            return (int32_t)i;
    }
    return *text && json_is_integer(id) ? (int32_t)json_integer_value(id) : -1;
}

/* bos_token or eos_token of tokenizer_config.json: a text or an object. */
static const char *special_of(const json_t *config, const char *key)
{
    const json_t *value = json_object_get(config, key);

    return json_is_string(value) ? json_string_value(value)
                                 : json_text_of(value, "content");
}

/* What a post-processor puts before and behind a text; "": nothing. */
struct put {
    const char *first, *last;
};

static const char *special_at(const json_t *single, size_t i)
{
    return json_text_of(json_object_get(json_array_get(single, i),
                                        "SpecialToken"), "id");
}

/* The ids that a template's name of a token stands for. */
static const json_t *ids_of(const json_t *step, const char *name)
{
    return json_object_get(json_object_get(json_object_get(
        step, "special_tokens"), name), "ids");
}

static enum status read_put(struct put *put, const struct json_file *file,
                            const json_t *step, int depth)
{
    enum { MAX_DEPTH = 4 };
    const json_t *single = json_object_get(step, "single");
    const json_t *steps = json_object_get(step, "processors");
    const json_t *cls = json_object_get(step, "cls");
    const char *first = special_at(single, 0), *last = "";
    const json_t *ids = ids_of(step, first);
    enum status status = STATUS_OK;

    if (json_array_size(single) > 1)
        last = special_at(single, json_array_size(single) - 1);
    if (json_is(step, "type", "RobertaProcessing") ||
        json_is(step, "type", "BertProcessing")) {
        const char *sep = json_string_value(json_array_get(
            json_object_get(step, "sep"), 0));
        first = json_string_value(json_array_get(cls, 0));
        first = first ? first : "";
        last = sep ? sep : "";
    }
    if ((*first && (*put->first || *special_at(single, 1))) ||
        json_array_size(ids) > 1 || (steps && depth == MAX_DEPTH))
        return tokenizer_bad(file->err, file->name, "post_processor", "%.64s:"
                             " more than one token before a text, or steps"
                             " nested so deep, are not supported", json_text_of(step, "type"));
    if (*first)
        put->first = first;
    if (!*put->last)
        put->last = last;
    for (size_t i = 0; i < json_array_size(steps) && status == STATUS_OK; i++)
        status = read_put(put, file, json_array_get(steps, i), depth + 1);
    return status;
}

/* A text, or a list of named ones, of which the usual is "default". */
static enum status read_template(struct tokenizer_parts *parts,
                                 const json_t *template, struct error *err)
{
    size_t i;
    json_t *named;

    json_array_foreach(template, i, named)
        if (json_is(named, "name", "default")) {
            template = json_object_get(named, "template");
            break;
        }
    return json_is_string(template)
               ? chat_take(&parts->chat, json_string_value(template),
                           json_string_length(template), err)
               : STATUS_OK;
}

/* BOS is what the post-processor puts before a text; where it puts nothing, the
 * token that tokenizer_config.json names.  That file also says whether texts
 * begin with BOS or, if it is silent, the post-processor does by putting it. */
enum status tokenizer_json_ends(struct tokenizer_parts *parts,
                                const struct json_file *file,
                                const json_t *config)
{
    const json_t *told = json_object_get(config, "add_bos_token");
    const char *eos = special_of(config, "eos_token");
    struct put put = { "", "" };
    enum status status = read_put(
        &put, file, json_object_get(file->root, "post_processor"), 0);

    if (status != STATUS_OK)
        return status;
    parts->vocab.eos = find_token(file, *eos ? eos : put.last);
    parts->vocab.bos = find_token(file, *put.first ? put.first :
                                        special_of(config, "bos_token"));
    parts->begins = json_is_boolean(told) ? json_is_true(told) : *put.first;
    if (parts->vocab.bos >= parts->vocab.n)
        parts->vocab.bos = -1;
    if (parts->vocab.eos >= parts->vocab.n)
        parts->vocab.eos = -1;
    return read_template(parts, json_object_get(config, "chat_template"),
                         file->err);
}
