/* logits.c - Write the logits of the first tokens of a text to a file, for
 * tests/compare/compare.py to compare with another program's.
 *
 *   logits MODEL TEXT TOKENS OUT.safetensors [PROMPT]    ids [T], logits [T,V]
 *
 * Tokens behind the first PROMPT are decoded one by one, over cached keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/scoring/run_text.h"
#include "models/files/safetensors.h"

/* A vocabulary of 256 is bytes, in a GGUF file without a tokenizer too. */
static enum status encode(int32_t **ids, size_t *n, const struct source *source,
                          const char *path, struct error *err)
{
    struct tokenizer *tokenizer = NULL;
    struct file_map map = { 0 };
    enum status status =
        source->spec.n_vocab == 256
            ? tokenizer_open(&tokenizer, NULL, source->spec.n_vocab, err)
            : run_text_tokenizer(&tokenizer, NULL, source, err);

    if (status == STATUS_OK)
        status = file_map(&map, path, err);
    if (status == STATUS_OK)
        status = tokenizer_encode(tokenizer, (const char *)map.data, map.size,
                                  tokenizer_begins(tokenizer), TOKENIZER_PARSE,
                                  ids, n, err);
    file_unmap(&map);
    tokenizer_close(tokenizer);
    return status;
}

static enum status write_out(const char *path, const int32_t *ids, int32_t n,
                             const float *logits, uint64_t v, struct error *err)
{
    const struct safetensors_tensor tensors[] = {
        { .name = "ids", .dtype = SAFETENSORS_I32, .rank = 1,
          .shape = { (uint64_t)n }, .data = ids },
        { .name = "logits", .dtype = SAFETENSORS_F32, .rank = 2,
          .shape = { (uint64_t)n, v }, .data = logits },
    };
    return safetensors_write(path, tensors, 2, NULL, 0, err);
}

/* Logits of n tokens, the first of them together. */
static void take_logits(float *logits, struct model *model, const int32_t *ids,
                        int32_t first, int32_t n)
{
    const size_t v = (size_t)model_spec(model)->n_vocab;
    const struct route_policy *dense = route_find("dense");

    if (first < n)
        model_decode_reset(model);
    model_forward(model, &(struct model_input){
        .ids = ids, .n_sequences = 1, .n_tokens = first, .policy = dense,
        .cache = first < n }, NULL, NULL);
    memcpy(logits, model_logits(model), (size_t)first * v * sizeof *logits);
    for (int32_t t = first; t < n; t++) {
        model_decode(model, &(struct decode_input){ .ids = &ids[t],
                                                    .policy = dense }, NULL);
        memcpy(logits + (size_t)t * v, model_logits(model), v * sizeof *logits);
    }
}

static enum status run(int argc, char **argv, struct error *err)
{
    struct source source;
    struct model *model = NULL;
    int32_t *ids = NULL;
    float *logits = NULL;
    size_t n = 0;
    enum status status = source_read(&source, argv[1], NULL, 0, err);

    if (status == STATUS_OK)
        status = encode(&ids, &n, &source, argv[2], err);
    const size_t most = (size_t)strtoul(argv[3], NULL, 10);
    const int32_t all = (int32_t)(n < most ? n : most);
    const int32_t first = argc > 5 ? (int32_t)strtol(argv[5], NULL, 10) : all;
    const struct model_options options = {
        .n_sequences = 1, .n_tokens = all, .decode = first < all, .n_threads = 2,
    };
    if (status == STATUS_OK)
        status = model_open(&model, &source.spec, &options, err);
    if (status == STATUS_OK)
        status = source_fill(&source, model, 1, err);
    const size_t v = (size_t)source.spec.n_vocab;
    if (status == STATUS_OK && !(logits = calloc((size_t)all * v, sizeof *logits)))
        status = error_set(err, STATUS_NO_MEMORY, "logits");
    if (status == STATUS_OK && logits) {
        take_logits(logits, model, ids, first, all);
        status = write_out(argv[4], ids, all, logits, v, err);
    }
    model_close(model);
    free(logits);
    free(ids);
    return status;
}

int main(int argc, char **argv)
{
    struct error err = { STATUS_OK, "" };

    if (argc != 5 && argc != 6) {
        fputs("logits MODEL TEXT TOKENS OUT.safetensors [PROMPT]\n", stderr);
        return 2;
    }
    if (run(argc, argv, &err) == STATUS_OK)
        return 0;
    fprintf(stderr, "logits: %s\n", err.text);
    return status_exit_code(err.status);
}
