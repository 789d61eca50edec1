/* test_training_state.c - Save the state of a training, and take it back. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "models/training/training_state.h"
#include "sim/core/base/file.h"
#include "sim/core/model/plan.h"
#include "tests/tiny_model.h"
#include "tests/words.h"

enum { ROWS = 3 };
static double curve[ROWS][TRAINING_CURVE_COLUMNS];

static struct training_state some_state(struct ledger *ledger)
{
    struct training_state state = {
        .step = 41, .seconds = 1.0 / 3.0, .random = random_seeded(5),
        .fingerprint = "0123456789abcdef", .n_curve = 2, .curve = &curve[0][0],
        .counted = ledger,
    };
    return state;
}

static struct ledger *open_ledger(int32_t n_layers)
{
    struct ledger *ledger = NULL;
    cr_assert(eq(int, ledger_open(&ledger, (struct ledger_shape){
        .by_pass = true, .by_op = true, .n_layers = n_layers },
        cost_zero(PROV_COUNTED), NULL), STATUS_OK));
    return ledger;
}

/* A model with numbers in every place, and a state, on disk. */
static struct model *saved(struct ledger *ledger)
{
    struct model *model = open_tiny(FAMILY_GPT2, 0.5, true, true);
    struct training_state state = some_state(ledger);
    struct error err = { STATUS_OK, "" };

    make_directory(directory);
    model_moments(model, 0)[3] = 0.1f;
    model_moments(model, 1)[5] = -0.0f;
    model_thresholds(model)[1] = 0.75f;
    curve[1][2] = (double)NAN;
    curve[1][3] = 1e-300;
    ledger_set_count(ledger, (struct ledger_key){ PASS_BACKWARD, 1, 0,
                     OP_QKV }, METRIC_FLOPS, UINT64_MAX, PROV_COUNTED);
    ledger_set_count(ledger, (struct ledger_key){ PASS_BACKWARD, 1, 0,
                     OP_QKV }, METRIC_BYTES, 7, PROV_COUNTED);
    cr_assert(eq(int, training_state_save(model, &state, in_directory("state"),
                                          &err), STATUS_OK), "%s", err.text);
    return model;
}

