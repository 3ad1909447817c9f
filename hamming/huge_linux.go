package hamming

import (
	"syscall"
	"unsafe"
)

// hugePages asks for pages of 2 MiB: a search reads at random all over a
// segment, and with small pages it mostly waits for address translation. A
// refusal costs speed only.
func hugePages(data []byte) {
	const huge = 2 << 20
	skip := int(-uintptr(unsafe.Pointer(&data[0])) & (huge - 1)) //nolint:gosec // the address is only looked at
	if len(data)-skip < huge {
		return
	}
	part := data[skip : skip+(len(data)-skip)&^(huge-1)]
	_ = syscall.Madvise(part, 14) // MADV_HUGEPAGE
}
