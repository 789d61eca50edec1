/* profile.c - Write what was measured of a GPU as a machine profile. */
#include "scripts/gpu/gpu.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 7, 8)))
static void put(FILE *file, const char *key, double value, double low,
                double high, const char *grade, const char *source, ...)
{
    va_list list;

    va_start(list, source);
    fprintf(file, "%s: {value: %.9g, low: %.9g, high: %.9g, grade: %s,\n"
            "    source: \"", key, value, low, high, grade);
    vfprintf(file, source, list);
    fputs("\"}\n", file);
    va_end(list);
}

static const struct curve *best_product(const struct gpu *g, double *peak)
{
    const struct curve *best = NULL;

    *peak = 0;
    for (int f = 0; f < N_FORMATS; f++)
        for (int i = 0; i < g->product[f].n; i++) {
            const struct curve *c = &g->product[f];
            if (formats[f].bytes == 2 && c->size[i] / c->seconds[i] > *peak) {
                *peak = c->size[i] / c->seconds[i];
                best = c;
            }
        }
    return best;
}

/* Without the launch, which the simulator adds; what is all launch is left
 * out. */
static void put_curve(FILE *file, const struct gpu *g, const char *key,
                      const struct curve *c, double peak, double times)
{
    int written = 0;

    fprintf(file, "  %s: [", key);
    for (int i = 0; i < c->n; i++) {
        const double took = c->seconds[i] - g->launch[0];
        if (took < 0.3 * c->seconds[i] && i < c->n - 1)
            continue;
        fprintf(file, "%s%.3g, %.3g", written++ ? ", " : "", c->size[i],
                fmin(1, times * c->size[i] / fmax(took, 0.1 * c->seconds[i]) /
                        peak));
    }
    fputs("]\n", file);
}

static void put_peaks(FILE *file, const struct gpu *g)
{
    fputs("peak_flops_per_second:\n", file);
    for (int f = 0; f < N_FORMATS; f++) {
        const struct curve *c = &g->product[f];
        char key[16];
        int best = 0;
        for (int i = 1; i < c->n; i++)
            if (c->size[i] / c->seconds[i] > c->size[best] / c->seconds[best])
                best = i;
        snprintf(key, sizeof key, "  %s",
                 precision_names[formats[f].precision]);
        if (c->n > 0)
            put(file, key, c->size[best] / c->seconds[best],
                c->size[best] / c->worst[best], c->size[best] / c->seconds[best],
                "measured", "cublasGemmEx, square, n = %.0f, best of %d",
                cbrt(c->size[best] / 2), REPEATS);
        else
            fprintf(file, "%s: {unknown: \"cublasGemmEx refuses it here\"}\n",
                    key);
    }
    fputs("  fp8: {unknown: \"cublasGemmEx has no fp8\"}\n", file);
}

static void put_fitted(FILE *file, const char *key,
                       const struct energy_coefficient *c, double less)
{
    if (c->resolved && c->value > less)
        put(file, key, c->value - less, fmin(c->value, c->low) - less > 0
            ? fmin(c->value, c->low) - less : 0.1 * (c->value - less),
            fmax(c->value, c->high) - less, "fitted", "%s",
            "windows idle, held, copying and multiplying, NVML");
    else
        fprintf(file, "%s: {unknown: \"not resolved: %s\"}\n", key, c->reason);
}

static enum status fit_format(const struct gpu *g, int f,
                              struct energy_fit *out, struct error *err)
{
    struct energy_row rows[WINDOW_KINDS * WINDOWS];
    const struct energy_fit_options options = { .n_kernels = WINDOW_KINDS,
                                                .n_threads = 1, .seed = 1 };
    const struct energy_row *const all[WINDOW_KINDS] = {
        g->idle, g->awake, g->read, g->load[f] };

    for (int i = 0; i < WINDOW_KINDS; i++)
        memcpy(rows + i * WINDOWS, all[i], WINDOWS * sizeof *rows);
    return energy_fit(out, rows, WINDOW_KINDS * WINDOWS, &options, err);
}

