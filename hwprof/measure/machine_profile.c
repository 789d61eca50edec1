/* machine_profile.c - Write a profile of measured rates and of fitted or
 * assumed joules. */
#include "hwprof/measure/machine_profile.h"

#include <math.h>
#include <string.h>

/* A number with its uncertainty, as a profile states it. */
struct prior {
    double value, low, high;
    const char *grade, *source;
};

static const struct prior joules_per_flop = {
    15e-12, 8e-12, 30e-12, "assumed",
    "server CPU of the 7 nm class: (TDP - 35% idle) / peak, range of 4 CPUs" };
static const struct prior joules_per_byte[PEAK_LEVEL_COUNT] = {
    [PEAK_L1] = { 1.2e-12, 0.9e-12, 1.5e-12, "published",
        "32 KB SRAM at 7 nm 8.5 pJ per 64 bit (Jouppi et al. 2021); 5 pJ per "
        "word (Dally 2019)" },
    [PEAK_L2] = { 2.5e-12, 1.75e-12, 4e-12, "derived",
        "1 MB SRAM at 7 nm 14 pJ per 64 bit (Jouppi et al. 2021), with wires" },
    [PEAK_L3] = { 12e-12, 6e-12, 20e-12, "assumed",
        "last-level cache with wires, 12.5 pJ per byte (Dally 2019)" },
    [PEAK_DRAM] = { 135e-12, 90e-12, 200e-12, "assumed",
        "DDR4 160 (Dally 2019: 20 pJ per bit), DDR5 about 115 pJ per byte" },
};
/* The ranges that a file of sim/price/machine.h allows; less of DRAM than
 * HBM3's 28 pJ, with a little room, is the share of the package and not the
 * memory's. */
static const double least_joules = 1e-14, most_joules = 1e-9;
static const double least_dram_joules = 26e-12, most_dram_joules = 1e-8;
static const double most_static_watts = 1e5;

/* That may have a last cache of a host between them: what a guest is told is all
 * of it. */
static const double guests = 4;

/* The joules that a profile charges: priors, until a fit replaces them. */
struct joules {
    struct prior flop, byte[PEAK_LEVEL_COUNT];
    struct prior static_watts;             /* source NULL: not fitted */
};

/* 330 W for 48 cores to 400 W for 96; desktops up to 15 W a core. */
static const double watts_per_core = 7, least_watts = 0.5, most_watts = 2.2;
/* Idle EPYC Milan sockets draw 36 to 40 % (AnandTech 16529). */
static const double static_share = 0.35;

static void write_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', file);
        if ((unsigned char)*text >= 0x20)
            fputc(*text, file);
    }
    fputc('"', file);
}

static void write_prior(FILE *file, const char *key, struct prior prior)
{
    fprintf(file, "%s: {value: %.9g, low: %.9g, high: %.9g, grade: %s,\n"
            "    source: ", key, prior.value, prior.low, prior.high,
            prior.grade);
    write_text(file, prior.source);
    fputs("}\n", file);
}

static int n_cores(const struct cpu_topology *t, const struct peak *peak)
{
    int cores = t->n_cores ? t->n_cores : t->n_cpus;
    return peak->n_threads < cores ? peak->n_threads : cores;
}

/* Return the bytes of a level that the cores in use have together: their share
 * of its caches, in whole caches. */
static double level_bytes(const struct cpu_topology *t, int level, int cores)
{
    uint64_t bytes;
    int n = cpu_topology_caches(t, level, &bytes);
    double all = t->n_cores ? t->n_cores : t->n_cpus;

    return n ? (double)bytes / n * ceil(n * (cores / all)) : 0;
}

/* How far from a rate that others ran beside the true one may lie, either way:
 * the best of many short runs is rarely off by as much. */
static const double busy_factor = 2;

/* A rate measured beside other work is no measurement: the probes say how far
 * above it the peak may be. */
static struct prior measured(const struct peak_rate *rate, const char *source)
{
    const double value = rate->per_second;

    if (peak_is_busy(rate))
        return (struct prior){ value, fmax(rate->worst, value / busy_factor),
                               value * fmin(1 / rate->share, busy_factor),
                               "assumed", source };
    return (struct prior){ value, rate->worst, value, "measured", source };
}

/* A curve without points is left out: the profile then has another's. */
static void write_curve(FILE *file, const char *name,
                        const struct config_real_list *points)
{
    for (int32_t i = 0; i < points->n; i += 2)
        fprintf(file, "%s%s%s%.3g, %.3g", i ? ", " : "  ", i ? "" : name,
                i ? "" : ": [", points->value[i], points->value[i + 1]);
    fputs(points->n ? "]\n" : "", file);
}

