/* test_data.c - Check which bytes belong to training, validation and test. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/training/data.h"
#include "models/tokens/tokenizer.h"
#include "tests/words.h"

/* A block is one letter, 4096 times.  The split of each was worked out with
 * another implementation (python-xxhash): XXH64 % 20 of 4096 x 'Q' is 0, 'Y' 0,
 * 'D' 1, 'U' 1, of 'A', 'B', 'C' above 1.  Texts below are named by letters. */
static char path[32];

/* The blocks, then n_tail bytes 0, 1, 2, ... */
static void write_text(const char *letters, int n_tail)
{
    strcpy(path, "/tmp/isobath-test-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "wb");

    for (; *letters; letters++)
        for (int i = 0; i < DATA_BLOCK; i++)
            fputc(*letters, file);
    for (int i = 0; i < n_tail; i++)
        fputc(i % 256, file);
    fclose(file);
}

static struct data *open_text(const char *letters, int n_tail, int32_t n_tokens)
{
    struct data *data = NULL;
    struct error err = { STATUS_OK, "" };

    write_text(letters, n_tail);
    enum status status = data_open(&data, path, n_tokens, &err);
    unlink(path);
    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    return data;
}

static struct error error_of(const char *letters, int n_tail, int32_t n_tokens)
{
    struct data *data = NULL;
    struct error err = { STATUS_OK, "" };

    write_text(letters, n_tail);
    cr_expect(eq(int, data_open(&data, path, n_tokens, &err),
                 STATUS_BAD_VALUE));
    unlink(path);
    return err;
}

Test(data, sorts_blocks_by_what_they_hold)
{
    struct data *data = open_text("AQDBYU", 100, 64);

    /* A, B and the tail; Q and Y; D and U. */
    cr_assert(eq(i64, data_size(data, SPLIT_TRAIN), 2 * 4096 + 100));
    cr_assert(eq(i64, data_size(data, SPLIT_VALIDATION), 2 * 4096));
    cr_assert(eq(i64, data_size(data, SPLIT_TEST), 2 * 4096));
    data_close(data);
}

Test(data, names_the_text_by_its_hash)
{
    /* python: xxhash.xxh64(b'A'*4096 + b'Q'*4096 + tail).hexdigest() */
    struct data *data = open_text("AQ", 300, 64);
    cr_assert_str_eq(data_hash(data), "16f05172438f6643");
    data_close(data);
}

Test(data, counts_windows_run_by_run)
{
    /* Training runs A (4096 bytes) and AA (8192); a window of 4095 + 1 fits
     * once and (8192 - 1) / 4095 = 2 times. */
    struct data *data = open_text("AQAA", 0, 4095);

    cr_assert(eq(i64, data_windows(data, SPLIT_TRAIN, 4095), 3));
    cr_assert(eq(i64, data_windows(data, SPLIT_VALIDATION, 4095), 1));
    cr_assert(eq(i64, data_windows(data, SPLIT_TEST, 4095), 0));
    cr_assert(eq(i64, data_windows(data, SPLIT_TRAIN, 4096), 1));
    cr_assert(eq(i64, data_windows(data, SPLIT_TRAIN, 8192), 0));
    data_close(data);
}

Test(data, joins_the_last_partial_block_to_the_run_before_it)
{
    /* 4096 + 100 bytes in a row hold one window of 4195 + 1. */
    struct data *data = open_text("QYA", 100, 4195);
    cr_assert(eq(i64, data_windows(data, SPLIT_TRAIN, 4195), 1));
    data_close(data);
}

Test(data, lays_windows_end_to_end)
{
    /* The tail of 300 is a run by itself: windows from 0 and 100, and 299
     * targets are not enough for a third. */
    struct data *data = open_text("Q", 300, 100);
    int32_t inputs[100], targets[100];

    cr_assert(eq(i64, data_windows(data, SPLIT_TRAIN, 100), 2));
    data_window(data, SPLIT_TRAIN, 1, 100, inputs, targets);
    cr_assert(eq(i32, inputs[0], 100));
    cr_assert(eq(i32, inputs[99], 199));
    cr_assert(eq(i32, targets[0], 101));
    cr_assert(eq(i32, targets[99], 200));
    data_close(data);
}

Test(data, covers_each_run_to_its_last_input)
{
    /* Inputs 0..298 of the tail Q leaves: windows from 0, 100, and one from 199,
     * of which the first token is the window's before; the 8192 - 1 inputs of Q
     * and Y take 81 windows and one that ends with them: 8200 - 8191 are held. */
    struct data *data = open_text("QY", 300, 100);
    int64_t start;
    int32_t held;

    cr_assert(eq(i64, data_positions(data), 2 * 4096 + 300));
    cr_assert(eq(i64, data_covers(data, SPLIT_TRAIN, 100), 3));
    for (int64_t i = 0; i < 3; i++) {
        data_cover(data, SPLIT_TRAIN, i, 100, &start, &held);
        cr_expect(eq(i64, start, 2 * 4096 + (i < 2 ? 100 * i : 199)));
        cr_expect(eq(i32, held, i < 2 ? 0 : 1));
    }
    cr_assert(eq(i64, data_covers(data, SPLIT_VALIDATION, 100), 82));
    data_cover(data, SPLIT_VALIDATION, 81, 100, &start, &held);
    cr_expect(eq(i64, start, 8191 - 100));
    cr_expect(eq(i32, held, 9));
    /* Where the windows fit, nothing is left. */
    cr_expect(eq(i64, data_covers(data, SPLIT_TRAIN, 299), 1));
    cr_expect(eq(i64, data_covers(data, SPLIT_TRAIN, 300), 0));
    data_close(data);
}

Test(data, a_window_is_copied_from_where_it_starts)
{
    struct data *data = open_text("AQBYC", 0, 1000);
    int32_t inputs[1000], targets[1000], a[1000], b[1000];

    for (int64_t i = 0; i < 12; i++) {
        data_window(data, SPLIT_TRAIN, i, 1000, inputs, targets);
        data_copy(data, SPLIT_TRAIN,
                  data_window_start(data, SPLIT_TRAIN, i, 1000), 1000, a, b);
        cr_assert(memcmp(a, inputs, sizeof a) == 0);
        cr_assert(memcmp(b, targets, sizeof b) == 0);
    }
    /* 4 windows a run: the fifth begins in B, the third block. */
    cr_expect(eq(i64, data_window_start(data, SPLIT_TRAIN, 5, 1000),
                 2 * 4096 + 1000));
    data_close(data);
}

Test(data, finds_windows_in_later_runs)
{
    struct data *data = open_text("AQBYC", 0, 1000);
    int32_t inputs[1000], targets[1000];

    /* (4096 - 1) / 1000 = 4 windows a run: 0-3 in A, 4-7 in B, 8-11 in C. */
    data_window(data, SPLIT_TRAIN, 3, 1000, inputs, targets);
    cr_assert(eq(i32, inputs[0], 'A'));
    data_window(data, SPLIT_TRAIN, 4, 1000, inputs, targets);
    cr_assert(eq(i32, inputs[0], 'B'));
    data_window(data, SPLIT_TRAIN, 11, 1000, inputs, targets);
    cr_assert(eq(i32, targets[999], 'C'));
    data_window(data, SPLIT_VALIDATION, 4, 1000, inputs, targets);
    cr_assert(eq(i32, inputs[0], 'Y'));
    data_close(data);
}

/* The number of tokens that are not `letter`. */
static int others(const int32_t *tokens, int n, int letter)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += tokens[i] != letter;
    return count;
}

