/* byte_level.c - Map bytes to characters and back. */
#include "models/tokens/byte_level.h"

#include <stdint.h>

#include "models/tokens/utf8.h"

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

bool byte_level_bytes(char *out, size_t *n, const char *text, size_t size)
{
    *n = 0;
    for (size_t at = 0, step; at < size; at += step) {
        uint32_t code = 0;
        step = utf8_decode(&code, text + at, size - at);
        int byte = step > 0 ? byte_of(code) : -1;
        if (byte < 0)
            return false;
        out[(*n)++] = (char)byte;
    }
    return true;
}

size_t byte_level_spell(char *out, const char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++) {
        const unsigned byte = (unsigned char)text[i];
        const unsigned code = byte <= 0x20 ? byte + 0x100 :
                              byte == 0xad ? 0x143 :
                              byte >= 0x7f && byte <= 0xa0 ? byte - 0x7f + 0x121
                                                           : byte;
        if (code >= 0x80)
            out[n++] = (char)(0xc0 | code >> 6);
        out[n++] = (char)(code >= 0x80 ? 0x80 | (code & 0x3f) : code);
    }
    return n;
}
