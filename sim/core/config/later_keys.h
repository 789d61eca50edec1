/* later_keys.h - Tell which keys of a training came later, and what runs did that
 * did not have them.
 *
 * A summary holds the config as the program of its day knew it: 1.0 where a key
 * is missing is 1.0 where it is given. */
#ifndef LATER_KEYS_H
#define LATER_KEYS_H

#include <jansson.h>

/* The keys that fingerprints can do without, in the order in which they came:
 * how many there are, and may be. */
enum { LATER_KEYS_MAX = 63 };
int  later_keys_n(void);
/* Leave them out where they say what runs of before did, but for the numbers from
 * first_kept on that are less than last_kept. */
void later_keys_forget(json_t *config, int first_kept, int last_kept);

/* Put in those that are missing, with those that came before any was forgotten.
 * A section that is not there stays away. */
void later_keys_fill(json_t *config);

#endif
