/* template.c - Fill in templates: a list of {template, variables} from stdin, a
 * list of {text} or {error} to stdout, for chat_templates.py. */
#include <stdlib.h>

#include "models/templates/template.h"

static json_t *filled(const json_t *c)
{
    const json_t *text = json_object_get(c, "template");
    struct template *t = NULL;
    struct error err = { STATUS_OK, "" };
    char *out = NULL;
    size_t size = 0;
    enum status status = template_open(&t, json_string_value(text),
                                       json_string_length(text), &err);

    if (status == STATUS_OK)
        status = template_fill(&out, &size, t, json_object_get(c, "variables"),
                               &err);
    json_t *answer = status == STATUS_OK
                         ? json_pack("{s:o}", "text",
                                     json_stringn_nocheck(out, size))
                         : json_pack("{s:s}", "error", err.text);
    free(out);
    template_close(t);
    return answer;
}

int main(void)
{
    json_t *cases = json_loadf(stdin, 0, NULL), *c, *answers = json_array();
    size_t i;

    json_array_foreach(cases, i, c)
        json_array_append_new(answers, filled(c));
    const int rc = json_dumpf(answers, stdout, 0);
    json_decref(answers);
    json_decref(cases);
    return rc == 0 && cases ? EXIT_SUCCESS : EXIT_FAILURE;
}
