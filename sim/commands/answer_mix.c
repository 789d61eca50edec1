/* answer_mix.c - Tabulate what a mix of requests takes of each machine. */
#include "sim/commands/answer_job.h"

#include <math.h>

#include "sim/core/answer/json.h"

/* For a million new tokens; NAN: unknown. */
struct million {
    double hours, kwh, dollars, grams;
};

static struct million million_of(const struct served *s,
                                 const struct answer_job *j,
                                 const struct machine *m)
{
    const double hours = served_hours(s, &j->mix), kwh = served_kwh(s, &j->mix);
    return (struct million){
        .hours = hours, .kwh = kwh, .dollars = hours * m->price_per_hour.value,
        .grams = kwh * m->pue.value * m->grams_co2_per_kwh.value,
    };
}

static const char *model_name(const struct answer_job *j, int model)
{
    return model == 0 ? "the model" : j->rival[model - 1].name;
}

/* Why a number of a machine is unknown, where it is. */
static const char *reason(const struct answer_machine *m,
                          const struct served *s, enum metric metric)
{
    return s->concurrency == 0 ? "no concurrency is within the limits"
           : *m->why[metric]   ? m->why[metric] : NULL;
}

static struct amount amount_or(double value, const char *why)
{
    return isfinite(value) ? amount_of(value, PROV_PREDICTED)
                           : amount_unknown(why);
}

static void add_row(struct table *t, const struct answer_job *j, int machine,
                    int model)
{
    const struct answer_machine *m = &j->machine[machine];
    const struct served *own = &j->served[machine].by[0];
    const struct served *s = &j->served[machine].by[model];
    const struct million million = million_of(s, j, &m->machine);
    const char *time = reason(m, s, METRIC_SECONDS),
               *energy = reason(m, s, METRIC_JOULES);
    const struct estimate
        seconds = served_ratio(own, s, METRIC_SECONDS),
        joules = served_ratio(own, s, METRIC_JOULES);

    table_row(t, model == 0 ? ROW_MOD : ROW_PLAIN);
    table_text(t, m->machine.name);
    table_text(t, model_name(j, model));
    table_count(t, (uint64_t)s->concurrency, PROV_PREDICTED);
    table_text(t, served_bound_names[s->bound]);
    table_quantity(t, amount_or(s->first, time), "s");
    table_quantity(t, amount_or(s->next, time), "s");
    table_amount(t, amount_or(served_rate(s, &j->mix), time));
    table_amount(t, amount_or(million.hours, time));
    table_amount(t, amount_or(million.kwh, energy));
    table_amount(t, amount_or(million.dollars, time ? time : m->unpriced));
    table_amount(t, amount_or(million.grams, energy ? energy : m->unmetered));
    const double ratio[] = { seconds.value, seconds.low, seconds.high,
                             joules.value, joules.low, joules.high };
    for (size_t i = 0; i < sizeof ratio / sizeof *ratio; i++)
        table_amount(t, model == 0 ? amount_unknown(NULL)
                                   : amount_or(ratio[i], time));
}

enum status answer_mix_table(struct table *out, const struct answer_job *j,
                             struct error *err)
{
    static const struct column columns[] = {
        { "machine", "machine", "", COLUMN_TEXT, true },
        { "model", "model", "", COLUMN_TEXT, true },
        { "concurrency", "at once", "", COLUMN_WHOLE, true },
        { "bound", "bound by", "", COLUMN_TEXT, true },
        { "first_token_seconds", "first token", "", COLUMN_QUANTITY, true },
        { "next_token_seconds", "next", "", COLUMN_QUANTITY, true },
        { "tokens_per_second", "tokens/s", "", COLUMN_WHOLE, true },
        { "machine_hours_per_million", "hours/M", "", COLUMN_LOSS, true },
        { "kwh_per_million", "kWh/M", "", COLUMN_LOSS, true },
        { "usd_per_million", "USD/M", "", COLUMN_FACTOR, true },
        { "grams_co2_per_million", "gCO2/M", "", COLUMN_FACTOR, true },
        { "seconds_of_it", "time of it", "", COLUMN_FACTOR, true },
        { "seconds_of_it_low", "low", "", COLUMN_FACTOR, true },
        { "seconds_of_it_high", "high", "", COLUMN_FACTOR, true },
        { "joules_of_it", "energy of it", "", COLUMN_FACTOR, true },
        { "joules_of_it_low", "low", "", COLUMN_FACTOR, true },
        { "joules_of_it_high", "high", "", COLUMN_FACTOR, true },
    };

