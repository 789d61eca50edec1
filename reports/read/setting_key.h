/* setting_key.h - Tell by its config which setting a trained run is of. */
#ifndef SETTING_KEY_H
#define SETTING_KEY_H

#include "reports/read/run.h"

/* True for a key, of n letters and without its section, that runs of one setting
 * may differ in. */
bool  setting_may_differ_in(const char *key, size_t n);

/* A text that is equal for equal settings on equal data, the caller's; NULL: no
 * memory. */
char *setting_key(const struct run *run);

#endif
