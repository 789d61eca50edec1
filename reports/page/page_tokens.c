/* page_tokens.c - Write the scored text as HTML, a span for each token. */
#include "reports/page/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/escape.h"
#include "sim/core/base/stats.h"
#include "reports/draw/html.h"

enum { TOKENS_SHOWN = 4000,    /* the first and the last half of them */
       SHADES = 6 };

/* What a token is shaded by. */
#define VIEW_MAP(X)                                                            \
    X(BLOCKS, "blocks", "")                                                    \
    X(LOSS,   "loss",   "nats")                                                \
    X(FLOPS,  "FLOPs",  "FLOP")                                                \
    X(JOULES, "joules", "J")

enum view {
#define X(id, name, unit) VIEW_##id,
    VIEW_MAP(X)
#undef X
    VIEW_COUNT
};

static const struct { const char *name, *unit; } views[VIEW_COUNT] = {
#define X(id, name, unit) [VIEW_##id] = { name, unit },
    VIEW_MAP(X)
#undef X
};

/* The values between which a view goes from no shade to all of it: of 1 token in 20
 * below and above, so that few rare ones do not leave the rest without; blocks:
 * none and all. */
struct scale {
    bool   known;
    double low, high;
};

static double value_of(const struct tokens *t, size_t i, enum view view)
{
    const double values[VIEW_COUNT] = {
        [VIEW_BLOCKS] = tokens_used(t, i), [VIEW_LOSS] = t->token[i].loss_nats,
        [VIEW_FLOPS] = t->token[i].flops, [VIEW_JOULES] = t->token[i].joules,
    };
    return values[view];
}

static struct scale scale_of(const struct tokens *t, enum view view)
{
    double *x = error_noted(calloc(t->n + 1, sizeof *x));
    struct scale s = { .known = false };
    size_t n = 0;

    for (size_t i = 0; x && i < t->n; i++)
        if (isfinite(value_of(t, i, view)))
            x[n++] = value_of(t, i, view);
    if (view == VIEW_BLOCKS)
        s = (struct scale){ t->n_blocks > 0, 0, t->n_blocks };
    else if (n > 0)
        s = (struct scale){ true, stats_quantile(x, n, 0.05),
                            stats_quantile(x, n, 0.95) };
    free(x);
    return s;
}

int page_shade(double low, double high, double value)
{
    if (!isfinite(value) || !(high > low) || value <= low)
        return 0;
    return (int)fmin(ceil((value - low) / (high - low) * SHADES), SHADES);
}

static int shade(struct scale s, double value)
{
    return page_shade(s.low, s.high, value);
}

static void write_amount(FILE *out, const char *key, double value,
                         const char *unit)
{
    char text[TABLE_NUMBER_SIZE];

    if (!isfinite(value))
        return;
    table_si(text, value, unit);
    fprintf(out, " data-%s=\"", key);
    html_text(out, text);
    putc('"', out);
}

