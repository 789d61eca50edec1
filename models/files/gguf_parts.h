/* gguf_parts.h - Say which tensor of a GGUF file holds which columns of which of
 * ours. */
#ifndef GGUF_PARTS_H
#define GGUF_PARTS_H

#include "models/files/gguf_class.h"

struct gguf_part {
    enum tensor_id id;
    enum span      span;
    bool           vector;       /* one axis, not two */
    const char    *name;         /* NULL ends the table; %d is the layer */
    bool           each;         /* of one expert: the second %d */
    bool           two;          /* where attention and feed-forward part have a
                                  * norm each, of a class with norms_two */
};
extern const struct gguf_part gguf_parts[];

void gguf_part_name(char out[GGUF_MAX_NAME + 1], const struct gguf_part *part,
                    int32_t layer, int32_t expert);

/* How the file's rows are ordered. */
enum layout gguf_part_layout(const struct gguf_class *class,
                             const struct gguf_part *part);

/* The part belongs to that layer, or outside of layers for -1, and the file does
 * not have it in other parts. */
bool gguf_part_wanted(const struct gguf_class *class,
                      const struct model_spec *spec, const struct gguf *file,
                      const struct gguf_part *part, int32_t layer);

/* Our tensor that the part is of, where it is wanted; NULL: the model has none. */
const struct tensor *gguf_part_tensor(const struct gguf_class *class,
                                      const struct model_spec *spec,
                                      const struct gguf *file,
                                      const struct tensor_list *list,
                                      const struct gguf_part *part,
                                      int32_t layer);

/* The file's tensor for a part of ours, or for one expert's.  STATUS_BAD_FORMAT: there is none, or
 * one of another shape. */
enum status gguf_part_find(const struct gguf_tensor **out,
                           const struct gguf_class *class,
                           const struct model_spec *spec,
                           const struct gguf *file,
                           const struct gguf_part *part,
                           const struct tensor *tensor, int32_t expert,
                           struct error *err) MUST_CHECK;

#endif
