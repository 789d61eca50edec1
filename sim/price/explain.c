/* explain.c - Print an op's formulas with the numbers put in. */
#include "sim/price/explain.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "sim/core/model/plan.h"
#include "sim/price/flops.h"

enum { FORMULA_SIZE = 160 };

static void formula(FILE *file, const char *what, const char *text,
                    const char *per_key, const struct model_spec *spec,
                    int32_t layer)
{
    char numbers[FORMULA_SIZE], key_numbers[FORMULA_SIZE];
    bool keys = per_key && strcmp(per_key, "0") != 0;

    flops_spell(numbers, sizeof numbers, text, spec, layer);
    fprintf(file, "  %-16s  %s", what, text);
    if (keys)
        fprintf(file, " + n*%s", per_key);
    if (strcmp(numbers, text) != 0) {
        fprintf(file, "\n  %-16s= %s", "", numbers);
        flops_spell(key_numbers, sizeof key_numbers, keys ? per_key : "",
                    spec, layer);
        if (keys)
            fprintf(file, " + n*%s", key_numbers);
    }
    fputc('\n', file);
}

static void rule(FILE *file, const struct model_spec *spec, int32_t layer,
                 const struct flops_price *price)
{
    const struct flops_rule *r = price->rule;

    formula(file, "flops per row", r->flops, r->flops_per_key, spec,
            layer);
    fprintf(file, "  %-16s= %" PRIu64, "", price->flops);
    if (price->flops_per_key)
        fprintf(file, " + n*%" PRIu64, price->flops_per_key);
    fputc('\n', file);
    formula(file, "bytes per row", r->bytes, NULL, spec, layer);
    fprintf(file, "  %-16s= %" PRIu64 "\n", "", price->bytes);
    formula(file, "bytes, shared", r->shared_bytes, NULL, spec, layer);
    if (price->shared_bytes)
        fprintf(file, "  %-16s= %" PRIu64 "\n", "", price->shared_bytes);
    if (price->shared_flops) {
        formula(file, "flops, shared", r->shared_flops, NULL, spec,
                layer);
        fprintf(file, "  %-16s= %" PRIu64 "\n", "", price->shared_flops);
    }
}

/* The price that takes the place of forward's in training. */
static void rule_of_training(FILE *file, const struct model_spec *spec,
                             int32_t layer, const struct flops_list *list,
                             enum op op)
{
    if (!list->at[FLOPS_TRAINING][op].rule)
        return;
    fputs("  in training, which keeps operands for backward\n", file);
    rule(file, spec, layer, &list->at[FLOPS_TRAINING][op]);
}

/* The price of the signal, beside the router's or alone. */
static void rule_of_signal(FILE *file, const struct model_spec *spec,
                           int32_t layer, const struct flops_list *list,
                           enum op op)
{
    const struct flops_price *price = &list->at[FLOPS_OF_SIGNAL][op];
    if (!price->rule)
        return;
    if (list->at[FLOPS_FORWARD][op].rule)
        fputs("  and for the signal that the choice goes by\n", file);
    rule(file, spec, layer, price);
}

/* Prices beside those of the rows that a layer keeps, of either pass. */
static const struct beside {
    enum flops_set forward, backward;
    const char *of;
} of_depths = { FLOPS_OF_DEPTHS, FLOPS_BACK_DEPTHS,
                "of recursions, for the depths of all rows" },
  of_bypass = { FLOPS_OF_SKIPPED, FLOPS_BACK_SKIPPED,
                "for the rows that it skips" };

static void rule_beside(FILE *file, const struct model_spec *spec,
                        int32_t layer, const struct flops_list *list,
                        enum pass pass, enum op op, const struct beside *beside)
{
    const struct flops_price *price =
        &list->at[pass == PASS_BACKWARD ? beside->backward
                                        : beside->forward][op];
    if (!price->rule)
        return;
    fprintf(file, "  and %s\n", beside->of);
    rule(file, spec, layer, price);
}

/* Prices that take the place of forward's in a layer that skips tokens. */
static void rules_of_skipping(FILE *file, const struct model_spec *spec,
                              int32_t layer, const struct flops_list *list,
                              enum op op)
{
    for (int set = FLOPS_OF_KEPT; set <= FLOPS_OF_ALL; set++) {
        const struct flops_price *price = &list->at[set][op];
        if (!price->rule)
            continue;
        if (spec->recursion.keys == RECURSION_KEYS_SHARED)
            fputs("  where keys are those of the first recursion, ", file);
        else
            fprintf(file, "  where keys of skipped tokens are %s, ",
                    skipped_keys_names[spec->skipped_keys]);
        fprintf(file, "%s\n",
                set == FLOPS_OF_KEPT
                ? op == OP_GATHER && spec->part == PART_APART
                  ? "rows that attention keeps" : "kept rows"
                : op == OP_GATHER ? "rows whose keys are put away (in a"
                                    " decode step: skipped rows)"
                : "all rows");
        rule(file, spec, layer, price);
    }
}

