/* fuzz_torch_trace.c - Check that a profiler trace, whatever its text, is refused
 * with a message, or taken apart so that its times add up. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "hwprof/imported/torch_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A call's time or that of none, and each amount at least 0 or unknown. */
static void check(const struct torch_trace *t)
{
    double seconds = t->unmapped_seconds, unmapped = 0;

    for (size_t i = 0; i < t->n_calls; i++) {
        const struct torch_call *call = &t->call[i];
        assert(call->seconds >= 0);
        assert(!(call->work.flops < 0) && !(call->work.bytes < 0));
        assert(call->op < OP_COUNT && call->pass < PASS_COUNT);
        seconds += call->seconds;
    }
    for (size_t i = 0; i < t->n_unmapped; i++) {
        assert(strlen(t->unmapped[i].name) < 1 << 20);
        unmapped += t->unmapped[i].seconds;
    }
    assert(fabs(seconds - t->seconds) <= 1e-6 * (1 + t->seconds));
    assert(fabs(unmapped - t->unmapped_seconds) <= 1e-6 * (1 + t->seconds));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct chrome_trace chrome = { .event = NULL };
    struct error err = { STATUS_OK, "" };
    struct torch_trace torch;
    enum status status = chrome_trace_parse(&chrome, (const char *)bytes, size,
                                            "fuzz", &err);

    if (status == STATUS_OK)
        status = torch_trace_read(&torch, &chrome, "fuzz", &err);
    if (status == STATUS_OK) {
        check(&torch);
        torch_trace_close(&torch);
    } else {
        assert(err.status == status && strlen(err.text) > 0);
    }
    chrome_trace_close(&chrome);
    return 0;
}
