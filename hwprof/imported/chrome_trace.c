/* chrome_trace.c - Read a trace event by event, so that no tree of all of it is
 * held. */
#include "hwprof/imported/chrome_trace.h"

#include <ctype.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = { CHROME_KIND_MAP(NAMES_WORD) NULL };

/* How PyTorch names the types of tensors. */
static const struct type {
    const char *name;
    int bytes, format;
} types[] = {
    { "float", 4, PRECISION_FP32 },          { "double", 8, PRECISION_FP64 },
    { "c10::BFloat16", 2, PRECISION_BF16 },  { "c10::Half", 2, PRECISION_FP16 },
    { "c10::Float8_e4m3fn", 1, PRECISION_FP8 },
    { "c10::Float8_e5m2", 1, PRECISION_FP8 },
    { "signed char", 1, PRECISION_INT8 },    { "unsigned char", 1, CHROME_NONE },
    { "bool", 1, CHROME_NONE },              { "short int", 2, CHROME_NONE },
    { "int", 4, CHROME_NONE },               { "long int", 8, CHROME_NONE },
    { "long", 8, CHROME_NONE },
};
enum { N_TYPES = sizeof types / sizeof *types };

struct reader {
    struct chrome_trace *trace;
    const char *text, *name;
    size_t size, at;
    enum status status;              /* the first failure */
    struct error *err;
};

/* ---- failing ---- */

static void refuse(struct reader *r, size_t at, const char *what)
{
    size_t line = 1, begins = 0;

    if (r->status != STATUS_OK)
        return;
    for (size_t i = 0; i < at && i < r->size; i++)
        if (r->text[i] == '\n') {
            line++;
            begins = i + 1;
        }
    error_set(r->err, STATUS_BAD_FORMAT, "%.160s:%zu:%zu: %s", r->name, line,
              at - begins + 1, what);
    r->status = STATUS_BAD_FORMAT;
}

static void no_memory(struct reader *r)
{
    if (r->status != STATUS_OK)
        return;
    error_set(r->err, STATUS_NO_MEMORY, "no memory for the trace %.160s",
              r->name);
    r->status = STATUS_NO_MEMORY;
}

/* Room for n more in an array that doubles; NULL: no memory. */
static void *grown(struct reader *r, void *array, size_t used, size_t n,
                   size_t *room, size_t size)
{
    size_t wanted = *room ? *room : 256;
    void *larger;

    while (wanted < used + n)
        wanted *= 2;
    if (wanted == *room)
        return array;
    larger = reallocarray(array, wanted, size);
    if (larger)
        *room = wanted;
    else
        no_memory(r);
    return larger;
}

/* ---- the text ---- */

static void skip_space(struct reader *r)
{
    while (r->at < r->size && isspace((unsigned char)r->text[r->at]))
        r->at++;
}

static bool takes(struct reader *r, char c)
{
    skip_space(r);
    if (r->at >= r->size || r->text[r->at] != c)
        return false;
    r->at++;
    return true;
}

/* The value that begins here, which is the caller's; NULL: it failed. */
static json_t *value(struct reader *r)
{
    json_error_t why;

    skip_space(r);
    const size_t left = r->size - r->at;
    json_t *v = json_loadb(r->text + r->at, left < INT_MAX ? left : INT_MAX,
                           JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK |
                           JSON_DECODE_INT_AS_REAL, &why);
    if (v)
        r->at += (size_t)why.position;
    else if (json_error_code(&why) == json_error_out_of_memory)
        no_memory(r);
    else
        refuse(r, r->at + (size_t)(why.position > 0 ? why.position : 0),
               why.text);
    return v;
}

/* ---- an event ---- */

/* Far beyond any time, id or size of a trace, and exact in a double. */
static const double most_number = 9e15;

static double real_of(const json_t *v)
{
    const double x = json_is_number(v) ? json_number_value(v) : (double)NAN;
    return fabs(x) <= most_number ? x : (double)NAN;
}

static int64_t whole_of(const json_t *object, const char *key)
{
    const double x = real_of(json_object_get(object, key));
    return isnan(x) ? CHROME_NONE : (int64_t)x;
}

