/* thread_list.c - List the threads of this process, each of which has
 * counters of its own. */
#include "hwprof/counters/thread_list.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

enum status thread_list(int tid[THREAD_LIST_MAX], int *n, struct error *err)
{
    int self = gettid();
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");

    if (!tasks)
        return error_set(err, STATUS_UNAVAILABLE,
                         "cannot list /proc/self/task: is /proc mounted?");
    tid[0] = self;
    *n = 1;
    while ((entry = readdir(tasks))) {
        int id = atoi(entry->d_name);
        if (id <= 0 || id == self)
            continue;
        if (*n == THREAD_LIST_MAX) {
            closedir(tasks);
            return error_set(err, STATUS_UNAVAILABLE,
                             "more than %d threads to count", THREAD_LIST_MAX);
        }
        tid[(*n)++] = id;
    }
    closedir(tasks);
    return STATUS_OK;
}

enum status thread_list_check(const int *tid, int n, struct error *err)
{
    int now[THREAD_LIST_MAX], n_now = 0;
    enum status status = thread_list(now, &n_now, err);

    for (int i = 0; status == STATUS_OK && i < n_now; i++) {
        int known = 0;
        while (known < n && tid[known] != now[i])
            known++;
        if (known == n)
            status = error_set(err, STATUS_UNAVAILABLE,
                               "thread %d came up while counting: its work was "
                               "not counted", now[i]);
    }
    return status;
}
