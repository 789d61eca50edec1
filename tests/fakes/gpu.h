/* gpu.h - State the truths of the simulated GPU of cuda.c. */
#ifndef FAKE_GPU_H
#define FAKE_GPU_H

#define FAKE_GPU_IDLE_WATTS       50.0
#define FAKE_GPU_AWAKE_WATTS      80.0
#define FAKE_GPU_LAUNCH           4e-6
#define FAKE_GPU_BYTES_PER_SECOND 2e12
#define FAKE_GPU_JOULES_PER_BYTE  100e-12
#define FAKE_GPU_CORES            100
#define FAKE_GPU_L2_BYTES         (40 << 20)
#define FAKE_GPU_TOTAL_BYTES      (UINT64_C(80) << 30)
#define FAKE_GPU_FREE_BYTES       (UINT64_C(79) << 30)

/* Of products: types are CUDA's. */
struct fake_gpu_rate {
    const char *name;
    int    type, compute;
    double flops_per_second, joules_per_flop;
};
enum { FAKE_GPU_RATES = 5 };
static const struct fake_gpu_rate fake_gpu_rates[FAKE_GPU_RATES] = {
    { "fp32",  0, 68, 20e12,  8e-12 },  { "fp64",  1, 70, 10e12,  16e-12 },
    { "tf32",  0, 77, 150e12, 2e-12 },  { "bf16", 14, 68, 300e12, 0.8e-12 },
    { "fp16",  2, 68, 300e12, 0.7e-12 },
};

double fake_gpu_joules(void);

#endif
