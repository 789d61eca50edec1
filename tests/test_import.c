/* test_import.c - Take PyTorch profiler traces apart: calls, passes, FLOPs by
 * hand, kernels, what is unmapped; refuse what is no trace; leave a directory. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "hwprof/imported/torch_trace.h"
#include "sim/core/base/file.h"
#include "sim/price/machine.h"
#include "tests/cli.h"

/* ---- reading ---- */

static enum status parse(struct chrome_trace *out, const char *text,
                         struct error *err)
{
    *out = (struct chrome_trace){ .event = NULL };
    return chrome_trace_parse(out, text, strlen(text), "t.json", err);
}

struct both {
    struct chrome_trace chrome;
    struct torch_trace torch;
};

static void opened(struct both *b, const char *text)
{
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&b->chrome, text, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, torch_trace_read(&b->torch, &b->chrome, "t.json", &err),
                 STATUS_OK), "%s", err.text);
}

static void closed(struct both *b)
{
    torch_trace_close(&b->torch);
    chrome_trace_close(&b->chrome);
}

/* An op of the CPU on thread 1. */
#define OP(name, ts, dur, dims, types)                                         \
    "{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"" name "\", \"pid\": 1,"  \
    " \"tid\": 1, \"ts\": " #ts ", \"dur\": " #dur ", \"args\": {\"Input Dims\":" \
    " [" dims "], \"Input type\": [" types "]}}"
#define TRACE(...) "{\"a\": [1, {\"traceEvents\": 2}], \"traceEvents\": ["      \
    __VA_ARGS__ "], \"deviceProperties\": [{\"id\": 0, \"name\": \"GPU X\"}]}"
#define FLOATS "\"float\", \"float\", \"float\""

Test(import, an_inner_call_is_part_of_the_outermost_that_is_known)
{
    struct both b;

    opened(&b, TRACE(
        OP("aten::linear", 0, 100, "[4, 8], [16, 8], [16]", FLOATS) ","
        OP("aten::addmm", 10, 80, "[16], [4, 8], [8, 16]", FLOATS) ","
        OP("aten::copy_", 20, 30, "[4, 16], [4, 16]", FLOATS)));
    cr_assert(eq(u64, b.torch.n_calls, 1));
    const struct torch_call *c = &b.torch.call[0];
    cr_expect(eq(int, c->form, TORCH_PRODUCT));
    cr_expect(eq(int, c->pass, PASS_FORWARD));
    cr_expect(epsilon_eq(dbl, c->seconds, 80e-6, 1e-12));
    cr_expect(eq(dbl, c->work.flops, 2. * 4 * 8 * 16));
    cr_expect(eq(dbl, c->work.bytes, 4. * (16 + 4 * 8 + 8 * 16 + 4 * 16)));
    cr_assert(eq(u64, b.torch.n_unmapped, 1));
    cr_expect(eq(str, (char *)b.torch.unmapped[0].name, "aten::linear"));
    cr_expect(epsilon_eq(dbl, b.torch.unmapped[0].seconds, 20e-6, 1e-12));
    cr_expect(epsilon_eq(dbl, b.torch.seconds, 100e-6, 1e-12));
    closed(&b);
}

/* Not 4 (4*8 + 4*2), as if the other operand had none. */
Test(import, bytes_of_a_type_that_is_not_known_are_unknown)
{
    static const char *const traces[] = {
        TRACE(OP("aten::mm", 0, 9, "[4, 8], [8, 2]", "\"float\", \"quint9\"")),
        TRACE(OP("aten::mm", 0, 9, "[4, 8], [8, 2]", "")),
        TRACE(OP("aten::index_select", 0, 9, "[4, 8], [], [3]",
                 "\"float\", \"Scalar\", \"quint9\"")),
    };

    for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) {
        struct both b;
        opened(&b, traces[i]);
        cr_assert(eq(u64, b.torch.n_calls, 1));
        cr_expect(not(isnan(b.torch.call[0].work.flops)));
        cr_expect(isnan(b.torch.call[0].work.bytes), "trace %zu", i);
        cr_expect(eq(u64, b.torch.unshaped, 1));
        closed(&b);
    }
}

