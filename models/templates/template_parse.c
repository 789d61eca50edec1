/* template_parse.c - Read a template: its text, and the statements in its tags. */
#include "models/templates/template_inside.h"

#include <stdlib.h>
#include <string.h>

/* Where a run of statements ends: the words of the tag behind it. */
static const char *const loop_ends[] = { "endfor", "else", NULL };
static const char *const loop_else_ends[] = { "endfor", NULL };
static const char *const if_ends[] = { "endif", "else", "elif", NULL };
static const char *const else_ends[] = { "endif", NULL };
static const char *const set_ends[] = { "endset", NULL };
static const char *const block_ends[] = { "endgeneration", NULL };
static const char *const macro_ends[] = { "endmacro", NULL };
static const char *const no_ends[] = { NULL };

static int32_t parse_body(struct reader *r, const char *const *ends);

static bool begins(const struct reader *r, const char *word)
{
    const size_t n = strlen(word);

    return r->size - r->at >= n && memcmp(r->text + r->at, word, n) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
    return is_blank(c) || c == '\n' || c == '\v' || c == '\f';
}

/* ---- text, and the edges of tags ---- */

/* The end of the text [from,to) before a tag: a minus takes all space before it
 * away, and a statement or comment takes the blanks that begin its line
 * (lstrip_blocks), unless a plus keeps them. */
static size_t end_of_text(const struct reader *r, size_t from, size_t to)
{
    const char mark = to + 2 < r->size ? r->text[to + 2] : '\0';
    size_t end = to, line = to;

    if (mark == '-') {
        while (end > from && is_space(r->text[end - 1]))
            end--;
        return end;
    }
    if (mark == '+' || to >= r->size || r->text[to + 1] == '{')
        return to;
    while (line > from && is_blank(r->text[line - 1]))
        line--;
    return line == 0 || r->text[line - 1] == '\n' ? line : to;
}

/* A template's last newline is not of it (keep_trailing_newline). */
static int32_t take_text(struct reader *r)
{
    const size_t from = r->at;
    size_t to = from;

    while (to < r->size && !(r->text[to] == '{' && to + 1 < r->size &&
                             strchr("{%#", r->text[to + 1]) &&
                             r->text[to + 1]))
        to++;
    const size_t end = end_of_text(r, from, to);
    int32_t node = 0;
    if (end > from)
        node = node_named(r, NODE_TEXT, r->text + from, end - from);
    for (size_t i = from; i < to; i++)
        r->line += r->text[i] == '\n';
    r->at = to;
    return node;
}

/* Passes the tag's end; a minus takes all space behind it away, and a statement
 * or comment the newline there (trim_blocks), unless a plus keeps it. */
static void leave_tag(struct reader *r, const char *end)
{
    const char mark = r->at < r->size ? r->text[r->at] : '\0';

    r->at += mark == '-' || mark == '+';
    if (!begins(r, end)) {
        template_refuse(r, "not understood: ", r->text + r->at,
                        r->size - r->at);
        return;
    }
    r->at += strlen(end);
    if (mark == '-')
        for (; r->at < r->size && is_space(r->text[r->at]); r->at++)
            r->line += r->text[r->at] == '\n';
    else if (mark != '+' && *end != '}' && begins(r, "\n")) {
        r->at++;
        r->line++;
    }
}

/* "{% -", behind which the first token is read. */
static void enter_tag(struct reader *r)
{
    r->at += 2;
    r->at += r->at < r->size && strchr("-+", r->text[r->at]) &&
             r->text[r->at];
    r->brackets = 0;
    token_next(r);
}

static void end_statement(struct reader *r)
{
    if (r->token.kind != TOKEN_END)
        template_refuse(r, "not understood: ", r->token.at, r->token.size);
    if (r->status == STATUS_OK)
        leave_tag(r, "%}");
}

