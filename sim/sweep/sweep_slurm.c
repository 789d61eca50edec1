/* sweep_slurm.c - Write the two batch scripts of a study and submit them. */
#include "sim/sweep/sweep_slurm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Write a text in single quotes, inside which the shell changes nothing. */
static void write_quoted(FILE *file, const char *text)
{
    fputc('\'', file);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", file);
        else
            fputc(*text, file);
    fputc('\'', file);
}

/* Absolute paths, because a task starts on another machine. */
struct places {
    char here[FILE_PATH_SIZE], program[FILE_PATH_SIZE];
    char study[FILE_PATH_SIZE], directory[FILE_PATH_SIZE];
};

static enum status absolute(char out[FILE_PATH_SIZE], const char *path,
                            struct error *err)
{
    char *real = realpath(path, NULL);
    enum status status = STATUS_OK;

    if (!real)
        error_note_errno();
    if (!real)
        status = error_set(err, STATUS_BAD_VALUE, "cannot find '%s': %s", path,
                           strerror(errno));
    else if (snprintf(out, FILE_PATH_SIZE, "%s", real) >= FILE_PATH_SIZE)
        status = error_set(err, STATUS_BAD_VALUE, "file name of more than %d"
                           " bytes", FILE_PATH_SIZE - 1);
    free(real);
    return status;
}

static void write_command(FILE *file, const struct sweep_slurm *slurm,
                          const struct places *places)
{
    fputs("cd ", file);
    write_quoted(file, places->here);
    fputs("\nexec ", file);
    write_quoted(file, places->program);
    fputs(" sweep ", file);
    write_quoted(file, places->study);
    fputs(" -o ", file);
    write_quoted(file, places->directory);
    for (size_t i = 0; i < slurm->n_settings; i++) {
        fputs(" --set ", file);
        write_quoted(file, slurm->settings[i].text);
    }
    if (slurm->program) {
        fputs(" --program ", file);
        write_quoted(file, slurm->program);
    }
}

static void write_array(FILE *file, const struct sweep_slurm *slurm,
                        const struct places *places)
{
    fprintf(file, "#!/bin/sh\n"
            "#SBATCH --job-name=isobath\n"
            "#SBATCH --array=0-%d", slurm->sweep->n_points - 1);
    if (slurm->n_jobs > 0)
        fprintf(file, "%%%d", slurm->n_jobs);
    fprintf(file, "\n#SBATCH --cpus-per-task=%d\n"
            "#SBATCH --requeue\n"
            "#SBATCH --open-mode=append\n"
            "#SBATCH --output=/dev/null\n"
            "# Slurm may start a point twice (after a node or its controller was"
            " lost), so a\n"
            "# point must be idempotent: a finished one is not run again, a"
            " begun one resumes.\n"
            "# Handing this in once more runs what is missing.  More points than"
            " the cluster's\n"
            "# MaxArraySize (1001 where nobody raised it): sbatch --array=..."
            " in parts.\n", slurm->threads);
    write_command(file, slurm, places);
    fprintf(file, " --quiet --jobs 1 --threads %d"
            " --point \"$SLURM_ARRAY_TASK_ID\"\n", slurm->threads);
}

static void write_merge(FILE *file, const struct sweep_slurm *slurm,
                        const struct places *places)
{
    fputs("#!/bin/sh\n"
          "#SBATCH --job-name=isobath-merge\n"
          "#SBATCH --output=/dev/null\n", file);
    write_command(file, slurm, places);
    fputs(" --quiet --merge\n", file);
}

typedef void write_fn(FILE *file, const struct sweep_slurm *slurm,
                      const struct places *places);

static enum status write_script(const char *name, write_fn *write,
                                const struct sweep_slurm *slurm,
                                const struct places *places, struct error *err)
{
    struct file_writer writer;
    enum status status = file_create_in(&writer, places->directory, name, err);

    if (status != STATUS_OK)
        return status;
    write(writer.stream, slurm, places);
    (void)fchmod(fileno(writer.stream), 0755);
    return file_commit(&writer, err);
}

enum status sweep_slurm_write(const struct sweep_slurm *slurm,
                              struct error *err)
{
    struct places places;
    enum status status = absolute(places.here, ".", err);

    if (status == STATUS_OK)
        status = absolute(places.program, "/proc/self/exe", err);
    if (status == STATUS_OK)
        status = absolute(places.study, slurm->sweep->path, err);
    if (status == STATUS_OK)
        status = absolute(places.directory, slurm->directory, err);
    if (status == STATUS_OK)
        status = write_script("array.sh", write_array, slurm, &places, err);
    if (status == STATUS_OK)
        status = write_script("merge.sh", write_merge, slurm, &places, err);
    return status;
}

/* Before a directory's name, so that it is no option. */
static const char *before(const char *directory)
{
    return *directory == '-' ? "./" : "";
}

/* Run sbatch OPTION DIRECTORY/SCRIPT; its first line of output goes into
 * out[size]. */
static enum status submit(char *out, size_t size, const char *option,
                          const char *directory, const char *script,
                          struct error *err)
{
    enum { NO_SBATCH = 127 };            /* exit code of a shell for that */
    char *command = NULL;
    size_t length = 0;
    FILE *text = file_open_text(&command, &length);

    if (!text)
        return error_set(err, STATUS_NO_MEMORY, "no memory to call sbatch");
    fprintf(text, "command -v sbatch >/dev/null || exit %d; sbatch --parsable"
            " %s %s", NO_SBATCH, option, before(directory));
    write_quoted(text, directory);
    fprintf(text, "/%s", script);
    FILE *pipe = file_close_text(text, &command) ? popen(command, "re") : NULL;
    bool read = pipe && fgets(out, (int)size, pipe);
    int how = pipe ? pclose(pipe) : -1;
    free(command);
    if (how != -1 && WIFEXITED(how) && WEXITSTATUS(how) == NO_SBATCH)
        return error_set(err, STATUS_UNAVAILABLE, "no sbatch here: on the"
                         " cluster, run  sbatch %s%s/array.sh",
                         before(directory), directory);
    if (!read || how != 0)
        return error_set(err, STATUS_IO, "sbatch did not take '%s/%s'",
                         directory, script);
    out[strcspn(out, ";\n")] = '\0';     /* JOB;CLUSTER */
    return STATUS_OK;
}

enum status sweep_slurm_submit(char *job, size_t size, const char *directory,
                               struct error *err)
{
    char option[96], merge[64];

    enum status status = submit(job, size, "", directory, "array.sh", err);
    if (status != STATUS_OK)
        return status;
    if (job[0] == '\0' || job[strspn(job, "0123456789")])
        return error_set(err, STATUS_IO, "sbatch answered '%s', not a job"
                         " number", job);
    snprintf(option, sizeof option, "--dependency=afterany:%s", job);
    return submit(merge, sizeof merge, option, directory, "merge.sh", err);
}
