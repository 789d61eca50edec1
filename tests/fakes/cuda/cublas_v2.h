/* cublas_v2.h - Declare what scripts/gpu wants of cuBLAS, for machines
 * without it: names and values are those of docs.nvidia.com/cuda/cublas. */
#ifndef FAKE_CUBLAS_V2_H
#define FAKE_CUBLAS_V2_H

#include "cuda_runtime_api.h"

typedef struct cublasContext *cublasHandle_t;
typedef enum { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_NOT_SUPPORTED = 15 }
    cublasStatus_t;
typedef enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 } cublasOperation_t;
typedef enum { CUBLAS_COMPUTE_32F = 68, CUBLAS_COMPUTE_64F = 70,
               CUBLAS_COMPUTE_32I = 72, CUBLAS_COMPUTE_32F_FAST_TF32 = 77 }
    cublasComputeType_t;
typedef enum { CUBLAS_GEMM_DEFAULT = -1 } cublasGemmAlgo_t;

cublasStatus_t cublasCreate(cublasHandle_t *out);
cublasStatus_t cublasSaxpy(cublasHandle_t handle, int n, const float *alpha,
                           const float *x, int x_step, float *y, int y_step);
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t a_op,
                            cublasOperation_t b_op, int m, int n, int k,
                            const void *alpha, const void *a,
                            cudaDataType a_type, int lda, const void *b,
                            cudaDataType b_type, int ldb, const void *beta,
                            void *c, cudaDataType c_type, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t algo);

#endif
