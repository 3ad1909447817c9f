//go:build !noheic

package media

import _ "embed" // the module

//go:embed wasm/heic.wasm.gz
var heicModule []byte
