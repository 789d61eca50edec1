/* test_flags.c - Read command lines by a table of made-up flags; then walk the
 * tables of all commands. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sim/commands/commands.h"
#include "sim/core/base/cpus.h"

/* ---- reading ---- */

struct options {
    struct command_options common;
    int64_t n;
    double  share;
    int     colour, shape, tint;
    bool    loud;
    const char *name;
};

static const char *const colours[] = { "red", "green", "blue", NULL };
static const struct config_key keys[] = {
    { "a.window", CONFIG_INT, 0, 1, 9, "3", NULL, NULL, "how wide" },
    { .name = NULL },
};
static const struct config_schema schema = { "test", keys };

#define ROW(name, argument, with, TYPE, member, ...)                           \
    FLAG(name, argument, with, TYPE, struct options, member, __VA_ARGS__)
static const struct flag flags[] = {
    FLAG_OPERAND("MODEL", NULL, "what is read"),
    FLAG_OUTPUT("DIR", "", "where it goes"),
    ROW("--batch", "N", NULL, INT, n, 1, 4096, "7", NULL, NULL, "how many"),
    ROW("--share", "X", NULL, REAL, share, 0, 1, "0.5", NULL, NULL, "a part"),
    ROW("--colour", "C", NULL, CHOICE, colour, 0, 0, "green", colours, NULL,
        "what it looks like"),
    ROW("--shape", "C", NULL, CHOICE, shape, 0, 0, "", colours, NULL, "too"),
    ROW("--tint", "[C]", NULL, CHOICE, tint, 0, 0, "", colours, NULL, "as well"),
    ROW("--loud", NULL, "--name", BOOL, loud, 0, 0, "", NULL, NULL, "noisily"),
    ROW("--name", "NAME", NULL, TEXT, name, 0, 0, "", NULL, NULL, "of it"),
    FLAG_KEY("--window", "W", "--name", "a.window"),
    FLAG_SET,
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};
static const struct command command = {
    .name = "test", .usage = "MODEL\nMODEL -o DIR", .about = "Test.",
    .flags = flags, .config = &schema, .options_size = sizeof(struct options),
};

enum { MOST = 12 };
static struct options options;
static struct error err;

static enum status read_line(const char *const *arguments)
{
    static char text[MOST][64];     /* the options point into it */
    static char *argv[MOST + 1];
    int argc = 0;

    for (; arguments[argc]; argc++)
        argv[argc] = strcpy(text[argc], arguments[argc]);
    argv[argc] = NULL;
    memset(&options, 0, sizeof options);
    return flags_read(&options.common, &command, argc, argv, &err);
}
#define READ(...) read_line((const char *const[]){ "isobath test",             \
                                                   __VA_ARGS__, NULL })

