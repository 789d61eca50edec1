/* training_state.c - Turn a model's ledger and blocks into flat tensors. */
#include "models/training/training_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "models/files/safetensors.h"
#include "sim/core/model/plan.h"

/* Touched cells as [pass,layer + 1,op] pairs of flops and bytes. */
static size_t ledger_pairs(const struct model *m)
{
    return (size_t)PASS_COUNT * ((size_t)model_spec(m)->n_layers + 1) *
           OP_COUNT;
}

static struct ledger_key pair_key(size_t i, int32_t n_layers)
{
    size_t op = i % OP_COUNT, rest = i / OP_COUNT;
    return (struct ledger_key){
        .pass = (enum pass)(rest / ((size_t)n_layers + 1)),
        .layer = (int32_t)(rest % ((size_t)n_layers + 1)) - 1,
        .token = LEDGER_SHARED, .op = (enum op)op,
    };
}

static void ledger_to_pairs(const struct model *m, const struct ledger *ledger,
                            uint64_t *pair)
{
    for (size_t i = 0; i < ledger_pairs(m); i++) {
        struct ledger_key key = pair_key(i, model_spec(m)->n_layers);
        const struct cost *cost = ledger_at(ledger, key);
        bool touched = ledger_touched(ledger, key);
        pair[2 * i] = touched ? cost->count[METRIC_FLOPS] : 0;
        pair[2 * i + 1] = touched ? cost->count[METRIC_BYTES] : 0;
    }
}

/* Charge the ledger as the meter did: of a cell, only flops and bytes are
 * known. */
static enum status ledger_from_pairs(const struct model *m,
                                     struct ledger *ledger,
                                     const uint64_t *pair)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ledger_pairs(m) && status == STATUS_OK; i++) {
        struct ledger_key key = pair_key(i, model_spec(m)->n_layers);
        struct cost cost = { .from = { PROV_UNKNOWN } };
        if (pair[2 * i] == 0 && pair[2 * i + 1] == 0)
            continue;
        cost_set_count(&cost, METRIC_FLOPS, pair[2 * i], PROV_COUNTED);
        cost_set_count(&cost, METRIC_BYTES, pair[2 * i + 1], PROV_COUNTED);
        status = ledger_charge(ledger, key, &cost);
    }
    return status;
}

/* Of the predicted ledger, a cell is every metric's number, as bits, and its
 * provenance.  A cell that nobody charged knows nothing. */
enum { AMOUNT = 2, CELL = AMOUNT * METRIC_COUNT };

static void ledger_to_amounts(const struct model *m,
                              const struct ledger *ledger, uint64_t *out)
{
    for (size_t i = 0; i < ledger_pairs(m); i++) {
        struct ledger_key key = pair_key(i, model_spec(m)->n_layers);
        struct cost cost = { .from = { PROV_UNKNOWN } };
        if (ledger_touched(ledger, key))
            cost = *ledger_at(ledger, key);
        for (int k = 0; k < METRIC_COUNT; k++) {
            uint64_t *amount = out + i * CELL + AMOUNT * k;
            if (k < METRIC_FIRST_REAL)
                amount[0] = cost.count[k];
            else
                memcpy(amount, &cost.real[k - METRIC_FIRST_REAL],
                       sizeof *amount);
            amount[1] = cost.from[k];
        }
    }
}

static enum status ledger_from_amounts(const struct model *m,
                                       struct ledger *ledger,
                                       const uint64_t *in)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ledger_pairs(m) && status == STATUS_OK; i++) {
        struct cost cost = { .from = { PROV_UNKNOWN } };
        bool touched = false;
        for (int k = 0; k < METRIC_COUNT; k++) {
            const uint64_t *amount = in + i * CELL + AMOUNT * k;
            if (k < METRIC_FIRST_REAL)
                cost.count[k] = amount[0];
            else
                memcpy(&cost.real[k - METRIC_FIRST_REAL], amount,
                       sizeof *amount);
            cost.from[k] = amount[1] < PROV_COUNT ? (uint8_t)amount[1]
                                                  : PROV_UNKNOWN;
            touched |= cost.from[k] != PROV_UNKNOWN;
        }
        if (touched)
            status = ledger_charge(ledger, pair_key(i, model_spec(m)->n_layers),
                                   &cost);
    }
    return status;
}

