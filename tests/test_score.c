/* test_score.c - Score every byte once, in a row that says what it cost. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/scoring/score.h"
#include "tests/cases.h"

enum { ROOM = 64 };

/* [position first n_tokens] of every window, one after the other. */
static char *windows_of(int64_t size, int32_t window, int32_t stride,
                        int64_t limit)
{
    static const unsigned char bytes[] = "abcdefghijklmnopqrstuvwxyz";
    static char out[256];
    int32_t ids[ROOM], targets[ROOM];
    const struct score_text text = { .bytes = bytes, .size = size,
        .window = window, .stride = stride, .limit = limit };
    struct score_window w = { .ids = ids, .targets = targets };

    out[0] = '\0';
    for (int64_t i = 0; i < score_windows(&text); i++) {
        score_window(&text, i, &w);
        size_t used = strlen(out);
        snprintf(out + used, sizeof out - used, "[%d %d %d]", (int)w.position,
                 w.first, w.n_tokens);
        cr_expect(eq(i32, ids[0], 'a' + (int32_t)w.position));
        cr_expect(eq(i32, targets[w.n_tokens - 1],
                     'a' + (int32_t)w.position + w.n_tokens));
    }
    return out;
}

static void expect_windows(int64_t size, int32_t window, int32_t stride,
                           int64_t limit, const char *want)
{
    const char *have = windows_of(size, window, stride, limit);
    cr_expect(strcmp(have, want) == 0, "%s, not %s", have, want);
}

/* 11 bytes are 10 that can be predicted. */
Test(score, windows_side_by_side_end_with_a_short_one)
{
    expect_windows(11, 4, 4, 0, "[0 0 4][4 0 4][8 0 2]");
}

/* Rows 0-3, then 4-5, 6-7, 8-9. */
Test(score, overlapping_windows_score_their_last_stride)
{
    expect_windows(11, 4, 2, 0, "[0 0 4][2 2 4][4 2 4][6 2 4]");
}

/* 9 to predict: rows 0-3, 4-6, and 7-8 of a window that ends early. */
Test(score, an_overlapping_window_may_end_early)
{
    expect_windows(10, 4, 3, 0, "[0 0 4][3 1 4][6 1 3]");
}

Test(score, a_text_shorter_than_the_window_is_one_window)
{
    expect_windows(3, 8, 8, 0, "[0 0 2]");
    expect_windows(2, 8, 1, 0, "[0 0 1]");
}

Test(score, a_text_of_exactly_one_window_is_one_window)
{
    expect_windows(9, 8, 1, 0, "[0 0 8]");
}

Test(score, a_single_byte_predicts_nothing)
{
    expect_windows(1, 8, 8, 0, "");
    expect_windows(0, 8, 8, 0, "");
}

Test(score, a_limit_counts_bytes_of_the_text)
{
    expect_windows(26, 4, 4, 7, "[0 0 4][4 0 2]");
    expect_windows(5, 4, 4, 100, "[0 0 4]");
}

/* ---- what is added up and written ---- */

static const struct shape tiny = { .n_channels = 16, .n_heads = 2,
    .n_kv_heads = 1, .head_size = 8, .n_ffn = 24, .n_vocab = 256, .n_layers = 3,
    .n_sequences = 1, .n_tokens = 6 };

/* A model that ran over ids, with its tokens metered. */
struct scored {
    struct model  *model;
    struct ledger *counted;
    int32_t ids[6], targets[6];
    float scores[6 * 6];               /* [choices,T], parts apart or not */
    struct score_window window;
};

