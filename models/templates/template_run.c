/* template_run.c - Run the statements of a template. */
#include "models/templates/template_inside.h"

#include <stdlib.h>
#include <string.h>

/* How a list of statements ended. */
enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

static enum flow run_list(struct run *run, int32_t node, struct bytes *to);

json_t *run_fail(struct run *run, const char *what, const char *name)
{
    if (run->status == STATUS_OK)
        run->status = error_set(run->err, STATUS_BAD_FORMAT, "line %d of the"
                                " chat template: %s%.60s", run->line, what,
                                name ? name : "");
    return NULL;
}

static json_t *no_memory(struct run *run)
{
    if (run->status == STATUS_OK)
        run->status = error_set(run->err, STATUS_NO_MEMORY, "no memory to fill"
                                " in a chat template");
    return NULL;
}

bool run_step(struct run *run, int64_t n)
{
    run->steps += n;
    if (run->steps > TEMPLATE_MAX_STEPS)
        run_fail(run, "too much work", NULL);
    return run->status == STATUS_OK;
}

json_t *run_made(struct run *run, json_t *value)
{
    return value ? value : no_memory(run);
}

void run_append(struct run *run, json_t *list, json_t *value)
{
    if (value && run->status != STATUS_OK)
        json_decref(value);
    else if (value && json_array_append_new(list, value) != 0)
        no_memory(run);
}

void run_put(struct run *run, json_t *into, const char *name, json_t *value)
{
    if (value && run->status != STATUS_OK)
        json_decref(value);
    else if (value && json_object_set_new_nocheck(into, name, value) != 0)
        no_memory(run);
}

/* Bytes count as work too: texts that double grow no further. */
json_t *run_text(struct run *run, const char *bytes, size_t size)
{
    return run_step(run, (int64_t)(size / 64))
               ? run_made(run, json_stringn_nocheck(bytes, size)) : NULL;
}

void bytes_add(struct run *run, struct bytes *to, const char *from, size_t n)
{
    if (!run_step(run, (int64_t)(n / 64)))
        return;
    if (to->room - to->n <= n) {
        const size_t room = 2 * to->room + n + 64;
        char *more = realloc(to->at, room);
        if (!more) {
            no_memory(run);
            return;
        }
        to->at = more;
        to->room = room;
    }
    memcpy(to->at + to->n, from, n);
    to->n += n;
    to->at[to->n] = '\0';
}

void bytes_add_value(struct run *run, struct bytes *to, const json_t *value)
{
    char number[32];

    switch (value ? json_typeof(value) : JSON_STRING) {
    case JSON_STRING:
        if (value)
            bytes_add(run, to, json_string_value(value),
                      json_string_length(value));
        break;
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
                 json_integer_value(value));
        bytes_add(run, to, number, strlen(number));
        break;
    case JSON_TRUE:
        bytes_add(run, to, "True", 4);
        break;
    case JSON_FALSE:
        bytes_add(run, to, "False", 5);
        break;
    case JSON_NULL:
        bytes_add(run, to, "None", 4);
        break;
    default:
        run_fail(run, "not known: printing a ",
                 json_is_real(value) ? "fraction"
                 : json_is_array(value) ? "list" : "dictionary");
    }
}

/* ---- names ---- */

static json_t *innermost(const struct run *run)
{
    return json_array_get(run->scopes, json_array_size(run->scopes) - 1);
}

static void enter_scope(struct run *run)
{
    if (json_array_append_new(run->scopes, json_object()) != 0)
        no_memory(run);
}

static void leave_scope(struct run *run)
{
    json_array_remove(run->scopes, json_array_size(run->scopes) - 1);
}

static bool is_space(const struct run *run, const json_t *value)
{
    size_t i;
    json_t *space;

    json_array_foreach(run->spaces, i, space)
        if (space == value)
            return true;
    return false;
}

/* Values grow in depth by being named and put into others: what is named nests no
 * deeper than this, and no namespace is in itself. */
static void check_depth(struct run *run, const json_t *into,
                        const json_t *value, int depth)
{
    const char *key;
    json_t *inner;
    size_t i;

    if (depth > TEMPLATE_MAX_DEPTH)
        run_fail(run, "too deep a value", NULL);
    if (value == into)
        run_fail(run, "a namespace in itself", NULL);
    if (!run_step(run, 1))
        return;
    json_array_foreach(value, i, inner)
        check_depth(run, into, inner, depth + 1);
    json_object_foreach((json_t *)value, key, inner)
        check_depth(run, into, inner, depth + 1);
}

/* Takes the value over.  What is undefined takes its name with it. */
static void put(struct run *run, json_t *into, const char *name, json_t *value)
{
    if (run->status == STATUS_OK && value)
        check_depth(run, into, value, 0);
    if (!value && run->status == STATUS_OK)
        json_object_del(into, name);
    run_put(run, into, name, value);
}

