/* test_plan.c - Expect of each layer the stages, choices, keys and ops that
 * sim/core/model/spec.h and sim/core/ledger/op.h put in words.
 *
 * A wrong plan makes all who go by it agree, so every expectation is written
 * out here by hand, and the double reference (reference_routed.c) knows no
 * plan. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/core/model/plan.h"
#include "tests/cases.h"

/* Words, one after another. */
struct words {
    char text[1024];
    size_t n;
};

__attribute__((format(printf, 2, 3)))
static void say(struct words *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    w->n += (size_t)vsnprintf(w->text + w->n, sizeof w->text - w->n, format,
                              arguments);
    va_end(arguments);
    cr_assert(w->n < sizeof w->text);
}

/* ---- stages and choices ---- */

/* Layer 0 is routed with none before it, 3 after a dense one, 4 after a routed
 * one; 1 and 5 are dense after a routed one, 2 before one, 6 is the last. */
enum { STAGED = 7 };

static struct model_spec staged(enum routed_part part, enum skipped_keys keys)
{
    return (struct model_spec){ .n_layers = STAGED, .part = part,
                                .skipped_keys = keys,
                                .routed = { true, false, false, true, true } };
}

static struct words stages_of(const struct plan *plan, int32_t l)
{
    static const char *const parts[] = {
        [STAGE_ATTENTION] = "attention", [STAGE_FFN] = "ffn",
        [STAGE_BLOCK] = "attention and ffn",
    };
    struct words w = { "", 0 };
    for (int i = 0; i < plan->n_stages[l]; i++) {
        const struct stage *s = &plan->stage[l][i];
        if (i > 0)
            say(&w, "; ");
        if (s->chooses != PLAN_NO_CHOICE)
            say(&w, "make choice %d, ", s->chooses);
        say(&w, "%s of ", parts[s->parts]);
        say(&w, s->rows == STAGE_KEPT ? "kept" : "all");
        if (s->choice != PLAN_NO_CHOICE)
            say(&w, " %d", s->choice);
        if (s->gated)
            say(&w, ", gate");
    }
    return w;
}

Test(plan, a_layer_runs_its_parts_on_the_rows_that_its_choices_keep)
{
    static const char dense[] = "attention and ffn of all";
    static const struct { const char *first, *fourth, *fifth; }
    routed[PART_COUNT] = {
        [PART_BLOCK] = {
            "make choice 0, attention and ffn of kept 0, gate",
            "make choice 3, attention and ffn of kept 3, gate",
            "make choice 4, attention and ffn of kept 4, gate" },
        [PART_ATTENTION] = {
            "make choice 0, attention of kept 0, gate; ffn of all",
            "make choice 3, attention of kept 3, gate; ffn of all",
            "make choice 4, attention of kept 4, gate; ffn of all" },
        [PART_FFN] = {
            "make choice 0, attention of all; ffn of kept 0, gate",
            "make choice 3, attention of all; ffn of kept 3, gate",
            "make choice 4, attention of all; ffn of kept 4, gate" },
        [PART_APART] = {
            "make choice 0, attention of kept 0, gate; "
            "make choice 1, ffn of kept 1, gate",
            "make choice 6, attention of kept 6, gate; "
            "make choice 7, ffn of kept 7, gate",
            "make choice 8, attention of kept 8, gate; "
            "make choice 9, ffn of kept 9, gate" },
    };
    for (int p = 0; p < PART_COUNT; p++)
        for (int k = 0; k < SKIPPED_KEYS_COUNT; k++) {
            const struct model_spec spec = staged((enum routed_part)p,
                                                  (enum skipped_keys)k);
            const struct plan plan = plan_of(&spec);
            const char *const due[STAGED] = {
                routed[p].first, dense, dense, routed[p].fourth,
                routed[p].fifth, dense, dense };
            for (int32_t l = 0; l < STAGED; l++) {
                struct words is = stages_of(&plan, l);
                cr_expect_str_eq(is.text, due[l], "%s, %s, layer %d: %s",
                                 part_names[p], skipped_keys_names[k], l,
                                 is.text);
            }
            cr_expect(eq(i32, plan.n_stages[STAGED], 0));
        }
}

