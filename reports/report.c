/* report.c - Read runs, build tables and figures from them, and write a
 * folder. */
#include "reports/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/contents.h"
#include "reports/figures/figures.h"
#include "reports/page/page.h"
#include "reports/read/distinct.h"
#include "reports/read/jsonpath.h"
#include "reports/read/run_directory.h"
#include "reports/read/twins.h"
#include "reports/tables/tables.h"

static enum status read_curves(struct report *r, struct error *err)
{
    struct curve *curve;
    enum status status = STATUS_OK;

    r->curve = curve = calloc(r->study.n_runs + 1, sizeof *r->curve);
    if (!curve)
        return error_set(err, STATUS_NO_MEMORY, "no memory for curves");
    for (size_t i = 0; i < r->study.n; i++)
        for (size_t j = 0; j < r->study.setting[i].n; j++, curve++)
            if (status == STATUS_OK)
                status = curve_read(curve, r->study.setting[i].run[j], err);
    return status;
}

static enum status read_tokens(struct report *r, struct error *err)
{
    for (size_t i = 0; i < r->n_runs; i++) {
        enum status status;
        if (!report_scores_text(&r->run[i]) || r->tokens.n)
            continue;
        tokens_close(&r->tokens);
        if ((status = tokens_read(&r->tokens, &r->run[i], err)) != STATUS_OK)
            return status;
        r->scored = &r->run[i];
    }
    return STATUS_OK;
}

static enum status read_regrets(struct report *r, struct error *err)
{
    for (size_t i = 0; i < r->n_runs && !r->regretted; i++)
        if (r->run[i].kind == RUN_REGRET)
            r->regretted = &r->run[i];
    return r->regretted ? regrets_read(&r->regrets, r->regretted, err)
                        : STATUS_OK;
}

static bool has_ledgers(const struct witnesses *w)
{
    for (int i = 0; i < WITNESS_COUNT; i++)
        if (w->ledger[i])
            return true;
    return false;
}

static bool layers_of_profile(struct report *r)
{
    for (size_t i = 0; r->profile && i < r->profile->n_phases; i++) {
        const struct phase *phase = &r->profile->phase[i];
        char words[PHASE_WORDS_SIZE];
        bool silent = false;
        for (int a = 0; a < ARM_COUNT; a++)
            silent |= phase->has[a] && !has_ledgers(&phase->witnesses[a]);
        if (silent)
            continue;
        for (int a = 0; a < ARM_COUNT; a++) {
            if (!phase->has[a])
                continue;
            r->layers[a] = &phase->witnesses[a];
            r->layers_totals[a] = &phase->totals[a];
            r->layers_divide[a] = 1;
        }
        phase_words(words, phase);
        snprintf(r->layers_what, sizeof r->layers_what, "one %s", words);
        return true;
    }
    return false;
}

/* A dense setting that is the twin of that MoD setting, else the best dense. */
static const struct setting *twin_of(const struct study *study,
                                     const struct setting *mod)
{
    char ignored[8];

    for (size_t i = 0; mod && i < study->n; i++)
        if (study->setting[i].kind == SETTING_DENSE &&
            twins_differ(ignored, sizeof ignored, study->setting[i].run[0],
                         mod->run[0]) == 0)
            return &study->setting[i];
    return study->dense;
}

/* Show the ledgers of a run of each arm, NULL for none, per token where all of
 * them say how many there were. */
static enum status layers_of(struct report *r,
                             const struct run *const run[ARM_COUNT],
                             const char *per_token, const char *whole,
                             struct error *err)
{
    bool counted = true;

    for (int a = 0; a < ARM_COUNT; a++) {
        enum status status = run[a] ? run_ledgers(&r->trained[a], run[a], err)
                                    : STATUS_OK;
        if (status != STATUS_OK)
            return status;
        if (!run[a] || !has_ledgers(&r->trained[a]))
            continue;
        r->layers[a] = &r->trained[a];
        r->layers_totals[a] = &run[a]->totals;
        r->layers_divide[a] = run[a]->facts.tokens;
        counted &= run[a]->facts.tokens > 0;
    }
    for (int a = 0; a < ARM_COUNT && !counted; a++)
        r->layers_divide[a] = 1;
    snprintf(r->layers_what, sizeof r->layers_what, "%s", counted ? per_token
                                                                  : whole);
    if (r->layers[ARM_DENSE] && r->layers[ARM_MOD])
        twins_differ(r->layers_apart, sizeof r->layers_apart, run[ARM_DENSE],
                     run[ARM_MOD]);
    return STATUS_OK;
}

