/* llama2c.h - Read models in the formats of llama2.c.  Version 0:
 *
 *   i32 dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len
 *   f32 token embedding [V,C], then for all layers in a row: norm [C]; wq
 *       [Q,C]; wk, wv [E,C]; wo [C,Q]; norm [C]; w1 (gate) [F,C]; w2 [C,F];
 *       w3 (up) [F,C]; final norm [C]; RoPE cosines and sines [T,D/2] each,
 *       not used; the head [V,C], unless it is tied
 *
 * A vocab_size below 0 says that the head is not tied.  Versions 1 and 2:
 *
 *   u32 0x616b3432, i32 version, the same seven numbers, u8 whether the head is
 *       tied, i32 numbers of a group (version 2), zeros up to byte 256
 *   f32 for all layers in a row: norm, then the other norm; the final norm;
 *       then token embedding, wq, wk, wv, wo, w1, w2, w3, head: in version 2
 *       int8 numbers, and behind those of each tensor a f32 a group, which
 *       they are multiplied with
 *
 * RoPE turns neighbours,
 * theta is 10000, the norms' epsilon 1e-5.  run.c and export.py of
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
