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

// QUOTIENT sets q to s / n, correctly rounded: high is 1/n rounded, low what
// that leaves, rounded. See reciprocals.
#define QUOTIENT(s, high, low, q) \
	VMULPS      low, s, q \
	VFMADD231PS high, s, q

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

// QUOTIENTS is QUOTIENT of Y0 to Y7, with reciprocals in Y12 and Y13. The
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
	VMOVUPS strip_rowHigh(DI), Y12
	VMOVUPS strip_rowLow(DI), Y13
	QUOTIENTS
	KEEP8(0, R14, 64, Y8, Y0, Y1, Y2, Y3, Y4, Y5, Y6)
	ACROSS(strip_tile2+32)
	VMOVUPS strip_rowHigh+32(DI), Y12
	VMOVUPS strip_rowLow+32(DI), Y13
	QUOTIENTS
	KEEP8(32, R14, 64, Y8, Y0, Y1, Y2, Y3, Y4, Y5, Y6)

	// What enters the second.
	MOVQ    strip_high(DI), AX
	MOVQ    strip_low(DI), CX
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
	VMOVUPS strip_pickHigh(DI)(R11*1), Y12
	VMOVUPS strip_pickLow(DI)(R11*1), Y13
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

// GRADIENT adds to Y7 the whole percentages of 255 in the differences of Y0 and
// Y1. Y4 is 100, Y5 and Y6 are the reciprocals of 255. It overwrites Y1 to Y3.
#define GRADIENT \
	VSUBPS     Y1, Y0, Y1      \
	VMULPS     Y4, Y1, Y1      \
	QUOTIENT(Y1, Y5, Y6, Y2)   \
	VCVTTPS2DQ Y2, Y3          \
	VPABSD     Y3, Y3          \
	VPADDD     Y3, Y7, Y7

// func gradientsAVX2(s *float32, edge *int32, hundred, high, low float32) int64
TEXT ·gradientsAVX2(SB), NOSPLIT, $0-40
	MOVQ         s+0(FP), SI
	MOVQ         edge+8(FP), AX
	VMOVDQU      (AX), Y8 // all lanes but the last
	VBROADCASTSS hundred+16(FP), Y4
	VBROADCASTSS high+20(FP), Y5
	VBROADCASTSS low+24(FP), Y6
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
