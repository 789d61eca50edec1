/* tokenizer.c - Open a tokenizer of any kind, from whatever file. */
#include "models/tokens/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf.h"
#include "models/files/sniff.h"
#include "models/tokens/tokenizer_file.h"
#include "sim/core/base/file.h"

enum {
    BYTES = 256,
    /* Bytes of a file; Gemma's tokenizer.json, the largest in wide use, has 34
     * million. */
    MAX_JSON = 1 << 27,
    MAX_BIN = 1 << 27,
    /* Of each byte of a tokenizer.json so many stay in the heap, in pieces, once
     * its tree is gone.  Measured: 4.8 to 5.2 of a file of 1.8 MB with 49,152
     * tokens; jansson 2.14, glibc 2.36. */
    TREE_LEFT = 6,
};

struct tokenizer {
    struct tokenizer_parts parts;
    char byte[BYTES];            /* of the kind that has no vocabulary */
};

static const char *const kind_names[] = {
    [TOKENIZER_BYTES]   = "bytes",
    [TOKENIZER_BPE]     = "byte-level BPE",
    [TOKENIZER_SPM]     = "SentencePiece BPE",
    [TOKENIZER_UNIGRAM] = "unigram",
};

#define X(id, name) name,
const char *const tokenizer_special_names[] = { TOKENIZER_SPECIAL_MAP(X) NULL };
#undef X

static bool ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);

    return n >= m && strcmp(path + n - m, end) == 0;
}

static enum status open_bin(struct tokenizer_parts *parts, const char *path,
                            int32_t n_vocab, struct error *err)
{
    char *text;
    size_t size;
    enum status status = file_read(&text, &size, path, MAX_BIN, err);

    if (status != STATUS_OK)
        return status;
    status = tokenizer_read_llama2c(parts, (const unsigned char *)text, size,
                                    path, n_vocab, err);
    free(text);
    return status;
}

static enum status open_gguf(struct tokenizer_parts *parts, const char *path,
                             int32_t n_vocab, struct error *err)
{
    struct gguf *file;
    enum status status = gguf_open(&file, path, err);

    if (status != STATUS_OK)
        return status;
    status = tokenizer_read_gguf(parts, file, n_vocab, err);
    parts->left = gguf_values(file).size;    /* pages of the mapping */
    gguf_close(file);
    return status;
}

/* chat_template.jinja, where newer versions of transformers keep it. */
static enum status open_template(struct tokenizer_parts *parts,
                                 const char *path, int length,
                                 struct error *err)
{
    char beside[FILE_PATH_SIZE], *text;
    size_t size;

    snprintf(beside, sizeof beside, "%.*schat_template.jinja", length, path);
    if (parts->chat.template || !file_exists(beside))
        return STATUS_OK;
    enum status status = file_read(&text, &size, beside, MAX_JSON, err);
    if (status != STATUS_OK)
        return status;
    status = chat_take(&parts->chat, text, size, err);
    free(text);
    return status;
}

static enum status open_json(struct tokenizer_parts *parts, const char *path,
                             int32_t n_vocab, struct error *err)
{
    char *text = NULL, *config = NULL, beside[FILE_PATH_SIZE];
    const char *slash = strrchr(path, '/');
    const int length = slash ? (int)(slash - path + 1) : 0;
    size_t size, config_size = 0;
    enum status status = file_read(&text, &size, path, MAX_JSON, err);

    snprintf(beside, sizeof beside, "%.*stokenizer_config.json",
             length, path);
    if (status == STATUS_OK && file_exists(beside))
        status = file_read(&config, &config_size, beside, MAX_JSON, err);
    if (status == STATUS_OK)
        status = tokenizer_read_json(parts,
                                     &(struct tokenizer_text){ path, text, size },
                                     &(struct tokenizer_text){
                                         beside, config, config_size },
                                     n_vocab, err);
    parts->left = TREE_LEFT * size;
    if (status == STATUS_OK)
        status = open_template(parts, path, length, err);
    free(text);
    free(config);
    return status;
}