/* PyTorch before 1.13 wrote the ids of kernels in small letters. */
static int64_t external_of(const json_t *args)
{
    const int64_t id = whole_of(args, "External id");
    return id >= 0 ? id : whole_of(args, "external id");
}

/* Numbers of a tensor, or of a list of tensors, lists of lists. */
static double numbers_of(const json_t *dims)
{
    const bool lists = json_is_array(json_array_get(dims, 0));
    double sum = 0, product = 1;
    const json_t *one;
    size_t i;

    json_array_foreach(dims, i, one) {
        if (lists)
            sum += json_is_array(one) &&
                           !json_is_array(json_array_get(one, 0))
                       ? numbers_of(one) : 0;
        else
            product *= fmax(real_of(one), 0);
    }
    return fmin(lists ? sum : product, most_number);
}

static void read_dims(struct chrome_input *input, const json_t *dims)
{
    const size_t n = json_array_size(dims);

    if (n == 0)
        return;
    if (json_is_array(json_array_get(dims, 0)) || n > CHROME_MAX_DIMS) {
        input->dim[input->n_dims++] = (int64_t)numbers_of(dims);
        return;
    }
    for (size_t i = 0; i < n; i++)
        input->dim[input->n_dims++] =
            (int64_t)fmax(real_of(json_array_get(dims, i)), 0);
}

static void read_type(struct chrome_input *input, const char *type)
{
    input->format = CHROME_NONE;
    for (int i = 0; type && i < N_TYPES; i++)
        if (strcmp(type, types[i].name) == 0) {
            input->bytes = types[i].bytes;
            input->format = types[i].format;
        }
}

static void read_inputs(struct reader *r, struct chrome_event *event,
                        const json_t *args)
{
    struct chrome_trace *t = r->trace;
    const json_t *dims = json_object_get(args, "Input Dims");
    const json_t *type = json_object_get(args, "Input type");
    const json_t *values = json_object_get(args, "Concrete Inputs");
    const size_t given = json_array_size(dims);
    const size_t n = given < CHROME_MAX_INPUTS ? given : CHROME_MAX_INPUTS;

    event->first_input = t->n_inputs;
    struct chrome_input *more = grown(r, t->input, t->n_inputs, n,
                                      &t->inputs_room, sizeof *more);
    if (!more)
        return;
    t->input = more;
    for (size_t i = 0; i < n; i++) {
        struct chrome_input *input = &t->input[t->n_inputs++];
        *input = (struct chrome_input){ 0 };
        read_dims(input, json_array_get(dims, i));
        read_type(input, json_string_value(json_array_get(type, i)));
        const char *v = json_string_value(json_array_get(values, i));
        if (v && strcmp(v, "True") == 0)
            event->true_inputs |= UINT32_C(1) << i;
    }
    event->n_inputs = (int)n;
}

static size_t keep_name(struct reader *r, const char *name)
{
    struct chrome_trace *t = r->trace;
    const size_t n = strlen(name) + 1;
    char *more = grown(r, t->names, t->n_names, n, &t->names_room, 1);

    if (!more)
        return 0;
    t->names = more;
    memcpy(t->names + t->n_names, name, n);
    t->n_names += n;
    return t->n_names - n;
}

static int kind_of(const json_t *event)
{
    const char *phase = json_string_value(json_object_get(event, "ph"));
    const char *cat = json_string_value(json_object_get(event, "cat"));

    for (int k = 0; phase && cat && strcmp(phase, "X") == 0 && kinds[k]; k++)
        if (strcmp(cat, kinds[k]) == 0)
            return k;
    return CHROME_NONE;
}

