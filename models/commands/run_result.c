/* run_result.c - the results of isobath run in their three forms. */
#include "models/commands/run_result.h"

#include <inttypes.h>
#include <math.h>

#include "sim/core/answer/rundir.h"

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static const struct score *causal_score(const struct run_result *r)
{
    for (int i = 0; i < r->n_scores; i++)
        if (r->score[i].policy->causal)
            return &r->score[i];
    return NULL;
}

/* Whatever the tokens are, so that models compare. */
static double nats_per_byte(const struct run_result *r,
                            const struct score *score)
{
    return score->nats / (double)r->bytes;
}

/* The score under the rule of training; NULL: that rule was not run, or not on
 * the blocks that training routed. */
static const struct score *trained_score(const struct run_result *r)
{
    const struct score *last = &r->score[r->n_scores - 1];

    return last->policy == r->source->routing.policy &&
           spec_n_routed(r->spec) == spec_n_routed(&r->source->spec)
               ? last : NULL;
}

static json_t *rules_json(const struct run_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n_scores; i++) {
        const struct score *score = &r->score[i];
        double nats = nats_per_byte(r, score);
        json_array_append_new(list, json_pack(
            "{s:s, s:b, s:o, s:o, s:o, s:o}", "rule", score->policy->name,
            "causal", score->policy->causal, "nats_per_byte", number(nats),
            "bits_per_byte", number(nats / M_LN2), "perplexity_per_byte",
            number(exp(nats)), "capacity_realised",
            number(score_capacity(score))));
    }
    return list;
}

static json_t *loss_json(const struct run_result *r)
{
    const struct score *causal = causal_score(r), *own = trained_score(r);
    double nats = causal ? nats_per_byte(r, causal) : (double)NAN;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:o, s:o}",
        "heldout_causal", number(nats),
        "heldout_topk", own ? number(nats_per_byte(r, own)) : json_null(),
        "bits_per_byte", number(nats / M_LN2),
        "perplexity_per_byte", number(exp(nats)),
        "entropy", r->entropy ? number(r->score[0].entropy /
                                       (double)r->score[0].scored)
                              : json_null(),
        "causal_rule", causal ? causal->policy->name : "none",
        "heldout_rule", r->source->routing.policy->name,
        "heldout_bytes", (json_int_t)r->bytes,
        "heldout_tokens", (json_int_t)r->score[0].scored,
        "nats_per_token", number(causal ? score_nats(causal) : (double)NAN),
        "rules", rules_json(r));
}

static json_t *routing_json(const struct run_result *r)
{
    const struct model_spec *spec = r->spec;
    const struct score *own = trained_score(r);
    json_t *blocks = json_array();
    double nominal = 0.0;
    int32_t routed = spec_n_routed(spec);

    for (int32_t l = 0; l < spec->n_layers; l++)
        if (spec->routed[l]) {
            json_array_append_new(blocks, json_integer(l));
            nominal += spec->capacity[l];
        }
    return json_pack("{s:s, s:i, s:s, s:s, s:b, s:s, s:o, s:s, s:o, s:o, s:o}",
        "policy", r->source->routing.policy->name,
        "keep_first", (int)spec->keep_first,
        "part", part_names[spec->part],
        "skipped_keys", skipped_keys_names[spec->skipped_keys],
        "causal", r->score[0].policy->causal,
        "rule", r->score[0].policy->name, "blocks", blocks,
        "gate", gate_names[spec->gate],
        "capacity_nominal", number(nominal / routed),
        "capacity_realised", number(score_capacity(&r->score[0])),
        "capacity_realised_topk",
        own ? number(score_capacity(own)) : json_null());
}

json_t *run_result_name(const char *name)
{
    json_t *text = name ? json_string(name) : json_null();
    return text ? text : json_string("(not UTF-8)");
}

json_t *run_result_model(const struct model_spec *m)
{
    return json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:b, s:b,"
        " s:s}",
        "family", family_names[spec_family(m)], "layers", m->n_layers, "channels",
        m->n_channels, "heads", m->n_heads, "kv_heads", m->n_kv_heads,
        "head_size", m->head_size, "ffn", m->n_ffn, "vocab", m->n_vocab,
        "max_tokens", m->max_tokens, "tied_head", m->tied_head, "qkv_bias",
        m->traits.qkv_bias, "qk_norm", m->traits.qk_norm, "rope_scaling",
        rope_scaling_names[m->rope_scaling.kind]);
}

