/* hf_quantized.c - Read the quantization_config of matrices that other programs
 * packed, by a table of their methods; they are priced, and not run. */
#include "models/files/hf_inside.h"

#include <regex.h>
#include <string.h>

/* What a method packs, of its part of a config.json. */
struct quantized {
    struct packing packing;
    const json_t *skipped;       /* names of modules that are not packed; NULL:
                                  * not said */
    bool head;                   /* the head is packed unless it is skipped */
};

struct reading {
    const json_t *config;        /* quantization_config */
    const char *name;            /* of the file */
    int32_t scale_bits;          /* of a number of the model's own type */
    struct error *err;
};

static enum status refuse(const struct reading *r, const char *key,
                          const char *what)
{
    return hf_refuse(r->err, r->name, "quantization_config",
                     hf_given(r->config, key), "%s: %s", key, what);
}

/* A whole number of the key, or `usual` where it is not given. */
static int64_t number(const struct reading *r, const char *key, int64_t usual)
{
    const json_t *value = hf_given(r->config, key);

    return !value ? usual
           : json_is_integer(value) ? json_integer_value(value) : INT64_MIN;
}

static bool says(const struct reading *r, const char *key, const char *word)
{
    const char *text = json_string_value(hf_given(r->config, key));

    return text && strcmp(text, word) == 0;
}

/* Inputs that share a scale; -1: all. */
static enum status read_group(struct packing *p, const struct reading *r)
{
    const int64_t group = number(r, "group_size", 128);

    if (group != -1 && (group < 1 || group > 1 << 16))
        return refuse(r, "group_size", "must be -1 or 1 to 65536");
    p->inputs = group > 0 ? (int32_t)group : 0;
    return STATUS_OK;
}

/* WQLinear_GEMM of AutoAWQ: qweight, qzeros, scales in float16. */
static enum status read_awq(struct quantized *out, const struct reading *r)
{
    if (number(r, "bits", 4) != 4)
        return refuse(r, "bits", "supported is 4");
    if (hf_given(r->config, "version") && !says(r, "version", "gemm"))
        return refuse(r, "version", "supported is \"gemm\"");
    out->packing = (struct packing){ "AWQ", 4, 0, 1, 16, 4, 0, 0, 0 };
    out->skipped = hf_given(r->config, "modules_to_not_convert");
    return read_group(&out->packing, r);
}

/* QuantLinear of AutoGPTQ: the same, and g_idx, an int32 of each input. */
static enum status read_gptq(struct quantized *out, const struct reading *r)
{
    const int64_t bits = number(r, "bits", INT64_MIN);

    if (bits != 2 && bits != 3 && bits != 4 && bits != 8)
        return refuse(r, "bits", "supported are 2, 3, 4 and 8");
    if (hf_given(r->config, "modules_in_block_to_quantize"))
        return refuse(r, "modules_in_block_to_quantize", "supported is null");
    out->packing = (struct packing){ "GPTQ", (int32_t)bits, 0, 1, 16,
                                     (int32_t)bits, 0, 32, 0 };
    out->head = json_is_true(hf_given(r->config, "lm_head"));
    return read_group(&out->packing, r);
}

/* Linear4bit: an absmax of each 64 numbers, float32 or with double quantization a
 * byte, of which 256 share a float32; its 16 values, and those of the bytes.
 * Linear8bitLt: a float32 of each output. */
static enum status read_bitsandbytes(struct quantized *out,
                                     const struct reading *r)
{
    const bool four = json_is_true(hf_given(r->config, "load_in_4bit"));
    const bool eight = json_is_true(hf_given(r->config, "load_in_8bit"));
    const bool twice = json_is_true(hf_given(r->config,
                                             "bnb_4bit_use_double_quant"));
    enum { VALUES = 16 * 4, BYTE_VALUES = 256 * 4 };

    if (four == eight)
        return refuse(r, "load_in_4bit", "one of this and load_in_8bit must be"
                      " true");
    out->packing = eight
        ? (struct packing){ "bitsandbytes", 8, 0, 1, 32, 0, 0, 0, 0 }
        : (struct packing){ "bitsandbytes", 4, 64, 1, twice ? 8 : 32, 0,
                            twice ? 256 : 0, 0,
                            twice ? VALUES + BYTE_VALUES : VALUES };
    out->skipped = hf_given(r->config, "llm_int8_skip_modules");
    out->head = out->skipped != NULL;
    return STATUS_OK;
}

