/* sweep_solve.c - Find the layers, width or steps by which a point costs what
 * another does. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "sim/commands/sweep_resolve.h"
#include "sim/core/base/bracket.h"

enum {
    FIRST_TRIES = 8,             /* smaller models than these may not exist: one
                                  * layer has none to route around */
    LARGEST = 1 << 24,           /* of layers, heads or steps */
};

static const struct resolve_as no_data = { .with_data = false };

/* One point while it is solved. */
struct search {
    struct sweep *sweep;
    int32_t point;
    double  target;
    double  ratio;               /* channels a head */
};

static double amount_of_point(const struct resolved *r, enum solve_equal equal)
{
    const double amounts[SOLVE_EQUAL_COUNT] = {
        [SOLVE_TRAINING] = r->flops, [SOLVE_FORWARD] = r->flops_forward,
        [SOLVE_PARAMETERS] = r->parameters,
    };
    return amounts[equal];
}

static enum status settle(const struct search *s, int64_t n, struct error *err)
{
    enum status status = sweep_settle(s->sweep, s->point, 0, n, err);

    if (s->sweep->point[s->point].solve->part == SOLVE_WIDTH &&
        status == STATUS_OK)
        status = sweep_settle(s->sweep, s->point, 1,
                              llround(s->ratio * (double)n), err);
    return status;
}

/* The share of the target that n layers, heads or steps come to. */
static enum status try(double *share, void *context, int64_t n,
                       struct error *err)
{
    const struct search *s = context;
    const struct sweep_point *point = &s->sweep->point[s->point];
    struct resolved r;
    enum status status = settle(s, n, err);

    if (status == STATUS_OK)
        status = sweep_resolve(&r, s->sweep, point, no_data, err);
    if (status == STATUS_OK)
        *share = amount_of_point(&r, point->solve->equal) / s->target;
    return status;
}

static enum status search(struct search *s, struct error *err)
{
    struct bracket found;
    double share;
    int64_t least = 1;
    enum status status = try(&share, s, least, err);

    while (status == STATUS_BAD_VALUE && least < FIRST_TRIES)
        status = try(&share, s, ++least, err);
    if (status == STATUS_OK)
        status = bracket_find(&found, try, s, least, LARGEST, err);
    return status == STATUS_OK ? settle(s, bracket_nearest(&found), err)
                               : status;
}

static bool is_seed(const char *key)
{
    const char *dot = strrchr(key, '.');
    return strcmp(dot ? dot + 1 : key, "seed") == 0;
}

/* True if the points differ in seeds alone, as far as nothing is to be solved. */
static bool is_alike(const struct sweep_point *a, const struct sweep_point *b)
{
    bool same = a->solve == b->solve && a->n_settings == b->n_settings;

    for (size_t i = 0; i < a->n_settings && same; i++)
        same = strcmp(a->setting[i].key, b->setting[i].key) == 0 &&
               (is_seed(a->setting[i].key) || !b->setting[i].value ||
                strcmp(a->setting[i].value, b->setting[i].value) == 0);
    return same;
}

static enum status solve_anew(struct sweep *sweep, int32_t point,
                              struct error *err)
{
    struct sweep_point *p = &sweep->point[point];
    const int32_t reference = sweep_reference(sweep, point);
    struct search s = { sweep, point, 0, 0 };
    struct resolved r;
    enum status status = sweep_resolve(&r, sweep, &sweep->point[reference],
                                       no_data, err);

    s.target = amount_of_point(&r, p->solve->equal);
    if (status == STATUS_OK && !(s.target > 0))
        return error_set(err, STATUS_BAD_VALUE, "what '%.64s' costs is unknown",
                         p->solve->as);
    if (status == STATUS_OK && p->solve->part != SOLVE_TOKENS)
        status = sweep_resolve(&r, sweep, p, no_data, err);
    s.ratio = r.channels / r.heads;
    return status == STATUS_OK ? search(&s, err) : status;
}

/* As the point before, whose values are found. */
static enum status solve_alike(struct sweep *sweep, int32_t point,
                               struct error *err)
{
    const struct sweep_point *p = &sweep->point[point];
    enum status status = STATUS_OK;

    for (int k = 0; k < SOLVE_MAX_KEYS && status == STATUS_OK; k++) {
        const char *key = solve_keys[p->solve->part][k];
        if (key)
            status = sweep_settle(sweep, point, k, strtoimax(
                sweep_value(&sweep->point[point - 1], key), NULL, 10), err);
    }
    return status;
}

enum status sweep_solve(struct sweep *sweep, struct error *err)
{
    for (int32_t i = 0; i < sweep->n_points; i++) {
        const struct sweep_point *p = &sweep->point[i];
        struct error why = { STATUS_OK, "" };
        if (!p->solve)
            continue;
        const char *place =
            sweep_find(p, solve_keys[p->solve->part][0])->place;
        const enum status status = i > 0 && is_alike(&sweep->point[i - 1], p)
            ? solve_alike(sweep, i, &why) : solve_anew(sweep, i, &why);
        if (status != STATUS_OK)
            return error_set(err, status, "%s: solve: %s", place, why.text);
    }
    return STATUS_OK;
}
