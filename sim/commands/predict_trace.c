/* predict_trace.c - Price a model on routes that are known, recorded or drawn,
 * and tell how the costs of tokens, layers, requests and steps spread. */
#include "sim/commands/predict_trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/commands/rival_load.h"
#include "sim/price/routes_flops.h"

bool predict_knows_routes(const struct predict_options *o)
{
    return o->trace || o->synthetic >= 0;
}

enum status predict_trace_check(const struct predict_options *o,
                                struct error *err)
{
    static const char *const senseless[] = {
        "--by", "--explain", "--measured", "--convention", "--accumulate",
        "--execution", "--shard", NULL };
    const char *with = o->trace ? "--trace" : "--synthetic";

    if (o->trace && o->synthetic >= 0)
        return error_set(err, STATUS_BAD_VALUE, "--trace and --synthetic: one"
                         " of them says who is kept");
    if (o->machines.n > 1)
        return error_set(err, STATUS_BAD_VALUE, "several --machine: with %s"
                         " allowed is one", with);
    for (const char *const *name = senseless; *name; name++)
        if (flags_given(&o->common, *name))
            return error_set(err, STATUS_BAD_VALUE, "%s: leave it out with %s",
                             *name, with);
    if (o->trace && o->tokens > 0)
        return error_set(err, STATUS_BAD_VALUE, "--tokens: the windows of"
                         " --trace have their own");
    return STATUS_OK;
}

/* ---- what comes out, as rows ---- */

static struct distribution chance(double value, uint64_t n)
{
    return (struct distribution){ n, value, (double)NAN, (double)NAN,
                                  (double)NAN, (double)NAN, (double)NAN };
}

static void tell(struct trace_answer *x, struct trace_row row)
{
    x->rows[x->n_rows++] = row;
}

const char *trace_part(const struct trace_answer *x, int32_t i)
{
    return part_names[plan_choice(&x->a->question.spec,
                                  x->batches.choice[i].choice).part];
}

int32_t trace_layer(const struct trace_answer *x, int32_t i)
{
    return plan_choice(&x->a->question.spec, x->batches.choice[i].choice).layer;
}

static void tell_choice(struct trace_answer *x, int32_t i)
{
    const struct batches *b = &x->batches;
    const struct choice_spread *c = &b->choice[i];
    const int32_t layer = trace_layer(x, i);
    const char *part = trace_part(x, i);

    x->kept[i] = samples_spread(&b->choice[i].kept);
    tell(x, (struct trace_row){ "layer", "kept", "", layer, part, x->kept[i] });
    tell(x, (struct trace_row){ "layer", "wakes", "", layer, part,
                                chance(batches_wakes(c), c->steps) });
    tell(x, (struct trace_row){ "layer", "wakes if alone", "", layer, part,
                                chance(batches_wakes_alone(b, c), c->steps) });
}

static enum status tell_all(struct trace_answer *x, struct error *err)
{
    struct batches *b = &x->batches;
    const size_t most = SPREAD_COUNT + 3 * (size_t)b->n_choices +
                        2 * (size_t)b->n_layers;

    x->rows = calloc(most, sizeof *x->rows);
    if (!x->rows)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu rows", most);
    for (int i = 0; i < SPREAD_COUNT; i++)
        tell(x, (struct trace_row){ spread_rows[i].of, spread_rows[i].quantity,
                                    spread_rows[i].unit, -1, "",
                                    samples_spread(&b->of[i]) });
    for (int32_t i = 0; i < b->n_choices; i++)
        tell_choice(x, i);
    for (int32_t l = 0; l < b->n_layers; l++) {
        x->flops[l] = samples_spread(&b->flops[l]);
        x->seconds[l] = samples_spread(&b->seconds[l]);
        tell(x, (struct trace_row){ "layer", "flops", "flop", l, "",
                                    x->flops[l] });
        tell(x, (struct trace_row){ "layer", "seconds", "s", l, "",
                                    x->seconds[l] });
    }
    return STATUS_OK;
}

double trace_of_dense(const struct distribution *d)
{
    return d->dense > 0 ? d->mean / d->dense : (double)NAN;
}

const struct rival *trace_rival(const struct predict_answer *a)
{
    return predict_told(a) == PREDICT_TWIN ? NULL : &a->rival[predict_told(a)];
}

