/* corpus.c - Open texts, weigh them, and draw from them. */
#include "models/training/corpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static void weigh(struct corpus *c, const struct config_real_list *weights)
{
    double sum = 0.0;

    for (int32_t i = 0; i < c->n; i++) {
        c->weight[i] = weights->n > 0 ? weights->value[i]
                                      : (double)data_size(c->data[i],
                                                          SPLIT_TRAIN);
        sum += c->weight[i];
    }
    for (int32_t i = 0; i < c->n; i++)
        c->weight[i] /= sum;
}

/* One hash of the texts' hashes, or the only one there is. */
static void join_hashes(char out[17], const struct corpus *c,
                        const char *(*hash)(const struct data *))
{
    char joined[CONFIG_PATHS_MAX * 16 + 1] = "";

    for (int32_t i = 0; i < c->n; i++)
        strcat(joined, hash(c->data[i]));
    if (strlen(joined) <= 16)
        strcpy(out, joined);
    else
        snprintf(out, 17, "%016" PRIx64,
                 (uint64_t)XXH64(joined, strlen(joined), 0));
}

enum status corpus_open(struct corpus *out, const struct config_paths *paths,
                        const struct config_real_list *weights,
                        int32_t n_tokens, const struct tokenizer *tokenizer,
                        double held_out, struct error *err)
{
    struct corpus c = { 0 };
    enum status status = STATUS_OK;

    for (; c.n < paths->n && status == STATUS_OK; c.n++)
        status = data_open_tokens(&c.data[c.n], paths->value[c.n], n_tokens,
                                  tokenizer, held_out, err);
    if (status != STATUS_OK) {
        corpus_close(&c);
        return status;
    }
    weigh(&c, weights);
    join_hashes(c.hash, &c, data_hash);
    join_hashes(c.tokens_hash, &c, data_tokens_hash);
    *out = c;
    return STATUS_OK;
}

void corpus_close(struct corpus *c)
{
    for (int32_t i = 0; i < c->n; i++)
        data_close(c->data[i]);
    c->n = 0;
}

static int32_t draw_text(const struct corpus *c, struct random *random)
{
    double left = random_uniform(random);
    int32_t i = 0;

    while (i < c->n - 1 && left >= c->weight[i])
        left -= c->weight[i++];
    return i;
}

int64_t corpus_batch(const struct corpus *c, struct random *random,
                     int32_t n_sequences, int32_t n_tokens, int64_t *start,
                     int32_t *inputs, int32_t *targets)
{
    int64_t bytes = 0;

    for (int32_t b = 0; b < n_sequences; b++) {
        const int32_t text = c->n > 1 ? draw_text(c, random) : 0;
        const size_t at = (size_t)b * (size_t)n_tokens;
        const int64_t from = data_draw(c->data[text], SPLIT_TRAIN, random);
        bytes += data_copy(c->data[text], SPLIT_TRAIN, from, n_tokens,
                           inputs + at, targets + at);
        if (start)
            start[b] = from;
    }
    return bytes;
}

int64_t corpus_tokens(const struct corpus *c)
{
    int64_t tokens = 0;

    for (int32_t i = 0; i < c->n; i++)
        tokens += data_tokens(c->data[i]);
    return tokens;
}
