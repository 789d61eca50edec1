/* test_published.c - Hold parameters, conventions, times and intervals against
 * published figures that lie beside the tree. */
#include "sim/price/hold.h"
#include "tests/published.h"

/* ---- parameters ---- */

static const struct { const char *begins, *type, *head; } classes[] = {
    { "GPT-2", "gpt2", "GPT2LMHeadModel" },
    { "Llama", "llama", "LlamaForCausalLM" },
    { "TinyLlama", "llama", "LlamaForCausalLM" },
    { "SmolLM2", "llama", "LlamaForCausalLM" },
    { "Mistral", "mistral", "MistralForCausalLM" },
    { "Qwen2.5", "qwen2", "Qwen2ForCausalLM" },
    { "Pythia", "gpt_neox", "GPTNeoXForCausalLM" },
    { "Gemma-3", "gemma3_text", "Gemma3ForCausalLM" },
};

static bool shape_of(struct shape *out, const struct row *row)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strncmp(row->cell[0], classes[i].begins,
                    strlen(classes[i].begins)) == 0) {
            *out = (struct shape){
                row->cell[0], classes[i].type, classes[i].head,
                atoi(row->cell[4]), atoi(row->cell[3]), atoi(row->cell[6]),
                atoi(row->cell[7]), atoi(row->cell[8]), atoi(row->cell[5]),
                atoi(row->cell[9]),
                *row->cell[10] == '1' };
            return true;
        }
    return false;
}

Test(published, models_have_their_parameters_and_bytes_of_keys)
{
    static const struct regime half = { .arithmetic = PRECISION_BF16,
        .weights = PRECISION_BF16, .kv = PRECISION_BF16 };
    static struct row rows[ROWS_MAX];
    const int n = read_rows(rows, "published/params.csv");

    cr_assert(ge(int, n, 27));
    for (int i = 0; i < n; i++) {
        struct shape shape;
        cr_assert(shape_of(&shape, &rows[i]), "%s", rows[i].cell[0]);
        const struct model_spec spec = spec_of_shape(&shape);
        const struct hold_question one = { .spec = &spec, .regime = &half,
            .phase = MEMORY_DECODE, .n_sequences = 1, .n_tokens = 1 };
        cr_expect(eq(u64, memory_parameters(&spec),
                     strtoull(rows[i].cell[1], NULL, 10)), "%s", shape.name);
        cr_expect(eq(u64, hold_of(&one).bytes[MEMORY_KV],
                     strtoull(rows[i].cell[11], NULL, 10)), "%s", shape.name);
    }
}

/* ---- one question ---- */

static double seconds_of(struct prediction *p, struct predict_question *q)
{
    struct error err = { 0 };
    cr_assert(eq(int, prediction_open(p, q, &q->spec, &err), STATUS_OK), "%s",
              err.text);
    return p->range.seconds.value;
}

static struct estimate range_of(struct predict_question q)
{
    struct prediction p;
    seconds_of(&p, &q);
    const struct estimate e = p.range.seconds;
    prediction_close(&p);
    return e;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_size);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* ---- training MPT: llm-foundry's table ---- */

static const struct { const char *name; int32_t C, layers, heads; } mpt[] = {
    { "125m", 768, 12, 12 },  { "350m", 1024, 24, 16 },
    { "760m", 1536, 24, 12 }, { "1b", 2048, 24, 16 }, { "3b", 2560, 32, 20 },
    { "7b", 4096, 32, 32 },   { "13b", 5120, 40, 40 }, { "30b", 7168, 48, 56 },
    { "70b", 8192, 80, 64 },
};
enum { MODEL = 1, TOKENS, DEVICES, GPU, MFU, HFU, MICRO, STEPS, GLOBAL, RATE,
       PRECISION, SHARDING, CHECKPOINTS, PARAMETERS };

/* Learned positions, as many as a sequence has tokens; biases everywhere. */
static struct model_spec mpt_spec(const struct row *row)
{
    size_t i = 0;
    while (strcmp(mpt[i].name, row->cell[MODEL]) != 0)
        i++;
    struct shape shape = { "MPT", "gpt2", "", mpt[i].C, mpt[i].layers,
                           mpt[i].heads, mpt[i].heads, 0, 0, 50368, true };
    struct model_spec spec = spec_of_shape(&shape);
    spec.max_tokens = atoi(row->cell[TOKENS]);
    return spec;
}

static bool is_fp8(const struct row *row)
{
    return strcmp(row->cell[PRECISION], "amp_fp8") == 0;
}

