/* test_corpus.c - Expect texts to be mixed by their weights, and one text to be
 * what it is alone. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "models/training/corpus.h"
#include "sim/core/base/file.h"
#include "tests/directory.h"

enum { T = 16, DRAWN = 4000 };

static char directory[64];

static void set_up(void) { make_directory(directory); }
static void tear_down(void) { remove_directory(directory); }

TestSuite(corpus, .init = set_up, .fini = tear_down);

/* Blocks of one letter each, so that a window tells whose it is; blocks differ
 * in a line's number, so that some are held out. */
static void write_text(struct config_paths *paths, char letter, int blocks)
{
    char *path = paths->value[paths->n++];

    snprintf(path, CONFIG_TEXT_SIZE, "%s/%c", directory, letter);
    FILE *file = fopen(path, "wb");
    cr_assert(file != NULL);
    for (int i = 0; i < blocks; i++) {
        fprintf(file, "%08d", i);
        for (int j = 8; j < DATA_BLOCK; j++)
            fputc(letter, file);
    }
    cr_assert(fclose(file) == 0);
}

static struct corpus open_corpus(const struct config_paths *paths,
                                 struct config_real_list weights)
{
    struct error err = { STATUS_OK, "" };
    struct corpus corpus;

    cr_assert(eq(int, corpus_open(&corpus, paths, &weights, T, NULL, DATA_HELD_OUT,
                                 &err),
                 STATUS_OK), "%s", err.text);
    return corpus;
}

/* The share of drawn windows that hold the letter. */
static double share_of(const struct corpus *corpus, char letter)
{
    struct random random = random_seeded(1);
    int32_t inputs[T], targets[T];
    int n = 0;

    for (int i = 0; i < DRAWN; i++) {
        cr_assert(eq(i64, corpus_batch(corpus, &random, 1, T, NULL, inputs, targets),
                     T));
        n += targets[T - 1] == letter;
    }
    return (double)n / DRAWN;
}

Test(corpus, a_window_is_of_a_text_as_often_as_its_weight_says)
{
    struct config_paths paths = { 0 };

    write_text(&paths, 'a', 100);
    write_text(&paths, 'b', 300);
    struct corpus even = open_corpus(&paths, (struct config_real_list){
        2, { 3, 1 } });
    cr_expect(epsilon_eq(dbl, even.weight[0], 0.75, 1e-12));
    cr_expect(epsilon_eq(dbl, share_of(&even, 'a'), 0.75, 0.03));
    corpus_close(&even);
    /* Without weights, by what there is to train on. */
    struct corpus sized = open_corpus(&paths, (struct config_real_list){ 0 });
    double a = (double)data_size(sized.data[0], SPLIT_TRAIN);
    double b = (double)data_size(sized.data[1], SPLIT_TRAIN);
    cr_expect(epsilon_eq(dbl, sized.weight[0], a / (a + b), 1e-12));
    cr_expect(epsilon_eq(dbl, share_of(&sized, 'a'), a / (a + b), 0.03));
    corpus_close(&sized);
}

Test(corpus, one_text_draws_what_it_draws_alone)
{
    struct config_paths paths = { 0 };
    struct random one = random_seeded(3), other = one;
    int32_t a[4 * T], b[4 * T], targets[4 * T];

    write_text(&paths, 'a', 100);
    struct corpus corpus = open_corpus(&paths, (struct config_real_list){ 0 });
    cr_expect_str_eq(corpus.hash, data_hash(corpus.data[0]));
    corpus_batch(&corpus, &one, 4, T, NULL, a, targets);
    data_batch(corpus.data[0], SPLIT_TRAIN, &other, 4, b, targets);
    cr_expect(memcmp(a, b, sizeof a) == 0);
    cr_expect(memcmp(&one, &other, sizeof one) == 0);
    corpus_close(&corpus);
}

Test(corpus, a_text_too_short_for_a_window_is_named)
{
    struct config_paths paths = { 0 };
    const struct config_real_list weights = { 0 };
    struct error err = { STATUS_OK, "" };
    struct corpus corpus;

    write_text(&paths, 'a', 100);
    write_text(&paths, 'b', 0);
    cr_expect(eq(int, corpus_open(&corpus, &paths, &weights, T, NULL, DATA_HELD_OUT,
                                 &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "/b: 0 bytes leave 0 for train") != NULL, "%s",
              err.text);
}

/* A chance of one in ten for each, of 400 blocks, is 40 give or take 6. */
Test(corpus, more_of_a_text_may_be_held_out)
{
    struct config_paths paths = { 0 };
    int64_t before = 0;

    write_text(&paths, 'a', 400);
    for (int tenths = 1; tenths <= 5; tenths++) {
        struct data *data = NULL;
        int64_t held = 0, all = 0;
        cr_assert(eq(int, data_open_tokens(&data, paths.value[0], T, NULL,
                                           0.1 * tenths, NULL), STATUS_OK));
        for (int s = 0; s < SPLIT_COUNT; s++)
            all += data_size(data, (enum split)s);
        held = all - data_size(data, SPLIT_TRAIN);
        cr_expect(eq(i64, all, 400 * DATA_BLOCK));
        cr_expect(held > before);
        cr_expect(epsilon_eq(dbl, (double)held / (double)all, 0.1 * tenths,
                             0.07));
        before = held;
        data_close(data);
    }
}
