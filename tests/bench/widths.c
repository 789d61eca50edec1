/* widths.c - Time steps of widths and heads that fill no register, beside those
 * of the next ones that do. */
#include "tests/bench/bench.h"

#include "tests/bench/trainee.h"

static const char *const config = "configs/models/tiny-40.yaml";
enum { N_TOKENS = 256, N_MODELS = 2 };

static const struct {
    int32_t width[N_MODELS], heads[N_MODELS];   /* as it is, padded */
    double  share;               /* of the sgemm peak, at least; 0: none */
} pairs[] = {
    { { 24, 32 },   { 2, 2 }, 0.40 }, { { 36, 48 },   { 3, 3 }, 0.0 },
    { { 40, 48 },   { 2, 3 }, 0.50 }, { { 56, 64 },   { 2, 2 }, 0.0 },
    { { 60, 64 },   { 5, 4 }, 0.0 },  { { 100, 112 }, { 5, 7 }, 0.0 },
};
enum { N_PAIRS = sizeof pairs / sizeof *pairs };

/* The most that a step may take of its padded neighbour's time. */
static const double most_of_padded = 1.3;

enum { WIDTH_TIME, WIDTH_SHARE, OF_PADDED };
static const struct results_column width_columns[] = {
    { "time", "s", "ms", 1e3, 3, false, WISH_NONE },
    { "share of peak", "1", "%", 100.0, 1, true, WISH_AT_LEAST },
    { "time over padded", "1", "", 1.0, 3, true, WISH_AT_MOST },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

static void add_pair(struct results *out, int pair, const struct rounds *r,
                     const struct trainee *trainee, const struct peak *peak,
                     int n_peak)
{
    const int best = rounds_fastest(r, 0, n_peak - 1);
    struct results_line *line = results_add(
        out, "width %d, %d heads, beside %d, %d", pairs[pair].width[0],
        pairs[pair].heads[0], pairs[pair].width[1], pairs[pair].heads[1]);

    line->disturbed = r->disturbed;
    line->cell[WIDTH_TIME] = rounds_seconds(r, n_peak);
    line->cell[WIDTH_SHARE] =
        rounds_ratio(r, best, n_peak, trainee_flops(trainee) / peak_flops(peak));
    if (pairs[pair].share > 0.0)
        line->target[WIDTH_SHARE] = pairs[pair].share;
    line->cell[OF_PADDED] = rounds_ratio(r, n_peak, n_peak + 1, 1.0);
    line->target[OF_PADDED] = most_of_padded;
}

static enum status run_pair(const struct bench *bench, struct results *out,
                            struct peak *peak, int pair, struct error *err)
{
    struct trainee trainee[N_MODELS] = { 0 };
    struct candidate candidate[PEAK_CANDIDATES + N_MODELS];
    struct rounds_plan plan = bench_plan(bench, 1, 0.05, 4.0);
    enum status status = STATUS_OK;
    struct rounds r;

    const int n = peak_candidates(peak, candidate);
    for (int i = 0; i < N_MODELS && status == STATUS_OK; i++) {
        const struct trainee_plan model = {
            .config = config, .family = "llama", .capacity = 1.0,
            .n_channels = pairs[pair].width[i], .n_heads = pairs[pair].heads[i],
            .n_tokens = N_TOKENS, .n_sequences = 1, .n_threads = 1,
        };
        status = trainee_open(&trainee[i], &model, err);
        candidate[n + i] = (struct candidate){ "step", trainee_run,
                                               &trainee[i] };
    }
    if (status == STATUS_OK)
        status = rounds_take(&r, candidate, n + N_MODELS, &plan, err);
    if (status == STATUS_OK) {
        add_pair(out, pair, &r, &trainee[0], peak, n);
        rounds_close(&r);
    }
    for (int i = 0; i < N_MODELS; i++)
        trainee_close(&trainee[i]);
    return status;
}

enum status bench_widths(struct bench *bench, struct results *out,
                         struct error *err)
{
    struct peak *peak;

    out->title = "steps of 6 layers, 1 sequence of 256 tokens, 1 thread: widths"
                 " and heads that are no multiple of 16; the worst of all: 1"
                 " layer, 128 tokens";
    out->column = width_columns;
    enum status status = peak_open(&peak, bench, 1, err);
    for (int i = 0; i < N_PAIRS && status == STATUS_OK; i++)
        status = run_pair(bench, out, peak, i, err);
    if (status == STATUS_OK)
        peak_close(peak);
    if (status == STATUS_OK && !bench->quick)
        status = bench_every_width(bench, out, WIDTH_TIME, OF_PADDED,
                                   most_of_padded, err);
    return status;
}
