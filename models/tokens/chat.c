/* chat.c - Fill in chat templates, and know forms of chats by a table. */
#include "models/tokens/chat.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "models/templates/template.h"

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

static const struct chat_form *form_of(const struct chat *chat)
{
    for (int i = 0; i < FORMS; i++)
        if (has(chat->template, chat->size, forms[i].marks[0]) &&
            has(chat->template, chat->size, forms[i].marks[1]))
            return &forms[i];
    return NULL;
}

static enum status put(struct chat_question *out, const struct chat_form *form,
                       const char *text, size_t size, struct error *err)
{
    const size_t before = strlen(form->before), behind = strlen(form->behind);

    for (; form->trimmed && size > 0 && isspace((unsigned char)*text); size--)
        text++;
    while (form->trimmed && size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    out->size = before + size + behind;
    out->text = malloc(out->size + 1);
    if (!out->text)
        return error_set(err, STATUS_NO_MEMORY, "a question of %zu bytes",
                         size);
    memcpy(out->text, form->before, before);
    memcpy(out->text + before, text, size);
    memcpy(out->text + before + size, form->behind, behind);
    out->form = form->name;
    return STATUS_OK;
}

/* What apply_chat_template() hands a template, of one message. */
static json_t *variables_of(const struct chat_ends *ends, const char *text,
                            size_t size)
{
    json_t *out = json_pack("{s:[{s:s}], s:b, s:n, s:n}", "messages", "role",
                            "user", "add_generation_prompt", 1, "tools",
                            "documents");
    json_t *message = json_array_get(json_object_get(out, "messages"), 0);
    bool good = json_object_set_new(message, "content",
                                    json_stringn_nocheck(text, size)) == 0;

    if (ends->bos)
        good &= json_object_set_new(out, "bos_token", json_stringn_nocheck(
            ends->bos, ends->bos_size)) == 0;
    if (ends->eos)
        good &= json_object_set_new(out, "eos_token", json_stringn_nocheck(
            ends->eos, ends->eos_size)) == 0;
    if (!good) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static enum status fill(struct chat_question *out, const struct chat *chat,
                        const struct chat_ends *ends, const char *text,
                        size_t size, struct error *err)
{
    json_t *variables = variables_of(ends, text, size);
    struct template *t = NULL;
    enum status status =
        variables ? template_open(&t, chat->template, chat->size, err)
                  : error_set(err, STATUS_NO_MEMORY, "a question of %zu bytes",
                              size);

    if (status == STATUS_OK)
        status = template_fill(&out->text, &out->size, t, variables, err);
    template_close(t);
    json_decref(variables);
    return status;
}

enum status chat_ask(struct chat_question *out, const struct chat *chat,
                     const struct chat_ends *ends, const char *text,
                     size_t size, struct error *err)
{
    struct error why = { STATUS_OK, "" };

    *out = (struct chat_question){ 0 };
    if (!chat->template)
        return error_set(err, STATUS_BAD_VALUE, "the model's files have no chat"
                         " template: --prompt takes the markup of a chat as it"
                         " is typed");
    const enum status status = fill(out, chat, ends, text, size, &why);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (status != STATUS_BAD_FORMAT)
        return error_set(err, status, "%s", why.text);
    const struct chat_form *form = form_of(chat);
    if (!form)
        return error_set(err, STATUS_BAD_VALUE, "%s; and it has none of the"
                         " forms that are known: ChatML, Llama-2, Llama-3,"
                         " Gemma, Phi-3 and Zephyr: --prompt takes the markup of"
                         " a chat as it is typed", why.text);
    out->why = strdup(why.text);
    return out->why ? put(out, form, text, size, err)
                    : error_set(err, STATUS_NO_MEMORY, "a question of %zu bytes",
                                size);
}

void chat_question_free(struct chat_question *question)
{
    free(question->text);
    free(question->why);
    *question = (struct chat_question){ 0 };
}

enum status chat_take(struct chat *chat, const char *template, size_t size,
                      struct error *err)
{
    chat_free(chat);
    chat->template = malloc(size + 1);
    if (!chat->template)
        return error_set(err, STATUS_NO_MEMORY, "a chat template of %zu bytes",
                         size);
    memcpy(chat->template, template, size);
    chat->size = size;
    return STATUS_OK;
}

void chat_free(struct chat *chat)
{
    free(chat->template);
    *chat = (struct chat){ NULL, 0 };
}
