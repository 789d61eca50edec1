/* answer_fall.c - Follow the FLOPs that are nominally saved to the time, the energy
 * and the batch that come of them. */
#include "sim/commands/answer_job.h"

#include <math.h>
#include <stdlib.h>

#include "sim/core/answer/json.h"

static const struct { const char *key, *words; } stages[] = {
#define X(id, key, words) { key, words },
    ANSWER_STAGE_MAP(X)
#undef X
};

static struct estimate exactly(double value)
{
    return (struct estimate){ value, value, value };
}

/* The twin's FLOPs, of each routed layer but the share that its capacity keeps: what
 * a paper would say is spent. */
static double nominal_flops(const struct contest *contest)
{
    const struct model_spec *spec = &contest->model.spec;
    const struct contender *twin = &contest->rival[0];
    struct cost cost = contender_sum(twin, LEDGER_ANY, LEDGER_OUTSIDE,
                                     LEDGER_ANY);
    double flops = cost_get(&cost, METRIC_FLOPS);

    for (int32_t l = 0; l < spec->n_layers; l++) {
        cost = contender_sum(twin, LEDGER_ANY, l, LEDGER_ANY);
        flops += cost_get(&cost, METRIC_FLOPS) *
                 (spec->routed[l] ? spec->capacity[l] : 1);
    }
    return flops;
}

static void follow(struct answer_fall *out, const struct contest *contest,
                   const struct answer_served *served, int rival)
{
    const struct cost total = contender_total(&contest->rival[rival]);
    struct estimate *e = out->of_rival;

    e[STAGE_NOMINAL] = exactly(nominal_flops(contest) /
                               cost_get(&total, METRIC_FLOPS));
    e[STAGE_EXECUTED] = contest_ratio(contest, rival, METRIC_FLOPS);
    e[STAGE_BYTES] = contest_ratio(contest, rival, METRIC_BYTES);
    e[STAGE_SECONDS] = contest_ratio(contest, rival, METRIC_SECONDS);
    e[STAGE_JOULES] = contest_ratio(contest, rival, METRIC_JOULES);
    e[STAGE_SERVED_SECONDS] = served_ratio(&served->by[0],
                                           &served->by[1 + rival],
                                           METRIC_SECONDS);
    e[STAGE_SERVED_JOULES] = served_ratio(&served->by[0],
                                          &served->by[1 + rival],
                                          METRIC_JOULES);
    e[STAGE_BATCH] = exactly(out->largest[0] / out->largest[1]);
}

/* The largest batches at the mix's full length; unknown memory: NAN. */
static void find_batches(struct answer_fall *out, const struct contest *contest,
                         const struct predict_question *q, int rival,
                         const struct answer_job *j)
{
    const struct quantity *memory = &q->machine->memory_bytes;
    const struct hold_question held = {
        .spec = &contest->model.spec, .regime = &q->regime,
        .phase = MEMORY_DECODE, .n_sequences = 1,
        .n_tokens = j->mix.n_prompt + j->mix.n_new,
        .n_threads = j->options->common.threads,
    };

    out->largest[0] = out->largest[1] = NAN;
    if (!quantity_known(memory))
        return;
    out->largest[0] = hold_largest_batch(&held, (uint64_t)memory->low);
    out->largest[1] = contender_largest_batch(&contest->rival[rival], &held,
                                              (uint64_t)memory->low);
}

static enum status fall_on(struct answer_job *j, int machine,
                           struct contest *contest, struct error *err)
{
    struct predict_question q = answer_question(j, &j->machine[machine],
                                                MEMORY_DECODE);

    q.n_sequences = j->mix.concurrency;
    q.n_tokens = serving_step_tokens(&j->mix);
    enum status status = contest_open(contest, &q, j->rival, j->n_rivals, err);
    for (int r = 0; r < j->n_rivals && status == STATUS_OK; r++) {
        find_batches(&j->fall[machine][r], contest, &q, r, j);
        follow(&j->fall[machine][r], contest, &j->served[machine], r);
    }
    contest_close(contest);
    return status;
}

enum status answer_fall(struct answer_job *j, struct error *err)
{
    struct contest *contest = calloc(1, sizeof *contest);
    enum status status = STATUS_OK;

    j->fall = calloc((size_t)j->n_machines, sizeof *j->fall);
    if (!contest || !j->fall) {
        free(contest);
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d machines",
                         j->n_machines);
    }
    for (int m = 0; m < j->n_machines && status == STATUS_OK; m++)
        status = fall_on(j, m, contest, err);
    free(contest);
    return status;
}

/* ---- tables and JSON ---- */

static void add_estimate(struct table *t, const struct estimate *e)
{
    const double of[] = { e->value, e->low, e->high };

    for (int i = 0; i < 3; i++)
        table_amount(t, isfinite(of[i]) ? amount_of(of[i], PROV_PREDICTED)
                                        : amount_unknown(NULL));
}

