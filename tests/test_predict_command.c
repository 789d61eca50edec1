/* test_predict_command.c - Run isobath predict as a user does, with the routing
 * keys: of a shape, and of a model that was trained without them; with matrices
 * kept in stored formats. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/files/safetensors.h"
#include "sim/commands/commands.h"
#include "tests/in_process.h"

static void set_up(void)
{
    enter_own_directory();
    write_file("m.yaml", "model: {family: llama, layers: 4, channels: 32,"
               " heads: 4, kv_heads: 2, ffn: 64, vocab: 100, max_tokens: 64}\n"
               "routing: {gate: one, capacity: 0.25}\n");
    cr_assert(mkdir("hf", 0777) == 0);
    write_file("hf/config.json", "{\"architectures\": [\"LlamaForCausalLM\"],"
               " \"model_type\": \"llama\", \"hidden_size\": 32,"
               " \"intermediate_size\": 64, \"num_hidden_layers\": 4,"
               " \"num_attention_heads\": 4, \"num_key_value_heads\": 2,"
               " \"vocab_size\": 100, \"max_position_embeddings\": 64,"
               " \"rms_norm_eps\": 1e-5, \"rope_theta\": 10000.0,"
               " \"hidden_act\": \"silu\", \"tie_word_embeddings\": true}\n");
}

TestSuite(predict_command, .init = set_up, .fini = leave_own_directory);

#define PREDICT(...) \
    call(&predict_command, (const char *const[]){ __VA_ARGS__, NULL })
#define SET(text) "--set", "routing." text

static double number_at(json_t *object, const char *path)
{
    char part[64];
    while (object && *path) {
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        object = json_object_get(object, part);
        path += n + (path[n] == '.');
    }
    cr_assert(object && json_is_number(object));
    return json_number_value(object);
}

static json_t *json_said(void)
{
    json_t *root = json_loads(said, 0, NULL);
    cr_assert(root != NULL, "%s%s", said, complained);
    return root;
}

#define FLOPS "totals.predicted.flops"
#define DENSE "dense.flops"

/* Layers 1 and 3 skip 48 of T = 64 tokens each: of a row, the norm is 4*32 + 19
 * = 147, up 2*32*128, act 21*64, down 2*64*32. */
Test(predict_command, the_feed_forward_part_alone)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--format",
        "json", SET("policy=every_nth"), SET("part=ffn")), 0), "%s",
              complained);
    json_t *root = json_said();
    cr_expect(eq(dbl, number_at(root, DENSE) - number_at(root, FLOPS),
                 2 * 48 * (147 + 8192 + 1344 + 4096.0)));
    json_decref(root);
}

Test(predict_command, says_what_is_routed_and_what_it_assumes)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill",
        SET("policy=token_norm"), SET("part=attention"),
        SET("skipped_keys=computed")), 0), "%s", complained);
    cr_expect(strstr(said, "2 routed around their attention, keys of skipped"
                           " tokens computed, by the signal norm, each keeps 16"
                           " of 64 tokens") != NULL, "%s", said);
    cr_expect(strstr(said, "evenly spaced") != NULL);
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "decode",
        SET("policy=hash"), SET("skipped_keys=carried")), 0), "%s", complained);
    cr_expect(strstr(said, "keys of skipped tokens carried") != NULL, "%s",
              said);
    cr_expect(strstr(said, "evenly spaced") == NULL, "%s", said);
}

/* Queries of kept rows and fewer keys of all are turned in place, each apart: a
 * result on top of its operand comes in once.  With angles of a row, 10 of 19
 * parts of the bytes of 9 heads, and 4 of 7 of those of 3. */
