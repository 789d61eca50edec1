/* decode.c - Time tokens one after another, and a prompt at once, with weights
 * in float32 and as stored. */
#include "tests/bench/bench.h"

#include <stdlib.h>
#include <string.h>

#include "models/files/fill.h"
#include "models/files/numbers.h"
#include "sim/core/answer/command.h"
#include "sim/core/base/random.h"

/* Targets for weights that are larger than the last cache: the bytes that
 * quantising saves show in the time of a token, if not all of them. */
static const double q8_0_target = 2.0, q4_1_target = 3.0;

enum { PROMPT = 512 };

struct decoder {
    struct model *model;
    int32_t      *ids;           /* [PROMPT] */
    bool         *keep;          /* [L], of one step; NULL: dense */
    double        bytes, flops;  /* of all matrices; of a prompt's products */
};

/* Wide, and longer than a cache of some 300 MB in float32 and in Q4_1 beyond
 * half of it: 311 million weights; and two layers of it for prompts. */
static struct model_spec large(int32_t n_layers, enum number type)
{
    struct model_spec s = {
        .traits = family_traits[FAMILY_LLAMA],
        .n_layers = n_layers, .n_channels = 1024,
        .n_heads = 16, .n_kv_heads = 16, .head_size = 64, .n_ffn = 2816,
        .n_vocab = 8192, .max_tokens = PROMPT, .tied_head = true,
        .norm_epsilon = 1e-5f, .rope_theta = 10000.0f, .gate = GATE_ONE,
    };
    memset(s.stored, type, sizeof s.stored);
    s.stored_embedding = (uint8_t)type;
    return s;
}

/* (256, 8, bytes); routed: every other block keeps 12.5 %. */
static struct model_spec small(bool routed)
{
    struct model_spec s = {
        .traits = family_traits[FAMILY_GPT2],
        .n_layers = 8, .n_channels = 256, .n_heads = 4,
        .n_kv_heads = 4, .head_size = 64, .n_ffn = 1024, .n_vocab = 256,
        .max_tokens = PROMPT, .tied_head = true, .norm_epsilon = 1e-5f,
        .gate = routed ? GATE_SIGMOID2 : GATE_ONE, .router_scores = routed,
    };
    for (int32_t l = 1; l < s.n_layers && routed; l += 2) {
        s.routed[l] = true;
        s.capacity[l] = 0.125;
    }
    return s;
}

static double matrix_bytes(const struct model_spec *s)
{
    double sum = (double)numbers_bytes((enum number)s->stored_embedding,
                                       (size_t)s->n_channels) * s->n_vocab;
    for (int32_t l = 0; l < s->n_layers; l++)
        for (int i = 0; i < MATRIX_COUNT; i++)
            if (i != MATRIX_GATE || spec_gated(s))
                sum += (double)numbers_bytes(
                    (enum number)s->stored[l][i],
                    (size_t)spec_inputs(s, (enum matrix)i)) *
                    spec_outputs(s, (enum matrix)i);
    return sum;
}

/* Blocks of any bits with small scales, the same for every matrix. */
static void draw(uint8_t *out, enum number type, size_t n)
{
    const size_t bytes = numbers_bytes(type, n);
    const size_t block = number_table[type].bytes;
    const uint16_t scale = 0x0c00;   /* 2^-12 */
    struct random random = random_seeded(1);

    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)random_below(&random, 256);
    for (size_t b = 0; b < bytes; b += block)
        if (type == NUMBER_F32) {
            const float x = (float)random_uniform(&random) * 0.05f - 0.025f;
            memcpy(out + b, &x, sizeof x);
        } else {
            memcpy(out + b, &scale, sizeof scale);
            if (type == NUMBER_Q4_1)
                memcpy(out + b + 2, &scale, sizeof scale);
        }
}

