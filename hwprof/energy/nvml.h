/* nvml.h - Ask NVIDIA's management library what its GPUs draw.
 *
 * The library is opened by name when it is wanted: nothing is linked, and no
 * header of it is needed.  The declarations of nvml.c are those of its API
 * reference (docs.nvidia.com/deploy/nvml-api): names, codes and units. */
#ifndef NVML_H
#define NVML_H

#include <stdint.h>
#include "sim/core/base/error.h"

enum { NVML_MAX = 32, NVML_NAME_SIZE = 96 };

struct nvml;                     /* opaque */

/* `path` NULL: "libnvidia-ml.so.1".  STATUS_UNAVAILABLE with the reason: no such
 * library, no driver, no GPU.  Caller releases with nvml_close(); NULL is
 * fine. */
enum status nvml_open(struct nvml **out, const char *path,
                      struct error *err) MUST_CHECK;
void        nvml_close(struct nvml *nvml);

int         nvml_count(const struct nvml *nvml);      /* at most NVML_MAX */
const char *nvml_name(const struct nvml *nvml, int i);

/* Joules that GPU i has drawn since its driver was loaded, memory included; the
 * driver counts them in mJ, and posts them every 20 to 100 ms.
 * STATUS_UNAVAILABLE: before Volta there is no such counter. */
enum status nvml_joules(const struct nvml *nvml, int i, double *joules,
                        struct error *err) MUST_CHECK;

/* The limit that it throttles at. */
enum status nvml_cap_watts(const struct nvml *nvml, int i, double *watts,
                           struct error *err) MUST_CHECK;

#endif
