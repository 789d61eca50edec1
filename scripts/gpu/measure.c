/* measure.c - Measure an NVIDIA GPU, and write its machine profile.
 *
 * Products by size and format (cuBLAS), copies by size, launches, and watts idle,
 * held and loaded (NVML), in about three minutes; the watts are fitted by the code
 * of isobath machine --fit-energy.  scripts/gpu-machine compiles and runs it. */
#include "scripts/gpu/gpu.h"

#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "sim/core/base/clock.h"
#include "sim/core/base/file.h"
#include "sim/core/base/random.h"
#include "sim/price/machine.h"

/* ---- work ---- */

const struct layout formats[N_FORMATS] = {
    { PRECISION_FP32, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, 4, 4,
      0x807fffff807fffff, 0x3f0000003f000000 },
    { PRECISION_FP64, CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F, 8, 8,
      0x800fffffffffffff, 0x3fe0000000000000 },
    { PRECISION_TF32, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32, 4, 4,
      0x807fffff807fffff, 0x3f0000003f000000 },
    { PRECISION_BF16, CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F, 2, 2,
      0x807f807f807f807f, 0x3f003f003f003f00 },
    { PRECISION_FP16, CUDA_R_16F, CUDA_R_16F, CUBLAS_COMPUTE_32F, 2, 2,
      0x83ff83ff83ff83ff, 0x3800380038003800 },
    { PRECISION_INT8, CUDA_R_8I, CUDA_R_32I, CUBLAS_COMPUTE_32I, 1, 4,
      ~UINT64_C(0), 0 },
};
static const double sample_seconds = 0.1, most_seconds = 450;
static const size_t most_area = (size_t)6 << 30;

/* What a GPU is given to do: an amount of one format. */
struct task {
    const struct layout *format;      /* of products; NULL: a copy */
    int    m, n, k;
    size_t bytes;
    bool   vector, tiny;
};

static enum status check(cudaError_t code, const char *what, struct error *err)
{
    return code == cudaSuccess ? STATUS_OK
        : error_set(err, STATUS_FAILED, "%s: %s", what,
                    cudaGetErrorString(code));
}

/* Alpha and beta, in the type that the accumulator has. */
static const void *scalar(const struct layout *f, bool one)
{
    static const float real[] = { 0, 1 };
    static const double wide[] = { 0, 1 };
    static const int whole[] = { 0, 1 };

    return f->compute == CUBLAS_COMPUTE_64F ? (const void *)&wide[one]
         : f->compute == CUBLAS_COMPUTE_32I ? (const void *)&whole[one]
                                            : (const void *)&real[one];
}

