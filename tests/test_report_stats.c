/* test_report_stats.c - Work out by hand means, intervals and what may be said
 * of a difference. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>

#include "sim/core/base/random.h"
#include "sim/core/base/stats.h"

static const double tight = 1e-9;
static const double to_three = 5e-4;     /* tables print three decimals */

/* 1 2 3 4: mean 2.5, squares 2.25 + 0.25 + 0.25 + 2.25 = 5, sd sqrt(5/3). */
Test(report_stats, spread_of_four)
{
    struct spread s = stats_spread((double[]){ 1, 2, 3, 4 }, 4);
    cr_assert(epsilon_eq(dbl, s.mean, 2.5, tight));
    cr_assert(epsilon_eq(dbl, s.sd, sqrt(5.0 / 3), tight));
}

Test(report_stats, one_value_has_no_spread_and_none_no_mean)
{
    cr_assert(isnan(stats_spread((double[]){ 7 }, 1).sd));
    cr_assert(isnan(stats_spread(NULL, 0).mean));
}

Test(report_stats, median_of_odd_and_even)
{
    cr_assert(epsilon_eq(dbl, stats_median((double[]){ 9, 1, 5 }, 3), 5,
                         tight));
    cr_assert(epsilon_eq(dbl, stats_median((double[]){ 4, 1, 3, 2 }, 4), 2.5,
                         tight));
}

/* NIST/SEMATECH e-Handbook 1.3.6.7.2, two-sided 95 %. */
Test(report_stats, t_quantiles_of_the_handbook)
{
    cr_assert(epsilon_eq(dbl, stats_t95(1), 12.706, to_three));
    cr_assert(epsilon_eq(dbl, stats_t95(4), 2.776, to_three));
    cr_assert(epsilon_eq(dbl, stats_t95(30), 2.042, to_three));
    cr_assert(epsilon_eq(dbl, stats_t95(40), 2.021, to_three));
    cr_assert(epsilon_eq(dbl, stats_t95(100), 1.984, to_three));
    cr_assert(epsilon_eq(dbl, stats_t95(1e9), 1.960, to_three));
}

/* Differences 1, 2, 3: mean 2, sd 1, half 4.303 / sqrt(3) = 2.4843. */
Test(report_stats, paired_interval_of_three)
{
    struct difference d = stats_paired((double[]){ 11, 22, 33 },
                                       (double[]){ 10, 20, 30 }, 3);
    cr_assert(epsilon_eq(dbl, d.mean, 2, tight));
    cr_assert(epsilon_eq(dbl, d.low, 2 - 2.4843, to_three));
    cr_assert(epsilon_eq(dbl, d.high, 2 + 2.4843, to_three));
    cr_assert(eq(int, stats_verdict(d, stats_p(d), stats_p_within(d, 0)), VERDICT_UNKNOWN));
}

/* Values 1, 2, 3: as above, and nothing to say of one value or none. */
Test(report_stats, interval_of_a_mean)
{
    struct difference d = stats_mean_interval(
        stats_spread((double[]){ 1, 2, 3 }, 3));
    cr_assert(epsilon_eq(dbl, d.mean, 2, tight));
    cr_assert(epsilon_eq(dbl, d.high, 2 + 2.4843, to_three));
    d = stats_mean_interval(stats_spread((double[]){ 7 }, 1));
    cr_assert(epsilon_eq(dbl, d.mean, 7, tight));
    cr_assert(isnan(d.low) && isnan(d.high));
    cr_assert(isnan(stats_mean_interval(stats_spread(NULL, 0)).mean));
}

/* 4 values have the median 11, and deviate from it by 1, 1, 1 and 19. */
Test(report_stats, a_deviation_is_the_median_distance_from_the_median)
{
    double x[] = { 30, 10, 12, 10 }, median = 0;
    double deviation = stats_deviation(x, 4, &median);
    cr_assert(epsilon_eq(dbl, median, 11, 0));
    cr_assert(epsilon_eq(dbl, deviation, 1, 0));
    cr_assert(epsilon_eq(dbl, x[3], 19, 0));
}

/* Of 0 to 79 two are left out at each end; of 39 none. */
Test(report_stats, the_middle_leaves_out_one_in_forty_at_each_end)
{
    double x[80], low, high;
    for (int i = 0; i < 80; i++)
        x[i] = 79 - i;
    stats_middle(x, 80, &low, &high);
    cr_assert(epsilon_eq(dbl, low, 2, 0));
    cr_assert(epsilon_eq(dbl, high, 77, 0));
    stats_middle(x, 39, &low, &high);
    cr_assert(epsilon_eq(dbl, low, 0, 0));
    cr_assert(epsilon_eq(dbl, high, 38, 0));
}

