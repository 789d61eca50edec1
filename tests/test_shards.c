/* test_shards.c - Read directories of Hugging Face as others write them: in
 * several files, in half precision, with other names. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "models/files/checkpoint.h"
#include "models/files/shards.h"
#include "tests/words.h"

static char directory[64];

static const char *in_directory(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(in_directory(name), "w");
    cr_assert(file != NULL);
    fputs(text, file);
    cr_assert(fclose(file) == 0);
}

/* A model whose weights are small whole numbers: exact in every precision. */
static struct model *open_model(enum family family, bool tied, bool filled)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = 4,
                                           .n_threads = 1 };
    struct model_spec spec = {
        .traits = family_traits[family],
        .n_layers = 2, .n_channels = 8, .n_heads = 2,
        .n_kv_heads = 2, .head_size = 4, .n_ffn = 12, .n_vocab = 11,
        .max_tokens = 4, .tied_head = tied, .norm_epsilon = 1e-5f,
        .rope_theta = 10000.0f,
    };
    struct model *m = NULL;
    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        spec.capacity[l] = 1.0;
    cr_assert(eq(int, model_open(&m, &spec, &options, NULL), STATUS_OK));
    for (int32_t i = 0; filled && i < model_tensors(m)->n; i++) {
        const struct tensor *t = &model_tensors(m)->tensor[i];
        for (size_t j = 0; j < t->n; j++)
            model_weights(m)[t->offset + j] = (float)((t->offset + j) % 251);
    }
    return m;
}

static bool same_weights(struct model *a, struct model *b)
{
    return memcmp(model_weights(a), model_weights(b),
                  model_tensors(a)->floats * sizeof(float)) == 0;
}

static enum status import(struct model *m, struct error *err)
{
    const struct hf_routing routing = { .policy = route_find("dense") };
    return checkpoint_import(m, directory, &routing, err);
}

/* Changes to the tensors of an exported model. */
struct rewrite {
    const char *without;         /* prefix to cut off names; NULL: none */
    const char *from, *to;       /* one tensor under another name */
    enum safetensors_dtype dtype;
    bool        sharded;         /* every second tensor in another file */
    const char *extra;           /* one more tensor, of one number */
};

enum { MOST = 64, ROOM = 512 };

static void convert(struct safetensors_tensor *t, enum safetensors_dtype dtype,
                    uint16_t out[ROOM])
{
    const float *x = t->data;

    if (dtype == SAFETENSORS_F32)
        return;
    for (size_t i = 0; i < t->bytes / 4; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        /* Whole numbers below 256 lose nothing: 8 bits of bf16, 11 of f16. */
        uint32_t half = bits == 0 ? 0
                        : ((bits >> 23) - 112) << 10 | (bits >> 13 & 0x3ff);
        out[i] = (uint16_t)(dtype == SAFETENSORS_BF16 ? bits >> 16 : half);
    }
    t->dtype = dtype;
    t->data = out;
    t->bytes /= 2;
}

