//go:build !linux

package media

// sandboxSupported says whether children are confined on this system. Here they
// are not: the pool starts only with Config.AllowUnsandboxed.
const sandboxSupported = false

func enterSandbox(Limits) selfTest {
	return selfTest{Sandbox: "none", Holes: "no sandbox on this system"}
}
