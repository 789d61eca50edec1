/* page.h - Write index.html of a report. */
#ifndef PAGE_H
#define PAGE_H

#include "reports/findings.h"

/* Call it after the figures are written: their SVGs go into the page. */
enum status page_write(const struct report *report, const char *folder,
                       struct error *err) MUST_CHECK;

/* page_text.c: the sentences of the page, written from the data. */
void page_lead(const struct report *report, FILE *out);
void page_setup(const struct report *report, FILE *out);
/* page_alone.c: likewise, about one run of a kind, and about several profiles. */
void page_lead_profile(const struct report *report, FILE *out);
void page_lead_profiles(const struct report *report, FILE *out);
void page_lead_training(const struct report *report, FILE *out);
void page_lead_score(const struct run *run, FILE *out);
void page_lead_sensitivity(const struct run *run, FILE *out);
void page_lead_allocation(const struct run *run, FILE *out);
void page_lead_prompt(const struct run *run, FILE *out);
/* page_regret.c: likewise, about decisions; and the text, shaded by them. */
void page_lead_regret(const struct run *run, FILE *out);
void page_regret(const struct report *report, FILE *out);
/* page_tradeoff.c: likewise, about scored points of a sweep. */
void page_lead_tradeoff(const struct report *report, FILE *out);
void page_setup_tradeoff(const struct report *report, FILE *out);
/* page_priced.c: likewise, about points that were priced. */
void page_lead_priced(const struct report *report, FILE *out);
/* page_asked.c: what isobath answer says: of each rival, which leads, false where
 * it was not asked; and of each phase. */
bool page_lead_asked(const struct report *report, FILE *out);
void page_asked(const struct report *report, FILE *out);
void page_trust(const struct report *report, FILE *out);
/* The figures that the given runs could not fill, and the data they lack. */
void page_gaps(const struct report *report, FILE *out);
extern const char words_html[];
/* The run that a section shows, where several of its kind were given. */
void page_first_of(const struct report *report, enum run_kind kind,
                   const struct run *shown, FILE *out);

/* page_tokens.c: the scored text, a span for each token. */
void page_tokens(const struct report *report, FILE *out);
/* The shade of a value between those that have none and all of it: 0 to 6. */
int  page_shade(double low, double high, double value);
/* Most tokens are one character: no room is left between them. */
bool page_is_bytes(const struct tokens *tokens);

#endif
