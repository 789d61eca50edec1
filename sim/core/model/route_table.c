/* route_table.c - Keep contexts in a hash table, and count them. */
#include "sim/core/model/route_table_inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"

enum { FIRST_SLOTS = 1024 };

/* ---- contexts ---- */

static uint64_t hash_of(const int32_t *id, int32_t n)
{
    uint64_t hash = (uint64_t)n;
    for (int32_t i = 0; i < n; i++)
        hash = random_mix(hash, (uint64_t)id[i], 0, 0);
    return hash;
}

/* The slot of a context, or the free one where it belongs. */
static int64_t slot_of(const struct route_table *t, const int32_t *id,
                       int32_t n)
{
    const int64_t last = t->n_slots - 1;
    int64_t s = (int64_t)(hash_of(id, n) & (uint64_t)last);

    for (; t->slot[s] > 0; s = (s + 1) & last) {
        const struct context *c = &t->context[t->slot[s] - 1];
        if (c->n == n && memcmp(c->id, id, (size_t)n * sizeof *id) == 0)
            break;
    }
    return s;
}

enum status route_table_no_memory(const struct route_table *t,
                                  struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a table of more than"
                     " %" PRId64 " contexts", t->n);
}

static enum status grow(struct route_table *t, struct error *err)
{
    const int64_t room = t->room ? 2 * t->room : FIRST_SLOTS / 2;
    const size_t columns = (size_t)t->n_columns;
    struct context *context = realloc(t->context,
                                      (size_t)room * sizeof *context);
    if (context)
        t->context = context;
    int64_t *kept = realloc(t->kept, (size_t)room * columns * sizeof *kept);
    if (kept)
        t->kept = kept;
    int64_t *slot = calloc((size_t)room * 2, sizeof *slot);
    if (!context || !kept || !slot) {
        free(slot);
        return route_table_no_memory(t, err);
    }
    free(t->slot);
    t->slot = slot;
    t->n_slots = 2 * room;
    t->room = room;
    for (int64_t i = 0; i < t->n; i++)
        t->slot[slot_of(t, t->context[i].id, t->context[i].n)] = i + 1;
    return STATUS_OK;
}

/* The context's place, new ones with nothing counted. */
enum status route_table_place(int64_t *out, struct route_table *t,
                            const int32_t *id, int32_t n, struct error *err)
{
    enum status status = STATUS_OK;

    if (t->n == t->room && (status = grow(t, err)))
        return status;
    int64_t s = slot_of(t, id, n);
    if (t->slot[s] == 0) {
        struct context *c = &t->context[t->n];
        *c = (struct context){ .n = n };
        memcpy(c->id, id, (size_t)n * sizeof *id);
        memset(t->kept + t->n * t->n_columns, 0,
               (size_t)t->n_columns * sizeof *t->kept);
        t->slot[s] = ++t->n;
    }
    *out = t->slot[s] - 1;
    return STATUS_OK;
}

/* Of those without their oldest token; -1: it is the empty one. */
int64_t route_table_parent(const struct route_table *t, int64_t i)
{
    const struct context *c = &t->context[i];
    return c->n == 0 ? -1 : t->slot[slot_of(t, c->id + 1, c->n - 1)] - 1;
}

/* ---- opening and counting ---- */

struct route_table *route_table_new(struct error *err)
{
    struct route_table *t = calloc(1, sizeof *t);

    if (!t) {
        (void)error_set(err, STATUS_NO_MEMORY, "no memory for a table");
        return NULL;
    }
    for (int32_t l = 0; l < SPEC_MAX_LAYERS; l++)
        for (int p = 0; p < PART_APART; p++)
            t->column[l][p] = -1;
    return t;
}

void route_table_add_column(struct route_table *t, int32_t layer,
                            enum routed_part part)
{
    t->column[layer][part] = t->n_columns;
    t->counted[t->n_columns++] = (struct counted){ layer, part };
}

/* That of a choice, its own or its layer's; -1: none. */
int32_t route_table_column(const struct route_table *t, int32_t layer,
                           enum routed_part part)
{
    const int32_t own = t->column[layer][part];
    return own >= 0 ? own : t->column[layer][PART_BLOCK];
}

enum status route_table_open(struct route_table **out,
                             const struct model_spec *spec, int order,
                             struct error *err)
{
    struct route_table *t = *out = route_table_new(err);

    if (!t)
        return STATUS_NO_MEMORY;
    t->order = order;
    for (int32_t c = 0; c < plan_n_choices(spec); c++) {
        const struct plan_choice choice = plan_choice(spec, c);
        if (choice.routed)
            route_table_add_column(t, choice.layer,
                                   spec->part == PART_APART ? choice.part
                                                            : PART_BLOCK);
    }
    return STATUS_OK;
}

void route_table_close(struct route_table *t)
{
    if (!t)
        return;
    free(t->slot);
    free(t->score);
    free(t->kept);
    free(t->context);
    free(t);
}

enum status route_table_count(struct route_table *t, const int32_t *ids,
                              const bool *kept, int32_t n, struct error *err)
{
    for (int32_t i = 0; i < n; i++)
        for (int32_t order = 0; order <= t->order && order <= i + 1; order++) {
            int64_t at;
            enum status status = route_table_place(
                &at, t, ids + i + 1 - order, order, err);
            if (status != STATUS_OK)
                return status;
            t->context[at].count++;
            for (int32_t c = 0; c < t->n_columns; c++)
                t->kept[at * t->n_columns + c] += kept[c * n + i];
        }
    return STATUS_OK;
}

int64_t route_table_contexts(const struct route_table *t)
{
    return t->n;
}

int route_table_order(const struct route_table *t)
{
    return t->order;
}

double route_table_share(const struct route_table *t, int32_t layer,
                         enum routed_part part)
{
    return t->share[route_table_column(t, layer, part)];
}

float route_table_score(const struct route_table *t, int32_t layer,
                        enum routed_part part, const int32_t *newest,
                        int32_t before)
{
    int32_t n = before + 1 < t->order ? before + 1 : t->order;
    int64_t at = 0;

    while (n >= 0 && (at = t->slot[slot_of(t, newest + 1 - n, n)]) == 0)
        n--;
    return t->score[(at - 1) * t->n_columns +
                    route_table_column(t, layer, part)];
}