Test(data, never_draws_across_the_border_of_a_run)
{
    /* Every window is of one letter, and of a training one. */
    enum { B = 2000, T = 3000 };
    struct data *data = open_text("AQBDCYA", 0, T);
    struct random random = random_seeded(1);
    int32_t *inputs = malloc(B * T * sizeof *inputs);
    int32_t *targets = malloc(B * T * sizeof *targets);
    int seen[256] = { 0 };

    data_batch(data, SPLIT_TRAIN, &random, B, inputs, targets);
    for (int b = 0; b < B; b++) {
        int32_t letter = inputs[b * T];
        seen[letter]++;
        cr_assert(eq(int, others(inputs + b * T, T, letter), 0));
        cr_assert(eq(int, others(targets + b * T, T, letter), 0));
    }
    cr_assert(eq(int, seen['A'] + seen['B'] + seen['C'], B));
    cr_assert(seen['A'] > 0 && seen['B'] > 0 && seen['C'] > 0);
    free(inputs);
    free(targets);
    data_close(data);
}

Test(data, draws_every_start_equally_often)
{
    /* 300 - 250 = 50 starts, known by their first byte.  10000 draws: 200 each,
     * standard deviation sqrt(10000 * 0.02 * 0.98) = 14; 5 of them are 70. */
    enum { B = 10000, T = 250 };
    struct data *data = open_text("Q", 300, T);
    struct random random = random_seeded(7);
    int32_t *inputs = malloc(B * T * sizeof *inputs);
    int32_t *targets = malloc(B * T * sizeof *targets);
    int seen[256] = { 0 };

    data_batch(data, SPLIT_TRAIN, &random, B, inputs, targets);
    for (int b = 0; b < B; b++)
        seen[inputs[b * T]]++;
    for (int i = 0; i < 50; i++)
        cr_expect(seen[i] > 130 && seen[i] < 270, "start %d: %d", i, seen[i]);
    cr_assert(eq(int, seen[50], 0));
    free(inputs);
    free(targets);
    data_close(data);
}

