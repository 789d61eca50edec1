/* asked.c - Read which rival was asked for last. */
#include "reports/read/asked.h"

#include "reports/read/jsonpath.h"

static const char *of_last(const struct run *run, const char *key)
{
    const json_t *rivals = jsonpath_at(run->summary, "rivals");
    const size_t n = json_array_size(rivals);
    const char *text = n > 0 ? jsonpath_text(json_array_get(rivals, n - 1), key)
                             : NULL;
    return text ? text : "";
}

const char *asked_rival(const struct run *run)
{
    return of_last(run, "rival");
}

const char *asked_rival_name(const struct run *run)
{
    return of_last(run, "name");
}
