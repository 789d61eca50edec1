/* test_generate.c - Expect a trained model to tell the story that llama2.c
 * tells; a prompt may be routed as a whole. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "models/executor/generate.h"
#include "models/files/llama2c.h"
#include "models/executor/history.h"
#include "tests/cases.h"
#include "tests/shared.h"

/* tok512.bin: i32 longest, then for each token f32 score, i32 size, bytes. */
struct pieces {
    char *image;
    const char *piece[512];
    int32_t size[512];
};

static void read_pieces(struct pieces *p)
{
    char path[FILE_PATH_SIZE];
    size_t size, at = 4;

    shared_path(path, "llama2c/tok512.bin");
    cr_assert(eq(int, file_read(&p->image, &size, path, 1 << 20, NULL),
                 STATUS_OK));
    for (int i = 0; i < 512; i++) {
        memcpy(&p->size[i], p->image + at + 4, 4);
        p->piece[i] = p->image + at + 8;
        at += 8 + (size_t)p->size[i];
        cr_assert(at <= size);
    }
}

/* The text generated so far, and when to stop. */
struct story {
    struct pieces pieces;
    char   text[4096];
    size_t size;
    int    stop_after;           /* tokens; 0: never */
    int    n;
};

enum { BOS = 1 };

static bool tell(void *context, int32_t id)
{
    struct story *s = context;
    const char *piece = s->pieces.piece[id];
    size_t size = (size_t)s->pieces.size[id];
    unsigned byte;

    if (id == BOS || (s->stop_after > 0 && s->n == s->stop_after))
        return false;
    if (s->n++ == 0 && *piece == ' ') {      /* SentencePiece put it there */
        piece++;
        size--;
    }
    if (size == 6 && sscanf(piece, "<0x%02X>", &byte) == 1)
        s->text[s->size++] = (char)byte;
    else {
        memcpy(s->text + s->size, piece, size);
        s->size += size;
    }
    return true;
}

static int32_t run(struct story *story, struct sampling rule, int32_t n_new)
{
    const int32_t prompt[] = { BOS };
    const struct model_options options = { .n_sequences = 1, .n_tokens = n_new,
                                           .decode = true, .n_threads = 1 };
    struct model_spec spec;
    struct model *model = NULL;
    struct sampler *sampler = NULL;
    struct error err = { STATUS_OK, "" };
    char path[FILE_PATH_SIZE];

    shared_path(path, "llama2c/stories260K.bin");
    read_pieces(&story->pieces);
    cr_assert(eq(int, llama2c_spec(&spec, path, &err), STATUS_OK));
    cr_assert(eq(int, model_open(&model, &spec, &options, &err), STATUS_OK));
    cr_assert(eq(int, llama2c_import(model, path, &err), STATUS_OK));
    cr_assert(eq(int, sampler_open(&sampler, &rule, spec.n_vocab, &err),
                 STATUS_OK));
    int32_t n = generate(&(struct generation){
        .model = model, .sampler = sampler, .policy = route_find("dense"),
        .prompt = prompt, .n_prompt = 1,
        .n_new = n_new, .emit = tell, .context = story });
    sampler_close(sampler);
    model_close(model);
    free(story->pieces.image);
    return n;
}

static void check_story(const char *name, int32_t n_new)
{
    struct story story = { .size = 0 };
    char path[FILE_PATH_SIZE], *want;
    size_t size;

    shared_path(path, name);
    cr_assert(eq(int, file_read(&want, &size, path, 1 << 20, NULL),
                 STATUS_OK));
    cr_expect(eq(i32, run(&story, (struct sampling){ 0 }, n_new), n_new));
    story.text[story.size++] = '\n';         /* llama2.c ends with one */
    cr_expect(eq(sz, story.size, size));
    cr_expect(memcmp(story.text, want, size) == 0, "%.*s", (int)story.size,
              story.text);
    free(want);
}

Test(generate, greedy_stories_are_those_of_llama2c_byte_for_byte)
{
    check_story("vectors/stories260K_greedy_n200.txt", 200);
    check_story("vectors/stories260K_greedy256.txt", 256);
}

