/* test_text_trace.c - Note what was kept of a text, write it, read it again, and
 * refuse what is damaged or of something else. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "sim/core/base/random.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/replay.h"
#include "sim/core/model/text_trace.h"
#include "tests/directory.h"

enum { LAYERS = 4, TOKENS = 8, POSITIONS = 21 };

static const struct text_trace_head head = {
    .rule = "threshold", .text_hash = "0123456789abcdef",
    .positions = POSITIONS, .window = TOKENS, .held_out = 1,
};

/* Layers 1 and 3 are routed. */
static struct model_spec routed_around(enum routed_part part)
{
    return (struct model_spec){ .n_layers = LAYERS, .part = part,
                                .routed = { false, true, false, true } };
}

static struct allocation opened(const struct model_spec *spec)
{
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, plan_n_choices(spec), 1, TOKENS,
                                      NULL), STATUS_OK));
    return a;
}

static void keep(struct allocation *a, int32_t choice, int32_t n,
                 const int32_t *kept)
{
    a->count[choice] = n;
    memcpy(allocation_kept(a, choice, 0), kept, (size_t)n * sizeof *kept);
}
#define KEPT(...) (int32_t)(sizeof (int32_t[]){ __VA_ARGS__ } / 4),            \
                  (const int32_t[]){ __VA_ARGS__ }

/* Two windows of 8, and one from 12 whose first 4 tokens are held already. */
static struct text_trace *noted(void)
{
    const struct model_spec spec = routed_around(PART_BLOCK);
    struct allocation a = opened(&spec);
    struct text_trace *t = NULL;

    cr_assert(eq(int, text_trace_open(&t, &head, &spec, NULL), STATUS_OK));
    keep(&a, 1, KEPT(0, 1, 7));
    keep(&a, 3, KEPT(3));
    text_trace_note(t, &a, 0, 0, 0);
    keep(&a, 1, KEPT(2));
    keep(&a, 3, 0, (int32_t[]){ 0 });
    text_trace_note(t, &a, 0, 8, 0);
    keep(&a, 1, KEPT(1, 3, 4, 7));           /* 13 and 15 were skipped before */
    keep(&a, 3, KEPT(0, 6));
    text_trace_note(t, &a, 0, 12, 4);
    allocation_close(&a);
    return t;
}

/* The bytes of a file, which the caller frees. */
static unsigned char *written(const struct text_trace *t, size_t *size)
{
    char *bytes = NULL;
    FILE *file = open_memstream(&bytes, size);

    cr_assert(eq(int, text_trace_write(t, file, NULL), STATUS_OK));
    cr_assert(fclose(file) == 0);
    return (unsigned char *)bytes;
}

static unsigned char *sound(size_t *size)
{
    struct text_trace *t = noted();
    unsigned char *bytes = written(t, size);

    text_trace_close(t);
    return bytes;
}

/* By hand: layer 1 keeps 0 1 7 10 16 19, layer 3 keeps 3 18; 21 positions are 3
 * bytes a choice. */
Test(text_trace, a_bit_is_a_position_and_a_row_is_a_choice)
{
    static const unsigned char rows[6] = { 0x83, 0x04, 0x09, 0x08, 0, 0x04 };
    size_t size;
    unsigned char *bytes = sound(&size);

    cr_assert(eq(sz, size, 112 + 2 * 16 + 6 + 8));
    cr_expect(memcmp(bytes, "isobath-trace-1\nthreshold\0", 26) == 0);
    cr_expect(memcmp(bytes + 48, "0123456789abcdef\0", 17) == 0);
    cr_expect(memcmp(bytes + 80, "\x15\0\0\0\0\0\0\0\x14\0\0\0\0\0\0\0"
                     "\x08\0\0\0\x01\0\0\0\x04\0\0\0\x02\0\0\0", 32) == 0);
    cr_expect(memcmp(bytes + 112, "\x01\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0"
                     "\x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0", 32) == 0);
    cr_expect(memcmp(bytes + 144, rows, sizeof rows) == 0);
    uint64_t sum = XXH64(bytes, 150, 0);
    cr_expect(memcmp(bytes + 150, &sum, 8) == 0);
    free(bytes);
}

