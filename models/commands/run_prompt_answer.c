/* run_prompt_answer.c - Sum up the passes of isobath run --prompt, as text, as
 * a table of tokens and as a summary. */
#include "models/commands/run_prompt_answer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "models/scoring/score.h"
#include "sim/core/answer/table.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/summary.h"
#include "sim/core/base/stats.h"

/* Of the passes of one token each; NAN where there was none. */
struct pace {
    int32_t n;
    double  seconds;                 /* median */
    double  flops, bytes, weight_bytes;      /* mean */
};

static double median_seconds(const struct new_token *token, int32_t n)
{
    double *seconds = error_noted(calloc((size_t)n + 1, sizeof *seconds));

    if (!seconds)
        return (double)NAN;
    size_t passes = 0;
    for (int32_t i = 0; i < n; i++)
        if (token[i].n_tokens > 0)
            seconds[passes++] = token[i].seconds / token[i].n_tokens;
    const double middle = stats_median(seconds, passes);
    free(seconds);
    return middle;
}

static struct pace pace_of_tokens(const struct new_token *token, int32_t n)
{
    struct pace p = { 0 };

    for (int32_t i = 0; i < n && token[i].ran; i++) {
        p.flops += (double)token[i].flops;
        p.bytes += (double)token[i].bytes;
        p.weight_bytes += (double)token[i].weight_bytes;
        p.n++;
    }
    p.flops /= p.n;                  /* NAN where n is 0 */
    p.bytes /= p.n;
    p.weight_bytes /= p.n;
    p.seconds = median_seconds(token, p.n);
    return p;
}

static struct pace pace_of(const struct run_prompt_answer *r)
{
    return pace_of_tokens(r->token, r->n_new);
}

/* What the model took of the rival's. */
struct taken {
    double flops, bytes;
    struct difference seconds;         /* median */
};

static struct taken taken_prompt(const struct run_prompt_answer *r)
{
    const struct prompt_cost *c = &r->rival_cost;

    return (struct taken){ (double)r->prefill_flops / (double)c->prefill_flops,
                           (double)r->prefill_bytes / (double)c->prefill_bytes,
                           c->prefill_ratio };
}

static struct taken taken_new(const struct run_prompt_answer *r)
{
    const struct pace ours = pace_of(r);
    const struct pace theirs = pace_of_tokens(r->rival_cost.token,
                                              r->rival_cost.n_new);

    return (struct taken){ ours.flops / theirs.flops, ours.bytes / theirs.bytes,
                           { .mean = ours.seconds / theirs.seconds,
                             .low = (double)NAN, .high = (double)NAN } };
}

const char *run_prompt_piece(const struct tokenizer *tokenizer, int32_t id,
                             bool first, char byte[1], size_t *size)
{
    if (tokenizer)
        return tokenizer_bytes(tokenizer, id, first, size);
    byte[0] = (char)id;
    *size = 1;
    return byte;
}

/* ---- in words ---- */

static const char *const end_names[] = {
    [PROMPT_LENGTH] = "length", [PROMPT_END_OF_TEXT] = "end of text",
    [PROMPT_INTERRUPTED] = "interrupted",
};

