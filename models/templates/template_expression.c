/* template_expression.c - Read expressions, by the precedence that Jinja gives
 * operators. */
#include "models/templates/template_inside.h"

#include <stdlib.h>
#include <string.h>

static int32_t parse_unary(struct reader *r, bool filters);

int32_t node_add(struct reader *r, struct node node)
{
    struct template *t = r->t;

    node.line = r->line;
    if (t->n == t->room) {
        const int32_t room = t->room > 0 ? 2 * t->room : 64;
        struct node *more = realloc(t->node, (size_t)room * sizeof *more);
        if (!more) {
            json_decref(node.value);
            if (r->status == STATUS_OK)
                r->status = error_set(r->err, STATUS_NO_MEMORY, "no memory for"
                                      " a chat template");
            return 0;
        }
        t->node = more;
        t->room = room;
    }
    t->node[t->n] = node;
    return t->n++;
}

int32_t node_named(struct reader *r, enum node_kind kind, const char *text,
                   size_t size)
{
    json_t *value = json_stringn_nocheck(text, size);

    if (!value && r->status == STATUS_OK)
        r->status = error_set(r->err, STATUS_NO_MEMORY, "no memory for a chat"
                              " template");
    return node_add(r, (struct node){ .kind = kind, .value = value });
}

/* Nodes of a list, one behind the other. */
struct chain {
    int32_t first, last;
};

static void append(struct reader *r, struct chain *chain, int32_t node)
{
    if (node == 0)
        return;
    if (chain->last > 0)
        r->t->node[chain->last].next = node;
    else
        chain->first = node;
    chain->last = node;
}

static bool enter(struct reader *r)
{
    if (++r->depth > TEMPLATE_MAX_DEPTH)
        template_refuse(r, "too deep: ", r->token.at, r->token.size);
    return r->status == STATUS_OK;
}

/* "(a, b=c)" behind its bracket, up to the other one. */
static int32_t parse_arguments(struct reader *r)
{
    struct chain list = { 0, 0 };

    while (r->status == STATUS_OK && !token_skip(r, TOKEN_OPERATOR, ")")) {
        const struct token word = r->token;
        int32_t argument = parse_expression(r);
        if (word.kind == TOKEN_NAME && token_skip(r, TOKEN_OPERATOR, "=")) {
            argument = node_named(r, NODE_NAMED, word.at, word.size);
            const int32_t value = parse_expression(r);
            r->t->node[argument].a = value;
        }
        append(r, &list, argument);
        if (!token_is(r, TOKEN_OPERATOR, ")"))
            token_expect(r, TOKEN_OPERATOR, ",");
    }
    return list.first;
}

static int32_t parse_dictionary(struct reader *r)
{
    struct chain pairs = { 0, 0 };

    while (r->status == STATUS_OK && !token_skip(r, TOKEN_OPERATOR, "}")) {
        const int32_t key = parse_expression(r);
        token_expect(r, TOKEN_OPERATOR, ":");
        const int32_t value = parse_expression(r);
        append(r, &pairs, node_add(r, (struct node){ .kind = NODE_PAIR,
                                                     .a = key, .b = value }));
        if (!token_is(r, TOKEN_OPERATOR, "}"))
            token_expect(r, TOKEN_OPERATOR, ",");
    }
    return node_add(r, (struct node){ .kind = NODE_DICT, .a = pairs.first });
}

/* Elements up to `end`, of which the first may be read already. */
static int32_t parse_elements(struct reader *r, int32_t first, const char *end)
{
    struct chain list = { 0, 0 };

    append(r, &list, first);
    while (r->status == STATUS_OK && !token_skip(r, TOKEN_OPERATOR, end)) {
        append(r, &list, parse_expression(r));
        if (!token_is(r, TOKEN_OPERATOR, end))
            token_expect(r, TOKEN_OPERATOR, ",");
    }
    return node_add(r, (struct node){ .kind = NODE_LIST, .a = list.first });
}

static int32_t parse_bracketed(struct reader *r)
{
    if (token_skip(r, TOKEN_OPERATOR, ")"))
        return node_add(r, (struct node){ .kind = NODE_LIST });
    const int32_t inner = parse_expression(r);
    if (token_skip(r, TOKEN_OPERATOR, ","))
        return parse_elements(r, inner, ")");
    token_expect(r, TOKEN_OPERATOR, ")");
    return inner;
}

/* The text of both; takes the first over. */
static json_t *joined(json_t *a, const json_t *b)
{
    const size_t n = json_string_length(a), m = json_string_length(b);
    char *bytes = malloc(n + m + 1);
    json_t *both = NULL;

    if (bytes) {
        memcpy(bytes, json_string_value(a), n);
        memcpy(bytes + n, json_string_value(b), m);
        both = json_stringn_nocheck(bytes, n + m);
    }
    free(bytes);
    json_decref(a);
    return both;
}