static void assign(struct run *run, int32_t target, json_t *value)
{
    const struct node *node = &run->t->node[target];
    const char *name = json_string_value(node->value);

    if (node->kind == NODE_NAME) {
        put(run, innermost(run), name, value);
        return;
    }
    json_t *space = evaluate(run, node->a);
    if (run->status == STATUS_OK && !is_space(run, space))
        run_fail(run, "no namespace: what is set has ", name);
    put(run, space, name, value);
    json_decref(space);
}

/* ---- statements ---- */

static void run_print(struct run *run, const struct node *node,
                      struct bytes *to)
{
    json_t *value = evaluate(run, node->a);

    if (run->status == STATUS_OK)
        bytes_add_value(run, to, value);
    json_decref(value);
}

static enum flow run_if(struct run *run, const struct node *node,
                        struct bytes *to)
{
    json_t *value = evaluate(run, node->a);
    const bool is = value_true(value);

    json_decref(value);
    return run->status == STATUS_OK ? run_list(run, is ? node->b : node->c, to)
                                    : FLOW_ON;
}

static void set_body(struct run *run, const struct node *node)
{
    struct bytes body = { NULL, 0, 0 };

    enter_scope(run);
    run_list(run, node->b, &body);
    leave_scope(run);
    json_t *text = run_text(run, body.at ? body.at : "", body.n);
    assign(run, node->a, text);
    free(body.at);
}

/* One element to the loop's names, as many as there are. */
static void take_names(struct run *run, int32_t name, json_t *element)
{
    const struct node *first = &run->t->node[name];
    size_t n = 0;

    if (first->next == 0) {
        assign(run, name, json_incref(element));
        return;
    }
    for (int32_t i = name; i > 0; i = run->t->node[i].next)
        n++;
    if (!json_is_array(element) || json_array_size(element) != n) {
        run_fail(run, "not as many parts as names: ",
                 json_string_value(first->value));
        return;
    }
    for (size_t i = 0; i < n; i++, name = run->t->node[name].next)
        assign(run, name, json_incref(json_array_get(element, i)));
}

/* What a loop runs over, as a list: of dictionaries the keys, of texts the
 * letters are not known. */
static json_t *elements_of(struct run *run, json_t *over)
{
    json_t *list = NULL;
    const char *key;
    json_t *value;

    if (json_is_array(over))
        return json_incref(over);
    if (over && !json_is_object(over))
        return run_fail(run, "not known: a loop over what is no list", NULL);
    list = run_made(run, json_array());
    json_object_foreach(over, key, value)
        if (run->status == STATUS_OK)
            run_append(run, list, run_text(run, key, strlen(key)));
    return list;
}

/* Those that meet the loop's condition. */
static json_t *chosen_of(struct run *run, const struct node *node, json_t *all)
{
    json_t *chosen = run_made(run, json_array()), *element;
    size_t i;

    json_array_foreach(all, i, element) {
        enter_scope(run);
        take_names(run, node->d, element);
        json_t *is = run->status == STATUS_OK ? evaluate(run, node->e) : NULL;
        leave_scope(run);
        if (value_true(is))
            run_append(run, chosen, json_incref(element));
        json_decref(is);
        if (run->status != STATUS_OK)
            break;
    }
    json_decref(all);
    return chosen;
}

static json_t *loop_of(struct run *run, const json_t *all, size_t i)
{
    const size_t n = json_array_size(all);
    json_t *loop = json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:b}",
        "index", (json_int_t)i + 1, "index0", (json_int_t)i,
        "revindex", (json_int_t)(n - i), "revindex0", (json_int_t)(n - i) - 1,
        "length", (json_int_t)n, "first", i == 0, "last", i + 1 == n);

    run_made(run, loop);
    run_put(run, loop, "previtem", i > 0 ? json_incref(json_array_get(all, i - 1))
                                         : NULL);
    run_put(run, loop, "nextitem", json_incref(json_array_get(all, i + 1)));
    return loop;
}

static void run_for(struct run *run, const struct node *node, struct bytes *to)
{
    json_t *over = evaluate(run, node->a);
    json_t *all = run->status == STATUS_OK ? elements_of(run, over) : NULL;
    size_t i;
    json_t *element;

    json_decref(over);
    if (node->e > 0 && run->status == STATUS_OK)
        all = chosen_of(run, node, all);
    if (run->status == STATUS_OK && json_array_size(all) == 0)
        run_list(run, node->c, to);
    json_array_foreach(all, i, element) {
        if (!run_step(run, 1))
            break;
        enter_scope(run);
        put(run, innermost(run), "loop", loop_of(run, all, i));
        take_names(run, node->d, element);
        const enum flow flow = run->status == STATUS_OK
                                   ? run_list(run, node->b, to) : FLOW_BREAK;
        leave_scope(run);
        if (flow == FLOW_BREAK)
            break;
    }
    json_decref(all);
}

