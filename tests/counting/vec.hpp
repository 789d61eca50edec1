/* vec.hpp - arithmetic that counts itself: the names of models/kernels/vec.h as
 * C++ classes.  The kernels, compiled against it, report what they executed.
 *
 * Every +, -, *, / and square root adds its number of lanes to counting_flops;
 * negation, max, choice, conversion, moves and bit tricks add nothing: the
 * convention of sim/core/ledger/op.h.  After this header `float` and `double` are
 * `real` and `wide`, so that no arithmetic in a kernel goes unseen but that of
 * literals, which the compiler does, and of ONCE().  One thread only. */
#ifndef VEC_HPP
#define VEC_HPP

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "models/kernels/codes.h"
#include "models/kernels/half.h"

inline uint64_t counting_flops = 0;

/* A number of type F.  Its layout and its way through a call are F's. */
template <typename F> struct counted {
    F x;

    counted() = default;
    counted(F value) : x(value) {}
    explicit counted(int32_t value) : x((F)value) {}

    friend counted operator+(counted a, counted b) { return did(a.x + b.x); }
    friend counted operator-(counted a, counted b) { return did(a.x - b.x); }
    friend counted operator*(counted a, counted b) { return did(a.x * b.x); }
    friend counted operator/(counted a, counted b) { return did(a.x / b.x); }
    friend counted operator-(counted a) { return counted(-a.x); }
    friend bool operator<(counted a, counted b) { return a.x < b.x; }
    friend bool operator>(counted a, counted b) { return a.x > b.x; }

    static counted did(F value)
    {
        counting_flops++;
        return counted(value);
    }
};

typedef counted<float>  real;
typedef counted<double> wide;
static_assert(sizeof(real) == sizeof(float) && sizeof(wide) == sizeof(double));

/* N numbers side by side, of which the first `live` are a kernel's: arithmetic
 * counts those that both operands have. */
template <int N> struct row_of {
    float at[N];
    int   live = N;

    row_of() = default;
    row_of(real value) { fill(value.x); }
    row_of(float value) { fill(value); }

    friend row_of operator+(row_of a, const row_of &b)
    {
        for (int i = 0; i < N; i++)
            a.at[i] += b.at[i];
        return did(a, b.live);
    }
    friend row_of operator-(row_of a, const row_of &b)
    {
        for (int i = 0; i < N; i++)
            a.at[i] -= b.at[i];
        return did(a, b.live);
    }
    friend row_of operator*(row_of a, const row_of &b)
    {
        for (int i = 0; i < N; i++)
            a.at[i] *= b.at[i];
        return did(a, b.live);
    }
    friend row_of operator/(row_of a, const row_of &b)
    {
        for (int i = 0; i < N; i++)
            a.at[i] /= b.at[i];
        return did(a, b.live);
    }
    friend row_of operator-(row_of a)
    {
        for (int i = 0; i < N; i++)
            a.at[i] = -a.at[i];
        return a;
    }
    static row_of did(row_of a, int live = N)
    {
        a.live = a.live < live ? a.live : live;
        counting_flops += (uint64_t)a.live;
        return a;
    }
    void fill(float value)
    {
        for (int i = 0; i < N; i++)
            at[i] = value;
    }
    /* f of every lane; f does not count. */
    template <typename Function> row_of map(Function f) const
    {
        row_of a;
        for (int i = 0; i < N; i++)
            a.at[i] = f(at[i]);
        return a;
    }
};

/* The width of a register is a choice of the build, as on real machines. */
#ifndef REGISTER_LANES
#define REGISTER_LANES 16
#endif
typedef row_of<REGISTER_LANES> lanes;

template <int N> static inline row_of<N> row_load(const real *p)
{
    row_of<N> v;
    memcpy(v.at, p, sizeof v.at);
    return v;
}

template <int N> static inline void row_store(real *p, const row_of<N> &v)
{
    memcpy((void *)p, v.at, sizeof v.at);
}

static inline lanes lanes_load(const real *p)
{
    return row_load<REGISTER_LANES>(p);
}

static inline void lanes_store(real *p, const lanes &v) { row_store(p, v); }

static inline lanes lanes_load_first(const real *p, int n)
{
    lanes v(0.0f);
    memcpy(v.at, p, (size_t)n * sizeof *v.at);
    v.live = n;
    return v;
}

static inline void lanes_store_first(real *p, const lanes &v, int n)
{
    memcpy((void *)p, v.at, (size_t)n * sizeof *v.at);
}

static inline lanes lanes_set(real x) { return lanes(x); }

