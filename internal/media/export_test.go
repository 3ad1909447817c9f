package media

// RaceDetector tells the tests that memory is not limited.
const RaceDetector = raceDetector

// Sniff names the format of a file by its first bytes.
func Sniff(b []byte) string { return sniff(b) }

// Trapping is a pool's configuration with children that die of a forbidden
// system call, where others only see it refused.
func Trapping(c Config) Config {
	c.trap = true
	return c
}

// Trapped is how many children died of that.
func (p *Pool) Trapped() int64 { return p.trapped.Load() }
