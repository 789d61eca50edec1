/* test_tokenizer_copy.c - Expect a copied tokenizer to read every text as its
 * original does. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/tokens/tokenizer.h"
#include "models/files/tokenizer_copy.h"
#include "tests/shared.h"
#include "tests/words.h"

static char directory[64], started_in[256];

static void set_up(void)
{
    make_directory(directory);
    cr_assert(getcwd(started_in, sizeof started_in) != NULL);
    cr_assert(chdir(directory) == 0);
    cr_assert(mkdir("from", 0777) == 0 && mkdir("to", 0777) == 0);
}

static void tear_down(void)
{
    cr_expect(chdir("/") == 0);
    remove_directory(directory);
}

TestSuite(tokenizer_copy, .init = set_up, .fini = tear_down);

static char *bytes_of(const char *path, size_t *size)
{
    char *text;
    struct error err = { STATUS_OK, "" };
    cr_assert(eq(int, file_read(&text, size, path, 1 << 25, &err), STATUS_OK),
              "%s", err.text);
    return text;
}

static void expect_same_bytes(const char *a, const char *b)
{
    size_t n, m;
    char *x = bytes_of(a, &n), *y = bytes_of(b, &m);
    cr_expect(n == m && memcmp(x, y, n) == 0, "%s is not %s", a, b);
    free(x);
    free(y);
}

/* Copied to to/NAME, found there, and as good as the one at `path`. */
static struct tokenizer_copy expect_copy(const char *path, const char *name,
                                         int32_t n_vocab)
{
    static const char text[] = "In the  beginning, don't\n\n12 AAA caf\xc3\xa9"
                               " \xe6\xbc\xa2 </s><|endoftext|>";
    char found[FILE_PATH_SIZE], want[32];
    struct tokenizer_copy copy;
    struct tokenizer *of[2];
    struct error err = { STATUS_OK, "" };
    int32_t *ids[2];
    size_t n[2];

    cr_assert(eq(int, tokenizer_copy(&copy, path, "to", &err), STATUS_OK), "%s",
              err.text);
    cr_assert_str_eq(copy.name, name);
    cr_assert(eq(int, tokenizer_copy_find(found, "to", &err), STATUS_OK));
    snprintf(want, sizeof want, "to/%s", name);
    cr_assert_str_eq(found, want);
    for (int i = 0; i < 2; i++) {
        cr_assert(eq(int, tokenizer_open(&of[i], i ? found : path, n_vocab,
                                         &err), STATUS_OK), "%s", err.text);
        cr_assert(eq(int, tokenizer_encode(of[i], text, sizeof text - 1,
                     tokenizer_begins(of[i]), TOKENIZER_PARSE, &ids[i],
                     &n[i], &err),
                     STATUS_OK));
    }
    cr_expect(n[0] == n[1] && n[0] > 10 &&
              memcmp(ids[0], ids[1], n[0] * sizeof **ids) == 0, "%s", path);
    cr_expect(eq(i32, tokenizer_size(of[0]), tokenizer_size(of[1])));
    cr_expect(eq(i32, tokenizer_eos(of[0]), tokenizer_eos(of[1])));
    cr_expect(eq(i32, tokenizer_bos(of[0]), tokenizer_bos(of[1])));
    for (int i = 0; i < 2; i++) {
        tokenizer_close(of[i]);
        free(ids[i]);
    }
    return copy;
}

/* XXH64 of nothing is ef46db3751d8e999 (xxHash's specification). */
Test(tokenizer_copy, llama2c_is_copied_whole)
{
    write_tokenizer("from/any.bin");
    struct tokenizer_copy copy = expect_copy("from/any.bin", "tokenizer.bin",
                                             WORDS_TOKENS);
    expect_same_bytes("from/any.bin", "to/tokenizer.bin");
    cr_expect(eq(sz, strlen(copy.hash), 16));
    cr_expect(strcmp(copy.hash, "ef46db3751d8e999") != 0);
    size_t size;
    free(bytes_of("from/any.bin", &size));
    cr_expect(eq(u64, copy.bytes, size));
}

/* The same metadata in a file that has a tensor of 8 numbers too: its name, 1
 * dim, their number, type F32, offset; data from the next multiple of 32. */
