/* tokenizer_json_steps.c - Read the normalizer and the pre_tokenizer by a table
 * of the types that there are; any other is refused by name. */
#include <stdlib.h>
#include <string.h>

#include "models/tokens/tokenizer_json.h"

/* Steps within steps; files in use have one such level. */
enum { MAX_DEPTH = 4 };

/* What the steps so far have done. */
struct reader {
    struct tokenizer_parts *parts;
    struct json_file *file;
    const char *key;             /* that is being read */
    bool spelled;                /* ByteLevel: bytes are to be spelled */
    bool mapped;                 /* and are, for the steps behind it */
    /* What a text may be once normalised. */
    bool spaced;                 /* there may be spaces in it */
    bool cropped;                /* its beginning may be gone */
    bool widened;                /* a character may have become several */
};

/* A type of step: `read` does it. */
struct step_type {
    const char *name;
    enum status (*read)(struct reader *r, const struct step_type *type,
                        const json_t *step);
    const char *pattern;         /* read_cut */
    enum splitter_matches matches;
    bool invert;
    enum utf8_form form;         /* read_form */
};

static enum status unknown_step(const struct reader *r, const json_t *step)
{
    return tokenizer_bad(r->file->err, r->file->name, r->key, "%.64s, as it is"
                         " set here, is not supported", json_is_object(step) ?
                         json_text_of(step, "type")
                         : "a value that is no object");
}

static enum status read_step(struct reader *r, const struct step_type *types,
                             const char *list, const json_t *step, int depth)
{
    if (json_is(step, "type", "Sequence") && depth < MAX_DEPTH) {
        const json_t *all = json_object_get(step, list);
        enum status status = STATUS_OK;
        for (size_t i = 0; i < json_array_size(all) && status == STATUS_OK; i++)
            status = read_step(r, types, list, json_array_get(all, i),
                               depth + 1);
        return status;
    }
    for (const struct step_type *type = types; type->name; type++)
        if (json_is(step, "type", type->name))
            return type->read(r, type, step);
    return unknown_step(r, step);
}

static enum status no_memory(const struct reader *r)
{
    return error_set(r->file->err, STATUS_NO_MEMORY, "a tokenizer's %s",
                     r->key);
}

/* ---- normalizer ---- */

/* Keep what Metaspace and U+2581 depend on. */
static void note(struct reader *r, const struct normal_step *step)
{
    const bool spaces = step->kind == NORMAL_REPLACE && !step->pattern;
    const bool compatible = step->kind == NORMAL_FORM &&
                            (step->form == UTF8_NFKC || step->form == UTF8_NFKD);

    r->spaced = (r->spaced && !spaces) || compatible ||
                step->kind == NORMAL_CHARSMAP ||
                (step->text && memchr(step->text, ' ', step->size));
    r->cropped |= step->kind == NORMAL_STRIP || step->kind == NORMAL_CHARSMAP ||
                (step->kind == NORMAL_REPLACE && (!spaces || step->size == 0));
    r->widened |= !spaces || !step->text || strcmp(step->text, UNDERLINE) != 0;
}

static enum status add_normal(struct reader *r, struct normal_step step)
{
    struct error why = { STATUS_OK, "" };

    note(r, &step);
    return tokenizer_blame(normalizer_add(&r->parts->normalizer, step, &why),
                           &why, r->file->name, r->key, r->file->err);
}

static enum status read_form(struct reader *r, const struct step_type *type,
                             const json_t *step)
{
    (void)step;
    return add_normal(r, (struct normal_step){ .kind = NORMAL_FORM,
                                               .form = type->form });
}

static enum status read_prepend(struct reader *r, const struct step_type *type,
                                const json_t *step)
{
    const char *text = json_text_of(step, "prepend");
    struct normal_step made = { .kind = NORMAL_PREPEND, .text = strdup(text),
                                .size = strlen(text) };
    (void)type;
    r->parts->spaced |= strcmp(text, UNDERLINE) == 0 || strcmp(text, " ") == 0;
    return made.text ? add_normal(r, made) : no_memory(r);
}

/* The pattern of a step: a text, a pattern, or neither. */
static enum status read_pattern(struct reader *r, struct pattern **out,
                                const json_t *step)
{
    const json_t *pattern = json_object_get(step, "pattern");
    const json_t *text = json_object_get(pattern, "String");
    const json_t *regex = json_object_get(pattern, "Regex");
    struct error why = { STATUS_OK, "" };
    enum status status;

    if (json_string_length(text) == 0 && json_string_length(regex) == 0)
        return unknown_step(r, step);
    status = text ? pattern_open_text(out, json_string_value(text), &why)
                  : pattern_open(out, json_string_value(regex), &why);
    return tokenizer_blame(status, &why, r->file->name, r->key, r->file->err);
}

