/* train_table.c - Read the table that a training routes by, and pass it on. */
#include "models/commands/train_job.h"

#include <string.h>

/* The config's, or the one that lies with the initial model; "": none. */
static const char *path_of(const struct train_job *s)
{
    return *s->config.model.table ? s->config.model.table : s->source.table;
}

static enum status blame(const struct train_job *s, const char *key,
                         struct error *err)
{
    return config_blame(&train_config_schema, s->origins, key, err);
}

static enum status read_table(struct route_table **out,
                              const struct train_job *s, struct error *err)
{
    struct error why = { STATUS_OK, "" };
    enum status status = route_table_read(out, path_of(s), &why);

    if (status == STATUS_OK)
        status = route_table_fit(*out, &s->spec, &why);
    if (status == STATUS_OK)
        return STATUS_OK;
    error_set(err, status, "routing.table: %s", why.text);
    return blame(s, "routing.table", err);
}

enum status train_table_check(struct train_job *s, struct error *err)
{
    struct route_table *table = NULL;

    if (s->spec.signal != SIGNAL_TABLE)
        return STATUS_OK;
    if (!*path_of(s)) {
        error_set(err, STATUS_BAD_VALUE, "routing.table: the policy table needs"
                  " one, as isobath route-table writes it");
        return blame(s, "routing.table", err);
    }
    enum status status = read_table(&table, s, err);
    route_table_close(table);
    return status;
}

enum status train_table_hash(char out[17], const struct train_job *s,
                             struct error *err)
{
    return s->spec.signal == SIGNAL_TABLE ? file_hash(out, path_of(s), err)
                                          : STATUS_OK;
}

enum status train_table_give(struct train_job *s, struct error *err)
{
    struct route_table *table = NULL;

    if (s->spec.signal != SIGNAL_TABLE)
        return STATUS_OK;
    enum status status = read_table(&table, s, err);
    if (status == STATUS_OK)
        model_take_table(trainer_model(s->trainer), table);
    else
        route_table_close(table);
    return status;
}

enum status train_table_write(const struct train_job *s, struct error *err)
{
    const struct route_table *table = model_table(trainer_model(s->trainer));
    struct file_writer file;

    if (!table)
        return STATUS_OK;
    enum status status = file_create_in(&file, s->rundir.path, ROUTE_TABLE_FILE,
                                        err);
    if (status != STATUS_OK)
        return status;
    status = route_table_write(table, file.stream, err);
    return file_end(&file, status, err);
}
