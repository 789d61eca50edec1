/* settings.c - Read the keys and values of a study. */
#include "sim/sweep/settings.h"

#include <stdlib.h>
#include <string.h>

#include "sim/core/config/config_value.h"

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory for a study");
}

void *study_keep(struct study *s, size_t size)
{
    struct block *block = calloc(1, sizeof *block + size);

    if (!block)
        return NULL;
    block->next = s->blocks;
    s->blocks = block;
    return block->bytes;
}

const char *study_keep_text(struct study *s, const char *text)
{
    char *copy = study_keep(s, strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

const char *study_place(struct study *s, const yaml_node_t *node)
{
    char place[FILE_PATH_SIZE + 32];

    snprintf(place, sizeof place, "%s:%zu:%zu", s->sweep.path,
             node->start_mark.line + 1, node->start_mark.column + 1);
    return study_keep_text(s, place);
}

enum status settings_value(struct study *s, struct sweep_setting *out,
                           const char *key, const yaml_node_t *node,
                           struct error *err)
{
    const char *text = document_text(node);
    char list[CONFIG_TEXT_SIZE], path[FILE_PATH_SIZE];
    enum status status = STATUS_OK;

    if (!text && (status = config_value_text(list, s->document, node, err)) !=
                     STATUS_OK)
        return status;
    out->key = key;
    out->value = out->given = text ? text : study_keep_text(s, list);
    out->place = study_place(s, node);
    const bool rival = text && sweep_names_rival_file(key, text);
    if (text && *text && (rival || sweep_names_file(key))) {
        status = document_resolve(path, s->document, key, node, err);
        if (status == STATUS_OK && rival && !file_exists(path))
            status = study_refuse(s, node, err, "%s: no file '%s'", key, path);
        if (status == STATUS_OK)
            out->given = study_keep_text(s, path);
    }
    return status != STATUS_OK || (out->given && out->place) ? status
                                                             : no_memory(err);
}

enum status settings_key(const struct study *s, const char **out,
                         const yaml_node_t *mapping, ptrdiff_t i,
                         struct error *err)
{
    const yaml_node_t *node = document_key(s->document, mapping, i);
    const char *text = document_text(node);

    if (!text || !*text || strchr(text, '='))
        return study_refuse(s, node, err, "allowed is the name of a key");
    if (document_find(s->document, mapping, i, text))
        return study_refuse(s, node, err, "repeated key '%.64s'", text);
    *out = text;
    return STATUS_OK;
}

bool settings_have(const struct settings *settings, const char *key)
{
    bool found = false;
    for (size_t i = 0; i < settings->n; i++)
        found |= strcmp(settings->of[i].key, key) == 0;
    return found;
}

enum status settings_add(const struct study *s, struct settings *settings,
                         const yaml_node_t *node, struct sweep_setting setting,
                         struct error *err)
{
    if (settings->n == SWEEP_MAX_KEYS)
        return study_refuse(s, node, err, "more than %d settings", SWEEP_MAX_KEYS);
    settings->of[settings->n++] = setting;
    return STATUS_OK;
}

enum status settings_column(struct study *s, const char *key,
                            const yaml_node_t *node, struct error *err)
{
    struct sweep *sweep = &s->sweep;

    if (settings_have(&s->extra, key))
        return study_refuse(s, node, err, "'%.64s' differs from point to point, so"
                            " --set cannot fix it", key);
    for (size_t i = 0; i < sweep->n_keys; i++)
        if (strcmp(sweep->key[i], key) == 0)
            return STATUS_OK;
    if (sweep->n_keys == SWEEP_MAX_KEYS)
        return study_refuse(s, node, err, "more than %d keys", SWEEP_MAX_KEYS);
    sweep->key[sweep->n_keys++] = key;
    return STATUS_OK;
}

#define OF_ROW "settings[]."

const struct file_key settings_keys[WORDS + 1] = {
    [WORD_NAME] = { OF_ROW "name", "a text", NULL,
        "what the row is called in tables, claims and solve" },
    [WORD_PHASE] = { OF_ROW "phase", "a name under phases, or a list of them",
        "the first phase", "whose axes the row runs at" },
    [WORD_SOLVE] = { OF_ROW "solve", "a mapping, {width: forward_flops, as:"
        " dense}", "", "what is left to be found, so that the row costs what"
        " another costs at the same values of all axes" },
    [WORDS] = { NULL, NULL, NULL, NULL },
};

static bool is_word(const char *key, int word)
{
    return strcmp(key, settings_keys[word].name + strlen(OF_ROW)) == 0;
}

enum status settings_read(struct study *s, struct settings *out,
                          const yaml_node_t *words[WORDS],
                          const yaml_node_t *node, struct error *err)
{
    if (node->type != YAML_MAPPING_NODE)
        return study_refuse(s, node, err, "allowed is a mapping, train.steps: 10");
    for (ptrdiff_t i = 0; i < document_size(node); i++) {
        const yaml_node_t *value = document_value(s->document, node, i);
        struct sweep_setting setting = { .key = "" };
        enum status status = settings_key(s, &setting.key, node, i, err);
        int w = 0;
        while (words && w < WORDS && !is_word(setting.key, w))
            w++;
        if (status == STATUS_OK && words && w < WORDS)
            words[w] = value;
        else if (status == STATUS_OK &&
                 (status = settings_value(s, &setting, setting.key, value, err)) ==
                     STATUS_OK)
            status = settings_add(s, out, node, setting, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
