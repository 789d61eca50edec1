/* test_trace.c - Write what a run kept, read it again, and refuse a wrong trace
 * with the place of the mistake. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/trace.h"

enum { LAYERS = 4, CHOICES = 2 * LAYERS, TOKENS = 12 };

/* Layers 1 and 3 are routed. */
static struct model_spec routed_around(enum routed_part part)
{
    return (struct model_spec){ .n_layers = LAYERS, .part = part,
                                .routed = { false, true, false, true } };
}

static struct model_spec routed(void)
{
    return routed_around(PART_BLOCK);
}

/* Room for two choices a layer. */
static struct allocation opened(int32_t n_sequences)
{
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, CHOICES, n_sequences, TOKENS, NULL),
                 STATUS_OK));
    return a;
}

static void keep(struct allocation *a, int32_t choice, int32_t sequence,
                 int32_t n, const int32_t *kept)
{
    a->count[choice * a->n_sequences + sequence] = n;
    memcpy(allocation_kept(a, choice, sequence), kept,
           (size_t)n * sizeof *kept);
}
#define KEPT(...) (int32_t)(sizeof (int32_t[]){ __VA_ARGS__ } / 4),            \
                  (const int32_t[]){ __VA_ARGS__ }

static char *written(const struct allocation *a, enum routed_part part,
                     size_t *size)
{
    const struct model_spec spec = routed_around(part);
    char *text = NULL;
    FILE *file = open_memstream(&text, size);

    trace_write_header(file);
    cr_assert(eq(int, trace_write(file, &spec, a, 0, NULL), STATUS_OK));
    cr_assert(fclose(file) == 0);
    return text;
}

static enum status parse(struct trace **trace, const char *text,
                         struct error *err)
{
    return trace_parse(trace, text, strlen(text), "t.csv", err);
}

Test(trace, a_line_is_a_window_and_layer_and_neighbours_are_one_stretch)
{
    struct allocation a = opened(2);
    size_t size;

    a.length[1] = 7;
    keep(&a, 1, 0, KEPT(0, 1, 2, 5, 7, 8));
    keep(&a, 3, 0, KEPT(11));
    keep(&a, 1, 1, 0, (int32_t[]){ 0 });
    keep(&a, 3, 1, KEPT(0, 1, 2, 3, 4, 5, 6));
    char *text = written(&a, PART_BLOCK, &size);
    cr_expect_str_eq(text, "window,layer,part,tokens,kept\r\n"
                           "0,1,block,12,0-2 5 7-8\r\n"
                           "0,3,block,12,11\r\n"
                           "1,1,block,7,\r\n"
                           "1,3,block,7,0-6\r\n");
    free(text);
    allocation_close(&a);
}

Test(trace, a_line_tells_the_part_and_two_choices_are_two_lines)
{
    struct allocation a = opened(1);
    size_t size;

    keep(&a, 1, 0, KEPT(3));
    keep(&a, 2, 0, KEPT(0, 1));
    keep(&a, 3, 0, KEPT(0, 4));
    keep(&a, 6, 0, 0, (int32_t[]){ 0 });
    keep(&a, 7, 0, KEPT(11));
    char *apart = written(&a, PART_APART, &size);
    char *ffn = written(&a, PART_FFN, &size);
    cr_expect_str_eq(apart, "window,layer,part,tokens,kept\r\n"
                            "0,1,attention,12,0-1\r\n"
                            "0,1,ffn,12,0 4\r\n"
                            "0,3,attention,12,\r\n"
                            "0,3,ffn,12,11\r\n");
    cr_expect_str_eq(ffn, "window,layer,part,tokens,kept\r\n"
                          "0,1,ffn,12,3\r\n"
                          "0,3,ffn,12,0 4\r\n");
    free(ffn);
    free(apart);
    allocation_close(&a);
}

static void expect_same(const struct allocation *a, const struct allocation *b,
                        int32_t choice, int32_t sequence)
{
    int32_t n = allocation_count(a, choice, sequence);
    cr_assert(eq(i32, allocation_count(b, choice, sequence), n));
    for (int32_t i = 0; i < n; i++)
        cr_assert(eq(i32, allocation_kept(a, choice, sequence)[i],
                     allocation_kept(b, choice, sequence)[i]));
}

