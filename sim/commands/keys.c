/* keys.c - Run isobath keys: list the keys of a command's config. */
#include <string.h>

#include "sim/commands/commands.h"
#include "sim/core/answer/table.h"
#include "sim/core/base/nearest.h"
#include "sim/core/config/config_value.h"

static const struct flag flags[] = {
    FLAG_OPERAND("COMMAND", NULL, "whose config: that of --set, a study and the"
        " run config of its points for sweep, or a machine profile for"
        " machine"),
    FLAG_FORMAT(NULL, format_names),
    FLAG_END
};

/* NULL: there is no such command, or it has no config. */
static const struct command *find(const char *name, struct error *err)
{
    struct nearest near = nearest_to(name);
    char all[256] = "";

    for (int i = 0; commands[i]; i++) {
        const size_t used = strlen(all);
        if (!commands[i]->config)
            continue;
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
        nearest_offer(&near, commands[i]->name);
        snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "",
                 commands[i]->name);
    }
    error_set(err, STATUS_BAD_VALUE, "COMMAND %s: allowed is one of %s%s%s%s",
              name, all, near.name ? "; did you mean '" : "",
              near.name ? near.name : "", near.name ? "'?" : "");
    return NULL;
}

static void put_file_keys(struct table *t, const struct file_key *key)
{
    for (; key->name; key++) {
        table_row(t, ROW_PLAIN);
        table_text(t, key->name);
        table_text(t, key->allowed);
        table_text(t, key->fallback ? key->fallback : "");
        table_amount(t, amount_of(!key->fallback, PROV_COUNTED));
        table_text(t, key->help);
    }
}

static enum status print_table(const struct command *command,
                               enum format format, struct error *err)
{
    static const struct column columns[] = {
        { "key", "key", "", COLUMN_TEXT, true },
        { "allowed", "allowed", "", COLUMN_TEXT, true },
        { "default", "default", "", COLUMN_TEXT, true },
        { "required", "required", "", COLUMN_YES, true },
        { "help", "help", "", COLUMN_TEXT, true },
    };
    char allowed[CONFIG_ALLOWED_SIZE];
    struct table t;

    table_open(&t, "keys", columns, sizeof columns / sizeof *columns);
    for (const struct file_key *const *keys = command->file_keys; keys && *keys;
         keys++)
        put_file_keys(&t, *keys);
    for (const struct config_key *key = command->config->keys; key->name;
         key++) {
        config_value_allowed(allowed, key);
        table_row(&t, ROW_PLAIN);
        table_text(&t, key->name);
        table_text(&t, allowed);
        table_text(&t, key->fallback ? key->fallback : "");
        table_amount(&t, amount_of(!key->fallback, PROV_COUNTED));
        table_text(&t, key->help);
    }
    enum status status = table_print(&t, format, stdout, err);
    table_close(&t);
    return status;
}

static void print_text(const struct command *command)
{
    const struct file_key *const *keys = command->file_keys;

    for (; keys && *keys; keys++)
        config_help_file(*keys, stdout);
    if (command->file_keys)
        fputs("\nKeys of the config that points start from, where command is"
              " train; of others, isobath keys COMMAND:\n\n", stdout);
    config_help(command->config, stdout);
}

static int run(void *options)
{
    const struct command_options *o = options;
    struct error err;
    const struct command *command = find(o->operand[0], &err);
    enum status status = STATUS_OK;

    if (!command)
        return command_fail(&err);
    if (o->format == FORMAT_TEXT)
        print_text(command);
    else
        status = print_table(command, (enum format)o->format, &err);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command keys_command = {
    .name = "keys", .usage = "COMMAND",
    .help = "the keys of a command's config, of a machine profile",
    .about = "List the keys of a command's config as they stand in its file"
        " and behind --set: what each means, what it may be, and what it is if"
        " nobody says.  A dot stands for a section: train.steps is the key"
        " steps of the section train.",
    .examples = "  isobath keys predict\n"
        "  isobath keys train --format csv\n"
        "  isobath keys machine\n",
    .flags = flags, .options_size = sizeof(struct command_options), .run = run,
};
