/* tables_rates.c - Add tables of what is spent in all and on a token, of profiles,
 * of scored texts and of prompts that were gone on from. */
#include "reports/tables/tables.h"

#include <math.h>
#include <string.h>
#include "reports/read/jsonpath.h"
#include "reports/read/profiles.h"

/* ---- profiles, phase by phase ---- */

#define RATE_COLUMNS                                                           \
    { "phase", "phase", "", COLUMN_TEXT, true },                               \
    { "model", "model", "", COLUMN_TEXT, true },                               \
    { "tokens", "tokens", "", COLUMN_WHOLE, true },                            \
    { "capacity_realised", "tokens kept", "", COLUMN_SHARE, false },           \
    { "flops", "FLOPs", "flop", COLUMN_SI, false },                            \
    { "flops_per_token", "FLOPs a token", "flop", COLUMN_SI, false },          \
    { "bytes_per_token", "bytes a token", "B", COLUMN_SI, false },             \
    { "seconds", "time", "s", COLUMN_SI, false },                              \
    { "seconds_per_token", "time a token", "s", COLUMN_SI, false },            \
    { "tokens_per_second", "tokens/s", "", COLUMN_SI, false },             \
    { "joules", "energy", "J", COLUMN_SI, false },                             \
    { "joules_per_token", "energy a token", "J", COLUMN_SI, false }

static const struct column rate_columns[] = { RATE_COLUMNS };
static const struct column compared_columns[] = {
    RATE_COLUMNS,
    { "flops_of_first", "FLOPs of the first", "", COLUMN_SHARE, false },
    { "seconds_of_first", "time of the first", "", COLUMN_SHARE, false },
    { "joules_of_first", "energy of the first", "", COLUMN_SHARE, false },
};

static struct amount over(struct amount a, double by)
{
    if (!amount_known(a))
        return a;
    a.value /= by;
    a.low /= by;
    a.high /= by;
    return amount_known(a) ? a : amount_unknown("the number of tokens is not "
                                                "stated");
}

static struct amount inverse(struct amount a)
{
    struct amount rate = a;

    if (!amount_known(a) || a.value == 0)
        return a;
    rate.value = 1 / a.value;
    rate.low = 1 / a.high;
    rate.high = 1 / a.low;
    return rate;
}

static void rate_row(struct table *t, const struct phase *f, enum side arm,
                     const char *model)
{
    char words[PHASE_WORDS_SIZE];
    const double tokens = phase_tokens(f);
    const struct amount flops = phase_total(f, arm, METRIC_FLOPS);
    const struct amount seconds = phase_total(f, arm, METRIC_SECONDS);
    const struct amount joules = phase_total(f, arm, METRIC_JOULES);

    table_row(t, arm == ARM_MOD ? ROW_MOD : ROW_PLAIN);
    phase_words(words, f);
    table_text(t, words);
    table_text(t, model);
    tables_or_skip(t, tokens, PROV_COUNTED);
    tables_or_skip(t, arm == ARM_MOD ? f->realised : (double)NAN, PROV_COUNTED);
    table_amount(t, flops);
    table_amount(t, over(flops, tokens));
    table_amount(t, over(phase_total(f, arm, METRIC_BYTES), tokens));
    table_amount(t, seconds);
    table_amount(t, over(seconds, tokens));
    table_amount(t, inverse(over(seconds, tokens)));
    table_amount(t, joules);
    table_amount(t, over(joules, tokens));
}

/* What it takes of the first profile's, by the models that were profiled. */
static void compared_cells(struct table *t, const struct report *r,
                           const struct run *run, const struct phase *f,
                           enum side arm)
{
    static const enum metric metrics[] = { METRIC_FLOPS, METRIC_SECONDS,
                                           METRIC_JOULES };
    const struct phase *first = profiles_phase(r->profile, f->name);
    const bool compared = first && run != r->profile && arm == phase_arm(f);

    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        if (compared)
            table_amount(t, profiles_ratio(first, f, metrics[i]));
        else
            table_skip(t);
}

/* The dense twin comes before the model, as everywhere. */
static void rate_rows(struct table *t, const struct report *r,
                      const struct run *run, const struct phase *f)
{
    char model[RUN_NAME_SIZE + 16];

    for (int a = 0; a < ARM_COUNT; a++) {
        if (!f->has[a])
            continue;
        if (r->n_profiles > 1 && phase_has_twin(f))
            snprintf(model, sizeof model, "%s, %s", run->name, arm_titles[a]);
        else if (phase_has_twin(f))
            snprintf(model, sizeof model, "%s", arm_titles[a]);
        else if (r->n_profiles > 1)
            snprintf(model, sizeof model, "%s", run->name);
        else
            run_model(model, run);
        rate_row(t, f, (enum side)a, model);
        if (r->n_profiles > 1)
            compared_cells(t, r, run, f, (enum side)a);
    }
}

/* All profiles' rows of a phase stand together, in the order of the first profile
 * that has it. */
static bool seen_before(const struct report *r, size_t i, size_t k)
{
    for (size_t j = 0; j < i; j++)
        if (profiles_phase(&r->run[j], r->run[i].phase[k].name))
            return true;
    return false;
}

