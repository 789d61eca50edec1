/* fuzz_route_table.c - Check that a table of contexts, whatever its text, is refused
 * with a message, or routes by scores that are numbers. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "sim/core/model/route_table.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { LAYERS = 4, TOKENS = 12 };

/* Of layers 1 and 3. */
static void route(struct route_table *table, enum routed_part part)
{
    static const int32_t ids[TOKENS] = { 0, 1, 2, 32, 101, 32, 7, 0, 1, 255, 9,
                                         65535 };
    struct model_spec spec = { .n_layers = LAYERS, .part = part,
                               .n_vocab = 1 << 16 };

    for (int32_t l = 0; l < LAYERS; l++) {
        spec.routed[l] = l % 2;
        spec.capacity[l] = l % 2 ? 0.3 : 1.0;
    }
    if (route_table_fit(table, &spec, NULL) != STATUS_OK)
        return;
    for (int32_t l = 1; l < LAYERS; l += 2)
        for (int32_t t = 0; t < TOKENS; t++)
            assert(isfinite(route_table_score(table, l, part, &ids[t], t)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct fuzz_directory d = fuzz_directory_make();
    const struct fuzz_file f = fuzz_file_write(&d, "t.csv", bytes, size);
    struct route_table *table = NULL;
    struct error err = { STATUS_OK, "" };
    enum status status = route_table_read(&table, f.path, &err);

    if (status == STATUS_OK) {
        assert(route_table_contexts(table) > 0);
        assert(route_table_order(table) <= ROUTE_TABLE_ORDER);
        route(table, PART_BLOCK);
        route_table_close(table);
    } else {
        assert(err.status == status && strlen(err.text) > 0);
    }
    unlink(f.path);
    rmdir(d.path);
    return 0;
}
