/* test_score_tokens.c - Score texts of tokens, by windows and by a trained
 * model. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

#include "models/files/llama2c.h"
#include "models/scoring/run_text.h"
#include "models/tokens/tokenizer.h"
#include "tests/directory.h"
#include "tests/shared.h"

enum { ROOM = 512 };

/* [position first n_tokens, first input, last target] of every window. */
static char *windows_of(int64_t size, int32_t bos, int32_t window,
                        int32_t stride)
{
    static const int32_t text_ids[] = { 10, 11, 12, 13, 14, 15, 16, 17, 18 };
    static char out[256];
    int32_t ids[ROOM], targets[ROOM];
    const struct score_text text = { .ids = text_ids, .size = size, .bos = bos,
                                     .window = window, .stride = stride };
    struct score_window w = { .ids = ids, .targets = targets };

    out[0] = '\0';
    for (int64_t i = 0; i < score_windows(&text); i++) {
        score_window(&text, i, &w);
        size_t used = strlen(out);
        snprintf(out + used, sizeof out - used, "[%d %d %d, %d %d]",
                 (int)w.position, w.first, w.n_tokens, ids[0],
                 targets[w.n_tokens - 1]);
    }
    return out;
}

static void expect_windows(int64_t size, int32_t bos, int32_t window,
                           int32_t stride, const char *want)
{
    const char *have = windows_of(size, bos, window, stride);
    cr_expect(strcmp(have, want) == 0, "%s, not %s", have, want);
}

Test(score_tokens, without_a_bos_the_first_token_is_not_predicted)
{
    expect_windows(6, -1, 4, 4, "[0 0 4, 10 14][4 0 1, 14 15]");
    expect_windows(1, -1, 4, 4, "");
}

Test(score_tokens, with_a_bos_every_token_is_predicted_once)
{
    expect_windows(6, 1, 4, 4, "[-1 0 4, 1 13][3 0 2, 1 15]");
    expect_windows(1, 1, 4, 4, "[-1 0 1, 1 10]");
    expect_windows(7, 0, 4, 3, "[-1 0 4, 0 13][2 1 4, 0 16]");
}

/* The id that every window of a text and of training data begins with, under a
 * tokenizer that has a BOS, 4; -1: none. */
