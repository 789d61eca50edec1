/* test_gguf.c - Refuse hostile GGUF files; read good ones. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf.h"
#include "tests/number_vectors.h"
#include "tests/directory.h"
#include "tests/shared.h"

enum { ROOM = 4096 };

struct image {
    unsigned char bytes[ROOM];
    size_t size;
};

static void put(struct image *image, const void *bytes, size_t size)
{
    cr_assert(image->size + size <= ROOM);
    memcpy(image->bytes + image->size, bytes, size);
    image->size += size;
}

static void put_number(struct image *image, const char *word)
{
    char *unit;
    uint64_t n = strtoull(word, &unit, 0);
    float f = strtof(word, NULL);
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    if (*unit == 'i')
        put(image, &n, 4);
    else if (*unit == 'l')
        put(image, &n, 8);
    else if (*unit == 'y')
        put(image, &n, 1);
    else if (*unit == '.')
        put(image, &bits, 4);
    else
        cr_assert(false, "no such word: %s", word);
}

/* A file from words: 'text' with its length, 3i 3l 3y 3.0 for 32, 64, 8 bits
 * and a float, /32 pads to 32, #16 is 16 bytes 0, 1, 2, ...; else as it is. */
static struct image image_of(const char *words)
{
    static const unsigned char zero[ROOM];
    struct image image = { .size = 0 };
    char copy[2048], *rest = copy, *word;

    cr_assert(strlen(words) < sizeof copy);
    strcpy(copy, words);
    while ((word = strsep(&rest, " "))) {
        size_t n = strlen(word);
        if (n == 0) {
            continue;
        } else if (*word == '\'') {
            uint64_t size = n - 2;
            put(&image, &size, 8);
            put(&image, word + 1, n - 2);
        } else if (*word == '/') {
            size_t to = strtoul(word + 1, NULL, 10);
            put(&image, zero, (to - image.size % to) % to);
        } else if (*word == '#') {
            for (size_t i = 0; i < strtoul(word + 1, NULL, 10); i++)
                put(&image, &(unsigned char){ (unsigned char)i }, 1);
        } else if (strchr("-0123456789", *word)) {
            put_number(&image, word);
        } else {
            put(&image, word, n);
        }
    }
    return image;
}

static enum status parse(struct gguf **file, const struct image *image,
                         struct error *err)
{
    return gguf_parse(file, image->bytes, image->size, "x.gguf", err);
}

static bool has_words(const char *text, const char *words)
{
    return strstr(text, words) != NULL;
}

struct refusal {
    const char *file, *words;
};

/* Heads: version 3, so many tensors, so many values. */
#define VALUES(n)  "GGUF 3i 0l " #n "l "
#define TENSORS(n) "GGUF 3i " #n "l 0l "
/* Name, one dim, type F32, offset. */
#define ROW(name, n, offset) "'" name "' 1i " #n "l 0i " #offset "l "

/* The kinds that tests/test-gguf.cpp of llama.cpp makes to be refused, by its
 * names, and what other readers have been caught with. */
