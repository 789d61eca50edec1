/* flags.c - Read a command line by its table; print the table as help. */
#include "sim/core/answer/flags.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/base/cpus.h"
#include "sim/core/base/nearest.h"
#include "sim/core/base/shipped.h"
#include "sim/core/base/wrap.h"

enum { NAME_SIZE = 128 };

const char *const format_names[FORMAT_COUNT + 1] = {
    [FORMAT_TEXT] = "text", [FORMAT_JSON] = "json", [FORMAT_CSV] = "csv",
};

static const struct { char letter; const char *name; } letters[] = {
#define X(letter, name) { letter, name },
    FLAG_LETTER_MAP(X)
#undef X
};
enum { N_LETTERS = sizeof letters / sizeof *letters };

struct reader {
    const struct command   *command;
    struct command_options *options;
    char *const            *next;     /* arguments not read yet, NULL-ended */
    struct error           *err;
};

bool flags_is_operand(const struct flag *flag)
{
    return flag->value.name[0] != '-';
}

/* ---- reading ---- */

static const struct flag *find(const struct reader *r, const char *name,
                               size_t length)
{
    for (const struct flag *f = r->command->flags; f->value.name; f++)
        if (strlen(f->value.name) == length &&
            strncmp(f->value.name, name, length) == 0)
            return f;
    return NULL;
}

static enum status unknown(const struct reader *r, const char *name, int length)
{
    char typed[NAME_SIZE], all[400] = "";

    snprintf(typed, sizeof typed, "%.*s", length, name);
    struct nearest near = nearest_to(typed);
    for (const struct flag *f = r->command->flags; f->value.name; f++) {
        size_t used = strlen(all);
        if (flags_is_operand(f))
            continue;
        nearest_offer(&near, f->value.name);
        snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "",
                 f->value.name);
    }
    if (near.name)
        return error_set(r->err, STATUS_BAD_VALUE, "unknown flag '%s', did you"
                         " mean '%s'?", typed, near.name);
    return error_set(r->err, STATUS_BAD_VALUE, "unknown flag '%s': isobath %s"
                     " takes %s", typed, r->command->name, all);
}

static enum status add_setting(struct command_options *o, size_t at,
                               struct config_setting setting, struct error *err)
{
    if (o->n_settings == COMMAND_MAX_SETTINGS)
        return error_set(err, STATUS_BAD_VALUE, "%s: more than %d settings",
                         setting.text, COMMAND_MAX_SETTINGS);
    memmove(o->setting + at + 1, o->setting + at,
            (o->n_settings - at) * sizeof *o->setting);
    o->setting[at] = setting;
    o->n_settings++;
    return STATUS_OK;
}

enum status flags_set_key(struct command_options *o, const char *key,
                          const char *value, const char *flag,
                          struct error *err)
{
    char *text = NULL;

    if (asprintf(&text, "%s=%s", key, value) < 0)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %s", flag);
    enum status status = add_setting(o, o->n_by_flag, (struct config_setting){
        .text = text, .flag = flag }, err);
    if (status == STATUS_OK)
        o->made[o->n_by_flag++] = text;
    else
        free(text);
    return status;
}

static enum status add_path(const struct reader *r, const char *name,
                            struct config_paths *paths, const char *value)
{
    if (paths->n == CONFIG_PATHS_MAX || strlen(value) >= CONFIG_TEXT_SIZE)
        return error_set(r->err, STATUS_BAD_VALUE, "%s %.64s: allowed are at"
                         " most %d, of at most %d bytes", name, value,
                         CONFIG_PATHS_MAX, CONFIG_TEXT_SIZE - 1);
    strcpy(paths->value[paths->n++], value);
    return STATUS_OK;
}

static enum status set(const struct reader *r, const struct flag *flag,
                       const char *value)
{
    const struct config_key *key = &flag->value;
    struct command_options *o = r->options;
    char *member = (char *)o + key->offset;
    const bool yes = true;

    if (flag->key)
        return flags_set_key(o, flag->key, value ? value : "true", key->name,
                             r->err);
    switch (key->type) {
    case CONFIG_SETTINGS:
        assert(value != NULL);     /* a flag of this type has an argument */
        if (!strchr(value, '='))
            return error_set(r->err, STATUS_BAD_VALUE, "%s %s: allowed is %s",
                             key->name, value, flag->argument);
        return add_setting(o, o->n_settings, (struct config_setting){
            .text = value }, r->err);
    case CONFIG_BOOL:
        memcpy(member, &yes, sizeof yes);
        return STATUS_OK;
    case CONFIG_TEXT:
        memcpy(member, &value, sizeof value);
        return STATUS_OK;
    case CONFIG_PATHS:
        return add_path(r, key->name, (struct config_paths *)(void *)member,
                        value);
    default:
        return config_parse(o, key, value, r->err);
    }
}