/* model.safetensors, written anew. */
static void rewrite(const struct rewrite *r)
{
    static struct safetensors_tensor part[2][MOST];
    static uint16_t halves[MOST][ROOM];
    static char names[MOST][96];
    struct safetensors *file = NULL;
    size_t n[2] = { 0, 0 };
    char index[8192] = "{\"metadata\":{\"total_size\":1},\"weight_map\":{";

    cr_assert(eq(int, safetensors_open(&file, in_directory("model.safetensors"),
                                       NULL), STATUS_OK));
    for (size_t i = 0; i < safetensors_count(file); i++) {
        struct safetensors_tensor t = *safetensors_at(file, i);
        const int which = r->sharded && i % 2;
        const size_t cut = r->without && strncmp(t.name, r->without,
                               strlen(r->without)) == 0
                               ? strlen(r->without) : 0;
        cr_assert(i < MOST && t.bytes / 4 <= ROOM);
        snprintf(names[i], sizeof names[i], "%s",
                 r->from && strcmp(t.name, r->from) == 0 ? r->to
                                                         : t.name + cut);
        t.name = names[i];
        convert(&t, r->dtype, halves[i]);
        part[which][n[which]++] = t;
        snprintf(index + strlen(index), sizeof index - strlen(index),
                 "%s\"%s\":\"model-0000%d-of-00002.safetensors\"",
                 i ? "," : "", names[i], which + 1);
    }
    strcat(index, "}}");
    if (r->extra)
        part[0][n[0]++] = (struct safetensors_tensor){
            .name = r->extra, .dtype = SAFETENSORS_F32, .data = index };
    if (r->sharded) {
        write_text("model.safetensors.index.json", index);
        for (int i = 0; i < 2; i++) {
            char name[64];
            snprintf(name, sizeof name, "model-0000%d-of-00002.safetensors",
                     i + 1);
            cr_assert(eq(int, safetensors_write(in_directory(name), part[i],
                                                n[i], NULL, 0, NULL),
                         STATUS_OK));
        }
        cr_assert(remove(in_directory("model.safetensors")) == 0);
    } else {
        cr_assert(eq(int, safetensors_write(in_directory("model.safetensors"),
                                            part[0], n[0], NULL, 0, NULL),
                     STATUS_OK));
    }
    safetensors_close(file);
}

/* Export, rewrite, import; refused with these words, unless NULL. */
static void check_words(enum family family, bool tied, const struct rewrite *r,
                        const char *words)
{
    struct model *from = open_model(family, tied, true);
    struct model *to = open_model(family, tied, false);
    struct error err = { STATUS_OK, "" };

    make_directory(directory);
    cr_assert(eq(int, checkpoint_export(from, route_find("dense"), directory,
                                        NULL), STATUS_OK));
    rewrite(r);
    cr_expect(eq(int, import(to, &err), words ? STATUS_BAD_VALUE : STATUS_OK),
              "%s", err.text);
    cr_expect(words ? strstr(err.text, words) != NULL : same_weights(from, to),
              "%s", err.text);
    model_close(to);
    model_close(from);
    remove_directory(directory);
}

static void check(enum family family, bool tied, const struct rewrite *r)
{
    check_words(family, tied, r, NULL);
}

Test(shards, a_model_in_two_files_is_one_model)
{
    check(FAMILY_LLAMA, true, &(struct rewrite){ .sharded = true,
                                                 .dtype = SAFETENSORS_F32 });
    check(FAMILY_GPT2, true, &(struct rewrite){ .sharded = true,
                                                .dtype = SAFETENSORS_F32 });
}

Test(shards, half_precision_becomes_single)
{
    check(FAMILY_LLAMA, false, &(struct rewrite){ .dtype = SAFETENSORS_BF16 });
    check(FAMILY_LLAMA, false, &(struct rewrite){ .dtype = SAFETENSORS_F16 });
}

Test(shards, names_come_without_the_prefix_of_the_class)
{
    check(FAMILY_GPT2, true, &(struct rewrite){ .without = "transformer.",
                                                .dtype = SAFETENSORS_F32 });
    check(FAMILY_LLAMA, false, &(struct rewrite){ .without = "model.",
                                                  .dtype = SAFETENSORS_F32 });
}

Test(shards, of_a_tied_head_either_tensor_is_enough)
{
    check(FAMILY_LLAMA, true,
          &(struct rewrite){ .from = "model.embed_tokens.weight",
                             .to = "lm_head.weight",
                             .dtype = SAFETENSORS_F32 });
    check(FAMILY_GPT2, true,
          &(struct rewrite){ .from = "transformer.wte.weight",
                             .to = "lm_head.weight",
                             .dtype = SAFETENSORS_F32 });
}

