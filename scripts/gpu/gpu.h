/* gpu.h - Hold what is measured of a GPU, for its profile. */
#ifndef GPU_H
#define GPU_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <stdint.h>
#include <stdio.h>

#include "hwprof/energy/energy_fit.h"
#include "hwprof/energy/nvml.h"
#include "sim/core/base/precision.h"

enum { N_FORMATS = 6, SIZES_MAX = 16, REPEATS = 3, WINDOWS = 3 };

/* Of random words some bits vary and some are set, so that every number is +-0.5
 * to 1: constant data would draw less. */
struct layout {
    enum precision precision;
    cudaDataType   in, out;
    cublasComputeType_t compute;
    size_t   bytes, out_bytes;
    uint64_t varies, set;
};

struct curve {
    int    n;
    double size[SIZES_MAX], seconds[SIZES_MAX], worst[SIZES_MAX];
};

struct gpu {
    struct nvml   *nvml;
    cublasHandle_t blas;
    cudaEvent_t    from, to;
    char   *area;
    size_t  area_bytes, at;      /* copies go round */
    double  began, window;
    int     cores, l2_bytes;
    size_t  total_bytes, free_bytes;
    struct curve product[N_FORMATS], row, copy, vector;
    double  launch[REPEATS], synchronous, overlap;
    struct energy_row idle[WINDOWS], awake[WINDOWS], read[WINDOWS];
    struct energy_row load[N_FORMATS][WINDOWS];
};

/* Windows whose joules were read, by what ran in them. */
enum { WINDOW_IDLE, WINDOW_AWAKE, WINDOW_COPY, WINDOW_PRODUCT, WINDOW_KINDS };

extern const struct layout formats[N_FORMATS];

/* The profile of configs/machines/; STATUS_UNAVAILABLE: too little ran. */
enum status gpu_profile_write(FILE *file, const struct gpu *gpu,
                              struct error *err) MUST_CHECK;

#endif
