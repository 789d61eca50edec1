/* figure_isoflop_data.c - Write the data of the figure of loss against size. */
#include "reports/figures/figure_isoflop.h"

#include <math.h>
#include "sim/core/answer/table.h"

double isoflop_layers(const struct dot *d)
{
    return d->s->run[0]->facts.n_layers;
}

double isoflop_channels(const struct dot *d)
{
    return d->s->run[0]->facts.n_channels;
}

void isoflop_name(char out[96], const struct isoflop *iso, const struct dot *d)
{
    char budget[TABLE_NUMBER_SIZE] = "";

    if (iso->study->n_budgets > 1)
        table_si(budget, iso->study->budget[d->s->budget], "FLOP");
    if (d->s->kind == SETTING_DENSE)
        snprintf(out, 96, "dense");
    else
        snprintf(out, 96, "MoD %g%%", 100 * d->s->capacity);
    if (*budget)
        snprintf(out + strlen(out), 96 - strlen(out), ", %s", budget);
}

static void write_seeds(struct plot *p, const struct dot *d, int n)
{
    for (int i = 0; i < n; i++)
        for (size_t j = 0; j < d[i].s->n; j++) {
            const struct run *run = d[i].s->run[j];
            if (isfinite(run->facts.loss_causal))
                fprintf(p->data, "%.9g %.9g %.0f %.0f\n", d[i].x,
                        run->facts.loss_causal, run->facts.seed, d[i].size);
        }
    fputs("\n\n", p->data);
}

static void write_means(struct plot *p, const struct dot *d, int n)
{
    for (int i = 0; i < n; i++)
        fprintf(p->data, "%.9g %.9g %.9g %.9g %zu %.0f \"%s\"\n", d[i].x,
                d[i].loss.mean, d[i].loss.low, d[i].loss.high, d[i].loss.n,
                d[i].size, d[i].s->label);
    fputs("\n\n", p->data);
}

/* Write settings that share `fixed` and differ in the other, left to right; of
 * two of one size the lower. */
static int write_line(struct plot *p, const struct dot *d, int n,
                      double (*of)(const struct dot *), double fixed)
{
    const struct dot *before = NULL;
    int sizes = 0;

    for (int i = 0; i < n; i++)
        if (of(&d[i]) == fixed && (i == 0 || d[i].size != d[i - 1].size ||
                                   of(&d[i - 1]) != fixed))
            sizes++;
    if (sizes < 2)
        return 0;
    for (int i = 0; i < n; i++) {
        if (of(&d[i]) != fixed || (before && before->size == d[i].size))
            continue;
        fprintf(p->data, "%.9g %.9g\n", d[i].x, d[i].loss.mean);
        before = &d[i];
    }
    fputc('\n', p->data);
    return 1;
}

static void write_lines(struct plot *p, const struct dot *d, int n)
{
    static double (*const fixed[])(const struct dot *) = { isoflop_channels,
                                                           isoflop_layers };
    int lines = 0;

    for (int f = 0; f < 2; f++)
        for (int i = 0; i < n; i++) {
            bool seen = false;
            for (int k = 0; k < i; k++)
                seen |= fixed[f](&d[k]) == fixed[f](&d[i]);
            if (!seen)
                lines += write_line(p, d, n, fixed[f], fixed[f](&d[i]));
        }
    fputs(lines ? "\n" : "NaN NaN\n\n\n", p->data);
}

/* The number of dots of the curve that starts at `i`. */
int isoflop_length(const struct isoflop *iso, int i)
{
    int n = 1;
    while (!iso->dot[i + n - 1].last)
        n++;
    return n;
}

/* The fit of the curve that a dot is on; NULL: no minimum is between its sizes. */
static const struct scaling_curve *fit_of(const struct scaling *scaling,
                                          const struct dot *d)
{
    for (size_t i = 0; i < scaling->n_curves; i++) {
        const struct scaling_curve *c = &scaling->curve[i];
        const struct scaling_arm *arm = &scaling->arm[c->arm];
        if (c->budget == d->s->budget && arm->kind == d->s->kind &&
            (d->s->kind == SETTING_DENSE || arm->capacity == d->s->capacity))
            return c->fit.bracketed ? c : NULL;
    }
    return NULL;
}

static void write_fit(struct plot *p, const struct scaling_curve *c)
{
    enum { STEPS = 48 };

    for (int i = 0; c && i <= STEPS; i++) {
        const double size = c->fit.first * pow(c->fit.last / c->fit.first,
                                               (double)i / STEPS);
        const double off = log(size / c->fit.size);
        fprintf(p->data, "%.9g %.9g\n", size, c->fit.loss +
                c->fit.bend * off * off);
    }
    fputs(c ? "\n\n" : "NaN NaN\n\n\n", p->data);
    if (c)
        fprintf(p->data, "%.9g %.9g %.9g %.9g %.9g %.9g\n\n\n", c->fit.size,
                c->fit.loss, c->size.low, c->size.high, c->loss.low,
                c->loss.high);
    else
        fputs("NaN NaN NaN NaN NaN NaN\n\n\n", p->data);
}

int isoflop_data(struct plot *p, const struct isoflop *iso,
                 const struct scaling *scaling)
{
    int fits = 0;

    for (int i = 0, n; i < iso->n; i += n) {
        const struct dot *d = &iso->dot[i];
        char name[96];
        n = isoflop_length(iso, i);
        isoflop_name(name, iso, d);
        fprintf(p->data, "# %s, seeds: x_drawn  loss_nats_per_byte  seed  "
                "parameters\n", name);
        write_seeds(p, d, n);
        fprintf(p->data, "# %s: x_drawn  mean  low  high  seeds  parameters  "
                "\"setting\"\n", name);
        write_means(p, d, n);
        fprintf(p->data, "# %s, means of equal width, then of equal depth\n",
                name);
        write_lines(p, d, n);
        fprintf(p->data, "# %s, parabola: parameters  loss; then its lowest: "
                "parameters  loss  low  high  loss_low  loss_high\n", name);
        write_fit(p, fit_of(scaling, d));
        fits += fit_of(scaling, d) != NULL;
    }
    return fits;
}
