/* tokenizer_parts.c - Release a tokenizer's parts; collect a text's ids. */
#include "models/tokens/tokenizer_parts.h"

#include <stdlib.h>

void tokenizer_parts_free(struct tokenizer_parts *parts)
{
    splitter_free(&parts->splitter);
    vocab_free(&parts->vocab);
    merges_free(&parts->merges);
    *parts = (struct tokenizer_parts){ .vocab = parts->vocab };
}

enum status ids_push(struct ids *ids, int32_t id, struct error *err)
{
    if (ids->n == ids->room) {
        size_t room = ids->room ? 2 * ids->room : 64;
        int32_t *grown = realloc(ids->id, room * sizeof *grown);
        if (!grown)
            return error_set(err, STATUS_NO_MEMORY, "%zu token ids", room);
        ids->id = grown;
        ids->room = room;
    }
    ids->id[ids->n++] = id;
    return STATUS_OK;
}