Test(published, mpt_rows_have_their_parameters_and_utilisation)
{
    static struct row rows[ROWS_MAX];
    const int n = read_rows(rows, "published/mpt_train_bench.csv");

    cr_expect(eq(int, n, 216));
    for (int i = 0; i < n; i++) {
        const struct model_spec spec = mpt_spec(&rows[i]);
        const double N = (double)memory_parameters(&spec), T = spec.max_tokens;
        const double peak = strncmp(rows[i].cell[GPU], "a100", 4) == 0 ? 312e12
                            : is_fp8(&rows[i]) ? 1979e12 : 989.5e12;
        /* palm: 6N and 12 L C T a token, of one sequence */
        struct allocation a;
        cr_assert(eq(int, allocation_open(&a, spec.n_layers, 1, spec.max_tokens,
                                          NULL), STATUS_OK));
        const double step = predict_train_flops(predict_convention_find("palm"),
                                                &spec, &a);
        const double used = 100 * step / T * atof(rows[i].cell[RATE]) /
                            (peak * atof(rows[i].cell[DEVICES]));
        cr_expect(eq(dbl, N, atof(rows[i].cell[PARAMETERS])), "row %d", i);
        cr_expect(epsilon_eq(dbl, used, atof(rows[i].cell[MFU]), 0.011),
                  "row %d", i);
        allocation_close(&a);
    }
}

static struct predict_question mpt_question(const struct row *row,
                                            const struct machine *machine)
{
    return (struct predict_question){
        .spec = mpt_spec(row), .machine = machine, .phase = MEMORY_TRAIN,
        .n_sequences = atoi(row->cell[MICRO]),
        .n_tokens = atoi(row->cell[TOKENS]),
        .regime = {
            .arithmetic = is_fp8(row) ? PRECISION_FP8 : PRECISION_BF16,
            .kv = PRECISION_BF16,
            .recompute = strcmp(row->cell[CHECKPOINTS], "True") == 0,
            .accumulate = atoi(row->cell[STEPS]) } };
}

/* Measured over predicted, of the rows of a GPU and precision; returns how
 * many. */
static int mpt_ratios(double *out, const struct row *rows, int n,
                      const struct machine *machine, const char *gpu, bool fp8)
{
    int found = 0;

    for (int i = 0; i < n; i++) {
        if (strcmp(rows[i].cell[GPU], gpu) != 0 || is_fp8(&rows[i]) != fp8)
            continue;
        const double measured = atof(rows[i].cell[GLOBAL]) *
                                atof(rows[i].cell[TOKENS]) /
                                atof(rows[i].cell[RATE]);
        out[found++] = measured /
                       range_of(mpt_question(&rows[i], machine)).value;
    }
    return found;
}

/* One efficiency a machine, from every other row, is right in the median of the
 * rest. */
Test(published, mpt_steps_take_what_one_efficiency_a_machine_says)
{
    static const struct { const char *gpu, *profile; bool fp8; } runs[] = {
        { "a100_40gb", "a100-40", false }, { "a100_80gb", "a100-80", false },
        { "h100_80gb", "h100-sxm", false }, { "h100_80gb", "h100-sxm", true },
    };
    static struct row rows[ROWS_MAX];
    static struct machine machine;
    const int n = read_rows(rows, "published/mpt_train_bench.csv");

    for (size_t r = 0; r < sizeof runs / sizeof *runs; r++) {
        double ratio[ROWS_MAX], fitted[ROWS_MAX], tested[ROWS_MAX];
        int f = 0, t = 0;
        cr_assert(eq(int, machine_load(&machine, runs[r].profile, NULL),
                     STATUS_OK));
        machine.unmodelled = (struct quantity){ 1, 1, 1, "assumed", "" };
        const int found = mpt_ratios(ratio, rows, n, &machine, runs[r].gpu,
                                     runs[r].fp8);
        for (int i = 0; i < found; i++)
            *(i % 2 ? &tested[t++] : &fitted[f++]) = ratio[i];
        const double efficiency = 1 / median_of(fitted, f);
        const double median = 1 / (efficiency * median_of(tested, t));
        cr_log_info("%s%s: %d rows, one efficiency of %.2f; predicted over"
                    " measured of the other half %.2f\n", runs[r].profile,
                    runs[r].fp8 ? " fp8" : "", found, efficiency, median);
        cr_expect(ge(dbl, median, 0.85), "%s", runs[r].profile);
        cr_expect(le(dbl, median, 1.15), "%s", runs[r].profile);
    }
}

