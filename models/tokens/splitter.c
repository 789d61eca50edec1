/* splitter.c - Run the patterns by PCRE2, compiled to machine code where that
 * may be done, within bounds of work and memory.
 *
 * PCRE2 10.42, which is Debian 12's, knows Unicode 14.  Code points assigned
 * later count as unassigned: 10,294 of Unicode 16, of which 9,272 are letters
 * (most of them ideographs and hieroglyphs), 120 numbers, 773 symbols, 93 marks
 * and 36 punctuation.  The `tokenizers` library counts them so in 0.15 and 0.20,
 * and classifies them by Unicode 16 in 0.23. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "models/tokens/splitter.h"

#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokens/oniguruma.h"
#include "models/tokens/utf8.h"

/* github.com/huggingface/tokenizers, src/pre_tokenizers/byte_level.rs and
 * digits.rs. */
const char splitter_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
    "\\s+(?!\\S)|\\s+";
const char splitter_digit[] = "\\p{N}";
const char splitter_digits[] = "\\p{N}+";

enum {
    /* Steps of a match, and more of them for each byte of the text; patterns in
     * use backtrack over a byte less than twice. */
    MATCH_STEPS = 1 << 20,
    MATCH_STEPS_PER_BYTE = 8,
    /* Memory of a match, in bytes: a group repeated a million times fits. */
    MATCH_MEMORY = 1 << 28,
    FIRST_STACK = 1 << 15,       /* PCRE2's own size: man pcre2jit */
    SUBSTITUTE = 0x1a,           /* ASCII's character for an invalid one */
};

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "to split a text into words");
}

static void describe(char message[128], int error)
{
    if (pcre2_get_error_message(error, (PCRE2_UCHAR *)message, 128) < 0)
        strcpy(message, "an error of PCRE2's without a name");
}

static enum status compile(pcre2_code **out, const char *spelled,
                           struct error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    char message[128];
    int error;
    PCRE2_SIZE at;

    if (!context)
        return no_memory(err);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
    *out = pcre2_compile((PCRE2_SPTR)spelled, PCRE2_ZERO_TERMINATED,
                         PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE |
                         PCRE2_NEVER_BACKSLASH_C, &error, &at, context);
    pcre2_compile_context_free(context);
    if (!*out) {
        describe(message, error);
        return error_set(err, STATUS_BAD_VALUE, "%s, at %zu of the pattern"
                         " %.120s", message, (size_t)at, spelled);
    }
    /* PCRE2 interprets the pattern if no code may be made at run time. */
    (void)pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE);
    return STATUS_OK;
}

enum status splitter_add(struct splitter *splitter, const char *pattern,
                         struct error *err)
{
    char *spelled;

    if (splitter->n == SPLITTER_STEPS)
        return error_set(err, STATUS_BAD_VALUE, "more than %d patterns",
                         SPLITTER_STEPS);
    enum status status = oniguruma_spell(&spelled, pattern, err);
    if (status != STATUS_OK)
        return status;
    status = compile(&splitter->step[splitter->n], spelled, err);
    splitter->n += status == STATUS_OK;
    free(spelled);
    return status;
}

void splitter_free(struct splitter *splitter)
{
    for (size_t i = 0; i < splitter->n; i++)
        pcre2_code_free(splitter->step[i]);
    *splitter = (struct splitter){ 0 };
}

struct cut {
    const struct splitter *splitter;
    const char *text;            /* valid UTF-8 */
    splitter_word *word;
    void *user;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    pcre2_match_data *match;
};

static void cut_free(struct cut *cut)
{
    pcre2_match_data_free(cut->match);
    pcre2_jit_stack_free(cut->stack);
    pcre2_match_context_free(cut->context);
}

static enum status cut_create(struct cut *cut, size_t size, struct error *err)
{
    cut->match = pcre2_match_data_create(1, NULL);
    cut->context = pcre2_match_context_create(NULL);
    cut->stack = pcre2_jit_stack_create(FIRST_STACK, MATCH_MEMORY, NULL);
    if (!cut->match || !cut->context) {
        cut_free(cut);
        return no_memory(err);
    }
    uint64_t steps = MATCH_STEPS + MATCH_STEPS_PER_BYTE * (uint64_t)size;
    pcre2_set_match_limit(cut->context, steps < UINT32_MAX ? (uint32_t)steps
                                                           : UINT32_MAX);
    pcre2_set_heap_limit(cut->context, MATCH_MEMORY / 1024);
    /* Without a stack of its own PCRE2 uses its small one. */
    if (cut->stack)
        pcre2_jit_stack_assign(cut->context, NULL, cut->stack);
    return STATUS_OK;
}

/* The first match from `look` on within [from, end), or [end, end). */
static enum status find(size_t found[2], const struct cut *cut,
                        const pcre2_code *step, size_t from, size_t look,
                        size_t end, struct error *err)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(cut->match);
    char message[128];
    int got = pcre2_match(step, (PCRE2_SPTR)cut->text + from, end - from,
                          look - from, PCRE2_NO_UTF_CHECK, cut->match,
                          cut->context);

    found[0] = got >= 0 ? from + at[0] : end;
    found[1] = got >= 0 ? from + at[1] : end;
    if (got >= 0 || got == PCRE2_ERROR_NOMATCH)
        return STATUS_OK;
    describe(message, got);
    return error_set(err, STATUS_BAD_VALUE, "a pattern of the tokenizer fails"
                     " at %zu of the text: %s", look, message);
}

static size_t after(const char *text, size_t at, size_t end)
{
    uint32_t code;

    return at < end ? at + utf8_decode(&code, text + at, end - at) : end;
}

/* Cut [from, end) by a step and those behind it. */
static enum status cut_piece(const struct cut *cut, size_t step, size_t from,
                             size_t end, struct error *err)
{
    enum status status = STATUS_OK;

    if (from == end)
        return STATUS_OK;
    if (step == cut->splitter->n)
        return cut->word(cut->user, from, end, err);
    for (size_t at = from, look = from, found[2]; at < end; ) {
        status = find(found, cut, cut->splitter->step[step], from, look, end,
                      err);
        if (status == STATUS_OK && found[1] == at) {
            look = after(cut->text, at, end);    /* an empty match cuts once */
            continue;
        }
        if (status == STATUS_OK)
            status = cut_piece(cut, step + 1, at, found[0], err);
        if (status == STATUS_OK)
            status = cut_piece(cut, step + 1, found[0], found[1], err);
        if (status != STATUS_OK)
            break;
        at = look = found[1];
    }
    return status;
}

/* A copy in which bytes of no character are replaced; NULL: no memory. */
static char *replace_invalid(const char *text, size_t size)
{
    char *copy = malloc(size + 1);
    uint32_t code;

    if (!copy)
        return NULL;
    memcpy(copy, text, size);
    for (size_t at = 0, n; at < size; at += n) {
        n = utf8_decode(&code, text + at, size - at);
        if (n == 0) {
            copy[at] = SUBSTITUTE;
            n = 1;
        }
    }
    return copy;
}

enum status splitter_cut(const struct splitter *splitter, const char *text,
                         size_t size, splitter_word *word, void *user,
                         struct error *err)
{
    char *valid = replace_invalid(text, size);
    struct cut cut = { .splitter = splitter, .text = valid, .word = word,
                       .user = user };

    if (!valid)
        return no_memory(err);
    enum status status = cut_create(&cut, size, err);
    if (status == STATUS_OK) {
        status = cut_piece(&cut, 0, 0, size, err);
        cut_free(&cut);
    }
    free(valid);
    return status;
}
