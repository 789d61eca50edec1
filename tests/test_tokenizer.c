/* test_tokenizer.c - Tokenizers give the ids of the reference implementations;
 * files that contradict themselves are refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/files/gguf.h"
#include "models/tokens/tokenizer.h"
#include "models/tokens/tokenizer_file.h"
#include "models/tokens/utf8.h"
#include "sim/core/base/file.h"
#include "tests/shared.h"

enum { ROOM = 1 << 16 };

/* `config`: tokenizer_config.json; NULL: none. */
static enum status read_json(struct tokenizer_parts *parts, const char *text,
                             const char *config, struct error *err)
{
    return tokenizer_read_json(
        parts, &(struct tokenizer_text){ "t.json", text, strlen(text) },
        &(struct tokenizer_text){ "d/tokenizer_config.json", config,
                                  config ? strlen(config) : 0 }, 0, err);
}

/* ---- by hand: no file of others ---- */

/* Written under a name that ends in `end`, opened, removed. */
static enum status open_bytes(struct tokenizer **out, const char *end,
                              const void *bytes, size_t size, int32_t n_vocab,
                              struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/isobath-tokenizer-XXXXXX%s", end);
    int fd = mkstemps(path, (int)strlen(end));
    cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
    enum status status = tokenizer_open(out, path, n_vocab, err);
    unlink(path);
    return status;
}

static void expect_ids(const struct tokenizer *tokenizer, const char *text,
                       size_t size, bool bos, const int32_t *want, size_t n)
{
    int32_t *ids;
    size_t got;
    struct error err = { STATUS_OK, "" };

    cr_assert(tokenizer_encode(tokenizer, text, size, bos, TOKENIZER_TEXT,
                               &ids, &got, &err) ==
              STATUS_OK, "%s", err.text);
    cr_assert(got == n, "%zu ids, not %zu, for \"%s\"", got, n, text);
    for (size_t i = 0; i < n; i++)
        cr_assert(ids[i] == want[i], "id %zu is %d, not %d, in \"%s\"", i,
                  ids[i], want[i], text);
    free(ids);
}
#define EXPECT(tokenizer, text, bos, ...) do { \
        const int32_t want_[] = { __VA_ARGS__ }; \
        expect_ids(tokenizer, text, strlen(text), bos, want_, \
                   sizeof want_ / sizeof *want_); \
    } while (0)

static void expect_round_trip(const struct tokenizer *tokenizer,
                              const char *text, size_t size)
{
    int32_t *ids;
    size_t n, at = 0, m;

    cr_assert(tokenizer_encode(tokenizer, text, size, false, TOKENIZER_TEXT,
                               &ids, &n, NULL) ==
              STATUS_OK);
    for (size_t i = 0; i < n; i++, at += m) {
        const char *bytes = tokenizer_bytes(tokenizer, ids[i], i == 0, &m);
        cr_assert(at + m <= size && memcmp(text + at, bytes, m) == 0,
                  "token %zu does not stand at %zu", i, at);
    }
    cr_assert(eq(sz, at, size));
    free(ids);
}

Test(tokenizer, a_byte_is_its_own_id)
{
    struct tokenizer *t;

    cr_assert(tokenizer_open(&t, NULL, 256, NULL) == STATUS_OK);
    cr_assert(eq(i32, tokenizer_size(t), 256));
    cr_assert(eq(i32, tokenizer_bos(t), -1));
    EXPECT(t, "a\xff", false, 97, 255);
    expect_round_trip(t, "\0x", 2);
    tokenizer_close(t);
    cr_assert(tokenizer_open(&t, NULL, 255, NULL) == STATUS_BAD_VALUE);
}

/* A llama2.c file: 0 1 2 special, bytes, then what `more` gives. */
struct image {
    char   bytes[ROOM];
    size_t size;
};
static void put(struct image *image, float score, const char *text)
{
    int32_t n = (int32_t)strlen(text);
    memcpy(image->bytes + image->size, &score, 4);
    memcpy(image->bytes + image->size + 4, &n, 4);
    memcpy(image->bytes + image->size + 8, text, (size_t)n);
    image->size += 8 + (size_t)n;
}
static void llama2c(struct image *image)
{
    char text[8];

    *image = (struct image){ .size = 4 };
    put(image, 0, "<unk>");
    put(image, 0, "\n<s>\n");
    put(image, 0, "\n</s>\n");
    for (unsigned i = 0; i < 256; i++) {
        snprintf(text, sizeof text, "<0x%02X>", i);
        put(image, 0, text);
    }
    put(image, -1e9f, " ");      /* 259 */
    put(image, -1e9f, "a");      /* 260 */
    put(image, -1e9f, "b");      /* 261 */
    put(image, -1, "ab");        /* 262 */
    put(image, -2, "aa");        /* 263 */
    put(image, -3, " a");        /* 264 */
    put(image, -4, " ab");       /* 265 */
}

