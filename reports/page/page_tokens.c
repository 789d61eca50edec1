/* page_tokens.c - Write the scored text as HTML, a span for each token. */
#include "reports/page/page.h"

#include <math.h>
#include <string.h>
#include "sim/core/answer/escape.h"
#include "reports/draw/html.h"

enum { TOKENS_SHOWN = 4000,    /* the first and the last half of them */
       SHADES = 6 };

static int shade(const struct tokens *t, size_t i)
{
    int used = tokens_used(t, i);
    return t->n_blocks ? (used * SHADES + t->n_blocks - 1) / t->n_blocks : 0;
}

static void write_token(const struct tokens *t, size_t i, FILE *out)
{
    const struct token *token = &t->token[i];

    fprintf(out, "<span class=\"t c%d\" data-i=\"%zu\" data-b=\"", shade(t, i),
            i);
    for (int b = 0; b < t->n_blocks; b++)
        putc('0' + t->used[i * (size_t)t->n_blocks + (size_t)b], out);
    putc('"', out);
    if (isfinite(token->loss_nats))
        fprintf(out, " data-l=\"%.3f\"", token->loss_nats);
    if (*token->target) {
        fputs(" data-n=\"", out);
        html_text(out, token->target);
        putc('"', out);
    }
    putc('>', out);
    html_text(out, *token->text ? token->text : " ");
    fputs("</span>", out);
    if (strchr(token->text, '\n'))
        fputs("<br>", out);
}

/* Most tokens are one character: no room is left between them. */
static bool is_bytes(const struct tokens *t)
{
    size_t wide = 0;

    for (size_t i = 0; i < t->n; i++)
        wide += escape_width(t->token[i].text) > 1;
    return wide * 10 < t->n;
}

void page_tokens(const struct report *r, FILE *out)
{
    const struct tokens *t = &r->tokens;
    size_t half = TOKENS_SHOWN / 2;

    if (t->n == 0)
        return;
    html_textf(out, "Shade and underline: share of the routed %s (%d) that "
               "worked on the token, none to all. Point at a token, or step "
               "with the arrow keys, for its layers and the loss of the "
               "token that it predicts, the next.",
               tokens_blocks(t), t->n_blocks);
    if (t->n > TOKENS_SHOWN)
        html_textf(out, " The first and the last %zu of %zu tokens are shown; "
                   "all are in tokens.csv of %s.", half, t->n,
                   r->scored->name);
    fputs("\n<div class=\"legend\" aria-hidden=\"true\">none ", out);
    for (int k = 0; k <= SHADES; k++)
        fprintf(out, "<span class=\"t c%d\">&nbsp;</span>", k);
    fprintf(out, " all</div>\n<p class=\"toks%s\" id=\"toks\" tabindex=\"0\" "
            "role=\"group\" aria-label=\"Tokens; use left and right arrow "
            "keys\" aria-describedby=\"tokinfo\" data-what=\"%s\" "
            "data-layers=\"", is_bytes(t) ? " bytes" : "", tokens_blocks(t));
    for (int b = 0; b < t->n_blocks; b++)
        fprintf(out, "%s%d%s%s", b ? "," : "", t->layer[b],
                t->part[b] == PART_BLOCK ? "" : " ",
                t->part[b] == PART_BLOCK ? "" : part_names[t->part[b]]);
    fputs("\">", out);
    for (size_t i = 0; i < t->n; i++) {
        if (t->n > TOKENS_SHOWN && i == half) {
            i = t->n - half;
            fputs("<br>&hellip;<br>", out);
        }
        write_token(t, i, out);
    }
    fputs("</p>\n<p id=\"tokinfo\" class=\"tokinfo\" role=\"status\" "
          "aria-live=\"polite\">No token chosen.</p>\n", out);
}
