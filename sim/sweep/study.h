/* study.h - Hold a study while it is read and multiplied out; for study.c and
 * sweep_points.c alone. */
#ifndef STUDY_H
#define STUDY_H

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

/* Read all but the items of points: and --set, into a study with an open
 * document; it has at least one row, which may be nameless, where it has axes. */
enum status study_read(struct study *study, struct error *err) MUST_CHECK;

/* Zeroed memory that lives as long as the study; NULL: there is none. */
void       *study_keep(struct study *study, size_t size);
const char *study_keep_text(struct study *study, const char *text);

/* Read a row of keys, of settings: or points:, into `own`, its name and its
 * phases into *row; each key gets a column. */
enum status study_read_row(struct study *study, struct settings *own,
                           struct row *row, const yaml_node_t *node,
                           struct error *err) MUST_CHECK;
enum status study_add(const struct study *study, struct settings *settings,
                      const yaml_node_t *node, struct sweep_setting setting,
                      struct error *err) MUST_CHECK;

/* NULL: the name is NULL, or the study does not define its phases. */
const struct phase *study_phase(const struct study *study, const char *name);

#endif
