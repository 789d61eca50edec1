/* hf_value.c - Read the value of a key into a spec, write it from one, refuse
 * it. */
#include "models/files/hf_inside.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

json_t *hf_literal(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

/* A key's value as a message shows it. */
static void quote(char *out, size_t size, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY |
                                       JSON_ENSURE_ASCII);
    snprintf(out, size, "%s", text ? text : "?");
    free(text);
}

enum status hf_refuse(struct error *err, const char *name,
                      const char *key, const json_t *value,
                      const char *format, ...)
{
    char what[300], shown[64];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    quote(shown, sizeof shown, value);
    return error_set(err, STATUS_BAD_VALUE, "%.160s: %s %s: %s", name, key,
                     shown, what);
}

json_t *hf_given(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

enum status hf_read_member(struct model_spec *spec,
                           const struct hf_member *m,
                           const json_t *value, const char *name,
                           struct error *err)
{
    void *at = (char *)spec + m->offset;

    if (m->kind == HF_INT) {
        if (!json_is_integer(value) || json_integer_value(value) < 1 ||
            json_integer_value(value) > INT32_MAX)
            return hf_refuse(err, name, m->key, value,
                             "must be a whole number from 1 to %d", INT32_MAX);
        *(int32_t *)at = (int32_t)json_integer_value(value);
    } else if (m->kind == HF_FLOAT) {
        float number = (float)json_number_value(value);
        if (!json_is_number(value) || !(number > 0.0f) || isinf(number))
            return hf_refuse(err, name, m->key, value,
                             "must be a number above 0");
        *(float *)at = number;
    } else {
        if (!json_is_boolean(value))
            return hf_refuse(err, name, m->key, value, "must be true or false");
        *(bool *)at = json_is_true(value);
    }
    return STATUS_OK;
}

double hf_short_decimal(float value)
{
    char text[32];

    for (int digits = 1; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            return strtod(text, NULL);
    }
    return (double)value;
}

json_t *hf_member_json(const struct model_spec *spec,
                       const struct hf_member *m)
{
    const void *at = (const char *)spec + m->offset;

    if (m->kind == HF_INT)
        return json_integer(*(const int32_t *)at);
    if (m->kind == HF_FLOAT)
        return json_real(hf_short_decimal(*(const float *)at));
    return json_boolean(*(const bool *)at);
}

enum status hf_read_flag(bool *out, const json_t *object, const char *key,
                         const char *name, struct error *err)
{
    json_t *value = hf_given(object, key);

    if (value && !json_is_boolean(value))
        return hf_refuse(err, name, key, value, "must be true or false");
    if (value)
        *out = json_is_true(value);
    return STATUS_OK;
}

enum status hf_read_weight(double *out, const json_t *object,
                           const char *key, const char *name,
                           struct error *err)
{
    json_t *value = json_object_get(object, key);

    *out = json_number_value(value);
    return !value || json_is_number(value)
               ? STATUS_OK : hf_refuse(err, name, key, value, "must be a number");
}
