/* test_gguf_class.c - What a GGUF file leaves out is what llama.cpp takes it for,
 * and what changes the arithmetic is read or refused by name.  The files are
 * those of data/classes, which llama.cpp's converter wrote, changed here and
 * there. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "models/files/gguf_model.h"
#include "tests/gguf_writer.h"

/* How a file is changed. */
struct change {
    const char *file;            /* of data/classes */
    const char *hide;            /* a key that it then does not have, or NULL */
    void      (*add)(struct writer *);
    bool        fuse;            /* queries, keys and values in one tensor */
    uint64_t    heads;           /* norms of so many heads of queries, and of two
                                  * of keys, in the place of ffn_norm; 0: none */
};


/* Its three parts follow one another: q, k, v. */
static void put_fused(struct writer *w, const struct gguf *file,
                      const struct gguf_tensor *q)
{
    static const char *const parts[] = { "q", "k", "v" };
    const char *end = strstr(q->name, "attn_q.");
    const int stem = (int)(end - q->name);
    const uint64_t columns = q->rank > 1 ? q->shape[1] : 1;
    float rows[4096];
    uint64_t n = 0;
    char name[GGUF_MAX_NAME + 1];

    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%.*sattn_%s.%s", stem, q->name, parts[i],
                 end + strlen("attn_q."));
        const struct gguf_tensor *t = gguf_find(file, name);
        cr_assert(t && n + t->n <= 4096);
        memcpy(rows + n, t->data, t->bytes);
        n += t->n;
    }
    snprintf(name, sizeof name, "%.*sattn_qkv.%s", stem, q->name,
             end + strlen("attn_q."));
    put_tensor(w, name, q->rank > 1 ? n / columns : 0,
               q->rank > 1 ? columns : n, rows);
}

static void put_head_norms(struct writer *w, uint64_t heads)
{
    static const float scales[64] = { 1.0f, 0.5f };
    char name[GGUF_MAX_NAME + 1];

    for (int l = 0; l < 2; l++) {
        snprintf(name, sizeof name, "blk.%d.attn_q_norm.weight", l);
        put_tensor(w, name, heads, 6, scales);
        snprintf(name, sizeof name, "blk.%d.attn_k_norm.weight", l);
        put_tensor(w, name, 2, 6, scales);
    }
}

static void put_tensors(struct writer *w, const struct gguf *file,
                        const struct change *change)
{
    const bool fuse = change->fuse;

    if (change->heads > 0)
        put_head_norms(w, change->heads);
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct gguf_tensor *t = gguf_tensor(file, i);
        const bool part = strstr(t->name, "attn_q.") ||
                          strstr(t->name, "attn_k.") ||
                          strstr(t->name, "attn_v.");
        if (fuse && strstr(t->name, "attn_q."))
            put_fused(w, file, t);
        else if ((!fuse || !part) &&
                 (change->heads == 0 || !strstr(t->name, "ffn_norm.")))
            put_tensor(w, t->name, t->rank > 1 ? t->shape[0] : 0,
                       t->shape[t->rank - 1], t->data);
    }
}

/* The changed file, which the caller frees. */
static char *changed(const struct change *change, size_t *size)
{
    char path[128];
    struct gguf *file = NULL;
    struct writer w;
    struct error err = { STATUS_OK, "" };

    snprintf(path, sizeof path, "tests/data/classes/%s.gguf", change->file);
    cr_assert(eq(int, gguf_open(&file, path, &err), STATUS_OK), "%s", err.text);
    open_writer(&w);
    struct gguf_text values = gguf_values(file);
    char *copy = malloc(values.size);
    memcpy(copy, values.bytes, values.size);
    if (change->hide) {
        char *at = memmem(copy, values.size, change->hide,
                          strlen(change->hide));
        cr_assert(at != NULL, "%s", change->hide);
        *at = '-';
    }
    fwrite(copy, 1, values.size, w.values);
    w.n_values = gguf_value_count(file);
    free(copy);
    if (change->add)
        change->add(&w);
    put_tensors(&w, file, change);
    gguf_close(file);
    return finish(&w, size);
}

