/* test_sniff.c - A file is what it begins with, whatever its name. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "models/files/sniff.h"
#include "models/files/source.h"
#include "tests/directory.h"

TestSuite(sniff, .init = enter_directory, .fini = leave_directory);

static void put_bytes(const char *name, const char *bytes, size_t size)
{
    FILE *file = fopen(name, "wb");

    cr_assert(file && fwrite(bytes, 1, size, file) == size);
    cr_assert(fclose(file) == 0);
}

Test(sniff, a_file_goes_by_how_it_begins)
{
    static const struct {
        const char *bytes;
        size_t      size;
        enum sniff  kind;
    } files[] = {
        { "GGUF\3\0\0\0", 8, SNIFF_GGUF },
        { "24ka\1\0\0\0", 8, SNIFF_LLAMA2C },
        { "\2\0\0\0\0\0\0\0{}", 10, SNIFF_SAFETENSORS },
        { "\3\0\0\0\0\0\0\0{}", 10, SNIFF_OTHER },   /* longer than the file */
        { "\x1f\x8b\0\0\0\0\0\0{", 9, SNIFF_OTHER },   /* as is this, no gzip */
        { "model:\n", 7, SNIFF_OTHER },
        { "", 0, SNIFF_OTHER },
    };
    enum sniff kind;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        put_bytes("sha256-0", files[i].bytes, files[i].size);
        cr_assert(eq(int, sniff_file(&kind, "sha256-0", NULL), STATUS_OK));
        cr_expect(eq(int, kind, files[i].kind), "%zu", i);
    }
    cr_assert(eq(int, sniff_file(&kind, "none", NULL), STATUS_OK));
    cr_expect(eq(int, kind, SNIFF_OTHER));
}

Test(sniff, what_is_not_read_is_named_for_what_it_is)
{
    static const struct { const char *bytes, *words; } files[] = {
        { "PK\3\4and more", "PyTorch pickled" },
        { "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9", "PyTorch pickled" },
        { "version https://git-lfs.github.com/spec/v1\noid", "git lfs pull" },
        { " \n<!DOCTYPE html><html>", "a page of HTML" },
        { "<HTML>", "a page of HTML" },
        { "{\"schemaVersion\":2}", "a manifest of Ollama" },
        { "{\"model_format\":\"gguf\"}", "a blob of Ollama that describes" },
        { "tjgg", "third format" },
        { "\x1f\x8b\x08", "gzip" },
    };
    struct source source;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct error err = { STATUS_OK, "" };
        put_bytes("m.gguf", files[i].bytes, strlen(files[i].bytes));
        cr_expect(eq(int, source_read(&source, "m.gguf", NULL, 0, &err),
                     STATUS_BAD_VALUE));
        cr_expect(strstr(err.text, files[i].words) &&
                  strncmp(err.text, "m.gguf: ", 8) == 0, "%s", err.text);
    }
}

Test(sniff, a_directory_without_tensors_is_named_for_what_it_has)
{
    static const char config[] = "{\"model_type\": \"gpt2\", \"n_embd\": 4,"
        "\"n_layer\": 1, \"n_head\": 1, \"n_positions\": 4,"
        "\"vocab_size\": 9}";
    struct source source;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, file_make_directory("d", NULL), STATUS_OK));
    put_file("d/config.json", config);
    put_file("d/pytorch_model.bin", "PK");
    cr_expect(eq(int, source_read(&source, "d", NULL, 0, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "d: no model.safetensors in it, but"
                     " pytorch_model.bin") != NULL, "%s", err.text);
    put_file("d/model.safetensors", "version https://git-lfs.github.com/spec");
    cr_expect(eq(int, source_read(&source, "d", NULL, 0, &err),
                 STATUS_BAD_FORMAT));
    put_file("d/model.safetensors", "version https://git-lfs.github.com/spec/");
    cr_expect(eq(int, source_read(&source, "d", NULL, 0, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "d/model.safetensors: a pointer of Git LFS") !=
              NULL, "%s", err.text);
    put_file("d/config.json", "version https://git-lfs.github.com/spec/v1");
    cr_expect(eq(int, hf_config_read(&source.spec, NULL, "d/config.json", &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "d/config.json: a pointer of Git LFS") != NULL,
              "%s", err.text);
}
