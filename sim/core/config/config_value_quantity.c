/* config_value_quantity.c - Read a number with its uncertainty and its source. */
#include "sim/core/config/config_value_inside.h"

#include <math.h>
#include <string.h>

#include "sim/core/config/quantity.h"

static enum status read_grade(const struct reading *r, void *member)
{
    const struct config_key key = {
        .name = r->what, .type = CONFIG_CHOICE, .choices = grade_names, .unit = "",
    };
    struct reading grade = *r;
    int index = 0;

    grade.key = &key;
    enum status status = config_read_choice(&grade, &index);
    if (status == STATUS_OK)
        strcpy(member, grade_names[index]);
    return status;
}

static enum status read_source(const struct reading *r, void *member)
{
    const struct config_key key = {
        .name = r->what, .type = CONFIG_TEXT, .unit = "",
    };
    struct reading source = *r;
    char text[CONFIG_TEXT_SIZE] = "";

    source.key = &key;
    enum status status = config_read_text(&source, text);
    if (status != STATUS_OK)
        return status;
    if (!*text || strlen(text) >= sizeof ((struct quantity *)0)->source)
        return document_fail(r->document, r->node, STATUS_BAD_VALUE, r->err,
                             "%s: allowed are 1 to %zu bytes that say where"
                             " the number comes from", r->what,
                             sizeof ((struct quantity *)0)->source - 1);
    strcpy(member, text);
    return STATUS_OK;
}

static const struct {
    const char     *name;
    config_read_fn *read;
    size_t          offset;
} quantity_field[] = {
    { "value",  config_read_real,   offsetof(struct quantity, value) },
    { "low",    config_read_real,   offsetof(struct quantity, low) },
    { "high",   config_read_real,   offsetof(struct quantity, high) },
    { "grade",  read_grade,         offsetof(struct quantity, grade) },
    { "source", read_source,        offsetof(struct quantity, source) },
};
enum { N_FIELDS = sizeof quantity_field / sizeof *quantity_field };

/* One `name: value` of a quantity; *seen collects a bit per field. */
static enum status read_field(const struct reading *r, void *member,
                              ptrdiff_t pair, unsigned *seen)
{
    struct reading field = *r;
    char what[96], name[DOCUMENT_QUOTE_SIZE];
    int i = 0;

    field.node = document_key(r->document, r->node, pair);
    document_quote(name, field.node);
    while (i < N_FIELDS && strcmp(name, quantity_field[i].name) != 0)
        i++;
    if (i == N_FIELDS || *seen & 1u << i)
        return document_fail(r->document, field.node, STATUS_BAD_VALUE, r->err,
                             "%s: %s '%s': allowed are value, low, high, grade"
                             " and source, once each", r->what,
                             i == N_FIELDS ? "unknown" : "repeated", name);
    *seen |= 1u << i;
    snprintf(what, sizeof what, "%s.%s", r->what, name);
    field.what = what;
    field.node = document_value(r->document, r->node, pair);
    return quantity_field[i].read(&field,
                                  (char *)member + quantity_field[i].offset);
}

/* {unknown: why} */
static bool is_unknown(const struct reading *r)
{
    const char *text = document_size(r->node) == 1
        ? document_text(document_key(r->document, r->node, 0)) : NULL;
    return text && strcmp(text, "unknown") == 0;
}

static enum status read_unknown(const struct reading *r, void *member)
{
    struct quantity q = { nan(""), nan(""), nan(""), "unknown", "" };
    struct reading why = *r;

    if (!r->key->fallback)
        return document_fail(r->document, r->node, STATUS_BAD_VALUE, r->err,
                             "%s is unknown: allowed is a number, without it"
                             " nothing can be worked out", r->what);
    why.node = document_value(r->document, r->node, 0);
    enum status status = read_source(&why, q.source);
    if (status == STATUS_OK)
        memcpy(member, &q, sizeof q);
    return status;
}

enum status config_read_quantity(const struct reading *r, void *member)
{
    struct quantity q = { 0 };
    unsigned seen = 0;

    if (r->node->type != YAML_MAPPING_NODE)
        return config_value_refuse(r, "");
    if (is_unknown(r))
        return read_unknown(r, member);
    for (ptrdiff_t i = 0; i < document_size(r->node); i++) {
        enum status status = read_field(r, &q, i, &seen);
        if (status != STATUS_OK)
            return status;
    }
    for (int i = 0; i < N_FIELDS; i++)
        if (!(seen & 1u << i))
            return document_fail(r->document, r->node, STATUS_BAD_VALUE,
                                 r->err, "%s.%s is missing: allowed is {value:"
                                 " , low: , high: , grade: , source: }",
                                 r->what, quantity_field[i].name);
    if (!(q.low <= q.value && q.value <= q.high))
        return document_fail(r->document, r->node, STATUS_BAD_VALUE, r->err,
                             "%s: low %g, value %g, high %g: allowed is"
                             " low <= value <= high", r->what, q.low, q.value,
                             q.high);
    memcpy(member, &q, sizeof q);
    return STATUS_OK;
}
