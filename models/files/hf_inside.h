/* hf_inside.h - Declare what hf_config.c, hf_rope.c and hf_routing.c share:
 * values of keys, in JSON and in a spec. */
#ifndef HF_INSIDE_H
#define HF_INSIDE_H

#include <jansson.h>
#include "models/files/hf_class.h"
#include "models/files/hf_config.h"

/* ---- hf_value.c ---- */

enum hf_kind { HF_INT, HF_FLOAT, HF_BOOL };

/* A key that is a member of the spec. */
struct hf_member {
    enum hf_names names;
    const char *key;
    enum hf_kind kind;
    size_t      offset;
    const char *fallback;        /* JSON, the class's own default; NULL: needed;
                                  * "": worked out from the others */
};

#define HF_MEMBER(names, key, kind, name, fallback)                            \
    { HF_NAMES_##names, key, HF_##kind, offsetof(struct model_spec, name),     \
      fallback }

/* Caller releases. */
json_t *hf_literal(const char *text);
/* An absent key and null both leave the class's default: NULL. */
json_t *hf_given(const json_t *object, const char *key);
/* The shortest decimal that reads back as this float: 1e-05, not
 * 9.9999997473787516e-06. */
double  hf_short_decimal(float value);

/* STATUS_BAD_VALUE, "name: key VALUE: what". */
enum status hf_refuse(struct error *err, const char *name, const char *key,
                      const json_t *value, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
enum status hf_read_member(struct model_spec *spec, const struct hf_member *m,
                           const json_t *value, const char *name,
                           struct error *err) MUST_CHECK;
/* true or false; *out stays where the key is absent. */
enum status hf_read_flag(bool *out, const json_t *object, const char *key,
                         const char *name, struct error *err) MUST_CHECK;
/* A number, or 0 where the key is absent. */
enum status hf_read_weight(double *out, const json_t *object, const char *key,
                           const char *name, struct error *err) MUST_CHECK;
json_t *hf_member_json(const struct model_spec *spec,
                       const struct hf_member *m);

/* ---- hf_activation.c ---- */

/* The activation that the class's key names, onto the traits of its family. */
enum status hf_read_activation(struct model_spec *spec,
                               const struct hf_class *class,
                               const json_t *root, const char *name,
                               struct error *err) MUST_CHECK;
void hf_write_activation(json_t *root, const struct hf_class *class,
                         const struct model_spec *spec);

/* ---- hf_layers.c ---- */

/* Windows, layers without positions, biases and factors, as the class has
 * them; of the spec its sizes are read. */
enum status hf_read_layers(struct model_spec *spec,
                           const struct hf_class *class, const json_t *root,
                           const char *name, struct error *err) MUST_CHECK;
void hf_write_layers(json_t *root, const struct hf_class *class,
                     const struct model_spec *spec);

/* ---- hf_parts.c ---- */

/* Caps, factors and the share of a head that is turned. */
enum status hf_read_parts(struct model_spec *spec,
                          const struct hf_class *class, const json_t *root,
                          const char *name, struct error *err) MUST_CHECK;
void hf_write_parts(json_t *root, const struct hf_class *class,
                    const struct model_spec *spec);

/* ---- hf_longrope.c ---- */

/* The divisors of `rope`, which stands under `key`; of the spec its sizes are
 * read. */
enum status hf_read_longrope(struct model_spec *spec, const json_t *root,
                             const json_t *rope, const char *key,
                             const char *name, struct error *err) MUST_CHECK;
json_t *hf_longrope_json(const struct model_spec *spec);

/* ---- hf_rope.c ---- */

/* What transformers 5 lays in the object under `key`, and older files beside it,
 * goes beside it: bases, and the share of a head that is turned. */
enum status hf_unfold_rope(json_t *root, const struct hf_class *class,
                           const char *key, const char *name,
                           struct error *err) MUST_CHECK;
/* The object under `key`: rope_scaling, or in transformers 5 rope_parameters,
 * unfolded.  A key that no supported type has is refused. */
enum status hf_read_rope(struct model_spec *spec, const json_t *root,
                         const char *key, const char *name,
                         struct error *err) MUST_CHECK;
json_t *hf_rope_json(const struct model_spec *spec);

/* ---- hf_experts.c ---- */

/* Experts and latent attention, of a class that has any; of the spec its sizes
 * are read. */
enum status hf_read_experts(struct model_spec *spec,
                            const struct hf_class *class, const json_t *root,
                            const char *name, struct error *err) MUST_CHECK;
void hf_write_experts(json_t *root, const struct hf_class *class,
                      const struct model_spec *spec);

/* ---- hf_quantized.c ---- */

/* The matrices that quantization_config packs, and the type of the others; of the
 * spec all else is read.  Of classes that are priced alone nothing. */
enum status hf_read_quantized(struct model_spec *spec,
                              const struct hf_class *class, const json_t *root,
                              const char *name, struct error *err) MUST_CHECK;

/* ---- hf_routing.c: the object "isobath" ---- */

enum status hf_read_routing(struct model_spec *spec,
                            struct hf_routing *routing, const json_t *object,
                            const char *name, struct error *err) MUST_CHECK;
json_t *hf_routing_json(const struct model_spec *spec,
                        const struct hf_routing *routing);

#endif
