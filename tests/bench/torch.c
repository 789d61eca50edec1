/* torch.c - Start tests/bench/torch_step.py by the first Python that has torch. */
#include "tests/bench/torch.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIZES = 7, SIZE_TEXT = 16 };

/* Debian's own Python has Debian's torch; another may stand before it. */
static const char *const pythons[] = { "python3", "/usr/bin/python3" };

/* MKL on AMD, and ATen where it is unsure, take AVX2 unless told. */
static void tell_torch(void)
{
    setenv("MKL_ENABLE_INSTRUCTIONS", "AVX512", 1);
    if (__builtin_cpu_supports("avx512f"))
        setenv("ATEN_CPU_CAPABILITY", "avx512", 1);
    unsetenv("OMP_NUM_THREADS");
    unsetenv("OPENBLAS_NUM_THREADS");
}

static void serve(int in, int out, void *context)
{
    char (*size)[SIZE_TEXT] = context, script[] = "tests/bench/torch_step.py";
    char command[128];

    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        return;
    close(in);
    close(out);
    tell_torch();
    for (size_t i = 0; i < sizeof pythons / sizeof *pythons; i++) {
        snprintf(command, sizeof command, "%s -c 'import torch' </dev/null"
                 " >/dev/null 2>&1", pythons[i]);
        if (system(command) == 0)
            execlp(pythons[i], pythons[i], script, size[0], size[1], size[2],
                   size[3], size[4], size[5], size[6], (char *)NULL);
    }
}

bool torch_open(struct helper *out, const struct model_spec *spec,
                int32_t n_tokens, int32_t n_sequences, int n_threads)
{
    const int32_t sizes[SIZES] = { spec->n_channels, spec->n_layers,
        spec->n_heads, spec->n_vocab, n_tokens, n_sequences, n_threads };
    char text[SIZES][SIZE_TEXT];

    for (int i = 0; i < SIZES; i++)
        snprintf(text[i], SIZE_TEXT, "%d", sizes[i]);
    return helper_open(out, serve, text);
}
