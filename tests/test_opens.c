/* test_opens.c - The README of models/files says what the program opens: this test
 * writes the lists from the tables that the readers go by (OPENS_WRITE=1 puts them
 * there), and fails where the page says otherwise. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf_model.h"
#include "models/files/hf_class.h"
#include "models/files/hf_config.h"
#include "models/files/sniff.h"
#include "models/tokens/tokenizer_file.h"
#include "sim/core/base/file.h"
#include "tests/gguf_writer.h"

static const char page[] = "models/files/README.md";
static const char begin[] = "<!-- written by tests/test_opens.c -->\n";
static const char end[] = "<!-- end -->\n";

static void write_classes(FILE *file)
{
    fputs("| `model_type` | opened | window | biases | besides |\n"
          "|---|---|---|---|---|\n", file);
    for (int i = 0; hf_class_at(i); i++) {
        const struct hf_class *c = hf_class_at(i);
        static const char *const windows[] = {
            [HF_WINDOW_NONE] = "", [HF_WINDOW_GIVEN] = "of every layer",
            [HF_WINDOW_USED] = "of some layers",
            [HF_WINDOW_PATTERN] = "of some layers",
        };
        fprintf(file, "| %s | %s | %s | %s | %s |\n", c->type,
                c->priced ? "priced, refused for running" : "run and priced",
                windows[c->window], c->biases ? "as the file says" : "",
                c->factors           ? "factors, folded into weights"
                : c->local           ? "factors, folded into weights; caps; a"
                                       " base of rotary positions for windows"
                : c->scaled && c->usual_cap[0]
                                     ? "factors, folded into weights; caps"
                : c->scaled          ? "factors, folded into weights"
                : c->norms_heads     ? "a part of a head may be turned; parts"
                                       " side by side or in turn; norms of"
                                       " heads"
                : c->parallel && c->rotary_share
                                     ? "a part of a head may be turned; parts"
                                       " side by side or in turn"
                : c->parallel        ? "parts side by side, of one norm or two"
                : c->rotary_share    ? "a part of a head may be turned"
                : c->skips_positions ? "layers without positions"
                : c->norm_epsilon > 0 ? "learned positions, two rows spare"
                                      : "");
    }
}

static void write_steps(FILE *file, const char *what, bool pre_tokenizer)
{
    fprintf(file, "- `%s` of a tokenizer.json, alone or in a Sequence:", what);
    for (int i = 0; tokenizer_json_step(pre_tokenizer, i); i++)
        fprintf(file, "%s %s", i ? "," : "",
                tokenizer_json_step(pre_tokenizer, i));
    fputs("\n", file);
}

/* Names that others' files have: each is tried, and refused by name. */
struct refused {
    const char *what;
    enum status (*try)(const char *name, struct error *err);
    const char *const *names;    /* NULL ends */
};
#define NAMES(...) (const char *const[]){ __VA_ARGS__, NULL }

static enum status try_class(const char *name, struct error *err)
{
    struct model_spec spec;
    char text[80];
    const int n = snprintf(text, sizeof text, "{\"model_type\":\"%s\"}", name);

    return hf_config_parse(&spec, NULL, text, (size_t)n, "x", err);
}

static enum status try_architecture(const char *name, struct error *err)
{
    struct model_spec spec;
    struct gguf *file = NULL;
    struct writer w;
    size_t size;

    open_writer(&w);
    put_word(&w, "general.architecture", name);
    char *image = finish(&w, &size);
    cr_assert(eq(int, gguf_parse(&file, image, size, "x", err), STATUS_OK));
    enum status status = gguf_model_spec(&spec, file, err);
    gguf_close(file);
    free(image);
    return status;
}

static enum status try_json(const char *text, int size, struct error *err)
{
    struct tokenizer_parts parts;

    return tokenizer_read_json(
        &parts, &(struct tokenizer_text){ "x", text, (size_t)size },
        &(struct tokenizer_text){ NULL, NULL, 0 }, 0, err);
}

static enum status try_model(const char *name, struct error *err)
{
    char text[80];
    const int n = snprintf(text, sizeof text, "{\"model\":{\"type\":\"%s\"}}",
                           name);

    return try_json(text, n, err);
}

#define STEP "{\"model\":{\"merges\":[]},\"%s\":{\"type\":\"%s\"}}"
static enum status try_normalizer(const char *name, struct error *err)
{
    char text[120];

    return try_json(text, snprintf(text, sizeof text, STEP, "normalizer", name),
                    err);
}

static enum status try_pre_tokenizer(const char *name, struct error *err)
{
    char text[120];

    return try_json(text, snprintf(text, sizeof text, STEP, "pre_tokenizer",
                                   name), err);
}

/* As a word of its own: gemma3 is none in gemma3_text. */
static bool says(const char *text, const char *name)
{
    const size_t size = strlen(name);
    const char *at = text;

    while ((at = strstr(at, name)) &&
           ((at > text && (isalnum(at[-1]) || at[-1] == '_')) ||
            isalnum(at[size]) || at[size] == '_'))
        at += size;
    return at != NULL;
}

