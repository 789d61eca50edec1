/* page_alone.c - Write the first sentences about one run of a kind: a profile, a
 * training, a scored text, a prompt gone on from; and about several profiles. */
#include "reports/page/page.h"

#include <math.h>
#include <string.h>
#include "reports/draw/html.h"
#include "reports/read/jsonpath.h"
#include "reports/read/profiles.h"
#include "reports/read/stack.h"
#include "reports/read/twins.h"

/* "14.2 GFLOP" with its tag; nothing where it is unknown. */
static bool amount_text(FILE *out, const char *before, struct amount a,
                        const char *unit, const char *after)
{
    char text[TABLE_NUMBER_SIZE];

    if (!amount_known(a))
        return false;
    table_si(text, a.value, unit);
    fputs(before, out);
    html_fact(out, text, a);
    fputs(after, out);
    return true;
}

static struct amount over(struct amount a, double by)
{
    a.value /= by;
    return amount_known(a) ? a : amount_unknown(NULL);
}

/* A key of the config of a profile or of a run; NULL: neither has it. */
static const char *config_text(const struct run *run, const char *key)
{
    static const char *const at[] = { "config", "config.run" };
    const char *text = NULL;
    char path[64];

    for (size_t i = 0; i < sizeof at / sizeof *at && !text; i++) {
        snprintf(path, sizeof path, "%s.%s", at[i], key);
        text = jsonpath_text(run->summary, path);
    }
    return text;
}

/* ", 134.5 M parameters, weights q4_1"; what the file has and what was computed
 * with are two things where they were widened. */
static void model_text(FILE *out, const struct run *run)
{
    const char *weights = config_text(run, "weights");
    const char *stored = config_text(run, "stored_weights");
    char number[TABLE_NUMBER_SIZE];

    if (run->facts.n_parameters > 0) {
        table_si(number, run->facts.n_parameters, "");
        html_textf(out, ", %s parameters", number);
    }
    if (weights && stored && strcmp(weights, stored) != 0)
        html_textf(out, ", weights of %s widened to %s", stored, weights);
    else if (weights)
        html_textf(out, ", weights %s", weights);
}

/* ---- profiles ---- */

/* "Prefill of 64 tokens: 14.2 GFLOP, 173 ms, 1.17 J, 18 mJ a token."  A decoding
 * is told by the token. */
static void phase_text(FILE *out, const struct phase *f)
{
    const enum side arm = phase_arm(f);
    const bool decodes = strcmp(f->name, "decode step") == 0;
    const double tokens = phase_tokens(f);
    const double by = decodes && isfinite(tokens) ? tokens : 1;

    if (decodes)
        fputs(" A decoded token:", out);
    else if (isfinite(tokens))
        html_textf(out, " A %s of %g tokens:", f->name, tokens);
    else
        html_textf(out, " A %s:", f->name);
    amount_text(out, " ", over(phase_total(f, arm, METRIC_FLOPS), by), "FLOP",
                "");
    amount_text(out, ", ", over(phase_total(f, arm, METRIC_SECONDS), by), "s",
                "");
    if (amount_text(out, ", ", over(phase_total(f, arm, METRIC_JOULES), by), "J",
                    "") && !decodes && isfinite(tokens))
        amount_text(out, ", ", over(phase_total(f, arm, METRIC_JOULES), tokens),
                    "J", " a token");
    fputs(".", out);
}

/* The times of another program, and how much of them is no op of ours. */
static void imported_text(FILE *out, const struct run *run)
{
    const char *program = jsonpath_text(run->summary, "imported.program");

    if (program)
        html_textf(out, " Imported: times are those of the %s, FLOPs and bytes"
                   " come from the shapes of its calls; %.1f %% of the time is"
                   " none of the ops here.", program, 100 *
                   jsonpath_number(run->summary, "imported.unmapped_share"));
}

static void largest_text(FILE *out, const struct phase *f)
{
    const struct stacked flops = stack_sum(&f->witnesses[phase_arm(f)],
                                           METRIC_FLOPS, LEDGER_ANY, LEDGER_ANY);
    double share;
    const char *part = stack_largest(&flops, &share);

    if (flops.whole > 0)
        html_textf(out, " In a %s, %s takes %.0f %% of the FLOPs.", f->name, part,
                   100 * share);
}

void page_lead_profile(const struct report *r, FILE *out)
{
    const struct run *run = r->profile;
    char model[RUN_NAME_SIZE];

    run_model(model, run);
    fputs("<p class=\"lead\">", out);
    html_textf(out, "%s, dense", model);
    model_text(out, run);
    if (run->n_phases && isfinite(run->phase[0].batch))
        html_textf(out, ", batch %g", run->phase[0].batch);
    fputs(".", out);
    for (size_t i = 0; i < run->n_phases; i++)
        phase_text(out, &run->phase[i]);
    if (report_phase(r))
        largest_text(out, report_phase(r));
    imported_text(out, run);
    fputs("</p>\n", out);
}