static enum status read_replace(struct reader *r, const struct step_type *type,
                                const json_t *step)
{
    const json_t *by = json_object_get(step, "content");
    struct normal_step made = { .kind = NORMAL_REPLACE };
    const bool space = json_is(json_object_get(step, "pattern"), "String", " ");
    enum status status = STATUS_OK;

    (void)type;
    if (!json_is_string(by))
        return unknown_step(r, step);
    r->parts->underline |= space && json_is(step, "content", UNDERLINE);
    if (!space)
        status = read_pattern(r, &made.pattern, step);
    if (status != STATUS_OK)
        return status;
    made.text = strdup(json_string_value(by));
    made.size = json_string_length(by);
    if (made.text)
        return add_normal(r, made);
    pattern_free(made.pattern);
    return no_memory(r);
}

static enum status read_strip(struct reader *r, const struct step_type *type,
                              const json_t *step)
{
    (void)type;
    return add_normal(r, (struct normal_step){
        .kind = NORMAL_STRIP, .left = json_flag(step, "strip_left", true),
        .right = json_flag(step, "strip_right", true) });
}

/* RFC 4648, section 4; n bytes to out[3 * size / 4].  false: it is not that. */
static bool decode_base64(unsigned char *out, size_t *n, const char *text,
                          size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;

    *n = 0;
    while (size > 0 && text[size - 1] == '=')
        size--;
    for (size_t i = 0; i < size; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        bits = bits << 6 | (uint32_t)(digit - digits);
        if (i % 4 > 0)
            out[(*n)++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    return size % 4 != 1;
}

static enum status read_charsmap(struct reader *r, const struct step_type *type,
                                 const json_t *step)
{
    const json_t *text = json_object_get(step, "precompiled_charsmap");
    const size_t size = json_string_length(text);
    unsigned char *bytes = malloc(size + 1);
    struct normal_step made = { .kind = NORMAL_CHARSMAP, .graphemes = true };
    struct error why = { STATUS_OK, "" };
    size_t n;

    (void)type;
    if (!bytes)
        return no_memory(r);
    enum status status =
        size > 0 && decode_base64(bytes, &n, json_string_value(text), size)
            ? charsmap_open(&made.map, bytes, n, &why)
            : error_set(&why, STATUS_BAD_FORMAT, "precompiled_charsmap is not"
                        " base64");
    free(bytes);
    status = tokenizer_blame(status, &why, r->file->name, r->key, r->file->err);
    return status == STATUS_OK ? add_normal(r, made) : status;
}

#define STEP(type, reader, ...) { .name = type, .read = reader, __VA_ARGS__ }
static const struct step_type normalizers[] = {
    STEP("NFC", read_form, .form = UTF8_NFC),
    STEP("NFD", read_form, .form = UTF8_NFD),
    STEP("NFKC", read_form, .form = UTF8_NFKC),
    STEP("NFKD", read_form, .form = UTF8_NFKD),
    STEP("Prepend", read_prepend, .pattern = NULL),
    STEP("Replace", read_replace, .pattern = NULL),
    STEP("Strip", read_strip, .pattern = NULL),
    STEP("Precompiled", read_charsmap, .pattern = NULL),
    { .name = NULL },
};

/* ---- pre_tokenizer ---- */

static enum status add_split(struct reader *r, struct splitter_step step)
{
    struct error why = { STATUS_OK, "" };

    return tokenizer_blame(splitter_add(&r->parts->splitter, step, &why), &why,
                           r->file->name, r->key, r->file->err);
}

/* What comes behind ByteLevel sees bytes as it spells them. */
static enum status spell_before(struct reader *r)
{
    if (!r->spelled || r->mapped)
        return STATUS_OK;
    r->mapped = true;
    return add_split(r, (struct splitter_step){ .kind = SPLITTER_MAP });
}

static enum status add_cut(struct reader *r, const char *pattern,
                           enum splitter_matches matches, bool invert)
{
    struct error why = { STATUS_OK, "" };
    enum status status = spell_before(r);

    return status != STATUS_OK ? status
        : tokenizer_blame(splitter_add_pattern(&r->parts->splitter, pattern,
                                               matches, invert, &why),
                          &why, r->file->name, r->key, r->file->err);
}

static enum status read_cut(struct reader *r, const struct step_type *type,
                            const json_t *step)
{
    (void)step;
    return add_cut(r, type->pattern, type->matches, type->invert);
}

static enum status read_digits(struct reader *r, const struct step_type *type,
                               const json_t *step)
{
    (void)type;
    return add_cut(r, json_flag(step, "individual_digits", false)
                          ? splitter_digit : splitter_digits,
                   SPLITTER_ISOLATED, false);
}

/* false: the step names none that is known. */
static bool read_behaviour(enum splitter_matches *out, const json_t *step,
                           const char *usual)
{
    static const char *const names[] = {
        [SPLITTER_ISOLATED] = "Isolated", [SPLITTER_REMOVED] = "Removed",
        [SPLITTER_MERGED_PREVIOUS] = "MergedWithPrevious",
        [SPLITTER_MERGED_NEXT] = "MergedWithNext",
        [SPLITTER_CONTIGUOUS] = "Contiguous",
    };
    const json_t *given = json_object_get(step, "behavior");
    const char *name = given ? json_string_value(given) : usual;

    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum splitter_matches)i;
            return true;
        }
    return false;
}

