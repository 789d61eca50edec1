/* trainer.h - Train a model on a text; judge it on the held-out text. */
#ifndef TRAINER_H
#define TRAINER_H

#include "models/training/corpus.h"
#include "models/executor/model.h"
#include "models/files/source.h"
#include "models/training/judge_watch.h"
#include "models/training/schedule.h"
#include "models/training/training_state.h"
#include "sim/core/model/text_trace.h"

struct trainer_options {
    int32_t n_sequences, n_tokens;        /* B, T of a step */
    int64_t steps;                        /* of the whole run; with a budget of
                                           * about so many */
    double  budget;                       /* flops, where steps cost unlike: the
                                           * run ends, and its schedules with it,
                                           * at the step that comes nearest; 0:
                                           * `steps` decides */
    struct schedule schedule;             /* of the learning rate */
    double  hidden_rate, router_rate;     /* factors of it; model.h, update */
    double  router_decay;
    double  beta1, beta2, epsilon, weight_decay, clip;
    double  threshold_decay;
    int64_t judge_every, curve_windows;   /* steps; 0: only at the end */
    uint64_t seed;
    int     n_threads;
    const struct route_policy *policy;    /* to train with */
    const struct source *init;            /* first weights; NULL: drawn */
    struct ledger *predicted;             /* to which the caller adds each step
                                           * by its routes, and which is saved
                                           * and resumed with the rest; NULL:
                                           * steps cost alike; borrowed */
    enum init_scheme init_scheme;         /* by which they are drawn */
    double  router_deviation;             /* of first scores; 0: the scheme's,
                                           * or TRAINER_ROUTER_DEVIATION */
    double  capacity_warmup;              /* share of the steps; above 0 only
                                           * where the spec's kept_varies */
    const struct text_trace *trace;       /* of the corpus's only text and in
                                           * its windows, for the policy replay;
                                           * else NULL; borrowed */
};

/* Scores of routers that are drawn for a trained model: so near 0 that the gate
 * 2*sigmoid lies within 1 % of 1, and that a few steps of AdamW reorder
 * them. */
#define TRAINER_ROUTER_DEVIATION 0.02

struct trainer;                           /* opaque: trainer.c */

/* Opens the model with first weights, and a second one without gradients and on
 * the same weights for judging.  If the init routes nothing and `spec` does,
 * routers are drawn.  `options->init` and `corpus` are borrowed.  A checkpoint
 * must have been made with `fingerprint` (16 hexadecimal digits). */
enum status trainer_open(struct trainer **out, const struct model_spec *spec,
                         const struct trainer_options *options,
                         const struct corpus *corpus, const char *fingerprint,
                         struct error *err) MUST_CHECK;
void        trainer_close(struct trainer *trainer);

/* The steps of the whole run; with a budget, as the steps so far have cost, and
 * TRAINER_MOST_STEPS times those that were expected at most. */
enum { TRAINER_MOST_STEPS = 16 };
int64_t trainer_steps(const struct trainer *trainer);
bool    trainer_done(const struct trainer *trainer);

/* One step.  STATUS_FAILED when the loss or its gradient is no longer a number:
 * nothing of this trainer is worth saving then. */
enum status trainer_step(struct trainer *trainer, struct error *err) MUST_CHECK;

/* The split in so many blocks of neighbouring windows, whose losses tell how
 * far the text decides: as many as the interval of a mean needs (31 degrees of
 * freedom), each long enough to be nearly independent of the next. */
enum { JUDGE_BLOCKS = 32 };

/* Mean loss on fixed windows of a split. */
struct verdict {
    double  nats;                  /* per byte of the targets; the mean of the
                                    * texts' by their weights */
    double  capacity;              /* share of tokens that routed layers kept;
                                    * NAN without routed layers */
    double  flops;                 /* counted, of a token's forward under that
                                    * policy, its loss left out */
    int64_t windows, tokens, bytes;   /* done: fewer if the watch said so */
    double  source_nats[CONFIG_PATHS_MAX];     /* of each text; NAN: none */
    int64_t source_bytes[CONFIG_PATHS_MAX];
    int     n_blocks;
    struct judge_block { double nats; int64_t bytes; }
            block[JUDGE_BLOCKS];   /* sums, of the texts one after another */
};
/* Judge under `policy`, over at most `most` windows of each text (0: all), evenly
 * spread.  `watch` may be NULL. */
struct verdict trainer_judge(struct trainer *trainer, enum split split,
                             const struct route_policy *policy, int64_t most,
                             struct judge_watch *watch);

/* STATUS_FAILED: a judging so far met numbers that are none. */
enum status trainer_check(const struct trainer *trainer,
                          struct error *err) MUST_CHECK;

/* Fit the thresholds of a model whose routers score: threshold_fit.h. */
enum status trainer_fit_thresholds(struct trainer *trainer,
                                   struct judge_watch *watch,
                                   struct error *err) MUST_CHECK;

/* The cost of a frozen backbone's routing.  The same loss with nothing routed:
 * the model as it came; and under `policy` with the routers as they were
 * drawn. */
/* After a failure the trainer can only be closed. */
enum status trainer_judge_dense(struct trainer *trainer, enum split split,
                                int64_t most, struct judge_watch *watch,
                                struct verdict *out,
                                struct error *err) MUST_CHECK;
enum status trainer_judge_drawn(struct trainer *trainer, enum split split,
                                const struct route_policy *policy, int64_t most,
                                struct judge_watch *watch, struct verdict *out,
                                struct error *err) MUST_CHECK;
/* True if there is something to compare with: the backbone is frozen, and the
 * routers were drawn. */
bool        trainer_drew_routers(const struct trainer *trainer);

/* XXH64 of the weights and thresholds that the init gave, routers that were drawn
 * left out; "": there is none. */
const char *trainer_init_hash(const struct trainer *trainer);

/* The causal rule that belongs to the training policy: itself if it is causal,
 * or replays a rule that is, the predictor where there is one, the sigmoid where aux_loss teaches it, the
 * threshold if it goes by router scores, otherwise NULL: none; nor where experts
 * choose their tokens. */
const struct route_policy *trainer_causal_policy(const struct trainer *trainer);

enum status trainer_save(struct trainer *trainer, const char *path,
                         struct error *err) MUST_CHECK;
enum status trainer_resume(struct trainer *trainer, const char *path,
                           struct error *err) MUST_CHECK;

/* Borrowed. */
struct model                *trainer_model(struct trainer *trainer);
const struct training_state *trainer_state(const struct trainer *trainer);
/* Losses are in nats per byte. */
double trainer_last_loss(const struct trainer *trainer);
/* The mean of the training losses that the curve noted in the last tenth of the
 * steps. */
double trainer_recent_loss(const struct trainer *trainer);
/* Likewise of the share of tokens that predictors said right, whether they are
 * kept, and of its mean over those that are and those that are not, which is a
 * half for whoever always says the same.  NAN: no predictors. */
double trainer_recent_accuracy(const struct trainer *trainer);
double trainer_recent_balanced(const struct trainer *trainer);
size_t trainer_bytes(const struct trainer *trainer);   /* both models */

/* Write DIRECTORY/curve.csv: step,tokens,flops,seconds,joules,lr,train_loss,
 * heldout_loss,capacity_realised,grad_norm,predictor_accuracy,
 * predictor_balanced,expert_balance_loss,expert_z_loss,expert_load_max,
 * expert_dropped; unknown is empty. */
enum status trainer_write_curve(const struct trainer *trainer,
                                const char *directory,
                                struct error *err) MUST_CHECK;

#endif
