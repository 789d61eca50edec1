/* ceilings.c - Read the highest rates that the machine of a profile reaches. */
#include "reports/read/ceilings.h"

#include <math.h>
#include <string.h>
#include "reports/read/jsonpath.h"

const char *const ceiling_names[CEILING_COUNT] = {
#define X(id, key, name) [CEILING_##id] = name,
    CEILING_MAP(X)
#undef X
};

static const char *const keys[CEILING_COUNT] = {
#define X(id, key, name) [CEILING_##id] = key,
    CEILING_MAP(X)
#undef X
};

bool ceiling_known(const struct ceiling *c)
{
    return isfinite(c->value);
}

bool ceiling_measured(const struct ceiling *c)
{
    return c->grade && strcmp(c->grade, "measured") == 0;
}

static struct ceiling read_ceiling(const json_t *json)
{
    struct ceiling c = { .value = jsonpath_number(json, "value"),
                         .low = jsonpath_number(json, "low"),
                         .high = jsonpath_number(json, "high"),
                         .grade = jsonpath_text(json, "grade") };

    if (!(isfinite(c.value) && c.value > 0))
        c.value = c.low = c.high = nan("");
    else {
        c.low = c.low > 0 && c.low <= c.value ? c.low : c.value;
        c.high = isfinite(c.high) && c.high >= c.value ? c.high : c.value;
    }
    return c;
}

struct ceilings ceilings_read(const struct run *profile)
{
    const json_t *json = json_object_get(profile->summary, "ceilings");
    struct ceilings c = { .machine = jsonpath_text(json, "machine"),
                          .cores = jsonpath_number(json, "cores") };

    for (int i = 0; i < CEILING_COUNT; i++)
        c.of[i] = read_ceiling(json_object_get(json, keys[i]));
    return c;
}