/* ---- calibration: single rows ---- */

enum { ROW_MODEL, ROW_MACHINE, ROW_DEVICES, ROW_PARALLEL, ROW_WEIGHTS,
       ROW_FORMAT, ROW_PHASE, ROW_BATCH, ROW_PROMPT, ROW_CONTEXT, ROW_METRIC,
       ROW_VALUE };

static const struct { const char *begins, *profile; } machines[] = {
    { "A100 SXM 80GB", "a100-80" },    { "A100 SXM 40GB", "a100-40" },
    { "H100 SXM", "h100-sxm" },        { "RTX 4090", "rtx-4090" },
    { "M2 Ultra", "apple-m2-ultra" },  { "Raspberry Pi 5", "raspberry-pi-5" },
    { "Threadripper", "threadripper-5995wx" },
};
static const struct shape shapes[] = {
    { "Llama-2-7B", "llama", "LlamaForCausalLM", 4096, 32, 32, 32, 128, 11008,
      32000, false },
    { "LLaMA-7B", "llama", "LlamaForCausalLM", 4096, 32, 32, 32, 128, 11008,
      32000, false },
    { "Llama-2-70B", "llama", "LlamaForCausalLM", 8192, 80, 64, 8, 128, 28672,
      32000, false },
    { "Llama-3-8B", "llama", "LlamaForCausalLM", 4096, 32, 32, 8, 128, 14336,
      128256, false },
    { "Llama-3.1-8B", "llama", "LlamaForCausalLM", 4096, 32, 32, 8, 128, 14336,
      128256, false },
    { "Llama-3.1-70B", "llama", "LlamaForCausalLM", 8192, 80, 64, 8, 128, 28672,
      128256, false },
    { "Mistral-7B", "mistral", "MistralForCausalLM", 4096, 32, 32, 8, 128,
      14336, 32000, false },
    { "TinyLlama-1.1B", "llama", "LlamaForCausalLM", 2048, 22, 32, 4, 64, 5632,
      32000, false },
    { "GPT-2 124M", "gpt2", "", 768, 12, 12, 12, 64, 3072, 50257, true },
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static enum precision format_of(const char *word)
{
    return strcmp(word, "bf16") == 0 ? PRECISION_BF16
           : strstr(word, "16")      ? PRECISION_FP16 : PRECISION_FP32;
}

/* Weights of the file's type; where it is the format of products, in that. */
static void set_weights(struct predict_question *q, const char *word)
{
    static const struct { const char *word; enum number type; } stored[] = {
        { "q4_0", NUMBER_Q4_0 }, { "q8_0", NUMBER_Q8_0 },
    };
    for (size_t i = 0; i < sizeof stored / sizeof *stored; i++)
        if (strcmp(word, stored[i].word) == 0) {
            memset(q->spec.stored, stored[i].type, sizeof q->spec.stored);
            q->spec.stored_embedding = q->spec.stored_head =
                (uint8_t)stored[i].type;
            return;
        }
    q->regime.weights = format_of(word);
}

/* Half of what was generated has been; where the table does not say, 300: a
 * prompt, and half of the 395 tokens of an output. */
static int32_t context_of(const struct row *row)
{
    const int prompt = atoi(row->cell[ROW_PROMPT]),
        context = atoi(row->cell[ROW_CONTEXT]);
    return context == 0 ? 300 : (prompt + context) / 2;
}

static struct predict_question question_of(const struct row *row,
                                           struct machine *machine)
{
    struct predict_question q = { .machine = machine };
    size_t m = 0;
    const struct shape *shape = NULL;

    while (!begins(row->cell[ROW_MACHINE], machines[m].begins))
        m++;
    cr_assert(eq(int, machine_load(machine, machines[m].profile, NULL),
                 STATUS_OK));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (begins(row->cell[ROW_MODEL], shapes[i].name))
            shape = &shapes[i];
    cr_assert(shape != NULL, "%s", row->cell[ROW_MODEL]);
    q.spec = spec_of_shape(shape);
    q.phase = strcmp(row->cell[ROW_PHASE], "train") == 0     ? MEMORY_TRAIN
              : strcmp(row->cell[ROW_PHASE], "prefill") == 0 ? MEMORY_FORWARD
                                                             : MEMORY_DECODE;
    q.n_sequences = atoi(row->cell[ROW_BATCH]);
    q.n_tokens = q.phase == MEMORY_DECODE ? context_of(row)
                                          : atoi(row->cell[ROW_PROMPT]);
    q.regime.arithmetic = q.regime.kv = format_of(row->cell[ROW_FORMAT]);
    q.regime.tensor = atoi(row->cell[ROW_DEVICES]);
    if (q.phase == MEMORY_TRAIN) {             /* batch 20 x 5 accumulated */
        q.regime.accumulate = 5;
        q.n_sequences /= 5;
    } else {
        set_weights(&q, row->cell[ROW_WEIGHTS]);
    }
    return q;
}

static double measured_of(const struct row *row, const struct predict_question *q)
{
    const double value = atof(row->cell[ROW_VALUE]);

    if (strcmp(row->cell[ROW_METRIC], "throughput") != 0)
        return value / 1000;
    return (q->phase == MEMORY_FORWARD ? q->n_tokens : 1) *
           (double)q->n_sequences / value;
}

/* What steps take over what is modelled, from the logarithms of all ratios but
 * one: their mean, and a triangle of which 80 % lie within 1.28 of their
 * deviations. */
static struct quantity unmodelled_of(const double *ratio, int n, int without)
{
    double sum = 0, squares = 0;

    for (int i = 0; i < n; i++)
        if (i != without) {
            sum += log(ratio[i]);
            squares += log(ratio[i]) * log(ratio[i]);
        }
    const int used = n - (without >= 0);
    const double mean = sum / used,
        deviation = sqrt((squares - used * mean * mean) / (used - 1)),
        reach = 1.28 / (1 - 2 * sqrt(0.1 / 2)) * deviation;
    return (struct quantity){ exp(mean), exp(mean - reach), exp(mean + reach),
                              "fitted", "the other rows" };
}

/* Nothing was fitted to the row that is judged.  The table is that of
 * reports/results/published; where a file is named, it is written. */
Test(published, intervals_cover_what_was_measured)
{
    static struct row rows[ROWS_MAX];
    static struct machine machine;
    const int n = read_rows(rows, "published/calibration.csv");
    const char *path = getenv("PUBLISHED_WRITE");
    FILE *file = path ? fopen(path, "w") : NULL;
    double ratio[ROWS_MAX], off[ROWS_MAX], width[ROWS_MAX];
    int covered = 0;

    cr_expect(eq(int, n, 12));
    for (int i = 0; i < n; i++) {
        const struct predict_question q = question_of(&rows[i], &machine);
        machine.unmodelled = (struct quantity){ 1, 1, 1, "assumed", "" };
        ratio[i] = measured_of(&rows[i], &q) / range_of(q).value;
    }
    if (file)
        fputs("model,machine,phase,batch,measured_seconds,predicted_seconds,"
              "low_seconds,high_seconds,covered,roofline_seconds\n", file);
    for (int i = 0; i < n; i++) {
        const struct predict_question q = question_of(&rows[i], &machine);
        const double measured = measured_of(&rows[i], &q);
        machine.unmodelled = unmodelled_of(ratio, n, i);
        const struct estimate e = range_of(q);
        const bool in = e.low <= measured && measured <= e.high;
        covered += in;
        off[i] = fabs(e.value / measured - 1);
        width[i] = e.high / e.low;
        cr_log_info("%-22s %-20s %-8s measured %8.2f ms, predicted %8.2f, from"
                    " %.2f to %.2f%s\n", rows[i].cell[ROW_MODEL],
                    rows[i].cell[ROW_MACHINE], rows[i].cell[ROW_PHASE],
                    1e3 * measured, 1e3 * e.value, 1e3 * e.low, 1e3 * e.high,
                    in ? "" : ": outside");
        if (file)
            fprintf(file, "%s,%s,%s,%s,%.4g,%.4g,%.4g,%.4g,%d,%.4g\n",
                    rows[i].cell[ROW_MODEL], rows[i].cell[ROW_MACHINE],
                    rows[i].cell[ROW_PHASE], rows[i].cell[ROW_BATCH], measured,
                    e.value, e.low, e.high, in, measured / ratio[i]);
    }
    if (file)
        fclose(file);
    const struct quantity all = unmodelled_of(ratio, n, -1);
    cr_log_info("%d of %d covered, median width %.2f, median error %.1f %%;"
                " unmodelled %.3f, %.3f to %.3f\n", covered, n,
                median_of(width, n), 100 * median_of(off, n), all.value,
                all.low, all.high);
    cr_expect(ge(int, covered, 8));
    cr_expect(le(int, covered, 11));
    cr_expect(le(dbl, median_of(off, n), 0.15));
}