static void add_tensor(const char *path, const char *metadata)
{
    static const unsigned char info[] = {
        1, 0, 0, 0, 0, 0, 0, 0, 'x', 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    };
    size_t size;
    char *bytes = bytes_of(metadata, &size);
    FILE *file = fopen(path, "wb");

    cr_assert(file != NULL);
    bytes[8] = 1;                /* tensors, behind "GGUF" and the version */
    fwrite(bytes, 1, size, file);
    fwrite(info, 1, sizeof info, file);
    for (size_t at = size + sizeof info; at % 32 != 0; at++)
        fputc(0, file);
    for (int i = 0; i < 32; i++)
        fputc(0, file);
    cr_assert(fclose(file) == 0);
    free(bytes);
}

Test(tokenizer_copy, a_gguf_file_leaves_its_tensors_behind)
{
    static const char *const names[] = {
        "tokenizers/ggml-vocab-gpt-2.gguf",
        "tokenizers/ggml-vocab-llama-spm.gguf",
    };
    for (int i = 0; i < 2; i++) {
        char path[FILE_PATH_SIZE];
        cr_assert(chdir(started_in) == 0);
        shared_path(path, names[i]);
        cr_assert(chdir(directory) == 0);
        expect_copy(path, "tokenizer.gguf", 0);
        cr_assert(rename("to/tokenizer.gguf", "from/alone.gguf") == 0);
        add_tensor("from/with.gguf", "from/alone.gguf");
        expect_copy("from/with.gguf", "tokenizer.gguf", 0);
        expect_same_bytes("to/tokenizer.gguf", "from/alone.gguf");
    }
}

/* Bytes as GPT-2 spells them, and one merge. */
static void write_json(const char *path)
{
    FILE *file = fopen(path, "w");
    int n = 0, odd = 256;

    cr_assert(file != NULL);
    fputs("{\"model\": {\"type\": \"BPE\", \"vocab\": {", file);
    for (int byte = 0; byte < 256; byte++) {
        bool plain = (byte > 0x20 && byte < 0x7f) ||
                     (byte > 0xa0 && byte != 0xad);
        fprintf(file, "%s\"\\u%04x\": %d", n > 0 ? ", " : "",
                (unsigned)(plain ? byte : odd++), n);
        n++;
    }
    fprintf(file, ", \"AA\": %d}, \"merges\": [\"A A\"]}, \"added_tokens\": ["
            "{\"id\": %d, \"content\": \"<|endoftext|>\", \"special\": true}],"
            " \"pre_tokenizer\": {\"type\": \"ByteLevel\","
            " \"add_prefix_space\": false, \"use_regex\": true},"
            " \"decoder\": {\"type\": \"ByteLevel\"}}", n, n + 1);
    cr_assert(fclose(file) == 0);
}

Test(tokenizer_copy, a_json_file_brings_the_one_that_lies_beside_it)
{
    write_json("from/tokenizer.json");
    expect_copy("from/tokenizer.json", "tokenizer.json", 0);
    expect_same_bytes("from/tokenizer.json", "to/tokenizer.json");
    size_t size;
    char *config = bytes_of("to/tokenizer_config.json", &size);
    cr_expect(strstr(config, "\"tokenizer_class\": \"PreTrainedTokenizerFast\"")
              != NULL);
    free(config);
    FILE *file = fopen("from/tokenizer_config.json", "w");
    fputs("{\"eos_token\": \"<|endoftext|>\", \"tokenizer_class\":"
          " \"GPT2Tokenizer\"}", file);
    cr_assert(fclose(file) == 0);
    expect_copy("from/tokenizer.json", "tokenizer.json", 0);
    expect_same_bytes("from/tokenizer_config.json", "to/tokenizer_config.json");
}

Test(tokenizer_copy, what_is_no_tokenizer_is_refused)
{
    struct tokenizer_copy copy;
    struct error err = { STATUS_OK, "" };
    char found[FILE_PATH_SIZE];

    cr_expect(eq(int, tokenizer_copy(&copy, "from/words.txt", "to", &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "words.txt") != NULL);
    cr_expect(ne(int, tokenizer_copy(&copy, "from/gone.json", "to", &err),
                 STATUS_OK));
    cr_expect(eq(int, tokenizer_copy_find(found, "from", &err), STATUS_OK));
    cr_expect_str_eq(found, "");
}
