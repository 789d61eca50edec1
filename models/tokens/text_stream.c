/* text_stream.c - Hold the bytes of a character until it is whole. */
#include "models/tokens/text_stream.h"

#include <stdint.h>

/* By the first byte: bytes of the character and the range of its second, which
 * is narrower where a shorter form, a surrogate or nothing would be meant (The
 * Unicode Standard, table 3-7). */
static const struct form {
    unsigned char first, last, bytes, low, high;
} forms[] = {
    { 0x00, 0x7f, 1, 0x00, 0x00 },
    { 0xc2, 0xdf, 2, 0x80, 0xbf },
    { 0xe0, 0xe0, 3, 0xa0, 0xbf },
    { 0xe1, 0xec, 3, 0x80, 0xbf },
    { 0xed, 0xed, 3, 0x80, 0x9f },
    { 0xee, 0xef, 3, 0x80, 0xbf },
    { 0xf0, 0xf0, 4, 0x90, 0xbf },
    { 0xf1, 0xf3, 4, 0x80, 0xbf },
    { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

/* Bytes of the character that hold[n] begins; 0: it begins none. */
static size_t length_of(const unsigned char *hold, size_t n)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct form *f = &forms[i];
        if (hold[0] < f->first || hold[0] > f->last)
            continue;
        if (n > 1 && (hold[1] < f->low || hold[1] > f->high))
            return 0;
        for (size_t k = 2; k < n; k++)
            if (hold[k] < 0x80 || hold[k] > 0xbf)
                return 0;
        return f->bytes;
    }
    return 0;
}

static uint32_t code_of(const unsigned char *c, size_t n)
{
    uint32_t code = n == 1 ? c[0] : c[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (c[i] & 0x3fu);
    return code;
}

static bool obeyed(uint32_t code)
{
    return (code < 0x20 && code != '\n' && code != '\t') ||
           (code >= 0x7f && code < 0xa0) ||
           (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

static void write_character(struct text_stream *s)
{
    uint32_t code = code_of(s->hold, s->held);

    if (s->escape && obeyed(code))
        fprintf(s->file, code < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)code);
    else
        fwrite(s->hold, 1, s->held, s->file);
    s->held = 0;
}

static void write_replacement(struct text_stream *s)
{
    fputs("\xef\xbf\xbd", s->file);
    s->held = 0;
}

void text_stream_put(struct text_stream *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        s->hold[s->held++] = (unsigned char)bytes[i];
        size_t length = length_of(s->hold, s->held);
        if (length == 0 && s->held > 1) {
            /* The new byte does not belong to those held: it begins anew. */
            write_replacement(s);
            s->hold[s->held++] = (unsigned char)bytes[i];
            length = length_of(s->hold, s->held);
        }
        if (length == 0)
            write_replacement(s);
        else if (length == s->held)
            write_character(s);
    }
}

void text_stream_end(struct text_stream *s)
{
    if (s->held > 0)
        write_replacement(s);
}
