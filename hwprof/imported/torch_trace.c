/* torch_trace.c - Nest the events of each thread, find the call that each
 * belongs to, and name its op by where it stands. */
#include "hwprof/imported/torch_trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An event of the CPU among those that enclose it. */
struct node {
    const struct chrome_event *event;
    size_t  parent;          /* NO_NODE: none */
    size_t  call;            /* that its time goes to; NO_NODE: none */
    enum pass pass;
    int64_t sequence;        /* of the autograd call around it */
    double  own;             /* s, without inner ones; of kernels, theirs */
};
#define NO_NODE SIZE_MAX

/* The op that made a node of autograd's graph. */
struct made {
    int64_t sequence;
    enum op op;
};

/* Where in a layer the next product stands. */
enum place { BEFORE_ATTENTION, AFTER_ATTENTION, IN_FFN };

struct walk {
    const struct chrome_trace *chrome;
    struct torch_trace *out;
    struct node *node;       /* [n], by thread and start */
    size_t  n;
    struct made *made;       /* [n_made] */
    size_t  n_made;
    enum place place;
    enum op last[PASS_COUNT];
};

/* ---- nesting ---- */

static int by_place(const void *a, const void *b)
{
    const struct chrome_event *x = ((const struct node *)a)->event;
    const struct chrome_event *y = ((const struct node *)b)->event;

    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    if (x->start < y->start || x->start > y->start)
        return x->start < y->start ? -1 : 1;
    if (x->seconds < y->seconds || x->seconds > y->seconds)
        return x->seconds > y->seconds ? -1 : 1;
    return (x > y) - (x < y);
}

static bool same_thread(const struct node *a, const struct node *b)
{
    return a->event->process == b->event->process &&
           a->event->thread == b->event->thread;
}

/* Times are rounded to 1 ns or 1 us: an inner call may seem to end as late. */
static bool within(const struct node *inner, const struct node *outer)
{
    const double slack = 2e-6;
    const double ends = outer->event->start + outer->event->seconds;

    return same_thread(inner, outer) && inner->event->start < ends &&
           inner->event->start + inner->event->seconds <= ends + slack;
}

static void nest(struct walk *w)
{
    qsort(w->node, w->n, sizeof *w->node, by_place);
    for (size_t i = 0; i < w->n; i++) {
        struct node *node = &w->node[i];
        size_t p = i > 0 ? i - 1 : NO_NODE;
        while (p != NO_NODE && !within(node, &w->node[p]))
            p = w->node[p].parent;
        node->parent = p;
        node->call = NO_NODE;
        node->own = node->event->seconds;
        if (p != NO_NODE)
            w->node[p].own -= node->event->seconds;
    }
    for (size_t i = 0; i < w->n; i++)
        if (w->node[i].own < 0)
            w->node[i].own = 0;
}

/* ---- kernels ---- */

static bool is_device(enum chrome_kind kind)
{
    return kind == CHROME_KERNEL || kind == CHROME_COPY || kind == CHROME_SET;
}

struct link {
    int64_t key;
    size_t  at;              /* a node, or an event */
};