/* As a training config would say it. */
static json_t *config_of(const struct run_result *r)
{
    json_t *run = json_pack(
        "{s:o, s:o, s:I, s:I, s:s, s:I, s:I, s:s, s:o, s:I, s:b}",
        "model", run_result_name(r->model), "text", run_result_name(r->text),
        "window", (json_int_t)r->window, "stride", (json_int_t)r->stride,
        "split", r->split, "limit", (json_int_t)r->limit,
        "skip", (json_int_t)r->skip, "policy", r->score[0].policy->name,
        "machine", run_result_name(r->machine), "seed", (json_int_t)r->seed,
        "random_weights", !r->source->has_weights);
    char weights[SOURCE_WEIGHTS_SIZE];
    source_weights_text(weights, r->spec);
    json_object_set_new(run, "weights", json_string(weights));
    json_t *settings = json_array();
    for (size_t i = 0; i < r->n_settings; i++)
        json_array_append_new(settings, run_result_name(r->setting[i].text));
    return json_pack("{s:o, s:o, s:o}", "run", run, "model",
                     run_result_model(r->spec), "settings", settings);
}

static json_t *range_json(struct run_range range)
{
    return json_pack("{s:o, s:o, s:o}", "value", number(range.value), "low",
                     number(range.low), "high", number(range.high));
}

static json_t *spent_json(const struct run_spent *s)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "nats",
                     number(s->nats), "perplexity", number(exp(s->nats)),
                     "flops", number(s->flops), "flops_predicted",
                     number(s->flops_predicted), "bytes", number(s->bytes),
                     "seconds", number(s->seconds), "joules",
                     range_json(s->joules));
}

static json_t *twin_json(const struct run_twin *t)
{
    if (!t)
        return json_null();
    return json_pack("{s:o, s:I, s:I, s:o, s:o, s:{s:o, s:o, s:o, s:o}}",
                     "per_token", spent_json(&t->spent), "windows",
                     (json_int_t)t->windows, "times", (json_int_t)t->times,
                     "loss_difference",
                     range_json(t->difference), "loss_increase",
                     range_json(t->increase), "ratio", "flops",
                     number(t->flops), "bytes", number(t->bytes), "seconds",
                     range_json(t->seconds), "joules", range_json(t->joules));
}

static json_t *memory_json(const struct run_result *r)
{
    return json_pack("{s:I, s:I, s:o}", "predicted_bytes",
                     (json_int_t)r->predicted_bytes, "allocated_bytes",
                     (json_int_t)r->allocated_bytes, "peak_resident_bytes",
                     r->peak_bytes > 0
                         ? json_integer((json_int_t)r->peak_bytes)
                         : json_null());
}

enum status run_result_json(json_t **out, const struct run_result *r, int argc,
                            char **argv, struct error *err)
{
    enum status status;
    json_t *j = summary_open("run", config_of(r),
        provenance_json(argc, argv, r->threads, r->seed, r->isa, r->text,
                        r->hash));
    if (!j)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
    if (!r->finished)
        json_object_set_new(j, "status", json_string("interrupted"));
    json_object_set_new(j, "counted_equals_predicted",
                        json_boolean(r->agreed));
    json_object_set_new(j, "tokens", json_integer(r->score[0].rows));
    json_object_set_new(j, "parameters",
                        json_integer((json_int_t)r->parameters));
    json_object_set_new(j, "flops_per_token_forward",
                        number(r->spent.flops_predicted));
    json_object_set_new(j, "per_token", spent_json(&r->spent));
    json_object_set_new(j, "twin", twin_json(r->twin));
    json_object_set_new(j, "loss", loss_json(r));
    json_object_set_new(j, "routing", routing_json(r));
    json_object_set_new(j, "memory", memory_json(r));
    status = summary_witnesses(j, r->predicted, r->counted, r->measured, err);
    if (status == STATUS_OK)
        *out = j;
    else
        json_decref(j);
    return status;
}

