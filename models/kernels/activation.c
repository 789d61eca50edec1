/* activation.c - Apply GELU, its gated likes, ReLU, caps and rotary positions to
 * each element. */
#include "models/kernels/kernel.h"
#include "models/kernels/tail.h"

static inline size_t slice_of(size_t n, int part, int parts)
{
    size_t at = (n + 15) / 16 * (size_t)part / (size_t)parts * 16;
    return at < n ? at : n;
}

/* Of one product. */
#define PLAIN(name)                                                            \
    void KERNEL(name)(const real *x, real *out, size_t n, int part, int parts) \
    {                                                                          \
        size_t i = slice_of(n, part, parts);                                   \
        size_t end = slice_of(n, part + 1, parts);                             \
        for (; i + REGISTER_LANES <= end; i += REGISTER_LANES)                 \
            lanes_store(out + i, lanes_##name(lanes_load(x + i)));             \
        for (; i < end; i++)                                                   \
            out[i] = real_##name(x[i]);                                        \
    }                                                                          \
                                                                               \
    void KERNEL(name##_backward)(const real *x, const real *dout, real *dx,    \
                                 size_t n, int part, int parts)                \
    {                                                                          \
        size_t i = slice_of(n, part, parts);                                   \
        size_t end = slice_of(n, part + 1, parts);                             \
        for (; i + REGISTER_LANES <= end; i += REGISTER_LANES)                 \
            lanes_store(dx + i,                                                \
                        lanes_##name##_backward(                               \
                            lanes_load(x + i), lanes_load(dout + i)));         \
        for (; i < end; i++)                                                   \
            dx[i] = real_##name##_backward(x[i], dout[i]);                     \
    }

PLAIN(gelu)
PLAIN(gelu_erf)
PLAIN(relu)

/* x [N,2F]: gate then up in each row; out [N,F]. */
#define GATED(name)                                                            \
    void KERNEL(name)(const real *x, real *out, int32_t n, int32_t width,      \
                      int part, int parts)                                     \
    {                                                                          \
        int32_t end = slice(n, 1, part + 1, parts);                            \
        for (int32_t r = slice(n, 1, part, parts); r < end; r++) {             \
            const real *gate = x + (ptrdiff_t)r * 2 * width;                   \
            const real *up = gate + width;                                     \
            real *to = out + (ptrdiff_t)r * width;                             \
            int32_t c = 0;                                                     \
            for (; c + REGISTER_LANES <= width; c += REGISTER_LANES)           \
                lanes_store(to + c, lanes_##name(lanes_load(gate + c),         \
                                                  lanes_load(up + c)));        \
            for (; c < width; c++)                                             \
                to[c] = real_##name(gate[c], up[c]);                           \
        }                                                                      \
    }                                                                          \
                                                                               \
    void KERNEL(name##_backward)(const real *x, const real *dout, real *dx,    \
                                 int32_t n, int32_t width, int part,           \
                                 int parts)                                    \
    {                                                                          \
        int32_t end = slice(n, 1, part + 1, parts);                            \
        for (int32_t r = slice(n, 1, part, parts); r < end; r++) {             \
            const real *gate = x + (ptrdiff_t)r * 2 * width;                   \
            const real *up = gate + width;                                     \
            const real *d = dout + (ptrdiff_t)r * width;                       \
            real *dgate = dx + (ptrdiff_t)r * 2 * width, *dup = dgate + width; \
            int32_t c = 0;                                                     \
            for (; c + REGISTER_LANES <= width; c += REGISTER_LANES) {         \
                lanes dg, du;                                                  \
                lanes_##name##_backward(                                       \
                    lanes_load(gate + c), lanes_load(up + c),                  \
                    lanes_load(d + c), &dg, &du);                              \
                lanes_store(dgate + c, dg);                                    \
                lanes_store(dup + c, du);                                      \
            }                                                                  \
            for (; c < width; c++)                                             \
                real_##name##_backward(gate[c], up[c], d[c], &dgate[c],        \
                                       &dup[c]);                               \
        }                                                                      \
    }

GATED(swiglu)
GATED(geglu)

/* x[n] become cap tanh(x / cap). */
void KERNEL(cap)(real *x, size_t n, float cap, int part, int parts)
{
    size_t i = slice_of(n, part, parts), end = slice_of(n, part + 1, parts);
    real slope = ONCE(-2.0f / cap), twice = ONCE(2.0f * cap);
    lanes s = lanes_set(slope), t = lanes_set(twice), c = lanes_set(cap);
    for (; i + REGISTER_LANES <= end; i += REGISTER_LANES)
        lanes_store(x + i, lanes_cap(lanes_load(x + i), s, t, c));
    for (; i < end; i++)
        x[i] = real_cap(x[i], slope, twice, cap);
}

/* Turn pairs (i, half + i) of x, a register of them or, with `cut`, `n`. */
static inline __attribute__((always_inline)) void turn_register(
    const bool cut, int n, real *x, int32_t half, const real *cosine,
    const real *sine, bool backward)
{
    lanes a = cut ? lanes_load_first(x, n) : lanes_load(x);
    lanes b = cut ? lanes_load_first(x + half, n) : lanes_load(x + half);
    lanes c = cut ? lanes_load_first(cosine, n) : lanes_load(cosine);
    lanes s = cut ? lanes_load_first(sine, n) : lanes_load(sine);
    if (backward)
        s = -s;
    lanes to = a * c - b * s, to_half = b * c + a * s;
    if (cut) {
        lanes_store_first(x, to, n);
        lanes_store_first(x + half, to_half, n);
    } else {
        lanes_store(x, to);
        lanes_store(x + half, to_half);
    }
}

/* Turn the pairs (i, i + R/2) of the first R numbers of a head by the angles of
 * its position, or back: Su et al. 2021, in the order of Hugging Face files. */
static inline void turn(real *x, const real *table, int32_t half, bool backward)
{
    const real *cosine = table, *sine = table + half;
    int32_t i = 0;
    for (; i + REGISTER_LANES <= half; i += REGISTER_LANES)
        turn_register(false, 0, x + i, half, cosine + i, sine + i, backward);
    if (i < half)
        turn_register(true, half - i, x + i, half, cosine + i, sine + i,
                      backward);
}

void KERNEL(rope)(real *qkv, const struct rows *rows, int32_t n,
                  int32_t n_heads, int32_t head_size, int32_t turned,
                  int32_t stride, const real *table, bool backward, int part,
                  int parts)
{
    int32_t end = slice(n, 1, part + 1, parts);
    for (int32_t r = slice(n, 1, part, parts); r < end; r++)
        for (int32_t h = 0; h < n_heads; h++)
            turn(qkv + (ptrdiff_t)r * stride + h * head_size,
                 table + (ptrdiff_t)rows->position[r] * turned, turned / 2,
                 backward);
}
