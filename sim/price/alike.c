/* alike.c - Compare layers by all that their cost depends on. */
#include "sim/price/alike.h"

#include <math.h>
#include <string.h>

/* At an exit the head reads those that are still there: of each exit others. */
static bool judges(const struct model_spec *spec, const struct stage *stage)
{
    return spec_leaves(spec) && stage->chooses != PLAN_NO_CHOICE &&
           !stage->follows;
}

static bool stages_alike(const struct model_spec *spec, const struct plan *plan,
                         int32_t a, int32_t b)
{
    const int32_t apart = plan_choices_a_layer(spec) * (b - a);

    for (int32_t i = 0; i < plan->n_stages[a]; i++) {
        struct stage s = plan->stage[a][i];
        const struct stage *t = &plan->stage[b][i];
        s.choice += s.choice == PLAN_NO_CHOICE ? 0 : apart;
        s.chooses += s.chooses == PLAN_NO_CHOICE ? 0 : apart;
        if (s.parts != t->parts || s.rows != t->rows ||
            s.choice != t->choice || s.chooses != t->chooses ||
            s.follows != t->follows || s.gathers != t->gathers ||
            judges(spec, t) ||
            s.skipped_keys != t->skipped_keys ||
            s.keys_tabled != t->keys_tabled || s.gated != t->gated)
            return false;
    }
    return plan->n_stages[a] == plan->n_stages[b];
}

/* The choices of both keep as many of every sequence; the same, where positions
 * count. */
static bool routes_alike(const struct alike_job *p, int32_t a, int32_t b)
{
    const struct allocation *r = p->allocation;
    const int32_t copies = plan_choices_a_layer(p->spec);

    for (int32_t c = 0; c < copies; c++)
        for (int32_t s = 0; s < (r->alike ? 1 : r->n_sequences); s++) {
            const int32_t x = a * copies + c, y = b * copies + c;
            const int32_t n = allocation_count(r, x, s);
            if (n != allocation_count(r, y, s))
                return false;
            if (p->positions && p->spec->routed[a] &&
                memcmp(allocation_kept(r, x, s), allocation_kept(r, y, s),
                       (size_t)n * sizeof *r->kept) != 0)
                return false;
        }
    return true;
}

/* As many enter as many experts, as far as that is known. */
static bool dispatch_alike(const struct alike_job *p, int32_t a, int32_t b)
{
    const struct dispatch *d = &p->allocation->dispatch;

    if (!d->expert)
        return true;
    const struct dispatch_count x = dispatch_count(d, a),
        y = dispatch_count(d, b);
    return x.entries == y.entries && x.tokens == y.tokens &&
           x.experts == y.experts;
}

static bool specs_alike(const struct model_spec *s, const struct plan *plan,
                        int32_t a, int32_t b)
{
    return s->routed[a] == s->routed[b] &&
           spec_window(s, a) == spec_window(s, b) &&
           s->unturned[a] == s->unturned[b] &&
           !(fabs(s->capacity[a] - s->capacity[b]) > 0) &&
           memcmp(s->stored[a], s->stored[b], sizeof s->stored[a]) == 0 &&
           memcmp(s->packed[a], s->packed[b], sizeof s->packed[a]) == 0 &&
           s->has_experts[a] == s->has_experts[b] &&
           spec_shares(s, a) == spec_shares(s, b) &&
           (spec_runs_next(s, a) < 0) == (spec_runs_next(s, b) < 0) &&
           stages_alike(s, plan, a, b);
}

void alike_kin(int32_t kin[SPEC_MAX_LAYERS], const struct model_spec *spec,
               const struct plan *plan)
{
    for (int32_t l = 0; l < spec->n_layers; l++) {
        int32_t of = 0;
        while (of < l && (kin[of] != of || !specs_alike(spec, plan, of, l)))
            of++;
        kin[l] = of;
    }
}

static bool layers_alike(const struct alike_job *p, int32_t a, int32_t b)
{
    return (a < p->first) == (b < p->first) && (a < p->end) == (b < p->end) &&
           (a < p->stop) == (b < p->stop) && (a == p->stop) == (b == p->stop) &&
           p->kin[a] == p->kin[b] && routes_alike(p, a, b) &&
           dispatch_alike(p, a, b);
}

void alike_find(struct alike *out, const struct alike_job *p)
{
    for (int32_t l = 0; l < p->spec->n_layers; l++) {
        int32_t of = p->apart ? l : 0;
        while (of < l && (out->first[of] != of || !layers_alike(p, of, l)))
            of++;
        out->first[l] = of;
        out->n[of]++;
    }
}
