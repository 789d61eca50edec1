/* tokenizer_parts.c - Release a tokenizer's parts; collect a text's ids. */
#include "models/tokens/tokenizer_parts.h"

#include <stdlib.h>

void tokenizer_parts_free(struct tokenizer_parts *parts)
{
    for (int i = 0; i < 2; i++)
        added_free(&parts->added[i]);
    normalizer_free(&parts->normalizer);
    splitter_free(&parts->splitter);
    vocab_free(&parts->vocab);
    merges_free(&parts->merges);
    chat_free(&parts->chat);
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

void encoder_free(struct encoder *encoder)
{
    join_free(&encoder->join);
    free(encoder->scratch);
}

enum status encoder_reserve(struct encoder *encoder, size_t bytes,
                            struct error *err)
{
    if (bytes <= encoder->room)
        return STATUS_OK;
    free(encoder->scratch);
    encoder->scratch = malloc(bytes);
    encoder->room = encoder->scratch ? bytes : 0;
    return encoder->scratch
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "a text of %zu bytes", bytes);
}
