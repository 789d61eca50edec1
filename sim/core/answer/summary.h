/* summary.h - Hold the summary of a run: summary.json and what --format json
 * prints.
 *
 * References returned are new and the caller's; NULL: no memory. */
#ifndef SUMMARY_H
#define SUMMARY_H

#include <jansson.h>
#include "sim/core/answer/table.h"
#include "sim/core/base/error.h"
#include "sim/core/ledger/ledger.h"
#include "sim/core/model/spec.h"

/* "predicted", "counted", "measured" */
enum { SUMMARY_WITNESSES = 3 };
extern const char *const summary_witness_names[SUMMARY_WITNESSES];

/* The two sides of a profile, its arms: "dense", "mod". */
enum side { ARM_DENSE, ARM_MOD, ARM_COUNT };
extern const char *const arm_names[ARM_COUNT];

/* The start of every summary: schema "isobath-run-1", command, status "done" (a
 * command that stopped early sets "interrupted" instead), config, provenance
 * (below), and totals with the three witnesses all null and the reason "not
 * asked for".  The references to config and provenance are stolen. */
json_t *summary_open(const char *command, json_t *config, json_t *provenance);

/* The null totals of that start, for objects inside a summary that have totals
 * of their own. */
json_t *summary_no_totals(void);

/* totals.<witness>.<metric> for every metric from the ledger's total, null
 * where unknown, with totals.<witness>.sources.<metric> (provenance word) and
 * totals.<witness>.reasons.<metric> for each null.  witness is "predicted",
 * "counted" or "measured". */
enum status summary_totals(json_t *summary, const char *witness,
                           const struct ledger *ledger,
                           struct error *err) MUST_CHECK;
enum status summary_witnesses(json_t *summary, const struct ledger *predicted,
                              const struct ledger *counted,
                              const struct ledger *measured,
                              struct error *err) MUST_CHECK;   /* all three */

/* version, commit, dirty, build_flags, compiler, isa, cpu, kernel,
 * perf_event_paranoid, memory_bytes (the host's), threads, seed, data_path,
 * data_hash, start_time (now, UTC, ISO 8601), arguments (a list).  `isa`,
 * `data_path` and `data_hash` may be NULL: null. */
json_t *provenance_json(int argc, char **argv, int threads, int64_t seed,
                        const char *isa, const char *data_path,
                        const char *data_hash);

/* Write and read summary.json (atomically).  `summary` is borrowed; *out is the
 * caller's to decref. */
enum status summary_write(json_t *summary, const char *directory,
                          struct error *err) MUST_CHECK;
enum status summary_read(json_t **out, const char *directory,
                         struct error *err) MUST_CHECK;

/* Parts that summaries share: a shape as a config would say it, the indices of
 * routed layers, the mean capacity that they were given (null: none is routed),
 * a table as table_json() writes it, and bytes (a peak of 0 is unknown). */
json_t *summary_model(const struct model_spec *spec);
json_t *summary_blocks(const struct model_spec *spec);
json_t *summary_capacity(const struct model_spec *spec);
json_t *summary_table(const struct table *table, struct error *err);
json_t *summary_memory(uint64_t predicted, uint64_t allocated, uint64_t peak);

#endif
