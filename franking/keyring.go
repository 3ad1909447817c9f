package franking

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"
)

// DefaultWindow is how long after its week a message can be proved: 13 months.
const DefaultWindow = 396 * 24 * time.Hour

// KeyID names a hub key: ISO year, "w", ISO week, generation, for example
// "2025w481". Weeks begin on Monday at 00:00 UTC.
type KeyID [8]byte

func (id KeyID) String() string { return strconv.QuoteToASCII(string(id[:])) }

// WeekKey is the id of the first key of t's week.
func WeekKey(t time.Time) (id KeyID) {
	year, week := t.UTC().ISOWeek()
	copy(id[:], fmt.Sprintf("%04dw%02d1", year, week))
	return id
}

// Week returns the first moment of the key's week and the first after it.
// An id of another form is [ErrKeyUnknown].
func (id KeyID) Week() (from, until time.Time, err error) {
	year, err1 := strconv.ParseUint(string(id[:4]), 10, 16)
	week, err2 := strconv.ParseUint(string(id[5:7]), 10, 8)
	if err1 != nil || err2 != nil || week < 1 || year < 1970 {
		return from, until, fmt.Errorf("%w: form of its id", ErrKeyUnknown)
	}
	// The fourth of January is always in week 1.
	jan4 := time.Date(int(year), 1, 4, 0, 0, 0, 0, time.UTC)
	from = jan4.AddDate(0, 0, -int(jan4.Weekday()+6)%7+7*int(week-1))
	if first := WeekKey(from); !bytes.Equal(first[:7], id[:7]) || id[7] < '1' || id[7] > '9' {
		return from, until, fmt.Errorf("%w: form of its id", ErrKeyUnknown)
	}
	return from, from.AddDate(0, 0, 7), nil
}

// keyInWeek refuses a stamp whose time is outside the week of its key. An honest
// hub makes none; a dishonest one could otherwise date a message back under a key
// that lives longer than the date says.
func keyInWeek(c Context) error {
	from, until, err := c.Key.Week()
	if err != nil {
		return err
	}
	if c.AcceptedAt.Before(from) || !c.AcceptedAt.Before(until) {
		return fmt.Errorf("%w: stamp", ErrKeyWeek)
	}
	return nil
}

// hubKey is one week's key. Once destroyed its secret is zero and only what it was
// called and its digest are left.
type hubKey struct {
	id        KeyID
	digest    [32]byte // SHA-256 of the secret
	secret    *[32]byte
	destroyed bool
}

// KeyRing holds the hub's weekly keys. It is safe for use by several goroutines.
//
// A key lives from when it is made until its week and the report window are over;
// then [KeyRing.Destroy] overwrites it, and nobody, the hub included, can prove or
// disprove a message of that week. Copies of the stored form made before are out of
// the ring's reach: whoever keeps backups must destroy them by the same schedule,
// or wrap the stored form with a key that is (a KMS or HSM).
type KeyRing struct {
	window time.Duration

	mu   sync.RWMutex
	keys []*hubKey // by id; guarded by mu
}

// NewKeyRing returns an empty ring with a report window, [DefaultWindow] if 0.
func NewKeyRing(window time.Duration) *KeyRing {
	return &KeyRing{window: cmp.Or(window, DefaultWindow)}
}

// Prepare makes the keys of now's week and the next where they are missing, and
// returns the new ones' ids. Store the ring before the next stamp (and give it to
// all replicas): what is stamped with a key that is then lost can never be proved.
func (r *KeyRing) Prepare(rand io.Reader, now time.Time) ([]KeyID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var made []KeyID
	for _, t := range []time.Time{now, now.AddDate(0, 0, 7)} {
		id := WeekKey(t)
		if _, found := r.find(id); found {
			continue
		}
		k, err := newHubKey(rand, id)
		if err != nil {
			return made, err
		}
		r.insert(k)
		made = append(made, id)
	}
	return made, nil
}

// Replace destroys the current week's key at once, because it may have leaked, and
// makes one of the next generation. Messages stamped with the old one are
// [KeyExpired] from then on, because they could be forged.
func (r *KeyRing) Replace(rand io.Reader, now time.Time) (KeyID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := WeekKey(now)
	for i, found := r.find(id); found; i, found = r.find(id) {
		if id[7] == '9' {
			return KeyID{}, fmt.Errorf("%w: nine keys in one week", ErrRange)
		}
		r.keys[i].destroy()
		id[7]++
	}
	k, err := newHubKey(rand, id)
	if err != nil {
		return KeyID{}, err
	}
	r.insert(k)
	return id, nil
}

// Destroy overwrites every key whose report window is over at now, and returns
// their ids. It cannot be undone: the caller vouches for the clock. Store the ring
// afterwards, over the old one.
func (r *KeyRing) Destroy(now time.Time) []KeyID {
	r.mu.Lock()
	defer r.mu.Unlock()
	var gone []KeyID
	for _, k := range r.keys {
		if !k.destroyed && r.over(k.id, now) {
			k.destroy()
			gone = append(gone, k.id)
		}
	}
	return gone
}

