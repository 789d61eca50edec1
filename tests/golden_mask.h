/* golden_mask.h - Replace what differs from run to run, or from machine to
 * machine, in a program's output by a mark such as <time>, so that the rest can
 * be compared to the letter. */
#ifndef GOLDEN_MASK_H
#define GOLDEN_MASK_H

#include <criterion/criterion.h>
#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum mask_kind {
    MASK_JSON,         /* values by dotted path, a glob; null stays null */
    MASK_JSON_NULL,    /* likewise, null as well */
    MASK_CSV,          /* fields by column, a glob; empty ones stay empty */
    MASK_CSV_EMPTY,    /* likewise, empty ones as well */
    MASK_TEXT,         /* what an expression's first parentheses match */
    MASK_HASH,         /* the file: its size and hash take its place */
    MASK_FILE          /* the file: the mark takes its place */
};

struct mask {
    const char *where;         /* CASE/FILE, a glob; stdout and stderr too */
    enum mask_kind kind;
    const char *what;          /* path, column or expression */
    const char *when;          /* of a CSV file: only rows with COLUMN=VALUE */
    const char *mark;
    const char *why;
};

/* A number. */
#define N "[-+]?[0-9][-+0-9.e]*"
/* With the prefix of a unit. */
#define AMOUNT N " [a-zA-Z]?"

