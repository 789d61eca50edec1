/* vocab.c - Keep tokens and merges in two hash tables with open addressing, at
 * most half full. */
#include "models/tokens/vocab.h"

#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' :
           c >= 'A' && c <= 'F' ? c - 'A' + 10 :
           c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int vocab_byte_of(const char *text, size_t size)
{
    if (size != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>' ||
        hex(text[3]) < 0 || hex(text[4]) < 0)
        return -1;
    return hex(text[3]) * 16 + hex(text[4]);
}

static uint32_t slots_for(size_t n)
{
    uint32_t slots = 2;

    while (slots < 2 * n)
        slots *= 2;
    return slots;
}

enum status vocab_create(struct vocab *vocab, size_t n, size_t bytes,
                         bool scored, struct error *err)
{
    *vocab = (struct vocab){ .bos = -1, .eos = -1, .unknown = -1 };
    memset(vocab->byte_id, -1, sizeof vocab->byte_id);
    if (n >= INT32_MAX / 2 || bytes >= UINT32_MAX)
        return error_set(err, STATUS_BAD_VALUE, "%zu tokens of %zu bytes: too"
                         " many", n, bytes);
    vocab->bytes = malloc(bytes + 1);
    vocab->at = calloc(n + 1, sizeof *vocab->at);
    vocab->role = malloc(n + 1);
    vocab->in_words = malloc(n + 1);
    vocab->score = scored ? calloc(n + 1, sizeof *vocab->score) : NULL;
    vocab->mask = slots_for(n) - 1;
    vocab->slot = malloc(((size_t)vocab->mask + 1) * sizeof *vocab->slot);
    if (vocab->bytes && vocab->at && vocab->role && vocab->in_words &&
        vocab->slot && (vocab->score || !scored))
        return STATUS_OK;
    vocab_free(vocab);
    return error_set(err, STATUS_NO_MEMORY, "a vocabulary of %zu tokens", n);
}

void vocab_free(struct vocab *vocab)
{
    free(vocab->bytes);
    free(vocab->at);
    free(vocab->role);
    free(vocab->in_words);
    free(vocab->score);
    free(vocab->slot);
    *vocab = (struct vocab){ .bos = -1, .eos = -1, .unknown = -1 };
}

size_t vocab_memory(const struct vocab *v)
{
    if (!v->at)
        return 0;
    return v->at[v->n] + ((size_t)v->mask + 1) * sizeof *v->slot +
           (size_t)v->n * (sizeof *v->at + sizeof *v->role +
                           sizeof *v->in_words +
                           (v->score ? sizeof *v->score : 0));
}

void vocab_add(struct vocab *vocab, const char *bytes, size_t size,
               enum vocab_role role)
{
    uint32_t at = vocab->at[vocab->n];

    if (bytes != vocab->bytes + at)      /* they may be there already */
        memmove(vocab->bytes + at, bytes, size);
    vocab->in_words[vocab->n] = role == VOCAB_NORMAL;
    vocab->role[vocab->n++] = (uint8_t)role;
    vocab->at[vocab->n] = at + (uint32_t)size;
}

/* FNV-1a, 32 bits: RFC 9923; the last step spreads the low bits. */
static const uint32_t HASH_START = 2166136261u;

static uint32_t hash_on(uint32_t h, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)bytes[i]) * 16777619u;
    return h;
}

/* The slot of a token with these bytes, or the empty one where it belongs. */
static uint32_t slot_of(const struct vocab *vocab, uint32_t hash,
                        const char *bytes, size_t size)
{
    uint32_t i = (hash ^ hash >> 15) & vocab->mask;

    for (;; i = (i + 1) & vocab->mask) {
        int32_t id = vocab->slot[i];
        if (id < 0 || (vocab_size_of(vocab, id) == size &&
                       memcmp(vocab->bytes + vocab->at[id], bytes, size) == 0))
            return i;
    }
}

