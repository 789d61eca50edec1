/* test_sysfs.c - Read trees that somebody else filled. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "hwprof/machine/sysfs.h"
#include "tests/fake_tree.h"

/* Nobody writes into the pipe: whoever opens it to read would wait for ever. */
Test(sysfs, a_pipe_in_place_of_a_file_is_not_waited_for)
{
    struct fake_tree tree = fake_tree_open();
    char path[512], text[8] = "old";

    fake_tree_path(&tree, path, "energy_uj");
    cr_assert(eq(int, mkfifo(path, 0600), 0));
    cr_expect(eq(int, (int)sysfs_text(text, sizeof text, tree.root,
                                      "energy_uj"), (int)SYSFS_OTHER));
    cr_expect(eq(str, text, ""));
    fake_tree_close(&tree);
}

/* Folders of the real tree are links; what is read in them is none. */
Test(sysfs, a_link_is_followed_to_a_folder_and_not_to_a_file)
{
    struct fake_tree tree = fake_tree_open();
    char link[512], elsewhere[512];
    uint64_t number = 7;

    fake_tree_write(&tree, "devices/zone/energy_uj", "1234\n");
    fake_tree_path(&tree, elsewhere, "devices/zone");
    fake_tree_path(&tree, link, "zone");
    cr_assert(eq(int, symlink(elsewhere, link), 0));
    cr_expect(eq(int, (int)sysfs_number(&number, tree.root, "zone/energy_uj"),
                 (int)SYSFS_READ));
    cr_expect(eq(u64, number, 1234));
    fake_tree_path(&tree, elsewhere, "devices/zone/energy_uj");
    fake_tree_path(&tree, link, "planted");
    cr_assert(eq(int, symlink(elsewhere, link), 0));
    cr_expect(eq(int, (int)sysfs_number(&number, tree.root, "planted"),
                 (int)SYSFS_OTHER));
    fake_tree_close(&tree);
}
