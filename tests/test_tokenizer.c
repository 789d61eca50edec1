/* test_tokenizer.c - Tokenizers of files by hand give the ids that their rules
 * give; files that contradict themselves are refused. */
#include "models/tokens/tokenizer_file.h"
#include "tests/token_ids.h"

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
