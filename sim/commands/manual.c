/* manual.c - Write manual pages in the macros of man(7). */
#include "sim/commands/manual.h"

#include <ctype.h>
#include <string.h>

/* Text at the start of a line; a newline in it ends a line on the page. */
static void put_text(FILE *file, const char *text)
{
    bool starts = true;

    for (; *text; text++) {
        if (starts && (*text == '.' || *text == '\''))
            fputs("\\&", file);
        starts = *text == '\n';
        if (*text == '\\')
            fputs("\\e", file);
        else if (*text == '-')
            fputs("\\-", file);
        else if (*text == '\n')
            fputs("\n.br\n", file);
        else
            fputc(*text, file);
    }
    fputc('\n', file);
}

static void put_row(FILE *file, const char *name, const char *described,
                    const char *help)
{
    fputs(".TP\n.B ", file);
    put_text(file, name);
    if (*described) {
        put_text(file, described);
        fputs(".br\n", file);
    }
    put_text(file, help);
}

static void put_examples(FILE *file, const char *examples)
{
    fputs(".SH EXAMPLES\n.EX\n", file);
    for (const char *line = examples; *line;) {
        const size_t n = strcspn(line, "\n");
        char text[256];
        snprintf(text, sizeof text, "%.*s", (int)n, line);
        put_text(file, text);
        line += n + (line[n] == '\n');
    }
    fputs(".EE\n", file);
}

static void put_title(FILE *file, const char *name, const char *help)
{
    fputs(".TH ISOBATH", file);
    for (const char *at = name; *at; at++)
        fprintf(file, "%s%c", at == name ? "\\-" : "", toupper(*at));
    fprintf(file, " 1 \"\" \"isobath " ISOBATH_VERSION "\" \"User Commands\"\n"
            ".SH NAME\nisobath%s%s \\- ", *name ? "\\-" : "", name);
    put_text(file, help);
}

static void put_exit_status(FILE *file)
{
    static const struct { const char *code, *means; } codes[] = {
        { "0", "done" },
        { "1", "failed; the message says what to do" },
        { "2", "wrong use or input, named by flag or by file:line:col" },
        { "130", "interrupted; what was finished is kept" },
    };
    fputs(".SH EXIT STATUS\n", file);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        put_row(file, codes[i].code, "", codes[i].means);
}

static void put_see_also(FILE *file, const char *but)
{
    fputs(".SH SEE ALSO\n", file);
    if (*but)
        fputs(".BR isobath (1),\n", file);
    for (int i = 0; commands[i]; i++) {
        const bool last = !commands[i + 1] ||
                          (!commands[i + 2] && !strcmp(commands[i + 1]->name, but));
        if (strcmp(commands[i]->name, but) != 0)
            fprintf(file, ".BR isobath\\-%s (1)%s\n", commands[i]->name,
                    last ? "" : ",");
    }
}

void manual_program(FILE *file)
{
    put_title(file, "", "where a transformer spends its compute");
    fputs(".SH SYNOPSIS\n.B isobath\n.I COMMAND\n[\\fIFLAG\\fR...]\n"
          ".SH DESCRIPTION\n", file);
    put_text(file, "Trains, runs, prices and measures transformers, dense and"
             " with Mixture-of-Depths routing, and says, per layer and per"
             " token, how many FLOPs, bytes, seconds and joules were spent:"
             " predicted by formulas, counted by the executor, measured by"
             " counters, kept apart.");
    put_examples(file, program_examples);
    fputs(".SH COMMANDS\n", file);
    for (int i = 0; commands[i]; i++)
        put_row(file, commands[i]->name, "", commands[i]->help);
    for (const struct script *s = scripts; s->name; s++)
        put_row(file, s->name, s->usage, s->help);
    fputs(".SH ENVIRONMENT\n", file);
    put_row(file, "ISOBATH_CONFIGS", "", "the folder whose models, machines, runs"
            " and studies are known by name, in place of the one that is"
            " installed");
    put_row(file, "ISOBATH_KERNELS", "", "which kernels run: generic, avx2,"
            " avx512");
    put_exit_status(file);
    put_see_also(file, "");
}

static void put_flags(FILE *file, const struct command *command,
                      const char *with)
{
    for (const struct flag *f = command->flags; f->value.name; f++) {
        struct flag_row row;
        if (f->with != with && !(f->with && with && !strcmp(f->with, with)))
            continue;
        flags_row(&row, command, f);
        put_row(file, row.name, row.described, row.key->help);
    }
}

static void put_keys(FILE *file, const char *heading,
                     const struct config_schema *schema)
{
    char described[512];

    fprintf(file, ".SH %s\n", heading);
    for (const struct config_key *key = schema->keys; key->name; key++) {
        config_describe(described, sizeof described, key);
        put_row(file, key->name, described, key->help);
    }
}

static void put_file_keys(FILE *file, const char *heading,
                          const struct file_key *const *keys)
{
    char described[512];

    fprintf(file, ".SH %s\n", heading);
    for (; *keys; keys++)
        for (const struct file_key *key = *keys; key->name; key++) {
            config_describe_file(described, sizeof described, key);
            put_row(file, key->name, described, key->help);
        }
}

void manual_command(FILE *file, const struct command *command)
{
    put_title(file, command->name, command->help);
    fputs(".SH SYNOPSIS\n", file);
    for (const char *line = command->usage;; line++) {
        const size_t n = strcspn(line, "\n");
        char usage[128];
        snprintf(usage, sizeof usage, "%.*s%s[FLAG...]", (int)n, line,
                 n ? " " : "");
        fprintf(file, "%s.B isobath %s\n", line == command->usage ? "" : ".br\n",
                command->name);
        put_text(file, usage);
        line += n;
        if (!*line)
            break;
    }
    fputs(".SH DESCRIPTION\n", file);
    put_text(file, command->about);
    put_examples(file, command->examples);
    fputs(".SH OPTIONS\n", file);
    put_flags(file, command, NULL);
    for (const struct flag *f = command->flags; f->value.name; f++) {
        const char *group = flags_group(command, f);
        if (!group)
            continue;
        fputs(".SS With ", file);
        put_text(file, group);
        put_flags(file, command, group);
    }
    if (command->config)
        put_keys(file, "KEYS", command->config);
    if (command->file_keys)
        put_file_keys(file, "KEYS OF THE FILE", command->file_keys);
    if (command->also)
        put_keys(file, "KEYS OF THE FILE", command->also);
    put_exit_status(file);
    put_see_also(file, command->name);
}
