/* template_lex.c - Cut a tag into names, texts, numbers and operators. */
#include "models/templates/template_inside.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int32_t template_refuse(struct reader *r, const char *what, const char *name,
                        size_t size)
{
    if (r->status == STATUS_OK)
        r->status = error_set(r->err, STATUS_BAD_FORMAT, "line %d of the chat"
                              " template: %s%.*s", r->line, what,
                              (int)(size < 60 ? size : 60), name ? name : "");
    r->token.kind = TOKEN_END;
    return 0;
}

static bool begins(const struct reader *r, const char *word)
{
    const size_t n = strlen(word);

    return r->size - r->at >= n && memcmp(r->text + r->at, word, n) == 0;
}

/* "-%}" and its like; in brackets "}}" ends two of them. */
static bool at_end(const struct reader *r)
{
    static const char *const ends[] = { "%}", "-%}", "+%}", "}}", "-}}" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends && r->brackets == 0; i++)
        if (begins(r, ends[i]))
            return true;
    return false;
}

/* The byte that a backslash and this letter stand for; -1: none. */
static int escaped(char letter)
{
    static const char from[] = "nrt\\'\"0bfav", to[] = "\n\r\t\\'\"\0\b\f\a\v";
    const char *at = strchr(from, letter);

    return letter && at ? (unsigned char)to[at - from] : -1;
}

/* 'text' or "text", at r->at. */
static void read_text(struct reader *r)
{
    const char quote = r->text[r->at];
    size_t from = ++r->at, n = 0;

    while (r->at < r->size && r->text[r->at] != quote)
        r->at += r->text[r->at] == '\\' ? 2 : 1;
    if (r->at >= r->size) {
        template_refuse(r, "a text without its end", NULL, 0);
        return;
    }
    char *bytes = malloc(r->at - from + 1);
    for (size_t i = from; bytes && i < r->at; i++) {
        const bool marked = r->text[i] == '\\';
        const int byte = marked ? escaped(r->text[++i])
                                : (unsigned char)r->text[i];
        if (byte < 0) {
            template_refuse(r, "not known: \\", r->text + i, 1);
            break;
        }
        r->line += r->text[i] == '\n';
        bytes[n++] = (char)byte;
    }
    r->at++;
    r->token.value = bytes ? json_stringn_nocheck(bytes, n) : NULL;
    free(bytes);
    if (!r->token.value && r->status == STATUS_OK)
        r->status = error_set(r->err, STATUS_NO_MEMORY, "no memory for a chat"
                              " template");
}

static void read_number(struct reader *r)
{
    char digits[32] = "";
    size_t n = 0;
    bool real = false;

    for (; r->at < r->size && n + 1 < sizeof digits; r->at++) {
        const char c = r->text[r->at];
        /* "1.x" is an attribute, which no number has. */
        if (c == '.' && (real || r->at + 1 >= r->size ||
                         !isdigit((unsigned char)r->text[r->at + 1])))
            break;
        if (c != '.' && !isdigit((unsigned char)c))
            break;
        real |= c == '.';
        digits[n++] = c;
    }
    errno = 0;
    const long long whole = real ? 0 : strtoll(digits, NULL, 10);
    if (errno != 0 || n + 1 >= sizeof digits) {
        template_refuse(r, "too large a number: ", digits, n);
        return;
    }
    r->token.value = real ? json_real(strtod(digits, NULL))
                          : json_integer(whole);
    if (!r->token.value && r->status == STATUS_OK)
        r->status = error_set(r->err, STATUS_NO_MEMORY, "no memory for a chat"
                              " template");
}

static bool in_name(char c, bool first)
{
    return isalpha((unsigned char)c) || c == '_' ||
           (!first && isdigit((unsigned char)c));
}

/* The longest operator that stands there; 0: none does. */
static size_t operator_size(const struct reader *r)
{
    static const char *const operators[] = {
        "==", "!=", "<=", ">=", "//", "**", "+", "-", "*", "/", "%", "~", "<",
        ">", "=", ".", ",", ":", "|", "(", ")", "[", "]", "{", "}",
    };

    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (begins(r, operators[i]))
            return strlen(operators[i]);
    return 0;
}

static void read_operator(struct reader *r)
{
    const size_t n = operator_size(r);

    if (n == 0) {
        template_refuse(r, "not known: ", r->text + r->at, 1);
        return;
    }
    r->brackets += strchr("([{", r->text[r->at]) != NULL;
    r->brackets -= strchr(")]}", r->text[r->at]) != NULL;
    r->at += n;
}

void token_next(struct reader *r)
{
    json_decref(r->token.value);
    r->token.value = NULL;
    for (; r->at < r->size && isspace((unsigned char)r->text[r->at]); r->at++)
        r->line += r->text[r->at] == '\n';
    r->token.kind = TOKEN_END;
    r->token.at = r->text + r->at;
    r->token.size = 0;
    if (r->status != STATUS_OK || at_end(r))
        return;
    if (r->at >= r->size) {
        template_refuse(r, "a tag without its end", NULL, 0);
        return;
    }
    const char c = r->text[r->at];
    const size_t from = r->at;
    r->token.kind = c == '\'' || c == '"'          ? TOKEN_STRING
                    : isdigit((unsigned char)c)    ? TOKEN_NUMBER
                    : in_name(c, true)             ? TOKEN_NAME
                                                   : TOKEN_OPERATOR;
    switch (r->token.kind) {
    case TOKEN_STRING:
        read_text(r);
        break;
    case TOKEN_NUMBER:
        read_number(r);
        break;
    case TOKEN_NAME:
        while (r->at < r->size && in_name(r->text[r->at], false))
            r->at++;
        break;
    default:
        read_operator(r);
    }
    r->token.size = r->at - from;
}

bool token_is(const struct reader *r, enum token_kind kind, const char *text)
{
    return r->token.kind == kind && r->token.size == strlen(text) &&
           memcmp(r->token.at, text, r->token.size) == 0;
}

bool token_skip(struct reader *r, enum token_kind kind, const char *text)
{
    const bool is = token_is(r, kind, text);

    if (is)
        token_next(r);
    return is;
}

void token_expect(struct reader *r, enum token_kind kind, const char *text)
{
    if (token_skip(r, kind, text))
        return;
    char what[64];
    snprintf(what, sizeof what, "'%s' is expected before: ", text);
    template_refuse(r, what, r->token.at, r->token.size);
}
