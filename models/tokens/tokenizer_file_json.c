/* tokenizer_file_json.c - Read tokenizer.json of
 * github.com/huggingface/tokenizers: model BPE or Unigram; refuse by name
 * whatever else a file asks for. */
#include <stdlib.h>
#include <string.h>

#include "models/tokens/tokenizer_json.h"
#include "sim/core/answer/json.h"

enum {
    MAX_VALUES = 1 << 23,        /* commas; Gemma's file has some 1.6 million */
    MAX_HOLES = 1 << 12,         /* ids without a token, in all */
};

const char *json_text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

bool json_is(const json_t *object, const char *key, const char *text)
{
    return strcmp(json_text_of(object, key), text) == 0;
}

bool json_flag(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

enum { MODEL_BPE, MODEL_UNIGRAM, MODELS };
static const char *const models[] = { [MODEL_BPE] = "BPE",
                                      [MODEL_UNIGRAM] = "Unigram" };

const char *tokenizer_json_model(int i)
{
    return i < MODELS ? models[i] : NULL;
}

/* A model without a type is BPE, if it has merges: older files leave it out.
 * MODELS: it is none that is read. */
static int model_of(const json_t *model)
{
    int i = 0;

    if (!json_object_get(model, "type") && json_object_get(model, "merges"))
        return MODEL_BPE;
    while (i < MODELS && !json_is(model, "type", models[i]))
        i++;
    return i;
}

static enum status read_kind(struct tokenizer_parts *parts,
                             struct json_file *file, const json_t *model)
{
    static const char *const empty[] = { "continuing_subword_prefix",
                                         "end_of_word_suffix" };
    const json_t *dropout = json_object_get(model, "dropout");
    const bool unigram = model_of(model) == MODEL_UNIGRAM;

    if (model_of(model) == MODELS)
        return tokenizer_bad(file->err, file->name, "model.type", "%.64s: only"
                             " BPE and Unigram are read",
                             json_text_of(model, "type"));
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        if (!json_is(model, empty[i], ""))
            return tokenizer_bad(file->err, file->name, empty[i], "%.64s is"
                                 " not supported", json_text_of(model,
                                                                empty[i]));
    if (dropout && !json_is_null(dropout) && json_number_value(dropout) != 0)
        return tokenizer_bad(file->err, file->name, "model.dropout",
                             "is not supported");
    parts->whole_words = json_flag(model, "ignore_merges", false);
    parts->fuse_unknown = unigram || json_flag(model, "fuse_unk", false);
    parts->kind = TOKENIZER_SPM;
    enum status status = tokenizer_json_steps(parts, file);
    if (status != STATUS_OK)
        return status;
    if (parts->kind == TOKENIZER_BPE &&
        (unigram || json_flag(model, "byte_fallback", false)))
        return tokenizer_bad(file->err, file->name, "pre_tokenizer",
                             "ByteLevel is not supported with %s",
                             unigram ? "Unigram" : "byte_fallback");
    if (unigram)
        parts->kind = TOKENIZER_UNIGRAM;
    parts->literal = unigram;
    return STATUS_OK;
}

/* A token by its id; text NULL: there is none. */
struct entry {
    const char *text;
    size_t size;
    double score;
    enum vocab_role role;        /* in the model's vocabulary */
    enum vocab_role added;       /* NORMAL: it is not added, or not there */
};

/* Tokens by id, [n], of which `known` are in the file. */
struct entries {
    struct entry *of;
    size_t n, known;
};

static enum status take(struct entries *entries, json_int_t at,
                        struct entry entry, struct json_file *file,
                        const char *key)
{
    if (at < 0 || (size_t)at >= entries->n)
        return tokenizer_bad(file->err, file->name, key, "%.64s: the id must be"
                             " a whole number below %zu, %d more than there are"
                             " tokens", entry.text, entries->n, MAX_HOLES);
    struct entry *old = &entries->of[at];
    if (old->text && (old->size != entry.size ||
                      memcmp(old->text, entry.text, entry.size) != 0))
        return tokenizer_bad(file->err, file->name, key, "%.64s and %.64s have"
                             " the same id", old->text, entry.text);
    if (old->text)
        old->added = entry.added;
    else
        *old = entry;
    if ((size_t)at >= entries->known)
        entries->known = (size_t)at + 1;
    return STATUS_OK;
}

static json_int_t whole(const json_t *value)
{
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static enum status take_added(struct entries *entries, const json_t *added,
                              struct json_file *file)
{
    const char *key = "added_tokens";
    size_t i;
    json_t *token;

    json_array_foreach(added, i, token) {
        const json_t *content = json_object_get(token, "content");
        if (!json_is_string(content))
            return tokenizer_bad(file->err, file->name, key, "token %zu has no"
                                 " content", i);
        enum status status = take(
            entries, whole(json_object_get(token, "id")), (struct entry){
                json_string_value(content), json_string_length(content), 0,
                VOCAB_NEVER, json_flag(token, "special", false)
                                 ? VOCAB_SPECIAL : VOCAB_ADDED }, file, key);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum vocab_role role_of(const char *text, size_t size, bool spelled)
{
    return spelled && vocab_byte_of(text, size) >= 0 ? VOCAB_BYTE
                                                         : VOCAB_NORMAL;
}

/* BPE's object of ids, or Unigram's list of texts and scores. */
static enum status take_all(struct entries *entries, json_t *vocab,
                            bool spelled, struct json_file *file)
{
    enum status status = STATUS_OK;
    const char *text;
    json_t *value;
    size_t i;

    json_object_foreach(vocab, text, value) {
        const size_t size = strlen(text);
        status = take(entries, whole(value), (struct entry){
            text, size, 0, role_of(text, size, spelled), VOCAB_NORMAL }, file,
            "model.vocab");
        if (status != STATUS_OK)
            return status;
    }
    json_array_foreach(vocab, i, value) {
        const json_t *piece = json_array_get(value, 0);
        const json_t *score = json_array_get(value, 1);
        const size_t size = json_string_length(piece);
        if (!json_is_string(piece) || !json_is_number(score))
            return tokenizer_bad(file->err, file->name, "model.vocab", "token"
                                 " %zu is no text and score", i);
        text = json_string_value(piece);
        status = take(entries, (json_int_t)i, (struct entry){
            text, size, json_number_value(score),
            role_of(text, size, spelled), VOCAB_NORMAL }, file, "model.vocab");
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status add_entries(struct tokenizer_parts *parts,
                               const struct entries *entries,
                               struct json_file *file)
{
    size_t bytes = 1;

    for (size_t i = 0; i < entries->known; i++)
        bytes += entries->of[i].size;
    enum status status = vocab_create(&parts->vocab, entries->known, bytes,
                                      parts->kind == TOKENIZER_UNIGRAM,
                                      file->err);
    for (size_t i = 0; i < entries->known && status == STATUS_OK; i++) {
        const struct entry *e = &entries->of[i];
        if (parts->vocab.score)
            parts->vocab.score[i] = e->score;
        if (e->text)
            status = tokenizer_add(parts, e->text, e->size, e->role, file->name,
                                   "model.vocab", file->err);
        else
            vocab_add(&parts->vocab, "", 0, VOCAB_NEVER);
        if (e->text && e->added != VOCAB_NORMAL)
            parts->vocab.role[i] = (uint8_t)e->added;
    }
    return status;
}

/* The token for what has none: unk_token is its text, unk_id its place. */
static enum status read_unknown(struct tokenizer_parts *parts,
                                const struct entries *entries,
                                const json_t *model, struct json_file *file)
{
    const char *text = json_text_of(model, "unk_token");
    const json_t *id = json_object_get(model, "unk_id");

    for (size_t i = 0; *text && i < entries->known; i++)
        if (entries->of[i].text && strcmp(entries->of[i].text, text) == 0)
            parts->vocab.unknown = (int32_t)i;
    if (json_is_integer(id) && whole(id) >= 0 &&
        (size_t)whole(id) < entries->known)
        parts->vocab.unknown = (int32_t)whole(id);
    if (parts->vocab.unknown < 0 && (*text || json_is_integer(id)))
        return tokenizer_bad(file->err, file->name, "model.unk_token",
                             "%.64s: no token of the vocabulary", text);
    return STATUS_OK;
}

static enum status read_vocab(struct tokenizer_parts *parts,
                              struct json_file *file, const json_t *model)
{
    json_t *vocab = json_object_get(model, "vocab");
    const json_t *added = json_object_get(file->root, "added_tokens");
    const bool unigram = parts->kind == TOKENIZER_UNIGRAM;
    const size_t own = unigram ? json_array_size(vocab)
                               : json_object_size(vocab);
    struct entries entries = { .n = own + json_array_size(added) + MAX_HOLES };

    if (own == 0)
        return tokenizer_bad(file->err, file->name, "model.vocab", "must be %s",
                             unigram ? "a list of texts and scores"
                                     : "an object of ids");
    entries.of = calloc(entries.n, sizeof *entries.of);
    if (!entries.of)
        return error_set(file->err, STATUS_NO_MEMORY, "%zu tokens", entries.n);
    const bool spelled = parts->kind != TOKENIZER_BPE &&
                         json_flag(model, "byte_fallback", false);
    enum status status = take_all(&entries, vocab, spelled, file);
    if (status == STATUS_OK)
        status = take_added(&entries, added, file);
    if (status == STATUS_OK)
        status = add_entries(parts, &entries, file);
    if (status == STATUS_OK)
        status = read_unknown(parts, &entries, model, file);
    free(entries.of);
    return status;
}

/* "left right" or ["left", "right"]. */
static enum status read_merge(struct tokenizer_parts *parts,
                              const json_t *merge, struct json_file *file)
{
    const json_t *a = json_array_get(merge, 0), *b = json_array_get(merge, 1);
    const char *left = json_string_value(a), *right = json_string_value(b);
    size_t n_left = json_string_length(a), n_right = json_string_length(b);

    if (json_is_string(merge)) {
        left = json_string_value(merge);
        const char *space = strchr(left, ' ');
        right = space ? space + 1 : NULL;
        n_left = space ? (size_t)(space - left) : 0;
        n_right = space ? json_string_length(merge) - n_left - 1 : 0;
    }
    if (!left || !right ||
        (json_is_array(merge) && json_array_size(merge) != 2))
        return tokenizer_bad(file->err, file->name, "model.merges", "merge %zu"
                             " is not two parts", parts->merges.n);
    return tokenizer_add_merge(parts, left, n_left, right, n_right, file->name,
                               "model.merges", file->err);
}

static enum status read_merges(struct tokenizer_parts *parts,
                               struct json_file *file, const json_t *model)
{
    const json_t *merges = json_object_get(model, "merges");

    if (!json_is_array(merges))
        return tokenizer_bad(file->err, file->name, "model.merges",
                             "must be a list");
    enum status status = merges_create(&parts->merges, json_array_size(merges),
                                       file->err);
    for (size_t i = 0; i < json_array_size(merges) && status == STATUS_OK; i++)
        status = read_merge(parts, json_array_get(merges, i), file);
    return status;
}

static enum status read_root(struct tokenizer_parts *parts,
                             struct json_file *file, const json_t *config,
                             int32_t n_vocab)
{
    const json_t *model = json_object_get(file->root, "model");
    enum status status = read_kind(parts, file, model);

    if (status == STATUS_OK)
        status = read_vocab(parts, file, model);
    if (status == STATUS_OK)
        status = tokenizer_index(parts, n_vocab, file->name, "model.vocab",
                                 file->err);
    if (status == STATUS_OK)
        status = tokenizer_json_added(parts, file);
    if (status == STATUS_OK && parts->kind != TOKENIZER_UNIGRAM)
        status = read_merges(parts, file, model);
    if (status == STATUS_OK)
        status = tokenizer_json_ends(parts, file, config);
    return status;
}

/* An object; NULL: it is none, or too much of it. */
static json_t *load(const struct tokenizer_text *file, struct error *err)
{
    size_t commas = 0;
    json_t *root = NULL;

    for (size_t i = 0; i < file->size; i++)
        commas += file->text[i] == ',';
    if (commas > MAX_VALUES) {
        tokenizer_bad(err, file->name, NULL, "%zu values: the limit is %d",
                      commas, MAX_VALUES);
        return NULL;
    }
    if (json_parse(&root, file->text, file->size, file->name, err) != STATUS_OK)
        return NULL;
    return root;
}

enum status tokenizer_read_json(struct tokenizer_parts *parts,
                                const struct tokenizer_text *file,
                                const struct tokenizer_text *config,
                                int32_t n_vocab, struct error *err)
{
    struct json_file json = { file->name, NULL, err };
    json_t *root = load(file, err), *beside = NULL;
    enum status status = STATUS_BAD_FORMAT;

    *parts = (struct tokenizer_parts){ 0 };
    json.root = root;
    if (root && config->text)
        beside = load(config, err);
    if (root && (beside || !config->text))
        status = read_root(parts, &json, beside, n_vocab);
    json_decref(root);
    json_decref(beside);
    if (status != STATUS_OK)
        tokenizer_parts_free(parts);
    return status;
}
