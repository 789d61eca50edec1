/* activation.c - Apply GELU, its gated likes, ReLU, caps and rotary positions to
 * each element. */
#include "models/kernels/kernel.h"

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
        for (; i + 16 <= end; i += 16)                                         \
            vec_store(out + i, vec_##name(vec_load(x + i)));                   \
        for (; i < end; i++)                                                   \
            out[i] = real_##name(x[i]);                                        \
    }                                                                          \
                                                                               \
    void KERNEL(name##_backward)(const real *x, const real *dout, real *dx,    \
                                 size_t n, int part, int parts)                \
    {                                                                          \
        size_t i = slice_of(n, part, parts);                                   \
        size_t end = slice_of(n, part + 1, parts);                             \
        for (; i + 16 <= end; i += 16)                                         \
            vec_store(dx + i, vec_##name##_backward(vec_load(x + i),           \
                                                    vec_load(dout + i)));      \
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
            for (; c + 16 <= width; c += 16)                                   \
                vec_store(to + c,                                              \
                          vec_##name(vec_load(gate + c), vec_load(up + c)));   \
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
            for (; c + 16 <= width; c += 16) {                                 \
                vec dg, du;                                                    \
                vec_##name##_backward(vec_load(gate + c), vec_load(up + c),    \
                                      vec_load(d + c), &dg, &du);              \
                vec_store(dgate + c, dg);                                      \
                vec_store(dup + c, du);                                        \
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
    vec s = vec_set(slope), t = vec_set(twice), c = vec_set(cap);
    for (; i + 16 <= end; i += 16)
        vec_store(x + i, vec_cap(vec_load(x + i), s, t, c));
    for (; i < end; i++)
        x[i] = real_cap(x[i], slope, twice, cap);
}

/* Turn the pairs (i, i + R/2) of the first R numbers of a head by the angles of
 * its position, or back: Su et al. 2021, in the order of Hugging Face files. */
static inline void turn(real *x, const real *table, int32_t half, bool backward)
{
    const real *cosine = table, *sine = table + half;
    int32_t i = 0;
    for (; i + 16 <= half; i += 16) {
        vec a = vec_load(x + i), b = vec_load(x + half + i);
        vec c = vec_load(cosine + i), s = vec_load(sine + i);
        if (backward)
            s = -s;
        vec_store(x + i, a * c - b * s);
        vec_store(x + half + i, b * c + a * s);
    }
    for (; i + 8 <= half; i += 8) {
        vec8 a = vec8_load(x + i), b = vec8_load(x + half + i);
        vec8 c = vec8_load(cosine + i), s = vec8_load(sine + i);
        if (backward)
            s = -s;
        vec8_store(x + i, a * c - b * s);
        vec8_store(x + half + i, b * c + a * s);
    }
    for (; i < half; i++) {
        real a = x[i], b = x[half + i], s = sine[i];
        if (backward)
            s = -s;
        x[i] = a * cosine[i] - b * s;
        x[half + i] = b * cosine[i] + a * s;
    }
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
