/* energy_totals.c - Take idling off the joules of some work, and divide them by
 * its tokens. */
#include "hwprof/energy/energy_totals.h"

#include <math.h>
#include "sim/core/answer/json.h"

static double per(double joules, int64_t n)
{
    return n > 0 ? joules / (double)n : (double)NAN;
}

struct energy_totals energy_totals(double joules, double seconds,
                                   const struct energy_idle *idle,
                                   int64_t n_output, int64_t n_tokens)
{
    const double unknown = (double)NAN;
    struct energy_totals t = { .seconds = seconds, .gross = joules,
        .idle = unknown, .net = unknown, .net_low = unknown,
        .net_high = unknown };

    if (!idle || idle->n_windows == 0) {
        snprintf(t.reason, sizeof t.reason, "no idle baseline%s%.150s",
                 idle && idle->reason[0] ? ": " : "",
                 idle ? idle->reason : "");
    } else {
        t.idle = idle->watts * seconds;
        t.net_low = joules - idle->high * seconds;
        t.net_high = joules - idle->low * seconds;
        if (t.net_low > 0)
            t.net = joules - t.idle;
        else
            snprintf(t.reason, sizeof t.reason, "not told from idling: %.3g J "
                     "in %.3g s, idle %.3g to %.3g W", joules, seconds,
                     idle->low, idle->high);
    }
    t.gross_per_output = per(t.gross, n_output);
    t.net_per_output = per(t.net, n_output);
    t.gross_per_token = per(t.gross, n_tokens);
    t.net_per_token = per(t.net, n_tokens);
    return t;
}

/* ---- printing ---- */

static void print_joules(FILE *file, double joules, const char *what)
{
    if (isfinite(joules))
        fprintf(file, " %.4g J %s", joules, what);
    else
        fprintf(file, " - J %s", what);
}

void energy_totals_text(FILE *file, const struct energy_totals *t,
                        const struct energy_idle *idle)
{
    fputs("energy  ", file);
    print_joules(file, t->gross, "gross,");
    print_joules(file, t->net, "net");
    if (isfinite(t->net))
        fprintf(file, " (%.4g to %.4g)", t->net_low, t->net_high);
    if (idle && idle->n_windows)
        fprintf(file, "; idle %.4g W (%.4g to %.4g, %d windows)", idle->watts,
                idle->low, idle->high, idle->n_windows);
    if (t->reason[0])
        fprintf(file, "; %s", t->reason);
    fputs("\nper token", file);
    print_joules(file, t->gross_per_output, "gross,");
    print_joules(file, t->net_per_output, "net, generated;");
    print_joules(file, t->gross_per_token, "gross,");
    print_joules(file, t->net_per_token, "net, in all\n");
}

json_t *energy_totals_json(const struct energy_totals *t,
                           const struct energy_idle *idle)
{
    const double unknown = (double)NAN;
    bool known = idle && idle->n_windows;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:i, s:o}",
        "gross_joules", json_number(t->gross),
        "net_joules", json_number(t->net),
        "net_joules_low", json_number(t->net_low),
        "net_joules_high", json_number(t->net_high),
        "seconds", json_number(t->seconds),
        "gross_joules_per_output_token", json_number(t->gross_per_output),
        "net_joules_per_output_token", json_number(t->net_per_output),
        "gross_joules_per_token", json_number(t->gross_per_token),
        "net_joules_per_token", json_number(t->net_per_token),
        "idle_watts", json_number(known ? idle->watts : unknown),
        "idle_watts_low", json_number(known ? idle->low : unknown),
        "idle_watts_high", json_number(known ? idle->high : unknown),
        "idle_windows", known ? idle->n_windows : 0,
        "reason", json_reason(t->reason));
}
