/* corpus.h - Mix texts by weight: draw training windows from them, and keep what
 * is held out of each apart. */
#ifndef CORPUS_H
#define CORPUS_H

#include "models/training/data.h"
#include "sim/core/config/config_key.h"

/* Texts under one tokenizer.  Owned: corpus_close(). */
struct corpus {
    int32_t n;
    struct data *data[CONFIG_PATHS_MAX];
    double  weight[CONFIG_PATHS_MAX];    /* chance that a window is of it; their
                                          * sum is 1 */
    char    hash[17];                    /* of all texts; of one: data_hash() */
    char    tokens_hash[17];             /* likewise, data_tokens_hash() */
};

/* Map the texts for windows of n_tokens; weights->n is 0 or theirs.  0: by the
 * bytes that each has to train on, as if they were one text.  STATUS_BAD_VALUE
 * where a text has no window to train or to validate on. */
enum status corpus_open(struct corpus *out, const struct config_paths *paths,
                        const struct config_real_list *weights,
                        int32_t n_tokens, const struct tokenizer *tokenizer,
                        double held_out, struct error *err) MUST_CHECK;
void        corpus_close(struct corpus *corpus);

/* data_batch() of training windows, each of a text drawn by weight; one text
 * draws nothing more than its windows.  Their starts go to start[B], NULL:
 * nobody asks. */
int64_t corpus_batch(const struct corpus *corpus, struct random *random,
                     int32_t n_sequences, int32_t n_tokens, int64_t *start,
                     int32_t *inputs /* [B,T] */, int32_t *targets /* [B,T] */);

/* Tokens of all texts; 0 where bytes are the tokens. */
int64_t corpus_tokens(const struct corpus *corpus);

#endif
