/* pattern.c - Run the patterns by PCRE2, compiled to machine code where that may
 * be done.
 *
 * PCRE2 10.42, which is Debian 12's, knows Unicode 14.  Code points assigned
 * later count as unassigned: 10,294 of Unicode 16, of which 9,272 are letters
 * (most of them ideographs and hieroglyphs), 120 numbers, 773 symbols, 93 marks
 * and 36 punctuation.  The `tokenizers` library counts them so in 0.15 and 0.20,
 * and classifies them by Unicode 16 in 0.23. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "models/tokens/pattern.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokens/oniguruma.h"
#include "models/tokens/utf8.h"
#include "sim/core/base/file.h"

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
    return error_set(err, STATUS_NO_MEMORY, "to match a pattern in a text");
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

enum status pattern_open(struct pattern **out, const char *regex,
                         struct error *err)
{
    char *spelled;
    enum status status = oniguruma_spell(&spelled, regex, err);

    *out = NULL;
    if (status != STATUS_OK)
        return status;
    status = compile((pcre2_code **)out, spelled, err);
    free(spelled);
    return status;
}

enum status pattern_open_text(struct pattern **out, const char *text,
                              struct error *err)
{
    char *quoted;
    size_t n;
    FILE *file = file_open_text(&quoted, &n);

    *out = NULL;
    if (!file)
        return no_memory(err);
    for (; *text; text++)
        fprintf(file, ispunct((unsigned char)*text) ? "\\%c" : "%c", *text);
    if (!file_close_text(file, &quoted)) {
        free(quoted);
        return no_memory(err);
    }
    enum status status = compile((pcre2_code **)out, quoted, err);
    free(quoted);
    return status;
}

void pattern_free(struct pattern *pattern)
{
    pcre2_code_free((pcre2_code *)pattern);
}

struct matcher {
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    pcre2_match_data *match;
};

void matcher_close(struct matcher *matcher)
{
    if (!matcher)
        return;
    pcre2_match_data_free(matcher->match);
    pcre2_jit_stack_free(matcher->stack);
    pcre2_match_context_free(matcher->context);
    free(matcher);
}

enum status matcher_open(struct matcher **out, size_t size, struct error *err)
{
    struct matcher *m = calloc(1, sizeof *m);

    *out = NULL;
    if (!m)
        return no_memory(err);
    m->match = pcre2_match_data_create(1, NULL);
    m->context = pcre2_match_context_create(NULL);
    m->stack = pcre2_jit_stack_create(FIRST_STACK, MATCH_MEMORY, NULL);
    if (!m->match || !m->context) {
        matcher_close(m);
        return no_memory(err);
    }
    uint64_t steps = MATCH_STEPS + MATCH_STEPS_PER_BYTE * (uint64_t)size;
    pcre2_set_match_limit(m->context, steps < UINT32_MAX ? (uint32_t)steps
                                                         : UINT32_MAX);
    pcre2_set_heap_limit(m->context, MATCH_MEMORY / 1024);
    /* Without a stack of its own PCRE2 uses its small one. */
    if (m->stack)
        pcre2_jit_stack_assign(m->context, NULL, m->stack);
    *out = m;
    return STATUS_OK;
}

enum status matcher_find(size_t found[2], struct matcher *matcher,
                         const struct pattern *pattern, const char *text,
                         size_t size, size_t look, struct error *err)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(matcher->match);
    char message[128];
    int got = pcre2_match((const pcre2_code *)pattern, (PCRE2_SPTR)text, size,
                          look, PCRE2_NO_UTF_CHECK, matcher->match,
                          matcher->context);

    found[0] = got >= 0 ? at[0] : size + 1;
    found[1] = got >= 0 ? at[1] : size + 1;
    if (got >= 0 || got == PCRE2_ERROR_NOMATCH)
        return STATUS_OK;
    describe(message, got);
    return error_set(err, STATUS_BAD_VALUE, "a pattern of the tokenizer fails"
                     " at %zu of the text: %s", look, message);
}

char *pattern_valid(const char *text, size_t size)
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
