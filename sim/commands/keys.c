/* keys.c - Run isobath keys: list the keys of a command's config. */
#include <string.h>

#include "sim/commands/commands.h"
#include "sim/core/answer/table.h"
#include "sim/core/base/nearest.h"
#include "sim/core/config/config_value.h"

static const struct flag flags[] = {
    FLAG_OPERAND("COMMAND", NULL, "whose config: that of --set, a study and the"
        " run config of its points for sweep, a machine profile for machine; or"
        " grid, the file of predict --grid"),
    FLAG_FORMAT(NULL, format_names),
    FLAG_END
};

/* A name that is asked by, and the keys that it has. */
struct named {
    const char *name;
    const struct config_schema *schema;
    const struct file_key *const *file_keys;     /* before those; or NULL */
};

/* The i-th of the commands' configs, and of the files that flags read; name NULL:
 * it has none. */
static struct named named_at(int i)
{
    const struct command *command = commands[i / 2];
    if (i % 2 == 0)
        return (struct named){ command->config ? command->name : NULL,
                               command->config, command->file_keys };
    return (struct named){ command->also ? command->also->kind : NULL,
                           command->also, NULL };
}

/* False, with the error set: there is no such command or file, or it has no
 * config. */
static bool find(struct named *out, const char *name, struct error *err)
{
    struct nearest near = nearest_to(name);
    char all[256] = "";

    for (int i = 0; commands[i / 2]; i++) {
        const struct named named = named_at(i);
        const size_t used = strlen(all);
        if (!named.name)
            continue;
        *out = named;
        if (strcmp(named.name, name) == 0)
            return true;
        nearest_offer(&near, named.name);
        snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "",
                 named.name);
    }
    error_set(err, STATUS_BAD_VALUE, "COMMAND %s: allowed is one of %s%s%s%s",
              name, all, near.name ? "; did you mean '" : "",
              near.name ? near.name : "", near.name ? "'?" : "");
    return false;
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

static enum status print_table(const struct named *of, enum format format,
                               struct error *err)
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
    for (const struct file_key *const *keys = of->file_keys; keys && *keys;
         keys++)
        put_file_keys(&t, *keys);
    for (const struct config_key *key = of->schema->keys; key->name; key++) {
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

static void print_text(const struct named *of)
{
    const struct file_key *const *keys = of->file_keys;

    for (; keys && *keys; keys++)
        config_help_file(*keys, stdout);
    if (of->file_keys)
        fputs("\nKeys of the config that points start from, where command is"
              " train; of others, isobath keys COMMAND:\n\n", stdout);
    config_help(of->schema, stdout);
}

static int run(void *options)
{
    const struct command_options *o = options;
    struct error err;
    struct named found = { .name = NULL };

    if (!find(&found, o->operand[0], &err))
        return command_fail(&err);
    if (o->format != FORMAT_TEXT)
        return print_table(&found, (enum format)o->format, &err) == STATUS_OK
                   ? 0 : command_fail(&err);
    print_text(&found);
    return 0;
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
