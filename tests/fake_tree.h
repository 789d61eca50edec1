/* fake_tree.h - Make a throw-away directory that looks like /sys or /proc. */
#ifndef FAKE_TREE_H
#define FAKE_TREE_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake_tree {
    char root[64];
};

static inline struct fake_tree fake_tree_open(void)
{
    struct fake_tree tree = { "/tmp/isobath-test-XXXXXX" };
    cr_assert(mkdtemp(tree.root) != NULL);
    cr_assert(chmod(tree.root, 0755) == 0);   /* tests drop root */
    return tree;
}

static inline void fake_tree_path(const struct fake_tree *tree, char out[512],
                                  const char *name)
{
    snprintf(out, 512, "%s/%s", tree->root, name);
}

/* Write one file, its directories made on the way. */
static inline void fake_tree_write(const struct fake_tree *tree,
                                   const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void fake_tree_write(const struct fake_tree *tree,
                                   const char *name, const char *format, ...)
{
    char path[512];
    va_list list;

    fake_tree_path(tree, path, name);
    for (char *at = path + strlen(tree->root) + 1; *at; at++)
        if (*at == '/') {
            *at = '\0';
            mkdir(path, 0755);
            *at = '/';
        }
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL, "%s", path);
    va_start(list, format);
    vfprintf(file, format, list);
    va_end(list);
    fclose(file);
}

static inline int fake_tree_unlink(const char *path, const struct stat *stat,
                                   int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void fake_tree_close(struct fake_tree *tree)
{
    nftw(tree->root, fake_tree_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
