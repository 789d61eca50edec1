/* machine.c - List the keys of machine profiles; check their rules. */
#include "sim/price/machine.h"

#include <math.h>
#include <string.h>

#include "sim/core/base/shipped.h"

const char *const level_names[] = { LEVEL_MAP(NAMES_WORD) NULL };

#define AT(member) offsetof(struct machine, member)
#define QUANTITY(key, member, low, high, unit, help)                           \
    { key, CONFIG_QUANTITY, AT(member), low, high, NULL, NULL, unit, help }
#define CURVE(key, work, help)                                                 \
    { key, CONFIG_REAL_LIST, AT(efficiency[work]), 0, 1e18, NULL, NULL, "",    \
      help " runs at: flops, share, flops, share, ..." }
/* A key that a machine without an L3 may leave out. */
#define NO_LEVEL(key, member, high, unit, help)                                \
    { key, CONFIG_QUANTITY, AT(member), 0, high,                               \
      "{value: 0, low: 0, high: 0, grade: derived, source: no such level}",    \
      NULL, unit, help }

/* Ranges are generous: they catch units mistaken by a thousand, no more. */
static const struct config_key keys[] = {
    { "name", CONFIG_TEXT, AT(name), 0, 0, NULL, NULL, "",
      "what reports call the machine" },
    { "cores", CONFIG_INT, AT(cores), 1, 100000, NULL, NULL, "",
      "cores in use; of a GPU, multiprocessors" },
    QUANTITY("peak_flops_per_second", peak_flops_per_second, 1e8, 1e17,
             "flop/s", "float32, all cores in use, a multiply-add is 2"),
    QUANTITY("core_flops_per_second", core_flops_per_second, 1e8, 1e15,
             "flop/s", "float32, one core alone"),
    QUANTITY("joules_per_flop", joules_per_flop, 1e-14, 1e-9, "J/flop",
             "float32 vector flop with the whole core pipeline"),
    QUANTITY("static_watts", static_watts, 0, 1e5, "W",
             "drawn as long as the run lasts, whatever it does"),
    QUANTITY("tdp_watts", tdp_watts, 0.1, 1e5, "W",
             "design power of the share of the chip in use"),
    QUANTITY("launch_seconds", launch_seconds, 0, 1e-2, "s",
             "to start and end one op: a barrier, a kernel launch"),
    CURVE("efficiency.matmul", WORK_MATMUL, "share of the peak a product"),
    CURVE("efficiency.attend", WORK_ATTEND, "share of the peak attention"),
    CURVE("efficiency.vector", WORK_VECTOR, "share of the peak all else"),
    QUANTITY("efficiency.scale", efficiency_scale, 0.01, 100, "",
             "multiplies those shares; its low and high are their uncertainty"),
    QUANTITY("l1.size_bytes", level[LEVEL_L1].size_bytes, 1024, 1e9, "B",
             "all cores in use together"),
    QUANTITY("l1.bytes_per_second", level[LEVEL_L1].bytes_per_second, 1e8,
             1e16, "B/s", "read rate, all cores in use"),
    QUANTITY("l1.joules_per_byte", level[LEVEL_L1].joules_per_byte, 1e-14,
             1e-9, "J/B", "per byte, not per bit"),
    QUANTITY("l2.size_bytes", level[LEVEL_L2].size_bytes, 1024, 1e10, "B",
             "all cores in use together"),
    QUANTITY("l2.bytes_per_second", level[LEVEL_L2].bytes_per_second, 1e8,
             1e16, "B/s", "read rate, all cores in use"),
    QUANTITY("l2.joules_per_byte", level[LEVEL_L2].joules_per_byte, 1e-14,
             1e-9, "J/B", "per byte, not per bit"),
    NO_LEVEL("l3.size_bytes", level[LEVEL_L3].size_bytes, 1e11, "B",
             "what the cores in use may fill; 0: no such level"),
    NO_LEVEL("l3.bytes_per_second", level[LEVEL_L3].bytes_per_second, 1e16,
             "B/s", "read rate, all cores in use"),
    NO_LEVEL("l3.joules_per_byte", level[LEVEL_L3].joules_per_byte, 1e-9,
             "J/B", "per byte, not per bit"),
    QUANTITY("dram.bytes_per_second", level[LEVEL_DRAM].bytes_per_second, 1e8,
             1e14, "B/s", "read rate, all cores in use"),
    QUANTITY("dram.joules_per_byte", level[LEVEL_DRAM].joules_per_byte, 1e-14,
             1e-8, "J/B", "per byte, not per bit"),
    { "dram.within_tdp", CONFIG_BOOL, AT(dram_within_tdp), 0, 0, NULL, NULL,
      "", "whether tdp_watts covers the memory: HBM yes, DIMMs no" },
    { .name = NULL },
};

