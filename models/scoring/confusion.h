/* confusion.h - Count how often a yes or no was guessed right; rank by scores.
 *
 * A measure that divides by nothing is NAN: precision where yes was never
 * guessed, recall where it was never true. */
#ifndef CONFUSION_H
#define CONFUSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct confusion {
    int64_t n[2][2];                   /* [true][guessed] */
};

void    confusion_add(struct confusion *c, bool truth, bool guess);
int64_t confusion_total(const struct confusion *c);
double  confusion_accuracy(const struct confusion *c);
double  confusion_balanced(const struct confusion *c);   /* mean of the shares
                                        * of the trues and of the falses that
                                        * were guessed right */
double  confusion_precision(const struct confusion *c);  /* of guessed, true */
double  confusion_recall(const struct confusion *c);     /* of true, guessed */
double  confusion_f1(const struct confusion *c);
/* The accuracy of always guessing what is more frequent. */
double  confusion_majority(const struct confusion *c);

/* The area under the ROC curve: the chance that a true one scores above a false
 * one, a tie counting half (Mann and Whitney 1947).  truth[n] is 0 or 1; NAN
 * where all are alike, and with no memory for a copy. */
double  confusion_auc(const float *score, const unsigned char *truth,
                      size_t n);

#endif