/* Of ten values nine do not exceed the ninth; of three, two thirds the second.
 */
Test(report_stats, quantiles_are_values_that_occur)
{
    double ten[] = { 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 }, three[] = { 5, 3, 4 };
    cr_assert(epsilon_eq(dbl, stats_quantile(ten, 10, 0.9), 9, 0));
    cr_assert(epsilon_eq(dbl, stats_quantile(ten, 10, 0.91), 10, 0));
    cr_assert(epsilon_eq(dbl, stats_quantile(ten, 10, 1e-9), 1, 0));
    cr_assert(epsilon_eq(dbl, stats_quantile(ten, 10, 1), 10, 0));
    cr_assert(epsilon_eq(dbl, stats_quantile(three, 3, 2.0 / 3), 4, 0));
    cr_assert(isnan(stats_quantile(NULL, 0, 0.5)));
}

Test(report_stats, a_tie_is_one_step_of_a_distribution)
{
    double x[] = { 2, 0, 2, -1 };
    struct stats_step step[4];
    cr_assert(eq(sz, stats_distribution(x, 4, step, 4), 3));
    cr_assert(epsilon_eq(dbl, step[0].x, -1, 0));
    cr_assert(epsilon_eq(dbl, step[0].share, 0.25, tight));
    cr_assert(epsilon_eq(dbl, step[1].x, 0, 0));
    cr_assert(epsilon_eq(dbl, step[1].share, 0.5, tight));
    cr_assert(epsilon_eq(dbl, step[2].x, 2, 0));
    cr_assert(epsilon_eq(dbl, step[2].share, 1, tight));
    cr_assert(eq(sz, stats_distribution(x, 0, step, 4), 0));
}

/* Of 1..1000 in 5 steps: ranks 1, 250, 500, 750, 1000, each with the share that
 * belongs to it. */
Test(report_stats, a_long_distribution_keeps_true_shares)
{
    double x[1000];
    struct stats_step step[5];
    for (int i = 0; i < 1000; i++)
        x[i] = 1000 - i;
    cr_assert(eq(sz, stats_distribution(x, 1000, step, 5), 5));
    cr_assert(epsilon_eq(dbl, step[0].x, 1, 0));
    cr_assert(epsilon_eq(dbl, step[4].x, 1000, 0));
    for (int i = 0; i < 5; i++)
        cr_assert(epsilon_eq(dbl, step[i].share, step[i].x / 1000, tight));
    cr_assert(epsilon_eq(dbl, step[2].x, 500, 0));
}

static enum verdict alone(struct difference d)
{
    return stats_verdict(d, stats_p(d), stats_p_within(d, 0.005));
}

/* A change that both runs of a pair share cancels: 0.1 lower every time. */
Test(report_stats, pairing_sees_what_the_seed_noise_hides)
{
    double a[] = { 1.9, 2.9, 3.9001, 4.9, 5.9 }, b[] = { 2, 3, 4, 5, 6 };
    cr_assert(eq(int, alone(stats_paired(a, b, 5)), VERDICT_LOWER));
    cr_assert(eq(int, alone(stats_welch(stats_spread(a, 5),
                                        stats_spread(b, 5))), VERDICT_OPEN));
}

Test(report_stats, below_five_pairs_there_is_no_verdict)
{
    double a[] = { 1.9, 2.9, 3.9001, 4.9, 5.9 }, b[] = { 2, 3, 4, 5, 6 };
    for (size_t n = 0; n < 5; n++)
        cr_assert(eq(int, alone(stats_paired(a, b, n)), VERDICT_UNKNOWN));
}

/* Differences of 0.001 at most: none that matters, and none that is seen. */
Test(report_stats, no_difference_is_one_within_the_margin)
{
    double a[] = { 1.001, 1.999, 3.001, 3.999, 5 }, b[] = { 1, 2, 3, 4, 5 };
    struct difference d = stats_paired(a, b, 5);
    cr_assert(eq(int, alone(d), VERDICT_SAME));
    cr_assert(eq(int, stats_verdict(d, stats_p(d), stats_p_within(d, 0.0009)),
                 VERDICT_OPEN));
}