static void label_layers(struct report *r, enum side arm, const char *label)
{
    if (r->layers[arm])
        snprintf(r->layers_label[arm], SETTING_LABEL_SIZE, "%.79s", label);
}

static enum status layers_of_study(struct report *r, struct error *err)
{
    const struct setting *setting[ARM_COUNT] = {
        [ARM_DENSE] = twin_of(&r->study, r->study.mod),
        [ARM_MOD]   = r->study.mod,
    };
    const struct run *run[ARM_COUNT] = { NULL };

    for (int a = 0; a < ARM_COUNT; a++)
        run[a] = setting[a] ? study_typical(setting[a]) : NULL;
    enum status status = layers_of(r, run, "per token of training",
                                   "whole training run", err);
    for (int a = 0; a < ARM_COUNT; a++)
        label_layers(r, (enum side)a, setting[a] ? setting[a]->label : "");
    return status;
}

/* The first scored run of each arm whose other arm is its twin, else the first
 * of each. */
static void find_scored(const struct report *r,
                        const struct run *run[ARM_COUNT])
{
    char ignored[8];

    for (size_t i = r->n_runs; i > 0; i--)
        if (report_scores_text(&r->run[i - 1]))
            run[r->run[i - 1].facts.dense ? ARM_DENSE : ARM_MOD] =
                &r->run[i - 1];
    for (size_t i = 0; i < r->n_runs; i++)
        for (size_t j = 0; j < r->n_runs; j++)
            if (report_scores_text(&r->run[i]) && report_scores_text(&r->run[j]) &&
                r->run[i].facts.dense && !r->run[j].facts.dense &&
                twins_differ(ignored, sizeof ignored, &r->run[i],
                             &r->run[j]) == 0) {
                run[ARM_DENSE] = &r->run[i];
                run[ARM_MOD] = &r->run[j];
                return;
            }
}

/* A prompt that was gone on from, where no text was scored. */
static bool find_prompt(const struct report *r, const struct run *run[ARM_COUNT])
{
    if (run[ARM_DENSE] || run[ARM_MOD])
        return false;
    for (size_t i = r->n_runs; i > 0; i--)
        if (r->run[i - 1].kind == RUN_SCORE)
            run[r->run[i - 1].facts.dense ? ARM_DENSE : ARM_MOD] =
                &r->run[i - 1];
    return true;
}

/* A single run still has layers to show, without a twin. */
static enum status layers_of_run(struct report *r, struct error *err)
{
    const struct run *run[ARM_COUNT] = { NULL };

    find_scored(r, run);
    const bool prompt = find_prompt(r, run);
    enum status status = layers_of(r, run, prompt
                                   ? "per token of prompt and answer"
                                   : "per token of the scored text", prompt
                                   ? "prompt and answer" : "the scored text",
                                   err);
    for (int a = 0; a < ARM_COUNT; a++)
        label_layers(r, (enum side)a, run[a] ? run[a]->name : "");
    return status;
}

static enum status find_layers(struct report *r, struct error *err)
{
    enum status status = STATUS_OK;

    if (layers_of_profile(r))
        return STATUS_OK;
    status = layers_of_study(r, err);
    if (status == STATUS_OK && !r->layers[ARM_DENSE] && !r->layers[ARM_MOD])
        status = layers_of_run(r, err);
    return status;
}

static enum status open_runs(struct report *r, char *const *paths, size_t n,
                             struct error *err)
{
    enum status status = STATUS_OK;
    size_t n_worked = 0;

    r->run = calloc(n + 1, sizeof *r->run);
    if (!r->run)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu runs", n);
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        status = run_open(&r->run[i], paths[i], err);
        r->n_runs += status == STATUS_OK;
    }
    if (status == STATUS_OK)
        status = runs_keep_distinct(r->run, &r->n_runs, &r->n_twice, err);
    for (size_t i = 0; i < r->n_runs; i++)
        n_worked += 1 + r->run[i].n_points;
    r->worked = calloc(n_worked + 1, sizeof(struct run *));
    if (!r->worked)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu runs", n);
    for (size_t i = 0; i < r->n_runs; i++) {
        if (r->run[i].kind != RUN_SWEEP)
            r->worked[r->n_worked++] = &r->run[i];
        if (r->run[i].kind == RUN_PROFILE && !r->profile)
            r->profile = &r->run[i];
        r->n_profiles += r->run[i].kind == RUN_PROFILE;
        for (size_t j = 0; j < r->run[i].n_points; j++)
            r->worked[r->n_worked++] = &r->run[i].point[j];
    }
    return status;
}

