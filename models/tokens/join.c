/* join.c - Keep a list of the pieces and a heap of the pairs that may still
 * join. */
#include "models/tokens/join.h"

#include <stdlib.h>

void join_free(struct join *join)
{
    free(join->symbol);
    free(join->heap);
    *join = (struct join){ 0 };
}

enum status join_reset(struct join *join, size_t n, struct error *err)
{
    join->n = join->n_heap = 0;
    if (n <= join->room)
        return STATUS_OK;
    join_free(join);
    /* n - 1 pairs to begin with; a join takes one away, finds two at most. */
    join->symbol = malloc(n * sizeof *join->symbol);
    join->heap = malloc(2 * n * sizeof *join->heap);
    if (!join->symbol || !join->heap) {
        join_free(join);
        return error_set(err, STATUS_NO_MEMORY, "tokens of %zu characters", n);
    }
    join->room = n;
    return STATUS_OK;
}

void join_push(struct join *join, uint32_t at, uint32_t size, int32_t id)
{
    int32_t i = (int32_t)join->n++;

    if (i > 0)
        join->symbol[i - 1].next = i;
    join->symbol[i] = (struct symbol){ at, size, id, i - 1, -1 };
}

static void heap_push(struct join *join, struct join_candidate candidate)
{
    struct join_candidate *heap = join->heap;
    size_t i = join->n_heap++;

    for (; i > 0 && candidate.key < heap[(i - 1) / 2].key; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = candidate;
}

static struct join_candidate heap_pop(struct join *join)
{
    struct join_candidate *heap = join->heap, top = heap[0];
    struct join_candidate last = heap[--join->n_heap];
    size_t i = 0, n = join->n_heap;

    for (size_t child = 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && heap[child + 1].key < heap[child].key)
            child++;
        if (last.key <= heap[child].key)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

static void consider(struct join *join, const struct join_rule *rule,
                     int32_t left, int32_t right)
{
    uint32_t order;
    int32_t id;

    if (left < 0 || right < 0)
        return;
    const struct symbol *a = &join->symbol[left], *b = &join->symbol[right];
    if (rule->pair(rule, a, b, &order, &id))
        heap_push(join, (struct join_candidate){
            (uint64_t)order << 32 | (uint32_t)left, (uint32_t)right,
            a->size + b->size });
}

/* A piece grows only to the right, and into its neighbour: size and neighbour
 * tell whether a pair is still what it was. */
static bool is_stale(const struct join *join, int32_t left,
                     const struct join_candidate *candidate)
{
    const struct symbol *a = &join->symbol[left];

    return a->size == 0 || a->next != (int32_t)candidate->right ||
           a->size + join->symbol[a->next].size != candidate->size;
}

void join_run(struct join *join, const struct join_rule *rule)
{
    for (size_t i = 1; i < join->n; i++)
        consider(join, rule, (int32_t)i - 1, (int32_t)i);
    while (join->n_heap > 0) {
        struct join_candidate candidate = heap_pop(join);
        int32_t left = (int32_t)(candidate.key & UINT32_MAX);
        uint32_t order;

        if (is_stale(join, left, &candidate))
            continue;
        struct symbol *a = &join->symbol[left], *b = &join->symbol[a->next];
        if (!rule->pair(rule, a, b, &order, &a->id))
            continue;
        a->size += b->size;
        b->size = 0;
        a->next = b->next;
        if (a->next >= 0)
            join->symbol[a->next].previous = left;
        consider(join, rule, a->previous, left);
        consider(join, rule, left, a->next);
    }
}