static void rates(struct report *r)
{
    const bool twins = report_phase(r) && phase_has_twin(report_phase(r));
    struct table *t;

    if (r->n_profiles > 1)
        t = REPORT_ADD_TABLE(r, ANSWER, NULL, "rates", compared_columns);
    else if (twins)
        t = REPORT_ADD_TABLE(r, PHASES, NULL, "rates", rate_columns);
    else
        t = REPORT_ADD_TABLE(r, ANSWER, NULL, "rates", rate_columns);
    table_caption(t, "In all, and for each token that a phase takes in or brings "
                  "out.%s", r->n_profiles > 1 ? " Shares of the first profile "
                  "are those of a token; ± is a 95 % interval over repeats made "
                  "apart." : " ± is the 95 % interval over repeats.");
    t->grouped = true;
    for (size_t i = 0; i < r->n_runs; i++)
        for (size_t k = 0; k < r->run[i].n_phases; k++) {
            if (seen_before(r, i, k))
                continue;
            for (size_t j = i; j < r->n_runs; j++) {
                const struct phase *f =
                    profiles_phase(&r->run[j], r->run[i].phase[k].name);
                if (f)
                    rate_rows(t, r, &r->run[j], f);
            }
        }
}

/* ---- runs: a text scored, a prompt gone on from ---- */

static const struct column score_columns[] = {
    { "run", "run", "", COLUMN_TEXT, true },
    { "model", "model", "", COLUMN_TEXT, true },
    { "tokens", "tokens", "", COLUMN_WHOLE, true },
    { "loss", "nats a token", "", COLUMN_LOSS, false },
    { "bits_per_byte", "bits per byte", "", COLUMN_LOSS, false },
    { "capacity_realised", "tokens kept", "", COLUMN_SHARE, false },
    { "flops_per_token", "FLOPs a token", "flop", COLUMN_SI, false },
    { "bytes_per_token", "bytes a token", "B", COLUMN_SI, false },
    { "seconds_per_token", "time a token", "s", COLUMN_SI, false },
    { "joules_per_token", "energy a token", "J", COLUMN_SI, false },
};

/* Per token by per_token of the summary; else the total over the tokens. */
static struct amount a_token(const struct run *run, enum metric metric)
{
    return over(totals_best(&run->totals, metric), run->facts.tokens);
}

static void score_row(struct table *t, const struct run *run)
{
    const json_t *s = run->summary;
    char model[RUN_NAME_SIZE];

    run_model(model, run);
    table_row(t, run->facts.dense ? ROW_PLAIN : ROW_MOD);
    table_text(t, run->name);
    table_text(t, model);
    tables_or_skip(t, run->facts.tokens, PROV_COUNTED);
    table_amount(t, tables_known(jsonpath_number(s, "loss.nats_per_token"),
                                 PROV_MEASURED));
    table_amount(t, tables_known(jsonpath_number(s, "loss.bits_per_byte"),
                                 PROV_MEASURED));
    tables_or_skip(t, run->facts.dense ? (double)NAN : run->facts.realised,
                   PROV_COUNTED);
    table_amount(t, a_token(run, METRIC_FLOPS));
    table_amount(t, a_token(run, METRIC_BYTES));
    table_amount(t, a_token(run, METRIC_SECONDS));
    table_amount(t, a_token(run, METRIC_JOULES));
}

static const struct column prompt_columns[] = {
    { "run", "run", "", COLUMN_TEXT, true },
    { "model", "model", "", COLUMN_TEXT, true },
    { "prompt_tokens", "prompt, tokens", "", COLUMN_WHOLE, true },
    { "prompt_kept", "of it kept", "", COLUMN_SHARE, false },
    { "prompt_tokens_per_second", "tokens/s", "", COLUMN_SI, false },
    { "new_tokens", "new tokens", "", COLUMN_WHOLE, true },
    { "new_kept", "of them kept", "", COLUMN_SHARE, false },
    { "new_tokens_per_second", "tokens/s", "", COLUMN_SI, false },
    { "flops_per_new_token", "FLOPs a new token", "flop", COLUMN_SI, false },
    { "bytes_per_new_token", "bytes a new token", "B", COLUMN_SI, false },
};

static void prompt_row(struct table *t, const struct run *run)
{
    static const struct { const char *path; enum provenance from; } cells[] = {
        { "generation.prompt_tokens",             PROV_COUNTED },
        { "routing.capacity_realised_prompt",     PROV_COUNTED },
        { "generation.prefill_tokens_per_second", PROV_MEASURED },
        { "generation.new_tokens",                PROV_COUNTED },
        { "routing.capacity_realised",            PROV_COUNTED },
        { "generation.decode_tokens_per_second",  PROV_MEASURED },
        { "generation.decode_flops_per_token",    PROV_COUNTED },
        { "generation.decode_bytes_per_token",    PROV_COUNTED },
    };
    const bool busy = json_is_true(jsonpath_at(run->summary, "load.busy"));
    char model[RUN_NAME_SIZE];

    run_model(model, run);
    table_row(t, run->facts.dense ? ROW_PLAIN : ROW_MOD);
    table_text(t, run->name);
    table_text(t, model);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        table_amount(t, tables_known(
            jsonpath_number(run->summary, cells[i].path),
            busy && cells[i].from == PROV_MEASURED ? PROV_BUSY
                                                   : cells[i].from));
}

static void runs(struct report *r)
{
    struct table *score = NULL, *prompt = NULL;

    for (size_t i = 0; i < r->n_runs; i++) {
        const struct run *run = &r->run[i];
        if (run->kind != RUN_SCORE)
            continue;
        if (report_scores_text(run)) {
            if (!score)
                score = REPORT_ADD_TABLE(r, TEXT, NULL, "scores",
                                         score_columns);
            score_row(score, run);
        } else {
            if (!prompt)
                prompt = REPORT_ADD_TABLE(r, ANSWER, NULL, "prompts",
                                          prompt_columns);
            prompt_row(prompt, run);
        }
    }
    if (score)
        table_caption(score, "Texts that were scored, and what a token of them "
                      "took, its scoring included.");
    if (prompt)
        table_caption(prompt, "Prompts that were gone on from: the prompt is read "
                      "at once, new tokens come one by one.");
}

void tables_rates(struct report *r)
{
    if (r->n_profiles)
        rates(r);
    runs(r);
}
