/* tradeoff.c - Hold scored points of a sweep against their dense twin. */
#include "reports/read/tradeoff.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/jsonpath.h"
#include "reports/read/twins.h"
#include "sim/core/base/stats.h"
#include "sim/core/model/route.h"

const char *const spend_words[SPEND_COUNT] = {
#define X(id, word, how) word,
    SPEND_MAP(X)
#undef X
};
const char *const spend_how[SPEND_COUNT] = {
#define X(id, word, how) how,
    SPEND_MAP(X)
#undef X
};
const char *const trade_kind_names[TRADE_KIND_COUNT] = {
#define X(id, word) word,
    TRADE_MAP(X)
#undef X
};

const double tradeoff_limits[TRADEOFF_LIMITS] = { 0.01, 0.05, 0.10 };

static const char without_twin[] =
    "the run was not against its dense twin (run.against), and a time is a ratio"
    " of one run";

/* Per token, of the model or of its twin. */
static void read_spent(struct amount spent[SPEND_COUNT], const json_t *token)
{
    spent[SPEND_FLOPS] = amount_of(jsonpath_number(token, "flops"),
                                   PROV_COUNTED);
    spent[SPEND_BYTES] = amount_of(jsonpath_number(token, "bytes"),
                                   PROV_COUNTED);
    spent[SPEND_SECONDS] = amount_of(jsonpath_number(token, "seconds"),
                                     PROV_MEASURED);
    spent[SPEND_JOULES] = jsonpath_amount(token, "joules", PROV_PREDICTED);
    spent[SPEND_JOULES].modelled = true;
    if (!amount_known(spent[SPEND_JOULES]))
        spent[SPEND_JOULES].reason = "no machine profile was given"
                                     " (run.machine)";
}

/* The seconds of a run beside which others ran, and their interval, say
 * nothing. */
static void read_busy(struct trade *t, const json_t *summary)
{
    struct amount *seconds[] = { &t->spent[SPEND_SECONDS],
                                 &t->share[SPEND_SECONDS] };

    if (!json_is_true(jsonpath_at(summary, "load.busy")))
        return;
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
        if (amount_known(*seconds[i]))
            *seconds[i] = amount_of(seconds[i]->value, PROV_BUSY);
}

/* The rival, where that is the dense twin; kept records may call it so. */
static const json_t *twin_of(const json_t *summary)
{
    const json_t *rival = json_object_get(summary, "against");
    const char *asked = jsonpath_text(rival, "rival");

    if (!rival)
        return json_object_get(summary, "twin");
    return asked && strcmp(asked, "dense") == 0 ? rival : NULL;
}

static void read_twin(struct trade *t, const json_t *twin)
{
    t->windows = jsonpath_number(twin, "windows");
    t->times = jsonpath_number(twin, "times");
    t->dense_loss = amount_of(jsonpath_number(twin, "per_token.nats"),
                              PROV_MEASURED);
    t->increase = jsonpath_amount(twin, "loss_increase", PROV_MEASURED);
    t->share[SPEND_FLOPS] = amount_of(jsonpath_number(twin, "ratio.flops"),
                                      PROV_COUNTED);
    t->share[SPEND_BYTES] = amount_of(jsonpath_number(twin, "ratio.bytes"),
                                      PROV_COUNTED);
    t->share[SPEND_SECONDS] = jsonpath_amount(twin, "ratio.seconds", PROV_MEASURED);
    t->share[SPEND_JOULES] = jsonpath_amount(twin, "ratio.joules", PROV_PREDICTED);
    t->share[SPEND_JOULES].modelled = true;
    t->share[SPEND_JOULES].reason = t->spent[SPEND_JOULES].reason;
}

static enum trade_kind kind_of(const struct run *run)
{
    const struct route_policy *rule = run->facts.rule
                                          ? route_find(run->facts.rule) : NULL;
    if (run->facts.dense || (rule && !rule->choose))
        return TRADE_DENSE;
    if (rule ? !rule->causal
             : !json_is_true(jsonpath_at(run->summary, "routing.causal")))
        return TRADE_AHEAD;
    return rule && !rule->scored && rule->signal == SIGNAL_NONE
               ? TRADE_CONTROL : TRADE_CAUSAL;
}

static struct trade read_point(const struct run *run)
{
    const json_t *s = run->summary;
    struct trade t = {
        .run = run, .kind = kind_of(run), .capacity = run->facts.capacity,
        .realised = run->facts.realised, .n_routed = run->facts.n_routed,
        .n_layers = run->facts.n_layers, .windows = nan(""),
        .times = nan(""),
        .tokens = jsonpath_number(s, "loss.heldout_tokens"),
        .loss = amount_of(jsonpath_number(s, "per_token.nats"), PROV_MEASURED),
        .dense_loss = amount_unknown(NULL),
        .increase = amount_unknown("no dense point to compare with"),
    };