static const struct refusal refusals[] = {
    /* HANDCRAFTED_HEADER_* */
    { "", "cut short" },
    { "GGU", "cut short" },
    { "FUGG 3i 0l 0l", "does not begin with GGUF" },          /* BAD_MAGIC */
    { "GGUF 1i 0l 0l", "version 1" },                         /* VERSION_1 */
    { "GGUF 4i 0l 0l", "version 4" },                    /* VERSION_FUTURE */
    { "GGUF 0x03000000i 0l 0l", "big-endian" },
    { "GGUF 3i -1l 0l", "18446744073709551615 tensors" }, /* BAD_N_TENSORS */
    { "GGUF 3i 0l -1l", "18446744073709551615 values" },       /* BAD_N_KV */
    { "GGUF 3i 0l", "cut short" },
    { "GGUF 3i 1l 0l", "cannot hold so many" },
    { "GGUF 3i 0l 1l", "cannot hold so many" },

    /* HANDCRAFTED_KV_* */
    { VALUES(1) "-1l a 4i 1i", "the limit is 65535" },     /* BAD_KEY_SIZE */
    { VALUES(1) "65536l #64", "the limit is 65535" },
    { VALUES(1) "60l aaaaaaaaaaaaaaaa", "60 bytes wanted" },
    { VALUES(1) "'' 4i 1i", "empty" },
    { VALUES(1) "2l 97y 0y 4i 1i", "with a NUL" },
    { VALUES(1) "'a' 13i 1l 1l", "a: value type 13" },         /* BAD_TYPE */
    { VALUES(1) "'a' -1i 1l 1l", "value type 4294967295" },
    { VALUES(2) "'a' 4i 1i 'a' 4i 2i", "twice" },         /* DUPLICATE_KEY */
    { VALUES(1) "'general.alignment' 4i 13i",
      "general.alignment: 13: must be a power of two" },      /* BAD_ALIGN */
    { VALUES(1) "'general.alignment' 4i 0i", "power of two" },
    { VALUES(1) "'general.alignment' 10i 32l", "must be of type u32" },
    { VALUES(1) "'general.alignment' 9i 4i 1l 32i", "must be of type u32" },
    { VALUES(1) "'a' 10i 1i", "a: 8 bytes wanted" },
    { VALUES(1) "'a' 7i 2y", "a bool of 2" },
    { VALUES(1) "'a' 9i 7i 3l 0y 1y 3y", "a bool of 3" },
    { VALUES(1) "'a' 8i -1l", "the limit is 1073741824" },
    { VALUES(1) "'a' 8i 5l abcd", "a: 5 bytes wanted" },
    { VALUES(1) "'a' 9i 4i -1l", "an array of 18446744073709551615" },
    { VALUES(1) "'a' 9i 4i 1073741825l", "the limit is 1073741824" },
    { VALUES(1) "'a' 9i 4i 1073741824l", "4294967296 bytes wanted" },
    { VALUES(1) "'a' 9i 8i 1000000000l 'b'", "a: 8 bytes wanted" },
    { VALUES(1) "'a' 9i 13i 1l 1l", "a: value type 13" },
    { VALUES(1) "'a' 9i 9i 1l 9i 1l 9i 1l 4i 1l", "an array of arrays" },

    /* HANDCRAFTED_TENSORS_* */
    { TENSORS(1) "-1l a 1i 4l 0i 0l", "the limit is 64" }, /* BAD_NAME_SIZE */
    { TENSORS(1) "65l #65 1i 4l 0i 0l", "the limit is 64" },
    { TENSORS(1) "'' 1i 4l 0i 0l /32 #16", "empty" },
    { TENSORS(1) "'t' 5i 1l 1l 1l 1l 1l 0i 0l", "t: 5 dims" }, /* BAD_N_DIMS */
    { TENSORS(1) "'t' -1i 1l 1l 1l 0i 0l", "4294967295 dims" },
    { TENSORS(1) ROW("t", -1, 0) "/32 #16", "dim 0" },        /* BAD_SHAPE */
    { TENSORS(1) ROW("t", 0, 0) "/32 #16", "dim 0" },
    { TENSORS(1) "'t' 4i 4294967296l 2147483648l 1l 1l 0i 0l",
      "dim 1" },                                             /* NE_TOO_BIG */
    { TENSORS(1) "'t' 4i 4294967296l 4294967296l 1l 1l 0i 0l",
      "below 2^63" },                           /* the product wraps to 0 */
    { TENSORS(1) "'t' 3i 6148914691236517205l 3l 2l 0i 0l",
      "below 2^63" },                          /* the product wraps to -2 */
    { TENSORS(1) "'t' 1i 4611686018427387904l 0i 0l /32",
      "do not fit" },                            /* 4 bytes each wrap to 0 */
    { TENSORS(1) "'t' 1i 1152921504606846976l 0i 0l /32 #16",
      "4611686018427387904 bytes" },
    { TENSORS(1) "'t' 1i 4l -1i 0l", "type 4294967295" },      /* BAD_TYPE */
    { TENSORS(1) "'t' 1i 4l 4i 0l", "type 4" },         /* Q4_2, withdrawn */
    { TENSORS(1) "'t' 1i 4l 64i 0l", "type 64" },
    { TENSORS(1) "'t' 1i 48l 8i 0l /32 #64", "Q8_0 takes multiples of 32" },
    { TENSORS(1) ROW("t", 4, -1) "/32 #16",
      "starts at 18446744073709551615" },                    /* BAD_OFFSET */
    { TENSORS(1) ROW("t", 4, 32) "/32 #64", "starts at 32" },
    { TENSORS(2) ROW("t", 4, 0) ROW("t", 4, 32) "/32 #48",
      "t: the tensor is there twice" },                  /* DUPLICATE_NAME */
    { "GGUF 3i 1l 1l 'general.alignment' 4i 13i " ROW("t", 4, 0) "/32 #16",
      "power of two" },                                       /* BAD_ALIGN */
    { "GGUF 3i 2l 1l 'general.alignment' 4i 1i " ROW("t", 4, 0)
      ROW("u", 4, 32) "#48", "u: starts at 32" },     /* INCONSISTENT_ALIGN */
    { "GGUF 3i 1l 1l 'general.alignment' 4i 1073741824i " ROW("t", 4, 0)
      "/32 #16", "1073741824" },                 /* padding past the file */

    /* HANDCRAFTED_DATA_* */
    { TENSORS(1) ROW("t", 4, 0) "/32 #15", "t: 16 bytes at 0" },
    { TENSORS(1) ROW("t", 4, 0), "t: 16 bytes at 0" },
    { TENSORS(2) ROW("t", 4, 0) ROW("u", 4, 16) "/32 #48",
      "u: starts at 16" },
    { TENSORS(2) ROW("t", 4, 0) ROW("u", 4, 32) "/32 #47",
      "u: 16 bytes at 32" },
};