Test(data, draws_a_run_as_often_as_it_has_starts)
{
    /* T = 4000: run A has 96 starts, run BB 4192.  Of 20000 draws 20000 * 96 /
     * 4288 = 448 begin in A, standard deviation 21; 5 of them are 105. */
    enum { B = 20000, T = 4000, BATCH = 100 };
    struct data *data = open_text("AQBB", 0, T);
    struct random random = random_seeded(3);
    int32_t *inputs = malloc(BATCH * T * sizeof *inputs);
    int32_t *targets = malloc(BATCH * T * sizeof *targets);
    int in_a = 0;

    for (int i = 0; i < B; i += BATCH) {
        data_batch(data, SPLIT_TRAIN, &random, BATCH, inputs, targets);
        for (int b = 0; b < BATCH; b++)
            in_a += inputs[b * T] == 'A';
    }
    cr_assert(in_a > 448 - 105 && in_a < 448 + 105, "%d", in_a);
    free(inputs);
    free(targets);
    data_close(data);
}

Test(data, draws_the_same_for_the_same_seed)
{
    enum { B = 8, T = 100 };
    struct data *data = open_text("Q", 250, T);
    struct random one = random_seeded(5), same = random_seeded(5),
                  other = random_seeded(6);
    int32_t a[B * T], b[B * T], c[B * T], targets[B * T];

    data_batch(data, SPLIT_TRAIN, &one, B, a, targets);
    data_batch(data, SPLIT_TRAIN, &same, B, b, targets);
    data_batch(data, SPLIT_TRAIN, &other, B, c, targets);
    cr_assert(memcmp(a, b, sizeof a) == 0);
    cr_assert(memcmp(a, c, sizeof a) != 0);
    cr_assert(eq(i32, targets[0], c[0] + 1));
    data_close(data);
}

Test(data, refuses_texts_without_room_for_a_window)
{
    static const struct { const char *letters; int tail, T; const char *words; }
    refusal[] = {
        { "",   0,  16,   "0 bytes leave 0 for train" },
        { "",   16, 16,   "window of 16 + 1" },
        { "A",  0,  16,   "0 for validation" },
        { "Q",  0,  16,   "0 for train" },
        { "AQ", 0,  4096, "4096 for train, at most 4096 in a row" },
        { "AQ", 0,  0,    "at least 1" },
    };

    for (size_t i = 0; i < sizeof refusal / sizeof *refusal; i++) {
        struct error err = error_of(refusal[i].letters, refusal[i].tail,
                                    refusal[i].T);
        cr_expect(strstr(err.text, refusal[i].words) != NULL, "%s", err.text);
    }
}