Test(predict_command, keys_of_skipped_tokens_have_lines_of_their_own)
{
    char line[256];
    double flops, bytes, l2;

    cr_assert(eq(int, PREDICT("smollm-135m", "--phase", "prefill", "--machine",
        "emerald-rapids-2core", "--format", "csv", SET("policy=token_norm"),
        SET("capacity=0.5"), SET("part=attention"),
        SET("skipped_keys=computed")), 0), "%s", complained);
    const char *rope = strstr(said, "model,prefill,rope,");
    cr_assert(rope != NULL, "%s", said);
    snprintf(line, sizeof line, "%.200s", rope);
    cr_assert(sscanf(line, "model,prefill,rope,%lf,%lf,%lf", &flops, &bytes,
                     &l2) == 3, "%s", line);
    cr_expect(gt(dbl, l2, 10.0 / 19 * bytes));
    cr_expect(lt(dbl, l2, 4.0 / 7 * bytes));
}

/* Against another file, and against what its twin is: the same quotients. */
Test(predict_command, a_model_may_be_its_own_rival)
{
    static const char *const of[] = { "flops", "bytes", "seconds", "joules" };
    static const char *const machine[] = { "a100-80", "raspberry-pi-5" };

    write_file("twin.yaml", "model: {family: llama, layers: 4, channels: 32,"
               " heads: 4, kv_heads: 2, ffn: 64, vocab: 100, max_tokens: 64}\n"
               "routing: {policy: dense}\n");
    for (int m = 0; m < 2; m++) {
        char key[64];
        double twin[4];
        for (int i = 0; i < 2; i++) {
            cr_assert(eq(int, PREDICT("m.yaml", "--phase", "decode", "--machine",
                machine[m], "--format", "json", "--against",
                i == 0 ? "dense" : "twin.yaml"), 0), "%s", complained);
            json_t *root = json_said();
            for (int k = 0; k < 4; k++) {
                snprintf(key, sizeof key, "against.ratio.%s.value", of[k]);
                const double is = number_at(root, key);
                if (i == 0)
                    twin[k] = is;
                cr_expect(eq(dbl, is, twin[k]));
            }
            cr_expect(lt(dbl, number_at(root, "against.ratio.seconds.low"), 1));
            json_decref(root);
        }
    }
}

Test(predict_command, every_table_names_the_rival)
{
    static const char *const names[] = { "equal-FLOP dense", "3 of 4 layers" };
    static const char *const asked[] = { "equal-flops", "layers:3" };

    for (int i = 0; i < 2; i++) {
        cr_assert(eq(int, PREDICT("m.yaml", "--machine", "a100-80", "--against",
                                  asked[i]), 0), "%s", complained);
        cr_expect(strstr(said, names[i]) != NULL, "%s", said);
        cr_expect(strstr(said, "of rival") != NULL, "%s", said);
        cr_expect(strstr(said, "of its seconds, from ") != NULL, "%s", said);
        cr_assert(eq(int, PREDICT("m.yaml", "--machine", "a100-80", "--machine",
            "h100-sxm", "--against", asked[i]), 0), "%s", complained);
        cr_expect(strstr(said, names[i]) != NULL, "%s", said);
        cr_assert(eq(int, PREDICT("m.yaml", "--by", "memory", "--against",
                                  asked[i]), 0), "%s", complained);
        cr_expect(strstr(said, names[i]) != NULL, "%s", said);
        cr_assert(eq(int, PREDICT("m.yaml", "--format", "csv", "--by", "total",
            "--machine", "a100-80", "--against", asked[i]), 0), "%s",
                  complained);
        cr_expect(strstr(said, ",seconds_of_rival_low,") != NULL, "%s", said);
    }
    cr_expect(eq(int, PREDICT("m.yaml", "--against", "equal-flop"), 2));
    cr_expect(strstr(complained, "--against equal-flop: allowed are dense,"
                                 " equal-flops,") != NULL, "%s", complained);
}

/* As above, but 4 and a quarter of 60 are kept: 19 of 64, 45 skipped; and with
 * a fixed k, 16. */
