/* gguf_class.c - Hold the architectures and their keys. */
#include "models/files/gguf_class.h"

#include <stddef.h>
#include <stdio.h>

#define USUAL(name, rule, member, usual)                                       \
    { name, GGUF_RULE_##rule, false, offsetof(struct model_spec, member), usual }
#define NEED(name, rule, member)                                               \
    { name, GGUF_RULE_##rule, true, offsetof(struct model_spec, member), 0 }
#define KEY(name, rule, member) USUAL(name, rule, member, 0)
#define FIXED(name, rule) { name, GGUF_RULE_##rule, false, 0, 0 }
#define END { .name = NULL }

#define SIZES                                                                  \
    NEED("context_length",       INT, max_tokens),                             \
    NEED("embedding_length",     INT, n_channels),                             \
    NEED("block_count",          INT, n_layers),                               \
    NEED("feed_forward_length",  INT, n_ffn),                                  \
    NEED("attention.head_count", INT, n_heads),                                \
    FIXED("vocab_size", ANY)     /* the embedding says it */
#define HEADS                                                                  \
    KEY("attention.head_count_kv", INT,  n_kv_heads),                          \
    KEY("attention.key_length",    INT,  head_size),                           \
    KEY("attention.value_length",  SAME, head_size)
#define NO_EXPERTS                                                             \
    FIXED("expert_count",          ZERO),                                      \
    FIXED("expert_used_count",     ZERO)
#define EXPERTS                                                                \
    KEY("expert_count",               COUNT, experts.n),                       \
    KEY("expert_used_count",          COUNT, experts.active),                  \
    KEY("expert_feed_forward_length", COUNT, experts.width),                   \
    KEY("expert_shared_feed_forward_length", COUNT, experts.shared)
#define LAYER_NORM NEED("attention.layer_norm_epsilon",     FLOAT, norm_epsilon)
#define RMS_NORM   NEED("attention.layer_norm_rms_epsilon", FLOAT, norm_epsilon)
#define BASE       KEY("rope.freq_base", FLOAT, rope_theta)
#define SCALING                                                                \
    FIXED("rope.scaling.type",        SCALING),                                \
    FIXED("rope.scaling.factor",      SCALING),                                \
    FIXED("rope.scale_linear",        SCALING)    /* its older name */
#define ROPE                                                                   \
    BASE, SCALING,                                                             \
    FIXED("rope.scaling.attn_factor", ONE),                                    \
    FIXED("rope.scaling.original_context_length", ANY)
/* All of a head is turned, or a part of it. */
#define TURNED_WHOLE KEY("rope.dimension_count", SAME, head_size)
#define TURNED_PART  KEY("rope.dimension_count", ROTARY, n_rotary)
#define UNWINDOWED   FIXED("attention.sliding_window", NO_WINDOW)
#define TUNED        FIXED("rope.scaling.finetuned", ANY)

static const struct gguf_key gpt2_keys[] = { SIZES, LAYER_NORM, END };

static const struct gguf_key llama_keys[] = {
    SIZES, HEADS, NO_EXPERTS, RMS_NORM, ROPE, TURNED_WHOLE, UNWINDOWED, TUNED,
    END
};

static const struct gguf_key experts_keys[] = {
    SIZES, HEADS, EXPERTS, RMS_NORM, ROPE, TURNED_WHOLE, UNWINDOWED, TUNED, END
};

static const struct gguf_key starcoder2_keys[] = {
    SIZES, HEADS, NO_EXPERTS, LAYER_NORM, ROPE, TURNED_WHOLE, UNWINDOWED, TUNED, END
};

/* Where they are absent, as gemma2.cpp and llama-hparams.h have them. */
static const struct gguf_key gemma2_keys[] = {
    SIZES, HEADS, NO_EXPERTS, RMS_NORM, ROPE, TURNED_WHOLE, TUNED,
    USUAL("attn_logit_softcapping",  FLOAT, attention_cap, 50.0f),
    USUAL("final_logit_softcapping", FLOAT, logit_cap, 30.0f),
    USUAL("attention.sliding_window", WINDOW, window, 4096.0f),
    FIXED("attention.sliding_window_pattern", PATTERN), END
};

static const struct gguf_key gemma3_keys[] = {
    SIZES, HEADS, NO_EXPERTS, RMS_NORM, ROPE, TURNED_WHOLE, TUNED,
    KEY("final_logit_softcapping", FLOAT, logit_cap),
    KEY("attention.sliding_window", WINDOW, window),
    FIXED("attention.sliding_window_pattern", PATTERN),
    USUAL("rope.freq_base_swa", FLOAT, local_theta, 10000.0f), END
};

/* The key that says whether parts read the same rows says nothing in stablelm's
 * files, as their norms do. */
static const struct gguf_key gptneox_keys[] = {
    SIZES, LAYER_NORM, ROPE, TURNED_PART, TUNED,
    { "use_parallel_residual", GGUF_RULE_PARALLEL, true, 0, 0 }, END
};

static const struct gguf_key stablelm_keys[] = {
    SIZES, HEADS, NO_EXPERTS, LAYER_NORM, ROPE, TURNED_PART, TUNED,
    FIXED("use_parallel_residual", ANY), END
};

static const struct gguf_key phi2_keys[] = {
    SIZES, HEADS, NO_EXPERTS, LAYER_NORM, ROPE, TURNED_PART, TUNED, END
};

static const struct gguf_key phi3_keys[] = {
    SIZES, HEADS, NO_EXPERTS, RMS_NORM, BASE, SCALING, TURNED_PART, TUNED,
    KEY("attention.sliding_window", WINDOW, window),
    KEY("rope.scaling.attn_factor", FLOAT, rope_scaling.amplitude),
    KEY("rope.scaling.original_context_length", INT,
        rope_scaling.original_tokens), END
};

static const struct gguf_key falcon_keys[] = {
    SIZES, HEADS, NO_EXPERTS, LAYER_NORM, ROPE, TURNED_WHOLE, TUNED,
    { "tensor_data_layout", GGUF_RULE_JPLOSKI, true, 0, 0 }, END
};

/* llama.cpp takes `finetuned` for a sign that positions turn at all. */
static const struct gguf_key granite_keys[] = {
    SIZES, HEADS, NO_EXPERTS, RMS_NORM, ROPE, TURNED_WHOLE, UNWINDOWED,
    FIXED("rope.scaling.finetuned", TRUE),
    KEY("embedding_scale", FLOAT, fold.embedding),
    KEY("residual_scale",  FLOAT, fold.residual),
    KEY("attention.scale", FLOAT, fold.scores),
    NEED("logit_scale",    FLOAT, fold.logits), END
};

/* llama.cpp turns neighbours in the heads of some, so their files have the rows
 * of queries and keys in another order, and halves in those of others
 * (llama-model.cpp, llama_model_rope_type: NORM and NEOX). */
#define PAIRS  .heads = LAYOUT_PAIRS
#define HALVES .heads = LAYOUT_LINEAR
#define CLASS(name_, family_, keys_, ...)                                      \
    { .name = name_, .family = FAMILY_##family_, .keys = keys_##_keys,         \
      __VA_ARGS__ }
static const struct gguf_class classes[] = {
    CLASS("llama",   LLAMA, experts, PAIRS, .biases = GGUF_BIASES_ALL,
          .experts_normalised = true),      /* Mixtral is one of them */
    CLASS("mistral", LLAMA, llama, PAIRS),
    CLASS("qwen2",   QWEN2, llama, HALVES),
    CLASS("qwen3",   QWEN3, llama, HALVES),
    CLASS("qwen2moe", QWEN2, experts, HALVES),
    CLASS("qwen3moe", QWEN3, experts, HALVES, .experts_normalised = true),
    CLASS("olmoe",   LLAMA, experts, HALVES, .norms_rows = true),
    CLASS("gpt2",    GPT2,  gpt2,  HALVES),
    CLASS("phi3",    LLAMA, phi3,  HALVES, .gate_up = true, .longrope = true),
    CLASS("granite", LLAMA, granite, PAIRS, .biases = GGUF_BIASES_ALL),
    CLASS("smollm3", LLAMA, llama, PAIRS, .biases = GGUF_BIASES_ALL,
          .unturned_step = 4),
    CLASS("starcoder2", STARCODER2, starcoder2, HALVES),
    CLASS("gemma",   GEMMA, llama, HALVES, .scaled = true),
    CLASS("gemma2",  GEMMA2, gemma2, HALVES, .window_step = 2, .scaled = true,
          .wide_layers = 46),
    CLASS("gemma3",  GEMMA3, gemma3, HALVES, .window_step = 6, .scaled = true,
          .wide_layers = 62),
    CLASS("olmo2",   OLMO2, llama, HALVES),
    CLASS("gptneox", GPT_NEOX, gptneox, HALVES),
    CLASS("falcon",  FALCON, falcon, HALVES, .norms_two = true),
    CLASS("stablelm", STABLELM, stablelm, HALVES, .biases = GGUF_BIASES_QKV,
          .norms_tell = true),
    CLASS("phi2",    PHI,   phi2,  HALVES),
};
enum { N_CLASSES = sizeof classes / sizeof *classes };

const struct gguf_class *gguf_class_at(int i)
{
    return i < N_CLASSES ? &classes[i] : NULL;
}

/* "llama, mistral, ... and phi2" */
static void list_names(char *out, size_t size)
{
    for (int i = 0, at = 0; i < N_CLASSES && at < (int)size; i++)
        at += snprintf(out + at, size - (size_t)at, "%s%s",
                       i == 0 ? "" : i == N_CLASSES - 1 ? " and " : ", ",
                       classes[i].name);
}

enum status gguf_class_find(const struct gguf_class **out,
                            const struct gguf *file, struct error *err)
{
    char names[16 * N_CLASSES];
    struct gguf_text text;
    enum status status = gguf_text(&text, file, "general.architecture", err);

    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < N_CLASSES; i++)
        if (gguf_text_is(text, classes[i].name)) {
            *out = &classes[i];
            return STATUS_OK;
        }
    list_names(names, sizeof names);
    return error_set(err, STATUS_BAD_VALUE, "%.160s: general.architecture"
                     " '%.*s': supported are %s", gguf_name(file),
                     text.size < 32 ? (int)text.size : 32, text.bytes, names);
}
