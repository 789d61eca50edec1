/* test_rotary.c - Work out frequencies by hand, and the table they fill. */
#include <criterion/criterion.h>
#include <math.h>

#include "models/executor/rotary.h"

/* Heads of 8 with theta 10000: pairs turn by 1, 0.1, 0.01 and 0.001. */
static struct model_spec of(struct rope_scaling scaling)
{
    return (struct model_spec){ .traits = family_traits[FAMILY_LLAMA],
                                .head_size = 8,
                                .max_tokens = 5, .rope_theta = 10000.0f,
                                .rope_scaling = scaling };
}

static void expect(const struct model_spec *spec, const float *factors,
                   const double want[4])
{
    for (int32_t i = 0; i < 4; i++) {
        double is = rotary_frequency(spec, factors, i);
        cr_expect(fabs(is - want[i]) <= 1e-12 * want[i], "pair %d: %.15g", i,
                  is);
    }
}

Test(rotary, frequencies_fall_by_theta)
{
    struct model_spec spec = of((struct rope_scaling){ .factor = 99.0f });
    expect(&spec, NULL, (double[]){ 1.0, 0.1, 0.01, 0.001 });
}

Test(rotary, linear_divides_all)
{
    struct model_spec spec = of((struct rope_scaling){
        .kind = ROPE_SCALING_LINEAR, .factor = 4.0f });
    expect(&spec, NULL, (double[]){ 0.25, 0.025, 0.0025, 0.00025 });
}

/* In 200 pi tokens the pairs make 100, 10, 1 and 0.1 turns.  original_tokens is
 * whole, so take 628: 99.9493, 9.99493, 0.999493, 0.0999493 turns.  With low 0.5
 * and high 20 the first is kept, the last divided by 8, and the others keep the
 * shares (9.994930 - 0.5) / 19.5 and (0.999493 - 0.5) / 19.5. */
Test(rotary, llama3_keeps_short_waves_and_divides_long_ones)
{
    struct model_spec spec = of((struct rope_scaling){
        .kind = ROPE_SCALING_LLAMA3, .factor = 8.0f, .low_frequency = 0.5f,
        .high_frequency = 20.0f, .original_tokens = 628 });
    const double turns = 628.0 / (2.0 * M_PI);
    const double second = (0.1 * turns - 0.5) / 19.5;
    const double third = (0.01 * turns - 0.5) / 19.5;

    cr_assert(fabs(second - 0.48692) < 1e-5 && fabs(third - 0.025615) < 1e-6);
    expect(&spec, NULL, (double[]){
        1.0, 0.1 * (second + (1.0 - second) / 8.0),
        0.01 * (third + (1.0 - third) / 8.0), 0.001 / 8.0 });
}

/* Within 4096 tokens 32 turns are those of pair 8 ln(4096 / 64 pi) / 2 ln 10000 =
 * 1.31, 1 turn that of pair 2.81: pairs 0 and 1 are kept, pair 3 is divided, and
 * pair 2 lies half way between 1 and 3. */
Test(rotary, yarn_keeps_the_first_pairs_and_divides_the_last)
{
    struct model_spec spec = of((struct rope_scaling){
        .kind = ROPE_SCALING_YARN, .factor = 4.0f, .low_frequency = 1.0f,
        .high_frequency = 32.0f, .original_tokens = 4096, .amplitude = 1.5f });
    float table[2 * 8];

    expect(&spec, NULL, (double[]){ 1.0, 0.1, 0.01 * (0.5 + 0.5 / 4.0),
                                    0.001 / 4.0 });
    rotary_fill(table, &spec, 2, false, NULL);
    cr_expect(table[0] == 1.5f && table[4] == 0.0f);
    cr_expect(fabsf(table[8] - 1.5f * 0.54030231f) < 1e-6f);     /* cos 1 */
}

Test(rotary, factors_of_the_file_divide_one_by_one)
{
    struct model_spec spec = of((struct rope_scaling){
        .kind = ROPE_SCALING_FACTORS });
    const float factors[] = { 1.0f, 2.0f, 4.0f, 8.0f };

    expect(&spec, factors, (double[]){ 1.0, 0.05, 0.0025, 0.000125 });
    expect(&spec, NULL, (double[]){ 1.0, 0.1, 0.01, 0.001 });
}

/* Of 4 tokens and a factor of 2: in a room of 8 the base grows by (2 * 8 / 4 - 1)
 * to the 8/6th, so that the last pair, theta^(-3/4), turns 3 times as slowly, and
 * the others by 3^(i/3). */
Test(rotary, a_dynamic_base_grows_beyond_the_original_length)
{
    struct model_spec spec = of((struct rope_scaling){
        .kind = ROPE_SCALING_DYNAMIC, .factor = 2.0f, .original_tokens = 4 });
    float within[4 * 8], beyond[8 * 8];

    expect(&spec, NULL, (double[]){ 1.0, 0.1, 0.01, 0.001 });
    rotary_fill(within, &spec, 4, false, NULL);
    rotary_fill(beyond, &spec, 8, false, NULL);
    for (int i = 0; i < 4; i++) {
        const double slower = pow(3.0, i / 3.0), turn = pow(0.1, i);
        cr_expect(fabs((double)within[3 * 8 + 4 + i] - sin(3 * turn)) < 1e-6);
        cr_expect(fabs((double)beyond[3 * 8 + 4 + i] -
                       sin(3 * turn / slower)) < 1e-6);
    }
}

/* A row is a position: four cosines, then four sines. */
Test(rotary, the_table_holds_cosines_then_sines)
{
    struct model_spec spec = of((struct rope_scaling){
        .kind = ROPE_SCALING_LINEAR, .factor = 2.0f });
    float table[5 * 8];

    rotary_fill(table, &spec, 5, false, NULL);
    for (int i = 0; i < 8; i++)
        cr_expect(table[i] == (i < 4 ? 1.0f : 0.0f));
    cr_expect(fabsf(table[3 * 8 + 0] - 0.07073720f) < 1e-6f);  /* cos 1.5 */
    cr_expect(fabsf(table[3 * 8 + 4] - 0.99749499f) < 1e-6f);  /* sin 1.5 */
    cr_expect(fabsf(table[3 * 8 + 5] - 0.14943813f) < 1e-6f);  /* sin 0.15 */
}
