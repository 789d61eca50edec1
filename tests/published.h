/* published.h - Build questions to predict from rows of published measurements:
 * the models, machines and formats that they name. */
#ifndef PUBLISHED_H
#define PUBLISHED_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/hf_config.h"
#include "sim/price/predict_table.h"
#include "tests/shared.h"

/* ---- a table of text: RFC 4180 without line breaks in fields ---- */

enum { CELLS_MAX = 16, CELL_SIZE = 160, ROWS_MAX = 256 };

struct row {
    char cell[CELLS_MAX][CELL_SIZE];
};

static inline void split_row(struct row *out, const char *line)
{
    *out = (struct row){ { "" } };
    for (int c = 0; c < CELLS_MAX && *line && *line != '\n'; c++) {
        const bool quoted = *line == '"';
        size_t n = 0;
        line += quoted;
        while (*line && *line != '\n' && *line != (quoted ? '"' : ',')) {
            if (n + 1 < CELL_SIZE)
                out->cell[c][n++] = *line;
            line++;
        }
        line += quoted && *line == '"';
        line += *line == ',';
    }
}

/* Rows below the header; returns how many.  Skips the test without the file. */
static inline int read_rows(struct row rows[ROWS_MAX], const char *name)
{
    char path[FILE_PATH_SIZE], line[2048];
    int n = -1;

    shared_path(path, name);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL);
    while (fgets(line, sizeof line, file)) {
        cr_assert(lt(int, n, ROWS_MAX));
        if (n >= 0)
            split_row(&rows[n], line);
        n++;
    }
    fclose(file);
    return n;
}

/* ---- models ---- */

struct shape {
    const char *name;                   /* a row's model begins so */
    const char *type, *head;            /* of config.json */
    int32_t C, layers, heads, kv, head_dim, F, V;
    bool tied;
};

static inline struct model_spec spec_of_shape(const struct shape *s)
{
    char text[1024];
    struct model_spec spec = { 0 };
    struct error err = { 0 };

    if (strcmp(s->type, "gpt2") == 0)
        snprintf(text, sizeof text, "{\"model_type\": \"gpt2\","
                 " \"architectures\": [\"GPT2LMHeadModel\"], \"n_embd\": %d,"
                 " \"n_layer\": %d, \"n_head\": %d, \"n_positions\": 1024,"
                 " \"vocab_size\": %d}", s->C, s->layers, s->heads, s->V);
    else
        snprintf(text, sizeof text, "{\"model_type\": \"%s\","
                 " \"architectures\": [\"%s\"], \"hidden_size\": %d,"
                 " \"num_hidden_layers\": %d, \"num_attention_heads\": %d,"
                 " \"num_key_value_heads\": %d, \"head_dim\": %d,"
                 " \"intermediate_size\": %d,"
                 " \"vocab_size\": %d, \"max_position_embeddings\": 8192,"
                 " \"sliding_window\": null, \"tie_word_embeddings\": %s}",
                 s->type, s->head, s->C, s->layers, s->heads, s->kv,
                 s->head_dim, s->F, s->V,
                 s->tied ? "true" : "false");
    cr_assert(eq(int, hf_config_parse(&spec, NULL, text, strlen(text), s->name,
                                      &err), STATUS_OK), "%s", err.text);
    return spec;
}

#endif
