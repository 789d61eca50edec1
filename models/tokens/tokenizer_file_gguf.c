/* tokenizer_file_gguf.c - Read the keys tokenizer.ggml.* of a GGUF file:
 * docs/gguf.md of github.com/ggml-org/ggml. */
#include <math.h>
#include <string.h>

#include "models/files/gguf.h"
#include "models/tokens/tokenizer_file.h"

#define KEY(name) "tokenizer.ggml." name

/* token_type, in the numbering of enum llama_token_type, include/llama.h of
 * github.com/ggml-org/llama.cpp: normal, unknown, control, added by the user,
 * unused, byte. */
static const enum vocab_role roles[] = {
    [1] = VOCAB_NORMAL, [2] = VOCAB_SPECIAL, [3] = VOCAB_SPECIAL,
    [4] = VOCAB_ADDED, [5] = VOCAB_NEVER, [6] = VOCAB_BYTE,
};
enum { ROLES = sizeof roles / sizeof *roles };

/* The patterns by the name that tokenizer.ggml.pre gives them; names as in
 * src/llama-vocab.cpp of github.com/ggml-org/llama.cpp, patterns as in the
 * models' tokenizer.json. */
static const char llama3[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
    "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";
static const char qwen2[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
    "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";
static const struct pre {
    const char *name;
    const char *pattern[2];      /* the second cuts the words of the first */
    bool whole_words;            /* a word that is a token needs no merges */
    bool begins;                 /* texts have BOS before them, where the file
                                  * does not say (llama-vocab.cpp) */
} pres[] = {
    { "gpt-2",           { splitter_gpt2 },                 false, false },
    { "phi-2",           { splitter_gpt2 },                 false, false },
    { "olmo",            { splitter_gpt2 },                 false, false },
    { "mpt",             { splitter_gpt2 },                 false, false },
    { "smollm",          { splitter_digit, splitter_gpt2 }, false, false },
    { "starcoder",       { splitter_digit, splitter_gpt2 }, false, false },
    { "refact",          { splitter_digit, splitter_gpt2 }, false, false },
    { "llama-bpe",       { llama3 },                        true,  true },
    { "llama3",          { llama3 },                        true,  true },
    { "llama-v3",        { llama3 },                        true,  true },
    { "qwen2",           { qwen2 },                         false, false },
    { "deepseek-r1-qwen", { qwen2 },                        false, false },
    { "stablelm2",       { qwen2 },                         false, false },
    { "dbrx",            { llama3 },                        false, false },
    { "smaug-bpe",       { llama3 },                        false, false },
};

enum { N_PRES = sizeof pres / sizeof *pres };

const char *tokenizer_gguf_pre(int i)
{
    return i < N_PRES ? pres[i].name : NULL;
}

/* An array of texts or else of numbers; of n of them, unless n is 0. */
static enum status array_of(struct gguf_array *out, const struct gguf *file,
                            const char *key, bool text, uint64_t n,
                            struct error *err)
{
    enum status status = gguf_array(out, file, key, err);

    if (status != STATUS_OK)
        return status;
    if ((out->type == GGUF_VALUE_TEXT) != text)
        return tokenizer_bad(err, gguf_name(file), key, "elements must be %s",
                             text ? "texts" : "numbers");
    if (n > 0 && out->n != n)
        return tokenizer_bad(err, gguf_name(file), key, "%llu of them for %llu"
                             " tokens", (unsigned long long)out->n,
                             (unsigned long long)n);
    return STATUS_OK;
}

static enum status read_pre(struct tokenizer_parts *parts,
                            const struct gguf *file, struct error *err)
{
    const struct pre *pre = NULL;
    struct gguf_text name;
    enum status status = gguf_text(&name, file, KEY("pre"), err);

    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < N_PRES && !pre; i++)
        pre = gguf_text_is(name, pres[i].name) ? &pres[i] : NULL;
    if (!pre)
        return tokenizer_bad(err, gguf_name(file), KEY("pre"), "%.*s: this way"
                             " to split words is not known",
                             name.size < 32 ? (int)name.size : 32, name.bytes);
    parts->whole_words = pre->whole_words;
    parts->begins = pre->begins;
    for (int i = 0; i < 2 && pre->pattern[i] && status == STATUS_OK; i++)
        status = tokenizer_add_pattern(parts, pre->pattern[i], gguf_name(file),
                                       KEY("pre"), err);
    return status;
}

static enum status read_byte_level(struct tokenizer_parts *parts,
                                   const struct gguf *file, struct error *err)
{
    parts->kind = TOKENIZER_BPE;
    return read_pre(parts, file, err);
}

static enum status read_sentencepiece(struct tokenizer_parts *parts,
                                      const struct gguf *file,
                                      struct error *err)
{
    bool prefix = true;
    enum status status = STATUS_OK;

    parts->kind = TOKENIZER_SPM;
    parts->begins = true;
    if (gguf_has(file, KEY("add_space_prefix")))
        status = gguf_flag(&prefix, file, KEY("add_space_prefix"), err);
    if (status == STATUS_OK)
        status = tokenizer_add_prefix(parts, prefix, err);
    return status == STATUS_OK ? tokenizer_add_underline(parts, err) : status;
}

static const struct {
    const char *name;
    enum status (*read)(struct tokenizer_parts *parts, const struct gguf *file,
                        struct error *err);
} models[] = { { "gpt2", read_byte_level }, { "llama", read_sentencepiece } };
enum { MODELS = sizeof models / sizeof *models };

const char *tokenizer_gguf_model(int i)
{
    return i < MODELS ? models[i].name : NULL;
}

static enum status read_model(struct tokenizer_parts *parts,
                              const struct gguf *file, struct error *err)
{
    struct gguf_text model;
    enum status status = gguf_text(&model, file, KEY("model"), err);

    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < MODELS; i++)
        if (gguf_text_is(model, models[i].name))
            return models[i].read(parts, file, err);
    return tokenizer_bad(err, gguf_name(file), KEY("model"), "%.*s: only gpt2"
                         " and llama are read",
                         model.size < 32 ? (int)model.size : 32, model.bytes);
}