static enum status read_changed(struct model_spec *spec,
                                const struct change *change, struct error *err)
{
    struct gguf *file = NULL;
    size_t size;
    char *image = changed(change, &size);

    cr_assert(eq(int, gguf_parse(&file, image, size, "x", err), STATUS_OK),
              "%s", err->text);
    enum status status = gguf_model_spec(spec, file, err);
    gguf_close(file);
    free(image);
    return status;
}

static struct model_spec spec_of(struct change change)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, read_changed(&spec, &change, &err), STATUS_OK), "%s",
              err.text);
    return spec;
}

/* Parts of StableLM 2 12B read one norm, and its heads have norms. */
Test(gguf_class, a_stablelm_has_the_norms_that_are_in_its_file)
{
    struct model_spec spec = spec_of((struct change){ .file = "stablelm",
                                                      .heads = 4 });
    struct error err = { STATUS_OK, "" };

    cr_expect(spec.traits.qk_norm && spec.traits.parallel == PARALLEL_NORM);
    spec = spec_of((struct change){ .file = "stablelm" });
    cr_expect(not(spec.traits.qk_norm));
    cr_expect(eq(int, spec.traits.parallel, PARALLEL_NONE));
    cr_expect(eq(int, read_changed(&spec, &(struct change){
        .file = "stablelm", .heads = 3 }, &err), STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "attn_q_norm.weight has 2 axes, the first of 3")
              != NULL, "%s", err.text);
}

static void put_flag(struct writer *w, const char *key, bool flag)
{
    put_text(w->values, key);
    put32(w->values, GGUF_VALUE_BOOL);
    fputc(flag, w->values);
    w->n_values++;
}

/* ---- what is left out ---- */

static void add_window(struct writer *w)
{
    put_int(w, "gemma2.attention.sliding_window", 5);
}

Test(gguf_class, gemma2_is_capped_and_every_other_layer_windowed)
{
    struct model_spec spec = spec_of((struct change){
        .file = "gemma2_usual", .hide = "gemma2.attn_logit_softcapping" });

    cr_expect(eq(flt, spec.attention_cap, 50.0f));
    cr_expect(eq(flt, spec.logit_cap, 3.0f));
    cr_expect(eq(i32, spec.window, 9));
    cr_expect(spec.windowed[0] && !spec.windowed[1]);
    spec = spec_of((struct change){
        .file = "gemma2_usual", .hide = "gemma2.final_logit_softcapping" });
    cr_expect(eq(flt, spec.logit_cap, 30.0f));
    /* 4096 tokens span its context */
    spec = spec_of((struct change){
        .file = "gemma2_usual", .hide = "gemma2.attention.sliding_window" });
    cr_expect(not(spec_has_windows(&spec)));
    spec = spec_of((struct change){
        .file = "gemma2_usual", .hide = "gemma2.attention.sliding_window",
        .add = add_window });
    cr_expect(eq(i32, spec_window(&spec, 0), 5));
}

static void add_step(struct writer *w)
{
    put_int(w, "gemma3.attention.sliding_window_pattern", 3);
    put_real(w, "gemma3.rope.freq_base_swa", 300.0f);
}
static void add_all(struct writer *w)
{
    put_int(w, "gemma3.attention.sliding_window_pattern", 0);
}
static void add_list(struct writer *w)
{
    put_text(w->values, "gemma3.attention.sliding_window_pattern");
    put32(w->values, GGUF_VALUE_ARRAY);
    put32(w->values, GGUF_VALUE_BOOL);
    put64(w->values, 7);
    for (int l = 0; l < 7; l++)
        fputc(l == 2 || l == 5, w->values);
    w->n_values++;
}
static void add_no_window(struct writer *w)
{
    put_int(w, "gemma3.attention.sliding_window", 0);
}

