/* sweep.c - List the commands of studies; look a point's settings up. */
#include "sim/sweep/sweep.h"

#include <string.h>

const struct sweep_work sweep_works[] = {
    { .name = "train", .resume = "--resume", .trains = true },
    { .name = "run", .timed = true },
    { .name = "router", .options = "router." },
    { .name = "profile", .options = "profile.", .timed = true },
    { .name = "predict", .options = "predict.", .inside = true },
    { .name = NULL },
};

/* Keys that name files, in the configs of train and run, and options of profile;
 * and their sections, each of which may be given as a file. */
static const char *const file_keys[] = {
    "data.path", "data.tokenizer", "machine", "predict.machine",
    "profile.machine", "profile.recorded", "profile.text", "routing.replay", "routing.table", "run.machine",
    "run.model", "run.text", "run.tokenizer", "train.init",
    "data", "model", "routing", "run", "train",
};

const char *sweep_option(const struct sweep_work *work, const char *key)
{
    const size_t n = work->options ? strlen(work->options) : 0;
    return n > 0 && strncmp(key, work->options, n) == 0 ? key + n : NULL;
}

bool sweep_names_file(const char *key)
{
    for (size_t i = 0; i < sizeof file_keys / sizeof *file_keys; i++)
        if (strcmp(key, file_keys[i]) == 0)
            return true;
    return false;
}

/* Rivals are words, as dense and layers:3, names or files. */
static const char *const rival_keys[] = {
    "predict.against", "profile.against", "run.against",
};

bool sweep_names_rival_file(const char *key, const char *value)
{
    bool found = false;
    for (size_t i = 0; i < sizeof rival_keys / sizeof *rival_keys; i++)
        found |= strcmp(key, rival_keys[i]) == 0;
    return found && strpbrk(value, "/.");
}

const struct sweep_setting *sweep_find(const struct sweep_point *point,
                                       const char *key)
{
    for (size_t i = point->n_settings; i-- > 0;)
        if (strcmp(point->setting[i].key, key) == 0)
            return &point->setting[i];
    return NULL;
}

const char *sweep_value(const struct sweep_point *point, const char *key)
{
    const struct sweep_setting *setting = sweep_find(point, key);
    return setting ? setting->value : NULL;
}

/* True if `words`, parted by blanks, hold this one. */
static bool holds_word(const char *words, const char *word, size_t length)
{
    while (words && *words) {
        size_t n = strcspn(words, " ");
        if (n == length && strncmp(words, word, n) == 0)
            return true;
        words += n + strspn(words + n, " ");
    }
    return false;
}

bool sweep_matches(const struct sweep_point *point, const char *words)
{
    while (words && *words) {
        size_t n = strcspn(words, " ");
        if (n > 0 && !holds_word(point->name, words, n) &&
            !holds_word(point->phase, words, n))
            return false;
        words += n + strspn(words + n, " ");
    }
    return true;
}