static enum status put_watts(FILE *file, const struct gpu *g, double *dram,
                             double *low, double *high, struct error *err)
{
    struct energy_fit fit = { 0 };
    enum status status = STATUS_OK;
    double cap = 0;
    char key[16];

    *dram = NAN;
    fputs("joules_per_flop:\n", file);
    for (int f = 0; f < N_FORMATS && status == STATUS_OK; f++) {
        if (g->product[f].n == 0)
            continue;
        status = fit_format(g, f, &fit, err);
        snprintf(key, sizeof key, "  %s",
                 precision_names[formats[f].precision]);
        put_fitted(file, key, &fit.term[ENERGY_FLOP], 0);
    }
    if (status != STATUS_OK)
        return status;
    fputs("watts:\n", file);
    put_fitted(file, "  idle", &fit.term[ENERGY_IDLE], 0);
    put_fitted(file, "  awake", &fit.standing, 0);
    put_fitted(file, "  static", &fit.standing, 0);
    status = nvml_cap_watts(g->nvml, 0, &cap, err);
    put(file, "  cap", cap, cap, cap, "measured", "%s",
        "the limit that NVML says is enforced");
    if (fit.term[ENERGY_DRAM].resolved) {
        *dram = fit.term[ENERGY_DRAM].value;
        *low = fit.term[ENERGY_DRAM].low;
        *high = fit.term[ENERGY_DRAM].high;
    }
    return status;
}

static void put_memory(FILE *file, const struct gpu *g, double joules,
                       double low, double high)
{
    double best = 0, worst = 0, cached = 0;

    for (int i = 0; i < g->copy.n; i++) {
        const double rate = g->copy.size[i] / g->copy.seconds[i];
        if (g->copy.size[i] < g->l2_bytes)
            cached = fmax(cached, rate);
        if (rate > best) {
            best = rate;
            worst = g->copy.size[i] / g->copy.worst[i];
        }
    }
    fprintf(file, "l2:\n");
    put(file, "  size_bytes", g->l2_bytes, g->l2_bytes / 2.0, g->l2_bytes,
        "datasheet", "%s", "as the driver lists it; low: one half of it");
    fputs("  bytes_per_second: {unknown: \"not measured: it bounds no time\"}\n",
          file);
    put(file, "  joules_per_byte", 8e-12, 4e-12, 12.5e-12, "assumed", "%s",
        "last-level cache with wires at most 12.5 pJ per byte (Dally 2019)");
    fprintf(file, "dram:\n");
    put(file, "  bytes_per_second", best, worst, best, "measured", "%s",
        "copies within the GPU, what is read and what is written");
    put_curve(file, g, "share", &g->copy, best, 1);
    if (isnan(joules))
        fputs("  joules_per_byte: {unknown: \"not resolved\"}\n", file);
    else
        put(file, "  joules_per_byte", fmax(joules - 8e-12, 26e-12),
            fmin(fmax(low - 8e-12, 26e-12), fmax(joules - 8e-12, 26e-12)),
            fmax(high, 34e-12), "fitted", "%s",
            "windows idle, held and copying, NVML; less the assumed cache's");
    fputs("  within_cap: true\n", file);
}

enum status gpu_profile_write(FILE *file, const struct gpu *g,
                              struct error *err)
{
    double peak = 0, fp32 = 0, joules = NAN, low = 0, high = 0;
    const struct curve *product = best_product(g, &peak);

    if (!product || g->copy.n == 0 || g->vector.n == 0 || g->product[0].n == 0)
        return error_set(err, STATUS_UNAVAILABLE, "no profile: products in fp32"
                         " and in 16 bits, or copies, did not run");
    for (int i = 0; i < g->product[0].n; i++)
        fp32 = fmax(fp32, g->product[0].size[i] / g->product[0].seconds[i]);
    fprintf(file, "# Written by scripts/gpu-machine: measured but for what is"
            " graded assumed.\nname: \"%s\"\ncores: %d\n",
            nvml_name(g->nvml, 0), g->cores);
    put_peaks(file, g);
    enum status status = put_watts(file, g, &joules, &low, &high, err);
    put(file, "launch_seconds", g->launch[0],
        fmin(g->launch[0], fmin(g->launch[1], g->launch[2])),
        fmax(g->synchronous, g->launch[0]), "measured",
        "%s", "4 bytes set, in a queue; high: one by one");
    put(file, "launch_overlap", g->overlap, 0.5 * g->overlap,
        fmin(1, 1.2 * g->overlap + 0.1), "measured", "%s",
        "the same behind a product of 1024");
    put(file, "memory_bytes", (double)g->total_bytes, (double)g->free_bytes,
        (double)g->total_bytes, "measured", "%s",
        "as the driver lists it; low: free beside a context");
    fputs("efficiency:\n", file);
    put_curve(file, g, "matmul", product, peak, 1);
    put_curve(file, g, "row", &g->row, peak, 1);
    fputs("  # Assumed: fused attention reaches 0.63 of what products do.\n",
          file);
    put_curve(file, g, "attend", product, peak, 0.63);
    put_curve(file, g, "vector", &g->vector, fp32, 1);
    put(file, "  scale", 1, 0.8, 1.1, "assumed", "%s",
        "other shapes and kernels than those measured");
    put_memory(file, g, joules, low, high);
    return status;
}
