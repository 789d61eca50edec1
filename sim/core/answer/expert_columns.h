/* expert_columns.h - Name the columns of the tables of experts, which isobath router
 * writes and isobath report shows. */
#ifndef EXPERT_COLUMNS_H
#define EXPERT_COLUMNS_H

#include "sim/core/answer/table.h"

#define EXPERT_BALANCE_COLUMNS                                                 \
    { "layer", "layer", "", COLUMN_WHOLE, true },                              \
    { "experts", "experts", "", COLUMN_WHOLE, true },                          \
    { "used", "used", "", COLUMN_WHOLE, true },                                \
    { "effective", "as many as", "", COLUMN_LOSS, false },                     \
    { "largest", "largest over mean", "", COLUMN_LOSS, false },                \
    { "heaviest", "share of the heaviest", "", COLUMN_SHARE, false },          \
    { "dropped", "dropped", "", COLUMN_SHARE, false },                         \
    { "idle", "to no-ops", "", COLUMN_SHARE, false },                          \
    { "collapsed", "collapsed", "", COLUMN_YES, true }

#define EXPERT_KINDS_COLUMNS                                                   \
    { "layer", "layer", "", COLUMN_WHOLE, true },                              \
    { "expert", "expert", "", COLUMN_WHOLE, true },                            \
    { "kind", "kind of token", "", COLUMN_TEXT, true },                        \
    { "chosen", "chosen", "", COLUMN_WHOLE, true },                            \
    { "share", "share of the kind", "", COLUMN_SHARE, false },                 \
    { "over_all", "over that of all", "", COLUMN_LOSS, false }

#endif
