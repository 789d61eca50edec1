/* scores.c - Draw scores, one process for each kind. */
#include "sim/price/scores.h"

#include <math.h>
#include <stdlib.h>

#include "sim/core/base/random.h"

const char *const scores_names[] = { SCORES_MAP(NAMES_WORD) NULL };

struct scores {
    struct scores_drawing how;
    double below[];          /* [V] of zipf: the chance of an id at or below */
};

/* Streams of a seed; that of all layers stands beside those of choices. */
enum { STREAM_TOKENS = 1, STREAM_SCORES, STREAM_IDENTITIES };
enum { ALL_LAYERS = -1 };

enum status scores_open(struct scores **out, const struct scores_drawing *how,
                        struct error *err)
{
    const bool zipf = how->kind == SCORES_ZIPF;
    const size_t V = zipf ? (size_t)how->n_vocab : 0;
    struct scores *s = malloc(sizeof *s + V * sizeof *s->below);
    double sum = 0;

    if (!s)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the scores of"
                         " %d tokens", how->n_vocab);
    s->how = *how;
    for (size_t k = 0; k < V; k++)
        s->below[k] = sum += pow((double)k + 1, -how->exponent);
    for (size_t k = 0; k < V; k++)
        s->below[k] /= sum;
    *out = s;
    return STATUS_OK;
}

void scores_close(struct scores *scores)
{
    free(scores);
}

static struct random stream(const struct scores *s, uint64_t which, uint64_t a,
                            int32_t choice)
{
    return random_seeded(random_mix(s->how.seed, which, a,
                                    (uint64_t)(choice + 1)));
}

static size_t drawn_id(const struct scores *s, struct random *random)
{
    const double u = random_uniform(random);
    size_t low = 0, high = (size_t)s->how.n_vocab - 1;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->below[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Of all kinds: the score of the window's tokens, in their order. */
struct walk {
    const struct scores *s;
    struct random tokens, scores;
    int32_t choice;
    double  last;            /* of bursty; NAN: none yet */
};

static struct walk walk_begin(const struct scores *s, int64_t window,
                              int32_t choice)
{
    return (struct walk){
        .s = s, .choice = choice, .last = (double)NAN,
        .tokens = stream(s, STREAM_TOKENS, (uint64_t)window, ALL_LAYERS),
        .scores = stream(s, STREAM_SCORES, (uint64_t)window, choice),
    };
}

static double walk_iid(struct walk *w)
{
    return random_normal(&w->scores);
}

static double walk_bursty(struct walk *w)
{
    const double p = w->s->how.persistence;
    const double own = random_normal(&w->scores);

    w->last = isnan(w->last) ? own : p * w->last + sqrt(1 - p * p) * own;
    return w->last;
}

static double walk_zipf(struct walk *w)
{
    const uint64_t id = (uint64_t)drawn_id(w->s, &w->tokens);
    struct random own = stream(w->s, STREAM_IDENTITIES, id, w->choice);

    return random_normal(&own);
}

static double (*const walks[SCORES_COUNT])(struct walk *) = {
    [SCORES_IID] = walk_iid, [SCORES_BURSTY] = walk_bursty,
    [SCORES_ZIPF] = walk_zipf,
};

void scores_draw(const struct scores *s, int64_t window, int32_t choice,
                 float *score, int32_t n_tokens)
{
    const double all = sqrt(s->how.correlation);
    const double own = sqrt(1 - s->how.correlation);
    struct walk shared = walk_begin(s, window, ALL_LAYERS);
    struct walk mine = walk_begin(s, window, choice);

    for (int32_t t = 0; t < n_tokens; t++)
        score[t] = (float)(all * walks[s->how.kind](&shared) +
                           own * walks[s->how.kind](&mine));
}

double scores_cut(double share)
{
    double low = -9, high = 9;       /* beyond: less than 1e-18 of N(0, 1) */

    for (int i = 0; i < 64; i++) {
        const double middle = (low + high) / 2;
        if (erfc(middle / sqrt(2)) / 2 >= share)
            low = middle;
        else
            high = middle;
    }
    return share < 1 ? low : -9;
}
