/* run_text.h - Hold a text to score: its bytes or tokens, and its windows. */
#ifndef RUN_TEXT_H
#define RUN_TEXT_H

#include "models/scoring/run_config.h"
#include "models/scoring/score.h"
#include "models/files/source.h"
#include "models/tokens/tokenizer.h"
#include "sim/core/base/file.h"

struct run_text {
    struct file_map   map;
    char              hash[17];      /* XXH64 of the bytes, hexadecimal */
    struct data      *data;          /* of a split; NULL: the whole text */
    double           held_out;       /* share by which it is split: that of the
                                      * model's training, if its run says so,
                                      * else DATA_HELD_OUT */
    struct tokenizer *tokenizer;     /* NULL: a byte is a token */
    int32_t          *ids;           /* of the whole text, with a tokenizer */
    int64_t          skip;           /* tokens before the first that is read;
                                      * not of a split */
    struct score_text windows;       /* points into the members above */
};

/* Open the tokenizer at `path`; if that is NULL, the one that lies with
 * `source`; if there is none, *out is NULL: bytes.  STATUS_BAD_VALUE: a
 * vocabulary that needs a tokenizer. */
enum status run_text_tokenizer(struct tokenizer **out, const char *path,
                               const struct source *source,
                               struct error *err) MUST_CHECK;

/* Choose run.window and run.stride where they are not given: the window of
 * training, else all of the model's positions, at most 1024; the stride is the
 * window.  STATUS_BAD_VALUE: one of them is out of range. */
enum status run_text_window(struct run_config *config,
                            const struct source *source,
                            struct error *err) MUST_CHECK;

/* Open the text of a job for a model, in such windows: tokens by the job's
 * tokenizer, else by the one that lies with `source`, else bytes.
 * STATUS_BAD_VALUE: likewise, a text too short, or a
 * vocabulary that needs a tokenizer.  *text is zero before; release it with
 * run_text_close() whatever came back. */
enum status run_text_open(struct run_text *text, struct run_config *config,
                          const struct source *source,
                          struct error *err) MUST_CHECK;
/* The same for a job that looks at every token once: the stride has to be the
 * window. */
enum status run_text_open_once(struct run_text *text, struct run_config *config,
                               const struct source *source,
                               struct error *err) MUST_CHECK;
void        run_text_close(struct run_text *text);

/* Bytes in memory: the text, its ids and the tokenizer. */
uint64_t run_text_memory(const struct run_text *text);

/* The number of bytes that the window's scored rows predict. */
int64_t run_text_bytes(const struct run_text *text,
                       const struct score_window *window);

#endif
