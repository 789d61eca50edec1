/* llama2c.h - Read models in the first float32 format of llama2.c.
 *
 *   i32 dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len
 *   f32 token embedding [V,C], then for all layers in a row: norm [C]; wq
 *       [Q,C]; wk, wv [E,C]; wo [C,Q]; norm [C]; w1 (gate) [F,C]; w2 [C,F];
 *       w3 (up) [F,C]; final norm [C]; RoPE cosines and sines [T,D/2] each,
 *       not used; the head [V,C], unless it is tied
 *
 * A vocab_size below 0 says that the head is not tied.  RoPE turns neighbours,
 * theta is 10000, the norms' epsilon 1e-5.  run.c and export.py (version 0) of
 * github.com/karpathy/llama2.c at 350e04f. */
#ifndef LLAMA2C_H
#define LLAMA2C_H

#include "models/executor/model.h"

/* The shape alone.  STATUS_BAD_FORMAT: a file that is not exactly as long as
 * its header says, or a header that says nothing sensible. */
enum status llama2c_spec(struct model_spec *out, const char *path,
                         struct error *err) MUST_CHECK;

/* Fill a model that was opened with that spec, or with one of its shape. */
enum status llama2c_import(struct model *model, const char *path,
                           struct error *err) MUST_CHECK;

#endif
