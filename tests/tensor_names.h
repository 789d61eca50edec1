/* tensor_names.h - Name tensors in messages. */
#ifndef TENSOR_NAMES_H
#define TENSOR_NAMES_H

#include "models/executor/tensor.h"

static const char *const tensor_names[TENSOR_COUNT] = {
#define X(id, rows, columns, decays) [TENSOR_##id] = #id,
    TENSOR_MAP(X)
#undef X
};

#endif