void trace_ratios(double out[TRACE_RATIOS], const struct trace_answer *x)
{
    const struct rival_steps *r = &x->batches.rival;
    const double steps[TRACE_RATIOS] = { r->flops, r->bytes, r->seconds,
                                     r->joules };

    for (int i = 0; i < TRACE_RATIOS; i++) {
        const struct distribution *d = &x->rows[SPREAD_STEP_FLOPS + i].d;
        out[i] = d->n > 0 ? d->mean * (double)d->n / steps[i] : (double)NAN;
    }
}

/* ---- the whole ---- */

struct shown_progress {
    struct progress progress;
    bool begun;
};

static void show(void *context, double done, double of)
{
    struct shown_progress *p = context;

    if (!p->begun) {
        p->progress = progress_begin("pricing", "step", of, false);
        progress_at(&p->progress, 0, "");
        p->begun = true;
    }
    progress_at(&p->progress, done, "");
}

/* Equal in FLOPs to what the routes keep, which need not be the capacities that
 * the model names. */
static enum status make_equal(struct rival *out, const struct trace_answer *x,
                              struct error *err)
{
    const struct predict_question *q = &x->a->question;
    double flops = 0;
    struct error why;
    enum status status = routes_forward_flops(&flops, x->routes, &q->spec, err);

    if (status != STATUS_OK)
        return status;
    status = rival_make_flops(out, &q->spec, flops, routes_longest(x->routes),
                              &why);
    return status == STATUS_OK
               ? status : error_set(err, status, "--against %s: %s",
                                    rival_names[RIVAL_FLOPS], why.text);
}

/* The rival of the model at the length of the routes. */
static enum status make_rival(struct trace_answer *x, struct error *err)
{
    struct predict_answer *a = x->a;
    const int told = predict_told(a);
    const char *against = a->options->against;

    if (told == PREDICT_TWIN)
        return STATUS_OK;
    if (strcmp(against, rival_names[RIVAL_FLOPS]) == 0)
        return make_equal(&a->rival[told], x, err);
    enum status status = rival_load(&a->rival[told], against, &a->question.spec,
                                    routes_longest(x->routes), err);
    if (status == STATUS_OK && spec_n_routed(rival_nearest(&a->rival[told])) > 0)
        return error_set(err, STATUS_BAD_VALUE, "--against %.64s: it routes, and"
                         " nobody says whom: allowed with %s are dense rivals",
                         against, a->options->trace ? "--trace"
                                                    : "--synthetic");
    return status;
}

static enum status price(struct trace_answer *x, struct error *err)
{
    struct predict_answer *a = x->a;
    struct predict_question q = a->question;
    struct shown_progress shown = { .begun = false };

    q.n_tokens = q.phase == MEMORY_DECODE ? (int32_t)a->options->context : 0;
    enum status status = batches_price(&x->batches, x->routes, &q,
                                       trace_rival(a), show, &shown, err);
    if (shown.begun)
        progress_end(&shown.progress);
    return status == STATUS_OK ? tell_all(x, err) : status;
}

enum status predict_trace_print(FILE *file, struct predict_answer *a, int argc,
                                char **argv, struct error *err)
{
    struct trace_answer *x = calloc(1, sizeof *x);

    if (!x)
        return error_set(err, STATUS_NO_MEMORY, "no memory for an answer");
    x->a = a;
    x->supposed = spec_n_routed(&a->question.spec) == 0;
    enum status status = a->options->trace
                             ? predict_routes_recorded(&x->routes, a->options->trace,
                                   a->options->by_depth, &a->question.spec, err)
                             : predict_routes_drawn(&x->routes, a, err);
    if (status == STATUS_OK) {
        a->question.n_tokens = routes_longest(x->routes);
        status = make_rival(x, err);
    }
    if (status == STATUS_OK)
        status = price(x, err);
    if (status == STATUS_OK)
        status = a->options->common.format == FORMAT_JSON
                     ? trace_print_json(file, x, argc, argv, err)
                 : a->options->common.format == FORMAT_CSV
                     ? trace_print_csv(file, x, err)
                     : trace_print_text(file, x, err);
    batches_close(&x->batches);
    routes_close(x->routes);
    free(x->rows);
    free(x);
    return status;
}
