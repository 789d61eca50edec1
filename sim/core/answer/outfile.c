/* outfile.c - Tell an older file of a command's from somebody else's. */
#include "sim/core/answer/outfile.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/core/answer/command.h"
#include "sim/core/answer/rundir.h"

/* True for what has bytes that would be gone. */
static bool is_there(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
}

static bool begins_as(const char *path, const struct outfile_heads *own)
{
    char start[OUTFILE_HEAD_SIZE + 1] = "";
    FILE *file = file_open_optional(path);

    if (!file)
        return false;
    start[fread(start, 1, OUTFILE_HEAD_SIZE, file)] = '\0';
    fclose(file);
    for (int i = 0; own->head[i]; i++)
        if (strncmp(start, own->head[i], strlen(own->head[i])) == 0)
            return true;
    return false;
}

enum status outfile_check(const char *path, const struct outfile_heads *own,
                          struct error *err)
{
    enum status status = rundir_spare(path, err);

    if (status != STATUS_OK || !is_there(path) || begins_as(path, own))
        return status;
    return error_set(err, STATUS_BAD_VALUE, "%.200s: is there already, and"
                     " nothing that this command wrote; move it, or give"
                     " another file", path);
}

/* The check again: much may have been written since the first. */
enum status outfile_create(struct file_writer *out, const char *path,
                           const struct outfile_heads *own, struct error *err)
{
    enum status status = outfile_check(path, own, err);

    if (status == STATUS_OK)
        status = file_create(out, path, err);
    if (status == STATUS_OK && is_there(path))
        command_note("%s: takes the place of an older one", path);
    return status;
}