/* The rows that a choice keeps, or all rows. */
static int32_t rows_of_sequence(const struct allocation *a, int32_t choice,
                                int32_t b)
{
    return choice == PLAN_NO_CHOICE ? allocation_length(a, b)
                                    : allocation_count(a, choice, b);
}

static uint64_t rows_in(const struct allocation *a, int32_t choice)
{
    uint64_t rows = 0;

    for (int32_t b = 0; b < a->n_sequences; b++)
        rows += (uint64_t)rows_of_sequence(a, choice, b);
    return rows;
}

/* The sum of keys over rows; `seen`: kept rows see the keys of skipped ones. */
static uint64_t keys_in(const struct allocation *a, int32_t choice, bool seen)
{
    uint64_t keys = 0;

    for (int32_t b = 0; b < a->n_sequences; b++) {
        int32_t n = rows_of_sequence(a, choice, b);
        keys += seen && choice != PLAN_NO_CHOICE
                    ? flops_keys_seen_sum(allocation_kept(a, choice, b), n)
                    : flops_keys_sum((uint64_t)n);
    }
    return keys;
}

/* Runs of an op in a layer: for each, the choice that its rows go by, or
 * PLAN_NO_CHOICE: all rows. */
struct runs {
    int     n;
    int32_t choice[PLAN_MAX_STAGES];
};

/* Add the runs of an op: for the stage's choice, for its parts, or for its
 * rows. */
static void add_runs(struct runs *runs, const struct stage *stage,
                     enum pass pass, enum op op, bool routes_all)
{
    const bool attends = stage->parts & STAGE_ATTENTION;
    const bool feeds = stage->parts & STAGE_FFN;
    const bool normed_all = stage->skipped_keys == SKIPPED_KEYS_COMPUTED;

    switch (op) {
    case OP_ROUTE:
    case OP_SELECT:
        if (stage->chooses != PLAN_NO_CHOICE && !stage->follows)
            runs->choice[runs->n++] = pass == PASS_BACKWARD && !routes_all
                                          ? stage->chooses : PLAN_NO_CHOICE;
        break;
    case OP_ROUTE_LOSS:
    case OP_PREDICT:
        if (stage->chooses != PLAN_NO_CHOICE)
            runs->choice[runs->n++] = PLAN_NO_CHOICE;
        break;
    case OP_GATHER:
        if (stage->gathers || stage->keys_tabled)
            runs->choice[runs->n++] = stage->choice;
        break;
    case OP_GATE:
        if (stage->gated)
            runs->choice[runs->n++] = stage->choice;
        break;
    case OP_FFN_UP:
    case OP_ACT:
    case OP_FFN_DOWN:
        if (feeds)
            runs->choice[runs->n++] = stage->choice;
        break;
    case OP_NORM:
        if (attends)
            runs->choice[runs->n++] = normed_all ? PLAN_NO_CHOICE : stage->choice;
        if (feeds)
            runs->choice[runs->n++] = stage->choice;
        break;
    default:
        if (attends)
            runs->choice[runs->n++] = stage->choice;
    }
}

static struct runs runs_of(const struct model_spec *spec,
                           const struct plan *plan, enum pass pass, enum op op,
                           int32_t layer)
{
    const bool routes_all = spec_scores_all_learn(spec);
    struct runs runs = { 0 };

    if (layer == LEDGER_OUTSIDE)
        runs.choice[runs.n++] = PLAN_NO_CHOICE;
    else
        for (int32_t i = 0; i < plan->n_stages[layer]; i++)
            add_runs(&runs, &plan->stage[layer][i], pass, op, routes_all);
    return runs;
}

/* Print the rows and keys of a layer. */
static void rows_of(FILE *file, const struct model_spec *spec,
                    const struct plan *plan, const struct allocation *a,
                    enum pass pass, enum op op, int32_t layer)
{
    const struct flops_list list = flops_list(spec);
    const struct runs runs = runs_of(spec, plan, pass, op, layer);
    const enum skipped_keys skipped = layer == LEDGER_OUTSIDE
        ? SKIPPED_KEYS_ABSENT : plan_skipped_keys(plan, layer);
    const bool seen = skipped != SKIPPED_KEYS_ABSENT;
    const uint64_t rows = rows_in(a, runs.choice[0]);

