/* confusion.c - Count guesses against what was true. */
#include "models/scoring/confusion.h"

#include <math.h>
#include <stdlib.h>

#include "sim/core/base/error.h"

void confusion_add(struct confusion *c, bool truth, bool guess)
{
    c->n[truth][guess]++;
}

static double share(int64_t part, int64_t all)
{
    return all > 0 ? (double)part / (double)all : (double)NAN;
}

int64_t confusion_total(const struct confusion *c)
{
    return c->n[0][0] + c->n[0][1] + c->n[1][0] + c->n[1][1];
}

double confusion_accuracy(const struct confusion *c)
{
    return share(c->n[0][0] + c->n[1][1], confusion_total(c));
}

double confusion_precision(const struct confusion *c)
{
    return share(c->n[1][1], c->n[0][1] + c->n[1][1]);
}

double confusion_recall(const struct confusion *c)
{
    return share(c->n[1][1], c->n[1][0] + c->n[1][1]);
}

double confusion_balanced(const struct confusion *c)
{
    double specificity = share(c->n[0][0], c->n[0][0] + c->n[0][1]);
    return (confusion_recall(c) + specificity) / 2;
}

double confusion_f1(const struct confusion *c)
{
    return share(2 * c->n[1][1],
                 2 * c->n[1][1] + c->n[0][1] + c->n[1][0]);
}

double confusion_majority(const struct confusion *c)
{
    int64_t yes = c->n[1][0] + c->n[1][1], all = confusion_total(c);
    return share(2 * yes > all ? yes : all - yes, all);
}

struct scored {
    float score;
    unsigned char truth;
};

static int compare(const void *a, const void *b)
{
    float x = ((const struct scored *)a)->score;
    float y = ((const struct scored *)b)->score;
    return (x > y) - (x < y);
}

double confusion_auc(const float *score, const unsigned char *truth, size_t n)
{
    struct scored *s = error_noted(malloc((n + 1) * sizeof *s));
    double wins = 0, trues = 0, falses = 0;

    if (!s)
        return (double)NAN;
    for (size_t i = 0; i < n; i++)
        s[i] = (struct scored){ score[i], truth[i] };
    qsort(s, n, sizeof *s, compare);
    for (size_t i = 0; i < n; ) {
        double tied[2] = { 0, 0 };
        size_t from = i;
        for (; i < n && s[i].score <= s[from].score; i++)
            tied[s[i].truth]++;
        wins += tied[1] * (falses + tied[0] / 2);
        falses += tied[0];
        trues += tied[1];
    }
    free(s);
    return trues > 0 && falses > 0 ? wins / (trues * falses) : (double)NAN;
}
