#!/usr/bin/env python3
"""Random blocks of stored types, and the bits of what gguf.quants reads from them,
as tests/number_vectors.h has them.

    pip install gguf numpy
    tests/compare/number_vectors.py Q2_K Q3_K ...

Scales are normal and subnormal halves of either sign; those of MXFP4, of any
size.
"""
import sys

import numpy
from gguf import GGMLQuantizationType, GGML_QUANT_SIZES
from gguf.quants import dequantize

# Where the halves of a block stand.
HALVES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "Q2_K": [80, 82],
          "Q3_K": [108], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": []}


def rows(numbers, form, many):
    for i in range(0, len(numbers), many):
        print("    " + ", ".join(form.format(n) for n in numbers[i:i + many]) + ",")


def main():
    draw = numpy.random.default_rng(3)
    for name in sys.argv[1:]:
        kind = GGMLQuantizationType[name]
        block, size = GGML_QUANT_SIZES[kind]
        n = 2 if block < 256 else 1
        data = draw.integers(0, 256, (n, size), dtype=numpy.uint8)
        for at in HALVES[name]:
            # Block 0 is normal, block 1 subnormal.
            exponent = numpy.array([[draw.integers(1, 16)], [0]])[:n]
            half = (draw.integers(0, 2, (n, 1)) << 15 | exponent << 10 |
                    draw.integers(0, 1024, (n, 1))).astype("<u2")
            data[:, at:at + 2] = half.view(numpy.uint8)
        if name == "MXFP4":
            data[:, 0] = [120, 1]
        floats = dequantize(data, kind).astype("<f4").reshape(-1)
        print(f"static const uint8_t bytes_{name.lower()}[] = {{")
        rows(data.reshape(-1).tolist(), "{}", 16)
        print(f"}};\nstatic const uint32_t floats_{name.lower()}[] = {{")
        rows(floats.view("<u4").tolist(), "0x{:08x}", 6)
        print("};\n")


main()
