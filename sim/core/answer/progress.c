/* progress.c - Work out rate and time left; overwrite one line of a
 * terminal. */
#include "sim/core/answer/progress.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sim/core/base/clock.h"

enum { LINE_SIZE = 256, DEFAULT_COLUMNS = 80 };

/* Seconds before the first line and between lines. */
static const struct pace {
    double first, apart;
} paces[] = { [false] = { 20, 20 }, [true] = { 1, 0.2 } };      /* terminal? */

const char progress_file[] = "ISOBATH_PROGRESS";

struct progress progress_begin(const char *what, const char *unit, double total,
                               bool quiet)
{
    const char *term = getenv("TERM");
    const bool terminal = isatty(STDERR_FILENO) && term &&
                          strcmp(term, "dumb") != 0;
    double now = clock_seconds();

    return (struct progress){
        .what = what, .unit = unit, .total = total, .first = -1, .started = now,
        .next = now + paces[terminal].first, .on = !quiet,
        .terminal = terminal,
    };
}

void progress_duration(char out[PROGRESS_DURATION_SIZE], double seconds)
{
    if (seconds >= 5400)
        snprintf(out, PROGRESS_DURATION_SIZE, "%.1f h", seconds / 3600);
    else if (seconds >= 90)
        snprintf(out, PROGRESS_DURATION_SIZE, "%.0f min", seconds / 60);
    else
        snprintf(out, PROGRESS_DURATION_SIZE, seconds < 10 ? "%.1f s" : "%.0f s",
                 seconds);
}

static int columns(void)
{
    struct winsize window;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0
               ? window.ws_col : DEFAULT_COLUMNS;
}

/* The length of a line without the blanks at its end. */
static int trimmed(const char *line)
{
    int n = (int)strlen(line);
    while (n > 0 && line[n - 1] == ' ')
        n--;
    return n;
}

void progress_skip(struct progress *p, double done)
{
    p->first += p->first < 0 ? 0 : done;
}

void progress_tell(struct progress *p, double from, double to)
{
    const char *path = getenv(progress_file);
    const int file = path && p->teller == 0
                         ? open(path, O_WRONLY | O_CLOEXEC) : p->teller;

    p->teller = file > 0 ? file : 0;
    p->from = from;
    p->to = to;
}

/* One write of always as many bytes, so that nobody reads half of it. */
static void tell(struct progress *p, double done, double now)
{
    char share[PROGRESS_SHARE_SIZE + 1];

    if (p->teller == 0 || p->total <= 0 ||
        (now < p->tell_next && done < p->total))
        return;
    p->tell_next = now + paces[true].apart;
    snprintf(share, sizeof share, "%.6f\n",
             fmin(p->from + (p->to - p->from) * done / p->total, 1));
    if (pwrite(p->teller, share, PROGRESS_SHARE_SIZE, 0) < 0) {
        close(p->teller);
        p->teller = 0;
    }
}

void progress_at(struct progress *p, double done, const char *note)
{
    char line[LINE_SIZE], left[48] = "", of[32] = "";
    char duration[PROGRESS_DURATION_SIZE];
    double now = clock_seconds();

    if (p->first < 0) {
        p->first = done;
        p->started = now;
    }
    tell(p, done, now);
    if (!p->on || now < p->next)
        return;
    p->next = now + paces[p->terminal].apart;
    double rate = (done - p->first) / (now - p->started);
    if (p->total > 0)
        snprintf(of, sizeof of, "/%.0f", p->total);
    if (p->total > 0 && rate > 0) {
        progress_duration(duration, (p->total - done) / rate);
        snprintf(left, sizeof left, "about %s left", duration);
    }
    snprintf(line, sizeof line, "  %s  %s %.0f%s  %.3g %ss/s  %s  %s", p->what,
             p->unit, floor(done), of, rate, p->unit, left, note ? note : "");
    /* One column short, because some terminals wrap a full line. */
    if (p->terminal)
        fprintf(stderr, "\r%.*s\033[K", columns() - 1, line);
    else
        fprintf(stderr, "%.*s\n", trimmed(line), line);
    fflush(stderr);
}

void progress_clear(const struct progress *p)
{
    if (p->on && p->terminal)
        fputs("\r\033[K", stderr);
}

void progress_end(struct progress *p)
{
    progress_clear(p);
    if (p->teller > 0)
        close(p->teller);
    p->teller = 0;
    p->on = false;
}