/* Two sequences, 4 heads, 16 tokens, D 8; causal: 16 * 17 / 2 pairs.  A pair has
 * 2 * 8 for its score, 2 * 8 for the mix, and 18 + 3 of the softmax. */
#define ATTENTION(causal)                                                      \
    "{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\":"                             \
    " \"aten::scaled_dot_product_attention\", \"pid\": 1, \"tid\": 1, \"ts\": 0," \
    " \"dur\": 5, \"args\": {\"Input Dims\": [[2, 4, 16, 8], [2, 4, 16, 8],"     \
    " [2, 4, 16, 8], [], [], []], \"Input type\": [" FLOATS ", \"\", \"Scalar\","  \
    " \"Scalar\"], \"Concrete Inputs\": [\"\", \"\", \"\", \"\", \"0.\", \"" causal "\"]}}"

Test(import, attention_is_over_the_pairs_that_its_mask_leaves)
{
    struct both b;

    opened(&b, TRACE(ATTENTION("True")));
    cr_expect(eq(dbl, b.torch.call[0].work.flops,
                 2. * 4 * (16 * 17 / 2) * (16 + 16 + 18 + 3)));
    cr_expect(eq(dbl, b.torch.call[0].work.sequences, 2));
    cr_expect(eq(int, b.torch.call[0].op, OP_ATTEND));
    closed(&b);
    opened(&b, TRACE(ATTENTION("False")));
    cr_expect(eq(dbl, b.torch.call[0].work.flops,
                 2. * 4 * 16 * 16 * (16 + 16 + 18 + 3)));
    cr_expect(eq(dbl, b.torch.call[0].work.bytes, 4. * 4 * 2 * 4 * 16 * 8));
    closed(&b);
}

/* The kernel of 7 us has the id of mm's call; that of 2 us only its launch's
 * correlation; nobody launched that of 1 us. */
Test(import, kernels_have_the_time_where_there_are_any)
{
    struct both b;

    opened(&b, TRACE(
        "{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"aten::mm\", \"pid\": 1,"
        " \"tid\": 1, \"ts\": 0, \"dur\": 100, \"args\": {\"External id\": 5,"
        " \"Input Dims\": [[2, 3], [3, 4]], \"Input type\": [\"c10::BFloat16\","
        " \"c10::BFloat16\"]}},"
        "{\"ph\": \"X\", \"cat\": \"cuda_runtime\", \"name\": \"cudaLaunchKernel\","
        " \"pid\": 1, \"tid\": 1, \"ts\": 1, \"dur\": 1, \"args\":"
        " {\"External id\": 5, \"correlation\": 9}},"
        "{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"gemm\", \"pid\": 0,"
        " \"tid\": 7, \"ts\": 200, \"dur\": 7, \"args\": {\"external id\": 5}},"
        "{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"split\", \"pid\": 0,"
        " \"tid\": 7, \"ts\": 210, \"dur\": 2, \"args\": {\"correlation\": 9}},"
        "{\"ph\": \"X\", \"cat\": \"gpu_memcpy\", \"name\": \"Memcpy HtoD\","
        " \"pid\": 0, \"tid\": 7, \"ts\": 220, \"dur\": 1}"));
    cr_expect(b.torch.device);
    cr_expect(eq(str, b.chrome.device, "GPU X"));
    cr_assert(eq(u64, b.torch.n_calls, 1));
    cr_expect(epsilon_eq(dbl, b.torch.call[0].seconds, 9e-6, 1e-12));
    cr_expect(eq(int, b.torch.call[0].work.format, PRECISION_BF16));
    cr_expect(eq(dbl, b.torch.call[0].work.bytes, 2. * (6 + 12 + 8)));
    cr_expect(epsilon_eq(dbl, b.torch.unmapped_seconds, 1e-6, 1e-12));
    cr_expect(eq(str, (char *)b.torch.unmapped[0].name, "Memcpy HtoD"));
    closed(&b);
}

