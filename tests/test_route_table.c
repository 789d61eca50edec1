/* test_route_table.c - Expect a table of routes to count what was kept after
 * the last tokens, to go by the longest context that it knows, and to hold the
 * capacity. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/file.h"
#include "sim/core/base/random.h"
#include "sim/core/model/route_table.h"
#include "tests/directory.h"

/* Layers 1 and 3 of four. */
static struct model_spec spec_of(double capacity)
{
    struct model_spec spec = { .n_layers = 4 };
    for (int l = 0; l < 4; l++) {
        spec.routed[l] = l % 2 == 1;
        spec.capacity[l] = spec.routed[l] ? capacity : 1.0;
    }
    return spec;
}

static struct route_table *counted(const int32_t *ids, const bool *kept,
                                   int32_t n, int order)
{
    const struct model_spec spec = spec_of(0.5);
    struct route_table *table = NULL;

    cr_assert(eq(int, route_table_open(&table, &spec, order, NULL), STATUS_OK));
    cr_assert(eq(int, route_table_count(table, ids, kept, n, NULL),
                 STATUS_OK));
    return table;
}

static char *written(const struct route_table *table)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    cr_assert(eq(int, route_table_write(table, file, NULL), STATUS_OK));
    fclose(file);
    return text;
}

static enum status read_text(struct route_table **out, const char *text,
                             struct error *err)
{
    char directory[64], path[FILE_PATH_SIZE];
    FILE *file;

    make_directory(directory);
    snprintf(path, sizeof path, "%s/t.csv", directory);
    file = fopen(path, "w");
    cr_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    enum status status = route_table_read(out, path, err);
    remove_directory(directory);
    return status;
}

/* By hand: 7 8 7 8 7, of which layer 1 keeps the sevens and layer 3 the last. */
Test(route_table, counts_every_context_that_was_seen_twice)
{
    static const int32_t ids[] = { 7, 8, 7, 8, 7 };
    static const bool kept[] = { true, false, true, false, true,
                                 false, false, false, false, true };
    struct route_table *table = counted(ids, kept, 5, 2), *again = NULL;
    char *text = written(table), *twice;

    cr_expect_str_eq(text, "context,count,kept_1,kept_3\r\n"
                           ",5,3,1\r\n"
                           "7,3,3,1\r\n"
                           "8,2,0,0\r\n"
                           "7 8,2,0,0\r\n"
                           "8 7,2,2,1\r\n");
    cr_assert(eq(int, read_text(&again, text, NULL), STATUS_OK));
    cr_expect(eq(i64, route_table_contexts(again), 5));
    cr_expect(eq(int, route_table_order(again), 2));
    twice = written(again);
    cr_expect_str_eq(twice, text);
    free(twice);
    free(text);
    route_table_close(again);
    route_table_close(table);
}

/* The same: shares are (3 + p) / 4 after a 7 with p = (3 + .6) / 6 at the
 * root ... so sevens are kept and eights are not. */
Test(route_table, keeps_by_the_longest_context_and_falls_back)
{
    static const int32_t ids[] = { 7, 8, 7, 8, 7 };
    static const bool kept[] = { true, false, true, false, true,
                                 false, false, false, false, true };
    static const int32_t known[] = { 8, 7 }, unknown[] = { 9, 7 },
                         strange[] = { 7, 9 };
    const struct model_spec spec = spec_of(0.6);
    struct route_table *table = counted(ids, kept, 5, 2);

    cr_assert(eq(int, route_table_fit(table, &spec, NULL), STATUS_OK));
    cr_expect(eq(dbl, route_table_share(table, 1, PART_BLOCK), 0.6));
    cr_expect(route_table_score(table, 1, PART_BLOCK, known + 1, 1) >= 0.0f);
    cr_expect(route_table_score(table, 1, PART_BLOCK, unknown + 1, 1) >= 0.0f);
    cr_expect(route_table_score(table, 1, PART_BLOCK, known + 1, 0) >= 0.0f);
    cr_expect(route_table_score(table, 1, PART_BLOCK, known, 0) < 0.0f);
    /* of 9 nothing is known: the root's share, (3 + 3/5) / 6 = 0.6, is below
     * that of 8 7, and so below the cut */
    cr_expect(route_table_score(table, 1, PART_BLOCK, strange + 1, 1) < 0.0f);
    route_table_close(table);
}

/* Tokens that were kept by their context with some noise: whatever the capacity,
 * the share kept of the counted text is that, as far as contexts can be told
 * apart. */
Test(route_table, holds_any_capacity)
{
    enum { N = 20000, VOCAB = 30 };
    struct random random = random_seeded(5);
    int32_t *ids = calloc(N, sizeof *ids);
    bool *kept = calloc(2 * N, sizeof *kept);

    for (int i = 0; i < N; i++)
        ids[i] = (int32_t)random_below(&random, VOCAB);
    for (int i = 1; i < N; i++)
        for (int l = 0; l < 2; l++)
            kept[l * N + i] = (ids[i] * 3 + ids[i - 1] * (5 + l)) % 8 <
                              (int)random_below(&random, 3);
    struct route_table *table = counted(ids, kept, N, 3);
    for (int c = 1; c < 8; c++) {
        const struct model_spec spec = spec_of(c / 8.0);
        cr_assert(eq(int, route_table_fit(table, &spec, NULL), STATUS_OK));
        for (int l = 1; l < 4; l += 2) {
            int n = 0;
            for (int i = 0; i < N; i++)
                n += route_table_score(table, l, PART_BLOCK, ids + i, i) >=
                     0.0f;
            const double share = route_table_share(table, l, PART_BLOCK);
            cr_expect(fabs((double)n / N - share) < 1e-3);
            cr_expect(fabs((double)n / N - c / 8.0) < 0.01, "%d: %g", c,
                      (double)n / N);
        }
    }
    route_table_close(table);
    free(kept);
    free(ids);
}

