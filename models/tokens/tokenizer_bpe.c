/* tokenizer_bpe.c - the split patterns by hand, since no regex library has them
 * all at this speed; then merges within each word. */
#include "models/tokens/tokenizer_bpe.h"

#include <string.h>

#include "models/tokens/join.h"
#include "models/tokens/unicode.h"

static const struct split_name split_names[] = {
    { "gpt-2",     SPLIT_GPT2,        false },
    { "phi-2",     SPLIT_GPT2,        false },
    { "olmo",      SPLIT_GPT2,        false },
    { "mpt",       SPLIT_GPT2,        false },
    { "smollm",    SPLIT_DIGITS_GPT2, false },
    { "starcoder", SPLIT_DIGITS_GPT2, false },
    { "refact",    SPLIT_DIGITS_GPT2, false },
    { "llama-bpe", SPLIT_LLAMA3,      true },
    { "llama3",    SPLIT_LLAMA3,      true },
    { "llama-v3",  SPLIT_LLAMA3,      true },
    { "qwen2",     SPLIT_QWEN2,       false },
    { "deepseek-r1-qwen", SPLIT_QWEN2, false },
};

static const struct {
    const char *pattern;
    enum tokenizer_split split;
} patterns[] = {
    { "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
      "\\s+(?!\\S)|\\s+", SPLIT_GPT2 },
    { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
      "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
      "\\s+(?!\\S)|\\s+", SPLIT_LLAMA3 },
    { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
      "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
      "\\s+(?!\\S)|\\s+", SPLIT_QWEN2 },
};

const struct split_name *tokenizer_bpe_split(const char *pre, size_t size)
{
    for (size_t i = 0; i < sizeof split_names / sizeof *split_names; i++)
        if (strlen(split_names[i].pre) == size &&
            memcmp(split_names[i].pre, pre, size) == 0)
            return &split_names[i];
    return NULL;
}

bool tokenizer_bpe_pattern(enum tokenizer_split *split, const char *pattern)
{
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (strcmp(patterns[i].pattern, pattern) == 0) {
            *split = patterns[i].split;
            return true;
        }
    return false;
}

struct reader {
    const char *text;
    size_t      size;
    bool        digits_end;      /* a number ends the text that is looked at */
};

/* The class of what begins at `at`, and its bytes; a byte that is no UTF-8 is
 * a character of its own. */
static enum unicode_class peek(const struct reader *in, size_t at, size_t *n)
{
    uint32_t code = 0;

    *n = 0;
    if (at >= in->size)
        return UNICODE_NONE;
    *n = unicode_decode(&code, in->text + at, in->size - at);
    if (*n == 0) {
        *n = 1;
        return UNICODE_OTHER;
    }
    enum unicode_class class = unicode_class(code);
    return class == UNICODE_NUMBER && in->digits_end ? UNICODE_NONE : class;
}

/* The end of at most `limit` characters of one class. */
static size_t run(const struct reader *in, size_t at, enum unicode_class class,
                  size_t limit)
{
    size_t n;

    for (; limit > 0 && peek(in, at, &n) == class; limit--)
        at += n;
    return at;
}

static bool is_newline(const struct reader *in, size_t at)
{
    return at < in->size && (in->text[at] == '\n' || in->text[at] == '\r');
}

/* Bytes after an apostrophe that make it a contraction; 0: none.  In a pattern
 * that ignores case U+017F is an s too. */
static size_t contraction(const struct reader *in, size_t at, bool any_case)
{
    static const char *const ends[] = { "s", "t", "re", "ve", "m", "ll", "d" };
    const char *text = in->text + at;
    size_t left = in->size - at;

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i]), same = 0;
        while (same < n && same < left &&
               (text[same] == ends[i][same] ||
                (any_case && text[same] == ends[i][same] - 'a' + 'A')))
            same++;
        if (same == n)
            return n;
    }
    return any_case && left >= 2 && memcmp(text, "\xc5\xbf", 2) == 0 ? 2 : 0;
}

/* \s+(?!\S)|\s+ : all of it at the end, else all but the last character, which
 * goes with the next word, unless it is the only one. */
static size_t blanks(const struct reader *in, size_t at)
{
    size_t end = at, last = at, n;
    enum unicode_class class;

    while ((class = peek(in, end, &n)) == UNICODE_SPACE) {
        last = end;
        end += n;
    }
    return class == UNICODE_NONE || last == at ? end : last;
}

static size_t word_gpt2(const struct reader *in, size_t at)
{
    size_t n, next, first = at;

    if (in->text[at] == '\'' && (n = contraction(in, at + 1, false)) > 0)
        return at + 1 + n;
    enum unicode_class class = peek(in, at, &n);
    if (in->text[at] == ' ') {
        enum unicode_class after = peek(in, at + 1, &next);
        if (after != UNICODE_SPACE && after != UNICODE_NONE) {
            class = after;
            first = at + 1;
        }
    }
    if (class == UNICODE_NONE)   /* a number, of those that stand alone */
        return at + n;
    return class == UNICODE_SPACE ? blanks(in, at) :
                                    run(in, first, class, SIZE_MAX);
}