Test(gguf, refuses_every_broken_file_in_words)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct image image = image_of(refusals[i].file);
        struct gguf *file = NULL;
        struct error err = { STATUS_OK, "" };

        cr_expect(eq(int, parse(&file, &image, &err), STATUS_BAD_FORMAT),
                  "%s", refusals[i].file);
        cr_expect(strstr(err.text, refusals[i].words) != NULL, "%s: %s",
                  refusals[i].file, err.text);
        cr_expect(strncmp(err.text, "x.gguf: ", 8) == 0);
        cr_expect(file == NULL);
    }
}

static const char every_kind[] =
    "GGUF 3i 2l 14l 'u8' 0i 200y 'i8' 1i -2y 'u16' 2i 1y 1y"
    " 'i16' 3i 0xffy 0xffy 'u32' 4i 4000000000i 'i32' 5i -7i 'f32' 6i 0.5"
    " 'bool' 7i 1y 'text' 8i 'llama' 'u64' 10i -1l 'i64' 11i -5l"
    " 'texts' 9i 8i 3l 'a' '' 'bcd' 'ints' 9i 5i 3l -1i 0i 2i"
    " 'reals' 9i 6i 2l 0.25 -1.5"
    " 'b' 2i 3l 2l 0i 0l 'a' 0i 0i 32l /32 #24 /32 #4";

/* Every prefix of a good file is refused, and none is read past its end: each
 * lies at the end of its own allocation, which a sanitizer watches. */
Test(gguf, refuses_every_file_cut_short)
{
    struct image image = image_of(every_kind);

    for (size_t n = 0; n < image.size; n++) {
        struct gguf *file = NULL;
        unsigned char *part = malloc(n + 1);
        memcpy(part, image.bytes, n);
        cr_expect(ne(int, gguf_parse(&file, part, n, "x", NULL), STATUS_OK),
                  "%zu bytes", n);
        free(part);
    }
}

