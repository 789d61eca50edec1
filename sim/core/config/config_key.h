/* config_key.h - Describe a key of a config: its type, its range, its help. */
#ifndef CONFIG_KEY_H
#define CONFIG_KEY_H

#include <stddef.h>
#include <stdint.h>
#include "sim/core/config/quantity.h"

enum { CONFIG_TEXT_SIZE = 512, CONFIG_LIST_MAX = 256,
       CONFIG_PATHS_MAX = 16, CONFIG_SETTINGS_MAX = 32 };

/* The type of a key's member in the target struct. */
enum config_type {
    CONFIG_BOOL,       /* bool */
    CONFIG_INT,        /* int64_t */
    CONFIG_REAL,       /* double */
    CONFIG_CHOICE,     /* int: index into choices */
    CONFIG_TEXT,       /* char[CONFIG_TEXT_SIZE] */
    CONFIG_PATH,       /* char[CONFIG_TEXT_SIZE], made relative to the file
                        * that names it; as given when it comes from --set */
    CONFIG_PATHS,      /* struct config_paths: likewise; one is a list of one */
    CONFIG_WORDS,      /* struct config_paths: texts as they stand, or, where the
                        * key has choices, some of those; one is a list of one */
    CONFIG_INT_LIST,   /* struct config_int_list; one number is a list of one */
    CONFIG_REAL_LIST,  /* struct config_real_list; likewise */
    CONFIG_QUANTITY,   /* struct quantity; unknown: only with a fallback */
    CONFIG_SETTINGS,   /* struct config_settings: a section that another table
                        * reads; --set does not reach into it.  `choices`: its
                        * keys whose values are files, taken as CONFIG_PATH */
};

struct config_paths {
    int32_t n;
    char    value[CONFIG_PATHS_MAX][CONFIG_TEXT_SIZE];
};

struct config_int_list {
    int32_t n;
    int64_t value[CONFIG_LIST_MAX];
};

struct config_real_list {
    int32_t n;
    double  value[CONFIG_LIST_MAX];
};

/* A section's keys as --set would give them, in the order of the file. */
struct config_settings {
    int32_t n;
    struct {
        char text[CONFIG_TEXT_SIZE];         /* "routing.capacity=0.5" */
        char place[CONFIG_TEXT_SIZE + 24];   /* "file:line:col" of the value */
    } of[CONFIG_SETTINGS_MAX];
};

struct config_key {
    const char *name;            /* "train.steps"; NULL ends a table */
    enum config_type type;
    size_t      offset;          /* of the member in the target struct */
    double      min, max;        /* numbers, also in lists, both included;
                                  * DBL_MIN: above 0; min == max: any */
    const char *fallback;        /* default as it would stand in the file; NULL:
                                  * the key is required */
    const char *const *choices;  /* CONFIG_CHOICE, CONFIG_WORDS: names,
                                  * NULL-ended; NULL */
    const char *unit;            /* "" when it has none */
    const char *help;
};

/* A key of a file whose reader is no table of the above: what is said of it. */
struct file_key {
    const char *name;            /* "claims[].margin"; NULL ends a table */
    const char *allowed;         /* "one of lower, higher, same" */
    const char *fallback;        /* as in struct config_key; "": nothing */
    const char *help;
};

#endif
