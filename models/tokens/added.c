/* added.c - Look the patterns up where a byte begins one. */
#include "models/tokens/added.h"

#include <stdlib.h>

#include "models/tokens/utf8.h"

enum status added_create(struct added *added, size_t n, size_t bytes,
                         struct error *err)
{
    *added = (struct added){ 0 };
    enum status status = vocab_create(&added->pattern, n, bytes, false, err);

    if (status != STATUS_OK)
        return status;
    added->token = calloc(n + 1, sizeof *added->token);
    if (added->token)
        return STATUS_OK;
    added_free(added);
    return error_set(err, STATUS_NO_MEMORY, "%zu added tokens", n);
}

void added_free(struct added *added)
{
    if (!added->pattern.bytes)           /* there is none */
        return;
    vocab_free(&added->pattern);
    free(added->token);
    *added = (struct added){ 0 };
}

void added_put(struct added *added, const char *bytes, size_t size,
               struct added_token token)
{
    added->token[added->pattern.n] = token;
    vocab_add(&added->pattern, bytes, size, VOCAB_NORMAL);
    if (size > 0)
        added->begins[(unsigned char)bytes[0]] = true;
}

bool added_index(struct added *added, int32_t twice[2])
{
    return !added->token || vocab_index(&added->pattern, twice);
}

/* The character that ends where text[at] begins; false: none does. */
static bool before(uint32_t *code, size_t *begin, const char *text, size_t at)
{
    for (size_t n = 1; n <= 4 && n <= at; n++)
        if (utf8_decode(code, text + at - n, n) == n) {
            *begin = at - n;
            return true;
        }
    return false;
}

static bool alone(const char *text, size_t size, size_t at, size_t end)
{
    uint32_t code;
    size_t begin;

    if (before(&code, &begin, text, at) && utf8_is_word(code))
        return false;
    return end == size || utf8_decode(&code, text + end, size - end) == 0 ||
           !utf8_is_word(code);
}

/* Not over the end of the match before it. */
static void widen(struct added_match *match, const struct added_token *token,
                  const char *text, size_t size, size_t from)
{
    uint32_t code;
    size_t begin, n;

    if (token->left && match->at < from)
        match->at = from;
    while (token->left && before(&code, &begin, text, match->at) &&
           begin >= from && utf8_is_space(code))
        match->at = begin;
    while (token->right && match->end < size &&
           (n = utf8_decode(&code, text + match->end, size - match->end)) > 0 &&
           utf8_is_space(code))
        match->end += n;
}

bool added_next(struct added_match *match, const struct added *added,
                const char *text, size_t size, bool special)
{
    for (size_t at = match->look; added->token && at < size; ) {
        struct vocab_prefix prefix = { 0 };
        int32_t i, longest = -1;
        size_t end = at + 1;

        while (added->begins[(unsigned char)text[at]] &&
               (i = vocab_next_prefix(&added->pattern, text + at, size - at,
                                      &prefix)) >= 0) {
            longest = i;
            end = at + prefix.size;
        }
        const struct added_token *token = &added->token[longest < 0 ? 0
                                                                    : longest];
        if (longest >= 0 && (special || !token->special) &&
            (!token->single_word || alone(text, size, at, end))) {
            const size_t from = match->end;
            *match = (struct added_match){ token->id, at, end, end };
            widen(match, token, text, size, from);
            return true;
        }
        at = end;
    }
    return false;
}