Test(predict_command, the_first_tokens_are_paid_for)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--format",
        "json", SET("policy=every_nth"), SET("part=ffn"), SET("keep_first=4")),
                 0), "%s", complained);
    json_t *root = json_said();
    cr_expect(eq(dbl, number_at(root, DENSE) - number_at(root, FLOPS),
                 2 * 45 * (147 + 8192 + 1344 + 4096.0)));
    json_decref(root);
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill",
        SET("policy=every_nth"), SET("keep_first=4")), 0), "%s", complained);
    cr_expect(strstr(said, "the first 4 tokens always and of the others a"
                           " share, each keeps 19 of 64 tokens") != NULL, "%s",
              said);
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill",
        SET("policy=strided"), SET("keep_first=4")), 0), "%s", complained);
    cr_expect(strstr(said, "the first 4 tokens always, each keeps 16 of 64"
                           " tokens") != NULL, "%s", said);
}

Test(predict_command, explains_the_rows_of_a_part)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--explain",
        "norm", SET("policy=every_nth"), SET("part=ffn")), 0), "%s",
              complained);
    cr_expect(strstr(said, "layer 1           64 rows, then 16") != NULL, "%s",
              said);
}

/* Layers 1 and 3 skip, as above, and by their attention as well: of 64 queries
 * 48 of qkv 2*32*64, rope 3*(32 + 16) and project 2*32*32, and a norm; attend
 * is 208 a key and 128 a row, over 16*(16 + 32 + 48 + 64) keys of all, over
 * 16*16 of kept.  The signal is 2*32 + 15 a row, twice. */
Test(predict_command, both_parts_apart)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--format",
        "json", SET("policy=token_norm"), SET("part=apart")), 0), "%s",
              complained);
    json_t *root = json_said();
    cr_expect(eq(dbl, number_at(root, DENSE) - number_at(root, FLOPS),
                 2 * (48 * (147 + 8192 + 1344 + 4096.0) +
                      48 * (147 + 4096 + 144 + 2048 + 128.0) +
                      208 * (2560 - 256.0) - 2 * 64 * 79.0)));
    json_decref(root);
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "decode",
        SET("policy=token_norm"), SET("part=apart")), 0), "%s", complained);
    cr_expect(strstr(said, "2 routed around their attention and their"
                           " feed-forward part, each by itself, by the signal"
                           " norm, each keeps 16 of 64 tokens") != NULL, "%s",
              said);
    cr_expect(eq(int, PREDICT("m.yaml", SET("policy=random"),
                              SET("part=apart")), 0), "%s", complained);
}

Test(predict_command, refuses_what_no_formula_covers)
{
    cr_expect(eq(int, PREDICT("m.yaml", "--phase", "decode",
                              SET("policy=attention_received")), 2));
    cr_expect(strstr(complained, "looks ahead") != NULL, "%s", complained);
    cr_expect(eq(int, PREDICT("m.yaml", "--phase", "prefill",
        SET("policy=every_nth"), SET("part=ffn"), SET("skipped_keys=carried")),
                 2));
    cr_expect(strstr(complained, "--set: routing.skipped_keys carried: with"
                     " routing.part ffn") != NULL, "%s", complained);
}

/* The same shape, as a file of Hugging Face and routed by settings alone. */
Test(predict_command, a_model_with_weights_is_routed_by_settings)
{
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--format",
        "json", SET("policy=token_norm"), SET("skipped_keys=carried")), 0),
              "%s", complained);
    json_t *shape = json_said();
    cr_assert(eq(int, PREDICT("hf", "--phase", "prefill", "--format", "json",
        SET("policy=token_norm"), SET("skipped_keys=carried"),
        SET("capacity=0.25")), 0), "%s", complained);
    json_t *model = json_said();
    cr_expect(eq(dbl, number_at(model, FLOPS), number_at(shape, FLOPS)));
    cr_expect(eq(dbl, number_at(model, DENSE), number_at(shape, DENSE)));
    json_t *set = json_object_get(json_object_get(json_object_get(model,
                                  "config"), "model"), "set");
    cr_expect(eq(sz, json_array_size(set), 3));
    json_decref(shape);
    json_decref(model);

    cr_expect(eq(int, PREDICT("hf", "--set", "model.layers=2"), 2));
    cr_expect(strstr(complained, "--set model.layers=2: the shape of"
                     " hf/config.json is fixed") != NULL, "%s", complained);
    cr_expect(eq(int, PREDICT("hf", SET("policy=expert_choice")), 2));
    cr_expect(strstr(complained, "routes nothing") != NULL, "%s", complained);
}

