/* run_config.c - List the keys of a scoring run; tell who gave a value. */
#include "models/scoring/run_config.h"

#include <stdarg.h>
#include <string.h>

#include "models/files/source.h"
#include "models/tokens/tokenizer.h"
#include "sim/core/config/document.h"
#include "sim/core/model/route_policies.h"

static const char *const splits[] = { "all", "train", "validation", "test",
                                      NULL };
static const int split_of[] = { RUN_ALL, SPLIT_TRAIN, SPLIT_VALIDATION,
                                SPLIT_TEST };

#define SCORE(name, type, member, min, max, ...)                               \
    { name, CONFIG_##type, offsetof(struct run_config, member), min, max,    \
      __VA_ARGS__ }
enum { KEY_LENGTH = 64, MOST = 1 << 30 };

static const char *const files_of_routing[] = { "replay", "table", NULL };

/* clang-format off */
static const struct config_key keys[] = {
    SCORE("run.model", PATH, model, 0, 0, NULL, NULL, "",
        "a directory of isobath train or of Hugging Face, a GGUF file, a"
        " llama2.c .bin file, or a model YAML, whose weights are drawn at"
        " random"),
    SCORE("run.text", PATH, text, 0, 0, "", NULL, "",
        "the text to score"),
    SCORE("run.tokenizer", PATH, tokenizer, 0, 0, "", NULL, "",
        "tokenizer.json, GGUF, SentencePiece or llama2.c tokenizer; empty: the one that lies"
        " with the model, else bytes"),
    SCORE("run.special", CHOICE, special, 0, 0, "parse",
        tokenizer_special_names, "",
        "special tokens in a text, such as <|im_end|>: parse: they are the"
        " tokens, as transformers takes them; text: characters like any other"),
    SCORE("run.window", INT, window, 0, MOST, "0", NULL, "tokens",
        "how many tokens the model sees at a time; 0: as isobath train had it,"
        " else all its positions, but at most 1024"),
    SCORE("run.stride", INT, stride, 0, MOST, "0", NULL, "tokens",
        "distance between the starts of two windows; that many tokens at the"
        " end of a window are scored, those before are context; 0: the window's"
        " length"),
    SCORE("run.split", CHOICE, split_choice, 0, 0, "all", splits, "",
        "score all of the text, or a part of those that training divides it"
        " into: train is what it sees.  It is divided by the data.held_out of the"
        " run that trained the model, where that is known, else by 0.1"),
    SCORE("run.limit", INT, limit, 0, 0x1p50, "0", NULL, "tokens",
        "score at most this many tokens; of a split, whole windows, at least"
        " one; 0: all"),
    SCORE("run.skip", INT, skip, 0, 0x1p50, "0", NULL, "tokens",
        "how many tokens to leave out before those; positions count from"
        " there"),
    SCORE("run.policy", TEXT, policy, 0, 0, "", NULL, "",
        "the rule by which a routed block keeps tokens; empty: the causal rule"
        " that goes with the training.  With --prompt, a rule that looks ahead"
        " routes the prompt, and another the tokens after it" ROUTE_DESCRIPTIONS),
    SCORE("run.seed", INT, seed, 0, 1e15, "1", NULL, "",
        "seed of the weights of a model that has none, of drawn tokens, and of"
        " policies that draw"),
    SCORE("run.machine", PATH, machine, 0, 0, "", NULL, "",
        "machine profile to predict seconds and joules with"),
    SCORE("run.tokens", BOOL, tokens, 0, 0, "false", NULL, "",
        "write tokens.csv, a row for each scored token, however many; without"
        " it, up to a million rows, and none with a rival"),
    SCORE("run.weights", CHOICE, weights, 0, 0, "float32", weights_names, "",
        "float32: matrices are widened when they are read; stored: kept as the"
        " file has them, and widened inside the products"),
    SCORE("run.against", TEXT, against, 0, 0, "", NULL, "",
        "run a rival on the same windows too, in turns, for paired losses and"
        " seconds, or on the same prompt and new tokens: dense, the twin that"
        " routes no layer; layers:N or exit:N, that twin with N of its layers"
        " kept, or left after N; layers:0,2,3, with these; equal-flops or equal-params, a dense model whose"
        " depth is solved for, which nobody trained, so that its loss is unknown;"
        " or another model that knows the same tokens"),
    SCORE("run.repeats", INT, repeats, 1, 1000, "1", NULL, "",
        "with run.against, how often both are timed on each window"),
    SCORE("model", SETTINGS, sections[0], 0, 0, "", NULL, "",
        "keys of a model, where run.model is a model YAML"),
    SCORE("routing", SETTINGS, sections[1], 0, 0, "", files_of_routing, "",
        "policy, blocks, capacity, keep_first, part, skipped_keys, replay, exits"
        " and confidence,"
        " as isobath keys predict has them, for the model"),
    { NULL, CONFIG_BOOL, 0, 0, 0, NULL, NULL, NULL, NULL },
};
/* clang-format on */

_Static_assert(sizeof keys / sizeof *keys <= RUN_KEYS_MAX,
               "more keys than there is room for origins");

const struct config_schema run_config_schema = { "run", keys };

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcmp(path + n - m, end) == 0;
}