/* absent: none; computed: x; carried: c; its rows' keys in the table: t.  The
 * feed-forward part skips no attention. */
Test(plan, keys_are_of_the_attention_that_skips_and_carried_ones_have_a_table)
{
    static const char *const due[PART_COUNT][SKIPPED_KEYS_COUNT] = {
        [PART_BLOCK]     = { "- - - - - - -", "x - - x x - -",
                             "ct - t ct ct - -" },
        [PART_ATTENTION] = { "- - - - - - -", "x - - x x - -",
                             "ct - t ct ct - -" },
        [PART_FFN]       = { "- - - - - - -", "- - - - - - -",
                             "- - - - - - -" },
        [PART_APART]     = { "- - - - - - -", "x - - x x - -",
                             "ct - t ct ct - -" },
    };
    static const char *const signs[] = { "", "x", "c" };
    for (int p = 0; p < PART_COUNT; p++)
        for (int k = 0; k < SKIPPED_KEYS_COUNT; k++) {
            const struct model_spec spec = staged((enum routed_part)p,
                                                  (enum skipped_keys)k);
            const struct plan plan = plan_of(&spec);
            struct words is = { "", 0 };
            for (int32_t l = 0; l < STAGED; l++) {
                const size_t before = is.n + (l > 0);
                say(&is, "%s", l > 0 ? " " : "");
                for (int i = 0; i < plan.n_stages[l]; i++)
                    say(&is, "%s%s", signs[plan.stage[l][i].skipped_keys],
                        plan.stage[l][i].keys_tabled ? "t" : "");
                if (is.n == before)
                    say(&is, "-");
                cr_expect(eq(int, (int)plan_skipped_keys(&plan, l),
                             (int)plan.stage[l][0].skipped_keys));
            }
            cr_expect_str_eq(is.text, due[p][k], "%s, %s: %s", part_names[p],
                             skipped_keys_names[k], is.text);
        }
}

Test(plan, a_stage_is_found_by_the_parts_that_it_runs)
{
    struct model_spec spec = staged(PART_BLOCK, SKIPPED_KEYS_ABSENT);
    struct plan plan = plan_of(&spec);

    cr_expect(plan_stage(&plan, 3, STAGE_FFN) == &plan.stage[3][0]);
    cr_expect(plan_stage(&plan, 3, STAGE_BLOCK) == &plan.stage[3][0]);
    spec.part = PART_FFN;
    plan = plan_of(&spec);
    cr_expect(plan_stage(&plan, 3, STAGE_ATTENTION) == &plan.stage[3][0]);
    cr_expect(plan_stage(&plan, 3, STAGE_FFN) == &plan.stage[3][1]);
    cr_expect(plan_stage(&plan, 3, STAGE_BLOCK) == NULL);
    cr_expect(plan_stage(&plan, 2, STAGE_BLOCK) == &plan.stage[2][0]);
}

Test(plan, choices_count_one_a_layer_and_two_where_parts_are_apart)
{
    static const struct { int32_t layer; enum routed_part part; bool routed; }
    apart[2 * STAGED] = {
        { 0, PART_ATTENTION, true },  { 0, PART_FFN, true },
        { 1, PART_ATTENTION, false }, { 1, PART_FFN, false },
        { 2, PART_ATTENTION, false }, { 2, PART_FFN, false },
        { 3, PART_ATTENTION, true },  { 3, PART_FFN, true },
        { 4, PART_ATTENTION, true },  { 4, PART_FFN, true },
        { 5, PART_ATTENTION, false }, { 5, PART_FFN, false },
        { 6, PART_ATTENTION, false }, { 6, PART_FFN, false },
    };
    for (int p = 0; p < PART_COUNT; p++) {
        const struct model_spec spec = staged((enum routed_part)p,
                                              SKIPPED_KEYS_ABSENT);
        const bool two = p == PART_APART;
        cr_expect(eq(i32, plan_choices_a_layer(&spec), two ? 2 : 1));
        cr_expect(eq(i32, plan_n_choices(&spec), two ? 14 : 7));
        for (int32_t c = 0; c < (two ? 14 : 7); c++) {
            const struct plan_choice is = plan_choice(&spec, c);
            const int32_t layer = two ? apart[c].layer : c;
            const bool routed = two ? apart[c].routed
                                    : c == 0 || c == 3 || c == 4;
            cr_expect(eq(i32, is.layer, layer), "%s, %d", part_names[p], c);
            cr_expect(eq(int, is.routed, routed), "%s, %d", part_names[p], c);
            cr_expect(eq(int, (int)is.part,
                         two ? (int)apart[c].part : p));
        }
    }
}

