/* expert_record.h - Record which experts the tokens of a text enter and miss, by
 * layer and by kind of token. */
#ifndef EXPERT_RECORD_H
#define EXPERT_RECORD_H

#include "models/executor/model.h"
#include "sim/core/base/token_kind.h"

/* An expert is one of a layer's X, or behind them a no-op. */
struct expert_record {
    int32_t   n_layers, layer[SPEC_MAX_LAYERS];   /* that have experts */
    int32_t   n_experts, n_scores;      /* X; with the no-ops */
    int32_t   most;                     /* experts that a token may enter */
    uint64_t *entered, *missed;         /* [layers,scores,TOKEN_KIND_COUNT] */
};

/* Zero layers without experts.  Release with expert_record_close() whatever came
 * back; *out is zero before. */
enum status expert_record_open(struct expert_record *out,
                               const struct model_spec *spec,
                               struct error *err) MUST_CHECK;
void        expert_record_close(struct expert_record *record);

/* Adds the last forward of one sequence; kind [T] of its tokens. */
void        expert_record_add(struct expert_record *record,
                              const struct model *model,
                              const enum token_kind *kind);

/* Over all kinds of token; i is an index below n_layers. */
uint64_t expert_entered(const struct expert_record *record, int32_t i,
                        int32_t expert);
uint64_t expert_missed(const struct expert_record *record, int32_t i,
                       int32_t expert);

/* How evenly a layer's experts are entered. */
struct expert_balance {
    uint64_t entries, dropped, idle;    /* idle: choices of no-ops */
    int32_t  used;                      /* experts that any token entered */
    double   largest;                   /* load over the mean */
    double   effective;                 /* experts as many as, entered alike, had
                                         * this entropy (Hill 1973, order 1) */
    double   heaviest;                  /* share of the entries that the `most`
                                         * heaviest experts take */
    bool     collapsed;                 /* nearly all of them, EXPERT_NEARLY */
};
#define EXPERT_NEARLY 0.9               /* what is called nearly all: nine of ten */
struct expert_balance expert_balance_of(const struct expert_record *record,
                                        int32_t i);

#endif
