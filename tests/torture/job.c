/* job.c - The commands that are disturbed, and the judgement of what they
 * leave. */
#include "tests/torture/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/clock.h"
#include "sim/core/base/random.h"
#include "tests/torture/answer.h"

/* A report without gnuplot: its pictures take a second, and are somebody
 * else's program. */
static const char no_programs[] = "/nonexistent";

#define ONE_THREAD "--threads", "1"
#define SCORE "--text", "text", "--limit", "200", "-o", "out", "--format",     \
    "json", "-q", ONE_THREAD
const struct job jobs[JOBS] = {
    { .name = "train", .out = "out", .trains = true,
      .arguments = { "train", "run.yaml", "-o", "out", "-q", ONE_THREAD } },
    { .name = "run, text", .out = "out",
      .arguments = { "run", "base", SCORE } },
    { .name = "run, twin", .out = "out",
      .arguments = { "run", "base", "--against", "dense", SCORE } },
    { .name = "run, prompt", .out = "out",
      .arguments = { "run", "base", "--prompt", "the ", "-n", "8", "-o", "out",
                     "--format", "json", "-q", ONE_THREAD } },
    { .name = "router", .out = "out",
      .arguments = { "router", "base", "--text", "text", "--set",
                     "run.limit=600", "-o", "out", "-q", ONE_THREAD } },
    { .name = "regret", .out = "out",
      .arguments = { "regret", "base", "--text", "text", "--set",
                     "run.limit=600", "--positions", "3", "-o", "out", "-q",
                     ONE_THREAD } },
    { .name = "sensitivity", .out = "out",
      .arguments = { "sensitivity", "base", "--text", "text", "--set",
                     "run.limit=600", "--capacities", "0,1", "-o", "out", "-q",
                     ONE_THREAD } },
    { .name = "route-trace", .out = "kept.trace",
      .arguments = { "route-trace", "base", "--text", "text", "-o",
                     "kept.trace", ONE_THREAD } },
    { .name = "run, replayed", .out = "out",
      .arguments = { "run", "base", "--text", "text", "--split", "test",
                     "--limit", "600", "--set", "routing.policy=replay",
                     "--set", "routing.replay=base.trace", "-o", "out", "-q",
                     ONE_THREAD } },
    { .name = "predict",
      .arguments = { "predict", "model.yaml" } },
    { .name = "predict, layers",
      .arguments = { "predict", "model.yaml", "--by", "layer", "--phase",
                     "decode", "--format", "csv" } },
    { .name = "predict, explained",
      .arguments = { "predict", "model.yaml", "--explain", "attend" } },
    { .name = "predict, JSON",
      .arguments = { "predict", "model.yaml", "--format", "json", "--machine",
                     "counters/machine.yaml" } },
    { .name = "predict, a trace",
      .arguments = { "predict", "model.yaml", "--trace", "trace.csv",
                     "--phase", "decode", "--format", "json", "--machine",
                     "counters/machine.yaml" } },
    { .name = "import", .out = "out",
      .arguments = { "import", "torch.json", "-o", "out", "--machine",
                     "counters/machine.yaml" } },
    { .name = "sweep --list",
      .arguments = { "sweep", "study.yaml", "--list" } },
    { .name = "sweep, priced", .out = "prices", .repeats = true,
      .arguments = { "sweep", "prices.yaml", "-o", "prices", "-q" } },
    { .name = "sweep --merge", .out = "study", .path = no_programs,
      .arguments = { "sweep", "study.yaml", "-o", "study", "--merge", "-q" } },
    { .name = "report", .out = "page", .path = no_programs,
      .arguments = { "report", "base", "study", "-o", "page", "-q" } },
    { .name = "report, drawn", .out = "page", .slow = true,
      .arguments = { "report", "base", "-o", "page", "-q" } },
    { .name = "profile", .out = "out", .slow = true, .measures = true,
      .arguments = { "profile", "model.yaml", "--tokens", "16", "--steps", "4",
                     "-r", "2", "-o", "out", "-q", ONE_THREAD } },
    { .name = "profile, recorded", .out = "out", .slow = true,
      .arguments = { "profile", "counters/model.yaml", "--tokens", "64",
                     "--steps", "8", "--recorded", "counters", "-r", "1", "-p",
                     "prefill", "-m", "counters/machine.yaml", "-o", "out",
                     "-q", ONE_THREAD } },
    { .name = "machine", .out = "machine.yaml", .slow = true, .measures = true,
      .arguments = { "machine", "-o", "machine.yaml", "--format", "json",
                     ONE_THREAD } },
};

