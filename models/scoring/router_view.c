/* router_view.c - Look at a record of routers. */
#include "models/scoring/router_view.h"

#include <math.h>
#include <stdlib.h>

#include "sim/core/base/random.h"

struct confusion router_agreement(const struct router_record *r, int32_t c)
{
    const unsigned char *truth = router_kept(r, &r->rule[ROUTER_OWN], c);
    const unsigned char *guess = router_kept(r, router_causal(r), c);
    struct confusion sum = { { { 0 } } };

    for (int64_t t = router_judged(r); t < r->n; t++)
        confusion_add(&sum, truth[t], guess[t]);
    return sum;
}

/* The token's bytes; one byte where there is no tokenizer. */
static const char *text_of(const struct tokenizer *tokenizer, int32_t id,
                           char byte[1], size_t *size)
{
    if (tokenizer)
        return tokenizer_bytes(tokenizer, id, false, size);
    byte[0] = (char)id;
    *size = 1;
    return byte;
}

enum token_kind router_kind(const struct router_record *r,
                            const struct tokenizer *tokenizer, int64_t first,
                            int64_t t)
{
    char byte[2][1];
    size_t size, size_before = 0;
    const char *text = text_of(tokenizer, r->id[t], byte[0], &size);
    const char *before = t > first
        ? text_of(tokenizer, r->id[t - 1], byte[1], &size_before) : "";

    return token_kind(text, size, before, size_before);
}

/* The tokens of a bin, block by block. */
struct tally_of_bin {
    double seen[ROUTER_BLOCKS], kept[ROUTER_BLOCKS];
};

static void add(struct tally_of_bin *bin, int block, bool kept)
{
    bin->seen[block]++;
    bin->kept[block] += kept;
}

/* Of n bins together. */
static struct router_share share_of(const struct tally_of_bin *bin, int n,
                                    int blocks)
{
    struct tally_of_bin sum = { .seen = { 0 } };
    struct router_share out = { 0 };

    for (int i = 0; i < n; i++)
        for (int b = 0; b < blocks; b++) {
            sum.seen[b] += bin[i].seen[b];
            sum.kept[b] += bin[i].kept[b];
        }
    for (int b = 0; b < blocks; b++) {
        out.seen += (int64_t)sum.seen[b];
        out.kept += (int64_t)sum.kept[b];
    }
    out.share = stats_ratio(sum.kept, sum.seen, (size_t)blocks);
    if (out.share.low < 0)
        out.share.low = 0;
    if (out.share.high > 1)
        out.share.high = 1;
    return out;
}

static int height_of(float score)
{
    double share = 1 / (1 + exp(-(double)score));
    int height = (int)(share * ROUTER_HEIGHTS);
    return height < ROUTER_HEIGHTS ? height : ROUTER_HEIGHTS - 1;
}

static void view_choice(struct router_view *v, const struct router_record *r,
                        const struct tokenizer *tokenizer, int32_t c,
                        int64_t longest)
{
    enum { EACH = ROUTER_PLACES / ROUTER_QUARTERS };
    struct tally_of_bin place[ROUTER_PLACES] = { 0 };
    struct tally_of_bin kind[TOKEN_KIND_COUNT] = { 0 };
    struct tally_of_bin height[ROUTER_HEIGHTS] = { 0 };
    const unsigned char *kept = router_kept(r, router_causal(r), c);
    const float *score = router_score(r, router_causal(r), c);
    const int64_t blocks = r->windows < ROUTER_BLOCKS ? r->windows
                                                      : ROUTER_BLOCKS;

    for (int64_t w = 0, t = 0; w < r->windows; w++) {
        const int b = (int)(w * blocks / r->windows);
        for (; t < r->first[w + 1]; t++) {
            add(&place[(t - r->first[w]) * ROUTER_PLACES / longest], b,
                kept[t]);
            add(&kind[router_kind(r, tokenizer, r->first[w], t)], b, kept[t]);
            if (score && isfinite(score[t]))      /* it was asked */
                add(&height[height_of(score[t])], b, kept[t]);
        }
    }
    for (int i = 0; i < ROUTER_PLACES; i++)
        v->place[c][i] = share_of(&place[i], 1, (int)blocks);
    for (int i = 0; i < ROUTER_QUARTERS; i++)
        v->quarter[c][i] = share_of(&place[i * EACH], EACH, (int)blocks);
    for (int i = 0; i < TOKEN_KIND_COUNT; i++)
        v->kind[c][i] = share_of(&kind[i], 1, (int)blocks);
    for (int i = 0; i < ROUTER_HEIGHTS; i++)
        v->height[c][i] = share_of(&height[i], 1, (int)blocks);
}