Test(trace, what_was_written_is_read_whatever_was_kept)
{
    struct random random = random_seeded(5);

    for (int round = 0; round < 400; round++) {
        const enum routed_part part = (enum routed_part)(round % PART_COUNT);
        const struct model_spec spec = routed_around(part);
        struct allocation a = opened(3), again = opened(3);
        struct trace *trace;
        struct error err;
        size_t size;
        for (int32_t b = 0; b < 3; b++)
            a.length[b] = again.length[b] =
                1 + (int32_t)random_below(&random, TOKENS);
        for (int32_t c = 0; c < plan_n_choices(&spec); c++)
            for (int32_t b = 0; b < 3; b++) {
                int32_t kept[TOKENS], n = 0;
                for (int32_t t = 0; t < a.length[b]; t++)
                    if (random_below(&random, 2))
                        kept[n++] = t;
                if (plan_choice(&spec, c).routed)
                    keep(&a, c, b, n, kept);
            }
        char *text = written(&a, part, &size);
        cr_assert(eq(int, parse(&trace, text, &err), STATUS_OK), "%s\n%s",
                  err.text, text);
        cr_assert(eq(i64, trace_windows(trace), 3));
        cr_assert(eq(int, trace_fill(&again, trace, &spec, 0, &err),
                     STATUS_OK), "%s", err.text);
        for (int32_t c = 0; c < CHOICES; c++)
            for (int32_t b = 0; b < 3; b++)
                expect_same(&a, &again, c, b);
        free(text);
        trace_close(trace);
        allocation_close(&a);
        allocation_close(&again);
    }
}

static const char sound[] = "window,layer,part,tokens,kept\n"
                            "0,1,block,12,0-2 5\n"
                            "0,3,block,12,11\n"
                            "1,1,block,7,\n"
                            "1,3,block,7,0-6\n"
                            "2,1,block,5,4\n"
                            "2,3,block,5,0 2 4";      /* no end of line */

