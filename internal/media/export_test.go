package media

// RaceDetector tells the tests that memory is not limited.
const RaceDetector = raceDetector
