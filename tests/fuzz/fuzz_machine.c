/* fuzz_machine.c - Check that a machine profile, whatever its text, is refused with
 * a message or gives a machine whose numbers can be asked for. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "sim/price/machine.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Rates and shares are above 0 or unknown, and shares finite. */
static void check(const struct machine *m)
{
    for (int w = 0; w < WORK_COUNT; w++)
        for (double flops = 1; flops < 1e18; flops *= 1e3) {
            const struct flops_size at = { flops, 1, 1, 64 };
            const double share = machine_efficiency(m, (enum work)w, &at);
            assert(!(share <= 0) && !isinf(share));
        }
    for (int p = 0; p < PRECISION_COUNT; p++)
        assert(!(machine_peak(m, (enum precision)p)->value <= 0));
    for (double bytes = 1; bytes < 1e15; bytes *= 1e3) {
        assert(!(machine_dram_share(m, bytes) <= 0));
        const double reached = machine_dram_reached(m, bytes, 1e6);
        assert(!(reached < 0) && !(reached > 1));
    }
    (void)machine_is_queued(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct fuzz_directory d = fuzz_directory_make();
    const struct fuzz_file f = fuzz_file_write(&d, "m.yaml", bytes, size);
    struct machine machine;
    struct error err = { STATUS_OK, "" };
    enum status status = machine_load(&machine, f.path, &err);

    if (status == STATUS_OK)
        check(&machine);
    else
        assert(err.status == status && strlen(err.text) > 0);
    unlink(f.path);
    rmdir(d.path);
    return 0;
}