Test(import, what_has_no_shapes_is_unknown_and_not_nothing)
{
    struct both b;

    opened(&b, TRACE("{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"aten::mm\","
                     " \"pid\": 1, \"tid\": 1, \"ts\": 0, \"dur\": 4}"));
    cr_expect(isnan(b.torch.call[0].work.flops));
    cr_expect(isnan(b.torch.call[0].work.bytes));
    cr_expect(eq(i64, b.torch.unshaped, 1));
    closed(&b);
}

/* ---- a recorded training step ---- */

/* Of tests/data/torch/make.py: 32 rows, C 32, F 128, V 50. */
static const struct { enum op op; double forward; } products[] = {
    { OP_QKV, 2. * 32 * 32 * 96 },      { OP_PROJECT, 2. * 32 * 32 * 32 },
    { OP_FFN_UP, 2. * 32 * 32 * 128 },  { OP_FFN_DOWN, 2. * 32 * 128 * 32 },
    { OP_HEAD, 2. * 32 * 32 * 50 },
};

static double flops_of(const struct torch_trace *t, enum pass pass, enum op op)
{
    double sum = 0;

    for (size_t i = 0; i < t->n_calls; i++)
        if (t->call[i].pass == pass && t->call[i].op == op &&
            t->call[i].form == TORCH_PRODUCT)
            sum += t->call[i].work.flops;
    return sum;
}

/* Backward is two products for each of forward's. */
Test(import, a_training_step_of_pytorch_has_the_products_of_its_model)
{
    struct error err = { STATUS_OK, "" };
    struct both b;
    size_t size;
    char *text;

    cr_assert(eq(int, file_read(&text, &size, "tests/data/torch/train.json",
                                1 << 20, &err), STATUS_OK), "%s", err.text);
    opened(&b, text);
    free(text);
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        const enum op op = products[i].op;
        cr_expect(eq(dbl, flops_of(&b.torch, PASS_FORWARD, op),
                     products[i].forward), "%s", op_table[op].name);
        cr_expect(eq(dbl, flops_of(&b.torch, PASS_BACKWARD, op),
                     2 * products[i].forward), "%s", op_table[op].name);
    }
    cr_expect(b.torch.trains);
    cr_expect(eq(dbl, b.torch.batch, 2));
    cr_expect(eq(dbl, b.torch.tokens, 16));
    cr_expect(eq(dbl, b.torch.channels, 32));
    cr_expect(eq(dbl, b.torch.vocab, 50));
    cr_expect(eq(i64, b.torch.passes, 1));
    double seconds = b.torch.unmapped_seconds;
    for (size_t i = 0; i < b.torch.n_calls; i++)
        seconds += b.torch.call[i].seconds;
    cr_expect(epsilon_eq(dbl, seconds, b.torch.seconds, 1e-9));
    closed(&b);
}

/* ---- what is refused ---- */

static const struct {
    const char *text, *said;
} wrong[] = {
    { "", "t.json:1:1: not a trace: its text is the JSON" },
    { "\x1f\x8b", "t.json:1:1: not a trace" },
    { "{\"a\": 1}", "t.json:1:1: not a trace: there is no list" },
    { "{\"traceEvents\": 3}", "t.json:1:17: \"traceEvents\" must be a list" },
    { "{\"traceEvents\": [3]}", "t.json:1:18: an event must be an object" },
    { "{\"traceEvents\": [\n {\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"x\","
      " \"ts\": 1}]}", "t.json:2:2: an event with \"ph\": \"X\" has a name" },
    { "{\"traceEvents\": [{\"ph\": ]}", "t.json:1:" },
    { "{\"traceEvents\": [] 7}", "a comma or the end of the trace" },
    { "{\"traceEvents\": [{} {}]}", "t.json:1:21: a comma or the end of" },
    { "{\"traceEvents\": [", "t.json:1:18: " },
};