const struct config_schema machine_schema = { "machine", keys };

enum { N_KEYS = sizeof keys / sizeof *keys - 1 };

bool machine_has_level(const struct machine *machine, enum level level)
{
    return level == LEVEL_DRAM || machine->level[level].size_bytes.value > 0;
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

static enum status check_levels(const struct machine *m, const char **key,
                                struct error *err)
{
    const struct machine_level *near = &m->level[LEVEL_L1];

    for (int i = LEVEL_L2; i < LEVEL_COUNT; i++) {
        const struct machine_level *far = &m->level[i];
        if (!machine_has_level(m, (enum level)i))
            continue;
        *key = joules_key[i];
        if (!found_here(&far->joules_per_byte) &&
            !found_here(&near->joules_per_byte) &&
            far->joules_per_byte.value < near->joules_per_byte.value)
            return error_set(err, STATUS_BAD_VALUE, "%s %g: allowed is at"
                             " least that of the level nearer the core, %g",
                             *key, far->joules_per_byte.value,
                             near->joules_per_byte.value);
        *key = rate_key[i];
        if (!(far->bytes_per_second.low > 0) ||
            far->bytes_per_second.value > near->bytes_per_second.value)
            return error_set(err, STATUS_BAD_VALUE, "%s %g: allowed is above"
                             " 0 and at most that of the level nearer the"
                             " core, %g", *key, far->bytes_per_second.value,
                             near->bytes_per_second.value);
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

static enum status check_curve(const struct machine *m, enum work work,
                               const char *key, struct error *err)
{
    const struct config_real_list *curve = &m->efficiency[work];

    if (curve->n < 2 || curve->n % 2 != 0)
        return error_set(err, STATUS_BAD_VALUE, "%s has %d numbers: allowed"
                         " are pairs of flops and share", key, curve->n);
    double before = 0;
    for (int32_t i = 0; i < curve->n; i += 2) {
        double flops = curve->value[i], share = curve->value[i + 1];
        if (!(flops > before))
            return error_set(err, STATUS_BAD_VALUE, "%s[%d] %g: allowed are"
                             " rising flops above 0", key, i, flops);
        if (!(share > 0 && share <= 1))
            return error_set(err, STATUS_BAD_VALUE, "%s[%d] %g: allowed are"
                             " shares in (0, 1]", key, i + 1, share);
        before = flops;
    }
    return STATUS_OK;
}

/* `*key` names the key at fault. */
static enum status check(const struct machine *m, const char **key,
                         struct error *err)
{
    static const char *const curve_key[WORK_COUNT] = {
        [WORK_MATMUL] = "efficiency.matmul",
        [WORK_ATTEND] = "efficiency.attend",
        [WORK_VECTOR] = "efficiency.vector",
    };
    for (int w = 0; w < WORK_COUNT; w++) {
        *key = curve_key[w];
        enum status status = check_curve(m, (enum work)w, *key, err);
        if (status != STATUS_OK)
            return status;
    }
    *key = "peak_flops_per_second";
    double sum = m->core_flops_per_second.high * (double)m->cores;
    if (m->peak_flops_per_second.value > sum)
        return error_set(err, STATUS_BAD_VALUE, "%s %g: allowed is at most"
                         " cores * core_flops_per_second, %g", *key,
                         m->peak_flops_per_second.value, sum);
    return check_levels(m, key, err);
}

enum status machine_load(struct machine *out, const char *name,
                         struct error *err)
{
    static const char *const kinds[] = { "machines", NULL };
    char file[FILE_PATH_SIZE];
    struct config_origin origins[N_KEYS];
    struct error local;
    const char *key;

    if (!err)
        err = &local;
    out->product_lanes = 0;          /* no key sets it */
    enum status status = shipped_find(file, kinds, name, err);
    if (status == STATUS_OK)
        status = config_load(out, &machine_schema, file, NULL, 0, origins, err);
    if (status != STATUS_OK)
        return status;
    status = check(out, &key, err);
    if (status != STATUS_OK)
        return config_blame(&machine_schema, origins, key, err);
    return STATUS_OK;
}

double machine_efficiency(const struct machine *m, enum work work,
                          uint64_t flops)
{
    const struct config_real_list *curve = &m->efficiency[work];
    const double *point = curve->value;
    double x = (double)flops;
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
