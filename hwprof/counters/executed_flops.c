/* executed_flops.c - Read the instructions of a dump and decode each. */
#include "hwprof/counters/executed_flops.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/counters/x86_flops.h"

/* A program and its libraries are tens of files. */
enum { OBJECTS_MAX = 256 };

struct reading {
    struct flop_mix *out;
    code_finder *find;
    void        *context;
    int          n_positions, column;    /* before a line's counts; of Ir */
    uint64_t     address, instructions;  /* of the line before; so far */
    bool         is_call;                /* the next line is of the callee */
    uint64_t     masked_end, masked_times;   /* of the masked move before */
    const char  *object;
    const char  *name[OBJECTS_MAX];      /* by the number they were given */
};

/* "(3) /bin/x", afterwards "(3)"; or, uncompressed, "/bin/x". */
static enum status read_object(struct reading *r, char *at,
                               const char **object, struct error *err)
{
    *object = at;
    if (*at != '(')
        return STATUS_OK;
    unsigned long id = strtoul(at + 1, &at, 10);
    if (*at != ')' || id >= OBJECTS_MAX)
        return error_set(err, STATUS_BAD_FORMAT, "an object has no number "
                         "below %d", OBJECTS_MAX);
    if (at[1] == ' ')
        r->name[id] = at + 2;
    *object = r->name[id];
    return *object ? STATUS_OK
                   : error_set(err, STATUS_BAD_FORMAT, "object %lu has no "
                               "name", id);
}

/* An address, or how far it lies from the one before. */
static void read_address(struct reading *r, char **at)
{
    if (**at == '*')
        ++*at;
    else if (**at == '+' || **at == '-')
        r->address += (uint64_t)strtoll(*at, at, 10);
    else
        r->address = strtoull(*at, at, 16);
}

static enum status add_instruction(struct reading *r, uint64_t times,
                                   struct error *err)
{
    struct x86_flops one;
    size_t n = 0;
    const uint8_t *code = r->object ? r->find(r->context, r->object,
                                              r->address, &n) : NULL;

    if (!code || !x86_flops(&one, code, n))
        return error_set(err, STATUS_UNAVAILABLE, "no instruction is known at "
                         "0x%" PRIx64 " of %s", r->address,
                         r->object ? r->object : "nothing");
    if (!one.known)
        return error_set(err, STATUS_UNAVAILABLE, "the instruction at 0x%"
                         PRIx64 " of %s is masked or an approximation: how "
                         "much it does is not known", r->address, r->object);
    r->instructions += times;
    /* Valgrind 3.19 counts what follows a masked move once more for every other
     * lane of it. */
    if (r->address == r->masked_end)
        times = r->masked_times;
    if (one.masked_move) {
        r->masked_end = r->address + (uint64_t)one.bytes;
        r->masked_times = times;
    }
    r->out->of[one.width] += times * (uint64_t)one.flops;
    r->out->fused += one.fused ? times * (uint64_t)one.flops : 0;
    return STATUS_OK;
}

/* Skip n fields; zeros at the end of a line are left out. */
static const char *field(const char *at, int n)
{
    for (; n > 0; n--) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    return at;
}

/* "+4 17 0 3": positions, then counts, those of Ir in their column. */
static enum status read_costs(struct reading *r, char *at, struct error *err)
{
    read_address(r, &at);
    const char *count = field(at, r->n_positions + r->column);
    if (*count && !isdigit((unsigned char)*count))
        return error_set(err, STATUS_BAD_FORMAT, "a count is no number: "
                         "'%.20s'", count);
    uint64_t times = strtoull(count, NULL, 10);
    return times ? add_instruction(r, times, err) : STATUS_OK;
}

static enum status check_total(const struct reading *r, const char *at,
                               struct error *err)
{
    uint64_t total = strtoull(field(at, r->column), NULL, 10);

    return total == r->instructions ? STATUS_OK
        : error_set(err, STATUS_BAD_FORMAT, "its instructions ran %" PRIu64
                    " times, its total is %" PRIu64, r->instructions, total);
}

static bool starts(const char *line, const char *key)
{
    return strncmp(line, key, strlen(key)) == 0;
}

static enum status read_line(struct reading *r, char *line, bool *done,
                             struct error *err)
{
    const char *callee;
    bool is_call = r->is_call;           /* its cost is the callee's, and the
                                          * next address is not told from its
                                          * own: valgrind 3.19, fprint_jcc() */
    r->is_call = starts(line, "calls=");
    if (is_call)
        return STATUS_OK;
    if (isdigit((unsigned char)*line) || (*line && strchr("+-*", *line)))
        return read_costs(r, line, err);
    if (starts(line, "ob="))
        return read_object(r, line + 3, &r->object, err);
    if (starts(line, "cob="))            /* it may give the number its name */
        return read_object(r, line + 4, &callee, err);
    if (starts(line, "jump=") || starts(line, "jcnd="))
        return error_set(err, STATUS_BAD_FORMAT, "--collect-jumps is not "
                         "followed");
    *done = starts(line, "totals: ");
    return *done ? check_total(r, line + 8, err) : STATUS_OK;
}

enum status executed_flops(struct flop_mix *out, char *text, size_t size,
                           code_finder *find, void *context, struct error *err)
{
    struct callgrind_dump head;
    enum status status = callgrind_dump_parse(&head, text, size, err);
    struct reading r = { .out = out, .find = find, .context = context,
                         .n_positions = head.n_positions,
                         .column = head.column[CALLGRIND_IR] };
    bool done = false;

    *out = (struct flop_mix){ 0 };
    if (status == STATUS_OK && !(head.by_instruction && head.has[CALLGRIND_IR]))
        return error_set(err, STATUS_BAD_FORMAT, "it does not tell "
                         "instructions apart");
    for (char *end = text + size; status == STATUS_OK && !done;) {
        char *newline = memchr(text, '\n', (size_t)(end - text));
        if (!newline)
            return error_set(err, STATUS_BAD_FORMAT, "it ends before its "
                             "total");
        *newline = '\0';
        status = read_line(&r, text, &done, err);
        text = newline + 1;
    }
    return status;
}
