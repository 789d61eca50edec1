/* program.h - Find the program that a test starts. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

enum { PROGRAM_SIZE = 512 };

/* It lies beside the folder of this test. */
static inline void program_path(char out[PROGRAM_SIZE])
{
    ssize_t n = readlink("/proc/self/exe", out, PROGRAM_SIZE - 16);

    cr_assert(n > 0);
    out[n] = '\0';
    for (int up = 0; up < 2; up++)
        *strrchr(out, '/') = '\0';
    strcat(out, "/isobath");
}

#endif
