/* test_file.c - Expect files to appear whole or not at all, and failures to
 * name the file and the cause. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "sim/core/base/file.h"
#include "tests/directory.h"

TestSuite(file, .init = enter_directory, .fini = leave_directory);

static struct error err;

static void put(const char *path, const char *text)
{
    struct file_writer writer;
    cr_assert(eq(int, file_create(&writer, path, &err), STATUS_OK));
    fputs(text, writer.stream);
    enum status status = file_commit(&writer, &err);
    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
}

/* The text of a file, good until the next call. */
static char *get(const char *path)
{
    static char *text;
    size_t size = 0;

    free(text);
    enum status status = file_read(&text, &size, path, 1 << 20, &err);
    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    cr_assert(eq(sz, strlen(text), size));
    return text;
}

static int n_entries(void)
{
    DIR *listing = opendir(".");
    int n = -2;                  /* . and .. */
    while (readdir(listing))
        n++;
    closedir(listing);
    return n;
}

Test(file, a_committed_file_holds_what_was_written)
{
    put("a.txt", "one\n");
    cr_assert_str_eq(get("a.txt"), "one\n");
    cr_assert(eq(int, n_entries(), 1));
}

Test(file, the_old_file_stays_until_the_new_one_is_committed)
{
    struct file_writer writer;

    put("a.txt", "old");
    cr_assert(eq(int, file_create(&writer, "a.txt", &err), STATUS_OK));
    fputs("new", writer.stream);
    fflush(writer.stream);
    cr_assert_str_eq(get("a.txt"), "old");
    cr_assert(eq(int, file_commit(&writer, &err), STATUS_OK));
    cr_assert_str_eq(get("a.txt"), "new");
}

Test(file, what_went_wrong_is_not_committed)
{
    struct file_writer writer;

    for (int ok = 0; ok < 2; ok++) {
        const char *name = ok ? "a.txt" : "b.txt";
        const enum status status = ok ? STATUS_OK : STATUS_BAD_VALUE;
        put(name, "old");
        cr_assert(eq(int, file_create(&writer, name, &err), STATUS_OK));
        fputs("new", writer.stream);
        cr_expect(eq(int, file_end(&writer, status, &err), status));
        cr_assert_str_eq(get(name), ok ? "new" : "old");
    }
}

Test(file, an_abandoned_file_leaves_nothing_behind)
{
    struct file_writer writer;

    put("a.txt", "old");
    cr_assert(eq(int, file_create(&writer, "a.txt", &err), STATUS_OK));
    fputs("new", writer.stream);
    file_abandon(&writer);
    cr_assert_str_eq(get("a.txt"), "old");
    cr_assert(eq(int, n_entries(), 1));
}

/* A file-size limit fails a write midway, like a full disk. */
Test(file, a_write_that_fails_is_reported_and_leaves_the_old_file)
{
    struct rlimit limit = { 8192, 8192 };
    struct file_writer writer;

    put("a.txt", "old");
    signal(SIGXFSZ, SIG_IGN);
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &limit), 0));
    cr_assert(eq(int, file_create(&writer, "a.txt", &err), STATUS_OK));
    for (int i = 0; i < 10000; i++)
        fputs("0123456789", writer.stream);
    cr_assert(eq(int, file_commit(&writer, &err), STATUS_IO));
    cr_assert(ne(ptr, strstr(err.text, "a.txt': File too large"), NULL), "%s",
              err.text);
    cr_assert_str_eq(get("a.txt"), "old");
    cr_assert(eq(int, n_entries(), 1));
}

Test(file, a_full_device_is_reported)
{
    struct file_writer writer;

    cr_assert(eq(int, file_create(&writer, "/dev/full", &err), STATUS_OK));
    fputs("text", writer.stream);
    cr_assert(eq(int, file_commit(&writer, &err), STATUS_IO));
    cr_assert_str_eq(err.text, "cannot write '/dev/full': No space left on"
                               " device");
}

Test(file, a_device_is_written_in_place_not_replaced)
{
    struct stat st;

    put("/dev/null", "gone");
    cr_assert(eq(int, stat("/dev/null", &st), 0));
    cr_assert(eq(int, st.st_mode & S_IFMT, S_IFCHR));
}

Test(file, a_symbolic_link_stays_one)
{
    struct stat st;

    put("a.txt", "old");
    cr_assert(eq(int, symlink("a.txt", "link"), 0));
    put("link", "new");
    cr_assert(eq(int, lstat("link", &st), 0));
    cr_assert(eq(int, st.st_mode & S_IFMT, S_IFLNK));
    cr_assert_str_eq(get("a.txt"), "new");
}

