/* config_value_inside.h - Share what reading a value, writing it and saying what
 * is allowed need of each other. */
#ifndef CONFIG_VALUE_INSIDE_H
#define CONFIG_VALUE_INSIDE_H

#include "sim/core/config/config_value.h"

/* How a list lies in its member, where the count is first. */
struct list_layout {
    size_t  size;                /* of an element */
    size_t  values;              /* where the first lies */
    int32_t least, most;
    bool    single;              /* one is written as it is, without a list */
};
/* Of a key whose value is a list. */
const struct list_layout *config_list_layout(const struct config_key *key);

/* A value being read.  `what` is the key's name, or an element's: "a.b[2]". */
struct reading {
    const struct config_key *key;
    const struct document   *document;
    const yaml_node_t       *node;
    const char              *what;
    struct error            *err;
};
typedef enum status config_read_fn(const struct reading *r, void *member);

/* "a.b 7: allowed is ..."; a hint, or "", stands behind it. */
enum status config_value_refuse(const struct reading *r, const char *hint);

config_read_fn config_read_real, config_read_choice, config_read_text;
config_read_fn config_read_quantity;     /* config_value_quantity.c */
config_read_fn config_read_settings;     /* config_value_settings.c */

#endif
