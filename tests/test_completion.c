/* test_completion.c - Type into real shells, press tab, and see what the line
 * becomes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/cli.h"
#include "tests/typed_shell.h"

TestSuite(completion, .init = enter_directory, .fini = leave_directory);

struct typed {
    const char *words, *become;
};

/* Words that either shell completes alike. */
static const struct typed typed[] = {
    { "isobath pre", "isobath predict " },
    { "isobath rou", "isobath route" },
    { "isobath cor", "isobath corpus " },
    { "isobath --ver", "isobath --version " },
    { "isobath predict --phase d", "isobath predict --phase decode " },
    { "isobath predict --phase=d", "isobath predict --phase=decode " },
    { "isobath predict -m h100-s", "isobath predict -m h100-sxm " },
    { "isobath predict smol", "isobath predict smollm-135m " },
    { "isobath train --set train.bu", "isobath train --set train.budget_flops=" },
    { "isobath keys mach", "isobath keys machine " },
    { "isobath report spok", "isobath report spoken.txt " },
    { "isobath report runs-h", "isobath report runs-here/" },
    { "isobath run -o runs-h", "isobath run -o runs-here/" },
    { "isobath predict --machine spok", "isobath predict --machine spoken.txt " },
};

/* Tab, then the key by which the shell prints its line between < and >. */
static void expect_typed(const struct typed_shell *shell, const struct typed *one)
{
    char keys[128];

    snprintf(keys, sizeof keys, "%s\t\a", one->words);
    typed_shell_type(shell, keys);
    char *line = typed_shell_hear(shell);
    cr_expect(eq(str, line, (char *)(size_t)one->become), "%s", one->words);
    free(line);
}

/* A shell that reads `start` from the file `rc`. */
static void expect_all(const char *const *argv, const char *rc, const char *start)
{
    char folder[PROGRAM_SIZE];
    struct typed_shell shell;

    put_file("spoken.txt", "");
    cr_assert(zero(int, mkdir("runs-here", 0777)));
    put_file(rc, start);
    program_path(folder);
    strcpy(strrchr(folder, '/'), "/pages");
    setenv("PAGES", folder, 1);
    setenv("ZDOTDIR", entered_directory, 1);
    typed_shell_open(&shell, argv);
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++)
        expect_typed(&shell, &typed[i]);
    typed_shell_close(&shell);
}

Test(completion, bash_completes_words)
{
    if (system("command -v bash >/dev/null") != 0)
        cr_skip("no bash here");
    expect_all(ARGUMENTS("bash", "--noprofile", "--rcfile", "rc", "-i"), "rc",
               "PS1=; unset HISTFILE; . \"$PAGES/isobath.bash\"\n"
               "bind 'set enable-bracketed-paste off'\n"
               "bind -x '\"\\a\": echo \"<$READLINE_LINE>\"; READLINE_LINE='\n"
               "echo '<ready>'\n");
}

Test(completion, zsh_completes_words)
{
    if (system("command -v zsh >/dev/null") != 0)
        cr_skip("no zsh here");
    expect_all(ARGUMENTS("zsh", "-d", "-i"), ".zshrc",
               "PS1= PS2= RPS1=; unset zle_bracketed_paste; fpath=($PAGES $fpath)\n"
               "autoload -U compinit; compinit -u -D\n"
               "ends() { print -r -- \"<$BUFFER>\"; BUFFER= }; zle -N ends\n"
               "bindkey '^G' ends; bindkey '^I' expand-or-complete\n"
               "print '<ready>'\n");
}