Test(gguf, loads_what_the_reference_loads)
{
    static const char *const good[] = {
        "GGUF 3i 0l 0l",                                         /* EMPTY */
        "GGUF 2i 0l 0l",
        VALUES(1) "'general.alignment' 4i 1i",
        TENSORS(1) ROW("t", 4, 0) "/32 #16",
        TENSORS(2) ROW("t", 4, 0) ROW("u", 4, 32) "/32 #48",
        "GGUF 3i 2l 1l 'general.alignment' 4i 1i " ROW("t", 1, 0)
        ROW("u", 4, 4) "#20",
        TENSORS(1) "64l #0 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaa 1i 4l 0i 0l /32 #16",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct image image = image_of(good[i]);
        struct gguf *file = NULL;
        struct error err = { STATUS_OK, "" };
        cr_expect(eq(int, parse(&file, &image, &err), STATUS_OK), "%s: %s",
                  good[i], err.text);
        gguf_close(file);
    }
}

static struct gguf *opened(const struct image *image)
{
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };
    cr_assert(eq(int, parse(&file, image, &err), STATUS_OK), "%s", err.text);
    return file;
}

Test(gguf, integers_of_every_width_keep_their_value)
{
    static const struct { const char *key; int64_t value; } want[] = {
        { "u8", 200 },  { "i8", -2 },           { "u16", 257 },
        { "i16", -1 },  { "u32", 4000000000 },  { "i32", -7 },
        { "i64", -5 },
    };
    struct image image = image_of(every_kind);
    struct gguf *file = opened(&image);

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        int64_t n = 0;
        cr_expect(eq(int, gguf_integer(&n, file, want[i].key, INT64_MIN,
                                       INT64_MAX, NULL), STATUS_OK));
        cr_expect(eq(i64, n, want[i].value), "%s", want[i].key);
    }
    gguf_close(file);
}

