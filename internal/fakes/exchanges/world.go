package exchanges

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Entry is one entry of a service.
type Entry struct {
	ID      string
	Number  int64 // of the same entry, where ids are numbers
	Prints  map[string]string
	Changed time.Time // whole seconds
	Deleted bool
}

func (e Entry) clone() Entry {
	e.Prints = maps.Clone(e.Prints)
	return e
}

// World is what a service knows. Keys of prints are md5, sha1, sha256, pdq,
// photodna, netclean, tmk_pdqf, url; any other stands for a type that nobody has
// heard of.
type World struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[string]Entry // guarded by mu
	number  int64            // guarded by mu
}

// NewWorld returns an empty world with a clock.
func NewWorld(now func() time.Time) *World { return &World{now: now, entries: map[string]Entry{}} }

// Put adds an entry or changes it.
func (w *World) Put(id string, prints map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.entries[id]
	if !ok {
		w.number++
		e.Number = w.number
	}
	e.ID, e.Prints, e.Changed, e.Deleted = id, maps.Clone(prints), w.now().Truncate(time.Second), false
	w.entries[id] = e
}

// Delete withdraws an entry and leaves a tombstone.
func (w *World) Delete(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.entries[id]
	if !ok || e.Deleted {
		return
	}
	e.Deleted, e.Changed = true, w.now().Truncate(time.Second)
	w.entries[id] = e
}

// Restore brings a withdrawn entry back as it was.
func (w *World) Restore(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e, ok := w.entries[id]; ok && e.Deleted {
		e.Deleted, e.Changed = false, w.now().Truncate(time.Second)
		w.entries[id] = e
	}
}

// Forget loses an entry without a trace, as services do with old tombstones.
func (w *World) Forget(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.entries, id)
}

// Live returns the entries that are not withdrawn, by id.
func (w *World) Live() []Entry {
	return slices.DeleteFunc(w.all(), func(e Entry) bool { return e.Deleted })
}

// all returns every entry by id.
func (w *World) all() []Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Entry
	for _, e := range w.entries {
		out = append(out, e) // its prints are never changed in place
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// since returns the entries that changed at or after a time, in order of time.
func (w *World) since(t time.Time) []Entry {
	out := slices.DeleteFunc(w.all(), func(e Entry) bool { return e.Changed.Before(t) })
	slices.SortStableFunc(out, func(a, b Entry) int {
		return cmp.Or(a.Changed.Compare(b.Changed), cmp.Compare(a.Number, b.Number))
	})
	return out
}
