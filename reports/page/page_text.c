/* page_text.c - Write the sentences of the page from the data. */
#include "reports/page/page.h"

#include <math.h>
#include <string.h>
#include "reports/draw/html.h"
#include "reports/read/jsonpath.h"

static struct amount measured(void)
{
    return amount_of(1, PROV_MEASURED);
}

static void difference_text(FILE *out, const struct compared *c)
{
    const struct difference d = c->loss;
    char mean[TABLE_NUMBER_SIZE], low[TABLE_NUMBER_SIZE];
    char high[TABLE_NUMBER_SIZE];

    table_number(mean, d.mean, COLUMN_SIGNED);
    table_number(low, d.low, COLUMN_SIGNED);
    table_number(high, d.high, COLUMN_SIGNED);
    html_textf(out, "%s nats per byte", mean);
    if (!isfinite(d.low) || !isfinite(d.high))
        return;
    html_textf(out, ", 95 %% interval %s to %s, %zu pairs of seeds on ", low,
               high, d.n);
    if (c->n_blocks)
        html_textf(out, "%zu blocks of text", c->n_blocks);
    else
        html_text(out, "one text");
}

/* Loss at equal training compute. */
static void lead_study(const struct report *r, FILE *out)
{
    const struct study *s = &r->study;
    char number[TABLE_NUMBER_SIZE], words[160], said[96], apart[64];

    fputs("<p class=\"lead\">", out);
    table_si(number, s->flops_high, "FLOP");
    if (s->equal_flops)
        html_textf(out, "Trained for %s each ", number);
    else
        html_textf(out, "Trained for up to %s ", number);
    table_tag(out, provenance_names[s->flops_from]);
    fputs(", ", out);
    if (s->mod) {
        snprintf(number, sizeof number, "%.4f", s->mod->causal.mean);
        study_words(words, s->mod);
        html_textf(out, "the best MoD model (%s) reaches a held-out loss of ",
                   words);
        html_fact(out, number, measured());
    }
    if (s->dense) {
        snprintf(number, sizeof number, "%.4f", s->dense->causal.mean);
        study_words(words, s->dense);
        html_textf(out, s->mod ? " nats per byte, the best dense model (%s) "
                   : "the best dense model (%s) reaches a held-out loss of ",
                   words);
        html_fact(out, number, measured());
    }
    if (s->mod && s->dense) {
        fputs(": ", out);
        study_said(said, s->verdict, &s->best, s->dense->causal.mean, 1);
        html_fact(out, said, amount_unknown(NULL));
        fputs(s->n_mod + s->n_dense > 2
              ? " <i>(chosen on all seeds but one and judged on that one, in "
              "turn: " : " <i>(", out);
        difference_text(out, &s->best);
        fputs(")</i>", out);
        study_apart(apart, s);
        if (*apart)
            html_textf(out, ", but the MoD model took %s", apart);
    } else {
        fputs(" nats per byte", out);
    }
    fputs(".</p>\n", out);
}

/* The causal rule may keep far more tokens, or fewer, than training did. */
static void lead_realised(const struct setting *s, FILE *out)
{
    if (!s || !capacity_strays(s->realised.mean, s->capacity))
        return;
    fprintf(out, "<p class=\"lead\">Under the causal rule the routed blocks of "
            "the best MoD model kept %.1f %% of tokens, not the nominal %g %%. "
            "Its held-out loss and its forward FLOPs are of the share it kept, "
            "its training FLOPs of the nominal one.</p>\n",
            100 * s->realised.mean, 100 * s->capacity);
}

/* `less` is two words: "fewer FLOPs". */
static void change(FILE *out, struct amount ratio, const char *less,
                   const char *more, const char *none)
{
    const char *what = strchr(less, ' ') + 1;
    double change = 100 * (ratio.value - 1);
    bool interval = isfinite(ratio.low) && isfinite(ratio.high);
    double half = 50 * (ratio.high - ratio.low);
    char text[128];

    if (!amount_known(ratio)) {
        html_textf(out, "an unknown change in %s (%s)", what,
                   ratio.reason ? ratio.reason : "no reason was recorded");
        return;
    }
    if (ratio.from == PROV_BUSY) {
        html_textf(out, "an unclear change in %s (%+.1f %%, measured while "
                   "others ran)", what, change);
        return;
    }
    if (!interval && ratio.from == PROV_MEASURED) {
        html_textf(out, "an unclear change in %s (%+.1f %%, from fewer than 6 "
                   "repeats, which have no interval)", what, change);
        return;
    }
    if (interval && ratio.low <= 1 && ratio.high >= 1) {
        html_fact(out, none, ratio);
        html_textf(out, " (%+.1f %% ± %.1f)", change, half);
        return;
    }
    snprintf(text, sizeof text, "%.1f %% %s", fabs(change),
             change <= 0 ? less : more);
    html_fact(out, text, ratio);
    if (interval)
        fprintf(out, " <i>± %.1f</i>", half);
}