/* Both matrices lie along k: int8 wants it so. */
static bool multiply(struct gpu *g, const struct task *w)
{
    const struct layout *f = w->format;
    char *a = g->area, *b = a + (size_t)w->m * (size_t)w->k * f->bytes;
    char *c = b + (size_t)w->n * (size_t)w->k * f->bytes;

    return cublasGemmEx(g->blas, CUBLAS_OP_T, CUBLAS_OP_N, w->m, w->n, w->k,
                        scalar(f, true), a, f->in, w->k, b, f->in, w->k,
                        scalar(f, false), c, f->out, w->m, f->compute,
                        CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS;
}

/* Each copy from where the one before ended, so that it comes from memory. */
static bool copy(struct gpu *g, size_t bytes)
{
    const size_t half = g->area_bytes / 2;

    if (g->at + bytes > half)
        g->at = 0;
    char *from = g->area + g->at;
    g->at += bytes;
    return cudaMemcpyAsync(from + half, from, bytes, cudaMemcpyDeviceToDevice,
                           0) == cudaSuccess;
}

static bool start(struct gpu *g, const struct task *w)
{
    const float one = 1;

    if (w->tiny)
        return cudaMemsetAsync(g->area, 0, 4, 0) == cudaSuccess;
    if (w->vector)
        return cublasSaxpy(g->blas, w->n, &one, (float *)(void *)g->area, 1,
                           (float *)(void *)(g->area + g->area_bytes / 2), 1) ==
               CUBLAS_STATUS_SUCCESS;
    return w->format ? multiply(g, w) : copy(g, w->bytes);
}

/* Seconds of so many runs, one behind the other; NAN: the GPU cannot. */
static double run(struct gpu *g, const struct task *w, long times)
{
    float ms = 0;
    bool ran = cudaEventRecord(g->from, 0) == cudaSuccess;

    for (long i = 0; i < times && ran; i++)
        ran = start(g, w);
    ran = ran && cudaEventRecord(g->to, 0) == cudaSuccess &&
          cudaEventSynchronize(g->to) == cudaSuccess &&
          cudaEventElapsedTime(&ms, g->from, g->to) == cudaSuccess;
    return ran ? (double)ms * 1e-3 : (double)NAN;
}

static long times_in(double seconds, double each)
{
    return each > 0 ? lround(fmax(3, fmin(1e5, seconds / each))) : 3;
}

/* Best and worst of several samples. */
static void time_one(struct gpu *g, struct curve *out, const struct task *w,
                     double size)
{
    double each = run(g, w, 3) / 3, best = HUGE_VAL, worst = 0;

    if (isnan(each) || out->n == SIZES_MAX || clock_seconds() - g->began >
        most_seconds)
        return;
    const long times = times_in(sample_seconds, each);
    for (int r = 0; r < REPEATS; r++) {
        each = run(g, w, times) / (double)times;
        best = fmin(best, each);
        worst = fmax(worst, each);
    }
    out->size[out->n] = size;
    out->seconds[out->n] = best;
    out->worst[out->n++] = worst;
}

static void time_products(struct gpu *g)
{
    for (int f = 0; f < N_FORMATS; f++)
        for (int n = 128; n <= 16384; n *= 2) {
            const struct task w = { .format = &formats[f], .m = n, .n = n,
                                    .k = n };
            const size_t bytes = (size_t)n * (size_t)n *
                                 (2 * formats[f].bytes + formats[f].out_bytes);
            if (bytes <= g->area_bytes)
                time_one(g, &g->product[f], &w, 2.0 * n * n * n);
        }
}

static void time_rest(struct gpu *g)
{
    const struct layout *half = &formats[N_FORMATS - 2];

    for (int n = 256; n <= 16384; n *= 2) {
        const struct task w = { .format = half, .m = n, .n = 1, .k = n };
        time_one(g, &g->row, &w, 2.0 * n * n);
    }
    for (size_t bytes = 1 << 16; bytes <= g->area_bytes / 8; bytes *= 4) {
        const struct task w = { .bytes = bytes };
        time_one(g, &g->copy, &w, 2.0 * (double)bytes);
    }
    for (int n = 1 << 12; n <= 1 << 26; n *= 4) {
        const struct task w = { .n = n, .vector = true };
        time_one(g, &g->vector, &w, 2.0 * n);
    }
}

/* What a launch takes in a queue, alone, and behind something longer. */
static void time_launches(struct gpu *g)
{
    const struct task tiny = { .tiny = true };
    const struct task longer = { .format = formats, .m = 1024, .n = 1024,
                                 .k = 1024 };
    enum { TIMES = 2000, FEW = 100 };

    (void)run(g, &tiny, FEW);
    for (int r = 0; r < REPEATS; r++)
        g->launch[r] = run(g, &tiny, TIMES) / TIMES;
    g->synchronous = 0;
    for (int i = 0; i < FEW; i++)
        g->synchronous += run(g, &tiny, 1) / FEW;
    double alone = run(g, &longer, FEW) / FEW, both = 0;
    for (int i = 0; i < FEW; i++) {
        float ms = 0;
        cudaEventRecord(g->from, 0);
        (void)start(g, &longer);
        (void)start(g, &tiny);
        cudaEventRecord(g->to, 0);
        cudaEventSynchronize(g->to);
        cudaEventElapsedTime(&ms, g->from, g->to);
        both += (double)ms * 1e-3 / FEW;
    }
    g->overlap = fmin(1, fmax(0, 1 - (both - alone) / g->launch[0]));
}

/* ---- watts ---- */

static enum status wait_row(struct gpu *g, struct energy_row *row, int kernel,
                            struct error *err)
{
    const struct timespec wait = { .tv_sec = (time_t)g->window, .tv_nsec =
        (long)(1e9 * (g->window - floor(g->window))) };
    double before = 0, after = 0;
    enum status status = nvml_joules(g->nvml, 0, &before, err);
    const double from = clock_seconds();

    nanosleep(&wait, NULL);
    const double seconds = clock_seconds() - from;
    if (status == STATUS_OK)
        status = nvml_joules(g->nvml, 0, &after, err);
    *row = (struct energy_row){ .kernel = kernel, .joules = after - before };
    row->amount[ENERGY_IDLE] = seconds;
    row->amount[ENERGY_AWAKE] = kernel == WINDOW_AWAKE ? seconds : 0;
    return status;
}

static enum status load_row(struct gpu *g, struct energy_row *row,
                            const struct task *w, double each, double flops,
                            double bytes, struct error *err)
{
    const long times = times_in(g->window, each);
    double before = 0, after = 0;
    enum status status = nvml_joules(g->nvml, 0, &before, err);
    const double seconds = run(g, w, times);

    if (status == STATUS_OK)
        status = nvml_joules(g->nvml, 0, &after, err);
    *row = (struct energy_row){ .kernel = w->format ? WINDOW_PRODUCT
                                                    : WINDOW_COPY,
                                .joules = after - before };
    row->amount[ENERGY_IDLE] = row->amount[ENERGY_AWAKE] = seconds;
    row->amount[ENERGY_FLOP] = flops * (double)times;
    row->amount[ENERGY_DRAM] = bytes * (double)times;
    return status;
}

static enum status take_loads(struct gpu *g, struct error *err)
{
    enum status status = STATUS_OK;
    const struct task read = { .bytes = (size_t)(g->copy.size[g->copy.n - 1] /
                                                 2) };

    for (int i = 0; i < WINDOWS && status == STATUS_OK; i++)
        status = load_row(g, &g->read[i], &read, g->copy.seconds[g->copy.n - 1],
                          0, g->copy.size[g->copy.n - 1], err);
    for (int f = 0; f < N_FORMATS; f++) {
        const struct curve *c = &g->product[f];
        if (c->n == 0)
            continue;
        const int n = (int)lround(cbrt(c->size[c->n - 1] / 2));
        const struct task w = { .format = &formats[f], .m = n, .n = n, .k = n };
        for (int i = 0; i < WINDOWS && status == STATUS_OK; i++)
            status = load_row(g, &g->load[f][i], &w, c->seconds[c->n - 1],
                              c->size[c->n - 1], 0, err);
    }
    return status;
}

/* ---- the run ---- */

/* Random bits, in blocks of 1 MiB. */
static enum status fill(struct gpu *g, struct error *err)
{
    enum { BLOCK = 1 << 20 };
    uint64_t *block = malloc(BLOCK);
    struct random random = random_seeded(1);
    const struct layout *f = &formats[N_FORMATS - 2];
    enum status status = block ? STATUS_OK
        : error_set(err, STATUS_NO_MEMORY, "no memory for a block");

    for (size_t i = 0; status == STATUS_OK && i < BLOCK / sizeof *block; i++)
        block[i] = (((uint64_t)random_below(&random, UINT32_MAX) << 32 |
                     random_below(&random, UINT32_MAX)) & f->varies) | f->set;
    for (size_t at = 0; status == STATUS_OK && at + BLOCK <= g->area_bytes;
         at += BLOCK)
        status = check(cudaMemcpyAsync(g->area + at, block, BLOCK,
                                       cudaMemcpyHostToDevice, 0), "filling",
                       err);
    if (status == STATUS_OK)
        status = check(cudaDeviceSynchronize(), "filling", err);
    free(block);
    return status;
}

static enum status open_gpu(struct gpu *g, struct error *err)
{
    enum status status = check(cudaSetDevice(0), "the first GPU", err);

    if (status == STATUS_OK)
        status = check(cudaMemGetInfo(&g->free_bytes, &g->total_bytes),
                       "memory", err);
    g->area_bytes = g->free_bytes / 2 < most_area ? g->free_bytes / 2
                                                  : most_area;
    g->area_bytes -= g->area_bytes % (1 << 20);
    if (status == STATUS_OK)
        status = check(cudaDeviceGetAttribute(&g->cores,
            cudaDevAttrMultiProcessorCount, 0), "multiprocessors", err);
    if (status == STATUS_OK)
        status = check(cudaDeviceGetAttribute(&g->l2_bytes,
            cudaDevAttrL2CacheSize, 0), "the cache", err);
    if (status == STATUS_OK)
        status = check(cudaMalloc((void **)&g->area, g->area_bytes), "memory",
                       err);
    if (status == STATUS_OK)
        status = check(cudaEventCreate(&g->from), "events", err);
    if (status == STATUS_OK)
        status = check(cudaEventCreate(&g->to), "events", err);
    if (status == STATUS_OK && cublasCreate(&g->blas) != CUBLAS_STATUS_SUCCESS)
        status = error_set(err, STATUS_FAILED, "cuBLAS does not start");
    return status == STATUS_OK ? fill(g, err) : status;
}

static enum status measure(struct gpu *g, const char *nvml, struct error *err)
{
    enum status status = nvml_open(&g->nvml, nvml, err);

    g->began = clock_seconds();
    for (int i = 0; i < WINDOWS && status == STATUS_OK; i++)
        status = wait_row(g, &g->idle[i], WINDOW_IDLE, err);
    if (status == STATUS_OK)
        status = open_gpu(g, err);
    for (int i = 0; i < WINDOWS && status == STATUS_OK; i++)
        status = wait_row(g, &g->awake[i], WINDOW_AWAKE, err);
    if (status != STATUS_OK)
        return status;
    time_launches(g);
    time_products(g);
    time_rest(g);
    if (g->copy.n == 0)
        return error_set(err, STATUS_FAILED, "the GPU copies nothing");
    return take_loads(g, err);
}

static enum status deliver(const struct gpu *g, const char *path,
                           struct error *err)
{
    static struct machine machine;       /* large */
    struct file_writer out;
    enum status status = file_create(&out, path, err);

    if (status != STATUS_OK)
        return status;
    status = gpu_profile_write(out.stream, g, err);
    if (status == STATUS_OK && fflush(out.stream) != 0)
        status = error_set(err, STATUS_IO, "cannot write %s", path);
    if (status == STATUS_OK)             /* by the code that will use it */
        status = machine_load(&machine, out.temporary, err);
    if (status == STATUS_OK)
        return file_commit(&out, err);
    file_abandon(&out);
    return status;
}

static const char usage[] =
    "gpu-machine -o FILE [--seconds S] [--nvml FILE]\n"
    "Measure the first NVIDIA GPU, with nothing else on it, in about three"
    " minutes:\nproducts by size and format, copies, launches, watts.\n"
    "  -o FILE         write the machine profile there\n"
    "  --seconds S     how long each of the 27 windows is whose joules are"
    " read, 0.01 to\n                  10; default 5\n"
    "  --nvml FILE     NVIDIA's management library; default"
    " libnvidia-ml.so.1\n";

struct options {
    const char *output, *nvml;
    double      seconds;
    bool        help;
};

/* False: wrong use. */
static bool read_options(struct options *o, int argc, char **argv)
{
    static const struct option names[] = {
        { "output", required_argument, NULL, 'o' },
        { "seconds", required_argument, NULL, 's' },
        { "nvml", required_argument, NULL, 'n' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    char *end = NULL;
    int c;

    *o = (struct options){ .seconds = 5 };
    while ((c = getopt_long(argc, argv, "o:", names, NULL)) != -1)
        switch (c) {
        case 'o': o->output = optarg; break;
        case 's': o->seconds = strtod(optarg, &end); break;
        case 'n': o->nvml = optarg; break;
        case 'h': o->help = true; break;
        default: return false;
        }
    return o->help || (o->output && optind == argc && o->seconds >= 0.01 &&
                       o->seconds <= 10 && (!end || !*end));
}

int main(int argc, char **argv)
{
    static struct gpu gpu;               /* large */
    struct error err = { 0 };
    struct options o;

    if (!read_options(&o, argc, argv)) {
        fprintf(stderr, "Usage: %s", usage);
        return 2;
    }
    if (o.help) {
        printf("Usage: %s", usage);
        return 0;
    }
    gpu.window = o.seconds;
    enum status status = measure(&gpu, o.nvml, &err);
    if (status == STATUS_OK)
        status = deliver(&gpu, o.output, &err);
    nvml_close(gpu.nvml);
    if (status != STATUS_OK)
        fprintf(stderr, "gpu-machine: error: %s\n", err.text);
    return status_exit_code(status);
}
