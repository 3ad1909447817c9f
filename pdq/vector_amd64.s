#include "go_asm.h"
#include "textflag.h"

// func cpuid(leaf uint32) (eax, ebx, ecx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-20
	MOVL leaf+0(FP), AX
	XORL CX, CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	MOVL CX, ecx+16(FP)
	RET

// func xgetbv() uint32
TEXT ·xgetbv(SB), NOSPLIT, $0-4
	XORL CX, CX
	XGETBV
	MOVL AX, ret+0(FP)
	RET

// TR4 transposes the 4×4 blocks in each half of a to d. t and u are scratch.
#define TR4(a, b, c, d, t, u) \
	VUNPCKLPS b, a, t \
	VUNPCKHPS b, a, a \
	VUNPCKLPS d, c, b \
	VUNPCKHPS d, c, u \
	VUNPCKLPD u, a, c \
	VUNPCKHPD u, a, d \
	VUNPCKLPD b, t, a \
	VUNPCKHPD b, t, b

// COLUMNS loads a tile of 8 rows and 8 columns, row 0 at (SI) and row 4 at
// (AX), into Y0 to Y7, one column in each.
#define COLUMNS \
	VMOVUPS     (SI), X0                  \
	VMOVUPS     (SI)(R8*1), X1            \
	VMOVUPS     (SI)(R8*2), X2            \
	VMOVUPS     (SI)(R9*1), X3            \
	VMOVUPS     16(SI), X4                \
	VMOVUPS     16(SI)(R8*1), X5          \
	VMOVUPS     16(SI)(R8*2), X6          \
	VMOVUPS     16(SI)(R9*1), X7          \
	VINSERTF128 $1, (AX), Y0, Y0          \
	VINSERTF128 $1, (AX)(R8*1), Y1, Y1    \
	VINSERTF128 $1, (AX)(R8*2), Y2, Y2    \
	VINSERTF128 $1, (AX)(R9*1), Y3, Y3    \
	VINSERTF128 $1, 16(AX), Y4, Y4        \
	VINSERTF128 $1, 16(AX)(R8*1), Y5, Y5  \
	VINSERTF128 $1, 16(AX)(R8*2), Y6, Y6  \
	VINSERTF128 $1, 16(AX)(R9*1), Y7, Y7  \
	TR4(Y0, Y1, Y2, Y3, Y8, Y9)           \
	TR4(Y4, Y5, Y6, Y7, Y8, Y9)

// KEEP8 stores 8 vectors, apart bytes from one to the next.
#define KEEP8(at, base, apart, a, b, c, d, e, f, g, h) \
	VMOVUPS a, at+0*apart(base)  \
	VMOVUPS b, at+1*apart(base)  \
	VMOVUPS c, at+2*apart(base)  \
	VMOVUPS d, at+3*apart(base)  \
	VMOVUPS e, at+4*apart(base)  \
	VMOVUPS f, at+5*apart(base)  \
	VMOVUPS g, at+6*apart(base)  \
	VMOVUPS h, at+7*apart(base)

// QUOTIENT sets q to s / n, correctly rounded: r is 1/n, rounded. The remainder
// of the first estimate is exact. It overwrites s. (n and r of 0 give 0.)
#define QUOTIENT(s, r, n, q) \
	VMULPS       r, s, q \
	VFNMADD231PS n, q, s \
	VFMADD231PS  r, s, q

// ACROSS loads a tile of 8 × 8 into Y0 to Y7, transposed. Its lines are 64
// bytes apart from base on.
#define ACROSS(base) \
	VMOVUPS     base+0(DI), X0              \
	VMOVUPS     base+64(DI), X1             \
	VMOVUPS     base+128(DI), X2            \
	VMOVUPS     base+192(DI), X3            \
	VMOVUPS     base+16(DI), X4             \
	VMOVUPS     base+80(DI), X5             \
	VMOVUPS     base+144(DI), X6            \
	VMOVUPS     base+208(DI), X7            \
	VINSERTF128 $1, base+256(DI), Y0, Y0    \
	VINSERTF128 $1, base+320(DI), Y1, Y1    \
	VINSERTF128 $1, base+384(DI), Y2, Y2    \
	VINSERTF128 $1, base+448(DI), Y3, Y3    \
	VINSERTF128 $1, base+272(DI), Y4, Y4    \
	VINSERTF128 $1, base+336(DI), Y5, Y5    \
	VINSERTF128 $1, base+400(DI), Y6, Y6    \
	VINSERTF128 $1, base+464(DI), Y7, Y7    \
	TR4(Y0, Y1, Y2, Y3, Y8, Y9)             \
	TR4(Y4, Y5, Y6, Y7, Y8, Y9)

// QUOTIENTS is QUOTIENT of Y0 to Y7 by Y13, whose reciprocals are Y12. The
// results are in Y8 and Y0 to Y6.
#define QUOTIENTS \
	QUOTIENT(Y0, Y12, Y13, Y8) \
	QUOTIENT(Y1, Y12, Y13, Y0) \
	QUOTIENT(Y2, Y12, Y13, Y1) \
	QUOTIENT(Y3, Y12, Y13, Y2) \
	QUOTIENT(Y4, Y12, Y13, Y3) \
	QUOTIENT(Y5, Y12, Y13, Y4) \
	QUOTIENT(Y6, Y12, Y13, Y5) \
	QUOTIENT(Y7, Y12, Y13, Y6)

// STEP is one place of a box filter: what enters the window is added, what
// leaves it is subtracted. Both round, in the reference's order.
#define STEP(enter, leave, sum) \
	VADDPS enter, sum, sum   \
	VSUBPS leave, sum, sum

