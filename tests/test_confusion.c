/* test_confusion.c - Check the measures of guesses against worked examples. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "models/scoring/confusion.h"

/* 10 of 100 are true; 8 of those are found, and 5 others guessed besides. */
static struct confusion worked(void)
{
    return (struct confusion){ { { 85, 5 }, { 2, 8 } } };
}

Test(confusion, measures_are_those_of_the_worked_example)
{
    struct confusion c = worked();

    cr_expect(eq(dbl, confusion_accuracy(&c), 0.93));
    cr_expect(epsilon_eq(dbl, confusion_balanced(&c),
                         (8.0 / 10 + 85.0 / 90) / 2, 1e-15));
    cr_expect(eq(dbl, confusion_precision(&c), 8.0 / 13));
    cr_expect(eq(dbl, confusion_recall(&c), 0.8));
    cr_expect(eq(dbl, confusion_f1(&c), 16.0 / 23));
    cr_expect(eq(dbl, confusion_majority(&c), 0.9));
}

Test(confusion, always_saying_no_is_as_accurate_as_the_majority_and_balanced_at_half)
{
    struct confusion c = { { { 0, 0 }, { 0, 0 } } };

    for (int i = 0; i < 8; i++)
        confusion_add(&c, i == 3, false);
    cr_expect(eq(dbl, confusion_accuracy(&c), 7.0 / 8));
    cr_expect(eq(dbl, confusion_accuracy(&c), confusion_majority(&c)));
    cr_expect(eq(dbl, confusion_balanced(&c), 0.5));
    cr_expect(isnan(confusion_precision(&c)), "yes was never guessed");
    cr_expect(eq(dbl, confusion_f1(&c), 0));
}

Test(confusion, the_area_is_the_share_of_pairs_in_the_right_order)
{
    const float score[] = { 0.1f, 0.4f, 0.35f, 0.8f, 0.4f };
    const unsigned char truth[] = { 0, 0, 1, 1, 1 };
    double right = 0, pairs = 0;

    for (int t = 0; t < 5; t++)
        for (int f = 0; f < 5; f++)
            if (truth[t] && !truth[f]) {
                pairs++;
                right += score[t] > score[f] ? 1
                         : score[t] < score[f] ? 0 : 0.5;
            }
    cr_expect(epsilon_eq(dbl, confusion_auc(score, truth, 5), right / pairs,
                         1e-15));
}

Test(confusion, an_area_over_one_kind_alone_is_unknown)
{
    const float score[] = { 1, 2 };
    const unsigned char same[] = { 1, 1 };

    cr_expect(isnan(confusion_auc(score, same, 2)));
    cr_expect(isnan(confusion_auc(score, same, 0)));
}
