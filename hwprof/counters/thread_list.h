/* thread_list.h - List every thread of this process. */
#ifndef THREAD_LIST_H
#define THREAD_LIST_H

#include "sim/core/base/error.h"

enum { THREAD_LIST_MAX = 512 };

/* Thread ids of /proc/self/task, the calling thread's first; *n of them, at
 * most THREAD_LIST_MAX (more is STATUS_UNAVAILABLE). */
enum status thread_list(int tid[THREAD_LIST_MAX], int *n,
                        struct error *err) MUST_CHECK;

/* STATUS_UNAVAILABLE when a thread lives that is not among tid[n]. */
enum status thread_list_check(const int *tid, int n,
                              struct error *err) MUST_CHECK;

#endif