static enum status fill_large(struct model *m, enum number type,
                              struct error *err)
{
    static const struct { enum tensor_id id; enum span span; } parts[] = {
        { TENSOR_WTE, SPAN_ALL },     { TENSOR_QKV, SPAN_Q },
        { TENSOR_QKV, SPAN_K },       { TENSOR_QKV, SPAN_V },
        { TENSOR_PROJECT, SPAN_ALL }, { TENSOR_UP, SPAN_GATE },
        { TENSOR_UP, SPAN_UP },       { TENSOR_DOWN, SPAN_ALL },
    };
    const size_t most = 8192 * 1024;
    uint8_t *data = malloc(numbers_bytes(type, most));
    enum status status = STATUS_OK;

    if (!data)
        return error_set(err, STATUS_NO_MEMORY, "no memory for weights");
    draw(data, type, most);
    for (int32_t i = 0; i < model_tensors(m)->n && status == STATUS_OK; i++) {
        const struct tensor *t = &model_tensors(m)->tensor[i];
        if (t->rows == 1)
            for (size_t j = 0; j < t->n; j++)
                model_weights(m)[t->offset + j] = 1.0f;
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            const struct foreign_numbers from = {
                .type = type, .span = parts[p].span, .data = data,
                .layout = t->id == TENSOR_WTE ? LAYOUT_SAME : LAYOUT_LINEAR,
            };
            if (parts[p].id == t->id && status == STATUS_OK)
                status = fill_tensor(m, t, &from, err);
        }
    }
    free(data);
    return status;
}

static void decoder_close(struct decoder *d)
{
    model_close(d->model);
    free(d->ids);
    free(d->keep);
    *d = (struct decoder){ 0 };
}

static enum status decoder_open(struct decoder *d, const struct bench *bench,
                                const struct model_spec *spec, bool prompt,
                                struct error *err)
{
    const struct model_options options = {
        .n_sequences = 1, .n_tokens = PROMPT, .decode = !prompt,
        .n_threads = bench->n_threads,
    };
    struct random random = random_seeded(1);
    enum status status = model_open(&d->model, spec, &options, err);

    if (status != STATUS_OK)
        return status;
    if (spec->n_channels == 1024)
        status = fill_large(d->model, (enum number)spec->stored_embedding,
                            err);
    else
        model_init(d->model, INIT_GPT2, 1);
    d->ids = calloc(PROMPT, sizeof *d->ids);
    d->keep = spec_n_routed(spec) > 0
                  ? calloc((size_t)spec->n_layers, sizeof *d->keep) : NULL;
    if (!d->ids || (spec_n_routed(spec) > 0 && !d->keep))
        return error_set(err, STATUS_NO_MEMORY, "no memory for a prompt");
    for (int i = 0; i < PROMPT; i++)
        d->ids[i] = (int32_t)random_below(&random, (uint32_t)spec->n_vocab);
    d->bytes = matrix_bytes(spec);
    d->flops = 2.0 * PROMPT * d->bytes / 4.0;
    if (!prompt)
        model_decode_reset(d->model);
    return status;
}

/* Steps of one sequence; a full cache starts anew, untimed.  A routed block
 * takes every eighth token, no two at the same one. */
static double decode(void *argument, int64_t times)
{
    struct decoder *d = argument;
    double sum = 0.0;

    for (int64_t i = 0; i < times; i++) {
        if (model_decoded(d->model, 0) >= 128)
            model_decode_reset(d->model);
        const int32_t at = model_decoded(d->model, 0);
        for (int32_t l = 0; d->keep && l < model_spec(d->model)->n_layers; l++)
            d->keep[l] = (at + l) % 8 == 0;
        const double from = clock_seconds();
        model_decode(d->model, &(struct decode_input){ .ids = d->ids + at,
                                                       .keep = d->keep }, NULL);
        sum += clock_seconds() - from;
    }
    return sum;
}

static double prefill(void *argument, int64_t times)
{
    struct decoder *d = argument;
    const struct model_input input = {
        .ids = d->ids, .n_sequences = 1, .n_tokens = PROMPT,
        .policy = route_find("dense"),
    };
    const double from = clock_seconds();
    for (int64_t i = 0; i < times; i++)
        model_forward(d->model, &input, NULL, NULL);
    return clock_seconds() - from;
}