bool run_config_is(const char *path)
{
    struct document *document = NULL;
    const yaml_node_t *root;
    bool found = false;

    if (!ends_in(path, ".yaml") && !ends_in(path, ".yml"))
        return false;
    if (document_read(&document, path, NULL) != STATUS_OK)
        return false;
    root = document_config(document);
    found = root && root->type == YAML_MAPPING_NODE &&
            document_find(document, root, document_size(root), "run");
    document_close(document);
    return found;
}

static bool is_ours(const char *text)
{
    return strncmp(text, "run.", 4) == 0;
}

/* "routing.capacity" of "routing.capacity=0.5" */
static void key_of(char out[KEY_LENGTH], const char *text)
{
    snprintf(out, KEY_LENGTH, "%.*s", (int)strcspn(text, "="), text);
}

static const struct config_setting *last_given(const struct run_config *c,
                                              const char *key)
{
    char other[KEY_LENGTH];

    for (size_t i = c->n_given; i-- > 0;) {
        key_of(other, c->given[i].text);
        if (strcmp(other, key) == 0)
            return &c->given[i];
    }
    return NULL;
}

/* The place of the last use of a key in the file's sections; NULL: none. */
static const char *place_of(const struct run_config *c, const char *key)
{
    char other[KEY_LENGTH];

    for (size_t s = 0; s < sizeof c->sections / sizeof *c->sections; s++)
        for (int32_t i = 0; i < c->sections[s].n; i++) {
            key_of(other, c->sections[s].of[i].text);
            if (strcmp(other, key) == 0)
                return c->sections[s].of[i].place;
        }
    return NULL;
}

/* The name of a setting that stands in a message behind "--set: ", in quotes
 * or not, or behind "--set " as it was given. */
static void blamed_key(char out[KEY_LENGTH], const char *text)
{
    const char *dot = strchr(text, '.'), *start = dot, *end = dot;
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyz_.0123456789";

    *out = '\0';
    if (!dot)
        return;
    while (start > text && strchr(plain, start[-1]))
        start--;
    while (*end && strchr(plain, *end))
        end++;
    if (end - start < KEY_LENGTH)
        snprintf(out, KEY_LENGTH, "%.*s", (int)(end - start), start);
}

enum status run_config_blame(const struct run_config *c, struct error *err)
{
    static const char said[] = "--set";
    char key[KEY_LENGTH], text[sizeof err->text];
    const struct config_setting *given;
    const char *rest, *place;

    if (!err || strncmp(err->text, said, strlen(said)) != 0)
        return err ? err->status : STATUS_BAD_VALUE;
    rest = err->text + strlen(said);
    rest += strspn(rest, ": ");
    blamed_key(key, rest);
    given = last_given(c, key);
    place = given ? NULL : place_of(c, key);
    snprintf(text, sizeof text, "%s", rest);
    if (place)
        return error_set(err, err->status, "%s: %.400s", place, text);
    if (given && given->flag && strncmp(text, key, strlen(key)) == 0)
        return error_set(err, err->status, "%s%s", given->flag,
                         text + strlen(key));
    return err->status;
}

static enum status pass(struct run_config *c, const char *text,
                        struct error *err)
{
    if (c->n_passed == RUN_MAX_SETTINGS)
        return error_set(err, STATUS_BAD_VALUE, "more than %d settings",
                         RUN_MAX_SETTINGS);
    c->passed[c->n_passed++] = (struct config_setting){ .text = text };
    return STATUS_OK;
}

static enum status pass_all(struct run_config *c, struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t s = 0; s < sizeof c->sections / sizeof *c->sections; s++)
        for (int32_t i = 0; i < c->sections[s].n && status == STATUS_OK; i++)
            status = pass(c, c->sections[s].of[i].text, err);
    for (size_t i = 0; i < c->n_given && status == STATUS_OK; i++)
        if (!is_ours(c->given[i].text))
            status = pass(c, c->given[i].text, err);
    return status;
}

enum status run_config_read(struct run_config *out, const char *path,
                              const struct config_setting *given,
                              size_t n_given, struct error *err)
{
    struct config_setting ours[RUN_MAX_SETTINGS];
    size_t n = 0;
    enum status status;

    out->given = given;
    out->n_given = n_given;
    out->n_passed = 0;
    for (size_t i = 0; i < n_given && n < RUN_MAX_SETTINGS; i++)
        if (is_ours(given[i].text))
            ours[n++] = given[i];
    status = config_load(out, &run_config_schema, path, ours, n, out->origin,
                         err);
    if (status != STATUS_OK)
        return run_config_blame(out, err);
    out->split = split_of[out->split_choice];
    return pass_all(out, err);
}

enum status run_config_fail(const struct run_config *c, const char *key,
                              struct error *err, const char *format, ...)
{
    const struct config_setting *given = last_given(c, key);
    const struct config_origin *origin = c->origin;
    char text[384], place[CONFIG_TEXT_SIZE] = "";
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    for (const struct config_key *k = keys; k->name; k++, origin++)
        if (strcmp(k->name, key) == 0 && origin->line > 0)
            snprintf(place, sizeof place, "%.400s:%d:%d: ", origin->path,
                     origin->line, origin->column);
    return error_set(err, STATUS_BAD_VALUE, "%s%s %s", place,
                     given && given->flag ? given->flag : key, text);
}

enum status run_config_need_text(const struct run_config *c,
                                 const char *purpose, struct error *err)
{
    if (*c->text)
        return STATUS_OK;
    error_set(err, STATUS_BAD_VALUE, "--text FILE, or run.text, is missing: the"
              " text %s", purpose);
    return STATUS_BAD_VALUE;
}
