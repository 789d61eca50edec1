/* machine.c - List the keys of machine profiles; check their rules. */
#include "sim/price/machine.h"

#include <math.h>
#include <string.h>

#include "sim/core/base/shipped.h"

const char *const level_names[] = { LEVEL_MAP(NAMES_WORD) NULL };

#define AT(member) offsetof(struct machine, member)
#define NEEDED(key, member, low, high, unit, help)                             \
    { key, CONFIG_QUANTITY, AT(member), low, high, NULL, NULL, unit, help }
#define EXPECTED(key, member, low, high, unit, fallback, help)                 \
    { key, CONFIG_QUANTITY, AT(member), low, high, fallback, NULL, unit, help }
#define QUANTITY(key, member, low, high, unit, help)                           \
    EXPECTED(key, member, low, high, unit,                                     \
             "{unknown: the profile does not say}", help)
#define CURVE(id, name, like, help)                                            \
    { "efficiency." name, CONFIG_REAL_LIST, AT(efficiency[id]), 0, 1e18,       \
      id == like ? NULL : "[]", NULL, "",                                      \
      "share of the peak by size: size, share, ...; " help },
#define CACHE(key, at, most)                                                   \
    QUANTITY(key ".size_bytes", level[at].size_bytes, 0, most, "B",            \
             "what the cores in use may fill; 0: no such level"),              \
    QUANTITY(key ".bytes_per_second", level[at].bytes_per_second, 0, 1e16,     \
             "B/s", "read rate, all cores in use"),                            \
    QUANTITY(key ".joules_per_byte", level[at].joules_per_byte, 0, 1e-9,       \
             "J/B", "per byte, not per bit")
#define PEAK(id, name, bits)                                                   \
    QUANTITY("peak_flops_per_second." name, peak_flops_per_second[id], 1e8,    \
             1e17, "flop/s", "products in " name ", all cores in use, nothing" \
             " skipped; a multiply-add is 2"),
#define JOULES(id, name, bits)                                                 \
    QUANTITY("joules_per_flop." name, joules_per_flop[id], 1e-14, 1e-9,        \
             "J/flop", "in " name ", with the whole core pipeline"),

#define WAIT(id, name, what)                                                   \
    QUANTITY("serial." name "caches", wait[id].caches, 0, 10, "",              \
             "share of the shorter of arithmetic and reading the last cache"   \
             " that does not hide behind the longer; above 1, reading takes so"\
             " many times as long as a stream; " what),                        \
    QUANTITY("serial." name "memory", wait[id].memory, 0, 10, "",              \
             "likewise, of those together and reading memory; " what),

