/* cuda.c - Simulate a GPU with its own clock: what its work takes, and what it
 * draws meanwhile.  A product takes its launch and flops / peak, a copy twice its
 * bytes / rate; a launch hides by half behind what is queued before it.  Other
 * than that nothing takes any time: sleeping does, by this clock. */
#include "tests/fakes/gpu.h"

#include <cublas_v2.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "sim/core/base/clock.h"

struct CUevent_st { double at; };

static double now = 1000, joules;
static bool held;                        /* a context exists */
static bool queued;                      /* since the last wait */
static struct CUevent_st events[8];
static int n_events;

double fake_gpu_joules(void)
{
    return joules;
}

/* The program's clock, in place of the library's. */
double clock_seconds(void)
{
    return now;
}

static void pass(double seconds, double work_joules)
{
    joules += work_joules + seconds *
              (held ? FAKE_GPU_AWAKE_WATTS : FAKE_GPU_IDLE_WATTS);
    now += seconds;
}

int nanosleep(const struct timespec *wait, struct timespec *left)
{
    (void)left;
    pass((double)wait->tv_sec + 1e-9 * (double)wait->tv_nsec, 0);
    return 0;
}

static void run(double seconds, double work_joules)
{
    pass(seconds + (queued ? 0.5 : 1) * FAKE_GPU_LAUNCH, work_joules);
    queued = true;
}

cudaError_t cudaSetDevice(int device)
{
    held = device == 0;
    return held ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute,
                                   int device)
{
    (void)device;
    *value = attribute == cudaDevAttrL2CacheSize ? FAKE_GPU_L2_BYTES
                                                 : FAKE_GPU_CORES;
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
    *free_bytes = FAKE_GPU_FREE_BYTES;
    *total_bytes = FAKE_GPU_TOTAL_BYTES;
    return cudaSuccess;
}

/* Addresses alone: nothing is ever read or written there. */
cudaError_t cudaMalloc(void **out, size_t bytes)
{
    (void)bytes;
    *out = (void *)(uintptr_t)4096;
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes,
                            cudaStream_t stream)
{
    (void)to, (void)value, (void)bytes, (void)stream;
    run(0, 0);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                            enum cudaMemcpyKind kind, cudaStream_t stream)
{
    (void)to, (void)from, (void)stream;
    if (kind == cudaMemcpyDeviceToDevice)
        run(2 * (double)bytes / FAKE_GPU_BYTES_PER_SECOND,
            2 * (double)bytes * FAKE_GPU_JOULES_PER_BYTE);
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void)
{
    queued = false;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *out)
{
    *out = &events[n_events++];
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    (void)stream;
    event->at = now;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    (void)event;
    queued = false;
    return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    *ms = (float)(1e3 * (to->at - from->at));
    return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t code)
{
    return code == cudaSuccess ? "no error" : "no device";
}

cublasStatus_t cublasCreate(cublasHandle_t *out)
{
    *out = NULL;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSaxpy(cublasHandle_t handle, int n, const float *alpha,
                           const float *x, int x_step, float *y, int y_step)
{
    (void)handle, (void)alpha, (void)x, (void)x_step, (void)y, (void)y_step;
    run(12.0 * n / FAKE_GPU_BYTES_PER_SECOND, 0);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t a_op,
                            cublasOperation_t b_op, int m, int n, int k,
                            const void *alpha, const void *a,
                            cudaDataType a_type, int lda, const void *b,
                            cudaDataType b_type, int ldb, const void *beta,
                            void *c, cudaDataType c_type, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t algo)
{
    const double flops = 2.0 * m * n * k;
    const struct fake_gpu_rate *rate = NULL;

    (void)handle, (void)a_op, (void)b_op, (void)alpha, (void)a, (void)lda;
    (void)b, (void)b_type, (void)ldb, (void)beta, (void)c, (void)c_type;
    (void)ldc, (void)algo;
    for (int i = 0; i < FAKE_GPU_RATES; i++)
        if (fake_gpu_rates[i].type == (int)a_type &&
            fake_gpu_rates[i].compute == (int)compute)
            rate = &fake_gpu_rates[i];
    if (!rate)                           /* int8: this GPU has none */
        return CUBLAS_STATUS_NOT_SUPPORTED;
    run(flops / rate->flops_per_second, flops * rate->joules_per_flop);
    return CUBLAS_STATUS_SUCCESS;
}
