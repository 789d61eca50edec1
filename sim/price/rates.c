/* rates.c - Read or draw the numbers of a machine. */
#include "sim/price/rates.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define X(member, name) name,
const char *const rates_numbers[RATES_NUMBERS] = { RATES_MAP(X) };
#undef X

#define X(member, name) offsetof(struct rates, member),
static const size_t places[RATES_NUMBERS] = { RATES_MAP(X) };
#undef X

int rates_parts(int number)
{
    return places[number] == offsetof(struct rates, launch) ? WORK_COUNT : 1;
}

double rates_part(const struct rates *rates, int number, int part)
{
    double value;

    memcpy(&value, (const char *)rates + places[number] +
           (size_t)part * sizeof value, sizeof value);
    return value;
}

/* By the inverse of the triangle's distribution; without a generator its mode. */
static double triangle(double low, double mode, double high,
                       struct random *random)
{
    if (!random || !(high > low))
        return mode;
    const double u = random_uniform(random), width = high - low;
    return u * width < mode - low
               ? low + sqrt(u * width * (mode - low))
               : high - sqrt((1 - u) * width * (high - mode));
}

static double pick(const struct quantity *q, struct random *random)
{
    return triangle(q->low, q->value, q->high, random);
}

/* Beside that of products, which is the machine's; those by stored weights are the
 * ops of few rows. */
static void draw_launches(struct rates *r, const struct quantity *q,
                          struct random *kinds)
{
    for (int w = 0; w < WORK_COUNT; w++)
        if (w == WORK_STORED8 || w == WORK_STORED4)
            r->launch[w] = r->launch[WORK_FEW];
        else if (w != WORK_MATMUL)
            r->launch[w] = kinds && random_uniform(kinds) < 0.5
                               ? pick(q, kinds) : r->launch[WORK_MATMUL];
}

static struct rates rates_by(const struct machine *m, enum precision products,
                             struct random *random, struct random *kinds)
{
    struct rates r = {
        .machine = m,
        .products = pick(machine_peak(m, products), random),
        .vectors = pick(machine_work_peak(m, WORK_VECTOR, PRECISION_FP32),
                        random),
        .joules_per_product = pick(&m->joules_per_flop[products], random),
        .joules_per_vector = pick(&m->joules_per_flop[PRECISION_FP32], random),
        .efficiency_scale = pick(&m->efficiency_scale, random),
        .dram_share_scale = pick(&m->dram_share_scale, random),
        .select = pick(&m->select_rows_per_second, random),
        .unmodelled = m->unmodelled.value > 0 ? pick(&m->unmodelled, random)
                                              : 1,
        .launch[WORK_MATMUL] = pick(&m->launch_seconds, random),
        .query_head = pick(&m->query_head_seconds, random),
        .overlap = pick(&m->launch_overlap, random),
        .serial = triangle(0, 0, 1, random),
        .aging = pick(&m->aging_bytes, random),
        .link = pick(&m->link_bytes_per_second, random),
        .standing = pick(&m->watts.standing, random),
        .cap = pick(&m->watts.cap, random),
    };

    for (int w = 0; w < WAIT_COUNT; w++) {
        r.wait[w].memory = pick(&m->wait[w].memory, random);
        r.wait[w].caches = quantity_known(&m->wait[w].caches)
                               ? pick(&m->wait[w].caches, random) : r.serial;
    }
    for (int i = 0; i < LEVEL_COUNT; i++) {
        const struct machine_level *level = &m->level[i];
        r.level[i].size = pick(&level->size_bytes, random);
        r.level[i].rate = pick(&level->bytes_per_second, random);
        r.level[i].joules = pick(&level->joules_per_byte, random);
    }
    draw_launches(&r, &m->launch_seconds, kinds);
    return r;
}

struct rates rates_of(const struct machine *machine, enum precision products)
{
    return rates_by(machine, products, NULL, NULL);
}

struct rates rates_drawn(const struct machine *machine, enum precision products,
                         struct random *random, struct random *kinds)
{
    return rates_by(machine, products, random, kinds);
}
