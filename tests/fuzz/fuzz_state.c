/* fuzz_state.c - A training state whose checksum is right is trained on from
 * within its memory, whatever it says, or is refused in words. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/training/trainer.h"
#include "tests/forged_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { STEPS = 12, MOST_ROWS = 64, NOTE = 80 };

static char directory[] = "/tmp/isobath-fuzz-XXXXXX";
static char honest[64], forged[64];
static struct corpus text = { .n = 1, .weight = { 1.0 } };

static struct trainer *open_trainer(void)
{
    const struct model_spec spec = {
        .traits = family_traits[FAMILY_LLAMA], .n_layers = 1,
        .n_channels = 4, .n_heads = 1, .n_kv_heads = 1, .head_size = 4,
        .n_ffn = 4, .n_vocab = 256, .max_tokens = 8, .norm_epsilon = 1e-5f, .rope_theta = 1e4f,
        .tied_head = true,
    };
    const struct trainer_options options = {
        .n_sequences = 1, .n_tokens = 4, .steps = STEPS,
        .schedule = { .peak = 1e-2, .warmup = 0.1 }, .beta1 = 0.9,
        .beta2 = 0.98, .epsilon = 1e-8, .clip = 1.0, .threshold_decay = 0.9,
        .judge_every = 5, .curve_windows = 1, .seed = 7, .n_threads = 1,
        .policy = route_find("dense"),
    };
    struct trainer *trainer = NULL;

    if (trainer_open(&trainer, &spec, &options, &text, "0123456789abcdef",
                     NULL) != STATUS_OK)
        abort();
    return trainer;
}

static void remove_all(void)
{
    unlink(honest);
    unlink(forged);
    rmdir(directory);
}

/* A text, and a state of three steps to start from. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct random random = random_seeded(2);
    char path[64];

    (void)argc, (void)argv;
    if (!mkdtemp(directory))
        abort();
    atexit(remove_all);
    snprintf(path, sizeof path, "%s/text", directory);
    snprintf(honest, sizeof honest, "%s/honest", directory);
    snprintf(forged, sizeof forged, "%s/forged", directory);
    FILE *file = fopen(path, "wb");
    for (int i = 0; file && i < 60 * 4096; i++)
        fputc((int)random_below(&random, 256), file);
    if (!file || fclose(file) != 0 ||
        data_open(&text.data[0], path, 4, NULL) != STATUS_OK)
        abort();
    unlink(path);
    struct trainer *trainer = open_trainer();
    for (int i = 0; i < 3; i++)
        if (trainer_step(trainer, NULL) != STATUS_OK)
            abort();
    if (trainer_save(trainer, honest, NULL) != STATUS_OK)
        abort();
    trainer_close(trainer);
    return 0;
}

/* The next line of the input; an empty one leaves the note as it was. */
static const char *take_line(char out[NOTE], const uint8_t **at,
                             const uint8_t *end)
{
    size_t n = 0;

    for (; *at < end && **at != '\n'; ++*at)
        if (n < NOTE - 1 && **at >= ' ' && **at < 127)
            out[n++] = (char)**at;
    *at += *at < end;
    out[n] = '\0';
    return n ? out : NULL;
}

/* Three notes, a line each; then a byte a row of the curve, its step. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *at = bytes, *end = bytes + size;
    char step[NOTE], seconds[NOTE], random[NOTE];
    double curve[MOST_ROWS * TRAINING_CURVE_COLUMNS] = { 0 };
    struct forgery forgery = { 0 };
    struct error err = { STATUS_OK, "" };

    forgery.step = take_line(step, &at, end);
    forgery.seconds = take_line(seconds, &at, end);
    forgery.random = take_line(random, &at, end);
    for (; at < end && forgery.n_rows < MOST_ROWS; at++)
        curve[forgery.n_rows++ * TRAINING_CURVE_COLUMNS] = *at;
    if (forgery.n_rows)
        forgery.curve = curve;
    if (!forge_state(honest, forged, &forgery))
        abort();
    struct trainer *trainer = open_trainer();
    enum status status = trainer_resume(trainer, forged, &err);
    if (status != STATUS_OK)
        assert(err.status == status && strlen(err.text) > 0);
    while (status == STATUS_OK && trainer_state(trainer)->step < STEPS)
        status = trainer_step(trainer, &err);
    trainer_close(trainer);
    return 0;
}