/* Ranges are generous: they catch units mistaken by a thousand, no more. */
static const struct config_key keys[] = {
    { "name", CONFIG_TEXT, AT(name), 0, 0, NULL, NULL, "",
      "what reports call the machine" },
    { "cores", CONFIG_INT, AT(cores), 1, 100000, NULL, NULL, "",
      "cores in use; of a GPU, multiprocessors" },
    PRECISION_MAP(PEAK)
    QUANTITY("vector_flops_per_second", vector_flops_per_second, 1e8, 1e17,
             "flop/s", "of vector units, where that is not the peak of fp32"),
    PRECISION_MAP(JOULES)
    QUANTITY("watts.idle", watts.idle, 0, 1e5, "W",
             "drawn when nothing runs and nothing is loaded"),
    QUANTITY("watts.awake", watts.awake, 0, 1e5, "W",
             "drawn when a process holds it, as a GPU's context does"),
    QUANTITY("watts.static", watts.standing, 0, 1e5, "W",
             "drawn as long as anything runs, whatever it does"),
    QUANTITY("watts.cap", watts.cap, 0.1, 1e5, "W",
             "most that it may draw for long: design power, or a limit below"),
    QUANTITY("select_rows_per_second", select_rows_per_second, 1e3, 1e15, "1/s",
             "rows that top-k or a threshold chooses among"),
    NEEDED("launch_seconds", launch_seconds, 0, 1e-2, "s",
           "to start and end one op: a barrier, a kernel launch"),
    EXPECTED("launch_overlap", launch_overlap, 0, 1, "",
             "{value: 0, low: 0, high: 0, grade: assumed, source: none hides}",
             "share of a launch that hides behind the op before"),
    WORK_MAP(CURVE)
    QUANTITY("efficiency.half_head", half_head, 0, 1e3, "",
             "size of heads at which what does not grow with it takes half of"
             " attend's time: heads of D reach D / (D + half) of its curve"),
    QUANTITY("efficiency.half_head_backward", half_head_backward, 0, 1e3, "",
             "likewise, of attend_backward"),
    QUANTITY("efficiency.half_head_query", half_head_query, 0, 1e3, "",
             "likewise, of query"),
    QUANTITY("query_head_seconds", query_head_seconds, 0, 1e-3, "s",
             "what each head of one new token takes beside its keys"),
    NEEDED("efficiency.scale", efficiency_scale, MACHINE_SCALE_LEAST,
           MACHINE_SCALE_MOST, "",
           "multiplies those shares; its low and high are their uncertainty"),
    CACHE("l1", LEVEL_L1, 1e9),
    CACHE("l2", LEVEL_L2, 1e10),
    CACHE("l3", LEVEL_L3, 1e11),
    NEEDED("dram.bytes_per_second", level[LEVEL_DRAM].bytes_per_second, 1e8,
           1e14, "B/s", "read rate, all cores in use"),
    { "dram.share", CONFIG_REAL_LIST, AT(dram_share), 0, 1e18, "[1, 1]", NULL,
      "", "share of that rate an op reaches: bytes, share, bytes, share, ..." },
    EXPECTED("dram.share_scale", dram_share_scale, 0.01, 100, "",
             "{value: 1, low: 1, high: 1, grade: assumed, source: in the rate}",
             "multiplies those shares; its low and high are their"
             " uncertainty"),
    { "dram.reached", CONFIG_REAL_LIST, AT(dram_reached), 0, 1e18, "[]", NULL,
      "", "share of operands that come from memory by the bytes since their"
      " last use: bytes, share, ...; without it what the last cache's size"
      " leaves" },
    QUANTITY("dram.aging_bytes", aging_bytes, 1e3, 1e15, "B",
             "used over and over until others have pushed 63 % of what is not"
             " used out of the last cache; unknown: they leave it"),
    QUANTITY("dram.joules_per_byte", level[LEVEL_DRAM].joules_per_byte, 1e-14,
             1e-8, "J/B", "per byte, not per bit"),
    { "dram.within_cap", CONFIG_BOOL, AT(dram_within_cap), 0, 0, NULL, NULL,
      "", "whether watts.cap covers the memory: HBM yes, DIMMs no" },
    QUANTITY("memory_bytes", memory_bytes, 1e6, 1e15, "B",
             "that programs can have; chips come in GiB"),
    WAIT_MAP(WAIT)
    QUANTITY("serial.rows", serial_rows, 0, 1e3, "",
             "most rows of products that wait so; unknown: all that are few"),
    QUANTITY("link.bytes_per_second", link_bytes_per_second, 1e6, 1e14, "B/s",
             "to one other machine, one way"),
    EXPECTED("unmodelled", unmodelled, 0.1, 10, "",
             "{value: 1, low: 1, high: 1, grade: assumed, source: in the shares}",
             "what steps take over what is modelled: host work, waits, kernels"
             " that are not the best"),
    QUANTITY("price_per_hour", price_per_hour, 0, 1e5, "USD", "rent"),
    QUANTITY("grams_co2_per_kwh", grams_co2_per_kwh, 0, 3000, "g/kWh",
             "emitted by the grid it hangs on"),
    QUANTITY("pue", pue, 1, 10, "",
             "the watts of its site over those of its machines"),
    { .name = NULL },
};