/* Attention keeps the sevens of 7 8 7 8, the feed-forward part the eights. */
Test(route_table, parts_apart_have_numbers_of_their_own)
{
    static const int32_t ids[] = { 7, 8, 7, 8 };
    static const bool kept[] = { true, false, true, false,
                                 false, true, false, true,
                                 true, false, true, false,
                                 false, true, false, true };
    struct model_spec spec = spec_of(0.5), whole = spec_of(0.5);
    struct route_table *table = NULL, *again = NULL;
    struct error err;

    spec.part = PART_APART;
    cr_assert(eq(int, route_table_open(&table, &spec, 1, NULL), STATUS_OK));
    cr_assert(eq(int, route_table_count(table, ids, kept, 4, NULL), STATUS_OK));
    char *text = written(table);
    cr_expect(strncmp(text, "context,count,kept_1_attention,kept_1_ffn,"
                      "kept_3_attention,kept_3_ffn\r\n,4,2,2,2,2\r\n", 80) == 0,
              "%s", text);
    cr_assert(eq(int, read_text(&again, text, NULL), STATUS_OK));
    cr_assert(eq(int, route_table_fit(again, &spec, NULL), STATUS_OK));
    for (int l = 1; l < 4; l += 2)
        for (int i = 0; i < 4; i++) {
            const bool attends = route_table_score(again, l, PART_ATTENTION,
                                                   ids + i, i) >= 0;
            const bool feeds = route_table_score(again, l, PART_FFN, ids + i,
                                                 i) >= 0;
            cr_expect(attends == kept[i] && feeds == kept[4 + i], "%d %d", l,
                      i);
        }
    /* A block has no number in it; a part takes its layer's from one of blocks. */
    cr_expect(eq(int, route_table_fit(again, &whole, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "no layer 1") != NULL, "%s", err.text);
    route_table_close(again);
    cr_assert(eq(int, read_text(&again, "context,count,kept_1,kept_3\n,4,2,2\n"
                                "7,2,2,2\n8,2,0,0\n", NULL), STATUS_OK));
    cr_assert(eq(int, route_table_fit(again, &spec, NULL), STATUS_OK));
    cr_expect(route_table_score(again, 3, PART_FFN, ids, 0) >= 0);
    cr_expect(route_table_score(again, 3, PART_FFN, ids + 1, 1) < 0);
    route_table_close(again);
    route_table_close(table);
    free(text);
}

Test(route_table, refuses_what_is_no_table_at_its_place)
{
    static const struct { const char *text, *words; } wrong[] = {
        { "", ":1:1: a table of routes begins" },
        { "context,count\r\n", ":1:14: no layer" },
        { "context,count,kept_3,kept_1\r\n", ":1:28: layers are numbers" },
        { "context,count,kept_1,kept_1\n", ":1:28: layers are numbers" },
        { "context,count,kept_1_ffn,kept_1_attention\n",
          ":1:42: layers are numbers" },
        { "context,count,kept_1\n", ":2:1: a table has at least" },
        { "context,count,kept_1\n,5,6\n", ":2:4: a layer's number" },
        { "context,count,kept_1\n,5,2,1\n", ":2:5: the line must end" },
        { "context,count,kept_1\n,5,2\n,5,2\n", ":3:1: this context was" },
        { "context,count,kept_1\n,5,2\n1 2,2,2\n", ":3:4: the context" },
        { "context,count,kept_1\n,0,0\n", ":2:3: a context's count" },
        { "context,count,kept_1\n,5,x\n", ":2:4: a layer's number" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct route_table *table = NULL;
        struct error err = { STATUS_OK, "" };
        cr_expect(eq(int, read_text(&table, wrong[i].text, &err),
                     STATUS_BAD_FORMAT), "%s", wrong[i].text);
        cr_expect(strstr(err.text, wrong[i].words) != NULL, "%s: %s",
                  wrong[i].text, err.text);
    }
}

Test(route_table, is_refused_where_it_does_not_fit)
{
    const struct model_spec every = { .n_layers = 2, .routed = { true, true },
                                      .capacity = { 0.5, 0.5 } };
    struct route_table *table = NULL;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, read_text(&table, "context,count,kept_1\n,5,2\n", &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(int, route_table_fit(table, &every, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "no layer 0") != NULL, "%s", err.text);
    route_table_close(table);
    cr_assert(eq(int, read_text(&table, "context,count,kept_0,kept_1\n,5,2,2\n"
                                "1,4,1,1\n2,4,1,1\n", &err), STATUS_OK));
    cr_expect(eq(int, route_table_fit(table, &every, &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "more than that") != NULL, "%s", err.text);
    route_table_close(table);
}