Test(gguf_class, the_windowed_layers_of_gemma3_are_told_in_three_ways)
{
    static const struct {
        void (*add)(struct writer *);
        bool windowed[7];
        float local;
    } cases[] = {
        { NULL,     { 1, 1, 1, 1, 1, 0, 1 }, 10000.0f },
        { add_step, { 1, 1, 0, 1, 1, 0, 1 }, 300.0f },
        { add_all,  { 1, 1, 1, 1, 1, 1, 1 }, 10000.0f },
        { add_list, { 0, 0, 1, 0, 0, 1, 0 }, 10000.0f },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct model_spec spec = spec_of((struct change){
            .file = "gemma3_usual", .hide = "gemma3.rope.freq_base_swa",
            .add = cases[i].add });
        cr_expect(memcmp(spec.windowed, cases[i].windowed, 7) == 0, "%zu", i);
        cr_expect(eq(flt, spec.local_theta, cases[i].local));
        cr_expect(eq(flt, spec.fold.embedding, sqrtf(24.0f)));
        cr_expect(eq(flt, spec.fold.scores, 0.0f), "its heads' size");
    }
    const struct model_spec none = spec_of((struct change){
        .file = "gemma3_usual", .hide = "gemma3.attention.sliding_window",
        .add = add_no_window });
    cr_expect(not(spec_has_windows(&none)));
    cr_expect(eq(flt, none.local_theta, 0.0f));
}

static void add_type(struct writer *w)
{
    put_word(w, "phi3.rope.scaling.type", "longrope");
}

Test(gguf_class, phi3_turns_by_the_divisors_that_its_tensors_hold)
{
    struct model_spec spec = spec_of((struct change){ .file = "phi3",
                                                      .add = add_type });

    cr_expect(eq(int, spec.rope_scaling.kind, ROPE_SCALING_LONG));
    cr_expect(eq(i32, spec.rope_scaling.original_tokens, 16));
    cr_expect(eq(flt, spec.rope_scaling.divisor[0][2], 1.3f));
    cr_expect(eq(flt, spec.rope_scaling.divisor[1][2], 9.0f));
    /* sqrt(1 + ln(64/16) / ln(16)) of transformers */
    cr_expect(epsilon_eq(flt, spec.rope_scaling.amplitude, sqrtf(1.5f), 1e-6f));
    spec = spec_of((struct change){ .file = "phi3",
                                    .hide = "phi3.rope.scaling.attn_factor" });
    cr_expect(eq(flt, spec.rope_scaling.amplitude, 1.0f));
    spec = spec_of((struct change){
        .file = "phi3", .hide = "phi3.rope.scaling.original_context" });
    cr_expect(eq(i32, spec.rope_scaling.original_tokens, spec.max_tokens));
}

Test(gguf_class, factors_of_granite_are_those_of_its_file)
{
    struct model_spec spec = spec_of((struct change){ .file = "granite" });

    cr_expect(eq(flt, spec.fold.embedding, 3.0f));
    cr_expect(eq(flt, spec.fold.residual, 0.6f));
    cr_expect(eq(flt, spec.fold.scores, 0.3f * sqrtf(6.0f)));
    cr_expect(eq(flt, spec.fold.logits, 1.5f));
    cr_expect(spec.traits.qkv_bias && spec.traits.project_bias &&
              spec.traits.ffn_bias);
    spec = spec_of((struct change){ .file = "granite",
                                    .hide = "granite.attention.scale" });
    cr_expect(eq(flt, spec.fold.scores, 0.0f));
}

static void add_in_turn(struct writer *w)
{
    put_flag(w, "gptneox.use_parallel_residual", false);
}