const struct config_schema machine_schema = { "machine", keys };

enum { N_KEYS = sizeof keys / sizeof *keys - 1 };

bool machine_is_queued(const struct machine *machine)
{
    return machine->launch_overlap.value > 0;
}

bool machine_has_level(const struct machine *machine, enum level level)
{
    return level == LEVEL_DRAM || machine->level[level].size_bytes.value > 0;
}

const struct quantity *machine_peak(const struct machine *machine,
                                    enum precision precision)
{
    return &machine->peak_flops_per_second[precision];
}

/* The least that moving a byte to a core may cost is HBM3's 3.5 pJ a bit, 28 pJ
 * a byte; DDR3 to DDR5 take 12 to 25 pJ a bit.  Published profiles print such
 * per-bit numbers in per-byte fields: those lie below this. */
static const double least_dram_joules_per_byte = 26e-12;

#define X(id, name) name ".joules_per_byte",
static const char *const joules_key[LEVEL_COUNT] = { LEVEL_MAP(X) };
#undef X
#define X(id, name) name ".bytes_per_second",
static const char *const rate_key[LEVEL_COUNT] = { LEVEL_MAP(X) };
#undef X

/* Numbers found on the machine itself need not keep the order of levels: there
 * a byte from L1 pays for its load instruction, a byte from L2 only for the way
 * it adds. */
static bool found_here(const struct quantity *quantity)
{
    return strcmp(quantity->grade, "measured") == 0 ||
           strcmp(quantity->grade, "fitted") == 0;
}

static enum status check_order(const struct machine_level *near,
                               const struct machine_level *far, int level,
                               const char **key, struct error *err)
{
    *key = joules_key[level];
    if (!found_here(&far->joules_per_byte) &&
        !found_here(&near->joules_per_byte) &&
        far->joules_per_byte.value < near->joules_per_byte.value)
        return error_set(err, STATUS_BAD_VALUE, "%s %g: allowed is at least"
                         " that of the level nearer the core, %g", *key,
                         far->joules_per_byte.value,
                         near->joules_per_byte.value);
    *key = rate_key[level];
    if (far->bytes_per_second.value > near->bytes_per_second.value)
        return error_set(err, STATUS_BAD_VALUE, "%s %g: allowed is at most"
                         " that of the level nearer the core, %g", *key,
                         far->bytes_per_second.value,
                         near->bytes_per_second.value);
    return STATUS_OK;
}

static enum status check_levels(const struct machine *m, const char **key,
                                struct error *err)
{
    const struct machine_level *near = NULL;

    for (int i = LEVEL_L1; i < LEVEL_COUNT; i++) {
        const struct machine_level *far = &m->level[i];
        if (!machine_has_level(m, (enum level)i))
            continue;
        *key = rate_key[i];
        if (far->bytes_per_second.low <= 0)
            return error_set(err, STATUS_BAD_VALUE, "%s low %g: allowed is"
                             " above 0", *key, far->bytes_per_second.low);
        enum status status = near ? check_order(near, far, i, key, err)
                                  : STATUS_OK;
        if (status != STATUS_OK)
            return status;
        near = far;
    }
    *key = joules_key[LEVEL_DRAM];
    double joules = m->level[LEVEL_DRAM].joules_per_byte.value;
    if (joules < least_dram_joules_per_byte)
        return error_set(err, STATUS_BAD_VALUE, "%s %g: allowed is at least"
                         " %g; if this is per bit, write 8 times as much",
                         *key, joules, least_dram_joules_per_byte);
    return STATUS_OK;
}

/* Halving a format doubles at most what a unit does with it.  Makers print rates
 * of matrices that are half zeros as well, twice as high again: such a number
 * stands out beside an honest one of a wider format. */
