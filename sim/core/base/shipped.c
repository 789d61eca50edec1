/* shipped.c - Look for configs beside the program. */
#include "sim/core/base/shipped.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/core/base/nearest.h"

static const char installed[] = "share/isobath/configs", in_tree[] = "configs";

/* This program's file, and the folder that holds the folder it lies in: the
 * tree, or the prefix. */
static void find_root(char self[FILE_PATH_SIZE], char root[FILE_PATH_SIZE])
{
    ssize_t n = readlink("/proc/self/exe", self, FILE_PATH_SIZE - 1);

    self[n < 0 ? 0 : n] = '\0';
    strcpy(root, self);
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(root, '/');
        if (slash)
            *slash = '\0';
    }
}

bool shipped_folder(char out[FILE_PATH_SIZE], const char *kind)
{
    const char *named = getenv("ISOBATH_CONFIGS");
    char self[FILE_PATH_SIZE], root[FILE_PATH_SIZE];
    struct stat info;

    find_root(self, root);
    const struct { const char *folder, *below; } places[] = {
        { named, NULL }, { root, in_tree }, { root, installed },
        { "configs", NULL },
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *below = places[i].below;
        int n = !places[i].folder ? FILE_PATH_SIZE
                : snprintf(out, FILE_PATH_SIZE, "%s%s%s/%s", places[i].folder,
                           below ? "/" : "", below ? below : "", kind);
        if (n < FILE_PATH_SIZE && stat(out, &info) == 0 &&
            S_ISDIR(info.st_mode))
            return true;
    }
    return false;
}

bool shipped_script(char out[FILE_PATH_SIZE], char self[FILE_PATH_SIZE],
                    const char *name)
{
    static const char *const folders[] = { "scripts", "libexec/isobath" };
    char root[FILE_PATH_SIZE];

    find_root(self, root);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (snprintf(out, FILE_PATH_SIZE, "%s/%s/%s", root, folders[i], name) <
                FILE_PATH_SIZE && file_exists(out))
            return true;
    return false;
}

static bool lies_in(const char *path, const char *folder)
{
    char self[FILE_PATH_SIZE], root[FILE_PATH_SIZE];

    find_root(self, root);
    const size_t n = strlen(root), m = strlen(folder);
    return strncmp(path, root, n) == 0 && path[n] == '/' &&
           strncmp(path + n + 1, folder, m) == 0 && path[n + 1 + m] == '/';
}

bool shipped_is_installed(const char *path)
{
    return lies_in(path, installed);
}

bool shipped_is_in_tree(const char *path)
{
    return lies_in(path, in_tree);
}

/* Offer the names of the configs in a folder; those that are near are kept in
 * `best`. */
static void offer_all(struct nearest *near, const char *folder,
                      char best[FILE_PATH_SIZE])
{
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    char name[FILE_PATH_SIZE];

    while (directory && (entry = readdir(directory))) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".yaml") != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(dot - entry->d_name),
                 entry->d_name);
        nearest_offer(near, name);
        if (near->name == name)
            near->name = strcpy(best, name);
    }
    if (directory)
        closedir(directory);
}

enum status shipped_named(char out[FILE_PATH_SIZE], const char *const *kinds,
                          const char *name, struct error *err)
{
    struct nearest near = nearest_to(name);
    char folder[FILE_PATH_SIZE], best[FILE_PATH_SIZE];

    for (const char *const *kind = kinds; *kind; kind++) {
        if (!shipped_folder(folder, *kind))
            continue;
        if (snprintf(out, FILE_PATH_SIZE, "%s/%s.yaml", folder, name) <
                FILE_PATH_SIZE && file_exists(out))
            return STATUS_OK;
        offer_all(&near, folder, best);
    }
    return error_set(err, STATUS_BAD_VALUE, "%s: no such file, and none of the"
                     " %s that come with isobath%s%s%s", name, kinds[0],
                     near.name ? "; did you mean '" : "",
                     near.name ? near.name : "", near.name ? "'?" : "");
}

enum status shipped_find(char out[FILE_PATH_SIZE], const char *const *kinds,
                         const char *name, struct error *err)
{
    if (strlen(name) >= FILE_PATH_SIZE)
        return error_set(err, STATUS_BAD_VALUE, "file name of %zu bytes:"
                         " allowed are %d", strlen(name), FILE_PATH_SIZE - 1);
    strcpy(out, name);
    if (!*name || strchr(name, '/') || file_exists(name))
        return STATUS_OK;
    if (!strchr(name, '.'))
        return shipped_named(out, kinds, name, err);
    if (shipped_named(out, kinds, name, NULL) != STATUS_OK)
        strcpy(out, name);
    return STATUS_OK;
}

const char *const *shipped_kinds(const char *key)
{
    static const struct { const char *word, *kinds[3]; } takes[] = {
        { "base", { "runs", "models" } }, { "model", { "models", "runs" } },
        { "machine", { "machines" } },
    };
    const char *dot = strrchr(key, '.'), *word = dot ? dot + 1 : key;

    for (size_t i = 0; i < sizeof takes / sizeof *takes; i++)
        if (strcmp(word, takes[i].word) == 0)
            return takes[i].kinds;
    return NULL;
}

bool shipped_same(const char *const *kinds, const char *a, const char *b)
{
    const char *const name[2] = { a, b };
    char file[2][FILE_PATH_SIZE], hash[2][17];
    struct stat info[2];

    if (strcmp(a, b) == 0)
        return true;
    for (int i = 0; i < 2; i++)
        if (shipped_find(file[i], kinds, name[i], NULL) != STATUS_OK ||
            stat(file[i], &info[i]) != 0)
            return false;
    if (info[0].st_dev == info[1].st_dev && info[0].st_ino == info[1].st_ino)
        return true;
    return info[0].st_size == info[1].st_size &&
           file_hash(hash[0], file[0], NULL) == STATUS_OK &&
           file_hash(hash[1], file[1], NULL) == STATUS_OK &&
           strcmp(hash[0], hash[1]) == 0;
}