static void print_agreement(FILE *file, const struct run_prompt_answer *r)
{
    struct cost sum = ledger_sum(r->counted, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    if (r->agreed)
        fprintf(file, "counted == predicted: %" PRIu64 " flops, %" PRIu64
                " bytes, and so in each pass\n", sum.count[METRIC_FLOPS],
                sum.count[METRIC_BYTES]);
}

/* Of the new tokens that a pass ran on; NAN where there was none, or nothing is
 * routed. */
static double share_of_new(const struct run_prompt_answer *r)
{
    int64_t seen = 0, kept = 0;

    for (int32_t i = 0; i < r->n_new && r->token[i].ran; i++)
        for (int32_t k = 0; k < r->n_kept; k++, seen++)
            kept += r->kept[i * r->n_kept + k];
    return (double)kept / (double)seen;
}

static void print_share(FILE *file, const char *of, double share)
{
    if (isfinite(share))
        fprintf(file, ", %.1f %% of %s", 100 * share, of);
}

static void print_routing(FILE *file, const struct run_prompt_answer *r)
{
    if (spec_n_routed(r->spec) == 0)
        return;
    fprintf(file, "routed  the prompt by %s (%s), new tokens by %s (%s)",
            r->policy->name, r->policy->causal ? "causal" : "looks ahead",
            r->step_policy->name, r->step_policy == r->policy
                ? "the same" : "its causal twin");
    if (r->spec->keep_first > 0)
        fprintf(file, ", keep_first %d", r->spec->keep_first);
    fputs("\nkept    by routed layers", file);
    print_share(file, "the prompt", r->prompt_kept);
    print_share(file, "the new ones", share_of_new(r));
    fputc('\n', file);
}

/* "48.9 ms", in ASCII. */
static void print_si(FILE *file, const char *before, double value,
                     const char *unit)
{
    char text[TABLE_NUMBER_SIZE];

    table_si(text, value, unit);
    fprintf(file, "%s%s", before, table_ascii(text));
}

static void print_pace(FILE *file, const char *before, double per_second)
{
    fprintf(file, "%s%.*f tokens/s", before, per_second < 100, per_second);
}

/* What came in and what went out, with what a token took. */
static void print_tokens(FILE *file, const struct run_prompt_answer *r)
{
    const struct pace p = pace_of(r);

    fprintf(file, "prompt  %d tokens in ", r->n_prompt);
    print_si(file, "", r->prefill_seconds, "s");
    print_pace(file, ", ", r->n_prompt / r->prefill_seconds);
    print_si(file, ", ", (double)r->prefill_flops / r->n_prompt, "FLOP");
    print_si(file, " and ", (double)r->prefill_bytes / r->n_prompt, "B");
    fputs(" a token\n", file);
    if (p.n == 0)
        return;
    fprintf(file, "new     %d tokens", r->n_new);
    print_pace(file, ", ", 1.0 / p.seconds);
    print_si(file, " (median ", p.seconds, "s");
    print_si(file, "), ", p.flops, "FLOP");
    print_si(file, " and ", p.bytes, "B");
    print_si(file, " a token, ", p.weight_bytes / p.seconds, "B/s");
    fputs(" of weights\n", file);
    if (r->n_drafted > 0)
        fprintf(file, "drafts  %" PRId64 " of %" PRId64 " accepted, %.1f %%, by"
                " the first %d of %d layers\n", r->n_accepted, r->n_drafted,
                100.0 * (double)r->n_accepted / (double)r->n_drafted,
                r->job->options.speculation.n_layers, r->spec->n_layers);
}

static void print_taken(FILE *file, const char *what, struct taken t)
{
    fprintf(file, "        %s: flops %+.2f %%, bytes %+.2f %%, seconds %+.2f"
            " %%", what, 100 * (t.flops - 1), 100 * (t.bytes - 1),
            100 * (t.seconds.mean - 1));
    if (isfinite(t.seconds.low) && isfinite(t.seconds.high))
        fprintf(file, " [%+.2f, %+.2f]", 100 * (t.seconds.low - 1),
                100 * (t.seconds.high - 1));
    fputc('\n', file);
}

static void print_against(FILE *file, const struct run_prompt_answer *r)
{
    if (!r->rival)
        return;
    fputs("against ", file);
    run_rival_print(file, r->rival);
    fputs("; on the same tokens, after the model\n", file);
    print_taken(file, "prompt, timed again in turns", taken_prompt(r));
    if (r->rival_cost.n_new > 0)
        print_taken(file, "a new token, seconds by medians", taken_new(r));
}

void run_prompt_text(FILE *file, const struct run_prompt_answer *r)
{
    fprintf(file, "%s%s: prompt of %d tokens%s%s, %d new, ended by %s\n",
            r->job->config->model,
            r->source->has_weights ? "" : ", random weights",
            r->n_prompt, !r->chat      ? ""
                         : r->chat_why ? " in the form of "
                                       : " by the model's own ",
            r->chat ? r->chat : "", r->n_new, end_names[r->end]);
    if (r->chat_why)
        fprintf(file, "chat    %s\n", r->chat_why);
    print_routing(file, r);
    print_si(file, "opened  ", r->open_seconds, "s");
    print_si(file, ", ", (double)r->allocated_bytes, "B");
    fputs(" with its weights\n", file);
    print_tokens(file, r);
    print_against(file, r);
    fputs("load    ", file);
    load_seen_print(file, &r->load);
    print_agreement(file, r);
    print_si(file, "memory  ", (double)r->predicted_bytes, "B");
    fputs(" predicted", file);
    if (r->peak_bytes > 0) {
        print_si(file, ", ", (double)r->peak_bytes, "B");
        fputs(" at the peak", file);
    }
    fputc('\n', file);
}

/* ---- the table of tokens ---- */

void run_prompt_csv(FILE *file, const struct run_prompt_answer *r)
{
    fputs("position,token,text,seconds,flops,bytes", file);
    score_write_choices(file, r->spec);
    fputs("\r\n", file);
    for (int32_t i = 0; i < r->n_new; i++) {
        const struct new_token *t = &r->token[i];
        char byte[1];
        size_t size;
        const char *piece = run_prompt_piece(r->tokenizer, t->id, false, byte,
                                             &size);

        fprintf(file, "%d,%d,", r->n_prompt + i, t->id);
        score_write_text(file, piece, size);
        if (t->n_tokens > 0)
            fprintf(file, ",%.9g,%" PRIu64 ",%" PRIu64, t->seconds, t->flops,
                    t->bytes);
        else
            fputs(",,,", file);
        for (int32_t k = 0; k < r->n_kept; k++)
            fputs(!t->ran                      ? ","
                  : r->kept[i * r->n_kept + k] ? ",1"
                                               : ",0", file);
        fputs("\r\n", file);
    }
}

/* ---- summary.json ---- */

static json_t *config_of(const struct run_prompt_answer *r)
{
    const struct run_prompt *job = r->job;
    const struct sampling *s = &job->options.sampling;
    json_t *run = json_pack(
        "{s:o, s:o, s:o, s:o, s:i, s:f, s:i, s:f, s:s, s:o, s:I, s:b}",
        "model", json_text(job->config->model),
        "prompt", json_text(job->options.prompt), "chat", json_text(r->chat),
        "chat_why", json_text(r->chat_why),
        "new", r->n_asked,
        "temperature", s->temperature, "top_k", s->top_k, "top_p", s->top_p,
        "policy", r->policy->name, "machine",
        json_text(*job->config->machine ? job->config->machine : NULL),
        "seed", (json_int_t)job->config->seed,
        "random_weights", !r->source->has_weights);
    char weights[SOURCE_WEIGHTS_SIZE], stored[SOURCE_WEIGHTS_SIZE];
    source_weights_text(weights, r->spec);
    source_stored_text(stored, r->source);
    json_object_set_new(run, "weights", json_string(weights));
    json_object_set_new(run, "stored_weights", json_reason(stored));
    return json_pack("{s:o, s:o}", "run", run, "model",
                     summary_model(r->spec));
}

static json_t *drafts_json(const struct run_prompt_answer *r)
{
    const struct speculation *s = &r->job->options.speculation;

    return json_pack("{s:i, s:i, s:I, s:I}", "layers", s->n_layers, "a_round",
                     s->n_drafts, "drafted", (json_int_t)r->n_drafted,
                     "accepted", (json_int_t)r->n_accepted);
}

static json_t *generation_json(const struct run_prompt_answer *r)
{
    const struct pace p = pace_of(r);
    return json_pack(
        "{s:i, s:i, s:s, s:s%, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o,"
        " s:o, s:o}",
        "prompt_tokens", r->n_prompt, "new_tokens", r->n_new,
        "ended_by", end_names[r->end], "text", r->text, r->text_size,
        "open_seconds", json_number(r->open_seconds),
        "prefill_seconds", json_number(r->prefill_seconds),
        "prefill_tokens_per_second",
        json_number(r->n_prompt / r->prefill_seconds),
        "prefill_flops", (json_int_t)r->prefill_flops,
        "prefill_bytes", (json_int_t)r->prefill_bytes,
        "decode_seconds_median", json_number(p.seconds),
        "decode_tokens_per_second", json_number(1.0 / p.seconds),
        "decode_flops_per_token", json_number(p.flops),
        "decode_bytes_per_token", json_number(p.bytes),
        "weight_bytes_per_token", json_number(p.weight_bytes),
        "weight_bytes_per_second", json_number(p.weight_bytes / p.seconds));
}

static json_t *routing_json(const struct run_prompt_answer *r)
{
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:o, s:s, s:o, s:o, s:o}",
                     "policy", r->source->routing.policy->name,
                     "part", part_names[r->spec->part],
                     "keep_first", (int)r->spec->keep_first,
                     "rule", r->policy->name,
                     "step_rule", r->step_policy->name,
                     "blocks", summary_blocks(r->spec),
                     "gate", gate_names[r->spec->gate],
                     "capacity_nominal", summary_capacity(r->spec),
                     "capacity_realised", json_number(share_of_new(r)),
                     "capacity_realised_prompt", json_number(r->prompt_kept));
}

