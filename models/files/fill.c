/* fill.c - Widen, transpose and pack the numbers of a file, a few columns at a
 * time on every thread. */
#include "models/files/fill.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "models/files/numbers.h"
#include "sim/core/base/file.h"

/* Columns of one of our matrices that a file's rows fill, from `from` to `to`
 * of the tensor's. */
struct job {
    struct model        *model;
    const struct tensor *tensor;
    const struct foreign_numbers *numbers;
    int64_t from, to;
    const struct stored *range;  /* or NULL: float32 */
    int64_t range_from;          /* its first column */
    atomic_bool spoiled;         /* a number is NaN or infinite */
};

/* Token tables are stored as [out,in] already, and so are they in files. */
static bool by_tokens(const struct tensor *t)
{
    return t->id == TENSOR_WTE || t->id == TENSOR_HEAD;
}

/* Numbers of a row of the file. */
static int64_t row_numbers(const struct job *job)
{
    if (job->numbers->layout != LAYOUT_SAME)
        return job->tensor->rows;
    return by_tokens(job->tensor) ? job->tensor->columns : job->to - job->from;
}

static const uint8_t *row_of(const struct job *job, int64_t row)
{
    size_t bytes = numbers_bytes(job->numbers->type,
                                 (size_t)row_numbers(job));
    return (const uint8_t *)job->numbers->data + (size_t)row * bytes;
}

static void check_row(struct job *job, const uint8_t *row)
{
    if (!numbers_finite(job->numbers->type, (size_t)row_numbers(job), row))
        atomic_store(&job->spoiled, true);
}

enum { AT_ONCE = 1 << 18 };      /* bytes read before they are given back */

/* The file's rows [*from,to) were read, one after another. */
static void done_with_rows(const struct job *job, int64_t *from, int64_t to,
                           bool last)
{
    const size_t bytes = (size_t)(row_of(job, to) - row_of(job, *from));

    if (!job->numbers->mapped || job->numbers->layout == LAYOUT_PAIRS ||
        job->numbers->layout == LAYOUT_HEADS ||
        (bytes < AT_ONCE && !last))
        return;
    file_give_back(row_of(job, *from), bytes);
    *from = to;
}

/* ---- into floats ---- */

enum { ABREAST = 64 };           /* rows widened before they are turned: 4 lines
                                  * of the cache a number of ours */

/* Rows of the file are rows of ours, or parts of them. */
static void same_part(void *argument, int part, int parts)
{
    struct job *job = argument;
    const struct tensor *t = job->tensor;
    float *ours = model_weights(job->model) + t->offset;
    const int64_t end = t->rows * (part + 1) / parts;
    int64_t read = t->rows * part / parts;

    for (int64_t r = t->rows * part / parts; r < end; r++) {
        numbers_floats(job->numbers->type, ours + r * t->columns + job->from,
                       (size_t)(job->to - job->from), row_of(job, r));
        check_row(job, row_of(job, r));
        done_with_rows(job, &read, r + 1, r == end - 1);
    }
}

static void turned_part(void *argument, int part, int parts)
{
    struct job *job = argument;
    const struct tensor *t = job->tensor;
    const int64_t width = job->to - job->from, k = t->rows;
    const int64_t lots = (width + ABREAST - 1) / ABREAST;
    const int64_t end = lots * (part + 1) / parts;
    float *ours = model_weights(job->model) + t->offset + job->from;
    float *rows = model_scratch(job->model, part);
    int64_t read = lots * part / parts * ABREAST;

    for (int64_t lot = lots * part / parts; lot < end; lot++) {
        const int64_t c0 = lot * ABREAST;
        const int64_t n = width - c0 < ABREAST ? width - c0 : ABREAST;
        for (int64_t c = 0; c < n; c++) {
            const uint8_t *row = row_of(job,
                span_row(c0 + c, job->numbers->layout,
                         model_spec(job->model), width));
            numbers_floats(job->numbers->type, rows + c * k, (size_t)k, row);
            check_row(job, row);
        }
        transpose(ours + c0, t->columns, rows, k, n);
        done_with_rows(job, &read, c0 + n, lot == end - 1);
    }
}

/* ---- into stored columns ---- */

static uint8_t *group_of(const struct stored *s, int64_t group)
{
    return (uint8_t *)(uintptr_t)s->data +
           (size_t)group * stored_group_bytes(s);
}