/* ---- the ops of each phase ---- */

/* Layers 0 and 3 are dense, 1 is routed after a dense one, 2 after a routed
 * one.  Whole: 6 tokens; a step: a new one of each of 4 sequences. */
enum { L = 4, T = 6, B = 4, V = 11 };

/* A token, or a step's sequence, is kept by its layer's first choice, and by
 * the second. */
static const bool kept_whole[2][T] = {
    { true, false, true, false, false, true },
    { false, true, true, false, false, false },
};
static const bool kept_step[2][B] = {
    { true, false, true, false }, { false, true, true, true },
};

static int32_t choose(const bool *keeps, const struct route_input *in,
                      int32_t *kept)
{
    int32_t n = 0;
    for (int32_t t = 0; t < in->n_tokens; t++)
        if (keeps[t])
            kept[n++] = t;
    return n;
}

static int32_t choose_once(const struct route_input *in, int32_t *kept)
{
    return choose(kept_whole[0], in, kept);
}

static int32_t choose_in_turns(const struct route_input *in, int32_t *kept)
{
    return choose(kept_whole[in->choice % 2], in, kept);
}

static const struct route_policy once = { .name = "once",
                                          .choose = choose_once };
static const struct route_policy in_turns = { .name = "in turns",
                                              .choose = choose_in_turns };

/* The set of tokens that an op's rows are. */
static const char *rows_of(const struct op_run *run, const bool *first,
                           const bool *second, int32_t n)
{
    static const char *const names[] = { "all", "kept", "kept2", "others" };
    for (int set = 0; set < 4; set++) {
        int32_t rows = 0;
        bool same = true;
        for (int32_t t = 0; t < n; t++) {
            const bool in_set[] = { true, first[t], second[t], !first[t] };
            if (!in_set[set])
                continue;
            same &= rows < run->n_rows &&
                    (run->row ? run->row[rows] : rows) == t;
            rows++;
        }
        if (same && rows == run->n_rows)
            return names[set];
    }
    return "?";
}

/* Listens to one pass: the ops of each layer, and their rows. */
struct listener {
    struct meter meter;        /* first: downcast */
    const bool *first, *second;
    int32_t n;
    struct words layer[L];
};

static void begin(struct meter *meter, const struct op_run *run)
{
    (void)meter;
    (void)run;
}

static void end(struct meter *meter, const struct op_run *run)
{
    struct listener *is = (struct listener *)meter;
    if (run->layer != LEDGER_OUTSIDE)
        say(&is->layer[run->layer], "%s %s, ", op_table[run->op].name,
            rows_of(run, is->first, is->second, is->n));
}

static struct listener listen(const bool *first, const bool *second, int32_t n)
{
    return (struct listener){ .meter = { .begin = begin, .end = end },
                              .first = first, .second = second, .n = n };
}

#define CHOOSE       "route all, select all, "
#define GATHER(rows) "gather " rows ", "
#define QKV(rows)    "norm " rows ", qkv " rows ", "
#define ATTEND(rows) "attend " rows ", project " rows ", "
#define FFN(rows)    "norm " rows ", ffn.up " rows ", act " rows ", "          \
                     "ffn.down " rows ", "
#define GATE(rows)   "gate " rows ", "

static const char dense[] = QKV("all") ATTEND("all") FFN("all");
/* Before a layer that carries: its keys go into the table. */
static const char feeding[] = QKV("all") GATHER("all") ATTEND("all")
                              FFN("all");

