/* elementary.h - Compute exp and functions made of it, for one NUMBER type;
 * vec.h includes this twice.  Each function is a fixed number of operations:
 * sim/core/ledger/op.h. */

/* exp, relative error below 3e-7; the argument is held within [-87, 88].
 * x = n ln2 + r with |r| <= ln2/2, ln2 in two parts (Cody and Waite 1980), then
 * the Taylor polynomial of degree 6: OP_FLOPS_EXP. */
static inline NUMBER OF(exp)(NUMBER x)
{
    x = OF(max)(OF(min)(x, OF(set)(88.0f)), OF(set)(-87.0f));
    NUMBER t = x * 1.44269504f;
    NUMBER n = OF(truncate)(t + OF(half_like)(t));
    NUMBER r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    NUMBER p = r * (1.0f / 720.0f) + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return OF(scale2)(p, n);
}

/* GELU, tanh form (Hendrycks and Gimpel 2016):
 * x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)); EXP + 6. */
static inline NUMBER OF(gelu)(NUMBER x)
{
    NUMBER z = x * (x * x * -0.0713548162726f + -1.59576912161f);
    return x / (OF(exp)(z) + 1.0f);
}

/* dout * gelu'(x): EXP + 14. */
static inline NUMBER OF(gelu_backward)(NUMBER x, NUMBER dout)
{
    NUMBER square = x * x;
    NUMBER z = x * (square * -0.0713548162726f + -1.59576912161f);
    NUMBER s = 1.0f / (OF(exp)(z) + 1.0f);
    NUMBER slope = square * 0.2140644488178f + 1.59576912161f;
    return dout * (x * (s * (1.0f - s)) * slope + s);
}

/* The normal density at x times sqrt(2 pi), and from it the share of the normal
 * distribution beyond |x|, within 1e-7 (Abramowitz and Stegun 1964, 26.2.17, its
 * coefficients over sqrt(2 pi)): EXP + 15. */
static inline NUMBER OF(beyond)(NUMBER x, NUMBER *density)
{
    NUMBER t = 1.0f / (OF(max)(x, -x) * 0.2316419f + 1.0f);
    NUMBER p = t * 0.530702715f + -0.726576014f;
    p = p * t + 0.710706871f;
    p = p * t + -0.142248368f;
    p = p * t + 0.127414796f;
    *density = OF(exp)(x * x * -0.5f);
    return p * t * *density;
}

/* GELU by its definition (Hendrycks and Gimpel 2016), x times the share of the
 * normal distribution below x: EXP + 17. */
static inline NUMBER OF(gelu_erf)(NUMBER x)
{
    NUMBER density, beyond = OF(beyond)(x, &density);
    return OF(max)(x, OF(set)(0.0f)) - OF(max)(x, -x) * beyond;
}

/* dout times that share + x times the density: EXP + 23. */
static inline NUMBER OF(gelu_erf_backward)(NUMBER x, NUMBER dout)
{
    NUMBER density, beyond = OF(beyond)(x, &density);
    NUMBER half = OF(half_like)(x);
    NUMBER below = (half - (half + half) * beyond) + 0.5f;
    return dout * (x * density * 0.3989422804f + below);
}

/* max(x, 0), and dout where x is above 0: no flop. */
static inline NUMBER OF(relu)(NUMBER x)
{
    return OF(max)(x, OF(set)(0.0f));
}

static inline NUMBER OF(relu_backward)(NUMBER x, NUMBER dout)
{
    return OF(above)(x, dout);
}

/* cap tanh(x / cap) as 2 cap sigmoid(2 x / cap) - cap; slope is -2 / cap, twice
 * 2 cap: EXP + 4. */
static inline NUMBER OF(cap)(NUMBER x, NUMBER slope, NUMBER twice, NUMBER cap)
{
    return twice / (OF(exp)(x * slope) + 1.0f) - cap;
}

/* Its slope, of its value y; inverse is 1 / cap: 3. */
static inline NUMBER OF(cap_slope)(NUMBER y, NUMBER inverse)
{
    NUMBER share = y * inverse;
    return 1.0f - share * share;
}

/* gelu(gate) * up: EXP + 7. */
static inline NUMBER OF(geglu)(NUMBER gate, NUMBER up)
{
    return OF(gelu)(gate) * up;
}

/* Both gradients of geglu: EXP + 16. */
static inline void OF(geglu_backward)(NUMBER gate, NUMBER up, NUMBER dout,
                                      NUMBER *dgate, NUMBER *dup)
{
    NUMBER square = gate * gate;
    NUMBER z = gate * (square * -0.0713548162726f + -1.59576912161f);
    NUMBER s = 1.0f / (OF(exp)(z) + 1.0f);
    NUMBER slope = square * 0.2140644488178f + 1.59576912161f;
    NUMBER value = gate * s;
    *dup = dout * value;
    *dgate = dout * up * (value * (1.0f - s) * slope + s);
}

/* gate * sigmoid(gate) * up: EXP + 3. */
static inline NUMBER OF(swiglu)(NUMBER gate, NUMBER up)
{
    return gate / (OF(exp)(-gate) + 1.0f) * up;
}

/* Both gradients of swiglu: EXP + 9. */
static inline void OF(swiglu_backward)(NUMBER gate, NUMBER up, NUMBER dout,
                                       NUMBER *dgate, NUMBER *dup)
{
    NUMBER s = 1.0f / (OF(exp)(-gate) + 1.0f);
    NUMBER silu = gate * s;
    *dup = dout * silu;
    *dgate = dout * up * (silu * (1.0f - s) + s);
}