Test(training_state, the_state_of_training_comes_back_bit_for_bit)
{
    struct ledger *ledger = open_ledger(2), *other = open_ledger(2);
    struct model *model = saved(ledger);
    struct model *again = open_tiny(FAMILY_GPT2, 0.5, true, true);
    struct training_state state = some_state(other);
    struct error err = { STATUS_OK, "" };
    const struct ledger_key key = { PASS_BACKWARD, 1, 0, OP_QKV };
    const size_t bytes = model_tensors(model)->floats * sizeof(float);

    memset(curve, 0, sizeof curve);
    memset(model_weights(again), 0, bytes);
    state.step = 0;
    state.seconds = 0;
    state.random = random_seeded(6);
    state.n_curve = 0;
    cr_assert(eq(int, training_state_resume(again, &state, ROWS,
                                            in_directory("state"), &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(memcmp(model_weights(again), model_weights(model), bytes) == 0);
    for (int i = 0; i < 2; i++)
        cr_expect(memcmp(model_moments(again, i), model_moments(model, i),
                         bytes) == 0);
    cr_expect(eq(flt, model_thresholds(again)[1], 0.75f));
    cr_expect(eq(i64, state.step, 41));
    cr_expect(state.seconds == 1.0 / 3.0);
    struct random expected = random_seeded(5);
    cr_expect(memcmp(&state.random, &expected, sizeof expected) == 0);
    cr_expect(eq(i64, state.n_curve, 2));
    cr_expect(isnan(curve[1][2]));
    cr_expect(curve[1][3] == 1e-300);
    cr_expect(eq(u64, ledger_at(other, key)->count[METRIC_FLOPS], UINT64_MAX));
    cr_expect(eq(u64, ledger_at(other, key)->count[METRIC_BYTES], 7));
    /* Cycles were not counted. */
    cr_expect(eq(int, ledger_at(other, key)->from[METRIC_CYCLES],
                 PROV_UNKNOWN));
    model_close(again);
    model_close(model);
    ledger_close(other);
    ledger_close(ledger);
    remove_directory(directory);
}

static void expect_no_resume(struct model *model, struct training_state state,
                             enum status want, const char *needle)
{
    struct error err = { STATUS_OK, "" };
    float first = model_weights(model)[0];

    model_weights(model)[0] = 5.0f;
    cr_expect(eq(int, training_state_resume(model, &state, ROWS,
                                            in_directory("state"), &err), want));
    cr_expect(strstr(err.text, needle) != NULL, "%s", err.text);
    cr_expect(eq(flt, model_weights(model)[0], 5.0f), "the model was touched");
    model_weights(model)[0] = first;
}

Test(training_state, a_state_of_another_config_is_refused)
{
    struct ledger *ledger = open_ledger(2);
    struct model *model = saved(ledger);
    struct training_state state = some_state(ledger);

    strcpy(state.fingerprint, "fedcba9876543210");
    expect_no_resume(model, state, STATUS_BAD_VALUE, "another config");
    model_close(model);
    ledger_close(ledger);
    remove_directory(directory);
}

Test(training_state, a_state_that_was_cut_short_is_refused)
{
    struct ledger *ledger = open_ledger(2);
    struct model *model = saved(ledger);
    struct stat file;

    cr_assert(stat(in_directory("state"), &file) == 0);
    cr_assert(truncate(in_directory("state"), file.st_size - 4) == 0);
    expect_no_resume(model, some_state(ledger), STATUS_BAD_FORMAT, "state");
    cr_assert(truncate(in_directory("state"), 0) == 0);
    expect_no_resume(model, some_state(ledger), STATUS_BAD_FORMAT, "state");
    model_close(model);
    ledger_close(ledger);
    remove_directory(directory);
}

Test(training_state, a_state_with_one_bit_turned_is_refused)
{
    struct ledger *ledger = open_ledger(2);
    struct model *model = saved(ledger);
    FILE *file = fopen(in_directory("state"), "r+b");

    cr_assert(file != NULL);
    fseek(file, -5, SEEK_END);
    int c = fgetc(file);
    fseek(file, -5, SEEK_END);
    fputc(c ^ 0x10, file);
    fclose(file);
    expect_no_resume(model, some_state(ledger), STATUS_BAD_FORMAT, "damaged");
    model_close(model);
    ledger_close(ledger);
    remove_directory(directory);
}

Test(training_state, a_curve_longer_than_its_room_is_refused)
{
    struct ledger *ledger = open_ledger(2);
    struct model *model = saved(ledger);
    struct training_state state = some_state(ledger);
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, training_state_resume(model, &state, 1,
                                            in_directory("state"), &err),
                 STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "'curve'") != NULL, "%s", err.text);
    model_close(model);
    ledger_close(ledger);
    remove_directory(directory);
}

static size_t read_whole(char *out, size_t room)
{
    FILE *file = fopen(in_directory("state"), "rb");
    size_t n = fread(out, 1, room, file);
    fclose(file);
    return n;
}

/* A limit on the size of files stands for a full disk. */
Test(training_state, a_full_disk_leaves_the_older_state_alone)
{
    static char before[1 << 20], after[1 << 20];
    struct ledger *ledger = open_ledger(2);
    struct model *model = saved(ledger);
    struct training_state state = some_state(ledger);
    struct error err = { STATUS_OK, "" };
    const struct rlimit small = { 5000, 5000 };
    size_t n = read_whole(before, sizeof before);

    signal(SIGXFSZ, SIG_IGN);
    cr_assert(setrlimit(RLIMIT_FSIZE, &small) == 0);
    state.step = 42;
    cr_expect(eq(int, training_state_save(model, &state, in_directory("state"),
                                          &err), STATUS_IO));
    cr_expect(strstr(err.text, "too large") != NULL, "%s", err.text);
    cr_expect(eq(sz, read_whole(after, sizeof after), n));
    cr_expect(memcmp(before, after, n) == 0);
    model_close(model);
    ledger_close(ledger);
    remove_directory(directory);
}
