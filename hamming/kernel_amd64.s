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

// KEEP ends a block: R11 is its first posting, R12 the end of the span, AX its
// mask. Postings beyond the end are masked away. The hit is written in any
// case, and R9 moves on only if the mask is not 0: a branch would wait for the
// memory, and often be mispredicted. R13 is 32.
#define KEEP \
	MOVL    R12, CX         \
	SUBL    R11, CX         \
	CMPL    CX, $32         \
	CMOVLHI R13, CX         \
	BZHIL   CX, AX, AX      \
	MOVL    R11, (R9)       \
	MOVL    AX, 4(R9)       \
	NEGL    AX              \
	SBBQ    BX, BX          \
	ANDQ    $8, BX          \
	ADDQ    BX, R9          \
	ADDQ    $32, R11

// func siftAVX512(sig *uint16, spans *span, n int, next uint16, out *hit) int
TEXT ·siftAVX512(SB), NOSPLIT, $0-48
	MOVQ    sig+0(FP), SI
	MOVQ    spans+8(FP), DI
	MOVQ    n+16(FP), R8
	MOVWLZX next+24(FP), AX
	MOVQ    out+32(FP), R9
	MOVQ    R9, R10
	MOVL    $32, R13
	VPBROADCASTW AX, Z1

span512:
	MOVL 0(DI), R11
	MOVL 4(DI), R12
	CMPL R11, R12
	JAE  next512
	VPBROADCASTW 8(DI), Z2 // most

block512:
	VPXORQ   (SI)(R11*2), Z1, Z3
	VPOPCNTW Z3, Z3
	VPCMPUW  $2, Z2, Z3, K1 // count <= most
	KMOVD    K1, AX
	KEEP
	CMPQ R11, R12
	JB   block512

next512:
	ADDQ $12, DI
	DECQ R8
	JNZ  span512
	VZEROUPPER
	SUBQ R10, R9
	SHRQ $3, R9
	MOVQ R9, ret+40(FP)
	RET

// COUNT sets the words of Y to the bits set in them, through tables of the bits
// in 4 (Y5). Y4 has 15, and Y6 1, in each byte.
#define COUNT(Y, T) \
	VPAND      Y4, Y, T    \
	VPSRLW     $4, Y, Y    \
	VPAND      Y4, Y, Y    \
	VPSHUFB    T, Y5, T    \
	VPSHUFB    Y, Y5, Y    \
	VPADDB     T, Y, Y     \
	VPMADDUBSW Y6, Y, Y

// func siftAVX2(sig *uint16, spans *span, n int, next uint16, out *hit) int
TEXT ·siftAVX2(SB), NOSPLIT, $0-48
	MOVQ    sig+0(FP), SI
	MOVQ    spans+8(FP), DI
	MOVQ    n+16(FP), R8
	MOVWLZX next+24(FP), AX
	MOVQ    out+32(FP), R9
	MOVQ    R9, R10
	MOVL    $32, R13
	MOVQ           AX, X1
	VPBROADCASTW   X1, Y1
	VBROADCASTI128 nibbles<>(SB), Y5
	MOVL           $0x0f0f0f0f, AX
	MOVQ           AX, X4
	VPBROADCASTD   X4, Y4
	MOVL           $0x01010101, AX
	MOVQ           AX, X6
	VPBROADCASTD   X6, Y6

span2:
	MOVL 0(DI), R11
	MOVL 4(DI), R12
	CMPL R11, R12
	JAE  next2
	VPBROADCASTW 8(DI), Y2 // most

block2:
	VPXOR     (SI)(R11*2), Y1, Y7
	VPXOR     32(SI)(R11*2), Y1, Y8
	COUNT(Y7, Y9)
	COUNT(Y8, Y9)
	VPCMPGTW  Y2, Y7, Y7 // count > most
	VPCMPGTW  Y2, Y8, Y8
	VPACKSSWB Y8, Y7, Y7
	VPERMQ    $0xd8, Y7, Y7
	VPMOVMSKB Y7, AX
	NOTL      AX
	KEEP
	CMPQ R11, R12
	JB   block2

next2:
	ADDQ $12, DI
	DECQ R8
	JNZ  span2
	VZEROUPPER
	SUBQ R10, R9
	SHRQ $3, R9
	MOVQ R9, ret+40(FP)
	RET

DATA nibbles<>+0(SB)/8, $0x0302020102010100
DATA nibbles<>+8(SB)/8, $0x0403030203020201
GLOBL nibbles<>(SB), RODATA|NOPTR, $16

// func nearAVX512(a, b *uint64, groups int, wa, wb, radius uint64, out *uint64)
TEXT ·nearAVX512(SB), NOSPLIT, $0-56
	MOVQ a+0(FP), SI
	MOVQ b+8(FP), DI
	MOVQ groups+16(FP), R8
	VPBROADCASTQ wa+24(FP), Z1
	VPBROADCASTQ wb+32(FP), Z2
	VPBROADCASTQ radius+40(FP), Z3
	MOVQ out+48(FP), R9

group:
	VPXORQ   (SI), Z1, Z4
	VPXORQ   (DI), Z2, Z5
	VPOPCNTQ Z4, Z4
	VPOPCNTQ Z5, Z5
	VPADDQ   Z4, Z5, Z4
	VPCMPUQ  $2, Z3, Z4, K1 // count <= radius
	KMOVB    K1, AX
	MOVB     AX, (R9)
	ADDQ     $64, SI
	ADDQ     $64, DI
	INCQ     R9
	DECQ     R8
	JNZ      group
	VZEROUPPER
	RET

// func prefetch(sig *uint16, spans *span, n int)
TEXT ·prefetch(SB), NOSPLIT, $0-24
	MOVQ sig+0(FP), SI
	MOVQ spans+8(FP), DI
	MOVQ n+16(FP), R8

hint:
	MOVL (DI), AX
	MOVL 4(DI), R12
	CMPL AX, R12
	JAE  hinted
	LEAQ (SI)(AX*2), AX
	LEAQ -1(SI)(R12*2), R12
	ANDQ $~63, AX
	LEAQ 448(AX), BX
	CMPQ R12, BX
	CMOVQHI BX, R12

line:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	CMPQ AX, R12
	JLS  line

hinted:
	ADDQ $12, DI
	DECQ R8
	JNZ  hint
	RET

// func prefetchBytes(data *byte, size int, index *uint32, n int)
TEXT ·prefetchBytes(SB), NOSPLIT, $0-32
	MOVQ data+0(FP), SI
	MOVQ size+8(FP), BX
	MOVQ index+16(FP), DI
	MOVQ n+24(FP), R8

hintBytes:
	MOVL       (DI), AX
	IMULQ      BX, AX
	PREFETCHT0 (SI)(AX*1)
	ADDQ       $4, DI
	DECQ       R8
	JNZ        hintBytes
	RET
