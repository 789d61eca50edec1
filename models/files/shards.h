/* shards.h - Find the tensors of a model directory of Hugging Face: in
 * model.safetensors, or in the files that model.safetensors.index.json names:
 *   {"weight_map": {"model.norm.weight": "model-00002-of-00002.safetensors"}}
 */
#ifndef SHARDS_H
#define SHARDS_H

#include "models/files/safetensors.h"

enum { SHARDS_MAX = 1024 };      /* files; the largest models have some 200 */

struct shards;                   /* opaque: shards.c */

/* Map and check all files.  STATUS_BAD_FORMAT: an index that is none, or names
 * a file outside the directory; else as safetensors_open().  Caller releases
 * *out with shards_close(); NULL is fine. */
enum status shards_open(struct shards **out, const char *directory,
                        struct error *err) MUST_CHECK;
void        shards_close(struct shards *shards);

/* The path of the single file, or of the index: for messages. */
const char *shards_path(const struct shards *shards);

/* NULL: no such tensor, or not in the file that the index says. */
const struct safetensors_tensor *shards_find(const struct shards *shards,
                                             const char *name);

/* The files, for what they hold beside what was asked for. */
size_t shards_count(const struct shards *shards);
const struct safetensors *shards_at(const struct shards *shards, size_t i);

#endif
