/* test_tokenizer_gguf.c - A GGUF file's tokenizer cuts words as the patterns that it
 * names do; a file that contradicts itself is refused by key. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "models/tokens/tokenizer.h"
#include "models/tokens/tokenizer_file.h"
#include "tests/directory.h"
#include "tests/gguf_writer.h"

#define WORDS(...) (const char *const[]){ __VA_ARGS__, NULL }

/* GPT-2's kind with four tokens and one merge. */
static char *four(size_t *size, const char *model, const char *pre,
                  const char *merge, uint32_t bos)
{
    struct writer w;

    open_writer(&w);
    put_word(&w, "tokenizer.ggml.model", model);
    put_word(&w, "tokenizer.ggml.pre", pre);
    put_words(&w, "tokenizer.ggml.tokens", WORDS("a", "b", "ab", "<|e|>"));
    put_words(&w, "tokenizer.ggml.merges", WORDS(merge));
    put_int(&w, "tokenizer.ggml.bos_token_id", bos);
    return finish(&w, size);
}

static enum status read_four(struct tokenizer_parts *parts, const char *model,
                             const char *pre, const char *merge, uint32_t bos,
                             struct error *err)
{
    struct gguf *file;
    size_t size;
    char *image = four(&size, model, pre, merge, bos);

    cr_assert(gguf_parse(&file, image, size, "t.gguf", err) == STATUS_OK, "%s", err->text);
    enum status status = tokenizer_read_gguf(parts, file, 4, err);
    gguf_close(file);
    free(image);
    return status;
}

Test(tokenizer_gguf, a_gguf_that_contradicts_itself_is_refused_by_key)
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

Test(tokenizer_gguf, a_gguf_file_goes_by_its_magic_whatever_its_name,
     .init = enter_directory, .fini = leave_directory)
{
    static const char *const names[] = { "t.gguf", "t", "t.bin", "t.json",
                                         "t.model", "sha256-0" };
    size_t size;
    char *image = four(&size, "gpt2", "gpt-2", "a b", 3);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tokenizer *tokenizer;
        struct error err = { STATUS_OK, "" };
        FILE *file = fopen(names[i], "wb");
        cr_assert(file && fwrite(image, 1, size, file) == size);
        cr_assert(fclose(file) == 0);
        cr_assert(eq(int, tokenizer_open(&tokenizer, names[i], 4, &err),
                     STATUS_OK), "%s", err.text);
        cr_expect(eq(str, (char *)tokenizer_kind(tokenizer), "byte-level BPE"));
        tokenizer_close(tokenizer);
        cr_assert(remove(names[i]) == 0);
    }
    free(image);
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

Test(tokenizer_gguf, a_gguf_has_the_patterns_that_it_names)
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
