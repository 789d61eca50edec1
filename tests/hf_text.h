/* hf_text.h - Texts of configs of several classes, and their reading. */
#ifndef HF_TEXT_H
#define HF_TEXT_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "models/files/hf_config.h"

static inline enum status parse(struct model_spec *spec, const char *text,
                                struct error *err)
{
    return hf_config_parse(spec, NULL, text, strlen(text), "config.json", err);
}

#define GPT2 "\"model_type\":\"gpt2\",\"n_embd\":768,\"n_layer\":12," \
             "\"n_head\":12,\"n_positions\":1024,\"vocab_size\":50257"
#define LLAMA "\"model_type\":\"llama\",\"hidden_size\":576," \
              "\"intermediate_size\":1536,\"num_hidden_layers\":30," \
              "\"num_attention_heads\":9,\"max_position_embeddings\":2048," \
              "\"vocab_size\":49152"
#define QWEN2                                                                  \
    "\"model_type\":\"qwen2\",\"architectures\":[\"Qwen2ForCausalLM\"],"     \
    "\"hidden_size\":896,\"intermediate_size\":4864,"                          \
    "\"num_hidden_layers\":24,\"num_attention_heads\":14,"                     \
    "\"num_key_value_heads\":2,\"max_position_embeddings\":32768,"             \
    "\"vocab_size\":151936,\"rms_norm_eps\":1e-06,"                            \
    "\"rope_theta\":1000000.0,\"max_window_layers\":21"
#define QWEN3                                                                  \
    "\"model_type\":\"qwen3\",\"architectures\":[\"Qwen3ForCausalLM\"],"     \
    "\"hidden_size\":1024,\"intermediate_size\":3072,"                         \
    "\"num_hidden_layers\":28,\"num_attention_heads\":16,"                     \
    "\"num_key_value_heads\":8,\"max_position_embeddings\":40960,"             \
    "\"vocab_size\":151936,\"rope_theta\":1000000"
#define MISTRAL                                                                \
    "\"model_type\":\"mistral\","                                              \
    "\"architectures\":[\"MistralForCausalLM\"],"                              \
    "\"hidden_size\":32,\"intermediate_size\":64,"                             \
    "\"num_hidden_layers\":1,\"num_attention_heads\":8,"                       \
    "\"num_key_value_heads\":2,\"max_position_embeddings\":8192,"              \
    "\"vocab_size\":9"
#define SMOLLM3 "\"model_type\":\"smollm3\",\"hidden_size\":64,"             \
    "\"intermediate_size\":96,\"num_hidden_layers\":8,"                        \
    "\"num_attention_heads\":4,\"num_key_value_heads\":2,"                     \
    "\"max_position_embeddings\":128,\"vocab_size\":9,\"rope_theta\":5e6"
#define GRANITE "\"model_type\":\"granite\",\"hidden_size\":64,"             \
    "\"intermediate_size\":96,\"num_hidden_layers\":2,"                        \
    "\"num_attention_heads\":4,\"num_key_value_heads\":2,"                     \
    "\"max_position_embeddings\":128,\"vocab_size\":9"
#define OF(type) "{\"model_type\":\"" type "\",\"vocab_size\":256,"           \
    "\"hidden_size\":48,\"intermediate_size\":80,\"num_hidden_layers\":2,"     \
    "\"num_attention_heads\":6,\"num_key_value_heads\":2,\"head_dim\":8,"      \
    "\"max_position_embeddings\":64,\"num_experts_per_tok\":2,"              \
    "\"moe_intermediate_size\":24,\"rms_norm_eps\":1e-6,"
#define ROPE(more) "\"rope_parameters\":{\"rope_type\":\"default\"," more "}"

struct refusal {
    const char *text, *words;    /* of its message, which names the file */
};

static inline void expect_refused(const struct refusal *refusals, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };

        cr_expect(ne(int, parse(&spec, refusals[i].text, &err), STATUS_OK),
                  "%s", refusals[i].text);
        cr_expect(strstr(err.text, refusals[i].words) != NULL, "%s: %s",
                  refusals[i].text, err.text);
        cr_expect(strncmp(err.text, "config.json:", 12) == 0, "%s", err.text);
    }
}

#endif