/* FLOPs saved, time saved, energy saved. */
static void lead_phase(const struct phase *f, FILE *out)
{
    bool time = amount_known(f->ratio[METRIC_SECONDS]);
    char words[PHASE_WORDS_SIZE];
    bool slower = time && f->ratio[METRIC_SECONDS].low > 1;

    phase_words(words, f);
    fputs("<p class=\"lead\">", out);
    html_textf(out, "In a %s", words);
    if (isfinite(f->batch))
        html_textf(out, " of batch %g", f->batch);
    if (f->policy)
        html_textf(out, " (tokens kept by %s", f->policy);
    if (f->policy && isfinite(f->realised))
        html_textf(out, ": %.1f %%", 100 * f->realised);
    if (f->policy && capacity_strays(f->realised, f->capacity))
        html_textf(out, ", not the nominal %g %%", 100 * f->capacity);
    fputs(f->policy ? "), " : ", ", out);
    change(out, f->ratio[METRIC_FLOPS], "fewer FLOPs", "more FLOPs",
           "as many FLOPs");
    fputs(slower ? " but took " : " became ", out);
    change(out, f->ratio[METRIC_SECONDS], "less time", "more time",
           "no measurable change in time");
    fputs(" and ", out);
    change(out, f->ratio[METRIC_JOULES], "less energy", "more energy",
           "no measurable change in energy");
    fputs(".</p>\n", out);
}

/* True if a run has an amount that is no prediction. */
static bool was_executed(const struct run *run)
{
    if (run->kind == RUN_ROUTER || run->kind == RUN_REGRET ||
        run->kind == RUN_SENSITIVITY || run->kind == RUN_ALLOCATE)
        return true;
    for (int m = 0; m < METRIC_COUNT; m++)
        if (amount_known(run->totals.of[WITNESS_COUNTED][m]) ||
            amount_known(run->totals.of[WITNESS_MEASURED][m]))
            return true;
    for (size_t i = 0; i < run->n_phases; i++) {
        const struct phase *f = &run->phase[i];
        const enum side arm = phase_arm(f);
        if (amount_known(f->totals[arm].of[WITNESS_COUNTED][METRIC_FLOPS]) ||
            f->seconds[arm].from == PROV_MEASURED ||
            f->seconds[arm].from == PROV_BUSY)
            return true;
    }
    return isfinite(run->facts.loss_causal);
}

/* Runs that are no seed of their own. */
static void lead_twice(const struct report *r, FILE *out)
{
    size_t twice = r->n_twice + r->study.n_twice;
    size_t repeats = r->study.n_repeats;

    if (twice)
        fprintf(out, "<p class=\"warn\">%zu run%s given more than once (the "
                "same configuration, data, seed and result) and count%s "
                "once.</p>\n", twice, twice == 1 ? " was" : "s were",
                twice == 1 ? "s" : "");
    if (repeats)
        fprintf(out, "<p class=\"warn\">%zu run%s a seed of the same "
                "configuration with another result: the mean of such repeats "
                "stands for the seed, and they make no further pair.</p>\n",
                repeats, repeats == 1 ? " repeats" : "s repeat");
}

static void lead_apart(const struct report *r, FILE *out)
{
    if (!*r->layers_apart)
        return;
    fputs("<p class=\"warn\">", out);
    html_textf(out, "The dense and the MoD run whose layers stand side by side "
               "are two runs, no twins. They differ in %s.", r->layers_apart);
    fputs("</p>\n", out);
}

static const struct run *first_router(const struct report *r)
{
    for (size_t i = 0; i < r->n_worked; i++)
        if (r->worked[i]->kind == RUN_ROUTER)
            return r->worked[i];
    return NULL;
}

/* Layers whose other experts are weights that nothing uses. */
static void warn_of_collapse(const struct report *r, FILE *out)
{
    const struct table *t = report_find_table(r, "router-expert-balance");

    for (size_t row = 0; t && row < t->n_rows; row++) {
        if (!(findings_amount(t, row, "collapsed").value > 0))
            continue;
        fputs("<p class=\"warn\">", out);
        html_textf(out, "The experts of layer %.0f of %s have collapsed: as many"
                   " as a token enters take %.1f %% of all entries, of %.0f"
                   " experts.", findings_amount(t, row, "layer").value,
                   findings_cell(t, row, "run")->text,
                   100 * findings_amount(t, row, "heaviest").value,
                   findings_amount(t, row, "experts").value);
        fputs("</p>\n", out);
    }
}

