/* import_machine.c - Put what the calls of an imported trace reached into a
 * machine profile. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hwprof/commands/import_job.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/outfile.h"
#include "sim/core/base/file.h"
#include "sim/core/base/stats.h"

/* Sizes within a factor of 4 make a point of the curve. */
enum { BINS = 32, FLOPS_A_BIN = 4 };
/* A call that moves its bytes in more than half of its time says nothing of what
 * arithmetic reaches. */
static const double most_memory = 0.5;

struct sample {
    double size, rate;       /* flops of the call; flop/s */
};

struct samples_of {
    struct sample *sample;   /* [n] */
    size_t n;
};

static const char *const products[] = { "matmul", "matmul_backward", "row",
                                        "attend", "attend_backward", "query",
                                        NULL };

static bool is_bound_by_arithmetic(const struct import_job *job,
                                   const struct torch_call *call)
{
    const struct quantity *rate =
        &job->machine->level[LEVEL_DRAM].bytes_per_second;

    return call->work.flops > 0 && call->seconds > 0 &&
           (call->form == TORCH_PRODUCT || call->form == TORCH_ATTENTION ||
            call->form == TORCH_ATTENTION_BACK) &&
           quantity_known(rate) &&
           call->work.bytes / rate->value < most_memory * call->seconds;
}

/* The format that most of the time is spent in. */
static enum precision main_precision(const struct import_job *job)
{
    double seconds[PRECISION_COUNT] = { 0 };
    int most = PRECISION_FP32;

    for (size_t i = 0; i < job->trace.n_calls; i++)
        if (is_bound_by_arithmetic(job, &job->trace.call[i]))
            seconds[import_precision(&job->trace.call[i])] +=
                job->trace.call[i].seconds;
    for (int p = 0; p < PRECISION_COUNT; p++)
        if (seconds[p] > seconds[most])
            most = p;
    return (enum precision)most;
}

static enum status gather(struct samples_of *out, const struct import_job *job,
                          enum work work, enum precision precision,
                          struct error *err)
{
    out->sample = calloc(job->trace.n_calls + 1, sizeof *out->sample);
    if (!out->sample)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu calls",
                         job->trace.n_calls);
    for (size_t i = 0; i < job->trace.n_calls; i++) {
        const struct torch_call *call = &job->trace.call[i];
        if (is_bound_by_arithmetic(job, call) &&
            import_work(job, call) == work &&
            import_precision(call) == precision)
            out->sample[out->n++] = (struct sample){
                import_size(job, call), call->work.flops / call->seconds };
    }
    return STATUS_OK;
}

static int bin_of(double size)
{
    const int bin = (int)(log(fmax(size, 1)) / log(FLOPS_A_BIN));
    return bin < BINS ? bin : BINS - 1;
}

/* The median rate of each bin of sizes, as shares of the peak; and how far from
 * it single calls were: the lowest and the highest tenth. */
static enum status add_curve(json_t *curves, const struct samples_of *s,
                             const char *name, double peak, double range[2],
                             struct error *err)
{
    double *rate = calloc(s->n + 1, sizeof *rate);
    double *size = calloc(s->n + 1, sizeof *size);
    json_t *curve = json_array();

    if (!rate || !size) {
        free(rate);
        free(size);
        json_decref(curve);
        return error_set(err, STATUS_NO_MEMORY, "no memory for a curve");
    }
    for (int b = 0; b < BINS; b++) {
        size_t n = 0;
        for (size_t i = 0; i < s->n; i++)
            if (bin_of(s->sample[i].size) == b) {
                size[n] = s->sample[i].size;
                rate[n++] = s->sample[i].rate;
            }
        if (n == 0)
            continue;
        const double median = stats_median(rate, n);
        range[0] = fmin(range[0], stats_quantile(rate, n, 0.1) / median);
        range[1] = fmax(range[1], stats_quantile(rate, n, 0.9) / median);
        json_array_append_new(curve, json_real(stats_median(size, n)));
        json_array_append_new(curve, json_real(median / peak));
    }
    if (json_array_size(curve) > 0)
        json_object_set(curves, name, curve);
    json_decref(curve);
    free(rate);
    free(size);
    return STATUS_OK;
}

/* {unknown: why} stands for what has no value; what nobody gave is left out. */
static void tell_unknown(json_t *object)
{
    const char *key;
    json_t *member;
    void *next;

    json_object_foreach_safe(object, next, key, member) {
        const char *why = json_string_value(json_object_get(member, "source"));
        if (!json_is_object(member))
            continue;
        if (!json_is_null(json_object_get(member, "value"))) {
            tell_unknown(member);
            if (json_object_size(member) == 0)
                json_object_del(object, key);
            continue;
        }
        if (why && strcmp(why, "the profile does not say") != 0)
            json_object_set_new(object, key, json_pack("{s:s}", "unknown",
                                                       why));
        else
            json_object_del(object, key);
    }
}