static void note_given(const struct reader *r, const struct flag *flag)
{
    r->options->given |= UINT64_C(1) << (flag - r->command->flags);
}

static bool may_lack_value(const struct flag *flag)
{
    return flag->argument && *flag->argument == '[';
}

/* A flag's value follows its name after "=", or is the next argument. */
static enum status give(struct reader *r, const struct flag *flag,
                        const char *value)
{
    const char *name = flag->value.name;

    if (!value && may_lack_value(flag))
        value = flag->value.choices[0];
    if (!flag->argument && value)
        return error_set(r->err, STATUS_BAD_VALUE, "%s takes no value, not"
                         " '%s'", name, value);
    if (flag->argument && !value && !*r->next)
        return error_set(r->err, STATUS_BAD_VALUE, "%s: its value %s is"
                         " missing", name, flag->argument);
    if (flag->argument && !value)
        value = *r->next++;
    note_given(r, flag);
    return set(r, flag, value);
}

static enum status read_name(struct reader *r, const char *text)
{
    const size_t length = strcspn(text, "=");
    const struct flag *flag = find(r, text, length);

    if (!flag)
        return unknown(r, text, (int)length);
    return give(r, flag, text[length] ? text + length + 1 : NULL);
}

static const struct flag *find_letter(const struct reader *r, char letter)
{
    for (int i = 0; i < N_LETTERS; i++)
        if (letters[i].letter == letter)
            return find(r, letters[i].name, strlen(letters[i].name));
    return NULL;
}

/* Read the letters behind a dash, "-qo"; a letter that takes a value may have
 * it right behind it. */
static enum status read_letters(struct reader *r, const char *text)
{
    enum status status = STATUS_OK;

    for (const char *at = text + 1; *at && status == STATUS_OK; at++) {
        const struct flag *flag = find_letter(r, *at);
        if (!flag)
            return unknown(r, (char[]){ '-', *at, '\0' }, 2);
        if (flag->argument)
            return give(r, flag, at[1] ? at + 1 : NULL);
        status = give(r, flag, NULL);
    }
    return status;
}

static enum status read_operand(const struct reader *r, char *text)
{
    struct command_options *o = r->options;
    const struct flag *row = r->command->flags;

    while (row->value.name && !flags_is_operand(row))
        row++;
    if (!row->value.name)
        return error_set(r->err, STATUS_BAD_VALUE, "'%s': isobath %s takes"
                         " flags alone", text, r->command->name);
    if (o->n_operands > 0 && !strstr(row->value.name, "..."))
        return error_set(r->err, STATUS_BAD_VALUE, "one %s, not also '%s'",
                         row->value.name, text);
    o->operand[o->n_operands++] = text;
    note_given(r, row);
    return STATUS_OK;
}

static bool asks(const struct command_options *o)
{
    return o->help || o->usage || o->version;
}

static enum status read_all(struct reader *r)
{
    enum status status = STATUS_OK;
    bool flags = true;

    while (*r->next && status == STATUS_OK && !asks(r->options)) {
        char *text = *r->next++;
        if (flags && strcmp(text, "--") == 0)
            flags = false;
        else if (flags && strncmp(text, "--", 2) == 0)
            status = read_name(r, text);
        else if (flags && text[0] == '-' && text[1])
            status = read_letters(r, text);
        else
            status = read_operand(r, text);
    }
    return status;
}

static enum status set_defaults(const struct reader *r)
{
    enum status status = STATUS_OK;
    const int none = -1;

    for (const struct flag *f = r->command->flags;
         f->value.name && status == STATUS_OK; f++) {
        const char *fallback = f->value.fallback;
        if (fallback && *fallback)
            status = set(r, f, fallback);
        else if (f->value.type == CONFIG_CHOICE)
            memcpy((char *)r->options + f->value.offset, &none, sizeof none);
    }
    return status;
}

static char letter_of(const char *name)
{
    for (int i = 0; i < N_LETTERS; i++)
        if (strcmp(letters[i].name, name) == 0)
            return letters[i].letter;
    return '\0';
}

static enum status check_required(const struct reader *r)
{
    for (const struct flag *f = r->command->flags; f->value.name; f++) {
        const char letter[] = { '-', letter_of(f->value.name), '\0' };
        if (f->key || f->value.fallback ||
            r->options->given >> (f - r->command->flags) & 1)
            continue;
        return error_set(r->err, STATUS_BAD_VALUE, "%s%s%s is missing: %s",
                         letter[1] ? letter : f->value.name,
                         f->argument ? " " : "",
                         f->argument ? f->argument : "", f->value.help);
    }
    return STATUS_OK;
}

/* The name of a shipped config becomes its file's. */
static enum status find_shipped(struct command_options *o, struct error *err)
{
    if (!o->command->kinds || o->n_operands == 0)
        return STATUS_OK;
    enum status status = shipped_find(o->found, o->command->kinds,
                                      o->operand[0], err);
    if (status == STATUS_OK)
        o->operand[0] = o->found;
    return status;
}

