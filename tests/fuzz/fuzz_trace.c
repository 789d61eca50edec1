/* fuzz_trace.c - Check that a trace, whatever its text, is refused with a
 * message or can be replayed: its positions ascend and lie within their
 * window. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "sim/core/model/plan.h"
#include "sim/core/model/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Windows of up to this many tokens are replayed. */
enum { TOKENS = 4096 };

static void check_kept(const struct allocation *a, int32_t choice)
{
    const int32_t *kept = allocation_kept(a, choice, 0);
    int32_t n = allocation_count(a, choice, 0);

    for (int32_t i = 0; i < n; i++)
        assert(kept[i] > (i > 0 ? kept[i - 1] : -1) &&
               kept[i] < allocation_length(a, 0));
}

static void replay(const struct trace *trace, int64_t window,
                   enum routed_part part)
{
    struct model_spec spec = { .n_layers = trace_last_layer(trace) + 1,
                               .part = part };
    struct allocation a;

    for (int32_t l = 0; l < spec.n_layers; l++)
        spec.routed[l] = trace_share(trace, l) >= 0;
    if (trace_check(trace, &spec, NULL) != STATUS_OK ||
        allocation_open(&a, plan_n_choices(&spec), 1, TOKENS, NULL) !=
            STATUS_OK)
        return;
    /* Its length is not told: try some. */
    for (int32_t n = 1; n <= 64; n++) {
        a.length[0] = n < 32 ? n : 128 * (n - 31);
        if (trace_fill(&a, trace, &spec, window, NULL) != STATUS_OK)
            continue;
        for (int32_t c = 0; c < plan_n_choices(&spec); c++)
            if (plan_choice(&spec, c).routed)
                check_kept(&a, c);
    }
    allocation_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct trace *trace;
    struct error err = { STATUS_OK, "" };
    enum status status = trace_parse(&trace, (const char *)bytes, size, "fuzz",
                                     &err);

    if (status != STATUS_OK) {
        assert(err.status == status && strlen(err.text) > 0);
        return 0;
    }
    for (int64_t w = 0; w < trace_windows(trace) && w < 4; w++)
        for (int part = 0; part < PART_COUNT; part++)
            replay(trace, w, (enum routed_part)part);
    trace_close(trace);
    return 0;
}
