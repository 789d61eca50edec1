/* fuzz_recorded.c - Check that a recorded run, whatever its text, is refused with a
 * message or gives readings whose amounts are unknown or at least 0. */
#include <assert.h>
#include <string.h>

#include "hwprof/counters/counter.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { READINGS = 6 };

static void check(const struct cost *cost)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        assert(!(cost_get(cost, (enum metric)m) < 0));
}

static void replay(struct counter_session *session)
{
    static const struct counter_note notes[] = {
        { "forward/0/qkv", 0 }, { "kernel/flops", 1e6 }, { NULL, 0 },
    };
    struct error err = { STATUS_OK, "" };
    enum status status = counter_start(session, &err);

    for (int i = 0; i < READINGS && status == STATUS_OK; i++) {
        struct cost cost;
        counter_tell(session, notes[i % 3]);
        status = counter_read(session, &cost, &err);
        if (status == STATUS_OK)
            check(&cost);
    }
    assert(status == STATUS_OK ||
           (err.status == status && strlen(err.text) > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct fuzz_directory d = fuzz_directory_make();
    const struct fuzz_file f = fuzz_file_write(&d, "r.counters", bytes, size);
    const struct counter_options options = {
        .trace_path = f.path, .metrics = (UINT32_C(1) << METRIC_COUNT) - 1,
    };
    struct counter_session *session = NULL;
    struct error err = { STATUS_OK, "" };
    enum status status = counter_open(&session, &counter_recorded, &options,
                                      &err);

    if (status == STATUS_OK)
        replay(session);
    else
        assert(err.status == status && strlen(err.text) > 0);
    counter_close(session);
    unlink(f.path);
    rmdir(d.path);
    return 0;
}
