//go:build noheic

package media

// heicModule is left out of this build: HEIC files are answered "unsupported".
var heicModule []byte
