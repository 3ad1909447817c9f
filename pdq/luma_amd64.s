#include "textflag.h"

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