/* All that is not compared, and why. */
static const struct mask masks[] = {
    /* files that are no text: before any rule that reads it */
    { "*/model.safetensors", MASK_HASH, NULL, NULL, NULL,
      "Weights are to be the same to the bit." },
    { "*/state.safetensors", MASK_FILE, NULL, NULL, "state",
      "It holds seconds, among what has been compared elsewhere." },

    /* the program, the machine and the moment */
    { "*json*", MASK_JSON, "files.*", NULL, "hash",
      "The tables hold seconds." },
    { "*json*", MASK_JSON_NULL,
      "provenance.@(commit|dirty|build_flags|compiler)", NULL, "build",
      "They say which program was built, and how." },
    { "*json*", MASK_JSON_NULL,
      "provenance.@(cpu|kernel|perf_event_paranoid|memory_bytes)", NULL,
      "host", "They say what the machine is." },
    { "*json*", MASK_JSON, "@(provenance.start_time|started)", NULL, "date",
      "It is the time of day." },
    { "report/out/index.html", MASK_TEXT,
      "class=\"run\">isobath [^ ]+ · ([-0-9]+) · ", NULL, "date",
      "A page says on which day it was made." },
    { "*/.lock", MASK_TEXT, "([0-9]+)", NULL, "pid",
      "A process writes its number into the lock." },
    { "sweep-slurm/*.sh", MASK_TEXT, "'(/[^']*)/(golden/sweep-slurm|isobath)",
      NULL, "folder", "The script names the folder that the tests run in." },

    /* memory that the process has, libraries and all */
    { "@(train|run|profile|prompt|stories|sweep)*json*", MASK_JSON,
      "memory.@(predicted|peak_resident)_bytes", NULL, "memory", "They hold what the process takes without a model." },
    { "!(predict*)", MASK_TEXT, "^memory +(" AMOUNT "B)", NULL, "memory",
      "It holds what the process takes without a model." },
    { "*", MASK_TEXT, "predicted, (" AMOUNT "B) at the peak", NULL, "memory",
      "The kernel says what was resident." },

    /* clocks */
    { "*json*", MASK_JSON, "*measured.seconds", NULL, "time",
      "It is measured." },
    { "!(predict*)json*", MASK_JSON, "*measured.sources.seconds", NULL, "load",
      "It says whether others ran." },
    { "*json*", MASK_JSON_NULL, "load.!(steps)", NULL, "load",
      "They say what others took of the machine." },
    { "*/stdout", MASK_TEXT, "^load: (.*)$", NULL, "load",
      "It says what others took of the machine." },
    { "*/stderr", MASK_TEXT, "^load +(.*)$", NULL, "load",
      "It says what others took of the machine." },
    { "*json*", MASK_JSON, "*per_token.seconds", NULL, "time",
      "It is measured." },
    { "@(run|stories)*json*", MASK_JSON,
      "against.ratio.seconds.@(value|low|high)", NULL, "time",
      "They are measured." },
    { "prompt-against/*json", MASK_JSON, "against.@(prefill|decode)_seconds*",
      NULL, "time", "They are measured." },
    { "prompt-against/*json", MASK_JSON_NULL,
      "against.ratio.*.seconds.@(value|low|high)", NULL, "time",
      "They are measured." },
    { "*json*", MASK_JSON, "generation.*@(_seconds|_per_second|_median)", NULL,
      "time", "They are measured." },
    { "profile*json", MASK_JSON_NULL,
      "phases*seconds*.@(median|low|high|n|busy)", NULL, "time", "They are measured, in repeats that nobody disturbed." },
    { "profile*json", MASK_JSON_NULL, "phases*seconds.load.!(repeats)", NULL,
      "load", "They say what others took of the machine." },
    { "profile*/stdout", MASK_TEXT, "^  a repeat: (.*)$", NULL, "load",
      "It says what others took of the machine." },
    { "profile*json", MASK_JSON, "*measuring.*seconds*", NULL, "time",
      "They are measured." },
    { "profile*json", MASK_JSON, "*measuring.below_resolution_at_most", NULL,
      "time", "Seconds are among them only where a clock was too coarse." },
    { "*.csv", MASK_CSV, "seconds*", "witness=measured", "time",
      "They are measured." },
    { "profile*/ledger*.csv", MASK_CSV_EMPTY, "seconds*", "witness=measured",
      "time", "They are measured, or below what a clock resolves." },
    { "profile*/tokens.csv", MASK_CSV_EMPTY, "seconds*", NULL, "time",
      "They are measured, or below what a clock resolves." },
    { "*/@(curve|windows|tokens).csv", MASK_CSV, "seconds*", NULL,
      "time", "They are measured." },
    { "prompt-csv/stdout", MASK_CSV, "seconds", NULL, "time",
      "They are measured." },
    { "*/points.csv", MASK_CSV, "@(seconds|measured.seconds|ratio.seconds*)",
      NULL, "time", "They are measured." },
    { "*/points.csv", MASK_CSV_EMPTY, "load.*", NULL, "load",
      "They say what others took of the machine." },
    { "*/stdout", MASK_TEXT, "^(" AMOUNT "s) in the model under", NULL, "time",
      "It is measured." },
    { "*/stdout", MASK_TEXT, "in the model under .*, (" AMOUNT "B/s)", NULL,
      "time", "It is measured." },
    { "*/stdout", MASK_TEXT, "^  flops .* seconds (.*)$", NULL, "time",
      "It is measured." },
    { "prompt-against/stderr", MASK_TEXT, "^        .* seconds (.*)$", NULL,
      "time", "They are measured." },
    { "*/stderr", MASK_TEXT, "^opened +(" AMOUNT "s),", NULL, "time",
      "It is measured." },
    { "*/stderr", MASK_TEXT, "^prompt +[0-9]+ tokens in (" AMOUNT "s),", NULL,
      "time", "It is measured." },
    { "*/stderr", MASK_TEXT, ", (" N ") tokens/s", NULL, "time",
      "It is measured." },
    { "*/stderr", MASK_TEXT, "tokens/s \\(median (" AMOUNT "s)\\)", NULL, "time",
      "It is measured." },
    { "*/stderr", MASK_TEXT, "a token, (" AMOUNT "B/s) of weights", NULL, "time",
      "It is measured." },

    /* profile's tables */
    { "profile*/stdout", MASK_TEXT, "regions a repeat at (.*)$", NULL, "time",
      "The clock's own time is measured, and what it leaves unexplained." },
    { "profile*/stdout", MASK_TEXT, "^  counters: (.*) a region in", NULL,
      "time", "It is measured." },
    { "profile*/stdout", MASK_TEXT, "passes, [0-9]+ regions (" N " .s)", NULL,
      "time", "It is measured." },
    { "profile*/stdout", MASK_TEXT, "read by .*\\((" N " .s) a reading", NULL,
      "time", "It is measured." },
    { "profile*/stdout", MASK_TEXT, "   time( .*)   joules", NULL, "time",
      "It is measured." },
    { "profile*/stdout", MASK_TEXT, "^seconds( .*)$", NULL,
      "time", "They are measured." },
    { "profile*/stdout", MASK_TEXT, "^ +[0-9] +[0-9]+ +[0-9.]+( .*)$", NULL,
      "time", "Tokens by how many layers kept them are timed." },
    { "*dead-sensor/*", MASK_TEXT, "over ([0-9]+ ms) of work", NULL, "time",
      "It is how long a sensor was watched." },

    /* what isobath machine found */
    { "machine-json/stdout", MASK_JSON_NULL,
      "topology.@(model_name|vendor|family|model|memory_bytes|virtual_machine|"
      "isa|kernel|perf_event_paranoid)", NULL, "host",
      "They say what the machine is; the rest is a made-up /sys." },
    { "machine-json/stdout", MASK_JSON_NULL,
      "@(peak.kernel|event_table|metrics.*.!(unit)|read_paths|counters|"
      "backends.*)", NULL, "host", "They say what can be read here, and by which library." },
    { "machine-json/stdout", MASK_JSON,
      "peak.*.@(best|slowest|busy|probe_share)", NULL, "rate",
      "They are measured." },
    { "machine-csv/stdout", MASK_CSV, "@(value|slowest)", "kind=peak", "rate",
      "They are measured." },
    { "machine-csv/stdout", MASK_CSV_EMPTY, "reason", "kind=peak", "load",
      "It says that others ran beside a rate." },
    { "machine-csv/stdout", MASK_CSV_EMPTY, "@(value|source|reason)",
      "kind=metric", "host", "They say what can be read here, and how." },
    { "machine-text/stdout", MASK_TEXT, "^(.*, family .*)$", NULL, "host",
      "The machine has a name and a kind." },
    { "machine-text/stdout", MASK_TEXT, ", (" N ") GiB of memory", NULL,
      "host", "The machine has so much." },
    { "machine-text/stdout", MASK_TEXT, "instruction sets: (.*)$", NULL,
      "host", "The machine has them." },
    { "machine-text/stdout", MASK_TEXT, "; kernel (.*)$", NULL, "host",
      "The machine runs it." },
    { "machine-text/stdout", MASK_TEXT, "^  GFLOP/s( .*)$", NULL, "rate",
      "They are measured, by a kernel for this machine." },
    { "machine-text/stdout", MASK_TEXT, "GB/s read( .*)   [0-9]+ KiB", NULL,
      "rate", "They are measured." },
    { "machine-text/stdout", MASK_TEXT, "^Counter back ends: (.*)$", NULL,
      "build", "Libraries that were there are built in." },
    { "machine-text/stdout", MASK_TEXT, "^Event table: (.*)$", NULL, "host",
      "It is the one of this machine." },
    { "machine-profile/out", MASK_TEXT, "^name: (.*)$", NULL, "host",
      "The machine has a name." },
    { "machine-profile/out", MASK_TEXT, "_per_second: \\{(.*),$", NULL,
      "rate", "They are measured, and graded by whether others ran." },
    { "machine-profile/out", MASK_TEXT, "^  fp32: \\{(.*e\\+.*),$", NULL,
      "rate", "They are measured, and graded by whether others ran." },
    { "machine-profile/out", MASK_TEXT, "^  static: \\{(value.*), grade", NULL,
      "watts", "A machine of much speed is granted more of them." },
    { "machine-profile/out", MASK_TEXT, "^  cap: \\{(value.*), grade", NULL,
      "watts", "A machine of much speed is granted more of them." },
    { "machine-profile/out", MASK_TEXT, "^(  [a-z_0-9]+: \\[.*)$", NULL, "shares",
      "They are measured: sizes and shares of kinds of work that were seen." },
    { "machine-profile/out", MASK_TEXT, "^  scale: \\{(.*),$", NULL, "shares",
      "They are measured, and graded by whether others ran." },
    { "machine-profile/out", MASK_TEXT, "^  half_head: \\{(.*),$", NULL, "sizes",
      "They are fitted to what was measured." },
    { "machine-profile/out", MASK_TEXT, "^  half_head_backward: \\{(.*),$", NULL,
      "sizes", "They are fitted to what was measured." },
    { "machine-profile/out", MASK_TEXT, "^  half_head_query: \\{(.*),$", NULL,
      "sizes", "They are fitted to what was measured." },
    { "machine-profile/out", MASK_TEXT, "^query_head_seconds: \\{(.*),$", NULL,
      "seconds", "They are fitted to what was measured." },
    { "machine-profile/out", MASK_TEXT, "^(  aging_bytes: \\{[^}]*\n?[^}]*\\})", NULL,
      "bytes", "They are fitted, or nothing was seen to be taken." },
    { "machine-profile/out", MASK_TEXT, "^launch_seconds: \\{(.*),$", NULL,
      "seconds", "They are measured." },
    { "machine-profile/out", MASK_TEXT, "^memory_bytes: \\{(.*), grade", NULL,
      "host", "It is what the machine has." },
    { "machine-profile/out", MASK_TEXT, "rates were measured(.*), joules", NULL,
      "load",
      "Others may have run beside a rate." },
    { "machine-profile/out", MASK_TEXT, "source: \"(.*: .* fused .*)\"", NULL,
      "host", "It is the kernel for this machine." },
};

