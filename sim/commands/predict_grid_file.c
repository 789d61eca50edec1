/* predict_grid_file.c - Keep the rows of a grid that was interrupted, and go on
 * with them. */
#include "sim/commands/predict_grid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/core/answer/rundir.h"

/* ---- rows that stand there ---- */

/* What the grid would write: its header, or the row of a point. */
static enum status write_text(char **text, struct grid *grid, size_t row,
                              bool header, struct error *err)
{
    size_t size;
    FILE *file = file_open_text(text, &size);
    enum status status = header ? STATUS_OK : grid_price(grid, row, err);

    if (file && header)
        grid_put_header(file, grid);
    else if (file && status == STATUS_OK)
        grid_put_row(file, grid);
    if (!file || !file_close_text(file, text))
        return error_set(err, STATUS_NO_MEMORY, "no memory for a row");
    return status;
}

static enum status foreign(const struct grid_file *f, struct error *err)
{
    return error_set(err, STATUS_BAD_VALUE, "%s: what stands in it is not of"
                     " this grid, or of another version of the program; remove"
                     " it, or give another -o", f->out.temporary);
}

/* Counts whole rows and their bytes, and reads the first line, which may be cut,
 * and the last whole one. */
static enum status scan(struct grid_file *f, off_t *whole, char **first,
                        char **last, struct error *err)
{
    size_t room = 0, n_lines = 0;
    char *line = NULL;
    ssize_t n;

    while ((n = getline(&line, &room, f->out.stream)) > 0 &&
           (line[n - 1] == '\n' || n_lines == 0)) {
        char **keep = n_lines++ == 0 ? first : last;
        *whole += line[n - 1] == '\n' ? n : 0;
        char *copy = realloc(*keep, (size_t)n + 1);
        if (!copy) {
            free(line);
            return error_set(err, STATUS_NO_MEMORY, "no memory for a row");
        }
        *keep = memcpy(copy, line, (size_t)n + 1);
    }
    free(line);
    f->n_done = n_lines > 0 ? n_lines - 1 : 0;
    return STATUS_OK;
}

static enum status cut_off(const struct grid_file *f, off_t whole,
                           struct error *err)
{
    return fseeko(f->out.stream, whole, SEEK_SET) == 0 &&
                   ftruncate(fileno(f->out.stream), whole) == 0
               ? STATUS_OK
               : error_set(err, STATUS_IO, "cannot write '%s': %s",
                           f->out.temporary, strerror(errno));
}

/* The last row is priced again: it says the same, or is of another grid.  So does
 * what there is of a header. */
static enum status compare(const struct grid_file *f, struct grid *grid,
                           const char *first, const char *last,
                           struct error *err)
{
    char *text = NULL;
    enum status status = STATUS_OK;

    if (f->n_done > grid->n_points)
        return foreign(f, err);
    for (int header = 1; header >= 0 && status == STATUS_OK; header--) {
        const char *there = header ? first : last;
        if (!there)
            continue;
        status = write_text(&text, grid, f->n_done - 1, header, err);
        if (status == STATUS_OK && strncmp(text, there, strlen(there)) != 0)
            status = foreign(f, err);
        free(text);
        text = NULL;
    }
    return status;
}

static enum status go_on(struct grid_file *f, struct grid *grid,
                         struct error *err)
{
    char *first = NULL, *last = NULL;
    off_t whole = 0;
    enum status status = scan(f, &whole, &first, &last, err);

    if (status == STATUS_OK)
        status = compare(f, grid, first, last, err);
    if (status == STATUS_OK)
        status = cut_off(f, whole, err);      /* what is half written */
    if (status == STATUS_OK && whole == 0)
        grid_put_header(f->out.stream, grid);
    free(first);
    free(last);
    return status;
}

/* ---- opening and closing ---- */

static enum status name_files(struct grid_file *f, const char *path,
                              struct error *err)
{
    static const char part[] = ".part";
    struct stat st;
    enum status status = rundir_spare(path, err);

    if (status != STATUS_OK)
        return status;
    if (strlen(path) + sizeof part > FILE_PATH_SIZE)
        return error_set(err, STATUS_BAD_VALUE, "-o %.64s: file name too long",
                         path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return error_set(err, STATUS_BAD_VALUE, "-o %s: allowed is the name of"
                         " a file; without -o rows are printed", path);
    snprintf(f->out.path, FILE_PATH_SIZE, "%s", path);
    snprintf(f->out.temporary, FILE_PATH_SIZE, "%.*s%s",
             FILE_PATH_SIZE - (int)sizeof part, path, part);
    return STATUS_OK;
}

enum status grid_file_open(struct grid_file *out, struct grid *grid,
                           struct error *err)
{
    const char *path = grid->options->common.output;

    *out = (struct grid_file){ .out.stream = stdout };
    if (!path) {
        grid_put_header(stdout, grid);
        return STATUS_OK;
    }
    enum status status = name_files(out, path, err);
    if (status != STATUS_OK)
        return status;
    out->out.stream = file_open_part(out->out.temporary);
    if (!out->out.stream)
        return error_set(err, STATUS_BAD_VALUE, "cannot write '%s': %s",
                         out->out.temporary, errno == ELOOP
                             ? "it is no plain file of one name"
                             : strerror(errno));
    status = go_on(out, grid, err);
    if (status != STATUS_OK)
        fclose(out->out.stream);
    return status;
}

enum status grid_file_close(struct grid_file *f, bool whole, struct error *err)
{
    if (f->out.stream == stdout)
        return STATUS_OK;            /* command_run() looks after it */
    if (whole && !ferror(f->out.stream) && fflush(f->out.stream) == 0)
        return file_commit(&f->out, err);
    const bool failed = ferror(f->out.stream) != 0;
    if (fclose(f->out.stream) != 0 || failed)
        return error_set(err, STATUS_IO, "cannot write '%s': the rows that it"
                         " holds are kept", f->out.temporary);
    return STATUS_OK;
}
