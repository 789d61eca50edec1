/* killed.c - End a training, a sweep and a report at random moments, and expect
 * that what they finished is not lost, nor done twice. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/core/base/clock.h"
#include "tests/torture/answer.h"
#include "tests/torture/torture.h"

enum { MOST_KILLS = 6, INTERRUPTED = 130 };

/* Start it, and after a part of its time send a signal.  False: it ended in
 * another way than a user would expect. */
static bool end_early(struct trial *t, const struct ordeal *o, double seconds)
{
    static const int signals[] = { SIGKILL, SIGKILL, SIGINT, SIGTERM, SIGHUP };
    const int sent = signals[random_below(&t->random, 5)];
    const double after = random_uniform(&t->random) * seconds;
    const size_t used = strlen(t->what);
    int end = ordeal_run_until(o, after, sent);

    snprintf(t->what + used, sizeof t->what - used, "; %s after %.1f ms",
             sigabbrev_np(sent), 1e3 * after);
    /* Before it has set a handler, any signal is deadly. */
    if (end == 0 || end == ORDEAL_SIGNAL + sent ||
        (end == INTERRUPTED && sent != SIGKILL))
        return true;
    snprintf(t->why, sizeof t->why, "%s", ordeal_word(end));
    return false;
}

static bool no_litter(struct trial *t, const char *directory)
{
    const char *litter = tree_litter(directory);

    if (litter)
        snprintf(t->why, sizeof t->why, "at the end, %s lies there", litter);
    return !litter;
}

void trial_killed_train(struct trial *t)
{
    static const char *const arguments[] = { "train", "run.yaml", "-o", "out",
        "-q", "--threads", "1", "--resume", "--set", "train.save_every=1",
        NULL };
    const struct job *job = job_find("train");
    const double seconds = 1.5 * job_seconds(job);
    const uint32_t kills = 1 + random_below(&t->random, MOST_KILLS);

    snprintf(t->what, sizeof t->what, "train");
    tree_remove("out");
    for (uint32_t i = 0; i < kills; i++)
        if (!end_early(t, &(struct ordeal){ .arguments = arguments }, seconds))
            return;
    if (job_goes_on(job, t->why) && no_litter(t, "out"))
        *t->why = '\0';
}

/* ---- sweep ---- */

enum { POINTS = 6, SWEEPS = 2 };       /* of study.yaml, see job.c */
static const char *const sweep[] = { "sweep", "study.yaml", "-o", "swept", "-q",
                                     "-j", "2", NULL };
static struct {
    struct answer points[SWEEPS];
    double seconds;
    bool known;
} undisturbed;

static void learn_sweep(void)
{
    if (undisturbed.known)
        return;
    double began = clock_seconds();
    for (int i = 0; i < SWEEPS; i++) {
        tree_remove("swept");
        if (ordeal_run(&(struct ordeal){ .arguments = sweep }) != 0)
            ordeal_fail("sweep", "study.yaml");
        answer_gather(&undisturbed.points[i], "swept/points.csv", NULL);
    }
    undisturbed.seconds = (clock_seconds() - began) / SWEEPS;
    undisturbed.known = true;
}

/* A finished point's summary is the file that it was; `first` notes it. */
static bool still_done(struct trial *t, struct stat done[POINTS])
{
    for (int p = 0; p < POINTS; p++) {
        char path[64];
        struct stat now;
        snprintf(path, sizeof path, "swept/points/%06d/summary.json", p);
        if (stat(path, &now) != 0)
            now.st_ino = 0;
        if (done[p].st_ino == 0)
            done[p] = now;
        if (now.st_ino == done[p].st_ino &&
            (now.st_ino == 0 ||
             memcmp(&now.st_mtim, &done[p].st_mtim, sizeof now.st_mtim) == 0))
            continue;
        snprintf(t->why, sizeof t->why, "point %d was finished, and %s", p,
                 now.st_ino ? "run again" : "is lost");
        return false;
    }
    return true;
}

void trial_killed_sweep(struct trial *t)
{
    const uint32_t kills = 1 + random_below(&t->random, MOST_KILLS);
    struct stat done[POINTS] = { { .st_ino = 0 } };
    struct answer points;

    learn_sweep();
    snprintf(t->what, sizeof t->what, "sweep");
    tree_remove("swept");
    for (uint32_t i = 0; i < kills; i++)
        if (!end_early(t, &(struct ordeal){ .arguments = sweep },
                       undisturbed.seconds) || !still_done(t, done))
            return;
    int end = ordeal_run(&(struct ordeal){ .arguments = sweep });
    if (end != 0) {
        snprintf(t->why, sizeof t->why, "at the end, %s", ordeal_word(end));
        return;
    }
    answer_gather(&points, "swept/points.csv", NULL);
    if (still_done(t, done) && no_litter(t, "swept") &&
        answer_same(&points, undisturbed.points, SWEEPS, true, t->why,
                    sizeof t->why))
        *t->why = '\0';
    answer_close(&points);
}

/* ---- report ---- */

#define REPORT(...) ((const char *const[]){ "report", __VA_ARGS__, "-o", \
                                            "page", "-q", NULL })
static double report(const char *const *arguments, const char *path)
{
    double began = clock_seconds();

    if (ordeal_run(&(struct ordeal){ .arguments = arguments, .path = path }))
        ordeal_fail("report", "base");
    return clock_seconds() - began;
}

/* The old page, all of it, or the new one: here is old, there is new. */
void trial_killed_report(struct trial *t)
{
    static const char no_programs[] = "/nonexistent";
    static double seconds[2];
    const bool drawn = random_below(&t->random, 4) == 0;
    const char *path = drawn ? NULL : no_programs;
    const char *old = drawn ? "old-drawn" : "old",
        *new = drawn ? "new-drawn" : "new";
    char old_page[64], new_page[64];

    if (!file_there(old)) {
        tree_remove("page");
        report(REPORT("base"), path);
        tree_copy("page", old);
        seconds[drawn] = report(REPORT("base", "study"), path);
        tree_copy("page", new);
    }
    snprintf(t->what, sizeof t->what, "report%s", drawn ? " with figures" : "");
    snprintf(old_page, sizeof old_page, "%s/index.html", old);
    snprintf(new_page, sizeof new_page, "%s/index.html", new);
    tree_remove("page");
    tree_copy(old, "page");
    if (!end_early(t, &(struct ordeal){ .arguments = REPORT("base", "study"),
                                        .path = path }, seconds[drawn]))
        return;
    if (!file_same("page/index.html", old_page) &&
        !file_same("page/index.html", new_page)) {
        snprintf(t->why, sizeof t->why, "neither the old page nor the new one");
        return;
    }
    report(REPORT("base", "study"), path);
    if (!file_same("page/index.html", new_page))
        snprintf(t->why, sizeof t->why, "another page at the end");
    else if (no_litter(t, "page"))
        *t->why = '\0';
}
