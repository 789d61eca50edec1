/* tokenizer_unigram.c - Find the best way through the tokens of a text, from the
 * first byte to the last, and walk it back. */
#include "models/tokens/tokenizer_unigram.h"

#include "models/tokens/tokenizer_spm.h"
#include "models/tokens/utf8.h"

/* The best way that ends at a byte. */
struct node {
    double  score;
    int32_t id;                  /* of its last token, which begins at `from`;
                                  * the unknown one, or -1, for none */
    int32_t from;                /* -1: no way ends here */
};

/* Less than the least token by so much is a character without one. */
static const double penalty = 10.0;

/* Rounding tells ways of equal scores apart. */
static void reach(struct node *node, int32_t from, int32_t id, double score,
                  bool narrow)
{
    const double sum = narrow ? (double)(float)score : score;

    if (node->from < 0 || sum > node->score)
        *node = (struct node){ sum, id, from };
}

/* "<0x0A>" in a text is the token so spelled: `tokenizers` has those of bytes
 * among the others, SentencePiece has not. */
static void reach_byte(struct node *node, size_t at,
                       const struct tokenizer_parts *parts, const char *text,
                       size_t size)
{
    enum { SPELLED = 6 };
    const int byte = parts->literal && size - at >= SPELLED
                         ? vocab_byte_of(text + at, SPELLED) : -1;
    const int32_t id = byte < 0 ? -1 : parts->vocab.byte_id[byte];

    if (id >= 0)
        reach(&node[at + SPELLED], (int32_t)at, id,
              node[at].score + parts->vocab.score[id], parts->narrow);
}

static void find_best(struct node *node, const struct tokenizer_parts *parts,
                      const char *text, size_t size)
{
    const struct vocab *vocab = &parts->vocab;
    const double exact = vocab->least - penalty,
                 unknown = parts->narrow ? (double)(float)exact : exact;
    uint32_t code;

    for (size_t i = 1; i <= size; i++)
        node[i].from = -1;
    node[0] = (struct node){ 0, -1, 0 };
    for (size_t at = 0, n; at < size; at += n) {
        struct vocab_prefix prefix = { 0 };
        const double score = node[at].score;
        bool single = false;
        int32_t id;

        n = utf8_decode(&code, text + at, size - at);
        n += n == 0;             /* no UTF-8: a byte of its own */
        while ((id = vocab_next_prefix(vocab, text + at, size - at,
                                       &prefix)) >= 0) {
            reach(&node[at + prefix.size], (int32_t)at, id,
                  score + vocab->score[id], parts->narrow);
            single |= prefix.size == n;
        }
        reach_byte(node, at, parts, text, size);
        if (!single)
            reach(&node[at + n], (int32_t)at, vocab->unknown,
                  score + unknown, parts->narrow);
    }
}

enum status tokenizer_unigram_word(void *encoder, const char *word, size_t size,
                                   struct error *err)
{
    struct encoder *e = encoder;
    const bool fuse = e->parts->fuse_unknown;
    const int32_t unknown = e->parts->vocab.unknown;
    enum status status = encoder_reserve(e, (size + 1) * sizeof(struct node),
                                         err);
    if (status != STATUS_OK)
        return status;
    struct node *node = (void *)e->scratch;
    find_best(node, e->parts, word, size);

    /* Turned round: from each token's start to its end. */
    for (int32_t end = (int32_t)size, next = -1; end > 0; ) {
        const int32_t from = node[end].from;
        node[end].from = next;
        next = end;
        end = from;
        if (from == 0)
            node[0].from = next;
    }
    for (int32_t at = 0; at < (int32_t)size && status == STATUS_OK; ) {
        int32_t end = node[at].from;
        const int32_t id = node[end].id;
        while (id == unknown && fuse && end < (int32_t)size &&
               node[node[end].from].id == unknown)
            end = node[end].from;
        /* The unknown token's own text is that token, not its bytes. */
        const int32_t token = id != unknown ? id : !e->parts->literal ? -1 :
                              vocab_find(&e->parts->vocab, word + at,
                                         (size_t)(end - at));
        status = token >= 0 ? ids_push(e->ids, token, err)
                            : tokenizer_spm_unknown(e, word + at,
                                                    (size_t)(end - at),
                                                    false, err);
        at = end;
    }
    return status;
}
