/* judge_watch.h - Let a caller watch passes over a text, and end them early. */
#ifndef JUDGE_WATCH_H
#define JUDGE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* `go_on` false ends it early.  Put it first in a struct of your own. */
struct judge_watch {
    bool (*go_on)(struct judge_watch *watch, int64_t done, int64_t of);
};

#endif
