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

/* Of those that one gate comes after the last of: the stream is that of the first,
 * before it; some of its rows went through layer l, the end of a recursion; and
 * the last of them, l, is through with all of its rows. */
void depths_begin(struct model *m);
void depths_note(struct model *m, int32_t l);
void depths_end(struct model *m, int32_t l);
/* Of the end, and of the beginning, in this order. */
void depths_end_backward(struct model *m, int32_t l);
void depths_begin_backward(struct model *m);

#endif