static const struct {
    enum precision narrow, wide[2];
    const char *wider;
} halvings[] = {
    { PRECISION_INT4, { PRECISION_INT8, PRECISION_FP8 }, "int8 or fp8" },
    { PRECISION_INT8, { PRECISION_FP16, PRECISION_BF16 }, "fp16 or bf16" },
    { PRECISION_FP8,  { PRECISION_FP16, PRECISION_BF16 }, "fp16 or bf16" },
    { PRECISION_BF16, { PRECISION_TF32, PRECISION_TF32 }, "tf32" },
    { PRECISION_FP16, { PRECISION_TF32, PRECISION_TF32 }, "tf32" },
};

#define X(id, name, bits) "peak_flops_per_second." name,
static const char *const peak_key[PRECISION_COUNT] = { PRECISION_MAP(X) };
#undef X

/* `high` of the wider one: it may accumulate in a width that halves its rate.
 * NAN, where no wider one is known, compares false. */
static enum status check_peaks(const struct machine *m, const char **key,
                               struct error *err)
{
    static const double rounded = 1.03;      /* data sheets print three digits */

    for (size_t i = 0; i < sizeof halvings / sizeof *halvings; i++) {
        double peak = machine_peak(m, halvings[i].narrow)->value;
        double wide = fmax(machine_peak(m, halvings[i].wide[0])->high,
                           machine_peak(m, halvings[i].wide[1])->high);
        *key = peak_key[halvings[i].narrow];
        if (peak > rounded * 2 * wide)
            return error_set(err, STATUS_BAD_VALUE, "%s %g: allowed is at most"
                             " twice that of %s; if this counts 2:4 sparsity,"
                             " write half", *key, peak, halvings[i].wider);
    }
    return STATUS_OK;
}

/* Memory chips hold powers of two: a whole number of 1e9 bytes is GB that were
 * GiB. */
static enum status check_memory(const struct machine *m, const char **key,
                                struct error *err)
{
    double bytes = m->memory_bytes.value;

    *key = "memory_bytes";
    if (bytes >= 1e9 && fmod(bytes, 1e9) <= 0)
        return error_set(err, STATUS_BAD_VALUE, "%s %g: chips come in GiB:"
                         " write %.0f GiB as %.0f", *key, bytes, bytes / 1e9,
                         bytes / 1e9 * 0x1p30);
    return STATUS_OK;
}

static enum status check_curve(const struct config_real_list *curve,
                               const char *key, struct error *err)
{
    if (curve->n < 2 || curve->n % 2 != 0)
        return error_set(err, STATUS_BAD_VALUE, "%s has %d numbers: allowed"
                         " are pairs of size and share", key, curve->n);
    double before = 0;
    for (int32_t i = 0; i < curve->n; i += 2) {
        double size = curve->value[i], share = curve->value[i + 1];
        if (!(size > before))
            return error_set(err, STATUS_BAD_VALUE, "%s[%d] %g: allowed are"
                             " rising sizes above 0", key, i, size);
        if (!(share > 0 && share <= 1))
            return error_set(err, STATUS_BAD_VALUE, "%s[%d] %g: allowed are"
                             " shares in (0, 1]", key, i + 1, share);
        before = size;
    }
    return STATUS_OK;
}

#define X(id, name, ...) "efficiency." name,
static const char *const curve_key[WORK_COUNT] = { WORK_MAP(X) };
#undef X

#define X(id, name, like, help) like,
static const enum work curve_of[WORK_COUNT] = { WORK_MAP(X) };
#undef X

/* `*key` names the key at fault. */
static enum status check(const struct machine *m, const char **key,
                         struct error *err)
{
    enum status status = STATUS_OK;

    for (int w = 0; w < WORK_COUNT && status == STATUS_OK; w++)
        if (m->efficiency[w].n > 0 || (int)curve_of[w] == w)
            status = check_curve(&m->efficiency[w], *key = curve_key[w], err);
    if (status == STATUS_OK)
        status = check_curve(&m->dram_share, *key = "dram.share", err);
    if (status == STATUS_OK && m->dram_reached.n > 0)
        status = check_curve(&m->dram_reached, *key = "dram.reached", err);
    if (status == STATUS_OK)
        status = check_levels(m, key, err);
    if (status == STATUS_OK)
        status = check_peaks(m, key, err);
    return status == STATUS_OK ? check_memory(m, key, err) : status;
}