/* Two layers, 0 and 1. */
Test(shards, a_tensor_without_use_is_refused_unless_it_is_known_to_be_harmless)
{
    static const struct {
        enum family family;
        const char *extra;
        bool        taken;
    } cases[] = {
        { FAMILY_GPT2, "transformer.h.1.attn.bias", true },
        { FAMILY_GPT2, "h.0.attn.masked_bias", true },
        { FAMILY_LLAMA, "model.layers.1.self_attn.rotary_emb.inv_freq", true },
        { FAMILY_LLAMA, "model.rotary_emb.inv_freq", true },
        { FAMILY_LLAMA, "lm_head.weight", true },    /* tied: the second */
        { FAMILY_GPT2, "transformer.h.1.attn.c_attn.lora", false },
        { FAMILY_GPT2, "transformer.h.2.ln_1.weight", false },
        { FAMILY_GPT2, "transformer.h.01.ln_1.weight", false },
        { FAMILY_LLAMA, "model.layers.0.self_attn.q_proj.bias", false },
        { FAMILY_LLAMA, "model.layers.0.mod_router.weight", false },
        { FAMILY_LLAMA, "model.layers.0.self_attn.q_norm.weight", false },
        { FAMILY_LLAMA, "model.layers.2.mlp.up_proj.weight", false },
        { FAMILY_LLAMA, "model.layers.99999.mlp.up_proj.weight", false },
        { FAMILY_LLAMA, "model.layers..mlp.up_proj.weight", false },
        { FAMILY_LLAMA, "h.1.attn.bias", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char words[128];
        snprintf(words, sizeof words, "tensor '%s': not supported",
                 cases[i].extra);
        for (int sharded = 0; sharded < 2; sharded++)
            check_words(cases[i].family, true,
                        &(struct rewrite){ .extra = cases[i].extra,
                                           .sharded = sharded,
                                           .dtype = SAFETENSORS_F32 },
                        cases[i].taken ? NULL : words);
    }
}

Test(shards, an_index_that_is_none_is_refused_in_words)
{
    static const struct {
        const char *index, *words;
    } bad[] = {
        { "{", "index.json:1:" },
        { "[]", "weight_map must be an object" },
        { "{\"weight_map\":{}}", "weight_map must be an object" },
        { "{\"weight_map\":{\"a\":1}}", "weight_map of a" },
        { "{\"weight_map\":{\"a\":\"../b\"}}", "a file beside it" },
        { "{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "a file beside it" },
        { "{\"weight_map\":{\"a\":\".hidden\"}}", "a file beside it" },
        { "{\"weight_map\":{\"a\":\"b\",\"a\":\"c\"}}", "duplicate" },
        { "{\"weight_map\":{\"a\":\"none.safetensors\"}}",
          "none.safetensors" },
    };
    make_directory(directory);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct shards *shards = NULL;
        struct error err = { STATUS_OK, "" };
        write_text("model.safetensors.index.json", bad[i].index);
        cr_expect(ne(int, shards_open(&shards, directory, &err), STATUS_OK));
        cr_expect(shards == NULL);
        cr_expect(strstr(err.text, bad[i].words) != NULL, "%s", err.text);
    }
    remove_directory(directory);
}

Test(shards, a_tensor_that_is_not_where_the_index_says_is_missing)
{
    struct model *m = open_model(FAMILY_LLAMA, true, true);
    struct error err = { STATUS_OK, "" };

    make_directory(directory);
    cr_assert(eq(int, checkpoint_export(m, route_find("dense"), directory,
                                        NULL), STATUS_OK));
    rewrite(&(struct rewrite){ .sharded = true, .dtype = SAFETENSORS_F32 });
    write_text("model.safetensors.index.json",
               "{\"weight_map\":{\"model.embed_tokens.weight\":"
               "\"model-00001-of-00002.safetensors\",\"x\":"
               "\"model-00002-of-00002.safetensors\"}}");
    cr_assert(eq(int, import(m, &err), STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "no tensor '") != NULL, "%s", err.text);
    model_close(m);
    remove_directory(directory);
}
