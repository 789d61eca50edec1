/* forged_state.h - Write a training state that lies, with a checksum that is
 * right. */
#ifndef FORGED_STATE_H
#define FORGED_STATE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "models/files/safetensors.h"
#include "models/training/training_state.h"

/* Values put in place of those in the state; NULL leaves one as it is. */
struct forgery {
    const char *step, *seconds, *random;
    const double *curve;         /* [n_rows, TRAINING_CURVE_COLUMNS] */
    uint64_t n_rows;
};

/* The tensors of a state, in the order of its checksum. */
enum { FORGED_TENSORS = 6 };
static const char *const forged_names[FORGED_TENSORS] = {
    "weights", "adamw.m", "adamw.v", "thresholds", "curve", "ledger"
};

static inline const char *forged_note(const struct safetensors *file,
                                      const char *key, const char *other)
{
    const char *own = safetensors_metadata(file, key);
    return other ? other : own ? own : "";
}

/* The state at `from` to `to`; false where either cannot be. */
static inline bool forge_state(const char *from, const char *to,
                               const struct forgery *forgery)
{
    struct safetensors_tensor tensor[FORGED_TENSORS];
    struct safetensors *file = NULL;
    XXH64_hash_t hash = 0;
    char sum[17];

    if (safetensors_open(&file, from, NULL) != STATUS_OK)
        return false;
    for (int i = 0; i < FORGED_TENSORS; i++) {
        uint64_t bytes = 0;
        tensor[i] = *safetensors_find(file, forged_names[i]);
        if (strcmp(forged_names[i], "curve") == 0 && forgery->curve) {
            tensor[i].data = forgery->curve;
            tensor[i].shape[0] = forgery->n_rows;
        }
        if (safetensors_size(&bytes, &tensor[i]))
            hash = XXH64(tensor[i].data, bytes, hash);
    }
    snprintf(sum, sizeof sum, "%016" PRIx64, (uint64_t)hash);
    const struct safetensors_note notes[] = {
        { "format", forged_note(file, "format", NULL) },
        { "step", forged_note(file, "step", forgery->step) },
        { "seconds", forged_note(file, "seconds", forgery->seconds) },
        { "random", forged_note(file, "random", forgery->random) },
        { "fingerprint", forged_note(file, "fingerprint", NULL) },
        { "checksum", sum },
    };
    bool written = safetensors_write(to, tensor, FORGED_TENSORS, notes,
                                     sizeof notes / sizeof *notes, NULL) ==
                   STATUS_OK;
    safetensors_close(file);
    return written;
}

#endif