// STEPS is one place of six filters: the first along rows, the first along
// columns and the second along rows, of the upper and the lower 8 rows each.
// They do not wait for each other, as the places of one filter do.
#define STEPS(j) \
	STEP(64*j(AX), 64*j(CX), Y0)                               \
	STEP(64*j+32(AX), 64*j+32(CX), Y1)                         \
	STEP(32*j(R14), 32*j(R15), Y2)                             \
	STEP(32*j+256(R14)(R9*1), 32*j+256(R15)(R9*1), Y3)         \
	STEP(64*j(AX)(R8*1), 64*j(CX)(R8*1), Y4)                   \
	STEP(64*j+32(AX)(R8*1), 64*j+32(CX)(R8*1), Y5)             \
	VMOVUPS Y0, strip_tile1+64*j(DI)                           \
	VMOVUPS Y1, strip_tile1+64*j+32(DI)                        \
	VMOVUPS Y2, strip_tile2+64*j(DI)                           \
	VMOVUPS Y3, strip_tile2+64*j+32(DI)                        \
	VMOVUPS Y4, strip_tile3+64*j(DI)(BX*1)                     \
	VMOVUPS Y5, strip_tile3+64*j+32(DI)(R10*1)

// COPY512 copies 512 bytes.
#define COPY512(from, to) \
	VMOVUPS 0(from), Y0    \
	VMOVUPS 32(from), Y1   \
	VMOVUPS 64(from), Y2   \
	VMOVUPS 96(from), Y3   \
	VMOVUPS 128(from), Y4  \
	VMOVUPS 160(from), Y5  \
	VMOVUPS 192(from), Y6  \
	VMOVUPS 224(from), Y7  \
	VMOVUPS Y0, 0(to)      \
	VMOVUPS Y1, 32(to)     \
	VMOVUPS Y2, 64(to)     \
	VMOVUPS Y3, 96(to)     \
	VMOVUPS Y4, 128(to)    \
	VMOVUPS Y5, 160(to)    \
	VMOVUPS Y6, 192(to)    \
	VMOVUPS Y7, 224(to)    \
	VMOVUPS 256(from), Y0  \
	VMOVUPS 288(from), Y1  \
	VMOVUPS 320(from), Y2  \
	VMOVUPS 352(from), Y3  \
	VMOVUPS 384(from), Y4  \
	VMOVUPS 416(from), Y5  \
	VMOVUPS 448(from), Y6  \
	VMOVUPS 480(from), Y7  \
	VMOVUPS Y0, 256(to)    \
	VMOVUPS Y1, 288(to)    \
	VMOVUPS Y2, 320(to)    \
	VMOVUPS Y3, 352(to)    \
	VMOVUPS Y4, 384(to)    \
	VMOVUPS Y5, 416(to)    \
	VMOVUPS Y6, 448(to)    \
	VMOVUPS Y7, 480(to)

// func stripAVX2(s *strip)
//
// The filters of a tile wait for each other, so each turn of the loop works on
// several tiles: the first filter on one, the second on the one before (its
// lower half on the one before that), and the third on what the second did in
// the turn before.
//
// SI: luma of the tile's first row. R8, R9: once and three times its stride.
// R10: the ring of the tile before. R11: 4 × the tile's first column. R12:
// where the tile goes in the histories. R13: what leaves the window there.
// DX: turns to come. BX: the next sampled column. DI: s.
TEXT ·stripAVX2(SB), NOSPLIT, $0-8
	MOVQ   s+0(FP), DI
	MOVQ   strip_luma(DI), SI
	MOVQ   strip_ring(DI), R10
	SUBQ   strip_ringTile(DI), R10
	XORL   R11, R11
	XORL   R12, R12
	MOVQ   strip_tiles(DI), DX
	ADDQ   $3, DX
	MOVQ   strip_sampled(DI), BX
	VXORPS Y0, Y0, Y0
	VMOVUPS Y0, strip_sum1+0(DI)
	VMOVUPS Y0, strip_sum1+32(DI)
	VMOVUPS Y0, strip_sum2+0(DI)
	VMOVUPS Y0, strip_sum2+32(DI)
	VMOVUPS Y0, strip_half(DI)
	KEEP8(strip_tile1, DI, 64, Y0, Y0, Y0, Y0, Y0, Y0, Y0, Y0)
	KEEP8(strip_tile1+32, DI, 64, Y0, Y0, Y0, Y0, Y0, Y0, Y0, Y0)
	KEEP8(strip_tile2, DI, 64, Y0, Y0, Y0, Y0, Y0, Y0, Y0, Y0)
	KEEP8(strip_tile2+32, DI, 64, Y0, Y0, Y0, Y0, Y0, Y0, Y0, Y0)