Test(trace, it_tells_shares_windows_and_layers)
{
    struct trace *trace;
    struct error err;

    cr_assert(eq(int, parse(&trace, sound, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(i64, trace_windows(trace), 3));
    cr_expect(eq(i32, trace_last_layer(trace), 3));
    cr_expect(eq(dbl, trace_share(trace, 1), (4 + 0 + 1) / 24.0));
    cr_expect(eq(dbl, trace_share(trace, 3), (1 + 7 + 3) / 24.0));
    cr_expect(not(trace_share(trace, 0) >= 0));
    trace_close(trace);
}

Test(trace, the_share_of_a_layer_is_that_of_both_its_parts)
{
    struct trace *trace;
    struct error err;

    cr_assert(eq(int, parse(&trace, "window,layer,part,tokens,kept\n"
                                    "0,1,attention,12,0-2\n"
                                    "0,1,ffn,12,11\n"
                                    "0,2,attention,12,\n"
                                    "0,2,ffn,12,0-11\n", &err), STATUS_OK),
              "%s", err.text);
    cr_expect(eq(i64, trace_windows(trace), 1));
    cr_expect(eq(i32, trace_last_layer(trace), 2));
    cr_expect(eq(dbl, trace_share(trace, 1), (3 + 1) / 24.0));
    cr_expect(eq(dbl, trace_share(trace, 2), (0 + 12) / 24.0));
    trace_close(trace);
}

Test(trace, windows_are_filled_from_any_of_them_and_dense_layers_left_alone)
{
    const struct model_spec spec = routed();
    struct allocation a = opened(2);
    struct trace *trace;
    struct error err;

    cr_assert(eq(int, parse(&trace, sound, &err), STATUS_OK));
    a.length[0] = 7;
    a.length[1] = 5;
    cr_assert(eq(int, trace_fill(&a, trace, &spec, 1, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(eq(i32, allocation_count(&a, 1, 0), 0));
    cr_expect(eq(i32, allocation_count(&a, 3, 1), 3));
    cr_expect(eq(i32, allocation_kept(&a, 3, 1)[2], 4));
    cr_expect(eq(i32, allocation_count(&a, 0, 0), TOKENS));
    trace_close(trace);
    allocation_close(&a);
}

static void expect_unfit(int64_t window, int32_t length,
                         struct model_spec spec, const char *words)
{
    struct allocation a = opened(1);
    struct trace *trace;
    struct error err;

    cr_assert(eq(int, parse(&trace, sound, &err), STATUS_OK));
    a.length[0] = length;
    cr_expect(eq(int, trace_fill(&a, trace, &spec, window, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, words) != NULL, "%s", err.text);
    trace_close(trace);
    allocation_close(&a);
}

Test(trace, another_text_or_model_is_refused)
{
    struct model_spec one = routed(), more = routed(), fewer = routed();

    one.routed[3] = false;
    more.routed[0] = true;
    fewer.n_layers = 3;
    expect_unfit(3, 12, routed(), "window 3: it has windows 0 to 2");
    expect_unfit(-1, 12, routed(), "window -1");
    expect_unfit(0, 11, routed(), "window 0 has 12 tokens, the text's has 11");
    expect_unfit(0, 12, one, "layer 3 is in it and not routed");
    expect_unfit(0, 12, more, "layer 0 is routed and not in it");
    expect_unfit(0, 12, fewer, "layer 3 is in it and not routed");
}

/* A trace of part `is` for a model that routes `part`, refused at its line. */
static void expect_other_part(enum routed_part is, enum routed_part part,
                              const char *words)
{
    const struct model_spec spec = routed_around(part);
    struct allocation a = opened(1);
    struct trace *trace;
    struct error err;
    size_t size;
    char *text = written(&a, is, &size);

    cr_assert(eq(int, trace_parse(&trace, text, size, "t.csv", &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(int, trace_fill(&a, trace, &spec, 0, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, words) != NULL, "%s", err.text);
    free(text);
    trace_close(trace);
    allocation_close(&a);
}

Test(trace, another_part_is_refused_with_its_place)
{
    expect_other_part(PART_BLOCK, PART_FFN, "t.csv:2:5: part block; allowed is"
                      " a trace made with routing.part ffn");
    expect_other_part(PART_FFN, PART_BLOCK, "t.csv:2:5: part ffn; allowed");
    expect_other_part(PART_ATTENTION, PART_FFN, "t.csv:2:5: part attention");
    expect_other_part(PART_ATTENTION, PART_APART, "t.csv:2:5: part attention;"
                      " allowed is a trace made with routing.part apart");
    expect_other_part(PART_FFN, PART_APART, "t.csv:2:5: part ffn");
    expect_other_part(PART_APART, PART_ATTENTION, "t.csv:3:5: part ffn");
    expect_other_part(PART_APART, PART_FFN, "t.csv:2:5: part attention");
}

struct fault {
    char text[96], says[96];
};
#define H "window,layer,part,tokens,kept\n"

ParameterizedTestParameters(trace, a_mistake_is_told_with_its_place)
{
    static struct fault faults[] = {
        { "", "t.csv:1:1: not a trace" },
        { "window,layer\n", "t.csv:1:1: not a trace" },
        { "window,layer,tokens,kept\n", "t.csv:1:1: not a trace" },
        { "window,layer,part,tokens,kept,more\n", "t.csv:1:30: the line must"
                                                  " end" },
        { H, "t.csv:2:1: a trace without a window" },
        { H "\n", "t.csv:2:1: a window: allowed is 0 to 0" },
        { H "1,0,block,4,\n", "t.csv:2:1: a window: allowed is 0 to 0" },
        { H "0;0,4,\n", "t.csv:2:2: a comma" },
        { H "0,256,block,4,\n",
          "t.csv:2:3: a layer above the one before: allowed is 0 to 255" },
        { H "0,1,block,4,\n0,1,block,4,\n",
          "t.csv:3:3: a layer above the one before: allowed is 2 to 255" },
        { H "0,1,block,0,\n", "t.csv:2:11: a window's tokens: allowed is 1 to"
                        " 1048576" },
        { H "0,1,block,99999999999999999999,\n",
          "t.csv:2:11: a window's tokens" },
        { H "0,1,block,4,4\n",
          "t.csv:2:13: a kept position: allowed is 0 to 3" },
        { H "0,1,block,4,1 1\n",
          "t.csv:2:15: a kept position: allowed is 2 to 3" },
        { H "0,1,block,4,2-2\n",
          "t.csv:2:15: the last of a stretch of positions: allowed is 3 to 3" },
        { H "0,1,block,4,0-\n", "t.csv:2:15: the last of a stretch" },
        { H "0,1,block,4,0  2\n", "t.csv:2:15: a kept position" },
        { H "0,1,block,4,0 \n", "t.csv:2:15: a kept position" },
        { H "0,1,block,4,0,2\n",
          "t.csv:2:14: positions are parted by a space" },
        { H "0,1,block,4,-1\n", "t.csv:2:13: a kept position" },
        { H "0,1,block,4\n", "t.csv:2:12: a comma" },
        { H "0,1,block,4,\n2,1,block,4,\n",
          "t.csv:3:1: a window: allowed is 0 to 1" },
        { H "0,1,block,4,\n1,2,block,4,\n",
          "t.csv:3:3: a layer, as in window 0: allowed is 1 to 1" },
        { H "0,1,block,4,\n0,2,block,4,\n1,1,block,4,\n",
          "t.csv:5:1: the last window lacks" },
        { H "0,1,block,4,\n1,1,block,4,\n1,1,block,4,\n",
          "t.csv:4:1: a window: allowed is 2 to 2" },
        { H "0,1,4,\n", "t.csv:2:5: a part: allowed is block, attention or"
                        " ffn" },
        { H "0,1,apart,4,\n", "t.csv:2:5: a part: allowed is block" },
        { H "0,1,blocks,4,\n", "t.csv:2:5: a part: allowed is block" },
        { H "0,1,ffn", "t.csv:2:5: a part: allowed is block" },
        { H "0,1,attention,4,\n0,1,attention,4,\n",
          "t.csv:3:5: a part: allowed is ffn" },
        { H "0,1,attention,4,\n0,0,ffn,4,\n", "t.csv:3:3: the layer before or"
                                              " one above it: allowed is 1" },
        { H "0,1,ffn,4,\n0,1,attention,4,\n", "t.csv:3:3: a layer above the"
                                              " one before: allowed is 2" },
        { H "0,1,ffn,4,\n1,1,block,4,\n", "t.csv:3:5: a part: allowed is"
                                          " ffn" },
        { H "0,1,attention,4,\n0,1,ffn,4,\n1,1,attention,4,\n",
          "t.csv:5:1: the last window lacks" },
    };
    return cr_make_param_array(struct fault, faults,
                               sizeof faults / sizeof *faults);
}

ParameterizedTest(struct fault *f, trace, a_mistake_is_told_with_its_place)
{
    struct trace *trace = NULL;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&trace, f->text, &err), STATUS_BAD_FORMAT), "%s",
              f->text);
    cr_expect(strstr(err.text, f->says) != NULL, "%s", err.text);
    cr_expect(trace == NULL);
}

/* Cut anywhere and with any byte changed it is read or refused, and what is
 * read holds positions below its tokens, ascending. */
static void expect_sound(const char *text, size_t size)
{
    struct trace *trace;
    struct error err = { STATUS_OK, "" };
    char *exact = malloc(size + (size == 0));   /* for the address sanitizer */

    memcpy(exact, text, size);
    if (trace_parse(&trace, exact, size, "t.csv", &err) == STATUS_OK) {
        for (int32_t l = 0; l <= trace_last_layer(trace); l++)
            cr_assert(not(trace_share(trace, l) > 1.0));
        trace_close(trace);
    } else {
        cr_assert(eq(int, err.status, STATUS_BAD_FORMAT));
    }
    free(exact);
}

Test(trace, no_cut_or_changed_byte_breaks_the_reader)
{
    struct random random = random_seeded(6);
    char text[sizeof sound];

    for (size_t n = 0; n < sizeof sound; n++)
        expect_sound(sound, n);
    for (int i = 0; i < 20000; i++) {
        memcpy(text, sound, sizeof sound);
        for (uint32_t j = random_below(&random, 4); j <= 4; j++)
            text[random_below(&random, sizeof sound - 1)] =
                "0123456789,- \r\n\0x"[random_below(&random, 17)];
        expect_sound(text, sizeof sound - 1);
    }
}

Test(trace, a_file_that_is_not_there_is_told)
{
    struct trace *trace;
    struct error err;

    cr_expect(eq(int, trace_read(&trace, "/nonexistent/t.csv", &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "/nonexistent/t.csv") != NULL, "%s", err.text);
}