Test(tokenizer, sentencepiece_merges_the_best_score_then_the_leftmost)
{
    struct image image;
    struct tokenizer *t;
    struct error err = { STATUS_OK, "" };

    llama2c(&image);
    cr_assert(open_bytes(&t, ".bin", image.bytes, image.size, 266, &err) ==
              STATUS_OK, "%s", err.text);
    cr_assert(eq(i32, tokenizer_size(t), 266));
    EXPECT(t, "ab", true, 1, 265);        /* " "+"ab", -1, then " ab", -4 */
    EXPECT(t, "aab", false, 264, 262);    /* "ab" -1; then " a" -3 */
    EXPECT(t, "aaa", false, 259, 263, 260);   /* the left "aa"; " aa" is none */
    EXPECT(t, "c", false, 259, 3 + 'c');
    EXPECT(t, "\xc3\xa9", false, 259, 3 + 0xc3, 3 + 0xa9);
    EXPECT(t, "\xff""a", false, 259, 3 + 0xff, 260);   /* no UTF-8 */
    expect_ids(t, "", 0, true, (int32_t[]){ 1 }, 1);
    expect_round_trip(t, "  ab \xe2\x96\x81 \n aaab\xff\xc3", 18);
    tokenizer_close(t);
}

Test(tokenizer, a_llama2c_file_cut_anywhere_is_refused)
{
    struct image image;
    struct tokenizer *t;
    struct tokenizer_parts parts;
    struct error err;

    llama2c(&image);
    for (size_t size = 0; size < image.size; size++) {
        enum status status = tokenizer_read_llama2c(
            &parts, (const unsigned char *)image.bytes, size, "t.bin", 0, &err);
        if (status == STATUS_OK)          /* cut between tokens */
            cr_assert(parts.vocab.n >= 259 && parts.vocab.n < 266);
        else
            cr_assert(strstr(err.text, "t.bin: ") != NULL, "%s", err.text);
        tokenizer_parts_free(&parts);
    }
    /* A model may know fewer tokens than the file, as long as none stands in a
     * text. */
    cr_assert(open_bytes(&t, ".bin", image.bytes, image.size, 265, &err) ==
              STATUS_OK);
    EXPECT(t, "aab", false, 264, 262);
    int32_t *ids;
    size_t n;
    cr_assert(tokenizer_encode(t, "ab", 2, false, TOKENIZER_TEXT, &ids, &n,
                               &err) == STATUS_BAD_VALUE);
    cr_assert(strstr(err.text, "token 265,  ab, stands in the text: the model"
                     " has 265 tokens") != NULL, "%s", err.text);
    tokenizer_close(t);
    put(&image, 0, "ab");
    cr_assert(open_bytes(&t, ".bin", image.bytes, image.size, 0, &err) ==
              STATUS_BAD_FORMAT);
    cr_assert(strstr(err.text, "tokens 262 and 266 are the same") != NULL);
    int32_t huge = INT32_MAX;
    memcpy(image.bytes + 8, &huge, 4);
    cr_assert(open_bytes(&t, ".bin", image.bytes, image.size, 0, &err) ==
              STATUS_BAD_FORMAT);
    cr_assert(strstr(err.text, "token 0 does not end") != NULL);
    cr_assert(open_bytes(&t, ".txt", "", 0, 0, &err) == STATUS_BAD_VALUE);
}

#define GPT2(model) "{\"added_tokens\":[{\"id\":5,\"content\":\"<|e|>\"," \
    "\"special\":true},{\"id\":6,\"content\":\"ba!\",\"special\":false}]," \
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}," \
    "\"model\":{\"type\":\"BPE\"," model "}}"
#define VOCAB "\"vocab\":{\"a\":0,\"b\":1,\"\\u0120\":2,\"ab\":3,\"aab\":4}"

Test(tokenizer, byte_level_merges_go_by_rank_and_stay_within_words)
{
    static const char text[] =
        GPT2(VOCAB ",\"merges\":[\"a b\",[\"a\",\"ab\"]]");
    struct tokenizer *t;
    struct error err = { STATUS_OK, "" };

    cr_assert(open_bytes(&t, ".json", text, strlen(text), 0, &err) ==
              STATUS_OK, "%s", err.text);
    cr_assert(eq(i32, tokenizer_size(t), 7));
    EXPECT(t, "aab", false, 4);
    EXPECT(t, "aaab a", false, 0, 4, 2, 0);
    EXPECT(t, "  abb", false, 2, 2, 3, 1);
    EXPECT(t, "aba!b", false, 0, 6, 1);   /* an added token goes first */
    int32_t *ids;
    size_t n;
    cr_assert(tokenizer_encode(t, "ac", 2, false, TOKENIZER_PARSE, &ids, &n,
                               &err) ==
              STATUS_BAD_VALUE);
    cr_assert(strstr(err.text, "byte 0x63 of the text") != NULL, "%s", err.text);
    cr_assert(tokenizer_encode(t, "a", 1, true, TOKENIZER_PARSE, &ids, &n,
                               &err) ==
              STATUS_BAD_VALUE);
    tokenizer_bytes(t, 5, false, &n);
    cr_assert(eq(sz, n, 0));              /* control: no bytes of a text */
    tokenizer_bytes(t, 99, false, &n);
    cr_assert(eq(sz, n, 0));
    tokenizer_close(t);
}

