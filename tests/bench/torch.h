/* torch.h - Train the bench's dense GPT-2 shapes in PyTorch, beside ours. */
#ifndef TORCH_H
#define TORCH_H

#include "sim/core/model/spec.h"
#include "tests/bench/helper.h"

/* helper_run() takes steps of training; its text is the version.  False: no
 * python3 here imports torch. */
bool torch_open(struct helper *out, const struct model_spec *spec,
                int32_t n_tokens, int32_t n_sequences, int n_threads);

#endif
