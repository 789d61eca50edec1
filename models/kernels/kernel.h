/* kernel.h - Start every kernel file: VARIANT names the instruction set that
 * this copy is compiled for. */
#ifndef KERNEL_H
#define KERNEL_H

#include "models/kernels/kernels.h"
#include "models/kernels/vec.h"

#define KERNEL_PASTE(name, variant) name##_##variant
#define KERNEL_NAME(name, variant) KERNEL_PASTE(name, variant)
#define KERNEL(name) KERNEL_NAME(name, VARIANT)

/* The index at which part `part` of `parts` of n things begins, in multiples of
 * `grain`; without a division where one thread does all. */
static inline int32_t slice(int32_t n, int32_t grain, int part, int parts)
{
    if (parts == 1)
        return part == 0 ? 0 : n;
    int64_t grains = (n + grain - 1) / grain;
    int64_t at = grains * part / parts * grain;
    return at < n ? (int32_t)at : n;
}

/* In the order of struct kernels. */
#define KERNEL_LIST(X)                                                         \
    X(gemm_scratch) X(attend_scratch) X(gemm) X(stored_gemm) X(sum_columns)    \
    X(norm) X(norm_backward) X(attend) X(attend_backward) X(attend_cached)     \
    X(fill_cache) X(carry) X(stream_signal) X(scale_queries) X(receive)        \
    X(receive_cached) X(qk_norm) X(qk_norm_dgamma) X(qk_norm_dx)               \
    X(rope) X(gelu) X(gelu_backward) X(gelu_erf) X(gelu_erf_backward)          \
    X(relu) X(relu_backward)                                                   \
    X(swiglu) X(swiglu_backward) X(geglu) X(geglu_backward) X(cap)             \
    X(embed) X(stored_embed) X(embed_backward) X(route) X(route_backward)      \
    X(router_input) X(predict) X(predict_backward)           \
    X(route_loss) X(route_loss_backward) X(gather) X(scatter)                  \
    X(scatter_add) X(take) X(gather_backward) X(softmax) X(choose_experts)     \
    X(choose_experts_backward) X(judge_experts)                                \
    X(weigh) X(weigh_backward) X(seed) X(combine) X(depths)                    \
    X(depths_backward) X(gate) X(gate_backward)                                \
    X(bypass) X(bypass_backward) X(loss) X(loss_backward) X(entropy)           \
    X(confidence) X(squares) X(sum) X(clip_scale) X(track) X(adamw)

#ifdef __cplusplus
extern "C" {
#endif

/* Each has the type of its member. */
#define X(name) __typeof__(*((struct kernels *)0)->name) KERNEL(name);
KERNEL_LIST(X)
#undef X

#ifdef __cplusplus
}
#endif

/* b and c dense in columns, no packing, one thread: for small tiles.  `far`: b
 * lies in memory, and is asked for ahead. */
void KERNEL(small_gemm)(const struct gemm *g, bool far);

#endif
