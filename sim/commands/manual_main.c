/* manual_main.c - Write what is installed beside the program, into a directory
 * that is there: isobath.1, isobath-COMMAND.1, isobath.bash, _isobath. */
#include <stdlib.h>

#include "sim/commands/manual.h"
#include "sim/core/base/file.h"

static enum status write_with(void (*write)(FILE *file), const char *directory,
                              const char *name, struct error *err)
{
    struct file_writer out;
    enum status status = file_create_in(&out, directory, name, err);

    if (status != STATUS_OK)
        return status;
    write(out.stream);
    return file_commit(&out, err);
}

static enum status write_command(const struct command *command,
                                 const char *directory, struct error *err)
{
    struct file_writer out;
    char name[64];

    snprintf(name, sizeof name, "isobath-%s.1", command->name);
    enum status status = file_create_in(&out, directory, name, err);
    if (status != STATUS_OK)
        return status;
    manual_command(out.stream, command);
    return file_commit(&out, err);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*write)(FILE *file);
    } files[] = {
        { "isobath.1", manual_program }, { "isobath.bash", completion_bash },
        { "_isobath", completion_zsh },
    };
    struct error err = { STATUS_OK, "" };
    enum status status = STATUS_OK;

    if (argc != 2) {
        fputs("Usage: manual DIR\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files && !status; i++)
        status = write_with(files[i].write, argv[1], files[i].name, &err);
    for (int i = 0; commands[i] && !status; i++)
        status = write_command(commands[i], argv[1], &err);
    return status == STATUS_OK ? 0 : command_fail(&err);
}
