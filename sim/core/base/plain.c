/* plain.c - Lend a thread the locale C for the length of a call. */
#include "sim/core/base/plain.h"

#include <locale.h>
#include <pthread.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static locale_t plain;           /* 0: no memory for it; the caller's stays */

static void open_plain(void)
{
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static locale_t lend(void)
{
    pthread_once(&once, open_plain);
    return uselocale(plain);     /* of 0, what is in use */
}

int plain_printf(const char *format, ...)
{
    const locale_t before = lend();
    va_list args;

    va_start(args, format);
    const int n = vprintf(format, args);
    va_end(args);
    uselocale(before);
    return n;
}

int plain_fprintf(FILE *file, const char *format, ...)
{
    const locale_t before = lend();
    va_list args;

    va_start(args, format);
    const int n = vfprintf(file, format, args);
    va_end(args);
    uselocale(before);
    return n;
}

int plain_vsnprintf(char *out, size_t size, const char *format, va_list args)
{
    const locale_t before = lend();
    const int n = (vsnprintf)(out, size, format, args);

    uselocale(before);
    return n;
}

int plain_snprintf(char *out, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const int n = plain_vsnprintf(out, size, format, args);
    va_end(args);
    return n;
}

int plain_sscanf(const char *text, const char *format, ...)
{
    const locale_t before = lend();
    va_list args;

    va_start(args, format);
    const int n = vsscanf(text, format, args);
    va_end(args);
    uselocale(before);
    return n;
}

double plain_strtod(const char *text, char **end)
{
    pthread_once(&once, open_plain);
    return plain ? strtod_l(text, end, plain) : (strtod)(text, end);
}

float plain_strtof(const char *text, char **end)
{
    pthread_once(&once, open_plain);
    return plain ? strtof_l(text, end, plain) : (strtof)(text, end);
}

int plain_alphasort(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}