static void lead_router(const struct report *r, FILE *out)
{
    const struct run *run = first_router(r);

    if (!run)
        return;
    char model[RUN_NAME_SIZE];
    run_model(model, run);
    fputs("<p class=\"lead\">", out);
    html_textf(out, "The routers of %s were watched over %.0f tokens%s.",
               model, run->facts.tokens,
               report_find_table(r, "router-replaced")
                   ? ", and replaced by chance and by tables of the last tokens"
                   : "");
    fputs("</p>\n", out);
    warn_of_collapse(r, out);
}

/* Texts that were scored and prompts that were gone on from, each in a paragraph. */
static bool lead_texts(const struct report *r, FILE *out)
{
    bool any = false;

    for (size_t i = 0; i < r->n_runs; i++) {
        if (r->run[i].kind != RUN_SCORE)
            continue;
        any = true;
        if (report_scores_text(&r->run[i]))
            page_lead_score(&r->run[i], out);
        else
            page_lead_prompt(&r->run[i], out);
    }
    return any;
}

/* What blocks lose, and what was chosen by that; false: neither. */
static bool lead_capacities(const struct report *r, FILE *out)
{
    bool any = false;

    for (size_t i = 0; i < r->n_worked; i++) {
        const struct run *run = r->worked[i];
        if (run->kind == RUN_SENSITIVITY)
            page_lead_sensitivity(run, out);
        if (run->kind == RUN_ALLOCATE)
            page_lead_allocation(run, out);
        any |= run->kind == RUN_SENSITIVITY || run->kind == RUN_ALLOCATE;
    }
    return any;
}

/* Trainings, profiles and routings lead; a text or a prompt where there is nothing
 * else. */
static bool lead_runs(const struct report *r, FILE *out)
{
    const bool trained = r->study.dense || r->study.mod;
    const struct phase *phase = report_phase(r);

    if (trained && r->study.n_runs == 1)
        page_lead_training(r, out);
    else if (trained)
        lead_study(r, out);
    lead_realised(r->study.mod, out);
    if (r->n_profiles > 1)
        page_lead_profiles(r, out);
    else if (phase && phase_has_twin(phase))
        lead_phase(phase, out);
    else if (phase)
        page_lead_profile(r, out);
    if (r->tradeoff.n > 0)
        page_lead_tradeoff(r, out);
    if (r->priced.n > 0)
        page_lead_priced(r, out);
    lead_router(r, out);
    if (r->regretted)
        page_lead_regret(r->regretted, out);
    const bool capacities = lead_capacities(r, out);
    return page_lead_asked(r, out) || capacities || trained || phase || r->tradeoff.n > 0 ||
           r->priced.n > 0 || first_router(r) || r->regretted;
}

void page_lead(const struct report *r, FILE *out)
{
    bool executed = false, asked = false;

    for (size_t i = 0; i < r->n_worked; i++) {
        executed = executed || was_executed(r->worked[i]);
        asked = asked || r->worked[i]->kind == RUN_ASKED;
    }
    if (!executed)
        fprintf(out, "<p class=\"banner\">Nothing here was executed: all "
                "numbers on this page are predicted%s.</p>\n",
                asked ? "" : ", or there are none");
    if (!lead_runs(r, out) && !lead_texts(r, out)) {
        fputs("<p class=\"lead\">", out);
        html_textf(out, "%zu run%s, without a held-out loss and without phases.",
                   r->n_worked, r->n_worked == 1 ? "" : "s");
        fputs("</p>\n", out);
    }
    lead_twice(r, out);
    lead_apart(r, out);
}

static void budgets(const struct study *s, FILE *out)
{
    char number[TABLE_NUMBER_SIZE];

    html_textf(out, "The %zu runs were trained for %zu budgets:", s->n_runs,
               s->n_budgets);
    for (size_t i = 0; i < s->n_budgets; i++) {
        table_si(number, s->budget[i], "FLOP");
        html_textf(out, "%s %s", i ? "," : "", number);
    }
    html_textf(out, ", equal within 1 %% in each (%s). Every setting is "
               "compared with the best dense one of its own budget; the best "
               "of each kind are those of the largest. ",
               provenance_names[s->flops_from]);
}

static void budget(const struct study *s, FILE *out)
{
    double apart = 100 * (s->flops_high / s->flops_low - 1);

    if (s->n_runs < 2)
        return;
    if (s->flops_from == PROV_UNKNOWN)
        fputs("<strong class=\"warn\">Some runs do not say how many FLOPs "
              "their training took, so whether all cost the same is "
              "unknown.</strong> ", out);
    else if (s->equal_flops)
        html_textf(out, "The training FLOPs of all %zu runs lie within %.2f %% "
                   "of each other (%s): what differs is how the same compute "
                   "was spent. ", s->n_runs, apart,
                   provenance_names[s->flops_from]);
    else if (s->separate)
        budgets(s, out);
    else
        fprintf(out, "<strong class=\"warn\">Training FLOPs differ by up to "
                "%.1f %% between runs: the points did not cost the same, and "
                "lower losses may have been paid for.</strong> ", apart);
}

