/* sweep_slurm.c - Write the batch scripts of a study and submit them. */
#include "sim/sweep/sweep_slurm.h"

#include <errno.h>
#include <inttypes.h>
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

/* The head of a batch script; what it prints goes into DIR/slurm/NAME.txt. */
static void write_head(FILE *file, const struct sweep_slurm *slurm,
                       const struct places *places, const char *job,
                       const char *name)
{
    fprintf(file, "#!/bin/sh\n#SBATCH --job-name=%s\n"
            "#SBATCH --output='%s/slurm/%s.txt'\n", job, places->directory, name);
    for (const char *word = slurm->options; word && *word;) {
        const size_t n = strcspn(word, " ");
        if (n > 0)
            fprintf(file, "#SBATCH %.*s\n", (int)n, word);
        word += n + strspn(word + n, " ");
    }
}

static void write_array(FILE *file, const struct sweep_slurm *slurm,
                        const struct places *places)
{
    write_head(file, slurm, places, "isobath", "%A_%a");
    if (slurm->memory > 0)       /* sbatch counts by 1024 */
        fprintf(file, "#SBATCH --mem=%" PRIu64 "K\n",
                (slurm->memory + 1023) / 1024);
    fprintf(file, "#SBATCH --cpus-per-task=%d\n"
            "#SBATCH --requeue\n"
            "#SBATCH --open-mode=append\n"
            "# Slurm may start a task twice (after a node or its controller was"
            " lost): a\n"
            "# finished point is not run again, a begun one resumes.  $1 is the"
            " number of tasks\n"
            "# in the arrays before this one.\n", slurm->threads);
    write_command(file, slurm, places);
    fprintf(file, " --jobs 1 --threads %d --batch %d%s \\\n"
            "    --point \"$((%d * (SLURM_ARRAY_TASK_ID + ${1:-0})))\"\n",
            slurm->threads, slurm->batch,
            slurm->drop_weights ? " --drop-weights" : "", slurm->batch);
}

static void write_merge(FILE *file, const struct sweep_slurm *slurm,
                        const struct places *places)
{
    write_head(file, slurm, places, "isobath-merge", "merge-%j");
    write_command(file, slurm, places);
    fputs(" --quiet --merge\n", file);
}

static void write_report(FILE *file, const struct sweep_slurm *slurm,
                         const struct places *places)
{
    write_head(file, slurm, places, "isobath-report", "report-%j");
    fputs("cd ", file);
    write_quoted(file, places->here);
    fputs("\nexec ", file);
    write_quoted(file, places->program);
    fputs(" report ", file);
    write_quoted(file, places->directory);
    fputs(" -o ", file);
    write_quoted(file, places->directory);
    fputs("/report\n", file);
}

static void write_submit(FILE *file, const struct sweep_slurm *slurm,
                         const struct places *places)
{
    const int tasks = (slurm->sweep->n_points + slurm->batch - 1) / slurm->batch;

    fputs("#!/bin/sh\n"
          "# Hand the study in, in as many arrays as the cluster takes; those"
          " after the first\n"
          "# wait for it where only so many tasks may run at a time.  Once more"
          " runs what is\n"
          "# missing.\n"
          "set -eu\ncd ", file);
    write_quoted(file, places->directory);
    fprintf(file, "\ntasks=%d most=%s", tasks, slurm->n_jobs > 0 ? "%" : "");
    if (slurm->n_jobs > 0)
        fprintf(file, "%d", slurm->n_jobs);
    fputs("\nlimit=$(scontrol show config 2>/dev/null |\n"
          "    sed -n 's/^MaxArraySize *= *//p')\n"
          "arrays= first=0 after=\n"
          "while [ $first -lt $tasks ]; do\n"
          "    n=$((tasks - first))\n"
          "    [ $n -le ${limit:=1001} ] || n=$limit\n"
          "    job=$(sbatch --parsable $after --array=0-$((n - 1))$most"
          " array.sh $first)\n"
          "    job=${job%%;*}\n"
          "    arrays=$arrays:$job\n"
          "    [ -z \"$most\" ] || after=--dependency=afterany:$job\n"
          "    first=$((first + n))\n"
          "done\n"
          "merge=$(sbatch --parsable --dependency=afterany$arrays merge.sh)\n"
          "merge=${merge%%;*}\n"
          "report=$(sbatch --parsable --dependency=afterok:$merge report.sh)\n"
          "echo \"${arrays#:}, merged by $merge, reported by ${report%%;*}\"\n",
          file);
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
    static const struct { const char *name; write_fn *write; } scripts[] = {
        { "array.sh", write_array },   { "merge.sh", write_merge },
        { "report.sh", write_report }, { "submit.sh", write_submit },
    };
    struct places places;
    char logs[FILE_PATH_SIZE];
    enum status status = absolute(places.here, ".", err);

    if (status == STATUS_OK)
        status = absolute(places.program, "/proc/self/exe", err);
    if (status == STATUS_OK)
        status = absolute(places.study, slurm->sweep->path, err);
    if (status == STATUS_OK)
        status = absolute(places.directory, slurm->directory, err);
    if (status == STATUS_OK)
        status = file_join(logs, places.directory, "slurm", err);
    if (status == STATUS_OK)
        status = file_make_directory(logs, err);
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (status == STATUS_OK)
            status = write_script(scripts[i].name, scripts[i].write, slurm,
                                  &places, err);
    return status;
}

/* Before a directory's name, so that it is no option. */
static const char *before(const char *directory)
{
    return *directory == '-' ? "./" : "";
}

enum status sweep_slurm_submit(char *said, size_t size, const char *directory,
                               struct error *err)
{
    enum { NO_SBATCH = 127 };            /* exit code of a shell for that */
    char *command = NULL;
    size_t length = 0;
    FILE *text = file_open_text(&command, &length);

    if (!text)
        return error_set(err, STATUS_NO_MEMORY, "no memory to call sbatch");
    fprintf(text, "command -v sbatch >/dev/null || exit %d; sh %s", NO_SBATCH,
            before(directory));
    write_quoted(text, directory);
    fputs("/submit.sh", text);
    FILE *pipe = file_close_text(text, &command) ? popen(command, "re") : NULL;
    bool read = pipe && fgets(said, (int)size, pipe);
    int how = pipe ? pclose(pipe) : -1;
    free(command);
    if (how != -1 && WIFEXITED(how) && WEXITSTATUS(how) == NO_SBATCH)
        return error_set(err, STATUS_UNAVAILABLE, "no sbatch here: on the"
                         " cluster, run  sh %s%s/submit.sh",
                         before(directory), directory);
    if (!read || how != 0)
        return error_set(err, STATUS_IO, "'%s/submit.sh' failed: what it says"
                         " stands above", directory);
    said[strcspn(said, "\n")] = '\0';
    return STATUS_OK;
}
