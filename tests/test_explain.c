/* test_explain.c - Expect the teaching screen to show the prices and rows that
 * the ledger holds, also where layers skip tokens but not their keys. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/price/explain.h"
#include "sim/price/predict_table.h"
#include "tests/specs.h"

/* Layer 0 dense, 1 routed at a quarter. */
static struct model_spec spec_with(enum routed_part part,
                                   enum skipped_keys keys, enum signal signal)
{
    return without_router(small_llama(2), part, keys, signal);
}

/* The text that --explain prints of a prefill of one sequence of 32 tokens: 8
 * are kept, at 0, 4, ..., 28. */
static char *explained(struct model_spec spec, enum op op)
{
    struct predict_question question = { .spec = spec,
        .phase = MEMORY_FORWARD, .all_logits = true, .n_sequences = 1,
        .n_tokens = 32 };
    struct prediction p;
    struct error err;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    cr_assert(eq(int, prediction_open(&p, &question, &spec, &err), STATUS_OK),
              "%s", err.text);
    explain_op(file, &spec, &p.allocation, EXPLAIN_ALL_ROWS, p.ledger, op, 0);
    cr_assert(fclose(file) == 0);
    prediction_close(&p);
    return text;
}

static void expect_words(struct model_spec spec, enum op op,
                         const char *const *words)
{
    char *text = explained(spec, op);
    for (; *words; words++)
        cr_expect(strstr(text, *words) != NULL, "'%s' not in\n%s", *words,
                  text);
    free(text);
}
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

Test(explain, queries_of_kept_rows_and_keys_of_all)
{
    struct model_spec spec = spec_with(PART_BLOCK, SKIPPED_KEYS_COMPUTED,
                                       SIGNAL_NORM);
    /* 8*2048 + 32*2048;  8*256 + 4096 + 32*256 + 4096 */
    expect_words(spec, OP_QKV, WORDS(
        "where keys of skipped tokens are computed, kept rows", "2*C*Q",
        "= 2*32*32", "where keys of skipped tokens are computed, all rows",
        "4*C*E", "= 4*32*16",
        "layer 1           8 rows, keys of 32: 81920 flops, 18432 bytes"));
    /* strips end at 28: 8 queries over 32 keys;  8*288 + 32*128 */
    expect_words(spec, OP_ATTEND, WORDS(
        "layer 1           8 rows, keys of 32, sum of n 256: 54272 flops, 6400"
        " bytes", "layer 0           32 rows, sum of n 768",
        "the position of the"));
    /* 40*147;  40*260 + 256 */
    expect_words(spec, OP_NORM, WORDS(
        "layer 0           32 rows, twice",
        "layer 1           32 rows, then 8: 5880 flops, 10656 bytes"));
    expect_words(spec, OP_GATHER, WORDS("16*C", "layer 1           8 rows: 0"
                                        " flops, 4096 bytes"));
}

Test(explain, parts_work_on_their_own_rows)
{
    struct model_spec ffn = spec_with(PART_FFN, SKIPPED_KEYS_ABSENT,
                                      SIGNAL_NONE);
    struct model_spec attention = spec_with(PART_ATTENTION,
                                            SKIPPED_KEYS_ABSENT, SIGNAL_HASH);

    expect_words(ffn, OP_FFN_UP, WORDS("layer 1           8 rows: 65536 flops",
                                       "layer 0           32 rows"));
    expect_words(ffn, OP_NORM, WORDS("layer 1           32 rows, then 8"));
    expect_words(attention, OP_NORM, WORDS("layer 1           8 rows, then"
                                           " 32"));
    expect_words(attention, OP_PROJECT, WORDS("layer 1           8 rows: 16384"
                                              " flops"));
    expect_words(attention, OP_ROUTE, WORDS("layer 1           32 rows: 0"
                                            " flops, 256 bytes"));
}

/* Both choices of layer 1, by the allocation: attention keeps 8 of 32, the
 * feed-forward part 3. */
static char *explained_apart(enum skipped_keys keys, enum op op)
{
    struct model_spec spec = spec_with(PART_APART, keys, SIGNAL_NORM);
    struct ledger_shape shape = { true, true, 2, 0 };
    struct allocation a;
    struct ledger *ledger;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    cr_assert(eq(int, allocation_open(&a, 4, 1, 32, NULL), STATUS_OK));
    allocation_fill(&a, &spec);
    a.count[3] = 3;
    cr_assert(eq(int, ledger_open(&ledger, shape, (struct cost){ 0 }, NULL),
                 STATUS_OK));
    cr_assert(eq(int, predict_forward(ledger, &(struct predict_job){
        .spec = &spec, .allocation = &a }, PREDICT_HEAD, NULL, NULL), STATUS_OK));
    explain_op(file, &spec, &a, EXPLAIN_ALL_ROWS, ledger, op, 0);
    cr_assert(fclose(file) == 0);
    ledger_close(ledger);
    allocation_close(&a);
    return text;
}