/* A file says which texts have BOS before them. */
Test(tokenizer, a_json_says_whether_a_text_begins_with_bos)
{
#define PLAIN VOCAB ",\"merges\":[]"
    static const char bos[] = "{\"bos_token\":\"<|e|>\"}";
    static const char template[] =
        "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":"
        "{\"id\":\"<|e|>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\"}}]}";
    static const struct {
        const char *step, *config;
        bool        begins;
    } cases[] = {
        { "null", bos, false },
        { "{\"type\":\"ByteLevel\"}", bos, false },
        { template, bos, true },
        { "SEQUENCE", bos, true },
        { template, "{}", true },      /* only the post-processor names it */
        { "SEQUENCE", "{\"bos_token\":null}", true },
        { template, "{\"bos_token\":\"<|e|>\",\"add_bos_token\":false}",
          false },
        { "null", "{\"bos_token\":\"<|e|>\",\"add_bos_token\":true}", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tokenizer_parts parts;
        struct error err = { STATUS_OK, "" };
        char text[2048], step[512];
        snprintf(step, sizeof step, strcmp(cases[i].step, "SEQUENCE") == 0
                     ? "{\"type\":\"Sequence\",\"processors\":[%s]}" : "%s",
                 strcmp(cases[i].step, "SEQUENCE") == 0 ? template
                                                        : cases[i].step);
        snprintf(text, sizeof text, "{\"post_processor\":%s,%s", step,
                 GPT2(PLAIN) + 1);
        cr_assert(read_json(&parts, text, cases[i].config, &err) == STATUS_OK,
                  "%s", err.text);
        cr_expect(parts.begins == cases[i].begins, "case %zu", i);
        cr_expect(eq(i32, parts.vocab.bos, 5));
        tokenizer_parts_free(&parts);
    }
}

#define SPM(added, steps) "{\"added_tokens\":[{\"id\":5,\"content\":\"<t>\"," \
    added "}]," steps ",\"model\":{\"type\":\"BPE\",\"byte_fallback\":true," \
    "\"vocab\":{\"\u2581\":0,\"a\":1,\"b\":2,\"\u2581a\":3,\"\u2581b\":4}," \
    "\"merges\":[\"\u2581 a\",\"\u2581 b\"]}}"
#define PREPEND "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[" \
    "{\"type\":\"Prepend\",\"prepend\":\"\u2581\"},{\"type\":\"Replace\"," \
    "\"pattern\":{\"String\":\" \"},\"content\":\"\u2581\"}]}"
#define METASPACE(scheme) "\"pre_tokenizer\":{\"type\":\"Metaspace\"," \
    "\"replacement\":\"\u2581\",\"split\":false,\"prepend_scheme\":\"" scheme \
    "\"}"

/* tokenizers normalises what lies between added tokens, each part by itself. */
Test(tokenizer, a_space_stands_before_what_follows_an_added_token)
{
    static const char *const texts[] = {
        SPM("\"special\":false,\"normalized\":false", PREPEND),
        SPM("\"special\":false", METASPACE("always")),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct tokenizer *t;
        struct error err = { STATUS_OK, "" };
        cr_assert(open_bytes(&t, ".json", texts[i], strlen(texts[i]), 0, &err)
                  == STATUS_OK, "%s", err.text);
        EXPECT(t, "a<t>b", false, 3, 5, 4);
        EXPECT(t, "<t>a", false, 5, 3);
        EXPECT(t, "a<t>", false, 3, 5);
        tokenizer_close(t);
    }
}

/* Ids of tokenizers 0.23.3.  White space that a token takes may be a token. */
Test(tokenizer, tokens_overlap_where_one_takes_the_white_space_behind_it)
{
    static const char text[] = "{\"added_tokens\":["
        "{\"id\":4,\"content\":\"<m>\",\"rstrip\":true,\"normalized\":false},"
        "{\"id\":5,\"content\":\"  \",\"normalized\":false},{\"id\":6,"
        "\"content\":\"\\n\",\"lstrip\":true,\"rstrip\":true,\"normalized\":"
        "false}],\"pre_tokenizer\":{\"type\":\"ByteLevel\","
        "\"add_prefix_space\":false,\"use_regex\":false},\"model\":{\"type\":"
        "\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"\u0120\":2,\"\u010a\":3},"
        "\"merges\":[]}}";
    struct tokenizer *t;
    struct error err = { STATUS_OK, "" };

    cr_assert(open_bytes(&t, ".json", text, strlen(text), 0, &err)
              == STATUS_OK, "%s", err.text);
    EXPECT(t, "a<m>  b", false, 0, 4, 5, 1);
    EXPECT(t, "a<m>   b", false, 0, 4, 5, 2, 1);
    EXPECT(t, "a \n \nb", false, 0, 6, 1);
    EXPECT(t, "<m> \n b", false, 4, 1);
    EXPECT(t, "<m>  <m>", false, 4, 5, 4);
    tokenizer_close(t);
}

/* Ids of tokenizers 0.23.3: U+2581 is three bytes where bytes are spelled. */
Test(tokenizer, bytes_are_spelled_behind_metaspace_too)
{
    static const char text[] = "{\"pre_tokenizer\":{\"type\":\"Sequence\","
        "\"pretokenizers\":[{\"type\":\"Metaspace\",\"replacement\":\"\u2581\","
        "\"prepend_scheme\":\"always\"},{\"type\":\"ByteLevel\","
        "\"add_prefix_space\":true,\"use_regex\":false}]},\"model\":{\"type\":"
        "\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"\u0120\":2,\"\u00e2\":3,"
        "\"\u0138\":4,\"\u0123\":5},\"merges\":[]}}";
    struct tokenizer *t;
    struct error err = { STATUS_OK, "" };

    cr_assert(open_bytes(&t, ".json", text, strlen(text), 0, &err)
              == STATUS_OK, "%s", err.text);
    EXPECT(t, "a b", false, 2, 3, 4, 5, 0, 2, 3, 4, 5, 1);
    tokenizer_close(t);
}

/* EOS, a BOS, and tokens by which chat models end a turn; text that reads the
 * same is none of them. */
Test(tokenizer, a_text_ends_at_its_special_tokens)
{
    static const char text[] =
        "{\"added_tokens\":["
        "{\"id\":2,\"content\":\"<|im_end|>\",\"special\":true},"
        "{\"id\":3,\"content\":\"<|other|>\",\"special\":true}],"
        "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
        "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"</s>\":1},"
        "\"merges\":[]}}";
    struct image image;
    struct tokenizer *t;
    struct error err = { STATUS_OK, "" };

    cr_assert(open_bytes(&t, ".json", text, strlen(text), 0, &err) ==
              STATUS_OK, "%s", err.text);
    cr_expect(not(tokenizer_begins(t)));
    cr_expect(tokenizer_ends(t, 2));
    cr_expect(not(tokenizer_ends(t, 0)));
    cr_expect(not(tokenizer_ends(t, 1)));   /* a word that looks like one */
    cr_expect(not(tokenizer_ends(t, 3)));
    cr_expect(not(tokenizer_ends(t, -1)));
    cr_expect(not(tokenizer_ends(t, 4)));
    tokenizer_close(t);
    llama2c(&image);
    cr_assert(open_bytes(&t, ".bin", image.bytes, image.size, 0, &err) ==
              STATUS_OK, "%s", err.text);
    cr_expect(tokenizer_begins(t));
    cr_expect(tokenizer_ends(t, 1) && tokenizer_ends(t, 2));
    cr_expect(not(tokenizer_ends(t, 0)));
    tokenizer_close(t);
}

#define SPLIT(pattern, behavior) "{\"pre_tokenizer\":{\"type\":\"Sequence\"," \
    "\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{" pattern "}," \
    "\"behavior\":\"" behavior "\"},{\"type\":\"ByteLevel\"," \
    "\"add_prefix_space\":false,\"use_regex\":false}]}," \
    "\"model\":{\"type\":\"BPE\"}}"

Test(tokenizer, a_json_that_asks_for_more_is_refused_by_name)
{
    static const struct { const char *text, *words; } refusals[] = {
        { "{", "t.json:1:1" },
        { "[]", "model.type" },
        { "{\"model\":{\"type\":\"WordPiece\"}}", "WordPiece: only BPE and" },
        { "{\"model\":{\"type\":\"Unigram\"}}", "must be a list of texts" },
        { GPT2(VOCAB), "model.merges: must be a list" },
        { GPT2(VOCAB ",\"merges\":[\"a c\"]"), "merge 0: its right part" },
        { GPT2(VOCAB ",\"merges\":[\"b a\"]"), "of tokens 1 and 0 gives no" },
        { GPT2(VOCAB ",\"merges\":[\"a b\",\"a b\"]"), "merge 1 of tokens 0" },
        { GPT2(VOCAB ",\"merges\":[\"ab\"]"), "is not two parts" },
        { GPT2("\"vocab\":{\"a\":-1}"), "a: the id must be" },
        { GPT2("\"vocab\":{\"a\":2000000000}"), "below 4099, 4096 more" },
        { GPT2("\"vocab\":{\"a\":0,\"b\":0}"), "have the same id" },
        { GPT2("\"vocab\":{\"a\":0,\"a\":1}"), "duplicate" },
        { GPT2("\"dropout\":0.1," VOCAB), "model.dropout" },
        { GPT2("\"end_of_word_suffix\":\"</w>\"," VOCAB), "</w>" },
        { "{\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"},\"model\":"
          "{\"type\":\"BPE\"}}", "pre_tokenizer: UnicodeScripts" },
        { SPLIT("\"Regex\":\"(?:ab\"", "Isolated"), "pre_tokenizer: missing"
          " closing parenthesis, at 5 of the pattern (?:ab" },
        { SPLIT("\"Regex\":\"[a&&b]\"", "Isolated"), "pre_tokenizer: an"
          " intersection" },
        { SPLIT("\"Regex\":\"a\"", "Doubled"), "pre_tokenizer: Split, as" },
        { SPLIT("\"Regex\":\"\"", "Isolated"), "pre_tokenizer: Split, as" },
        { "{\"normalizer\":{\"type\":\"Lowercase\"},\"model\":"
          "{\"type\":\"BPE\"}}", "normalizer: Lowercase" },
    };

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct tokenizer_parts parts;
        struct error err = { STATUS_OK, "" };
        const char *text = refusals[i].text;
        cr_assert(read_json(&parts, text, NULL, &err) == STATUS_BAD_FORMAT,
                  "%s", text);
        cr_assert(strstr(err.text, refusals[i].words) &&
                  strstr(err.text, "t.json:"), "%s: %s", text, err.text);
    }
}

