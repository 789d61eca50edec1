/* test_safetensors.c - Refuse hostile safetensors files; read good ones. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/files/safetensors.h"
#include "sim/core/base/file.h"

enum { ROOM = 4096 };

/* N, the header, then n_data bytes 0, 1, 2, ... */
struct image {
    unsigned char bytes[ROOM];
    size_t size;
};

static struct image image_of(const char *header, size_t n_data)
{
    struct image image;
    uint64_t n = strlen(header);

    memcpy(image.bytes, &n, 8);
    memcpy(image.bytes + 8, header, n);
    for (size_t i = 0; i < n_data; i++)
        image.bytes[8 + n + i] = (unsigned char)i;
    image.size = 8 + n + n_data;
    return image;
}

static enum status parse(struct safetensors **file, const struct image *image,
                         struct error *err)
{
    return safetensors_parse(file, image->bytes, image->size, "x.safetensors",
                             err);
}

/* A header that must be refused, with these words. */
struct refusal {
    const char *header;
    size_t      n_data;
    const char *words;
};

#define I32_2X2(offsets) \
    "{\"t\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":" offsets "}}"
#define SHAPE(shape) \
    "{\"t\":{\"dtype\":\"I32\",\"shape\":" shape ",\"data_offsets\":[0,16]}}"
#define AT(name, begin, end) \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[4]," \
    "\"data_offsets\":[" #begin "," #end "]}"

static const struct refusal refusals[] = {
    { "{", 0, "header: " },
    { "\xff", 0, "header: " },
    { "[]", 0, "must be an object" },
    { "{}x", 0, "header: " },
    { "{}", 4, "4 bytes of data, the tensors end at 0" },
    { I32_2X2("[0,16]"), 14, "data_offsets [0, 16]" },
    { I32_2X2("[0,16]"), 20, "20 bytes of data, the tensors end at 16" },
    { I32_2X2("[0,4]"), 4, "shape x dtype is 16 bytes, data_offsets span 4" },
    { I32_2X2("[16,0]"), 16, "begin <= end" },
    { I32_2X2("[0]"), 16, "two whole numbers" },
    { I32_2X2("[0,8,16]"), 16, "two whole numbers" },
    { I32_2X2("[0,16.0]"), 16, "two whole numbers" },
    { I32_2X2("[0,1.6e1]"), 16, "two whole numbers" },
    { I32_2X2("[-16,0]"), 16, "two whole numbers" },
    { I32_2X2("{}"), 16, "two whole numbers" },
    { I32_2X2("[0,99999999999999999999]"), 16, "too big integer" },
    { SHAPE("[2,18446744073709551614]"), 16, "too big integer" },
    { SHAPE("[2,9223372036854775807]"), 16, "below 2^61" },
    { SHAPE("[4611686018427387904,4]"), 16, "below 2^61" },
    { SHAPE("[-2,-2]"), 16, "axis 0 is not a whole number" },
    { SHAPE("[2,\"2\"]"), 16, "axis 1 is not a whole number" },
    { SHAPE("4"), 16, "shape must be a list" },
    { SHAPE("[1,1,1,1,1,1,1,2,2]"), 16, "shape of 9 axes" },
    { "{\"t\":{\"dtype\":\"F33\",\"shape\":[],\"data_offsets\":[0,4]}}", 4,
      "unknown dtype F33" },
    { "{\"t\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,4]}}", 4,
      "dtype must be a string" },
    { "{\"t\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1,
      "no whole number of bytes" },
    { "{\"t\":{\"shape\":[],\"data_offsets\":[0,4]}}", 4, "no dtype" },
    { "{\"t\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "no shape" },
    { "{\"t\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "no data_offsets" },
    { "{\"t\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],"
      "\"scale\":2}}", 4, "keys other than" },
    { "{\"t\":3}", 0, "tensor t: must be an object" },
    { "{\"t\":null}", 0, "tensor t: must be an object" },
    { "{" AT("a", 0, 4) "," AT("b", 0, 4) "}", 4, "neither overlap" },
    { "{" AT("a", 0, 4) "," AT("b", 2, 6) "}", 6, "neither overlap" },
    { "{" AT("a", 0, 4) "," AT("b", 6, 10) "}", 10, "leave holes" },
    { "{" AT("a", 2, 6) "}", 6, "leave holes" },
    { "{" AT("a", 0, 4) "," AT("a", 0, 4) "}", 4, "duplicate" },
    { "{" AT("a", 0, 4) "," AT("a", 4, 8) "}", 8, "duplicate" },
    { "{" AT("\\u0000", 0, 4) "}", 4, "header: " },
    { "{" AT("\\ud800", 0, 4) "}", 4, "header: " },
    { "{" AT("\xc3\x28", 0, 4) "}", 4, "header: " },
    { "{\"__metadata__\":{\"format\":1}}", 0, "format must be a string" },
    { "{\"__metadata__\":[]}", 0, "__metadata__ must be an object" },
};

Test(safetensors, refuses_every_broken_header_in_words)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct image image = image_of(refusals[i].header, refusals[i].n_data);
        struct safetensors *file = NULL;
        struct error err = { STATUS_OK, "" };

        cr_expect(eq(int, parse(&file, &image, &err), STATUS_BAD_FORMAT),
                  "%s", refusals[i].header);
        cr_expect(strstr(err.text, refusals[i].words) != NULL, "%s: %s",
                  refusals[i].header, err.text);
        cr_expect(strncmp(err.text, "x.safetensors: ", 15) == 0);
        cr_expect(file == NULL);
    }
}

