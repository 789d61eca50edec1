/* tokens.c - Read the tokens of a scored text and the blocks they went
 * through. */
#include "reports/read/tokens.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The rest of a column name behind block_, attention_ or ffn_, and the part
 * that its prefix names; NULL: it has none of them. */
static const char *behind_part(const char *name, enum routed_part *part)
{
    static const enum routed_part parts[] = { PART_BLOCK, PART_ATTENTION,
                                              PART_FFN };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const size_t n = strlen(part_names[parts[i]]);
        *part = parts[i];
        if (strncmp(name, part_names[parts[i]], n) == 0 && name[n] == '_')
            return name + n + 1;
    }
    return NULL;
}

static enum status find_blocks(struct tokens *t, int *column, struct error *err)
{
    for (size_t c = 0; c < t->csv.n_columns; c++) {
        enum routed_part part;
        const char *number = behind_part(t->csv.field[c], &part);
        char *end = NULL;
        if (!number)
            continue;
        long layer = strtol(number, &end, 10);
        if (*end || end == number || layer < 0 || layer >= SPEC_MAX_LAYERS ||
            t->n_blocks == PLAN_MAX_CHOICES)
            return error_set(err, STATUS_BAD_FORMAT, "%s:1: column '%.40s' "
                             "names no layer of 0..%d", t->csv.path,
                             t->csv.field[c], SPEC_MAX_LAYERS - 1);
        column[t->n_blocks] = (int)c;
        t->part[t->n_blocks] = part;
        t->apart |= part != PART_BLOCK;
        t->layer[t->n_blocks++] = (int)layer;
    }
    return STATUS_OK;
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* isobath run writes control bytes, bytes past ASCII and the backslash as \xHH:
 * back to bytes, in place.  A NUL becomes 0xFF, as in csv.h. */
static void unescape(char *text)
{
    char *to = text;

    while (*text) {
        if (text[0] == '\\' && text[1] == 'x' && hex(text[2]) >= 0 &&
            hex(text[3]) >= 0) {
            int byte = hex(text[2]) * 16 + hex(text[3]);
            *to++ = (char)(byte ? byte : 0xFF);
            text += 4;
        } else {
            *to++ = *text++;
        }
    }
    *to = 0;
}

static const char *read_text(struct tokens *t, size_t r, const char *name)
{
    const int column = csv_column(&t->csv, name);

    if (column >= 0)
        unescape(t->csv.field[(r + 1) * t->csv.n_columns + (size_t)column]);
    return csv_text(&t->csv, r, column);
}

static enum status read_token(struct tokens *t, size_t r, const int *block,
                              struct error *err)
{
    struct token *token = &t->token[r];
    const struct csv_number numbers[] = {
        { "loss_nats", &token->loss_nats }, { "flops", &token->flops },
        { "joules", &token->joules },
    };
    enum status status = csv_reals(&t->csv, r, numbers,
                                   sizeof numbers / sizeof *numbers, err);

    token->text = read_text(t, r, "text");
    token->target = read_text(t, r, "target_text");
    for (int b = 0; status == STATUS_OK && b < t->n_blocks; b++) {
        const char *bit = csv_text(&t->csv, r, block[b]);
        if (*bit && strcmp(bit, "0") != 0 && strcmp(bit, "1") != 0)
            return error_set(err, STATUS_BAD_FORMAT, "%s:%d: %s is '%.40s', "
                             "allowed is 0, 1 or nothing", t->csv.path,
                             t->csv.line[r + 1], t->csv.field[block[b]], bit);
        t->used[r * (size_t)t->n_blocks + (size_t)b] = *bit == '1';
    }
    return status;
}

static enum status read_rows(struct tokens *t, struct error *err)
{
    int column[PLAN_MAX_CHOICES] = { 0 };
    enum status status = find_blocks(t, column, err);

    if (status != STATUS_OK)
        return status;
    t->token = calloc(t->n + 1, sizeof *t->token);
    t->used = calloc(t->n + 1, (size_t)t->n_blocks + 1);
    if (!t->token || !t->used)
        return error_set(err, STATUS_NO_MEMORY, "%s: no memory for %zu tokens",
                         t->csv.path, t->n);
    for (size_t r = 0; status == STATUS_OK && r < t->n; r++)
        status = read_token(t, r, column, err);
    return status;
}

enum status tokens_read(struct tokens *out, const struct run *run,
                        struct error *err)
{
    *out = (struct tokens){ .n = 0 };
    enum status status = csv_open_in(&out->csv, run->path, "tokens.csv", err);

    out->n = out->csv.n_rows;
    if (status == STATUS_OK)
        status = read_rows(out, err);
    if (status != STATUS_OK)
        tokens_close(out);
    return status;
}

void tokens_close(struct tokens *tokens)
{
    csv_close(&tokens->csv);
    free(tokens->token);
    free(tokens->used);
    *tokens = (struct tokens){ .n = 0 };
}

int tokens_used(const struct tokens *tokens, size_t i)
{
    int used = 0;

    for (int b = 0; b < tokens->n_blocks; b++)
        used += tokens->used[i * (size_t)tokens->n_blocks + (size_t)b];
    return used;
}

const char *tokens_blocks(const struct tokens *tokens)
{
    return tokens->apart ? "parts" : "blocks";
}

enum token_kind tokens_kind(const struct tokens *tokens, size_t i)
{
    const char *text = tokens->token[i].text;
    const char *before = i > 0 ? tokens->token[i - 1].text : "";

    return token_kind(text, strlen(text), before, strlen(before));
}