/* True where fnmatch's extended glob covers all of the text. */
static inline bool mask_covers(const char *glob, const char *text)
{
    return fnmatch(glob, text, FNM_EXTMATCH) == 0;
}

/* ---- JSON, a value a line, as jansson indents it ---- */

enum { MASK_DEPTH = 16, MASK_KEY = 64 };

/* Write into path[] the keys from the outermost to depth, with dots between. */
static inline void mask_json_path(char path[MASK_DEPTH * MASK_KEY],
                                  char key[MASK_DEPTH][MASK_KEY], size_t depth)
{
    size_t n = 0;

    path[0] = '\0';
    for (size_t i = 0; i <= depth; i++)
        if (key[i][0])
            n += (size_t)snprintf(path + n, MASK_KEY, "%s%s", n ? "." : "",
                                  key[i]);
}

/* Put the key of a line into key[], "" where it has none; return its value. */
static inline const char *mask_json_key(const char *line, char key[MASK_KEY])
{
    size_t n = 0;

    key[0] = '\0';
    if (*line == '"')
        for (n = 1; line[n] && line[n] != '"'; n++)
            n += line[n] == '\\' && line[n + 1];
    if (n == 0 || strncmp(line + n, "\": ", 3) != 0)
        return line;
    snprintf(key, MASK_KEY, "%.*s", (int)n - 1, line + 1);
    return line + n + 3;
}