static json_t *measured(const struct import_job *job, double value, double low,
                        double high)
{
    return json_pack("{s:f, s:f, s:f, s:s, s:o}", "value", value, "low", low,
                     "high", high, "grade", "measured", "source",
                     json_sprintf("imported: calls of %s, by PyTorch's"
                                  " profiler", job->file));
}

/* The highest rate of any call; or the profile's peak where none beat it. */
static double peak_of(const struct import_job *job, enum precision precision)
{
    const struct quantity *q = machine_peak(job->machine, precision);
    double peak = quantity_known(q) ? q->value : 0;

    for (size_t i = 0; i < job->trace.n_calls; i++) {
        const struct torch_call *call = &job->trace.call[i];
        if (is_bound_by_arithmetic(job, call) &&
            import_precision(call) == precision)
            peak = fmax(peak, call->work.flops / call->seconds);
    }
    return peak;
}

static enum status calibrate(json_t *profile, const struct import_job *job,
                             struct error *err)
{
    const enum precision precision = main_precision(job);
    const struct quantity *stated = machine_peak(job->machine, precision);
    const double peak = peak_of(job, precision);
    json_t *curves = json_object_get(profile, "efficiency");
    double range[2] = { 1, 1 };
    size_t n = 0;
    enum status status = STATUS_OK;

    for (int w = 0; w < WORK_COUNT && status == STATUS_OK; w++) {
        struct samples_of s = { .n = 0 };
        bool wanted = false;
        for (const char *const *name = products; *name; name++)
            wanted |= strcmp(*name, work_names[w]) == 0;
        if (!wanted)
            continue;
        status = gather(&s, job, (enum work)w, precision, err);
        if (status == STATUS_OK && s.n > 0)
            status = add_curve(curves, &s, work_names[w], peak, range, err);
        n += s.n;
        free(s.sample);
    }
    if (status != STATUS_OK)
        return status;
    if (n == 0)
        return error_set(err, STATUS_BAD_VALUE, "--machine-out: no call of the"
                         " trace is bound by arithmetic, with its shapes known,"
                         " by the memory's rate of --machine");
    json_object_set_new(curves, "scale", measured(job, 1, range[0], range[1]));
    if (!quantity_known(stated) || peak > stated->value)
        json_object_set_new(json_object_get(profile, "peak_flops_per_second"),
                            precision_names[precision],
                            measured(job, peak, peak, peak));
    return STATUS_OK;
}

/* ---- whose profile it is ---- */

bool import_is_elsewhere(const struct import_job *job)
{
    return job->machine &&
           job->trace.device != machine_is_queued(job->machine);
}

static const struct outfile_heads own = { { "# Written by `isobath import`",
                                            NULL } };

enum status import_machine_check(const struct import_job *job, const char *path,
                                 struct error *err)
{
    if (import_is_elsewhere(job))
        return error_set(err, STATUS_BAD_VALUE, "--machine-out: the times of"
                         " %.160s are of %s, and '%.80s' is no such machine"
                         " (its launch_overlap is %g, of CPUs 0); give its own"
                         " profile, or leave --machine-out out", job->file,
                         job->trace.device ? "a GPU" : "a CPU",
                         job->machine->name,
                         job->machine->launch_overlap.value);
    return outfile_check(path, &own, err);
}

/* ---- the profile ---- */

/* Rates are of the device that the trace names, whatever the profile is of. */
static const char *measured_name(const struct import_job *job)
{
    return job->trace.device && *job->chrome.device ? job->chrome.device
                                                    : job->machine->name;
}

enum status import_machine_write(const struct import_job *job, const char *path,
                                 struct error *err)
{
    json_t *profile = config_json(job->machine, &machine_schema);
    struct file_writer file;

    if (!profile)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a profile");
    tell_unknown(profile);
    json_object_set_new(profile, "name", json_sprintf("%.80s, as imported",
                                                      measured_name(job)));
    enum status status = calibrate(profile, job, err);
    if (status == STATUS_OK)
        status = outfile_create(&file, path, &own, err);
    if (status != STATUS_OK) {
        json_decref(profile);
        return status;
    }
    fprintf(file.stream, "%s: what is graded measured was measured by"
            " PyTorch's profiler.\n", own.head[0]);
    status = json_print(profile, file.stream, err);
    json_decref(profile);
    return file_end(&file, status, err);
}
