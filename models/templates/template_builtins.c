/* template_builtins.c - Know filters, tests, functions and methods by their names. */
#include "models/templates/template_inside.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static json_t *argument(const struct arguments *a, int i, const char *name)
{
    return i < a->n ? a->at[i] : json_object_get(a->named, name);
}

/* ---- filters ---- */

static json_t *as_it_is(struct run *run, const struct arguments *a)
{
    (void)run;
    return json_incref(a->of);
}

static json_t *keys(struct run *run, const struct arguments *a)
{
    json_t *out = run_made(run, json_array()), *value;
    const char *key;

    json_object_foreach(a->of, key, value)
        if (run_step(run, 1))
            run_append(run, out, run_text(run, key, strlen(key)));
    return out;
}

static json_t *as_list(struct run *run, const struct arguments *a)
{
    return json_is_array(a->of)    ? json_incref(a->of)
           : json_is_object(a->of) ? keys(run, a)
                                   : run_fail(run, "not known: a list of what is"
                                              " none", NULL);
}

static json_t *length(struct run *run, const struct arguments *a)
{
    if (a->defined && !json_is_string(a->of) && !json_is_array(a->of) &&
        !json_is_object(a->of))
        return run_fail(run, "what has no length", NULL);
    return run_made(run, json_integer((json_int_t)(
        json_is_string(a->of)  ? text_length(a->of)
        : json_is_array(a->of) ? json_array_size(a->of)
                               : json_object_size(a->of))));
}

/* The other value stands for what is not defined, and with true for all that is
 * false. */
static json_t *or_else(struct run *run, const struct arguments *a)
{
    json_t *otherwise = argument(a, 0, "default_value");
    const bool takes = a->defined && (!value_true(argument(a, 1, "boolean")) ||
                                      value_true(a->of));

    return takes      ? json_incref(a->of)
           : otherwise ? json_incref(otherwise) : run_text(run, "", 0);
}

static json_t *as_json(struct run *run, const struct arguments *a)
{
    const json_t *indent = argument(a, 0, "indent");
    const json_int_t by = json_is_integer(indent) ? json_integer_value(indent)
                                                  : 0;

    if (!a->defined || by < 0 || by > 31 || json_is_real(a->of))
        return run_fail(run, "not known: such a value as JSON", NULL);
    char *text = json_dumps(a->of, JSON_ENCODE_ANY | JSON_INDENT((size_t)by));
    json_t *out = text ? run_text(run, text, strlen(text))
                       : run_fail(run, "a value that is no JSON", NULL);
    free(text);
    return out;
}

static json_t *as_text(struct run *run, const struct arguments *a)
{
    struct bytes bytes = { NULL, 0, 0 };

    bytes_add_value(run, &bytes, a->of);
    json_t *out = run->status == STATUS_OK
                      ? run_text(run, bytes.at ? bytes.at : "", bytes.n) : NULL;
    free(bytes.at);
    return out;
}

static json_t *first(struct run *run, const struct arguments *a)
{
    return json_is_array(a->of) ? json_incref(json_array_get(a->of, 0))
                                : run_fail(run, "not known: the first of what"
                                           " is no list", NULL);
}

static json_t *last(struct run *run, const struct arguments *a)
{
    return json_is_array(a->of)
               ? json_incref(json_array_get(a->of, json_array_size(a->of) - 1))
               : run_fail(run, "not known: the last of what is no list", NULL);
}

static json_t *joined(struct run *run, const struct arguments *a)
{
    struct bytes bytes = { NULL, 0, 0 };
    size_t i;
    json_t *element;

    if (!json_is_array(a->of))
        return run_fail(run, "not known: joining what is no list", NULL);
    json_array_foreach(a->of, i, element) {
        if (i > 0)
            bytes_add_value(run, &bytes, argument(a, 0, "d"));
        bytes_add_value(run, &bytes, element);
    }
    json_t *out = run->status == STATUS_OK
                      ? run_text(run, bytes.at ? bytes.at : "", bytes.n) : NULL;
    free(bytes.at);
    return out;
}

static json_t *items(struct run *run, const struct arguments *a)
{
    json_t *out = run_made(run, json_array()), *value;
    const char *key;

    if (a->defined && !json_is_object(a->of))
        run_fail(run, "items of what is no dictionary", NULL);
    json_object_foreach(a->of, key, value)
        if (run_step(run, 1))
            run_append(run, out, run_made(run,
                json_pack("[s, O]", key, value)));
    return out;
}