#define WORDS(...) (const char *const[]){ __VA_ARGS__, NULL }

/* A GGUF file, value by value. */
static void put_bytes(struct image *image, const void *bytes, size_t n)
{
    memcpy(image->bytes + image->size, bytes, n);
    image->size += n;
}
static void put_u32(struct image *image, uint32_t value)
{
    put_bytes(image, &value, sizeof value);
}
static void put_u64(struct image *image, uint64_t value)
{
    put_bytes(image, &value, sizeof value);
}
static void put_text(struct image *image, const char *text)
{
    put_u64(image, strlen(text));
    put_bytes(image, text, strlen(text));
}
static void put_texts(struct image *image, const char *const texts[])
{
    uint64_t n = 0;

    while (texts[n])
        n++;
    put_u32(image, GGUF_VALUE_ARRAY);
    put_u32(image, GGUF_VALUE_TEXT);
    put_u64(image, n);
    for (uint64_t i = 0; i < n; i++)
        put_text(image, texts[i]);
}

/* GPT-2's kind with four tokens and one merge. */
static enum status read_four(struct tokenizer_parts *parts, const char *model,
                             const char *pre, const char *merge, uint32_t bos,
                             struct error *err)
{
    struct image image = { .size = 0 };
    struct gguf *file;

    put_bytes(&image, "GGUF", 4);
    put_u32(&image, 3);
    put_u64(&image, 0);
    put_u64(&image, 5);
    put_text(&image, "tokenizer.ggml.model");
    put_u32(&image, GGUF_VALUE_TEXT);
    put_text(&image, model);
    put_text(&image, "tokenizer.ggml.pre");
    put_u32(&image, GGUF_VALUE_TEXT);
    put_text(&image, pre);
    put_text(&image, "tokenizer.ggml.tokens");
    put_texts(&image, WORDS("a", "b", "ab", "<|e|>"));
    put_text(&image, "tokenizer.ggml.merges");
    put_texts(&image, WORDS(merge));
    put_text(&image, "tokenizer.ggml.bos_token_id");
    put_u32(&image, GGUF_VALUE_U32);
    put_u32(&image, bos);
    cr_assert(gguf_parse(&file, image.bytes, image.size, "t.gguf", err) ==
              STATUS_OK, "%s", err->text);
    enum status status = tokenizer_read_gguf(parts, file, 4, err);
    gguf_close(file);
    return status;
}