/* The attention that skips tokens.  Queries over the keys of skipped tokens
 * read a key of each row of all; in a step those lie in the cache. */
#define OVER_ALL "attend all, project kept, "
#define ABSENT   CHOOSE GATHER("kept") QKV("kept") ATTEND("kept")
#define MADE     CHOOSE "norm all, qkv all, " GATHER("kept") "qkv kept, "
#define COMPUTED MADE OVER_ALL
#define STEPPED  MADE ATTEND("kept")
#define CARRIED  CHOOSE GATHER("kept") QKV("kept") GATHER("kept") OVER_ALL
#define COPIED   CHOOSE GATHER("kept") QKV("kept") GATHER("others")            \
                 ATTEND("kept")
#define AGAIN    GATE("kept") CHOOSE GATHER("kept2") FFN("kept2") GATE("kept2")

static const struct {
    enum routed_part part;
    enum skipped_keys keys;
    const char *whole, *step;
} routed_ops[] = {
    { PART_BLOCK, SKIPPED_KEYS_ABSENT,
      ABSENT FFN("kept") GATE("kept"), ABSENT FFN("kept") GATE("kept") },
    { PART_BLOCK, SKIPPED_KEYS_COMPUTED,
      COMPUTED FFN("kept") GATE("kept"), STEPPED FFN("kept") GATE("kept") },
    { PART_BLOCK, SKIPPED_KEYS_CARRIED,
      CARRIED FFN("kept") GATE("kept"), COPIED FFN("kept") GATE("kept") },
    { PART_ATTENTION, SKIPPED_KEYS_ABSENT,
      ABSENT GATE("kept") FFN("all"), ABSENT GATE("kept") FFN("all") },
    { PART_ATTENTION, SKIPPED_KEYS_COMPUTED,
      COMPUTED GATE("kept") FFN("all"), STEPPED GATE("kept") FFN("all") },
    { PART_ATTENTION, SKIPPED_KEYS_CARRIED,
      CARRIED GATE("kept") FFN("all"), COPIED GATE("kept") FFN("all") },
    { PART_FFN, SKIPPED_KEYS_ABSENT,
      CHOOSE QKV("all") ATTEND("all") GATHER("kept") FFN("kept") GATE("kept"),
      CHOOSE QKV("all") ATTEND("all") GATHER("kept") FFN("kept") GATE("kept") },
    { PART_APART, SKIPPED_KEYS_ABSENT, ABSENT AGAIN, ABSENT AGAIN },
    { PART_APART, SKIPPED_KEYS_COMPUTED, COMPUTED AGAIN, STEPPED AGAIN },
    { PART_APART, SKIPPED_KEYS_CARRIED, CARRIED AGAIN, COPIED AGAIN },
};
enum { N_CASES = sizeof routed_ops / sizeof *routed_ops };

static struct model_spec case_of(int i)
{
    return (struct model_spec){
        .traits = family_traits[FAMILY_GPT2],
        .n_layers = L, .n_channels = 8, .n_heads = 2,
        .n_kv_heads = 2, .head_size = 4, .n_ffn = 12, .n_vocab = V,
        .max_tokens = T + 1, .tied_head = true, .norm_epsilon = 1e-5f,
        .gate = GATE_ONE, .signal = SIGNAL_NORM, .part = routed_ops[i].part,
        .skipped_keys = routed_ops[i].keys,
        .routed = { false, true, true, false },
        .capacity = { 1.0, 0.5, 0.5, 1.0 },
    };
}

static void expect_layers(const struct listener *is, int i, bool step,
                          const char *phase)
{
    const char *routed = step ? routed_ops[i].step : routed_ops[i].whole;
    const bool feeds = !step && routed_ops[i].keys == SKIPPED_KEYS_CARRIED;
    const char *const due[L] = { feeds ? feeding : dense, routed, routed,
                                 dense };
    for (int32_t l = 0; l < L; l++)
        cr_expect_str_eq(is->layer[l].text, due[l],
                         "%s, %s, %s, layer %d:\n%s\nand not\n%s",
                         part_names[routed_ops[i].part],
                         skipped_keys_names[routed_ops[i].keys], phase, l,
                         is->layer[l].text, due[l]);
}

