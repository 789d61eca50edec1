/* cases.h - Make small models to try things on.
 *
 * Odd sizes on purpose: channels, heads, widths and lengths that are no multiple
 * of a register, of 16, or of each other. */
#ifndef CASES_H
#define CASES_H

#include "models/executor/model.h"

struct shape {
    int32_t n_channels, n_heads, n_kv_heads, head_size, n_ffn, n_vocab;
    int32_t n_layers, n_sequences, n_tokens;
};
enum { N_SHAPES = 28 };
extern const struct shape shapes[N_SHAPES];

/* 0 is the dense model; 1 routes, and keeps everything. */
enum { N_CAPACITIES = 6 };
extern const double capacities[N_CAPACITIES];

/* The layers that route: every second one, all, or the first. */
enum pattern { PATTERN_ODD, PATTERN_ALL, PATTERN_FIRST, PATTERN_COUNT };

/* The shape as a model of the family (gpt2: as many key/value heads as heads;
 * llama: an even head size; those of gemma2 and later with caps, windows and a
 * share of a head that is turned), gate 2*sigmoid, a trained router on the normalised
 * stream, tied head, max_tokens three more than the shape's tokens. */
struct model_spec case_spec(const struct shape *shape, enum family family,
                            double capacity, enum pattern pattern);

/* A dense model of the family, variant i: exits after some of its layers, two or
 * three, of unlike weights; for i odd a head of its own. */
struct model_spec case_exits(const struct shape *shape, enum family family,
                             int i);

/* The same, its tokens leaving where a probability is as high as that; without
 * windows, which no token leaves. */
struct model_spec case_leaving(const struct shape *shape, enum family family,
                               int i, double confidence);

/* Two families that have every trait between them, for tests that would take
 * long with all families. */
enum { N_CONTRASTS = 2 };
extern const enum family contrasts[N_CONTRASTS];

/* Of a llama: biases of queries, keys and values for odd i, and the rotary
 * frequencies as they are, linear, or as Llama 3.1's, so that heads have pairs in
 * all three of its ranges. */
void case_variant(struct model_spec *spec, int i);

/* Varies from case to case what the shapes do not: the head and, where layers
 * route, gate, router input and training of the router. */
void case_vary(struct model_spec *spec, int i);

enum { CASE_NAME_SIZE = 128 };

/* Shape 10 (C = 24, three heads of 8, two sequences of 20, two layers), with
 * every gate and router input, the router trained, frozen and detached; and its
 * name. */
enum { N_ROUTER_CASES = N_CONTRASTS * GATE_COUNT * ROUTER_INPUT_COUNT * 3,
       ROUTER_SHAPE = 10 };
struct model_spec case_router(char what[CASE_NAME_SIZE], int i);

/* Likewise with routers that are trained by losses of their own and with
 * predictors, each and all together, with and without the backbone; every layer
 * routed, or one. */
enum { N_JUDGED_CASES = 60 };
struct model_spec case_judged(char what[CASE_NAME_SIZE], int i);

/* Likewise with gates that are scaled, bypasses that are gated, around blocks and
 * parts, and routers behind gate one that learn from losses alone. */
enum { N_GATED_CASES = 96 };
struct model_spec case_gated(char what[CASE_NAME_SIZE], int i);

/* Parts apart, each by its own choice; keys of skipped tokens computed, or carried
 * over one layer and more; with and without a router, a gate and a bypass. */
enum { N_KEYED_CASES = 72 };
struct model_spec case_keyed(char what[CASE_NAME_SIZE], int i);
extern const struct shape keyed_shape;

/* Mixtures of experts of every kind that is run: one expert and many, one and more
 * entered, weights that sum to 1 and others, with and without what all enter
 * besides; in every layer or in some, routed around and not. */
enum { N_EXPERT_CASES = 33 };
struct model_spec case_experts(const struct shape **shape,
                               char what[CASE_NAME_SIZE], int i);

/* Spans of one layer and of more, run two to six times with the same weights, in
 * the middle of the model or all of it; in every family; some of their layers
 * routed, or none. */
enum { N_RECURSION_CASES = 66 };
struct model_spec case_recursion(const struct shape **shape,
                                 char what[CASE_NAME_SIZE], int i);

/* Likewise, each layer's choice, or each span's, among the tokens that the one before
 * keeps. */
enum { N_NESTED_CASES = 77 };
struct model_spec case_nested(const struct shape **shape,
                              char what[CASE_NAME_SIZE], int i);

/* Likewise, one router's scores giving each token its depth; and either, with a
 * recursion that all tokens take too, over keys of the first recursion. */
enum { N_DEPTH_CASES = 66, N_LENT_CASES = 66 };
struct model_spec case_depths(const struct shape **shape,
                              char what[CASE_NAME_SIZE], int i);
struct model_spec case_lent(const struct shape **shape,
                            char what[CASE_NAME_SIZE], int i);

/* Any of these but the last, their layers with experts, all or one of a span. */
enum { N_RECURSED_CASES = 36 };
struct model_spec case_recursed_experts(const struct shape **shape,
                                        char what[CASE_NAME_SIZE], int i);

/* Only the routers learn: the first routed layer at the bottom, in the middle,
 * all of them; every gate that hands a gradient on, every input.  False: the
 * i-th case routes nothing. */
enum { N_FROZEN_CASES = 6 * N_CONTRASTS * PATTERN_COUNT * 6 };
bool case_frozen(struct model_spec *spec, const struct shape **shape,
                 char what[CASE_NAME_SIZE], int i);

/* Weights of order one: every path through the model matters.  Depends on seed,
 * layer and kind of a tensor only. */
void case_fill(struct model *model, uint64_t seed);

/* All of its weights in double; the caller's. */
double *case_weights(struct model *model);

/* ids[n] and targets[n], the text one further; uniform. */
void case_text(int32_t *ids, int32_t *targets, int32_t n, int32_t n_vocab,
               uint64_t seed);

/* Like tokens at the start of a sequence are one row twice, among which experts
 * that choose find a tie, and rounding a winner: the second becomes another. */
void case_begin_unlike(int32_t *ids, const struct shape *shape);

/* Counts a text in which about half of the tokens were kept, and gives the table
 * to a model that goes by one. */
void case_table(struct model *model);

/* Opens and fills, with a table where the spec goes by one; ends the test on
 * failure. */
struct model *case_model(const struct model_spec *spec,
                         const struct model_options *options, uint64_t seed);

/* The policy of that name; ends the test where there is none. */
const struct route_policy *case_policy(const char *name);

/* Routes to replay: of every sequence a third of the tokens or so, another for
 * each choice.  Valid until the next call. */
const struct allocation *case_replayed(const struct model_spec *spec,
                                       int32_t n_sequences, int32_t n_tokens);

/* By pass, layer, op and, unless n_tokens is 0, by token. */
struct ledger *case_ledger(int32_t n_layers, int32_t n_tokens,
                           enum provenance known);

/* Compares flops and bytes of every cell of both, untouched cells too; ends the
 * test where they differ.  Returns how many cells were touched. */
uint64_t case_same_ledger(const struct ledger *predicted,
                          const struct ledger *counted, const char *what);

#endif