    for (int i = 0; i < SPEND_COUNT; i++)
        t.share[i] = amount_unknown(i == SPEND_SECONDS ? without_twin
                                    : "no dense point to compare with");
    read_spent(t.spent, jsonpath_at(s, "per_token"));
    if (twin_of(s))
        read_twin(&t, twin_of(s));
    read_busy(&t, s);
    if (t.kind == TRADE_DENSE)
        t.capacity = t.realised = 1;
    return t;
}

/* The dense point that stands in for a missing twin: exact costs, a loss on
 * the same text, and no time. */
static void hold_against(struct trade *t, const struct trade *dense)
{
    struct amount ratio = amount_ratio(t->loss, dense->loss);

    if (t->windows > 0 || t->tokens != dense->tokens)
        return;
    t->dense_loss = dense->loss;
    t->increase = ratio;
    t->increase.value -= 1;
    for (int i = 0; i < SPEND_COUNT; i++)
        if (i != SPEND_SECONDS)
            t->share[i] = amount_ratio(t->spent[i], dense->spent[i]);
}

static const char *text_at(const struct trade *t, const char *path)
{
    const char *text = jsonpath_text(t->run->summary, path);
    return text ? text : "";
}

/* True where a text of the summary differs between routed points. */
static bool differs(const struct tradeoff *x, const char *path)
{
    const struct trade *first = NULL;

    for (size_t i = 0; i < x->n; i++) {
        const struct trade *t = &x->point[i];
        if (t->kind == TRADE_DENSE)
            continue;
        if (first && strcmp(text_at(t, path), text_at(first, path)) != 0)
            return true;
        first = first ? first : t;
    }
    return false;
}

static const json_t *blocks_of(const struct trade *t)
{
    return t->kind == TRADE_DENSE ? NULL : jsonpath_at(t->run->summary,
                                                       "routing.blocks");
}

/* The set of routed blocks that most points have. */
static const json_t *usual_blocks(const struct tradeoff *x)
{
    const json_t *usual = NULL;
    size_t most = 0;

    for (size_t i = 0; i < x->n; i++) {
        const json_t *blocks = blocks_of(&x->point[i]);
        size_t same = 0;
        for (size_t j = 0; blocks && j < x->n; j++)
            same += json_equal(blocks, blocks_of(&x->point[j])) != 0;
        if (same > most) {
            most = same;
            usual = blocks;
        }
    }
    return usual;
}

/* A line is named by its rule and by the settings that differ in the sweep. */
static void name_lines(struct tradeoff *x)
{
    static const struct {
        const char *path, *before, *usual, *after, *only;   /* NULL: any text */
    } parts[] = {
        { "routing.part", "", "block", " alone", "attention" },
        { "routing.part", "", "block", " alone", "ffn" },
        { "routing.part", "parts ", "block", "", "apart" },
        { "routing.skipped_keys", "keys ", "absent", "", NULL },
        { "config.run.model", "", "", "", NULL },
    };

    x->usual_blocks = usual_blocks(x);
    for (size_t i = 0; i < x->n; i++) {
        struct trade *t = &x->point[i];
        const char *rule = t->run->facts.rule;
        size_t used = (size_t)snprintf(t->line, sizeof t->line, "%.40s",
                                       t->kind == TRADE_DENSE ? "dense"
                                       : rule ? rule : "unknown");
        if (t->kind == TRADE_DENSE)
            continue;
        if (!json_equal(blocks_of(t), x->usual_blocks))
            used += (size_t)snprintf(t->line + used, sizeof t->line - used,
                                     ", %.0f of %.0f blocks", t->n_routed,
                                     t->n_layers);
        double first = jsonpath_number(t->run->summary, "routing.keep_first");
        if (first > 0 && used < sizeof t->line)
            used += (size_t)snprintf(t->line + used, sizeof t->line - used,
                                     ", first %.0f kept", first);
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            const char *text = text_at(t, parts[p].path);
            if (used < sizeof t->line && differs(x, parts[p].path) &&
                strcmp(text, parts[p].usual) != 0 &&
                (!parts[p].only || strcmp(text, parts[p].only) == 0))
                used += (size_t)snprintf(t->line + used, sizeof t->line - used,
                                         ", %s%.40s%s", parts[p].before, text,
                                         parts[p].after);
        }
    }
}

static int by_line_and_capacity(const void *a, const void *b)
{
    const struct trade *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (strcmp(x->line, y->line) != 0)
        return strcmp(x->line, y->line);
    return (x->capacity > y->capacity) - (x->capacity < y->capacity);
}

static bool beats(const struct trade *a, const struct trade *b, int spend)
{
    const double cost = a->share[spend].value - b->share[spend].value;
    const double loss = a->increase.value - b->increase.value;

    return a->kind != TRADE_AHEAD && cost <= 0 && loss <= 0 &&
           (cost < 0 || loss < 0);
}

