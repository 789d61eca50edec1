/* run_output.c - whose directory it is. */
#include "models/commands/run_output.h"

#include <string.h>
#include <unistd.h>

/* A directory that holds anything but an older `run` is somebody else's. */
static enum status check_directory(const char *path, struct error *err)
{
    char file[FILE_PATH_SIZE];
    json_t *summary = NULL;
    enum status status = file_join(file, path, "summary.json", err);

    if (status == STATUS_OK && file_exists(file))
        status = summary_read(&summary, path, err);
    const char *command = json_string_value(json_object_get(summary,
                                                            "command"));
    if (status == STATUS_OK && summary &&
        (!command || strcmp(command, "run") != 0))
        status = error_set(err, STATUS_BAD_VALUE, "-o %s: holds the results of"
                           " isobath %s; give another directory", path,
                           command ? command : "(unknown)");
    json_decref(summary);
    return status;
}

enum status run_output_open(struct rundir *out, const char *path,
                            struct error *err)
{
    enum status status = check_directory(path, err);

    if (status == STATUS_OK)
        status = rundir_open(out, path, err);
    if (status == STATUS_OK)
        rundir_remove_leftovers(out);
    return status;
}

void run_output_clear(const struct rundir *rundir)
{
    static const char *const names[] = { "summary.json", "tokens.csv",
                                         "losses.csv", "windows.csv",
                                         "trace.csv" };
    char path[FILE_PATH_SIZE];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (file_join(path, rundir->path, names[i], NULL) == STATUS_OK)
            unlink(path);
}
