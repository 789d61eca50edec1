/* experts.c - Choose the experts that each row enters, weigh what they give and
 * put it together. */
#include "models/kernels/kernel.h"
#include "models/kernels/row_sums.h"
#include "models/kernels/rows.h"

void KERNEL(softmax)(const struct expert_choice *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        real *x = o->chance + (ptrdiff_t)r * o->n_experts;
        real m = largest_of(x, o->n_experts);
        running sums = running_set(0.0f);
        lanes top = lanes_set(m);
        int32_t i = 0;
        for (; i + 16 <= o->n_experts; i += 16)
            REGISTERS(reg, at, i) {
                lanes v = lanes_exp(lanes_load(x + at) - top);
                lanes_store(x + at, v);
                sums.at[reg] = sums.at[reg] + v;
            }
        real sum = running_fold(sums);
        for (; i < o->n_experts; i++) {
            x[i] = real_exp(x[i] - m);
            sum = sum + x[i];
        }
        scale_row(x, real_set(1.0f) / sum, o->n_experts);
        o->stats[2 * r] = m;
        o->stats[2 * r + 1] = sum;
    }
}

/* Puts expert e among n in ascending order. */
static void insert(int32_t *expert, int32_t n, int32_t e)
{
    while (n > 0 && expert[n - 1] > e) {
        expert[n] = expert[n - 1];
        n--;
    }
    expert[n] = e;
}

static bool is_among(const int32_t *expert, int32_t n, int32_t e)
{
    for (int32_t i = 0; i < n; i++)
        if (expert[i] == e)
            return true;
    return false;
}

/* The largest of those that are not among the n. */
static int32_t next_of(const real *chance, int32_t n_experts,
                       const int32_t *expert, int32_t n)
{
    int32_t best = -1;
    for (int32_t e = 0; e < n_experts; e++)
        if ((best < 0 || chance[e] > chance[best]) && !is_among(expert, n, e))
            best = e;
    return best;
}

void KERNEL(choose_experts)(const struct expert_choice *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *chance = o->chance + (ptrdiff_t)r * o->n_experts;
        int32_t *expert = o->expert + (ptrdiff_t)r * o->n_active;
        real *weight = o->weight + (ptrdiff_t)r * o->n_active;
        const bool all = o->n_active == o->n_experts;
        for (int32_t i = 0; i < o->n_active; i++)
            insert(expert, i, all ? i : next_of(chance, o->n_experts, expert,
                                                i));
        for (int32_t i = 0; i < o->n_active; i++)
            weight[i] = chance[expert[i]];
        if (!o->normalised)
            continue;
        real sum = weight[0];
        for (int32_t i = 1; i < o->n_active; i++)
            sum = sum + weight[i];
        for (int32_t i = 0; i < o->n_active; i++)
            weight[i] = weight[i] / sum;
    }
}

/* Beside the slope that there is. */
static void hand(const struct expert_choice *o, real *d, real gradient)
{
    *d = o->slope ? *d + gradient : gradient;
}

/* Of a weight by which a row did not enter: nothing. */
static real gradient_at(const struct expert_choice *o, int32_t entry)
{
    return entry < 0 ? real_set(0.0f) : o->dweight[entry];
}

/* Gradients of the chances of those chosen, onto dscore: of weights that are
 * chances over their sum s, (dw - sum of weight times dw) / s. */
static void hand_chances(const struct expert_choice *o, int32_t r)
{
    const real *chance = o->chance + (ptrdiff_t)r * o->n_experts;
    const int32_t *expert = o->expert + (ptrdiff_t)r * o->n_active;
    const real *weight = o->weight + (ptrdiff_t)r * o->n_active;
    const int32_t *at = o->at + (ptrdiff_t)r * o->n_active;
    real *d = o->dscore + (ptrdiff_t)r * o->n_experts;

    if (!o->normalised) {
        for (int32_t i = 0; i < o->n_active; i++)
            hand(o, &d[expert[i]], gradient_at(o, at[i]));
        return;
    }
    real sum = chance[expert[0]], mean = weight[0] * gradient_at(o, at[0]);
    for (int32_t i = 1; i < o->n_active; i++) {
        sum = sum + chance[expert[i]];
        mean = mean + weight[i] * gradient_at(o, at[i]);
    }
    for (int32_t i = 0; i < o->n_active; i++)
        hand(o, &d[expert[i]], (gradient_at(o, at[i]) - mean) / sum);
}

/* The mean of d by the chances of those that have any: all, with slopes. */
static real mean_slope(const struct expert_choice *o, const real *chance,
                       const int32_t *expert, const real *d)
{
    const int32_t n = o->slope ? o->n_experts : o->n_active;
    const int32_t first = o->slope ? 0 : expert[0];
    real mean = chance[first] * d[first];

    for (int32_t i = 1; i < n; i++) {
        const int32_t e = o->slope ? i : expert[i];
        mean = mean + chance[e] * d[e];
    }
    return mean;
}