/* Those elements of which a test says so, of an attribute. */
static json_t *selected(struct run *run, const struct arguments *a, bool wanted)
{
    json_t *out = run_made(run, json_array()), *element;
    const char *name = json_string_value(argument(a, 0, "attribute"));
    const char *test = json_string_value(argument(a, 1, "test"));
    size_t i;

    if (!json_is_array(a->of) || !name || (a->n > 1 && !test) ||
        (test && !test_find(test)))
        run_fail(run, "not known: such a selection", NULL);
    json_array_foreach(a->of, i, element) {
        if (!run_step(run, 1))
            break;
        json_t *of = json_object_get(element, name);
        struct arguments by = { .of = of, .defined = of != NULL,
                                .n = a->n > 2, .at = { a->n > 2 ? a->at[2]
                                                               : NULL } };
        json_t *is = test ? test_find(test)(run, &by) : json_incref(of);
        if (value_true(is) == wanted)
            run_append(run, out, json_incref(element));
        json_decref(is);
    }
    return out;
}

static json_t *selectattr(struct run *run, const struct arguments *a)
{
    return selected(run, a, true);
}

static json_t *rejectattr(struct run *run, const struct arguments *a)
{
    return selected(run, a, false);
}

/* The attribute of each element. */
static json_t *mapped(struct run *run, const struct arguments *a)
{
    const char *name = json_string_value(json_object_get(a->named,
                                                         "attribute"));
    json_t *out = run_made(run, json_array()), *element;
    size_t i;

    if (!json_is_array(a->of) || !name || a->n > 0)
        run_fail(run, "not known: such a map", NULL);
    json_array_foreach(a->of, i, element) {
        json_t *value = json_object_get(element, name);
        if (run_step(run, 1) && !value)
            run_fail(run, "an element without ", name);
        run_append(run, out, json_incref(value));
    }
    return out;
}

/* ---- tests ---- */

#define TEST(name, is)                                                         \
    static json_t *name(struct run *run, const struct arguments *a)            \
    {                                                                          \
        (void)run;                                                             \
        return json_boolean(is);                                               \
    }
TEST(is_defined, a->defined)
TEST(is_undefined, !a->defined)
TEST(is_none, json_is_null(a->of))
TEST(is_string, json_is_string(a->of))
TEST(is_mapping, json_is_object(a->of))
TEST(is_iterable, !a->defined || json_is_string(a->of) ||
                  json_is_array(a->of) || json_is_object(a->of))
TEST(is_boolean, json_is_boolean(a->of))
TEST(is_true, json_is_true(a->of))
TEST(is_false, json_is_false(a->of))
TEST(is_integer, json_is_integer(a->of))
TEST(is_number, json_is_number(a->of) || json_is_boolean(a->of))
TEST(is_odd, json_is_integer(a->of) && json_integer_value(a->of) % 2 != 0)
TEST(is_even, json_is_integer(a->of) && json_integer_value(a->of) % 2 == 0)
TEST(is_equal, a->n == 1 && value_same(a->of, a->at[0]))
TEST(is_unequal, a->n == 1 && !value_same(a->of, a->at[0]))

static json_t *is_in(struct run *run, const struct arguments *a)
{
    size_t i;
    json_t *element;

    if (a->n != 1 || !json_is_array(a->at[0]))
        return run_fail(run, "not known: in what is no list", NULL);
    json_array_foreach(a->at[0], i, element)
        if (run_step(run, 1) && value_same(a->of, element))
            return json_true();
    return json_false();
}

/* ---- functions ---- */

static json_t *raise_exception(struct run *run, const struct arguments *a)
{
    const char *why = json_string_value(argument(a, 0, "message"));

    if (run->status == STATUS_OK)
        run->status = error_set(run->err, STATUS_BAD_VALUE, "the model's chat"
                                " template refuses this: %.200s",
                                why ? why : "");
    return NULL;
}

static json_t *new_dictionary(struct run *run, const struct arguments *a)
{
    if (a->n > 0)
        return run_fail(run, "not known: a dictionary of a value", NULL);
    return run_made(run, a->named ? json_copy(a->named) : json_object());
}

static json_t *new_namespace(struct run *run, const struct arguments *a)
{
    json_t *space = new_dictionary(run, a);

    run_append(run, run->spaces, json_incref(space));
    return space;
}

