/* regime.c - Answer what a regime leaves at 0. */
#include "sim/price/regime.h"

int32_t regime_steps(const struct regime *regime)
{
    return regime->accumulate > 1 ? regime->accumulate : 1;
}
