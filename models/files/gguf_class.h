/* gguf_class.h - List the architectures of GGUF files that are read, by what
 * llama.cpp makes of each (src/models and conversion of
 * github.com/ggml-org/llama.cpp). */
#ifndef GGUF_CLASS_H
#define GGUF_CLASS_H

#include "models/files/gguf.h"
#include "models/files/span.h"

/* What a key does to the spec. */
enum gguf_rule {
    GGUF_RULE_INT,               /* a member of the spec, at least 1 */
    GGUF_RULE_COUNT,             /* likewise, or 0 for none */
    GGUF_RULE_FLOAT,
    GGUF_RULE_SAME,              /* an integer that must equal a member that is
                                  * read before it */
    GGUF_RULE_ROTARY,            /* numbers of a head that are turned */
    GGUF_RULE_ZERO,              /* supported is 0 */
    GGUF_RULE_ONE,               /* supported is 1, and 0 for not given */
    GGUF_RULE_TRUE,              /* supported is true */
    GGUF_RULE_JPLOSKI,           /* supported is "jploski": queries, keys and
                                  * values one behind the other, as he wrote
                                  * them */
    GGUF_RULE_PARALLEL,          /* false: parts stand one behind the other */
    GGUF_RULE_NO_WINDOW,         /* 0 for none, or one that spans all */
    GGUF_RULE_WINDOW,            /* of some layers; 0: none */
    GGUF_RULE_PATTERN,           /* which those are: gguf_read_windows() */
    GGUF_RULE_SCALING,           /* gguf_read_rope() */
    GGUF_RULE_ANY,               /* says nothing about the arithmetic */
};

/* A key behind "llama.", "gpt2.", ... */
struct gguf_key {
    const char *name;            /* NULL ends a table */
    enum gguf_rule rule;
    bool        needed;
    size_t      offset;          /* of the member */
    float       usual;           /* of a file without the key; 0: as it was */
};

/* Biases that a file may have, and has if one of their tensors is there. */
enum gguf_biases { GGUF_BIASES_TRAITS, GGUF_BIASES_QKV, GGUF_BIASES_ALL };

/* A value of general.architecture. */
struct gguf_class {
    const char  *name;
    enum family  family;
    const struct gguf_key *keys;
    enum layout  heads;          /* of queries and of keys */
    enum gguf_biases biases;
    bool         gate_up;        /* both in one tensor, the gate first */
    bool         longrope;       /* may have rope_factors_long and _short */
    int32_t      window_step;    /* every so many-th layer has no window; 0: all
                                  * have it */
    int32_t      unturned_step;  /* likewise without positions; 0: none */
    bool         scaled;         /* embeddings are multiplied by sqrt(C) */
    bool         experts_normalised;   /* of experts, where the file has any:
                                  * their weights sum to 1 */
    bool         norms_tell;     /* heads' norms, and that of a feed-forward part
                                  * of its own, are there or are not */
    bool         norms_two;      /* parts side by side read one norm, or one each:
                                  * attention then attn_norm_2 */
    bool         norms_rows;     /* queries and keys pass norms, of whole rows */
    int32_t      wide_layers;    /* a model of so many layers divides scores by
                                  * sqrt(C / H), others by sqrt(D) */
};

/* The i-th architecture that is read; NULL: behind the last. */
const struct gguf_class *gguf_class_at(int i);
/* STATUS_BAD_VALUE: the file's is not read; says which are. */
enum status gguf_class_find(const struct gguf_class **out,
                            const struct gguf *file,
                            struct error *err) MUST_CHECK;

/* ---- gguf_keys.c ---- */

enum { GGUF_KEY_SIZE = 80 };
/* "llama.block_count" of "block_count". */
const char *gguf_key_name(char out[GGUF_KEY_SIZE],
                          const struct gguf_class *class, const char *name);

/* All keys of the architecture into the spec, whose traits are the family's.
 * STATUS_BAD_VALUE: one is missing, of a value that changes the arithmetic, or
 * not known. */
enum status gguf_read_keys(struct model_spec *spec,
                           const struct gguf_class *class,
                           const struct gguf *file,
                           struct error *err) MUST_CHECK;

/* ---- gguf_rope.c ---- */

/* Frequencies that are stretched or divided, by keys and by tensors. */
enum status gguf_read_rope(struct model_spec *spec,
                           const struct gguf_class *class,
                           const struct gguf *file,
                           struct error *err) MUST_CHECK;
/* The tensor holds such numbers of the spec; how many there are. */
bool   gguf_is_rope(const struct model_spec *spec, const char *name);
size_t gguf_rope_tensors(const struct model_spec *spec);
struct model;
enum status gguf_import_rope(struct model *model, const struct gguf *file,
                             struct error *err) MUST_CHECK;

#endif
