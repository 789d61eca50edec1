/* flops.c - Price each op and pass by the counting convention, a line each. */
#include "sim/price/flops_inside.h"

#include <math.h>

const char *const work_names[] = { WORK_MAP(NAMES_WORD) NULL };

/* The convention of sim/core/ledger/op.h as a table.  X is handed each
 * expression once to evaluate and once to print, in the letters of spec.h and
 * of flops_letters().  A row holds where the traits in its third column do; of
 * two that hold, the later counts.
 *  set, op, holds,           flops per row, flops per row and key,
 *                            bytes per row, shared bytes */
#define RULE_MAP(X)                                                            \
  X(FORWARD, EMBED, any,      C*learned, 0,                                    \
                              4 + 8*C + 4*C*learned, 0)                        \
  X(FORWARD, NORM, layer_norm, 8*C + 2*FOLD + 5, 0,                            \
                              8*C + 8, 8*C)                                    \
  X(FORWARD, NORM, rms_norm,  4*C + FOLD + 4, 0,                               \
                              8*C + 4, 4*C)                                    \
  X(FORWARD, QKV, any,        2*C*(Q + 2*E), 0,                                \
                              4*C + 4*(Q + 2*E),                               \
                              4*C*(Q + 2*E) + 4*bq*(Q + 2*E))                  \
  X(FORWARD, QK_NORM, qk_norm, 4*(Q + E) + (Nq + Nk)*(FOLD + 4), 0,            \
                              8*(Q + E) + 4*(Nq + Nk), 4*(Sq + Sk))            \
  X(FORWARD, QK_NORM, centred, 6*(Q + E) + (Nq + Nk)*(2*FOLD + 5), 0,          \
                              8*(Q + E) + 4*(Nq + Nk), 4*(Sq + Sk))            \
  X(FORWARD, ROPE, rotary,    3*(H + G)*R, 0,                                  \
                              8*(H + G)*R + 4*R, 0)                            \
  X(FORWARD, ATTEND, any,     H*(2*D + FOLD + 1), H*(4*D + EXP + 2),           \
                              8*Q + 8*E + 8*H, 0)                              \
  X(FORWARD, ATTEND, capped,  H*(2*D + FOLD + 1), H*(4*D + 2*EXP + 6),         \
                              8*Q + 8*E + 8*H, 0)                              \
  X(FORWARD, PROJECT, any,    2*Q*C + bp*C, 0,                                 \
                              4*Q + 8*C, 4*Q*C + 4*bp*C)                       \
  X(FORWARD, PROJECT, after,  2*Q*C, 0,                                        \
                              4*Q + 4*C, 4*Q*C + 4*bp*C)                       \
  X(ADDED, NORM, layer_norm,  9*C + 2*FOLD + 5, 0,                             \
                              12*C + 8, 8*C)                                   \
  X(ADDED, NORM, rms_norm,    5*C + FOLD + 4, 0,                               \
                              12*C + 4, 4*C)                                   \
  X(FORWARD, FFN_UP, any,     2*C*U, 0,                                        \
                              4*C + 4*U, 4*C*U + 4*bf*U)                       \
  X(FORWARD, ACT, gelu,       (EXP + 6)*F, 0,                                  \
                              8*F, 0)                                          \
  X(FORWARD, ACT, gelu_erf,   (EXP + 17)*F, 0,                                 \
                              8*F, 0)                                          \
  X(FORWARD, ACT, relu,       0, 0,                                            \
                              8*F, 0)                                          \
  X(FORWARD, ACT, swiglu,     (EXP + 3)*F, 0,                                  \
                              12*F, 0)                                         \
  X(FORWARD, ACT, geglu,      (EXP + 7)*F, 0,                                  \
                              12*F, 0)                                         \
  X(FORWARD, FFN_DOWN, any,   2*F*C + bf*C, 0,                                 \
                              4*F + 8*C, 4*F*C + 4*bf*C)                       \
  X(FORWARD, FFN_DOWN, after, 2*F*C, 0,                                        \
                              4*F + 4*C, 4*F*C + 4*bf*C)                       \
  X(FORWARD, ROUTE, router && layer_norm, 7*C + 3*FOLD + 6, 0,                 \
                              4*C + 12, 4*C)                                   \
  X(FORWARD, ROUTE, router && rms_norm, 4*C + 2*FOLD + 5, 0,                   \
                              4*C + 8, 4*C)                                    \
  X(FORWARD, ROUTE, router && raw, 2*C + FOLD, 0,                              \
                              4*C + 4, 4*C)                                    \
  X(FORWARD, ROUTE, drawn,    0, 0,                                            \
                              4, 0)                                            \
  X(OF_SIGNAL, ROUTE, by_norm, 2*C + FOLD, 0,                                  \
                              4*C + 4, 0)                                      \
  X(OF_SIGNAL, ROUTE, by_change, 3*C + FOLD, 0,                                \
                              12*C + 4, 0)                                     \
  X(OF_SIGNAL, ROUTE, by_received, 2*Q, H*(2*D + EXP + 3),                     \
                              8*Q + 8*E + 8*H + 4, 0)                          \
  X(OF_SIGNAL, ROUTE, by_hash, 0, 0,                                           \
                              8, 0)                                            \
  X(OF_SIGNAL, ROUTE, by_table, 0, 0,                                          \
                              12, 0)                                           \
  X(OF_SIGNAL, ROUTE, leaves, (EXP + 2)*V + FOLD + 1, 0,                       \
                              4*V + 4, 0)                                      \
  X(OF_SIGNAL, GATHER, leaves, 0, 0,                                           \
                              8*V, 0)                                          \
  X(OF_DEPTHS, ROUTE, depths, Rn*(EXP + 4) - 2, 0,                             \
                              12*Rn, 0)                                        \
  X(BACK_DEPTHS, ROUTE, depths && learns, 4*Rn - 1 + balance*Rn, 0,            \
                              12*Rn, 0)                                        \
  X(FORWARD, SELECT, any,     0, 0,                                            \
                              4*scored, 0)                                     \
  X(FORWARD, PREDICT, predicts && raw,                                         \
                              2*C*W + 2*W + FOLD + 1, 0,                       \
                              4*C + 8*W + 4, 4*C*W + 8*W + 4)                  \
  X(FORWARD, PREDICT, predicts && !raw && rms_norm,                            \
                              2*C*W + 2*W + FOLD + 1 + C, 0,                   \
                              12*C + 8*W + 8, 4*C*W + 8*W + 4)                 \
  X(FORWARD, PREDICT, predicts && !raw && layer_norm,                          \
                              2*C*W + 2*W + FOLD + 1 + 2*C, 0,                 \
                              12*C + 8*W + 12, 4*C*W + 8*W + 4)                \
  X(FORWARD, ROUTE_LOSS, entropy || predicts,                                  \
                              (entropy + predicts)*(EXP + LOG + 3), 0,         \
                              12*(entropy + predicts), 0)                      \
  X(FORWARD, GATHER, any,     0, 0,                                            \
                              8*C, 0)                                          \
  X(FORWARD, GATE, gate_one,  0, 0,                                            \
                              8*C, 0)                                          \
  X(FORWARD, GATE, gate_raw,  3*C + scaled, 0,                                 \
                              12*C + 8, 0)                                     \
  X(FORWARD, GATE, gate_sigmoid, 3*C + EXP + 2 + scaled, 0,                    \
                              12*C + 8, 0)                                     \
  X(FORWARD, GATE, gate_tanh, 3*C + EXP + 4 + scaled, 0,                       \
                              12*C + 8, 0)                                     \
  X(FORWARD, GATE, output && gate_raw, 2*C + scaled, 0,                        \
                              12*C + 8, 0)                                     \
  X(FORWARD, GATE, output && gate_sigmoid, 2*C + EXP + 2 + scaled, 0,          \
                              12*C + 8, 0)                                     \
  X(FORWARD, GATE, output && gate_tanh, 2*C + EXP + 4 + scaled, 0,             \
                              12*C + 8, 0)                                     \
  X(OF_DEPTHS, GATHER, ends,  0, 0,                                            \
                              8*C, 0)                                          \
  X(OF_DEPTHS, GATE, ends,    2*C + scaled, 0,                                 \
                              12*C + 8, 0)                                     \
  X(FORWARD, HEAD, any,       2*C*V, 0,                                        \
                              4*C + 4*V, 4*C*V)                                \
  X(FORWARD, HEAD, head_bias, 2*C*V, 0,                                        \
                              4*C + 4*V, 4*C*V + 4*V)                          \
  X(FORWARD, HEAD, bounded && !head_bias, 2*C*V + (EXP + 4)*V, 0,              \
                              4*C + 12*V, 4*C*V)                               \
  X(FORWARD, HEAD, bounded && head_bias, 2*C*V + (EXP + 4)*V, 0,               \
                              4*C + 12*V, 4*C*V + 4*V)                         \
  X(FORWARD, LOSS, any,       (EXP + 2)*V + FOLD + LOG + 3, 0,                 \
                              4*V + 16, 0)                                     \
  X(FORWARD, ENTROPY, any,    (EXP + 3)*V + FOLD + LOG + 2, 0,                 \
                              4*V + 12, 0)                                     \
  X(TRAINING, QK_NORM, qk_norm, 4*(Q + E) + (Nq + Nk)*(FOLD + 4), 0,           \
                              12*(Q + E) + 4*(Nq + Nk), 4*(Sq + Sk))           \
  X(TRAINING, QK_NORM, centred, 6*(Q + E) + (Nq + Nk)*(2*FOLD + 5), 0,         \
                              12*(Q + E) + 4*(Nq + Nk), 4*(Sq + Sk))           \
  X(BACKWARD, LOSS, any,      (EXP + 2)*V + 2, 0,                              \
                              8*V + 12, 0)                                     \
  X(BACKWARD, LOSS, bounded,  (EXP + 6)*V + 6, 0,                              \
                              8*V + 12, 0)                                     \
  X(BACKWARD, HEAD, any,      4*C*V, 0,                                        \
                              4*V + 8*C, 8*C*V)                                \
  X(BACKWARD, HEAD, head_bias, 4*C*V + V, 0,                                   \
                              4*V + 8*C, 8*C*V + 4*V)                          \
  X(BACKWARD, FFN_DOWN, any,  4*F*C + bf*C, 0,                                 \
                              4*C + 8*F, 8*F*C + 4*bf*C)                       \
  X(BACKWARD, ACT, gelu,      (EXP + 14)*F, 0,                                 \
                              12*F, 0)                                         \
  X(BACKWARD, ACT, gelu_erf,  (EXP + 23)*F, 0,                                 \
                              12*F, 0)                                         \
  X(BACKWARD, ACT, relu,      0, 0,                                            \
                              12*F, 0)                                         \
  X(BACKWARD, ACT, swiglu,    (EXP + 9)*F, 0,                                  \
                              20*F, 0)                                         \
  X(BACKWARD, ACT, geglu,     (EXP + 16)*F, 0,                                 \
                              20*F, 0)                                         \
  X(BACKWARD, FFN_UP, any,    4*C*U + bf*U, 0,                                 \
                              4*U + 8*C, 8*C*U + 4*bf*U)                       \
  X(BACKWARD, FFN_UP, bare,   4*C*U + bf*U, 0,                                 \
                              4*U + 12*C, 8*C*U + 4*bf*U)                      \
  X(BACKWARD, NORM, layer_norm, 19*C + 2*FOLD + 2, 0,                          \
                              16*C + 8, 12*C)                                  \
  X(BACKWARD, NORM, rms_norm, 13*C + FOLD + 1, 0,                              \
                              16*C + 4, 8*C)                                   \
  X(BACKWARD, PROJECT, any,   4*Q*C + bp*C, 0,                                 \
                              4*C + 8*Q, 8*Q*C + 4*bp*C)                       \
  X(BACKWARD, ATTEND, any,    H*(4*D + FOLD), H*(10*D + EXP + 4),              \
                              16*Q + 16*E + 8*H, 0)                            \
  X(BACKWARD, ATTEND, capped, H*(4*D + FOLD), H*(10*D + 2*EXP + 12),           \
                              16*Q + 16*E + 8*H, 0)                            \
  X(BACKWARD, ROPE, rotary,   3*(H + G)*R, 0,                                  \
                              8*(H + G)*R + 4*R, 0)                            \
  X(BACKWARD, QK_NORM, qk_norm, 12*(Q + E) + (Nq + Nk)*(FOLD + 1), 0,          \
                              12*(Q + E) + 4*(Nq + Nk), 8*(Sq + Sk))           \
  X(BACKWARD, QK_NORM, centred, 15*(Q + E) + (Nq + Nk)*(2*FOLD + 3), 0,        \
                              12*(Q + E) + 4*(Nq + Nk), 8*(Sq + Sk))           \
  X(BACKWARD, QKV, any,       4*C*(Q + 2*E) + bq*(Q + 2*E), 0,                 \
                              4*(Q + 2*E) + 8*C,                               \
                              8*C*(Q + 2*E) + 4*bq*(Q + 2*E))                  \
  X(BACKWARD, QKV, bare || joint, 4*C*(Q + 2*E) + bq*(Q + 2*E), 0,             \
                              4*(Q + 2*E) + 12*C,                              \
                              8*C*(Q + 2*E) + 4*bq*(Q + 2*E))                  \
  X(BACKWARD, ROUTE_LOSS, judged && !sigmoid, 1, 0,                            \
                              8, 0)                                            \
  X(BACKWARD, ROUTE_LOSS, judged && sigmoid,                                   \
                              EXP + 1 + 3*entropy + 4*balance + 2*square, 0,   \
                              8 + 4*entropy, 0)                                \
  X(BACKWARD, ROUTE_LOSS, predicts && !judged, EXP + 4, 0,                     \
                              12, 0)                                           \
  X(BACKWARD, ROUTE_LOSS, predicts && judged && !sigmoid, EXP + 5, 0,          \
                              20, 0)                                           \
  X(BACKWARD, ROUTE_LOSS, predicts && judged && sigmoid,                       \
                              2*EXP + 5 + 3*entropy + 4*balance + 2*square, 0, \
                              20 + 4*entropy, 0)                               \
  X(BACKWARD, PREDICT, predicts && raw, 2*C*W + 4*W + 1, 0,                    \
                              4*C + 12*W + 4, 4*C*W + 12*W + 4)                \
  X(BACKWARD, PREDICT, predicts && !raw && rms_norm, 2*C*W + 4*W + 1 + C, 0,   \
                              12*C + 12*W + 8, 4*C*W + 12*W + 4)               \
  X(BACKWARD, PREDICT, predicts && !raw && layer_norm,                         \
                              2*C*W + 4*W + 1 + 2*C, 0,                        \
                              12*C + 12*W + 12, 4*C*W + 12*W + 4)              \
  X(BACKWARD, GATE, gate_one, 0, 0,                                            \
                              8*C + 8*C*again, 0)                              \
  X(BACKWARD, GATE, gated && !learns, 2*C + 1, 0,                              \
                              12*C + 4 + 8*C*again, 0)                         \
  X(BACKWARD, GATE, gated && learns && gate_raw,                               \
                              5*C + FOLD + 1 + scaled + judged, 0,             \
                              20*C + 8 + 4*judged + 4*C*again, 0)              \
  X(BACKWARD, GATE, gated && learns && !gate_raw,                              \
                              5*C + FOLD + 1 + 3 + scaled + judged, 0,         \
                              20*C + 8 + 4*judged + 4*C*again, 0)              \
  X(BACKWARD, GATE, output && !learns, C, 0,                                   \
                              12*C + 4 + 8*C*again, 0)                         \
  X(BACKWARD, GATE, output && learns && gate_raw,                              \
                              3*C + FOLD + scaled + judged, 0,                 \
                              16*C + 8 + 4*judged + 8*C*again, 0)              \
  X(BACKWARD, GATE, output && learns && !gate_raw,                             \
                              3*C + FOLD + 3 + scaled + judged, 0,             \
                              16*C + 8 + 4*judged + 8*C*again, 0)              \
  X(BACK_DEPTHS, GATE, ends && !learns, C, 0,                                  \
                              12*C + 4, 0)                                     \
  X(BACK_DEPTHS, GATE, ends && learns, 3*C + FOLD + scaled, 0,                 \
                              16*C + 8, 0)                                     \
  X(BACK_DEPTHS, GATHER, ends, C, 0,                                           \
                              12*C, 0)                                         \
  X(BACKWARD, GATHER, gate_one, 0, 0,                                          \
                              8*C, 0)                                          \
  X(BACKWARD, GATHER, gated,  C, 0,                                            \
                              12*C, 0)                                         \
  X(BACKWARD, ROUTE, learns && layer_norm, 18*C + 2*FOLD + 2, 0,               \
                              12*C + 12, 8*C)                                  \
  X(BACKWARD, ROUTE, learns && rms_norm, 13*C + FOLD + 1, 0,                   \
                              12*C + 8, 8*C)                                   \
  X(BACKWARD, ROUTE, learns && raw, 4*C, 0,                                    \
                              12*C + 4, 8*C)                                   \
  X(BACKWARD, EMBED, any,     C + C*learned, 0,                                \
                              12*C + 4 + 8*C*learned,                          \
                              4*V*C*untied + 4*P*C*learned)                    \
  X(OF_SKIPPED, GATE, bypass && gate_raw, C + scaled, 0,                       \
                              8*C + 8, 0)                                      \
  X(OF_SKIPPED, GATE, bypass && gate_sigmoid, C + EXP + 2 + scaled, 0,         \
                              8*C + 8, 0)                                      \
  X(OF_SKIPPED, GATE, bypass && gate_tanh, C + EXP + 4 + scaled, 0,            \
                              8*C + 8, 0)                                      \
  X(BACK_SKIPPED, GATE, bypass && !learns, C, 0,                               \
                              8*C + 4 + 8*C*again, 0)                          \
  X(BACK_SKIPPED, GATE, bypass && learns && gate_raw,                          \
                              3*C + FOLD + scaled + judged, 0,                 \
                              12*C + 8 + 4*judged + 4*C*again, 0)              \
  X(BACK_SKIPPED, GATE, bypass && learns && !gate_raw,                         \
                              3*C + FOLD + 3 + scaled + judged, 0,             \
                              12*C + 8 + 4*judged + 4*C*again, 0)              \
  X(OF_KEPT, GATHER, computed, 0, 0,                                           \
                              16*C, 0)                                         \
  X(OF_KEPT, QKV, asks,       2*C*Q, 0,                                        \
                              4*C + 4*Q, 4*C*Q + 4*bq*Q)                       \
  X(OF_ALL, QKV, computed,    4*C*E, 0,                                        \
                              4*C + 8*E, 8*C*E + 8*bq*E)                       \
  X(OF_KEPT, QK_NORM, asks && qk_norm, 4*Q + Nq*(FOLD + 4), 0,                 \
                              8*Q + 4*Nq, 4*Sq)                                \
  X(OF_KEPT, QK_NORM, asks && centred, 6*Q + Nq*(2*FOLD + 5), 0,               \
                              8*Q + 4*Nq, 4*Sq)                                \
  X(OF_ALL, QK_NORM, computed && qk_norm, 4*E + Nk*(FOLD + 4), 0,              \
                              8*E + 4*Nk, 4*Sk)                                \
  X(OF_ALL, QK_NORM, computed && centred, 6*E + Nk*(2*FOLD + 5), 0,            \
                              8*E + 4*Nk, 4*Sk)                                \
  X(OF_KEPT, ROPE, asks && rotary, 3*H*R, 0,                                   \
                              8*H*R + 4*R, 0)                                  \
  X(OF_ALL, ROPE, computed && rotary, 3*G*R, 0,                                \
                              8*G*R + 4*R, 0)                                  \
  X(OF_KEPT, ATTEND, seen,                                                     \
                              H*(2*D + FOLD + 1), H*(4*D + EXP + 2),           \
                              8*Q + 8*H, 0)                                    \
  X(OF_KEPT, ATTEND, seen && capped,                                           \
                              H*(2*D + FOLD + 1), H*(4*D + 2*EXP + 6),         \
                              8*Q + 8*H, 0)                                    \
  X(OF_ALL, ATTEND, seen, 0, 0,                                                \
                              8*E, 0)                                          \
  X(OF_ALL, GATHER, tabled,   0, 0,                                            \
                              16*E, 0)                                         \
  X(TRAINED_KEPT, QK_NORM, asks && qk_norm, 4*Q + Nq*(FOLD + 4), 0,            \
                              12*Q + 4*Nq, 4*Sq)                               \
  X(TRAINED_KEPT, QK_NORM, asks && centred, 6*Q + Nq*(2*FOLD + 5), 0,          \
                              12*Q + 4*Nq, 4*Sq)                               \
  X(TRAINED_ALL, QK_NORM, computed && qk_norm, 4*E + Nk*(FOLD + 4), 0,         \
                              12*E + 4*Nk, 4*Sk)                               \
  X(TRAINED_ALL, QK_NORM, computed && centred, 6*E + Nk*(2*FOLD + 5), 0,       \
                              12*E + 4*Nk, 4*Sk)                               \
  X(BACK_KEPT, ATTEND, seen,                                                   \
                              H*(4*D + FOLD), H*(10*D + EXP + 4),              \
                              16*Q + 8*H, 0)                                   \
  X(BACK_KEPT, ATTEND, seen && capped,                                         \
                              H*(4*D + FOLD), H*(10*D + 2*EXP + 12),           \
                              16*Q + 8*H, 0)                                   \
  X(BACK_ALL, ATTEND, computed, 0, 0,                                          \
                              16*E, 0)                                         \
  X(BACK_ALL, ATTEND, tabled, 2*E, 0,                                          \
                              24*E, 0)                                         \
  X(BACK_TABLED, ATTEND, tabled,  H*(4*D + FOLD) + 2*E, H*(10*D + EXP + 4),    \
                              16*Q + 24*E + 8*H, 0)                            \
  X(BACK_TABLED, ATTEND, tabled && capped,                                     \
                              H*(4*D + FOLD) + 2*E, H*(10*D + 2*EXP + 12),     \
                              16*Q + 24*E + 8*H, 0)                            \
  X(BACK_TABLED, GATHER, tabled, 0, 0,                                         \
                              24*E, 0)                                         \
  X(BACK_KEPT, ROPE, asks && rotary, 3*H*R, 0,                                 \
                              8*H*R + 4*R, 0)                                  \
  X(BACK_ALL, ROPE, computed && rotary, 3*G*R, 0,                              \
                              8*G*R + 4*R, 0)                                  \
  X(BACK_KEPT, QK_NORM, asks && qk_norm, 12*Q + Nq*(FOLD + 1), 0,              \
                              12*Q + 4*Nq, 8*Sq)                               \
  X(BACK_KEPT, QK_NORM, asks && centred, 15*Q + Nq*(2*FOLD + 3), 0,            \
                              12*Q + 4*Nq, 8*Sq)                               \
  X(BACK_ALL, QK_NORM, computed && qk_norm, 12*E + Nk*(FOLD + 1), 0,           \
                              12*E + 4*Nk, 8*Sk)                               \
  X(BACK_ALL, QK_NORM, computed && centred, 15*E + Nk*(2*FOLD + 3), 0,         \
                              12*E + 4*Nk, 8*Sk)                               \
  X(BACK_KEPT, QKV, asks,     4*C*Q + bq*Q, 0,                                 \
                              4*Q + 8*C, 8*C*Q + 4*bq*Q)                       \
  X(BACK_KEPT, QKV, shared && (bare || joint), 4*C*Q + bq*Q, 0,                \
                              4*Q + 12*C, 8*C*Q + 4*bq*Q)                      \
  X(BACK_ALL, QKV, computed,  8*C*E + 2*bq*E, 0,                               \
                              8*E + 8*C, 16*C*E + 8*bq*E)                      \
  X(BACK_KEPT, GATHER, computed, C, 0,                                         \
                              12*C, 0)                                         \
  X(SUMMED, HEAD, any,        0, 0,                                            \
                              0, 4*C*V)                                        \
  X(SUMMED, HEAD, head_bias,  0, 0,                                            \
                              0, 4*C*V + 4*V)                                  \
  X(SUMMED, NORM, layer_norm, 0, 0,                                            \
                              0, 8*C)                                          \
  X(SUMMED, NORM, rms_norm,   0, 0,                                            \
                              0, 4*C)                                          \
  X(SUMMED, QKV, any,         0, 0,                                            \
                              0, 4*C*(Q + 2*E) + 4*bq*(Q + 2*E))               \
  X(SUMMED, QK_NORM, qk_norm, 0, 0,                                            \
                              0, 4*(Sq + Sk))                                  \
  X(SUMMED_KEPT, QKV, shared, 0, 0,                                            \
                              0, 4*C*Q + 4*bq*Q)                               \
  X(SUMMED_KEPT, QK_NORM, shared && qk_norm, 0, 0,                             \
                              0, 4*Sq)                                         \
  X(SUMMED, PROJECT, any,     0, 0,                                            \
                              0, 4*Q*C + 4*bp*C)                               \
  X(SUMMED, FFN_UP, any,      0, 0,                                            \
                              0, 4*C*U + 4*bf*U)                               \
  X(SUMMED, FFN_DOWN, any,    0, 0,                                            \
                              0, 4*F*C + 4*bf*C)                               \
  X(BACKWARD, HEAD, frozen,   2*C*V, 0,                                        \
                              4*V + 4*C, 4*C*V)                                \
  X(BACKWARD, FFN_DOWN, frozen, 2*F*C, 0,                                      \
                              4*C + 4*F, 4*F*C)                                \
  X(BACKWARD, FFN_UP, frozen, 2*C*U, 0,                                        \
                              4*U + 4*C, 4*C*U)                                \
  X(BACKWARD, FFN_UP, frozen && bare, 2*C*U, 0,                                \
                              4*U + 8*C, 4*C*U)                                \
  X(BACKWARD, NORM, frozen && layer_norm, 14*C + 2*FOLD + 2, 0,                \
                              16*C + 8, 4*C)                                   \
  X(BACKWARD, NORM, frozen && rms_norm, 10*C + FOLD + 1, 0,                    \
                              16*C + 4, 4*C)                                   \
  X(BACKWARD, PROJECT, frozen, 2*Q*C, 0,                                       \
                              4*C + 4*Q, 4*Q*C)                                \
  X(BACKWARD, QK_NORM, frozen && qk_norm, 9*(Q + E) + (Nq + Nk)*(FOLD + 1), 0, \
                              12*(Q + E) + 4*(Nq + Nk), 4*(Sq + Sk))           \
  X(BACKWARD, QK_NORM, frozen && centred,                                      \
                              12*(Q + E) + (Nq + Nk)*(2*FOLD + 3), 0,          \
                              12*(Q + E) + 4*(Nq + Nk), 4*(Sq + Sk))           \
  X(BACKWARD, QKV, frozen,    2*C*(Q + 2*E), 0,                                \
                              4*(Q + 2*E) + 4*C, 4*C*(Q + 2*E))                \
  X(BACKWARD, QKV, frozen && (bare || joint), 2*C*(Q + 2*E), 0,                \
                              4*(Q + 2*E) + 8*C, 4*C*(Q + 2*E))