/* Say from how many settings the best were chosen, and how they are judged. */
static void rivals(const struct study *s, FILE *out)
{
    fprintf(out, "<p>The best were chosen from %zu MoD and %zu dense settings, "
            "by the losses that are shown: the winner of many is a little "
            "lucky. So each seed judges the two settings that the other seeds "
            "would choose. ", s->n_mod, s->n_dense);
    if (s->n_depths > 1)
        fprintf(out, "Dense models of %zu depths were tried. ", s->n_depths);
    else
        fputs("Only one dense depth was tried: another one may do better, and "
              "no MoD model was held against it. ", out);
    fputs(s->best.n_blocks
          ? "Intervals cover other seeds, and other text of this kind: blocks of "
            "the held-out one vary in them.</p>\n"
          : "Seeds vary, the text does not: intervals say nothing of another "
            "text.</p>\n", out);
}

void page_setup(const struct report *r, FILE *out)
{
    const struct study *s = &r->study;

    if (s->n == 0)
        return;
    fputs("<p>", out);
    if (s->n_runs > 1)
        budget(s, out);
    fputs("Held-out loss is what a comparison uses, measured under a rule that "
          "decides about a token from what stands before it (the "
          "<em>causal rule</em>). Top-k, by which MoD is trained, ranks a "
          "token against later ones too: its loss looks into the future, is "
          "shown for comparison, and cannot be had when generating.</p>\n",
          out);
    if (s->dense && s->mod)
        rivals(s, out);
    if (s->mod && jsonpath_text(s->mod->run[0]->summary, "loss.causal_rule"))
        html_textf(out, "The causal rule%s is called '%s'.", s->n_runs > 1
                   ? " of the best MoD setting" : "", jsonpath_text(s->mod->run[0]->summary,
                                          "loss.causal_rule"));
    if (s->n_unfinished)
        fprintf(out, "<p class=\"warn\">Of the sweep, %zu point%s not "
                "finished and missing here.</p>\n", s->n_unfinished,
                s->n_unfinished == 1 ? " is" : "s are");
}

void page_trust(const struct report *r, FILE *out)
{
    const struct phase *f = report_phase(r);
    const struct amount joules = f ? phase_total(f, phase_arm(f), METRIC_JOULES)
                                   : amount_unknown(NULL);

    fputs("<p>", out);
    if (r->compared == 0)
        fputs("<span class=\"warn\">No run has both a predicted and a counted "
              "ledger, so the one check that is exact was not made.</span>",
              out);
    else if (r->mismatches == 0)
        fprintf(out, "Counted equals predicted, integer by integer: <b>0 of "
                "%zu</b> compared cells and totals (FLOPs and bytes) differ. "
                "The two never saw each other: formulas on one side, the "
                "loops' own tallies on the other.", r->compared);
    else
        fprintf(out, "<span class=\"warn\">Counted and predicted differ in "
                "<b>%zu of %zu</b> compared cells and totals. Both are exact, "
                "so one of them is wrong; they are listed below.</span>",
                r->mismatches, r->compared);
    if (joules.modelled)
        fputs(" Energy was not measured: it is modelled from FLOPs, bytes and "
              "time with the machine profile's coefficients, whose low and "
              "high differ by much; read it as a direction.", out);
    fputs("</p>\n<p>A multiply-add is 2 FLOPs; every op counts what its code "
          "executes, masked keys of a tile included; router, gather, optimizer "
          "and loss are counted. Bytes are operands read and written once per "
          "op, not memory traffic.</p>\n", out);
}

void page_gaps(const struct report *r, FILE *out)
{
    if (r->n_gaps == 0)
        return;
    fprintf(out, "<details><summary>Figures left out: %zu, and why</summary>\n"
            "<ul>\n", r->n_gaps);
    for (size_t i = 0; i < r->n_gaps; i++) {
        fprintf(out, "<li>%s: ", r->gap[i].name);
        html_text(out, r->gap[i].reason);
        fputs("</li>\n", out);
    }
    fputs("</ul></details>\n", out);
}

void page_first_of(const struct report *r, enum run_kind kind,
                   const struct run *shown, FILE *out)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_runs; i++)
        n += r->run[i].kind == kind;
    if (n < 2 || !shown)
        return;
    fputs("<p>", out);
    html_textf(out, kind == RUN_PROFILE ? "Of %zu directories of isobath %s this "
               "section and those below show the first, %s." :
               "Of %zu directories of isobath %s this section shows %s; the "
               "totals of all are in the table of totals.", n,
               run_commands[kind], shown->path);
    fputs("</p>\n", out);
}