/* The memory of a save or resume that the model does not have itself. */
struct state_memory {
    uint64_t *pairs;               /* of the ledger */
    uint64_t *predicted;           /* NULL: no such ledger */
    float    *routers;             /* [learned]; NULL: all weights learn */
};

static enum status take_memory(struct state_memory *memory, struct model *m,
                               const struct training_state *state,
                               const char *path, struct error *err)
{
    const size_t learned = model_tensors(m)->learned;
    const bool frozen = model_spec(m)->backbone_frozen;

    memory->pairs = malloc(2 * ledger_pairs(m) * sizeof *memory->pairs);
    memory->routers = frozen ? calloc(learned, sizeof(float)) : NULL;
    if (state->predicted)
        memory->predicted = calloc((size_t)CELL * ledger_pairs(m),
                                   sizeof *memory->predicted);
    return memory->pairs && (memory->routers || !frozen) &&
                   (memory->predicted || !state->predicted)
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "no memory for %s", path);
}

static void free_memory(struct state_memory *memory)
{
    free(memory->predicted);
    free(memory->pairs);
    free(memory->routers);
}

/* XXH64 of the weights that do not learn; "" where all do. */
static void frozen_sum(char out[17], struct model *m)
{
    const struct tensor_list *list = model_tensors(m);
    XXH64_hash_t hash = 0;
    *out = '\0';
    if (!model_spec(m)->backbone_frozen)
        return;
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *t = &list->tensor[i];
        if (!t->trained)
            hash = XXH64(model_weights(m) + t->offset, t->n * sizeof(float),
                         hash);
    }
    snprintf(out, 17, "%016" PRIx64, (uint64_t)hash);
}

/* The three blocks, thresholds, the curve and the ledger, as flat tensors; the
 * last is there where steps cost unlike. */
enum {
    STATE_WEIGHTS, STATE_M, STATE_V, STATE_THRESHOLDS, STATE_CURVE,
    STATE_LEDGER, STATE_PREDICTED, STATE_MOST
};

static int state_n(const struct training_state *state)
{
    return state->predicted ? STATE_MOST : STATE_PREDICTED;
}

static void state_tensors(struct model *m, const struct training_state *state,
                          const struct state_memory *memory,
                          struct safetensors_tensor *out)
{
    const uint64_t floats = model_tensors(m)->learned;
    static const char *const name[STATE_MOST] = {
        "weights", "adamw.m", "adamw.v", "thresholds", "curve", "ledger",
        "predicted"
    };
    const void *data[STATE_MOST] = {
        memory->routers ? memory->routers : model_weights(m),
        model_moments(m, 0), model_moments(m, 1), model_thresholds(m),
        state->curve, memory->pairs, memory->predicted
    };
    for (int i = 0; i < STATE_MOST; i++)
        out[i] = (struct safetensors_tensor){
            .name = name[i], .dtype = SAFETENSORS_F32, .rank = 1,
            .shape = { floats }, .data = data[i],
        };
    out[STATE_THRESHOLDS].shape[0] = (uint64_t)plan_n_choices(model_spec(m));
    out[STATE_CURVE].dtype = SAFETENSORS_F64;
    out[STATE_CURVE].rank = 2;
    out[STATE_CURVE].shape[0] = (uint64_t)state->n_curve;
    out[STATE_CURVE].shape[1] = TRAINING_CURVE_COLUMNS;
    out[STATE_LEDGER].dtype = SAFETENSORS_U64;
    out[STATE_LEDGER].shape[0] = 2 * ledger_pairs(m);
    out[STATE_PREDICTED].dtype = SAFETENSORS_U64;
    out[STATE_PREDICTED].shape[0] = (uint64_t)CELL * ledger_pairs(m);
}