Test(gguf, a_tensor_is_found_by_the_longest_name)
{
    static const char longest[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst"
                                  "uvwxyzabcdefghijkl";
    struct image image = image_of(TENSORS(1) ROW("abcdefghijklmnopqrstuvwxyz"
        "abcdefghijklmnopqrstuvwxyzabcdefghijkl", 4, 0) "/32 #16");
    struct gguf *file = opened(&image);

    cr_assert(eq(sz, strlen(longest), GGUF_MAX_NAME));
    cr_assert(gguf_find(file, longest) != NULL);
    gguf_close(file);
}

Test(gguf, a_value_of_another_kind_is_refused_by_name)
{
    struct image image = image_of(every_kind);
    struct gguf *file = opened(&image);
    struct error err;
    struct gguf_text text;
    struct gguf_array array;
    int64_t n = 77;
    double x;
    bool flag;

    cr_assert(eq(int, gguf_integer(&n, file, "u64", INT64_MIN, INT64_MAX, &err),
                 STATUS_BAD_VALUE));
    cr_assert(eq(int, gguf_integer(&n, file, "text", 0, 9, &err),
                 STATUS_BAD_VALUE));
    cr_assert(has_words(err.text, "x.gguf: text is string: it must be an"
                                  " integer"));
    cr_assert(eq(int, gguf_integer(&n, file, "u8", 0, 9, &err),
                 STATUS_BAD_VALUE));
    cr_assert(has_words(err.text, "u8 200: allowed is 0 to 9"));
    cr_assert(eq(int, gguf_integer(&n, file, "none", 0, 9, &err),
                 STATUS_BAD_VALUE));
    cr_assert(has_words(err.text, "no none in it"));
    cr_assert(eq(i64, n, 77));
    cr_assert(eq(int, gguf_real(&x, file, "bool", &err), STATUS_BAD_VALUE));
    cr_assert(eq(int, gguf_flag(&flag, file, "u8", &err), STATUS_BAD_VALUE));
    cr_assert(eq(int, gguf_text(&text, file, "texts", &err),
                 STATUS_BAD_VALUE));
    cr_assert(has_words(err.text, "texts is an array of string"));
    cr_assert(eq(int, gguf_array(&array, file, "text", &err),
                 STATUS_BAD_VALUE));
    gguf_close(file);
}

Test(gguf, texts_flags_and_reals_are_what_stands_there)
{
    struct image image = image_of(every_kind);
    struct gguf *file = opened(&image);
    struct gguf_text text;
    double half = 0, seven = 0;
    bool flag = false;

    cr_assert(eq(u32, gguf_version(file), 3));
    cr_assert(eq(sz, gguf_value_count(file), 14));
    cr_assert(gguf_text_is(gguf_key(file, 1), "i8"));
    cr_assert(gguf_has(file, "f32") && !gguf_has(file, "f3"));
    cr_assert(eq(int, gguf_text(&text, file, "text", NULL), STATUS_OK));
    cr_assert(gguf_text_is(text, "llama") && !gguf_text_is(text, "llam"));
    cr_assert(eq(int, gguf_real(&half, file, "f32", NULL), STATUS_OK));
    cr_assert(eq(int, gguf_real(&seven, file, "i32", NULL), STATUS_OK));
    cr_assert(eq(int, gguf_flag(&flag, file, "bool", NULL), STATUS_OK));
    cr_assert(flag && half == 0.5 && seven == -7.0);
    gguf_close(file);
}

Test(gguf, arrays_are_walked_in_place)
{
    static const char *const words[] = { "a", "", "bcd" };
    static const int64_t numbers[] = { -1, 0, 2 };
    struct image image = image_of(every_kind);
    struct gguf *file = opened(&image);
    struct gguf_array array;
    struct gguf_text text;
    int64_t n;
    double x;

    cr_assert(eq(int, gguf_array(&array, file, "texts", NULL), STATUS_OK));
    cr_assert(array.n == 3 && !gguf_next_integer(&array, &n));
    for (int i = 0; i < 3; i++) {
        cr_assert(gguf_next_text(&array, &text));
        cr_expect(gguf_text_is(text, words[i]));
        cr_expect(text.bytes > (const char *)image.bytes);
    }
    cr_assert(gguf_next_text(&array, &text) == false);
    cr_assert(eq(int, gguf_array(&array, file, "ints", NULL), STATUS_OK));
    for (int i = 0; i < 3; i++) {
        cr_assert(gguf_next_integer(&array, &n));
        cr_expect(eq(i64, n, numbers[i]));
    }
    cr_assert(gguf_next_integer(&array, &n) == false);
    cr_assert(eq(int, gguf_array(&array, file, "reals", NULL), STATUS_OK));
    cr_assert(gguf_next_real(&array, &x) && x == 0.25);
    cr_assert(gguf_next_real(&array, &x) && x == -1.5);
    cr_assert(gguf_next_real(&array, &x) == false);
    gguf_close(file);
}

Test(gguf, dims_are_reversed_and_data_starts_where_the_file_says)
{
    struct image image = image_of(every_kind);
    struct gguf *file = opened(&image);
    const struct gguf_tensor *b = gguf_find(file, "b"),
                             *a = gguf_find(file, "a");

    cr_assert(eq(sz, gguf_tensor_count(file), 2));
    cr_assert(b == gguf_tensor(file, 0) && a == gguf_tensor(file, 1));
    cr_assert(gguf_find(file, "c") == NULL);
    cr_assert(b->rank == 2 && b->shape[0] == 2 && b->shape[1] == 3);
    cr_assert(b->n == 6 && b->bytes == 24 && b->type == GGUF_F32);
    cr_assert(a->rank == 0 && a->n == 1 && a->bytes == 4);
    const unsigned char *first = b->data, *second = a->data;
    cr_assert(first[0] == 0 && first[23] == 23 && second - first == 32);
    gguf_close(file);
}

Test(gguf, names_cannot_steer_a_terminal)
{
    struct image image = image_of(VALUES(1) "3l 0x1by [2J 13i 1l");
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };

    cr_assert(ne(int, parse(&file, &image, &err), STATUS_OK));
    cr_assert(strchr(err.text, 0x1b) == NULL);
}

