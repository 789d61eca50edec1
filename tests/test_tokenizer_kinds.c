/* test_tokenizer_kinds.c - Every setting of a tokenizer.json that is read has the
 * ids of the `tokenizers` library, and a SentencePiece model those of its own:
 * tests/compare/tokenizer_kinds.py wrote tests/data/tokens/kinds.json. */
#include "models/tokens/tokenizer_file.h"
#include "tests/directory.h"
#include "tests/token_ids.h"

enum { N_TEXTS = 2000, BLOCK = 20, MAX_PIECES = 8, TEXT_SIZE = 512 };

/* Knuth's MMIX generator, and its upper half. */
static uint32_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* The next text; its bytes. */
static size_t next_text(char out[TEXT_SIZE], uint64_t *state,
                        const json_t *pieces)
{
    const uint32_t n = 1 + draw(state) % MAX_PIECES;
    size_t size = 0;

    for (uint32_t i = 0; i < n; i++) {
        const json_t *piece = json_array_get(pieces, draw(state) %
                                             json_array_size(pieces));
        cr_assert(size + json_string_length(piece) <= TEXT_SIZE);
        memcpy(out + size, json_string_value(piece), json_string_length(piece));
        size += json_string_length(piece);
    }
    return size;
}

/* FNV-1a, 32 bits, of a little-endian word more. */
static uint32_t fnv(uint32_t h, uint32_t word)
{
    for (int i = 0; i < 4; i++, word >>= 8)
        h = (h ^ (word & 0xff)) * 16777619u;
    return h;
}

/* Bytes that the other library would not have. */
static size_t without_nul(char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++)
        if (text[i])
            text[n++] = text[i];
    return n;
}

static void expect_sums(const struct tokenizer_parts *parts, bool special,
                        bool nul, const json_t *root, const json_t *sums,
                        const char *what)
{
    const json_t *pieces = json_object_get(root, "pieces");
    uint64_t state = 1;
    size_t wrong = 0;

    for (size_t block = 0; block < N_TEXTS / BLOCK; block++) {
        uint32_t h = 2166136261u;
        for (int i = 0; i < BLOCK; i++) {
            char text[TEXT_SIZE];
            struct ids ids = { 0 };
            struct error err = { STATUS_OK, "" };
            size_t size = next_text(text, &state, pieces);
            size = nul ? size : without_nul(text, size);
            cr_assert(tokenizer_encode_parts(parts, text, size, special, &ids,
                                             &err) == STATUS_OK, "%s: %s", what,
                      err.text);
            h = fnv(h, (uint32_t)ids.n);
            for (size_t k = 0; k < ids.n; k++)
                h = fnv(h, (uint32_t)ids.id[k]);
            free(ids.id);
        }
        wrong += h != (uint32_t)json_integer_value(json_array_get(sums, block));
    }
    cr_assert(eq(sz, json_array_size(sums), N_TEXTS / BLOCK));
    cr_expect(wrong == 0, "%zu of %d blocks of texts differ: %s", wrong,
              N_TEXTS / BLOCK, what);
}

/* A tokenizer.json of one case: {model, more, ...}. */
static json_t *file_of(const json_t *root, json_t *of)
{
    const char *name = json_string_value(json_object_get(of, "model"));
    json_t *model = json_copy(json_object_get(json_object_get(root, "models"),
                                              name));
    json_t *file = json_copy(of);

    if (!json_object_get(json_object_get(of, "more"), "type"))
        json_object_set_new(model, "type", json_string("BPE"));
    json_object_update(model, json_object_get(of, "more"));
    json_object_set_new(file, "model", model);
    json_object_del(file, "sums");
    return file;
}

Test(tokenizer_kinds, ids_are_those_of_the_tokenizers_library)
{
    json_t *root = token_vectors("kinds.json"), *of;
    size_t i, n = 0;

    json_array_foreach(json_object_get(root, "cases"), i, of) {
        struct tokenizer_parts parts;
        struct error err = { STATUS_OK, "" };
        json_t *file = file_of(root, of);
        char *text = json_dumps(file, JSON_ENSURE_ASCII), what[256];
        snprintf(what, sizeof what, "case %zu, %s", i, strstr(text, "normali"));
        cr_assert(tokenizer_read_json(
            &parts, &(struct tokenizer_text){ "t.json", text, strlen(text) },
            &(struct tokenizer_text){ 0 }, 0, &err) == STATUS_OK, "%s: %s",
            what, err.text);
        expect_sums(&parts, true, true, root, json_object_get(of, "sums"),
                    what);
        tokenizer_parts_free(&parts);
        free(text);
        json_decref(file);
        n++;
    }
    cr_assert(ge(sz, n, 50));
    json_decref(root);
}