static struct scored run_text(const char *text, const struct model_spec *spec,
                              const char *policy,
                              const struct allocation *replayed)
{
    struct scored s = { .window = { .n_tokens = 6, .first = 2,
                                    .position = 100 } };
    const struct model_options options = { .n_sequences = 1, .n_tokens = 6,
                                           .n_threads = 1 };
    double mean;

    for (int t = 0; t < 6; t++) {
        s.ids[t] = (unsigned char)text[t];
        s.targets[t] = (unsigned char)text[t + 1];
    }
    s.model = case_model(spec, &options, 1);
    cr_assert(eq(int, ledger_open(&s.counted, (struct ledger_shape){
        .n_tokens = 6 }, cost_zero(PROV_COUNTED), NULL), STATUS_OK));
    struct ledger_meter meter = ledger_meter(s.counted);
    const struct model_input input = {
        .ids = s.ids, .targets = s.targets, .n_sequences = 1, .n_tokens = 6,
        .policy = case_policy(policy), .replayed = replayed, .entropy = true,
        .scores = s.scores };
    model_forward(s.model, &input, &meter.meter, &mean);
    return s;
}

static struct scored score_text(const char *text, const char *policy)
{
    const struct model_spec spec = case_spec(&tiny, FAMILY_LLAMA, 0.5,
                                             PATTERN_ODD);
    return run_text(text, &spec, policy, NULL);
}

/* Layer 1 of three: its attention keeps 0 1 2 4, its feed-forward part 2 3. */
static struct scored score_apart(const char *text)
{
    struct model_spec spec = case_spec(&tiny, FAMILY_LLAMA, 0.5, PATTERN_ODD);
    struct allocation routes;

    spec.part = PART_APART;
    spec.gate = GATE_ONE;
    spec.router_scores = spec.router_trained = false;
    cr_assert(eq(int, allocation_open(&routes, 6, 1, 6, NULL), STATUS_OK));
    routes.count[2] = 4;
    allocation_kept(&routes, 2, 0)[3] = 4;
    routes.count[3] = 2;
    allocation_kept(&routes, 3, 0)[0] = 2;
    allocation_kept(&routes, 3, 0)[1] = 3;
    struct scored s = run_text(text, &spec, "replay", &routes);
    allocation_close(&routes);
    return s;
}

static void close_scored(struct scored *s)
{
    ledger_close(s->counted);
    model_close(s->model);
}

Test(score, adds_up_the_scored_rows_alone)
{
    struct scored s = score_text("abcdefg", "first_k");
    struct score sum = { .policy = case_policy("first_k") };
    const float *nats = model_nats(s.model);

    s.window.ids = s.ids;
    score_add(&sum, s.model, &s.window);
    cr_expect(eq(i64, sum.scored, 4));
    cr_expect(eq(i64, sum.rows, 6));
    cr_expect(fabs(score_nats(&sum) - ((double)nats[2] + (double)nats[3] +
              (double)nats[4] + (double)nats[5]) / 4.0) < 1e-12);
    /* One routed layer of three, which keeps 3 of 6. */
    cr_expect(eq(dbl, score_capacity(&sum), 0.5));
    close_scored(&s);
}

Test(score, knows_nothing_before_the_first_window)
{
    const struct score none = { .nats = 0.0 };
    cr_expect(isnan(score_nats(&none)));
    cr_expect(isnan(score_capacity(&none)));
}

/* The caller frees it. */
static char *table_of(struct scored *s)
{
    char *out = NULL;
    size_t size;
    FILE *file = open_memstream(&out, &size);

    s->window.ids = s->ids;
    s->window.targets = s->targets;
    score_write_header(file, model_spec(s->model));
    score_write_tokens(file, s->model, &s->window,
                       &(struct score_known){ .counted = s->counted,
                                              .scores = s->scores });
    fclose(file);
    return out;
}