/* ---- numbers ---- */

/* One block of a type, as floats. */
static void block(float out[32], enum gguf_type type, const char *words)
{
    struct image image = image_of(words);
    struct gguf_tensor tensor = { .name = "t", .type = type, .n = 32,
                                  .data = image.bytes, .bytes = image.size };
    cr_assert(eq(int, gguf_floats(out, 32, &tensor, NULL), STATUS_OK));
}

/* Half 0x3800 is 0.5, 0xc000 is -2. */
Test(gguf, q8_0_is_a_scale_times_signed_bytes)
{
    float out[32];
    block(out, GGUF_Q8_0, "0y 0x38y -1y 127y -128y #29");
    cr_assert(out[0] == -0.5f && out[1] == 63.5f && out[2] == -64.0f);
    for (int i = 3; i < 32; i++)
        cr_assert(out[i] == 0.5f * (float)(i - 3));
}

/* Byte i is i: low nibbles 0..15 first, high ones, all 0, after them. */
Test(gguf, q4_0_is_low_nibbles_then_high_ones_less_eight)
{
    float out[32];
    block(out, GGUF_Q4_0, "0y 0x38y #15 0xf3y");
    for (int i = 0; i < 15; i++) {
        cr_assert(out[i] == 0.5f * (float)(i - 8));
        cr_assert(out[16 + i] == -4.0f);
    }
    cr_assert(out[15] == -2.5f && out[31] == 3.5f);
}

Test(gguf, q4_1_adds_a_minimum)
{
    float out[32];
    block(out, GGUF_Q4_1, "0y 0x38y 0y 0xc0y #15 0xf3y");
    for (int i = 0; i < 15; i++) {
        cr_assert(out[i] == 0.5f * (float)i - 2.0f);
        cr_assert(out[16 + i] == -2.0f);
    }
    cr_assert(out[15] == -0.5f && out[31] == 5.5f);
}

Test(gguf, halves_are_exact_and_other_types_refused_by_name)
{
    struct image image = image_of("0y 0x38y 1y 0y 0y 0xfcy");
    struct gguf_tensor t = { .name = "t", .type = GGUF_F16, .n = 3,
                             .data = image.bytes, .bytes = 6 };
    float out[3] = { 7, 7, 7 };
    struct error err;

    cr_assert(eq(int, gguf_floats(out, 3, &t, NULL), STATUS_OK));
    cr_assert(out[0] == 0.5f && out[1] == 0x1p-24f && isinf(out[2]));
    t.type = GGUF_BF16;                       /* 0x3800: 2^-15 */
    cr_assert(eq(int, gguf_floats(out, 3, &t, NULL), STATUS_OK));
    cr_assert(out[0] == 0x1p-15f);
    cr_assert(eq(int, gguf_floats(out, 2, &t, &err), STATUS_BAD_VALUE));
    cr_assert(has_words(err.text, "3 numbers"));
    t.type = GGUF_IQ3_S;
    cr_assert(eq(int, gguf_floats(out, 3, &t, &err), STATUS_BAD_VALUE));
    cr_assert(has_words(err.text, "tensor t is IQ3_S"));
}

Test(gguf, every_type_widens_as_independent_code_does)
{
    for (size_t v = 0; v < sizeof number_vectors / sizeof *number_vectors;
         v++) {
        const size_t n = number_vectors[v].n;
        const struct gguf_tensor t = { .name = "t", .n = n,
                                       .type = number_vectors[v].type,
                                       .data = number_vectors[v].bytes };
        float out[512];
        uint32_t bits[512];

        cr_assert(n <= 512);
        cr_assert(eq(int, gguf_floats(out, n, &t, NULL), STATUS_OK));
        memcpy(bits, out, n * sizeof *out);
        for (size_t i = 0; i < n; i++)
            cr_assert(bits[i] == number_vectors[v].floats[i],
                      "%s, number %zu: %08x, not %08x", gguf_type_name(t.type),
                      i, bits[i], number_vectors[v].floats[i]);
    }
}