Test(generate, a_temperature_and_a_seed_tell_one_other_story)
{
    struct sampling rule = { .temperature = 0.9, .top_p = 0.9, .seed = 3 };
    struct story greedy = { .size = 0 }, a = { .size = 0 }, b = { .size = 0 };

    run(&greedy, (struct sampling){ 0 }, 60);
    run(&a, rule, 60);
    run(&b, rule, 60);
    cr_expect(a.size == b.size && memcmp(a.text, b.text, a.size) == 0);
    cr_expect(a.size != greedy.size ||
              memcmp(a.text, greedy.text, a.size) != 0);
}

Test(generate, whoever_listens_may_end_it)
{
    struct story story = { .stop_after = 7 };
    cr_expect(eq(i32, run(&story, (struct sampling){ 0 }, 60), 7));
}

/* ---- a prompt that is routed as a whole ---- */

enum { PROMPT = 20, NEW = 12, FIRST = 2, ROUTED = 1 };

static bool go_on(void *context, int32_t id)
{
    (void)context;
    (void)id;
    return true;
}

static bool keeps(const struct allocation *a, int32_t t)
{
    bool kept = false;
    for (int32_t i = 0; i < allocation_count(a, ROUTED, 0); i++)
        kept |= allocation_kept(a, ROUTED, 0)[i] == t;
    return kept;
}

/* The number of tokens from..n-1 that come before t: by score, then by
 * place. */
static int32_t ahead_of(const real *score, int32_t t, int32_t from, int32_t n)
{
    int32_t ahead = 0;
    for (int32_t s = from; s < n; s++)
        ahead += score[s] > score[t] || (score[s] == score[t] && s < t);
    return ahead;
}

/* At capacity 0.4, 8 of the 20: the first 2, and the 6 highest of the others.
 * Token t later: among the ceil(0.4 (t + 1)) highest so far. */
Test(generate, top_k_takes_the_prompt_and_the_rank_so_far_what_follows)
{
    const struct model_spec spec = {
        .traits = family_traits[FAMILY_LLAMA],
        .n_layers = 3, .n_channels = 24, .n_heads = 4,
        .n_kv_heads = 2, .head_size = 6, .n_ffn = 20, .n_vocab = 29,
        .max_tokens = 40, .norm_epsilon = 1e-5f, .rope_theta = 1000.0f,
        .gate = GATE_ONE, .signal = SIGNAL_NORM, .keep_first = FIRST,
        .routed = { false, true, false }, .capacity = { 1.0, 0.4, 1.0 },
    };
    const struct model_options options = {
        .n_sequences = 1, .n_tokens = PROMPT + NEW - 1, .n_prefill = PROMPT,
        .decode = true, .n_threads = 1,
    };
    struct model *model = case_model(&spec, &options, 1);
    struct sampling rule = { .temperature = 1.0, .seed = 3 };
    struct sampler *sampler;
    struct allocation a;
    int32_t prompt[PROMPT], targets[PROMPT], skipped = 0;

    case_text(prompt, targets, PROMPT, spec.n_vocab, 7);
    cr_assert(eq(int, sampler_open(&sampler, &rule, spec.n_vocab, NULL),
                 STATUS_OK));
    cr_assert(eq(i32, generate(&(struct generation){
        .model = model, .sampler = sampler, .prompt = prompt,
        .policy = route_find("token_norm_top_k"),
        .step_policy = route_find("token_norm"),
        .n_prompt = PROMPT, .n_new = NEW, .emit = go_on }), NEW));
    cr_assert(eq(int, allocation_open(&a, 3, 1, PROMPT + NEW - 1, NULL),
                 STATUS_OK));
    model_decode_allocation(model, NULL, &a);
    const real *score = history_scores(model, ROUTED, 0);
    for (int32_t t = 0; t < PROMPT; t++)
        cr_expect(keeps(&a, t) == (t < FIRST ||
                  ahead_of(score, t, FIRST, PROMPT) < 8 - FIRST), "%d", t);
    for (int32_t t = PROMPT; t < PROMPT + NEW - 1; t++) {
        int32_t limit = (4 * (t + 1) + 9) / 10;
        cr_expect(keeps(&a, t) == (ahead_of(score, t, 0, t + 1) < limit), "%d",
                  t);
        skipped += !keeps(&a, t);
    }
    cr_expect(skipped > 0 && skipped < NEW - 1);
    allocation_close(&a);
    sampler_close(sampler);
    model_close(model);
}