/* A dense model costs what its shape would, trained with routers. */
Test(predict_command, a_dense_model_is_supposed_to_have_routers)
{
    static const char *const phases[] = { "train", "prefill", "decode" };

    for (int i = 0; i < 3; i++) {
        cr_assert(eq(int, PREDICT("m.yaml", "--phase", phases[i], "--format",
            "json", SET("gate=tanh"), SET("predictor=8")), 0), "%s",
            complained);
        json_t *shape = json_said();
        cr_assert(eq(int, PREDICT("hf", "--phase", phases[i], "--format",
            "json", SET("gate=tanh"), SET("predictor=8"),
            SET("capacity=0.25")), 0), "%s", complained);
        json_t *model = json_said();
        cr_expect(eq(dbl, number_at(model, FLOPS), number_at(shape, FLOPS)));
        cr_expect(eq(dbl, number_at(model, "parameters"),
                     number_at(shape, "parameters")));
        cr_expect(lt(dbl, number_at(model, FLOPS), number_at(model, DENSE)));
        json_decref(shape);
        json_decref(model);
    }
}

/* Layer 1 kept half, layer 3 a quarter. */
Test(predict_command, a_trace_says_blocks_and_capacities)
{
    write_file("t.csv", "window,layer,part,tokens,kept\n0,1,block,8,0-3\n"
                        "0,3,block,8,2 5\n");
    cr_assert(eq(int, PREDICT("hf", "--phase", "prefill", SET("policy=replay"),
                              SET("replay=t.csv")), 0), "%s", complained);
    cr_expect(strstr(said, "2 routed, they keep 16 to 32 of 64 tokens") != NULL,
              "%s", said);
    cr_expect(eq(int, PREDICT("hf", "--phase", "prefill",
                              SET("policy=replay"), SET("replay=no.csv")), 2));
    cr_expect(strstr(complained, "no.csv") != NULL, "%s", complained);
    write_file("t.csv", "window,layer,part,tokens,kept\n0,1,block,8,0-3\n"
                        "0,3,block,8,2 9\n");
    cr_expect(eq(int, PREDICT("hf", "--phase", "prefill",
                              SET("policy=replay"), SET("replay=t.csv")), 2));
    cr_expect(strstr(complained, "t.csv:3:15: a kept position: allowed is 3 to"
                                 " 7") != NULL, "%s", complained);
}

/* ---- rows with logits ---- */

/* Beside the process itself, whose size is not the same every time. */
static double held(json_t *answer)
{
    return number_at(answer, "memory_bytes") -
           number_at(answer, "process_bytes");
}

/* The final norm of a row is 147 flops, its head 2*32*V.  The next step needs
 * the keys and values: 16 of each, of 2 sequences, 64 tokens in two layers and 16
 * in two. */
Test(predict_command, a_prefill_works_out_the_logits_of_the_last_token)
{
    const double row = 147 + 2 * 32 * 100.0;

    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--batch", "2",
                              "--format", "json"), 0), "%s", complained);
    json_t *last = json_said();
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--batch", "2",
        "--format", "json", "--logits", "all"), 0), "%s", complained);
    json_t *all = json_said();
    cr_expect(eq(dbl, number_at(all, FLOPS) - number_at(last, FLOPS),
                 2 * 63 * row));
    cr_expect(eq(dbl, held(all) - held(last), 4 * 2 * 63 * 100.0 -
                 4 * 2 * 16 * 2 * (2 * 64 + 2 * 16.0)));
    json_decref(last);
    json_decref(all);
    cr_assert(eq(int, PREDICT("m.yaml", "--phase", "prefill", "--explain",
                              "head"), 0), "%s", complained);
    cr_expect(strstr(said, "outside layers    1 rows: 6400 flops") != NULL,
              "%s", said);
    cr_expect(eq(int, PREDICT("m.yaml", "--logits", "all"), 2));
    cr_expect(strstr(complained, "--logits: goes with --phase prefill") != NULL,
              "%s", complained);
}