Test(data, says_when_the_test_split_is_empty)
{
    struct data *data = open_text("AQ", 0, 64);
    struct error err;

    cr_assert(eq(int, data_require(data, SPLIT_VALIDATION, &err), STATUS_OK));
    cr_assert(eq(int, data_require(data, SPLIT_TEST, &err), STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "0 for test") != NULL);
    data_close(data);
}

Test(data, names_a_text_that_is_not_there)
{
    struct data *data = NULL;
    struct error err;

    cr_assert(eq(int, data_open(&data, "/nowhere/kjv.txt", 16, &err),
                 STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "/nowhere/kjv.txt") != NULL);
}

/* ---- tokens ---- */

static struct tokenizer *open_tokenizer(void)
{
    char file[] = "/tmp/isobath-test-XXXXXX.bin";
    struct tokenizer *tokenizer = NULL;
    struct error err = { STATUS_OK, "" };
    int fd = mkstemps(file, 4);

    close(fd);
    write_tokenizer(file);
    enum status status = tokenizer_open(&tokenizer, file, WORDS_TOKENS, &err);
    unlink(file);
    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    return tokenizer;
}

static struct data *open_tokens(const struct tokenizer *tokenizer,
                                const char *letters, int n_tail,
                                int32_t n_tokens)
{
    struct data *data = NULL;
    struct error err = { STATUS_OK, "" };

    write_text(letters, n_tail);
    enum status status = data_open_tokens(&data, path, n_tokens, tokenizer,
                                          DATA_HELD_OUT, &err);
    unlink(path);
    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    return data;
}

/* A run of A is a space, which this kind puts before a text, and 2048 times AA;
 * one of Q or B a space and 4096 bytes.  A window begins with BOS, so of T = 2048
 * tokens A has one, from its start, and Q two. */
Test(data, encodes_each_run_by_itself_and_begins_windows_with_bos)
{
    enum { T = 2048 };
    struct tokenizer *tokenizer = open_tokenizer();
    struct data *data = open_tokens(tokenizer, "AQB", 0, T);
    static int32_t inputs[T + 1], targets[T + 1];

    cr_assert(eq(i64, data_tokens(data), 2049 + 4097 + 4097));
    cr_assert(eq(i64, data_size(data, SPLIT_TRAIN), 2 * 4096));
    cr_assert(eq(i64, data_windows(data, SPLIT_TRAIN, T), 1 + 2));
    cr_assert(eq(i64, data_windows(data, SPLIT_VALIDATION, T), 2));
    cr_assert(eq(i64, data_windows(data, SPLIT_TRAIN, T + 1), 1 + 1));
    cr_assert(eq(i64, data_windows(data, SPLIT_TRAIN, T + 2), 0 + 1));

    /* The space before the text is no byte of it. */
    cr_assert(eq(i64, data_window(data, SPLIT_TRAIN, 0, T + 1, inputs,
                                  targets), 4096));
    cr_assert(eq(i32, inputs[0], 1));
    cr_assert(eq(i32, targets[0], 259));
    cr_assert(eq(i32, inputs[1], 259));
    cr_assert(eq(int, others(inputs + 2, T - 1, 261), 0));
    cr_assert(eq(int, others(targets + 1, T, 261), 0));
    cr_assert(eq(i64, data_window(data, SPLIT_VALIDATION, 1, T, inputs,
                                  targets), 2048));
    cr_assert(eq(i32, inputs[0], 1));
    cr_assert(eq(int, others(inputs + 1, T - 1, 3 + 'Q'), 0));
    cr_assert(eq(int, others(targets, T, 3 + 'Q'), 0));
    data_close(data);
    tokenizer_close(tokenizer);
}

