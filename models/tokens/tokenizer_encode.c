/* tokenizer_encode.c - Take added tokens out of a text, normalise and cut what is
 * between them, and hand the words to the tokenizer's kind. */
#include <stdlib.h>
#include <string.h>

#include "models/tokens/tokenizer_bpe.h"
#include "models/tokens/tokenizer_parts.h"
#include "models/tokens/tokenizer_spm.h"
#include "models/tokens/tokenizer_unigram.h"

#define UNDERLINE "\xe2\x96\x81"

/* A text on its way to ids. */
struct passage {
    struct encoder encoder;
    bool special;
};

static splitter_word *const kinds[TOKENIZER_KINDS] = {
    [TOKENIZER_BPE] = tokenizer_bpe_word, [TOKENIZER_SPM] = tokenizer_spm_word,
    [TOKENIZER_UNIGRAM] = tokenizer_unigram_word,
};

/* A word with spaces for U+2581, as the vocabulary has them. */
static enum status encode_word(void *user, const char *word, size_t size,
                               struct error *err)
{
    struct encoder *e = user;
    size_t n = 0;

    if (!e->parts->underline)
        return kinds[e->parts->kind](e, word, size, err);
    char *plain = malloc(size);
    if (!plain)
        return error_set(err, STATUS_NO_MEMORY, "a text of %zu bytes", size);
    for (size_t i = 0; i < size; i++)
        if (size - i >= 3 && memcmp(word + i, UNDERLINE, 3) == 0) {
            plain[n++] = ' ';
            i += 2;
        } else {
            plain[n++] = word[i];
        }
    enum status status = kinds[e->parts->kind](e, plain, n, err);
    free(plain);
    return status;
}

/* [at, end) of a text, with no added token in it; `first` as in splitter.h. */
typedef enum status part_encoder(struct passage *p, const char *text,
                                 size_t size, bool first, struct error *err);

static enum status encode_between(struct passage *p, const char *text,
                                  size_t size, bool first, struct error *err)
{
    return splitter_cut(&p->encoder.parts->splitter, text, size, first,
                        encode_word, &p->encoder, err);
}

/* Take added tokens where they stand, and encode the text between them. */
static enum status encode_around(struct passage *p, const struct added *added,
                                 const char *text, size_t size, bool first,
                                 part_encoder *encode, struct error *err)
{
    struct added_match match = { 0 };
    size_t from = 0;
    enum status status = STATUS_OK;

    while (status == STATUS_OK &&
           added_next(&match, added, text, size, p->special)) {
        if (match.at > from)
            status = encode(p, text + from, match.at - from,
                            first && from == 0, err);
        if (status == STATUS_OK && match.at < match.end)
            status = ids_push(p->encoder.ids, match.id, err);
        from = match.end;
    }
    if (status == STATUS_OK && size > from)
        status = encode(p, text + from, size - from, first && from == 0, err);
    return status;
}

static enum status encode_raw(struct passage *p, const char *text, size_t size,
                              bool first, struct error *err)
{
    const struct tokenizer_parts *parts = p->encoder.parts;
    char *normal = NULL;
    enum status status = STATUS_OK;

    if (parts->normalizer.n > 0) {
        status = normalizer_run(&parts->normalizer, &normal, &size, text, size,
                                err);
        text = normal;
    }
    if (status == STATUS_OK)
        status = encode_around(p, &parts->added[1], text, size, first,
                               encode_between, err);
    free(normal);
    return status;
}

static enum status check_known(const struct tokenizer_parts *parts,
                               const int32_t *id, size_t n, struct error *err)
{
    const struct vocab *vocab = &parts->vocab;

    for (size_t i = 0; i < n && parts->n_model > 0; i++)
        if (id[i] >= parts->n_model) {
            const int size = (int)vocab_size_of(vocab, id[i]);
            error_set(err, STATUS_BAD_VALUE, "token %d, %.*s, stands in the"
                      " text: the model has %d tokens", id[i],
                      size < 64 ? size : 64, vocab->bytes + vocab->at[id[i]],
                      parts->n_model);
            error_make_printable(err);
            return STATUS_BAD_VALUE;
        }
    return STATUS_OK;
}

enum status tokenizer_encode_parts(const struct tokenizer_parts *parts,
                                   const char *text, size_t size, bool special,
                                   struct ids *ids, struct error *err)
{
    struct passage p = { { .parts = parts, .ids = ids }, special };
    const size_t before = ids->n;
    enum status status = encode_around(&p, &parts->added[0], text, size, true,
                                       encode_raw, err);

    encoder_free(&p.encoder);
    return status == STATUS_OK
               ? check_known(parts, ids->id + before, ids->n - before, err)
               : status;
}
