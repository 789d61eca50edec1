/* report.c - Run isobath report DIR... -o DIR. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/escape.h"
#include "reports/report.h"
#include "sim/core/answer/command.h"

int report_command(int argc, char **argv);

struct arguments {
    struct command_options options;
    char  **paths;             /* [n] borrowed */
    size_t  n;
};

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->options;
        return 0;
    case ARGP_KEY_ARG:
        arguments->paths[arguments->n++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (arguments->n == 0)
            argp_error(state, "give at least one run directory");
        if (!arguments->options.output)
            argp_error(state, "-o DIR is missing: where to put the report");
        command_refuse_settings(&arguments->options, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const char help[] =
    "Make a report of finished runs: index.html, a page that holds everything, "
    "beside figures/ (SVG, PNG, gnuplot script, data) and tables/ (CSV, JSON, "
    "Markdown)."
    "\v"
    "DIR is what train, run, profile or sweep left behind; several are "
    "reported together, trained models of all of them on the same axes. "
    "Figures need gnuplot; without it the page says so and keeps the "
    "tables.\n\n"
    "Examples:\n"
    "  isobath report build/sweep build/profile build/score -o build/report\n"
    "  isobath report runs/a runs/b -o compare\n";

static const struct argp_child children[] = { { &command_argp, 0, NULL, 0 },
                                              { NULL, 0, NULL, 0 } };
static const struct argp parser = { NULL, parse_argument, "DIR...", help,
                                    children, NULL, NULL };

/* The command line in a form that can be typed again. */
static void command_line(char *out, size_t size, int argc, char **argv)
{
    size_t used = 0;

    for (int i = 0; i < argc && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s",
                                 i ? " " : "", argv[i]);
}

static void print_path(const char *folder, const char *file)
{
    escape_write(stdout, BORDER_TERMINAL, folder);
    printf("/%s\n", file);
}

/* Name the files that were written, and the figures left out with the reason. */
static void say(const struct report *report, const struct arguments *arguments)
{
    for (size_t i = 0; i < report->n_figures; i++)
        if (!report->figure[i].plot.drawn) {
            command_warn("figure '%s' is not drawn: %s; its .gp and .dat are "
                         "written", report->figure[i].plot.name,
                         report->figure[i].plot.reason);
            if (strstr(report->figure[i].plot.reason, "not installed"))
                break;
        }
    if (report->mismatches)
        command_warn("counted and predicted differ in %zu of %zu cells and "
                     "totals: see 'How far to trust it' on the page",
                     report->mismatches, report->compared);
    if (report->study.n_unfinished + report->tradeoff.n_unfinished)
        command_warn("%zu points of the sweep are not finished and are left "
                     "out", report->study.n_unfinished +
                     report->tradeoff.n_unfinished);
    if (!arguments->options.quiet)
        printf("%zu figures, %zu runs\n", report->n_figures,
               report->study.n_runs + report->tradeoff.n + report->n_runs);
    print_path(arguments->options.output, "index.html");
}

int report_command(int argc, char **argv)
{
    struct arguments arguments = { .n = 0 };
    struct report *report = calloc(1, sizeof *report);
    struct error err = { .status = STATUS_OK };
    char line[sizeof report->command_line];
    enum status status;
    int code = 0;

    arguments.paths = calloc((size_t)argc + 1, sizeof *arguments.paths);
    if (!report || !arguments.paths) {
        error_set(&err, STATUS_NO_MEMORY, "no memory for a report");
        free(report);
        free(arguments.paths);
        return command_fail(&err);
    }
    command_line(line, sizeof line, argc, argv);   /* argp moves arguments */
    argp_parse(&parser, argc, argv, 0, NULL, &arguments);
    status = report_open(report, arguments.paths, arguments.n, &err);
    strcpy(report->command_line, line);
    if (status == STATUS_OK)
        status = report_write(report, arguments.options.output, &err);
    if (status == STATUS_OK)
        say(report, &arguments);
    else
        code = command_fail(&err);
    report_close(report);
    free(report);
    free(arguments.paths);
    return code;
}
