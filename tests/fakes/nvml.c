/* nvml.c - Stand in for libnvidia-ml.so.1: a library that says what a test, or
 * the fake GPU of cuda.c, puts into `fake_nvml`. */
#include "tests/fakes/nvml.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct fake_nvml fake_nvml = { .n_gpus = 1, .step = 1000, .limit = 300000 };

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **gpu);
int nvmlDeviceGetName(void *gpu, char *name, unsigned size);
int nvmlDeviceGetTotalEnergyConsumption(void *gpu, unsigned long long *energy);
int nvmlDeviceGetEnforcedPowerLimit(void *gpu, unsigned *limit);
const char *nvmlErrorString(int code);

/* The simulated GPU, where the program has one. */
int nvmlInit_v2(void)
{
    void *joules = dlsym(RTLD_DEFAULT, "fake_gpu_joules");

    memcpy(&fake_nvml.joules, &joules, sizeof joules);
    fake_nvml.n_open += fake_nvml.init == 0;
    return fake_nvml.init;
}

int nvmlShutdown(void)
{
    fake_nvml.n_open--;
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = fake_nvml.n_gpus;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **gpu)
{
    *gpu = &fake_nvml.millijoules[index];
    return 0;
}

int nvmlDeviceGetName(void *gpu, char *name, unsigned size)
{
    snprintf(name, size, "Fake GPU %d",
             (int)((unsigned long long *)gpu - fake_nvml.millijoules));
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *gpu, unsigned long long *energy)
{
    unsigned long long *own = gpu;

    *own += fake_nvml.step;
    if (fake_nvml.joules)
        *own = (unsigned long long)(1e3 * fake_nvml.joules());
    *energy = *own;
    return fake_nvml.energy;
}

int nvmlDeviceGetEnforcedPowerLimit(void *gpu, unsigned *limit)
{
    (void)gpu;
    *limit = fake_nvml.limit;
    return 0;
}

const char *nvmlErrorString(int code)
{
    return code == 9 ? "Driver Not Loaded" : "Not Supported";
}