enum status machine_load(struct machine *out, const char *name,
                         struct error *err)
{
    char file[FILE_PATH_SIZE];
    struct config_origin origins[N_KEYS];
    struct error local;
    const char *key;

    if (!err)
        err = &local;
    /* No key sets these. */
    out->product_lanes = 0;
    out->level[LEVEL_DRAM].size_bytes = (struct quantity){ .value = 0 };
    enum status status = shipped_find(file, shipped_kinds("machine"), name, err);
    if (status == STATUS_OK)
        status = config_load(out, &machine_schema, file, NULL, 0, origins, err);
    if (status != STATUS_OK)
        return status;
    status = check(out, &key, err);
    if (status != STATUS_OK)
        return config_blame(&machine_schema, origins, key, err);
    return STATUS_OK;
}

static double curve_at(const struct config_real_list *curve, double x)
{
    const double *point = curve->value;
    int32_t i = 0;

    while (i < curve->n && point[i] < x)
        i += 2;
    if (i == 0)
        return point[1];
    if (i >= curve->n)
        return point[curve->n - 1];
    double at = log(x / point[i - 2]) / log(point[i] / point[i - 2]);
    return point[i - 1] + at * (point[i + 1] - point[i - 1]);
}

const struct quantity *machine_work_peak(const struct machine *m,
                                         enum work work,
                                         enum precision precision)
{
    if (flops_multiplies(work))
        return machine_peak(m, precision);
    return quantity_known(&m->vector_flops_per_second)
               ? &m->vector_flops_per_second : machine_peak(m, PRECISION_FP32);
}

enum wait machine_wait(const struct machine *m, enum work work, double rows)
{
    const enum wait of =
        work == WORK_QUERY                                   ? WAIT_QUERY
        : quantity_known(&m->serial_rows) &&
                rows > m->serial_rows.value                  ? WAIT_MANY
        : work == WORK_STORED8 || work == WORK_STORED4       ? WAIT_STORED
                                                             : WAIT_FEW;

    if (!flops_streams(work))
        return WAIT_COUNT;
    if (quantity_known(&m->wait[of].memory))
        return of;
    return quantity_known(&m->wait[WAIT_FEW].memory) ? WAIT_FEW : WAIT_COUNT;
}

static double heads_share(const struct machine *m, enum work work, double head)
{
    const struct quantity *half =
        work == WORK_ATTEND        ? &m->half_head
        : work == WORK_ATTEND_BACK ? &m->half_head_backward
        : work == WORK_QUERY       ? &m->half_head_query : NULL;
    return half && half->value > 0 && head > 0 ? head / (head + half->value) : 1;
}

double machine_efficiency(const struct machine *m, enum work work,
                          const struct flops_size *size)
{
    const enum work of = m->efficiency[work].n > 0 ? work : curve_of[work];
    const double share = curve_at(&m->efficiency[of], flops_size_of(of, size));
    return share * heads_share(m, work, size->head);
}

double machine_dram_share(const struct machine *m, double bytes)
{
    return curve_at(&m->dram_share, bytes);
}

double machine_dram_reached(const struct machine *m, double distance,
                            double size)
{
    double told = 0;

    if (m->dram_reached.n == 0 || !(size > 0) || !(distance > 0))
        return distance <= size ? 0.0 : 1.0 - size / distance;
    for (int i = LEVEL_L1; i < LEVEL_DRAM; i++)
        if (machine_has_level(m, (enum level)i))
            told = fmax(told, m->level[i].size_bytes.value);
    /* A cache of half the size loses at half the distance. */
    return curve_at(&m->dram_reached, distance * told / size);
}
