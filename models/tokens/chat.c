/* chat.c - Know forms of chats by a table. */
#include "models/tokens/chat.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What apply_chat_template() of transformers makes of one user's message, with
 * the chat_template of the models named. */
struct chat_form {
    const char *name;
    const char *marks[2];        /* all in the template; NULL: no second */
    const char *before, *behind; /* the message */
    bool        trimmed;         /* without blanks at its ends */
};

/* In the order of trial: a mark may stand in the templates of later forms. */
static const struct chat_form forms[] = {
    { "ChatML", { "<|im_start|>", NULL },                /* SmolLM2, Qwen2 */
      "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", false },
    { "Llama-3", { "<|start_header_id|>", "<|eot_id|>" },
      "<|start_header_id|>user<|end_header_id|>\n\n",
      "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", true },
    { "Gemma", { "<start_of_turn>", "<end_of_turn>" },
      "<start_of_turn>user\n", "<end_of_turn>\n<start_of_turn>model\n", true },
    { "Phi-3", { "<|user|>", "<|end|>" },
      "<|user|>\n", "<|end|>\n<|assistant|>\n", false },
    { "Zephyr", { "<|user|>", "eos_token" },             /* TinyLlama, too */
      "<|user|>\n", "</s>\n<|assistant|>\n", false },
    { "Llama-2", { "[INST]", "<<SYS>>" }, "[INST] ", " [/INST]", true },
};
enum { FORMS = sizeof forms / sizeof *forms };

static bool has(const char *text, size_t size, const char *mark)
{
    return !mark || memmem(text, size, mark, strlen(mark)) != NULL;
}

const struct chat_form *chat_find(const char *template, size_t size)
{
    for (int i = 0; i < FORMS; i++)
        if (has(template, size, forms[i].marks[0]) &&
            has(template, size, forms[i].marks[1]))
            return &forms[i];
    return NULL;
}

const char *chat_name(const struct chat_form *form)
{
    return form->name;
}

enum status chat_apply(char **out, size_t *n, const struct chat_form *form,
                       const char *text, size_t size, struct error *err)
{
    const size_t before = strlen(form->before), behind = strlen(form->behind);

    for (; form->trimmed && size > 0 && isspace((unsigned char)*text); size--)
        text++;
    while (form->trimmed && size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    *n = before + size + behind;
    *out = malloc(*n + 1);
    if (!*out)
        return error_set(err, STATUS_NO_MEMORY, "a question of %zu bytes",
                         size);
    memcpy(*out, form->before, before);
    memcpy(*out + before, text, size);
    memcpy(*out + before + size, form->behind, behind);
    return STATUS_OK;
}