/* Skip the lines of an object or list that opened at this depth; return the one
 * that closes it. */
static inline char *mask_json_close(char **rest, size_t depth)
{
    char *line;

    while ((line = strsep(rest, "\n")) != NULL)
        if (strspn(line, " ") <= depth)
            return line;
    return (char *)"";
}

static inline void mask_json(FILE *out, const struct mask *mask, char *text)
{
    char key[MASK_DEPTH][MASK_KEY] = { "" }, path[MASK_DEPTH * MASK_KEY], *line;

    while ((line = strsep(&text, "\n")) != NULL) {
        size_t indent = strspn(line, " "), depth = indent / 2;
        if (depth >= MASK_DEPTH)
            depth = MASK_DEPTH - 1;
        const char *value = mask_json_key(line + indent, key[depth]);
        mask_json_path(path, key, depth);
        bool null = strncmp(value, "null", 4) == 0;
        if (strchr("}]", *value) || !mask_covers(mask->what, path) ||
            (null && mask->kind == MASK_JSON)) {
            fprintf(out, "%s%s", line, text ? "\n" : "");
            continue;
        }
        const char *end = value;
        if (strcmp(value, "{") == 0 || strcmp(value, "[") == 0)
            end = mask_json_close(&text, indent);
        fprintf(out, "%.*s<%s>%s\n", (int)(value - line), line, mask->mark,
                end[strlen(end) - 1] == ',' ? "," : "");
    }
}

/* ---- CSV, as RFC 4180 has it ---- */

enum { MASK_COLUMNS = 64 };

/* The length of the field that begins here, with its quotes. */
static inline size_t mask_csv_field(const char *text)
{
    bool quoted = false;
    size_t n = 0;

    for (; text[n] && (quoted || !strchr(",\r\n", text[n])); n++)
        quoted ^= text[n] == '"';
    return n;
}

