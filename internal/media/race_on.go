//go:build race

package media

// raceDetector says that the race detector is built in. It takes memory and
// system calls which a child would not be given; only tests are built so.
const raceDetector = true