/* The quantiles of the tables: NIST/SEMATECH e-Handbook 1.3.6.7.2. */
Test(report_stats, p_of_a_tabled_t_is_its_level)
{
    static const struct { double t, df, p; } rows[] = {
        { 12.706, 1, 0.05 }, { 2.776, 4, 0.05 }, { 4.604, 4, 0.01 },
        { 2.042, 30, 0.05 }, { 1.533, 4, 0.2 }, { 0, 4, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct difference d = { .n = 5, .mean = -rows[i].t, .error = 1,
                                .df = rows[i].df };
        cr_expect(epsilon_eq(dbl, stats_p(d), rows[i].p, 1e-4), "row %zu", i);
    }
    cr_expect(isnan(stats_p((struct difference){ .n = 5, .mean = 1 })));
}

/* Of df 4: t 2.776 at 5 % and 0.941 at a power of 80 %. */
Test(report_stats, a_difference_that_is_seen_four_times_of_five)
{
    struct difference d = { .n = 5, .mean = 0, .error = 0.1, .df = 4 };
    cr_assert(epsilon_eq(dbl, stats_seen(d, 0.05), 0.3717, 2e-4));
}

/* Of df 4 a t of 2.776 is beyond on one side with 2.5 %. */
Test(report_stats, one_side_is_half_of_two)
{
    struct difference d = { .n = 5, .mean = 1, .error = 0.5, .df = 4 };
    cr_expect(epsilon_eq(dbl, stats_p_below(d, 1 + 0.5 * 2.776), 0.025, 2e-5));
    cr_expect(epsilon_eq(dbl, stats_p_below(d, 1 - 0.5 * 2.776), 0.975, 2e-5));
    cr_expect(epsilon_eq(dbl, stats_p_below(d, 1), 0.5, 1e-9));
    d.df = 0;
    cr_expect(isnan(stats_p_below(d, 1)));
}

/* 2.132 is the 95 % quantile of df 4: 0.01 off, an error of 0.1, a margin of
 * 0.01 + 0.2132 is just enough at the nearer end, and more than enough at the
 * other. */
Test(report_stats, equivalence_takes_both_sides)
{
    struct difference d = { .n = 5, .mean = 0.01, .error = 0.1, .df = 4 };
    cr_expect(epsilon_eq(dbl, stats_p_within(d, 0.2232), 0.05, 1e-4));
    d.mean = -0.01;
    cr_expect(epsilon_eq(dbl, stats_p_within(d, 0.2232), 0.05, 1e-4));
    cr_expect(gt(dbl, stats_p_within(d, 0.005), 0.5));
}

/* 3, 4, 5; of df 9 and 16 Satterthwaite makes 625 / (81 / 9 + 256 / 16). */
Test(report_stats, a_second_factor_adds_its_variance)
{
    struct difference d = { .n = 10, .mean = 1, .error = 3, .df = 9 };
    struct difference text = { .n = 17, .mean = 2, .error = 4, .df = 16 };
    struct difference both = stats_two_factors(d, text);
    cr_expect(epsilon_eq(dbl, both.mean, 1, tight));
    cr_expect(epsilon_eq(dbl, both.error, 5, tight));
    cr_expect(epsilon_eq(dbl, both.df, 25, tight));
    cr_expect(epsilon_eq(dbl, both.high, 1 + 5 * 2.060, 1e-2));
    both = stats_two_factors(d, (struct difference){ .n = 0 });
    cr_expect(epsilon_eq(dbl, both.error, 3, tight));
}

/* Differences of 6 seeds on 12 blocks, with an effect of each, of both and of
 * none: the truth, 0, lies within 95 % of the intervals, and within fewer of
 * those that let one of the two vary. */
Test(report_stats, both_factors_cover_what_one_does_not)
{
    enum { SEEDS = 6, BLOCKS = 12, STUDIES = 2000 };
    struct random random = random_seeded(3);
    int both = 0, seeds = 0, text = 0;

    for (int study = 0; study < STUDIES; study++) {
        double of_seed[SEEDS] = { 0 }, of_block[BLOCKS] = { 0 };
        double zero[SEEDS] = { 0 }, ones[BLOCKS], block[BLOCKS];
        for (int k = 0; k < BLOCKS; k++) {
            block[k] = random_normal(&random);
            ones[k] = 1;
        }
        for (int s = 0; s < SEEDS; s++) {
            double seed = 0.7 * random_normal(&random);
            for (int k = 0; k < BLOCKS; k++) {
                double d = seed + block[k] + 0.5 * random_normal(&random);
                of_seed[s] += d / BLOCKS;
                of_block[k] += d / SEEDS;
            }
        }
        struct difference a = stats_paired(of_seed, zero, SEEDS);
        struct difference b = stats_ratio(of_block, ones, BLOCKS);
        struct difference c = stats_two_factors(a, b);
        seeds += a.low <= 0 && a.high >= 0;
        text += b.low <= 0 && b.high >= 0;
        both += c.low <= 0 && c.high >= 0;
    }
    cr_expect(ge(int, both, (int)(0.94 * STUDIES)));
    cr_expect(le(int, both, (int)(0.98 * STUDIES)));
    cr_expect(lt(int, seeds, (int)(0.91 * STUDIES)));
    cr_expect(lt(int, text, (int)(0.91 * STUDIES)));
}

/* Holm's own steps: 0.01 times 4, 0.015 times 3, 0.04 times 2; the last, times
 * 1, is no less than the one before. */
Test(report_stats, many_findings_are_corrected_by_holm)
{
    double p[] = { 0.04, 0.01, (double)NAN, 0.05, 0.015 };
    stats_holm(p, 5);
    cr_expect(epsilon_eq(dbl, p[0], 0.08, tight));
    cr_expect(epsilon_eq(dbl, p[1], 0.04, tight));
    cr_expect(isnan(p[2]));
    cr_expect(epsilon_eq(dbl, p[3], 0.08, tight));
    cr_expect(epsilon_eq(dbl, p[4], 0.045, tight));
}

Test(report_stats, one_pair_says_nothing)
{
    struct difference d = stats_paired((double[]){ 1 }, (double[]){ 2 }, 1);
    cr_assert(epsilon_eq(dbl, d.mean, -1, tight));
    cr_assert(eq(int, alone(d), VERDICT_UNKNOWN));
}

/* sd 1 and 1, n 2 and 2: standard error 1, df 2, half 4.303. */
Test(report_stats, welch_of_two_and_two)
{
    struct spread a = { 2, 10, 1 }, b = { 2, 3, 1 };
    struct difference d = stats_welch(a, b);
    cr_assert(epsilon_eq(dbl, d.low, 7 - 4.303, to_three));
    cr_assert(epsilon_eq(dbl, stats_p(d), 0.0198, 1e-4));
}

Test(report_stats, many_pairs_are_resampled_and_repeat_themselves)
{
    double a[25], b[25] = { 0 };
    for (int i = 0; i < 25; i++)
        a[i] = 1 + (i % 5 - 2) * 0.1;
    struct difference d = stats_paired(a, b, 25);
    struct difference again = stats_paired(a, b, 25);
    cr_assert(epsilon_eq(dbl, d.mean, 1, 1e-12));
    /* sd 0.144: the normal interval is 1 -+ 1.96 * 0.144 / 5 = 0.0566. */
    cr_assert(epsilon_eq(dbl, d.high - d.low, 2 * 0.0566, 0.02));
    cr_assert(eq(dbl, d.low, again.low));
}

/* Ratio 6/8; residuals -0.5 1.5 -1, squares 3.5; t of 2 is 4.303:
 * 4.303 * 3/8 * sqrt(3.5 / 2 / 3) = 1.2324. */
Test(report_stats, ratio_of_three_blocks)
{
    struct difference d = stats_ratio((double[]){ 1, 3, 2 },
                                      (double[]){ 2, 2, 4 }, 3);
    cr_assert(epsilon_eq(dbl, d.mean, 0.75, tight));
    cr_assert(epsilon_eq(dbl, d.low, 0.75 - 1.2324, to_three));
    cr_assert(epsilon_eq(dbl, d.high, 0.75 + 1.2324, to_three));
}

/* Blocks of unlike size but one ratio: however drawn, it is that. */
Test(report_stats, many_blocks_of_one_ratio_have_no_spread)
{
    double a[24], b[24];
    for (int i = 0; i < 24; i++)
        a[i] = 0.25 * (b[i] = 1 + i);
    struct difference d = stats_ratio(a, b, 24);
    cr_assert(epsilon_eq(dbl, d.low, 0.25, tight));
    cr_assert(epsilon_eq(dbl, d.high, 0.25, tight));
    a[3] = 5;                    /* that of 4 should have been 1 */
    d = stats_ratio(a, b, 24);
    cr_assert(epsilon_eq(dbl, d.mean, (75 + 4) / 300., tight));
    cr_assert(d.low >= 0.25 - tight && d.low < d.mean && d.high > d.mean);
}

Test(report_stats, one_block_has_a_ratio_and_no_interval)
{
    struct difference d = stats_ratio((double[]){ 1 }, (double[]){ 4 }, 1);
    cr_assert(epsilon_eq(dbl, d.mean, 0.25, tight));
    cr_assert(isnan(d.low) && isnan(d.high));
    cr_assert(isnan(stats_ratio(NULL, NULL, 0).mean));
}

/* Of 2000 fair coins at most 955 show heads with a chance of 2.3 %, 956 of 2.6 %
 * (mean 1000, deviation 22.4, half a coin of correction). */
Test(report_stats, the_median_of_thousands_has_an_interval)
{
    static double x[2000];

    for (int i = 0; i < 2000; i++)
        x[i] = i;
    struct difference d = stats_median_interval(x, 2000);
    cr_assert(epsilon_eq(dbl, d.mean, 999.5, 1e-9));
    cr_assert(d.low >= 953 && d.low <= 955);
    cr_assert(d.high >= 1044 && d.high <= 1046);
}
