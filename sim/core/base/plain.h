/* plain.h - Write and read numbers with a point and order names by their bytes,
 * whatever locale the program has set that calls this library.
 *
 * The Makefile includes this ahead of every file of the library, so that no call
 * is missed: the C library has no such functions but strtod_l(). */
#ifndef PLAIN_H
#define PLAIN_H

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PLAIN_LIKE(kind, at, first)                                            \
    __attribute__((format(kind, at, first)))

/* As those without plain_ are in the locale C. */
int    plain_printf(const char *format, ...) PLAIN_LIKE(printf, 1, 2);
int    plain_fprintf(FILE *file, const char *format, ...)
    PLAIN_LIKE(printf, 2, 3);
int    plain_snprintf(char *out, size_t size, const char *format, ...)
    PLAIN_LIKE(printf, 3, 4);
int    plain_vsnprintf(char *out, size_t size, const char *format, va_list args)
    PLAIN_LIKE(printf, 3, 0);
int    plain_sscanf(const char *text, const char *format, ...)
    PLAIN_LIKE(scanf, 2, 3);
double plain_strtod(const char *text, char **end);
float  plain_strtof(const char *text, char **end);
int    plain_alphasort(const struct dirent **a, const struct dirent **b);

/* With parentheses: the attribute format(printf, ...) stays what it is. */
#define printf(...)    plain_printf(__VA_ARGS__)
#define fprintf(...)   plain_fprintf(__VA_ARGS__)
#define snprintf(...)  plain_snprintf(__VA_ARGS__)
#define vsnprintf(...) plain_vsnprintf(__VA_ARGS__)
#define sscanf(...)    plain_sscanf(__VA_ARGS__)
#define strtod(...)    plain_strtod(__VA_ARGS__)
#define strtof(...)    plain_strtof(__VA_ARGS__)
#define alphasort      plain_alphasort       /* taken by its name */

#endif
