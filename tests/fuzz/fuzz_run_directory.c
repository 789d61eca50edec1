/* fuzz_run_directory.c - Check that a run directory, whatever its files hold, is read
 * for a report or refused with a message: summary.json up to a line of "%%", what
 * follows is its tables. */
#include <assert.h>
#include <string.h>

#include "reports/read/curve.h"
#include "reports/read/run_directory.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(enum status status, const struct error *err)
{
    assert(status == STATUS_OK ||
           (err->status == status && strlen(err->text) > 0));
}

static void read_all(const char *path)
{
    struct run run;
    struct witnesses ledgers;
    struct curve curve;
    struct error err = { STATUS_OK, "" };
    enum status status = run_open(&run, path, &err);

    check(status, &err);
    if (status != STATUS_OK)
        return;
    status = run_ledgers(&ledgers, &run, &err);
    check(status, &err);
    if (status == STATUS_OK)
        witnesses_close(&ledgers);
    status = curve_read(&curve, &run, &err);
    check(status, &err);
    if (status == STATUS_OK)
        curve_close(&curve);
    run_close(&run);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const tables[] = { "ledger.csv", "curve.csv",
                                          "points.csv" };
    const struct fuzz_directory d = fuzz_directory_make();
    const uint8_t *cut = memmem(bytes, size, "%%\n", 3);
    const size_t n = cut ? (size_t)(cut - bytes) : size;
    const size_t from = cut ? n + 3 : n;
    struct fuzz_file file[4];

    file[0] = fuzz_file_write(&d, "summary.json", bytes, n);
    for (int i = 0; i < 3; i++)
        file[1 + i] = fuzz_file_write(&d, tables[i], bytes + from, size - from);
    read_all(d.path);
    for (int i = 0; i < 4; i++)
        unlink(file[i].path);
    rmdir(d.path);
    return 0;
}
