/* test_golden.c - Run every command as tests/golden/cases lists them; compare
 * what it prints and writes with tests/golden/NAME.txt. */
#include <assert.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/golden_mask.h"
#include "tests/program.h"
#include "tests/words.h"

enum { MOST_CASES = 192, MOST_FILES = 256, NAME_SIZE = 64, COMMAND_SIZE = 1024,
       PATH_SIZE = 1024 };

struct golden {
    char name[NAME_SIZE];
    char command[COMMAND_SIZE];   /* for sh */
};

static char *read_all(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL, block[4096];
    FILE *out = open_memstream(&text, size);

    if (file)
        for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;)
            fwrite(block, 1, n, out);
    fclose(out);
    if (file)
        fclose(file);
    return text;
}

/* ---- cases ---- */

/* Put one more line of a command behind the others. */
static void append(char command[COMMAND_SIZE], const char *text)
{
    size_t used = strlen(command);

    assert(used + strlen(text) + 2 < COMMAND_SIZE);
    snprintf(command + used, COMMAND_SIZE - used, "%s%s", used ? " " : "",
             text);
}

/* A case is a line with its name, and its command in indented lines below. */
static size_t read_cases(struct golden golden[MOST_CASES])
{
    FILE *file = fopen("tests/golden/cases", "r");
    char line[COMMAND_SIZE];
    size_t n = 0;

    assert(file != NULL);
    while (fgets(line, sizeof line, file)) {
        const char *text = line + strspn(line, " ");
        line[strcspn(line, "\n")] = '\0';
        if (*text == '\0' || *text == '#')
            continue;
        if (text > line && n > 0)
            append(golden[n - 1].command, text);
        else {
            assert(n < MOST_CASES && strlen(text) < NAME_SIZE);
            memcpy(golden[n++].name, text, strlen(text));
        }
    }
    fclose(file);
    return n;
}

/* A case with the word in its command is skipped where the test fails. */
static const struct need {
    const char *word, *test, *otherwise;
} needs[] = {
    { "shared/", "test -e \"${ISOBATH_SHARED:-../shared/data}\"",
      "no shared data here: set ISOBATH_SHARED" },
    { "isobath report", "command -v gnuplot >/dev/null",
      "no gnuplot here, which draws the figures" },
};

/* ---- a case runs ---- */

static char started_in[PATH_SIZE], scratch[PATH_SIZE];

static void shell(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...)
{
    char line[4 * PATH_SIZE];
    va_list list;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    cr_assert(system(line) == 0, "%s", line);
}

/* A new directory beside the program, with the inputs in it, to work in. */
static void enter_scratch(const char *name)
{
    char program[PROGRAM_SIZE], path[2 * PATH_SIZE];
    const char *shared = getenv("ISOBATH_SHARED");

    cr_assert(getcwd(started_in, sizeof started_in) != NULL);
    program_path(program);
    *strrchr(program, '/') = '\0';
    snprintf(scratch, sizeof scratch, "%s/golden/%s", program, name);
    shell("rm -rf '%s' && mkdir -p '%s' && cp tests/golden/given/* '%s'",
          scratch, scratch, scratch);
    shell("cd '%s' && ln -s '%s/configs' '%s/tests' .", scratch, started_in,
          started_in);
    shell("cd '%s' && ln -sn \"$(cd '%s' && realpath -m '%s')\" shared",
          scratch, started_in, shared ? shared : "../shared/data");
    cr_assert(chdir(scratch) == 0);
    write_words("text");
    write_tokenizer("words.bin");
    snprintf(path, sizeof path, "%s:%s", program, getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("LC_ALL", "C", 1);
    setenv("ISOBATH_KERNELS", "generic", 1);
}

static void leave_scratch(void)
{
    cr_assert(chdir(started_in) == 0);
    shell("rm -rf '%s'", scratch);
}

static char *file_name[MOST_FILES];
static size_t n_files;

static int note_file(const char *path, const struct stat *info, int type,
                     struct FTW *walk)
{
    (void)info;
    /* records.json repeats, on long lines, what the files of the points say. */
    if (type == FTW_F && n_files < MOST_FILES &&
        strcmp(path + walk->base, "records.json") != 0)
        file_name[n_files++] = strdup(path);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void record_file(FILE *out, const char *name, const char *path)
{
    char where[2 * PATH_SIZE];
    size_t size;
    char *text = read_all(path, &size);

    snprintf(where, sizeof where, "%s/%s", name, path);
    text = masked(where, text, size);
    size = strlen(text);
    fprintf(out, "==> %s <==\n%s", path, text);
    if (size > 0 && text[size - 1] != '\n')
        fputs("\n(no newline at the end)\n", out);
    free(text);
}

/* Run a case; return command, exit code, streams and the files under out as one
 * text, which the caller frees. */
static char *record(const struct golden *golden)
{
    char *text, line[COMMAND_SIZE + 64];
    size_t size;
    FILE *out = open_memstream(&text, &size);

    enter_scratch(golden->name);
    snprintf(line, sizeof line, "{ %s; } >stdout 2>stderr </dev/null",
             golden->command);
    int how = system(line);
    fprintf(out, "$ %s\nexit %d\n", golden->command,
            WIFEXITED(how) ? WEXITSTATUS(how) : 1000 + WTERMSIG(how));
    record_file(out, golden->name, "stdout");
    record_file(out, golden->name, "stderr");
    n_files = 0;
    nftw("out", note_file, 16, FTW_PHYS);
    cr_assert(n_files < MOST_FILES);
    qsort(file_name, n_files, sizeof *file_name, compare_names);
    for (size_t i = 0; i < n_files; i++) {
        record_file(out, golden->name, file_name[i]);
        free(file_name[i]);
    }
    leave_scratch();
    fclose(out);
    return text;
}

/* ---- and is compared ---- */

/* Print the first line in which they differ, and the file it belongs to. */
static void expect_same(const char *name, char *wanted, char *got)
{
    char *a, *b, file[PATH_SIZE] = "command";
    int line = 0;

    do {
        a = strsep(&wanted, "\n");
        b = strsep(&got, "\n");
        line++;
        if (a && b && strcmp(a, b) == 0 && strncmp(a, "==> ", 4) == 0) {
            snprintf(file, sizeof file, "%.*s", (int)strlen(a) - 8, a + 4);
            line = 0;
        }
    } while (a && b && strcmp(a, b) == 0);
    cr_expect(a == b, "%s, %s line %d:\n  was: %s\n  is:  %s\n"
              "(tests/golden/%s.txt; after an intended change `make golden` "
              "rewrites it)", name, file, line, a ? a : "(ends)",
              b ? b : "(ends)", name);
}

TestSuite(golden);

ParameterizedTestParameters(golden, a_command_says_what_it_said)
{
    static struct golden cases[MOST_CASES];
    return cr_make_param_array(struct golden, cases, read_cases(cases));
}

ParameterizedTest(struct golden *golden, golden, a_command_says_what_it_said)
{
    char path[PATH_SIZE];
    size_t size;

#ifndef __x86_64__
    cr_skip("the last digits are those of x86-64");
#endif
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (strstr(golden->command, needs[i].word) && system(needs[i].test))
            cr_skip("%s", needs[i].otherwise);
    char *got = record(golden);
    snprintf(path, sizeof path, "tests/golden/%s.txt", golden->name);
    if (getenv("GOLDEN_WRITE"))
        put_file(path, got);
    else {
        char *wanted = read_all(path, &size);
        cr_assert(size > 0, "%s: there is no such file; `make golden` writes "
                  "it", path);
        expect_same(golden->name, wanted, got);
        free(wanted);
    }
    free(got);
}
