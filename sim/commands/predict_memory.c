/* predict_memory.c - Say what a prediction holds in memory, and whether a machine
 * has that much. */
#include "sim/commands/predict_answer.h"

#include <inttypes.h>

#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"
#include "sim/core/config/quantity.h"

static struct hold_question held(const struct predict_answer *a)
{
    const struct predict_question *q = &a->question;
    return (struct hold_question){
        .spec = &a->contest.model.spec, .regime = &q->regime,
        .phase = q->phase == MEMORY_FORWARD && !q->all_logits ? MEMORY_LAST
                                                              : q->phase,
        .n_sequences = q->n_sequences, .n_tokens = q->n_tokens,
        .n_threads = a->options->common.threads,
    };
}

/* Of the models, the first is the one asked about; rivals follow. */
static struct hold hold_by(const struct predict_answer *a, int model)
{
    const struct hold_question q = held(a);
    return model == 0 ? hold_of(&q)
                      : contender_hold(&a->contest.rival[model - 1], &q);
}

uint64_t predict_memory_bytes(const struct predict_answer *a)
{
    return hold_by(a, 0).total;
}

/* ---- whether it fits ---- */

struct fitting {
    enum fit verdict;
    int64_t  batch;           /* the largest, of all steps together */
    int32_t  length;
};

static bool has_memory(const struct predict_answer *a)
{
    return a->machine && quantity_known(&a->machine->memory_bytes);
}

static struct fitting fit_of(const struct predict_answer *a, int model)
{
    const uint64_t bytes = (uint64_t)a->machine->memory_bytes.low;
    const struct hold_question q = held(a);
    const struct contender *rival =
        &a->contest.rival[model > 0 ? model - 1 : 0];
    return (struct fitting){
        .verdict = hold_fit(hold_by(a, model).total, a->machine),
        .batch = (int64_t)(model == 0
                     ? hold_largest_batch(&q, bytes)
                     : contender_largest_batch(rival, &q, bytes)) *
                 regime_steps(q.regime),
        .length = (int32_t)(model == 0
                      ? hold_largest_length(&q, bytes)
                      : contender_largest_length(rival, &q, bytes)),
    };
}

static void print_fit(FILE *file, const struct predict_answer *a)
{
    const int told = predict_told(a);
    const struct fitting model = fit_of(a, 0), rival = fit_of(a, 1 + told);
    char have[TABLE_NUMBER_SIZE];

    table_si(have, a->machine->memory_bytes.low, "B");
    fprintf(file, "%-12s%s in %s: the largest B at T %d is %" PRId64
            " (%s %" PRId64 "), the largest T at B %" PRId64 " is %d"
            " (%d)\n", "", fit_names[model.verdict], have,
            a->question.n_tokens, model.batch,
            a->rival[told].name, rival.batch, a->options->batch, model.length,
            rival.length);
}

/* ---- text and CSV ---- */

void predict_print_packing(FILE *file, const struct model_spec *spec)
{
    uint64_t numbers = 0, bytes = 0;
    int n = 0, all = 0;

    for (int32_t l = 0; l < spec->n_layers; l++)
        for (int i = 0; i < MATRIX_COUNT; i++) {
            const uint64_t K = (uint64_t)spec_inputs(spec, (enum matrix)i);
            const uint64_t N = (uint64_t)spec_outputs(spec, (enum matrix)i);
            all += spec_has_matrix(spec, (enum matrix)i);
            if (!spec->packed[l][i])
                continue;
            n++;
            numbers += K * N;
            bytes += packing_bytes(&spec->packing, K, N);
        }
    fprintf(file, "%d of %d matrices of layers%s packed by %s: %d bits a number,"
            " %.4g with their scales; others %s\n", n, all,
            spec->packed_head ? " and the head" : "", spec->packing.method,
            spec->packing.bits,
            n > 0 ? 8.0 * (double)bytes / (double)numbers : 0.0,
            number_table[spec->stored_embedding].name);
}

/* The layers that cache a window of the text. */
static void print_windows(FILE *file, const struct predict_answer *a)
{
    const struct model_spec *spec = &a->contest.model.spec;
    int n = 0;

    for (int32_t l = 0; l < spec->n_layers; l++)
        n += spec_window(spec, l) > 0 &&
             spec->window < a->question.n_tokens;
    if (n > 0 && a->question.phase == MEMORY_DECODE)
        fprintf(file, "%-12s%d of %d layers cache the last %d tokens of a"
                " sequence, and no more\n", "", n, spec->n_layers,
                spec->window);
}

