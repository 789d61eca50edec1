/* blas.c - Call cblas_sgemm of the BLAS libraries that are installed. */
#include "tests/bench/blas.h"

#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/core/base/clock.h"

/* CBLAS: row-major, as is, transposed. */
enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 };

/* ISO C keeps functions and objects apart; POSIX does not. */
static bool find(void *library, const char *name, void *function)
{
    void *symbol = library ? dlsym(library, name) : NULL;
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static void openblas_core(void *library, char out[BLAS_TEXT_SIZE])
{
    char *(*name)(void);
    if (find(library, "openblas_get_corename", &name))
        snprintf(out, BLAS_TEXT_SIZE, "%s", name());
}

/* Asked before it has begun, it dies of whatever it was told. */
static void blis_core(void *library, char out[BLAS_TEXT_SIZE])
{
    void (*begin)(void);
    int (*id)(void);
    char *(*name)(int);
    if (find(library, "bli_init", &begin) &&
        find(library, "bli_arch_query_id", &id) &&
        find(library, "bli_arch_string", &name)) {
        begin();
        snprintf(out, BLAS_TEXT_SIZE, "%s", name(id()));
    }
}

/* What a library may be told: none of them knows every CPU, so all are tried.
 * NULL: nothing, it comes as it is. */
enum { MOST_TOLD = 5 };
static const struct {
    const char *name, *file, *variable;
    bool        by_number;       /* the variable wants the number of a name */
    const char *told[MOST_TOLD];
    int         n_told;
    void      (*core)(void *library, char out[BLAS_TEXT_SIZE]);
} libraries[BLAS_COUNT] = {
    [BLAS_OPENBLAS] = { "OpenBLAS", "libopenblas.so.0", "OPENBLAS_CORETYPE",
                        false, { NULL, "SkylakeX", "Cooperlake", "Zen",
                                 "Haswell" }, 5, openblas_core },
    [BLAS_BLIS]     = { "BLIS", "libblis.so.4", "BLIS_ARCH_TYPE", true,
                        { NULL, "skx", "zen3", "haswell" }, 4, blis_core },
};

/* BLIS numbers its kernels anew in every version; the last are generic. */
static bool blis_number(void *library, const char *wanted, char out[16])
{
    char *(*name)(int);
    if (!find(library, "bli_arch_string", &name))
        return false;
    for (int i = 0;; i++) {
        snprintf(out, 16, "%d", i);
        if (strcmp(name(i), wanted) == 0)
            return true;
        if (strcmp(name(i), "generic") == 0)
            return false;
    }
}

/* OpenBLAS looks at its variable when it is loaded, BLIS when it is first
 * called.  A library stays open: unloading one that started threads is not
 * safe. */
static void open_one(struct blas *out, int which, const char *told)
{
    const char *variable = libraries[which].variable;
    char number[16];

    *out = (struct blas){ .name = libraries[which].name };
    if (told && !libraries[which].by_number)
        setenv(variable, told, 1);
    void *library = dlopen(libraries[which].file, RTLD_NOW | RTLD_LOCAL);
    if (!library || !find(library, "cblas_sgemm", &out->sgemm)) {
        const char *why = dlerror();
        snprintf(out->reason, sizeof out->reason, "%s",
                 why ? why : "it has no cblas_sgemm");
        return;
    }
    if (told && libraries[which].by_number) {
        if (blis_number(library, told, number))
            setenv(variable, number, 1);
        else
            out->sgemm = NULL;
    }
    libraries[which].core(library, out->core);
}

/* One thread a call, and kernels that are ours to choose, whatever this process
 * inherited. */
static void clear_environment(void)
{
    setenv("OMP_NUM_THREADS", "1", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("BLIS_NUM_THREADS", "1", 1);
    for (int i = 0; i < BLAS_COUNT; i++)
        unsetenv(libraries[i].variable);
}

/* Operands of an n x n x n product, their memory never given back; NULL: no
 * memory. */
static float *square(struct gemm *out, int32_t n)
{
    size_t size = (size_t)n * (size_t)n;
    float *x = calloc(3 * size, sizeof *x);
    for (size_t i = 0; x && i < 2 * size; i++)
        x[i] = 1.0f / (float)(i % 13 + 1);
    *out = (struct gemm){
        .m = n, .n = n, .k = n, .a = x, .a_row = n, .a_k = 1, .b = x + size,
        .b_k = n, .b_col = 1, .c = x + 2 * size, .c_row = n,
    };
    return x;
}

enum { TRIAL_SIZE = 768, TRIAL_RUNS = 8 };   /* 9 ms at 100 GFLOP/s */

/* Of CPU time: a trial is short, and others may run meanwhile. */
static double used_seconds(void)
{
    struct timespec t = { 0 };
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double trial(int which, const char *told)
{
    struct blas blas;
    struct gemm g;
    double best = (double)INFINITY;

    open_one(&blas, which, told);
    if (!blas.sgemm || !square(&g, TRIAL_SIZE))
        return best;
    for (int i = 0; i < TRIAL_RUNS; i++) {
        double from = used_seconds();
        blas_product(&blas, &g);
        best = fmin(best, used_seconds() - from);
    }
    return best;
}

/* In a child, since a library chooses once, and may die of a choice. */
static double try_out(int which, const char *told)
{
    double seconds = (double)INFINITY;
    int from[2];

    if (pipe(from) != 0)
        return seconds;
    pid_t pid = fork();
    if (pid == 0) {
        close(STDERR_FILENO);        /* its last words */
        seconds = trial(which, told);
        _exit(write(from[1], &seconds, sizeof seconds) != sizeof seconds);
    }
    close(from[1]);
    if (read(from[0], &seconds, sizeof seconds) != sizeof seconds)
        seconds = (double)INFINITY;
    close(from[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return seconds;
}

/* A choice that the library does not know, or dies of, has no speed. */
static const char *fastest_told(int which, char tried[BLAS_TEXT_SIZE])
{
    const double flops = 2.0 * TRIAL_SIZE * TRIAL_SIZE * TRIAL_SIZE;
    const char *best = NULL;
    double least = (double)INFINITY;
    int used = 0;

    for (int i = 0; i < libraries[which].n_told; i++) {
        const char *told = libraries[which].told[i];
        double seconds = try_out(which, told);
        if (used < BLAS_TEXT_SIZE)
            used += snprintf(tried + used, (size_t)(BLAS_TEXT_SIZE - used),
                             isinf(seconds) ? "%s%s -" : "%s%s %.0f",
                             i > 0 ? ", " : "", told ? told : "nothing",
                             flops / seconds * 1e-9);
        if (seconds < least) {
            least = seconds;
            best = told;
        }
    }
    return best;
}

void blas_open(struct blas out[BLAS_COUNT])
{
    clear_environment();
    for (int i = 0; i < BLAS_COUNT; i++) {
        char tried[BLAS_TEXT_SIZE];
        open_one(&out[i], i, fastest_told(i, tried));
        memcpy(out[i].tried, tried, sizeof tried);
    }
}

void blas_product(const struct blas *blas, const struct gemm *g)
{
    bool a = g->a_k == 1, b = g->b_col == 1;
    blas->sgemm(ROW_MAJOR, a ? AS_IS : TRANSPOSED, b ? AS_IS : TRANSPOSED, g->m,
                g->n, g->k, 1.0f, g->a, (int)(a ? g->a_row : g->a_k), g->b,
                (int)(b ? g->b_k : g->b_col), 0.0f, g->c, (int)g->c_row);
}

static void serve(int in, int out, void *context)
{
    const int32_t *n = context;
    struct blas blas;
    struct gemm g;
    int64_t times;

    clear_environment();
    open_one(&blas, BLAS_OPENBLAS, NULL);
    if (!blas.sgemm || !square(&g, *n) ||
        write(out, blas.core, sizeof blas.core) != sizeof blas.core)
        return;
    while (read(in, &times, sizeof times) == sizeof times) {
        double from = clock_seconds();
        for (int64_t i = 0; i < times; i++)
            blas_product(&blas, &g);
        double seconds = clock_seconds() - from;
        if (write(out, &seconds, sizeof seconds) != sizeof seconds)
            return;
    }
}

void blas_stock_open(struct helper *out, int32_t n)
{
    (void)helper_open(out, serve, &n);
}
