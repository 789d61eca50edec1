/* test_executed_flops.c - What instructions are worth, by known bytes; and
 * dumps of callgrind that list instructions, written by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "hwprof/counters/code_map.h"
#include "hwprof/counters/executed_flops.h"
#include "hwprof/counters/x86_flops.h"

/* An instruction lies in no file that was loaded, but a function does. */
Test(code_map, the_process_finds_its_own_code_and_no_data)
{
    struct code_map map;
    struct error err = { 0 };
    size_t n = 0;
    uintptr_t own = (uintptr_t)code_map_open;

    cr_assert(eq(int, code_map_open(&map, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(ptr, (void *)code_map_find(&map, "???", own, &n),
                 (void *)own));
    cr_expect(n > 15);
    cr_expect(code_map_find(&map, "???", (uintptr_t)&map, &n) == NULL);
    cr_expect(code_map_find(&map, "/no/such/file", own, &n) == NULL);
    code_map_close(&map);
}

#ifdef HAVE_ZYDIS

struct known { uint8_t code[11]; int n, flops; int width; int fused, known; };

/* Bytes as GNU as 2.40 writes them, flops by the convention of op.h. */
ParameterizedTestParameters(x86_flops, an_instruction_is_worth_its_lanes)
{
    static struct known rows[] = {
        /* vfmadd231ps ymm0, ymm1, ymm1: two for each of eight floats */
        { { 0xc4, 0xe2, 0x75, 0xb8, 0xc1 }, 5, 16, FLOPS_256, 1, 1 },
        /* vfnmadd213pd ymm0, ymm1, ymm2: two for each of four doubles */
        { { 0xc4, 0xe2, 0xf5, 0xac, 0xc2 }, 5, 8, FLOPS_256, 1, 1 },
        /* vfmadd132ss xmm0, xmm1, [rax] */
        { { 0xc4, 0xe2, 0x71, 0x99, 0x00 }, 5, 2, FLOPS_SCALAR, 1, 1 },
        /* vfmaddsub213ps xmm0, xmm1, xmm2 */
        { { 0xc4, 0xe2, 0x71, 0xa6, 0xc2 }, 5, 8, FLOPS_128, 1, 1 },
        /* addps xmm0, xmm0 */
        { { 0x0f, 0x58, 0xc0 }, 3, 4, FLOPS_128, 0, 1 },
        /* addss xmm0, xmm1 */
        { { 0xf3, 0x0f, 0x58, 0xc1 }, 4, 1, FLOPS_SCALAR, 0, 1 },
        /* vaddsd xmm0, xmm1, [rax] */
        { { 0xc5, 0xf3, 0x58, 0x00 }, 4, 1, FLOPS_SCALAR, 0, 1 },
        /* vsqrtps ymm0, ymm2 */
        { { 0xc5, 0xfc, 0x51, 0xc2 }, 4, 8, FLOPS_256, 0, 1 },
        /* vdivss xmm0, xmm1, xmm2 */
        { { 0xc5, 0xf2, 0x5e, 0xc2 }, 4, 1, FLOPS_SCALAR, 0, 1 },
        /* vhaddps ymm0, ymm1, ymm2 */
        { { 0xc5, 0xf7, 0x7c, 0xc2 }, 4, 8, FLOPS_256, 0, 1 },
        /* vaddps zmm0, zmm1, zmm2; with {k1}; with [rax]{1to16} */
        { { 0x62, 0xf1, 0x74, 0x48, 0x58, 0xc2 }, 6, 16, FLOPS_512, 0, 1 },
        { { 0x62, 0xf1, 0x74, 0x49, 0x58, 0xc2 }, 6, 0, FLOPS_512, 0, 0 },
        { { 0x62, 0xf1, 0x74, 0x58, 0x58, 0x00 }, 6, 16, FLOPS_512, 0, 1 },
        /* faddp; fmul qword [rax]; fsin */
        { { 0xde, 0xc1 }, 2, 1, FLOPS_SCALAR, 0, 1 },
        { { 0xdc, 0x08 }, 2, 1, FLOPS_SCALAR, 0, 1 },
        { { 0xd9, 0xfe }, 2, 0, FLOPS_SCALAR, 0, 0 },
        /* rcpps xmm0, xmm1: an approximation */
        { { 0x0f, 0x53, 0xc1 }, 3, 0, FLOPS_128, 0, 0 },
        /* No arithmetic of floats: vmaxps, vcmpltps, vcvtdq2ps, vroundps of ymm,
         * vmaskmovps, vxorps, paddd, imul, nop */
        { { 0xc5, 0xf4, 0x5f, 0xc2 }, 4, 0, 0, 0, 1 },
        { { 0xc5, 0xf4, 0xc2, 0xc2, 0x01 }, 5, 0, 0, 0, 1 },
        { { 0xc5, 0xfc, 0x5b, 0xc1 }, 4, 0, 0, 0, 1 },
        { { 0xc4, 0xe3, 0x7d, 0x08, 0xc1, 0x00 }, 6, 0, 0, 0, 1 },
        { { 0xc4, 0xe2, 0x75, 0x2c, 0x00 }, 5, 0, 0, 0, 1 },
        { { 0xc5, 0xf4, 0x57, 0xc2 }, 4, 0, 0, 0, 1 },
        { { 0x66, 0x0f, 0xfe, 0xc1 }, 4, 0, 0, 0, 1 },
        { { 0x48, 0x0f, 0xaf, 0xc0 }, 4, 0, 0, 0, 1 },
        { { 0x90 }, 1, 0, 0, 0, 1 },
    };
    return cr_make_param_array(struct known, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct known *row, x86_flops,
                  an_instruction_is_worth_its_lanes)
{
    struct x86_flops one;

    cr_assert(x86_flops(&one, row->code, sizeof row->code));
    cr_expect(eq(int, one.flops, row->flops));
    cr_expect(eq(int, one.known, row->known));
    cr_expect(eq(int, one.fused, row->fused));
    if (row->flops)
        cr_expect(eq(int, (int)one.width, row->width));
    cr_expect(not(x86_flops(&one, row->code, (size_t)row->n - 1)),
              "a cut instruction was taken");
}

/* ---- dumps ---- */

/* At 0x10 an addps of 4, at 0x13 an fma of 8 floats, at 0x18 a nop, at 0x19 an
 * addss, at 0x20 an addition under a mask; at 0x26 a masked move of 8 floats, at
 * 0x2b an fma of 8 behind it. */
static const uint8_t code[] = {
    0x0f, 0x58, 0xc0, 0xc4, 0xe2, 0x75, 0xb8, 0xc1, 0x90, 0xf3, 0x0f, 0x58,
    0xc1, 0x90, 0x90, 0x90, 0x62, 0xf1, 0x74, 0x49, 0x58, 0xc2,
    0xc4, 0xe2, 0x75, 0x2c, 0x00, 0xc4, 0xe2, 0x75, 0xb8, 0xc1,
};

static const uint8_t *find(void *context, const char *object, uint64_t address,
                           size_t *n)
{
    (void)context;
    if (strcmp(object, "/bin/x") != 0 || address < 0x10 ||
        address >= 0x10 + sizeof code)
        return NULL;
    *n = 0x10 + sizeof code - address;
    return code + address - 0x10;
}

#define HEAD(positions, summary) "# callgrind format\nversion: 1\npid: 1\n"    \
    "part: 1\npositions: " positions "\nevents: Ir Dr\nsummary: " summary "\n\n"
#define LIST "ob=(7)\nfn=(1) main\n"                                           \
    "0x10 5 1\n+3 100 9\n+5 7\ncalls=2 0x13 \n+1 4000 3\n+1 3\n* 1 1\n"        \
    "\nob=(2) /bin/y\ncob=(7)\n"
/* The number 7 gets its name where another function calls into it. */
#define NAME "ob=(2) /bin/y\nfn=(3) f\ncob=(7) /bin/x\ncfn=(1)\n"              \
             "calls=1 0x10 \n0x99 6000 1\n"
#define INSTR HEAD("instr", "116 11") NAME LIST "totals: 116 11\n"

static enum status count(struct flop_mix *out, const char *text,
                         struct error *err)
{
    char copy[1024];
    size_t n = strlen(text);

    cr_assert(n < sizeof copy);
    memcpy(copy, text, n);
    return executed_flops(out, copy, n, find, NULL, err);
}

/* 5 x 4 of 128 bits, 100 x 16 of 256, and 3 + 1 scalar ones; calls cost what
 * their callees list, and move no address. */
Test(executed_flops, every_instruction_counts_as_often_as_it_ran)
{
    struct flop_mix mix;
    struct error err = { 0 };

    cr_assert(eq(int, count(&mix, INSTR, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(u64, mix.of[FLOPS_128], 20));
    cr_expect(eq(u64, mix.of[FLOPS_256], 1600));
    cr_expect(eq(u64, mix.of[FLOPS_SCALAR], 4));
    cr_expect(eq(u64, mix.fused, 1600));
    cr_expect(eq(u64, flop_mix_sum(&mix), 1624));
}

/* With --dump-line=yes a line number stands between. */
Test(executed_flops, positions_of_lines_are_passed_over)
{
    struct flop_mix mix;
    struct error err = { 0 };

    cr_assert(eq(int, count(&mix, HEAD("instr line", "7") "ob=/bin/x\n"
                 "0x10 16 5 2\n+3 +1 2\ntotals: 7 2\n", &err), STATUS_OK),
              "%s", err.text);
    cr_expect(eq(u64, flop_mix_sum(&mix), 5 * 4 + 2 * 16));
}

/* Valgrind 3.19 on a loop of 35 turns, of a vmaskmovps and a vfmadd231ps behind
 * it: the second is told to have run 175 times, five for every turn. */
Test(executed_flops, what_follows_a_masked_move_ran_as_often_as_the_move)
{
    struct flop_mix mix;
    struct error err = { 0 };

    cr_assert(eq(int, count(&mix, HEAD("instr", "245") "ob=/bin/x\n"
                 "0x26 35\n+5 175\n0x13 35\ntotals: 245\n", &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(u64, flop_mix_sum(&mix), (35 + 35) * 16));
}

static void expect_refused(const char *text, enum status status,
                           const char *words)
{
    struct flop_mix mix;
    struct error err = { 0 };

    cr_expect(eq(int, count(&mix, text, &err), status), "%s", words);
    cr_expect(strstr(err.text, words) != NULL, "'%s' does not say '%s'",
              err.text, words);
}

Test(executed_flops, what_is_not_known_is_never_zero)
{
    expect_refused(HEAD("instr", "1") "ob=/bin/x\n0x20 1\ntotals: 1\n",
                   STATUS_UNAVAILABLE, "0x20 of /bin/x is masked");
    expect_refused(HEAD("instr", "1") "ob=/bin/z\n0x10 1\ntotals: 1\n",
                   STATUS_UNAVAILABLE, "0x10 of /bin/z");
    expect_refused(HEAD("instr", "1") "0x10 1\ntotals: 1\n",
                   STATUS_UNAVAILABLE, "of nothing");
    expect_refused(HEAD("line", "1") "ob=/bin/x\n10 1\ntotals: 1\n",
                   STATUS_BAD_FORMAT, "tell instructions apart");
    expect_refused(HEAD("instr", "1") "ob=(3)\n", STATUS_BAD_FORMAT,
                   "object 3 has no name");
    expect_refused(HEAD("instr", "1") "ob=(300) /bin/x\n", STATUS_BAD_FORMAT,
                   "below 256");
    expect_refused(HEAD("instr", "1") "ob=/bin/x\n0x10 x\n", STATUS_BAD_FORMAT,
                   "no number");
    expect_refused(HEAD("instr", "1") "jcnd=1/2 0x10\n", STATUS_BAD_FORMAT,
                   "collect-jumps");
}

/* A list that was cut, or read wrong, does not add up. */
Test(executed_flops, instructions_have_to_add_up_to_the_total)
{
    struct flop_mix mix;
    const size_t whole = strlen(INSTR);

    expect_refused(HEAD("instr", "9") "ob=/bin/x\n0x10 8\ntotals: 9\n",
                   STATUS_BAD_FORMAT, "8 times, its total is 9");
    for (size_t n = 0; n < whole; n++) {
        char copy[] = INSTR;
        cr_expect(eq(int, executed_flops(&mix, copy, n, find, NULL, NULL),
                     STATUS_BAD_FORMAT), "%zu bytes were taken", n);
    }
}

#endif