static struct error error_of(const void *bytes, size_t size)
{
    struct safetensors *file = NULL;
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, safetensors_parse(&file, bytes, size, "x", &err),
                 STATUS_BAD_FORMAT));
    return err;
}

Test(safetensors, refuses_a_file_too_short_for_its_length)
{
    cr_assert(strstr(error_of("", 0).text, "0 bytes: too short") != NULL);
    cr_assert(strstr(error_of("<\0\0\0\0\0\0", 7).text, "7 bytes") != NULL);
    cr_assert(strstr(error_of("<\0\0\0\0\0\0\0", 8).text, "cut short") != NULL);
    cr_assert(strstr(error_of("\1\0\0\0\0\0\0\0", 8).text,
                     "cut short") != NULL);
}

Test(safetensors, refuses_a_length_beyond_the_limit_before_reading_on)
{
    /* 0xffffff000000003c: 8 + N would wrap. */
    cr_assert(strstr(error_of("\x3c\0\0\0\0\xff\xff\xff{}", 10).text,
                     "the limit is 100000000") != NULL);
    /* 100000001, in a file of 8 bytes. */
    cr_assert(strstr(error_of("\x01\xe1\xf5\x05\0\0\0\0", 8).text,
                     "the limit is 100000000") != NULL);
    /* 100000000 is allowed, but not there. */
    cr_assert(strstr(error_of("\0\xe1\xf5\x05\0\0\0\0", 8).text,
                     "cut short") != NULL);
}

Test(safetensors, refuses_a_header_of_nothing)
{
    cr_assert(strstr(error_of("\0\0\0\0\0\0\0\0", 8).text, "header: ") != NULL);
}

/* 8 bytes of N and n - 8 of `c`. */
static char *filled(size_t n, char c)
{
    uint64_t header = n - 8;
    char *bytes = malloc(n);

    memset(bytes, c, n);
    memcpy(bytes, &header, 8);
    return bytes;
}

Test(safetensors, refuses_a_bomb_of_nested_lists)
{
    char *bytes = filled(1 << 20, '[');
    cr_assert(strstr(error_of(bytes, 1 << 20).text, "depth") != NULL);
    free(bytes);
}

Test(safetensors, refuses_a_bomb_of_values)
{
    size_t n = SAFETENSORS_MAX_VALUES + 16;
    char *bytes = filled(n, ',');
    cr_assert(strstr(error_of(bytes, n).text, "values: the limit") != NULL);
    free(bytes);
}