enum status report_open(struct report *out, char *const *paths, size_t n,
                        struct error *err)
{
    struct report *r = out;
    enum status status;

    *r = (struct report){ .n_runs = 0 };
    if ((status = open_runs(r, paths, n, err)) != STATUS_OK ||
        (status = study_open(&r->study, r->run, r->n_runs, err)) != STATUS_OK ||
        (status = tradeoff_open(&r->tradeoff, r->run, r->n_runs, err)) !=
            STATUS_OK ||
        (status = prices_open(&r->priced, r->run, r->n_runs, err)) !=
            STATUS_OK ||
        (status = claims_open(&r->claims, r->run, r->n_runs, err)) !=
            STATUS_OK ||
        (status = scaling_open(&r->scaling, &r->study, err)) != STATUS_OK ||
        (status = read_curves(r, err)) != STATUS_OK ||
        (status = read_tokens(r, err)) != STATUS_OK ||
        (status = read_regrets(r, err)) != STATUS_OK ||
        (r->profile && (status = token_cost_read(&r->token_cost, r->profile,
                                                 err)) != STATUS_OK) ||
        (status = find_layers(r, err)) != STATUS_OK)
        return status;
#define X(name) tables_##name(r);
    TABLES_MAP(X)
#undef X
    return figures_build(r, err);
}

void report_close(struct report *r)
{
    for (size_t i = 0; i < r->n_figures; i++) {
        plot_close(&r->figure[i].plot);
        plot_close(&r->figure[i].narrow);
    }
    for (size_t i = 0; i < r->n_tables; i++)
        table_close(&r->table[i].table);
    for (int a = 0; a < ARM_COUNT; a++)
        witnesses_close(&r->trained[a]);
    for (size_t i = 0; r->curve && i < r->study.n_runs; i++)
        curve_close(&r->curve[i]);
    free(r->curve);
    token_cost_close(&r->token_cost);
    tokens_close(&r->tokens);
    regrets_close(&r->regrets);
    tradeoff_close(&r->tradeoff);
    prices_close(&r->priced);
    claims_close(&r->claims);
    scaling_close(&r->scaling);
    study_close(&r->study);
    for (size_t i = 0; i < r->n_runs; i++)
        run_close(&r->run[i]);
    free(r->run);
    free(r->worked);
    *r = (struct report){ .n_runs = 0 };
}

static enum status write_table(const struct table *t, const char *folder,
                               struct error *err)
{
    static const char *const ends[] = { "csv", "json", "md" };
    enum status status = t->status;

    if (status != STATUS_OK)
        return error_set(err, status, "no memory for table %s", t->name);
    for (int i = 0; i < 3; i++) {
        char file[TABLE_NAME_SIZE + 8];
        struct file_writer writer;
        snprintf(file, sizeof file, "%s.%s", t->name, ends[i]);
        if ((status = file_create_in(&writer, folder, file, err)) != STATUS_OK)
            return status;
        if (i == 0)
            table_csv(t, writer.stream);
        else if (i == 2)
            table_markdown(t, writer.stream);
        else
            status = table_json(t, writer.stream, err);
        status = file_end(&writer, status, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status write_parts(struct report *r, const char *figures,
                               const char *tables, struct error *err)
{
    const bool draw_them = plot_can_draw();
    enum status status = STATUS_OK;

    for (size_t i = 0; i < r->n_tables && status == STATUS_OK; i++)
        if (r->table[i].table.n_rows)
            status = write_table(&r->table[i].table, tables, err);
    for (size_t i = 0; i < r->n_figures && status == STATUS_OK; i++) {
        status = plot_write(&r->figure[i].plot, figures, draw_them, err);
        if (status == STATUS_OK)
            status = plot_write(&r->figure[i].narrow, figures, draw_them, err);
    }
    return status;
}

enum status report_write(struct report *r, const char *folder,
                         struct error *err)
{
    char figures[FILE_PATH_SIZE], tables[FILE_PATH_SIZE], *older = NULL;
    enum status status = file_join(figures, folder, "figures", err);

    if (status == STATUS_OK)
        status = file_join(tables, folder, "tables", err);
    if (status == STATUS_OK)
        status = file_make_directory(figures, err);
    if (status == STATUS_OK)
        status = file_make_directory(tables, err);
    if (status == STATUS_OK)
        status = contents_begin(&older, r, folder, err);
    if (status == STATUS_OK)
        status = write_parts(r, figures, tables, err);
    if (status == STATUS_OK)
        status = page_write(r, folder, err);
    if (status == STATUS_OK)
        status = contents_end(older, r, folder, err);
    free(older);
    return status;
}
