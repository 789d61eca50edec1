/* study.c - Kill a sweep, its points, its merge and its report at random moments,
 * and expect the results of a study that was left alone. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/core/base/clock.h"
#include "tests/torture/answer.h"
#include "tests/torture/torture.h"

#define STUDY "study.yaml", "-o", "swept", "-q", "-j", "2"
static const char *const sweep[] = { "sweep", STUDY, NULL };
static const char *const fickle[] = { "sweep", STUDY, "--program", "./fickle",
                                      NULL };
static const char *const merge[] = { "sweep", STUDY, "--merge", NULL };
static const char *const report[] = { "report", "swept", "-o", "page", "-q",
                                      NULL };

enum { SWEEP, MERGE, REPORT, STEPS, REFERENCES = 2 };
static const char *const *const steps[STEPS] = { sweep, merge, report };

/* Of studies that were left alone. */
static struct {
    struct answer points[REFERENCES], settings[REFERENCES];
    double seconds[STEPS];
    bool known;
} undisturbed;

/* Reports without gnuplot: its pictures are somebody else's program. */
static struct ordeal of(int step)
{
    return (struct ordeal){ .arguments = steps[step],
                            .path = step == REPORT ? "/nonexistent" : NULL };
}

static void learn(void)
{
    for (int i = 0; i < REFERENCES && !undisturbed.known; i++) {
        tree_remove("swept");
        tree_remove("page");
        for (int s = 0; s < STEPS; s++) {
            const double began = clock_seconds();
            const struct ordeal step = of(s);
            if (ordeal_run(&step) != 0)
                ordeal_fail("run", steps[s][0]);
            undisturbed.seconds[s] = clock_seconds() - began;
        }
        answer_gather(&undisturbed.points[i], "swept/points.csv", NULL);
        answer_gather(&undisturbed.settings[i], "page/tables/settings.csv",
                      NULL);
    }
    undisturbed.known = true;
}

/* Runs the program of the sweep that started it, and kills it: a moment later, or
 * when it is told to end itself. */
static void put_fickle(double seconds)
{
    char text[256];

    snprintf(text, sizeof text, "#!/bin/sh\n\"/proc/$PPID/exe\" \"$@\" &\n"
             "point=$!\ntrap 'kill -9 $point' INT TERM\nsleep %.4f\n"
             "kill -9 $point 2>/dev/null\nwait $point\n", seconds);
    file_put("fickle", text, strlen(text));
    chmod("fickle", 0755);
}

/* False: it ended in a way that no kill explains. */
static bool kill_one(struct trial *t)
{
    const int what = (int)random_below(&t->random, STEPS + 1);
    const double part = random_uniform(&t->random);
    const size_t used = strlen(t->what);
    int end;

    if (what == STEPS) {                 /* its points, not itself */
        put_fickle(part * undisturbed.seconds[SWEEP] / 3);
        end = ordeal_run(&(struct ordeal){ .arguments = fickle });
    } else {
        const struct ordeal step = of(what);
        end = ordeal_run_until(&step, part * undisturbed.seconds[what],
                               SIGKILL);
    }
    snprintf(t->what + used, sizeof t->what - used, "; %s",
             what == STEPS ? "points" : what == MERGE ? "merge" : steps[what][0]);
    /* A sweep whose points were killed says so; a report finds nothing where no
     * point was begun. */
    if (end == 0 || end == ORDEAL_SIGNAL + SIGKILL ||
        (end == 1 && what == STEPS) || (end == 2 && what == REPORT))
        return true;
    snprintf(t->why, sizeof t->why, "%s", ordeal_word(end));
    return false;
}

static bool as_undisturbed(struct trial *t, const char *table,
                           const struct answer *references)
{
    struct answer answer;

    answer_gather(&answer, table, NULL);
    const bool same = answer_same(&answer, references, REFERENCES, true, t->why,
                                  sizeof t->why);
    answer_close(&answer);
    return same;
}

void trial_killed_study(struct trial *t)
{
    const uint32_t kills = 3 + random_below(&t->random, 6);

    learn();
    snprintf(t->what, sizeof t->what, "study");
    tree_remove("swept");
    tree_remove("page");
    for (uint32_t i = 0; i < kills; i++)
        if (!kill_one(t))
            return;
    for (int s = 0; s < STEPS; s++) {
        const struct ordeal step = of(s);
        const int end = ordeal_run(&step);
        if (end != 0) {
            snprintf(t->why, sizeof t->why, "at the end of %s, %s", steps[s][0],
                     ordeal_word(end));
            return;
        }
    }
    const char *litter = tree_litter("swept");
    if (litter)
        snprintf(t->why, sizeof t->why, "at the end, %s lies there", litter);
    else if (as_undisturbed(t, "swept/points.csv", undisturbed.points) &&
             as_undisturbed(t, "page/tables/settings.csv",
                            undisturbed.settings))
        *t->why = '\0';
}
