/* report.c - Run isobath report: read finished runs, write a page of them. */
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/escape.h"
#include "sim/core/answer/rundir.h"
#include "reports/report.h"
#include "sim/commands/commands.h"

static const struct flag flags[] = {
    FLAG_OPERAND("DIR...", NULL, "what train, run, profile, answer or sweep left; runs"
        " of several directories stand in the same figures"),
    FLAG_REPLACED("DIR", NULL, "where the report goes: index.html, figures/ (SVG,"
        " PNG, gnuplot script, data) and tables/ (CSV, JSON, Markdown)"),
    FLAG_QUIET,
    FLAG_END
};

/* Write the command line as it may be typed again. */
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

/* Name the figures left out with the reason; warn of ledgers that disagree. */
static void say(const struct report *report, const struct command_options *o)
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
    if (!o->quiet)
        printf("%zu figure%s, %zu run%s\n", report->n_figures,
               report->n_figures == 1 ? "" : "s", report->n_worked,
               report->n_worked == 1 ? "" : "s");
    print_path(o->output, "index.html");
}

/* Without gnuplot there are no figures, as --help says; one that it failed at is
 * missing. */
static enum status check_figures(const struct report *report, struct error *err)
{
    size_t n = 0;

    for (size_t i = 0; i < report->n_figures; i++)
        n += !report->figure[i].plot.drawn &&
             !strstr(report->figure[i].plot.reason, "not installed");
    return n == 0 ? STATUS_OK
                  : error_set(err, STATUS_FAILED, "%zu of %zu figures are not"
                              " drawn, and the page lacks them", n,
                              report->n_figures);
}

static int run(void *options)
{
    const struct command_options *o = options;
    struct report *report = calloc(1, sizeof *report);
    struct error err = { STATUS_NO_MEMORY, "no memory for a report" };
    struct rundir rundir = { .lock = -1 };
    static const char *const folders[] = { "figures", "tables" };

    if (!report)
        return command_fail(&err);
    command_end_on_signals();
    enum status status = report_open(report, o->operand, o->n_operands, &err);
    command_line(report->command_line, sizeof report->command_line, o->argc,
                 o->argv);
    if (status == STATUS_OK)
        status = rundir_open_anew(&rundir, o->output, "report", &err);
    if (status == STATUS_OK)
        rundir_clear(&rundir);
    for (size_t i = 0; status == STATUS_OK && i < 2; i++)
        rundir_remove_leftovers(&rundir, folders[i]);
    if (status == STATUS_OK)
        status = report_write(report, o->output, &err);
    if (status == STATUS_OK) {
        say(report, o);
        status = check_figures(report, &err);
    }
    rundir_close(&rundir);
    report_close(report);
    free(report);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command report_command = {
    .name = "report", .usage = "DIR... -o DIR",
    .help = "a page of finished runs, with figures and tables",
    .about = "Make a self-contained page of finished runs, with its figures and"
        " tables beside it.  One run gets a page of its own; of several profiles,"
        " each is compared with the first; trained models are compared with the"
        " best dense one. Figures need gnuplot; without it the page says so and"
        " keeps the tables.",
    .examples =
        "  isobath report build/run -o build/report\n"
        "  isobath report build/sweep build/profile build/score -o build/report\n"
        "  isobath report build/run build/dense -o build/report --quiet\n",
    .flags = flags, .options_size = sizeof(struct command_options), .run = run,
};
