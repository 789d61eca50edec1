/* table.c - List this variant's kernels in one table. */
#include "models/kernels/kernel.h"

#define KERNEL_STRING(x) #x
#define KERNEL_TEXT(x) KERNEL_STRING(x)

extern const struct kernels KERNEL(kernels);
const struct kernels KERNEL(kernels) = {
    KERNEL_TEXT(VARIANT),
    REGISTER_LANES,
#define X(name) KERNEL(name),
    KERNEL_LIST(X)
#undef X
};
