/* tradeoff.h - Hold scored points of a sweep against their dense twin: the
 * share of a real model's cost that a routing saves, and the loss it adds. */
#ifndef TRADEOFF_H
#define TRADEOFF_H

#include "reports/read/run.h"

/*    id        word        known how                                         */
#define SPEND_MAP(X)                                                           \
    X(FLOPS,    "FLOPs",    "counted")                                         \
    X(BYTES,    "bytes",    "counted")                                         \
    X(SECONDS,  "time",     "measured, paired")                                \
    X(JOULES,   "energy",   "modelled")

enum spend {
#define X(id, word, how) SPEND_##id,
    SPEND_MAP(X)
#undef X
    SPEND_COUNT
};
extern const char *const spend_words[SPEND_COUNT];
extern const char *const spend_how[SPEND_COUNT];

/*    id         word                                                        */
#define TRADE_MAP(X)                                                           \
    X(DENSE,     "dense")                                                      \
    X(CAUSAL,    "causal")         /* goes by what stands before a token   */ \
    X(CONTROL,   "control")        /* goes by nothing it knows of a token  */ \
    X(AHEAD,     "looks ahead")    /* goes by later tokens: no decoder can */

enum trade_kind {
#define X(id, word) TRADE_##id,
    TRADE_MAP(X)
#undef X
    TRADE_KIND_COUNT
};
extern const char *const trade_kind_names[TRADE_KIND_COUNT];

enum { TRADE_LINE_SIZE = 96 };

struct trade {
    const struct run *run;         /* borrowed */
    enum trade_kind kind;
    char   line[TRADE_LINE_SIZE];  /* rule, and what else differs in the sweep
                                    * but capacity: equal along a line */
    double capacity, realised;     /* of routed blocks; NAN: unknown */
    double n_routed, n_layers, tokens;
    double windows, times;         /* pairs behind loss and time; NAN: none */
    struct amount loss;            /* nats per token */
    struct amount dense_loss;      /* the twin's, on the same windows */
    struct amount increase;        /* loss / dense_loss - 1, paired by window */
    struct amount spent[SPEND_COUNT];      /* per token */
    struct amount share[SPEND_COUNT];      /* of the twin's */
    bool   front[SPEND_COUNT];     /* not looking ahead, and of all such none
                                    * is as cheap with less loss, or the other
                                    * way round; by estimates alone */
};

struct tradeoff {
    struct trade *point;           /* [n] by line, along it by capacity; the
                                    * dense ones first */
    size_t n, n_lines, n_unfinished;
    const json_t *usual_blocks;    /* the set that most points route; the line
                                    * of another set names it.  NULL: nothing
                                    * routes */
    const struct trade *dense;     /* the first dense point; NULL: none */
    struct amount dense_loss;      /* of the twins; unknown: they differ, since
                                    * the points scored unlike texts */
};

/* Points of sweeps alone.  A point that had no twin is held against the dense
 * point of its own sweep: no interval then, and no share of time.  The runs
 * must outlive it. */
enum status tradeoff_open(struct tradeoff *out, const struct run *runs,
                          size_t n, struct error *err) MUST_CHECK;
void        tradeoff_close(struct tradeoff *tradeoff);

/* The chance of so small a loss increase where the truth is `limit` or more:
 * one-sided, over the windows of the text, corrected by Holm for all n points,
 * since the best of many is lucky.  p[n]; NAN: dense, or without an interval. */
void        tradeoff_p(double *p, const struct tradeoff *tradeoff,
                       double limit);

/* The point that spends least of the twin's and whose loss increase is known to
 * be below `limit` (a corrected p below 0.025, as the upper end of a 95 %
 * interval says it of a single point); of that kind, dense points left out.
 * NULL: there is none. */
const struct trade *tradeoff_within(const struct tradeoff *tradeoff,
                                    enum trade_kind kind, enum spend spend,
                                    double limit);

/* Likewise, of all kinds that do not look ahead. */
const struct trade *tradeoff_best(const struct tradeoff *tradeoff,
                                  enum spend spend, double limit);

/* The increases of loss that a report asks about. */
enum { TRADEOFF_LIMITS = 3 };
extern const double tradeoff_limits[TRADEOFF_LIMITS];

#endif
