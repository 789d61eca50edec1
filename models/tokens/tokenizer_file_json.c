/* tokenizer_file_json.c - Read tokenizer.json of
 * github.com/huggingface/tokenizers: model BPE, byte-level or with byte
 * fallback; refuse by name whatever else a file asks for. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokens/tokenizer_file.h"

enum { MAX_VALUES = 1 << 23 };   /* commas; Gemma's file has some 1.6 million */

#define UNDERLINE "\xe2\x96\x81"

struct json_file {
    const char *name;
    json_t     *root;
    struct error *err;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static bool is(const json_t *object, const char *key, const char *text)
{
    return strcmp(text_of(object, key), text) == 0;
}

/* A flag that is not there, or null, is `otherwise`. */
static bool flag(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static enum status unknown_step(struct json_file *file, const char *key,
                                const json_t *step)
{
    return tokenizer_bad(file->err, file->name, key, "%.64s, as it is set here"
                         ", is not supported", json_is_object(step) ?
                         text_of(step, "type") : "a value that is no object");
}

/* Steps of a normalizer or pre_tokenizer: none, one, or a Sequence's. */
struct steps {
    const json_t *list, *one;
    size_t n;
};

static struct steps steps_of(const struct json_file *file, const char *key,
                             const char *list)
{
    const json_t *value = json_object_get(file->root, key);

    if (!value || json_is_null(value))
        return (struct steps){ 0 };
    if (is(value, "type", "Sequence")) {
        const json_t *all = json_object_get(value, list);
        return (struct steps){ all, NULL, json_array_size(all) };
    }
    return (struct steps){ NULL, value, 1 };
}

static const json_t *step_at(const struct steps *steps, size_t i)
{
    return steps->list ? json_array_get(steps->list, i) : steps->one;
}

static enum status read_normalizer(struct tokenizer_parts *parts,
                                   struct json_file *file)
{
    struct steps steps = steps_of(file, "normalizer", "normalizers");
    bool spm = parts->kind == TOKENIZER_SPM;

    for (size_t i = 0; i < steps.n; i++) {
        const json_t *step = step_at(&steps, i);
        if (!spm && is(step, "type", "NFC"))
            parts->nfc = true;
        else if (spm && is(step, "type", "Prepend") &&
                 is(step, "prepend", UNDERLINE))
            parts->prefix = PREFIX_ALWAYS;
        else if (spm && is(step, "type", "Replace") &&
                 is(step, "content", UNDERLINE) &&
                 is(json_object_get(step, "pattern"), "String", " "))
            parts->underline = true;
        else
            return unknown_step(file, "normalizer", step);
    }
    return STATUS_OK;
}

/* SPM: nothing where the normalizer has seen to the spaces, or Metaspace that
 * does not split. */
static enum status read_metaspace(struct tokenizer_parts *parts,
                                  struct json_file *file)
{
    struct steps steps = steps_of(file, "pre_tokenizer", "pretokenizers");

    if (steps.n == 0 && parts->underline)
        return STATUS_OK;
    if (steps.n == 0)
        return tokenizer_bad(file->err, file->name, "normalizer", "none turns"
                             " spaces into U+2581: not supported");
    const json_t *step = step_at(&steps, 0);
    if (steps.n > 1 || !is(step, "type", "Metaspace") ||
        !is(step, "replacement", UNDERLINE) || flag(step, "split", true))
        return unknown_step(file, "pre_tokenizer", step);
    parts->underline = true;
    if (parts->prefix == PREFIX_NONE && !is(step, "prepend_scheme", "never"))
        parts->prefix = PREFIX_MISSING;
    return STATUS_OK;
}

/* The pattern by which a step cuts words; "": it is not supported. */
static const char *pattern_of(const json_t *step)
{
    if (is(step, "type", "Digits"))
        return flag(step, "individual_digits", false) ? splitter_digit
                                                      : splitter_digits;
    if (is(step, "type", "Split") && is(step, "behavior", "Isolated") &&
        !flag(step, "invert", false))
        return text_of(json_object_get(step, "pattern"), "Regex");
    if (is(step, "type", "ByteLevel") && flag(step, "use_regex", true))
        return splitter_gpt2;
    return "";
}

/* BPE: steps that cut words, the last of them ByteLevel, with or without its
 * own pattern. */
static enum status read_splitter(struct tokenizer_parts *parts,
                                 struct json_file *file)
{
    struct steps steps = steps_of(file, "pre_tokenizer", "pretokenizers");
    const json_t *last = steps.n > 0 ? step_at(&steps, steps.n - 1) : NULL;
    const char *key = "pre_tokenizer";

    if (!is(last, "type", "ByteLevel") || flag(last, "add_prefix_space", true))
        return unknown_step(file, key, last);
    steps.n -= !flag(last, "use_regex", true);
    for (size_t i = 0; i < steps.n; i++) {
        const json_t *step = step_at(&steps, i);
        const char *pattern = pattern_of(step);
        if (!*pattern || (step != last && is(step, "type", "ByteLevel")))
            return unknown_step(file, key, step);
        enum status status = tokenizer_add_pattern(parts, pattern, file->name,
                                                   key, file->err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status read_kind(struct tokenizer_parts *parts,
                             struct json_file *file, const json_t *model)
{
    static const char *const empty[] = { "continuing_subword_prefix",
                                         "end_of_word_suffix" };
    const json_t *dropout = json_object_get(model, "dropout");

    if (!is(model, "type", "BPE"))
        return tokenizer_bad(file->err, file->name, "model.type", "%.64s: only"
                             " BPE is read", text_of(model, "type"));
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        if (!is(model, empty[i], ""))
            return tokenizer_bad(file->err, file->name, empty[i], "%.64s is"
                                 " not supported", text_of(model, empty[i]));
    if (dropout && !json_is_null(dropout) && json_number_value(dropout) != 0)
        return tokenizer_bad(file->err, file->name, "model.dropout",
                             "is not supported");
    parts->whole_words = flag(model, "ignore_merges", false);
    parts->kind = flag(model, "byte_fallback", false) ? TOKENIZER_SPM :
                                                        TOKENIZER_BPE;
    bool spm = parts->kind == TOKENIZER_SPM;
    if (spm && parts->whole_words)
        return tokenizer_bad(file->err, file->name, "model.ignore_merges",
                             "is not supported with byte_fallback");
    enum status status = read_normalizer(parts, file);
    if (status != STATUS_OK)
        return status;
    return spm ? read_metaspace(parts, file) : read_splitter(parts, file);
}

/* A token by its id; text NULL: nothing yet. */
struct entry {
    const char *text;
    size_t size;
    enum vocab_role role;
};

static enum status take(struct entry *entry, size_t n, const json_t *id,
                        const char *text, size_t size, enum vocab_role role,
                        struct json_file *file, const char *key)
{
    json_int_t at = json_is_integer(id) ? json_integer_value(id) : -1;

    if (at < 0 || (size_t)at >= n)
        return tokenizer_bad(file->err, file->name, key, "%.64s: the id must be"
                             " a whole number below %zu, as many as there are"
                             " tokens", text, n);
    if (entry[at].text && (entry[at].size != size ||
                           memcmp(entry[at].text, text, size) != 0))
        return tokenizer_bad(file->err, file->name, key, "%.64s and %.64s have"
                             " the same id", entry[at].text, text);
    entry[at] = (struct entry){ text, size, role };
    return STATUS_OK;
}

/* Why an added token that texts may hold is refused; NULL: it is read. */
static const char *why_refused(const struct tokenizer_parts *parts,
                               const struct json_file *file,
                               const json_t *token)
{
    struct steps steps = steps_of(file, "pre_tokenizer", "pretokenizers");
    bool once = steps.n > 0 &&
                is(step_at(&steps, 0), "prepend_scheme", "first");

    if (flag(token, "lstrip", false) || flag(token, "rstrip", false) ||
        flag(token, "single_word", false))
        return "lstrip, rstrip and single_word";
    if (parts->prefix == PREFIX_ALWAYS && flag(token, "normalized", true))
        return "normalized and a normalizer that puts a space before texts";
    if (parts->prefix == PREFIX_MISSING && once)
        return "prepend_scheme first and tokens that texts may hold";
    return NULL;
}

static enum status take_added(const struct tokenizer_parts *parts,
                              struct entry *entry, size_t n,
                              const json_t *added, struct json_file *file)
{
    const char *key = "added_tokens";
    size_t i;
    json_t *token;

    json_array_foreach(added, i, token) {
        const json_t *content = json_object_get(token, "content");
        bool special = flag(token, "special", false);
        if (!json_is_string(content))
            return tokenizer_bad(file->err, file->name, key, "token %zu has no"
                                 " content", i);
        const char *why = special ? NULL : why_refused(parts, file, token);
        if (why)
            return tokenizer_bad(file->err, file->name, key, "%.64s: %s are not"
                                 " supported", json_string_value(content), why);
        enum status status = take(entry, n, json_object_get(token, "id"),
                                  json_string_value(content),
                                  json_string_length(content),
                                  special ? VOCAB_CONTROL : VOCAB_ADDED, file,
                                  key);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status take_all(const struct tokenizer_parts *parts,
                            struct entry *entry, size_t n, json_t *vocab,
                            const json_t *added, struct json_file *file)
{
    const bool spm = parts->kind == TOKENIZER_SPM;
    const char *text;
    json_t *id;

    json_object_foreach(vocab, text, id) {
        size_t size = strlen(text);
        bool byte = spm && tokenizer_byte_of(text, size) >= 0;
        enum status status = take(entry, n, id, text, size,
                                  byte ? VOCAB_BYTE : VOCAB_NORMAL, file,
                                  "model.vocab");
        if (status != STATUS_OK)
            return status;
    }
    enum status status = take_added(parts, entry, n, added, file);
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        if (!entry[i].text)
            status = tokenizer_bad(file->err, file->name, "model.vocab",
                                   "no token has id %zu", i);
    return status;
}

/* The id of a text among the entries; -1: none, also of no text. */
static int32_t find_entry(const char *text, const struct entry *entry, size_t n)
{
    for (size_t i = 0; text && *text && i < n; i++)
        if (entry[i].text && strcmp(entry[i].text, text) == 0)
            return (int32_t)i;
    return -1;
}

/* bos_token or eos_token of tokenizer_config.json: a text or an object. */
static const char *special_of(const json_t *config, const char *key)
{
    const json_t *value = json_object_get(config, key);

    return json_is_string(value) ? json_string_value(value)
                                 : text_of(value, "content");
}

/* The special token that a post-processor puts before a text; NULL: none. */
static const char *put_first(const json_t *step, int depth)
{
    const json_t *first = json_array_get(json_object_get(step, "single"), 0);
    const json_t *steps = json_object_get(step, "processors");
    const char *text = json_string_value(json_object_get(
        json_object_get(first, "SpecialToken"), "id"));

    for (size_t i = 0; i < json_array_size(steps) && depth < 2 && !text; i++)
        text = put_first(json_array_get(steps, i), depth + 1);
    return text;
}

/* BOS is what the post-processor puts before a text; where it puts nothing, the
 * token that tokenizer_config.json names.  That file also says whether texts
 * begin with BOS or, if it is silent, the post-processor does by putting it. */
static void read_specials(struct tokenizer_parts *parts, const json_t *root,
                          const json_t *config, const struct entry *entry,
                          size_t n)
{
    const char *put = put_first(json_object_get(root, "post_processor"), 0);
    const json_t *told = json_object_get(config, "add_bos_token");

    parts->vocab.eos = find_entry(special_of(config, "eos_token"), entry, n);
    parts->vocab.bos = find_entry(put ? put : special_of(config, "bos_token"),
                                  entry, n);
    parts->begins = json_is_boolean(told) ? json_is_true(told) : put != NULL;
}

static enum status read_vocab(struct tokenizer_parts *parts,
                              struct json_file *file, const json_t *model,
                              const json_t *config)
{
    json_t *vocab = json_object_get(model, "vocab");
    const json_t *added = json_object_get(file->root, "added_tokens");
    size_t n = json_object_size(vocab), bytes = 1, i;
    json_t *token;

    if (n == 0)
        return tokenizer_bad(file->err, file->name, "model.vocab",
                             "must be an object of ids");
    json_array_foreach(added, i, token)
        n += !json_object_get(vocab, text_of(token, "content"));
    struct entry *entry = calloc(n, sizeof *entry);
    if (!entry)
        return error_set(file->err, STATUS_NO_MEMORY, "%zu tokens", n);
    enum status status = take_all(parts, entry, n, vocab, added, file);
    for (i = 0; i < n && status == STATUS_OK; i++)
        bytes += entry[i].size;
    if (status == STATUS_OK)
        status = vocab_create(&parts->vocab, n, bytes, false, file->err);
    for (i = 0; i < n && status == STATUS_OK; i++)
        status = tokenizer_add(parts, entry[i].text, entry[i].size,
                               entry[i].role, file->name, "model.vocab",
                               file->err);
    if (status == STATUS_OK)
        read_specials(parts, file->root, config, entry, n);
    free(entry);
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

static enum status read_root(struct tokenizer_parts *parts,
                             struct json_file *file, const json_t *config,
                             int32_t n_vocab)
{
    const json_t *model = json_object_get(file->root, "model");
    const json_t *merges = json_object_get(model, "merges");
    enum status status = read_kind(parts, file, model);

    if (status == STATUS_OK)
        status = read_vocab(parts, file, model, config);
    if (status == STATUS_OK)
        status = tokenizer_index(parts, n_vocab, file->name, "model.vocab",
                                 file->err);
    if (status == STATUS_OK && !json_is_array(merges))
        status = tokenizer_bad(file->err, file->name, "model.merges",
                               "must be a list");
    if (status == STATUS_OK)
        status = merges_create(&parts->merges, json_array_size(merges),
                               file->err);
    for (size_t i = 0; i < json_array_size(merges) && status == STATUS_OK; i++)
        status = read_merge(parts, json_array_get(merges, i), file);
    return status;
}

/* NULL: not JSON, or too much of it. */
static json_t *load(const char *text, size_t size, const char *name,
                    struct error *err)
{
    json_error_t json;
    size_t commas = 0;

    for (size_t i = 0; i < size; i++)
        commas += text[i] == ',';
    if (commas > MAX_VALUES) {
        tokenizer_bad(err, name, NULL, "%zu values: the limit is %d", commas,
                      MAX_VALUES);
        return NULL;
    }
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &json);
    if (!root)
        tokenizer_bad(err, name, NULL, "line %d: %.120s", json.line, json.text);
    return root;
}

enum status tokenizer_read_json(struct tokenizer_parts *parts,
                                const char *text, size_t size,
                                const char *config, size_t config_size,
                                const char *name, int32_t n_vocab,
                                struct error *err)
{
    struct json_file file = { name, NULL, err };
    json_t *beside = NULL;
    enum status status = STATUS_BAD_FORMAT;

    *parts = (struct tokenizer_parts){ 0 };
    file.root = load(text, size, name, err);
    if (file.root && config)
        beside = load(config, config_size, "tokenizer_config.json", err);
    if (file.root && (beside || !config))
        status = read_root(parts, &file, beside, n_vocab);
    json_decref(file.root);
    json_decref(beside);
    if (status != STATUS_OK)
        tokenizer_parts_free(parts);
    return status;
}
