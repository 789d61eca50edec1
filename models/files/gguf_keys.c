/* gguf_keys.c - Read the keys of an architecture into a spec, a function a
 * rule. */
#include "models/files/gguf_class.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *gguf_key_name(char out[GGUF_KEY_SIZE],
                          const struct gguf_class *class, const char *name)
{
    snprintf(out, GGUF_KEY_SIZE, "%s.%s", class->name, name);
    return out;
}

/* ---- a key ---- */

typedef enum status rule_fn(struct model_spec *spec, const struct gguf *file,
                            const struct gguf_key *key, const char *name,
                            struct error *err);

static void *member_of(struct model_spec *spec, const struct gguf_key *key)
{
    return (char *)spec + key->offset;
}

static enum status read_from(int64_t least, struct model_spec *spec,
                             const struct gguf *file,
                             const struct gguf_key *key, const char *name,
                             struct error *err)
{
    int64_t n = 0;
    enum status status = gguf_integer(&n, file, name, least, INT32_MAX, err);
    if (status == STATUS_OK)
        *(int32_t *)member_of(spec, key) = (int32_t)n;
    return status;
}

static enum status read_int(struct model_spec *spec, const struct gguf *file,
                            const struct gguf_key *key, const char *name,
                            struct error *err)
{
    return read_from(1, spec, file, key, name, err);
}

static enum status read_count(struct model_spec *spec, const struct gguf *file,
                              const struct gguf_key *key, const char *name,
                              struct error *err)
{
    return read_from(0, spec, file, key, name, err);
}

static enum status read_float(struct model_spec *spec, const struct gguf *file,
                              const struct gguf_key *key, const char *name,
                              struct error *err)
{
    double x = 0.0;
    enum status status = gguf_real(&x, file, name, err);

    if (status != STATUS_OK)
        return status;
    if (!((float)x > 0.0f) || isinf((float)x))
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %s %g: must be a"
                         " number above 0", gguf_name(file), name, x);
    *(float *)member_of(spec, key) = (float)x;
    return STATUS_OK;
}

static enum status check_same(struct model_spec *spec, const struct gguf *file,
                              const struct gguf_key *key, const char *name,
                              struct error *err)
{
    const int32_t want = *(int32_t *)member_of(spec, key);
    int64_t n;
    return gguf_integer(&n, file, name, want, want, err);
}

static enum status read_rotary(struct model_spec *spec, const struct gguf *file,
                               const struct gguf_key *key, const char *name,
                               struct error *err)
{
    int64_t n = 0;
    enum status status = gguf_integer(&n, file, name, 2, spec->head_size, err);

    if (status == STATUS_OK && n % 2 != 0)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %s %" PRId64
                         ": allowed are even numbers", gguf_name(file), name,
                         n);
    if (status == STATUS_OK && n < spec->head_size)
        *(int32_t *)member_of(spec, key) = (int32_t)n;
    return status;
}

/* A key whose other values change the arithmetic. */
static enum status check_fixed(struct model_spec *spec, const struct gguf *file,
                               const struct gguf_key *key, const char *name,
                               struct error *err)
{
    const bool one = key->rule == GGUF_RULE_ONE;
    double x = 0.0;
    enum status status = gguf_real(&x, file, name, err);

    (void)spec;
    if (status == STATUS_OK && x != 0.0 && !(one && x == 1.0))
        status = error_set(err, STATUS_BAD_VALUE, "%.160s: %s %g: supported is"
                           " %d", gguf_name(file), name, x, one);
    return status;
}

static enum status check_true(struct model_spec *spec, const struct gguf *file,
                              const struct gguf_key *key, const char *name,
                              struct error *err)
{
    bool is = false;
    enum status status = gguf_flag(&is, file, name, err);

    (void)spec, (void)key;
    return status != STATUS_OK || is ? status
        : error_set(err, STATUS_BAD_VALUE, "%.160s: %s false: supported is true",
                    gguf_name(file), name);
}

static enum status check_jploski(struct model_spec *spec,
                                 const struct gguf *file,
                                 const struct gguf_key *key, const char *name,
                                 struct error *err)
{
    struct gguf_text text = { "", 0 };
    enum status status = gguf_text(&text, file, name, err);

