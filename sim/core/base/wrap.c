/* wrap.c - Break a paragraph between words. */
#include "sim/core/base/wrap.h"

#include <string.h>

enum { WIDTH = 78 };

void wrap_text(FILE *file, int first, int rest, const char *text)
{
    int column = fprintf(file, "%*s", first, "");
    const char *before = "";

    while (*text) {
        int length = (int)strcspn(text, " \n");
        if (*before == '\n' || (*before && column + 1 + length > WIDTH)) {
            column = fprintf(file, "\n%*s", rest, "") - 1;
            before = "";
        }
        column += fprintf(file, "%s%.*s", before, length, text);
        text += length;
        before = *text == '\n' ? "\n" : " ";
        text += *text != '\0';
    }
    fputc('\n', file);
}
