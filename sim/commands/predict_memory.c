/* predict_memory.c - Say what a prediction holds in memory, and whether a machine
 * has that much. */
#include "sim/commands/predict_answer.h"

#include <inttypes.h>

#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"
#include "sim/core/config/quantity.h"

static struct hold_question held(const struct predict_answer *a, bool dense)
{
    const struct predict_question *q = &a->question;
    return (struct hold_question){
        .spec = dense ? &a->dense.spec : &a->model.spec, .regime = &q->regime,
        .phase = q->phase == MEMORY_FORWARD && !q->all_logits ? MEMORY_LAST
                                                              : q->phase,
        .n_sequences = q->n_sequences, .n_tokens = q->n_tokens,
        .n_threads = a->options->common.threads,
    };
}

/* ---- whether it fits ---- */

/* A profile's low is what is left beside a driver and others: so much surely
 * fits, and more than its value does not. */
enum verdict { FITS, MAY_FIT, DOES_NOT_FIT };
static const char *const verdicts[] = { "fits", "may fit", "does not fit" };

struct fit {
    enum verdict verdict;
    int64_t  batch;           /* the largest, of all steps together */
    int32_t  length;
};

static bool has_memory(const struct predict_answer *a)
{
    return a->machine && quantity_known(&a->machine->memory_bytes);
}

static struct fit fit_of(const struct predict_answer *a, bool dense)
{
    const uint64_t bytes = (uint64_t)a->machine->memory_bytes.low;
    const struct hold_question q = held(a, dense);
    const double total = (double)hold_of(&q).total;
    return (struct fit){
        .verdict = total <= a->machine->memory_bytes.low     ? FITS
                   : total <= a->machine->memory_bytes.value ? MAY_FIT
                                                             : DOES_NOT_FIT,
        .batch = (int64_t)hold_largest_batch(&q, bytes) *
                 regime_steps(q.regime),
        .length = hold_largest_length(&q, bytes),
    };
}

static void print_fit(FILE *file, const struct predict_answer *a)
{
    const struct fit model = fit_of(a, false), dense = fit_of(a, true);
    char have[TABLE_NUMBER_SIZE];

    table_si(have, a->machine->memory_bytes.low, "B");
    fprintf(file, "%-12s%s in %s: the largest B at T %d is %" PRId64
            " (dense twin %" PRId64 "), the largest T at B %" PRId64 " is %d"
            " (%d)\n", "", verdicts[model.verdict], have,
            a->question.n_tokens, model.batch, dense.batch, a->options->batch,
            model.length, dense.length);
}

/* ---- text and CSV ---- */

void predict_memory_text(FILE *file, const struct predict_answer *a)
{
    const struct hold_question q = held(a, false);
    const struct hold hold = hold_of(&q);
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
    fputs(q.phase == MEMORY_TRAIN ? "; and the size of the text\n" : "\n",
          file);
    if (has_memory(a))
        print_fit(file, a);
}

enum status predict_memory_table(FILE *file, const struct predict_answer *a,
                                 struct error *err)
{
    static const struct column columns[] = {
        { "memory", "memory", "", COLUMN_TEXT, true },
        { "bytes", "", "B", COLUMN_SI, true },
        { "dense_bytes", "dense twin", "B", COLUMN_SI, true },
        { "of_dense", "of dense", "", COLUMN_FACTOR, true },
    };
    const bool text = a->options->common.format == FORMAT_TEXT;
    const struct hold_question asked[] = { held(a, false),
                                           held(a, true) };
    const struct hold model = hold_of(&asked[0]), dense = hold_of(&asked[1]);
    struct table t;

    table_open(&t, "memory", columns, sizeof columns / sizeof *columns);
    for (int kind = 0; kind <= MEMORY_KIND_COUNT; kind++) {
        const bool all = kind == MEMORY_KIND_COUNT;
        const uint64_t held = all ? model.total : model.bytes[kind];
        const uint64_t twin = all ? dense.total : dense.bytes[kind];
        if (held == 0 && twin == 0)
            continue;
        table_row(&t, all ? ROW_TOTAL : ROW_PLAIN);
        table_text(&t, all ? "total" : memory_kind_names[kind]);
        table_count(&t, held, PROV_PREDICTED);
        table_count(&t, twin, PROV_PREDICTED);
        table_amount(&t, amount_of((double)held / (double)twin,
                                   PROV_PREDICTED));
    }
    enum status status = table_print(&t, text ? FORMAT_TEXT : FORMAT_CSV, file,
                                     err);
    table_close(&t);
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

static json_t *fit_json(const struct predict_answer *a, bool dense)
{
    if (!has_memory(a))
        return json_null();
    const struct fit fit = fit_of(a, dense);
    return json_pack("{s:s, s:f, s:I, s:i}", "verdict",
                     verdicts[fit.verdict],
                     "memory_bytes", a->machine->memory_bytes.low,
                     "largest_batch", (json_int_t)fit.batch,
                     "largest_tokens", (int)fit.length);
}

void predict_memory_json(json_t *summary, const struct predict_answer *a)
{
    for (int twin = 0; twin < 2; twin++) {
        const struct hold_question q = held(a, twin);
        const struct hold hold = hold_of(&q);
        json_object_set_new(summary, twin ? "dense_holds" : "holds",
                            hold_json(&hold));
        json_object_set_new(summary, twin ? "dense_fit" : "fit",
                            fit_json(a, twin));
        if (twin)
            continue;
        json_object_set_new(summary, "memory_bytes",
                            json_integer((json_int_t)hold.total));
        json_object_set_new(summary, "memory", items_json(&q));
    }
    json_object_set_new(summary, "process_bytes", json_integer(
        MEMORY_START_BYTES + MEMORY_TOUCHED_BYTES));
}
