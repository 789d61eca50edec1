/* fill.h - Fill a model's tensors with the numbers of a file: widen them where
 * the tensor is float32, else move them bit by bit. */
#ifndef FILL_H
#define FILL_H

#include "models/executor/model.h"
#include "models/files/span.h"

/* A tensor of a file: [rows,columns] as `layout` says (span.h), the blocks of
 * its type along the columns. */
struct foreign_numbers {
    enum number type;
    enum span   span;            /* of our tensor's columns */
    enum layout layout;
    const void *data;            /* whole, of any alignment */
    bool        mapped;          /* from a file: pages that were read may go */
    float       plus;            /* to add to them first, and */
    float       factor;          /* to multiply them with; 0: none; of what is
                                  * not stored */
};

/* All threads of the model work on it.  STATUS_FAILED: a number is NaN or infinite,
 * as it stands or multiplied.
 * STATUS_BAD_VALUE: a stored tensor wants other types than the file has, or
 * blocks along columns of ours. */
enum status fill_tensor(struct model *model, const struct tensor *tensor,
                        const struct foreign_numbers *from,
                        struct error *err) MUST_CHECK;

/* The spec keeps as stored what that tensor of a file has of it. */
void fill_note_type(struct model_spec *spec, int32_t layer, enum tensor_id id,
                    enum span span, enum number type);

#endif
