/* sweep_price_part.c - Keep the prices of a study's points until all are there. */
#include "sim/commands/sweep_price_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/core/answer/json.h"
#include "sim/core/base/shipped.h"

enum { NONE = -1 };

/* ---- what a price depends on ---- */

/* The file that a value names: itself, a model's config, or one that comes with
 * the program.  false: it names none. */
static bool file_named(char out[FILE_PATH_SIZE], const char *value)
{
    static const char *const kinds[] = { "machines", "models", "runs", NULL };
    struct stat st;

    if (shipped_find(out, kinds, value, NULL) != STATUS_OK ||
        stat(out, &st) != 0)
        return false;
    return !S_ISDIR(st.st_mode) ||
           (file_join(out, value, "config.json", NULL) == STATUS_OK &&
            file_exists(out));
}

/* {KEY: hash} of the point's settings that name files; each is read once. */
static json_t *files_of(struct price_part *p, int32_t point)
{
    const struct sweep_point *of = &p->sweep->point[point];
    json_t *out = json_object();

    for (size_t i = 0; i < of->n_settings; i++) {
        const char *value = of->setting[i].given;
        char path[FILE_PATH_SIZE], hash[17] = "";
        json_t *known = value ? json_object_get(p->hashes, value) : NULL;
        if (value && !known) {
            if (file_named(path, value) &&
                file_hash(hash, path, NULL) != STATUS_OK)
                *hash = '\0';
            json_object_set_new(p->hashes, value, json_string(hash));
            known = json_object_get(p->hashes, value);
        }
        if (known && *json_string_value(known))
            json_object_set(out, of->setting[i].key, known);
    }
    return out;
}

static json_t *asked(struct price_part *p, int32_t point)
{
    return json_pack("{s:s, s:o, s:o}", "program", p->program, "request",
                     sweep_request(p->sweep, point), "files",
                     files_of(p, point));
}

static bool asks_the_same(struct price_part *p, int32_t point,
                          const json_t *line)
{
    static const char *const members[] = { "program", "request", "files" };
    json_t *now = asked(p, point);
    bool same = *p->program != '\0';

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        same &= json_equal(json_object_get(now, members[i]),
                           json_object_get(line, members[i]));
    json_decref(now);
    return same;
}

/* ---- lines ---- */

static bool is_price(const json_t *line)
{
    return json_is_object(json_object_get(line, "figures")) &&
           json_is_string(json_object_get(line, "layers"));
}

/* What is no line of a price of this study, a cut one too, is passed over. */
static void look_at(struct price_part *p, const char *text, size_t size,
                    off_t at)
{
    json_t *line = json_loadb(text, size, 0, NULL);
    const json_t *number = json_object_get(json_object_get(line, "request"),
                                           "point");
    const json_int_t point = json_integer_value(number);

    if (is_price(line) && json_is_integer(number) && point >= 0 &&
        point < p->sweep->n_points && asks_the_same(p, (int32_t)point, line))
        p->at[point] = at;
    json_decref(line);
}

static enum status unwritable(const struct price_part *p, struct error *err)
{
    return error_set(err, STATUS_IO, "cannot write '%s': %s", p->path,
                     strerror(errno));
}

/* Notes where the lines of points begin, and cuts off what is half written. */
static enum status scan(struct price_part *p, struct error *err)
{
    char *line = NULL;
    size_t room = 0;
    off_t at = 0;
    ssize_t n;

    while ((n = getline(&line, &room, p->file)) > 0 && line[n - 1] == '\n') {
        look_at(p, line, (size_t)n, at);
        at += n;
    }
    free(line);
    if (n < 0 && !feof(p->file))
        return error_set(err, STATUS_IO, "cannot read '%s'", p->path);
    return ftruncate(fileno(p->file), at) == 0 ? STATUS_OK : unwritable(p, err);
}

/* ---- opening and closing ---- */

enum status price_part_open(struct price_part *p, const struct sweep *sweep,
                            const char *directory, struct error *err)
{
    const size_t n = (size_t)sweep->n_points;

    *p = (struct price_part){ .sweep = sweep };
    enum status status = file_join(p->path, directory, "prices.part", err);
    if (status != STATUS_OK)
        return status;
    if (file_hash(p->program, "/proc/self/exe", NULL) != STATUS_OK)
        *p->program = '\0';                  /* then nothing is taken over */
    p->at = malloc(n * sizeof *p->at);
    p->hashes = json_object();
    if (!p->at || !p->hashes)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu points", n);
    for (size_t i = 0; i < n; i++)
        p->at[i] = NONE;
    p->file = file_open_part(p->path);
    return p->file ? scan(p, err) : unwritable(p, err);
}

void price_part_close(struct price_part *p, bool all)
{
    if (p->file)
        fclose(p->file);
    if (all)
        unlink(p->path);
    json_decref(p->hashes);
    free(p->at);
}

/* ---- points ---- */

bool price_part_have(const struct price_part *p, int32_t point)
{
    return p->at[point] != NONE;
}

enum status price_part_take(json_t **figures, FILE *layers,
                            struct price_part *p, int32_t point,
                            struct error *err)
{
    json_t *line = NULL;
    char *text = NULL;
    size_t room = 0;
    ssize_t n = -1;

    if (fseeko(p->file, p->at[point], SEEK_SET) == 0)
        n = getline(&text, &room, p->file);
    if (n > 0)
        line = json_loadb(text, (size_t)n, 0, NULL);
    free(text);
    if (!is_price(line)) {
        json_decref(line);
        return error_set(err, STATUS_IO, "cannot read '%s' again", p->path);
    }
    fputs(json_string_value(json_object_get(line, "layers")), layers);
    *figures = json_incref(json_object_get(line, "figures"));
    json_decref(line);
    return STATUS_OK;
}

enum status price_part_add(struct price_part *p, int32_t point,
                           json_t *figures, const char *layers,
                           struct error *err)
{
    json_t *line = asked(p, point);

    json_object_set(line, "figures", figures);
    json_object_set_new(line, "layers", json_string(layers));
    char *text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    if (!text || error_memory_ran_out()) {
        free(text);
        return error_set(err, STATUS_NO_MEMORY, "no memory for a price");
    }
    const bool written = fseeko(p->file, 0, SEEK_END) == 0 &&
                         fprintf(p->file, "%s\n", text) > 0 &&
                         fflush(p->file) == 0;
    free(text);
    return written ? STATUS_OK : unwritable(p, err);
}