static int by_key(const void *a, const void *b)
{
    const struct link *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* NO_NODE: no such. */
static size_t find(const struct link *links, size_t n, int64_t key)
{
    size_t low = 0, high = n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (links[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && links[low].key == key ? links[low].at : NO_NODE;
}

static void add_unmapped(struct torch_trace *out, const char *name,
                         double seconds)
{
    struct torch_unmapped *u = &out->unmapped[out->n_unmapped++];
    *u = (struct torch_unmapped){ name, seconds, 1 };
}

/* The CPU's op that launched a kernel: by its own id, or by that of the launch
 * with the same correlation. */
static size_t launcher(const struct walk *w, const struct chrome_event *kernel,
                       const struct link *ops, size_t n_ops,
                       const struct link *launches, size_t n_launches)
{
    size_t at = kernel->external < 0 ? NO_NODE
                                     : find(ops, n_ops, kernel->external);
    if (at != NO_NODE || kernel->correlation < 0)
        return at;
    at = find(launches, n_launches, kernel->correlation);
    return at == NO_NODE || w->chrome->event[at].external < 0
               ? NO_NODE : find(ops, n_ops, w->chrome->event[at].external);
}

/* Nodes have the time of their kernels, and no other. */
static enum status time_kernels(struct walk *w, struct error *err)
{
    const struct chrome_trace *c = w->chrome;
    struct link *ops = calloc(w->n + 1, sizeof *ops);
    struct link *launches = calloc(c->n_events + 1, sizeof *launches);
    size_t n_ops = 0, n_launches = 0;

    if (!ops || !launches) {
        free(ops);
        free(launches);
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu events",
                         c->n_events);
    }
    for (size_t i = 0; i < w->n; i++) {
        w->node[i].own = 0;
        if (w->node[i].event->external >= 0)
            ops[n_ops++] = (struct link){ w->node[i].event->external, i };
    }
    for (size_t i = 0; i < c->n_events; i++)
        if ((c->event[i].kind == CHROME_LAUNCH ||
             c->event[i].kind == CHROME_DRIVER) && c->event[i].correlation >= 0)
            launches[n_launches++] = (struct link){ c->event[i].correlation,
                                                    i };
    qsort(ops, n_ops, sizeof *ops, by_key);
    qsort(launches, n_launches, sizeof *launches, by_key);
    for (size_t i = 0; i < c->n_events; i++) {
        const struct chrome_event *kernel = &c->event[i];
        if (!is_device(kernel->kind))
            continue;
        const size_t at = launcher(w, kernel, ops, n_ops, launches, n_launches);
        w->out->seconds += kernel->seconds;
        if (at != NO_NODE && w->node[at].call != NO_NODE) {
            w->out->call[w->node[at].call].seconds += kernel->seconds;
        } else {
            w->out->unmapped_seconds += kernel->seconds;
            add_unmapped(w->out, chrome_name(c, kernel), kernel->seconds);
        }
    }
    free(ops);
    free(launches);
    return STATUS_OK;
}

static void time_cpu(struct walk *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct node *node = &w->node[i];
        w->out->seconds += node->own;
        if (node->call != NO_NODE) {
            w->out->call[node->call].seconds += node->own;
            continue;
        }
        w->out->unmapped_seconds += node->own;
        if (node->own > 0)
            add_unmapped(w->out, chrome_name(w->chrome, node->event),
                         node->own);
    }
}

/* ---- which op ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static enum pass pass_of(const struct walk *w, const struct node *node)
{
    const char *name = chrome_name(w->chrome, node->event);

    if (begins(name, "autograd::engine::evaluate_function"))
        return PASS_BACKWARD;
    if (begins(name, "Optimizer."))
        return PASS_UPDATE;
    return node->parent == NO_NODE ? PASS_FORWARD
                                   : w->node[node->parent].pass;
}

/* The embedding with the most rows has the width and the vocabulary. */
static void see_embedding(struct torch_trace *out,
                          const struct chrome_trace *chrome,
                          const struct chrome_event *event)
{
    const struct chrome_input *in = chrome_inputs(chrome, event);

    if (strcmp(chrome_name(chrome, event), "aten::embedding") != 0 ||
        event->n_inputs < 2 || in[0].n_dims != 2)
        return;
    const double V = (double)in[0].dim[0];
    if (V > out->vocab) {
        out->vocab = V;
        out->channels = (double)in[0].dim[1];
        out->passes = 0;
        out->batch = in[1].n_dims > 1 ? (double)in[1].dim[0] : 1;
        out->tokens = in[1].n_dims > 0
                          ? (double)in[1].dim[in[1].n_dims - 1] : 1;
    }
    out->passes += V >= out->vocab;
}

static enum op product_op(struct walk *w, const struct torch_work *work)
{
    const double C = w->out->channels, V = w->out->vocab;

    if (w->place == BEFORE_ATTENTION)
        return V > 0 && fabs(work->out - V) < 1 ? OP_HEAD : OP_QKV;
    if (w->place == AFTER_ATTENTION) {
        w->place = IN_FFN;
        return OP_PROJECT;
    }
    if (!(C > 0 && work->out <= C && work->in > C))
        return OP_FFN_UP;
    w->place = BEFORE_ATTENTION;
    return OP_FFN_DOWN;
}

static enum op forward_op(struct walk *w, const struct torch_call *call)
{
    static const enum op ops[TORCH_FORM_COUNT] = {
        [TORCH_ATTENTION] = OP_ATTEND, [TORCH_ATTENTION_BACK] = OP_ATTEND,
        [TORCH_BATCH_PRODUCT] = OP_ATTEND, [TORCH_SOFTMAX] = OP_ATTEND,
        [TORCH_NORM] = OP_NORM, [TORCH_NORM_BACK] = OP_NORM,
        [TORCH_ACT] = OP_ACT, [TORCH_ACT_BACK] = OP_ACT,
        [TORCH_EMBED] = OP_EMBED, [TORCH_EMBED_BACK] = OP_EMBED,
        [TORCH_LOSS] = OP_LOSS, [TORCH_LOSS_BACK] = OP_LOSS,
        [TORCH_SELECT] = OP_SELECT, [TORCH_GATHER] = OP_GATHER,
        [TORCH_SCATTER] = OP_GATE, [TORCH_UPDATE] = OP_ADAMW,
    };

    if (call->form == TORCH_PRODUCT)
        return product_op(w, &call->work);
    if (call->form == TORCH_ELEMENTS)
        return w->last[PASS_FORWARD];
    if (ops[call->form] == OP_ATTEND)
        w->place = AFTER_ATTENTION;
    return ops[call->form];
}

static int by_sequence(const void *a, const void *b)
{
    const int64_t x = ((const struct made *)a)->sequence;
    const int64_t y = ((const struct made *)b)->sequence;

    return (x > y) - (x < y);
}

static enum op backward_op(struct walk *w, const struct torch_call *call,
                           int64_t sequence)
{
    const struct made key = { .sequence = sequence };
    const struct made *made = sequence < 0 ? NULL
        : bsearch(&key, w->made, w->n_made, sizeof *made, by_sequence);

    if (made)
        return made->op;
    if (call->form == TORCH_PRODUCT || call->form == TORCH_ELEMENTS)
        return w->last[PASS_BACKWARD];
    return forward_op(w, call);
}

/* ---- calls ---- */

static void note_made(struct walk *w, const struct node *node, enum op op)
{
    if (node->event->sequence >= 0)
        w->made[w->n_made++] = (struct made){ node->event->sequence, op };
}

/* Seconds of the call are known later. */
static void add_call(struct walk *w, size_t i, const struct torch_op *op)
{
    struct torch_trace *out = w->out;
    struct node *node = &w->node[i];
    struct torch_call *call = &out->call[out->n_calls];

    *call = (struct torch_call){ .pass = node->pass, .form = op->form };
    torch_op_work(&call->work, op, w->chrome, node->event);
    out->unshaped += isnan(call->work.flops) || isnan(call->work.bytes);
    call->op = node->pass == PASS_UPDATE     ? OP_ADAMW
               : node->pass == PASS_BACKWARD ? backward_op(w, call,
                                                           node->sequence)
                                             : forward_op(w, call);
    w->last[node->pass] = call->op;
    if (node->pass == PASS_FORWARD)
        note_made(w, node, call->op);
    if (op->form == TORCH_ATTENTION && call->work.flops > 0)
        out->decodes |= chrome_inputs(w->chrome, node->event)->dim[
            chrome_inputs(w->chrome, node->event)->n_dims - 2] == 1;
    out->trains |= node->pass == PASS_BACKWARD;
    node->call = out->n_calls++;
}

static void visit(struct walk *w, size_t i)
{
    struct node *node = &w->node[i];
    const struct node *parent = node->parent == NO_NODE
                                    ? NULL : &w->node[node->parent];
    const char *name = chrome_name(w->chrome, node->event);

    if (parent && parent->call != NO_NODE) {
        node->call = parent->call;
        return;
    }
    const struct torch_op *op = node->event->kind == CHROME_OP
                                    ? torch_op_find(name) : NULL;
    if (op)
        add_call(w, i, op);
}

/* What backward is the backward of is known once all of forward was seen. */
static void visit_all(struct walk *w)
{
    for (size_t i = 0; i < w->n; i++) {
        struct node *node = &w->node[i];
        const struct node *parent = node->parent == NO_NODE
                                        ? NULL : &w->node[node->parent];
        node->pass = pass_of(w, node);
        node->sequence = parent && parent->pass == PASS_BACKWARD
                             ? parent->sequence : node->event->sequence;
    }
    for (size_t i = 0; i < w->n; i++)
        if (w->node[i].pass != PASS_BACKWARD)
            visit(w, i);
    qsort(w->made, w->n_made, sizeof *w->made, by_sequence);
    for (size_t i = 0; i < w->n; i++)
        if (w->node[i].pass == PASS_BACKWARD)
            visit(w, i);
}

/* ---- the whole ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct torch_unmapped *)a)->name,
                  ((const struct torch_unmapped *)b)->name);
}

static int by_seconds(const void *a, const void *b)
{
    const struct torch_unmapped *x = a, *y = b;

    if (x->seconds < y->seconds || x->seconds > y->seconds)
        return x->seconds > y->seconds ? -1 : 1;
    return by_name(a, b);
}

/* One row a name. */
static void merge_unmapped(struct torch_trace *out)
{
    size_t n = 0;

    qsort(out->unmapped, out->n_unmapped, sizeof *out->unmapped, by_name);
    for (size_t i = 0; i < out->n_unmapped; i++) {
        struct torch_unmapped *u = &out->unmapped[i];
        if (n > 0 && strcmp(out->unmapped[n - 1].name, u->name) == 0) {
            out->unmapped[n - 1].seconds += u->seconds;
            out->unmapped[n - 1].n++;
        } else {
            out->unmapped[n++] = *u;
        }
    }
    out->n_unmapped = n;
    qsort(out->unmapped, n, sizeof *out->unmapped, by_seconds);
}

static enum status open_walk(struct walk *w, struct error *err)
{
    const struct chrome_trace *c = w->chrome;
    struct torch_trace *out = w->out;
    double from = 0, to = 0;

    w->node = calloc(c->n_events + 1, sizeof *w->node);
    w->made = calloc(c->n_events + 1, sizeof *w->made);
    out->call = calloc(c->n_events + 1, sizeof *out->call);
    out->unmapped = calloc(c->n_events + 1, sizeof *out->unmapped);
    if (!w->node || !w->made || !out->call || !out->unmapped)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu events",
                         c->n_events);
    for (size_t i = 0; i < c->n_events; i++) {
        const struct chrome_event *e = &c->event[i];
        const double ends = e->start + e->seconds;
        out->device |= is_device(e->kind);
        from = i == 0 || e->start < from ? e->start : from;
        to = i == 0 || ends > to ? ends : to;
        if (e->kind == CHROME_OP || e->kind == CHROME_ANNOTATION)
            w->node[w->n++].event = e;
        if (e->kind == CHROME_OP)
            see_embedding(out, c, e);
    }
    out->busy_until = to - from;
    return STATUS_OK;
}

