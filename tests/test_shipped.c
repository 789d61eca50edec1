/* test_shipped.c - Find configs by their names, in a tree and as installed. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/core/base/shipped.h"
#include "tests/words.h"

static const char *const kinds[] = { "machines", "models", NULL };
static char found[FILE_PATH_SIZE];
static struct error err;

/* A directory of its own, with configs that nobody else has. */
static void set_up(void)
{
    enter_directory();
    cr_assert(mkdir("c", 0777) == 0 && mkdir("c/machines", 0777) == 0 &&
              mkdir("c/models", 0777) == 0);
    put_file("c/machines/fast-box.yaml", "cores: 1\n");
    put_file("c/models/fast-box.yaml", "layers: 1\n");
    put_file("c/models/thin.yaml", "layers: 1\n");
    put_file("c/models/of-0.6b.yaml", "layers: 1\n");
    setenv("ISOBATH_CONFIGS", "c", 1);
}

TestSuite(shipped, .init = set_up);

Test(shipped, a_name_is_looked_for_in_the_kinds_in_their_order)
{
    cr_assert(eq(int, shipped_find(found, kinds, "fast-box", &err), STATUS_OK),
              "%s", err.text);
    cr_expect_str_eq(found, "c/machines/fast-box.yaml");
    cr_assert(eq(int, shipped_find(found, kinds, "thin", &err), STATUS_OK),
              "%s", err.text);
    cr_expect_str_eq(found, "c/models/thin.yaml");
    cr_assert(eq(int, shipped_find(found, kinds, "of-0.6b", &err), STATUS_OK));
    cr_expect_str_eq(found, "c/models/of-0.6b.yaml");
}

Test(shipped, a_path_or_a_file_that_is_there_is_no_name)
{
    static const char *const paths[] = { "./fast-box", "fast-box.yaml", "a/b",
                                         "" };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        cr_assert(eq(int, shipped_find(found, kinds, paths[i], &err),
                     STATUS_OK));
        cr_expect_str_eq(found, paths[i]);
    }
    put_file("thin", "mine\n");
    cr_assert(eq(int, shipped_find(found, kinds, "thin", &err), STATUS_OK));
    cr_expect_str_eq(found, "thin");
}

Test(shipped, a_name_that_nothing_has_is_refused_with_the_nearest)
{
    cr_expect(eq(int, shipped_find(found, kinds, "fast-bx", &err),
                 STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "fast-bx: no such file, and none of the machines"
                     " that come with isobath; did you mean 'fast-box'?");
    cr_expect(eq(int, shipped_find(found, kinds, "zzz", &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "did you mean") == NULL, "%s", err.text);
}

Test(shipped, nothing_in_a_tree_is_installed)
{
    cr_expect(not(shipped_is_installed("c/models/thin.yaml")));
    cr_expect(not(shipped_is_installed("/share/isobath/configs/runs/a.yaml")));
}