    fprintf(file, "%" PRIu64 " rows", rows);
    if (runs.n > 1) {
        uint64_t second = rows_in(a, runs.choice[1]);
        if (second == rows)
            fputs(", twice", file);
        else
            fprintf(file, ", then %" PRIu64, second);
    }
    if (seen && op != OP_GATHER && list.at[FLOPS_OF_ALL][op].rule)
        fprintf(file, ", keys of %" PRIu64, rows_in(a, PLAN_NO_CHOICE));
    if (op == OP_ATTEND || (op == OP_ROUTE &&
                            spec->signal == SIGNAL_RECEIVED))
        fprintf(file, ", sum of n %" PRIu64, keys_in(a, runs.choice[0], seen));
}

/* The key of layer i in the ledger; the last layer stands for work outside
 * any. */
static struct ledger_key key_of(const struct model_spec *spec, enum pass pass,
                                enum op op, int32_t i)
{
    int32_t layer = i < spec->n_layers ? i : LEDGER_OUTSIDE;
    return (struct ledger_key){ pass, layer, LEDGER_SHARED, op };
}

static bool same_cost(const struct ledger *ledger, struct ledger_key a,
                      struct ledger_key b)
{
    const struct cost *x = ledger_at(ledger, a), *y = ledger_at(ledger, b);
    return ledger_touched(ledger, a) && ledger_touched(ledger, b) &&
           x->count[METRIC_FLOPS] == y->count[METRIC_FLOPS] &&
           x->count[METRIC_BYTES] == y->count[METRIC_BYTES];
}

/* The first layer that costs as much as layer i; *n of them do in all. */
static int32_t kind_of(const struct model_spec *spec,
                       const struct ledger *ledger, enum pass pass, enum op op,
                       int32_t i, int32_t *n)
{
    int32_t first = -1;

    *n = 0;
    for (int32_t j = 0; j <= spec->n_layers; j++) {
        if (!same_cost(ledger, key_of(spec, pass, op, i),
                       key_of(spec, pass, op, j)))
            continue;
        if (first < 0)
            first = j;
        ++*n;
    }
    return first;
}

/* Print one line for every kind of layer: layers that cost the same are one
 * kind. */
static void layers(FILE *file, const struct model_spec *spec,
                   const struct plan *plan, const struct allocation *a,
                   enum explain_rows told, const struct ledger *ledger,
                   enum pass pass, enum op op)
{
    for (int32_t i = 0, n; i <= spec->n_layers; i++) {
        struct ledger_key key = key_of(spec, pass, op, i);
        if (kind_of(spec, ledger, pass, op, i, &n) != i)
            continue;
        const struct cost *cost = ledger_at(ledger, key);
        if (key.layer == LEDGER_OUTSIDE)
            fprintf(file, "  %-16s  ", "outside layers");
        else
            fprintf(file, "  layer %-10d  ", key.layer);
        if (told == EXPLAIN_LAST_LOGITS && key.layer == LEDGER_OUTSIDE &&
            op != OP_EMBED)
            fprintf(file, "%d rows: ", a->n_sequences);
        else if (told != EXPLAIN_NO_ROWS && pass != PASS_UPDATE) {
            rows_of(file, spec, plan, a, pass, op, key.layer);
            fputs(": ", file);
        }
        fprintf(file, "%" PRIu64 " flops, %" PRIu64 " bytes",
                cost->count[METRIC_FLOPS], cost->count[METRIC_BYTES]);
        if (n > 1)
            fprintf(file, "; %d such layers", n);
        fputc('\n', file);
    }
    struct cost sum = ledger_sum(ledger, (int)pass, LEDGER_ANY, LEDGER_ANY,
                                 (int)op);
    fprintf(file, "  %-16s  %" PRIu64 " flops, %" PRIu64 " bytes\n",
            "whole pass", sum.count[METRIC_FLOPS], sum.count[METRIC_BYTES]);
}

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if ((at == text || !isalpha((unsigned char)at[-1])) &&
            !isalpha((unsigned char)at[n]))
            return true;
    return false;
}

static bool rule_has(const struct flops_price *price, const char *letter)
{
    const struct flops_rule *r = price->rule;
    return r && (has_word(r->flops, letter) ||
                 has_word(r->flops_per_key, letter) ||
                 has_word(r->bytes, letter) ||
                 has_word(r->shared_bytes, letter) ||
                 (r->shared_flops && has_word(r->shared_flops, letter)));
}