const struct job *job_find(const char *name)
{
    for (int j = 0; j < JOBS; j++)
        if (strcmp(jobs[j].name, name) == 0)
            return &jobs[j];
    return NULL;
}

/* ---- what they read ---- */

static const char run_yaml[] =
    "model:\n  family: llama\n  layers: 2\n  channels: 16\n  heads: 2\n"
    "  max_tokens: 64\n"
    "routing:\n  capacity: 0.25\n"
    "data:\n  path: text\n  tokens: 32\n"
    "train:\n  batch: 2\n  steps: 12\n  judge_every: 10\n  curve_windows: 2\n"
    "  judge_windows: 20\n  save_every: 5\n";
static const char model_yaml[] =
    "model:\n  family: llama\n  layers: 2\n  channels: 16\n  heads: 2\n"
    "  max_tokens: 64\nrouting:\n  capacity: 0.25\n";
static const char study_yaml[] =
    "base: run.yaml\n"
    "axes:\n  routing.capacity: [0.25, 1.0]\n  train.seed: [1, 2, 3]\n";

/* Two windows of what layer 1 keeps; a product of PyTorch's. */
static const char trace_csv[] =
    "window,layer,part,tokens,kept\n0,1,block,6,0 3-4\n1,1,block,4,2\n";
static const char torch_json[] =
    "{\"traceEvents\": [{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\":"
    " \"aten::mm\", \"pid\": 1, \"tid\": 1, \"ts\": 0, \"dur\": 9, \"args\":"
    " {\"Input Dims\": [[64, 32], [32, 48]], \"Input type\": [\"float\","
    " \"float\"]}}]}\n";
static const char prices_yaml[] =
    "base: model.yaml\ncommand: predict\nset: {predict.machine:"
    " counters/machine.yaml}\naxes:\n  predict.phase: [prefill, decode]\n";

static void put_text(const char *path, const char *text)
{
    file_put(path, text, strlen(text));
}

/* Sixty blocks of 4096 bytes: data.h gives some to each of its splits. */
static void put_words(const char *path)
{
    static const char *const word[] = { "and ", "the ", "light ", "in ",
        "darkness, ", "river ", "went ", "out ", "of ", "Eden.\n" };
    enum { SIZE = 60 * 4096 };
    struct random random = random_seeded(2);
    static char text[SIZE + 16];

    for (size_t n = 0; n < SIZE;)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s",
                              word[random_below(&random, 10)]);
    file_put(path, text, SIZE);
}

void job_set_up(void)
{
    static const char *const train[] = { "train", "run.yaml", "-o", "base",
                                         "-q", ONE_THREAD, NULL };
    static const char *const trace[] = { "route-trace", "base", "--text",
                                         "text", "-o", "base.trace", "-q",
                                         ONE_THREAD, NULL };
    static const char *const sweep[] = { "sweep", "study.yaml", "-o", "study",
                                         "-q", NULL };

    put_words("text");
    put_text("run.yaml", run_yaml);
    put_text("model.yaml", model_yaml);
    put_text("study.yaml", study_yaml);
    put_text("trace.csv", trace_csv);
    put_text("torch.json", torch_json);
    put_text("prices.yaml", prices_yaml);
    put_text("letters", "ab aab a b ab ab aab b a ab aab ab b b a ab");
    if (ordeal_run(&(struct ordeal){ .arguments = train }) != 0 ||
        ordeal_run(&(struct ordeal){ .arguments = trace }) != 0 ||
        ordeal_run(&(struct ordeal){ .arguments = sweep }) != 0)
        ordeal_fail("train", "run.yaml");
}

/* ---- undisturbed ---- */

enum { REFERENCES = 4 };
static struct undisturbed {
    struct answer whole[REFERENCES];   /* what is printed and written */
    char   *calls;                     /* as faults.c counts them */
    double  seconds;
    bool    known;
} undisturbed[JOBS];

static void forget(const struct job *job)
{
    if (job->out && strcmp(job->arguments[0], "sweep") != 0)
        tree_remove(job->out);
}

static void learn(const struct job *job, struct undisturbed *u)
{
    struct ordeal o = { .arguments = job->arguments, .path = job->path };
    double began = clock_seconds();

    for (int r = 0; r <= REFERENCES; r++) {
        forget(job);
        o.counts = r == REFERENCES ? "counts" : NULL;
        int end = ordeal_run(&o);
        if (end != 0) {
            fprintf(stderr, "torture: %s, undisturbed: %s\n", job->name,
                    ordeal_word(end));
            exit(1);
        }
        if (r == 0)
            ordeal_sleep(1.0);       /* the time of day is another then */
        if (r == REFERENCES)
            continue;
        answer_gather(&u->whole[r], "std.out", job->out);
        for (int i = 0; job->measures && i < u->whole[r].n; i++)
            *u->whole[r].text[i] = '\0';
    }
    u->seconds = (clock_seconds() - began - 1.0) / (REFERENCES + 1);
    u->calls = file_whole("counts", NULL);
    u->known = true;
    if (job->trains && !file_there("trained"))
        tree_copy(job->out, "trained");
}