/* ---- what matrices are stored in ---- */

#define BYTES "totals.predicted.bytes"

static double decode_total(const char *total, const char *const *more)
{
    const char *arguments[MOST_ARGUMENTS] = { "m.yaml", "--phase", "decode",
        "--format", "json", SET("policy=dense") };
    int n = 7;

    for (; *more; more++)
        arguments[n++] = *more;
    cr_assert(eq(int, call(&predict_command, arguments), 0), "%s", complained);
    json_t *root = json_said();
    double number = number_at(root, total);
    json_decref(root);
    return number;
}
#define DECODE(total, ...)                                                     \
    decode_total(total, (const char *const[]){ __VA_ARGS__, NULL })

/* Numbers of a layer: 32*32 queries, 32*16 keys and values, 32*32, and three of
 * 32*64: 9216; of the head 3200, in 112 whole tiles of columns 3584; a row of the
 * embedding is 4 + 4*32 and 34 bytes instead of 4 + 8*32.  q8_0 has 34/32 bytes
 * and 1 flop a number, q4_0 18/32. */
Test(predict_command, prices_types_that_nobody_has_stored_yet)
{
    double bytes = DECODE(BYTES, "--weights", "float32");
    double flops = DECODE(FLOPS, "--weights", "float32");

    cr_expect(eq(dbl, DECODE(BYTES, "-B", "1"), bytes));
    cr_expect(eq(dbl, bytes - DECODE(BYTES, "--weights", "q8_0"),
                 (4 * 9216 + 3200) * (4 - 34.0 / 32) + 94));
    cr_expect(eq(dbl, DECODE(FLOPS, "--weights", "q8_0") - flops,
                 4 * 9216 + 3584 + 32));
    cr_expect(eq(dbl, DECODE(BYTES, "--set", "weights.all=q8_0"),
                 DECODE(BYTES, "--weights", "q8_0")));
    cr_expect(eq(dbl, bytes - DECODE(BYTES, "--set", "weights.down=q4_0"),
                 4 * 2048 * (4 - 18.0 / 32)));
    cr_expect(eq(dbl, bytes - DECODE(BYTES, "--set", "weights.all=q8_0", "--set",
                                     "weights.embedding=f32"),
                 4 * 9216 * (4 - 34.0 / 32)));
    cr_expect(eq(dbl, DECODE(BYTES, "--set", "weights.all=q8_0", "--weights",
                             "float32"), bytes));
    write_file("w.yaml", "model: {family: llama, layers: 4, channels: 32,"
               " heads: 4, kv_heads: 2, ffn: 64, vocab: 100, max_tokens: 64}\n"
               "weights:\n  all: q8_0\n  down: q6_k\n");
    cr_expect(eq(int, PREDICT("w.yaml", "--phase", "decode"), 2));
    cr_expect(strstr(complained, "w.yaml:4:9: weights.down: q6_k has blocks of"
                     " 256, and down has 64 inputs; allowed for it are f32, f16,"
                     " bf16, q8_0, q4_0") != NULL, "%s", complained);
    cr_expect(eq(int, PREDICT("w.yaml", "--phase", "decode", "--set",
                              "weights.down=q4_1"), 0), "%s", complained);
    cr_expect(strstr(said, "matrices priced as q8_0 ") != NULL, "%s", said);
    cr_expect(eq(int, PREDICT("m.yaml", "--weights", "q8_0", SET("capacity=1")),
                 2));
    cr_expect(strstr(complained, "cannot be trained") != NULL, "%s",
              complained);
    cr_expect(eq(int, PREDICT("m.yaml", "--weights", "stored"), 2));
    cr_expect(strstr(complained, "m.yaml is a shape, without stored weights") !=
              NULL, "%s", complained);
}

