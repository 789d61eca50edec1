/* nvml.c - Open the library, and call the few functions that are wanted. */
#include "hwprof/energy/nvml.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct nvmlDevice_st *device;

enum { SUCCESS = 0 };            /* nvmlReturn_t */

struct nvml {
    void  *library;
    int    n;
    device gpu[NVML_MAX];
    char   name[NVML_MAX][NVML_NAME_SIZE];
    int  (*init)(void);
    int  (*shutdown)(void);
    int  (*count)(unsigned *count);
    int  (*handle)(unsigned index, device *gpu);
    int  (*name_of)(device gpu, char *name, unsigned size);
    int  (*energy)(device gpu, unsigned long long *millijoules);
    int  (*limit)(device gpu, unsigned *milliwatts);
    const char *(*text)(int code);
};

static const struct {
    const char *name;
    size_t      offset;
} functions[] = {
    { "nvmlInit_v2", offsetof(struct nvml, init) },
    { "nvmlShutdown", offsetof(struct nvml, shutdown) },
    { "nvmlDeviceGetCount_v2", offsetof(struct nvml, count) },
    { "nvmlDeviceGetHandleByIndex_v2", offsetof(struct nvml, handle) },
    { "nvmlDeviceGetName", offsetof(struct nvml, name_of) },
    { "nvmlDeviceGetTotalEnergyConsumption", offsetof(struct nvml, energy) },
    { "nvmlDeviceGetEnforcedPowerLimit", offsetof(struct nvml, limit) },
    { "nvmlErrorString", offsetof(struct nvml, text) },
};

static enum status find_functions(struct nvml *n, struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *found = dlsym(n->library, functions[i].name);
        if (!found) {
            status = STATUS_UNAVAILABLE;
            error_set(err, status, "NVML has no %s: its driver is too old",
                      functions[i].name);
        }
        memcpy((char *)n + functions[i].offset, &found, sizeof found);
    }
    return status;
}

static enum status refused(const struct nvml *n, const char *what, int code,
                           struct error *err)
{
    return error_set(err, STATUS_UNAVAILABLE, "NVML: %s: %s", what,
                     n->text(code));
}

static enum status find_gpus(struct nvml *n, struct error *err)
{
    unsigned count = 0;
    int code = n->count(&count);

    if (code != SUCCESS)
        return refused(n, "counting GPUs", code, err);
    if (count == 0)
        return error_set(err, STATUS_UNAVAILABLE, "NVML finds no GPU");
    for (unsigned i = 0; i < count && i < NVML_MAX; i++, n->n++) {
        code = n->handle(i, &n->gpu[i]);
        if (code == SUCCESS)
            code = n->name_of(n->gpu[i], n->name[i], NVML_NAME_SIZE);
        if (code != SUCCESS)
            return refused(n, "a GPU", code, err);
    }
    return STATUS_OK;
}

static enum status start(struct nvml *n, struct error *err)
{
    const int code = n->init();
    enum status status;

    if (code != SUCCESS)
        return refused(n, "starting it", code, err);
    status = find_gpus(n, err);
    if (status != STATUS_OK)
        (void)n->shutdown();
    return status;
}

enum status nvml_open(struct nvml **out, const char *path, struct error *err)
{
    struct nvml *n = calloc(1, sizeof *n);
    enum status status = STATUS_UNAVAILABLE;

    *out = NULL;
    if (!n)
        return error_set(err, STATUS_NO_MEMORY, "no memory for NVML");
    n->library = dlopen(path ? path : "libnvidia-ml.so.1", RTLD_NOW);
    if (n->library)
        status = find_functions(n, err);
    else
        error_set(err, status, "NVML: %s", dlerror());
    if (status == STATUS_OK)
        status = start(n, err);
    if (status == STATUS_OK) {
        *out = n;
        return STATUS_OK;
    }
    if (n->library)
        dlclose(n->library);
    free(n);
    return status;
}

void nvml_close(struct nvml *n)
{
    if (!n)
        return;
    (void)n->shutdown();
    dlclose(n->library);
    free(n);
}

int nvml_count(const struct nvml *n)
{
    return n->n;
}

const char *nvml_name(const struct nvml *n, int i)
{
    return n->name[i];
}

enum status nvml_joules(const struct nvml *n, int i, double *joules,
                        struct error *err)
{
    unsigned long long now = 0;
    const int code = n->energy(n->gpu[i], &now);

    if (code != SUCCESS)
        return refused(n, "the energy counter", code, err);
    *joules = (double)now * 1e-3;
    return STATUS_OK;
}

enum status nvml_cap_watts(const struct nvml *n, int i, double *watts,
                           struct error *err)
{
    unsigned limit = 0;
    const int code = n->limit(n->gpu[i], &limit);

    if (code != SUCCESS)
        return refused(n, "the power limit", code, err);
    *watts = limit * 1e-3;
    return STATUS_OK;
}