/* Of the tokenizers library, 0.22.2, all that it has besides those above. */
static void write_refused(FILE *file)
{
    const struct refused refused[] = {
        { "`model_type`", try_class,
          NAMES("apertus", "bert", "bloom", "codegen", "cohere", "cohere2",
                "dbrx", "gemma3", "gemma3n", "glm4", "gpt_bigcode", "gpt_neo",
                "gpt_oss", "gptj", "granitemoe", "internlm2", "jamba",
                "llama4", "mamba", "mpt", "nemotron", "olmo", "olmo3", "phimoe",
                "qwen3_next", "t5") },
        { "architecture of a GGUF file", try_architecture,
          NAMES("bloom", "command-r", "deepseek2", "gemma3n",
                "gpt-oss", "gptj", "llama4", "mamba", "mpt", "olmo", "phimoe") },
        { "`model` of a tokenizer.json", try_model,
          NAMES("WordPiece", "WordLevel") },
        { "`normalizer`", try_normalizer,
          NAMES("BertNormalizer", "ByteLevel", "Lowercase", "Nmt",
                "StripAccents") },
        { "`pre_tokenizer`", try_pre_tokenizer,
          NAMES("BertPreTokenizer", "FixedLength", "UnicodeScripts") },
    };

    fputs("\nAny other is refused by name; each of these was tried:\n\n", file);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        fprintf(file, "- %s:", refused[i].what);
        for (int k = 0; refused[i].names[k]; k++) {
            const char *name = refused[i].names[k];
            struct error err = { STATUS_OK, "" };
            cr_expect(not(eq(int, refused[i].try(name, &err), STATUS_OK)), "%s",
                      name);
            cr_expect(says(err.text, name), "%s: %s", name, err.text);
            fprintf(file, "%s %s", k ? "," : "", name);
        }
        fputs("\n", file);
    }
}

static void write_names(FILE *file, const char *what, const char *(*name)(int))
{
    fprintf(file, "- %s:", what);
    for (int i = 0; name(i); i++)
        fprintf(file, "%s %s", i ? "," : "", name(i));
    fputs("\n", file);
}

/* Those that are read, or those that are not. */
static void write_types(FILE *file, const char *what, bool read)
{
    bool first = true;

    fprintf(file, "- types of a GGUF file's tensors that are %s:", what);
    for (int type = 0; type < GGUF_TYPE_END; type++) {
        const struct gguf_tensor t = { .name = "t",
                                       .type = (enum gguf_type)type };
        enum number number;
        if (!gguf_type_name(t.type) ||
            (gguf_number(&number, &t, NULL) == STATUS_OK) != read)
            continue;
        fprintf(file, "%s %s", first ? "" : ",", gguf_type_name(t.type));
        first = false;
    }
    fputs("\n", file);
}

static char *written(void)
{
    char *text;
    size_t size;
    FILE *file = file_open_text(&text, &size);

    write_classes(file);
    fputs("\n- types of `rope_scaling`:", file);
    for (int k = 0; k < ROPE_SCALING_FACTORS; k++)
        fprintf(file, "%s %s", k ? "," : "", rope_scaling_names[k]);
    fputs("\n", file);
    write_names(file, "architectures of GGUF files", gguf_model_architecture);
    write_types(file, "read, and kept by `--weights stored`", true);
    write_types(file, "refused", false);
    write_names(file, "`tokenizer.ggml.model` of a GGUF file",
                tokenizer_gguf_model);
    write_names(file, "`tokenizer.ggml.pre` of a GGUF file", tokenizer_gguf_pre);
    write_names(file, "`model` of a tokenizer.json", tokenizer_json_model);
    write_steps(file, "normalizer", false);
    write_steps(file, "pre_tokenizer", true);
    write_refused(file);
    fputs("\nFiles refused by name, whatever they are called:\n\n", file);
    for (int i = 0; sniff_refused(i); i++)
        if (i == 0 || strcmp(sniff_refused(i), sniff_refused(i - 1)) != 0)
            fprintf(file, "- %s\n", sniff_refused(i));
    cr_assert(file_close_text(file, &text));
    return text;
}

Test(opens, the_page_says_what_the_readers_read)
{
    char *text, *lists = written();
    size_t size;

    cr_assert(eq(int, file_read(&text, &size, page, 1 << 20, NULL),
                 STATUS_OK));
    char *from = strstr(text, begin), *to = from ? strstr(from, end) : NULL;
    cr_assert(from && to);
    from += strlen(begin);
    if (getenv("OPENS_WRITE")) {
        FILE *file = fopen(page, "w");
        cr_assert(file != NULL);
        fprintf(file, "%.*s%s%s", (int)(from - text), text, lists, to);
        cr_assert(fclose(file) == 0);
    } else {
        const bool same = (size_t)(to - from) == strlen(lists) &&
                          memcmp(from, lists, strlen(lists)) == 0;
        cr_expect(same, "%s: OPENS_WRITE=1 build/tests/test_opens writes it anew",
                  page);
    }
    free(lists);
    free(text);
}