struct mask_field {
    const char *text;
    int n;
};

/* Split one record, whose line may end in "\r\n"; return what follows it. */
static inline const char *mask_csv_record(const char *text, int *n,
                                          struct mask_field field[MASK_COLUMNS])
{
    for (*n = 0;; text++) {
        size_t length = mask_csv_field(text);
        cr_assert(*n < MASK_COLUMNS);
        field[(*n)++] = (struct mask_field){ text, (int)length };
        text += length;
        if (*text != ',')
            return text + strspn(text, "\r") + (text[strspn(text, "\r")] != 0);
    }
}

static inline bool mask_field_is(struct mask_field field, const char *glob)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s", field.n, field.text);
    return mask_covers(glob, text);
}

/* True where the record has `when`'s value in its column, or `when` is NULL. */
static inline bool mask_csv_row(const char *when, const struct mask_field *head,
                                const struct mask_field *field, int n)
{
    size_t name = when ? strcspn(when, "=") : 0;

    for (int i = 0; when && i < n; i++)
        if ((size_t)head[i].n == name &&
            memcmp(head[i].text, when, name) == 0)
            return mask_field_is(field[i], when + name + 1);
    return when == NULL;
}

static inline void mask_csv(FILE *out, const struct mask *mask, char *text)
{
    struct mask_field head[MASK_COLUMNS], field[MASK_COLUMNS];
    int columns, n;
    const char *rest = mask_csv_record(text, &columns, head);

    fwrite(text, 1, (size_t)(rest - text), out);
    while (*rest) {
        rest = mask_csv_record(rest, &n, field);
        cr_assert(n == columns, "a record of %d fields, not %d: %.99s", n,
                  columns, field[0].text);
        bool row = mask_csv_row(mask->when, head, field, n);
        for (int i = 0; i < n; i++) {
            const char *end = field[i].text + field[i].n;
            const char *next = i + 1 < n ? field[i + 1].text : rest;
            if (row && mask_field_is(head[i], mask->what) &&
                (field[i].n > 0 || mask->kind == MASK_CSV_EMPTY))
                fprintf(out, "<%s>", mask->mark);
            else
                fwrite(field[i].text, 1, (size_t)field[i].n, out);
            fwrite(end, 1, (size_t)(next - end), out);
        }
    }
}

/* ---- text ---- */

static inline void mask_text(FILE *out, const struct mask *mask, char *text)
{
    regmatch_t match[2];   /* of all, and of the first parentheses */
    regex_t regex;

    cr_assert(regcomp(&regex, mask->what, REG_EXTENDED | REG_NEWLINE) == 0,
              "%s", mask->what);
    while (*text && regexec(&regex, text, 2, match, 0) == 0) {
        fprintf(out, "%.*s<%s>", (int)match[1].rm_so, text, mask->mark);
        text += match[1].rm_eo;
    }
    fputs(text, out);
    regfree(&regex);
}

/* ---- all of them ---- */

static inline char *mask_apply(const struct mask *mask, char *text,
                               size_t *size)
{
    size_t masked_size;
    char *masked;
    FILE *out = open_memstream(&masked, &masked_size);

    cr_assert(out != NULL);
    if (mask->kind == MASK_FILE)
        fprintf(out, "<%s>\n", mask->mark);
    else if (mask->kind == MASK_HASH)
        fprintf(out, "%zu bytes, xxh64 %016llx\n", *size,
                (unsigned long long)XXH64(text, *size, 0));
    else if (mask->kind == MASK_TEXT)
        mask_text(out, mask, text);
    else if (mask->kind == MASK_CSV || mask->kind == MASK_CSV_EMPTY)
        mask_csv(out, mask, text);
    else
        mask_json(out, mask, text);
    fclose(out);
    free(text);
    *size = masked_size;
    return masked;
}

/* `text`, which this takes over, as it is compared; the caller frees it. */
static inline char *masked(const char *where, char *text, size_t size)
{
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        if (mask_covers(masks[i].where, where))
            text = mask_apply(&masks[i], text, &size);
    return text;
}

#endif
