/* two.c - Start two commands at once on one directory: each ends well or says
 * that the other is there, and what they leave is right. */
#include <stdio.h>

#include "tests/torture/answer.h"
#include "tests/torture/torture.h"

enum { REFUSED = 2 };

/* False: one of them ended in another way. */
static bool both_end(struct trial *t, const char *const *a,
                     const char *const *b, const char *path)
{
    struct ordeal first = { .arguments = a, .streams = "first", .path = path },
        second = { .arguments = b, .streams = "second", .path = path };
    const double gap = random_uniform(&t->random) * 0.03;
    pid_t one = ordeal_start(&first);

    ordeal_sleep(gap);
    pid_t two = ordeal_start(&second);
    int end[2] = { ordeal_end(one), ordeal_end(two) };
    snprintf(t->what, sizeof t->what, "%s and, %.1f ms later, %s", a[0],
             1e3 * gap, b[0]);
    for (int i = 0; i < 2; i++)
        if (end[i] != 0 && end[i] != REFUSED)
            snprintf(t->why, sizeof t->why, "the %s: %s", i ? "second"
                     : "first", ordeal_word(end[i]));
    if (end[0] == REFUSED && end[1] == REFUSED)
        snprintf(t->why, sizeof t->why, "both were refused");
    return !*t->why;
}

static void two_trains(struct trial *t)
{
    const struct job *job = job_find("train");
    static const char *const arguments[] = { "train", "run.yaml", "-o", "out",
        "-q", "--threads", "1", "--resume", NULL };

    (void)job_seconds(job);
    tree_remove("out");
    if (both_end(t, arguments, arguments, NULL) && job_goes_on(job, t->why))
        *t->why = '\0';
}

static void two_reports(struct trial *t)
{
    static const char *const arguments[] = { "report", "base", "study", "-o",
        "pair", "-q", NULL };
    const struct ordeal alone = { .arguments = arguments,
                                  .path = "/nonexistent" };

    if (!file_there("alone")) {
        tree_remove("pair");
        if (ordeal_run(&alone) != 0)
            ordeal_fail("report", "base");
        tree_copy("pair", "alone");
    }
    tree_remove("pair");
    if (both_end(t, arguments, arguments, alone.path) &&
        !file_same("pair/index.html", "alone/index.html"))
        snprintf(t->why, sizeof t->why, "another page than of one alone");
}

static void sweep_and_point(struct trial *t)
{
    static const char *const sweep[] = { "sweep", "study.yaml", "-o", "both",
        "-q", "-j", "1", NULL };
    static const char *const point[] = { "sweep", "study.yaml", "-o", "both",
        "-q", "--point", "2", NULL };

    tree_remove("both");
    if (!both_end(t, random_below(&t->random, 2) ? sweep : point, sweep, NULL))
        return;
    int end = ordeal_run(&(struct ordeal){ .arguments = sweep });
    if (end != 0)
        snprintf(t->why, sizeof t->why, "at the end, %s", ordeal_word(end));
    else if (!file_same("both/points/000002/model.safetensors",
                        "study/points/000002/model.safetensors"))
        snprintf(t->why, sizeof t->why, "another point 2 than of one alone");
}

void trial_two(struct trial *t)
{
    static void (*const pairs[])(struct trial *) = { two_trains, two_reports,
                                                     sweep_and_point };
    pairs[random_below(&t->random, 3)](t);
}