Test(tokenizer, a_gguf_that_contradicts_itself_is_refused_by_key)
{
    static const struct {
        const char *model, *pre, *merge;
        uint32_t bos;
        const char *words;
    } refusals[] = {
        { "bert", "gpt-2", "a b", 3, "tokenizer.ggml.model: bert" },
        { "gpt2", "mine", "a b", 3, "tokenizer.ggml.pre: mine" },
        { "gpt2", "gpt-2", "b a", 3, "tokenizer.ggml.merges: merge 0" },
        { "gpt2", "gpt-2", "ab", 3, "merge 0 is not two parts" },
        { "gpt2", "gpt-2", "a b", 4, "tokenizer.ggml.bos_token_id" },
        { "llama", "", "a b", 3, "tokenizer.ggml.scores" },
    };
    struct tokenizer_parts parts;
    struct error err = { STATUS_OK, "" };

    cr_assert(read_four(&parts, "gpt2", "gpt-2", "a b", 3, &err) == STATUS_OK,
              "%s", err.text);
    cr_assert(eq(i32, parts.vocab.bos, 3));
    cr_assert(parts.vocab.role[3] == VOCAB_SPECIAL);
    cr_assert(not(parts.begins));
    tokenizer_parts_free(&parts);
    /* Llama 3 begins texts with BOS where the file does not say. */
    cr_assert(read_four(&parts, "gpt2", "llama-bpe", "a b", 3, &err) ==
              STATUS_OK);
    cr_assert(parts.begins);
    tokenizer_parts_free(&parts);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        cr_assert(read_four(&parts, refusals[i].model, refusals[i].pre,
                            refusals[i].merge, refusals[i].bos, &err) !=
                  STATUS_OK);
        cr_assert(strstr(err.text, refusals[i].words) != NULL &&
                  strstr(err.text, "t.gguf") != NULL, "%s", err.text);
        cr_assert(parts.vocab.n == 0 && !parts.merges.slot);
    }
}