Test(file, no_file_is_made_in_a_directory_that_is_not_there)
{
    struct file_writer writer;

    cr_assert(eq(int, file_create(&writer, "no/a.txt", &err),
                 STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "cannot write 'no/a.txt': No such file or"
                               " directory");
    cr_assert(eq(int, file_create(&writer, ".", &err), STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "cannot write '.': Is a directory");
}

Test(file, reading_says_which_file_is_missing_or_no_file)
{
    char *text = NULL;
    size_t size = 0;

    cr_assert(eq(int, file_read(&text, &size, "no.txt", 10, &err),
                 STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "cannot read 'no.txt': No such file or"
                               " directory");
    cr_assert(eq(int, file_read(&text, &size, ".", 10, &err),
                 STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "cannot read '.': Is a directory");
}

Test(file, reading_stops_at_the_limit)
{
    char *text = NULL;
    size_t size = 0;

    put("a.txt", "12345");
    cr_assert(eq(int, file_read(&text, &size, "a.txt", 5, &err), STATUS_OK));
    free(text);
    cr_assert(eq(int, file_read(&text, &size, "a.txt", 4, &err),
                 STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "cannot read 'a.txt': larger than the 4 bytes"
                               " allowed");
    /* A file says how much it has: nothing of it is read. */
    cr_assert(truncate("a.txt", (off_t)1 << 36) == 0);
    cr_assert(eq(int, file_read(&text, &size, "a.txt", (size_t)1 << 35, &err),
                 STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "larger than") != NULL, "%s", err.text);
    char endless[32];
    snprintf(endless, sizeof endless, "/dev/fd/%d", open("/dev/zero", O_RDONLY));
    cr_assert(eq(int, file_read(&text, &size, endless, 100000, &err),
                 STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "larger than") != NULL, "%s", err.text);
}

Test(file, a_map_shows_the_bytes_and_an_empty_file_has_none)
{
    struct file_map map;

    put("a.txt", "abc");
    cr_assert(eq(int, file_map(&map, "a.txt", &err), STATUS_OK));
    cr_assert(eq(sz, map.size, 3));
    cr_assert(eq(int, memcmp(map.data, "abc", 3), 0));
    file_unmap(&map);
    put("empty", "");
    cr_assert(eq(int, file_map(&map, "empty", &err), STATUS_OK));
    cr_assert(eq(sz, map.size, 0));
    file_unmap(&map);
}

static void expect_no_file(const char *path)
{
    char *text = NULL, words[64];
    size_t size = 0;
    struct file_map map;

    snprintf(words, sizeof words, "cannot read '%s': not a regular file", path);
    cr_expect(eq(int, file_read(&text, &size, path, 10, &err),
                 STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, words);
    cr_expect(eq(int, file_map(&map, path, &err), STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, words);
    cr_expect(file_open_optional(path) == NULL);
}

/* Its writer would take an opening for somebody who reads. */
Test(file, a_pipe_or_a_device_is_no_file_and_is_not_opened)
{
    cr_assert(eq(int, mkfifo("pipe", 0600), 0));
    const pid_t writer = fork();
    if (writer == 0)
        _exit(open("pipe", O_WRONLY) < 0);
    usleep(100000);
    expect_no_file("pipe");
    usleep(100000);
    cr_expect(eq(int, waitpid(writer, NULL, WNOHANG), 0), "it was let go");
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    cr_assert(symlink("pipe", "link") == 0);
    expect_no_file("link");
    expect_no_file("/dev/zero");
}

Test(file, a_pipe_that_was_given_open_is_read_to_its_end_as_often_as_asked)
{
    struct file_map map;
    int end[2];
    char path[32], hash[17], again[17];

    cr_assert(eq(int, pipe(end), 0));
    snprintf(path, sizeof path, "/dev/fd/%d", end[0]);
    cr_assert(write(end[1], "abc", 3) == 3);
    close(end[1]);
    for (int i = 0; i < 2; i++)
        cr_expect_str_eq(get(path), "abc");
    cr_assert(eq(int, file_map(&map, path, &err), STATUS_OK), "%s", err.text);
    cr_expect(map.size == 3 && memcmp(map.data, "abc", 3) == 0);
    file_unmap(&map);
    put("a.txt", "abc");
    cr_assert(eq(int, file_hash(hash, path, &err), STATUS_OK));
    cr_assert(eq(int, file_hash(again, "a.txt", &err), STATUS_OK));
    cr_expect_str_eq(hash, again);
}

Test(file, directories_are_made_with_their_parents)
{
    cr_assert(eq(int, file_make_directory("a/b//c/", &err), STATUS_OK));
    cr_assert(file_exists("a/b/c"));
    cr_assert(eq(int, file_make_directory("a/b/c", &err), STATUS_OK));
}

Test(file, a_file_in_the_way_of_a_directory_is_named)
{
    put("a", "");
    cr_assert(eq(int, file_make_directory("a/b", &err), STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "cannot make directory 'a': Not a directory");
}

Test(file, joining_puts_one_slash_between)
{
    char path[FILE_PATH_SIZE];

    cr_assert(eq(int, file_join(path, "a", "b", &err), STATUS_OK));
    cr_assert_str_eq(path, "a/b");
    cr_assert(eq(int, file_join(path, "/", "b", &err), STATUS_OK));
    cr_assert_str_eq(path, "/b");
}

Test(file, a_joined_name_that_does_not_fit_is_refused)
{
    char path[FILE_PATH_SIZE], part[FILE_PATH_SIZE];

    memset(part, 'x', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    cr_assert(eq(int, file_join(path, part, "b", &err), STATUS_BAD_VALUE));
}

/* What was written without memory may lack something. */
Test(file, nothing_is_written_once_memory_ran_out)
{
    struct file_writer writer;

    put("out", "old\n");
    cr_assert(eq(int, file_create(&writer, "out", &err), STATUS_OK));
    fputs("new\n", writer.stream);
    cr_expect(not(error_memory_ran_out()));
    error_set(NULL, STATUS_NO_MEMORY, "no memory for a part");
    cr_expect(error_memory_ran_out());
    cr_expect(eq(int, file_commit(&writer, &err), STATUS_NO_MEMORY));
    cr_expect_str_eq(get("out"), "old\n");
    cr_expect(not(file_exists(writer.temporary)));
}
