/* code_map.c - Ask the loader where its files lie. */
#include "hwprof/counters/code_map.h"

#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The loader names the program "". */
static char *path_of(const struct dl_phdr_info *info)
{
    return realpath(info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe",
                    NULL);
}

static int add_segments(struct dl_phdr_info *info, size_t size, void *context)
{
    struct code_map *map = context;

    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t first = info->dlpi_addr + p->p_vaddr;
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) ||
            !(p->p_flags & PF_R) || map->n == CODE_SEGMENTS_MAX)
            continue;
        map->segment[map->n++] = (struct code_segment){
            path_of(info), info->dlpi_addr, first, first + p->p_memsz };
    }
    return 0;
}

enum status code_map_open(struct code_map *out, struct error *err)
{
    *out = (struct code_map){ 0 };
    dl_iterate_phdr(add_segments, out);
    return out->n ? STATUS_OK
                  : error_set(err, STATUS_UNAVAILABLE, "the loader names no "
                              "code");
}

void code_map_close(struct code_map *map)
{
    for (int i = 0; i < map->n; i++)
        free(map->segment[i].path);
    map->n = 0;
}

const uint8_t *code_map_find(const struct code_map *map, const char *path,
                             uint64_t address, size_t *n)
{
    const bool own = strcmp(path, "???") == 0;

    for (int i = 0; i < map->n; i++) {
        const struct code_segment *s = &map->segment[i];
        uintptr_t at = address + (own ? 0 : s->base);
        if (at < s->first || at >= s->end ||
            !(own || (s->path && strcmp(path, s->path) == 0)))
            continue;
        *n = s->end - at;
        return (const uint8_t *)at;
    }
    return NULL;
}
