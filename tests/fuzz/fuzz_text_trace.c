/* fuzz_text_trace.c - Check that a text's trace, whatever its bytes, is refused
 * with a message or can be replayed: positions ascend and lie within their
 * window.  The checksum is set right, or none would be read. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "sim/core/model/plan.h"
#include "sim/core/model/text_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { TOKENS = 64 };

static void check_kept(const struct allocation *a, int32_t choice)
{
    const int32_t *kept = allocation_kept(a, choice, 0);
    int32_t n = allocation_count(a, choice, 0);

    for (int32_t i = 0; i < n; i++)
        assert(kept[i] > (i > 0 ? kept[i - 1] : -1) &&
               kept[i] < allocation_length(a, 0));
}

static void replay(const struct text_trace *trace, enum routed_part part)
{
    const struct text_trace_head *head = text_trace_head(trace);
    struct model_spec spec = { .n_layers = head->n_layers, .part = part };
    struct allocation a;

    for (int32_t l = 0; l < spec.n_layers; l++)
        spec.routed[l] = text_trace_share(trace, l) >= 0;
    if (text_trace_check(trace, &spec, NULL) != STATUS_OK ||
        allocation_open(&a, plan_n_choices(&spec), 1, TOKENS, NULL) !=
            STATUS_OK)
        return;
    if (head->positions < TOKENS)
        a.length[0] = (int32_t)head->positions;
    for (int64_t start = 0; start + a.length[0] <= head->positions &&
                            start < 2 * TOKENS; start++) {
        text_trace_fill(&a, 0, trace, start);
        for (int32_t c = 0; c < a.n_choices; c++)
            if (plan_choice(&spec, c).routed)
                check_kept(&a, c);
    }
    allocation_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct text_trace *trace;
    struct error err = { STATUS_OK, "" };
    uint8_t *file = malloc(size + (size == 0));

    memcpy(file, bytes, size);
    if (size >= 8) {
        uint64_t sum = XXH64(file, size - 8, 0);
        memcpy(file + size - 8, &sum, 8);
    }
    enum status status = text_trace_parse(&trace, file, size, "fuzz", &err);
    if (status != STATUS_OK) {
        assert(err.status == status && strlen(err.text) > 0);
        free(file);
        return 0;
    }
    for (int part = 0; part < PART_COUNT; part++)
        replay(trace, (enum routed_part)part);
    text_trace_close(trace);
    free(file);
    return 0;
}