    table_open(out, "mix", columns, sizeof columns / sizeof *columns);
    for (int m = 0; m < j->n_machines; m++)
        for (int i = 0; i <= j->n_rivals; i++)
            add_row(out, j, m, i);
    if (out->status != STATUS_OK)
        error_set(err, out->status, "no memory for the table");
    return out->status;
}

void answer_mix_words(char out[ANSWER_WORDS_SIZE], const struct answer_job *j,
                      int rival)
{
    const char *before = "";

    out[0] = '\0';
    answer_say(out, "Requests of %d tokens and %d new ones, against %s, time a"
               " new token (80 %% of draws): ", j->mix.n_prompt, j->mix.n_new,
               j->rival[rival].name);
    for (int m = 0; m < j->n_machines; m++) {
        const struct served *s = j->served[m].by;
        const struct estimate e = served_ratio(&s[0], &s[1 + rival],
                                               METRIC_SECONDS);
        answer_say(out, "%s%s ", before, j->machine[m].machine.name);
        before = ", ";
        if (isnan(e.value))
            answer_say(out, "unknown");
        else
            answer_say(out, "%.3f of it (%.3f to %.3f)", e.value, e.low,
                       e.high);
    }
    answer_say(out, ".");
}

/* ---- JSON ---- */

static json_t *estimate_json(struct estimate e)
{
    return json_pack("{s:o, s:o, s:o}", "value", json_number(e.value),
                     "low", json_number(e.low), "high", json_number(e.high));
}

static json_t *served_json(const struct answer_job *j, int machine, int model)
{
    const struct answer_machine *m = &j->machine[machine];
    const struct served *own = &j->served[machine].by[0];
    const struct served *s = &j->served[machine].by[model];
    const struct million million = million_of(s, j, &m->machine);
    json_t *out = json_pack("{s:s, s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o,"
                            " s:o}",
        "machine", m->machine.name,
        "model", model == 0 ? "model" : j->asked[model - 1],
        "concurrency", (int)s->concurrency,
        "bound", served_bound_names[s->bound],
        "first_token_seconds", json_number(s->first),
        "next_token_seconds", json_number(s->next),
        "tokens_per_second", json_number(served_rate(s, &j->mix)),
        "machine_hours_per_million", json_number(million.hours),
        "kwh_per_million", json_number(million.kwh),
        "usd_per_million", json_number(million.dollars),
        "grams_co2_per_million", json_number(million.grams));

    if (model > 0) {
        json_object_set_new(out, "seconds_of_it",
            estimate_json(served_ratio(own, s, METRIC_SECONDS)));
        json_object_set_new(out, "joules_of_it",
            estimate_json(served_ratio(own, s, METRIC_JOULES)));
    }
    return out;
}

static json_t *reasons_json(const struct answer_job *j, int machine)
{
    const struct answer_machine *m = &j->machine[machine];
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "machine", m->machine.name,
        "seconds", json_reason(m->why[METRIC_SECONDS]),
        "joules", json_reason(m->why[METRIC_JOULES]),
        "usd", json_reason(m->unpriced), "grams_co2",
        json_reason(m->unmetered));
}

json_t *answer_mix_json(const struct answer_job *j)
{
    json_t *rows = json_array(), *reasons = json_array();

    for (int m = 0; m < j->n_machines; m++) {
        for (int i = 0; i <= j->n_rivals; i++)
            json_array_append_new(rows, served_json(j, m, i));
        json_array_append_new(reasons, reasons_json(j, m));
    }
    return json_pack("{s:i, s:i, s:i, s:o, s:o, s:o, s:o}",
        "prompt_tokens", (int)j->mix.n_prompt, "new_tokens", (int)j->mix.n_new,
        "concurrency", (int)j->mix.concurrency,
        "first_token_limit", json_known(j->mix.first_limit,
                                        j->mix.first_limit > 0),
        "next_token_limit", json_known(j->mix.next_limit,
                                       j->mix.next_limit > 0),
        "rows", rows, "unknown", reasons);
}
