/* tokenizer_bpe.c - Merge the bytes of each word, the pair of lowest rank
 * first. */
#include "models/tokens/tokenizer_bpe.h"

#include "models/tokens/join.h"

static bool by_rank(const struct join_rule *rule, const struct symbol *left,
                    const struct symbol *right, uint32_t *order, int32_t *id)
{
    const struct merge *merge = merges_find(rule->context, left->id, right->id);

    if (!merge)
        return false;
    *order = merge->rank;
    *id = merge->id;
    return true;
}

enum status tokenizer_bpe_word(void *encoder, const char *word, size_t size,
                               struct error *err)
{
    struct encoder *e = encoder;
    const struct vocab *vocab = &e->parts->vocab;
    struct join_rule rule = { by_rank, &e->parts->merges, word };

    if (e->parts->whole_words) {
        int32_t id = vocab_find(vocab, word, size);
        if (id >= 0)
            return ids_push(e->ids, id, err);
    }
    enum status status = join_reset(&e->join, size, err);
    for (size_t i = 0; status == STATUS_OK && i < size; i++) {
        unsigned char byte = (unsigned char)word[i];
        int32_t id = vocab->byte_id[byte];
        struct symbol *last = i > 0 ? &e->join.symbol[e->join.n - 1] : NULL;
        if (id < 0 && vocab->unknown >= 0 && e->parts->fuse_unknown && last &&
            last->id == vocab->unknown) {
            last->size++;
            continue;
        }
        id = id < 0 ? vocab->unknown : id;
        if (id < 0)
            return error_set(err, STATUS_BAD_VALUE, "byte 0x%02x of the text"
                             " has no token in this vocabulary", byte);
        join_push(&e->join, (uint32_t)i, 1, id);
    }
    if (status == STATUS_OK)
        join_run(&e->join, &rule);
    for (int32_t i = 0; status == STATUS_OK && i >= 0;
         i = e->join.symbol[i].next)
        status = ids_push(e->ids, e->join.symbol[i].id, err);
    return status;
}
