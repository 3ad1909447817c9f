package media

import (
	"crypto/sha256"
	"sync"
	"time"
)

// breaker remembers files that killed a child, so that the same file does not
// kill the next ones: whoever sends it again is answered what was found the
// first time. Such a file is failed, never scanned.
type breaker struct {
	mu   sync.Mutex // guards held
	held map[[sha256.Size]byte]fault
}

type fault struct {
	report Report
	until  time.Time
}

const (
	// holdFor is how long a file is remembered. A child may have died for want of
	// time on a busy machine, so the file gets another try before long.
	holdFor = 2 * time.Minute
	// mostHeld bounds the memory of a breaker to some 200 KiB.
	mostHeld = 1024
)

// look returns what is known of a file.
func (b *breaker) look(data []byte) (Report, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.held) == 0 { // as a rule: no need to hash
		return Report{}, false
	}
	key := sha256.Sum256(data)
	f, ok := b.held[key]
	if ok && !time.Now().Before(f.until) {
		delete(b.held, key)
		ok = false
	}
	return f.report, ok
}

// hold remembers a file. When there are too many, the oldest is forgotten.
func (b *breaker) hold(data []byte, r Report) {
	key := sha256.Sum256(data)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held == nil {
		b.held = map[[sha256.Size]byte]fault{}
	}
	now := time.Now()
	for len(b.held) >= mostHeld {
		oldest, first := key, now.Add(holdFor)
		for k, f := range b.held {
			if f.until.Before(first) {
				oldest, first = k, f.until
			}
		}
		if oldest == key {
			break // all are as new as this one
		}
		delete(b.held, oldest)
	}
	if len(b.held) < mostHeld {
		b.held[key] = fault{r, now.Add(holdFor)}
	}
}
