/* charsmap.c - Walk the double array.  A unit is a word of 32 bits: the label in
 * the low 8 with the top bit, "has a value" in bit 8, the offset in the rest;
 * a value is the low 31 bits. */
#include "models/tokens/charsmap.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the file is little-endian");

enum { HEADER = 4, UNIT = 4 };

enum status charsmap_open(struct charsmap *map, const unsigned char *bytes,
                          size_t size, struct error *err)
{
    uint32_t trie = 0;

    *map = (struct charsmap){ 0 };
    if (size >= HEADER)
        memcpy(&trie, bytes, HEADER);
    /* The texts end with a NUL. */
    if (size < HEADER || trie % UNIT != 0 || trie < UNIT ||
        trie > size - HEADER || size - HEADER - trie == 0 ||
        bytes[size - 1] != 0)
        return error_set(err, STATUS_BAD_FORMAT, "a table of characters of %zu"
                         " bytes that does not end where it says", size);
    map->n = trie / UNIT;
    map->size = size - HEADER - trie;
    map->unit = malloc(trie);
    map->texts = malloc(map->size);
    if (!map->unit || !map->texts) {
        charsmap_free(map);
        return error_set(err, STATUS_NO_MEMORY, "a table of characters");
    }
    memcpy(map->unit, bytes + HEADER, trie);
    memcpy(map->texts, bytes + HEADER + trie, map->size);
    return STATUS_OK;
}

void charsmap_free(struct charsmap *map)
{
    free(map->unit);
    free(map->texts);
    *map = (struct charsmap){ 0 };
}

static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

const char *charsmap_find(const struct charsmap *map, const char *text,
                          size_t size, bool longest, size_t *n)
{
    const char *found = NULL;
    size_t node = map->n > 0 ? offset_of(map->unit[0]) : 0;

    for (size_t i = 0; i < size && map->n > 0; i++) {
        const unsigned char byte = (unsigned char)text[i];
        node ^= byte;
        if (byte == 0 || node >= map->n ||
            (map->unit[node] & (1u << 31 | 0xff)) != byte)
            break;
        const uint32_t unit = map->unit[node];
        node ^= offset_of(unit);
        if (!(unit >> 8 & 1) || node >= map->n)
            continue;
        const uint32_t value = map->unit[node] & ~(1u << 31);
        if (value >= map->size)
            continue;
        found = map->texts + value;
        *n = i + 1;
        if (!longest)
            break;
    }
    return found;
}
