/* flops_letters.c - Give the letters of a formula their values; spell it by them. */
#include "sim/price/flops_inside.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

int flops_letters(struct flops_letter *out, const struct model_spec *spec,
                  int32_t layer)
{
    const struct flops_letter letters[] = {
#define X(letter, value, meaning) { #letter, (uint64_t)(value), meaning },
        FLOPS_LETTER_MAP(X)
#undef X
    };
    const int n = (int)(sizeof letters / sizeof *letters);

    _Static_assert(sizeof letters / sizeof *letters + FLOPS_STORED_LETTERS <=
                       FLOPS_LETTERS_MAX,
                   "more letters than a caller has room for");
    memcpy(out, letters, sizeof letters);
    return n + flops_stored_letters(out + n, spec, layer);
}

void flops_spell(char *out, size_t size, const char *formula,
                 const struct model_spec *spec, int32_t layer)
{
    struct flops_letter letters[FLOPS_LETTERS_MAX];
    const int n_letters = flops_letters(letters, spec, layer);
    size_t used = 0;

    out[0] = '\0';
    while (*formula && used + 1 < size) {
        size_t length = 0;
        int i = 0;
        while (isalpha((unsigned char)formula[length]))
            length++;
        while (i < n_letters && (strlen(letters[i].name) != length ||
                                 memcmp(letters[i].name, formula, length)))
            i++;
        if (length == 0)
            length = 1;
        int n = i < n_letters
                    ? snprintf(out + used, size - used, "%llu",
                               (unsigned long long)letters[i].value)
                    : snprintf(out + used, size - used, "%.*s", (int)length,
                               formula);
        used += (size_t)n;
        formula += length;
    }
}