static void pass_comment(struct reader *r)
{
    while (r->at < r->size && !begins(r, "#}"))
        r->line += r->text[r->at++] == '\n';
    if (r->at >= r->size) {
        template_refuse(r, "a comment without its end", NULL, 0);
        return;
    }
    r->at -= strchr("-+", r->text[r->at - 1]) != NULL;
    leave_tag(r, "#}");
}

static int32_t parse_print(struct reader *r)
{
    enter_tag(r);
    const int32_t value = parse_expression(r);
    if (r->token.kind != TOKEN_END)
        template_refuse(r, "not understood: ", r->token.at, r->token.size);
    if (r->status == STATUS_OK)
        leave_tag(r, "}}");
    return node_add(r, (struct node){ .kind = NODE_PRINT, .a = value });
}

/* ---- statements, behind their first word ---- */

/* The word of the tag that ended a body; it is passed. */
static bool ended_by(struct reader *r, const char *word)
{
    return token_skip(r, TOKEN_NAME, word);
}

static int32_t parse_if(struct reader *r)
{
    if (++r->depth > TEMPLATE_MAX_DEPTH)
        return template_refuse(r, "too deep", NULL, 0);
    const int32_t condition = parse_expression(r);
    end_statement(r);
    const int32_t body = parse_body(r, if_ends);
    int32_t otherwise = 0;
    if (ended_by(r, "elif")) {
        otherwise = parse_if(r);
    } else if (ended_by(r, "else")) {
        end_statement(r);
        otherwise = parse_body(r, else_ends);
        token_expect(r, TOKEN_NAME, "endif");
    } else {
        token_expect(r, TOKEN_NAME, "endif");
    }
    r->depth--;
    return node_add(r, (struct node){ .kind = NODE_IF, .a = condition,
                                      .b = body, .c = otherwise });
}

static int32_t parse_for(struct reader *r)
{
    int32_t names = parse_target(r), last = names, otherwise = 0;

    while (token_skip(r, TOKEN_OPERATOR, ",") && r->status == STATUS_OK) {
        const int32_t name = parse_target(r);
        r->t->node[last].next = name;
        last = name;
    }
    token_expect(r, TOKEN_NAME, "in");
    const int32_t over = parse_either(r);
    const int32_t condition = token_skip(r, TOKEN_NAME, "if")
                                  ? parse_expression(r) : 0;
    end_statement(r);
    const int32_t body = parse_body(r, loop_ends);
    if (ended_by(r, "else")) {
        end_statement(r);
        otherwise = parse_body(r, loop_else_ends);
    }
    token_expect(r, TOKEN_NAME, "endfor");
    return node_add(r, (struct node){ .kind = NODE_FOR, .a = over, .b = body,
                                      .c = otherwise, .d = names,
                                      .e = condition });
}

static int32_t parse_set(struct reader *r)
{
    const int32_t target = parse_target(r);

    if (token_skip(r, TOKEN_OPERATOR, "=")) {
        const int32_t value = parse_expression(r);
        return node_add(r, (struct node){ .kind = NODE_SET, .a = target,
                                          .b = value });
    }
    end_statement(r);
    const int32_t body = parse_body(r, set_ends);
    token_expect(r, TOKEN_NAME, "endset");
    return node_add(r, (struct node){ .kind = NODE_SETS, .a = target,
                                      .b = body });
}

static int32_t parse_macro(struct reader *r)
{
    const int32_t form = parse_expression(r);

    if (r->t->node[form].kind != NODE_CALL ||
        r->t->node[r->t->node[form].a].kind != NODE_NAME)
        return template_refuse(r, "not known: such a macro", NULL, 0);
    end_statement(r);
    const int32_t body = parse_body(r, macro_ends);
    token_expect(r, TOKEN_NAME, "endmacro");
    return node_add(r, (struct node){ .kind = NODE_MACRO, .a = form,
                                      .b = body });
}

static int32_t parse_generation(struct reader *r)
{
    end_statement(r);
    const int32_t body = parse_body(r, block_ends);
    token_expect(r, TOKEN_NAME, "endgeneration");
    return node_add(r, (struct node){ .kind = NODE_BLOCK, .b = body });
}

