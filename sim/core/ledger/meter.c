/* meter.c - Fill a ledger with the ops that the executor reports, or add up the
 * flops of its forward passes, whole or by the sequence. */
#include "sim/core/ledger/meter.h"

#include <string.h>

static void nothing(struct meter *meter, const struct op_run *run)
{
    (void)meter;
    (void)run;
}

static struct cost counted(struct tally tally)
{
    struct cost cost = { 0 };
    cost_set_count(&cost, METRIC_FLOPS, tally.flops, PROV_COUNTED);
    cost_set_count(&cost, METRIC_BYTES, tally.bytes, PROV_COUNTED);
    return cost;
}

static void note(struct ledger_meter *m, enum status status)
{
    if (status != STATUS_OK && m->status == STATUS_OK)
        m->status = status;
}

static void charge(struct ledger_meter *m, const struct op_run *run,
                   int32_t token, struct tally tally)
{
    struct cost cost = counted(tally);
    note(m, ledger_charge(m->ledger, (struct ledger_key){
        run->pass, run->layer, token, run->op }, &cost));
}

/* Where row r is token r and all cost the same, they are charged in one go. */
static void charge_alike(struct ledger_meter *m, const struct op_run *run)
{
    struct cost cost = counted(run->each);
    note(m, ledger_charge_alike(m->ledger, (struct ledger_key){
        run->pass, run->layer, 0, run->op }, run->n_rows, &cost));
}

static void file_op(struct meter *meter, const struct op_run *run)
{
    struct ledger_meter *m = (struct ledger_meter *)meter;

    if (!meter->by_token) {
        charge(m, run, LEDGER_SHARED, run->total);
        return;
    }
    struct tally left = run->total;
    if (!run->row && !run->extra) {
        charge_alike(m, run);
        left.flops -= (uint64_t)run->n_rows * run->each.flops;
        left.bytes -= (uint64_t)run->n_rows * run->each.bytes;
        charge(m, run, LEDGER_SHARED, left);
        return;
    }
    for (int32_t r = 0; r < run->n_rows; r++) {
        struct tally tally = run->each;
        if (run->extra) {
            tally.flops += run->extra[r].flops;
            tally.bytes += run->extra[r].bytes;
        }
        left.flops -= tally.flops;
        left.bytes -= tally.bytes;
        charge(m, run, run->row ? run->row[r] : r, tally);
    }
    charge(m, run, LEDGER_SHARED, left);
}

struct ledger_meter ledger_meter(struct ledger *ledger)
{
    return (struct ledger_meter){
        .meter = { .begin = nothing, .end = file_op,
                   .by_token = ledger_shape(ledger).n_tokens > 0 },
        .ledger = ledger,
        .status = STATUS_OK,
    };
}

static bool is_forward(const struct op_run *run)
{
    return run->pass == PASS_FORWARD && run->op != OP_LOSS &&
           run->op != OP_ENTROPY;
}

static void add_forward(struct meter *meter, const struct op_run *run)
{
    struct forward_meter *m = (struct forward_meter *)meter;

    if (is_forward(run))
        m->flops += run->total.flops;
}

struct forward_meter forward_meter(void)
{
    return (struct forward_meter){
        .meter = { .begin = nothing, .end = add_forward },
    };
}

/* The arithmetic of a forward is its rows' alone: none is left for no token. */
static void add_sequences(struct meter *meter, const struct op_run *run)
{
    struct sequence_meter *m = (struct sequence_meter *)meter;

    if (!is_forward(run))
        return;
    for (int32_t r = 0; r < run->n_rows; r++) {
        const int32_t token = run->row ? run->row[r] : r;
        m->flops[token / m->n_tokens] +=
            run->each.flops + (run->extra ? run->extra[r].flops : 0);
    }
}

struct sequence_meter sequence_meter(uint64_t *flops, int32_t n_sequences,
                                     int32_t n_tokens)
{
    memset(flops, 0, (size_t)n_sequences * sizeof *flops);
    return (struct sequence_meter){
        .meter = { .begin = nothing, .end = add_sequences, .by_token = true },
        .n_tokens = n_tokens, .flops = flops,
    };
}