static void write_token(const struct tokens *t, size_t i,
                        const struct scale scale[VIEW_COUNT], enum view first,
                        FILE *out)
{
    const struct token *token = &t->token[i];

    fprintf(out, "<span class=\"t c%d\" data-i=\"%zu\" data-s=\"",
            shade(scale[first], value_of(t, i, first)), i);
    for (int v = 0; v < VIEW_COUNT; v++)
        putc('0' + shade(scale[v], value_of(t, i, (enum view)v)), out);
    fputs("\" data-b=\"", out);
    for (int b = 0; b < t->n_blocks; b++)
        putc('0' + t->used[i * (size_t)t->n_blocks + (size_t)b], out);
    putc('"', out);
    if (isfinite(token->loss_nats))
        fprintf(out, " data-l=\"%.3f\"", token->loss_nats);
    write_amount(out, "f", token->flops, "FLOP");
    write_amount(out, "j", token->joules, "J");
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

bool page_is_bytes(const struct tokens *t)
{
    size_t wide = 0;

    for (size_t i = 0; i < t->n; i++)
        wide += escape_width(t->token[i].text) > 1;
    return wide * 10 < t->n;
}

static void end_text(char out[TABLE_NUMBER_SIZE], enum view view, double value)
{
    if (view == VIEW_BLOCKS)
        snprintf(out, TABLE_NUMBER_SIZE, value > 0 ? "all" : "none");
    else if (view == VIEW_LOSS)
        snprintf(out, TABLE_NUMBER_SIZE, "%.2f nats", value);
    else
        table_si(out, value, views[view].unit);
}

/* The shades between their ends, and, for who can run scripts, what to shade by. */
static void write_legend(const struct scale scale[VIEW_COUNT], enum view first,
                         FILE *out)
{
    char low[TABLE_NUMBER_SIZE], high[TABLE_NUMBER_SIZE];

    end_text(low, first, scale[first].low);
    end_text(high, first, scale[first].high);
    fputs("\n<div class=\"shades\"><div class=\"legend\" id=\"shades\"><span>", out);
    html_textf(out, "%s", low);
    fputs("</span> ", out);
    for (int k = 0; k <= SHADES; k++)
        fprintf(out, "<span class=\"t c%d\" aria-hidden=\"true\">&nbsp;</span>", k);
    fputs(" <span>", out);
    html_textf(out, "%s", high);
    fputs("</span></div>\n<fieldset id=\"shadeby\" hidden>Shade by", out);
    for (int v = 0; v < VIEW_COUNT; v++) {
        if (!scale[v].known)
            continue;
        end_text(low, (enum view)v, scale[v].low);
        end_text(high, (enum view)v, scale[v].high);
        fprintf(out, " <label><input type=\"radio\" name=\"shadeby\" value=\"%d\""
                "%s data-low=\"%s\" data-high=\"%s\"> %s</label>", v,
                v == (int)first ? " checked" : "", low, high, views[v].name);
    }
    fputs("</fieldset></div>\n", out);
}

static void write_tokens(const struct tokens *t,
                         const struct scale scale[VIEW_COUNT], enum view first,
                         FILE *out)
{
    const size_t half = TOKENS_SHOWN / 2;

    for (size_t i = 0; i < t->n; i++) {
        if (t->n > TOKENS_SHOWN && i == half) {
            i = t->n - half;
            fputs("<br>&hellip;<br>", out);
        }
        write_token(t, i, scale, first, out);
    }
}

static void explain(const struct report *r, enum view first, FILE *out)
{
    const struct tokens *t = &r->tokens;

    if (first == VIEW_BLOCKS)
        html_textf(out, "Shade and underline: share of the routed %s (%d) that "
                   "worked on the token, none to all.", tokens_blocks(t),
                   t->n_blocks);
    else
        html_textf(out, "Shade and underline: %s of the token that is predicted "
                   "there, the next.", views[first].name);
    html_text(out, " Point at a token, or step with the arrow keys, for what it "
              "cost and the loss of the token that it predicts, the next.");
    if (t->n > TOKENS_SHOWN)
        html_textf(out, " The first and the last %d of %zu tokens are shown; "
                   "all are in tokens.csv of %s.", TOKENS_SHOWN / 2, t->n,
                   r->scored->name);
}

void page_tokens(const struct report *r, FILE *out)
{
    const struct tokens *t = &r->tokens;
    const enum view first = t->n_blocks ? VIEW_BLOCKS : VIEW_LOSS;
    struct scale scale[VIEW_COUNT];

    if (t->n == 0)
        return;
    for (int v = 0; v < VIEW_COUNT; v++)
        scale[v] = scale_of(t, (enum view)v);
    fputs("<p>", out);
    explain(r, first, out);
    fputs("</p>\n<div>", out);
    write_legend(scale, first, out);
    fprintf(out, "<p class=\"toks%s\" id=\"toks\" tabindex=\"0\" "
            "role=\"group\" aria-label=\"Tokens; use left and right arrow "
            "keys\" aria-describedby=\"tokinfo\" data-what=\"%s\" "
            "data-layers=\"", page_is_bytes(t) ? " bytes" : "", tokens_blocks(t));
    for (int b = 0; b < t->n_blocks; b++)
        fprintf(out, "%s%d%s%s", b ? "," : "", t->layer[b],
                t->part[b] == PART_BLOCK ? "" : " ",
                t->part[b] == PART_BLOCK ? "" : part_names[t->part[b]]);
    fputs("\">", out);
    write_tokens(t, scale, first, out);
    fputs("</p>\n<p id=\"tokinfo\" class=\"tokinfo\" role=\"status\" "
          "aria-live=\"polite\">No token chosen.</p></div>\n", out);
}
