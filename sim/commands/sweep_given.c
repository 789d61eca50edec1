/* sweep_given.c - Take the settings of a point as its command takes them. */
#include "sim/commands/sweep_given.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/commands/commands.h"

/* The commands whose options may be keys. */
static const struct command *const asked[] = {
    &predict_command, &profile_command, &router_command,
};

/* What a sweep gives its points by itself, or has no use for. */
static const char *const own[] = {
    "by", "convention", "explain", "format", "help", "layer", "measured",
    "output", "quiet", "set", "synthetic", "threads", "trace", "usage",
    "version",
};

static bool is_own(const char *option)
{
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i], option) == 0)
            return true;
    return false;
}

static bool has_option(const char *command, const char *option)
{
    for (size_t c = 0; c < sizeof asked / sizeof *asked; c++)
        for (const struct flag *f = asked[c]->flags;
             strcmp(asked[c]->name, command) == 0 && f->value.name; f++)
            if (strncmp(f->value.name, "--", 2) == 0 &&
                strcmp(f->value.name + 2, option) == 0)
                return true;
    return false;
}

static enum status check_option(const char *command,
                                const struct sweep_setting *setting,
                                const char *option, struct error *err)
{
    const char *place = setting->place ? setting->place : "--set";

    if (!has_option(command, option))
        return error_set(err, STATUS_BAD_VALUE, "%s: unknown key '%s': isobath %s"
                         " has no option --%s", place, setting->key, command,
                         option);
    if (is_own(option))
        return error_set(err, STATUS_BAD_VALUE, "%s: '%s': a study sets no"
                         " --%s; leave it out", place, setting->key, option);
    return STATUS_OK;
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a point");
}

static enum status add_option(struct sweep_given *given, const char *option,
                              const struct sweep_setting *setting,
                              struct error *err)
{
    char *text = NULL;

    /* A flag without a value is given by true. */
    const bool bare = strcmp(setting->given, "true") == 0;
    if (strcmp(setting->given, "false") == 0)
        return STATUS_OK;
    if (asprintf(&text, "--%s%s%s", option, bare ? "" : "=",
                 bare ? "" : setting->given) < 0)
        return no_memory(err);
    given->option[given->n_options++] = (struct config_setting){
        .text = text, .place = setting->place };
    return STATUS_OK;
}

enum status sweep_given_add(struct sweep_given *given, const char *key,
                            const char *value, const char *place,
                            struct error *err)
{
    char *text = NULL;

    if (given->n == COMMAND_MAX_SETTINGS)
        return error_set(err, STATUS_BAD_VALUE, "more than %d settings",
                         COMMAND_MAX_SETTINGS);
    if (asprintf(&text, "%s=%s", key, value) < 0)
        return no_memory(err);
    given->setting[given->n++] = (struct config_setting){ .text = text,
                                                          .place = place };
    return STATUS_OK;
}

enum status sweep_given_open(struct sweep_given *out, const struct sweep *sweep,
                             const struct sweep_point *point, struct error *err)
{
    enum status status = STATUS_OK;

    out->n = out->n_options = 0;
    for (size_t i = 0; i < point->n_settings && status == STATUS_OK; i++) {
        const struct sweep_setting *setting = &point->setting[i];
        const char *option = sweep_option(sweep->work, setting->key);
        /* The last of a key holds, and an option may be given but once. */
        if (!setting->given ||
            (option && sweep_find(point, setting->key) != setting))
            continue;
        if (option && (status = check_option(sweep->work->name, setting, option,
                                             err)) == STATUS_OK)
            status = add_option(out, option, setting, err);
        else if (!option)
            status = sweep_given_add(out, setting->key, setting->given,
                                     setting->place, err);
    }
    return status;
}

void sweep_given_close(struct sweep_given *given)
{
    while (given->n > 0)
        free((char *)given->setting[--given->n].text);
    while (given->n_options > 0)
        free((char *)given->option[--given->n_options].text);
}

enum status sweep_given_blame(const struct sweep_given *given,
                              struct error *err)
{
    struct error why = *err;

    for (size_t i = 0; i < given->n_options; i++) {
        const char *text = given->option[i].text;
        const size_t n = strcspn(text, "=");
        if (given->option[i].place && strncmp(why.text, text, n) == 0 &&
            strchr(" :,", why.text[n]))
            return error_set(err, why.status, "%s: %s", given->option[i].place,
                             why.text);
    }
    return why.status;
}

enum status sweep_given_read(struct command_options *out,
                             const struct command *command,
                             const struct sweep_given *given,
                             const char *operand, char **argv,
                             struct error *err)
{
    int argc = 0;

    argv[argc++] = (char *)command->name;
    argv[argc++] = (char *)operand;
    for (size_t i = 0; i < given->n_options; i++)
        argv[argc++] = (char *)given->option[i].text;
    argv[argc] = NULL;
    if (flags_read(out, command, argc, argv, err) != STATUS_OK)
        return sweep_given_blame(given, err);
    if (out->n_settings + given->n > COMMAND_MAX_SETTINGS)
        return error_set(err, STATUS_BAD_VALUE, "more than %d settings",
                         COMMAND_MAX_SETTINGS);
    memcpy(out->setting + out->n_settings, given->setting,
           given->n * sizeof *given->setting);
    out->n_settings += given->n;
    return STATUS_OK;
}
