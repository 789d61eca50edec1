/* logits.c - Write the logits of the first tokens of a text to a file, for
 * tests/compare/compare.py to compare with another program's.
 *
 *   logits MODEL TEXT TOKENS OUT.safetensors      ids [T], logits [T,V] */
#include <stdio.h>
#include <stdlib.h>

#include "models/scoring/run_text.h"
#include "models/files/safetensors.h"

static enum status encode(int32_t **ids, size_t *n, const struct source *source,
                          const char *path, struct error *err)
{
    struct tokenizer *tokenizer = NULL;
    struct file_map map = { 0 };
    enum status status = run_text_tokenizer(&tokenizer, NULL, source, err);

    if (status == STATUS_OK && !tokenizer)
        status = tokenizer_open(&tokenizer, NULL, source->spec.n_vocab, err);
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
                             const struct model *model, struct error *err)
{
    const uint64_t v = (uint64_t)model_spec(model)->n_vocab;
    const struct safetensors_tensor tensors[] = {
        { .name = "ids", .dtype = SAFETENSORS_I32, .rank = 1,
          .shape = { (uint64_t)n }, .data = ids },
        { .name = "logits", .dtype = SAFETENSORS_F32, .rank = 2,
          .shape = { (uint64_t)n, v }, .data = model_logits(model) },
    };
    return safetensors_write(path, tensors, 2, NULL, 0, err);
}

static enum status run(char **argv, struct error *err)
{
    struct source source;
    struct model *model = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    enum status status = source_read(&source, argv[1], NULL, 0, err);

    if (status == STATUS_OK)
        status = encode(&ids, &n, &source, argv[2], err);
    const size_t most = (size_t)strtoul(argv[3], NULL, 10);
    const struct model_options options = {
        .n_sequences = 1, .n_tokens = (int32_t)(n < most ? n : most),
        .n_threads = 2,
    };
    if (status == STATUS_OK)
        status = model_open(&model, &source.spec, &options, err);
    if (status == STATUS_OK)
        status = source_fill(&source, model, 1, err);
    if (status == STATUS_OK) {
        model_forward(model, &(struct model_input){
            .ids = ids, .n_sequences = 1, .n_tokens = options.n_tokens,
            .policy = route_find("dense") }, NULL, NULL);
        status = write_out(argv[4], ids, options.n_tokens, model, err);
    }
    model_close(model);
    free(ids);
    return status;
}

int main(int argc, char **argv)
{
    struct error err = { STATUS_OK, "" };

    if (argc != 5) {
        fputs("logits MODEL TEXT TOKENS OUT.safetensors\n", stderr);
        return 2;
    }
    if (run(argv, &err) == STATUS_OK)
        return 0;
    fprintf(stderr, "logits: %s\n", err.text);
    return status_exit_code(err.status);
}