Test(import, what_is_no_trace_is_refused_with_its_place)
{
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error err = { STATUS_OK, "" };
        struct chrome_trace trace;

        cr_expect(eq(int, parse(&trace, wrong[i].text, &err),
                     STATUS_BAD_FORMAT), "%s", wrong[i].said);
        cr_expect(ne(ptr, strstr(err.text, wrong[i].said), NULL), "%s\nnot: %s",
                  err.text, wrong[i].said);
        chrome_trace_close(&trace);
    }
}

Test(import, a_trace_without_ops_is_refused_by_name)
{
    struct error err = { STATUS_OK, "" };
    struct both b;

    cr_assert(eq(int, parse(&b.chrome, "[]", &err), STATUS_OK));
    cr_expect(eq(int, torch_trace_read(&b.torch, &b.chrome, "t.json", &err),
                 STATUS_BAD_VALUE));
    cr_expect(ne(ptr, strstr(err.text, "t.json: no op of PyTorch is in it"),
                 NULL));
    chrome_trace_close(&b.chrome);
}

/* A PyTorch without Kineto, Debian's 1.13 among them, writes names and times. */
Test(import, a_trace_without_shapes_is_refused_with_the_reason)
{
    struct error err = { STATUS_OK, "" };
    struct both b;

    cr_assert(eq(int, parse(&b.chrome, "[{\"name\": \"aten::mm\", \"ph\":"
                 " \"X\", \"ts\": 186, \"dur\": 107, \"tid\": 1, \"pid\":"
                 " \"CPU functions\", \"args\": {}}]", &err), STATUS_OK));
    cr_expect(eq(int, torch_trace_read(&b.torch, &b.chrome, "t.json", &err),
                 STATUS_BAD_VALUE));
    cr_expect(ne(ptr, strstr(err.text, "t.json: its ops tell no shapes"), NULL),
              "%s", err.text);
    chrome_trace_close(&b.chrome);
}

/* ---- the command ---- */

static int isobath(const char *const *arguments)
{
    return finish(start(arguments, (struct limits){ 0 }));
}
#define RUN(...) isobath((const char *const[]){ __VA_ARGS__, NULL })

static void import_recorded(void)
{
    char trace[PATH_SIZE];

    set_up();
    snprintf(trace, sizeof trace, "%s/configs", started_in);
    setenv("ISOBATH_CONFIGS", trace, 1);
    snprintf(trace, sizeof trace, "%s/tests/data/torch/train.json", started_in);
    cr_assert(eq(int, RUN("import", trace, "-o", "out", "--machine",
                          "emerald-rapids-2core", "--machine-out",
                          "mine.yaml"), 0), "%s",
              read_file("stderr", NULL));
}

Test(import, a_report_draws_what_was_imported, .init = import_recorded,
     .fini = leave_directory)
{
    expect_said("stdout", "none of our ops");
    expect_said("out/summary.json", "\"program\": \"PyTorch profiler\"");
    expect_said("out/summary.json", "\"cpu\": \"a machine that the trace does"
                " not name\"");
    cr_expect(eq(int, RUN("report", "out", "-o", "page", "-q"), 0));
    expect_said("page/index.html", "Imported: times are those of the PyTorch"
                " profiler");
    cr_expect(there("page/figures/roofline.gp"));
}

static const char *recorded(void)
{
    static char trace[PATH_SIZE];

    snprintf(trace, sizeof trace, "%s/tests/data/torch/train.json", started_in);
    return trace;
}

Test(import, times_of_a_cpu_are_not_put_into_the_profile_of_a_gpu,
     .init = import_recorded, .fini = leave_directory)
{
    expect_said("stdout", "TIMES ARE OF THE CPU");
    cr_expect(eq(int, RUN("import", recorded(), "-o", "gpu", "--machine",
                          "a100-80", "--machine-out", "gpu.yaml"), 2));
    expect_said("stderr", "are of a CPU, and 'A100 SXM 80 GB' is no such"
                " machine");
    cr_expect(not(there("gpu.yaml")));
    cr_expect(not(there("gpu/summary.json")));
    cr_expect(eq(int, RUN("import", recorded(), "-o", "gpu", "--machine",
                          "a100-80", "-q"), 0));
    expect_said("stderr", "its times are of a CPU, 'A100 SXM 80 GB' is none");
}

