/* figures.c - Build the figures of a report, in the order of their table. */
#include "reports/figures/figures.h"

#include <string.h>
#include "reports/read/jsonpath.h"

/* ---- the runs that figures are drawn from; of several the first ---- */

static const struct run *from_study(const struct report *r)
{
    return r->study.n ? r->study.setting[0].run[0] : NULL;
}

/* The first point of the first sweep of that command. */
static const struct run *first_point(const struct report *r, enum run_kind kind)
{
    for (size_t i = 0; i < r->n_runs; i++)
        if (r->run[i].n_points && r->run[i].point[0].kind == kind)
            return &r->run[i].point[0];
    return NULL;
}

static const struct run *from_tradeoff(const struct report *r)
{
    return first_point(r, RUN_SCORE);
}

static const struct run *from_traffic(const struct report *r)
{
    return first_point(r, RUN_PROFILE);
}

static const struct run *from_asked(const struct report *r)
{
    return report_asked(r);
}

static const struct run *from_priced(const struct report *r)
{
    return r->priced.run;
}

static const struct run *from_profile(const struct report *r)
{
    return r->profile;
}

static const struct run *from_layers(const struct report *r)
{
    for (int a = 0; a < ARM_COUNT; a++)
        if (r->layers[a] && r->layers[a] != &r->trained[a])
            return r->profile;
    return r->study.mod ? study_typical(r->study.mod)
         : r->study.dense ? study_typical(r->study.dense) : r->scored;
}

static const struct run *from_text(const struct report *r)
{
    return r->scored;
}

static const struct run *first_of(const struct report *r, enum run_kind kind)
{
    for (size_t i = 0; i < r->n_worked; i++)
        if (r->worked[i]->kind == kind)
            return r->worked[i];
    return NULL;
}

static const struct run *from_router(const struct report *r)
{
    return first_of(r, RUN_ROUTER);
}

static const struct run *from_sensitivity(const struct report *r)
{
    return first_of(r, RUN_SENSITIVITY);
}

static const struct run *from_allocate(const struct report *r)
{
    return first_of(r, RUN_ALLOCATE);
}

/* ---- the table ---- */

static const struct figure {
    const char  *name, *narrow;
    enum section section;
    void       (*draw)(struct plot *plot, const struct report *r);
    const struct run *(*source)(const struct report *r);
    const char  *needs;
} figures[] = {
#define X(function, name, section, source, needs)                              \
    { name, name "-narrow", SECTION_##section, figure_##function, from_##source, needs },
    FIGURE_MAP(X)
#undef X
};
enum { N_FIGURES = sizeof figures / sizeof *figures };
_Static_assert((int)N_FIGURES <= (int)REPORT_MAX_FIGURES,
               "room for every figure");

static const char *text_or(const char *text, const char *fallback)
{
    return text && *text ? text : fallback;
}

/* The last words of every figure name the program and the machine. */
static void append_origin(struct plot *plot, const struct run *run)
{
    size_t used = strlen(plot->foot);
    const char *commit, *cpu;

    if (run->kind == RUN_SWEEP && !run->summary && run->n_points)
        run = &run->point[0];
    commit = text_or(jsonpath_text(run->summary, "provenance.commit"),
                     "unknown");
    cpu = text_or(jsonpath_text(run->summary, "provenance.cpu"),
                  text_or(jsonpath_text(run->summary, "provenance.cpu_model"),
                          "CPU unknown"));
    snprintf(plot->foot + used, sizeof plot->foot - used, "  |  isobath commit "
             "%.12s%s, %.60s", commit,
             json_is_true(jsonpath_at(run->summary, "provenance.dirty"))
             ? " with changes" : "", cpu);
}

/* Says apart that nothing to draw from was given, and that what was given does
 * not hold enough. */
static void leave_out(struct report *r, const struct plot *plot,
                      const char *needs, const struct run *source)
{
    struct report_gap *gap = &r->gap[r->n_gaps++];

    gap->name = plot->name;
    if (*plot->reason)
        memcpy(gap->reason, plot->reason, sizeof gap->reason);
    else if (source)
        snprintf(gap->reason, sizeof gap->reason, "%.64s is not enough; it "
                 "needs %s", source->name, needs);
    else
        snprintf(gap->reason, sizeof gap->reason, "nothing of that kind was "
                 "given: it needs %s", needs);
}

/* Say where it comes from, and lay it out for a phone as well. */
static enum status finish(struct report *r, const struct figure *f,
                          struct report_figure *out, struct error *err)
{
    const struct run *run = f->source(r);
    enum status status = plot_open(&out->narrow, f->narrow, PLOT_NARROW, err);

    if (status != STATUS_OK)
        return status;
    f->draw(&out->narrow, r);
    append_origin(&out->plot, run ? run : &r->run[0]);
    append_origin(&out->narrow, run ? run : &r->run[0]);
    return STATUS_OK;
}

enum status figures_build(struct report *r, struct error *err)
{
    for (size_t i = 0; i < N_FIGURES; i++) {
        const struct figure *f = &figures[i];
        struct report_figure *out = &r->figure[r->n_figures];
        struct plot *plot = &out->plot;
        enum status status = plot_open(plot, f->name, PLOT_WIDE, err);
        if (status != STATUS_OK)
            return status;
        f->draw(plot, r);
        if (!plot->ready) {
            leave_out(r, plot, f->needs, f->source(r));
            plot_close(plot);
            continue;
        }
        out->section = r->n_figures++ ? f->section : SECTION_ANSWER;
        status = finish(r, f, out, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