/* In tokens, which number those of training first: A's 2049, B's 4097.  Windows
 * of 2000 after BOS leave 49 of A and 97 of B. */
Test(data, covers_the_tokens_of_runs)
{
    struct tokenizer *tokenizer = open_tokenizer();
    struct data *data = open_tokens(tokenizer, "AQB", 0, 2000);
    static int32_t inputs[2000], targets[2000];
    int64_t start;
    int32_t held;

    cr_assert(eq(i64, data_positions(data), 2049 + 4097 + 4097));
    cr_assert(eq(i64, data_covers(data, SPLIT_TRAIN, 2000), 2 + 3));
    data_cover(data, SPLIT_TRAIN, 1, 2000, &start, &held);
    cr_expect(eq(i64, start, 49));
    cr_expect(eq(i32, held, 2000 - 49));
    data_cover(data, SPLIT_TRAIN, 4, 2000, &start, &held);
    cr_expect(eq(i64, start, 2049 + 4097 - 2000));
    cr_expect(eq(i32, held, 2000 - 97));
    /* It is of B, whose bytes are tokens; and the window from B's start has the
     * space that is no byte. */
    cr_expect(eq(i64, data_copy(data, SPLIT_TRAIN, start, 2000, inputs,
                                targets), 2000));
    cr_expect(eq(i64, data_copy(data, SPLIT_TRAIN, 2049, 2000, inputs,
                                targets), 1999));
    data_close(data);
    tokenizer_close(tokenizer);
}

/* From run A at T = 2000 there are 50 starts, from B 2098: of 4000 draws 93 begin
 * in A, standard deviation 9.5; 5 of them are 48. */
Test(data, draws_windows_of_tokens_as_often_as_there_are_starts)
{
    enum { T = 2000, DRAWS = 4000 };
    struct tokenizer *tokenizer = open_tokenizer();
    struct data *data = open_tokens(tokenizer, "AQB", 0, T);
    struct random random = random_seeded(2);
    static int32_t inputs[T], targets[T];
    int in_a = 0;

    for (int i = 0; i < DRAWS; i++) {
        int64_t bytes = data_batch(data, SPLIT_TRAIN, &random, 1, inputs,
                                   targets);
        bool a = targets[T - 1] == 261, at_start = targets[0] == 259;
        in_a += a;
        cr_assert(eq(i32, inputs[0], 1));
        cr_assert(eq(int, others(targets + 1, T - 1, a ? 261 : 3 + 'B'), 0));
        cr_assert(eq(i64, bytes, (a ? 2 : 1) * (T - at_start)));
    }
    cr_assert(in_a > 93 - 48 && in_a < 93 + 48, "%d", in_a);
    data_close(data);
    tokenizer_close(tokenizer);
}

Test(data, counts_in_tokens_what_is_too_short)
{
    struct tokenizer *tokenizer = open_tokenizer();
    struct data *data = NULL;
    struct error err = { STATUS_OK, "" };

    write_text("AQ", 0);
    cr_expect(eq(int, data_open_tokens(&data, path, 2050, tokenizer,
                                       DATA_HELD_OUT, &err),
                 STATUS_BAD_VALUE));
    unlink(path);
    cr_expect(strstr(err.text, "4096 for train, at most 2049 tokens in a row:"
                     " too few for one window of 2050;") != NULL, "%s",
              err.text);
    tokenizer_close(tokenizer);
}

/* 1 MB where that takes no more than three tenths. */
Test(data, a_text_of_some_megabytes_holds_out_one)
{
    static const struct { int64_t bytes; double share; } cases[] = {
        { 0, 0.1 }, { 3000000, 0.1 }, { 3400000, 0.3 }, { 4436173, 0.3 },
        { 5000000, 0.2 }, { 9900000, 0.2 }, { 10000000, 0.1 },
        { 83000000, 0.1 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect(eq(dbl, data_held_out(cases[i].bytes), cases[i].share), "%ld",
                  (long)cases[i].bytes);
}
