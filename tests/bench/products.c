/* products.c - Time the matrix products of a step, ours beside the
 * libraries'. */
#include "tests/bench/multiplier.h"

#include "tests/open_arena.h"
#include "sim/core/base/clock.h"

/* Transposed operands as a step has them: the weight's gradient is x^T dout, a
 * key or an unembedding is read along its rows. */
enum layout { NN, NT, TN };
static const char *const layout_names[] = { "", " NT", " TN" };

static const struct shape {
    const char *what;
    int32_t     m, n, k;
    enum layout layout;
} shapes[] = {
    { "up 64",    4096,  256,   64, NN }, { "up 64",    4096,  256,   64, NT },
    { "down 64",  4096,   64,  256, NN }, { "dW 64",      64,  256, 4096, TN },
    { "up 128",   4096,  512,  128, NN }, { "dW 128",    128,  512, 4096, TN },
    { "up 256",   2048, 1024,  256, NN }, { "dW 256",    256, 1024, 2048, TN },
    { "up 512",   2048, 2048,  512, NN },
    { "scores",    256,  256,   32, NN }, { "scores",    256,  256,   32, NT },
    { "mix",       256,   32,  256, NN },
    { "scores",    256,  256,   64, NN }, { "scores",    256,  256,   64, NT },
    { "mix",       256,   64,  256, NN },
    { "MoD 64",     32,  256,   64, NN }, { "MoD 256",    32, 1024,  256, NN },
    { "MoD 256",   256, 1024,  256, NN }, { "MoD 512",    32, 2048,  512, NN },
    { "MoD 512",   256, 2048,  512, NN },
    { "up 32",     256,  128,   32, NN }, { "dW 32",      32,  128,  256, TN },
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes,
       OPERAND_FLOATS = 4096 * 512, RESULT_FLOATS = 2048 * 2048,
       WIDEST = 2048 };

struct product {
    const struct multiplier *who;
    struct gemm g;
    float      *scratch;
};

static double run_product(void *argument, int64_t times)
{
    const struct product *p = argument;
    double from = clock_seconds();
    for (int64_t i = 0; i < times; i++)
        multiplier_run(p->who, &p->g, p->scratch);
    return clock_seconds() - from;
}

static struct gemm product_of(const struct shape *s, const float *a,
                              const float *b, float *c)
{
    return (struct gemm){
        .m = s->m, .n = s->n, .k = s->k, .a = a,
        .a_row = s->layout == TN ? 1 : s->k, .a_k = s->layout == TN ? s->m : 1,
        .b = b, .b_k = s->layout == NT ? 1 : s->n,
        .b_col = s->layout == NT ? s->k : 1, .c = c, .c_row = s->n,
    };
}

static const struct results_column gemm_columns[] = {
    { "ours", "flop/s", "GFLOP/s", 1e-9, 1, false, WISH_NONE },
    { "OpenBLAS", "flop/s", "GFLOP/s", 1e-9, 1, false, WISH_NONE },
    { "BLIS", "flop/s", "GFLOP/s", 1e-9, 1, false, WISH_NONE },
    { "ours over best library", "1", "", 1.0, 2, true, WISH_NONE },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

/* Of one shape the candidates stand side by side, libraries first. */
static void add_shape(const struct bench *bench, struct results *out,
                      const struct rounds *r, int shape, int n)
{
    const struct shape *s = &shapes[shape];
    double flops = 2.0 * s->m * s->n * s->k;
    int first = shape * n, own = first + n - 1, c = first;
    struct results_line *line =
        results_add(out, "%-8s %4d x %4d x %4d%s", s->what, s->m, s->n, s->k,
                    layout_names[s->layout]);

    line->disturbed = r->disturbed;
    line->cell[0] = rounds_rate(r, own, flops);
    for (int i = 0; i < BLAS_COUNT; i++)
        if (bench->blas[i].sgemm)
            line->cell[1 + i] = rounds_rate(r, c++, flops);
    if (own > first)
        line->cell[3] = rounds_ratio(r, rounds_fastest(r, first, own - 1), own,
                                     1.0);
}

static void lay_out_operands(struct arena *arena, float *operand[4],
                             size_t scratch)
{
    const size_t floats[4] = { OPERAND_FLOATS, OPERAND_FLOATS, RESULT_FLOATS,
                               scratch };
    for (int i = 0; i < 4; i++)
        operand[i] = arena_take(arena, floats[i], sizeof(float));
}

enum status bench_gemm(struct bench *bench, struct results *out,
                       struct error *err)
{
    struct multiplier who[PEAK_CANDIDATES];
    struct product product[N_SHAPES * PEAK_CANDIDATES];
    struct candidate candidate[N_SHAPES * PEAK_CANDIDATES];
    struct rounds_plan plan = bench_plan(bench, 1, 0.008, 12.0);
    size_t scratch = bench->kernels->gemm_scratch(WIDEST);
    struct arena arena = { 0 };
    float *operand[4];
    struct rounds r;
    int n = multiplier_list(who, bench);

    out->title = "products of one thread, rows x columns x inner";
    out->column = gemm_columns;
    multiplier_note(bench, out);
    lay_out_operands(&arena, operand, scratch);
    enum status status = arena_open(&arena, err);
    if (status != STATUS_OK)
        return status;
    lay_out_operands(&arena, operand, scratch);
    multiplier_fill(operand[0], OPERAND_FLOATS);
    multiplier_fill(operand[1], OPERAND_FLOATS);
    for (int i = 0; i < N_SHAPES * n; i++) {
        product[i] = (struct product){
            &who[i % n], product_of(&shapes[i / n], operand[0], operand[1],
                                    operand[2]), operand[3],
        };
        candidate[i] = (struct candidate){ who[i % n].name, run_product,
                                           &product[i] };
    }
    status = rounds_take(&r, candidate, N_SHAPES * n, &plan, err);
    for (int i = 0; i < N_SHAPES && status == STATUS_OK; i++)
        add_shape(bench, out, &r, i, n);
    if (status == STATUS_OK)
        rounds_close(&r);
    arena_close(&arena);
    return status;
}
