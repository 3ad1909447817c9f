package match

import (
	"context"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/hasher"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// prints are the fingerprints of one opaque type that are on lists. A look-up
// passes all of them; what cannot be near by its mass alone ([hasher.Distance.Least])
// costs one comparison of numbers.
type prints struct {
	spec  hasher.Spec
	rows  []printRow     // in no order
	bytes []byte         // spec.Bytes for each row
	place map[uint32]int // in rows, by number
}

type printRow struct {
	number uint32
	mass   uint32
}

// SetSpecs says which opaque types are matched, and how. It is called before the
// index loads anything; without it opaque signals are kept and match nothing.
func (x *Index) SetSpecs(specs []hasher.Spec) {
	x.prints = map[safety.HashType]*prints{}
	for _, s := range specs {
		x.prints[s.Type] = &prints{spec: s, place: map[uint32]int{}}
	}
}

// putPrint makes an opaque signal findable, if a hasher gives its type. One of
// another length than the hasher's can meet nothing and is left out, which is
// logged. x.mu is held.
func (x *Index) putPrint(e entry, h safety.Hash) {
	p := x.prints[h.Type]
	if p == nil {
		return
	}
	value := h.Bytes() // nil for one that is kept by its digest only
	if len(value) != p.spec.Bytes {
		x.log.Warn("a signal is not matched: its length is not the hasher's", "signal", e.id.String(), "type", h.Type)
		return
	}
	if n, fresh := x.table.add(e); fresh {
		p.insert(n, value)
	}
}

func (p *prints) insert(n uint32, value []byte) {
	p.place[n] = len(p.rows)
	p.rows = append(p.rows, printRow{n, uint32(p.spec.Distance.Mass(value))})
	p.bytes = append(p.bytes, value...)
}

// delete moves the last row to where the deleted one was.
func (p *prints) delete(n uint32) {
	i, ok := p.place[n]
	if !ok {
		return
	}
	last, size := len(p.rows)-1, p.spec.Bytes
	p.rows[i] = p.rows[last]
	copy(p.bytes[i*size:(i+1)*size], p.bytes[last*size:])
	p.place[p.rows[i].number] = i
	delete(p.place, n)
	p.rows, p.bytes = p.rows[:last], p.bytes[:last*size]
}

// search calls fn with every row within limit.
func (p *prints) search(value []byte, limit int, fn func(n uint32, distance int)) {
	d, size := p.spec.Distance, p.spec.Bytes
	mass := d.Mass(value)
	for i, r := range p.rows {
		if d.Least(mass-int(r.mass), size) > limit {
			continue
		}
		if got := d.Between(value, p.bytes[i*size:(i+1)*size], limit); got <= limit {
			fn(r.number, got)
		}
	}
}

// lookupPrints tells the closest of each list, for each type. An allow list
// speaks for its own type only: distances of two types cannot be compared.
// x.mu is held.
func (x *Index) lookupPrints(hashes []safety.Hash, lot int, now time.Time) []safety.Finding {
	var found []safety.Finding
	for _, h := range hashes {
		p, value := x.prints[h.Type], h.Bytes()
		if p == nil || len(value) != p.spec.Bytes {
			continue // package intake does not call such content scanned
		}
		var near []safety.Finding
		best := map[*list]int{} // place in near
		p.search(value, x.widestPrint(&p.spec), func(n uint32, distance int) {
			e := &x.table.entries[n]
			l := x.lists[e.list]
			if distance > p.spec.ThresholdOf(l.name) || !l.counts(lot, now) || now.Before(x.off[e.content]) {
				return
			}
			id := e.id.String()
			f := safety.Finding{Detector: hasher.DetectorName(h.Type), List: l.name, Kind: l.kind, Match: safety.MatchNear,
				Variant: "original", SignalID: id, Distance: distance, Quarantined: x.quarantined[id]}
			if i, ok := best[l]; !ok {
				best[l] = len(near)
				near = append(near, f)
			} else if better(f, near[i]) {
				near[i] = f
			}
		})
		found = append(found, withoutAllowed(near)...)
	}
	return found
}

// widestPrint is the greatest threshold of an enabled list. x.mu is held.
func (x *Index) widestPrint(s *hasher.Spec) int {
	w := 0
	for _, l := range x.lists {
		if l.enabled {
			w = max(w, s.ThresholdOf(l.name))
		}
	}
	return w
}

// takePrints reads the opaque signals of a list that came from a snapshot, up to
// the snapshot's version.
func (x *Index) takePrints(ctx context.Context, place uint16, l snapshotList) (signals int, err error) {
	for t := range x.prints {
		for after := ""; ; {
			page, err := x.store.Read().SignalsOfType(ctx, db.SignalsOfTypeParams{ListID: l.ID, HashType: string(t),
				AddedVersion: l.Version, HashValue: after, Limit: signalPage})
			if err != nil {
				return signals, fmt.Errorf("reading signals of type %s: %w", t, err)
			}
			x.mu.Lock()
			err = x.add(place, page, nil)
			x.mu.Unlock()
			if err != nil {
				return signals, err
			}
			signals += len(page)
			if len(page) < signalPage {
				break
			}
			after = page[len(page)-1].HashValue
		}
	}
	return signals, nil
}