Test(flags, every_way_to_write_a_flag_reaches_its_member)
{
    cr_assert(eq(int, READ("--batch", "3", "m", "--share=0.25", "-qodir",
                           "--colour", "blue", "--loud"), STATUS_OK), "%s",
              err.text);
    cr_expect(eq(i64, options.n, 3));
    cr_expect(eq(dbl, options.share, 0.25));
    cr_expect(eq(int, options.colour, 2));
    cr_expect(options.loud && options.common.quiet);
    cr_expect_str_eq(options.common.output, "dir");
    cr_expect_str_eq(options.common.operand[0], "m");
    flags_close(&options.common);
    cr_assert(eq(int, READ("-B", "5", "-q", "-o", "--", "--", "--odd"),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(i64, options.n, 5));
    cr_expect_str_eq(options.common.output, "--");
    cr_expect_str_eq(options.common.operand[0], "--odd");
    flags_close(&options.common);
}

Test(flags, what_is_not_given_is_its_default)
{
    cr_assert(eq(int, READ("-"), STATUS_OK), "%s", err.text);
    cr_expect_str_eq(options.common.operand[0], "-");
    cr_expect(eq(i64, options.n, 7));
    cr_expect(eq(dbl, options.share, 0.5));
    cr_expect(eq(int, options.colour, 1));
    cr_expect(eq(int, options.shape, -1));
    cr_expect(not(options.loud));
    cr_expect(eq(ptr, (void *)(size_t)options.name, NULL));
    cr_expect(eq(sz, options.common.n_settings, 0));
    flags_close(&options.common);
}

Test(flags, a_value_that_may_be_left_out_is_the_first_or_behind_an_equals_sign)
{
    cr_assert(eq(int, READ("m"), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, options.tint, -1));
    flags_close(&options.common);
    cr_assert(eq(int, READ("--tint", "m"), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, options.tint, 0));
    cr_expect_str_eq(options.common.operand[0], "m");
    flags_close(&options.common);
    cr_assert(eq(int, READ("m", "--tint=blue"), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, options.tint, 2));
    flags_close(&options.common);
    cr_expect(eq(int, READ("m", "--tint=grey"), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "--tint grey: allowed is one of red") != NULL,
              "%s", err.text);
    flags_close(&options.common);
}

Test(flags, a_flag_that_is_a_key_comes_before_what_is_set)
{
    cr_assert(eq(int, READ("m", "--set=b=1", "--window", "4", "-s", "c=2"),
                 STATUS_OK), "%s", err.text);
    const struct config_setting *s = options.common.setting;
    cr_assert(eq(sz, options.common.n_settings, 3));
    cr_expect_str_eq(s[0].text, "a.window=4");
    cr_expect_str_eq(s[0].flag, "--window");
    cr_expect_str_eq(s[1].text, "b=1");
    cr_expect_str_eq(s[2].text, "c=2");
    cr_expect(flags_sets(&options.common, "a.window"));
    cr_expect(not(flags_sets(&options.common, "a.win")));
    flags_close(&options.common);
}

Test(flags, threads_are_as_many_as_may_run_unless_given)
{
    const int n = cpus_allowed("").n;

    cr_assert(eq(int, READ("m"), STATUS_OK));
    cr_expect(eq(int, options.common.threads, n));
    flags_close(&options.common);
    cr_assert(eq(int, READ("m", "-t", "0"), STATUS_OK));
    cr_expect(eq(int, options.common.threads, n));
    flags_close(&options.common);
    cr_assert(eq(int, READ("m", "-t3"), STATUS_OK));
    cr_expect(eq(int, options.common.threads, 3));
    flags_close(&options.common);
}

Test(flags, help_is_answered_without_the_rest)
{
    cr_assert(eq(int, READ("--help", "--bogus"), STATUS_OK), "%s", err.text);
    cr_expect(options.common.help);
    flags_close(&options.common);
}

Test(flags, what_is_wrong_is_told_with_what_is_allowed)
{
    static const struct { const char *a, *b, *says; } cases[] = {
        { "--batch", "0", "--batch 0: allowed is an integer, 1 to 4096" },
        { "-B", "4097", "--batch 4097: allowed is an integer, 1 to 4096" },
        { "--batch=2x", NULL, "--batch 2x: allowed is an integer" },
        { "--batch=", NULL, "--batch nothing: allowed is an integer" },
        { "--batch=[1]", NULL, "--batch a list: allowed is an integer" },
        { "--batch=[1", NULL, "--batch [1: allowed is an integer, 1 to" },
        { "--batch=#", NULL, "--batch #: allowed is an integer, 1 to" },
        { "--batch", NULL, "--batch: its value N is missing" },
        { "--share", "1.5", "--share 1.5: allowed is a number, 0 to 1" },
        { "--share", "nan", "--share nan: allowed is a number" },
        { "--colour", "gren", "red, green, blue; did you mean 'green'?" },
        { "--loud=3", NULL, "--loud takes no value, not '3'" },
        { "--set", "novalue", "--set novalue: allowed is KEY=VALUE" },
        { "--threads", "-1", "--threads -1: allowed is an integer, 0 to" },
        { "--bacth", "3", "unknown flag '--bacth', did you mean '--batch'?" },
        { "--zzz", NULL, "unknown flag '--zzz': isobath test takes --output," },
        { "-qz", NULL, "unknown flag '-z': isobath test takes" },
        { "n", NULL, "one MODEL, not also 'n'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const line[] = { "isobath test", "m", cases[i].a,
                                     cases[i].b, NULL };
        cr_expect(eq(int, status_exit_code(read_line(line)), 2), "%s",
                  cases[i].a);
        cr_expect(strstr(err.text, cases[i].says) != NULL, "%s\ngave: %s",
                  cases[i].says, err.text);
        flags_close(&options.common);
    }
}

Test(flags, what_is_needed_is_asked_for)
{
    cr_expect(eq(int, READ("-q"), STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "MODEL is missing: what is read");
    flags_close(&options.common);
}

Test(flags, a_flag_is_refused_without_what_it_goes_with)
{
    cr_assert(eq(int, READ("m", "--loud"), STATUS_OK));
    cr_expect(eq(int, flags_refuse(&options.common, "--name", &err),
                 STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "--loud: goes with --name");
    flags_close(&options.common);
    cr_assert(eq(int, READ("m", "--set", "a.window=3"), STATUS_OK));
    cr_expect(eq(int, flags_refuse(&options.common, "--name", &err),
                 STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "--window: goes with --name");
    flags_close(&options.common);
    cr_assert(eq(int, READ("m", "-q"), STATUS_OK));
    cr_expect(eq(int, flags_refuse(&options.common, "--name", &err),
                 STATUS_OK));
    flags_close(&options.common);
}

/* ---- the tables of all commands ---- */

static char *help_of(const struct command *c)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    flags_help(file, c);
    fclose(file);
    return text;
}

enum { ROW_INDENT = 2 };         /* what is further in, is text or an example */

/* The number of rows that begin with the flag, behind its letter where it has
 * one. */
static int count_rows(const char *text, const char *name)
{
    const size_t length = strlen(name);
    int n = 0;

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const size_t indent = strspn(line, " ");
        const char *at = line + indent;
        at += at[0] == '-' && at[1] != '-' ? 4 : 0;
        n += indent == ROW_INDENT && strncmp(at, name, length) == 0 &&
             !isalnum(at[length]) && at[length] != '-';
    }
    return n;
}

static const struct { char letter; const char *name; } letters[] = {
#define X(letter, name) { letter, name },
    FLAG_LETTER_MAP(X)
#undef X
};
enum { N_LETTERS = sizeof letters / sizeof *letters };

static const struct flag *row_named(const struct command *c, const char *name)
{
    for (const struct flag *f = c->flags; f->value.name; f++)
        if (strcmp(f->value.name, name) == 0)
            return f;
    return NULL;
}

Test(flags, letters_are_unlike_and_belong_to_a_flag_of_some_command)
{
    for (size_t i = 0; i < N_LETTERS; i++) {
        bool found = false;
        for (size_t k = 0; k < i; k++)
            cr_expect(letters[i].letter != letters[k].letter &&
                      strcmp(letters[i].name, letters[k].name) != 0, "%s",
                      letters[i].name);
        for (int c = 0; commands[c]; c++)
            found |= row_named(commands[c], letters[i].name) != NULL;
        cr_expect(found, "no command has %s", letters[i].name);
    }
}

/* A letter says which name, so it means the same where the name does. */
Test(flags, a_letter_takes_a_value_in_every_command_or_in_none)
{
    for (size_t i = 0; i < N_LETTERS; i++) {
        const struct flag *first = NULL;
        for (int c = 0; commands[c]; c++) {
            const struct flag *f = row_named(commands[c], letters[i].name);
            first = first ? first : f;
            cr_expect(f == NULL ||
                      (f->argument == NULL) == (first->argument == NULL),
                      "%s of %s", letters[i].name, commands[c]->name);
        }
    }
}

Test(flags, every_row_has_help_or_is_a_key_that_has)
{
    for (int c = 0; commands[c]; c++) {
        int n = 0;
        for (const struct flag *f = commands[c]->flags; f->value.name; f++) {
            const struct config_key *key = f->key
                ? config_find(commands[c]->config, f->key) : &f->value;
            cr_assert(key != NULL, "%s %s: no key %s", commands[c]->name,
                      f->value.name, f->key);
            cr_expect(key->help && *key->help, "%s", f->value.name);
            cr_expect(f->key == NULL || (key->type == CONFIG_BOOL) ==
                                        (f->argument == NULL), "%s",
                      f->value.name);
            n++;
        }
        cr_expect(le(int, n, FLAGS_MAX), "%s", commands[c]->name);
    }
}

/* A default out of its range would be met by everyone who leaves the flag
 * out. */
Test(flags, every_default_is_allowed)
{
    for (int c = 0; commands[c]; c++) {
        struct command_options *o = calloc(1, commands[c]->options_size);
        char *argv[] = { (char *)(size_t)"isobath", (char *)(size_t)"--help",
                         NULL };
        cr_assert(o != NULL);
        cr_expect(eq(int, flags_read(o, commands[c], 2, argv, &err),
                     STATUS_OK), "%s: %s", commands[c]->name, err.text);
        flags_close(o);
        free(o);
    }
}

Test(flags, help_names_each_flag_once)
{
    for (int c = 0; commands[c]; c++) {
        char *text = help_of(commands[c]);
        for (const struct flag *f = commands[c]->flags; f->value.name; f++)
            cr_expect(eq(int, count_rows(text, f->value.name), 1), "%s %s",
                      commands[c]->name, f->value.name);
        free(text);
    }
}
