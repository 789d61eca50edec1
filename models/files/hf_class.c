/* hf_class.c - Find a class by its name, or by the traits of a model. */
#include "models/files/hf_class.h"

#include <string.h>

static const struct hf_class classes[] = {
    { "gpt2", "GPT2LMHeadModel", "GPT2Model", FAMILY_GPT2, HF_NAMES_GPT2,
      { NULL }, false },
    { "llama", "LlamaForCausalLM", "LlamaModel", FAMILY_LLAMA, HF_NAMES_LLAMA,
      { NULL }, false },
    { "mistral", "MistralForCausalLM", "MistralModel", FAMILY_LLAMA,
      HF_NAMES_LLAMA, { "num_key_value_heads" }, false },
    { "qwen2", "Qwen2ForCausalLM", "Qwen2Model", FAMILY_QWEN2, HF_NAMES_LLAMA,
      { "num_key_value_heads" }, false },
    { "qwen3", "Qwen3ForCausalLM", "Qwen3Model", FAMILY_QWEN3, HF_NAMES_LLAMA,
      { "num_key_value_heads", "head_dim" }, false },
    { "mixtral", "MixtralForCausalLM", "MixtralModel", FAMILY_LLAMA,
      HF_NAMES_LLAMA, { "num_key_value_heads" }, true },
    { "qwen2_moe", "Qwen2MoeForCausalLM", "Qwen2MoeModel", FAMILY_QWEN2,
      HF_NAMES_LLAMA, { "num_key_value_heads" }, true },
    { "qwen3_moe", "Qwen3MoeForCausalLM", "Qwen3MoeModel", FAMILY_QWEN3,
      HF_NAMES_LLAMA, { "num_key_value_heads", "head_dim" }, true },
    { "olmoe", "OlmoeForCausalLM", "OlmoeModel", FAMILY_LLAMA, HF_NAMES_LLAMA,
      { NULL }, true },
    { "deepseek_v2", "DeepseekV2ForCausalLM", "DeepseekV2Model", FAMILY_LLAMA,
      HF_NAMES_LLAMA, { NULL }, true },
    { "deepseek_v3", "DeepseekV3ForCausalLM", "DeepseekV3Model", FAMILY_LLAMA,
      HF_NAMES_LLAMA, { NULL }, true },
};
enum { N_CLASSES = sizeof classes / sizeof *classes };
const char hf_class_types[] = "gpt2, llama, mistral, qwen2 and qwen3";
const char hf_class_priced[] = "mixtral, qwen2_moe, qwen3_moe, olmoe,"
                               " deepseek_v2 and deepseek_v3";

const struct hf_class *hf_class_find(const char *type)
{
    for (int i = 0; i < N_CLASSES; i++)
        if (strcmp(type, classes[i].type) == 0)
            return &classes[i];
    return NULL;
}

enum hf_names hf_names_of(const struct model_spec *spec)
{
    const enum family family = spec_family(spec);
    int i = N_CLASSES - 1;
    while (i > 0 && classes[i].family != family)
        i--;
    return classes[i].names;
}

enum status hf_class_of(const struct hf_class **out,
                        const struct model_spec *spec, const char *name,
                        struct error *err)
{
    for (int i = 0; i < N_CLASSES; i++)
        if (traits_equal(&spec->traits, &family_traits[classes[i].family])) {
            *out = &classes[i];
            return STATUS_OK;
        }
    return error_set(err, STATUS_BAD_VALUE, "%s: no class of transformers is"
                     " %s with model.qkv_bias %s and model.qk_norm %s; those"
                     " that can be written are %s", name,
                     family_names[spec_family(spec)],
                     spec->traits.qkv_bias ? "true" : "false",
                     spec->traits.qk_norm ? "true" : "false", hf_class_types);
}