Test(gguf_class, parts_stand_as_the_file_says)
{
    struct model_spec spec = spec_of((struct change){ .file = "gpt_neox" });

    cr_expect(eq(int, spec.traits.parallel, PARALLEL_NORMS));
    spec = spec_of((struct change){
        .file = "gpt_neox", .hide = "gptneox.use_parallel_residual",
        .add = add_in_turn });
    cr_expect(eq(int, spec.traits.parallel, PARALLEL_NONE));
}

/* ---- what is refused ---- */

static void add_untuned(struct writer *w)
{
    put_flag(w, "granite.rope.scaling.finetuned", false);
}
static void add_much_rope(struct writer *w)
{
    put_int(w, "gptneox.rope.dimension_count", 8);
}
static void add_odd_rope(struct writer *w)
{
    put_int(w, "gptneox.rope.dimension_count", 3);
}
static void add_short_list(struct writer *w)
{
    put_text(w->values, "gemma3.attention.sliding_window_pattern");
    put32(w->values, GGUF_VALUE_ARRAY);
    put32(w->values, GGUF_VALUE_BOOL);
    put64(w->values, 2);
    fputs("\1\1", w->values);
    w->n_values++;
}
static void add_layout(struct writer *w)
{
    put_word(w, "falcon.tensor_data_layout", "reference");
}
static void add_word(struct writer *w)
{
    put_word(w, "gemma3.attention.sliding_window_pattern", "all");
}
static void add_yarn(struct writer *w)
{
    put_word(w, "phi3.rope.scaling.type", "yarn");
}
static void add_linear(struct writer *w)
{
    put_real(w, "phi3.rope.scaling.factor", 2.0f);
}
static void add_olmo3(struct writer *w)
{
    put_int(w, "olmo2.attention.sliding_window", 8);
}
static void add_shift(struct writer *w)
{
    static const float zeros[24];
    put_tensor(w, "blk.0.post_attention_norm.bias", 0, 24, zeros);
}

Test(gguf_class, what_is_not_computed_is_refused_by_name)
{
    static const struct { struct change change; const char *says; } bad[] = {
        { { "granite", NULL, add_untuned, false, 0 },
          "granite.rope.scaling.finetuned false: supported is true" },
        { { "granite", "granite.logit_scale", NULL, false, 0 },
          "no granite.logit_scale in it" },
        { { "gpt_neox", "gptneox.use_parallel_residual", NULL, false, 0 },
          "no gptneox.use_parallel_residual in it" },
        { { "gpt_neox", "gptneox.rope.dimension_count", add_much_rope, false, 0 },
          "gptneox.rope.dimension_count 8: allowed is 2 to 6" },
        { { "gpt_neox", "gptneox.rope.dimension_count", add_odd_rope, false, 0 },
          "gptneox.rope.dimension_count 3: allowed are even numbers" },
        { { "gemma3_usual", NULL, add_short_list, false, 0 },
          "sliding_window_pattern must be a whole number, or a list of 7" },
        { { "gemma3_usual", NULL, add_word, false, 0 },
          "sliding_window_pattern is string: it must be an integer" },
        { { "phi3", NULL, add_yarn, false, 0 },
          "'yarn': supported are 'none', 'linear' and 'longrope' with" },
        { { "phi3", NULL, add_linear, false, 0 },
          "rope_factors_short.weight beside a linear or yarn rope.scaling" },
        { { "olmo2", NULL, add_olmo3, false, 0 },
          "olmo2.attention.sliding_window 8: supported are 0" },
        { { "granite", NULL, NULL, true, 0 }, "no tensor blk.0.attn_q.weight" },
        { { "falcon_both", "falcon.tensor_data_layout", NULL, false, 0 },
          "no falcon.tensor_data_layout in it" },
        { { "falcon_both", "falcon.tensor_data_layout", add_layout, false, 0 },
          "falcon.tensor_data_layout: supported is jploski" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_expect(not(eq(int, read_changed(&spec, &bad[i].change, &err),
                         STATUS_OK)), "%s", bad[i].says);
        cr_expect(strstr(err.text, bad[i].says) != NULL, "%s", err.text);
    }
}

/* ---- what is claimed ---- */

/* A file of 100 KB whose metadata asks for terabytes is found out without them:
 * there is room for a list of tensors, and for little more. */
Test(gguf_class, sizes_that_no_tensor_has_are_refused_before_memory_is_taken)
{
    static const char *const files[] = {
        "gemma2_usual", "gemma3_usual", "granite", "olmo2", "phi_usual",
        "gpt_neox", "stablelm", "phi3", "smollm3_usual", "starcoder2",
        "falcon_both",
    };
    static const char *const sizes[] = {
        "context_length", "embedding_length", "feed_forward_length",
        "block_count", "attention.head_count",
    };
    const struct rlimit room = { 1ul << 29, 1ul << 29 };

#ifndef __SANITIZE_ADDRESS__
    cr_assert(setrlimit(RLIMIT_AS, &room) == 0);
#endif
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            const struct change change = { .file = files[i] };
            struct model_spec spec;
            struct gguf *file = NULL;
            struct error err = { STATUS_OK, "" };
            size_t size;
            char *image = changed(&change, &size);
            char *at = memmem(image, size, sizes[k], strlen(sizes[k]));

            cr_assert(at != NULL);
            memcpy(at + strlen(sizes[k]) + 4,
                   &(uint32_t){ k == 3 ? 250 : 1 << 12 }, 4);
            cr_assert(eq(int, gguf_parse(&file, image, size, "x", &err),
                         STATUS_OK), "%s", err.text);
            const enum status status = gguf_model_spec(&spec, file, &err);
            /* Positions are worked out: a longer context takes no tensor. */
            cr_expect(k == 0 ? status == STATUS_OK
                             : status == STATUS_BAD_VALUE ||
                                   status == STATUS_BAD_FORMAT,
                      "%s, %s: %s", files[i], sizes[k], err.text);
            gguf_close(file);
            free(image);
        }
}

