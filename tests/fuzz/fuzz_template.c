/* fuzz_template.c - Check that a chat template, whatever its text, is refused with
 * a message or filled in, and the same again the second time. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/templates/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static json_t *question(void)
{
    return json_pack("{s:[{s:s, s:s}, {s:s, s:s}], s:b, s:n, s:s, s:s}",
                     "messages", "role", "system", "content", " Be brief.\n",
                     "role", "user", "content", "H\xc3\xa9? <t>x</t>",
                     "add_generation_prompt", 1, "tools", "bos_token", "<s>",
                     "eos_token", "</s>");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct template *t = NULL;
    struct error err = { STATUS_OK, "" };
    char *out[2] = { NULL, NULL };
    size_t n[2] = { 0, 0 };
    enum status status = template_open(&t, (const char *)bytes, size, &err);

    if (status != STATUS_OK) {
        assert(err.status == status && strlen(err.text) > 0);
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        json_t *given = question();
        status = template_fill(&out[i], &n[i], t, given, &err);
        assert(status == STATUS_OK || strlen(err.text) > 0);
        json_decref(given);
    }
    assert(n[0] == n[1] && (n[0] == 0 || memcmp(out[0], out[1], n[0]) == 0));
    free(out[0]);
    free(out[1]);
    template_close(t);
    return 0;
}