static enum status open_model(struct tokenizer_parts *parts, const char *path,
                              int32_t n_vocab, struct error *err)
{
    char *bytes;
    size_t size;
    enum status status = file_read(&bytes, &size, path, MAX_BIN, err);

    if (status != STATUS_OK)
        return status;
    status = tokenizer_read_spm(parts, (const unsigned char *)bytes, size, path,
                                n_vocab, err);
    free(bytes);
    return status == STATUS_OK ? tokenizer_check_beside(parts, path, err)
                               : status;
}

static const struct {
    const char *end;
    enum status (*open)(struct tokenizer_parts *parts, const char *path,
                        int32_t n_vocab, struct error *err);
} formats[] = {
    { ".bin", open_bin }, { ".gguf", open_gguf }, { ".json", open_json },
    { ".model", open_model },
};
enum { FORMATS = sizeof formats / sizeof *formats };

static enum status open_named(struct tokenizer_parts *parts, const char *path,
                              int32_t n_vocab, struct error *err)
{
    for (int i = 0; i < FORMATS; i++)
        if (ends_with(path, formats[i].end))
            return formats[i].open(parts, path, n_vocab, err);
    return error_set(err, STATUS_BAD_VALUE, "%.200s: a tokenizer is a .bin of"
                     " llama2.c, a .gguf, a .model of SentencePiece or a"
                     " tokenizer.json", path);
}

/* No file of GGUF is one of another format, too. */
static enum status open_file(struct tokenizer_parts *parts, const char *path,
                             int32_t n_vocab, struct error *err)
{
    enum sniff sniff;
    enum status status = sniff_refusal(
        &sniff, open_named(parts, path, n_vocab, err), path, err);

    return sniff == SNIFF_GGUF && !ends_with(path, ".gguf")
               ? open_gguf(parts, path, n_vocab, err) : status;
}

enum status tokenizer_open(struct tokenizer **out, const char *path,
                           int32_t n_vocab, struct error *err)
{
    struct tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    enum status status = STATUS_OK;

    *out = NULL;
    if (!tokenizer)
        return error_set(err, STATUS_NO_MEMORY, "a tokenizer");
    tokenizer->parts.vocab = (struct vocab){ .bos = -1, .eos = -1,
                                             .unknown = -1 };
    for (int i = 0; i < BYTES; i++)
        tokenizer->byte[i] = (char)i;
    if (path)
        status = open_file(&tokenizer->parts, path, n_vocab, err);
    else if (n_vocab > 0 && n_vocab < BYTES)
        status = error_set(err, STATUS_BAD_VALUE, "a model of %d tokens has"
                           " none for every byte", n_vocab);
    if (status != STATUS_OK)
        tokenizer_close(tokenizer);
    else
        *out = tokenizer;
    return status;
}

void tokenizer_close(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    tokenizer_parts_free(&tokenizer->parts);
    free(tokenizer);
}

const char *tokenizer_kind(const struct tokenizer *tokenizer)
{
    return kind_names[tokenizer->parts.kind];
}

int32_t tokenizer_size(const struct tokenizer *tokenizer)
{
    return tokenizer->parts.kind == TOKENIZER_BYTES ? BYTES :
           tokenizer->parts.vocab.n;
}

size_t tokenizer_memory(const struct tokenizer *tokenizer)
{
    return tokenizer ? tokenizer->parts.left +
                           vocab_memory(&tokenizer->parts.vocab) +
                           merges_memory(&tokenizer->parts.merges) : 0;
}

int32_t tokenizer_bos(const struct tokenizer *tokenizer)
{
    return tokenizer->parts.vocab.bos;
}

int32_t tokenizer_eos(const struct tokenizer *tokenizer)
{
    return tokenizer->parts.vocab.eos;
}

bool tokenizer_begins(const struct tokenizer *tokenizer)
{
    return tokenizer->parts.begins && tokenizer->parts.vocab.bos >= 0;
}

