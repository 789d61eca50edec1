/* page.c - Write index.html of a report. */
#include "reports/page/page.h"

#include <string.h>
#include <time.h>
#include "reports/draw/html.h"
#include "reports/read/jsonpath.h"

static const struct { const char *anchor, *heading; } sections[] = {
#define X(id, anchor, heading) [SECTION_##id] = { anchor, heading },
    SECTION_MAP(X)
#undef X
};

/* Of profiles: the models where they differ, else the directories. */
static void title_of_profiles(char out[384], const struct report *r)
{
    char model[RUN_NAME_SIZE], other[RUN_NAME_SIZE];
    const struct run *second = NULL;

    run_model(model, r->profile);
    for (size_t i = 0; i < r->n_runs && !second; i++)
        if (r->run[i].kind == RUN_PROFILE && &r->run[i] != r->profile)
            second = &r->run[i];
    if (!second) {
        snprintf(out, 384, report_phase(r) && phase_has_twin(report_phase(r))
                 ? "%s against its dense twin" : "%s, dense, profiled", model);
        return;
    }
    run_model(other, second);
    if (r->n_profiles > 2)
        snprintf(out, 384, "%zu profiles against %s", r->n_profiles - 1,
                 r->profile->name);
    else if (strcmp(model, other) == 0)
        snprintf(out, 384, "%s: %s against %s", model, second->name,
                 r->profile->name);
    else
        snprintf(out, 384, "%s against %s", other, model);
}

static void title_of_texts(char out[384], const struct report *r)
{
    char model[RUN_NAME_SIZE], other[RUN_NAME_SIZE] = "";
    size_t n = 0;

    run_model(model, r->scored);
    for (size_t i = 0; i < r->n_runs; i++)
        if (report_scores_text(&r->run[i])) {
            n++;
            if (&r->run[i] != r->scored)
                run_model(other, &r->run[i]);
        }
    if (n == 1)
        snprintf(out, 384, "A text, scored by %s", model);
    else if (n == 2)
        snprintf(out, 384, "Texts, scored by %s and %s", model, other);
    else
        snprintf(out, 384, "%zu texts, scored by %s and others", n, model);
}

/* What was asked of a model. */
static const char *asked_of(enum run_kind kind)
{
    return kind == RUN_ASKED       ? ": does it save, where, and against whom?"
         : kind == RUN_SENSITIVITY ? ": what each block is worth"
         : kind == RUN_ALLOCATE    ? ": which block should get the compute"
         : kind == RUN_ROUTER      ? ": what its routers know"
         : kind == RUN_REGRET      ? ": what each decision was worth" : "";
}

static void title_of(char out[384], const struct report *r)
{
    const struct study *s = &r->study;
    char mod[160], dense[160], model[RUN_NAME_SIZE];

    if (s->dense && s->mod) {
        study_words(mod, s->mod);
        study_words(dense, s->dense);
        snprintf(out, 384, "MoD, %s, against dense, %s", mod, dense);
    } else if (s->n_runs == 1) {
        study_words(mod, &s->setting[0]);
        snprintf(out, 384, "%s: one training, %s, %s",
                 s->setting[0].run[0]->name,
                 setting_kind_word(&s->setting[0]), mod);
    } else if (r->tradeoff.n > 0) {
        run_model(model, r->worked[0]);
        snprintf(out, 384, "%s: loss against cost, routed and dense", model);
    } else if (r->profile) {
        title_of_profiles(out, r);
    } else if (r->scored) {
        title_of_texts(out, r);
    } else {
        run_model(model, &r->run[0]);
        snprintf(out, 384, "%s%s", model, asked_of(r->run[0].kind));
    }
}

static void header(const struct report *r, FILE *out)
{
    char title[384], day[16] = "";
    time_t now = time(NULL);
    struct tm utc;

    if (gmtime_r(&now, &utc))
        strftime(day, sizeof day, "%Y-%m-%d", &utc);
    title_of(title, r);
    fputs("<header>\n<p class=\"run\">", out);
    html_textf(out, "isobath %s · %s · ", ISOBATH_VERSION, day);
    fputs("<code>", out);
    html_text(out, r->command_line);
    fputs("</code></p>\n<h1>", out);
    html_text(out, title);
    fputs("</h1>\n</header>\n<main>\n", out);
}

