/* test_chat_command.c - isobath run --chat puts a question as the template of the
 * model's files does, with BOS where that has one, and says so. */
#include <criterion/criterion.h>

#include "tests/cli.h"

static const char tokenizer[] =
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true},"
    "{\"id\":1,\"content\":\"<|im_start|>\",\"special\":true},"
    "{\"id\":2,\"content\":\"<|im_end|>\",\"special\":true}],"
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"H\":3,\"i\":4,\"[\":5,\"]\":6,"
    "\"u\":7,\"s\":8,\"e\":9,\"r\":10,\"a\":11,\"t\":12,\"n\":13,\"\xc4\x8a\":14},"
    "\"merges\":[]}}";

/* A model of 37 tokens with this template; its files are links. */
static void put_model(const char *template)
{
    static const char *const files[] = {
        "config.json", "model.safetensors.index.json",
        "model-00001-of-00005.safetensors", "model-00002-of-00005.safetensors",
        "model-00003-of-00005.safetensors", "model-00004-of-00005.safetensors",
        "model-00005-of-00005.safetensors",
    };
    char from[PATH_SIZE], to[64], config[1024];

    cr_assert(mkdir("m", 0777) == 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(from, sizeof from, "%s/tests/data/classes/llama3/%s",
                 started_in, files[i]);
        snprintf(to, sizeof to, "m/%s", files[i]);
        cr_assert(symlink(from, to) == 0);
    }
    put_file("m/tokenizer.json", tokenizer);
    snprintf(config, sizeof config, "{\"bos_token\":\"<s>\",\"add_bos_token\":"
             "true,\"chat_template\":\"%s\"}", template);
    put_file("m/tokenizer_config.json", config);
}

/* Tokens of the prompt that a question becomes, and what is said of its form. */
static int64_t prompt_of(const char *template, const char *question,
                         const char *says)
{
    put_model(template);
    cr_assert(eq(int, ISOBATH("run", "m", "--chat", "--prompt", question, "-n",
                              "1", "-o", "out"), 0));
    json_t *summary = summary_of("out");
    const char *chat = json_string_value(at(summary, "config.run.chat"));
    const json_int_t n = json_integer_value(at(summary,
                                               "generation.prompt_tokens"));
    cr_expect(chat && strcmp(chat, says) == 0, "%s", chat);
    json_decref(summary);
    return n;
}

TestSuite(chat_command, .init = set_up, .fini = leave_directory);

/* <s> [ H i ] */
Test(chat_command, the_template_puts_bos_and_nothing_else_does)
{
    cr_expect(eq(i64, prompt_of("{{ bos_token }}[{{ messages[0].content | trim"
                                " }}]", " Hi ", "template"), 5));
}

/* [ H i ] */
Test(chat_command, a_template_without_bos_has_none)
{
    cr_expect(eq(i64, prompt_of("[{{ messages[0].content | trim }}]", " Hi ",
                                "template"), 4));
}

/* <s> <|im_start|> u s e r . H i <|im_end|> . <|im_start|> a s s i s t a n t .: BOS
 * is the tokenizer's where a form is put in the template's place. */
Test(chat_command, a_form_in_the_templates_place_is_said_with_why)
{
    cr_expect(eq(i64, prompt_of("{% include 'x' %}<|im_start|>", "Hi",
                                "ChatML"), 22));
    expect_said("stderr", "in the form of ChatML");
    expect_said("stderr", "line 1 of the chat template: not known: include");
}