/* A window anywhere takes the answers of its positions. */
Test(text_trace, a_window_takes_the_answers_of_its_positions)
{
    static const struct { int64_t start; int32_t n, kept[4]; } one[] = {
        { 0, 3, { 0, 1, 7 } }, { 7, 2, { 0, 3 } }, { 12, 2, { 4, 7 } },
        { 13, 2, { 3, 6 } }, { 1, 2, { 0, 6 } },
    };
    const struct model_spec spec = routed_around(PART_BLOCK);
    struct allocation a = opened(&spec);
    struct text_trace *t = NULL;
    size_t size;
    unsigned char *bytes = sound(&size);

    cr_assert(eq(int, text_trace_parse(&t, bytes, size, "t", NULL), STATUS_OK));
    cr_expect(eq(int, text_trace_check(t, &spec, NULL), STATUS_OK));
    for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
        text_trace_fill(&a, 0, t, one[i].start);
        cr_expect(eq(i32, a.count[0], TOKENS), "dense layers keep all");
        cr_assert(eq(i32, a.count[1], one[i].n), "from %d", (int)one[i].start);
        for (int32_t k = 0; k < one[i].n; k++)
            cr_expect(eq(i32, allocation_kept(&a, 1, 0)[k], one[i].kept[k]));
    }
    cr_expect(eq(dbl, text_trace_share(t, 1), 6.0 / 20));
    cr_expect(eq(dbl, text_trace_share(t, 3), 2.0 / 20));
    cr_expect(isnan(text_trace_share(t, 0)));
    cr_expect(eq(i64, text_trace_head(t)->recorded, 20));
    cr_expect_str_eq(text_trace_head(t)->rule, "threshold");
    cr_expect_str_eq(text_trace_head(t)->text_hash, "0123456789abcdef");
    cr_expect_str_eq(text_trace_head(t)->tokens_hash, "");
    text_trace_close(t);
    free(bytes);
    allocation_close(&a);
}

Test(text_trace, parts_apart_have_an_answer_each)
{
    const struct model_spec spec = routed_around(PART_APART);
    struct allocation a = opened(&spec), b = opened(&spec);
    struct text_trace *t = NULL, *again = NULL;
    size_t size;

    cr_assert(eq(int, text_trace_open(&t, &head, &spec, NULL), STATUS_OK));
    keep(&a, 2, KEPT(0, 5));
    keep(&a, 3, KEPT(1, 2, 3));
    keep(&a, 6, 0, (int32_t[]){ 0 });
    keep(&a, 7, KEPT(7));
    text_trace_note(t, &a, 0, 0, 0);
    unsigned char *bytes = written(t, &size);
    cr_assert(eq(int, text_trace_parse(&again, bytes, size, "t", NULL),
                 STATUS_OK));
    cr_expect(eq(int, text_trace_check(again, &spec, NULL), STATUS_OK));
    text_trace_fill(&b, 0, again, 0);
    for (int32_t c = 0; c < 2 * LAYERS; c++) {
        cr_assert(eq(i32, b.count[c], a.count[c]));
        for (int32_t k = 0; k < a.count[c]; k++)
            cr_expect(eq(i32, allocation_kept(&b, c, 0)[k],
                         allocation_kept(&a, c, 0)[k]));
    }
    cr_expect(eq(dbl, text_trace_share(again, 1), 5.0 / 16));
    text_trace_close(again);
    text_trace_close(t);
    free(bytes);
    allocation_close(&b);
    allocation_close(&a);
}

Test(text_trace, what_was_kept_at_random_is_read_again)
{
    enum { LONG = 1000 };
    const struct model_spec spec = routed_around(PART_FFN);
    struct text_trace_head long_head = head;
    struct random random = random_seeded(3);
    struct allocation a = opened(&spec);
    struct text_trace *t = NULL, *again = NULL;
    bool kept[2][LONG] = { { false } };
    size_t size;

    long_head.positions = LONG;
    cr_assert(eq(int, text_trace_open(&t, &long_head, &spec, NULL),
                 STATUS_OK));
    for (int64_t start = 0; start < LONG; start += TOKENS) {
        for (int c = 0; c < 2; c++) {
            int32_t n = 0;
            for (int32_t i = 0; i < TOKENS; i++)
                if ((kept[c][start + i] = random_below(&random, 3) == 0))
                    allocation_kept(&a, 1 + 2 * c, 0)[n++] = i;
            a.count[1 + 2 * c] = n;
        }
        text_trace_note(t, &a, 0, start, 0);
    }
    unsigned char *bytes = written(t, &size);
    cr_assert(eq(int, text_trace_parse(&again, bytes, size, "t", NULL),
                 STATUS_OK));
    for (int64_t start = 0; start <= LONG - TOKENS; start++) {
        text_trace_fill(&a, 0, again, start);
        for (int c = 0; c < 2; c++)
            for (int32_t i = 0, k = 0; i < TOKENS; i++) {
                const int32_t n = a.count[1 + 2 * c];
                const int32_t *list = allocation_kept(&a, 1 + 2 * c, 0);
                const bool is = k < n && list[k] == i;
                cr_assert(eq(int, is, kept[c][start + i]));
                k += is;
            }
    }
    text_trace_close(again);
    text_trace_close(t);
    free(bytes);
    allocation_close(&a);
}

static struct error refused(const unsigned char *bytes, size_t size)
{
    struct text_trace *t = NULL;
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, text_trace_parse(&t, bytes, size, "x.trace", &err),
                 STATUS_BAD_FORMAT));
    cr_expect(t == NULL);
    return err;
}