enum status answer_fall_table(struct table *out, const struct answer_job *j,
                              struct error *err)
{
    static const struct column columns[] = {
        { "machine", "", "", COLUMN_TEXT, true },
        { "rival", "", "", COLUMN_TEXT, true },
        { "stage", "", "", COLUMN_TEXT, true },
        { "of_rival", "", "", COLUMN_FACTOR, true },
        { "of_rival_low", "", "", COLUMN_FACTOR, true },
        { "of_rival_high", "", "", COLUMN_FACTOR, true },
    };

    table_open(out, "waterfall", columns, sizeof columns / sizeof *columns);
    out->digits = 9;
    for (int m = 0; m < j->n_machines; m++)
        for (int r = 0; r < j->n_rivals; r++)
            for (int s = 0; s < ANSWER_STAGES; s++) {
                table_row(out, ROW_PLAIN);
                table_text(out, j->machine[m].machine.name);
                table_text(out, j->asked[r]);
                table_text(out, stages[s].key);
                add_estimate(out, &j->fall[m][r].of_rival[s]);
            }
    if (out->status != STATUS_OK)
        error_set(err, out->status, "no memory for the table");
    return out->status;
}

static json_t *estimate_json(const struct estimate *e)
{
    return json_pack("{s:o, s:o, s:o}", "value", json_number(e->value),
                     "low", json_number(e->low), "high", json_number(e->high));
}

static json_t *fall_json(const struct answer_job *j, int machine, int rival)
{
    const struct answer_fall *fall = &j->fall[machine][rival];
    const struct served *by = j->served[machine].by;
    json_t *of_rival = json_object();

    for (int s = 0; s < ANSWER_STAGES; s++)
        json_object_set_new(of_rival, stages[s].key,
                            estimate_json(&fall->of_rival[s]));
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}",
        "machine", j->machine[machine].machine.name, "rival", j->asked[rival],
        "of_rival", of_rival,
        "prefill_share", json_number(by[0].prompts),
        "rival_prefill_share", json_number(by[1 + rival].prompts),
        "largest_batch", json_number(fall->largest[0]),
        "rival_largest_batch", json_number(fall->largest[1]));
}

json_t *answer_fall_json(const struct answer_job *j)
{
    json_t *rows = json_array(), *words = json_array();
    char text[ANSWER_WORDS_SIZE];

    for (int r = 0; r < j->n_rivals; r++) {
        answer_fall_words(text, j, r);
        json_array_append_new(words, json_pack("{s:s, s:s}", "rival",
                                               j->asked[r], "words", text));
        for (int m = 0; m < j->n_machines; m++)
            json_array_append_new(rows, fall_json(j, m, r));
    }
    return json_pack("{s:i, s:i, s:o, s:o}", "batch", (int)j->mix.concurrency,
                     "tokens", (int)serving_step_tokens(&j->mix), "words",
                     words, "rows", rows);
}

/* ---- words ---- */

/* The lowest and the highest of a stage over the machines. */
static bool say_span(char *out, const struct answer_job *j, int rival,
                     enum answer_stage stage, const char *what)
{
    double low = HUGE_VAL, high = -HUGE_VAL;

    for (int m = 0; m < j->n_machines; m++) {
        const double x = j->fall[m][rival].of_rival[stage].value;
        if (isfinite(x))
            low = fmin(low, x), high = fmax(high, x);
    }
    if (low > high)
        return false;
    if (high - low < 0.0005)
        answer_say(out, "%s%.1f %%", what, 100 * low);
    else
        answer_say(out, "%s%.1f to %.1f %%", what, 100 * low, 100 * high);
    return true;
}

/* The share of the model's time that prompts take. */
static void say_prompts(char *out, const struct answer_job *j)
{
    double low = HUGE_VAL, high = -HUGE_VAL;

    for (int m = 0; m < j->n_machines; m++) {
        const double x = j->served[m].by[0].prompts;
        if (isfinite(x))
            low = fmin(low, x), high = fmax(high, x);
    }
    if (low <= high)
        answer_say(out, " (prompts: %.0f to %.0f %% of the model's)", 100 * low,
                   100 * high);
}

void answer_fall_words(char out[ANSWER_WORDS_SIZE], const struct answer_job *j,
                       int rival)
{
    out[0] = '\0';
    answer_say(out, "What is left of the saving, against %s, decoding at B %d,"
               " T %d:", j->rival[rival].name, (int)j->mix.concurrency,
               (int)serving_step_tokens(&j->mix));
    say_span(out, j, rival, STAGE_NOMINAL, " nominally ");
    say_span(out, j, rival, STAGE_EXECUTED, " of the FLOPs, executed ");
    say_span(out, j, rival, STAGE_BYTES, "; of the bytes ");
    if (!say_span(out, j, rival, STAGE_SECONDS, ", of the time "))
        answer_say(out, "; the time is unknown");
    if (!say_span(out, j, rival, STAGE_JOULES, ", of the energy "))
        answer_say(out, "; the energy is unknown");
    if (say_span(out, j, rival, STAGE_SERVED_SECONDS,
                 "; of a request's time, from prompt to last token, "))
        say_prompts(out, j);
    if (say_span(out, j, rival, STAGE_BATCH,
                 "; the largest batch that fits is "))
        answer_say(out, " of the rival's");
    answer_say(out, ".");
}