    (void)spec, (void)key;
    return status != STATUS_OK || gguf_text_is(text, "jploski") ? status
        : error_set(err, STATUS_BAD_VALUE, "%.160s: %s: supported is jploski",
                    gguf_name(file), name);
}

static enum status read_parallel(struct model_spec *spec,
                                 const struct gguf *file,
                                 const struct gguf_key *key, const char *name,
                                 struct error *err)
{
    bool is = false;
    enum status status = gguf_flag(&is, file, name, err);

    (void)key;
    if (!is)
        spec->traits.parallel = PARALLEL_NONE;
    return status;
}

static enum status check_no_window(struct model_spec *spec,
                                   const struct gguf *file,
                                   const struct gguf_key *key, const char *name,
                                   struct error *err)
{
    int64_t n = 0;
    enum status status = gguf_integer(&n, file, name, 0, INT64_MAX, err);

    (void)key;
    if (status == STATUS_OK && n != 0 && n < spec->max_tokens)
        status = error_set(err, STATUS_BAD_VALUE, "%.160s: %s %" PRId64
                           ": supported are 0, and windows of the context"
                           " length, %d, or more", gguf_name(file), name, n,
                           spec->max_tokens);
    return status;
}

/* Those without a function are read with others of theirs, or say nothing. */
static const struct {
    rule_fn *read;
    bool     late;               /* it is held against what others give */
} rules[] = {
    [GGUF_RULE_INT]       = { read_int, false },
    [GGUF_RULE_COUNT]     = { read_count, false },
    [GGUF_RULE_FLOAT]     = { read_float, false },
    [GGUF_RULE_SAME]      = { check_same, true },
    [GGUF_RULE_ROTARY]    = { read_rotary, true },
    [GGUF_RULE_ZERO]      = { check_fixed, false },
    [GGUF_RULE_ONE]       = { check_fixed, false },
    [GGUF_RULE_TRUE]      = { check_true, false },
    [GGUF_RULE_JPLOSKI]   = { check_jploski, false },
    [GGUF_RULE_PARALLEL]  = { read_parallel, false },
    [GGUF_RULE_NO_WINDOW] = { check_no_window, true },
    [GGUF_RULE_WINDOW]    = { read_count, false },
    [GGUF_RULE_ANY]       = { NULL, false },
};

static void take_usual(struct model_spec *spec, const struct gguf_key *key)
{
    if (key->usual > 0 && key->rule == GGUF_RULE_FLOAT)
        *(float *)member_of(spec, key) = key->usual;
    else if (key->usual > 0)
        *(int32_t *)member_of(spec, key) = (int32_t)key->usual;
}

static enum status read_round(bool late, struct model_spec *spec,
                              const struct gguf_class *class,
                              const struct gguf *file, struct error *err)
{
    enum status status = STATUS_OK;
    char name[GGUF_KEY_SIZE];

    for (const struct gguf_key *key = class->keys;
         key->name && status == STATUS_OK; key++) {
        if (!rules[key->rule].read || rules[key->rule].late != late)
            continue;
        if (gguf_has(file, gguf_key_name(name, class, key->name)) ||
            key->needed)
            status = rules[key->rule].read(spec, file, key, name, err);
        else
            take_usual(spec, key);
    }
    return status;
}

/* ---- what several keys say, or none ---- */

/* Sizes that a file may leave out. */
static enum status derive(struct model_spec *spec, const struct gguf *file,
                          struct error *err)
{
    if (spec->n_kv_heads == 0)
        spec->n_kv_heads = spec->n_heads;
    if (spec->head_size != 0)
        return STATUS_OK;
    if (spec->n_channels % spec->n_heads != 0)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %d channels do not"
                         " divide among %d heads", gguf_name(file),
                         spec->n_channels, spec->n_heads);
    spec->head_size = spec->n_channels / spec->n_heads;
    return STATUS_OK;
}