/* Lanes of a and b by turns, from the given one on. */
static inline lanes lanes_zip(const lanes &a, const lanes &b, int from)
{
    lanes v;
    for (int i = 0; i < REGISTER_LANES; i += 2) {
        v.at[i] = a.at[from + i / 2];
        v.at[i + 1] = b.at[from + i / 2];
    }
    return v;
}

static inline lanes lanes_zip_low(const lanes &a, const lanes &b)
{
    return lanes_zip(a, b, 0);
}

static inline lanes lanes_zip_high(const lanes &a, const lanes &b)
{
    return lanes_zip(a, b, REGISTER_LANES / 2);
}

static inline lanes lanes_max(lanes a, const lanes &b)
{
    for (int i = 0; i < REGISTER_LANES; i++)
        a.at[i] = a.at[i] > b.at[i] ? a.at[i] : b.at[i];
    return a;
}

static inline lanes lanes_min(lanes a, const lanes &b)
{
    for (int i = 0; i < REGISTER_LANES; i++)
        a.at[i] = a.at[i] < b.at[i] ? a.at[i] : b.at[i];
    return a;
}

static inline lanes lanes_first(lanes v, int n, float behind)
{
    for (int i = n < 0 ? 0 : n; i < REGISTER_LANES; i++)
        v.at[i] = behind;
    return v;
}

static inline lanes lanes_head(const lanes &v, int n)
{
    return lanes_first(v, n, 0.0f);
}

static inline lanes lanes_head_low(const lanes &v, int n)
{
    return lanes_first(v, n, -3e38f);
}

static inline lanes lanes_add_product(const lanes &sum, const lanes &a,
                                      const lanes &b)
{
    return sum + a * b;
}

/* What a loop carries, register by register. */
enum { ROW_REGISTERS = 16 / REGISTER_LANES };
namespace {
struct running {
    lanes at[ROW_REGISTERS];
};
}

static inline running running_set(real x)
{
    running r;
    for (lanes &part : r.at)
        part = lanes_set(x);
    return r;
}

static inline void running_store(real *p, const running &r)
{
    for (int i = 0; i < ROW_REGISTERS; i++)
        lanes_store(p + REGISTER_LANES * i, r.at[i]);
}

static inline real running_fold(const running &v)
{
    real all[16], r[8];
    running_store(all, v);
    row_store(r, row_load<8>(all) + row_load<8>(all + 8));
    return ((r[0] + r[4]) + (r[2] + r[6])) + ((r[1] + r[5]) + (r[3] + r[7]));
}

static inline real running_largest(const running &v)
{
    real all[16];
    running_store(all, v);
    real m = all[0];
    for (int i = 1; i < 16; i++)
        m = all[i] > m ? all[i] : m;
    return m;
}

static inline float float_half_like(float x) { return copysignf(0.5f, x); }
static inline float float_truncate(float x) { return truncf(x); }

static inline lanes lanes_half_like(const lanes &x)
{
    return x.map(float_half_like);
}

static inline lanes lanes_truncate(const lanes &x)
{
    return x.map(float_truncate);
}

static inline lanes lanes_above(const lanes &x, lanes y)
{
    for (int i = 0; i < REGISTER_LANES; i++)
        y.at[i] = x.at[i] > 0 ? y.at[i] : 0;
    return y;
}

static inline lanes lanes_scale2(lanes p, const lanes &whole)
{
    for (int i = 0; i < REGISTER_LANES; i++)
        p.at[i] = ldexpf(p.at[i], (int)whole.at[i]);
    return p;
}

static inline lanes lanes_sqrt(const lanes &x)
{
    return lanes::did(x.map(sqrtf));
}

static inline real real_max(real a, real b) { return a.x > b.x ? a : b; }
static inline real real_min(real a, real b) { return a.x < b.x ? a : b; }
static inline real real_set(real x) { return x; }
static inline real real_add_product(real sum, real a, real b)
{
    return sum + a * b;
}

/* Numbers as they are stored. */
typedef int32_t real_int;
/* Of each build's own: its width is in no name that the linker sees. */
namespace {
struct lanes_int {
    int32_t at[REGISTER_LANES];