/* XXH64 of the tensors' bytes, each seeded with the sum before, to detect a
 * damaged file. */
static void checksum(char out[17], const struct safetensors_tensor *const *t,
                     int n)
{
    XXH64_hash_t hash = 0;
    for (int i = 0; i < n; i++) {
        uint64_t bytes = 0;
        if (safetensors_size(&bytes, t[i]))
            hash = XXH64(t[i]->data, bytes, hash);
    }
    snprintf(out, 17, "%016" PRIx64, (uint64_t)hash);
}

enum status training_state_save(struct model *m,
                                const struct training_state *state,
                                const char *path, struct error *err)
{
    struct safetensors_tensor tensor[STATE_MOST];
    const struct safetensors_tensor *all[STATE_MOST];
    struct state_memory memory = { .routers = NULL };
    const int n = state_n(state);
    char step[32], seconds[32], random[4 * 17], sum[17], frozen[17];
    snprintf(step, sizeof step, "%" PRId64, state->step);
    snprintf(seconds, sizeof seconds, "%a", state->seconds);
    snprintf(random, sizeof random, "%" PRIx64 " %" PRIx64 " %" PRIx64
             " %" PRIx64, state->random.state[0], state->random.state[1],
             state->random.state[2], state->random.state[3]);
    const struct safetensors_note note[] = {
        { "format", "isobath-state-1" }, { "step", step },
        { "seconds", seconds }, { "random", random },
        { "fingerprint", state->fingerprint }, { "checksum", sum },
        { "kernels", model_kernels(m) }, { "frozen", frozen },
    };
    enum status status = take_memory(&memory, m, state, path, err);
    if (status != STATUS_OK)
        goto out;
    ledger_to_pairs(m, state->counted, memory.pairs);
    if (state->predicted)
        ledger_to_amounts(m, state->predicted, memory.predicted);
    if (memory.routers)
        tensor_copy_learned(model_tensors(m), model_weights(m), memory.routers,
                            false);
    frozen_sum(frozen, m);
    state_tensors(m, state, &memory, tensor);
    for (int i = 0; i < n; i++)
        all[i] = &tensor[i];
    checksum(sum, all, n);
    size_t notes = sizeof note / sizeof *note - (*frozen == '\0');
    status = safetensors_write(path, tensor, (size_t)n, note, notes, err);
out:
    free_memory(&memory);
    return status;
}

static const char *note_of(const struct safetensors *file, const char *key)
{
    const char *text = safetensors_metadata(file, key);
    return text ? text : "";
}

static enum status read_notes(const struct safetensors *file, struct model *m,
                              struct training_state *state, const char *path,
                              struct error *err)
{
    uint64_t *r = state->random.state;
    char frozen[17];
    snprintf(state->kernels, sizeof state->kernels, "%s",
             note_of(file, "kernels"));
    if (strcmp(note_of(file, "format"), "isobath-state-1") != 0)
        return error_set(err, STATUS_BAD_FORMAT,
                         "%s: not a training state of this program", path);
    if (strcmp(note_of(file, "fingerprint"), state->fingerprint) != 0)
        return error_set(err, STATUS_BAD_VALUE,
                         "%s: written with another config or other data, so"
                         " training cannot go on from it; use another"
                         " directory, or give the old config", path);
    frozen_sum(frozen, m);
    if (strcmp(note_of(file, "frozen"), frozen) != 0)
        return error_set(err, STATUS_BAD_VALUE,
                         "%s: written beside other frozen weights: what"
                         " train.init names has changed; use another directory,"
                         " or the old weights", path);
    if (sscanf(note_of(file, "step"), "%" SCNd64, &state->step) != 1 ||
        state->step < 0 ||
        sscanf(note_of(file, "seconds"), "%la", &state->seconds) != 1 ||
        !isfinite(state->seconds) || state->seconds < 0.0 ||
        sscanf(note_of(file, "random"), "%" SCNx64 " %" SCNx64 " %" SCNx64
               " %" SCNx64, &r[0], &r[1], &r[2], &r[3]) != 4 ||
        (r[0] | r[1] | r[2] | r[3]) == 0)      /* xoshiro would stand still */
        return error_set(err, STATUS_BAD_FORMAT,
                         "%s: its notes do not parse", path);
    return STATUS_OK;
}

