/* run_config.h - Read the job of isobath run: a YAML file, flags, settings.
 *
 *     run:
 *       model: ../../build/models/small.gguf
 *       text: ../../build/corpus/kjv.txt
 *       window: 512
 *       against: dense
 *     routing:                     as --set would give it, for source_read()
 *       policy: random
 *
 * A flag stands for a key, so one table finds every mistake; messages name the
 * origin of the value: file:line:col, the flag, or --set. */
#ifndef RUN_CONFIG_H
#define RUN_CONFIG_H

#include <stdbool.h>
#include "models/training/data.h"
#include "sim/core/config/config.h"

/* run.split: the whole text, or the parts that training on it leaves out. */
enum { RUN_ALL = SPLIT_COUNT };

enum { RUN_MAX_SETTINGS = 192, RUN_KEYS_MAX = 24 };

struct run_config {
    char    model[CONFIG_TEXT_SIZE], text[CONFIG_TEXT_SIZE];
    char    tokenizer[CONFIG_TEXT_SIZE], machine[CONFIG_TEXT_SIZE];
    char    policy[CONFIG_TEXT_SIZE];      /* "": the model's own */
    int     split_choice, weights;         /* enum weights */
    int     special;                       /* enum tokenizer_special */
    int64_t window, stride, limit;         /* 0: not given */
    int64_t skip, seed, repeats;
    char    against[CONFIG_TEXT_SIZE];     /* a rival; "": none */
    bool    tokens;
    struct config_settings sections[2];    /* model: and routing: of the file */

    int     split;                         /* enum split, or RUN_ALL */
    /* Settings to read the source with: the sections, then those of the command
     * line.  Points into the above and into borrowed texts. */
    struct config_setting passed[RUN_MAX_SETTINGS];
    size_t  n_passed;
    const struct config_setting *given;     /* [n_given] */
    size_t  n_given;
    struct config_origin origin[RUN_KEYS_MAX];
};

extern const struct config_schema run_config_schema;     /* kind "run" */

/* True if `path` is a YAML file with a section run:. */
bool run_config_is(const char *path);

/* Read `path` (NULL: none) and the given settings; the last of a key holds.
 * Names of files are relative to the file, or as given.  The settings stay
 * borrowed and *out must stay where it is. */
enum status run_config_read(struct run_config *out, const char *path,
                              const struct config_setting *given,
                              size_t n_given, struct error *err) MUST_CHECK;

/* source_read() blames a setting of `passed` with "--set": if the setting came
 * from the file, put its place there instead.  Returns err->status. */
enum status run_config_blame(const struct run_config *config,
                               struct error *err);

/* A later check failed for a key: "file:3:11: run.window 65: TEXT", "--window
 * 65: TEXT", "run.window 65: TEXT". */
enum status run_config_fail(const struct run_config *config,
                              const char *key, struct error *err,
                              const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* STATUS_BAD_VALUE where no text is given, which is there "to score". */
enum status run_config_need_text(const struct run_config *config,
                                 const char *purpose,
                                 struct error *err) MUST_CHECK;

#endif
