/* layer_list.h - Read and write which layers a key of a model's file means.
 *
 *     none, every, every-other (1, 3, 5, ...), 5:1 (five, then one that is not,
 *     over and over), or layers from 0, ascending: 1,3,5 */
#ifndef LAYER_LIST_H
#define LAYER_LIST_H

#include "sim/core/base/error.h"
#include "sim/core/config/config_key.h"
#include "sim/core/model/spec.h"

/* in[l] of the layers meant, false of the others.  STATUS_BAD_VALUE: the text
 * begins with `key`. */
enum status layer_list_read(bool in[SPEC_MAX_LAYERS], const char *key,
                            const char *text, int32_t n_layers,
                            struct error *err) MUST_CHECK;

/* A list, or none; one that is longer than the field ends in dots. */
void layer_list_write(char out[CONFIG_TEXT_SIZE],
                      const bool in[SPEC_MAX_LAYERS], int32_t n_layers);
/* Likewise, but every and 5:1 where they say it. */
void layer_list_write_short(char out[CONFIG_TEXT_SIZE],
                            const bool in[SPEC_MAX_LAYERS], int32_t n_layers);

#endif
