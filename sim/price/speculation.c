/* speculation.c - Walk the steps of a round of self-speculation. */
#include "sim/price/speculation.h"

#include <math.h>

/* n tokens of a sequence, each over the keys before it, cost what so many
 * sequences of such lengths do. */
static enum status step(struct ledger *ledger, struct predict_job *job,
                        int32_t n, int32_t n_before, struct error *err)
{
    struct allocation a;
    enum status status = allocation_open(&a, job->spec->n_layers, n,
                                         n_before + n, err);

    if (status != STATUS_OK)
        return status;
    for (int32_t i = 0; i < n; i++) {
        a.length[i] = n_before + i + 1;
        for (int32_t c = 0; c < a.n_choices; c++)
            a.count[c * n + i] = a.length[i];
    }
    job->allocation = &a;
    status = predict_decode(ledger, job, NULL, err);
    job->allocation = NULL;
    allocation_close(&a);
    return status;
}

enum status predict_speculation(struct ledger *ledger,
                                const struct predict_job *job,
                                const struct speculated *r, struct error *err)
{
    struct predict_job first = *job, rest = *job;

    first.end_layer = rest.first_layer = r->n_layers;
    enum status status = STATUS_OK;

    for (int32_t i = 0; i <= r->n_drafts && status == STATUS_OK; i++) {
        first.headless = i == r->n_drafts;
        status = step(ledger, &first, 1, r->n_before + i, err);
    }
    return status == STATUS_OK
               ? step(ledger, &rest, r->n_drafts + 1, r->n_before, err)
               : status;
}

double speculation_tokens(double accepted, int32_t n_drafts)
{
    double sum = 0.0;

    for (int32_t i = 0; i <= n_drafts; i++)
        sum += pow(accepted, i);
    return sum;
}
