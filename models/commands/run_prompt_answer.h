/* run_prompt_answer.h - Hold the result of isobath run --prompt, and write it
 * as text, as a table of tokens and as a summary. */
#ifndef RUN_PROMPT_ANSWER_H
#define RUN_PROMPT_ANSWER_H

#include <jansson.h>
#include "hwprof/machine/load_watch.h"
#include "models/executor/model.h"
#include "models/executor/sampler.h"
#include "models/commands/run_rival.h"
#include "models/files/source.h"
#include "models/scoring/run_config.h"
#include "models/tokens/tokenizer.h"
#include "sim/core/answer/command.h"
#include "sim/core/base/stats.h"
#include "sim/core/ledger/ledger.h"
#include "sim/core/model/route.h"

struct run_prompt_options {
    const char *prompt;              /* "-": stdin */
    bool        chat;                /* it is a question: models/tokens/chat.h */
    int64_t     n_new;               /* 0: not given */
    struct sampling sampling;        /* without its seed */
    struct speculation speculation;  /* of no layers: none */
};

/* The rest of the job; all borrowed. */
struct run_prompt {
    struct load_watch *watch;
    const struct command_options *common;
    struct run_prompt_options options;
    const struct run_config *config;           /* model, tokenizer, machine,
                                                  * policy, seed, settings */
    int         argc;
    char      **argv;
};

/* A new token.  Its cost is that of the pass that ran on it; the last one was
 * chosen, but no pass ran on it. */
struct new_token {
    int32_t  id;
    bool     ran;
    int32_t  n_tokens;               /* that the pass decoded: 1; of a round of
                                      * speculation this and some after it, 0:
                                      * whose cost stands with its */
    double   seconds;
    uint64_t flops, bytes;           /* counted */
    uint64_t weight_bytes;           /* predicted: the part of the bytes that
                                      * belongs to no row, weights above all */
};

/* What the rival spent on the same tokens. */
struct prompt_cost {
    double   prefill_seconds;              /* of its first pass */
    struct difference prefill_ratio;        /* median of the model's seconds over
                                            * its own, in later passes */
    uint64_t prefill_flops, prefill_bytes;   /* counted */
    const struct new_token *token;         /* [n_new] that a pass ran on */
    int32_t  n_new;
};

enum prompt_end { PROMPT_LENGTH, PROMPT_END_OF_TEXT, PROMPT_INTERRUPTED };

/* All borrowed. */
struct run_prompt_answer {
    const struct run_prompt *job;
    const struct source *source;
    const struct model_spec *spec;         /* of the model that ran */
    const struct route_policy *policy;      /* of the prompt */
    const struct route_policy *step_policy; /* of new tokens */
    const struct tokenizer *tokenizer;     /* NULL: bytes */
    const char *chat;                      /* "template", or the form that is
                                            * used instead; NULL: no chat */
    const char *chat_why;                  /* instead; NULL: it is the template */
    const char *isa;
    int32_t  n_prompt, n_new, n_asked;
    const struct new_token *token;         /* [n_new] */
    const bool *kept;                      /* [n_new,n_kept] */
    int32_t  n_kept;                       /* choices of routed layers */
    double   prompt_kept;                  /* share of the prompt's tokens that
                                            * they kept */
    const char *text;                      /* of the new tokens, UTF-8 */
    size_t   text_size;
    double   open_seconds;                 /* memory taken, weights read */
    struct load_seen load;                 /* during all passes */
    double   prefill_seconds;
    uint64_t prefill_flops, prefill_bytes; /* counted */
    const struct run_rival *rival;         /* NULL: none */
    struct prompt_cost rival_cost;
    const struct ledger *predicted, *counted, *measured;
    enum prompt_end end;
    bool     agreed;                       /* counted == predicted, each pass */
    int64_t  n_drafted, n_accepted;        /* drafts */
    uint64_t parameters, predicted_bytes, allocated_bytes, peak_bytes;
};

/* Returns the text of a token, with no bytes for special ones; `first` as in
 * tokenizer_bytes(); `byte` is room for the token of a model without a
 * tokenizer. */
const char *run_prompt_piece(const struct tokenizer *tokenizer, int32_t id,
                             bool first, char byte[1], size_t *size);

void        run_prompt_text(FILE *file, const struct run_prompt_answer *r);
/* position,token,text,seconds,flops,bytes and the choices that kept the token,
 * as in score.h; empty where no pass ran on the token, or where it did on tokens
 * before it too, which have the cost (RFC 4180). */
void        run_prompt_csv(FILE *file, const struct run_prompt_answer *r);
/* summary.json; the caller decrefs. */
enum status run_prompt_json(json_t **out, const struct run_prompt_answer *r,
                            struct error *err) MUST_CHECK;

#endif
