package intake

import (
	"context"
	"slices"

	"github.com/rowan-safety/rowan/internal/hasher"
	"github.com/rowan-safety/rowan/internal/safety"
)

// ReasonHasher is why content is partial that an operator's hasher did not scan.
const ReasonHasher = "hasher_failed"

// askHashers asks the operator's hashers that are made for this kind of file and
// may run here. One that gives no fingerprint has not scanned the file: what was
// scanned is then partial. A file in no format that is known goes to none; it is
// not scanned already.
func (d *Desk) askHashers(ctx context.Context, c Content, s *seen) {
	kind := MediaType(s.report.Format)
	var hs []*hasher.Hasher
	for _, h := range d.Hashers {
		if h.Takes(kind) && d.Rules.Permits(h.Detector(), c.Surface, c.Jurisdiction) {
			hs = append(hs, h)
		}
	}
	if len(hs) == 0 {
		return
	}
	prints, failed := hasher.All(ctx, hs, kind, c.File)
	s.prints = prints
	for _, err := range failed {
		d.Log.WarnContext(ctx, "a hasher did not scan a file", "error", err)
	}
	if len(failed) > 0 && s.scan == safety.ScanScanned {
		s.scan, s.reason = safety.ScanPartial, ReasonHasher
	}
}

// TakesPrint reports whether fingerprints of an opaque type are looked up.
func (d *Desk) TakesPrint(t safety.HashType) bool {
	return slices.ContainsFunc(d.Hashers, func(h *hasher.Hasher) bool { return h.Type == t })
}

// lacksPrint reports whether a hasher of pictures that may run here would have
// given a fingerprint that is not among prints, or whether one among them has
// another length than its hasher's.
func (d *Desk) lacksPrint(c Content, prints []safety.Hash) bool {
	return slices.ContainsFunc(d.Hashers, func(h *hasher.Hasher) bool {
		i := slices.IndexFunc(prints, func(p safety.Hash) bool { return p.Type == h.Type })
		if i >= 0 {
			return len(prints[i].Bytes()) != h.Bytes
		}
		return slices.Contains(h.Media, hasher.Image) && d.Rules.Permits(h.Detector(), c.Surface, c.Jurisdiction)
	})
}