Test(score, a_table_of_tokens_has_a_line_for_each_scored_row)
{
    struct scored s = score_text("abcdefg", "first_k");
    char *table = table_of(&s), line[256];
    const float *nats = model_nats(s.model), *entropy = model_entropy(s.model);
    const uint64_t *kept = ledger_at(s.counted, (struct ledger_key){
        .token = 2 })->count, *skipped = ledger_at(s.counted,
        (struct ledger_key){ .token = 3 })->count;

    cr_expect(strstr(table, "position,token,text,target,target_text,"
                     "loss_nats,entropy_nats,blocks_used,flops,bytes,joules,"
                     "block_1,score_block_1\r\n") == table,
              "%s", table);
    /* first_k keeps rows 0, 1, 2: all three blocks, or two. */
    snprintf(line, sizeof line, "\n102,99,c,100,d,%.9g,%.9g,3,%llu,%llu,,1,%.9g\r\n",
             (double)nats[2], (double)entropy[2],
             (unsigned long long)kept[METRIC_FLOPS],
             (unsigned long long)kept[METRIC_BYTES],
             (double)s.scores[6 + 2]);
    cr_expect(strstr(table, line) != NULL, "%s\nin\n%s", line, table);
    snprintf(line, sizeof line, "\n103,100,d,101,e,%.9g,%.9g,2,%llu,%llu,,0,%.9g\r\n",
             (double)nats[3], (double)entropy[3],
             (unsigned long long)skipped[METRIC_FLOPS],
             (unsigned long long)skipped[METRIC_BYTES],
             (double)s.scores[6 + 3]);
    cr_expect(strstr(table, line) != NULL, "%s\nin\n%s", line, table);
    cr_expect(kept[METRIC_FLOPS] > skipped[METRIC_FLOPS]);
    free(table);
    close_scored(&s);
}

/* Rows 2 to 5: both parts, feed-forward alone, attention alone, neither. */
Test(score, with_parts_apart_a_row_tells_them_and_a_block_used_is_both)
{
    struct scored s = score_apart("abcdefg");
    static const char *const ends[] = { ",,1,1\r\n", ",,0,1\r\n",
                                        ",,1,0\r\n", ",,0,0\r\n" };
    static const int used[] = { 3, 2, 2, 2 };
    char *table = table_of(&s), *line = table;

    cr_expect(strstr(table, "position,token,text,target,target_text,"
                     "loss_nats,entropy_nats,blocks_used,flops,bytes,joules,"
                     "attention_1,ffn_1\r\n") == table, "%s", table);
    for (int r = 0; r < 4; r++) {
        int blocks = -1;
        line = strchr(line, '\n') + 1;
        char *end = strchr(line, '\n') + 1;
        const size_t n = strlen(ends[r]);
        cr_assert(sscanf(line, "%*d,%*d,%*c,%*d,%*c,%*f,%*f,%d", &blocks) == 1, "%s",
                  line);
        cr_expect(eq(int, blocks, used[r]), "row %d", r);
        cr_expect(memcmp(end - n, ends[r], n) == 0, "row %d: %s", r, line);
    }
    free(table);
    close_scored(&s);
}

/* Four and two of six rows that each of two choices saw. */
Test(score, the_capacity_of_parts_apart_is_over_both)
{
    struct scored s = score_apart("abcdefg");
    struct score sum = { .policy = case_policy("replay") };

    s.window.ids = s.ids;
    score_add(&sum, s.model, &s.window);
    cr_expect(eq(i64, sum.kept, 6));
    cr_expect(eq(i64, sum.seen, 12));
    close_scored(&s);
}

Test(score, a_table_of_tokens_spells_out_what_csv_and_eyes_stumble_over)
{
    struct scored s = score_text("..,\"\n\\\xff", "first_k");
    char *table = table_of(&s);

    cr_expect(strstr(table, "\n102,44,\",\",34,\"\"\"\",") != NULL, "%s", table);
    cr_expect(strstr(table, "\n103,34,\"\"\"\",10,\\x0a,") != NULL, "%s", table);
    cr_expect(strstr(table, "\n104,10,\\x0a,92,\\x5c,") != NULL, "%s", table);
    cr_expect(strstr(table, "\n105,92,\\x5c,255,\\xff,") != NULL, "%s", table);
    free(table);
    close_scored(&s);
}
