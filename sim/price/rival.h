/* rival.h - Make the models that a saving is held against.
 *
 * A saving is worth what the best model costs that could stand in its place.  All
 * but a model of a user's own come from the dense twin, layer by layer:
 *
 *     dense         the twin: the same shape, no layer routed, and none that
 *                   shares weights with another
 *     equal-flops   of a depth at which a token of a forward pass over T tokens,
 *                   with its logits, takes as many FLOPs as the model's
 *     equal-params  of a depth at which it has as many parameters
 *     layers:N      the twin with N of its layers, evenly spaced; the others are
 *                   dropped once it is trained
 *     layers:A,B,..  the twin with these of its layers, from 0, ascending
 *     exit:N        the twin, left after its first N layers by every token: the
 *                   head follows; all its weights stay in memory
 *     MODEL         another model
 *
 * A depth is solved for between whole ones: layers come in the order of the twin,
 * from its first again after its last, those of a mixture of experts as one
 * feed-forward part as wide as the experts that a token enters; costs lie between
 * those of the depths below and above, in proportion. */
#ifndef RIVAL_H
#define RIVAL_H

#include "sim/core/model/spec.h"

#define RIVAL_MAP(X)                                                           \
    X(RIVAL_DENSE,  "dense")         X(RIVAL_FLOPS, "equal-flops")             \
    X(RIVAL_PARAMETERS, "equal-params")                                        \
    X(RIVAL_LAYERS, "layers:")       X(RIVAL_EXIT, "exit:")                    \
    X(RIVAL_MODEL,  "MODEL")

enum rival_kind { RIVAL_MAP(NAMES_ID) RIVAL_COUNT };
extern const char *const rival_names[];              /* NULL ends */

/* What --against says. */
struct rival_asked {
    enum rival_kind kind;
    int32_t     n_layers;        /* of RIVAL_LAYERS and RIVAL_EXIT */
    bool        named;           /* which layers are kept: */
    int32_t     layer[SPEC_MAX_LAYERS];   /* [n_layers] */
    const char *model;           /* of RIVAL_MODEL; borrowed */
};

enum { RIVAL_SHORT_SIZE = 48, RIVAL_TEXT_SIZE = 192 };

struct rival {
    enum rival_kind kind;
    char   name[RIVAL_SHORT_SIZE];     /* "equal-FLOP dense": of a column */
    char   about[RIVAL_TEXT_SIZE];     /* what it is, in a sentence's words */
    double layers;                     /* need not be whole */
    struct model_spec end[2];          /* [n_ends], of serving: the depths below
                                        * and above, or one that is whole */
    int    n_ends;
    double way;                        /* from end[0] to end[1]; 0 of one */
    bool   is_part;                    /* of the twin, which is what is trained */
    int32_t layer[SPEC_MAX_LAYERS];    /* of the twin, that its own are */
    struct model_spec twin;
};

/* The dense twin, each of its layers with weights of its own. */
struct model_spec rival_twin(const struct model_spec *spec);

/* STATUS_BAD_VALUE: a number of layers that is none. */
enum status rival_read(struct rival_asked *out, const char *text,
                       struct error *err) MUST_CHECK;

/* The rival of `spec`, whose forward pass is over T = n_tokens; `other` is the
 * model of RIVAL_MODEL and else NULL.  STATUS_BAD_VALUE: no such depth. */
enum status rival_make(struct rival *out, const struct rival_asked *asked,
                       const struct model_spec *spec,
                       const struct model_spec *other, int32_t n_tokens,
                       struct error *err) MUST_CHECK;

/* The dense model of such FLOPs a token of a forward pass over T tokens, as
 * RIVAL_FLOPS finds it and names it; the caller may name it anew. */
enum status rival_make_flops(struct rival *out, const struct model_spec *spec,
                             double flops_per_token, int32_t n_tokens,
                             struct error *err) MUST_CHECK;

/* FLOPs of a forward pass of one sequence, with the logits of all its tokens. */
enum status rival_forward_flops(double *out, const struct model_spec *spec,
                                int32_t n_tokens, struct error *err) MUST_CHECK;

/* What stands for the rival where a model is run: the whole depth that comes
 * nearest.  Borrowed. */
const struct model_spec *rival_nearest(const struct rival *rival);

/* It is made of what is trained as the twin, and its i-th layer is that layer of
 * the twin; of any other nothing is said. */
bool    rival_is_trained(const struct rival *rival);
int32_t rival_layer(const struct rival *rival, int32_t i);

#endif