/* ---- weights ---- */

enum { T = 28, V = 37 };

static struct model *model_of(const struct model_spec *spec,
                              const struct gguf *file, enum status *status,
                              struct error *err)
{
    static const struct model_options options = { .n_sequences = 1,
                                                  .n_tokens = T,
                                                  .n_threads = 1 };
    int32_t ids[T];
    struct model *model = NULL;

    cr_assert(eq(int, model_open(&model, spec, &options, err), STATUS_OK), "%s",
              err->text);
    *status = gguf_model_import(model, file, err);
    for (int t = 0; t < T; t++)
        ids[t] = t * t % V;
    model_forward(model, &(struct model_input){
        .ids = ids, .n_sequences = 1, .n_tokens = T,
        .policy = route_find("dense") }, NULL, NULL);
    return model;
}

Test(gguf_class, a_tensor_without_a_use_is_refused_by_name)
{
    struct change change = { .file = "olmo2", .add = add_shift };
    struct model_spec spec;
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };
    enum status status;
    size_t size;
    char *image = changed(&change, &size);

    cr_assert(eq(int, gguf_parse(&file, image, size, "x", &err), STATUS_OK),
              "%s", err.text);
    cr_assert(eq(int, gguf_model_spec(&spec, file, &err), STATUS_OK));
    model_close(model_of(&spec, file, &status, &err));
    cr_expect(eq(int, status, STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "tensor blk.0.post_attention_norm.bias: not"
                               " supported in the architecture olmo2") != NULL,
              "%s", err.text);
    gguf_close(file);
    free(image);
}

static void add_tiny(struct writer *w)
{
    put_real(w, "granite.logit_scale", 1e-39f);
}

