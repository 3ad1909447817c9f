#include "textflag.h"

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