/* "+1.23 % [+1.10, +1.36]"; without ends where nobody knows them. */
static void print_percent(FILE *file, struct run_range range, double less)
{
    fprintf(file, "%+.2f %%", 100 * (range.value - less));
    if (isfinite(range.low) && isfinite(range.high))
        fprintf(file, " [%+.2f, %+.2f]", 100 * (range.low - less),
                100 * (range.high - less));
}

static void twin_text(FILE *file, const struct run_twin *t)
{
    fprintf(file, "against the dense twin on the same %" PRId64 " windows, in"
            " turns, %" PRId64 " times: loss %.4f nats/token, ", t->windows,
            t->times, t->spent.nats);
    print_percent(file, t->increase, 0);
    fprintf(file, "\n  flops %+.2f %%, bytes %+.2f %%, seconds ",
            100 * (t->flops - 1), 100 * (t->bytes - 1));
    print_percent(file, t->seconds, 1);
    if (isfinite(t->joules.value)) {
        fputs(", joules (modelled) ", file);
        print_percent(file, t->joules, 1);
    }
    fputc('\n', file);
}

void run_result_text(FILE *file, const struct run_result *r)
{
    struct cost sum = ledger_sum(r->counted, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);

    fprintf(file, "%s%s on %s (%s): %" PRId64 " bytes in windows of %" PRId64
            "%s\n", r->model, r->source->has_weights ? "" : ", random weights,",
            r->text, r->split, r->bytes, r->window,
            r->finished ? "" : "; interrupted, a part");
    if (spec_stores(r->spec)) {
        char weights[SOURCE_WEIGHTS_SIZE];
        source_weights_text(weights, r->spec);
        fprintf(file, "matrices as stored: %s\n", weights);
    }
    if (r->spec->keep_first > 0)
        fprintf(file, "keep_first %d: routed layers keep so many tokens at the"
                " start of a window, whatever the rule says\n",
                r->spec->keep_first);
    fprintf(file, "%-30s %10s %10s %12s %8s\n", "rule", "nats/byte",
            "bits/byte", "perplexity", "kept");
    for (int i = 0; i < r->n_scores; i++) {
        const struct score *score = &r->score[i];
        double nats = nats_per_byte(r, score), kept = score_capacity(score);
        char name[64], share[16] = "-";
        snprintf(name, sizeof name, "%s, %s", score->policy->name,
                 score->policy->causal ? "causal" : "looks ahead");
        if (isfinite(kept))
            snprintf(share, sizeof share, "%.4f", kept);
        fprintf(file, "%-30s %10.4f %10.4f %12.4f %8s\n", name, nats,
                nats / M_LN2, exp(nats), share);
    }
    if (r->bytes != r->score[0].scored)
        fprintf(file, "%" PRId64 " tokens, %.6f nats/token under %s\n",
                r->score[0].scored, score_nats(&r->score[0]),
                r->score[0].policy->name);
    if (r->agreed)
        fprintf(file, "counted == predicted: %" PRIu64 " flops, %" PRIu64
                " bytes\n", sum.count[METRIC_FLOPS], sum.count[METRIC_BYTES]);
    fprintf(file, "%.4g s in the model under %s, %.4g bytes/s\n", r->seconds,
            r->score[0].policy->name, (double)r->bytes / r->seconds);
    if (r->twin)
        twin_text(file, r->twin);
}

void run_result_csv(FILE *file, const struct run_result *r)
{
    fputs("rule,causal,bytes,nats_per_byte,bits_per_byte,perplexity_per_byte,"
          "capacity_realised\r\n", file);
    for (int i = 0; i < r->n_scores; i++) {
        const struct score *score = &r->score[i];
        double nats = nats_per_byte(r, score), kept = score_capacity(score);
        fprintf(file, "%s,%d,%" PRId64 ",%.9g,%.9g,%.9g,", score->policy->name,
                score->policy->causal, r->bytes, nats, nats / M_LN2,
                exp(nats));
        if (isfinite(kept))
            fprintf(file, "%.9g", kept);
        fputs("\r\n", file);
    }
}