static json_t *taken_json(struct taken t)
{
    return json_pack("{s:o, s:o, s:{s:o, s:o, s:o}}",
                     "flops", json_number(t.flops),
                     "bytes", json_number(t.bytes),
                     "seconds", "value", json_number(t.seconds.mean),
                     "low", json_number(t.seconds.low),
                     "high", json_number(t.seconds.high));
}

static json_t *against_json(const struct run_prompt_answer *r)
{
    const struct prompt_cost *c = &r->rival_cost;

    if (!r->rival)
        return json_null();
    const struct pace p = pace_of_tokens(c->token, c->n_new);
    json_t *out = run_rival_json(r->rival);
    json_t *rest = json_pack(
        "{s:o, s:I, s:I, s:o, s:o, s:o, s:{s:o, s:o}}",
        "prefill_seconds", json_number(c->prefill_seconds),
        "prefill_flops", (json_int_t)c->prefill_flops,
        "prefill_bytes", (json_int_t)c->prefill_bytes,
        "decode_seconds_median", json_number(p.seconds),
        "decode_flops_per_token", json_number(p.flops),
        "decode_bytes_per_token", json_number(p.bytes),
        "ratio", "prefill", taken_json(taken_prompt(r)),
        "decode", taken_json(taken_new(r)));
    json_object_update(out, rest);
    json_decref(rest);
    return out;
}

