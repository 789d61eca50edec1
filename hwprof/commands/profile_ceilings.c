/* profile_ceilings.c - Keep the rates of the machine profile in use beside
 * what was measured: a profile may change after the run. */
#include "hwprof/commands/profile_job.h"

#include "sim/price/machine.h"

static json_t *quantity_json(const struct quantity *q)
{
    return json_pack("{s:f, s:f, s:f, s:s, s:s}", "value", q->value, "low",
                     q->low, "high", q->high, "grade", q->grade, "source",
                     q->source);
}

json_t *profile_ceilings(const struct machine *machine)
{
    json_t *json = json_pack("{s:s, s:I, s:o}", "machine", machine->name,
        "cores", (json_int_t)machine->cores, "flops_per_second",
        quantity_json(&machine->peak_flops_per_second));

    for (int i = 0; i < LEVEL_COUNT; i++) {
        char key[32];
        if (!machine_has_level(machine, (enum level)i))
            continue;
        snprintf(key, sizeof key, "%s_bytes_per_second", level_names[i]);
        json_object_set_new(json, key,
                            quantity_json(&machine->level[i].bytes_per_second));
    }
    return json;
}
