/* settings.h - Hold a study while it is read and multiplied out, and read its
 * keys and values; for the parts of studies alone. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "sim/core/config/document.h"
#include "sim/sweep/sweep.h"

struct settings {
    size_t n;
    struct sweep_setting of[SWEEP_MAX_KEYS];
};

/* A value of an axis, a step of a zip, or a row. */
struct choice {
    size_t n;
    const struct sweep_setting *setting;   /* [n] */
};

struct axis {
    int32_t n;
    struct choice *choice;       /* [n] */
};

struct row {
    const char *name;            /* NULL: the study has no rows */
    struct choice choice;
    const struct sweep_solve *solve;       /* NULL: nothing is to be solved */
    size_t n_phases;
    const char *phase[SWEEP_MAX_PHASES];
};

struct phase {
    const char *name;
    size_t n_axes;
    struct axis axis[SWEEP_MAX_KEYS];
};

/* Memory that sweep_close() frees. */
struct block {
    struct block *next;
    max_align_t bytes[];
};

struct study {
    struct sweep sweep;          /* first: what others see of it */
    struct document *document;
    struct settings shared;      /* `set:` */
    struct settings extra;       /* --set */
    struct phase every;          /* zip and axes, of every phase */
    size_t n_taken;              /* keys of the sweep, its first, that are taken
                                  * by the parts read so far */
    size_t n_phases;
    struct phase phase[SWEEP_MAX_PHASES];
    int32_t n_rows;
    struct row *row;             /* [n_rows] */
    const yaml_node_t *points;   /* a list; NULL: the study has none */
    struct block *blocks;
    const yaml_node_t *claims;   /* NULL: the study makes none */
};

#define study_refuse(s, node, err, ...)                                        \
    document_fail((s)->document, node, STATUS_BAD_VALUE, err, __VA_ARGS__)

/* Zeroed memory that lives as long as the study; NULL: there is none. */
void       *study_keep(struct study *study, size_t size);
const char *study_keep_text(struct study *study, const char *text);
/* "study.yaml:4:12", likewise */
const char *study_place(struct study *study, const yaml_node_t *node);

/* True if one of them has the key. */
bool        settings_have(const struct settings *settings, const char *key);
enum status settings_add(const struct study *study,
                         struct settings *settings, const yaml_node_t *node,
                         struct sweep_setting setting,
                         struct error *err) MUST_CHECK;

/* The text of a mapping's i-th key, which must be new to this mapping. */
enum status settings_key(const struct study *study, const char **out,
                         const yaml_node_t *mapping, ptrdiff_t i,
                         struct error *err) MUST_CHECK;
/* Read the value of a key as --set takes it: a scalar's own text, a list as
 * [a, b]; the name of a file is relative to the study. */
enum status settings_value(struct study *study, struct sweep_setting *out,
                           const char *key, const yaml_node_t *node,
                           struct error *err) MUST_CHECK;
/* Add a column for a key that differs between points. */
enum status settings_column(struct study *study, const char *key,
                            const yaml_node_t *node,
                            struct error *err) MUST_CHECK;

/* Read `key: value` pairs into `out`.  Unless `words` is NULL, the keys name,
 * phase and solve are no settings: their nodes go there. */
enum { WORD_NAME, WORD_PHASE, WORD_SOLVE, WORDS };
extern const struct file_key settings_keys[WORDS + 1];
enum status settings_read(struct study *study, struct settings *out,
                          const yaml_node_t *words[WORDS],
                          const yaml_node_t *node,
                          struct error *err) MUST_CHECK;

#endif