bool tokenizer_ends(const struct tokenizer *tokenizer, int32_t id)
{
    static const char *const ends[] = {
        "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>",
        "<|end|>", "<end_of_turn>", "</s>", "<eos>",
    };
    const struct vocab *vocab = &tokenizer->parts.vocab;

    if (id < 0 || id >= vocab->n)
        return false;
    if (id == vocab->eos || id == vocab->bos)
        return true;
    /* Plain text may read the same: only tokens that are none. */
    if (vocab->role[id] != VOCAB_SPECIAL && vocab->role[id] != VOCAB_ADDED)
        return false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strlen(ends[i]) == vocab_size_of(vocab, id) &&
            memcmp(ends[i], vocab->bytes + vocab->at[id],
                   strlen(ends[i])) == 0)
            return true;
    return false;
}

/* The text of a token; -1: NULL. */
static const char *text_of(const struct vocab *vocab, int32_t id, size_t *size)
{
    *size = id >= 0 ? vocab_size_of(vocab, id) : 0;
    return id >= 0 ? vocab->bytes + vocab->at[id] : NULL;
}

enum status tokenizer_ask(struct chat_question *out,
                          const struct tokenizer *tokenizer, const char *text,
                          size_t size, struct error *err)
{
    const struct vocab *vocab = &tokenizer->parts.vocab;
    struct chat_ends ends;

    ends.bos = text_of(vocab, vocab->bos, &ends.bos_size);
    ends.eos = text_of(vocab, vocab->eos, &ends.eos_size);
    return chat_ask(out, &tokenizer->parts.chat, &ends, text, size, err);
}

static enum status encode_bytes(const char *text, size_t size, struct ids *ids,
                                struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < size && status == STATUS_OK; i++)
        status = ids_push(ids, (unsigned char)text[i], err);
    return status;
}

enum status tokenizer_encode(const struct tokenizer *tokenizer,
                             const char *text, size_t size, bool bos,
                             enum tokenizer_special special, int32_t **out,
                             size_t *n, struct error *err)
{
    const struct tokenizer_parts *parts = &tokenizer->parts;
    struct ids ids = { 0 };
    enum status status = STATUS_OK;

    *out = NULL;
    *n = 0;
    if (size >= INT32_MAX / 2)
        return error_set(err, STATUS_BAD_VALUE, "a text of %zu bytes: the limit"
                         " is %d", size, INT32_MAX / 2);
    if (bos && parts->vocab.bos < 0)
        return error_set(err, STATUS_BAD_VALUE, "this tokenizer has no token"
                         " that begins a text");
    if (bos)
        status = ids_push(&ids, parts->vocab.bos, err);
    if (status == STATUS_OK && parts->kind == TOKENIZER_BYTES)
        status = encode_bytes(text, size, &ids, err);
    else if (status == STATUS_OK)
        status = tokenizer_encode_parts(parts, text, size,
                                        special == TOKENIZER_PARSE, &ids, err);
    if (status != STATUS_OK) {
        free(ids.id);
        return status;
    }
    *out = ids.id;
    *n = ids.n;
    return STATUS_OK;
}

const char *tokenizer_bytes(const struct tokenizer *tokenizer, int32_t id,
                            bool first, size_t *size)
{
    const struct tokenizer_parts *parts = &tokenizer->parts;

    *size = tokenizer_length(tokenizer, id, first);
    if (parts->kind == TOKENIZER_BYTES && *size > 0)
        return &tokenizer->byte[id];
    if (*size > 0 && parts->vocab.role[id] == VOCAB_SPECIAL)
        *size = 0;
    return *size > 0 ? parts->vocab.bytes + parts->vocab.at[id + 1] - *size : "";
}

size_t tokenizer_length(const struct tokenizer *tokenizer, int32_t id,
                        bool first)
{
    const struct tokenizer_parts *parts = &tokenizer->parts;
    const struct vocab *vocab = &parts->vocab;

    if (id < 0 || id >= tokenizer_size(tokenizer))
        return 0;
    if (parts->kind == TOKENIZER_BYTES)
        return 1;
    const size_t size = vocab_size_of(vocab, id);
    return size - (first && parts->spaced && size > 0 &&
                   vocab->bytes[vocab->at[id]] == ' ');
}