enum { SPEED, TRAFFIC, PRODUCTS, RATIO };
static const struct results_column columns[] = {
    { "tokens", "1/s", "tokens/s", 1.0, 1, false, WISH_NONE },
    { "matrices read", "B/s", "GB/s", 1e-9, 1, false, WISH_NONE },
    { "products", "flop/s", "GFLOP/s", 1e-9, 1, false, WISH_NONE },
    { "over the first line", "1", "", 1.0, 2, true, WISH_AT_LEAST },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

/* Models beside each other in the same rounds; ratios are to the first. */
struct contest {
    const char       *subject;
    struct model_spec spec[3];
    const char       *name[3];
    double            target[3];     /* 0: none */
    int               n;
    bool              prompt;
    double            most_seconds;
};

static void add_lines(struct results *out, const struct contest *c,
                      const struct decoder *d, const struct rounds *r)
{
    for (int i = 0; i < c->n; i++) {
        struct results_line *line = results_add(out, "%s: %s", c->subject,
                                                c->name[i]);
        line->disturbed = r->disturbed;
        line->cell[SPEED] = rounds_rate(r, i, c->prompt ? PROMPT : 1);
        if (c->prompt)
            line->cell[PRODUCTS] = rounds_rate(r, i, d[0].flops);
        else if (!d[i].keep)
            line->cell[TRAFFIC] = rounds_rate(r, i, d[i].bytes);
        if (i > 0)
            line->cell[RATIO] = rounds_ratio(r, 0, i, 1.0);
        if (c->target[i] > 0.0)
            line->target[RATIO] = c->target[i];
    }
}

static enum status run_contest(struct bench *bench, struct results *out,
                               const struct contest *c, struct error *err)
{
    struct decoder d[3] = { 0 };
    struct candidate candidate[3];
    struct rounds r;
    const struct rounds_plan plan = bench_plan(bench, bench->n_threads, 0.2,
                                               c->most_seconds);
    enum status status = STATUS_OK;

    for (int i = 0; i < c->n && status == STATUS_OK; i++) {
        candidate[i] = (struct candidate){
            c->name[i], c->prompt ? prefill : decode, &d[i] };
        status = decoder_open(&d[i], bench, &c->spec[i], c->prompt, err);
    }
    if (status == STATUS_OK &&
        (status = rounds_take(&r, candidate, c->n, &plan, err)) == STATUS_OK) {
        add_lines(out, c, d, &r);
        rounds_close(&r);
    }
    for (int i = 0; i < c->n; i++)
        decoder_close(&d[i]);
    return status;
}

enum status bench_decode(struct bench *bench, struct results *out,
                         struct error *err)
{
    const int32_t layers = bench->quick ? 8 : 24;
    const struct contest contests[] = {
        { "decode (1024, 24)",
          { large(layers, NUMBER_F32), large(layers, NUMBER_Q8_0),
            large(layers, NUMBER_Q4_1) },
          { "float32", "q8_0", "q4_1" }, { 0, q8_0_target, q4_1_target }, 3,
          false, 14.0 },
        { "prompt of 512 (1024, 2)",
          { large(2, NUMBER_F32), large(2, NUMBER_Q8_0),
            large(2, NUMBER_Q4_1) },
          { "float32", "q8_0", "q4_1" }, { 0, 0, 0 }, 3, true, 12.0 },
        { "decode (256, 8, bytes)", { small(false), small(true) },
          { "dense", "MoD" }, { 0, 0, 0 }, 2, false, 4.0 },
    };
    out->title = "a token after another, and a prompt, of (width, layers);"
                 " MoD: every other block keeps 12.5 %";
    out->column = columns;
    if (bench->quick)
        results_note(out, "Quick: 8 layers in place of 24, which fit into a"
                     " large cache. ");
    for (size_t i = 0; i < sizeof contests / sizeof *contests; i++) {
        enum status status = run_contest(bench, out, &contests[i], err);
        if (status != STATUS_OK || command_interrupted)
            return status;
    }
    return STATUS_OK;
}