static void packed_part(void *argument, int part, int parts)
{
    struct job *job = argument;
    const struct stored *s = job->range;
    const int64_t groups = stored_groups(s);
    const int64_t end = groups * (part + 1) / parts;
    const int64_t first = job->range_from - job->from;
    int64_t read = first + groups * part / parts * OP_COLUMN_TILE;

    for (int64_t g = groups * part / parts; g < end; g++) {
        const void *column[OP_COLUMN_TILE] = { NULL };
        const int64_t c0 = g * OP_COLUMN_TILE;
        for (int64_t c = 0; c < OP_COLUMN_TILE && c0 + c < s->columns; c++) {
            column[c] = row_of(job, span_row(first + c0 + c,
                job->numbers->layout, model_spec(job->model),
                job->to - job->from));
            check_row(job, column[c]);
        }
        stored_pack(group_of(s, g), s->type, s->rows, column);
        int64_t next = (g + 1) * OP_COLUMN_TILE;
        next = first + (next < s->columns ? next : s->columns);
        done_with_rows(job, &read, next, g == end - 1);
    }
}

/* Numbers without blocks whose rows in the file are ours: [in,out]. */
static void strewn_part(void *argument, int part, int parts)
{
    struct job *job = argument;
    const struct stored *s = job->range;
    const size_t bytes = number_table[s->type].bytes;
    const int64_t groups = stored_groups(s);
    const int64_t end = groups * (part + 1) / parts;
    const int64_t first = job->range_from - job->from;

    for (int64_t g = groups * part / parts; g < end; g++) {
        const int64_t c0 = g * OP_COLUMN_TILE, left = s->columns - c0;
        const int64_t n = left < OP_COLUMN_TILE ? left : OP_COLUMN_TILE;
        uint8_t *to = group_of(s, g);
        for (int64_t r = 0; r < s->rows; r++, to += OP_COLUMN_TILE * bytes) {
            memcpy(to, row_of(job, r) + (size_t)(first + c0) * bytes,
                   (size_t)n * bytes);
            if (g == 0)
                check_row(job, row_of(job, r));
        }
    }
}

static enum status fill_range(struct job *job, struct error *err)
{
    const enum number has = job->numbers->type, wants = job->range->type;
    const bool turned = job->numbers->layout != LAYOUT_SAME ||
                        by_tokens(job->tensor);

    if (has != wants)
        return error_set(err, STATUS_BAD_VALUE, "a matrix stored as %s: the"
                         " model was opened for %s", number_table[has].name,
                         number_table[wants].name);
    if (!turned && number_table[has].block > 1)
        return error_set(err, STATUS_BAD_VALUE, "a matrix stored as %s, its"
                         " blocks along its outputs: supported are inputs",
                         number_table[has].name);
    pool_run(model_pool(job->model), turned ? packed_part : strewn_part, job);
    return STATUS_OK;
}

static void multiply(struct job *job)
{
    bool finite = true;

    const struct tensor *t = job->tensor;
    const float factor = job->numbers->factor > 0 ? job->numbers->factor : 1.0f;
    float *ours = model_weights(job->model) + t->offset;

    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t c = job->from; c < job->to; c++) {
            float *x = &ours[r * t->columns + c];
            *x = (*x + job->numbers->plus) * factor;
            finite &= isfinite(*x) != 0;
        }
    if (!finite)
        atomic_store(&job->spoiled, true);
}

enum status fill_tensor(struct model *model, const struct tensor *t,
                        const struct foreign_numbers *from, struct error *err)
{
    struct job job = { .model = model, .tensor = t, .numbers = from };
    enum status status = STATUS_OK;
    int64_t at = 0;

    span_columns(model_spec(model), t, from->span, &job.from, &job.to);
    if (t->n_ranges == 0)
        pool_run(model_pool(model), from->layout == LAYOUT_SAME ? same_part
                                                                : turned_part,
                 &job);
    if (t->n_ranges == 0 && (from->factor > 0 || from->plus > 0))
        multiply(&job);
    for (int32_t i = 0; i < t->n_ranges && status == STATUS_OK; i++) {
        job.range = &t->range[i];
        job.range_from = by_tokens(t) ? job.from : at;
        if (by_tokens(t) || (at >= job.from && at < job.to))
            status = fill_range(&job, err);
        at += t->range[i].columns;
    }
    if (status == STATUS_OK && job.spoiled)
        status = error_set(err, STATUS_FAILED, "a number in it is NaN or"
                           " infinite: allowed are finite weights");
    if (from->mapped)
        file_give_back(from->data, numbers_bytes(from->type, (size_t)(
            t->n / (size_t)t->columns * (size_t)(job.to - job.from))));
    return status;
}

void fill_note_type(struct model_spec *spec, int32_t layer, enum tensor_id id,
                    enum span span, enum number type)
{
    struct tensor_matrix matrix[3];
    const int n = tensor_matrices(matrix, spec, layer, id);
    struct tensor whole = { .columns = 0 };
    int64_t from, to, at = 0;

    for (int i = 0; i < n; i++)
        whole.columns += matrix[i].columns;
    span_columns(spec, &whole, span, &from, &to);
    for (int i = 0; i < n; i++) {
        if (at >= from && at < to)
            *matrix[i].type = (uint8_t)type;
        at += matrix[i].columns;
    }
}