static int32_t begun_with(const char *post_processor)
{
    char directory[64], path[96], text[96], json[1024], letters[9001] = "";
    struct run_config config = { .split = RUN_ALL, .window = 8 };
    const struct source source = { .spec = { .n_vocab = 5, .max_tokens = 8 } };
    struct run_text t = { .skip = 0 };
    struct error err = { STATUS_OK, "" };
    struct data *data = NULL;
    int32_t inputs[8], targets[8];

    make_directory(directory);
    snprintf(path, sizeof path, "%s/tokenizer_config.json", directory);
    put_file(path, "{\"bos_token\":\"<b>\"}");
    snprintf(path, sizeof path, "%s/tokenizer.json", directory);
    snprintf(text, sizeof text, "%s/text", directory);
    snprintf(json, sizeof json, "{\"post_processor\":%s,\"added_tokens\":["
        "{\"id\":4,\"content\":\"<b>\",\"special\":true}],\"pre_tokenizer\":"
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"model\":"
        "{\"type\":\"BPE\",\"vocab\":{\"A\":0,\"Q\":1,\"Y\":2,\"D\":3},"
        "\"merges\":[]}}", post_processor);
    put_file(path, json);
    memset(letters, 'A', 4096);
    memset(letters + 4096, 'Q', 4096);
    put_file(text, letters);
    snprintf(config.text, sizeof config.text, "%s", text);
    snprintf(config.tokenizer, sizeof config.tokenizer, "%s", path);
    cr_assert(run_text_open(&t, &config, &source, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(data_open_tokens(&data, text, 8, t.tokenizer, DATA_HELD_OUT,
                               &err) == STATUS_OK, "%s", err.text);
    data_window(data, SPLIT_TRAIN, 0, 8, inputs, targets);
    cr_expect(eq(i32, inputs[0], t.windows.bos < 0 ? 0 : t.windows.bos));
    data_close(data);
    int32_t bos = t.windows.bos;
    run_text_close(&t);
    remove_directory(directory);
    return bos;
}

Test(score_tokens, a_window_begins_with_bos_where_the_tokenizer_adds_one)
{
    cr_expect(eq(i32, begun_with("null"), -1));
    cr_expect(eq(i32, begun_with("{\"type\":\"TemplateProcessing\",\"single\":"
        "[{\"SpecialToken\":{\"id\":\"<b>\",\"type_id\":0}},{\"Sequence\":"
        "{\"id\":\"A\",\"type_id\":0}}]}"), 4));
}

/* ---- stories260K ---- */

struct result {
    int64_t tokens;
    double  nats;                /* per token */
};

/* Rows of `window`: BOS and all tokens but the last of what it predicts. */
static struct result score_file(const char *name, size_t bytes, int32_t window)
{
    char model_path[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
    char tokenizer_path[FILE_PATH_SIZE], *bytes_of_text;
    const struct model_options options = { .n_sequences = 1,
                                           .n_tokens = window,
                                           .n_threads = 1 };
    struct model_spec spec;
    struct model *model = NULL;
    struct tokenizer *tokenizer = NULL;
    struct score score = { .policy = route_find("dense") };
    int32_t *ids, row_ids[ROOM], targets[ROOM];
    struct score_window w = { .ids = row_ids, .targets = targets };
    size_t size, n;

    shared_path(model_path, "llama2c/stories260K.bin");
    shared_path(tokenizer_path, "llama2c/tok512.bin");
    shared_path(path, name);
    cr_assert(eq(int, file_read(&bytes_of_text, &size, path, 1 << 24, NULL),
                 STATUS_OK));
    cr_assert(ge(sz, size, bytes));
    cr_assert(eq(int, llama2c_spec(&spec, model_path, NULL), STATUS_OK));
    cr_assert(eq(int, model_open(&model, &spec, &options, NULL), STATUS_OK));
    cr_assert(eq(int, llama2c_import(model, model_path, NULL), STATUS_OK));
    cr_assert(eq(int, tokenizer_open(&tokenizer, tokenizer_path, spec.n_vocab,
                                     NULL), STATUS_OK));
    cr_assert(eq(int, tokenizer_encode(tokenizer, bytes_of_text, bytes, false,
                                       TOKENIZER_PARSE, &ids, &n, NULL), STATUS_OK));
    const struct score_text text = {
        .ids = ids, .size = (int64_t)n, .bos = tokenizer_bos(tokenizer),
        .window = window, .stride = window };
    for (int64_t i = 0; i < score_windows(&text); i++) {
        double mean;
        score_window(&text, i, &w);
        model_forward(model, &(struct model_input){
            .ids = w.ids, .targets = w.targets, .n_sequences = 1,
            .n_tokens = w.n_tokens, .entropy = true, .policy = score.policy },
            NULL, &mean);
        score_add(&score, model, &w);
    }
    free(ids);
    free(bytes_of_text);
    tokenizer_close(tokenizer);
    model_close(model);
    return (struct result){ score.scored, score_nats(&score) };
}

/* Windows of 512 tokens, BOS among them, side by side: 511 rows. */
Test(score_tokens, a_story_scores_as_recorded)
{
    struct result r = score_file("text/nll_text_tinystory.txt", 512, 511);
    double bits = r.nats / M_LN2 * (double)r.tokens / 512.0;

    cr_expect(eq(i64, r.tokens, 236));
    cr_expect(fabs(r.nats - 1.245570) < 5e-6, "%.7f", r.nats);
    cr_expect(fabs(bits - 0.828295) < 5e-6, "%.7f", bits);
}

Test(score_tokens, shakespeare_scores_as_recorded)
{
    struct result r = score_file("text/tinyshakespeare.txt", 20000, 511);

    cr_expect(eq(i64, r.tokens, 12383));
    cr_expect(fabs(r.nats - 4.702222) < 5e-6, "%.7f", r.nats);
}