// Digest returns SHA-256 of a key, also of a destroyed one. Published while the key
// lives, it lets others check later that the hub did not swap the key.
func (r *KeyRing) Digest(id KeyID) ([32]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	i, found := r.find(id)
	if !found {
		return [32]byte{}, ErrKeyUnknown
	}
	return r.keys[i].digest, nil
}

// current copies the newest living key of now's week.
func (r *KeyRing) current(now time.Time) (KeyID, [32]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	week := WeekKey(now)
	for _, k := range slices.Backward(r.keys) {
		if bytes.Equal(k.id[:7], week[:7]) && !k.destroyed {
			return k.id, *k.secret, nil
		}
	}
	return KeyID{}, [32]byte{}, fmt.Errorf("%w: none for this week", ErrKeyUnknown)
}

// tag stamps again with a key by name. A key that is past its window is refused
// also when nobody has destroyed it yet.
func (r *KeyRing) tag(id KeyID, c Commitment, context []byte, now time.Time) ([32]byte, error) {
	if r == nil {
		return [32]byte{}, ErrKeyUnknown
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	i, found := r.find(id)
	if found && r.keys[i].destroyed || r.over(id, now) {
		return [32]byte{}, ErrKeyExpired
	}
	if !found {
		return [32]byte{}, ErrKeyUnknown
	}
	return tag(r.keys[i].secret, c, context), nil
}

func (r *KeyRing) over(id KeyID, now time.Time) bool {
	_, until, err := id.Week()
	return err == nil && !now.Before(until.Add(r.window))
}

func (r *KeyRing) find(id KeyID) (int, bool) {
	return slices.BinarySearchFunc(r.keys, id, func(k *hubKey, id KeyID) int { return bytes.Compare(k.id[:], id[:]) })
}

func (r *KeyRing) insert(k *hubKey) {
	i, _ := r.find(k.id)
	r.keys = slices.Insert(r.keys, i, k)
}

func newHubKey(rand io.Reader, id KeyID) (*hubKey, error) {
	k := &hubKey{id: id, secret: new([32]byte)}
	if _, err := io.ReadFull(rand, k.secret[:]); err != nil {
		return nil, fmt.Errorf("franking: random source: %w", err)
	}
	k.digest = sha256.Sum256(k.secret[:])
	return k, nil
}

func (k *hubKey) destroy() {
	clear(k.secret[:])
	k.destroyed = true
}

// Encode returns the stored form, which holds the living keys in the clear: seal it
// before it touches a disk. Layout: u16 version, u64 window in seconds, u16 count,
// then for each key in ascending order its id, its digest, u8 1 and the key, or
// u8 0 if it is destroyed.
func (r *KeyRing) Encode() []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	// Grown at once, so that no smaller copy of the keys is left behind.
	w := &writer{b: make([]byte, 0, 12+73*len(r.keys))}
	w.u16(version)
	w.u64(uint64(r.window / time.Second))
	w.u16(uint16(len(r.keys)))
	for _, k := range r.keys {
		w.raw(k.id[:])
		w.raw(k.digest[:])
		if k.destroyed {
			w.u8(0)
			continue
		}
		w.u8(1)
		w.raw(k.secret[:])
	}
	return w.b
}

// ParseKeyRing reads the stored form. Keys that do not have their digest are
// refused, so that a damaged ring is noticed at start and not at a child's report.
func ParseKeyRing(b []byte) (*KeyRing, error) {
	rd := &reader{b: b}
	rd.version("key ring")
	r := &KeyRing{window: time.Duration(rd.upto("window", 1<<32)) * time.Second}
	for range rd.count("keys", 1<<16-1) {
		k := readHubKey(rd)
		if rd.err != nil {
			break
		}
		if n := len(r.keys); n > 0 && bytes.Compare(r.keys[n-1].id[:], k.id[:]) >= 0 {
			rd.fail("order of keys", ErrNonCanonical)
		}
		r.keys = append(r.keys, k)
	}
	if err := rd.end("key ring"); err != nil {
		return nil, err
	}
	return r, nil
}

func readHubKey(rd *reader) *hubKey {
	k := &hubKey{secret: new([32]byte)}
	rd.fixed("key", k.id[:])
	if _, _, err := k.id.Week(); err != nil && rd.err == nil {
		rd.fail("key id", ErrNonCanonical)
	}
	rd.fixed("key", k.digest[:])
	switch rd.u8("key") {
	case 0:
		k.destroyed = true
	case 1:
		rd.fixed("key", k.secret[:])
		if d := sha256.Sum256(k.secret[:]); rd.err == nil && d != k.digest {
			rd.fail("key digest", ErrNonCanonical)
		}
	default:
		rd.fail("state of a key", ErrNonCanonical)
	}
	return k
}
