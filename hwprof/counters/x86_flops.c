/* x86_flops.c - Look up what each mnemonic does in a lane, and count lanes. */
#include "hwprof/counters/x86_flops.h"

#include <Zydis/Zydis.h>

/* The flops of a lane.  Zero stands for all that moves, compares, converts,
 * rounds or works on bits, and for all that is no arithmetic of floats. */
enum { ONE = 1, FUSED = 2, UNKNOWN = -1 };

#define M(name, each) [ZYDIS_MNEMONIC_##name] = (each)
#define PACKED(name, each) M(name##PS, each), M(name##PD, each)
#define ALL(name, each) PACKED(name, each), M(name##SS, each), M(name##SD, each)
#define ORDERS(name, kind, each) kind(name##132, each),                        \
                                 kind(name##213, each), kind(name##231, each)

static const int16_t lane_flops[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
    ALL(ADD, ONE), ALL(SUB, ONE), ALL(MUL, ONE), ALL(DIV, ONE), ALL(SQRT, ONE),
    ALL(VADD, ONE), ALL(VSUB, ONE), ALL(VMUL, ONE), ALL(VDIV, ONE),
    ALL(VSQRT, ONE),
    PACKED(HADD, ONE), PACKED(HSUB, ONE), PACKED(ADDSUB, ONE),
    PACKED(VHADD, ONE), PACKED(VHSUB, ONE), PACKED(VADDSUB, ONE),
    ORDERS(VFMADD, ALL, FUSED), ORDERS(VFMSUB, ALL, FUSED),
    ORDERS(VFNMADD, ALL, FUSED), ORDERS(VFNMSUB, ALL, FUSED),
    ORDERS(VFMADDSUB, PACKED, FUSED), ORDERS(VFMSUBADD, PACKED, FUSED),
    M(FADD, ONE), M(FADDP, ONE), M(FIADD, ONE), M(FSUB, ONE), M(FSUBP, ONE),
    M(FISUB, ONE), M(FSUBR, ONE), M(FSUBRP, ONE), M(FISUBR, ONE), M(FMUL, ONE),
    M(FMULP, ONE), M(FIMUL, ONE), M(FDIV, ONE), M(FDIVP, ONE), M(FIDIV, ONE),
    M(FDIVR, ONE), M(FDIVRP, ONE), M(FIDIVR, ONE), M(FSQRT, ONE),
    PACKED(DP, UNKNOWN), PACKED(VDP, UNKNOWN),
    M(RCPPS, UNKNOWN), M(RCPSS, UNKNOWN), M(RSQRTPS, UNKNOWN),
    M(RSQRTSS, UNKNOWN), M(VRCPPS, UNKNOWN), M(VRCPSS, UNKNOWN),
    M(VRSQRTPS, UNKNOWN), M(VRSQRTSS, UNKNOWN),
    ALL(VRCP14, UNKNOWN), ALL(VRSQRT14, UNKNOWN), ALL(VSCALEF, UNKNOWN),
    M(FSIN, UNKNOWN), M(FCOS, UNKNOWN), M(FSINCOS, UNKNOWN),
    M(FPTAN, UNKNOWN), M(FPATAN, UNKNOWN), M(F2XM1, UNKNOWN),
    M(FYL2X, UNKNOWN), M(FYL2XP1, UNKNOWN), M(FSCALE, UNKNOWN),
    M(FPREM, UNKNOWN), M(FPREM1, UNKNOWN),
};

/* The last operand is a source whose elements are the lanes, but for a scalar
 * of memory that is broadcast to all of them. */
static int lanes_of(const ZydisDecodedInstruction *in,
                    const ZydisDecodedOperand *operand)
{
    const ZydisDecodedOperand *last = &operand[in->operand_count_visible - 1];

    if (in->avx.broadcast.mode != ZYDIS_BROADCAST_MODE_INVALID)
        return in->avx.vector_length / last->element_size;
    return in->operand_count_visible ? last->element_count : 1;
}

static enum flop_width width_of(int lanes, int bits)
{
    return lanes == 1 ? FLOPS_SCALAR : bits <= 128 ? FLOPS_128
         : bits <= 256 ? FLOPS_256 : FLOPS_512;
}

bool x86_flops(struct x86_flops *out, const uint8_t *code, size_t n)
{
    ZydisDecoder decoder;
    ZydisDecodedInstruction in;
    ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];

    *out = (struct x86_flops){ .known = true };
    if (ZYAN_FAILED(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
                                     ZYDIS_STACK_WIDTH_64)) ||
        ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, code, n, &in, operand)))
        return false;
    out->bytes = in.length;
    out->masked_move = in.mnemonic == ZYDIS_MNEMONIC_VMASKMOVPS ||
                       in.mnemonic == ZYDIS_MNEMONIC_VMASKMOVPD;
    int each = lane_flops[in.mnemonic];
    if (each == 0)
        return true;
    int lanes = lanes_of(&in, operand);
    out->known = each != UNKNOWN &&
                 in.avx.mask.mode <= ZYDIS_MASK_MODE_DISABLED;
    out->flops = out->known ? each * lanes : 0;
    out->fused = each == FUSED;
    out->width = width_of(lanes, operand[0].size);
    return true;
}