/* The next words that are expected, NULL at the end. */
struct expected {
    const char *text, *const *word;
};

static enum status expect_word(void *user, const char *got, size_t size,
                               struct error *err)
{
    struct expected *e = user;
    const char *word = *e->word++;

    (void)err;
    cr_assert(word && size == strlen(word) && memcmp(got, word, size) == 0,
              "\"%.*s\" of \"%s\" is not \"%s\"", (int)size, got, e->text,
              word ? word : "(the end)");
    return STATUS_OK;
}

static void expect_words(const char *pre, const char *text,
                         const char *const words[])
{
    struct tokenizer_parts parts;
    struct expected expected = { text, words };
    struct error err = { STATUS_OK, "" };

    cr_assert(read_four(&parts, "gpt2", pre, "a b", 3, &err) == STATUS_OK,
              "%s", err.text);
    cr_assert(splitter_cut(&parts.splitter, text, strlen(text), true,
                           expect_word, &expected, NULL) == STATUS_OK);
    cr_assert(expected.word[0] == NULL, "\"%s\" of \"%s\" is missing",
              expected.word[0], text);
    tokenizer_parts_free(&parts);
}

Test(tokenizer, a_gguf_has_the_patterns_that_it_names)
{
    expect_words("gpt-2", "I'll 'RE  x1 ?!\n\n b ",
                 WORDS("I", "'ll", " '", "RE", " ", " x", "1", " ?!", "\n\n",
                       " b", " "));
    expect_words("smollm", "a  12 b", WORDS("a", "  ", "1", "2", " b"));
    expect_words("llama-bpe", "I'LL 1234 (x)\r\n\n  \n a\tb?!\n",
                 WORDS("I", "'LL", " ", "123", "4", " (", "x", ")\r\n\n",
                       "  \n", " a", "\tb", "?!\n"));
    expect_words("qwen2", "12 \xc2\xa0x", WORDS("1", "2", " ", "\xc2\xa0x"));
    expect_words("llama3", "a'\xc5\xbf""b", WORDS("a", "'\xc5\xbf", "b"));
    expect_words("olmo", "\xff\xff a", WORDS("\xff\xff", " a"));
}

Test(tokenizer, code_points_are_what_unicode_says)
{
    uint32_t c = 0;

    cr_assert(eq(sz, utf8_decode(&c, "\xf4\x8f\xbf\xbf", 4), 4));
    cr_assert(eq(u32, c, 0x10ffff));
    cr_assert(eq(sz, utf8_decode(&c, "\xf4\x90\x80\x80", 4), 0));
    cr_assert(eq(sz, utf8_decode(&c, "\xed\xa0\x80", 3), 0));     /* D800 */
    cr_assert(eq(sz, utf8_decode(&c, "\xc0\x80", 2), 0));         /* overlong */
    cr_assert(eq(sz, utf8_decode(&c, "\xe2\x82", 2), 0));
    cr_assert(eq(sz, utf8_decode(&c, "\0a", 2), 1));
    cr_assert(eq(u32, c, 0));
}

static void expect_composed(const char *text, size_t size, const char *want,
                            size_t n_want)
{
    char *out;
    size_t n;

    cr_assert(utf8_normalise(&out, &n, text, size, UTF8_NFC, NULL) == STATUS_OK);
    cr_expect(n == n_want && memcmp(out, want, n) == 0, "%s", text);
    free(out);
}

