/* route_policies.h - List the routing policies, a row each.
 *
 * A row is all that a policy needs beside its functions in route.c: the table
 * there, the names that configs take and the help texts are made of it. */
#ifndef ROUTE_POLICIES_H
#define ROUTE_POLICIES_H

/*  config  MODEL: a model's config may name the policy; RULE: only a run may,
 *          since it needs a number that training keeps
 *  trains  TRAINS or SERVES (route.h)
 *  step    the rule of the tokens after a prompt: ITSELF, BY("rule") or NEVER
 *  name, config, trains, step, help, other members of struct route_policy    */
#define ROUTE_POLICY_MAP(X)                                                    \
    X("expert_choice", MODEL, TRAINS, BY("threshold"),                         \
      "the k highest router scores of the sequence, ties by position;"         \
      " looks ahead (Raposo et al. 2024, section 3.3)",                        \
      .choose = expert_choice, .scored = true)                                 \
    X("threshold", MODEL, TRAINS, ITSELF,                                      \
      "score at or above the running mean of top-k's cut over the steps"       \
      " before (the first step of a training is top-k); causal, capacity"      \
      " varies (arXiv 2603.11535, expert threshold)",                          \
      .choose = threshold, .keep = threshold_keep, .scored = true,             \
      .causal = true, .varies = true)                                          \
    X("running_quantile", MODEL, TRAINS, ITSELF,                               \
      "score in the upper share `capacity` of the last routing.window scores"  \
      " of its sequence, its own among them; causal, capacity varies",         \
      .choose = quantile, .keep = quantile_keep, .scored = true,               \
      .causal = true, .varies = true)                                          \
    X("sigmoid", RULE, SERVES, ITSELF,                                         \
      "sigmoid(score) above one half, which routing.aux_loss teaches scores;"  \
      " causal, capacity varies (Raposo et al. 2024, section 3.5)",            \
      .choose = above_half, .keep = above_half_keep, .scored = true,           \
      .causal = true, .varies = true)                                          \
    X("predictor", RULE, SERVES, ITSELF,                                       \
      "what routing.predictor learned to foresee of top-k; causal, capacity"   \
      " varies (Raposo et al. 2024, section 3.5)",                             \
      .choose = above_half, .keep = above_half_keep, .scored = true,           \
      .causal = true, .varies = true, .predicted = true)                       \
    X("token_choice", MODEL, TRAINS, ITSELF,                                   \
      "sigmoid(score) above one half, in training too, with"                   \
      " routing.balance_loss for the capacity; causal, capacity varies"        \
      " (Raposo et al. 2024, section 3.3)",                                    \
      .choose = above_half, .keep = above_half_keep, .scored = true,           \
      .causal = true, .varies = true)                                          \
    X("random", MODEL, TRAINS, BY("drawn"),                                    \
      "k tokens drawn afresh every step: a control (Raposo et al. 2024,"       \
      " figure 3)",                                                            \
      .choose = uniform, .causal = true)                                       \
    X("strided", MODEL, TRAINS, BY("every_nth"),                               \
      "every T/k-th token: a control",                                         \
      .choose = strided, .causal = true)                                       \
    X("first_k", MODEL, TRAINS, BY("every_nth"),                               \
      "the first k tokens: a control",                                         \
      .choose = first_k, .causal = true)                                       \
    X("last_k", MODEL, TRAINS, BY("every_nth"),                                \
      "the last k tokens: a control; needs the length",                        \
      .choose = last_k)                                                        \
    X("token_norm", MODEL, TRAINS, ITSELF,                                     \
      "among the tokens so far, the share `capacity` that is highest in"       \
      " the norm of the stream; causal, needs no training (a baseline of"      \
      " this project)",                                                        \
      .choose = so_far, .keep = so_far_keep, .signal = SIGNAL_NORM,            \
      .causal = true, .varies = true)                                          \
    X("residual_change", MODEL, TRAINS, ITSELF,                                \
      "among the tokens so far, the share `capacity` that is highest in"       \
      " the change of the stream since the last routed layer; causal,"         \
      " needs no training (a token that no longer changes is done:"            \
      " Schuster et al. 2022, hidden-state saturation)",                       \
      .choose = so_far, .keep = so_far_keep, .signal = SIGNAL_CHANGE,          \
      .causal = true, .varies = true)                                          \
    X("token_norm_top_k", MODEL, TRAINS, BY("token_norm"),                     \
      "the k of the sequence that are highest in the norm of the stream;"      \
      " looks ahead",                                                          \
      .choose = expert_choice, .signal = SIGNAL_NORM)                          \
    X("residual_change_top_k", MODEL, TRAINS, BY("residual_change"),           \
      "the k of the sequence that are highest in the change of the stream"     \
      " since the last routed layer; looks ahead",                             \
      .choose = expert_choice, .signal = SIGNAL_CHANGE)                        \
    X("attention_received", MODEL, TRAINS, NEVER,                              \
      "the k of the sequence that are highest in the attention they drew"      \
      " in the layer before; looks ahead (Gadhikar et al. 2024, A-MoD)",       \
      .choose = expert_choice, .signal = SIGNAL_RECEIVED)                      \
    X("hash", MODEL, TRAINS, ITSELF,                                           \
      "the share `capacity` of the vocabulary, by a hash of the token's"       \
      " id; causal (Roller et al. 2021, Hash Layers)",                         \
      .choose = hash, .keep = hash_keep, .signal = SIGNAL_HASH,                \
      .causal = true, .varies = true)                                          \
    X("table", MODEL, TRAINS, ITSELF,                                          \
      "the share `capacity` of the text that was counted, by what a table of"  \
      " routing.table says after the last tokens; causal, needs no router"     \
      " (a control of this project: isobath route-table counts one)",          \
      .choose = table, .keep = table_keep, .signal = SIGNAL_TABLE,             \
      .causal = true, .varies = true)                                          \
    X("confidence", MODEL, SERVES, ITSELF,                                     \
      "a token leaves at the first of routing.exits where the largest"         \
      " probability of the next token is routing.confidence or more; later"    \
      " layers make its keys of the stream as it left; a prompt runs whole;"   \
      " causal (Schuster et al. 2022, CALM, section 3)",                       \
      .choose = confidence, .keep = confidence_keep,                           \
      .signal = SIGNAL_CONFIDENCE, .causal = true, .varies = true)             \
    X("drawn", MODEL, TRAINS, ITSELF,                                          \
      "each token with probability `capacity`, on its own; causal: a"          \
      " control for decoding too",                                             \
      .choose = drawn, .keep = drawn_keep, .causal = true, .varies = true)     \
    X("every_nth", MODEL, TRAINS, ITSELF,                                      \
      "every 1/capacity-th token, counted from the start; causal: a"           \
      " control that needs no length",                                         \
      .choose = every_nth, .keep = every_nth_keep, .causal = true,             \
      .varies = true)                                                          \
    X("replay", MODEL, TRAINS, ITSELF,                                         \
      "the tokens that a recorded run kept, as routing.replay has them; as"    \
      " causal as the recorded rule",                                          \
      .choose = replay, .keep = replay_keep, .varies = true)                   \
    X("dense", MODEL, TRAINS, ITSELF,                                          \
      "nothing is routed",                                                     \
      .causal = true)

/* "random, strided, ": the names of those that train. */
#define ROUTE_NAME_TRAINS(name) name ", "
#define ROUTE_NAME_SERVES(name)
#define ROUTE_TRAINED(name, config, trains, step, help, ...)                   \
    ROUTE_NAME_##trains(name)
#define ROUTE_TRAINED_NAMES ROUTE_POLICY_MAP(ROUTE_TRAINED)

/* "\nhash: the share ...": each with its help, and what follows a prompt. */
#define ROUTE_AFTER_ITSELF
#define ROUTE_AFTER_BY(rule) "; after a prompt " rule
#define ROUTE_AFTER_NEVER    "; cannot continue a prompt"
#define ROUTE_DESCRIBED(name, config, trains, step, help, ...)                 \
    "\n" name ": " help ROUTE_AFTER_##step
#define ROUTE_DESCRIPTIONS ROUTE_POLICY_MAP(ROUTE_DESCRIBED)

#endif
