/* pool.h - Run the parts of an op on the program's own threads.
 *
 * A waiting thread spins briefly and then blocks, so that a busy machine costs
 * a context switch, not a core.  Where others have the CPUs and threads wait
 * more than they work, a pool goes on with fewer, down to one, and tries more of
 * them now and then: a job is told how many parts it has.  The calling thread is
 * part 0. */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>
#include "sim/core/base/error.h"

struct pool;

typedef void pool_fn(void *argument, int part, int parts);

enum status pool_open(struct pool **out, int n_threads,
                      struct error *err) MUST_CHECK;
void        pool_close(struct pool *pool);
int         pool_threads(const struct pool *pool);   /* at most */

/* Sets whether a waiting thread spins before it blocks and the pool looks at the
 * clock, as in a new pool; or not, and all threads take part always.  It should
 * not while instructions are counted: both retire some that no op asked for. */
void pool_spin(struct pool *pool, bool spin);

/* Run fn(argument, i, n) for every i below n, each on its thread, n at most
 * pool_threads(); wait for all. */
void pool_run(struct pool *pool, pool_fn *fn, void *argument);

#endif