static struct listener whole_of(struct model *m, int i,
                                struct model_input input)
{
    struct listener is = listen(kept_whole[0], kept_whole[1], T);
    static int32_t ids[B * T], targets[B * T];   /* backward reads them again */
    double loss;

    case_text(ids, targets, B * T, V, 1);
    input.ids = ids;
    if (input.train)
        input.targets = targets;
    input.n_tokens = T;
    input.policy = routed_ops[i].part == PART_APART ? &in_turns : &once;
    model_forward(m, &input, &is.meter, &loss);
    return is;
}

/* To score a text, or as the prefill that decode steps go on from. */
static void expect_whole(bool decodes)
{
    for (int i = 0; i < N_CASES; i++) {
        const struct model_spec spec = case_of(i);
        struct model *m = case_model(&spec, &(struct model_options){
            .n_sequences = 1, .n_tokens = T + 1, .decode = decodes,
            .n_threads = 1 }, 1);
        if (decodes)
            model_decode_reset(m);
        struct listener is = whole_of(m, i, (struct model_input){
            .n_sequences = 1, .cache = decodes });
        expect_layers(&is, i, false, decodes ? "prefill" : "forward");
        model_close(m);
    }
}

Test(plan, a_forward_runs_each_op_on_the_rows_that_the_words_say)
{
    expect_whole(false);
}

Test(plan, a_prefill_runs_as_a_forward)
{
    expect_whole(true);
}

static struct listener step_of(struct model *m, int i)
{
    const int each = routed_ops[i].part == PART_APART ? 2 : 1;
    struct listener is = listen(kept_step[0], kept_step[1], B);
    bool keep[2 * L * B];
    int32_t ids[B] = { 0 };

    for (int c = 0; c < each * L; c++)
        memcpy(keep + c * B, kept_step[c % each], sizeof kept_step[0]);
    model_decode(m, &(struct decode_input){ .ids = ids, .keep = keep },
                 &is.meter);
    return is;
}

Test(plan, a_step_runs_on_new_tokens_and_carries_keys_from_cache_to_cache)
{
    for (int i = 0; i < N_CASES; i++) {
        const struct model_spec spec = case_of(i);
        struct model *m = case_model(&spec, &(struct model_options){
            .n_sequences = B, .n_tokens = T + 1, .decode = true,
            .n_threads = 1 }, 1);
        model_decode_reset(m);
        whole_of(m, i, (struct model_input){ .n_sequences = B, .cache = true });
        struct listener is = step_of(m, i);
        expect_layers(&is, i, true, "decode");
        model_close(m);
    }
}

/* Training knows whole blocks whose skipped tokens leave no key. */
Test(plan, training_runs_forward_as_any_other_and_comes_back_through_kept_rows)
{
    static const char block[] =
        "ffn.down kept, act kept, ffn.up kept, norm kept, project kept, "
        "attend kept, qkv kept, norm kept, ";
    static const char all[] =
        "ffn.down all, act all, ffn.up all, norm all, project all, "
        "attend all, qkv all, norm all, ";
    struct model_spec spec = case_of(0);
    struct words routed = { "", 0 };

    spec.signal = SIGNAL_NONE;
    spec.router_scores = spec.router_trained = true;
    spec.gate = GATE_SIGMOID2;
    say(&routed, "gate kept, %sgather kept, route kept, ", block);
    struct model *m = case_model(&spec, &(struct model_options){
        .n_sequences = 1, .n_tokens = T, .train = true, .n_threads = 1 }, 1);
    struct listener is = whole_of(m, 0, (struct model_input){
        .n_sequences = 1, .train = true });
    expect_layers(&is, 0, false, "train");

    is = listen(kept_whole[0], kept_whole[1], T);
    model_backward(m, &is.meter);
    const char *const due[L] = { all, routed.text, routed.text, all };
    for (int32_t l = 0; l < L; l++)
        cr_expect_str_eq(is.layer[l].text, due[l], "layer %d: %s", l,
                         is.layer[l].text);
    model_close(m);
}