static enum status read_split(struct reader *r, const struct step_type *type,
                              const json_t *step)
{
    struct splitter_step made = { .kind = SPLITTER_CUT,
                                  .invert = json_flag(step, "invert", false) };
    (void)type;
    if (!read_behaviour(&made.matches, step, NULL))
        return unknown_step(r, step);
    enum status status = spell_before(r);
    if (status == STATUS_OK)
        status = read_pattern(r, &made.pattern, step);
    return status == STATUS_OK ? add_split(r, made) : status;
}

/* The library asks unicode_categories 0.1.1, which knows Unicode 8: what is
 * punctuation since then is none, what was so then is; and ASCII's that Unicode calls
 * symbols.  Each character of Unicode 14 was held against tokenizers 0.23.3. */
#define LATER "\\x{61d}\\x{9fd}\\x{a76}\\x{c77}\\x{c84}\\x{1b7d}\\x{1b7e}"            \
    "\\x{2e43}-\\x{2e5d}\\x{10ead}\\x{10f55}-\\x{10f89}\\x{1144b}-\\x{1145d}"         \
    "\\x{11660}-\\x{1166c}\\x{116b9}\\x{1183b}\\x{11944}-\\x{11946}\\x{119e2}"        \
    "\\x{11a3f}-\\x{11a46}\\x{11a9a}-\\x{11aa2}\\x{11c41}-\\x{11c45}\\x{11c70}"       \
    "\\x{11c71}\\x{11ef7}\\x{11ef8}\\x{11fff}\\x{12ff1}\\x{12ff2}"                     \
    "\\x{16e97}-\\x{16e9a}\\x{16fe2}\\x{1e95e}\\x{1e95f}"
#define PUNCTUATION "(?![" LATER "])[\\p{P}\\x{166d}\\x{111c9}$+<=>\\^`|~]"
static enum status read_punctuation(struct reader *r,
                                    const struct step_type *type,
                                    const json_t *step)
{
    enum splitter_matches matches = SPLITTER_ISOLATED;

    if (!read_behaviour(&matches, step, "Isolated"))
        return unknown_step(r, step);
    return add_cut(r, type->pattern, matches, false);
}

static enum status read_delimiter(struct reader *r,
                                  const struct step_type *type,
                                  const json_t *step)
{
    struct splitter_step made = { .kind = SPLITTER_CUT,
                                  .matches = SPLITTER_REMOVED };
    const char *text = json_text_of(step, "delimiter");
    struct error why = { STATUS_OK, "" };

    (void)type;
    if (!*text)
        return unknown_step(r, step);
    enum status status = spell_before(r);
    if (status == STATUS_OK)
        status = tokenizer_blame(pattern_open_text(&made.pattern, text, &why),
                                 &why, r->file->name, r->key, r->file->err);
    return status == STATUS_OK ? add_split(r, made) : status;
}

static enum status read_byte_level(struct reader *r,
                                   const struct step_type *type,
                                   const json_t *step)
{
    enum status status = STATUS_OK;

    (void)type;
    if (r->spelled)
        return unknown_step(r, step);
    if (json_flag(step, "add_prefix_space", true)) {
        r->parts->spaced = true;
        status = add_split(r, (struct splitter_step){
            .kind = SPLITTER_SPACE, .text = " " });
    }
    if (status == STATUS_OK && json_flag(step, "use_regex", true))
        status = add_cut(r, splitter_gpt2, SPLITTER_ISOLATED, false);
    r->spelled = true;
    r->parts->kind = TOKENIZER_BPE;
    r->parts->underline = false;     /* it is spelled like any other character */
    return status;
}

