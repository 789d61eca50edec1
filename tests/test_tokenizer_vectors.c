/* test_tokenizer_vectors.c - Tokenizers give the ids of the reference
 * implementations. */
#include "tests/shared.h"
#include "tests/token_ids.h"

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

Test(tokenizer_vectors, gpt2_has_the_ids_of_llama_cpp)
{
    expect_vectors("tokenizers/ggml-vocab-gpt-2.gguf", 50257);
}

Test(tokenizer_vectors, llama_has_the_ids_of_llama_cpp)
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

Test(tokenizer_vectors, gpt2_has_the_ids_of_tiktoken_in_difficult_texts)
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

Test(tokenizer_vectors, gpt2_has_the_ids_of_the_tokenizers_library)
{
    struct tokenizer *t = open_shared("tokenizers/ggml-vocab-gpt-2.gguf", 0);
    json_t *root = token_vectors("vectors.json");

    expect_ids_of(t, root, json_object_get(root, "gpt2"));
    json_decref(root);
    tokenizer_close(t);
}

/* Two patterns one within the other, neither of a known model, and text that is
 * composed first. */
Test(tokenizer_vectors, patterns_of_a_json_file_have_the_ids_of_the_tokenizers_library)
{
    struct tokenizer *t;
    struct error err = { STATUS_OK, "" };
    json_t *root = token_vectors("vectors.json"), *own = json_object_get(root, "own");
    char *text = json_dumps(json_object_get(own, "file"), 0);

    cr_assert(open_bytes(&t, ".json", text, strlen(text), 0, &err) ==
              STATUS_OK, "%s", err.text);
    expect_ids_of(t, root, json_object_get(own, "ids"));
    free(text);
    json_decref(root);
    tokenizer_close(t);
}

/* nanoGPT's published counts add up to this: 301966 + 36059. */
Test(tokenizer_vectors, a_book_has_its_published_number_of_tokens)
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

Test(tokenizer_vectors, stories_have_the_ids_of_llama2_c)
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
Test(tokenizer_vectors, a_very_long_word_takes_no_longer_than_its_length)
{
    enum { N = 1000000 };
    struct tokenizer *t = open_shared("tokenizers/ggml-vocab-gpt-2.gguf", 0);
    char *text = malloc(N);

    memset(text, 'a', N);
    expect_round_trip(t, text, N);
    tokenizer_close(t);
    free(text);
}
