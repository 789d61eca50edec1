/* comparison.c - Compare the losses of two settings, over seeds and over blocks
 * of the held-out text. */
#include "reports/read/comparison.h"

#include <math.h>
#include "reports/read/jsonpath.h"

struct comparison comparison_open(double *x, size_t room)
{
    return (struct comparison){ .x = x, .room = room };
}

/* Blocks of another number, or of other bytes, are of another text. */
static bool is_same_text(struct comparison *c, const json_t *bytes)
{
    if (!c->some) {
        c->n_blocks = json_array_size(bytes);
        for (size_t k = 0; k < c->n_blocks && k < COMPARISON_BLOCKS; k++)
            c->bytes[k] = json_number_value(json_array_get(bytes, k));
    }
    if (c->n_blocks < 2 || c->n_blocks > COMPARISON_BLOCKS ||
        json_array_size(bytes) != c->n_blocks)
        return false;
    for (size_t k = 0; k < c->n_blocks; k++)
        if (!(json_number_value(json_array_get(bytes, k)) == c->bytes[k] &&
              c->bytes[k] > 0))
            return false;
    return true;
}

/* A seed weighs 1, however often it was repeated. */
static void add_blocks(struct comparison *c, int side, const struct setting *s,
                       double seed)
{
    size_t repeats = 0;

    for (size_t i = 0; i < s->n; i++)
        repeats += s->run[i]->facts.seed == seed;
    if (repeats == 0) {                 /* a seed that nobody noted */
        c->some = true;
        c->n_blocks = 0;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct run *run = s->run[i];
        const json_t *nats = jsonpath_at(run->summary, s->blocks);
        if (run->facts.seed != seed)
            continue;
        if (!is_same_text(c, jsonpath_at(run->summary, "loss.blocks.bytes")) ||
            json_array_size(nats) != c->n_blocks)
            c->n_blocks = 0;
        c->some = true;
        for (size_t k = 0; k < c->n_blocks; k++)
            c->nats[side][k] += json_number_value(json_array_get(nats, k)) /
                                (double)repeats;
    }
    c->n_seeds[side]++;
}

void comparison_add(struct comparison *c, const struct setting *a,
                    const struct setting *b, double seed)
{
    const double x = setting_loss(a, seed), y = setting_loss(b, seed);

    if (!isfinite(x) || !isfinite(y) || c->n == c->room)
        return;
    c->x[c->n] = x;
    c->x[c->room + c->n++] = y;
    add_blocks(c, 0, a, seed);
    add_blocks(c, 1, b, seed);
}

/* The mean over seeds is one number a block, which varies as the text does. */
static struct compared with_text(const struct comparison *c,
                                 struct difference d, bool paired)
{
    double more[COMPARISON_BLOCKS];

    for (size_t k = 0; k < c->n_blocks; k++)
        more[k] = c->nats[0][k] / c->n_seeds[0] -
                  c->nats[1][k] / c->n_seeds[1];
    return (struct compared){
        .loss = stats_two_factors(d, stats_ratio(more, c->bytes, c->n_blocks)),
        .n_blocks = c->n_blocks, .paired = paired };
}

struct compared comparison_paired(struct comparison *c)
{
    return with_text(c, stats_paired(c->x, c->x + c->room, c->n), true);
}

struct compared compare_settings(const struct setting *a,
                                 const struct setting *b, bool paired,
                                 double *x, size_t room)
{
    struct comparison c = comparison_open(x, room);

    for (size_t i = 0; paired && i < a->n_seeds; i++)
        comparison_add(&c, a, b, a->seed[i]);
    if (c.n >= 2)
        return comparison_paired(&c);
    c = comparison_open(x, room);
    for (size_t i = 0; i < a->n_seeds; i++)
        add_blocks(&c, 0, a, a->seed[i]);
    for (size_t i = 0; i < b->n_seeds; i++)
        add_blocks(&c, 1, b, b->seed[i]);
    return with_text(&c, stats_welch(a->causal, b->causal), false);
}

bool comparison_gains(const struct setting *a, const struct setting *b,
                      double *x, size_t room)
{
    struct comparison c = comparison_open(x, room);

    for (size_t i = 0; i < a->n_seeds; i++)
        comparison_add(&c, a, b, a->seed[i]);
    const struct difference paired = stats_paired(c.x, c.x + room, c.n);
    const struct difference apart = stats_welch(a->causal, b->causal);
    return c.n >= 2 && stats_t95(paired.df) * paired.error <
                       stats_t95(apart.df) * apart.error;
}
