/* study.h - Read a study file: axes, phases and rows; for sweep_points.c and
 * claims.c alone. */
#ifndef STUDY_H
#define STUDY_H

#include "sim/sweep/settings.h"

/* The parts of the file. */
extern const struct file_key study_keys[];

/* Read all but the items of points: and --set, into a study with an open
 * document; it has at least one row, which may be nameless, where it has axes. */
enum status study_read(struct study *study, struct error *err) MUST_CHECK;

/* Read a row of keys, of settings: or points:, into `own`, its name and its
 * phases into *row; each key gets a column. */
enum status study_read_row(struct study *study, struct settings *own,
                           struct row *row, const yaml_node_t *node,
                           struct error *err) MUST_CHECK;
/* NULL: the name is NULL, or the study does not define its phases. */
const struct phase *study_phase(const struct study *study, const char *name);

#endif