/* The library puts U+2581 before what comes of the text's first byte as it was
 * typed.  Here that is before the first word, which is the same word unless what
 * came of that byte is gone, or is cut in two. */
static bool first_is_first(const struct reader *r)
{
    const bool widened = r->widened || r->parts->spaced;
    const json_t *added = json_object_get(r->file->root, "added_tokens");
    bool cut = r->parts->splitter.n > 0;
    size_t i;
    json_t *token;

    json_array_foreach(added, i, token)
        cut |= json_flag(token, "normalized",
                         !json_flag(token, "special", false));
    return !r->cropped && !(widened && cut);
}

/* Older files say add_prefix_space where newer ones have prepend_scheme. */
static enum status read_metaspace(struct reader *r,
                                  const struct step_type *type,
                                  const json_t *step)
{
    const json_t *scheme = json_object_get(step, "prepend_scheme");
    const char *when = scheme ? json_string_value(scheme) : "always";
    const bool never = !json_flag(step, "add_prefix_space", true) ||
                       (when && strcmp(when, "never") == 0);
    const bool first = when && strcmp(when, "first") == 0;

    (void)type;
    if (!json_is(step, "replacement", UNDERLINE) || r->spelled || !when ||
        (!never && !first && strcmp(when, "always") != 0) ||
        (!never && first && !first_is_first(r)))
        return unknown_step(r, step);
    r->parts->underline = true;
    r->spaced = false;
    enum status status = add_split(r, (struct splitter_step){
        .kind = SPLITTER_REPLACE, .text = UNDERLINE });
    if (status == STATUS_OK && !never) {
        r->parts->spaced = true;
        status = add_split(r, (struct splitter_step){
            .kind = SPLITTER_SPACE, .text = UNDERLINE, .first = first });
    }
    if (status == STATUS_OK && json_flag(step, "split", true))
        status = add_cut(r, UNDERLINE, SPLITTER_MERGED_NEXT, false);
    return status;
}

/* Whitespace: words in the library's sense, and what is neither word nor blank,
 * are kept. */
#define WORDS "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}"
static const struct step_type pre_tokenizers[] = {
    STEP("ByteLevel", read_byte_level, .pattern = NULL),
    STEP("Metaspace", read_metaspace, .pattern = NULL),
    STEP("Split", read_split, .pattern = NULL),
    STEP("Digits", read_digits, .pattern = NULL),
    STEP("Whitespace", read_cut, .matches = SPLITTER_REMOVED, .invert = true,
         .pattern = "[" WORDS "]+|[^" WORDS "\\s]+"),
    STEP("WhitespaceSplit", read_cut, .matches = SPLITTER_REMOVED,
         .pattern = "\\s"),
    STEP("Punctuation", read_punctuation, .pattern = PUNCTUATION),
    STEP("CharDelimiterSplit", read_delimiter, .pattern = NULL),
    { .name = NULL },
};

const char *tokenizer_json_step(bool pre_tokenizer, int i)
{
    const struct step_type *type = pre_tokenizer ? pre_tokenizers
                                                 : normalizers;

    while (i > 0 && type->name) {
        type++;
        i--;
    }
    return type->name;
}

enum status tokenizer_json_steps(struct tokenizer_parts *parts,
                                 struct json_file *file)
{
    struct reader r = { .parts = parts, .file = file, .key = "normalizer",
                        .spaced = true };
    const json_t *normalizer = json_object_get(file->root, "normalizer");
    const json_t *splitter = json_object_get(file->root, "pre_tokenizer");
    enum status status = STATUS_OK;

    if (normalizer && !json_is_null(normalizer))
        status = read_step(&r, normalizers, "normalizers", normalizer, 0);
    r.key = "pre_tokenizer";
    if (status == STATUS_OK && splitter && !json_is_null(splitter))
        status = read_step(&r, pre_tokenizers, "pretokenizers", splitter, 0);
    if (status == STATUS_OK && parts->underline && r.spaced)
        return tokenizer_bad(file->err, file->name, "normalizer", "U+2581 for"
                             " spaces, and then a step that may make spaces, is"
                             " not supported");
    if (status == STATUS_OK && r.mapped)
        status = add_split(&r, (struct splitter_step){
            .kind = SPLITTER_UNMAP });
    return status;
}