static enum status read_special(int32_t *out, const struct gguf *file,
                                const char *key, struct vocab *vocab,
                                struct error *err)
{
    int64_t id;

    if (!gguf_has(file, key))
        return STATUS_OK;
    enum status status = gguf_integer(&id, file, key, 0, vocab->n - 1, err);
    if (status != STATUS_OK)
        return status;
    *out = (int32_t)id;
    vocab->role[id] = VOCAB_SPECIAL;
    return STATUS_OK;
}

static enum status read_tokens(struct tokenizer_parts *parts,
                               const struct gguf *file, struct error *err)
{
    struct gguf_array tokens, types = { 0 }, scores = { 0 };
    struct vocab *vocab = &parts->vocab;
    bool has_types = gguf_has(file, KEY("token_type"));
    bool scored = parts->kind == TOKENIZER_SPM;
    struct gguf_text text;
    size_t bytes = 0;
    enum status status = array_of(&tokens, file, KEY("tokens"), true, 0, err);

    if (status == STATUS_OK && has_types)
        status = array_of(&types, file, KEY("token_type"), false, tokens.n,
                          err);
    if (status == STATUS_OK && scored)
        status = array_of(&scores, file, KEY("scores"), false, tokens.n, err);
    if (status != STATUS_OK)
        return status;
    for (struct gguf_array a = tokens; gguf_next_text(&a, &text); )
        bytes += text.size;
    status = vocab_create(vocab, tokens.n, bytes + 1, scored, err);
    while (status == STATUS_OK && gguf_next_text(&tokens, &text)) {
        int64_t type = 1;
        double score = 0;

        if (has_types && (!gguf_next_integer(&types, &type) || type < 1 ||
                          type >= ROLES))
            return tokenizer_bad(err, gguf_name(file), KEY("token_type"),
                                 "of token %d is not 1..%d", vocab->n,
                                 ROLES - 1);
        if (scored && (!gguf_next_real(&scores, &score) || isnan(score)))
            return tokenizer_bad(err, gguf_name(file), KEY("scores"),
                                 "of token %d is no number", vocab->n);
        if (scored)
            vocab->score[vocab->n] = (float)score;
        status = tokenizer_add(parts, text.bytes, text.size, roles[type],
                               gguf_name(file), KEY("tokens"), err);
    }
    return status;
}

/* "left right"; a part may itself begin with a space. */
static enum status read_merges(struct tokenizer_parts *parts,
                               const struct gguf *file, struct error *err)
{
    struct gguf_array merges;
    struct gguf_text text;
    enum status status = array_of(&merges, file, KEY("merges"), true, 0, err);

    if (status == STATUS_OK)
        status = merges_create(&parts->merges, merges.n, err);
    while (status == STATUS_OK && gguf_next_text(&merges, &text)) {
        const char *space = text.size < 3 ? NULL :
                            memchr(text.bytes + 1, ' ', text.size - 1);
        if (!space)
            return tokenizer_bad(err, gguf_name(file), KEY("merges"), "merge"
                                 " %zu is not two parts", parts->merges.n);
        size_t left = (size_t)(space - text.bytes);
        status = tokenizer_add_merge(parts, text.bytes, left, space + 1,
                                     text.size - left - 1, gguf_name(file),
                                     KEY("merges"), err);
    }
    return status;
}

static enum status read_template(struct tokenizer_parts *parts,
                                 const struct gguf *file, struct error *err)
{
    static const char key[] = "tokenizer.chat_template";
    struct gguf_text template;

    if (!gguf_has(file, key))
        return STATUS_OK;
    enum status status = gguf_text(&template, file, key, err);
    return status == STATUS_OK
               ? chat_take(&parts->chat, template.bytes, template.size, err)
               : status;
}

enum status tokenizer_read_gguf(struct tokenizer_parts *parts,
                                const struct gguf *file, int32_t n_vocab,
                                struct error *err)
{
    *parts = (struct tokenizer_parts){ 0 };
    enum status status = read_model(parts, file, err);

    if (status == STATUS_OK)
        status = read_template(parts, file, err);
    if (status == STATUS_OK)
        status = read_tokens(parts, file, err);
    if (status == STATUS_OK)
        status = read_special(&parts->vocab.unknown, file,
                              KEY("unknown_token_id"), &parts->vocab, err);
    if (status == STATUS_OK)
        status = read_special(&parts->vocab.bos, file, KEY("bos_token_id"),
                              &parts->vocab, err);
    if (status == STATUS_OK)
        status = read_special(&parts->vocab.eos, file, KEY("eos_token_id"),
                              &parts->vocab, err);
    if (status == STATUS_OK && gguf_has(file, KEY("add_bos_token")))
        status = gguf_flag(&parts->begins, file, KEY("add_bos_token"), err);
    if (status == STATUS_OK)
        status = tokenizer_index(parts, n_vocab, gguf_name(file),
                                 KEY("tokens"), err);
    if (status == STATUS_OK)
        status = tokenizer_add_added(parts, false, gguf_name(file),
                                     KEY("tokens"), err);
    if (status == STATUS_OK && parts->kind == TOKENIZER_BPE)
        status = read_merges(parts, file, err);
    if (status != STATUS_OK)
        tokenizer_parts_free(parts);
    return status;
}
