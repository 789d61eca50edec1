/* answer.c - Gather what a command printed and wrote, and compare it with what
 * undisturbed runs of the same command did. */
#include "tests/torture/answer.h"

#include <ctype.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "tests/torture/ordeal.h"

enum { MOST_REFERENCES = 8, HASH_SIZE = 24 };

/* ---- gathering ---- */

static void add_file(struct answer *out, const char *path)
{
    const size_t room = sizeof(char *) * ((size_t)out->n + 1);
    size_t size = 0;
    char *text = file_whole(path, &size);

    if (!text)
        return;
    if (memchr(text, '\0', size)) {
        const uint64_t hash = XXH64(text, size, 0);
        free(text);
        if ((text = malloc(HASH_SIZE)))
            snprintf(text, HASH_SIZE, "%016" PRIx64 " 0\n", hash);
    }
    out->name = realloc(out->name, room);
    out->text = realloc(out->text, room);
    char *name = strdup(path);
    if (!text || !name || !out->name || !out->text)
        ordeal_fail("find memory for", path);
    out->name[out->n] = name;
    out->text[out->n++] = text;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

void answer_gather(struct answer *out, const char *printed,
                   const char *directory)
{
    char *const roots[] = { (char *)(size_t)directory, NULL };
    FTSENT *entry;

    *out = (struct answer){ .n = 0 };
    if (printed)
        add_file(out, printed);
    FTS *tree = directory ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name)
                          : NULL;
    while (tree && (entry = fts_read(tree)))
        if (entry->fts_info == FTS_F && strcmp(entry->fts_name, ".lock") != 0)
            add_file(out, entry->fts_path);
    if (tree)
        fts_close(tree);
}

void answer_close(struct answer *answer)
{
    for (int i = 0; i < answer->n; i++) {
        free(answer->name[i]);
        free(answer->text[i]);
    }
    free(answer->name);
    free(answer->text);
    *answer = (struct answer){ .n = 0 };
}

/* ---- comparing ---- */

struct word { const char *text; size_t size; };

static bool of_number(unsigned char c)
{
    return isalnum(c) || c >= 0x80 || (c && strchr("_.+-:", c));
}

/* A blank stands for any space: columns are as wide as what is in them. */
static struct word next_word(const char **at)
{
    const char *from = *at;
    const unsigned char *c = (const unsigned char *)from;

    if (isspace(*c)) {
        while (isspace(*c))
            c++;
        *at = (const char *)c;
        return (struct word){ " ", 1 };
    }
    if (!of_number(*c))
        c += *c != '\0';
    else
        while (of_number(*c))
            c++;
    *at = (const char *)c;
    return (struct word){ from, (size_t)(*at - from) };
}

static bool same_word(struct word a, struct word b)
{
    return a.size == b.size && memcmp(a.text, b.text, a.size) == 0;
}

static bool has_digit(struct word w)
{
    for (size_t i = 0; i < w.size; i++)
        if (isdigit((unsigned char)w.text[i]))
            return true;
    return false;
}

static bool is(struct word w, const char *text)
{
    return w.size == strlen(text) && memcmp(w.text, text, w.size) == 0;
}

static bool tells_load(struct word w)
{
    return is(w, "busy") || is(w, "measured");
}

/* The load of points.csv: seconds of CPU, steal and waiting, and busy. */
enum { LOAD_COLUMNS = 4 };

static bool in_last_columns(const char *after)
{
    int commas = 0;

    for (; *after && *after != '\n'; after++)
        commas += *after == ',';
    return commas < LOAD_COLUMNS;
}

/* Others beside it make a run busy, and a read that fails leaves their times
 * unknown: that is no other answer.  `points`: the text is points.csv. */
static bool by_load(struct word key, struct word word, struct word usual,
                    const char *after, bool points)
{
    return (tells_load(word) && tells_load(usual)) || is(key, "busy") ||
           ((is(word, "null") || has_digit(word)) &&
            (is(key, "steal_seconds") || is(key, "waiting_seconds"))) ||
           (points && has_digit(word) && has_digit(usual) &&
            in_last_columns(after));
}

/* The place in `text` at which it is none of the others; NULL: it is. */
static const char *difference(const char *text, const char **others, int n,
                              bool points)
{
    struct word key = { "", 0 };

    for (const char *at = text;;) {
        const char *began = at;
        const struct word word = next_word(&at),
            first = next_word(&others[0]);
        bool fixed = true, number = has_digit(first);
        for (int i = 1; i < n; i++) {
            const struct word other = next_word(&others[i]);
            fixed &= same_word(first, other);
            number &= has_digit(other);
        }
        if ((fixed ? !same_word(word, first) : number && !has_digit(word)) &&
            !by_load(key, word, first, at, points))
            return began;
        if (isalpha((unsigned char)*word.text))
            key = word;
        if (word.size == 0)
            return NULL;
    }
}

static const char *text_of(const struct answer *a, const char *name)
{
    for (int i = 0; i < a->n; i++)
        if (strcmp(a->name[i], name) == 0)
            return a->text[i];
    return NULL;
}

static bool same_file(const struct answer *a, int i,
                      const struct answer *reference, int n, char *where,
                      size_t room)
{
    const char *others[MOST_REFERENCES] = { NULL };

    for (int r = 0; r < n; r++)
        if (!(others[r] = text_of(&reference[r], a->name[i]))) {
            snprintf(where, room, "%s: undisturbed, there is none", a->name[i]);
            return false;
        }
    const char *at = difference(a->text[i], others, n,
                                strstr(a->name[i], "points.csv") != NULL);
    if (!at)
        return true;
    int line = 1;
    for (const char *c = a->text[i]; c < at; c++)
        line += *c == '\n';
    while (at > a->text[i] && at[-1] != '\n')
        at--;
    snprintf(where, room, "%s:%d: %.*s", a->name[i], line,
             (int)strcspn(at, "\r\n"), at);
    return false;
}

bool answer_same(const struct answer *answer, const struct answer *reference,
                 int n, bool whole, char *where, size_t room)
{
    for (int i = 0; i < answer->n; i++)
        if (!same_file(answer, i, reference, n, where, room))
            return false;
    for (int i = 0; whole && i < reference->n; i++)
        if (!text_of(answer, reference->name[i])) {
            snprintf(where, room, "%s: there is none", reference->name[i]);
            return false;
        }
    return true;
}