Test(explain, parts_apart_show_both_choices)
{
    static const struct { enum skipped_keys keys; enum op op;
                          const char *words; } cases[] = {
        /* 2*32*79, 2*32*132; 2*32*4 + 4*(8 + 3) */
        { SKIPPED_KEYS_ABSENT, OP_ROUTE,
          "layer 1           32 rows, twice: 5056 flops, 8448 bytes" },
        { SKIPPED_KEYS_ABSENT, OP_SELECT,
          "layer 1           32 rows, twice: 0 flops, 300 bytes" },
        /* 11*256 */
        { SKIPPED_KEYS_ABSENT, OP_GATHER,
          "layer 1           8 rows, then 3: 0 flops, 2816 bytes" },
        { SKIPPED_KEYS_ABSENT, OP_GATE,
          "layer 1           8 rows, then 3: 0 flops, 2816 bytes" },
        /* 11*147, 11*260 + 256 */
        { SKIPPED_KEYS_ABSENT, OP_NORM,
          "layer 1           8 rows, then 3: 1617 flops, 3116 bytes" },
        { SKIPPED_KEYS_ABSENT, OP_NORM, "layer 0           32 rows, twice" },
        { SKIPPED_KEYS_ABSENT, OP_ATTEND,
          "layer 1           8 rows, sum of n 128" },
        { SKIPPED_KEYS_ABSENT, OP_PROJECT, "layer 1           8 rows: 16384" },
        { SKIPPED_KEYS_ABSENT, OP_FFN_UP, "layer 1           3 rows: 24576" },
        /* 8*512 + 3*256; 35*147 */
        { SKIPPED_KEYS_COMPUTED, OP_GATHER,
          "layer 1           8 rows, then 3: 0 flops, 4864 bytes" },
        { SKIPPED_KEYS_COMPUTED, OP_GATHER, "rows that attention keeps" },
        { SKIPPED_KEYS_COMPUTED, OP_NORM,
          "layer 1           32 rows, then 3: 5145 flops" },
        { SKIPPED_KEYS_COMPUTED, OP_ATTEND,
          "layer 1           8 rows, keys of 32, sum of n 256" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = explained_apart(cases[i].keys, cases[i].op);
        cr_expect(strstr(text, cases[i].words) != NULL, "'%s' not in\n%s",
                  cases[i].words, text);
        free(text);
    }
}

Test(explain, carried_keys_and_signals_show_where_they_cost)
{
    struct model_spec carried = spec_with(PART_BLOCK, SKIPPED_KEYS_CARRIED,
                                          SIGNAL_CHANGE);
    struct model_spec received = spec_with(PART_BLOCK, SKIPPED_KEYS_ABSENT,
                                           SIGNAL_RECEIVED);

    /* 32*256;  8*256 + 8*256 */
    expect_words(carried, OP_GATHER, WORDS(
        "16*E", "E = 16 (key/value heads * D)",
        "layer 0           32 rows: 0 flops, 8192 bytes",
        "layer 1           8 rows: 0 flops, 4096 bytes"));
    /* 32*(96 + 15);  32*(12*32 + 4) */
    expect_words(carried, OP_ROUTE, WORDS(
        "3*C + FOLD", "layer 1           32 rows: 3552 flops, 12416 bytes"));
    /* 32*64 + 148*768 */
    expect_words(received, OP_ROUTE, WORDS(
        "2*Q + n*H*(2*D + EXP + 3)", "2*32 + n*4*(2*8 + 18 + 3)",
        "layer 1           32 rows, sum of n 768: 115712 flops"));
}

Test(explain, without_skipped_keys_it_says_nothing_of_them)
{
    char *text = explained(spec_with(PART_BLOCK, SKIPPED_KEYS_ABSENT,
                                     SIGNAL_NONE), OP_ATTEND);
    cr_expect(strstr(text, "skipped") == NULL, "%s", text);
    cr_expect(strstr(text, "layer 1           8 rows, sum of n 128") != NULL,
              "%s", text);
    free(text);
}