static int32_t parse_break(struct reader *r)
{
    return node_add(r, (struct node){ .kind = NODE_BREAK });
}

static int32_t parse_continue(struct reader *r)
{
    return node_add(r, (struct node){ .kind = NODE_CONTINUE });
}

static const struct {
    const char *word;
    int32_t (*parse)(struct reader *r);
} statements[] = {
    { "if", parse_if },       { "for", parse_for },
    { "set", parse_set },     { "macro", parse_macro },
    { "break", parse_break }, { "continue", parse_continue },
    { "generation", parse_generation },
};

static int32_t parse_statement(struct reader *r)
{
    const struct token word = r->token;

    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (token_skip(r, TOKEN_NAME, statements[i].word)) {
            const int32_t node = statements[i].parse(r);
            end_statement(r);
            return node;
        }
    return template_refuse(r, "not known: ", word.at, word.size);
}

static bool ends_here(const struct reader *r, const char *const *ends)
{
    for (; *ends; ends++)
        if (token_is(r, TOKEN_NAME, *ends))
            return true;
    return false;
}

/* Statements up to a tag whose first word is one of `ends`, which is the token
 * then; or, without ends, up to that of the template. */
static int32_t parse_body(struct reader *r, const char *const *ends)
{
    int32_t first = 0, last = 0;

    if (++r->depth > TEMPLATE_MAX_DEPTH)
        template_refuse(r, "too deep", NULL, 0);
    while (r->status == STATUS_OK) {
        int32_t node = take_text(r);
        if (node > 0) {
            *(last > 0 ? &r->t->node[last].next : &first) = node;
            last = node;
        }
        if (r->at >= r->size) {
            if (*ends)
                template_refuse(r, "the end of the template before: ", *ends,
                                strlen(*ends));
            break;
        }
        if (begins(r, "{#")) {
            pass_comment(r);
            continue;
        }
        if (begins(r, "{{")) {
            node = parse_print(r);
        } else {
            enter_tag(r);
            if (ends_here(r, ends))
                break;
            node = parse_statement(r);
        }
        if (node > 0) {
            *(last > 0 ? &r->t->node[last].next : &first) = node;
            last = node;
        }
    }
    r->depth--;
    return first;
}

/* ---- the whole ---- */

/* "\r\n" and "\r" are newlines; the last one is not of the template. */
static char *with_newlines(const char *text, size_t *size)
{
    char *out = malloc(*size + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < *size; i++) {
        const bool ended = text[i] == '\n' && i > 0 && text[i - 1] == '\r';
        if (!ended)
            out[n++] = text[i] == '\r' ? '\n' : text[i];
    }
    *size = n - (out && n > 0 && out[n - 1] == '\n');
    return out;
}

enum status template_open(struct template **out, const char *text, size_t size,
                          struct error *err)
{
    if (size > TEMPLATE_MAX_BYTES)
        return error_set(err, STATUS_BAD_FORMAT, "a chat template of %zu bytes:"
                         " read are up to %d", size, TEMPLATE_MAX_BYTES);
    struct template *t = calloc(1, sizeof *t);
    char *own = with_newlines(text, &size);
    struct reader r = { .t = t, .text = own, .size = size, .line = 1,
                        .err = err };
    if (!t || !own) {
        free(own);
        free(t);
        return error_set(err, STATUS_NO_MEMORY, "no memory for a chat"
                         " template");
    }
    node_add(&r, (struct node){ .kind = NODE_NONE });
    if (r.status == STATUS_OK)
        t->root = parse_body(&r, no_ends);
    json_decref(r.token.value);
    free(own);
    if (r.status != STATUS_OK) {
        template_close(t);
        return r.status;
    }
    *out = t;
    return STATUS_OK;
}

void template_close(struct template *t)
{
    for (int32_t i = 0; t && i < t->n; i++)
        json_decref(t->node[i].value);
    if (t)
        free(t->node);
    free(t);
}
