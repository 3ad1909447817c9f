//go:build !linux

package media_test

// burglarMain plays a hostile decoder where there is a sandbox to break out of.
func burglarMain() {}