Test(safetensors, refuses_many_tensors_on_one_range)
{
    char header[ROOM - 64] = "{";
    for (int i = 0; i < 10; i++)
        sprintf(header + strlen(header), "%s\"t%d\":{\"dtype\":\"I32\",\"shape\""
                ":[2,2],\"data_offsets\":[0,16]}", i ? "," : "", i);
    strcat(header, "}");
    struct image image = image_of(header, 16);
    cr_assert(strstr(error_of(image.bytes, image.size).text,
                     "neither overlap") != NULL);
}

Test(safetensors, shows_no_control_characters_of_a_name)
{
    struct image image = image_of("{\"\\u001b[2J\":1}", 0);
    struct error err = error_of(image.bytes, image.size);
    cr_assert(strchr(err.text, '\x1b') == NULL);
    cr_assert(strstr(err.text, "?[2J") != NULL);
}

static struct safetensors *good(const struct image *image)
{
    struct safetensors *file = NULL;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&file, image, &err), STATUS_OK), "%s", err.text);
    return file;
}

Test(safetensors, finds_tensors_by_name_and_lists_them_by_place)
{
    /* b stands first in the header, a first in the data. */
    struct image image = image_of("{\"b\":{\"dtype\":\"U8\",\"shape\":[3],"
        "\"data_offsets\":[4,7]},\"a\":{\"dtype\":\"F16\",\"shape\":[1,2],"
        "\"data_offsets\":[0,4]}}", 7);
    struct safetensors *file = good(&image);
    const struct safetensors_tensor *b = safetensors_find(file, "b");

    cr_assert(eq(sz, safetensors_count(file), 2));
    cr_assert_str_eq(safetensors_at(file, 0)->name, "a");
    cr_assert(eq(int, b->dtype, SAFETENSORS_U8));
    cr_assert(eq(int, b->rank, 1));
    cr_assert(eq(u64, b->shape[0], 3));
    cr_assert(eq(sz, b->bytes, 3));
    cr_assert(eq(int, *(const unsigned char *)b->data, 4));
    cr_assert(safetensors_find(file, "c") == NULL);
    safetensors_close(file);
}

Test(safetensors, takes_scalars_empty_tensors_and_blanks)
{
    struct image image = image_of(" {\"e\":{\"dtype\":\"F32\",\"shape\":[2,0],"
        "\"data_offsets\":[4,4]},\"s\":{\"dtype\":\"F32\",\"shape\":[],"
        "\"data_offsets\":[-0,4]},\"z\":{\"dtype\":\"F32\",\"shape\":[0],"
        "\"data_offsets\":[0,0]}}  ", 4);
    struct safetensors *file = good(&image);

    cr_assert(eq(sz, safetensors_find(file, "e")->bytes, 0));
    cr_assert(eq(int, safetensors_find(file, "s")->rank, 0));
    cr_assert(eq(sz, safetensors_find(file, "s")->bytes, 4));
    safetensors_close(file);
}

Test(safetensors, takes_a_file_of_nothing_but_blanks)
{
    struct image image = image_of("{}     ", 0);
    struct safetensors *file = good(&image);
    cr_assert(eq(sz, safetensors_count(file), 0));
    cr_assert(safetensors_find(file, "") == NULL);
    cr_assert(safetensors_metadata(file, "format") == NULL);
    safetensors_close(file);
}

