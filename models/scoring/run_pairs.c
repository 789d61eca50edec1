/* run_pairs.c - Keep paired losses and seconds, and write them. */
#include "models/scoring/run_pairs.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum status run_pairs_open(struct run_pairs *p, int64_t n, int64_t repeats,
                           struct error *err)
{
    if (n > INT64_MAX / (int64_t)sizeof *p->pair / repeats)
        return error_set(err, STATUS_BAD_VALUE, "%" PRId64 " windows, timed %"
                         PRId64 " times each: too many", n, repeats);
    p->pair = calloc((size_t)n, sizeof *p->pair);
    p->ratio = calloc((size_t)(n * repeats), sizeof *p->ratio);
    p->room = n;
    p->ratio_room = n * repeats;
    return p->pair && p->ratio
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "no memory for %" PRId64
                           " windows", n);
}

void run_pairs_close(struct run_pairs *p)
{
    file_abandon(&p->losses);
    file_abandon(&p->windows);
    free(p->ratio);
    free(p->pair);
}

static enum status create(struct file_writer *out, const char *directory,
                          const char *name, const char *header,
                          struct error *err)
{
    enum status status = file_create_in(out, directory, name, err);

    if (status == STATUS_OK)
        fputs(header, out->stream);
    return status;
}

enum status run_pairs_keep(struct run_pairs *p, const char *directory,
                           struct error *err)
{
    enum status status = create(&p->losses, directory, "losses.csv",
                                "position,loss_nats,loss_nats_rival\r\n", err);
    return status == STATUS_OK
               ? create(&p->windows, directory, "windows.csv",
                        "window,tokens,loss_nats,loss_nats_rival,seconds,"
                        "seconds_rival\r\n", err)
               : status;
}

enum status run_pairs_commit(struct run_pairs *p, struct error *err)
{
    enum status status = STATUS_OK;

    if (p->losses.stream)
        status = file_commit(&p->losses, err);
    if (status == STATUS_OK && p->windows.stream)
        status = file_commit(&p->windows, err);
    return status;
}

void run_pairs_time(struct run_pairs *p, const double seconds[PAIR_COUNT])
{
    assert(p->n_ratios < p->ratio_room);
    p->ratio[p->n_ratios++] = seconds[PAIR_MODEL] / seconds[PAIR_RIVAL];
}

/* A cell of the rival's. */
static void put_loss(const struct run_pairs *p, FILE *file, int digits,
                     double nats)
{
    if (p->unscored)
        fputc(',', file);
    else
        fprintf(file, ",%.*g", digits, nats);
}

void run_pairs_add(struct run_pairs *p, const struct run_pair *pair,
                   const struct score_window *w,
                   const struct model *const model[PAIR_COUNT])
{
    FILE *losses = p->losses.stream, *windows = p->windows.stream;

    assert(p->n < p->room);
    for (int32_t r = w->first; losses && r < w->n_tokens; r++) {
        fprintf(losses, "%" PRId64 ",%.9g", w->position + r,
                (double)model_nats(model[PAIR_MODEL])[r]);
        put_loss(p, losses, 9, (double)model_nats(model[PAIR_RIVAL])[r]);
        fputs("\r\n", losses);
    }
    if (windows) {
        fprintf(windows, "%" PRId64 ",%d,%.17g", p->n, pair->tokens,
                pair->nats[PAIR_MODEL]);
        put_loss(p, windows, 17, pair->nats[PAIR_RIVAL]);
        fprintf(windows, ",%.9g,%.9g\r\n", pair->seconds[PAIR_MODEL],
                pair->seconds[PAIR_RIVAL]);
    }
    p->pair[p->n++] = *pair;
}