/* Print the letters that occur in the rules of the pass. */
static void where(FILE *file, const struct model_spec *spec, int32_t layer,
                  const struct flops_list *list, enum pass pass, enum op op)
{
    const struct flops_price *price = &list->at[pass][op];
    const bool forward = pass == PASS_FORWARD;
    struct flops_letter letters[FLOPS_LETTERS_MAX];
    const int n_letters = flops_letters(letters, spec, layer);
    const char *lead = "  where             ";

    for (int i = 0; i < n_letters; i++) {
        const struct flops_letter *letter = &letters[i];
        bool occurs = rule_has(price, letter->name);
        for (int set = FLOPS_OF_SIGNAL; set <= FLOPS_OF_ALL && forward; set++)
            occurs |= rule_has(&list->at[set][op], letter->name);
        if (!occurs)
            continue;
        fprintf(file, "%s%s = %" PRIu64 " (%s)\n", lead, letter->name,
                letter->value, letter->meaning);
        lead = "                    ";
    }
    if (!price->flops_per_key &&
        !(forward && list->at[FLOPS_OF_SIGNAL][op].flops_per_key))
        return;
    fprintf(file, "%sn = %d * ceil((i + 1) / %d) for the i-th kept token"
            " of its\n%24ssequence\n", lead, OP_KEY_TILE, OP_KEY_TILE, "");
    if (layer >= 0 && spec_window(spec, layer) > 0)
        fprintf(file, "%24sless %d * floor((j + 1 - %d) / %d) where that is"
                " above 0, by a\n%24swindow of %d tokens: j is the first i of"
                " its tile,\n%24sin a decode step i itself, and m is %d at"
                " most\n", "", OP_KEY_TILE, spec->window, OP_KEY_TILE, "",
                spec->window, "", spec->window);
    if (spec->skipped_keys != SKIPPED_KEYS_ABSENT ||
        spec->recursion.keys == RECURSION_KEYS_SHARED)
        fprintf(file, "%20sor, where skipped tokens are seen, with the position"
                " of the\n%24slast of its %d kept ones for i\n", "", "",
                OP_KEY_TILE);
}

/* Costs that rows times price leave out. */
static const struct { enum op op; enum pass pass; const char *text; } notes[] =
{
    { OP_SELECT, PASS_FORWARD, "and 4 bytes for every kept row; in training,"
      " B + 4 flops a choice\n  to move its threshold where routers score" },
    { OP_CLIP, PASS_UPDATE, "per tensor of m numbers: 2*m + 16*ceil(m/4096)"
      " flops, 4*m bytes; and 2 flops once" },
    { OP_ADAMW, PASS_UPDATE, "per tensor of m numbers: 17*m flops, 28*m"
      " bytes" },
    { OP_ATTEND, PASS_FORWARD, "a decode step reads m cached keys and values a"
      " row: 8*E*m bytes in place of 8*E" },
};

static bool stored_unlike(const struct model_spec *spec)
{
    bool unlike = false;
    for (int32_t l = 1; l < spec->n_layers; l++)
        unlike |= memcmp(spec->stored[l], spec->stored[0],
                         sizeof spec->stored[l]) != 0;
    return unlike;
}

void explain_op(FILE *file, const struct model_spec *spec,
                const struct allocation *allocation, enum explain_rows told,
                const struct ledger *ledger, enum op op, int32_t layer)
{
    const struct plan plan = plan_of(spec);
    struct flops_list list = flops_list(spec);

    flops_store(&list, spec, layer);
    fprintf(file, "%s: %s\n", op_table[op].name, op_table[op].what);
    if (stored_unlike(spec))
        fprintf(file, "formulas with the stored matrices of layer %d; not all"
                " layers store them alike\n", layer);
    for (int pass = 0; pass < PASS_COUNT; pass++) {
        const struct flops_price *price = &list.at[pass][op];
        struct cost sum = ledger_sum(ledger, pass, LEDGER_ANY, LEDGER_ANY,
                                     (int)op);
        if (sum.count[METRIC_FLOPS] == 0 && sum.count[METRIC_BYTES] == 0)
            continue;
        fprintf(file, "\n%s\n", pass_names[pass]);
        if (price->rule)
            rule(file, spec, layer, price);
        if (pass == PASS_FORWARD) {
            rule_of_signal(file, spec, layer, &list, op);
            rule_beside(file, spec, layer, &list, pass, op, &of_bypass);
            rule_of_training(file, spec, layer, &list, op);
            rules_of_skipping(file, spec, layer, &list, op);
        }
        rule_beside(file, spec, layer, &list, pass, op, &of_depths);
        for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
            if (notes[i].op == op && (int)notes[i].pass == pass)
                fprintf(file, "  %s\n", notes[i].text);
        if (price->rule || (pass == PASS_FORWARD &&
                            list.at[FLOPS_OF_SIGNAL][op].rule))
            where(file, spec, layer, &list, (enum pass)pass, op);
        layers(file, spec, &plan, allocation, told, ledger,
               (enum pass)pass, op);
    }
    fputs("\nconvention: a multiply-add is 2; add, multiply, divide, square"
          " root are 1; max,\ncompare, convert and moves are 0; exp and log are"
          " the arithmetic of their polynomials;\nmasked keys of the last tile"
          " are run, so they count (sim/core/ledger/op.h)\n", file);
}
