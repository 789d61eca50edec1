/* run_prompt_session.h - Hold everything that isobath run --prompt goes on from a
 * prompt with. */
#ifndef RUN_PROMPT_SESSION_H
#define RUN_PROMPT_SESSION_H

#include "models/commands/run_prompt.h"
#include "models/commands/run_rival.h"
#include "models/tokens/chat.h"
#include "models/tokens/text_stream.h"
#include "sim/core/answer/rundir.h"
#include "sim/core/ledger/agreement.h"

/* The rival on the same tokens, once the model is done with them. */
struct prompt_rival {
    struct run_rival rival;
    const struct route_policy *step_policy;
    struct model  *model;                /* NULL: there is none */
    struct allocation  kept_so_far;
    struct ledger *predicted, *counted;
    struct ledger_meter meter;
    int32_t       *given;                /* [n_asked+1] the model's new tokens
                                          * that a pass ran on, then any */
    struct new_token *token;             /* [n_asked] */
    double        *ratio;                /* [pairs] of the prompt's seconds, model
                                          * over rival */
    struct prompt_cost cost;
    struct cost    before;               /* counted up to the last pass */
    bool           agreed;
    struct disagreement first;
    enum status    status;               /* of the passes */
    struct error   why;
};

/* Opened in this order. */
struct prompt_session {
    const struct run_prompt *job;
    struct source      source;
    struct model_spec  spec;             /* the source's, or its dense twin's */
    const struct route_policy *policy;   /* of the prompt */
    const struct route_policy *step_policy;   /* of new tokens */
    struct machine    *machine;          /* NULL: none */
    struct tokenizer  *tokenizer;        /* NULL: bytes */
    int32_t           *prompt;
    int32_t            n_prompt, n_asked;
    struct chat_question question;       /* of --chat; its text is taken */
    bool               empty;            /* the prompt: the first new token
                                          * begins the text */
    struct rundir      rundir;
    struct model      *model;
    double             open_seconds;     /* the model, with its weights */
    struct prompt_rival rival;
    struct sampler    *sampler;
    struct allocation  kept_so_far;      /* room for all tokens */
    struct ledger     *predicted, *counted, *measured;
    struct ledger     *pass;             /* predicted, of one pass; shared work
                                          * stands apart */
    struct ledger_meter meter;

    struct new_token  *token;            /* [n_asked] */
    bool              *kept;             /* [n_asked,n_kept] */
    int32_t            n_kept;           /* choices of routed layers */
    double             prompt_kept;      /* share of the prompt they kept */
    int32_t            n_new;
    struct text_stream out, copy;        /* stdout's, and the summary's */
    char              *text;
    size_t             text_size;
    struct load_seen   load;             /* with the prompt and new tokens */
    double             prefill_seconds;
    struct cost        before;           /* counted up to the last pass */
    uint64_t           prefill_flops, prefill_bytes;
    enum prompt_end    end;
    int64_t            n_drafted, n_accepted;
    bool               agreed;
    struct disagreement first;           /* the first cell that differs */
    enum status        status;           /* of the passes */
    struct error       why;
};

/* All that the job asks for; release it with prompt_session_close() whatever came
 * back, which frees *s. */
enum status prompt_session_open(struct prompt_session *s,
                                struct error *err) MUST_CHECK;
void        prompt_session_close(struct prompt_session *s);

/* Predicted: resident at the peak. */
uint64_t    prompt_session_bytes(const struct prompt_session *s);
/* Tokens that are run: the last new one is not. */
int32_t     prompt_session_tokens(const struct prompt_session *s);
/* Of the model, and of any on the same tokens. */
struct model_options prompt_session_options(const struct prompt_session *s);

/* What was counted since *before, which becomes all that is. */
struct prompt_pass { uint64_t flops, bytes; };
struct prompt_pass prompt_pass_counted(const struct ledger *counted,
                                       struct cost *before);

/* ---- run_prompt_rival.c ---- */

/* The model of the rival that stands in *s, NULL where there is none, beside
 * s->model, which may be what it is made of. */
enum status prompt_rival_open(struct prompt_session *s,
                              struct error *err) MUST_CHECK;
void        prompt_rival_close(struct prompt_rival *rival);
/* Runs it on the prompt and the new tokens. */
enum status prompt_rival_run(struct prompt_session *s,
                             struct error *err) MUST_CHECK;

#endif
