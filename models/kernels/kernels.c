/* kernels.c - Choose the copy of the arithmetic that this CPU runs. */
#include "models/kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

struct variant {
    const struct kernels *kernels;
    bool (*runs)(void);
};

static bool always(void)
{
    return true;
}

#if defined(HAVE_KERNELS_avx2) || defined(HAVE_KERNELS_avx512)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

#ifdef HAVE_KERNELS_avx512
static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

/* Best first; the Makefile says which were built. */
#ifdef HAVE_KERNELS_avx512
extern const struct kernels kernels_avx512;
#endif
#ifdef HAVE_KERNELS_avx2
extern const struct kernels kernels_avx2;
#endif
extern const struct kernels kernels_generic;

static const struct variant variants[] = {
#ifdef HAVE_KERNELS_avx512
    { &kernels_avx512, has_avx512 },
#endif
#ifdef HAVE_KERNELS_avx2
    { &kernels_avx2, has_avx2 },
#endif
    { &kernels_generic, always },
};

enum { N_VARIANTS = sizeof variants / sizeof *variants };

const struct kernels *kernels_find(const char *name)
{
    for (int i = 0; i < N_VARIANTS; i++)
        if (strcmp(variants[i].kernels->name, name) == 0)
            return variants[i].runs() ? variants[i].kernels : NULL;
    return NULL;
}

/* NULL: the choice is free. */
static const char *forced_name(void)
{
    const char *name = getenv("ISOBATH_KERNELS");
    return name && *name ? name : NULL;
}

bool kernels_can_choose(char names[KERNELS_NAMES_SIZE])
{
    const char *forced = forced_name();

    *names = '\0';
    for (int i = 0; i < N_VARIANTS; i++)
        if (variants[i].runs()) {
            strcat(names, *names ? ", " : "");
            strcat(names, variants[i].kernels->name);
        }
    return !forced || kernels_find(forced);
}

const struct kernels *kernels_best(void)
{
    const char *forced = forced_name();
    if (forced && kernels_find(forced))
        return kernels_find(forced);
    for (int i = 0; i < N_VARIANTS; i++)
        if (variants[i].runs())
            return variants[i].kernels;
    return &kernels_generic;
}