/* One training is compared with nothing, and has passes instead of phases. */
static const char *heading_of(const struct report *r, enum section section)
{
    if (section == SECTION_SETUP && r->study.n_runs == 1)
        return "What was trained";
    if (section == SECTION_PHASES && !r->profile && !report_asked(r))
        return "By pass";
    return sections[section].heading;
}

static bool has_content(const struct report *r, enum section section)
{
    if (section == SECTION_ANSWER || section == SECTION_WORDS ||
        section == SECTION_TRUST ||
        (section == SECTION_SETUP && r->tradeoff.n > 0))
        return true;
    for (size_t i = 0; i < r->n_tables; i++)
        if (r->table[i].section == section && r->table[i].table.n_rows)
            return true;
    for (size_t i = 0; i < r->n_figures; i++)
        if (r->figure[i].section == section)
            return true;
    return false;
}

static void navigation(const struct report *r, FILE *out)
{
    fputs("<nav aria-label=\"Sections\">", out);
    for (int s = SECTION_ANSWER + 1; s < SECTION_COUNT; s++)
        if (has_content(r, (enum section)s))
            fprintf(out, "<a href=\"#%s\">%s</a> ", sections[s].anchor,
                    heading_of(r, (enum section)s));
    fputs("</nav>\n", out);
}

static enum status write_figures(const struct report *r, enum section section,
                                 const char *figures, FILE *out,
                                 struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < r->n_figures && status == STATUS_OK; i++)
        if (r->figure[i].section == section)
            status = html_figure(out, &r->figure[i].plot, &r->figure[i].narrow,
                                 figures, err);
    return status;
}

static void write_tables(const struct report *r, enum section section,
                         FILE *out)
{
    for (size_t i = 0; i < r->n_tables; i++) {
        const struct report_table *t = &r->table[i];
        if (t->section != section || !t->table.n_rows)
            continue;
        if (t->folded) {
            fputs("<details><summary>", out);
            html_text(out, t->folded);
            fputs("</summary>\n", out);
        }
        table_html(&t->table, out);
        if (t->folded)
            fputs("</details>\n", out);
    }
}

static enum status write_section(const struct report *r, enum section section,
                                 const char *figures, FILE *out,
                                 struct error *err)
{
    enum status status;

    html_section_open(out, sections[section].anchor, heading_of(r, section),
                      section == SECTION_ANSWER);
    if (section == SECTION_ANSWER) {
        page_lead(r, out);
        html_badges(out);
    } else if (section == SECTION_SETUP) {
        page_setup(r, out);
        page_setup_tradeoff(r, out);
    } else if (section == SECTION_TRUST)
        page_trust(r, out);
    else if (section == SECTION_WORDS)
        fputs(words_html, out);
    if (section == SECTION_PHASES) {
        page_asked(r, out);
        page_first_of(r, RUN_PROFILE, r->profile, out);
    } else if (section == SECTION_FLIPS)
        page_flips(r, out);
    else if (section == SECTION_TEXT)
        page_first_of(r, RUN_SCORE, r->scored, out);
    else if (section == SECTION_REGRET)
        page_first_of(r, RUN_REGRET, r->regretted, out);
    status = write_figures(r, section, figures, out, err);
    if (section == SECTION_TEXT)
        page_tokens(r, out);
    else if (section == SECTION_REGRET)
        page_regret(r, out);
    write_tables(r, section, out);
    if (section == SECTION_TRUST)
        page_gaps(r, out);
    html_section_close(out);
    return status;
}

enum status page_write(const struct report *r, const char *folder,
                       struct error *err)
{
    char path[FILE_PATH_SIZE], figures[FILE_PATH_SIZE], title[384];
    struct file_writer writer;
    enum status status = file_join(path, folder, "index.html", err);

    if (status == STATUS_OK)
        status = file_join(figures, folder, "figures", err);
    if (status == STATUS_OK)
        status = file_replace(&writer, path, err);
    if (status != STATUS_OK)
        return status;
    title_of(title, r);
    html_open(writer.stream, title);
    header(r, writer.stream);
    for (int s = 0; s < SECTION_COUNT && status == STATUS_OK; s++) {
        if (!has_content(r, (enum section)s))
            continue;
        status = write_section(r, (enum section)s, figures, writer.stream, err);
        if (s == SECTION_ANSWER)
            navigation(r, writer.stream);
    }
    fputs("</main>\n<footer><p>No network, no fonts, no trackers: this file is "
          "whole. Figures, tables and their data also lie beside it.</p>"
          "</footer>\n", writer.stream);
    html_close(writer.stream);
    return file_end(&writer, status, err);
}
