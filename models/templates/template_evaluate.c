/* template_evaluate.c - Work out expressions. */
#include "models/templates/template_inside.h"

#include <stdlib.h>
#include <string.h>

bool value_true(const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_TRUE:
        return true;
    case JSON_STRING:
        return json_string_length(value) > 0;
    case JSON_INTEGER:
        return json_integer_value(value) != 0;
    case JSON_REAL:
        return json_real_value(value) != 0.0;
    case JSON_ARRAY:
        return json_array_size(value) > 0;
    case JSON_OBJECT:
        return json_object_size(value) > 0;
    default:
        return false;
    }
}

/* True and false are 1 and 0, as in Python. */
static bool is_number(const json_t *value)
{
    return json_is_number(value) || json_is_boolean(value);
}

static double number_of(const json_t *value)
{
    return json_is_boolean(value) ? json_is_true(value)
                                  : json_number_value(value);
}

bool value_same(const json_t *a, const json_t *b)
{
    if (!a || !b)
        return a == b;
    return is_number(a) && is_number(b) ? number_of(a) == number_of(b)
                                        : json_equal(a, b);
}

static json_t *truth(bool is)
{
    return json_boolean(is);
}

/* ---- names, attributes, indices ---- */

static json_t *look_up(struct run *run, const char *name)
{
    for (size_t i = json_array_size(run->scopes); i-- > 0;) {
        json_t *value = json_object_get(json_array_get(run->scopes, i), name);
        if (value)
            return json_incref(value);
    }
    return function_find(name) ? json_true() : NULL;    /* it is defined */
}

static json_t *attribute(struct run *run, json_t *of, const char *name)
{
    return of ? json_incref(json_object_get(of, name))
              : run_fail(run, "what is not defined has no ", name);
}

/* The place of index i from either end; n: there is none. */
static size_t place_of(json_int_t i, size_t n)
{
    const json_int_t at = i < 0 ? i + (json_int_t)n : i;

    return at < 0 || at >= (json_int_t)n ? n : (size_t)at;
}

static json_t *item(struct run *run, json_t *of, json_t *index)
{
    if (json_is_object(of) && json_is_string(index))
        return json_incref(json_object_get(of, json_string_value(index)));
    if (json_is_array(of) && json_is_integer(index)) {
        const size_t n = json_array_size(of);
        return json_incref(json_array_get(
            of, place_of(json_integer_value(index), n)));
    }
    if (json_is_string(of) && json_is_integer(index)) {
        const size_t n = text_length(of);
        const size_t at = place_of(json_integer_value(index), n);
        return at < n ? text_part(run, of, at, at + 1) : NULL;
    }
    return of ? NULL : run_fail(run, "what is not defined has no items", NULL);
}

/* A bound of a slice of n with this step; absent: from its end, to its other. */
static json_int_t bound(struct run *run, int32_t node, json_int_t n,
                        json_int_t absent, bool backwards)
{
    json_t *value = node > 0 ? evaluate(run, node) : NULL;
    json_int_t at = absent;

    if (json_is_integer(value)) {
        const json_int_t low = backwards ? -1 : 0, high = backwards ? n - 1 : n;
        at = json_integer_value(value);
        at = at < 0 ? at + n : at;
        at = at < low ? low : at > high ? high : at;
    } else if (value && !json_is_null(value)) {
        run_fail(run, "a bound that is no integer", NULL);
    }
    json_decref(value);
    return at;
}

static json_t *list_part(struct run *run, const json_t *of, json_int_t from,
                         json_int_t to, json_int_t step)
{
    json_t *out = run_made(run, json_array());

    for (json_int_t i = from; step > 0 ? i < to : i > to; i += step)
        if (run_step(run, 1))
            run_append(run, out, json_incref(json_array_get(of, (size_t)i)));
        else
            break;
    return out;
}

static json_t *slice(struct run *run, const struct node *node, json_t *of)
{
    const bool text = json_is_string(of);
    const json_int_t n = (json_int_t)(text ? text_length(of)
                                           : json_array_size(of));
    json_t *given = node->d > 0 ? evaluate(run, node->d) : NULL;
    const json_int_t step = json_is_integer(given) ? json_integer_value(given)
                                                   : 1;

    json_decref(given);
    if ((!text && !json_is_array(of)) || step == 0 || step > n + 1 ||
        step < -n - 1 || (text && step != 1))
        return run_fail(run, "not known: such a slice", NULL);
    const json_int_t from = bound(run, node->b, n, step > 0 ? 0 : n - 1,
                                  step < 0);
    const json_int_t to = bound(run, node->c, n, step > 0 ? n : -1, step < 0);
    if (run->status != STATUS_OK)
        return NULL;
    return text ? text_part(run, of, (size_t)from,
                            (size_t)(to > from ? to : from))
                : list_part(run, of, from, to, step);
}