/* The argument that a macro's i-th name stands for, its default, or NULL. */
static json_t *argument_of(struct run *run, const struct node *name, int i,
                           const struct arguments *a)
{
    json_t *given = i < a->n ? a->at[i]
                             : json_object_get(a->named,
                                               json_string_value(name->value));

    return given ? json_incref(given)
           : name->kind == NODE_NAMED && i >= a->n ? evaluate(run, name->a)
                                                   : NULL;
}

/* It sees what the template set outside of loops, not where it is called. */
json_t *run_macro(struct run *run, int32_t macro, const struct arguments *a)
{
    const struct node *form = &run->t->node[run->t->node[macro].a];
    struct bytes bytes = { NULL, 0, 0 };
    json_t *scopes = run->scopes, *own = json_array();
    int n = 0;

    run->scopes = run_made(run, own);
    for (size_t i = 0; i < 2; i++)
        run_append(run, own, json_incref(json_array_get(scopes, i)));
    enter_scope(run);
    for (int32_t i = form->b; i > 0 && run->status == STATUS_OK; n++) {
        const struct node *name = &run->t->node[i];
        put(run, innermost(run), json_string_value(name->value),
            argument_of(run, name, n, a));
        i = name->next;
    }
    if (a->n > n)
        run_fail(run, "more arguments than the macro has", NULL);
    if (run->status == STATUS_OK)
        run_list(run, run->t->node[macro].b, &bytes);
    json_decref(run->scopes);
    run->scopes = scopes;
    json_t *text = run->status == STATUS_OK
                       ? run_text(run, bytes.at ? bytes.at : "", bytes.n)
                       : NULL;
    free(bytes.at);
    return text;
}

static void keep_macro(struct run *run, int32_t at)
{
    const struct node *form = &run->t->node[run->t->node[at].a];
    const char *name = json_string_value(run->t->node[form->a].value);

    put(run, run->macros, name, run_made(run, json_integer(at)));
}

static enum flow run_node(struct run *run, int32_t at, struct bytes *to)
{
    const struct node *node = &run->t->node[at];

    switch (node->kind) {
    case NODE_TEXT:
        bytes_add_value(run, to, node->value);
        return FLOW_ON;
    case NODE_PRINT:
        run_print(run, node, to);
        return FLOW_ON;
    case NODE_IF:
        return run_if(run, node, to);
    case NODE_FOR:
        run_for(run, node, to);
        return FLOW_ON;
    case NODE_SET:
        assign(run, node->a, evaluate(run, node->b));
        return FLOW_ON;
    case NODE_SETS:
        set_body(run, node);
        return FLOW_ON;
    case NODE_BLOCK:
        return run_list(run, node->b, to);
    case NODE_MACRO:
        keep_macro(run, at);
        return FLOW_ON;
    case NODE_BREAK:
        return FLOW_BREAK;
    case NODE_CONTINUE:
        return FLOW_CONTINUE;
    default:
        run_fail(run, "no statement", NULL);
        return FLOW_ON;
    }
}

static enum flow run_list(struct run *run, int32_t at, struct bytes *to)
{
    enum flow flow = FLOW_ON;

    if (++run->depth > RUN_MAX_DEPTH)
        run_fail(run, "too deep", NULL);
    for (; at > 0 && flow == FLOW_ON; at = run->t->node[at].next) {
        run->line = run->t->node[at].line;
        if (!run_step(run, 1))
            break;
        flow = run_node(run, at, to);
    }
    run->depth--;
    return flow;
}

enum status template_fill(char **out, size_t *size, const struct template *t,
                          const json_t *variables, struct error *err)
{
    struct run run = { .t = t, .scopes = json_array(), .spaces = json_array(),
                       .macros = json_object(), .err = err };
    struct bytes bytes = { NULL, 0, 0 };

    if (!run.scopes || !run.spaces || !run.macros)
        no_memory(&run);
    if (run.status == STATUS_OK &&
        json_array_append_new(run.scopes, json_copy((json_t *)variables)) != 0)
        no_memory(&run);
    enter_scope(&run);
    if (run.status == STATUS_OK)
        run_list(&run, t->root, &bytes);
    bytes_add(&run, &bytes, "", 0);          /* a text of nothing is one too */
    json_decref(run.scopes);
    json_decref(run.spaces);
    json_decref(run.macros);
    if (run.status != STATUS_OK) {
        free(bytes.at);
        return run.status;
    }
    *out = bytes.at;
    *size = bytes.n;
    return STATUS_OK;
}
