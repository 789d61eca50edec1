/* contents.c - List what a report has, and remove what an older one had
 * besides. */
#include "reports/contents.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/base/file.h"

static const char list[] = ".contents";
enum { LIST_MAX_BYTES = 1 << 16, NAME_SIZE = 128 };

/* The folders of a report, and the ends of the files that stand for a name. */
static const struct kind {
    const char *folder, *ends[5];
} kinds[] = {
    { "figures", { "svg", "png", "gp", "dat", NULL } },
    { "tables",  { "csv", "json", "md", NULL } },
};
enum { FIGURES, KINDS = sizeof kinds / sizeof *kinds, DRAWINGS = 2 };

/* ---- names ---- */

/* The kind of "figures/phases"; KINDS: no report writes that. */
static int kind_of(const char *line, const char **name)
{
    for (int k = 0; k < KINDS; k++) {
        const size_t n = strlen(kinds[k].folder);
        if (strncmp(line, kinds[k].folder, n) != 0 || line[n] != '/')
            continue;
        *name = line + n + 1;
        if (**name && strspn(*name, "abcdefghijklmnopqrstuvwxyz0123456789-_") ==
                          strlen(*name))
            return k;
    }
    return KINDS;
}

/* The next line of a text, without its end; false: there is none. */
static bool next_line(char line[NAME_SIZE], const char **text)
{
    const size_t n = strcspn(*text, "\n");

    if (**text == '\0')
        return false;
    snprintf(line, NAME_SIZE, "%.*s", (int)(n < NAME_SIZE ? n : 0), *text);
    *text += n + ((*text)[n] == '\n');
    return true;
}

/* The i-th drawing of the report, each figure's wide one before its narrow one;
 * NULL: there are no more. */
static const struct plot *drawing(const struct report *r, size_t i)
{
    const struct report_figure *figure = &r->figure[i / 2];

    return i / 2 >= r->n_figures ? NULL : i % 2 ? &figure->narrow
                                                : &figure->plot;
}

static bool has(const struct report *r, int kind, const char *name)
{
    const struct table *t = kind == FIGURES ? NULL : report_find_table(r, name);
    bool found = t && t->n_rows;

    for (size_t i = 0; kind == FIGURES && !found && drawing(r, i); i++)
        found = strcmp(drawing(r, i)->name, name) == 0;
    return found;
}

/* ---- the list ---- */

/* Those of the report, and those of `older` besides. */
static enum status write_list(const struct report *r, const char *older,
                              const char *folder, struct error *err)
{
    struct file_writer writer;
    char line[NAME_SIZE];
    const char *name;
    enum status status = file_create_in(&writer, folder, list, err);

    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; drawing(r, i); i++)
        fprintf(writer.stream, "figures/%s\n", drawing(r, i)->name);
    for (size_t i = 0; i < r->n_tables; i++)
        if (r->table[i].table.n_rows)
            fprintf(writer.stream, "tables/%s\n", r->table[i].table.name);
    while (next_line(line, &older)) {
        const int kind = kind_of(line, &name);
        if (kind < KINDS && !has(r, kind, name))
            fprintf(writer.stream, "%s\n", line);
    }
    return file_commit(&writer, err);
}

enum status contents_begin(char **older, const struct report *r,
                           const char *folder, struct error *err)
{
    char path[FILE_PATH_SIZE], *text = NULL;
    size_t size = 0;
    enum status status = file_join(path, folder, list, err);

    *older = NULL;
    if (status == STATUS_OK && file_exists(path))
        status = file_read(&text, &size, path, LIST_MAX_BYTES, err);
    else if (status == STATUS_OK && !(text = calloc(1, 1)))
        status = error_set(err, STATUS_NO_MEMORY, "no memory for a list");
    if (status == STATUS_OK)
        status = write_list(r, text, folder, err);
    if (status == STATUS_OK)
        *older = text;
    else
        free(text);
    return status;
}

/* Of a name, the files with the first `n` ends of its kind. */
static void remove_files(const char *folder, int kind, const char *name,
                         size_t n)
{
    for (size_t i = 0; i < n && kinds[kind].ends[i]; i++) {
        char file[NAME_SIZE + 32], path[FILE_PATH_SIZE];
        snprintf(file, sizeof file, "%s/%s.%s", kinds[kind].folder, name,
                 kinds[kind].ends[i]);
        if (file_join(path, folder, file, NULL) == STATUS_OK)
            unlink(path);
    }
}

enum status contents_end(const char *older, const struct report *r,
                         const char *folder, struct error *err)
{
    char line[NAME_SIZE];
    const char *name;

    while (next_line(line, &older)) {
        const int kind = kind_of(line, &name);
        if (kind < KINDS && !has(r, kind, name))
            remove_files(folder, kind, name, SIZE_MAX);
    }
    for (size_t i = 0; drawing(r, i); i++)
        if (!drawing(r, i)->drawn)
            remove_files(folder, FIGURES, drawing(r, i)->name, DRAWINGS);
    return write_list(r, "", folder, err);
}