/* Of a softmax: chance times what its gradient has above the chances' mean; and
 * of the square of its log-sum-exp, chance times that. */
void KERNEL(choose_experts_backward)(const struct expert_choice *o, int part,
                                     int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *chance = o->chance + (ptrdiff_t)r * o->n_experts;
        const int32_t *expert = o->expert + (ptrdiff_t)r * o->n_active;
        real *d = o->dscore + (ptrdiff_t)r * o->n_experts;
        for (int32_t e = 0; e < o->n_experts; e++)
            d[e] = o->slope ? o->slope[e] : real_set(0.0f);
        hand_chances(o, r);
        real mean = mean_slope(o, chance, expert, d);
        if (o->square > 0.0f)
            mean = mean - real_set(o->square) * o->stats[2 * r];
        for (int32_t e = 0; e < o->n_experts; e++)
            d[e] = chance[e] * (d[e] - mean);
    }
}

/* An expert's sum is one thread's, over the rows in their order. */
static void sum_chances(const struct expert_judging *o, int32_t first,
                        int32_t end)
{
    for (int32_t e = first; e < end; e++)
        o->sum[e] = real_set(0.0f);
    for (int32_t r = 0; r < o->n; r++)
        for (int32_t e = first; e < end; e++)
            o->sum[e] = o->sum[e] + o->chance[(ptrdiff_t)r * o->n_experts + e];
}

void KERNEL(judge_experts)(const struct expert_judging *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    if (o->sum)
        sum_chances(o, slice(o->n_experts, 1, part, parts),
                    slice(o->n_experts, 1, part + 1, parts));
    for (int32_t r = slice(o->n, 1, part, parts); o->square && r < end; r++) {
        real *stats = o->stats + 2 * (ptrdiff_t)r;
        stats[0] = stats[0] + real_log(stats[1]);
        o->square[r] = stats[0] * stats[0];
    }
}

void KERNEL(weigh)(const struct weighing *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *x = o->x + (ptrdiff_t)r * o->width;
        real *out = o->out + (ptrdiff_t)r * o->width;
        if (o->sigmoid)
            o->weight[r] = real_set(1.0f) / (real_exp(-o->score[r]) + 1.0f);
        lanes by = lanes_set(o->weight[r]);
        int32_t c = 0;
        for (; c + REGISTER_LANES <= o->width; c += REGISTER_LANES)
            lanes_store(out + c, lanes_load(x + c) * by);
        for (; c < o->width; c++)
            out[c] = x[c] * o->weight[r];
    }
}

void KERNEL(weigh_backward)(const struct weighing *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const real *x = o->x + (ptrdiff_t)r * o->width;
        real *d = o->d + (ptrdiff_t)r * o->width, by = o->weight[r];
        running sum = running_set(0.0f);
        int32_t c = 0;
        for (; c + 16 <= o->width; c += 16)
            REGISTERS(reg, at, c) {
                lanes v = lanes_load(d + at);
                sum.at[reg] = lanes_add_product(sum.at[reg], v,
                                                lanes_load(x + at));
                lanes_store(d + at, v * lanes_set(by));
            }
        real dweight = running_fold(sum);
        for (; c < o->width; c++) {
            dweight = dweight + d[c] * x[c];
            d[c] = d[c] * by;
        }
        o->dweight[r] = o->sigmoid ? dweight * by * (real_set(1.0f) - by)
                                   : dweight;
    }
}

static const int32_t *entries_of(const struct entries *o, int32_t r)
{
    return o->at + (ptrdiff_t)r * o->n_active;
}

static void begin_row(const struct entries *o, real *to, int32_t r, bool from)
{
    if (from && o->from)
        copy_row(to, o->from + (ptrdiff_t)r * o->width, o->width);
    else
        memset((void *)to, 0, (size_t)o->width * sizeof *to);
}

/* So that a product that starts from y adds the first expert's result to the
 * stream in the order in which a model without experts does. */
void KERNEL(seed)(const struct entries *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const int32_t *at = entries_of(o, r);
        bool first = true;
        for (int32_t i = 0; i < o->n_active; i++) {
            if (at[i] < 0)
                continue;
            begin_row(o, o->y + (ptrdiff_t)at[i] * o->width, r, first);
            first = false;
        }
    }
}

void KERNEL(combine)(const struct entries *o, int part, int parts)
{
    int32_t end = slice(o->n, 1, part + 1, parts);
    for (int32_t r = slice(o->n, 1, part, parts); r < end; r++) {
        const int32_t *at = entries_of(o, r);
        real *out = o->out + (ptrdiff_t)r * o->width;
        bool first = true;
        for (int32_t i = 0; i < o->n_active; i++) {
            const real *y = o->y + (ptrdiff_t)at[i] * o->width;
            if (at[i] < 0)
                continue;
            if (first)
                copy_row(out, y, o->width);
            else
                add_row(out, y, 0, o->width);
            first = false;
        }
        if (first)
            begin_row(o, out, r, true);
    }
}