/* RFC 4648, section 4. */
static size_t decode(unsigned char *out, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    uint32_t bits = 0;

    for (size_t i = 0; text[i] && text[i] != '='; i++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, text[i]) - digits);
        if (i % 4 > 0)
            out[n++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    return n;
}

static void expect_spm(const json_t *root, const json_t *of)
{
    const json_t *model = json_object_get(of, "model");
    unsigned char *bytes = malloc(json_string_length(model));
    size_t size = decode(bytes, json_string_value(model));
    struct tokenizer_parts parts;
    struct error err = { STATUS_OK, "" };

    cr_assert(tokenizer_read_spm(&parts, bytes, size, "t.model", 0, &err) ==
              STATUS_OK, "%s", err.text);
    cr_expect(parts.vocab.bos == 1 && parts.vocab.eos == 2);
    expect_sums(&parts, false, false, root, json_object_get(of, "sums"),
                parts.kind == TOKENIZER_UNIGRAM ? "unigram" : "bpe");
    tokenizer_parts_free(&parts);
    /* Cut anywhere, it is another model or none. */
    for (size_t cut = 0; cut < size; cut += 7) {
        enum status status = tokenizer_read_spm(&parts, bytes, cut, "t.model", 0,
                                                &err);
        cr_assert(status == STATUS_OK || strstr(err.text, "t.model: "), "%s",
                  err.text);
        tokenizer_parts_free(&parts);
    }
    free(bytes);
}

Test(tokenizer_kinds, a_sentencepiece_model_has_the_ids_of_sentencepiece)
{
    json_t *root = token_vectors("kinds.json"), *of;
    size_t i;

    json_array_foreach(json_object_get(root, "spm"), i, of)
        expect_spm(root, of);
    cr_assert(eq(sz, i, 3));
    json_decref(root);
}

static const char *opened(const char *name, const char *text)
{
    static struct error err;
    struct tokenizer *tokenizer = NULL;

    put_file(name, text);
    err = (struct error){ STATUS_OK, "opens" };
    if (tokenizer_open(&tokenizer, "tokenizer.model", 0, &err) == STATUS_OK)
        tokenizer_close(tokenizer);
    cr_assert(remove(name) == 0);
    return err.text;
}

/* transformers cuts such a token out of a text; 'hello<tool>world' would have
 * other ids.  <t> is a piece that the model itself keeps whole. */
Test(tokenizer_kinds, tokens_added_beside_a_sentencepiece_model_are_refused,
     .fini = leave_directory)
{
    json_t *root = token_vectors("kinds.json");
    const json_t *model = json_object_get(json_array_get(
        json_object_get(root, "spm"), 1), "model");
    unsigned char *bytes = malloc(json_string_length(model));
    const size_t size = decode(bytes, json_string_value(model));

    enter_directory();
    FILE *file = fopen("tokenizer.model", "w");
    cr_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
    cr_expect_str_eq(opened("added_tokens.json", "{\"<t>\": 3, \"</s>\": 2}"),
                     "opens");
    cr_expect(strstr(opened("added_tokens.json", "{\"<tool>\": 4000}"),
                     "added_tokens.json: token 4000, '<tool>', was added") != NULL);
    cr_expect_str_eq(opened("tokenizer_config.json", "{\"added_tokens_decoder\":"
                            " {\"1\": {\"content\": \"<s>\"}}}"), "opens");
    cr_expect(strstr(opened("tokenizer_config.json", "{\"added_tokens_decoder\":"
                            " {\"4000\": {\"content\": \"<tool>\"}}}"),
                     "tokenizer_config.json: token 4000, '<tool>', was") != NULL);
    free(bytes);
    json_decref(root);
}
