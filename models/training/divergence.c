/* divergence.c - Find the tensor in which numbers went out of bounds. */
#include "models/training/divergence.h"

#include <math.h>

#include "models/files/checkpoint.h"

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static const struct tensor *find_spoiled(struct model *m, bool gradient)
{
    const struct tensor_list *list = model_tensors(m);

    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *t = &list->tensor[i];
        if (gradient ? t->trained &&
                           !all_finite(model_gradients(m) + t->learned_at, t->n)
                     : t->n_ranges == 0 &&
                           !all_finite(model_weights(m) + t->offset, t->n))
            return t;
    }
    return NULL;
}

enum status divergence_fail(struct model *m, int64_t step, const char *what,
                            double learning_rate, struct error *err)
{
    const struct tensor *weight = find_spoiled(m, false);
    const struct tensor *gradient = weight ? NULL : find_spoiled(m, true);
    const struct tensor *first = weight ? weight : gradient;
    char name[CHECKPOINT_NAME_SIZE] = "";

    if (first)
        checkpoint_name(name, model_spec(m), first);
    return error_set(err, STATUS_FAILED, "training diverged at step %lld: %s%s%s;"
                     " checkpoints of before are as they were; lower"
                     " train.learning_rate (%g), or train.clip",
                     (long long)step, what,
                     !first   ? ""
                     : weight ? "; Inf or NaN stands in the weight "
                              : "; Inf or NaN stands in the gradient of ",
                     name, learning_rate);
}