/* A number, or texts, of which several in a row are one. */
static int32_t parse_constant(struct reader *r)
{
    json_t *value = json_incref(r->token.value);

    token_next(r);
    while (json_is_string(value) && r->token.kind == TOKEN_STRING) {
        value = joined(value, r->token.value);
        token_next(r);
    }
    if (!value && r->status == STATUS_OK)
        r->status = error_set(r->err, STATUS_NO_MEMORY, "no memory for a chat"
                              " template");
    return node_add(r, (struct node){ .kind = NODE_CONST, .value = value });
}

/* true, false and none, as Jinja and as Python write them. */
static int32_t parse_word(struct reader *r)
{
    static const struct { const char *name; int value; } words[] = {
        { "true", 1 }, { "True", 1 }, { "false", 0 }, { "False", 0 },
        { "none", -1 }, { "None", -1 },
    };
    const struct token word = r->token;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (token_skip(r, TOKEN_NAME, words[i].name))
            return node_add(r, (struct node){ .kind = NODE_CONST,
                .value = words[i].value < 0 ? json_null()
                                            : json_boolean(words[i].value) });
    token_next(r);
    return node_named(r, NODE_NAME, word.at, word.size);
}

static int32_t parse_primary(struct reader *r)
{
    switch (r->token.kind) {
    case TOKEN_NAME:
        return parse_word(r);
    case TOKEN_STRING:
    case TOKEN_NUMBER:
        return parse_constant(r);
    default:
        if (token_skip(r, TOKEN_OPERATOR, "("))
            return parse_bracketed(r);
        if (token_skip(r, TOKEN_OPERATOR, "["))
            return parse_elements(r, 0, "]");
        if (token_skip(r, TOKEN_OPERATOR, "{"))
            return parse_dictionary(r);
    }
    return template_refuse(r, "an expression is expected before: ", r->token.at,
                           r->token.size);
}

/* "[1]", "[1:]" or "[::-1]" behind its bracket. */
static int32_t parse_index(struct reader *r, int32_t of)
{
    int32_t bound[3] = { 0, 0, 0 };
    int n = 0;

    for (; n < 3 && r->status == STATUS_OK; n++) {
        if (!token_is(r, TOKEN_OPERATOR, ":") &&
            !token_is(r, TOKEN_OPERATOR, "]"))
            bound[n] = parse_expression(r);
        if (!token_skip(r, TOKEN_OPERATOR, ":"))
            break;
    }
    token_expect(r, TOKEN_OPERATOR, "]");
    if (n == 0)
        return node_add(r, (struct node){ .kind = NODE_ITEM, .a = of,
                                          .b = bound[0] });
    return node_add(r, (struct node){ .kind = NODE_SLICE, .a = of,
                                      .b = bound[0], .c = bound[1],
                                      .d = bound[2] });
}

static int32_t parse_postfix(struct reader *r, int32_t of)
{
    while (r->status == STATUS_OK) {
        if (token_skip(r, TOKEN_OPERATOR, "[")) {
            of = parse_index(r, of);
        } else if (token_skip(r, TOKEN_OPERATOR, "(")) {
            const int32_t arguments = parse_arguments(r);
            of = node_add(r, (struct node){ .kind = NODE_CALL, .a = of,
                                            .b = arguments });
        } else if (token_skip(r, TOKEN_OPERATOR, ".")) {
            const struct token word = r->token;
            if (word.kind != TOKEN_NAME)
                return template_refuse(r, "a name is expected before: ",
                                       word.at, word.size);
            token_next(r);
            const int32_t parent = of;
            of = node_named(r, NODE_ATTRIBUTE, word.at, word.size);
            r->t->node[of].a = parent;
        } else {
            break;
        }
    }
    return of;
}

/* The one argument that a test takes without brackets; 0: none. */
static int32_t parse_test_argument(struct reader *r)
{
    static const char *const behind[] = { "else", "or", "and", "if", "is", "in",
                                          "not", "recursive" };
    bool takes = r->token.kind == TOKEN_NAME ||
                 r->token.kind == TOKEN_STRING ||
                 r->token.kind == TOKEN_NUMBER ||
                 token_is(r, TOKEN_OPERATOR, "[") ||
                 token_is(r, TOKEN_OPERATOR, "{");

    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++)
        takes &= !token_is(r, TOKEN_NAME, behind[i]);
    return takes ? parse_postfix(r, parse_primary(r)) : 0;
}

/* "| name(arguments)" and "is not name argument", behind their first word. */
static int32_t parse_named(struct reader *r, enum node_kind kind, int32_t of)
{
    const bool negated = kind == NODE_TEST && token_skip(r, TOKEN_NAME, "not");
    const struct token word = r->token;

    if (word.kind != TOKEN_NAME)
        return template_refuse(r, "a name is expected before: ", word.at,
                               word.size);
    token_next(r);
    const int32_t node = node_named(r, kind, word.at, word.size);
    const int32_t arguments = token_skip(r, TOKEN_OPERATOR, "(")
                                  ? parse_arguments(r)
                              : kind == NODE_TEST ? parse_test_argument(r) : 0;
    r->t->node[node].a = of;
    r->t->node[node].b = arguments;
    return negated ? node_add(r, (struct node){ .kind = NODE_NOT, .a = node })
                   : node;
}

