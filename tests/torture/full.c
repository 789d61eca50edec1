/* full.c - Fill the disk under a command. */
#include <sys/mount.h>
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>

#include "tests/torture/torture.h"

/* A file system in memory of so many bytes in place of `path`, which needs
 * root. */
static bool mount_small(const char *path, long bytes, unsigned long flags)
{
    char size[48];

    snprintf(size, sizeof size, "size=%ld", bytes);
    return mount("tmpfs", path, "tmpfs", flags, size) == 0;
}

static void make_room(void)
{
    if (!mount_small("out", 64L << 20, MS_REMOUNT))
        ordeal_fail("make room in", "out");
}

/* As root, a directory fills up; else, no file may be longer than so much. */
void trial_full_disk(struct trial *t)
{
    static const char *const names[] = { "train", "run, text", "run, twin",
                                         "run, prompt" };
    const struct job *job = job_find(names[random_below(&t->random, 4)]);
    const long bytes = 1 + (long)random_below(&t->random, 160 << 10);
    struct disturbance d = { .fault = NULL };

    (void)job_seconds(job);      /* learns, undisturbed */
    tree_remove("out");
    if (mkdir("out", 0777) != 0)
        ordeal_fail("make", "out");
    const bool mounted = mount_small("out", bytes, 0);
    if (mounted)
        d.end = make_room;
    else
        d.file_bytes = bytes / 4 + 1;
    snprintf(t->what, sizeof t->what, "%s, %ld bytes %s", job->name,
             mounted ? bytes : d.file_bytes, mounted ? "free" : "a file");
    if (job_try(job, &d, t->why) != VERDICT_WRONG)
        *t->why = '\0';
    if (mounted && umount2("out", MNT_DETACH) != 0)
        ordeal_fail("unmount", "out");
}
