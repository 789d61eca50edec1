/* gguf_floats.c - Widen tensors of GGUF files to 32-bit floats. */
#include "models/files/gguf.h"

#include "models/files/numbers.h"

enum status gguf_number(enum number *out, const struct gguf_tensor *tensor,
                        struct error *err)
{
    /* One more than the number's type; 0: not read. */
    static const uint8_t type[GGUF_TYPE_END] = {
        [GGUF_F32] = 1 + NUMBER_F32,   [GGUF_F16] = 1 + NUMBER_F16,
        [GGUF_BF16] = 1 + NUMBER_BF16, [GGUF_Q8_0] = 1 + NUMBER_Q8_0,
        [GGUF_Q4_0] = 1 + NUMBER_Q4_0, [GGUF_Q4_1] = 1 + NUMBER_Q4_1,
        [GGUF_Q5_0] = 1 + NUMBER_Q5_0, [GGUF_Q5_1] = 1 + NUMBER_Q5_1,
        [GGUF_Q4_K] = 1 + NUMBER_Q4_K, [GGUF_Q5_K] = 1 + NUMBER_Q5_K,
        [GGUF_Q6_K] = 1 + NUMBER_Q6_K, [GGUF_Q2_K] = 1 + NUMBER_Q2_K,
        [GGUF_Q3_K] = 1 + NUMBER_Q3_K, [GGUF_IQ4_NL] = 1 + NUMBER_IQ4_NL,
        [GGUF_IQ4_XS] = 1 + NUMBER_IQ4_XS, [GGUF_MXFP4] = 1 + NUMBER_MXFP4,
    };

    if (type[tensor->type] == 0)
        return error_set(err, STATUS_BAD_VALUE, "tensor %s is %s: supported are"
                         " F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K,"
                         " Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS and MXFP4",
                         tensor->name,
                         gguf_type_name(tensor->type));
    *out = (enum number)(type[tensor->type] - 1);
    return STATUS_OK;
}

enum status gguf_floats(float *out, size_t n, const struct gguf_tensor *tensor,
                        struct error *err)
{
    enum number type = NUMBER_F32;
    enum status status = gguf_number(&type, tensor, err);

    if (status != STATUS_OK)
        return status;
    if (tensor->n != n)
        return error_set(err, STATUS_BAD_VALUE, "tensor %s has %llu numbers:"
                         " needed are %zu", tensor->name,
                         (unsigned long long)tensor->n, n);
    numbers_floats(type, out, n, tensor->data);
    return STATUS_OK;
}
