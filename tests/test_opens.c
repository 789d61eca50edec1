/* test_opens.c - The README of models/files says what the program opens: this test
 * writes the lists from the tables that the readers go by (OPENS_WRITE=1 puts them
 * there), and fails where the page says otherwise. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf_model.h"
#include "models/files/hf_class.h"
#include "models/files/sniff.h"
#include "models/tokens/tokenizer_file.h"
#include "sim/core/base/file.h"

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
    fputs("\n- architectures of GGUF files:", file);
    for (int i = 0; gguf_model_architecture(i); i++)
        fprintf(file, "%s %s", i ? "," : "", gguf_model_architecture(i));
    fputs("\n", file);
    write_types(file, "read, and kept by `--weights stored`", true);
    write_types(file, "refused", false);
    fputs("- `tokenizer.ggml.pre` of a GGUF file:", file);
    for (int i = 0; tokenizer_gguf_pre(i); i++)
        fprintf(file, "%s %s", i ? "," : "", tokenizer_gguf_pre(i));
    fputs("\n", file);
    write_steps(file, "normalizer", false);
    write_steps(file, "pre_tokenizer", true);
    fputs("\nRefused by name, whatever they are called:\n\n", file);
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