Test(safetensors, knows_metadata_from_tensors)
{
    struct image image = image_of("{\"__metadata__\":{\"format\":\"pt\"}}", 0);
    struct safetensors *file = good(&image);
    cr_assert_str_eq(safetensors_metadata(file, "format"), "pt");
    cr_assert(safetensors_metadata(file, "step") == NULL);
    cr_assert(eq(sz, safetensors_count(file), 0));
    safetensors_close(file);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* IEEE 754: 0x3c00 is 1, 0x0001 the least subnormal 2^-24, 0x03ff the largest
 * 1023 * 2^-24, 0x0400 2^-14, 0x7bff 65504. */
Test(safetensors, widens_half_floats_exactly)
{
    static const uint16_t half[] = { 0x3c00, 0xc000, 0x0001, 0x83ff, 0x0400,
                                     0x7bff, 0x8000, 0xfc00, 0x7e00 };
    static const float want[] = { 1.0f, -2.0f, 0x1p-24f, -1023 * 0x1p-24f,
                                  0x1p-14f, 65504.0f, -0.0f, -INFINITY };
    char bytes[1 + sizeof half];
    struct safetensors_tensor tensor = {
        .name = "h", .dtype = SAFETENSORS_F16, .rank = 1, .shape = { 9 },
        .data = bytes + 1, .bytes = sizeof half,      /* odd on purpose */
    };
    float out[9];

    memcpy(bytes + 1, half, sizeof half);
    cr_assert(eq(int, safetensors_floats(out, 9, &tensor, NULL), STATUS_OK));
    for (int i = 0; i < 8; i++)
        cr_expect(eq(u32, bits_of(out[i]), bits_of(want[i])), "%d", i);
    cr_assert(isnan(out[8]));
}

/* bfloat16 is the upper half of a float: 0x0001 is the subnormal 2^-133. */
Test(safetensors, widens_bfloats_exactly)
{
    static const uint16_t half[] = { 0x3f80, 0xc000, 0x0001, 0xff80, 0x7fc0 };
    static const float want[] = { 1.0f, -2.0f, 0x1p-133f, -INFINITY };
    struct safetensors_tensor tensor = {
        .name = "h", .dtype = SAFETENSORS_BF16, .rank = 1, .shape = { 5 },
        .data = half, .bytes = sizeof half,
    };
    float out[5];

    cr_assert(eq(int, safetensors_floats(out, 5, &tensor, NULL), STATUS_OK));
    for (int i = 0; i < 4; i++)
        cr_expect(eq(u32, bits_of(out[i]), bits_of(want[i])), "%d", i);
    cr_assert(isnan(out[4]));
}

Test(safetensors, gives_floats_only_of_the_right_number_and_dtype)
{
    static const int64_t whole[2] = { 1, 2 };
    struct safetensors_tensor tensor = {
        .name = "w", .dtype = SAFETENSORS_I64, .rank = 1, .shape = { 2 },
        .data = whole, .bytes = sizeof whole,
    };
    float out[4] = { 7, 7, 7, 7 };
    struct error err;

    cr_assert(eq(int, safetensors_floats(out, 2, &tensor, &err),
                 STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "tensor w is I64: supported are F32, F16 and"
                 " BF16");
    tensor.dtype = SAFETENSORS_F32;
    cr_assert(eq(int, safetensors_floats(out, 3, &tensor, &err),
                 STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "tensor w has 4 numbers: needed are 3");
    cr_assert(eq(flt, out[0], 7.0f));
}

static char *path_in(char *path, const char *name)
{
    strcpy(path, "/tmp/isobath-test-XXXXXX");
    cr_assert(mkdtemp(path) != NULL);
    strcat(path, "/");
    return strcat(path, name);
}

static void remove_all(char *path)
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

Test(safetensors, writes_the_bytes_the_reference_writes)
{
    /* By dtype, then name; header 159 bytes, padded to 160. */
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"c\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
        "\"a\":{\"dtype\":\"F16\",\"shape\":[1,1],\"data_offsets\":[12,14]}}";
    static const float b[] = { 1.0f, 2.0f }, c = 3.0f;
    static const uint16_t a = 0x3c00;
    struct safetensors_tensor tensor[] = {
        { .name = "c", .dtype = SAFETENSORS_F32, .data = &c },
        { .name = "a", .dtype = SAFETENSORS_F16, .rank = 2, .shape = { 1, 1 },
          .data = &a },
        { .name = "b", .dtype = SAFETENSORS_F32, .rank = 1, .shape = { 2 },
          .data = b },
    };
    struct safetensors_note note = { "format", "pt" };
    char path[64], *text;
    size_t size, padded = (sizeof header - 1 + 7) / 8 * 8;
    uint64_t n;

    path_in(path, "m.safetensors");
    cr_assert(eq(int, safetensors_write(path, tensor, 3, &note, 1, NULL),
                 STATUS_OK));
    cr_assert(eq(int, file_read(&text, &size, path, ROOM, NULL), STATUS_OK));
    remove_all(path);
    cr_assert(eq(sz, size, 8 + padded + 14));
    memcpy(&n, text, 8);
    cr_assert(eq(u64, n, padded));
    cr_assert(memcmp(text + 8, header, sizeof header - 1) == 0);
    cr_assert(memcmp(text + 8 + padded, b, 8) == 0);
    cr_assert(memcmp(text + 8 + padded + 8, &c, 4) == 0);
    cr_assert(memcmp(text + 8 + padded + 12, &a, 2) == 0);
    free(text);
}

Test(safetensors, reads_back_what_it_wrote)
{
    static const float w[6] = { 0, 1, -2, 3.5f, 1e-40f, INFINITY };
    struct safetensors_tensor tensor[] = {
        { .name = "w \"quoted\" \xc3\xa9", .dtype = SAFETENSORS_F32, .rank = 2,
          .shape = { 2, 3 }, .data = w },
        { .name = "none", .dtype = SAFETENSORS_F32, .rank = 1, .shape = { 0 } },
    };
    struct safetensors_note notes[] = { { "step", "12" }, { "b", "" } };
    struct safetensors *file = NULL;
    char path[64];
    float out[6];

    path_in(path, "m.safetensors");
    cr_assert(eq(int, safetensors_write(path, tensor, 2, notes, 2, NULL),
                 STATUS_OK));
    cr_assert(eq(int, safetensors_open(&file, path, NULL), STATUS_OK));
    remove_all(path);
    const struct safetensors_tensor *t =
        safetensors_find(file, "w \"quoted\" \xc3\xa9");
    cr_assert(t != NULL);
    cr_assert(eq(int, safetensors_floats(out, 6, t, NULL), STATUS_OK));
    cr_assert(memcmp(out, w, sizeof w) == 0);
    cr_assert(eq(sz, safetensors_find(file, "none")->bytes, 0));
    cr_assert_str_eq(safetensors_metadata(file, "step"), "12");
    safetensors_close(file);
}

Test(safetensors, writes_no_file_that_it_would_not_read)
{
    static const float w[2];
    struct safetensors_tensor twice[] = {
        { .name = "a", .dtype = SAFETENSORS_F32, .data = w },
        { .name = "a", .dtype = SAFETENSORS_U8, .data = w },
    };
    struct safetensors_tensor latin = {
        .name = "\xe9", .dtype = SAFETENSORS_F32, .data = w };
    struct safetensors_tensor metadata = {
        .name = "__metadata__", .dtype = SAFETENSORS_F32, .data = w };
    struct safetensors_tensor huge = {
        .name = "h", .dtype = SAFETENSORS_F32, .rank = 2,
        .shape = { 1ull << 40, 1ull << 40 }, .data = w };
    struct safetensors_note notes[] = { { "a", "1" }, { "a", "2" } };
    char path[64];

    path_in(path, "m.safetensors");
    cr_expect(eq(int, safetensors_write(path, twice, 2, NULL, 0, NULL),
                 STATUS_BAD_VALUE));
    cr_expect(eq(int, safetensors_write(path, &latin, 1, NULL, 0, NULL),
                 STATUS_BAD_VALUE));
    cr_expect(eq(int, safetensors_write(path, &metadata, 1, NULL, 0, NULL),
                 STATUS_BAD_VALUE));
    cr_expect(eq(int, safetensors_write(path, &huge, 1, NULL, 0, NULL),
                 STATUS_BAD_VALUE));
    cr_expect(eq(int, safetensors_write(path, NULL, 0, notes, 2, NULL),
                 STATUS_BAD_VALUE));
    cr_expect(not(file_exists(path)));
    remove_all(path);
}

Test(safetensors, names_a_file_that_is_not_there)
{
    struct safetensors *file = NULL;
    struct error err;
    cr_assert(eq(int, safetensors_open(&file, "/nowhere/m.safetensors", &err),
                 STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "/nowhere/m.safetensors") != NULL);
}