/* ---- operators ---- */

static json_t *joined_texts(struct run *run, const json_t *a, const json_t *b)
{
    struct bytes both = { NULL, 0, 0 };

    bytes_add_value(run, &both, a);
    bytes_add_value(run, &both, b);
    json_t *text = run->status == STATUS_OK
                       ? run_text(run, both.at ? both.at : "", both.n) : NULL;
    free(both.at);
    return text;
}

static json_t *joined_lists(struct run *run, json_t *a, json_t *b)
{
    const size_t n = json_array_size(a) + json_array_size(b);
    json_t *both = run_step(run, (int64_t)n) ? run_made(run, json_copy(a))
                                             : NULL;

    if (both && json_array_extend(both, b) != 0)
        run_made(run, NULL);
    return both;
}

static json_t *add(struct run *run, json_t *a, json_t *b)
{
    if (json_is_string(a) && json_is_string(b))
        return joined_texts(run, a, b);
    if (json_is_array(a) && json_is_array(b))
        return joined_lists(run, a, b);
    return run_fail(run, "not known: + of such values", NULL);
}

/* Of integers, as Python rounds: down. */
static json_t *reckon(struct run *run, const char *operator, json_int_t a,
                      json_int_t b)
{
    json_int_t out = 0;
    bool over = false;

    switch (*operator) {
    case '+': over = __builtin_add_overflow(a, b, &out); break;
    case '-': over = __builtin_sub_overflow(a, b, &out); break;
    case '*': over = __builtin_mul_overflow(a, b, &out); break;
    default:
        if (b == 0 || b == -1 || strcmp(operator, "/") == 0)
            return run_fail(run, "not known: such a division", NULL);
        out = *operator == '%' ? a % b : a / b;
        if (a % b != 0 && (a < 0) != (b < 0))
            out += *operator == '%' ? b : -1;
    }
    return over ? run_fail(run, "too large a number", NULL)
                : run_made(run, json_integer(out));
}

/* <0, 0, >0 as of texts or numbers; of others the run fails. */
static int order(struct run *run, const json_t *a, const json_t *b)
{
    if (json_is_string(a) && json_is_string(b)) {
        const size_t n = json_string_length(a), m = json_string_length(b);
        const int first = memcmp(json_string_value(a), json_string_value(b),
                                 n < m ? n : m);
        return first != 0 ? first : (n > m) - (n < m);
    }
    if (!a || !b || !is_number(a) || !is_number(b))
        run_fail(run, "not known: which of such values is less", NULL);
    return run->status == STATUS_OK ? (number_of(a) > number_of(b)) -
                                          (number_of(a) < number_of(b)) : 0;
}

static bool contains(struct run *run, const json_t *in, const json_t *what)
{
    size_t i;
    json_t *element;

    if (json_is_string(in) && json_is_string(what))
        return memmem(json_string_value(in), json_string_length(in),
                      json_string_value(what),
                      json_string_length(what)) != NULL;
    if (json_is_object(in))
        return json_is_string(what) &&
               json_object_get(in, json_string_value(what));
    if (in && !json_is_array(in))
        run_fail(run, "not known: in such a value", NULL);
    json_array_foreach(in, i, element)
        if (run_step(run, 1) && value_same(element, what))
            return true;
    return false;
}

static json_t *binary(struct run *run, const char *operator, json_t *a,
                      json_t *b)
{
    if (strcmp(operator, "==") == 0)
        return truth(value_same(a, b));
    if (strcmp(operator, "!=") == 0)
        return truth(!value_same(a, b));
    if (strcmp(operator, "in") == 0)
        return truth(contains(run, b, a));
    if (strcmp(operator, "not in") == 0)
        return truth(!contains(run, b, a));
    if (*operator == '~')
        return joined_texts(run, a, b);
    if (*operator == '<' || *operator == '>') {
        const int sign = order(run, a, b);
        const bool equal = operator[1] == '=' && sign == 0;
        return truth(equal || (*operator == '<' ? sign < 0 : sign > 0));
    }
    if (json_is_integer(a) && json_is_integer(b))
        return reckon(run, operator, json_integer_value(a),
                      json_integer_value(b));
    return *operator == '+' ? add(run, a, b)
                            : run_fail(run, "not known, of such values: ",
                                       operator);
}

