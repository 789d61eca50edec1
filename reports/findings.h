/* findings.h - Hold the runs a report reads, and the tables and figures it
 * builds from them. */
#ifndef FINDINGS_H
#define FINDINGS_H

#include "reports/draw/plot.h"
#include "reports/read/claims.h"
#include "reports/read/curve.h"
#include "reports/read/prices.h"
#include "reports/read/regrets.h"
#include "reports/read/scaling.h"
#include "reports/read/study.h"
#include "reports/read/token_cost.h"
#include "reports/read/tokens.h"
#include "reports/read/tradeoff.h"
#include "sim/core/answer/table.h"

/*    id        anchor      heading                                           */
#define SECTION_MAP(X)                                                         \
    X(ANSWER,   "answer",   "The answer")                                      \
    X(SETUP,    "setup",    "What was compared")                               \
    X(PHASES,   "phases",   "By phase")                                        \
    X(FLIPS,    "flips",    "Where the answer flips")                          \
    X(TEXT,     "text",     "On the text")                                     \
    X(OPS,      "ops",      "By op and layer")                                 \
    X(ROUTER,   "router",   "What the routers know")                           \
    X(REGRET,   "regret",   "What each decision was worth")                    \
    X(CAPACITIES, "capacities", "How much each block works")                   \
    X(SCALING,  "scaling",  "Loss for compute")                                \
    X(TRUST,    "trust",    "How far to trust it")                             \
    X(MACHINE,  "machine",  "Machine")                                         \
    X(AGAIN,    "again",    "Run it again")                                    \
    X(WORDS,    "words",    "Words")

enum section {
#define X(id, anchor, heading) SECTION_##id,
    SECTION_MAP(X)
#undef X
    SECTION_COUNT
};

enum { REPORT_MAX_TABLES = 32, REPORT_MAX_FIGURES = 32 };

struct report_table {
    enum section section;
    const char *folded;        /* the line behind which it is hidden: "Layer by
                                * layer"; NULL: it stands open */
    struct table table;
};

struct report_figure {
    enum section section;
    struct plot plot, narrow;  /* for a desk, and for a phone */
};

/* A figure that the given runs cannot fill, and the data they lack. */
struct report_gap {
    const char *name;
    char   reason[256];
};

struct report {
    struct run  *run;          /* [n_runs] as given, each once */
    size_t       n_runs;
    const struct run **worked; /* [n_worked] owned: runs given that did work,
                                * and the points of sweeps */
    size_t       n_worked;
    size_t       n_twice;      /* runs left out since they stand here already */
    struct study study;
    struct tradeoff tradeoff;  /* scored points of sweeps */
    struct prices priced;      /* points that were priced */
    struct claims claims;      /* of studies */
    struct scaling scaling;    /* of its runs */
    struct curve *curve;       /* [study.n_runs] in the order of its settings */
    const struct run *profile; /* the first; NULL: none was given */
    size_t n_profiles;         /* of the runs as given */
    const struct run *scored;  /* the first scoring run with tokens */
    struct tokens tokens;
    const struct run *regretted;   /* the first run of isobath regret */
    struct regrets regrets;    /* its tokens */
    struct token_cost token_cost;  /* of the profile's decoding */
    /* The layer figures show the arms of the profile's first phase that has
     * ledgers, else the best trained dense and MoD model, per token. */
    struct witnesses  trained[ARM_COUNT];      /* owned */
    const struct witnesses *layers[ARM_COUNT]; /* NULL: no such arm */
    const struct totals *layers_totals[ARM_COUNT];  /* whose reasons explain
                                                     * silence; as layers */
    double            layers_divide[ARM_COUNT];
    char              layers_label[ARM_COUNT][SETTING_LABEL_SIZE];
    char              layers_what[96];
    char              layers_apart[256];       /* what differs between the two
                                                * arms; "": they are twins, or
                                                * one of them is missing */
    size_t mismatches, compared;               /* counted against predicted */
    struct report_table  table[REPORT_MAX_TABLES];
    size_t n_tables;
    struct report_figure figure[REPORT_MAX_FIGURES];
    size_t n_figures;
    struct report_gap gap[REPORT_MAX_FIGURES];
    size_t n_gaps;
    char   command_line[512];
};

/* The phase that stands for the whole in the headline: a prefill, else the
 * first; NULL without a profile. */
const struct phase *report_phase(const struct report *report);

/* The first run of isobath answer; NULL: none was given. */
const struct run *report_asked(const struct report *report);

/* A run that went on from a prompt scored nothing. */
bool report_scores_text(const struct run *run);

/* "dense twin" and "MoD"; where the arms of the layer figures are no twins,
 * "dense run" and "MoD run". */
const char *report_layers_title(const struct report *report, enum side arm);

/* A new table at the end; never NULL: there is room for each table that the
 * program knows. */
struct table *report_add_table(struct report *report, enum section section,
                               const char *folded, const char *name,
                               const struct column *columns, size_t n_columns);
/* A table that was added, by its name; NULL: none.  And a cell of it by its
 * column, which must be there: as it is, or its amount, unknown where the question had
 * no sense. */
const struct table *report_find_table(const struct report *report,
                                      const char *name);
const struct cell  *findings_cell(const struct table *table, size_t row,
                                  const char *key);
struct amount       findings_amount(const struct table *table, size_t row,
                                    const char *key);

#define REPORT_ADD_TABLE(report, section, folded, name, columns)               \
    report_add_table(report, SECTION_##section, folded, name, columns,         \
                     sizeof columns / sizeof *columns)

#endif
