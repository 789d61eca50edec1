/* test_chat.c - A question is put as the chat template of its model puts it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokens/chat.h"

/* Parts of templates that models came with, and what the model cards show for
 * one message of a user. */
static const struct {
    const char *template, *name, *text, *want;
} cases[] = {
    { "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' +"
      " message['content'] + '<|im_end|>' + '\n'}}{% endfor %}", "ChatML",
      " Hi ", "<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\n" },
    { "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+"
      " message['content'] | trim + '<|eot_id|>' }}", "Llama-3", " Hi \n",
      "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
      "<|start_header_id|>assistant<|end_header_id|>\n\n" },
    { "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim +"
      " '<end_of_turn>\n' }}", "Gemma", "Hi",
      "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n" },
    { "{{'<|user|>\n' + message['content'] + '<|end|>\n'}}", "Phi-3", "Hi",
      "<|user|>\nHi<|end|>\n<|assistant|>\n" },
    { "{{ '<|user|>\n' + message['content'] + eos_token }}", "Zephyr", "Hi",
      "<|user|>\nHi</s>\n<|assistant|>\n" },
    { "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
      "{# <<SYS>> #}", "Llama-2", " Hi", "[INST] Hi [/INST]" },
};

Test(chat, a_template_is_known_by_its_marks)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *template = cases[i].template;
        const struct chat_form *form = chat_find(template, strlen(template));
        char *out;
        size_t n;
        cr_assert(form != NULL, "%s", template);
        cr_expect_str_eq(chat_name(form), cases[i].name);
        cr_assert(eq(int, chat_apply(&out, &n, form, cases[i].text,
                                     strlen(cases[i].text), NULL), STATUS_OK));
        cr_expect(n == strlen(cases[i].want) &&
                  memcmp(out, cases[i].want, n) == 0, "%.*s", (int)n, out);
        free(out);
    }
}

Test(chat, a_template_of_another_form_is_none)
{
    static const char other[] = "{{ '### Instruction: ' + content }}";

    cr_expect(chat_find(other, strlen(other)) == NULL);
    cr_expect(chat_find("", 0) == NULL);
}
