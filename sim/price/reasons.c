/* reasons.c - Name the numbers that a profile lacks. */
#include "sim/price/reasons.h"

#include <stdio.h>

const enum metric reasons_metric[LEVEL_COUNT] = {
    [LEVEL_L1] = METRIC_BYTES,     [LEVEL_L2] = METRIC_L2_BYTES,
    [LEVEL_L3] = METRIC_L3_BYTES,  [LEVEL_DRAM] = METRIC_DRAM_BYTES,
};

/* What the profile lacks of a level. */
static void give_level(struct ledger *ledger, const struct machine *machine,
                       enum level level)
{
    const struct quantity *joules = &machine->level[level].joules_per_byte;
    char why[384];

    snprintf(why, sizeof why, "the machine has no %s level",
             level_names[level]);
    if (!machine_has_level(machine, level) && level != LEVEL_L1)
        ledger_set_reason(ledger, reasons_metric[level], why);
    snprintf(why, sizeof why, "%s.joules_per_byte: %s", level_names[level],
             joules->source);
    if (machine_has_level(machine, level) && !quantity_known(joules))
        ledger_set_reason(ledger, METRIC_JOULES, why);
}

/* A number of the profile is unknown: so are these. */
static void give_unknown(struct ledger *ledger, const char *key,
                         const struct quantity *quantity, bool seconds)
{
    char why[384];

    if (quantity_known(quantity))
        return;
    snprintf(why, sizeof why, "%s: %s", key, quantity->source);
    if (seconds)
        ledger_set_reason(ledger, METRIC_SECONDS, why);
    ledger_set_reason(ledger, METRIC_JOULES, why);
}

/* Why the machine tells no seconds, or no joules. */
static void give_unknowns(struct ledger *ledger, const struct machine *machine,
                          enum precision arithmetic)
{
    const enum precision of[] = { PRECISION_FP32, arithmetic };
    char key[64];

    for (int i = 0; i < LEVEL_COUNT; i++)
        give_level(ledger, machine, (enum level)i);
    give_unknown(ledger, "watts.static", &machine->watts.standing, false);
    for (int i = 0; i < 2; i++) {
        snprintf(key, sizeof key, "joules_per_flop.%s",
                 precision_names[of[i]]);
        give_unknown(ledger, key, &machine->joules_per_flop[of[i]], false);
    }
    snprintf(key, sizeof key, "peak_flops_per_second.%s",
             precision_names[PRECISION_FP32]);
    give_unknown(ledger, key, machine_work_peak(machine, WORK_VECTOR,
                                                PRECISION_FP32), true);
    snprintf(key, sizeof key, "peak_flops_per_second.%s",
             precision_names[arithmetic]);
    give_unknown(ledger, key, machine_peak(machine, arithmetic), true);
}

void reasons_give(struct ledger *ledger, const struct machine *machine,
                  const struct regime *regime)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        char none[64];
        snprintf(none, sizeof none, "no formula predicts %s",
                 metric_table[m].column);
        if (metric_table[m].predicted == PREDICTED_BY_NOTHING)
            ledger_set_reason(ledger, (enum metric)m, none);
        if (metric_table[m].predicted == PREDICTED_BY_MACHINE && !machine)
            ledger_set_reason(ledger, (enum metric)m,
                              "no machine profile given");
    }
    if (machine)
        give_unknowns(ledger, machine, regime->arithmetic);
    if (machine && regime_devices(regime) > 1)
        give_unknown(ledger, "link.bytes_per_second",
                     &machine->link_bytes_per_second, true);
}

void reasons_text(char *out, size_t size, const struct machine *machine,
                  const struct regime *regime, enum metric metric)
{
    struct ledger *ledger;

    out[0] = '\0';
    if (ledger_open(&ledger, (struct ledger_shape){ 0 }, (struct cost){ 0 },
                    NULL) != STATUS_OK) {
        error_note_memory();
        return;
    }
    reasons_give(ledger, machine, regime);
    const char *why = ledger_reason(ledger, metric);
    snprintf(out, size, "%s", why ? why : "");
    ledger_close(ledger);
}