tile:
	ADDQ    $512, R12
	MOVQ    R12, R13
	MOVQ    R12, AX
	SUBQ    strip_lag(DI), R13
	SUBQ    strip_lag(DI), AX
	ADDQ    strip_histSize(DI), AX
	TESTQ   R13, R13
	CMOVQLT AX, R13

	// What enters the third.
	MOVQ    strip_hist2(DI), R14
	ADDQ    R12, R14
	ACROSS(strip_tile2)
	VMOVUPS strip_rowInverse(DI), Y12
	VMOVUPS strip_rowCount(DI), Y13
	QUOTIENTS
	KEEP8(0, R14, 64, Y8, Y0, Y1, Y2, Y3, Y4, Y5, Y6)
	ACROSS(strip_tile2+32)
	VMOVUPS strip_rowInverse+32(DI), Y12
	VMOVUPS strip_rowCount+32(DI), Y13
	QUOTIENTS
	KEEP8(32, R14, 64, Y8, Y0, Y1, Y2, Y3, Y4, Y5, Y6)

	// What enters the second.
	MOVQ    strip_inverse(DI), AX
	MOVQ    strip_count(DI), CX
	VMOVUPS -32(AX)(R11*1), Y12
	VMOVUPS -32(CX)(R11*1), Y13
	MOVQ    strip_enter(DI), R14
	ADDQ    R10, R14
	ACROSS(strip_tile1)
	QUOTIENTS
	KEEP8(0, R14, 32, Y8, Y0, Y1, Y2, Y3, Y4, Y5, Y6)
	ACROSS(strip_tile1+32)
	QUOTIENTS
	KEEP8(256, R14, 32, Y8, Y0, Y1, Y2, Y3, Y4, Y5, Y6)

	// What enters the first.
	MOVQ strip_stride(DI), R8
	LEAQ (R8)(R8*2), R9
	MOVQ strip_hist1(DI), R15
	ADDQ R12, R15
	LEAQ (SI)(R8*4), AX
	COLUMNS
	KEEP8(0, R15, 64, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	MOVQ SI, CX
	LEAQ (SI)(R8*8), SI
	LEAQ (SI)(R8*4), AX
	COLUMNS
	KEEP8(32, R15, 64, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	LEAQ 32(CX), SI

	MOVQ    R15, AX
	MOVQ    strip_hist1(DI), CX
	ADDQ    R13, CX
	MOVQ    strip_leave(DI), R15
	ADDQ    R10, R15
	MOVQ    strip_hist2(DI), R8
	SUBQ    strip_hist1(DI), R8
	MOVQ    strip_ringTile(DI), R9
	NEGQ    R9
	MOVQ    BX, strip_nextSample(DI)
	MOVQ    R10, strip_ringNow(DI)
	MOVQ    strip_flip(DI), BX
	MOVQ    BX, R10
	XORQ    $512, R10
	MOVQ    R10, strip_flip(DI)
	MOVQ    strip_sums(DI), R13
	VMOVUPS strip_sum1(DI), Y0
	VMOVUPS strip_sum1+32(DI), Y1
	VMOVUPS -32(R13)(R11*1), Y2
	VMOVUPS strip_half(DI), Y3
	VMOVUPS strip_sum2(DI), Y4
	VMOVUPS strip_sum2+32(DI), Y5
	STEPS(0)
	STEPS(1)
	STEPS(2)
	STEPS(3)
	STEPS(4)
	STEPS(5)
	STEPS(6)
	STEPS(7)
	VMOVUPS Y0, strip_sum1(DI)
	VMOVUPS Y1, strip_sum1+32(DI)
	VMOVUPS Y2, strip_half(DI)
	VMOVUPS Y3, -64(R13)(R11*1)
	VMOVUPS Y4, strip_sum2(DI)
	VMOVUPS Y5, strip_sum2+32(DI)
	MOVQ    R10, R8
	MOVQ    strip_nextSample(DI), BX
	MOVQ    strip_ringNow(DI), R10

	// The last tile of a history is its first one, too.
	CMPQ R12, strip_histSize(DI)
	JNE  kept
	MOVQ strip_hist1(DI), CX
	LEAQ (CX)(R12*1), AX
	COPY512(AX, CX)
	MOVQ strip_hist2(DI), CX
	LEAQ (CX)(R12*1), AX
	COPY512(AX, CX)
	XORL R12, R12

kept:
	CMPQ strip_wraps(DI), $0
	JEQ  sample
	MOVQ R10, AX
	ADDQ strip_enter(DI), AX
	COPY512(AX, R10)

sample:
	MOVQ    (BX), AX
	SUBQ    R11, AX
	ADDQ    $96, AX
	CMPQ    AX, $32
	JAE     next
	SHLQ    $4, AX
	ADDQ    R8, AX
	VMOVUPS strip_tile3+0(DI)(AX*1), Y0
	VMOVUPS strip_tile3+32(DI)(AX*1), Y1
	MOVQ    BX, AX
	SUBQ    strip_sampled(DI), AX
	SHLQ    $3, AX
	ADDQ    strip_picks(DI), AX
	VMOVUPS Y0, 0(AX)
	VMOVUPS Y1, 32(AX)
	ADDQ    $8, BX
	JMP     sample

next:
	ADDQ $32, R11
	ADDQ strip_ringTile(DI), R10
	DECQ DX
	JNZ  tile
	VZEROUPPER
	RET

// The lanes of 128 bits that PAIRS takes from a line and the fourth after it.
DATA pairLow<>+0(SB)/8, $0
DATA pairLow<>+8(SB)/8, $1
DATA pairLow<>+16(SB)/8, $8
DATA pairLow<>+24(SB)/8, $9
DATA pairLow<>+32(SB)/8, $4
DATA pairLow<>+40(SB)/8, $5
DATA pairLow<>+48(SB)/8, $12
DATA pairLow<>+56(SB)/8, $13
GLOBL pairLow<>(SB), RODATA|NOPTR, $64
DATA pairHigh<>+0(SB)/8, $2
DATA pairHigh<>+8(SB)/8, $3
DATA pairHigh<>+16(SB)/8, $10
DATA pairHigh<>+24(SB)/8, $11
DATA pairHigh<>+32(SB)/8, $6
DATA pairHigh<>+40(SB)/8, $7
DATA pairHigh<>+48(SB)/8, $14
DATA pairHigh<>+56(SB)/8, $15
GLOBL pairHigh<>(SB), RODATA|NOPTR, $64

// LINES loads 8 lines of 64 bytes.
#define LINES(at, base) \
	VMOVUPS at+0(base), Z0  \
	VMOVUPS at+64(base), Z1  \
	VMOVUPS at+128(base), Z2  \
	VMOVUPS at+192(base), Z3  \
	VMOVUPS at+256(base), Z4  \
	VMOVUPS at+320(base), Z5  \
	VMOVUPS at+384(base), Z6  \
	VMOVUPS at+448(base), Z7

// HALVES is LINES where the halves were stored one by one: a load of both would
// wait until both have left the store buffer.
#define HALVES(at, base) \
	VMOVUPS at+0(base), Y0  \
	VMOVUPS at+64(base), Y1  \
	VMOVUPS at+128(base), Y2  \
	VMOVUPS at+192(base), Y3  \
	VMOVUPS at+256(base), Y4  \
	VMOVUPS at+320(base), Y5  \
	VMOVUPS at+384(base), Y6  \
	VMOVUPS at+448(base), Y7  \
	VINSERTF64X4 $1, at+32(base), Z0, Z0  \
	VINSERTF64X4 $1, at+96(base), Z1, Z1  \
	VINSERTF64X4 $1, at+160(base), Z2, Z2  \
	VINSERTF64X4 $1, at+224(base), Z3, Z3  \
	VINSERTF64X4 $1, at+288(base), Z4, Z4  \
	VINSERTF64X4 $1, at+352(base), Z5, Z5  \
	VINSERTF64X4 $1, at+416(base), Z6, Z6  \
	VINSERTF64X4 $1, at+480(base), Z7, Z7

// PAIRS transposes two tiles of 8 × 8 side by side, lines in Z0 to Z7. The
// result is in Z0 to Z3 and Z8 to Z11.
#define PAIRS \
	VMOVAPS    Z0, Z8        \
	VMOVAPS    Z1, Z9        \
	VMOVAPS    Z2, Z10       \
	VMOVAPS    Z3, Z11       \
	VPERMT2PD  Z4, Z30, Z0   \
	VPERMT2PD  Z5, Z30, Z1   \
	VPERMT2PD  Z6, Z30, Z2   \
	VPERMT2PD  Z7, Z30, Z3   \
	VPERMT2PD  Z4, Z31, Z8   \
	VPERMT2PD  Z5, Z31, Z9   \
	VPERMT2PD  Z6, Z31, Z10  \
	VPERMT2PD  Z7, Z31, Z11  \
	TR4(Z0, Z1, Z2, Z3, Z12, Z13)   \
	TR4(Z8, Z9, Z10, Z11, Z12, Z13)

// QUOTIENTS512 is QUOTIENT of what PAIRS gives by Z15, into Z16 to Z23.
#define QUOTIENTS512 \
	QUOTIENT(Z0, Z14, Z15, Z16)  \
	QUOTIENT(Z1, Z14, Z15, Z17)  \
	QUOTIENT(Z2, Z14, Z15, Z18)  \
	QUOTIENT(Z3, Z14, Z15, Z19)  \
	QUOTIENT(Z8, Z14, Z15, Z20)  \
	QUOTIENT(Z9, Z14, Z15, Z21)  \
	QUOTIENT(Z10, Z14, Z15, Z22) \
	QUOTIENT(Z11, Z14, Z15, Z23)

// STEPS512 is STEPS with both halves of the filters along rows in one vector.
#define STEPS512(j) \
	STEP(64*j(AX), 64*j(CX), Z0)                        \
	STEP(32*j(R14), 32*j(R15), Y2)                      \
	STEP(32*j+256(R14)(R9*1), 32*j+256(R15)(R9*1), Y3)  \
	STEP(64*j(AX)(R8*1), 64*j(CX)(R8*1), Z4)            \
	VMOVUPS Z0, strip_tile1+64*j(DI)                    \
	VMOVUPS Y2, strip_tile2+64*j(DI)(BX*1)              \
	VMOVUPS Y3, strip_tile2+64*j+32(DI)(R10*1)          \
	VMOVUPS Z4, strip_tile3+64*j(DI)

// func stripAVX512(s *strip)
//
// This is stripAVX2 with all 16 rows in one vector.
TEXT ·stripAVX512(SB), NOSPLIT, $0-8
	MOVQ   s+0(FP), DI
	MOVQ   strip_luma(DI), SI
	MOVQ   strip_ring(DI), R10
	SUBQ   strip_ringTile(DI), R10
	XORL   R11, R11
	XORL   R12, R12
	MOVQ   strip_tiles(DI), DX
	ADDQ   $3, DX
	MOVQ   strip_sampled(DI), BX
	VMOVDQU64 pairLow<>(SB), Z30
	VMOVDQU64 pairHigh<>(SB), Z31
	VPXORQ    Z0, Z0, Z0
	VMOVUPS   Z0, strip_sum1(DI)
	VMOVUPS   Z0, strip_sum2(DI)
	VMOVUPS   Y0, strip_half(DI)
	KEEP8(strip_tile1, DI, 64, Z0, Z0, Z0, Z0, Z0, Z0, Z0, Z0)
	KEEP8(strip_tile2, DI, 64, Z0, Z0, Z0, Z0, Z0, Z0, Z0, Z0)
	KEEP8(strip_tile2+512, DI, 64, Z0, Z0, Z0, Z0, Z0, Z0, Z0, Z0)

tile:
	ADDQ    $512, R12
	MOVQ    R12, R13
	MOVQ    R12, AX
	SUBQ    strip_lag(DI), R13
	SUBQ    strip_lag(DI), AX
	ADDQ    strip_histSize(DI), AX
	TESTQ   R13, R13
	CMOVQLT AX, R13

	// What enters the third.
	MOVQ    strip_hist2(DI), R14
	ADDQ    R12, R14
	MOVQ    strip_flip(DI), AX
	ADDQ    DI, AX
	HALVES(strip_tile2, AX)
	PAIRS
	VMOVUPS strip_rowInverse(DI), Z14
	VMOVUPS strip_rowCount(DI), Z15
	QUOTIENTS512
	KEEP8(0, R14, 64, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)

	// What enters the second.
	MOVQ    strip_inverse(DI), AX
	MOVQ    strip_count(DI), CX
	LINES(strip_tile1, DI)
	PAIRS
	VBROADCASTF64X4 -32(AX)(R11*1), Z14
	VBROADCASTF64X4 -32(CX)(R11*1), Z15
	MOVQ    strip_enter(DI), R14
	ADDQ    R10, R14
	QUOTIENTS512
	KEEP8(0, R14, 32, Y16, Y17, Y18, Y19, Y20, Y21, Y22, Y23)
	VEXTRACTF64X4 $1, Z16, 256(R14)
	VEXTRACTF64X4 $1, Z17, 288(R14)
	VEXTRACTF64X4 $1, Z18, 320(R14)
	VEXTRACTF64X4 $1, Z19, 352(R14)
	VEXTRACTF64X4 $1, Z20, 384(R14)
	VEXTRACTF64X4 $1, Z21, 416(R14)
	VEXTRACTF64X4 $1, Z22, 448(R14)
	VEXTRACTF64X4 $1, Z23, 480(R14)

	// What enters the first.
	MOVQ strip_stride(DI), R8
	LEAQ (R8)(R8*2), R9
	MOVQ strip_hist1(DI), R15
	ADDQ R12, R15
	LEAQ (SI)(R8*4), AX
	LEAQ (SI)(R8*8), CX
	LEAQ (CX)(R8*4), R14
	VMOVUPS (SI), Y0
	VMOVUPS (SI)(R8*1), Y1
	VMOVUPS (SI)(R8*2), Y2
	VMOVUPS (SI)(R9*1), Y3
	VMOVUPS (AX), Y4
	VMOVUPS (AX)(R8*1), Y5
	VMOVUPS (AX)(R8*2), Y6
	VMOVUPS (AX)(R9*1), Y7
	VINSERTF64X4 $1, (CX), Z0, Z0
	VINSERTF64X4 $1, (CX)(R8*1), Z1, Z1
	VINSERTF64X4 $1, (CX)(R8*2), Z2, Z2
	VINSERTF64X4 $1, (CX)(R9*1), Z3, Z3
	VINSERTF64X4 $1, (R14), Z4, Z4
	VINSERTF64X4 $1, (R14)(R8*1), Z5, Z5
	VINSERTF64X4 $1, (R14)(R8*2), Z6, Z6
	VINSERTF64X4 $1, (R14)(R9*1), Z7, Z7
	PAIRS
	KEEP8(0, R15, 64, Z0, Z1, Z2, Z3, Z8, Z9, Z10, Z11)
	ADDQ $32, SI
	MOVQ R10, R14
	ADDQ strip_enter(DI), R14

	MOVQ    R15, AX
	MOVQ    strip_hist1(DI), CX
	ADDQ    R13, CX
	MOVQ    strip_leave(DI), R15
	ADDQ    R10, R15
	MOVQ    strip_hist2(DI), R8
	SUBQ    strip_hist1(DI), R8
	MOVQ    strip_ringTile(DI), R9
	NEGQ    R9
	MOVQ    BX, strip_nextSample(DI)
	MOVQ    R10, strip_ringNow(DI)
	MOVQ    strip_flip(DI), BX
	MOVQ    BX, R10
	XORQ    $512, R10
	MOVQ    R10, strip_flip(DI)
	MOVQ    strip_sums(DI), R13
	VMOVUPS strip_sum1(DI), Z0
	VMOVUPS -32(R13)(R11*1), Y2
	VMOVUPS strip_half(DI), Y3
	VMOVUPS strip_sum2(DI), Z4
	STEPS512(0)
	STEPS512(1)
	STEPS512(2)
	STEPS512(3)
	STEPS512(4)
	STEPS512(5)
	STEPS512(6)
	STEPS512(7)
	VMOVUPS Z0, strip_sum1(DI)
	VMOVUPS Y2, strip_half(DI)
	VMOVUPS Y3, -64(R13)(R11*1)
	VMOVUPS Z4, strip_sum2(DI)
	XORL    R8, R8
	MOVQ    strip_nextSample(DI), BX
	MOVQ    strip_ringNow(DI), R10

	// The last tile of a history is its first one, too.
	CMPQ R12, strip_histSize(DI)
	JNE  kept
	MOVQ strip_hist1(DI), CX
	LEAQ (CX)(R12*1), AX
	COPY512(AX, CX)
	MOVQ strip_hist2(DI), CX
	LEAQ (CX)(R12*1), AX
	COPY512(AX, CX)
	XORL R12, R12

kept:
	CMPQ strip_wraps(DI), $0
	JEQ  sample
	MOVQ R10, AX
	ADDQ strip_enter(DI), AX
	COPY512(AX, R10)

sample:
	MOVQ    (BX), AX
	SUBQ    R11, AX
	ADDQ    $96, AX
	CMPQ    AX, $32
	JAE     next
	SHLQ    $4, AX
	ADDQ    R8, AX
	VMOVUPS strip_tile3+0(DI)(AX*1), Y0
	VMOVUPS strip_tile3+32(DI)(AX*1), Y1
	MOVQ    BX, AX
	SUBQ    strip_sampled(DI), AX
	SHLQ    $3, AX
	ADDQ    strip_picks(DI), AX
	VMOVUPS Y0, 0(AX)
	VMOVUPS Y1, 32(AX)
	ADDQ    $8, BX
	JMP     sample

next:
	ADDQ $32, R11
	ADDQ strip_ringTile(DI), R10
	DECQ DX
	JNZ  tile
	VZEROUPPER
	RET

// DOWN is STEP with v entering; the new sum is in v.
#define DOWN(at, sum, v) \
	VADDPS v, sum, Y15     \
	VSUBPS at(R14), Y15, v

// PICKED does 8 rows of 8 sampled columns: the last filter.
#define PICKED(half) \
	LEAQ    half*8(R10)(R12*1), AX    \
	LEAQ    half*8(R10)(R13*1), R14   \
	VMOVUPS 0+half(SI), X0            \
	VMOVUPS 64+half(SI), X1           \
	VMOVUPS 128+half(SI), X2          \
	VMOVUPS 192+half(SI), X3          \
	VMOVUPS 16+half(SI), X4           \
	VMOVUPS 80+half(SI), X5           \
	VMOVUPS 144+half(SI), X6          \
	VMOVUPS 208+half(SI), X7          \
	VINSERTF128 $1, 256+half(SI), Y0, Y0 \
	VINSERTF128 $1, 320+half(SI), Y1, Y1 \
	VINSERTF128 $1, 384+half(SI), Y2, Y2 \
	VINSERTF128 $1, 448+half(SI), Y3, Y3 \
	VINSERTF128 $1, 272+half(SI), Y4, Y4 \
	VINSERTF128 $1, 336+half(SI), Y5, Y5 \
	VINSERTF128 $1, 400+half(SI), Y6, Y6 \
	VINSERTF128 $1, 464+half(SI), Y7, Y7 \
	TR4(Y0, Y1, Y2, Y3, Y8, Y9)       \
	TR4(Y4, Y5, Y6, Y7, Y8, Y9)       \
	QUOTIENTS                         \
	KEEP8(0, AX, 32, Y8, Y0, Y1, Y2, Y3, Y4, Y5, Y6) \
	DOWN(0, Y14, Y8)                  \
	DOWN(32, Y8, Y0)                  \
	DOWN(64, Y0, Y1)                  \
	DOWN(96, Y1, Y2)                  \
	DOWN(128, Y2, Y3)                 \
	DOWN(160, Y3, Y4)                 \
	DOWN(192, Y4, Y5)                 \
	DOWN(224, Y5, Y6)                 \
	VMOVAPS Y6, Y14                   \
	VMOVUPS Y8, half*64+0(CX)         \
	VMOVUPS Y0, half*64+256(CX)       \
	VMOVUPS Y1, half*64+512(CX)       \
	VMOVUPS Y2, half*64+768(CX)       \
	VMOVUPS Y3, half*64+1024(CX)      \
	VMOVUPS Y4, half*64+1280(CX)      \
	VMOVUPS Y5, half*64+1536(CX)      \
	VMOVUPS Y6, half*64+1792(CX)

// func pickedAVX2(s *strip)
TEXT ·pickedAVX2(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), DI
	MOVQ strip_picks(DI), SI
	MOVQ strip_pickRing(DI), R10
	MOVQ strip_out(DI), CX
	MOVQ strip_enter(DI), R12
	MOVQ strip_leave(DI), R13
	XORL R11, R11

picked:
	VMOVUPS strip_pickInverse(DI)(R11*1), Y12
	VMOVUPS strip_pickCount(DI)(R11*1), Y13
	VMOVUPS strip_pickSums(DI)(R11*1), Y14
	PICKED(0)
	PICKED(32)
	VMOVUPS Y14, strip_pickSums(DI)(R11*1)
	CMPQ    strip_wraps(DI), $0
	JEQ     whole
	MOVQ    R10, AX
	ADDQ    R12, AX
	COPY512(AX, R10)

whole:
	ADDQ $512, SI
	ADDQ $32, CX
	ADDQ $32, R11
	ADDQ strip_ringTile(DI), R10
	CMPQ R11, $256
	JNE  picked
	VZEROUPPER
	RET

// func transformAVX2(a, d, across, t, b *float32)
//
// t = d·a with 64 columns in lanes, then b = t·across with the 16 frequencies
// in lanes. Products are rounded before they are added, first to last.
TEXT ·transformAVX2(SB), NOSPLIT, $0-40
	MOVQ a+0(FP), SI
	MOVQ d+8(FP), BX
	MOVQ t+24(FP), DI
	MOVL $16, DX

down:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	MOVQ   SI, AX
	MOVL   $64, CX

term:
	VBROADCASTSS (BX), Y8
	VMULPS       0(AX), Y8, Y9
	VMULPS       32(AX), Y8, Y10
	VMULPS       64(AX), Y8, Y11
	VMULPS       96(AX), Y8, Y12
	VADDPS       Y9, Y0, Y0
	VADDPS       Y10, Y1, Y1
	VADDPS       Y11, Y2, Y2
	VADDPS       Y12, Y3, Y3
	VMULPS       128(AX), Y8, Y9
	VMULPS       160(AX), Y8, Y10
	VMULPS       192(AX), Y8, Y11
	VMULPS       224(AX), Y8, Y12
	VADDPS       Y9, Y4, Y4
	VADDPS       Y10, Y5, Y5
	VADDPS       Y11, Y6, Y6
	VADDPS       Y12, Y7, Y7
	ADDQ         $4, BX
	ADDQ         $256, AX
	DECL         CX
	JNZ          term
	VMOVUPS      Y0, 0(DI)
	VMOVUPS      Y1, 32(DI)
	VMOVUPS      Y2, 64(DI)
	VMOVUPS      Y3, 96(DI)
	VMOVUPS      Y4, 128(DI)
	VMOVUPS      Y5, 160(DI)
	VMOVUPS      Y6, 192(DI)
	VMOVUPS      Y7, 224(DI)
	ADDQ         $256, DI
	DECL         DX
	JNZ          down

	MOVQ t+24(FP), SI
	MOVQ b+32(FP), DI
	MOVL $4, DX

across:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	MOVQ   across+16(FP), AX
	MOVL   $64, CX

sum:
	VMOVUPS      0(AX), Y8
	VMOVUPS      32(AX), Y9
	VBROADCASTSS 0(SI), Y10
	VBROADCASTSS 256(SI), Y11
	VBROADCASTSS 512(SI), Y12
	VBROADCASTSS 768(SI), Y13
	VMULPS       Y8, Y10, Y14
	VMULPS       Y9, Y10, Y10
	VMULPS       Y8, Y11, Y15
	VMULPS       Y9, Y11, Y11
	VADDPS       Y14, Y0, Y0
	VADDPS       Y10, Y1, Y1
	VADDPS       Y15, Y2, Y2
	VADDPS       Y11, Y3, Y3
	VMULPS       Y8, Y12, Y14
	VMULPS       Y9, Y12, Y12
	VMULPS       Y8, Y13, Y15
	VMULPS       Y9, Y13, Y13
	VADDPS       Y14, Y4, Y4
	VADDPS       Y12, Y5, Y5
	VADDPS       Y15, Y6, Y6
	VADDPS       Y13, Y7, Y7
	ADDQ         $4, SI
	ADDQ         $64, AX
	DECL         CX
	JNZ          sum
	VMOVUPS      Y0, 0(DI)
	VMOVUPS      Y1, 32(DI)
	VMOVUPS      Y2, 64(DI)
	VMOVUPS      Y3, 96(DI)
	VMOVUPS      Y4, 128(DI)
	VMOVUPS      Y5, 160(DI)
	VMOVUPS      Y6, 192(DI)
	VMOVUPS      Y7, 224(DI)
	ADDQ         $768, SI
	ADDQ         $256, DI
	DECL         DX
	JNZ          across
	VZEROUPPER
	RET

// GRADIENT adds to Y7 the whole percentages of 255 in the differences of Y0 and
// Y1. Y4 is 100, Y5 1/255 and Y6 255. It overwrites Y1 to Y3.
#define GRADIENT \
	VSUBPS     Y1, Y0, Y1      \
	VMULPS     Y4, Y1, Y1      \
	QUOTIENT(Y1, Y5, Y6, Y2)   \
	VCVTTPS2DQ Y2, Y3          \
	VPABSD     Y3, Y3          \
	VPADDD     Y3, Y7, Y7

// func gradientsAVX2(s *float32, edge *int32, hundred, inverse, full float32) int64
TEXT ·gradientsAVX2(SB), NOSPLIT, $0-40
	MOVQ         s+0(FP), SI
	MOVQ         edge+8(FP), AX
	VMOVDQU      (AX), Y8 // all lanes but the last
	VBROADCASTSS hundred+16(FP), Y4
	VBROADCASTSS inverse+20(FP), Y5
	VBROADCASTSS full+24(FP), Y6
	VPXOR        Y7, Y7, Y7
	MOVL         $64, DX

line:
	MOVL $7, CX

right:
	VMOVUPS (SI), Y0
	VMOVUPS 4(SI), Y1
	GRADIENT
	ADDQ    $32, SI
	DECL    CX
	JNZ     right
	VMASKMOVPS (SI), Y8, Y0
	VMASKMOVPS 4(SI), Y8, Y1
	GRADIENT
	ADDQ    $32, SI
	DECL    DX
	JNZ     line

	SUBQ $16384, SI
	MOVL $504, DX

below:
	VMOVUPS (SI), Y0
	VMOVUPS 256(SI), Y1
	GRADIENT
	ADDQ    $32, SI
	DECL    DX
	JNZ     below

	VEXTRACTI128 $1, Y7, X0
	VPADDD       X7, X0, X0
	VPSHUFD      $0xee, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x55, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, AX
	MOVLQSX      AX, AX
	MOVQ         AX, ret+32(FP)
	VZEROUPPER
	RET

// LUMA sets Y0 to the luma of the colours Y0 (red), Y1 and Y2: Y13, Y14 and Y15
// are the weights. The order is the reference's.
#define LUMA \
	VCVTDQ2PS Y0, Y0      \
	VCVTDQ2PS Y1, Y1      \
	VCVTDQ2PS Y2, Y2      \
	VMULPS    Y13, Y0, Y0 \
	VMULPS    Y14, Y1, Y1 \
	VMULPS    Y15, Y2, Y2 \
	VADDPS    Y1, Y0, Y0  \
	VADDPS    Y2, Y0, Y0

// func lumaRGBAAVX2(pix *uint8, out *float32, groups int, weights *[3]float32)
TEXT ·lumaRGBAAVX2(SB), NOSPLIT, $0-32
	MOVQ         pix+0(FP), SI
	MOVQ         out+8(FP), DI
	MOVQ         groups+16(FP), CX
	MOVQ         weights+24(FP), AX
	VBROADCASTSS 0(AX), Y13
	VBROADCASTSS 4(AX), Y14
	VBROADCASTSS 8(AX), Y15
	VPCMPEQD     Y12, Y12, Y12
	VPSRLD       $24, Y12, Y12

rgba:
	VMOVDQU (SI), Y3
	VPSRLD  $8, Y3, Y1
	VPSRLD  $16, Y3, Y2
	VPAND   Y12, Y3, Y0
	VPAND   Y12, Y1, Y1
	VPAND   Y12, Y2, Y2
	LUMA
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	DECQ    CX
	JNZ     rgba
	VZEROUPPER
	RET

// func lumaGrayAVX2(pix *uint8, out *float32, groups int, weights *[3]float32)
TEXT ·lumaGrayAVX2(SB), NOSPLIT, $0-32
	MOVQ         pix+0(FP), SI
	MOVQ         out+8(FP), DI
	MOVQ         groups+16(FP), CX
	MOVQ         weights+24(FP), AX
	VBROADCASTSS 0(AX), Y13
	VBROADCASTSS 4(AX), Y14
	VBROADCASTSS 8(AX), Y15

gray:
	VPMOVZXBD (SI), Y0
	VCVTDQ2PS Y0, Y0
	VMULPS    Y14, Y0, Y1
	VMULPS    Y15, Y0, Y2
	VMULPS    Y13, Y0, Y0
	VADDPS    Y1, Y0, Y0
	VADDPS    Y2, Y0, Y0
	VMOVUPS   Y0, (DI)
	ADDQ      $8, SI
	ADDQ      $32, DI
	DECQ      CX
	JNZ       gray
	VZEROUPPER
	RET

DATA twice<>+0(SB)/4, $0
DATA twice<>+4(SB)/4, $0
DATA twice<>+8(SB)/4, $1
DATA twice<>+12(SB)/4, $1
DATA twice<>+16(SB)/4, $2
DATA twice<>+20(SB)/4, $2
DATA twice<>+24(SB)/4, $3
DATA twice<>+28(SB)/4, $3
GLOBL twice<>(SB), RODATA|NOPTR, $32

// COLOUR shifts a sum of 16 more bits and cuts it to 0 to 255. Y12 is 255.
#define COLOUR(y) \
	VPSRAD  $16, y, y  \
	VPMINSD Y12, y, y  \
	VPMAXSD Y11, y, y

// func lumaYCbCrAVX2(y, cb, cr *uint8, out *float32, groups int, weights *[3]float32, factors *[6]int32, half int)
//
// With half, one chroma value stands for two pixels.
TEXT ·lumaYCbCrAVX2(SB), NOSPLIT, $0-64
	MOVQ         y+0(FP), SI
	MOVQ         cb+8(FP), R8
	MOVQ         cr+16(FP), R9
	MOVQ         out+24(FP), DI
	MOVQ         groups+32(FP), CX
	MOVQ         weights+40(FP), AX
	MOVQ         half+56(FP), R10
	VBROADCASTSS 0(AX), Y13
	VBROADCASTSS 4(AX), Y14
	VBROADCASTSS 8(AX), Y15
	MOVQ         factors+48(FP), AX
	VPBROADCASTD 0(AX), Y6      // of Y
	VPBROADCASTD 4(AX), Y7      // of Cr in red
	VPBROADCASTD 8(AX), Y8      // of Cb in green
	VPBROADCASTD 12(AX), Y9     // of Cr in green
	VPBROADCASTD 16(AX), Y10    // of Cb in blue
	VPXOR        Y11, Y11, Y11
	VPCMPEQD     Y12, Y12, Y12
	VPSRLD       $24, Y12, Y12
	TESTQ        R10, R10
	JNZ          halved

ycbcr:
	VPMOVZXBD (R8), Y3
	VPMOVZXBD (R9), Y4
	ADDQ      $8, R8
	ADDQ      $8, R9

pixels:
	VPBROADCASTD 20(AX), Y5     // 128
	VPSUBD    Y5, Y3, Y3
	VPSUBD    Y5, Y4, Y4
	VPMOVZXBD (SI), Y5
	VPMULLD   Y6, Y5, Y5
	VPMULLD   Y7, Y4, Y0
	VPMULLD   Y8, Y3, Y1
	VPMULLD   Y9, Y4, Y4
	VPMULLD   Y10, Y3, Y2
	VPADDD    Y5, Y0, Y0
	VPADDD    Y5, Y2, Y2
	VPADDD    Y5, Y1, Y1
	VPADDD    Y4, Y1, Y1
	COLOUR(Y0)
	COLOUR(Y1)
	COLOUR(Y2)
	LUMA
	VMOVUPS   Y0, (DI)
	ADDQ      $8, SI
	ADDQ      $32, DI
	DECQ      CX
	JZ        done
	TESTQ     R10, R10
	JZ        ycbcr

halved:
	VMOVD     (R8), X3
	VMOVD     (R9), X4
	VPMOVZXBD X3, X3
	VPMOVZXBD X4, X4
	VMOVDQU   twice<>(SB), Y5
	VPERMD    Y3, Y5, Y3
	VPERMD    Y4, Y5, Y4
	ADDQ      $4, R8
	ADDQ      $4, R9
	JMP       pixels

done:
	VZEROUPPER
	RET