/* hf/model.safetensors, all zero: matrices in half precision, but for layer 2's
 * last. */
static void write_weights(void)
{
    static const struct { const char *name; int rows, columns; } of_layer[] = {
        { "self_attn.q_proj", 32, 32 }, { "self_attn.k_proj", 16, 32 },
        { "self_attn.v_proj", 16, 32 }, { "self_attn.o_proj", 32, 32 },
        { "mlp.gate_proj", 64, 32 },    { "mlp.up_proj", 64, 32 },
        { "mlp.down_proj", 32, 64 },    { "input_layernorm", 32, 0 },
        { "post_attention_layernorm", 32, 0 },
    };
    FILE *file = fopen("hf/model.safetensors", "wb");
    char *text;
    size_t size, at = 6400;
    FILE *header = open_memstream(&text, &size);

    fputs("{\"model.embed_tokens.weight\":{\"dtype\":\"F16\",\"shape\":[100,32],"
          "\"data_offsets\":[0,6400]}", header);
    for (int l = 0; l < 4; l++)
        for (size_t i = 0; i < sizeof of_layer / sizeof *of_layer; i++) {
            int rows = of_layer[i].rows, columns = of_layer[i].columns;
            bool half = columns > 0 && !(l == 2 && i == 6);
            size_t bytes = (size_t)rows * (size_t)(columns ? columns : 1) *
                           (half ? 2 : 4);
            fprintf(header, ",\"model.layers.%d.%s.weight\":{\"dtype\":\"%s\","
                    "\"shape\":[%d", l, of_layer[i].name, half ? "F16" : "F32",
                    rows);
            if (columns > 0)
                fprintf(header, ",%d", columns);
            fprintf(header, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
            at += bytes;
        }
    fprintf(header, ",\"model.norm.weight\":{\"dtype\":\"F32\",\"shape\":[32],"
            "\"data_offsets\":[%zu,%zu]}}", at, at + 128);
    cr_assert(file && fclose(header) == 0);
    for (int i = 0; i < 8; i++)
        fputc((int)(size >> (8 * i) & 255), file);
    fwrite(text, 1, size, file);
    for (at += 128; at > 0; at--)
        fputc(0, file);
    cr_assert(fclose(file) == 0);
    free(text);
}

/* 2 bytes a number fewer, no flops more; a row of the embedding 64 bytes fewer. */
Test(predict_command, prices_what_a_file_stores_layer_by_layer)
{
    write_weights();
    cr_assert(eq(int, PREDICT("hf", "--phase", "decode", "--format", "json",
                              "--weights", "stored"), 0), "%s", complained);
    json_t *root = json_said();
    double stored = number_at(root, BYTES), flops = number_at(root, FLOPS);
    json_decref(root);
    cr_assert(eq(int, PREDICT("hf", "--phase", "decode", "--format", "json"),
                 0), "%s", complained);
    root = json_said();
    cr_expect(eq(dbl, number_at(root, BYTES) - stored,
                 2.0 * (4 * 9216 - 2048 + 3200) + 64));
    cr_expect(eq(dbl, number_at(root, FLOPS), flops));
    json_decref(root);
    cr_assert(eq(int, PREDICT("hf", "--phase", "decode", "--weights", "stored",
                              "--explain", "ffn.down", "--layer", "1"), 0));
    cr_expect(strstr(said, "stored matrices of layer 1; not all") != NULL);
    cr_expect(strstr(said, "Bd = 4096 (stored bytes of down)") != NULL, "%s",
              said);
    cr_assert(eq(int, PREDICT("hf", "--phase", "decode", "--weights", "stored",
                              "--explain", "ffn.down", "--layer", "2"), 0));
    cr_expect(strstr(said, "Bd") == NULL, "%s", said);
    cr_expect(strstr(said, "4*F*C") != NULL, "%s", said);
    cr_expect(eq(int, PREDICT("hf", "--phase", "decode", "--explain", "ffn.down",
                              "--layer", "4"), 2));
    cr_expect(strstr(complained, "--layer 4: this model has layers 0 to 3") !=
              NULL, "%s", complained);
}

/* ---- memory ---- */

Test(predict_command, memory_is_the_same_whatever_the_process_holds)
{
    const char *const paths[] = { "memory_bytes", "process_bytes" };
    const size_t held = 64 << 20;

    cr_assert(eq(int, PREDICT("m.yaml", "--format", "json"), 0));
    json_t *before = json_said();
    char *block = malloc(held);
    cr_assert(block != NULL);
    memset(block, 1, held);
    cr_assert(block[held - 1] == 1);
    cr_assert(eq(int, PREDICT("m.yaml", "--format", "json"), 0));
    json_t *after = json_said();
    for (int i = 0; i < 2; i++)
        cr_expect(eq(dbl, number_at(after, paths[i]),
                     number_at(before, paths[i])));
    free(block);
    json_decref(after);
    json_decref(before);
}

/* A config of isobath train says model, batch and tokens, one of isobath run the
 * model and the window; flags outweigh them. */
Test(predict_command, a_run_config_says_what_is_asked_for)
{
    write_file("train.yaml", "model: {family: llama, layers: 4, channels: 32,"
               " heads: 4, kv_heads: 2, ffn: 64, vocab: 256, max_tokens: 64}\n"
               "data: {path: none, tokens: 24}\ntrain: {steps: 1, batch: 3}\n");
    write_file("run.yaml", "run: {model: m.yaml, text: none, window: 40}\n");
    static const struct { const char *config, *flag, *value, *says; } cases[] = {
        { "train.yaml", "--phase", "train", "phase train, B 3, T 24" },
        { "train.yaml", "--batch", "5", "phase train, B 5, T 24" },
        { "train.yaml", "--set", "data.tokens=32", "phase train, B 3, T 32" },
        { "train.yaml", "--tokens", "16", "phase train, B 3, T 16" },
        { "run.yaml", "--batch", "2", "phase train, B 2, T 40" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect(eq(int, PREDICT(cases[i].config, cases[i].flag,
                                  cases[i].value), 0), "%s", complained);
        cr_expect(strstr(said, cases[i].says) != NULL, "%s\nin: %s",
                  cases[i].says, said);
    }
    cr_expect(eq(int, PREDICT("train.yaml", "-s", "train.bach=2"), 2));
    cr_expect(strstr(complained, "did you mean 'train.batch'?") != NULL, "%s",
              complained);
}

/* 24 layers of 4 * 6656^2 + 3 * 6656 * 17728 and two norms, 100 tokens and a
 * norm: 12,749,840,896; with gate one there is no router. */
Test(predict_command, thousands_of_millions_have_no_exponent)
{
    cr_assert(eq(int, PREDICT("m.yaml", "-s", "model.channels=6656", "-s",
        "model.heads=52", "-s", "model.kv_heads=52", "-s", "model.layers=24",
        "-s", "model.ffn=17728", "--phase", "decode"), 0), "%s", complained);
    cr_expect(strstr(said, " 12750 M parameters") != NULL, "%s", said);
}

/* Beside another machine, each line is what it is alone. */
Test(predict_command, machines_side_by_side_are_what_each_is_alone)
{
    static const char *const machines[] = { "rtx-4090", "epyc-7763" };
    char together[TEXT_SIZE];

    cr_assert(eq(int, PREDICT("m.yaml", "-m", machines[0], "-m", machines[1],
                              "--phase", "decode", "-f", "csv"), 0), "%s",
              complained);
    strcpy(together, said);
    for (int i = 0; i < 2; i++) {
        int n = 0;
        cr_assert(eq(int, PREDICT("m.yaml", "-m", machines[i], "--phase",
                                  "decode", "-f", "csv"), 0), "%s", complained);
        strtok(said, "\n");                       /* the header */
        for (char *line; (line = strtok(NULL, "\r\n")); n++)
            cr_expect(strstr(together, line) != NULL, "%s: %s", machines[i],
                      line);
        cr_expect(gt(int, n, 10));
    }
}

Test(predict_command, the_list_has_every_profile_and_no_model)
{
    cr_assert(eq(int, PREDICT("--machine", "list", "-f", "csv"), 0), "%s",
              complained);
    cr_expect(strstr(said, "\nrtx-4090,82580000000000,") != NULL, "%s", said);
    cr_expect(strstr(said, "\ntpu-v5e,,") != NULL, "%s", said);
    cr_expect(eq(int, PREDICT("--phase", "decode"), 2));
    cr_expect(strstr(complained, "MODEL is missing") != NULL, "%s", complained);
}

/* A decode step makes a token of each sequence, a prefill handles all. */
Test(predict_command, a_token_takes_its_share)
{
    static const struct { const char *phase; double tokens; } cases[] = {
        { "decode", 5 }, { "prefill", 5 * 64 }, { "train", 5 * 64 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert(eq(int, PREDICT("m.yaml", "--phase", cases[i].phase, "-B", "5",
                                  "-f", "json", "-m", "h100-sxm"), 0), "%s",
                  complained);
        json_t *root = json_said();
        cr_expect(epsilon_eq(dbl, number_at(root, "per_token.flops") *
                             cases[i].tokens, number_at(root, FLOPS), 1e-6));
        json_decref(root);
    }
}

/* A file of weights is known by how it begins, and so is what is none. */
Test(predict_command, weights_are_told_whatever_their_name)
{
    write_file("blob", "GGUF");
    cr_expect(eq(int, PREDICT("blob"), 2));
    cr_expect(strstr(complained, "blob: header: 4 bytes wanted at byte 4") !=
              NULL, "%s", complained);
    write_file("page", "<!doctype html><html></html>");
    cr_expect(eq(int, PREDICT("page"), 2));
    cr_expect(strstr(complained, "a page of HTML") != NULL, "%s", complained);
}

static void put_head(float first)
{
    enum { ROWS = 100, COLUMNS = 32 };
    static float embedding[ROWS * COLUMNS], head[ROWS * COLUMNS];
    const struct safetensors_tensor tensors[] = {
        { .name = "model.embed_tokens.weight", .dtype = SAFETENSORS_F32,
          .rank = 2, .shape = { ROWS, COLUMNS }, .data = embedding },
        { .name = "lm_head.weight", .dtype = SAFETENSORS_F32, .rank = 2,
          .shape = { ROWS, COLUMNS }, .data = head },
    };

    head[0] = first;
    cr_assert(eq(int, safetensors_write("hf/model.safetensors", tensors, 2, NULL,
                                        0, NULL), STATUS_OK));
}

/* As a run of it has it: a matrix of 100 x 32 more. */
Test(predict_command, a_head_that_is_another_is_priced_whatever_the_config_ties)
{
    static const struct { float first; const char *parameters; } heads[] = {
        { 0.0f, "0.04035 M parameters" }, { 1.0f, "0.04355 M parameters" },
    };

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        put_head(heads[i].first);
        cr_assert(eq(int, PREDICT("hf", "--phase", "decode"), 0), "%s",
                  complained);
        cr_expect(strstr(said, heads[i].parameters) != NULL, "%s", said);
        const bool warned = strstr(complained, "lm_head.weight is another"
                                   " tensor: the head is not tied") != NULL;
        cr_expect(warned == (i == 1), "%s", complained);
    }
    /* A config is priced whatever else lies there. */
    write_file("hf/model.safetensors", "version https://git-lfs.github.com/spec/");
    cr_assert(eq(int, PREDICT("hf", "--phase", "decode"), 0));
    cr_expect(strstr(said, heads[0].parameters) != NULL, "%s", said);
}