/* Number `value` of so many bytes at a place, and a checksum that fits. */
static struct error refused_with(size_t at, uint64_t value, int bytes)
{
    size_t size;
    unsigned char *file = sound(&size);

    for (int i = 0; i < bytes; i++)
        file[at + (size_t)i] = (unsigned char)(value >> (8 * i));
    uint64_t sum = XXH64(file, size - 8, 0);
    memcpy(file + size - 8, &sum, 8);
    struct error err = refused(file, size);
    free(file);
    return err;
}

Test(text_trace, what_cannot_be_is_refused)
{
    static const struct { size_t at; uint64_t value; int bytes;
                          const char *says; } wrong[] = {
        { 0, 'x', 1, "not a text's trace" },
        { 16, 'x', 1, "head" },                   /* no such rule */
        { 24, '\n', 1, "head" },
        { 48, 1, 1, "head" },
        { 80, 0, 8, "head" },
        { 80, (uint64_t)1 << 62, 8, "head" },
        { 80, 29, 8, "it is cut" },
        { 80, 18, 8, "head" },                    /* fewer than recorded */
        { 88, 22, 8, "head" },
        { 96, 0, 4, "head" },
        { 100, 10, 4, "head" },
        { 104, 0, 4, "head" },
        { 104, 3, 4, "choices" },                 /* layer 3 is the fourth */
        { 108, 0, 4, "head" },
        { 108, 1, 4, "it is cut" },
        { 108, UINT32_MAX, 4, "head" },
        { 112, 3, 4, "choices" },                 /* twice the same */
        { 116, 3, 4, "choices" },
        { 120, 7, 8, "choices" },                 /* not what the bits say */
        { 120, 21, 8, "choices" },
        { 144, 0x82, 1, "choices" },
        { 146, 0x28, 1, "choices" },              /* a bit behind the end */
    };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error err = refused_with(wrong[i].at, wrong[i].value,
                                        wrong[i].bytes);
        cr_expect(strstr(err.text, "x.trace: ") != NULL &&
                      strstr(err.text, wrong[i].says) != NULL,
                  "%zu: %s", i, err.text);
    }
}

Test(text_trace, no_cut_and_no_changed_byte_is_taken)
{
    size_t size;
    unsigned char *file = sound(&size);

    for (size_t n = 0; n < size; n++) {
        unsigned char *cut = malloc(n + (n == 0));   /* for the sanitizer */
        memcpy(cut, file, n);
        refused(cut, n);
        free(cut);
    }
    for (size_t i = 0; i < size; i++) {
        file[i] ^= 0x10;
        refused(file, size);
        file[i] ^= 0x10;
    }
    free(file);
}

Test(text_trace, another_model_is_refused)
{
    struct text_trace *t = noted();
    struct model_spec spec = routed_around(PART_BLOCK);
    struct error err;

    cr_expect(eq(int, text_trace_check(t, &spec, NULL), STATUS_OK));
    spec.n_layers = 5;
    cr_expect(eq(int, text_trace_check(t, &spec, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "of a model of 4 layers; allowed is one of a"
                               " model of 5") != NULL, "%s", err.text);
    spec.n_layers = LAYERS;
    spec.routed[2] = true;
    cr_expect(eq(int, text_trace_check(t, &spec, &err), STATUS_BAD_VALUE));
    spec.routed[2] = spec.routed[3] = false;
    cr_expect(eq(int, text_trace_check(t, &spec, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "it has layer 3, part block") != NULL, "%s",
              err.text);
    spec = routed_around(PART_ATTENTION);
    cr_expect(eq(int, text_trace_check(t, &spec, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "part block; allowed is a trace of the layers"
                     " that the model routes, made with its routing.part"
                     " attention") != NULL, "%s", err.text);
    text_trace_close(t);
}

Test(text_trace, a_spec_is_routed_as_its_file_says)
{
    char directory[64], path[128];
    struct model_spec spec = { .n_layers = LAYERS, .part = PART_BLOCK };
    struct error err = { STATUS_OK, "" };
    size_t size;
    unsigned char *bytes = sound(&size);

    make_directory(directory);
    snprintf(path, sizeof path, "%s/a.trace", directory);
    FILE *file = fopen(path, "wb");
    cr_assert(fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
    cr_expect(text_trace_is(path));
    cr_expect(not(text_trace_is("/nowhere/a")));
    cr_assert(eq(int, replay_settle(&spec, path, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(spec.routed[1] && spec.routed[3]);
    cr_expect(not(spec.routed[0] || spec.routed[2]));
    cr_expect(eq(dbl, spec.capacity[1], 0.3));
    spec.n_layers = 8;
    cr_expect(eq(int, replay_settle(&spec, path, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "of a model of 4 layers") != NULL, "%s",
              err.text);
    free(bytes);
    remove_directory(directory);
}
