//go:build !race

package media

// raceDetector says that the race detector is built in.
const raceDetector = false
