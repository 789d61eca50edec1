/* test_template.c - Expect chat templates to give what Jinja gives
 * (tests/compare/chat_templates.py), and those that ask too much to be refused
 * before they take it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "models/templates/template.h"

static enum status fill(char **out, const char *text, size_t size,
                        const json_t *variables, struct error *err)
{
    struct template *t = NULL;
    size_t n = 0;
    enum status status = template_open(&t, text, size, err);

    if (status == STATUS_OK)
        status = template_fill(out, &n, t, variables, err);
    template_close(t);
    return status;
}

Test(template, gives_what_jinja_gives)
{
    json_t *cases = json_load_file("tests/data/chat/cases.json", 0, NULL), *c;
    size_t i;

    cr_assert(json_array_size(cases) > 0);
    json_array_foreach(cases, i, c) {
        const char *name = json_string_value(json_object_get(c, "name"));
        const json_t *template = json_object_get(c, "template");
        const char *want = json_string_value(json_object_get(c, "text"));
        struct error err = { STATUS_OK, "" };
        char *out = NULL;
        enum status status = fill(&out, json_string_value(template),
                                  json_string_length(template),
                                  json_object_get(c, "variables"), &err);
        /* What Jinja fails at is what the template raises. */
        cr_expect(eq(int, status, want ? STATUS_OK : STATUS_BAD_VALUE),
                  "%s: %s", name, err.text);
        cr_expect(want == NULL || (out && strcmp(out, want) == 0),
                  "%s: %s\n%s", name, out, want);
        free(out);
    }
    json_decref(cases);
}

/* Refused by the line and the words that are not known. */
static const struct { const char *template, *says; } refused[] = {
    { "{% if x %}", "the end of the template before: endif" },
    { "a\n{% for x in y %}{% endif %}", "line 2 of the chat template: not known:"
      " endif" },
    { "{{ 'a }}", "a text without its end" },
    { "{# a", "a comment without its end" },
    { "{{ a", "a tag without its end" },
    { "{% include 'x' %}", "not known: include" },
    { "{% set a, b = c %}", "not understood: ," },
    { "{{ a b }}", "not understood: b" },
    { "{{ a) }}", "not understood: )" },
    { "{% if a] %}{% endif %}", "not understood: ]" },
    { "{{ 1 < 2 < 3 }}", "two comparisons in a row" },
    { "{{ 99999999999999999999 }}", "too large a number" },
    { "{{ 1.2.3 }}", "a name is expected before: 3" },
    { "{{ '\\x41' }}", "not known: \\x" },
    { "{{ a ; b }}", "not known: ;" },
    { "{{ x | nosuch }}", "not known: nosuch" },
    { "{{ x is nosuch }}", "not known: nosuch" },
    { "{{ nosuch() }}", "not known: nosuch" },
    { "{{ 'a'.nosuch() }}", "not known: nosuch" },
    { "{{ x.y }}", "what is not defined has no y" },
    { "{{ 'a\nb' }}{{ x.y }}", "line 2 of the chat template: what is not" },
    { "{% if true %}\n{{ x.y }}{% endif %}", "line 2 of the chat template: what"
      " is not" },
    { "{{ [1][::5] }}", "such a slice" },
    { "{{ 1 | tojson(indent=32) }}", "such a value as JSON" },
    { "{{ [1] }}", "not known: printing a list" },
    { "{{ 1.5 }}", "not known: printing a fraction" },
    { "{{ 'a' + 1 }}", "not known: + of such values" },
    { "{{ 1 / 2 }}", "such a division" },
    { "{{ 1 // 0 }}", "such a division" },
    { "{% set messages.x = 1 %}", "no namespace" },
    { "{% set n = namespace() %}{% set n.n = n %}", "a namespace in itself" },
    { "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "more arguments" },
    { "{% for a, b in [[1]] %}{% endfor %}", "not as many parts" },
    { "{% for c in 'abc' %}{% endfor %}", "a loop over what is no list" },
    /* Too much of it. */
    { "{{ range(1000000000) }}", "too long a range" },
    { "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}"
      "{% endfor %}", "too much work" },
    { "{% set n = namespace(s='0123456789abcdef') %}{% for i in range(99999) %}"
      "{% set n.s = n.s + n.s %}{% endfor %}", "too much work" },
    { "{% set n = namespace(s=[1]) %}{% for i in range(99999) %}"
      "{% set n.s = n.s + n.s %}{% endfor %}", "too much work" },
    { "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "too deep" },
    { "{% set n = namespace() %}{% set n.n = [{'a': n}] %}", "in itself" },
    { "{% set n = namespace(l=[]) %}{% for i in range(99999) %}"
      "{% set n.l = [n.l] %}{% endfor %}", "too deep a value" },
    { "{% set n = namespace(l=[]) %}{% for i in range(999) %}"
      "{% set n.l = dict(a=n.l, b=loop) %}{% endfor %}", "too deep a value" },
    { "{{ 'a' * 2 }}", "not known, of such values: *" },
    { "{{ 9223372036854775807 + 1 }}", "too large a number" },
};

Test(template, what_is_not_known_or_too_much_is_refused_by_its_line)
{
    json_t *none = json_object();

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct error err = { STATUS_OK, "" };
        char *out = NULL;
        cr_expect(eq(int, fill(&out, refused[i].template,
                               strlen(refused[i].template), none, &err),
                     STATUS_BAD_FORMAT), "%s", refused[i].template);
        cr_expect(strstr(err.text, refused[i].says) &&
                  strstr(err.text, " of the chat template: "), "%s", err.text);
        cr_expect(out == NULL);
    }
    json_decref(none);
}

/* Filled in, with the piece so many times between the two; words of a failure in
 * *err. */
static enum status fill_many(const char *before, const char *piece,
                             const char *behind, struct error *err)
{
    enum { TIMES = 20000 };
    const size_t n = strlen(piece);
    char *text = malloc(strlen(before) + TIMES * n + strlen(behind) + 1);
    json_t *none = json_object();
    char *out = NULL;

    strcpy(text, before);
    for (size_t i = 0; i < TIMES; i++)
        memcpy(text + strlen(before) + i * n, piece, n + 1);
    strcat(text, behind);
    const enum status status = fill(&out, text, strlen(text), none, err);
    free(out);
    json_decref(none);
    free(text);
    return status;
}

static void check_deep(const char *before, const char *piece, const char *behind)
{
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, fill_many(before, piece, behind, &err),
                 STATUS_BAD_FORMAT), "%s", piece);
    cr_expect(strstr(err.text, "too deep") != NULL, "%s: %s", piece, err.text);
}