enum status flags_read(struct command_options *o, const struct command *command,
                       int argc, char **argv, struct error *err)
{
    struct reader r = { command, o, argv + 1, err };

    o->argc = argc;
    o->argv = argv;
    o->command = command;
    o->operand = calloc((size_t)argc + 1, sizeof *o->operand);
    if (!o->operand)
        return error_set(err, STATUS_NO_MEMORY, "no memory for arguments");
    enum status status = set_defaults(&r);
    if (status == STATUS_OK)
        status = read_all(&r);
    if (status == STATUS_OK && !asks(o))
        status = check_required(&r);
    if (status == STATUS_OK && !asks(o))
        status = find_shipped(o, err);
    o->threads = o->threads_wanted ? (int)o->threads_wanted : cpus_allowed("").n;
    return status;
}

void flags_close(struct command_options *o)
{
    for (size_t i = 0; i < o->n_by_flag; i++)
        free(o->made[i]);
    free(o->operand);
}

bool flags_sets(const struct command_options *o, const char *key)
{
    return config_sets(o->setting, o->n_settings, key) != NULL;
}

enum status flags_refuse(const struct command_options *o, const char *with,
                         struct error *err)
{
    const struct flag *flags = o->command->flags;

    for (int i = 0; flags[i].value.name; i++) {
        bool given = o->given >> i & 1 ||
                     (flags[i].key && flags_sets(o, flags[i].key));
        if (given && flags[i].with && strcmp(flags[i].with, with) == 0)
            return error_set(err, STATUS_BAD_VALUE, "%s: goes with %s",
                             flags[i].value.name, with);
    }
    return STATUS_OK;
}

bool flags_given(const struct command_options *o, const char *flag)
{
    const struct flag *flags = o->command->flags;

    for (int i = 0; flags[i].value.name; i++)
        if (strcmp(flags[i].value.name, flag) == 0)
            return o->given >> i & 1;
    return false;
}

/* ---- help ---- */

void flags_usage(FILE *file, const struct command *command)
{
    const char *line = command->usage, *before = "Usage:";

    for (;; before = "   or:") {
        int length = (int)strcspn(line, "\n");
        fprintf(file, "%s isobath %s %.*s%s[FLAG...]\n", before, command->name,
                length, line, length ? " " : "");
        if (!line[length])
            return;
        line += length + 1;
    }
}

/* A flag that takes no value and a text have no range to describe. */
static void describe(char *out, size_t size, const struct config_key *key)
{
    if (key->type == CONFIG_BOOL || key->type == CONFIG_TEXT ||
        key->type == CONFIG_PATH || key->type == CONFIG_PATHS ||
        key->type == CONFIG_SETTINGS)
        snprintf(out, size, "%s", key->fallback ? "" : "required");
    else
        config_describe(out, size, key);
}

void flags_row(struct flag_row *out, const struct command *command,
               const struct flag *flag)
{
    const char letter[] = { '-', letter_of(flag->value.name), ',', ' ', '\0' };

    out->letter = letter[1];
    out->key = flag->key ? config_find(command->config, flag->key)
                         : &flag->value;
    snprintf(out->name, sizeof out->name, "%s%s%s%s", letter[1] ? letter : "",
             flag->value.name, !flag->argument ? ""
                               : may_lack_value(flag) ? "[=" : "=",
             flag->argument ? flag->argument + may_lack_value(flag) : "");
    describe(out->described, sizeof out->described, out->key);
}

static void help_row(FILE *file, const struct command *command,
                     const struct flag *flag)
{
    struct flag_row row;

    flags_row(&row, command, flag);
    config_help_row(file, row.name, row.described, row.key->help);
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void help_group(FILE *file, const struct command *command,
                       const char *with)
{
    if (with)
        fprintf(file, "\nWith %s:\n", with);
    for (const struct flag *f = command->flags; f->value.name; f++)
        if (is_same(f->with, with))
            help_row(file, command, f);
}

const char *flags_group(const struct command *command, const struct flag *flag)
{
    for (const struct flag *f = command->flags; f < flag; f++)
        if (is_same(f->with, flag->with))
            return NULL;
    return flag->with;
}

void flags_help(FILE *file, const struct command *command)
{
    flags_usage(file, command);
    fputc('\n', file);
    wrap_text(file, 0, 0, command->about);
    fprintf(file, "\nExamples:\n%s\n", command->examples);
    help_group(file, command, NULL);
    for (const struct flag *f = command->flags; f->value.name; f++)
        if (flags_group(command, f))
            help_group(file, command, f->with);
    if (command->config)
        fprintf(file, "\n'isobath keys %s' lists the keys of its config.\n",
                command->name);
}