static const struct flops_rule rules[] = {
#define X(set, op, holds, flops, per_key, bytes, shared)                       \
    { FLOPS_##set, OP_##op, #flops, #per_key, #bytes, #shared, NULL, NULL },
    RULE_MAP(X)
#undef X
};

struct flops_list flops_list(const struct model_spec *spec)
{
    FLOPS_LETTER_MAP(FLOPS_LETTER)
    const struct traits *traits = &spec->traits;
    const bool any = true, layer_norm = traits->norm == NORM_LAYER,
        rms_norm = traits->norm == NORM_RMS,
        rotary = traits->positions == POSITIONS_ROTARY,
        gelu = traits->activation == ACTIVATION_GELU,
        gelu_erf = traits->activation == ACTIVATION_GELU_ERF,
        relu = traits->activation == ACTIVATION_RELU,
        swiglu = traits->activation == ACTIVATION_SWIGLU,
        geglu = traits->activation == ACTIVATION_GEGLU,
        qk_norm = traits->qk_norm,
        centred = traits_centres_heads(traits), head_bias = traits->head_bias,
        after = spec_norms_after(spec), bare = !spec_norms_before(spec),
        joint = traits->parallel == PARALLEL_NORM,
        capped = spec->attention_cap > 0.0f, bounded = spec->logit_cap > 0.0f,
        router = spec_has_router(spec), drawn = spec->router_drawn,
        raw = spec->router_input == ROUTER_INPUT_RAW,
        by_norm = spec->signal == SIGNAL_NORM,
        by_change = spec->signal == SIGNAL_CHANGE,
        by_received = spec->signal == SIGNAL_RECEIVED,
        by_hash = spec->signal == SIGNAL_HASH,
        by_table = spec->signal == SIGNAL_TABLE, leaves = spec_leaves(spec),
        computed = spec->skipped_keys == SKIPPED_KEYS_COMPUTED,
        carried = spec->skipped_keys == SKIPPED_KEYS_CARRIED,
        shared = spec->recursion.keys == RECURSION_KEYS_SHARED,
        seen = computed || carried || shared, tabled = carried || shared,
        asks = computed || shared, depths = spec->depths,
        ends = spec_gates_at_end(spec),
        gate_one = spec->gate == GATE_ONE || ends, gated = !gate_one,
        output = spec->gates_output && gated,
        gate_raw = spec->gate == GATE_RAW && gated,
        gate_sigmoid = spec->gate == GATE_SIGMOID ||
                       spec->gate == GATE_SIGMOID2,
        gate_tanh = spec->gate == GATE_TANH, bypass = spec->bypass_gated,
        sigmoid = entropy || balance,
        learns = spec_scores_learn(spec), frozen = spec->backbone_frozen;
    struct flops_list list = { 0 };
    const struct flops_rule *rule = rules;

#define X(set, op, holds, flops, per_key, bytes, shared)                       \
    if (holds)                                                                 \
        list.at[FLOPS_##set][OP_##op] =                                        \
            (struct flops_price){ flops, per_key, bytes, shared, rule, 0, 0 }; \
    rule++;
    RULE_MAP(X)
#undef X
    flops_list_latent(&list, spec);
    flops_list_experts(&list, spec);
    return list;
}

enum work flops_work(enum op op, enum pass pass, bool one_query, uint64_t rows)
{
    static const enum work work_of[OP_COUNT] = {
#define X(id, name, work, stack, writes, what) WORK_##work,
        OP_MAP(X)
#undef X
    };
    static const enum work backward[WORK_COUNT] = {
        [WORK_MATMUL] = WORK_MATMUL_BACK, [WORK_ATTEND] = WORK_ATTEND_BACK,
        [WORK_NORM] = WORK_NORM_BACK,     [WORK_ACT] = WORK_ACT_BACK,
        [WORK_LOSS] = WORK_LOSS_BACK,     [WORK_STREAM] = WORK_STREAM,
    };
    const enum work work = work_of[op];

    if (pass == PASS_BACKWARD)
        return backward[work];
    return work == WORK_ATTEND && one_query ? WORK_QUERY
           : work == WORK_MATMUL && rows == 1 ? WORK_ROW
           : work == WORK_MATMUL && rows > 1 && rows <= FLOPS_FEW_ROWS
               ? WORK_FEW : work;
}

bool flops_attends(enum work work)
{
    return work == WORK_ATTEND || work == WORK_ATTEND_BACK ||
           work == WORK_QUERY;
}

bool flops_streams(enum work work)
{
    return work == WORK_ROW || work == WORK_FEW || work == WORK_STORED8 ||
           work == WORK_STORED4 || work == WORK_QUERY;
}

double flops_size_of(enum work work, const struct flops_size *size)
{
    return work == WORK_FEW || work == WORK_STORED8 || work == WORK_STORED4
               ? size->rows
           : flops_attends(work) ? size->flops / fmax(size->sequences, 1)
                                 : size->flops;
}

bool flops_multiplies(enum work work)
{
#define X(id, name, like, what) like,
    static const enum work like[WORK_COUNT] = { WORK_MAP(X) };
#undef X
    return like[work] != WORK_VECTOR;
}