/* FP8Linear: a float32 of each block, or of the matrix. */
static enum status read_fp8(struct quantized *out, const struct reading *r)
{
    const json_t *block = hf_given(r->config, "weight_block_size");
    const json_int_t rows = json_integer_value(json_array_get(block, 0));
    const json_int_t columns = json_integer_value(json_array_get(block, 1));

    if (block && (json_array_size(block) != 2 || rows < 1 || columns < 1 ||
                  rows > 1 << 16 || columns > 1 << 16))
        return refuse(r, "weight_block_size", "must be two numbers, 1 to 65536");
    out->packing = (struct packing){ "FP8", 8, (int32_t)columns, (int32_t)rows,
                                     32, 0, 0, 0, 0 };
    out->skipped = hf_given(r->config, "modules_to_not_convert");
    out->head = out->skipped != NULL;
    return STATUS_OK;
}

/* FbgemmFp8Linear: a float32 of each output. */
static enum status read_fbgemm(struct quantized *out, const struct reading *r)
{
    out->packing = (struct packing){ "FBGEMM FP8", 8, 0, 1, 32, 0, 0, 0, 0 };
    out->skipped = hf_given(r->config, "modules_to_not_convert");
    out->head = out->skipped != NULL;
    return STATUS_OK;
}

/* One group of modules, whose numbers share scales of the model's type as its
 * strategy says (compressed_tensors.quantization.QuantizationArgs). */
static enum status read_compressed(struct quantized *out,
                                   const struct reading *r)
{
    const json_t *groups = hf_given(r->config, "config_groups");
    const json_t *group = json_object_iter_value(
        json_object_iter((json_t *)groups));
    const json_t *targets = hf_given(group, "targets");
    const char *target = json_string_value(json_array_get(targets, 0));
    const struct reading inner = { hf_given(group, "weights"), r->name,
                                   r->scale_bits, r->err };
    const int64_t bits = number(&inner, "num_bits", INT64_MIN);
    const bool shifted = json_is_false(hf_given(inner.config, "symmetric"));
    enum { SHAPE = 2 * 8 };      /* weight_shape, two int64 */

    if (json_object_size(groups) != 1 || json_array_size(targets) != 1 ||
        !target || strcmp(target, "Linear") != 0)
        return refuse(r, "config_groups", "supported is one group, of the"
                      " targets [\"Linear\"]");
    if (bits != 4 && bits != 8)
        return refuse(&inner, "num_bits", "supported are 4 and 8");
    out->packing = (struct packing){ "compressed-tensors", (int32_t)bits, 0, 1,
                                     r->scale_bits,
                                     shifted ? (int32_t)bits : 0, 0, 0,
                                     says(r, "format", "pack-quantized")
                                         ? SHAPE : 0 };
    out->skipped = hf_given(r->config, "ignore");
    out->head = true;
    if (says(&inner, "strategy", "tensor"))
        out->packing.outputs = 0;
    else if (says(&inner, "strategy", "group"))
        return read_group(&out->packing, &inner);
    else if (!says(&inner, "strategy", "channel"))
        return refuse(&inner, "strategy", "supported are \"tensor\","
                      " \"channel\" and \"group\"");
    return STATUS_OK;
}

static const struct {
    const char *method;          /* quant_method */
    enum status (*read)(struct quantized *out, const struct reading *r);
} methods[] = {
    { "awq", read_awq },               { "gptq", read_gptq },
    { "bitsandbytes", read_bitsandbytes },
    { "fp8", read_fp8 },               { "fbgemm_fp8", read_fbgemm },
    { "compressed-tensors", read_compressed },
};
enum { N_METHODS = sizeof methods / sizeof *methods };

/* ---- modules ---- */

/* As the vocabulary of most classes names them; that of GPT-NeoX, of Falcon, of Phi
 * and of Starcoder 2 where it is another. */
