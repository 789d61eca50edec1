/* page_asked.c - Write what isobath answer says in words. */
#include "reports/page/page.h"

#include "reports/draw/html.h"
#include "reports/read/jsonpath.h"

static void paragraph(FILE *out, const char *class, const char *text)
{
    if (!text)
        return;
    fprintf(out, "<p%s>", class);
    html_text(out, text);
    fputs("</p>\n", out);
}

/* The words of each entry of a list of the summary. */
static void words_of(FILE *out, const char *class, const struct run *run,
                     const char *list)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(jsonpath_at(run->summary, list), i, entry)
        paragraph(out, class, jsonpath_text(entry, "words"));
}

bool page_lead_asked(const struct report *r, FILE *out)
{
    bool any = false;

    for (size_t i = 0; i < r->n_worked; i++) {
        const struct run *run = r->worked[i];
        if (run->kind != RUN_ASKED)
            continue;
        any = true;
        paragraph(out, " class=\"lead\"", jsonpath_text(run->summary, "about"));
        words_of(out, " class=\"lead\"", run, "rivals");
    }
    return any;
}

void page_asked(const struct report *r, FILE *out)
{
    for (size_t i = 0; i < r->n_worked; i++) {
        if (r->worked[i]->kind != RUN_ASKED)
            continue;
        words_of(out, "", r->worked[i], "verdicts");
        words_of(out, "", r->worked[i], "waterfall.words");
    }
}

void page_flips(const struct report *r, FILE *out)
{
    for (size_t i = 0; i < r->n_worked; i++)
        if (r->worked[i]->kind == RUN_ASKED)
            words_of(out, "", r->worked[i], "flips.words");
}