    template <typename Function> lanes_int map(Function f) const
    {
        lanes_int a;
        for (int i = 0; i < REGISTER_LANES; i++)
            a.at[i] = f(at[i]);
        return a;
    }
    friend lanes_int operator&(const lanes_int &a, int b)
    {
        return a.map([b](int32_t x) { return x & b; });
    }
    friend lanes_int operator<<(const lanes_int &a, int b)
    {
        return a.map([b](int32_t x) { return x << b; });
    }
    friend lanes_int operator>>(const lanes_int &a, int b)
    {
        return a.map([b](int32_t x) { return x >> b; });
    }
    friend lanes_int operator-(const lanes_int &a, int b)
    {
        return a.map([b](int32_t x) { return x - b; });
    }
    friend lanes_int operator|(lanes_int a, const lanes_int &b)
    {
        for (int i = 0; i < REGISTER_LANES; i++)
            a.at[i] |= b.at[i];
        return a;
    }
};
}

/* Lane i from what stands `size` bytes after lane i - 1's. */
template <typename Row, typename Function>
static inline Row row_read(const uint8_t *p, int size, Function f)
{
    Row v;
    for (int i = 0; i < REGISTER_LANES; i++)
        v.at[i] = f(p + size * i);
    return v;
}

static inline real_int real_i8(const uint8_t *p) { return (int8_t)*p; }
static inline real_int real_u8(const uint8_t *p) { return *p; }
static inline real real_of(real_int v) { return (float)v; }
static inline real real_bf16(const uint8_t *p) { return half_from_bf16(p); }
static inline real real_f16(const uint8_t *p) { return half_from_f16(p); }
static inline real real_load(const real *p) { return *p; }

static inline real real_nibble(real_int v, int less)
{
    return (float)((v & 15) - less);
}

static inline real real_joined(real_int v, uint16_t bits, int c, int place,
                               int less)
{
    return (float)((v & 15) + ((bits >> c & 1) << place) - less);
}

static inline real real_coded(real_int v, const struct code *code)
{
    return code->number[v & 15];
}

static inline real real_e8m0(const uint8_t *p) { return code_scale(p); }

static inline lanes_int lanes_i8(const uint8_t *p)
{
    return row_read<lanes_int>(p, 1, real_i8);
}

static inline lanes_int lanes_u8(const uint8_t *p)
{
    return row_read<lanes_int>(p, 1, real_u8);
}

static inline lanes lanes_bf16(const uint8_t *p)
{
    return row_read<lanes>(p, 2, half_from_bf16);
}

static inline lanes lanes_f16(const uint8_t *p)
{
    return row_read<lanes>(p, 2, half_from_f16);
}

static inline lanes lanes_of(const lanes_int &v)
{
    lanes x;
    for (int i = 0; i < REGISTER_LANES; i++)
        x.at[i] = (float)v.at[i];
    return x;
}

static inline lanes lanes_nibble(const lanes_int &v, int less)
{
    return lanes_of((v & 15) - less);
}

static inline lanes lanes_joined(const lanes_int &v, uint16_t bits, int c,
                                 int place, int less)
{
    lanes x;
    for (int i = 0; i < REGISTER_LANES; i++)
        x.at[i] = (float)((v.at[i] & 15) +
                          ((bits >> (c + i) & 1) << place) - less);
    return x;
}

static inline lanes lanes_coded(const lanes_int &v, const struct code *code)
{
    lanes x;
    for (int i = 0; i < REGISTER_LANES; i++)
        x.at[i] = code->number[v.at[i] & 15];
    return x;
}

static inline lanes lanes_e8m0(const uint8_t *p)
{
    return row_read<lanes>(p, 1, code_scale);
}

static inline real real_half_like(real x) { return float_half_like(x.x); }
static inline real real_above(real x, real y) { return x.x > 0 ? y : real(0); }
static inline real real_truncate(real x) { return float_truncate(x.x); }

static inline real real_scale2(real p, real whole)
{
    return ldexpf(p.x, (int)whole.x);
}

static inline real real_mantissa(real x, real *exponent)
{
    int e;
    float m = frexpf(x.x, &e);         /* in [0.5, 1) */
    if (m < 0.70710678f) {
        m = ldexpf(m, 1);
        e--;
    }
    *exponent = (float)e;
    return m;
}

static inline real real_sqrt(real x) { return real::did(sqrtf(x.x)); }
static inline wide wide_sqrt(wide x) { return wide::did(sqrt(x.x)); }
static inline real sqrtf(real x) { return real_sqrt(x); }
static inline wide wide_of(real x) { return (double)x.x; }
static inline wide wide_double(wide x) { return x; }
static inline real real_float(real x) { return x; }

/* A scalar worked out once a part, which belongs to no op. */
template <typename Function> static inline real uncounted(Function f)
{
    uint64_t before = counting_flops;
    real x = f();
    counting_flops = before;
    return x;
}
#define ONCE(expression) uncounted([&]() -> real { return (expression); })

#define float  real
#define double wide

#endif