static const char *const modules[][MATRIX_COUNT] = {
    [HF_NAMES_LLAMA] = {
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
        "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj" },
    [HF_NAMES_STARCODER2] = {
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
        "self_attn.o_proj", "", "mlp.c_fc", "mlp.c_proj" },
    [HF_NAMES_PHI] = {
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
        "self_attn.dense", "", "mlp.fc1", "mlp.fc2" },
    [HF_NAMES_NEOX] = {
        "attention.query_key_value", "attention.query_key_value",
        "attention.query_key_value", "attention.dense", "",
        "mlp.dense_h_to_4h", "mlp.dense_4h_to_h" },
    [HF_NAMES_FALCON] = {
        "self_attention.query_key_value", "self_attention.query_key_value",
        "self_attention.query_key_value", "self_attention.dense", "",
        "mlp.dense_h_to_4h", "mlp.dense_4h_to_h" },
};

static void name_module(char out[96], enum hf_names names, int32_t layer,
                        int matrix)
{
    const bool own = names < sizeof modules / sizeof *modules &&
                     modules[names][0];

    snprintf(out, 96, "%s.%d.%s",
             names == HF_NAMES_NEOX     ? "gpt_neox.layers"
             : names == HF_NAMES_FALCON ? "transformer.h" : "model.layers",
             layer, modules[own ? names : HF_NAMES_LLAMA][matrix]);
}

/* Skipped are modules whose name has one of the words in it, or all of which
 * "re:..." matches. */
static enum status is_skipped(bool *out, const json_t *words, const char *module,
                              const struct reading *r)
{
    size_t i;
    json_t *word;

    *out = false;
    json_array_foreach(words, i, word) {
        const char *text = json_string_value(word);
        regex_t pattern;
        if (!text)
            return refuse(r, "quant_method", "names of modules must be texts");
        if (strncmp(text, "re:", 3) != 0) {
            *out |= strstr(module, text) != NULL;
            continue;
        }
        if (regcomp(&pattern, text + 3, REG_EXTENDED) != 0)
            return refuse(r, "ignore", "a pattern that is not known");
        regmatch_t at;
        *out |= regexec(&pattern, module, 1, &at, 0) == 0 && at.rm_so == 0;
        regfree(&pattern);
    }
    return STATUS_OK;
}

static enum status pack(struct model_spec *spec, const struct hf_class *class,
                        const struct quantized *q, const struct reading *r)
{
    bool skipped = true;
    char module[96];
    enum status status = STATUS_OK;

    spec->packing = q->packing;
    for (int32_t l = 0; l < spec->n_layers; l++)
        for (int i = 0; i < MATRIX_COUNT && status == STATUS_OK; i++) {
            if (!spec_has_matrix(spec, (enum matrix)i))
                continue;
            name_module(module, class->names, l, i);
            status = is_skipped(&skipped, q->skipped, module, r);
            spec->packed[l][i] = !skipped;
        }
    if (status == STATUS_OK && q->head && !spec->tied_head)
        status = is_skipped(&skipped, q->skipped, "lm_head", r);
    spec->packed_head = q->head && !spec->tied_head && !skipped;
    return status;
}

/* What is not packed is in the type that the file names. */
static enum number own_type(const json_t *root)
{
    const json_t *type = hf_given(root, "torch_dtype");
    const char *word = json_string_value(type ? type : hf_given(root, "dtype"));

    return !word                            ? NUMBER_F16
           : strcmp(word, "bfloat16") == 0  ? NUMBER_BF16
           : strcmp(word, "float32") == 0   ? NUMBER_F32 : NUMBER_F16;
}

enum status hf_read_quantized(struct model_spec *spec,
                              const struct hf_class *class, const json_t *root,
                              const char *name, struct error *err)
{
    const json_t *config = hf_given(root, "quantization_config");
    const char *method = json_string_value(hf_given(config, "quant_method"));
    const enum number type = own_type(root);
    const struct reading r = { config, name,
                               type == NUMBER_F32 ? 32 : 16, err };
    struct quantized q = { .head = false };
    int i = 0;

    if (!config || class->priced)
        return STATUS_OK;
    while (i < N_METHODS && (!method || strcmp(method, methods[i].method) != 0))
        i++;
    if (i == N_METHODS)
        return hf_refuse(err, name, "quantization_config", config, "priced are"
                         " the quant_method awq, gptq, bitsandbytes, fp8,"
                         " fbgemm_fp8 and compressed-tensors");
    enum status status = methods[i].read(&q, &r);
    if (status == STATUS_OK)
        status = pack(spec, class, &q, &r);
    memset(spec->stored, type, sizeof spec->stored);
    spec->stored_embedding = spec->stored_head = (uint8_t)type;
    return status;
}
