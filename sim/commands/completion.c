/* completion.c - Write completions for bash and zsh. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "sim/commands/manual.h"
#include "sim/core/base/shipped.h"

/* The names of the shipped configs of a kind, each behind a blank. */
static void put_shipped(FILE *file, const char *kind)
{
    char folder[FILE_PATH_SIZE];
    struct dirent **entry = NULL;
    const int n = shipped_folder(folder, kind)
                      ? scandir(folder, &entry, NULL, alphasort) : 0;

    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(entry[i]->d_name, '.');
        if (dot && strcmp(dot, ".yaml") == 0)
            fprintf(file, " %.*s", (int)(dot - entry[i]->d_name),
                    entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
}

static bool is_machine(const struct flag *flag)
{
    return strcmp(flag->value.name, "--machine") == 0;
}

/* What may stand as the value of a flag, each behind a blank; nothing: a file,
 * or what nobody can know. */
static void put_values(FILE *file, const struct flag_row *row,
                       const struct flag *flag)
{
    if (is_machine(flag))
        put_shipped(file, "machines");
    for (const char *const *c = row->key->choices;
         c && *c && row->key->type == CONFIG_CHOICE; c++)
        fprintf(file, " %s", *c);
}

/* What isobath keys lists by. */
static void put_config_names(FILE *file, const struct command *command)
{
    if (command->config)
        fprintf(file, " %s", command->name);
    if (command->also)
        fprintf(file, " %s", command->also->kind);
}

static void put_operands(FILE *file, const struct command *command)
{
    for (const char *const *kind = command->kinds; kind && *kind; kind++)
        put_shipped(file, *kind);
    if (command == &keys_command)
        for (int i = 0; commands[i]; i++)
            put_config_names(file, commands[i]);
}

static void put_keys(FILE *file, const struct command *command)
{
    for (const struct config_key *key = command->config ? command->config->keys
                                                        : NULL;
         key && key->name; key++)
        fprintf(file, " %s=", key->name);
}

/* ---- bash ---- */

static void put_command_bash(FILE *file, const struct command *command)
{
    struct flag_row row;

    fprintf(file, "    %s)\n        flags='", command->name);
    for (const struct flag *f = command->flags; f->value.name; f++)
        if (!flags_is_operand(f))
            fprintf(file, " %s", f->value.name);
    fputs("'\n        operands='", file);
    put_operands(file, command);
    fputs("'\n        case $before in\n", file);
    for (const struct flag *f = command->flags; f->value.name; f++) {
        if (flags_is_operand(f) || !f->argument)
            continue;
        flags_row(&row, command, f);
        fprintf(file, "        %s", f->value.name);
        if (row.letter)
            fprintf(file, "|-%c", row.letter);
        fputs(") values='", file);
        if (row.key->type == CONFIG_SETTINGS)
            put_keys(file, command);
        else
            put_values(file, &row, f);
        fputs("' takes=yes ;;\n", file);
    }
    fputs("        esac ;;\n", file);
}

void completion_bash(FILE *file)
{
    fputs("# Completion of isobath for bash.\n"
          "_isobath()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]}"
          " before=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local flags= operands= values= takes=\n"
          "    # --flag=value comes as three words\n"
          "    if [ \"$word\" = = ]; then\n        word=\n"
          "    elif [ \"$before\" = = ]; then\n"
          "        before=${COMP_WORDS[COMP_CWORD-2]}\n    fi\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '--help --version", file);
    for (int i = 0; commands[i]; i++)
        fprintf(file, " %s", commands[i]->name);
    for (const struct script *s = scripts; s->name; s++)
        fprintf(file, " %s", s->name);
    fputs("' -- \"$word\"))\n        return\n    fi\n"
          "    case ${COMP_WORDS[1]} in\n", file);
    for (int i = 0; commands[i]; i++)
        put_command_bash(file, commands[i]);
    fputs("    esac\n"
          "    if [ -n \"$takes\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$values\" -- \"$word\"))\n"
          "        case $values in *=*) compopt -o nospace 2>/dev/null ;; esac\n"
          "    elif [ \"${word#-}\" != \"$word\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
          "    else\n"
          "        COMPREPLY=($(compgen -W \"$operands\" -- \"$word\")"
          " $(compgen -f -- \"$word\"))\n"
          "        compopt -o filenames 2>/dev/null\n"
          "    fi\n}\n"
          "complete -o default -o bashdefault -F _isobath isobath\n", file);
}

/* ---- zsh ---- */

/* Text inside '...[text]...' of a specification. */
static void put_quoted(FILE *file, const char *text)
{
    for (; *text && *text != '\n'; text++) {
        if (*text == '\'')
            fputs("'\\''", file);
        else if (strchr("[]:\\", *text))
            fprintf(file, "\\%c", *text);
        else
            fputc(*text, file);
    }
}

static void put_flag_zsh(FILE *file, const struct command *command,
                         const struct flag *flag)
{
    struct flag_row row;

    flags_row(&row, command, flag);
    const int names = row.letter ? 2 : 1;
    for (int letter = 0; letter < names; letter++) {
        if (letter)
            fprintf(file, "        '-%c%s[", row.letter,
                    flag->argument ? "+" : "");
        else
            fprintf(file, "        '%s%s[", flag->value.name,
                    flag->argument ? "=" : "");
        put_quoted(file, row.key->help);
        fputs("]", file);
        if (flag->argument) {
            fputs(":", file);
            put_quoted(file, flag->argument);
            /* A key waits for its value: no blank behind it. */
            if (row.key->type == CONFIG_SETTINGS) {
                fputs(":{compadd -S \"\" --", file);
                put_keys(file, command);
            } else {
                fputs(":{compadd --", file);
                put_values(file, &row, flag);
            }
            fputs(row.key->type == CONFIG_CHOICE ||
                  row.key->type == CONFIG_SETTINGS ? "}" : "; _files}", file);
        }
        fputs("' \\\n", file);
    }
}

void completion_zsh(FILE *file)
{
    fputs("#compdef isobath\n"
          "# Completion of isobath for zsh.\n"
          "local -a names\n"
          "if (( CURRENT == 2 )); then\n    names=(\n", file);
    for (int i = 0; commands[i]; i++) {
        fprintf(file, "        '%s:", commands[i]->name);
        put_quoted(file, commands[i]->help);
        fputs("'\n", file);
    }
    for (const struct script *s = scripts; s->name; s++) {
        fprintf(file, "        '%s:", s->name);
        put_quoted(file, s->help);
        fputs("'\n", file);
    }
    fputs("    )\n    _describe command names\n    compadd -- --help --version\n"
          "    return\nfi\n"
          "shift words\n(( CURRENT-- ))\ncase $words[1] in\n", file);
    for (int i = 0; commands[i]; i++) {
        fprintf(file, "%s)\n    _arguments \\\n", commands[i]->name);
        for (const struct flag *f = commands[i]->flags; f->value.name; f++)
            if (!flags_is_operand(f))
                put_flag_zsh(file, commands[i], f);
        fputs("        '*:operand:{compadd --", file);
        put_operands(file, commands[i]);
        fputs("; _files}'\n    ;;\n", file);
    }
    fputs("*) _files ;;\nesac\n", file);
}
