/* isobath.c - the program: a table of commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/command.h"
#include "sim/core/base/nearest.h"

int machine_command(int argc, char **argv);
int predict_command(int argc, char **argv);
int profile_command(int argc, char **argv);
int report_command(int argc, char **argv);
int run_command(int argc, char **argv);
int sweep_command(int argc, char **argv);
int train_command(int argc, char **argv);

static const struct command commands[] = {
    { "machine", "", "this machine: peaks, counters, sensors, and why not",
      machine_command },
    { "predict", "MODEL", "price a model from its config, nothing is run",
      predict_command },
    { "train", "CONFIG -o DIR", "train on a text: checkpoint, curve, ledger",
      train_command },
    { "run", "MODEL --text FILE", "score a text: loss, and what each token cost",
      run_command },
    { "profile", "MODEL -o DIR", "predicted, counted, measured; dense twin"
      " beside", profile_command },
    { "sweep", "STUDY -o DIR", "run every point of a study; resumable",
      sweep_command },
    { "report", "DIR... -o DIR", "a page with figures and tables of all that",
      report_command },
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *file)
{
    fputs("Usage: isobath COMMAND [OPTION...]\n\n", file);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(file, "  %-8s %-17s %s\n", commands[i].name, commands[i].usage,
                commands[i].help);
    fputs("\nExamples:\n"
          "  isobath predict configs/models/tiny-48-mod.yaml --format json\n"
          "  isobath train configs/runs/demo.yaml -o build/run --resume\n"
          "  isobath report build/run -o build/report\n"
          "\n'isobath COMMAND --help' lists a command's options and the keys of"
          " its config.\n", file);
}

static int run(const struct command *command, int argc, char **argv)
{
    char name[64];

    snprintf(name, sizeof name, "isobath %s", command->name);
    argv[0] = name;
    return command->run(argc, argv);
}

static int fail_unknown(const char *name)
{
    struct nearest near = nearest_to(name);

    for (int i = 0; i < N_COMMANDS; i++)
        nearest_offer(&near, commands[i].name);
    fprintf(stderr, "isobath: error: unknown command '%s'%s%s%s\n"
            "  help: 'isobath --help' lists all\n", name,
            near.name ? ", did you mean '" : "", near.name ? near.name : "",
            near.name ? "'?" : "");
    return status_exit_code(STATUS_BAD_VALUE);
}

/* A full disk behind stdout must not end as success. */
static int close_output(int code)
{
    if ((fclose(stdout) != 0) && code == 0) {
        perror("isobath: error: cannot write the output");
        return status_exit_code(STATUS_IO);
    }
    return code;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    argp_program_version = "isobath " ISOBATH_VERSION;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        strcmp(name, "help") == 0) {
        print_help(stdout);
        return close_output(0);
    }
    if (strcmp(name, "--version") == 0) {
        puts(argp_program_version);
        return close_output(0);
    }
    if (argc < 2) {
        print_help(stderr);
        return status_exit_code(STATUS_BAD_VALUE);
    }
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return close_output(run(&commands[i], argc - 1, argv + 1));
    return fail_unknown(name);
}
