/* hf_class.c - Find a class by its name, or by the traits of a model. */
#include "models/files/hf_class.h"

#include <math.h>
#include <string.h>

#define CLASS(type_, stem, family_, names_, ...)                               \
    { .type = type_, .head = stem "ForCausalLM", .body = stem "Model",         \
      .family = FAMILY_##family_, .names = HF_NAMES_##names_, __VA_ARGS__ }
#define KV "num_key_value_heads"
#define BIT(place) 1u << PARALLEL_##place
static const struct hf_class classes[] = {
    { .type = "gpt2", .head = "GPT2LMHeadModel", .body = "GPT2Model",
      .family = FAMILY_GPT2, .names = HF_NAMES_GPT2 },
    CLASS("llama", "Llama", LLAMA, LLAMA, .biases = true),
    CLASS("mistral", "Mistral", LLAMA, LLAMA, .needs = { KV },
          .window = HF_WINDOW_GIVEN, .usual_window = 4096),
    CLASS("qwen2", "Qwen2", QWEN2, LLAMA, .needs = { KV },
          .window = HF_WINDOW_USED, .usual_window = 4096),
    CLASS("qwen3", "Qwen3", QWEN3, LLAMA, .needs = { KV, "head_dim" },
          .window = HF_WINDOW_USED, .usual_window = 4096),
    CLASS("phi3", "Phi3", LLAMA, LLAMA, .window = HF_WINDOW_GIVEN,
          .rotary_share = "partial_rotary_factor", .usual_share = "1.0"),
    CLASS("granite", "Granite", LLAMA, LLAMA, .biases = true, .factors = true),
    CLASS("smollm3", "SmolLM3", LLAMA, LLAMA, .needs = { KV, "rope_theta" },
          .biases = true, .window = HF_WINDOW_USED, .skips_positions = true,
          .tied = true),
    CLASS("starcoder2", "Starcoder2", STARCODER2, STARCODER2, .needs = { KV },
          .window = HF_WINDOW_GIVEN),
    CLASS("gemma", "Gemma", GEMMA, GEMMA1, .needs = { KV, "head_dim" },
          .scaled = true),
    CLASS("gemma2", "Gemma2", GEMMA2, GEMMA, .needs = { KV, "head_dim" },
          .window = HF_WINDOW_PATTERN, .usual_window = 4096, .window_step = 2,
          .scaled = true, .usual_cap = { "50.0", "30.0" }),
    { .type = "gemma3_text", .head = "Gemma3ForCausalLM",
      .body = "Gemma3TextModel", .family = FAMILY_GEMMA3,
      .names = HF_NAMES_GEMMA, .needs = { KV, "head_dim" },
      .window = HF_WINDOW_PATTERN, .usual_window = 4096, .window_step = 6,
      .scaled = true, .usual_cap = { "", "" }, .local = true },
    CLASS("olmo2", "Olmo2", OLMO2, OLMO2, .window = HF_WINDOW_NONE),
    CLASS("gpt_neox", "GPTNeoX", GPT_NEOX, NEOX,
          .rotary_share = "rotary_pct", .usual_share = "0.25",
          .parallel = BIT(NORMS) | BIT(NONE)),
    CLASS("falcon", "Falcon", FALCON, FALCON,
          .parallel = BIT(NORM) | BIT(NORMS)),
    CLASS("stablelm", "StableLm", STABLELM, STABLELM, .needs = { KV },
          .rotary_share = "partial_rotary_factor", .usual_share = "0.25",
          .parallel = BIT(NONE) | BIT(NORM), .norms_heads = true),
    CLASS("phi", "Phi", PHI, PHI, .rotary_share = "partial_rotary_factor",
          .usual_share = "0.5"),
    CLASS("opt", "OPT", OPT, OPT, .norm_epsilon = 1e-5f),
    CLASS("mixtral", "Mixtral", LLAMA, MIXTRAL, .needs = { KV },
          .window = HF_WINDOW_GIVEN, .experts = HF_EXPERTS_NORMALISED),
    CLASS("qwen2_moe", "Qwen2Moe", QWEN2, MOE, .needs = { KV },
          .window = HF_WINDOW_USED, .usual_window = 4096,
          .experts = HF_EXPERTS_SHARED),
    CLASS("qwen3_moe", "Qwen3Moe", QWEN3, MOE, .needs = { KV, "head_dim" },
          .experts = HF_EXPERTS_EITHER),
    CLASS("olmoe", "Olmoe", LLAMA, MOE, .experts = HF_EXPERTS_EITHER,
          .norms_rows = true),
    CLASS("deepseek_v2", "DeepseekV2", LLAMA, LLAMA,
          .experts = HF_EXPERTS_EITHER, .priced = true),
    CLASS("deepseek_v3", "DeepseekV3", LLAMA, LLAMA,
          .experts = HF_EXPERTS_EITHER, .priced = true),
};
enum { N_CLASSES = sizeof classes / sizeof *classes };
const char hf_class_types[] = "gpt2, llama, mistral, qwen2, qwen3, phi3,"
                              " granite, smollm3, starcoder2, gemma,"
                              " gemma2, gemma3_text, olmo2, gpt_neox, falcon,"
                              " stablelm, phi, opt, mixtral, qwen2_moe,"
                              " qwen3_moe and olmoe";
const char hf_class_priced[] = "deepseek_v2 and deepseek_v3";

const struct hf_class *hf_class_at(int i)
{
    return i < N_CLASSES ? &classes[i] : NULL;
}

const struct hf_class *hf_class_find(const char *type)
{
    for (int i = 0; i < N_CLASSES; i++)
        if (strcmp(type, classes[i].type) == 0)
            return &classes[i];
    return NULL;
}

struct folding hf_class_folding(const struct hf_class *class,
                                const struct model_spec *spec)
{
    return class->scaled ? (struct folding){
        .embedding = sqrtf((float)spec->n_channels), .logits = 1.0f }
                         : (struct folding){ .embedding = 0 };
}

struct traits hf_class_traits(const struct hf_class *class)
{
    struct traits traits = family_traits[class->family];

    traits.qk_norm |= class->norms_rows;
    traits.qk_norm_rows |= class->norms_rows;
    return traits;
}

/* Of feed-forward parts. */
static bool fits_experts(const struct hf_class *class,
                         const struct model_spec *spec)
{
    const struct experts *e = &spec->experts;

    switch (class->experts) {
    case HF_EXPERTS_NONE:
        return e->n == 0;
    case HF_EXPERTS_NORMALISED:
        /* Where experts choose, the file says so, and nothing sums to 1. */
        return e->n > 0 && (e->normalised || spec_experts_choose(spec)) &&
               e->shared == 0 && !spec_has_ffn(spec);
    case HF_EXPERTS_EITHER:
        return e->n > 0 && e->shared == 0 && !class->priced;
    default:
        return e->n > 0 && e->shared > 0 && e->shared_gate;
    }
}

enum hf_names hf_names_of(const struct model_spec *spec)
{
    const enum family family = spec_family(spec);
    int i = N_CLASSES - 1;

    if (spec->experts.n > 0)
        return traits_equal(&spec->traits, &family_traits[FAMILY_LLAMA])
                   ? HF_NAMES_MIXTRAL : HF_NAMES_MOE;
    while (i > 0 && (classes[i].family != family || classes[i].experts))
        i--;
    return classes[i].names;
}

/* Of one product: its class has a key that names any of them. */
static bool is_plain(enum activation_kind kind)
{
    return kind != ACTIVATION_SWIGLU && kind != ACTIVATION_GEGLU;
}

/* The class's traits, and those in their place that its keys say. */
static bool fits_traits(const struct hf_class *class, const struct traits *own)
{
    struct traits has = hf_class_traits(class);

    if (class->parallel & 1u << own->parallel)
        has.parallel = own->parallel;
    if (is_plain(has.activation) && is_plain(own->activation))
        has.activation = own->activation;
    has.qk_norm |= class->norms_heads && own->qk_norm;
    return traits_equal(own, &has);
}

/* The class has a key for the windows of the spec, for layers without positions
 * and for what else it has. */
static bool fits(const struct hf_class *class, const struct model_spec *spec)
{
    bool windows = false, some_not = false, unturned = false;

    for (int32_t l = 0; l < spec->n_layers; l++) {
        windows |= spec_window(spec, l) > 0;
        some_not |= spec_window(spec, l) == 0;
        unturned |= spec->unturned[l];
    }
    const bool capped = spec->attention_cap > 0 || spec->logit_cap > 0;
    return (!windows || class->window == HF_WINDOW_PATTERN ||
            (!some_not && class->window == HF_WINDOW_GIVEN)) &&
           (!capped || class->usual_cap[0]) &&
           (!(spec->local_theta > 0) || class->local) &&
           (spec->n_rotary == 0 || class->rotary_share) &&
           (!unturned || class->skips_positions) &&
           fits_experts(class, spec) && fits_traits(class, &spec->traits);
}

enum status hf_class_of(const struct hf_class **out,
                        const struct model_spec *spec, const char *name,
                        struct error *err)
{
    for (int i = 0; i < N_CLASSES; i++)
        if (fits(&classes[i], spec)) {
            *out = &classes[i];
            return STATUS_OK;
        }
    return error_set(err, STATUS_BAD_VALUE, "%s: no class of transformers is"
                     " %s with model.qkv_bias %s, model.qk_norm %s%s; those"
                     " that can be written are %s", name,
                     family_names[spec_family(spec)],
                     spec->traits.qkv_bias ? "true" : "false",
                     spec->traits.qk_norm ? "true" : "false",
                     spec->experts.n == 0       ? ""
                     : spec->experts.shared > 0 ? ", experts and shared ones"
                     : spec->experts.normalised ? " and experts"
                     : ", experts and model.norm_topk false", hf_class_types);
}
