/* hostile.c - Spoil a file that the program reads, and expect an answer or a
 * message. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/torture/torture.h"

#define THREAD "--threads", "1"
static const struct target {
    const char *from, *file;     /* copied to `victim`, and of a directory the
                                  * file in it that is spoilt */
    const char *arguments[ORDEAL_ARGUMENTS];
} targets[] = {
    { "classes/qwen3.gguf", NULL, { "predict", "victim" } },
    { "classes/qwen3.gguf", NULL, { "run", "victim", "--tokenizer",
        "byte_level.json", "--text", "letters", THREAD, "-o", "out", "-q" } },
    { "classes/gpt2.gguf", NULL, { "profile", "victim", "--tokens", "8",
        "--steps", "2", "-r", "1", "-p", "decode", THREAD, "-o", "out",
        "-q" } },
    { "classes/qwen2", "model.safetensors", { "run", "victim", "--tokenizer",
        "byte_level.json", "--text", "letters", THREAD, "-o", "out", "-q" } },
    { "classes/qwen2", "config.json", { "run", "victim", "--tokenizer",
        "byte_level.json", "--text", "letters", THREAD, "-o", "out", "-q" } },
    { "classes/llama3", "model.safetensors.index.json", { "run", "victim",
        "--tokenizer", "byte_level.json", "--text", "letters", THREAD, "-o",
        "out", "-q" } },
    { "byte_level.json", NULL, { "run", "classes/qwen2", "--tokenizer",
        "victim", "--text", "letters", THREAD, "-o", "out", "-q" } },
    { "base", "model.safetensors", { "run", "victim", "--prompt", "the ", "-n",
        "4", THREAD, "-q" } },
    { "stopped", "state.safetensors", { "train", "run.yaml", "-o", "victim",
        "--resume", "-q", THREAD } },
    { "base", "summary.json", { "report", "victim", "-o", "page", "-q" } },
    { "base", "ledger.csv", { "report", "victim", "-o", "page", "-q" } },
    { "base", "curve.csv", { "report", "victim", "-o", "page", "-q" } },
    { "study", "points.csv", { "report", "victim", "-o", "page", "-q" } },
    { "study", "points/000001/summary.json", { "report", "victim", "-o",
        "page", "-q" } },
    { "study", "points/000001/point.json", { "sweep", "study.yaml", "-o",
        "victim", "-q", "--merge" } },
    { "report/score", "tokens.csv", { "report", "victim", "-o", "page",
        "-q" } },
    { "run.yaml", NULL, { "train", "victim", "-o", "out", "-q", THREAD } },
    { "model.yaml", NULL, { "predict", "victim", "--format", "json" } },
    { "study.yaml", NULL, { "sweep", "victim", "--list" } },
    { "counters/machine.yaml", NULL, { "predict", "model.yaml", "--machine",
        "victim" } },
    { "counters", "train_mod.counters", { "profile", "counters/model.yaml",
        "--tokens", "64", "--steps", "8", THREAD, "--recorded", "victim", "-r",
        "1", "-p", "train", "-o", "out", "-q" } },
};
enum { TARGETS = sizeof targets / sizeof *targets };

/* ---- spoiling ---- */

struct bytes { unsigned char *at; size_t n; };

static size_t place(struct random *random, struct bytes b)
{
    return b.n ? random_below(random, (uint32_t)b.n) : 0;
}

static void flip_bits(struct bytes *b, struct random *random)
{
    for (uint32_t i = 1 + random_below(random, 16); i > 0 && b->n; i--)
        b->at[place(random, *b)] ^= (unsigned char)(1u <<
                                                    random_below(random, 8));
}

/* The head of a file decides how the rest is read. */
static void flip_head(struct bytes *b, struct random *random)
{
    struct bytes head = { b->at, b->n < 256 ? b->n : 256 };
    flip_bits(&head, random);
}