static struct undisturbed *known(const struct job *job)
{
    struct undisturbed *u = &undisturbed[job - jobs];

    if (!u->known)
        learn(job, u);
    return u;
}

long job_calls(const struct job *job, const char *kind)
{
    const char *at = strstr(known(job)->calls, kind);
    return at ? strtol(at + strlen(kind), NULL, 10) : 0;
}

double job_seconds(const struct job *job)
{
    return known(job)->seconds;
}

/* ---- disturbed ---- */

static bool has_message(void)
{
    char *text = file_whole("std.err", NULL);
    bool has = text && strstr(text, "isobath: error: ");

    free(text);
    return has;
}

/* Without a fault, the rest of the training comes to the same bits; times and
 * the command line, which the others hold, do not. */
bool job_goes_on(const struct job *job, char why[WHY_SIZE])
{
    static const char *const same[] = { "model.safetensors",
                                        "config.json" };
    const char *arguments[ORDEAL_ARGUMENTS];
    char ours[64], theirs[64];
    int n = 0;

    for (; job->arguments[n]; n++)
        arguments[n] = job->arguments[n];
    arguments[n++] = "--resume";
    arguments[n] = NULL;
    int end = ordeal_run(&(struct ordeal){ .arguments = arguments });
    if (end != 0)
        snprintf(why, WHY_SIZE, "then --resume: %s", ordeal_word(end));
    for (size_t i = 0; i < sizeof same / sizeof *same && end == 0; i++) {
        snprintf(ours, sizeof ours, "%s/%s", job->out, same[i]);
        snprintf(theirs, sizeof theirs, "trained/%s", same[i]);
        if (file_same(ours, theirs))
            continue;
        snprintf(why, WHY_SIZE, "then --resume: another %s", same[i]);
        return false;
    }
    return end == 0;
}

static bool is_right(const struct job *job, const char *printed, bool whole,
                     char why[WHY_SIZE])
{
    const struct undisturbed *u = known(job);
    struct answer answer;

    answer_gather(&answer, printed, job->out);
    for (int i = 0; job->measures && i < answer.n; i++)
        *answer.text[i] = '\0';
    bool same = answer_same(&answer, u->whole, REFERENCES, whole, why,
                            WHY_SIZE);
    answer_close(&answer);
    return same;
}

/* Without a fault, to the right answer. */
static bool goes_on_alone(const struct job *job, char why[WHY_SIZE])
{
    int end = ordeal_run(&(struct ordeal){ .arguments = job->arguments,
                                           .path = job->path });
    if (end == 0)
        return is_right(job, "std.out", true, why);
    snprintf(why, WHY_SIZE, "then, once more: %s", ordeal_word(end));
    return false;
}

static bool left_right(const struct job *job, char why[WHY_SIZE])
{
    const char *litter = job->out && file_there(job->out)
                             ? tree_litter(job->out) : NULL;

    if (litter) {
        snprintf(why, WHY_SIZE, "left %s", litter);
        return false;
    }
    return job->trains    ? job_goes_on(job, why)
           : job->repeats ? goes_on_alone(job, why)
                          : is_right(job, NULL, false, why);
}

enum verdict job_try(const struct job *job, const struct disturbance *d,
                     char why[WHY_SIZE])
{
    const struct ordeal o = { .arguments = job->arguments, .path = job->path,
                              .fault = d->fault,
                              .file_bytes = d->file_bytes };
    const bool memory = d->fault && strncmp(d->fault, "memory", 6) == 0;

    (void)known(job);
    forget(job);
    int end = ordeal_run(&o);
    if (d->end)
        d->end();
    *why = '\0';
    if (end == 0)
        return is_right(job, "std.out", true, why) ? VERDICT_SAME
                                                   : VERDICT_WRONG;
    if (end != 1 && (end != 2 || memory))
        snprintf(why, WHY_SIZE, "%s", ordeal_word(end));
    else if (!has_message())
        snprintf(why, WHY_SIZE, "%s without a message", ordeal_word(end));
    else if (left_right(job, why))
        return VERDICT_SAID;
    return VERDICT_WRONG;
}