static json_t *range(struct run *run, const struct arguments *a)
{
    json_int_t bound[3] = { 0, 0, 1 };
    json_t *out = run_made(run, json_array());

    for (int i = 0; i < a->n && i < 3; i++)
        if (json_is_integer(a->at[i]))
            bound[a->n == 1 ? 1 : i] = json_integer_value(a->at[i]);
        else
            run_fail(run, "a range of what is no integer", NULL);
    if (a->n < 1 || a->n > 3 || bound[2] == 0 || llabs(bound[0]) > INT32_MAX ||
        llabs(bound[1]) > INT32_MAX || llabs(bound[2]) > INT32_MAX)
        run_fail(run, "not known: such a range", NULL);
    for (json_int_t i = bound[0]; run->status == STATUS_OK &&
             (bound[2] > 0 ? i < bound[1] : i > bound[1]); i += bound[2]) {
        if (json_array_size(out) >= TEMPLATE_MAX_RANGE)
            run_fail(run, "too long a range", NULL);
        else if (run_step(run, 1))
            run_append(run, out, run_made(run, json_integer(i)));
    }
    return out;
}

static json_t *strftime_now(struct run *run, const struct arguments *a)
{
    const char *format = json_string_value(argument(a, 0, "format"));
    const time_t now = time(NULL);
    struct tm parts;
    char text[256];
    size_t n = 0;

    if (format && localtime_r(&now, &parts))
        n = strftime(text, sizeof text, format, &parts);
    return n > 0 ? run_text(run, text, n)
                 : run_fail(run, "not known: such a date", NULL);
}

/* ---- methods ---- */

static json_t *get(struct run *run, const struct arguments *a)
{
    json_t *key = argument(a, 0, "key"), *usual = argument(a, 1, "default");

    if (!json_is_string(key))
        return run_fail(run, "not known: get of such a key", NULL);
    json_t *value = json_object_get(a->of, json_string_value(key));
    return json_incref(value ? value : usual ? usual : json_null());
}

/* ---- tables ---- */

struct builtin {
    const char *name;
    builtin_fn *fn;
};

static const struct builtin filters[] = {
    { "trim", text_trim },       { "upper", text_upper },
    { "lower", text_lower },     { "title", text_title },
    { "capitalize", text_capitalize },
    { "replace", text_replace }, { "length", length },
    { "count", length },         { "default", or_else },
    { "d", or_else },            { "tojson", as_json },
    { "string", as_text },       { "safe", as_it_is },
    { "list", as_list },         { "first", first },
    { "last", last },            { "join", joined },
    { "items", items },          { "selectattr", selectattr },
    { "rejectattr", rejectattr },{ "map", mapped },
    { NULL, NULL },
};

static const struct builtin tests[] = {
    { "defined", is_defined },   { "undefined", is_undefined },
    { "none", is_none },         { "string", is_string },
    { "mapping", is_mapping },   { "iterable", is_iterable },
    { "sequence", is_iterable }, { "boolean", is_boolean },
    { "true", is_true },         { "false", is_false },
    { "integer", is_integer },   { "number", is_number },
    { "odd", is_odd },           { "even", is_even },
    { "equalto", is_equal },     { "eq", is_equal },
    { "==", is_equal },          { "ne", is_unequal },
    { "in", is_in },             { NULL, NULL },
};

static const struct builtin functions[] = {
    { "raise_exception", raise_exception }, { "namespace", new_namespace },
    { "dict", new_dictionary },             { "range", range },
    { "strftime_now", strftime_now },       { NULL, NULL },
};

static const struct builtin text_methods[] = {
    { "strip", text_strip },     { "lstrip", text_lstrip },
    { "rstrip", text_rstrip },   { "split", text_split },
    { "startswith", text_startswith },
    { "endswith", text_endswith },
    { "replace", text_replace }, { "upper", text_upper },
    { "lower", text_lower },     { "title", text_title },
    { "capitalize", text_capitalize },
    { NULL, NULL },
};

static const struct builtin object_methods[] = {
    { "items", items }, { "keys", keys }, { "get", get }, { NULL, NULL },
};

static builtin_fn *find(const struct builtin *table, const char *name)
{
    while (table->name && strcmp(table->name, name) != 0)
        table++;
    return table->fn;
}

builtin_fn *filter_find(const char *name) { return find(filters, name); }
builtin_fn *test_find(const char *name) { return find(tests, name); }
builtin_fn *function_find(const char *name) { return find(functions, name); }

builtin_fn *method_find(const json_t *of, const char *name)
{
    return json_is_string(of)   ? find(text_methods, name)
           : json_is_object(of) ? find(object_methods, name) : NULL;
}