/* "+6.6 %" of a ratio. */
static void percent_text(char out[TABLE_NUMBER_SIZE], double ratio)
{
    snprintf(out, TABLE_NUMBER_SIZE, "%s%.1f %%", ratio < 1 ? "\u2212" : "+",
             100 * fabs(ratio - 1));
}

/* "time +6.6 % (+4.1 to +9.0)"; "no measurable change" where it spans 0. */
static void share_text(FILE *out, const char *name, struct amount ratio)
{
    const bool interval = isfinite(ratio.low) && isfinite(ratio.high);
    char text[TABLE_NUMBER_SIZE], low[TABLE_NUMBER_SIZE];
    char high[TABLE_NUMBER_SIZE];

    if (!amount_known(ratio))
        return;
    html_textf(out, " %s ", name);
    if (ratio.value == 1)
        snprintf(text, sizeof text, "the same");
    else if (interval && ratio.low <= 1 && ratio.high >= 1)
        snprintf(text, sizeof text, "no measurable change");
    else
        percent_text(text, ratio.value);
    html_fact(out, text, ratio);
    if (!interval)
        return;
    percent_text(low, ratio.low);
    percent_text(high, ratio.high);
    html_textf(out, " (%s to %s)", low, high);
}

static void compared_text(FILE *out, const struct run *first,
                          const struct run *run)
{
    static const struct { enum metric metric; const char *name; } told[] = {
        { METRIC_FLOPS, "FLOPs" }, { METRIC_SECONDS, "time" },
        { METRIC_JOULES, "energy" },
    };
    char differ[256];

    twins_differ_as_profiles(differ, sizeof differ, first, run);
    fputs("<p class=\"lead\">", out);
    html_textf(out, *differ ? "%s against %s, which differ in %s." :
               "%s against %s, in which the same was profiled.", run->name,
               first->name, differ);
    for (size_t i = 0; i < run->n_phases; i++) {
        const struct phase *f = &run->phase[i];
        const struct phase *base = profiles_phase(first, f->name);
        if (!base)
            continue;
        html_textf(out, " A token of a %s:", f->name);
        for (size_t k = 0, n = 0; k < sizeof told / sizeof *told; k++) {
            struct amount ratio = profiles_ratio(base, f, told[k].metric);
            if (amount_known(ratio) && n++ > 0)
                fputs(",", out);
            share_text(out, told[k].name, ratio);
        }
        fputs(".", out);
    }
    fputs("</p>\n", out);
}

void page_lead_profiles(const struct report *r, FILE *out)
{
    for (size_t i = 0; i < r->n_runs; i++)
        if (r->run[i].kind == RUN_PROFILE && &r->run[i] != r->profile)
            compared_text(out, r->profile, &r->run[i]);
}

/* ---- a training ---- */

/* Where the layers are those of a profile, the training's are not at hand. */
static void passes_text(const struct report *r, FILE *out)
{
    const struct witnesses *w = r->layers[ARM_MOD] ? r->layers[ARM_MOD]
                                                   : r->layers[ARM_DENSE];
    double whole, told = 0;

    if (r->profile || !w || !((whole = stack_sum(w, METRIC_FLOPS, LEDGER_ANY, LEDGER_ANY)
                             .whole) > 0))
        return;
    fputs(" Of the FLOPs,", out);
    for (int pass = 0; pass < PASS_COUNT; pass++) {
        double part = stack_sum(w, METRIC_FLOPS, pass, LEDGER_ANY).whole;
        if (!(part > 0))
            continue;
        html_textf(out, "%s %s took %.0f %%", told > 0 ? "," : "",
                   pass_names[pass], 100 * part / whole);
        told += part;
    }
    fputs(".", out);
}

void page_lead_training(const struct report *r, FILE *out)
{
    const struct setting *s = &r->study.setting[0];
    const struct run *run = s->run[0];
    char words[160], number[TABLE_NUMBER_SIZE], loss[32];

    study_words(words, s);
    fputs("<p class=\"lead\">", out);
    html_textf(out, "%s, %s", setting_kind_word(s), words);
    model_text(out, run);
    fputs(": trained", out);
    amount_text(out, " for ", run->totals.of[WITNESS_COUNTED][METRIC_FLOPS],
                "FLOP", "");
    if (run->facts.tokens > 0) {
        table_si(number, run->facts.tokens, "");
        html_textf(out, " on %s tokens", number);
    }
    amount_text(out, " in ", totals_best(&run->totals, METRIC_SECONDS), "s", "");
    if (isfinite(run->facts.loss_causal)) {
        snprintf(loss, sizeof loss, "%.4f", run->facts.loss_causal);
        fputs(", it reaches a held-out loss of ", out);
        html_fact(out, loss, amount_of(1, PROV_MEASURED));
        html_textf(out, " nats per byte (%.3f bits)",
                   run->facts.loss_causal / log(2));
    }
    fputs(".", out);
    passes_text(r, out);
    fputs("</p>\n", out);
}

/* ---- a text, a prompt ---- */

/* " The rival is its dense twin: the same 5 layers, none routed.  Against it, FLOPs
 * -22.9 %, time -18.8 %, loss +20.1 %." */
