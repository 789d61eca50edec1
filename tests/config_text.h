/* config_text.h - Load a model's config from a text and a few settings. */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/core/config/model_config.h"

static const char tiny_llama[] =
    "model: {family: llama, layers: 6, channels: 48, heads: 3}\n";

enum { MAX_SETTINGS = 4 };

/* Load `text` with up to MAX_SETTINGS settings; the file is m.yaml in a
 * directory of its own. */
static inline enum status load(struct model_spec *spec,
                               struct model_config *config, const char *text,
                               const char *const *settings, struct error *err)
{
    char directory[] = "/tmp/isobath-test-XXXXXX", path[64];
    struct config_setting setting[MAX_SETTINGS] = { { NULL } };
    size_t n = 0;

    cr_assert(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/m.yaml", directory);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    for (; n < MAX_SETTINGS && settings && settings[n]; n++)
        setting[n].text = settings[n];
    enum status status = model_config_load(spec, config, path, setting, n, err);
    unlink(path);
    rmdir(directory);
    return status;
}

static inline struct model_spec spec_of(const char *text,
                                        const char *const *settings)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };
    enum status status = load(&spec, NULL, text, settings, &err);

    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    return spec;
}

#define SET(...) ((const char *const[MAX_SETTINGS + 1]){ __VA_ARGS__ })

#endif
