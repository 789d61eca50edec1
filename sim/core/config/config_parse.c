/* config_parse.c - Read one value from a text. */
#include "sim/core/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "sim/core/config/config_inside.h"
#include "sim/core/config/config_value.h"

enum status config_value_document(struct document **out, const char *origin,
                                  const char *text, bool literal,
                                  struct error *err)
{
    enum status status = literal || !*text
        ? document_literal(out, origin, text, err)
        : document_parse(out, origin, text, err);

    if (status != STATUS_OK || document_root(*out))
        return status;
    status = document_fail(*out, NULL, STATUS_BAD_VALUE, err,
                           "'%.64s' holds no value", text);
    document_close(*out);
    return status;
}

bool config_lacks_brackets(const struct config_key *key, const char *value)
{
    return key &&
           (key->type == CONFIG_INT_LIST || key->type == CONFIG_REAL_LIST) &&
           strchr(value, ',') && !strchr(value, '[');
}

static enum status parse_text(void *target, const struct config_key *key,
                              const char *text, struct error *err)
{
    struct document *document = NULL;
    enum status status = config_value_document(&document, "", text,
                                               config_value_literal(key, text),
                                               err);

    if (status == STATUS_NO_MEMORY)
        return status;
    if (status != STATUS_OK) {
        char allowed[CONFIG_ALLOWED_SIZE];
        config_value_allowed(allowed, key);
        return error_set(err, status, "%s %.64s: allowed is %s", key->name,
                         text, allowed);
    }
    status = config_value_read(target, key, document, document_root(document),
                               err);
    document_close(document);
    return status;
}

enum status config_parse(void *target, const struct config_key *key,
                         const char *text, struct error *err)
{
    char *list = NULL;

    if (!config_lacks_brackets(key, text))
        return parse_text(target, key, text, err);
    if (asprintf(&list, "[%s]", text) < 0)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %s", key->name);
    enum status status = parse_text(target, key, list, err);
    free(list);
    return status;
}