static void rival_text(FILE *out, const struct run *run)
{
    const json_t *rival = jsonpath_at(run->summary, "against");
    const bool busy = json_is_true(jsonpath_at(run->summary, "load.busy"));
    const double layers = jsonpath_number(rival, "layers");
    const double n_run = jsonpath_number(rival, "layers_run");
    struct amount loss;

    if (!json_is_object(rival))
        return;
    loss = jsonpath_amount(rival, "loss_increase", PROV_MEASURED);
    loss.value += 1;
    loss.low += 1;
    loss.high += 1;
    html_textf(out, " The rival is %s", jsonpath_text(rival, "about"));
    if (layers != n_run)
        html_textf(out, ", run with %.0f", n_run);
    fputs(". Against it,", out);
    share_text(out, "FLOPs", jsonpath_amount(rival, "ratio.flops",
                                             PROV_COUNTED));
    fputs(",", out);
    share_text(out, "time", jsonpath_amount(rival, "ratio.seconds",
                                            busy ? PROV_BUSY : PROV_MEASURED));
    if (amount_known(loss)) {
        fputs(",", out);
        share_text(out, "loss", loss);
    } else
        html_textf(out, "; its loss is unknown, for %s",
                   jsonpath_text(rival, "unscored"));
    fputs(".", out);
}

static void kept_text(FILE *out, const char *before, double share,
                      const char *after)
{
    char number[32];

    snprintf(number, sizeof number, "%.1f %%", 100 * share);
    fputs(before, out);
    html_fact(out, number, amount_of(1, PROV_COUNTED));
    fputs(after, out);
}

static void nominal_text(FILE *out, const struct run *run)
{
    if (isfinite(run->facts.capacity))
        html_textf(out, " (nominal %g %%)", 100 * run->facts.capacity);
    fputs(".", out);
}

void page_lead_score(const struct run *run, FILE *out)
{
    const double loss = jsonpath_number(run->summary, "loss.nats_per_token");
    const double bits = jsonpath_number(run->summary, "loss.bits_per_byte");
    const double flops = jsonpath_number(run->summary,
                                         "flops_per_token_forward");
    const double scored = jsonpath_number(run->summary, "totals.counted.flops");
    char model[RUN_NAME_SIZE], number[32];

    run_model(model, run);
    fputs("<p class=\"lead\">", out);
    html_textf(out, "%s", model);
    model_text(out, run);
    html_textf(out, ", read %.0f tokens of text", run->facts.tokens);
    if (isfinite(loss)) {
        snprintf(number, sizeof number, "%.4f", loss);
        fputs(": ", out);
        html_fact(out, number, amount_of(1, PROV_MEASURED));
        fputs(" nats a token", out);
        if (isfinite(bits))
            html_textf(out, ", %.3f bits per byte", bits);
    }
    fputs(".", out);
    if (!run->facts.dense && isfinite(run->facts.realised)) {
        kept_text(out, " Its routed layers kept ", run->facts.realised,
                  " of the tokens");
        nominal_text(out, run);
    }
    if (isfinite(flops)) {
        amount_text(out, " A token costs ", amount_of(flops, PROV_COUNTED),
                    "FLOP", "");
        amount_text(out, ", ", amount_of(scored / run->facts.tokens,
                                         PROV_COUNTED),
                    "FLOP", " with its scoring");
        fputs(".", out);
    }
    rival_text(out, run);
    fputs("</p>\n", out);
}

void page_lead_prompt(const struct run *run, FILE *out)
{
    const char *prompt = jsonpath_text(run->summary, "config.run.prompt");
    const char *text = jsonpath_text(run->summary, "generation.text");
    const bool busy = json_is_true(jsonpath_at(run->summary, "load.busy"));
    char model[RUN_NAME_SIZE];

    run_model(model, run);
    fputs("<p class=\"lead\">", out);
    html_textf(out, "%s", model);
    model_text(out, run);
    html_textf(out, ", went on from a prompt of %.0f tokens with %.0f new ones",
               jsonpath_number(run->summary, "generation.prompt_tokens"),
               jsonpath_number(run->summary, "generation.new_tokens"));
    amount_text(out, ": ", amount_of(jsonpath_number(run->summary,
                "generation.decode_tokens_per_second"),
                busy ? PROV_BUSY : PROV_MEASURED), "tokens/s", "");
    amount_text(out, ", ", amount_of(jsonpath_number(run->summary,
                "generation.decode_flops_per_token"), PROV_COUNTED), "FLOP",
                " a new token");
    fputs(".", out);
    const double kept = jsonpath_number(run->summary,
                                        "routing.capacity_realised_prompt");
    if (!run->facts.dense && isfinite(kept)) {
        kept_text(out, " Its routed layers kept ", kept, " of the prompt");
        if (isfinite(run->facts.realised))
            kept_text(out, ", ", run->facts.realised, " of the new tokens");
        nominal_text(out, run);
    }
    fputs("</p>\n", out);
    if (!prompt || !text)
        return;
    fputs("<blockquote><b>", out);
    html_text(out, prompt);
    fputs("</b>", out);
    html_text(out, text);
    fputs("</blockquote>\n", out);
}
