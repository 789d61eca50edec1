/* blas.c - Call cblas_sgemm of the BLAS libraries that are installed. */
#include "tests/bench/blas.h"

#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

static void blis_core(void *library, char out[BLAS_TEXT_SIZE])
{
    int (*id)(void);
    char *(*name)(int);
    if (find(library, "bli_arch_query_id", &id) &&
        find(library, "bli_arch_string", &name))
        snprintf(out, BLAS_TEXT_SIZE, "%s", name(id()));
}

static const struct {
    const char *name, *file;
    void      (*core)(void *library, char out[BLAS_TEXT_SIZE]);
} libraries[BLAS_COUNT] = {
    [BLAS_OPENBLAS] = { "OpenBLAS", "libopenblas.so.0", openblas_core },
    [BLAS_BLIS]     = { "BLIS",     "libblis.so.4",     blis_core },
};

/* A library stays open: unloading one that started threads is not safe. */
static void open_one(struct blas *out, int which)
{
    *out = (struct blas){ .name = libraries[which].name };
    void *library = dlopen(libraries[which].file, RTLD_NOW | RTLD_LOCAL);
    if (!library || !find(library, "cblas_sgemm", &out->sgemm)) {
        const char *why = dlerror();
        snprintf(out->reason, sizeof out->reason, "%s",
                 why ? why : "it has no cblas_sgemm");
        return;
    }
    libraries[which].core(library, out->core);
}

static void one_thread(void)
{
    setenv("OMP_NUM_THREADS", "1", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("BLIS_NUM_THREADS", "1", 1);
}

static bool has_avx512(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

void blas_open(struct blas out[BLAS_COUNT])
{
    one_thread();
    if (has_avx512())
        setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    for (int i = 0; i < BLAS_COUNT; i++)
        open_one(&out[i], i);
}

void blas_product(const struct blas *blas, const struct gemm *g)
{
    bool a = g->a_k == 1, b = g->b_col == 1;
    blas->sgemm(ROW_MAJOR, a ? AS_IS : TRANSPOSED, b ? AS_IS : TRANSPOSED, g->m,
                g->n, g->k, 1.0f, g->a, (int)(a ? g->a_row : g->a_k), g->b,
                (int)(b ? g->b_k : g->b_col), 0.0f, g->c, (int)g->c_row);
}

/* The child writes its core, then a time for every number of runs it is sent,
 * until the pipe closes. */
static void serve(int in, int out, int32_t n)
{
    struct blas blas;
    int64_t times;

    one_thread();
    open_one(&blas, BLAS_OPENBLAS);
    size_t size = (size_t)n * (size_t)n;
    float *x = calloc(3 * size, sizeof *x);
    if (!blas.sgemm || !x ||
        write(out, blas.core, sizeof blas.core) != sizeof blas.core)
        return;
    for (size_t i = 0; i < 2 * size; i++)
        x[i] = 1.0f / (float)(i % 13 + 1);
    struct gemm g = {
        .m = n, .n = n, .k = n, .a = x, .a_row = n, .a_k = 1, .b = x + size,
        .b_k = n, .b_col = 1, .c = x + 2 * size, .c_row = n,
    };
    while (read(in, &times, sizeof times) == sizeof times) {
        double from = clock_seconds();
        for (int64_t i = 0; i < times; i++)
            blas_product(&blas, &g);
        double seconds = clock_seconds() - from;
        if (write(out, &seconds, sizeof seconds) != sizeof seconds)
            return;
    }
}

void blas_stock_open(struct blas_stock *out, int32_t n)
{
    int to[2], from[2];

    signal(SIGPIPE, SIG_IGN);        /* a dead child is an error of write() */
    *out = (struct blas_stock){ 0 };
    if (!has_avx512() || getenv("OPENBLAS_CORETYPE") || pipe(to) != 0)
        return;
    if (pipe(from) != 0) {
        close(to[0]);
        close(to[1]);
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_IGN);     /* it ends when the pipe closes */
        close(to[1]);
        close(from[0]);
        serve(to[0], from[1], n);
        _exit(0);
    }
    close(to[0]);
    close(from[1]);
    *out = (struct blas_stock){ pid > 0 ? pid : 0, to[1], from[0], "" };
    if (pid < 0 ||
        read(out->from, out->core, sizeof out->core) != sizeof out->core)
        blas_stock_close(out);
}

double blas_stock_run(void *argument, int64_t times)
{
    struct blas_stock *stock = argument;
    double seconds = 0.0;
    if (write(stock->to, &times, sizeof times) != sizeof times ||
        read(stock->from, &seconds, sizeof seconds) != sizeof seconds)
        return (double)INFINITY;     /* it died */
    return seconds;
}

void blas_stock_close(struct blas_stock *stock)
{
    if (stock->to > 0) {
        close(stock->to);
        close(stock->from);
    }
    if (stock->pid > 0)
        waitpid(stock->pid, NULL, 0);
    *stock = (struct blas_stock){ 0 };
}