static void write_level(FILE *file, const struct cpu_topology *t,
                        const struct peak *peak, enum peak_level level,
                        struct prior joules, double *rate_limit)
{
    static const char *const keys[] = { "l1", "l2", "l3", "dram" };
    struct prior rate = measured(&peak->read_all[level],
                                 "reads by all threads, best of several runs");
    double bytes = level_bytes(t, (int)level + 1, n_cores(t, peak));

    /* Noise must not make a far level faster than a near one. */
    rate.value = fmin(rate.value, *rate_limit);
    rate.high = fmin(rate.high, *rate_limit);
    rate.low = fmin(rate.low, rate.value);
    *rate_limit = rate.value;
    fprintf(file, "%s:\n", keys[level]);
    if (level == PEAK_L3 && t->virtual_machine)
        write_prior(file, "  size_bytes", (struct prior){
            bytes, bytes / guests, bytes, "datasheet",
            "as the kernel lists it; low: shared with other guests, assumed" });
    else if (level != PEAK_DRAM)
        write_prior(file, "  size_bytes", (struct prior){
            bytes, bytes, bytes, "datasheet", "as the kernel lists it" });
    write_prior(file, "  bytes_per_second", rate);
    write_prior(file, "  joules_per_byte", joules);
    if (level == PEAK_DRAM)
        fputs("  within_cap: false\n", file);
}

/* Cores' share of a socket's design power, and at least what the rest adds up
 * to at full rate. */
static void write_power(FILE *file, const struct peak *peak,
                        const struct joules *joules, int cores)
{
    double busy = peak->flops_all.per_second * joules->flop.value, tdp;

    fputs("watts:\n", file);
    for (int l = PEAK_L1; l < PEAK_DRAM; l++)
        busy += peak->read_all[l].per_second * joules->byte[l].value;
    if (joules->static_watts.source) {
        tdp = fmax(watts_per_core * cores,
                   1.05 * (busy + joules->static_watts.value));
        write_prior(file, "  static", joules->static_watts);
    } else {
        tdp = fmax(watts_per_core * cores, 1.05 * busy / (1 - static_share));
        write_prior(file, "  static", (struct prior){
            static_share * tdp, least_watts * static_share * tdp,
            most_watts * static_share * tdp, "assumed",
            "35% of the TDP share; idle EPYC Milan sockets draw 36 to 40% "
            "(AnandTech 16529)" });
    }
    write_prior(file, "  cap", (struct prior){
        tdp, least_watts * tdp, most_watts * tdp, "assumed",
        "7 W a core in use, as server parts have (330 W for 48 cores)" });
}

/* ---- a fit ---- */

/* Out of [least, most], DRAM seen from within the package, or not resolved. */
static bool refuse(const struct machine_fit *fit,
                   const struct energy_coefficient *c, double least,
                   double most, bool dram, char reason[ENERGY_REASON_SIZE])
{
    const char *why = "";

    if (!c->resolved)
        why = c->reason[0] ? c->reason : "not resolved";
    else if (dram && !fit->covers_dram)
        why = "the package's side of it: its sensors do not cover the memory";
    else if (!(c->value >= least && c->value <= most))
        why = "out of the range that a profile may hold";
    snprintf(reason, ENERGY_REASON_SIZE, "%s", why);
    return why[0];
}

bool machine_profile_takes(const struct machine_fit *fit, enum energy_term term,
                           char reason[ENERGY_REASON_SIZE])
{
    const struct energy_coefficient *c = &fit->fit->term[term];

    if (term == ENERGY_IDLE || term == ENERGY_AWAKE)
        return !refuse(fit, &fit->fit->standing, 0, most_static_watts, false,
                       reason);
    if (term == ENERGY_DRAM)
        return !refuse(fit, c, least_dram_joules, most_dram_joules, true,
                       reason);
    return !refuse(fit, c, least_joules, most_joules, false, reason);
}

static struct prior fitted(const struct energy_coefficient *c,
                           const char *source)
{
    return (struct prior){ c->value, c->low, c->high, "fitted", source };
}

static struct joules choose_joules(const struct machine_fit *fit)
{
    struct joules joules = { .flop = joules_per_flop };
    char reason[ENERGY_REASON_SIZE];

    memcpy(joules.byte, joules_per_byte, sizeof joules.byte);
    if (!fit)
        return joules;
    if (machine_profile_takes(fit, ENERGY_IDLE, reason))
        joules.static_watts = fitted(&fit->fit->standing, fit->source);
    if (machine_profile_takes(fit, ENERGY_FLOP, reason))
        joules.flop = fitted(&fit->fit->term[ENERGY_FLOP], fit->source);
    for (int l = PEAK_L1; l < PEAK_LEVEL_COUNT; l++) {
        enum energy_term term = (enum energy_term)((int)ENERGY_L1 + l);
        if (machine_profile_takes(fit, term, reason))
            joules.byte[l] = fitted(&fit->fit->term[term], fit->source);
    }
    return joules;
}