Test(gguf_class, a_factor_that_makes_weights_infinite_is_refused)
{
    struct change change = { .file = "granite", .add = add_tiny,
                             .hide = "granite.logit_scale" };
    struct model_spec spec;
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };
    enum status status;
    size_t size;
    char *image = changed(&change, &size);

    cr_assert(eq(int, gguf_parse(&file, image, size, "x", &err), STATUS_OK),
              "%s", err.text);
    cr_assert(eq(int, gguf_model_spec(&spec, file, &err), STATUS_OK));
    model_close(model_of(&spec, file, &status, &err));
    cr_expect(eq(int, status, STATUS_FAILED));
    cr_expect(strstr(err.text, "output_norm.weight: a number in it is NaN or"
                               " infinite") != NULL, "%s", err.text);
    gguf_close(file);
    free(image);
}

/* Of files with matrices in bfloat16: kept so and widened, fused and apart, the
 * logits are the same.  What a factor is folded into is widened, but for an
 * embedding, whose rows are multiplied when they are read: with a head that is the
 * same matrix, sums are then of other numbers. */
Test(gguf_class, matrices_are_kept_but_for_those_that_factors_change)
{
    static const struct {
        const char *file;
        bool fuses, scales, query, up, down;         /* what is kept */
    } cases[] = {
        { "gemma2_usual",  true,  true,  true,  true, true },
        { "gemma3_usual",  true,  true,  true,  true, true },
        { "granite",       false, true,  false, true, false },
        { "olmo2",         true,  false, true,  true, true },
        { "phi_usual",     true,  false, true,  true, true },
        { "gpt_neox",      false, false, true,  true, true },
        { "stablelm",      true,  false, true,  true, true },
        { "phi3",          false, false, true,  true, true },
        { "smollm3_usual", false, false, true,  true, true },
        { "starcoder2",    true,  false, true,  true, true },
        { "falcon_both",   false, false, true,  true, true },
    };
    matrix_type = GGUF_BF16;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float logits[3][T * V];
        const int forms = cases[i].fuses ? 3 : 2;

        for (int form = 0; form < forms; form++) {
            struct change change = { .file = cases[i].file,
                                     .fuse = form == 2 };
            struct model_spec spec;
            struct gguf *file = NULL;
            struct error err = { STATUS_OK, "" };
            enum status status;
            size_t size;
            char *image = changed(&change, &size);

            cr_assert(eq(int, gguf_parse(&file, image, size, "x", &err),
                         STATUS_OK), "%s", err.text);
            cr_assert(eq(int, gguf_model_spec(&spec, file, &err), STATUS_OK),
                      "%s", err.text);
            if (form > 0)
                cr_assert(eq(int, gguf_model_keep(&spec, file, &err),
                             STATUS_OK), "%s", err.text);
            if (form > 0) {
                const enum number kept[] = { NUMBER_F32, NUMBER_BF16 };
                cr_expect(spec.stored_embedding == NUMBER_BF16);
                const bool scales = spec.embedding_scale > 0.0f;
                cr_expect(scales == cases[i].scales);
                cr_expect(spec.stored[1][MATRIX_QUERY] == kept[cases[i].query]);
                cr_expect(spec.stored[1][MATRIX_VALUE] == kept[cases[i].query]);
                cr_expect(spec.stored[1][MATRIX_UP] == kept[cases[i].up]);
                cr_expect(spec.stored[1][MATRIX_DOWN] == kept[cases[i].down]);
            }
            struct model *model = model_of(&spec, file, &status, &err);
            cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
            memcpy(logits[form], model_logits(model), sizeof logits[form]);
            model_close(model);
            gguf_close(file);
            free(image);
        }
        for (int form = 1; form < forms; form++) {
            float off = 0.0f;
            for (int j = 0; j < T * V; j++)
                off = fmaxf(off, fabsf(logits[form][j] - logits[0][j]));
            cr_expect(cases[i].scales ? off < 1e-5f : !(off > 0.0f),
                      "%s in form %d: %g", cases[i].file, form, (double)off);
        }
        cr_expect(forms < 3 ||
                  memcmp(logits[1], logits[2], sizeof logits[1]) == 0);
    }
    matrix_type = GGUF_F32;
}
