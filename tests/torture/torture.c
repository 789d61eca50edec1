/* torture.c - Try to make the program lie, lose work or die, for a while.
 *
 *   build/torture [--seconds S] [--seed N] [--round I] [--keep]
 *       rounds of all kinds of trials in turns; round I of a seed is the same
 *       whenever it is done, but for the moments at which signals arrive
 *   build/torture --only TRIALS [--seconds S] [--seed N]
 *       the rounds of one kind of trial alone: 'killed studies'
 *   build/torture --every N [--kind KIND] [JOB...]
 *       every N-th call of a kind (memory; or open, read, write, sync, rename)
 *       fails once, in each of the jobs; a table
 *   build/torture --every N --from I [--kind KIND] JOB
 *       the same of one job, from its I-th call on
 *
 * INT, TERM and HUP end it, exit code 130, with what was found so far; of a walk
 * they say the I to go on with. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/base/clock.h"
#include "tests/torture/torture.h"

static const struct kind {
    const char *name;
    void (*once)(struct trial *trial);
} kinds[] = {
    { "failed allocations", trial_memory },
    { "failed calls", trial_calls },
    { "full disks", trial_full_disk },
    { "killed trainings", trial_killed_train },
    { "killed sweeps", trial_killed_sweep },
    { "killed reports", trial_killed_report },
    { "killed studies", trial_killed_study },
    { "hostile files", trial_hostile },
    { "two at once", trial_two },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct order {
    double seconds;
    uint64_t seed;
    long round, every;           /* -1, 0: not given */
    long from;                   /* the first call that fails */
    const char *kind, *program;
    int only;                    /* of kinds; KINDS: all in turns */
    bool keep;
    const char *job[JOBS];
    int n_jobs;
};

static void usage(void)
{
    fputs("usage: torture [--seconds S] [--seed N] [--round I] [--only TRIALS]"
          " [--keep]\n"
          "               [--program FILE]\n"
          "       torture --every N [--kind KIND] [--program FILE] [JOB...]\n"
          "       torture --every N --from I [--kind KIND] JOB\n",
          stderr);
    exit(2);
}

static int kind_called(const char *name)
{
    for (int k = 0; k < KINDS; k++)
        if (strcmp(kinds[k].name, name) == 0)
            return k;
    usage();
    return KINDS;
}

static struct order read_order(char **argv)
{
    struct order o = { .seconds = 60, .seed = 1, .round = -1, .from = 1,
                       .kind = "memory", .only = KINDS };

    for (char **a = argv + 1; *a; a++) {
        if (strncmp(*a, "--", 2) != 0 && o.n_jobs < JOBS) {
            o.job[o.n_jobs++] = *a;
        } else if (strcmp(*a, "--keep") == 0) {
            o.keep = true;
        } else if (!a[1]) {
            usage();
        } else if (strcmp(*a, "--seconds") == 0) {
            o.seconds = atof(*++a);
        } else if (strcmp(*a, "--seed") == 0) {
            o.seed = strtoull(*++a, NULL, 10);
        } else if (strcmp(*a, "--round") == 0) {
            o.round = atol(*++a);
        } else if (strcmp(*a, "--every") == 0) {
            o.every = atol(*++a);
        } else if (strcmp(*a, "--from") == 0) {
            o.from = atol(*++a);
        } else if (strcmp(*a, "--kind") == 0) {
            o.kind = *++a;
        } else if (strcmp(*a, "--only") == 0) {
            o.only = kind_called(*++a);
        } else if (strcmp(*a, "--program") == 0) {
            o.program = *++a;
        } else {
            usage();
        }
    }
    if (o.from < 1 || (o.from > 1 && (o.every < 1 || o.n_jobs != 1)))
        usage();
    return o;
}

/* The signal ends the commands of the moment too: what they left is not
 * judged. */
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

/* ---- every call ---- */