static bool is_busy(const struct peak *peak,
                    const struct machine_shares *shares)
{
    bool busy = peak_is_busy(&peak->flops_all) || shares->scale.busy;

    for (int l = 0; l < PEAK_LEVEL_COUNT; l++)
        busy |= peak_is_busy(&peak->read_all[l]);
    return busy;
}

/* ---- what work reaches ---- */

static void write_range(FILE *file, const char *key,
                        const struct machine_range *range,
                        const char *source)
{
    if (!isnan(range->value))
        write_prior(file, key, (struct prior){
            range->value, range->low, range->high,
            range->busy ? "assumed" : "measured", source });
}

/* Rates that others ran beside are floors, and no measurements. */
static void write_shares(FILE *file, const struct machine_shares *shares)
{
    static const char *const source = "ops of models trained and decoded here,"
                                      " medians of several steps";
    static const char *const heads = "steps that differ in the size of heads"
                                     " alone";
    static const char *const keys = "decode steps that differ in heads and keys"
                                    " alone";
    static const char *const far = "decode steps of models in the last cache"
                                   " and past it, against rates of near ones";

    write_range(file, "select_rows_per_second", &shares->select_rows,
                "choosing among the tokens of those models");
    write_range(file, "launch_seconds", &shares->launch_seconds,
                "ops of a decode step at width 16");
    write_range(file, "query_head_seconds", &shares->query_head_seconds, keys);
    if (shares->n_serial > 0)
        fputs("serial:\n", file);
    for (int i = 0; i < shares->n_serial; i++) {
        char key[32];
        snprintf(key, sizeof key, "  %s", shares->serial[i].key);
        write_range(file, key, &shares->serial[i].range, far);
    }
    fputs("efficiency:\n", file);
    for (int i = 0; i < shares->n_curves; i++)
        write_curve(file, shares->curve[i].name, &shares->curve[i].points);
    write_range(file, "  half_head", &shares->half_head, heads);
    write_range(file, "  half_head_backward", &shares->half_head_backward, heads);
    write_range(file, "  half_head_query", &shares->half_head_query, keys);
    write_range(file, "  scale", &shares->scale, source);
}

enum status machine_profile_write(FILE *file, const struct cpu_topology *t,
                                  const struct peak *peak,
                                  const struct machine_shares *shares,
                                  const struct machine_fit *fit,
                                  struct error *err)
{
    struct joules joules = choose_joules(fit);
    double limit = HUGE_VAL;
    int cores = n_cores(t, peak);
    struct prior all = measured(&peak->flops_all, peak->kernel);

    all.value = fmax(all.value, shares->flops_per_second);
    all.high = fmax(all.high, all.value);

    if (!peak->read_all[PEAK_L1].n_runs || !peak->read_all[PEAK_L2].n_runs ||
        !peak->read_all[PEAK_DRAM].n_runs)
        return error_set(err, STATUS_UNAVAILABLE, "no profile: the kernel does "
                         "not list the sizes of L1 and L2");
    fprintf(file, "# Written by `isobath machine`: rates were measured%s, "
            "joules are %s.\n", is_busy(peak, shares)
            ? " (those graded assumed beside other work: measure again)" : "",
            fit ? "fitted where graded so" : "priors");
    fputs("name: ", file);
    write_text(file, t->model_name);
    fprintf(file, "\ncores: %d\n", cores);
    fputs("peak_flops_per_second:\n", file);
    write_prior(file, "  fp32", all);
    fputs("joules_per_flop:\n", file);
    write_prior(file, "  fp32", joules.flop);
    write_power(file, peak, &joules, cores);
    if (t->memory_bytes)
        write_prior(file, "memory_bytes", (struct prior){
            (double)t->memory_bytes, (double)t->memory_bytes,
            (double)t->memory_bytes, "datasheet", "as the kernel lists it" });
    write_shares(file, shares);
    for (int l = 0; l < PEAK_LEVEL_COUNT; l++)
        if (peak->read_all[l].n_runs)
            write_level(file, t, peak, (enum peak_level)l, joules.byte[l],
                        &limit);
    write_curve(file, "reached", &shares->reached);     /* of dram, the last */
    if (isnan(shares->aging.value))
        fputs("  aging_bytes: {unknown: \"others were not seen to take any\"}\n",
              file);
    write_range(file, "  aging_bytes", &shares->aging,
                "decode steps of a model, half of whose layers few steps enter");
    return ferror(file) ? error_set(err, STATUS_IO, "writing a profile failed")
                        : STATUS_OK;
}