bool vocab_index(struct vocab *vocab, int32_t twice[2])
{
    memset(vocab->slot, -1, ((size_t)vocab->mask + 1) * sizeof *vocab->slot);
    for (int32_t id = 0; id < vocab->n; id++) {
        uint32_t size = vocab_size_of(vocab, id);
        const char *bytes = vocab->bytes + vocab->at[id];

        if (vocab->score && (id == 0 || vocab->score[id] < vocab->least))
            vocab->least = vocab->score[id];
        if (vocab->role[id] == VOCAB_BYTE)
            vocab->byte_id[(unsigned char)bytes[0]] = id;
        if (!vocab->in_words[id] || size == 0)
            continue;
        uint32_t i = slot_of(vocab, hash_on(HASH_START, bytes, size), bytes,
                             size);
        if (vocab->slot[i] >= 0) {
            twice[0] = vocab->slot[i];
            twice[1] = id;
            return false;
        }
        vocab->slot[i] = id;
        if (size > vocab->longest)
            vocab->longest = size;
    }
    return true;
}

int32_t vocab_find(const struct vocab *vocab, const char *bytes, size_t size)
{
    if (size == 0 || size > vocab->longest)
        return -1;
    return vocab->slot[slot_of(vocab, hash_on(HASH_START, bytes, size), bytes,
                               size)];
}

int32_t vocab_next_prefix(const struct vocab *vocab, const char *text,
                          size_t size, struct vocab_prefix *prefix)
{
    if (prefix->size == 0)
        prefix->hash = HASH_START;
    while (prefix->size < size && prefix->size < vocab->longest) {
        prefix->hash = hash_on(prefix->hash, text + prefix->size++, 1);
        int32_t id = vocab->slot[slot_of(vocab, prefix->hash, text,
                                         prefix->size)];
        if (id >= 0)
            return id;
    }
    return -1;
}

enum status merges_create(struct merges *merges, size_t n, struct error *err)
{
    *merges = (struct merges){ 0 };
    if (n >= INT32_MAX / 2)
        return error_set(err, STATUS_BAD_VALUE, "%zu merges: too many", n);
    uint32_t slots = slots_for(n);
    merges->slot = calloc(slots, sizeof *merges->slot);
    if (!merges->slot)
        return error_set(err, STATUS_NO_MEMORY, "a table of %zu merges", n);
    merges->shift = 64;
    for (uint32_t s = slots; s > 1; s /= 2)
        merges->shift--;
    return STATUS_OK;
}

void merges_free(struct merges *merges)
{
    free(merges->slot);
    *merges = (struct merges){ 0 };
}

size_t merges_memory(const struct merges *merges)
{
    return merges->slot ? sizeof *merges->slot << (64 - merges->shift) : 0;
}

/* Multiplicative hashing by 2^64 over the golden ratio: Knuth, The Art of
 * Computer Programming 3, 6.4. */
static struct merge *merge_slot(const struct merges *merges, uint64_t pair)
{
    uint64_t mask = ~0ull >> merges->shift;
    uint64_t i = pair * 0x9e3779b97f4a7c15u >> merges->shift;

    while (merges->slot[i].pair && merges->slot[i].pair != pair)
        i = (i + 1) & mask;
    return &merges->slot[i];
}

static uint64_t pair_of(int32_t left, int32_t right)
{
    return (uint64_t)left << 32 | (uint64_t)(right + 1);
}

bool merges_add(struct merges *merges, int32_t left, int32_t right, int32_t id)
{
    uint64_t pair = pair_of(left, right);
    struct merge *slot = merge_slot(merges, pair);

    if (slot->pair)
        return false;
    *slot = (struct merge){ pair, (uint32_t)merges->n++, id };
    return true;
}

const struct merge *merges_find(const struct merges *merges, int32_t left,
                                int32_t right)
{
    const struct merge *slot = merge_slot(merges, pair_of(left, right));

    return slot->pair ? slot : NULL;
}
