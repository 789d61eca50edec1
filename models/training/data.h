/* data.h - Read a text as bytes or tokens, split for training and for judging.
 *
 * The text is cut into blocks of DATA_BLOCK bytes.  The content of a block
 * decides where it belongs: XXH64 of its bytes, seed 0, modulo 20 is 0:
 * validation, 1: test, else training.  So the split needs no file of its own,
 * is the same on every machine, and a block that occurs twice never stands on
 * both sides.  The last block, if it is not whole, is training.  More may be held
 * out: 2 is validation and 3 test then, and so on, so that what is held out of
 * one is held out of every larger share.
 *
 * A window is T + 1 bytes in a row: T inputs and, one further, T targets.  It
 * lies wholly inside a run, the adjacent blocks of one split, so no byte of a
 * training window is ever a byte of another split.
 *
 * With a tokenizer each run is encoded by itself, and a window is T + 1 tokens
 * of one run; or, if the tokenizer puts a token before a text, T, and that
 * token is the first input.  The edge of a run may cut a word. */
#ifndef DATA_H
#define DATA_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/base/error.h"
#include "sim/core/base/random.h"

enum { DATA_BLOCK = 4096, DATA_VOCAB = 256 };
#define DATA_HELD_OUT 0.1        /* share of blocks, of a small or a large text */

enum split { SPLIT_TRAIN, SPLIT_VALIDATION, SPLIT_TEST, SPLIT_COUNT };
extern const char *const split_names[SPLIT_COUNT];

struct data;                     /* opaque: data.c */
struct tokenizer;

/* The share to hold out of texts of so many bytes, unless another is asked for:
 * DATA_HELD_OUT, or the fewest tenths that are 1 MB, which tells small differences
 * of loss, where these are no more than three: training then has lost two of its
 * nine. */
double data_held_out(int64_t bytes);

/* Map the text at `path` for windows of n_tokens (T).  STATUS_BAD_VALUE where
 * the training or the validation split has no room for a single window.  Caller
 * releases *out with data_close(); NULL is fine. */
enum status data_open(struct data **out, const char *path, int32_t n_tokens,
                      struct error *err) MUST_CHECK;
/* The same in tokens; `tokenizer` is borrowed until data_close(), NULL: bytes.
 * The share of blocks that validation and test take together is rounded to
 * tenths, 0.1 to 0.5; less is 0.1. */
enum status data_open_tokens(struct data **out, const char *path,
                             int32_t n_tokens,
                             const struct tokenizer *tokenizer,
                             double held_out, struct error *err) MUST_CHECK;
void        data_close(struct data *data);

/* Check that a split has a window at all; STATUS_BAD_VALUE otherwise, with the
 * sizes of the text, the split and its longest run.  data_open() has checked
 * training and validation. */
enum status data_require(const struct data *data, enum split split,
                         struct error *err) MUST_CHECK;

/* XXH64 of the whole text, 16 hexadecimal digits as xxh64sum prints them.
 * Owned by `data`. */
const char *data_hash(const struct data *data);
int64_t     data_size(const struct data *data, enum split split);   /* bytes */
/* Tokens of all splits, and XXH64 of their ids; 0 and "" where bytes are the
 * tokens. */
int64_t     data_tokens(const struct data *data);
const char *data_tokens_hash(const struct data *data);

/* A window's start is the position of its first token among all of the text, or
 * with a tokenizer among those of all runs; token t of it has position start + t,
 * and where a token of its own leads the window, that of the token after it. */
int64_t data_positions(const struct data *data);

/* Draw the start of a window, every one in the split equally likely.
 * O(log runs).  The split must have a window. */
int64_t data_draw(const struct data *data, enum split split,
                  struct random *random);
/* Copy the window of n_tokens (T) that begins there.  Returns the number of bytes
 * of its targets together. */
int64_t data_copy(const struct data *data, enum split split, int64_t start,
                  int32_t n_tokens, int32_t *inputs /* [T] */,
                  int32_t *targets /* [T] */);

/* Draw n_sequences (B) windows; overlaps allowed.  Allocates nothing.  Returns
 * the number of bytes of all targets together. */
int64_t data_batch(const struct data *data, enum split split,
                   struct random *random, int32_t n_sequences,
                   int32_t *inputs /* [B,T] */, int32_t *targets /* [B,T] */);

/* Count the fixed windows of an evaluation, in the order of the text: from the
 * start of each run, one every T tokens, so that none is a target twice.
 * n_tokens (T) need not be that of data_open().  data_window() returns its
 * targets' bytes. */
int64_t data_windows(const struct data *data, enum split split,
                     int32_t n_tokens);
int64_t data_window_start(const struct data *data, enum split split, int64_t i,
                          int32_t n_tokens);
int64_t data_window(const struct data *data, enum split split, int64_t i,
                    int32_t n_tokens, int32_t *inputs /* [T] */,
                    int32_t *targets /* [T] */);

/* The same windows, and where they leave a rest of a run, one more that ends
 * with it: together they hold every token that a window may.  The i-th begins at
 * *start, and its first *held tokens are those of the one before. */
int64_t data_covers(const struct data *data, enum split split,
                    int32_t n_tokens);
void    data_cover(const struct data *data, enum split split, int64_t i,
                   int32_t n_tokens, int64_t *start, int32_t *held);

#endif