/* A flag for each layer. */
static enum status read_flags(struct model_spec *spec, const struct gguf *file,
                              const char *name, struct error *err)
{
    struct gguf_array flags;
    enum status status = gguf_array(&flags, file, name, err);

    if (status == STATUS_OK && (flags.type != GGUF_VALUE_BOOL ||
                                flags.n != (uint64_t)spec->n_layers))
        status = error_set(err, STATUS_BAD_VALUE, "%.160s: %s must be a whole"
                           " number, or a list of %d bools", gguf_name(file),
                           name, spec->n_layers);
    for (int32_t l = 0; l < spec->n_layers && status == STATUS_OK; l++)
        gguf_next_flag(&flags, &spec->windowed[l]);
    return status;
}

/* Which layers have the window, as llama_model_base::load_swa_pattern() has it:
 * a list of them, or every layer but every so many-th. */
static enum status read_windows(struct model_spec *spec,
                                const struct gguf_class *class,
                                const struct gguf *file, struct error *err)
{
    char name[GGUF_KEY_SIZE];
    int64_t step = class->window_step;
    enum status status = STATUS_OK;

    gguf_key_name(name, class, "attention.sliding_window_pattern");
    if (spec->window == 0)
        spec->local_theta = 0;
    if (spec->window > 0 && gguf_is_array(file, name))
        return read_flags(spec, file, name, err);
    if (gguf_has(file, name))
        status = gguf_integer(&step, file, name, 0, INT32_MAX, err);
    for (int32_t l = 0; l < spec->n_layers; l++)
        spec->windowed[l] = spec->window > 0 &&
                            (step == 0 || (l + 1) % step != 0);
    return status;
}

/* attention.scale, where there is one, stands where 1 / sqrt(D) stood. */
static void read_factors(struct model_spec *spec, const struct gguf_class *class)
{
    const float size = (float)spec->head_size;
    const int32_t wide = spec->n_channels / spec->n_heads;

    spec->fold.scores *= sqrtf(size);
    if (!class->scaled)
        return;
    spec->fold.embedding = sqrtf((float)spec->n_channels);
    spec->fold.logits = 1.0f;
    if (spec->n_layers == class->wide_layers)
        spec->fold.scores = sqrtf(size / (float)wide);
}

/* A key without the architecture's name before it is none of its keys. */
static bool is_known(struct gguf_text key, const struct gguf_class *class)
{
    const size_t length = strlen(class->name);

    if (key.size <= length || key.bytes[length] != '.' ||
        memcmp(key.bytes, class->name, length) != 0)
        return true;
    const struct gguf_text behind = { key.bytes + length + 1,
                                      key.size - length - 1 };
    for (const struct gguf_key *k = class->keys; k->name; k++)
        if (gguf_text_is(behind, k->name))
            return true;
    return false;
}

/* No key of the architecture that the table does not know. */
static enum status check_known(const struct gguf_class *class,
                               const struct gguf *file, struct error *err)
{
    for (size_t i = 0; i < gguf_value_count(file); i++) {
        struct gguf_text key = gguf_key(file, i);
        if (!is_known(key, class))
            return error_set(err, STATUS_BAD_VALUE, "%.160s: %.*s: not"
                             " supported", gguf_name(file),
                             key.size < 80 ? (int)key.size : 80, key.bytes);
    }
    return STATUS_OK;
}

enum status gguf_read_keys(struct model_spec *spec,
                           const struct gguf_class *class,
                           const struct gguf *file, struct error *err)
{
    enum status status = check_known(class, file, err);

    if (status == STATUS_OK)
        status = read_round(false, spec, class, file, err);
    if (status == STATUS_OK && spec->n_layers > SPEC_MAX_LAYERS)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %d layers: allowed are"
                         " %d", gguf_name(file), spec->n_layers,
                         SPEC_MAX_LAYERS);
    if (status == STATUS_OK)
        status = derive(spec, file, err);
    if (status == STATUS_OK)
        status = read_round(true, spec, class, file, err);
    if (status == STATUS_OK)
        status = read_windows(spec, class, file, err);
    if (status != STATUS_OK)
        return status;
    for (int32_t l = 0; l < spec->n_layers; l++)
        spec->unturned[l] = class->unturned_step > 0 &&
                            (l + 1) % class->unturned_step == 0;
    spec_settle_windows(spec);
    read_factors(spec, class);
    return STATUS_OK;
}
