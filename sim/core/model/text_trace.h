/* text_trace.h - Store which tokens of a whole text routed layers kept, for a
 * training to replay.
 *
 * A trace (trace.h) holds the windows of one run; a training draws its windows
 * anywhere.  So a text's trace has one answer for each token and choice: that
 * of the first of the windows, laid end to end, that held the token.  A window
 * that begins at position p takes the answers of p .. p + T - 1, whatever its
 * tokens would have been answered there.
 *
 * The file is binary, numbers little-endian and unsigned:
 *     0    "isobath-trace-1\n"
 *     16   rule [32]          the policy that chose, padded with zeros
 *     48   text hash [16]     XXH64 of the text, hexadecimal
 *     64   tokens hash [16]   of its token ids, zeros where bytes are the tokens
 *     80   positions u64      tokens of the text
 *     88   recorded u64       of them, those that a window held
 *     96   window u32, held out u32, layers u32, choices u32
 *     112  choices times      layer u32, part u32, kept u64
 *     ...  choices times      ceil(positions / 8) bytes: bit p % 8 of byte p / 8,
 *                             from the lowest, is 1 where position p is kept
 *     end  XXH64 of all before, u64
 * numpy.unpackbits(row, bitorder="little") has the positions of a row. */
#ifndef TEXT_TRACE_H
#define TEXT_TRACE_H

#include <stdio.h>
#include "sim/core/model/route.h"

struct text_trace_head {
    char    rule[32];
    char    text_hash[17], tokens_hash[17];  /* "": bytes are the tokens */
    int64_t positions;
    int64_t recorded;
    int32_t window;               /* T that it was recorded in */
    int32_t held_out;             /* tenths of the text kept from training */
    int32_t n_layers;             /* of the model */
};

struct text_trace;                /* opaque: text_trace.c */

/* An empty trace of the layers that `spec` routes; `recorded` counts up from 0.
 * Caller releases with text_trace_close(); NULL is fine. */
enum status text_trace_open(struct text_trace **out,
                            const struct text_trace_head *head,
                            const struct model_spec *spec,
                            struct error *err) MUST_CHECK;
void        text_trace_close(struct text_trace *trace);

/* Note what a pass kept of its sequence b, whose token 0 is at position `start`,
 * from token `first` on: the window before held those. */
void        text_trace_note(struct text_trace *trace,
                            const struct allocation *allocation, int32_t b,
                            int64_t start, int32_t first);

/* STATUS_IO: the file failed. */
enum status text_trace_write(const struct text_trace *trace, FILE *file,
                             struct error *err) MUST_CHECK;

/* True of a file that begins as one. */
bool        text_trace_is(const char *path);
/* STATUS_BAD_FORMAT: "file: what".  The file stays mapped until it is
 * closed. */
enum status text_trace_read(struct text_trace **out, const char *path,
                            struct error *err) MUST_CHECK;
/* The same of `size` bytes in memory, which stay borrowed; `name` is for
 * messages. */
enum status text_trace_parse(struct text_trace **out,
                             const unsigned char *bytes, size_t size,
                             const char *name, struct error *err) MUST_CHECK;

const struct text_trace_head *text_trace_head(const struct text_trace *trace);
/* XXH64 of all that it says. */
uint64_t    text_trace_hash(const struct text_trace *trace);
/* The share of the recorded tokens that a layer kept, of two parts the mean;
 * NAN: the trace does not name the layer. */
double      text_trace_share(const struct text_trace *trace, int32_t layer);

/* STATUS_BAD_VALUE: it is of a model with another number of layers, or of other
 * choices than those of the layers that `spec` routes. */
enum status text_trace_check(const struct text_trace *trace,
                             const struct model_spec *spec,
                             struct error *err) MUST_CHECK;

/* Copy what is kept of the window that begins at `start` into sequence b of an
 * open allocation, for the routed layers of a checked spec.  The window, of
 * that sequence's length, lies within the text. */
void        text_trace_fill(struct allocation *allocation, int32_t b,
                            const struct text_trace *trace, int64_t start);

#endif