enum status torch_trace_read(struct torch_trace *out,
                             const struct chrome_trace *chrome,
                             const char *name, struct error *err)
{
    struct walk w = { .chrome = chrome, .out = out };
    enum status status;

    *out = (struct torch_trace){ .call = NULL };
    status = open_walk(&w, err);
    if (status == STATUS_OK) {
        nest(&w);
        visit_all(&w);
        if (out->device)
            status = time_kernels(&w, err);
        else
            time_cpu(&w);
    }
    if (status == STATUS_OK && out->n_calls == 0)
        status = error_set(err, STATUS_BAD_VALUE, chrome->n_bare > 0
            ? "%.160s: its ops tell no shapes, as those of a PyTorch without"
              " Kineto; record it by one whose torch.autograd.kineto_available()"
              " is true, with record_shapes=True"
            : "%.160s: no op of PyTorch is in it (aten::mm, ...); record it by"
              " torch.profiler with record_shapes=True", name);
    if (status == STATUS_OK)
        merge_unmapped(out);
    free(w.node);
    free(w.made);
    if (status != STATUS_OK)
        torch_trace_close(out);
    return status;
}

void torch_trace_close(struct torch_trace *trace)
{
    free(trace->call);
    free(trace->unmapped);
    *trace = (struct torch_trace){ .call = NULL };
}