/* The Unicode Standard, annex 15: canonical order, composition, exclusions;
 * U+1D160 becomes three, of 4 bytes each. */
Test(tokenizer, characters_compose_and_bytes_of_none_stay)
{
    expect_composed("", 0, "", 0);
    expect_composed("e\xcc\x81\0x", 5, "\xc3\xa9\0x", 4);
    expect_composed("a\xcc\x81\xcc\xa3", 5, "\xe1\xba\xa1\xcc\x81", 5);
    expect_composed("\xe0\xa5\x98", 3, "\xe0\xa4\x95\xe0\xa4\xbc", 6);
    expect_composed("\xf0\x9d\x85\xa0", 4, "\xf0\x9d\x85\x98\xf0\x9d\x85\xa5"
                    "\xf0\x9d\x85\xae", 12);
    expect_composed("\xff" "e\xcc\x81\xe2\x82", 6, "\xff\xc3\xa9\xe2\x82", 5);
    expect_composed("e\xff\xcc\x81", 4, "e\xff\xcc\x81", 4);
}

/* ---- the references' vectors ---- */

static struct tokenizer *open_shared(const char *name, int32_t n_vocab)
{
    char path[FILE_PATH_SIZE];
    struct tokenizer *t;
    struct error err = { STATUS_OK, "" };

    shared_path(path, name);
    cr_assert(tokenizer_open(&t, path, n_vocab, &err) == STATUS_OK, "%s",
              err.text);
    return t;
}

static char *read_shared(const char *name, size_t *size)
{
    char path[FILE_PATH_SIZE], *text;

    shared_path(path, name);
    cr_assert(file_read(&text, size, path, 1 << 24, NULL) == STATUS_OK);
    return text;
}

/* `name`.inp has texts between marks, `name`.out their ids, a line each. */
static void expect_vectors(const char *name, int32_t n_vocab)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    char inp[128], out[128];
    size_t size, n_texts = 0;
    struct tokenizer *t = open_shared(name, n_vocab);

    snprintf(inp, sizeof inp, "%s.inp", name);
    snprintf(out, sizeof out, "%s.out", name);
    char *texts = read_shared(inp, &size), *ids = read_shared(out, &size);
    for (char *at = texts, *line = ids, *end; (end = strstr(at, mark));
         at = end + strlen(mark), n_texts++) {
        int32_t want[1024];
        size_t n = 0;
        char *newline = strchr(line, '\n'), *next;
        cr_assert(newline != NULL);
        for (*newline = '\0'; ; line = next) {
            long id = strtol(line, &next, 10);
            if (next == line)
                break;
            want[n++] = (int32_t)id;
        }
        *end = '\0';
        expect_ids(t, at, (size_t)(end - at), false, want, n);
        expect_round_trip(t, at, (size_t)(end - at));
        line = newline + 1;
    }
    cr_assert(n_texts >= 46, "%zu texts", n_texts);
    free(texts);
    free(ids);
    tokenizer_close(t);
}

Test(tokenizer, gpt2_has_the_ids_of_llama_cpp)
{
    expect_vectors("tokenizers/ggml-vocab-gpt-2.gguf", 50257);
}

Test(tokenizer, llama_has_the_ids_of_llama_cpp)
{
    expect_vectors("tokenizers/ggml-vocab-llama-spm.gguf", 32000);
}

/* Where special tokens are taken from the text; nothing is known without ids. */
static void expect_parsed(const struct tokenizer *t, const json_t *text,
                          const json_t *want)
{
    int32_t *ids;
    size_t n;

    cr_assert(tokenizer_encode(t, json_string_value(text),
                               json_string_length(text), false, TOKENIZER_PARSE,
                               &ids, &n, NULL) == STATUS_OK);
    cr_assert(n == json_array_size(want) || !want, "%zu ids", n);
    for (size_t i = 0; i < n && want; i++)
        cr_assert(ids[i] == json_integer_value(json_array_get(want, i)));
    free(ids);
}

Test(tokenizer, gpt2_has_the_ids_of_tiktoken_in_difficult_texts)
{
    size_t size, n = 0, i, k;
    struct tokenizer *t = open_shared("tokenizers/ggml-vocab-gpt-2.gguf", 0);
    char *text = read_shared("vectors/gpt2_bpe_vectors.json", &size);
    json_t *root = json_loadb(text, size, JSON_ALLOW_NUL, NULL), *vector, *id;

    json_array_foreach(json_object_get(root, "vectors"), i, vector) {
        const json_t *string = json_object_get(vector, "text");
        const json_t *ids = json_object_get(vector, "ids");
        int32_t want[1024];
        json_array_foreach(ids, k, id)
            want[k] = (int32_t)json_integer_value(id);
        expect_ids(t, json_string_value(string), json_string_length(string),
                   false, want, json_array_size(ids));
        expect_parsed(t, string, json_object_get(vector,
                                                 "ids_special_allowed"));
        expect_round_trip(t, json_string_value(string),
                          json_string_length(string));
        n++;
    }
    cr_assert(eq(sz, n, 29));
    json_decref(root);
    free(text);
    tokenizer_close(t);
}

