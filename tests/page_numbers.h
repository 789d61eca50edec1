/* page_numbers.h - A page of text, and the numbers in it: not those of code, of
 * links and of names (GPT-2, 3x40). */
#ifndef PAGE_NUMBERS_H
#define PAGE_NUMBERS_H

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/file.h"

struct page {
    char *text;
    char *numbers;               /* the text without code and links */
    char *left;                  /* and without numbers that have a source */
    const char *at;              /* of the row that was found last */
    const char *number, *end;    /* in `numbers`: those that come next */
};

static inline void blank(char *from, const char *end)
{
    for (; from < end && *from; from++)
        if (*from != '\n')
            *from = ' ';
}

static inline void blank_between(char *text, const char *opens,
                                 const char *closes)
{
    for (char *at = text; (at = strstr(at, opens)); ) {
        const char *end = strstr(at + strlen(opens), closes);
        if (!end)
            break;
        blank(at, end + strlen(closes));
    }
}

static inline char *without_code(const char *text)
{
    char *copy = strdup(text);

    for (char *line = copy; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "    ", 4) == 0)
            blank(line, line + strcspn(line, "\n"));
    }
    blank_between(copy, "`", "`");
    blank_between(copy, "](", ")");
    return copy;
}

static inline struct page open_page(const char *name)
{
    struct page page = { .text = NULL };
    char path[FILE_PATH_SIZE];
    const char *section = strchr(name, '#');
    size_t size;

    snprintf(path, sizeof path, "%.*s", (int)strcspn(name, "#"), name);
    cr_assert(file_read(&page.text, &size, path, 1 << 20, NULL) == STATUS_OK,
              "%s", path);
    if (section) {
        char head[128];
        snprintf(head, sizeof head, "\n## %s\n", section + 1);
        char *from = strstr(page.text, head);
        cr_assert(from != NULL, "%s", name);
        char *end = strstr(from + strlen(head), "\n## ");
        blank(page.text, from);
        if (end)
            *end = '\0';
    }
    page.numbers = without_code(page.text);
    page.left = strdup(page.numbers);
    page.at = page.text;
    return page;
}

static inline void close_page(struct page *page)
{
    free(page->text);
    free(page->numbers);
    free(page->left);
}

static inline bool begins_row(const char *line, const char *row)
{
    const size_t n = strlen(row);
    return strncmp(line, "| ", 2) == 0 && strncmp(line + 2, row, n) == 0 &&
           strncmp(line + 2 + n, " |", 2) == 0;
}

/* The row that begins so, from the last one on; false: there is none. */
static inline bool find_row(struct page *page, const char *row)
{
    for (const char *line = page->at; line; ) {
        if (begins_row(line, row)) {
            const ptrdiff_t at = line - page->text;
            const size_t n = 2 + strlen(row);
            page->at = line;
            page->number = page->numbers + at + n;
            page->end = page->numbers + at + strcspn(line, "\n");
            blank(page->left + at, page->left + at + n);
            return true;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

/* The end of the words, if they stand here; a space is any white space. */
static inline const char *past_words(const char *at, const char *words)
{
    for (; *words; words++) {
        if (*words != ' ' && *words != *at)
            return NULL;
        if (*words != ' ')
            at++;
        else if (!isspace((unsigned char)*at))
            return NULL;
        else
            at += strspn(at, " \n");
    }
    return isalnum((unsigned char)*at) ||
                   (*at && strchr(".,", *at) && isdigit((unsigned char)at[1]))
               ? NULL : at;
}

/* Not in the middle of a word or a number. */
static inline bool may_begin(const struct page *page, const char *at)
{
    return at == page->text || !isalnum((unsigned char)*at) ||
           !(isalnum((unsigned char)at[-1]) || strchr("._-", at[-1]));
}

/* Words wherever they stand, the first of them to be looked at; false:
 * nowhere. */
static inline bool find_words(struct page *page, const char *words)
{
    page->number = NULL;
    if (strcmp(words, "*") == 0) {
        page->number = page->end = page->numbers;
        blank(page->left, page->left + strlen(page->left));
    }
    for (const char *at = page->text; *at; at++) {
        const char *end = may_begin(page, at) ? past_words(at, words) : NULL;
        if (!end)
            continue;
        if (!page->number) {
            page->number = page->numbers + (at - page->text);
            page->end = page->numbers + (end - page->text);
        }
        blank(page->left + (at - page->text), page->left + (end - page->text));
    }
    return page->number != NULL;
}

static inline size_t number_length(const char *c)
{
    size_t n = strspn(c, "0123456789");

    while (n > 0 && strchr(".,", c[n]) && isdigit((unsigned char)c[n + 1]))
        n += 1 + strspn(c + n + 1, "0123456789");
    if (c[n] != 'e')
        return n;
    const size_t sign = c[n + 1] == '-';
    const size_t digits = strspn(c + n + 1 + sign, "0123456789");
    return digits > 0 ? n + 1 + sign + digits : n;
}

/* A digit behind a letter, or a letter behind digits: "q4_1", "GPT-2",
 * "3x40". */
static inline bool is_of_a_name(const char *c, size_t n)
{
    const bool joined = c[-1] == '-' && isalpha((unsigned char)c[-2]);
    return isalnum((unsigned char)c[-1]) || c[-1] == '_' || joined ||
           isalpha((unsigned char)c[n]) || c[n] == '_';
}

/* A number that stands alone, before `end` or of this line. */
static inline bool next_number(const char **at, const char *end, double *number,
                        int *decimals)
{
    const char *c = *at;
    size_t n = 0;

    for (; *c && (end ? c < end : *c != '\n'); c += n ? n : 1)
        if ((n = number_length(c)) > 0 && isdigit((unsigned char)*c) &&
            !is_of_a_name(c, n))
            break;
    if (!*c || (end ? c >= end : *c == '\n'))
        return false;
    const bool negative = c[-1] == '-' && strchr(" ([|", c[-2]);
    char digits[64];
    size_t m = 0;
    for (size_t i = 0; i < n && m + 1 < sizeof digits; i++)
        if (c[i] != ',')
            digits[m++] = c[i];
    digits[m] = '\0';
    const char *dot = strchr(digits, '.'), *e = strchr(digits, 'e');
    *decimals = (dot ? (int)strspn(dot + 1, "0123456789") : 0) -
                (e ? (int)strtol(e + 1, NULL, 10) : 0);
    *number = (negative ? -1 : 1) * strtod(digits, NULL);
    *at = c + n;
    return true;
}

#endif
