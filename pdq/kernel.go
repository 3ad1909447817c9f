package pdq

// kernel is what costs time in a hash. All kernels give the same bits; the
// tests compare them.
type kernel struct {
	name       string
	downsample func(width, height int, row func(y int, luma []float32), samples *[grid * grid]float32)
	transform  func(samples *[grid * grid]float32) block
	gradients  func(samples *[grid * grid]float32) int

	// The luma of a row of pixels.
	rgba  func(pix []uint8, out []float32)
	grays func(pix []uint8, out []float32)
	// One chroma value stands for 1 << half pixels.
	ycbcr func(y, cb, cr []uint8, half int, out []float32)
}

// portable says what the others must do.
var portable = kernel{
	name: "portable", downsample: downsample, transform: transform, gradients: gradients,
	rgba: straightRow, grays: grayRow, ycbcr: ycbcrRow,
}

// kernels lists what this machine can run, the best first.
func kernels() []*kernel { return append(machineKernels(), &portable) }

var best = kernels()[0]