void router_view(struct router_view *v, const struct router_record *r,
                 const struct tokenizer *tokenizer)
{
    int64_t longest = 1;

    for (int64_t w = 0; w < r->windows; w++)
        if (r->first[w + 1] - r->first[w] > longest)
            longest = r->first[w + 1] - r->first[w];
    for (int32_t c = 0; c < r->n_choices; c++)
        view_choice(v, r, tokenizer, c, longest);
}

/* ---- correlation ---- */

struct moments {
    double n, x, y, xx, yy, xy;
};

static void add_moments(struct moments *sum, const struct moments *m)
{
    sum->n += m->n;
    sum->x += m->x;
    sum->y += m->y;
    sum->xx += m->xx;
    sum->yy += m->yy;
    sum->xy += m->xy;
}

static double pearson(const struct moments *m)
{
    double dx = m->n * m->xx - m->x * m->x, dy = m->n * m->yy - m->y * m->y;
    return dx > 0 && dy > 0 ? (m->n * m->xy - m->x * m->y) / sqrt(dx * dy)
                            : (double)NAN;
}

static double kept_of(const struct router_record *r, int32_t choice, int64_t t)
{
    const struct router_rule *rule = router_causal(r);
    double sum = 0;

    if (choice >= 0)
        return router_kept(r, rule, choice)[t];
    for (int32_t c = 0; c < r->n_choices; c++)
        sum += router_kept(r, rule, c)[t];
    return sum;
}

/* The middle 95 % of r over resampled windows. */
static void resample(struct difference *d, const struct moments *window,
                     int64_t n)
{
    double *r = error_noted(malloc(STATS_BOOTSTRAP_ROUNDS * sizeof *r));
    struct random random = random_seeded(1);
    size_t known = 0;

    for (int round = 0; r && round < STATS_BOOTSTRAP_ROUNDS; round++) {
        struct moments sum = { 0 };
        for (int64_t i = 0; i < n; i++)
            add_moments(&sum, &window[random_below(&random, (uint32_t)n)]);
        double drawn = pearson(&sum);
        if (isfinite(drawn))
            r[known++] = drawn;
    }
    if (known > 0)
        stats_middle(r, known, &d->low, &d->high);
    free(r);
}

enum { FEWEST_WINDOWS = 6 };    /* below, resampling hardly varies */

struct difference router_correlation(const struct router_record *r,
                                     int32_t choice, const float *value)
{
    struct difference d = { .n = (size_t)r->windows, .mean = (double)NAN,
                            .low = (double)NAN, .high = (double)NAN };
    struct moments *window = error_noted(calloc((size_t)r->windows + 1,
                                               sizeof *window));
    struct moments all = { 0 };

    if (!window)
        return d;
    for (int64_t w = 0, t = 0; w < r->windows; w++) {
        for (; t < r->first[w + 1]; t++) {
            double x = kept_of(r, choice, t), y = (double)value[t];
            add_moments(&window[w], &(struct moments){ 1, x, y, x * x, y * y,
                                                       x * y });
        }
        add_moments(&all, &window[w]);
    }
    d.mean = pearson(&all);
    if (r->windows >= FEWEST_WINDOWS && isfinite(d.mean))
        resample(&d, window, r->windows);
    free(window);
    return d;
}