static void read_event(struct reader *r, const json_t *json, size_t at)
{
    struct chrome_trace *t = r->trace;
    const json_t *args = json_object_get(json, "args");
    const char *name = json_string_value(json_object_get(json, "name"));
    const double start = real_of(json_object_get(json, "ts"));
    const double lasts = real_of(json_object_get(json, "dur"));
    const int kind = kind_of(json);

    if (!json_is_object(json))
        refuse(r, at, "an event must be an object");
    t->n_bare += kind == CHROME_NONE && name &&
                 strncmp(name, "aten::", 6) == 0;
    if (kind == CHROME_NONE || r->status != STATUS_OK)
        return;
    if (!name || isnan(start) || !(lasts >= 0)) {
        refuse(r, at, "an event with \"ph\": \"X\" has a name, and \"ts\" and"
               " \"dur\" in microseconds");
        return;
    }
    struct chrome_event event = {
        .kind = (enum chrome_kind)kind, .name = keep_name(r, name),
        .process = whole_of(json, "pid"), .thread = whole_of(json, "tid"),
        .start = start * 1e-6, .seconds = lasts * 1e-6,
        .external = external_of(args),
        .correlation = whole_of(args, "correlation"),
        .sequence = whole_of(args, "Sequence number"),
    };
    if (kind == CHROME_OP)
        read_inputs(r, &event, args);
    struct chrome_event *more = grown(r, t->event, t->n_events, 1,
                                      &t->events_room, sizeof *more);
    if (!more)
        return;
    t->event = more;
    t->event[t->n_events++] = event;
}

/* ---- the whole ---- */

static void read_events(struct reader *r)
{
    if (!takes(r, '['))
        refuse(r, r->at, "\"traceEvents\" must be a list");
    if (takes(r, ']'))
        return;
    do {
        skip_space(r);
        const size_t at = r->at;
        json_t *event = value(r);
        if (event)
            read_event(r, event, at);
        json_decref(event);
    } while (r->status == STATUS_OK && takes(r, ','));
    if (!takes(r, ']'))
        refuse(r, r->at, "a comma or the end of \"traceEvents\" must stand"
               " here");
}

/* "deviceProperties": [{"name": "NVIDIA A100", ...}]; or another value. */
static void read_devices(struct reader *r)
{
    json_t *devices = value(r);
    const char *name = json_string_value(
        json_object_get(json_array_get(devices, 0), "name"));

    if (name)
        snprintf(r->trace->device, sizeof r->trace->device, "%s", name);
    json_decref(devices);
}

static void read_member(struct reader *r, bool *found)
{
    json_t *key = value(r);

    if (r->status == STATUS_OK && (!json_is_string(key) || !takes(r, ':')))
        refuse(r, r->at, "a key and a colon must stand here");
    if (r->status == STATUS_OK &&
        strcmp(json_string_value(key), "traceEvents") == 0) {
        read_events(r);
        *found = true;
    } else if (r->status == STATUS_OK &&
               strcmp(json_string_value(key), "deviceProperties") == 0) {
        read_devices(r);
    } else if (r->status == STATUS_OK) {
        json_decref(value(r));
    }
    json_decref(key);
}

static void read_all(struct reader *r)
{
    bool found = false;

    skip_space(r);
    if (r->at < r->size && r->text[r->at] == '[') {
        read_events(r);
        return;
    }
    if (!takes(r, '{')) {
        refuse(r, r->at, "not a trace: its text is the JSON that"
               " export_chrome_trace() writes, unpacked");
        return;
    }
    do
        read_member(r, &found);
    while (r->status == STATUS_OK && takes(r, ','));
    if (!takes(r, '}'))
        refuse(r, r->at, "a comma or the end of the trace must stand here");
    if (!found)
        refuse(r, 0, "not a trace: there is no list \"traceEvents\"");
}

enum status chrome_trace_parse(struct chrome_trace *out, const char *text,
                               size_t size, const char *name,
                               struct error *err)
{
    struct reader r = { .trace = out, .text = text, .size = size, .name = name,
                        .status = STATUS_OK, .err = err };

    read_all(&r);
    return r.status;
}

void chrome_trace_close(struct chrome_trace *trace)
{
    free(trace->event);
    free(trace->input);
    free(trace->names);
    *trace = (struct chrome_trace){ .event = NULL };
}

const char *chrome_name(const struct chrome_trace *trace,
                        const struct chrome_event *event)
{
    return trace->names + event->name;
}

const struct chrome_input *chrome_inputs(const struct chrome_trace *trace,
                                         const struct chrome_event *event)
{
    return trace->input + event->first_input;
}
