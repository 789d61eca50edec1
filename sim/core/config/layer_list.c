/* layer_list.c - Read and write lists and patterns of layers. */
#include "sim/core/config/layer_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status refuse(const char *key, const char *text, struct error *err)
{
    return error_set(err, STATUS_BAD_VALUE, "%s '%.80s': allowed is none, every,"
                     " every-other, layers from 0, as in 1,3,5, or 5:1, five"
                     " and then one that is not", key, text);
}

/* A number of layers at *at, which moves behind it; -1: there is none. */
static long number(const char **at)
{
    char *end;
    const char *from = *at + strspn(*at, " ");

    if (*from < '0' || *from > '9')
        return -1;
    const long value = strtol(from, &end, 10);
    *at = end + strspn(end, " ");
    return value;
}

/* "1,3,5" */
static enum status read_list(bool in[SPEC_MAX_LAYERS], const char *key,
                             const char *text, int32_t n_layers,
                             struct error *err)
{
    const char *at = text;
    long before = -1;

    for (;; at++) {
        const long layer = number(&at);
        if (layer < 0)
            return refuse(key, text, err);
        if (layer >= n_layers)
            return error_set(err, STATUS_BAD_VALUE, "%s: layer %ld: this model"
                             " has layers 0 to %d", key, layer, n_layers - 1);
        if (layer <= before)
            return error_set(err, STATUS_BAD_VALUE, "%s '%.80s': layers must"
                             " ascend, each once", key, text);
        in[layer] = true;
        before = layer;
        if (*at == '\0')
            return STATUS_OK;
        if (*at != ',')
            return error_set(err, STATUS_BAD_VALUE, "%s '%.80s': layers are"
                             " parted by commas", key, text);
    }
}

/* "5:1"; `first` layers are left out before it begins. */
static void fill(bool in[SPEC_MAX_LAYERS], int32_t n_layers, long first,
                 long with, long without)
{
    for (int32_t l = 0; l < n_layers; l++)
        in[l] = l >= first && (l - first) % (with + without) < with;
}

enum status layer_list_read(bool in[SPEC_MAX_LAYERS], const char *key,
                            const char *text, int32_t n_layers,
                            struct error *err)
{
    static const struct { const char *name; long first, with, without; }
        named[] = {
            { "none",        SPEC_MAX_LAYERS, 1, 0 },
            { "every",       0,               1, 0 },
            { "every-other", 1,               1, 1 },
        };
    const char *at = text;

    memset(in, 0, SPEC_MAX_LAYERS * sizeof *in);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(text, named[i].name) == 0) {
            fill(in, n_layers, named[i].first, named[i].with,
                 named[i].without);
            return STATUS_OK;
        }
    const long with = number(&at);
    if (with < 0 || *at != ':')
        return read_list(in, key, text, n_layers, err);
    at++;
    const long without = number(&at);
    if (*at || with < 1 || without < 1 || with > SPEC_MAX_LAYERS ||
        without > SPEC_MAX_LAYERS)
        return refuse(key, text, err);
    fill(in, n_layers, 0, with, without);
    return STATUS_OK;
}

static int32_t run(const bool *in, int32_t from, int32_t n_layers, bool value)
{
    int32_t l = from;

    while (l < n_layers && in[l] == value)
        l++;
    return l - from;
}

static bool is_pattern(const bool *in, int32_t n_layers, int32_t with,
                       int32_t without)
{
    bool same[SPEC_MAX_LAYERS];

    if (with < 1 || without < 1)
        return false;
    fill(same, n_layers, 0, with, without);
    return memcmp(same, in, (size_t)n_layers * sizeof *in) == 0;
}

void layer_list_write(char out[CONFIG_TEXT_SIZE],
                      const bool in[SPEC_MAX_LAYERS], int32_t n_layers)
{
    size_t used = 0;

    strcpy(out, "none");
    for (int32_t l = 0; l < n_layers && used < CONFIG_TEXT_SIZE; l++)
        if (in[l])
            used += (size_t)snprintf(out + used, CONFIG_TEXT_SIZE - used,
                                     "%s%d", used ? "," : "", l);
    if (used >= CONFIG_TEXT_SIZE)
        strcpy(out + CONFIG_TEXT_SIZE - 4, "...");
}

void layer_list_write_short(char out[CONFIG_TEXT_SIZE],
                            const bool in[SPEC_MAX_LAYERS], int32_t n_layers)
{
    const int32_t with = run(in, 0, n_layers, true);
    const int32_t without = run(in, with, n_layers, false);

    if (with == n_layers)
        strcpy(out, "every");
    else if (is_pattern(in, n_layers, with, without))
        snprintf(out, CONFIG_TEXT_SIZE, "%d:%d", with, without);
    else
        layer_list_write(out, in, n_layers);
}