static void find_front(struct tradeoff *x)
{
    for (size_t i = 0; i < x->n; i++)
        for (int s = 0; s < SPEND_COUNT; s++) {
            struct trade *t = &x->point[i];
            t->front[s] = t->kind != TRADE_AHEAD &&
                          amount_known(t->share[s]) &&
                          amount_known(t->increase);
            for (size_t j = 0; j < x->n && t->front[s]; j++)
                t->front[s] = !beats(&x->point[j], t, s);
        }
}

/* All twins scored the same tokens of the same model: one number. */
static void find_dense(struct tradeoff *x)
{
    x->dense_loss = amount_unknown("the points scored unlike texts");
    for (size_t i = 0; i < x->n; i++) {
        if (x->point[i].kind == TRADE_DENSE && !x->dense)
            x->dense = &x->point[i];
        if (!amount_known(x->point[i].dense_loss))
            continue;
        if (amount_known(x->dense_loss) &&
            fabs(x->dense_loss.value - x->point[i].dense_loss.value) >
            1e-6 * x->dense_loss.value) {
            x->dense_loss = amount_unknown("the points scored unlike texts");
            return;
        }
        x->dense_loss = x->point[i].dense_loss;
    }
}

static void finish(struct tradeoff *x)
{
    name_lines(x);
    qsort(x->point, x->n, sizeof *x->point, by_line_and_capacity);
    for (size_t i = 0; i < x->n; i++)
        x->n_lines += i == 0 || strcmp(x->point[i].line,
                                       x->point[i - 1].line) != 0;
    find_front(x);
    find_dense(x);
}

/* The points of one sweep; those without a twin against its dense one. */
static void add_sweep(struct tradeoff *x, const struct run *sweep)
{
    size_t first = x->n;
    char ignored[8];

    for (size_t i = 0; i < sweep->n_points; i++)
        if (sweep->point[i].kind == RUN_SCORE)
            x->point[x->n++] = read_point(&sweep->point[i]);
    if (x->n > first)
        x->n_unfinished += sweep->n_unfinished;
    for (size_t d = first; d < x->n; d++) {
        if (x->point[d].kind != TRADE_DENSE)
            continue;
        for (size_t i = first; i < x->n; i++)
            if (twins_differ(ignored, sizeof ignored, x->point[d].run,
                             x->point[i].run) == 0)
                hold_against(&x->point[i], &x->point[d]);
        return;
    }
}

enum status tradeoff_open(struct tradeoff *out, const struct run *runs,
                          size_t n, struct error *err)
{
    struct tradeoff x = { .n = 0 };
    size_t room = 0;

    for (size_t i = 0; i < n; i++)
        room += runs[i].n_points;
    x.point = calloc(room + 1, sizeof *x.point);
    if (!x.point)
        return error_set(err, STATUS_NO_MEMORY, "no memory for points");
    for (size_t i = 0; i < n; i++)
        add_sweep(&x, &runs[i]);
    finish(&x);
    *out = x;
    return STATUS_OK;
}

void tradeoff_close(struct tradeoff *x)
{
    free(x->point);
    *x = (struct tradeoff){ .n = 0 };
}

/* The interval's half width was Student's t times the standard error, or a
 * bootstrap's, which comes to the same. */
static struct difference increase_of(const struct trade *t)
{
    struct difference d = { .mean = t->increase.value, .df = t->windows - 1 };

    if (t->kind == TRADE_DENSE || !isfinite(t->increase.high) ||
        !(t->windows >= 2))
        d.df = 0;
    else
        d.error = (t->increase.high - t->increase.low) / 2 / stats_t95(d.df);
    return d;
}

void tradeoff_p(double *p, const struct tradeoff *x, double limit)
{
    for (size_t i = 0; i < x->n; i++)
        p[i] = stats_p_below(increase_of(&x->point[i]), limit);
    stats_holm(p, x->n);
}

const struct trade *tradeoff_within(const struct tradeoff *x,
                                    enum trade_kind kind, enum spend spend,
                                    double limit)
{
    const struct trade *best = NULL;
    double *p = error_noted(calloc(x->n + 1, sizeof *p));

    if (p)
        tradeoff_p(p, x, limit);
    for (size_t i = 0; p && i < x->n; i++) {
        const struct trade *t = &x->point[i];
        if (t->kind == kind && p[i] < 0.025 && amount_known(t->share[spend]) &&
            (!best || t->share[spend].value < best->share[spend].value))
            best = t;
    }
    free(p);
    return best;
}

const struct trade *tradeoff_best(const struct tradeoff *x, enum spend spend,
                                  double limit)
{
    const struct trade *a = tradeoff_within(x, TRADE_CAUSAL, spend, limit);
    const struct trade *b = tradeoff_within(x, TRADE_CONTROL, spend, limit);

    if (!a || !b)
        return a ? a : b;
    return b->share[spend].value < a->share[spend].value ? b : a;
}