/* \s*[\r\n]+ : to the last end of line among the blanks; 0: there is none. */
static size_t lines(const struct reader *in, size_t at)
{
    size_t end = 0, n;

    for (; peek(in, at, &n) == UNICODE_SPACE; at += n)
        if (is_newline(in, at))
            end = at + n;
    return end;
}

static size_t word_llama3(const struct reader *in, size_t at, size_t digits)
{
    size_t n, next, first = at;

    if (in->text[at] == '\'' && (n = contraction(in, at + 1, true)) > 0)
        return at + 1 + n;
    enum unicode_class class = peek(in, at, &n);
    if (class == UNICODE_NUMBER)
        return run(in, at, UNICODE_NUMBER, digits);
    if (class != UNICODE_LETTER && !is_newline(in, at) &&
        peek(in, at + n, &next) == UNICODE_LETTER)
        return run(in, at + n, UNICODE_LETTER, SIZE_MAX);
    if (class == UNICODE_LETTER)
        return run(in, at, UNICODE_LETTER, SIZE_MAX);
    if (in->text[at] == ' ' && peek(in, at + 1, &next) == UNICODE_OTHER)
        first = at + 1;
    if (first > at || class == UNICODE_OTHER) {
        size_t end = run(in, first, UNICODE_OTHER, SIZE_MAX);
        while (is_newline(in, end))
            end++;
        return end;
    }
    size_t end = lines(in, at);
    return end > 0 ? end : blanks(in, at);
}

size_t tokenizer_bpe_word(enum tokenizer_split split, const char *text,
                          size_t at, size_t size)
{
    struct reader in = { text, size, split == SPLIT_DIGITS_GPT2 };

    if (split == SPLIT_LLAMA3 || split == SPLIT_QWEN2)
        return word_llama3(&in, at, split == SPLIT_LLAMA3 ? 3 : 1);
    return word_gpt2(&in, at);
}

static bool by_rank(const struct join_rule *rule, const struct symbol *left,
                    const struct symbol *right, uint32_t *order, int32_t *id)
{
    const struct merge *merge = merges_find(rule->context, left->id, right->id);

    if (!merge)
        return false;
    *order = merge->rank;
    *id = merge->id;
    return true;
}

static enum status encode_word(const struct tokenizer_parts *parts,
                               struct join *join, const char *text, size_t at,
                               size_t end, struct ids *ids, struct error *err)
{
    const struct vocab *vocab = &parts->vocab;
    struct join_rule rule = { by_rank, &parts->merges, text };

    if (parts->whole_words) {
        int32_t id = vocab_find(vocab, VOCAB_NORMAL, text + at, end - at);
        if (id >= 0)
            return ids_push(ids, id, err);
    }
    enum status status = join_reset(join, end - at, err);
    for (size_t i = at; status == STATUS_OK && i < end; i++) {
        int32_t id = vocab->byte_id[(unsigned char)text[i]];
        if (id < 0)
            return error_set(err, STATUS_BAD_VALUE, "byte 0x%02x, at %zu of the"
                             " text, has no token in this vocabulary",
                             (unsigned char)text[i], i);
        join_push(join, (uint32_t)i, 1, id);
    }
    if (status == STATUS_OK)
        join_run(join, &rule);
    for (int32_t i = 0; status == STATUS_OK && i >= 0; i = join->symbol[i].next)
        status = ids_push(ids, join->symbol[i].id, err);
    return status;
}

enum status tokenizer_bpe_encode(const struct tokenizer_parts *parts,
                                 const char *text, size_t size,
                                 struct ids *ids, struct error *err)
{
    struct join join = { 0 };
    enum status status = STATUS_OK;

    for (size_t at = 0; at < size && status == STATUS_OK; ) {
        size_t end = tokenizer_bpe_word(parts->split, text, at, size);
        status = encode_word(parts, &join, text, at, end, ids, err);
        at = end;
    }
    join_free(&join);
    return status;
}

/* GPT-2 writes printable Latin-1 as itself and the other 68 bytes, in order, as
 * U+0100 and on: bytes_to_unicode() in github.com/openai/gpt-2,
 * src/encoder.py. */
static int byte_of(uint32_t code)
{
    if ((code >= 0x21 && code <= 0x7e) || (code >= 0xa1 && code <= 0xac) ||
        (code >= 0xae && code <= 0xff))
        return (int)code;
    if (code >= 0x100 && code <= 0x120)
        return (int)code - 0x100;
    if (code >= 0x121 && code <= 0x142)
        return (int)code - 0x121 + 0x7f;
    return code == 0x143 ? 0xad : -1;
}

bool tokenizer_bpe_bytes(char *out, size_t *n, const char *text, size_t size)
{
    *n = 0;
    for (size_t at = 0, step; at < size; at += step) {
        uint32_t code = 0;
        step = unicode_decode(&code, text + at, size - at);
        int byte = step > 0 ? byte_of(code) : -1;
        if (byte < 0)
            return false;
        out[(*n)++] = (char)byte;
    }
    return true;
}