/* ---- real files ---- */

Test(gguf, real_vocabularies_open)
{
    static const struct {
        const char *name, *model;
        uint64_t n;
    } real[] = {
        { "tokenizers/ggml-vocab-gpt-2.gguf", "gpt2", 50257 },
        { "tokenizers/ggml-vocab-llama-spm.gguf", "llama", 32000 },
    };
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        char path[FILE_PATH_SIZE];
        struct gguf *file = NULL;
        struct gguf_text model;
        struct gguf_array tokens;
        struct error err = { STATUS_OK, "" };

        shared_path(path, real[i].name);
        cr_assert(eq(int, gguf_open(&file, path, &err), STATUS_OK), "%s",
                  err.text);
        cr_assert(eq(int, gguf_text(&model, file, "tokenizer.ggml.model",
                                    NULL), STATUS_OK));
        cr_assert(gguf_text_is(model, real[i].model));
        cr_assert(eq(int, gguf_array(&tokens, file, "tokenizer.ggml.tokens",
                                     NULL), STATUS_OK));
        cr_assert(eq(u64, tokens.n, real[i].n));
        cr_assert(eq(sz, gguf_tensor_count(file), 0));
        gguf_close(file);
    }
}

/* gguf-split of llama.cpp: each part says its number and how many there are. */
#define PART(no, name, count)                                                  \
    "GGUF 3i 1l 3l 'split.no' 4i " #no "i 'split.count' 4i 2i"                 \
    " 'split.tensors.count' 5i " #count "i " ROW(name, 2, 0) "/32 1.0 " #no ".0"

static void put_part(const char *name, const char *words)
{
    struct image image = image_of(words);
    FILE *file = fopen(name, "wb");

    cr_assert(file && fwrite(image.bytes, image.size, 1, file) == 1);
    cr_assert(fclose(file) == 0);
}

static void expect_no_parts(const char *path, const char *words)
{
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };

    cr_expect(ne(int, gguf_open(&file, path, &err), STATUS_OK));
    cr_expect(strstr(err.text, words) != NULL, "%s", err.text);
}

Test(gguf, parts_are_one_file_or_the_missing_one_is_named)
{
    static const char first[] = "m-00001-of-00002.gguf",
                      second[] = "m-00002-of-00002.gguf";
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };
    float out[2];

    enter_directory();
    put_part(first, PART(0, "a", 2));
    expect_no_parts(first, "m-00002-of-00002.gguf: part 2 of 2 is not there");
    put_part(second, PART(1, "b", 2));
    cr_assert(eq(int, gguf_open(&file, first, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(eq(sz, gguf_tensor_count(file), 2));
    cr_expect_str_eq(gguf_tensor(file, 1)->name, "b");
    cr_assert(eq(int, gguf_floats(out, 2, gguf_find(file, "b"), NULL),
                 STATUS_OK));
    cr_expect(out[0] == 1.0f && out[1] == 1.0f);
    cr_assert(eq(int, gguf_floats(out, 2, gguf_find(file, "a"), NULL),
                 STATUS_OK));
    cr_expect(out[1] == 0.0f);
    cr_expect(gguf_find(file, "c") == NULL);
    gguf_close(file);
    expect_no_parts(second, "give the first, whose name ends in -00001-of");
    put_part(second, PART(1, "a", 2));
    expect_no_parts(first, "a: two parts have the tensor");
    put_part(second, PART(0, "b", 2));
    expect_no_parts(first, "split.no");
    put_part(first, PART(0, "a", 3));
    put_part(second, PART(1, "b", 3));
    expect_no_parts(first, "split.tensors.count");
    leave_directory();
}
