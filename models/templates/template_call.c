/* template_call.c - Work out what has arguments: calls, filters and tests. */
#include "models/templates/template_inside.h"

static void take_arguments(struct run *run, struct arguments *a, int32_t node)
{
    for (; node > 0 && run->status == STATUS_OK; node = run->t->node[node].next) {
        const struct node *argument = &run->t->node[node];
        if (argument->kind == NODE_NAMED) {
            if (!a->named)
                a->named = run_made(run, json_object());
            run_put(run, a->named, json_string_value(argument->value),
                    evaluate(run, argument->a));
        } else if (a->n == ARGUMENTS_MAX) {
            run_fail(run, "too many arguments", NULL);
        } else {
            a->at[a->n] = evaluate(run, node);
            a->n++;
        }
    }
}

static json_t *call_macro(struct run *run, const struct arguments *a)
{
    return run_macro(run, (int32_t)json_integer_value(a->of), a);
}

static json_t *apply(struct run *run, builtin_fn *fn, json_t *of,
                     int32_t arguments, const char *name)
{
    struct arguments a = { .of = of, .defined = of != NULL };
    json_t *out = NULL;

    if (!fn)
        return run_fail(run, "not known: ", name);
    take_arguments(run, &a, arguments);
    if (run->status == STATUS_OK)
        out = fn(run, &a);
    for (int i = 0; i < a.n; i++)
        json_decref(a.at[i]);
    json_decref(a.named);
    return out;
}

json_t *evaluate_call(struct run *run, const struct node *node)
{
    const struct node *callee = &run->t->node[node->a];
    const char *name = json_string_value(callee->value);

    if (callee->kind == NODE_NAME && json_object_get(run->macros, name))
        return apply(run, call_macro, json_object_get(run->macros, name),
                     node->b, name);
    if (callee->kind == NODE_NAME)
        return apply(run, function_find(name), NULL, node->b, name);
    if (callee->kind != NODE_ATTRIBUTE)
        return run_fail(run, "not known: calling such a value", NULL);
    json_t *of = evaluate(run, callee->a), *out = NULL;
    if (run->status == STATUS_OK)
        out = apply(run, method_find(of, name), of, node->b, name);
    json_decref(of);
    return out;
}

json_t *evaluate_named(struct run *run, const struct node *node)
{
    const char *name = json_string_value(node->value);
    builtin_fn *fn = node->kind == NODE_TEST ? test_find(name)
                                             : filter_find(name);
    json_t *of = evaluate(run, node->a), *out = NULL;

    if (run->status == STATUS_OK)
        out = apply(run, fn, of, node->b, name);
    json_decref(of);
    return out;
}
