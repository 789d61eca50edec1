/* figure_routing.c - Draw which blocks each token of a text was routed
 * through. */
#include "reports/figures/figures.h"

#include <ctype.h>
#include <math.h>
#include "sim/core/answer/escape.h"

enum { TOKEN_WIDEST = 24 };

/* Rows of text, and characters of each. */
struct rows {
    int n, columns;
};

static struct rows rows_of(const struct plot *p)
{
    return plot_is_narrow(p) ? (struct rows){ 10, 27 } : (struct rows){ 6, 72 };
}

/* Pixels of one cell upwards; fewer where many blocks are routed. */
static double cell_height(int n_blocks)
{
    return n_blocks <= 6 ? 10 : n_blocks <= 16 ? 6 : 3;
}

static const double text_cells = 26;  /* pixels under a row: text and a gap */

/* Rows laid out; writes the data when asked to. */
static int lay_out(const struct tokens *t, struct plot *p, bool write,
                   size_t *shown)
{
    const struct rows rows = rows_of(p);
    int row = 0, x = 0;
    size_t i;

    for (i = 0; i < t->n; i++) {
        int width = escape_width(t->token[i].text);
        int gap = width > 1;
        width = width < 1 ? 1 : width > TOKEN_WIDEST ? TOKEN_WIDEST : width;
        if (x + width > rows.columns) {
            if (row + 1 == rows.n)
                break;
            row++;
            x = 0;
        }
        if (write) {
            fprintf(p->data, "%d %d %d %d ", row, x, x + width,
                    tokens_used(t, i));
            escape_write(p->data, BORDER_DATA, t->token[i].text);
            for (int b = 0; b < t->n_blocks; b++)
                fprintf(p->data, " %d", t->used[i * (size_t)t->n_blocks +
                                                (size_t)b]);
            fputc('\n', p->data);
        }
        x += width + gap;
    }
    *shown = i;
    return row + 1;
}

/* Three standard errors of the difference of two means. */
static bool beyond_chance(double sum, double squares, double n, double sum2,
                          double squares2, double n2)
{
    double mean = sum / n, mean2 = sum2 / n2;
    double variance = (squares / n - mean * mean) / n +
                      (squares2 / n2 - mean2 * mean2) / n2;
    return mean - mean2 > 3 * sqrt(fmax(variance, 0)) && mean - mean2 > 0.01;
}

static const char *const subjects[TOKEN_KIND_COUNT] = {
    [TOKEN_SPACE] = "spaces and line ends", [TOKEN_PUNCTUATION] = "punctuation",
    [TOKEN_DIGIT] = "digits", [TOKEN_START] = "beginnings of words",
    [TOKEN_INSIDE] = "insides of words",
};

/* The kinds that use most and fewest blocks, where there are enough of each. */
static void say(struct plot *p, const struct tokens *t)
{
    double sum[TOKEN_KIND_COUNT] = { 0 }, squares[TOKEN_KIND_COUNT] = { 0 };
    size_t n[TOKEN_KIND_COUNT] = { 0 };
    int most = -1, least = -1;

    for (size_t i = 0; i < t->n; i++) {
        enum token_kind kind = tokens_kind(t, i);
        double used = tokens_used(t, i);
        sum[kind] += used;
        squares[kind] += used * used;
        n[kind]++;
    }
    for (int k = 0; k < TOKEN_KIND_COUNT; k++) {
        if (n[k] < 20)
            continue;
        if (most < 0 || sum[k] / (double)n[k] > sum[most] / (double)n[most])
            most = k;
        if (least < 0 || sum[k] / (double)n[k] < sum[least] / (double)n[least])
            least = k;
    }
    if (most >= 0 && most != least && beyond_chance(
            sum[most], squares[most], (double)n[most], sum[least],
            squares[least], (double)n[least]))
        TEXT_SET(p->head, "%s pass through %.1f of %d routed %s, %s through "
                 "%.1f", subjects[most], sum[most] / (double)n[most], t->n_blocks,
                 tokens_blocks(t), subjects[least],
                 sum[least] / (double)n[least]);
    else
        TEXT_SET(p->head, "Which tokens each routed %s worked on",
                 t->apart ? "part" : "block");
    p->head[0] = (char)toupper((unsigned char)p->head[0]);
}

extern const char figure_routing_gp[];

void figure_routing(struct plot *p, const struct report *r)
{
    const struct tokens *t = &r->tokens;
    const struct facts *f;
    size_t shown;
    int rows = lay_out(t, p, false, &shown);
    char capacity[64] = "";

    if (t->n == 0 || t->n_blocks == 0)
        return;
    f = &r->scored->facts;
    p->ready = true;
    p->left = plot_is_narrow(p) ? 52 : 66;
    p->top = 66;
    p->bottom = 40;
    p->height = p->top + p->bottom + 4 +
                rows * (t->n_blocks * cell_height(t->n_blocks) + text_cells);
    fputs("# row  x0  x1  blocks_used  \"token\"  one 0/1 column per routed "
          "block, or part of it, lowest layer first\n", p->data);
    lay_out(t, p, true, &shown);
    say(p, t);
    TEXT_SET(p->sub, "Above each token one cell per routed %s, the lowest "
             "layer at the bottom%s: filled = worked on, hollow = skipped it; "
             "the first %zu of %zu tokens", t->apart ? "part" : "block",
             t->apart ? ", attention under ffn" : "", shown, t->n);
    if (isfinite(f->realised))
        snprintf(capacity, sizeof capacity, "  |  realised capacity %.1f %%",
                 100 * f->realised);
    TEXT_SET(p->foot, "routing counted%s%s%s  |  shade under a token: %s "
             "used, 0 to %d", f->rule ? ", tokens kept by " : "",
             f->rule ? f->rule : "", capacity, tokens_blocks(t), t->n_blocks);
    TEXT_SET(p->alt, "Map of %d routed %s over the first %zu tokens of the "
             "text. %s. The text itself follows with the %s of each token.",
             t->n_blocks, tokens_blocks(t), shown,
             p->head, tokens_blocks(t));
    fprintf(p->script, "LAYERS = %d; CELL = %.0f.; ROWS = %d; COLUMNS = %d\n"
            "FIRST = '%d'; LAST = '%d'\n%s", t->n_blocks,
            cell_height(t->n_blocks), rows, rows_of(p).columns, t->layer[0],
            t->layer[t->n_blocks - 1], figure_routing_gp);
}
