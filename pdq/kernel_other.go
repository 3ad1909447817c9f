//go:build !amd64

package pdq

func machineKernels() []*kernel { return nil }