#define MATMUL_ON_A_GPU TRACE(                                                 \
    "{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"aten::mm\", \"pid\": 1,"   \
    " \"tid\": 1, \"ts\": 0, \"dur\": 100, \"args\": {\"External id\": 5,"       \
    " \"Input Dims\": [[4096, 4096], [4096, 4096]], \"Input type\":"           \
    " [\"c10::BFloat16\", \"c10::BFloat16\"]}},"                               \
    "{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"gemm\", \"pid\": 0,"       \
    " \"tid\": 7, \"ts\": 200, \"dur\": 900, \"args\": {\"external id\": 5}}")

Test(import, a_profile_has_the_name_of_the_device_that_was_measured,
     .init = import_recorded, .fini = leave_directory)
{
    put_file("gpu.json", MATMUL_ON_A_GPU);
    cr_assert(eq(int, RUN("import", "gpu.json", "-o", "gpu", "--machine",
                          "a100-80", "--machine-out", "gpu.yaml"), 0), "%s",
              read_file("stderr", NULL));
    expect_said("gpu.yaml", "\"GPU X, as imported\"");
    cr_expect(eq(int, RUN("import", "gpu.json", "-o", "gpu", "--machine",
                          "emerald-rapids-2core", "--machine-out", "cpu.yaml"),
                 2));
    cr_expect(not(there("cpu.yaml")));
}

/* Its own it replaces. */
Test(import, a_file_that_import_did_not_write_stays, .init = import_recorded,
     .fini = leave_directory)
{
    put_file("foreign.yaml", "name: mine\n");
    cr_expect(eq(int, RUN("import", recorded(), "-o", "out", "--machine",
                          "emerald-rapids-2core", "--machine-out",
                          "foreign.yaml"), 2));
    expect_said("stderr", "foreign.yaml: is there already, and nothing that"
                " this command wrote");
    expect_said("foreign.yaml", "name: mine\n");
    cr_expect(eq(int, RUN("import", recorded(), "-o", "out", "--machine",
                          "emerald-rapids-2core", "--machine-out",
                          "mine.yaml"), 0), "%s", read_file("stderr", NULL));
}

/* Its highest rate is no more than the peak, which stands; shares are those of
 * what the calls reached. */
Test(import, a_machine_takes_the_shares_that_calls_reached,
     .init = import_recorded, .fini = leave_directory)
{
    struct error err = { STATUS_OK, "" };
    struct machine before, after;

    cr_assert(eq(int, machine_load(&before, "emerald-rapids-2core", &err),
                 STATUS_OK), "%s", err.text);
    cr_assert(eq(int, machine_load(&after, "./mine.yaml", &err), STATUS_OK),
              "%s", err.text);
    cr_expect(eq(str, after.efficiency_scale.grade, "measured"));
    cr_expect(ne(ptr, strstr(after.efficiency_scale.source, "imported: calls"),
                 NULL));
    cr_expect(eq(dbl, machine_peak(&after, PRECISION_FP32)->value,
                 machine_peak(&before, PRECISION_FP32)->value));
    cr_expect(eq(dbl, after.level[LEVEL_DRAM].bytes_per_second.value,
                 before.level[LEVEL_DRAM].bytes_per_second.value));
    const struct flops_size size = { .flops = 262144 };
    const double share = machine_efficiency(&after, WORK_MATMUL, &size);
    cr_expect(gt(dbl, share, 0));
    cr_expect(le(dbl, share, 1));
    cr_expect(ne(dbl, share, machine_efficiency(&before, WORK_MATMUL, &size)));
}
