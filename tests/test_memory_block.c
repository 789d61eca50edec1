/* test_memory_block.c - Expect the executor to take the block of memory that is
 * predicted. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/cases.h"
#include "tests/memory_block.h"

static void expect_block(const struct shape *shape, enum family family,
                         double capacity, enum pattern pattern, bool train,
                         bool frozen, int n_threads)
{
    struct model_spec spec = case_spec(shape, family, capacity, pattern);
    spec.backbone_frozen = frozen;
    spec.kept_varies = train && n_threads == 2;    /* now and then */
    if (capacity > 0.0 && !frozen && pattern == PATTERN_ODD && n_threads == 1)
        spec.part = family == FAMILY_GPT2 ? PART_ATTENTION : PART_FFN;
    spec.aux_loss = capacity > 0.2 && n_threads == 3 ? 0.1 : 0.0;
    spec.n_predictor = capacity > 0.0 && n_threads != 3 ? 16 : 0;
    struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .train = train, .n_threads = n_threads };
    struct model *model = case_model(&spec, &options, 1);
    double has = (double)model_bytes(model);
    double said = (double)memory_block_bytes(
        &spec, shape->n_sequences, shape->n_tokens,
        train ? MEMORY_TRAIN : MEMORY_FORWARD, n_threads);

    cr_expect(fabs(said - has) <= 0.01 * has, "C %d, B %d, T %d, %s, c %g, %s:"
              " %.0f predicted, %.0f taken", shape->n_channels,
              shape->n_sequences, shape->n_tokens, family_names[family],
              capacity, frozen ? "train routers" : train ? "train" : "forward",
              said, has);
    model_close(model);
}

/* The table of sim/price/memory.c against what the executor takes; the gap that is
 * left is padding to cache lines. */
Test(memory_block, the_predicted_block_is_the_one_taken)
{
    static const struct shape block[] = {
        { .n_channels = 48, .n_heads = 3, .n_kv_heads = 3, .head_size = 16,
          .n_ffn = 128, .n_vocab = 256, .n_layers = 6, .n_sequences = 1,
          .n_tokens = 256 },
        { .n_channels = 64, .n_heads = 4, .n_kv_heads = 2, .head_size = 16,
          .n_ffn = 176, .n_vocab = 256, .n_layers = 4, .n_sequences = 8,
          .n_tokens = 100 },
        { .n_channels = 40, .n_heads = 5, .n_kv_heads = 1, .head_size = 8,
          .n_ffn = 100, .n_vocab = 300, .n_layers = 3, .n_sequences = 5,
          .n_tokens = 60 },
        { .n_channels = 24, .n_heads = 1, .n_kv_heads = 1, .head_size = 64,
          .n_ffn = 64, .n_vocab = 256, .n_layers = 2, .n_sequences = 2,
          .n_tokens = 512 },
    };
    static const double capacity[] = { 0.0, 0.125, 0.5, 1.0 };
    for (size_t i = 0; i < 4 * 4 * 2 * 2; i++)
        expect_block(&block[i / 16], contrasts[i & 1],
                     capacity[i / 4 % 4], PATTERN_ODD, i & 2, false,
                     1 + (int)(i / 16 % 3));
    for (size_t i = 0; i < 4 * 3 * 2 * PATTERN_COUNT; i++)
        expect_block(&block[i / 18], contrasts[i & 1],
                     capacity[1 + i / 6 % 3],
                     (enum pattern)(i / 2 % PATTERN_COUNT), true, true, 1);
}
