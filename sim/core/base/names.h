/* names.h - Make an enum, and the list of its members' names, from one map.
 *
 *     #define GATE_MAP(X)  X(GATE_RAW, "raw")  X(GATE_ONE, "one")
 *     enum gate { GATE_MAP(NAMES_ID) GATE_COUNT };
 *     const char *const gate_names[] = { GATE_MAP(NAMES_WORD) NULL };
 * Rows may have more columns. */
#ifndef NAMES_H
#define NAMES_H

#define NAMES_ID(id, ...)            id,
#define NAMES_WORD(...)              NAMES_SECOND(__VA_ARGS__, )
#define NAMES_SECOND(id, word, ...)  word,

#endif