Test(template, deep_ones_are_refused)
{
    check_deep("{{ ", "(", "1 }}");
    check_deep("{{ ", "[", "1 }}");
    check_deep("{{ ", "not ", "1 }}");
    check_deep("{{ ", "- ", "1 }}");
    check_deep("", "{% if 1 %}", "");
    check_deep("{% if 1 %}", "{% elif 1 %}", "{% endif %}");
    check_deep("{{ 1", " + 1", " }}");
    check_deep("{{ 'a'", "[0]", " }}");
    check_deep("{{ 'a'", " | trim", " }}");
    check_deep("{{ ", "1 if 1 else ", "1 }}");
}

Test(template, many_one_behind_the_other_are_not_deep)
{
    static const char *const pieces[] = {
        "{{ 1 }}", "{{ (-[1][0]) | string }}", "{{ not 1 }}",
        "{% if 1 %}{% elif 2 %}{% else %}{% endif %}",
    };
    struct error err = { STATUS_OK, "" };

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        cr_expect(eq(int, fill_many("", pieces[i], "", &err), STATUS_OK),
                  "%s: %s", pieces[i], err.text);
}

Test(template, what_it_raises_is_said)
{
    static const char text[] = "{% if true %}{{ raise_exception('No ' + 'way') }}"
                               "{% endif %}";
    struct error err = { STATUS_OK, "" };
    json_t *none = json_object();
    char *out = NULL;

    cr_expect(eq(int, fill(&out, text, sizeof text - 1, none, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "refuses this: No way") != NULL, "%s", err.text);
    json_decref(none);
}

/* Bytes that are no UTF-8, and NUL, pass as they are. */
Test(template, a_message_of_any_bytes_passes)
{
    static const char text[] = "[{{ m | trim }}]";
    struct template *t = NULL;
    json_t *given = json_object();
    char *out = NULL;
    size_t n = 0;

    json_object_set_new(given, "m", json_stringn_nocheck(" a\0\xff\xe2\x80 ", 7));
    cr_assert(eq(int, template_open(&t, text, sizeof text - 1, NULL),
                 STATUS_OK));
    cr_assert(eq(int, template_fill(&out, &n, t, given, NULL), STATUS_OK));
    cr_expect(n == 7 && memcmp(out, "[a\0\xff\xe2\x80]", 7) == 0);
    free(out);
    json_decref(given);
    template_close(t);
}