/* tests/data/tokens/vectors.json: tests/compare/token_vectors.py wrote it. */
static json_t *vectors(void)
{
    char *text;
    size_t size;

    cr_assert(file_read(&text, &size, "tests/data/tokens/vectors.json", 1 << 20,
                        NULL) == STATUS_OK);
    json_t *root = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
    free(text);
    cr_assert(root != NULL);
    return root;
}

static void expect_ids_of(const struct tokenizer *t, const json_t *root,
                          const json_t *lists)
{
    size_t i, k;
    json_t *text, *id;

    cr_assert(json_array_size(lists) > 10);
    json_array_foreach(json_object_get(root, "texts"), i, text) {
        int32_t want[256];
        json_array_foreach(json_array_get(lists, i), k, id)
            want[k] = (int32_t)json_integer_value(id);
        expect_ids(t, json_string_value(text), json_string_length(text), false,
                   want, json_array_size(json_array_get(lists, i)));
    }
}

Test(tokenizer, gpt2_has_the_ids_of_the_tokenizers_library)
{
    struct tokenizer *t = open_shared("tokenizers/ggml-vocab-gpt-2.gguf", 0);
    json_t *root = vectors();

    expect_ids_of(t, root, json_object_get(root, "gpt2"));
    json_decref(root);
    tokenizer_close(t);
}

/* Two patterns one within the other, neither of a known model, and text that is
 * composed first. */
Test(tokenizer, patterns_of_a_json_file_have_the_ids_of_the_tokenizers_library)
{
    struct tokenizer *t;
    struct error err = { STATUS_OK, "" };
    json_t *root = vectors(), *own = json_object_get(root, "own");
    char *text = json_dumps(json_object_get(own, "file"), 0);

    cr_assert(open_bytes(&t, ".json", text, strlen(text), 0, &err) ==
              STATUS_OK, "%s", err.text);
    expect_ids_of(t, root, json_object_get(own, "ids"));
    free(text);
    json_decref(root);
    tokenizer_close(t);
}

/* nanoGPT's published counts add up to this: 301966 + 36059. */
Test(tokenizer, a_book_has_its_published_number_of_tokens)
{
    size_t size, n;
    int32_t *ids;
    struct tokenizer *t = open_shared("tokenizers/ggml-vocab-gpt-2.gguf", 0);
    char *text = read_shared("text/tinyshakespeare.txt", &size);

    cr_assert(tokenizer_encode(t, text, size, false, TOKENIZER_TEXT, &ids, &n,
                               NULL) ==
              STATUS_OK);
    cr_assert(eq(sz, n, 338025));
    free(ids);
    free(text);
    tokenizer_close(t);
}

static void expect_prompt(const struct tokenizer *t, const char *name)
{
    size_t size, i;
    char *text = read_shared(name, &size);
    json_t *root = json_loadb(text, size, 0, NULL), *id;
    const json_t *tokens = json_object_get(root, "tokens");
    int32_t want[64];

    cr_assert(json_array_size(tokens) > 0 && json_array_size(tokens) <= 64);
    json_array_foreach(tokens, i, id)
        want[i] = (int32_t)json_integer_value(id);
    const char *prompt = json_string_value(json_object_get(root, "prompt"));
    expect_ids(t, prompt, strlen(prompt), true, want, i);
    json_decref(root);
    free(text);
}

Test(tokenizer, stories_have_the_ids_of_llama2_c)
{
    size_t size, n;
    int32_t *ids;
    struct tokenizer *t = open_shared("llama2c/tok512.bin", 512);

    expect_prompt(t, "vectors/stories260K_logits_once.json");
    expect_prompt(t, "vectors/stories260K_logits_unicode.json");
    char *text = read_shared("text/nll_text_tinystory.txt", &size);
    cr_assert(tokenizer_encode(t, text, size, false, TOKENIZER_TEXT, &ids, &n,
                               NULL) ==
              STATUS_OK);
    cr_assert(eq(sz, n, 236));            /* as its README says */
    expect_round_trip(t, text, size);
    free(ids);
    free(text);
    tokenizer_close(t);
}

/* One word of a million letters: the merges are not quadratic. */
Test(tokenizer, a_very_long_word_takes_no_longer_than_its_length)
{
    enum { N = 1000000 };
    struct tokenizer *t = open_shared("tokenizers/ggml-vocab-gpt-2.gguf", 0);
    char *text = malloc(N);

    memset(text, 'a', N);
    expect_round_trip(t, text, N);
    tokenizer_close(t);
    free(text);
}