/* ---- constructs ---- */

static json_t *list(struct run *run, const struct node *node)
{
    json_t *out = run_made(run, json_array());

    for (int32_t i = node->a; i > 0 && run->status == STATUS_OK;
         i = run->t->node[i].next) {
        json_t *value = evaluate(run, i);
        if (run->status == STATUS_OK && !value)
            run_fail(run, "not known: a list of what is not defined", NULL);
        run_append(run, out, value);
    }
    return out;
}

static json_t *dictionary(struct run *run, const struct node *node)
{
    json_t *out = run_made(run, json_object());

    for (int32_t i = node->a; i > 0 && run->status == STATUS_OK;
         i = run->t->node[i].next) {
        const struct node *pair = &run->t->node[i];
        json_t *key = evaluate(run, pair->a), *value = evaluate(run, pair->b);
        if (run->status == STATUS_OK && (!json_is_string(key) || !value))
            run_fail(run, "not known: such a dictionary", NULL);
        run_put(run, out, json_string_value(key), value);
        json_decref(key);
    }
    return out;
}

static json_t *either(struct run *run, const struct node *node)
{
    json_t *value = evaluate(run, node->a);
    const bool is = value_true(value);

    json_decref(value);
    const int32_t next = is ? node->b : node->c;
    return run->status == STATUS_OK && next > 0 ? evaluate(run, next) : NULL;
}

/* The value that decides, as in Python. */
static json_t *both(struct run *run, const struct node *node)
{
    json_t *left = evaluate(run, node->a);

    if (run->status != STATUS_OK ||
        value_true(left) == (node->kind == NODE_OR))
        return left;
    json_decref(left);
    return evaluate(run, node->b);
}

static json_t *minus(struct run *run, json_t *of)
{
    if (json_is_real(of))
        return run_made(run, json_real(-json_real_value(of)));
    return json_is_integer(of)
               ? reckon(run, "-", 0, json_integer_value(of))
               : run_fail(run, "not known: - of such a value", NULL);
}

/* Expressions of one or two operands, worked out first. */
static json_t *operation(struct run *run, const struct node *node)
{
    const char *name = json_string_value(node->value);
    json_t *a = evaluate(run, node->a);
    json_t *b = node->b > 0 && node->kind != NODE_SLICE &&
                        run->status == STATUS_OK
                    ? evaluate(run, node->b) : NULL;
    json_t *out = NULL;

    if (run->status == STATUS_OK)
        switch (node->kind) {
        case NODE_ATTRIBUTE: out = attribute(run, a, name); break;
        case NODE_ITEM:      out = item(run, a, b); break;
        case NODE_SLICE:     out = slice(run, node, a); break;
        case NODE_NOT:       out = truth(!value_true(a)); break;
        case NODE_MINUS:     out = minus(run, a); break;
        case NODE_BINARY:    out = binary(run, name, a, b); break;
        default:             run_fail(run, "no expression", NULL);
        }
    json_decref(a);
    json_decref(b);
    return out;
}

static json_t *value_of(struct run *run, const struct node *node)
{
    switch (node->kind) {
    case NODE_CONST:  return json_incref(node->value);
    case NODE_NAME:   return look_up(run, json_string_value(node->value));
    case NODE_LIST:   return list(run, node);
    case NODE_DICT:   return dictionary(run, node);
    case NODE_CALL:   return evaluate_call(run, node);
    case NODE_FILTER:
    case NODE_TEST:   return evaluate_named(run, node);
    case NODE_EITHER: return either(run, node);
    case NODE_AND:
    case NODE_OR:     return both(run, node);
    default:          return operation(run, node);
    }
}

json_t *evaluate(struct run *run, int32_t node)
{
    json_t *out = NULL;

    if (++run->depth > RUN_MAX_DEPTH)
        run_fail(run, "too deep", NULL);
    if (run_step(run, 1))
        out = value_of(run, &run->t->node[node]);
    run->depth--;
    return out;
}
