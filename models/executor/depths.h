/* depths.h - Score ahead how many recursions a token passes through, and teach what
 * scores it (spec.h: depths). */
#ifndef DEPTHS_H
#define DEPTHS_H

#include "models/executor/model_state.h"

/* The stream is that of the first recursion, of whose layer and whose later ones'
 * the choices get their scores and chances. */
void depths_score(struct model *m);
/* Gates of all recursions have left the gradients of chances in the places of
 * scores; those go on to the routers and the stream. */
void depths_backward(struct model *m);

#endif
