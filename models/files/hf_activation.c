/* hf_activation.c - Read and write the activation by its names (ACT2FN of
 * transformers, activations.py). */
#include "models/files/hf_inside.h"

#include <stdio.h>
#include <string.h>

enum { NONE = -1 };

/* What a name means of one product, and of a gate before an up product. */
static const struct { const char *name; int plain, gated; } words[] = {
    { "gelu_new",          ACTIVATION_GELU,     ACTIVATION_GEGLU },
    { "gelu_pytorch_tanh", ACTIVATION_GELU,     ACTIVATION_GEGLU },
    { "gelu_python_tanh",  ACTIVATION_GELU,     ACTIVATION_GEGLU },
    { "gelu_fast",         ACTIVATION_GELU,     ACTIVATION_GEGLU },
    { "gelu_accurate",     ACTIVATION_GELU,     ACTIVATION_GEGLU },
    { "gelu",              ACTIVATION_GELU_ERF, NONE },
    { "gelu_python",       ACTIVATION_GELU_ERF, NONE },
    { "relu",              ACTIVATION_RELU,     NONE },
    { "silu",              NONE,                ACTIVATION_SWIGLU },
    { "swish",             NONE,                ACTIVATION_SWIGLU },
};
enum { N_WORDS = sizeof words / sizeof *words };

/* The key of a vocabulary, and the name that its classes take where it is
 * absent. */
static const struct { const char *key, *usual; } vocabularies[] = {
    [HF_NAMES_GPT2]       = { "activation_function", "gelu_new" },
    [HF_NAMES_LLAMA]      = { "hidden_act",          "silu" },
    [HF_NAMES_STARCODER2] = { "hidden_act",          "gelu_pytorch_tanh" },
    [HF_NAMES_GEMMA1]     = { "hidden_act",          "gelu_pytorch_tanh" },
    [HF_NAMES_GEMMA]      = { "hidden_activation",   "gelu_pytorch_tanh" },
    [HF_NAMES_OLMO2]      = { "hidden_act",          "silu" },
    [HF_NAMES_NEOX]       = { "hidden_act",          "gelu" },
    [HF_NAMES_FALCON]     = { "activation",          "gelu" },
    [HF_NAMES_STABLELM]   = { "hidden_act",          "silu" },
    [HF_NAMES_PHI]        = { "hidden_act",          "gelu_new" },
    [HF_NAMES_OPT]        = { "activation_function", "relu" },
    [HF_NAMES_MIXTRAL]    = { "hidden_act",          "silu" },
    [HF_NAMES_MOE]        = { "hidden_act",          "silu" },
};

static bool gated(enum activation_kind kind)
{
    return kind == ACTIVATION_SWIGLU || kind == ACTIVATION_GEGLU;
}

/* Gemma's first files say gelu and mean its tanh form: GemmaConfig takes it so. */
static int meaning_of(int word, const struct hf_class *class,
                      enum activation_kind own)
{
    if (class->names == HF_NAMES_GEMMA1 && words[word].plain ==
                                               ACTIVATION_GELU_ERF)
        return ACTIVATION_GEGLU;
    return gated(own) ? words[word].gated : words[word].plain;
}

enum status hf_read_activation(struct model_spec *spec,
                               const struct hf_class *class,
                               const json_t *root, const char *name,
                               struct error *err)
{
    const char *key = vocabularies[class->names].key;
    const enum activation_kind own = spec->traits.activation;
    const json_t *value = json_object_get(root, key);
    const char *word = json_string_value(value);
    char allowed[160] = "";

    for (int i = 0; value && i < N_WORDS; i++) {
        const int kind = meaning_of(i, class, own);
        /* A gate's is the class's own: other classes have the others. */
        if (kind == NONE || (gated(own) && kind != (int)own))
            continue;
        if (word && strcmp(word, words[i].name) == 0) {
            spec->traits.activation = (enum activation_kind)kind;
            return STATUS_OK;
        }
        const size_t at = strlen(allowed);
        snprintf(allowed + at, sizeof allowed - at, "%s\"%s\"",
                 at ? ", " : "", words[i].name);
    }
    return value ? hf_refuse(err, name, key, value, "supported is %s", allowed)
                 : STATUS_OK;
}

void hf_write_activation(json_t *root, const struct hf_class *class,
                         const struct model_spec *spec)
{
    const enum activation_kind kind = spec->traits.activation;
    const char *word = vocabularies[class->names].usual;

    if (kind != family_traits[class->family].activation)
        for (int i = N_WORDS - 1; i >= 0; i--)
            if (words[i].plain == (int)kind)
                word = words[i].name;
    json_object_set_new(root, vocabularies[class->names].key,
                        json_string(word));
}
