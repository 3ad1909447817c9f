//go:build !amd64

package hamming

func machineKernels() []*kernel { return nil }