static void copy_curve(double *to, const struct safetensors_tensor *from)
{
    const uint64_t had = from->shape[1];
    const char *at = from->data;

    for (uint64_t row = 0; row < from->shape[0]; row++) {
        for (int i = 0; i < TRAINING_CURVE_COLUMNS; i++)
            to[i] = (double)NAN;
        memcpy(to, at, had * sizeof *to);
        to += TRAINING_CURVE_COLUMNS;
        at += had * sizeof *to;
    }
}

/* Read all tensors of the state into the memory of `want`, or none of them. */
static enum status read_state(struct safetensors_tensor *want, int n,
                              const struct safetensors *file,
                              int64_t most_curve, const char *path,
                              struct error *err)
{
    const struct safetensors_tensor *found[STATE_MOST];
    char sum[17];
    for (int i = 0; i < n; i++) {
        const struct safetensors_tensor *t =
            safetensors_find(file, want[i].name);
        bool curve = i == STATE_CURVE;
        if (!t || t->dtype != want[i].dtype || t->rank != want[i].rank ||
            (curve ? t->shape[0] > (uint64_t)most_curve ||
                         t->shape[1] < 1 ||
                         t->shape[1] > TRAINING_CURVE_COLUMNS
                   : t->shape[0] != want[i].shape[0]))
            return error_set(err, STATUS_BAD_FORMAT,
                             "%s: tensor '%s' does not fit this model", path,
                             want[i].name);
        found[i] = t;
    }
    checksum(sum, found, n);
    if (strcmp(sum, note_of(file, "checksum")) != 0)
        return error_set(err, STATUS_BAD_FORMAT,
                         "%s: damaged: its numbers do not match their checksum;"
                         " remove it to begin anew", path);
    copy_curve((double *)(uintptr_t)want[STATE_CURVE].data, found[STATE_CURVE]);
    for (int i = 0; i < n; i++)
        if (i != STATE_CURVE && found[i]->bytes > 0)
            memcpy((void *)(uintptr_t)want[i].data, found[i]->data,
                   found[i]->bytes);
    want[STATE_CURVE].shape[0] = found[STATE_CURVE]->shape[0];
    return STATUS_OK;
}

enum status training_state_resume(struct model *m,
                                  struct training_state *state,
                                  int64_t most_curve, const char *path,
                                  struct error *err)
{
    struct safetensors_tensor want[STATE_MOST];
    struct training_state next = *state;
    struct safetensors *file = NULL;
    struct state_memory memory = { .routers = NULL };
    enum status status = take_memory(&memory, m, state, path, err);
    if (status == STATUS_OK)
        status = safetensors_open(&file, path, err);
    if (status == STATUS_OK)
        status = read_notes(file, m, &next, path, err);
    if (status == STATUS_OK) {
        state_tensors(m, state, &memory, want);
        status = read_state(want, state_n(state), file, most_curve, path, err);
    }
    if (status == STATUS_OK) {
        next.n_curve = (int64_t)want[STATE_CURVE].shape[0];
        *state = next;
        if (memory.routers)
            tensor_copy_learned(model_tensors(m), model_weights(m),
                                memory.routers, true);
        /* Ledgers as they were opened cannot overflow by this. */
        status = ledger_from_pairs(m, state->counted, memory.pairs);
        if (status == STATUS_OK && state->predicted)
            status = ledger_from_amounts(m, state->predicted,
                                         memory.predicted);
    }
    free_memory(&memory);
    safetensors_close(file);
    return status;
}
