/* fma.h - Multiply and add in registers alone, as fast as a core can. */
#ifndef FMA_H
#define FMA_H

#include <stdbool.h>

/* Runs some `flops` of multiply-adds; false: nobody wrote the loop for this
 * CPU. */
bool fma_run(double flops);

#endif
