/* test_chat.c - A question is put as the chat template of its model puts it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokens/chat.h"

static const struct chat_ends ends = { "<s>", "</s>", 3, 4 };

static enum status ask(struct chat_question *out, const char *template,
                       const char *text, struct error *err)
{
    struct chat chat = { NULL, 0 };

    cr_assert(eq(int, chat_take(&chat, template, strlen(template), NULL),
                 STATUS_OK));
    enum status status = chat_ask(out, &chat, &ends, text, strlen(text), err);
    chat_free(&chat);
    return status;
}

/* A template is filled in, with what it puts before the message. */
Test(chat, a_question_is_put_by_the_models_own_template)
{
    static const char template[] =
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content | trim"
        " }}{{ eos_token }}{% endfor %}{% if add_generation_prompt and tools is"
        " none %}[me]{% endif %}";
    struct chat_question q;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, ask(&q, template, " Hi ", &err), STATUS_OK), "%s",
              err.text);
    cr_expect(q.form == NULL && q.why == NULL);
    cr_expect(eq(str, q.text, "<s>[user] Hi</s>[me]"));
    cr_expect(eq(sz, q.size, strlen(q.text)));
    chat_question_free(&q);
}

/* Templates that ask more than is known, each with the marks of a form; and what
 * the model cards show for one message of a user. */
#define MORE "{% include 'more' %}"
static const struct {
    const char *template, *name, *text, *want;
} cases[] = {
    { MORE "{{'<|im_start|>' + message['role']", "ChatML",
      " Hi ", "<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\n" },
    { MORE "'<|start_header_id|>' '<|eot_id|>'", "Llama-3", " Hi \n",
      "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
      "<|start_header_id|>assistant<|end_header_id|>\n\n" },
    { MORE "'<start_of_turn>' '<end_of_turn>\n'", "Gemma", "Hi",
      "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n" },
    { MORE "'<|user|>\n' + message['content'] + '<|end|>\n'", "Phi-3", "Hi",
      "<|user|>\nHi<|end|>\n<|assistant|>\n" },
    { MORE "'<|user|>\n' + message['content'] + eos_token", "Zephyr", "Hi",
      "<|user|>\nHi</s>\n<|assistant|>\n" },
    { MORE "'[INST] ' + content.strip() + ' [/INST]' <<SYS>>", "Llama-2", " Hi",
      "[INST] Hi [/INST]" },
};

Test(chat, a_template_that_asks_more_is_known_by_its_marks)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chat_question q;
        struct error err = { STATUS_OK, "" };
        cr_assert(eq(int, ask(&q, cases[i].template, cases[i].text, &err),
                     STATUS_OK), "%s", err.text);
        cr_expect_str_eq(q.form, cases[i].name);
        cr_expect_str_eq(q.why, "line 1 of the chat template: not known:"
                                " include");
        cr_expect(q.size == strlen(cases[i].want) &&
                  memcmp(q.text, cases[i].want, q.size) == 0, "%.*s",
                  (int)q.size, q.text);
        chat_question_free(&q);
    }
}

Test(chat, what_cannot_be_put_is_refused)
{
    struct chat_question q;
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, chat_ask(&q, &(struct chat){ NULL, 0 }, &ends, "", 0,
                               &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "have no chat template") != NULL);
    chat_question_free(&q);
    cr_expect(eq(int, ask(&q, MORE "### Instruction", "Hi", &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "not known: include; and it has none of the forms")
                  != NULL, "%s", err.text);
    chat_question_free(&q);
    cr_expect(eq(int, ask(&q, "<|im_start|>{{ raise_exception('No.') }}", "Hi",
                          &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "refuses this: No.") != NULL, "%s", err.text);
    chat_question_free(&q);
}