void predict_memory_text(FILE *file, const struct predict_answer *a)
{
    const struct hold hold = hold_by(a, 0);
    const char *before = ": ";
    char bytes[TABLE_NUMBER_SIZE];

    table_si(bytes, (double)hold.total, "B");
    fprintf(file, "%-12s%s at the peak", "memory", bytes);
    for (int kind = 0; kind < MEMORY_KIND_COUNT; kind++)
        if (hold.bytes[kind] > 0) {
            table_si(bytes, (double)hold.bytes[kind], "B");
            fprintf(file, "%s%s %s", before, memory_kind_names[kind], bytes);
            before = ", ";
        }
    fputs(a->question.phase == MEMORY_TRAIN ? "; and the size of the text\n"
                                            : "\n", file);
    print_windows(file, a);
    if (has_memory(a))
        print_fit(file, a);
}

enum status predict_memory_table(FILE *file, const struct predict_answer *a,
                                 struct error *err)
{
    const int told = predict_told(a);
    const bool other = told != PREDICT_TWIN;
    const struct column columns[] = {
        { "memory", "memory", "", COLUMN_TEXT, true },
        { "bytes", "", "B", COLUMN_SI, true },
        { other ? "rival_bytes" : "dense_bytes", a->rival[told].name, "B",
          COLUMN_SI, true },
        { other ? "of_rival" : "of_dense", other ? "of rival" : "of dense", "",
          COLUMN_FACTOR, true },
    };
    const bool text = a->options->common.format == FORMAT_TEXT;
    const struct hold model = hold_by(a, 0), rival = hold_by(a, 1 + told);
    struct table t;

    table_open(&t, "memory", columns, sizeof columns / sizeof *columns);
    for (int kind = 0; kind <= MEMORY_KIND_COUNT; kind++) {
        const bool all = kind == MEMORY_KIND_COUNT;
        const uint64_t own = all ? model.total : model.bytes[kind];
        const uint64_t of = all ? rival.total : rival.bytes[kind];
        if (own == 0 && of == 0)
            continue;
        table_row(&t, all ? ROW_TOTAL : ROW_PLAIN);
        table_text(&t, all ? "total" : memory_kind_names[kind]);
        table_count(&t, own, PROV_PREDICTED);
        table_count(&t, of, PROV_PREDICTED);
        table_amount(&t, amount_of((double)own / (double)of,
                                   PROV_PREDICTED));
    }
    enum status status = table_print(&t, text ? FORMAT_TEXT : FORMAT_CSV, file,
                                     err);
    table_close(&t);
    if (status == STATUS_OK && text)
        print_windows(file, a);
    if (status == STATUS_OK && text && has_memory(a))
        print_fit(file, a);
    return status;
}

/* ---- JSON ---- */

static json_t *items_json(const struct hold_question *q)
{
    struct memory_item items[MEMORY_ITEMS_MAX];
    int n = memory_items(items, q->spec, q->n_sequences, q->n_tokens, q->phase);
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I}",
            "name", items[i].name, "for", memory_kind_names[items[i].kind],
            "numbers_per_row", (json_int_t)items[i].numbers,
            "rows", (json_int_t)items[i].rows));
    return list;
}

static json_t *hold_json(const struct hold *hold)
{
    json_t *out = json_object();

    for (int kind = 0; kind < MEMORY_KIND_COUNT; kind++)
        json_object_set_new(out, memory_kind_names[kind],
                            json_integer((json_int_t)hold->bytes[kind]));
    json_object_set_new(out, "total", json_integer((json_int_t)hold->total));
    return out;
}

static json_t *fit_json(const struct predict_answer *a, int model)
{
    if (!has_memory(a))
        return json_null();
    const struct fitting fit = fit_of(a, model);
    return json_pack("{s:s, s:f, s:I, s:i}", "verdict",
                     fit_names[fit.verdict],
                     "memory_bytes", a->machine->memory_bytes.low,
                     "largest_batch", (json_int_t)fit.batch,
                     "largest_tokens", (int)fit.length);
}

void predict_memory_json(json_t *summary, const struct predict_answer *a)
{
    enum { MODELS = 1 + PREDICT_RIVALS };
    static const char *const holds[MODELS] = { "holds", "dense_holds",
                                               "rival_holds" };
    static const char *const fits[MODELS] = { "fit", "dense_fit", "rival_fit" };
    const struct hold_question q = held(a);

    for (int model = 0; model < MODELS && model <= a->n_rivals; model++) {
        const struct hold hold = hold_by(a, model);
        json_object_set_new(summary, holds[model], hold_json(&hold));
        json_object_set_new(summary, fits[model], fit_json(a, model));
        if (model > 0)
            continue;
        json_object_set_new(summary, "memory_bytes",
                            json_integer((json_int_t)hold.total));
        json_object_set_new(summary, "memory", items_json(&q));
    }
    json_object_set_new(summary, "process_bytes", json_integer(
        MEMORY_PROCESS_BYTES));
}