static bool walk(const struct job *job, const struct order *o)
{
    const long calls = job_calls(job, o->kind);
    long n[VERDICTS] = { 0 };
    char why[WHY_SIZE], said[WHY_SIZE] = "", fault[64];

    for (long i = o->from; i <= calls; i += o->every) {
        snprintf(fault, sizeof fault, "%s:%ld:%d", o->kind, i,
                 strcmp(o->kind, "memory") == 0 ? ENOMEM : ENOSPC);
        enum verdict v = job_try(job, &(struct disturbance){ .fault = fault },
                                 why);
        if (stopped) {
            fprintf(stderr, "torture: stopped; go on with --from %ld '%s'\n",
                    i, job->name);
            break;
        }
        n[v]++;
        if (v == VERDICT_WRONG && strcmp(why, said) != 0)
            fprintf(stderr, "%s, FAULT=%s: %s\n", job->name, fault,
                    strcpy(said, why));
    }
    printf("%-18s %8ld %8ld %8ld %8ld %8ld\n", job->name, calls,
           n[VERDICT_SAME] + n[VERDICT_SAID] + n[VERDICT_WRONG],
           n[VERDICT_SAME], n[VERDICT_SAID], n[VERDICT_WRONG]);
    fflush(stdout);
    return n[VERDICT_WRONG] == 0;
}

static bool walk_all(const struct order *o)
{
    bool right = true;

    printf("%-18s %8s %8s %8s %8s %8s\n", "", o->kind, "tried", "no harm",
           "said", "wrong");
    if (o->n_jobs == 0)
        for (int j = 0; j < JOBS && !stopped; j++)
            right &= walk(&jobs[j], o);
    for (int j = 0; j < o->n_jobs && !stopped; j++) {
        const struct job *job = job_find(o->job[j]);
        if (!job) {
            fprintf(stderr, "torture: no job '%s'\n", o->job[j]);
            usage();
        }
        right &= walk(job, o);
    }
    return right;
}

/* ---- rounds ---- */

static bool one_round(long round, const struct order *o)
{
    const struct kind *kind = &kinds[round % KINDS];
    struct trial trial = { .random = random_seeded(
        random_mix(o->seed, (uint64_t)round, 0, 0)) };

    kind->once(&trial);
    if (stopped)
        return true;
    if (*trial.why)
        printf("round %ld, %s: %s: %s\n", round, kind->name, trial.what,
               trial.why);
    else if (o->round >= 0)
        printf("round %ld, %s: %s: as it should be\n", round, kind->name,
               trial.what);
    fflush(stdout);
    return !*trial.why;
}

static bool rounds(const struct order *o)
{
    const double began = clock_seconds();
    const int first = o->only < KINDS ? o->only : 0;
    const int each = o->only < KINDS ? KINDS : 1;      /* as --round counts */
    long wrong = 0, n = 0;

    while (clock_seconds() - began < o->seconds && !stopped)
        wrong += !one_round(first + each * n++, o);
    for (int k = 0; k < KINDS && each == 1; k++)
        printf("%s%ld %s", k ? ", " : "", (n + KINDS - 1 - k) / KINDS,
               kinds[k].name);
    if (each > 1)
        printf("%ld %s", n, kinds[first].name);
    printf("\ntorture: %ld rounds in %.0f s, seed %llu: %ld wrong\n", n,
           clock_seconds() - began, (unsigned long long)o->seed, wrong);
    return wrong == 0;
}

int main(int argc, char **argv)
{
    char directory[] = "/tmp/isobath-torture-XXXXXX", tokenizer[64];
    const struct order o = read_order(argv);

    (void)argc;
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    signal(SIGHUP, stop);
    ordeal_find(o.program);
    if (!mkdtemp(directory))
        ordeal_fail("make", directory);
    tree_copy("tests/data", directory);
    snprintf(tokenizer, sizeof tokenizer, "%s/byte_level.json", directory);
    tree_copy("tests/fuzz/seeds/tokenizer/byte_level.json", tokenizer);
    if (chdir(directory) != 0)
        ordeal_fail("enter", directory);
    job_set_up();
    bool right = o.every > 0 ? walk_all(&o)
                 : o.round >= 0 ? one_round(o.round, &o) : rounds(&o);
    if (o.keep)
        printf("kept: %s\n", directory);
    else if (chdir("/") == 0)
        tree_remove(directory);
    return !right ? 1 : stopped ? 130 : 0;
}