static void cut(struct bytes *b, struct random *random)
{
    b->n = place(random, *b);
}

static void fill(struct bytes *b, struct random *random)
{
    static const unsigned char with[] = { 0x00, 0xff, 0x7f, '9', '-', '"' };
    const size_t from = place(random, *b), most = b->n - from;
    const size_t n = random_below(random, 16);
    memset(b->at + from, with[random_below(random, 6)], n < most ? n : most);
}

static void drop(struct bytes *b, struct random *random)
{
    const size_t from = place(random, *b), most = b->n - from;
    size_t n = 1 + random_below(random, 64);
    n = n < most ? n : most;
    memmove(b->at + from, b->at + from + n, most - n);
    b->n -= n;
}

/* A piece of it again, elsewhere: numbers in the place of numbers. */
static void copy(struct bytes *b, struct random *random)
{
    const size_t from = place(random, *b), to = place(random, *b);
    const size_t most = b->n - (from > to ? from : to);
    const size_t n = 1 + random_below(random, 64);
    memmove(b->at + to, b->at + from, n < most ? n : most);
}

static const struct spoiling {
    const char *name;
    void (*how)(struct bytes *bytes, struct random *random);
} spoilings[] = {
    { "bits flipped", flip_bits }, { "bits of the head flipped", flip_head },
    { "cut short", cut }, { "a part filled", fill }, { "a part gone", drop },
    { "a part again", copy },
};
enum { SPOILINGS = sizeof spoilings / sizeof *spoilings };

/* ---- trying ---- */

enum { INTERRUPTED = 130 };

/* A training ended in its middle. */
static void stop_one(void)
{
    static const char *const arguments[] = { "train", "run.yaml", "-o",
        "stopped", "-q", THREAD, NULL };

    if (file_there("stopped"))
        return;
    for (double after = 0.01;; after *= 1.3) {
        tree_remove("stopped");
        int end = ordeal_run_until(&(struct ordeal){ .arguments = arguments },
                                   after, SIGINT);
        if (end == INTERRUPTED && file_there("stopped/state.safetensors"))
            return;
        if (end == 0)
            after = 0.005;
    }
}

static void judge(struct trial *t, int end)
{
    size_t size = 0;
    char *said = file_whole("std.err", &size);

    if (end > 2)
        snprintf(t->why, sizeof t->why, "%s", ordeal_word(end));
    else if (end != 0 && (!said || !strstr(said, "isobath: error: ")))
        snprintf(t->why, sizeof t->why, "%s without a message",
                 ordeal_word(end));
    free(said);
}

void trial_hostile(struct trial *t)
{
    const struct target *target = &targets[random_below(&t->random, TARGETS)];
    const struct spoiling *spoiling = &spoilings[random_below(&t->random,
                                                              SPOILINGS)];
    char path[128];
    struct bytes b;

    (void)job_seconds(job_find("train"));      /* makes "trained" */
    stop_one();
    tree_remove("victim");
    tree_remove("out");
    tree_copy(target->from, "victim");
    snprintf(path, sizeof path, "victim%s%s", target->file ? "/" : "",
             target->file ? target->file : "");
    if (!(b.at = (unsigned char *)file_whole(path, &b.n)))
        ordeal_fail("read", path);
    spoiling->how(&b, &t->random);
    file_put(path, b.at, b.n);
    free(b.at);
    snprintf(t->what, sizeof t->what, "%s of %s: %s; %s",
             target->file ? target->file : "it", target->from, spoiling->name,
             target->arguments[0]);
    int end = ordeal_run(&(struct ordeal){ .arguments = target->arguments,
                                           .path = "/nonexistent" });
    judge(t, end);
    /* A state is right or refused. */
    if (end == 0 && strcmp(target->from, "stopped") == 0 &&
        !file_same("victim/model.safetensors", "trained/model.safetensors"))
        snprintf(t->why, sizeof t->why, "other weights, without a word");
}