enum status run_prompt_json(json_t **out, const struct run_prompt_answer *r,
                            struct error *err)
{
    const struct run_prompt *job = r->job;
    const struct pace p = pace_of(r);
    enum status status;
    json_t *j = summary_open("run", config_of(r),
        provenance_json(job->argc, job->argv, job->common->threads,
                        job->config->seed,
                        r->isa, NULL, NULL));
    if (!j)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
    if (r->end == PROMPT_INTERRUPTED)
        json_object_set_new(j, "status", json_string("interrupted"));
    json_object_set_new(j, "counted_equals_predicted",
                        json_boolean(r->agreed));
    json_object_set_new(j, "tokens", json_integer(r->n_prompt + p.n));
    json_object_set_new(j, "parameters",
                        json_integer((json_int_t)r->parameters));
    json_object_set_new(j, "flops_per_token_forward", json_number(p.flops));
    json_t *generation = generation_json(r);
    if (r->job->options.speculation.n_layers > 0)
        json_object_set_new(generation, "drafts", drafts_json(r));
    json_object_set_new(j, "generation", generation);
    json_object_set_new(j, "against", against_json(r));
    json_object_set_new(j, "routing", routing_json(r));
    json_object_set_new(j, "load", load_seen_json(&r->load));
    json_object_set_new(j, "memory", summary_memory(r->predicted_bytes,
                        r->allocated_bytes, r->peak_bytes));
    status = summary_witnesses(j, r->predicted, r->counted, r->measured, err);
    if (status == STATUS_OK)
        *out = j;
    else
        json_decref(j);
    return status;
}