static int32_t parse_filters(struct reader *r, int32_t of)
{
    while (r->status == STATUS_OK) {
        if (token_skip(r, TOKEN_OPERATOR, "|"))
            of = parse_named(r, NODE_FILTER, of);
        else if (token_skip(r, TOKEN_NAME, "is"))
            of = parse_named(r, NODE_TEST, of);
        else if (token_is(r, TOKEN_OPERATOR, "("))
            of = parse_postfix(r, of);
        else
            break;
    }
    return of;
}

static int32_t parse_unary(struct reader *r, bool filters)
{
    int32_t of;

    if (!enter(r))
        return 0;
    if (token_skip(r, TOKEN_OPERATOR, "-")) {
        const int32_t inner = parse_unary(r, false);
        of = node_add(r, (struct node){ .kind = NODE_MINUS, .a = inner });
    } else {
        of = parse_postfix(r, parse_primary(r));
    }
    if (filters)
        of = parse_filters(r, of);
    r->depth--;
    return of;
}

/* Binary operators, those that bind least first; the left one goes first. */
static const struct level {
    enum token_kind token;
    enum node_kind  node;
    const char *operators[7];
} levels[] = {
    { TOKEN_NAME,     NODE_OR,     { "or" } },
    { TOKEN_NAME,     NODE_AND,    { "and" } },
    { TOKEN_OPERATOR, NODE_BINARY, { "==", "!=", "<", ">", "<=", ">=" } },
    { TOKEN_OPERATOR, NODE_BINARY, { "+", "-" } },
    { TOKEN_OPERATOR, NODE_BINARY, { "~" } },
    { TOKEN_OPERATOR, NODE_BINARY, { "*", "/", "//", "%" } },
};
/* Of comparisons, with in and not in, one stands alone; "not" goes before it. */
enum { COMPARISONS = 2, LEVELS = sizeof levels / sizeof *levels };

/* The operator of the level that is next, which is passed; NULL: none is. */
static const char *operator_of(struct reader *r, int level)
{
    for (const char *const *o = levels[level].operators; *o; o++)
        if (token_skip(r, levels[level].token, *o))
            return *o;
    if (level != COMPARISONS)
        return NULL;
    if (token_skip(r, TOKEN_NAME, "in"))
        return "in";
    if (!token_is(r, TOKEN_NAME, "not"))
        return NULL;
    token_next(r);
    token_expect(r, TOKEN_NAME, "in");
    return "not in";
}

static int32_t parse_level(struct reader *r, int level);

/* Behind "not". */
static int32_t parse_negated(struct reader *r)
{
    if (!enter(r))
        return 0;
    const int32_t of = parse_level(r, COMPARISONS);
    r->depth--;
    return node_add(r, (struct node){ .kind = NODE_NOT, .a = of });
}

static int32_t parse_level(struct reader *r, int level)
{
    if (level == LEVELS)
        return parse_unary(r, true);
    if (level == COMPARISONS && token_skip(r, TOKEN_NAME, "not"))
        return parse_negated(r);
    int32_t left = parse_level(r, level + 1);
    const char *operator;
    bool compared = false;
    while (r->status == STATUS_OK && (operator = operator_of(r, level))) {
        if (level == COMPARISONS && compared)
            return template_refuse(r, "not known: two comparisons in a row",
                                   NULL, 0);
        compared = true;
        const int32_t right = parse_level(r, level + 1);
        const int32_t both = node_named(r, levels[level].node, operator,
                                        strlen(operator));
        r->t->node[both].a = left;
        r->t->node[both].b = right;
        left = both;
    }
    return left;
}

int32_t parse_either(struct reader *r)
{
    return parse_level(r, 0);
}

int32_t parse_expression(struct reader *r)
{
    if (!enter(r))
        return 0;
    int32_t value = parse_either(r);
    while (r->status == STATUS_OK && token_skip(r, TOKEN_NAME, "if")) {
        const int32_t condition = parse_either(r);
        const int32_t otherwise = token_skip(r, TOKEN_NAME, "else")
                                      ? parse_expression(r) : 0;
        value = node_add(r, (struct node){ .kind = NODE_EITHER, .a = condition,
                                           .b = value, .c = otherwise });
    }
    r->depth--;
    return value;
}

int32_t parse_target(struct reader *r)
{
    const struct token word = r->token;

    if (word.kind != TOKEN_NAME)
        return template_refuse(r, "a name is expected before: ", word.at,
                               word.size);
    token_next(r);
    const int32_t name = node_named(r, NODE_NAME, word.at, word.size);
    if (!token_skip(r, TOKEN_OPERATOR, "."))
        return name;
    const struct token part = r->token;
    if (part.kind != TOKEN_NAME)
        return template_refuse(r, "a name is expected before: ", part.at,
                               part.size);
    token_next(r);
    const int32_t attribute = node_named(r, NODE_ATTRIBUTE, part.at, part.size);
    r->t->node[attribute].a = name;
    return attribute;
}
