package match

import (
	"encoding/base64"
	"slices"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
)

// columns are what an upload is looked up by without its remembered hashes being
// read: its digests and, of a picture, the PDQ hashes of its first frame.
func columns(p *db.AddRecentParams, q Query) {
	for _, h := range q.Exact {
		switch h.Type {
		case safety.SHA256:
			p.Sha256 = h.Value
		case safety.SHA1:
			p.Sha1 = h.Value
		case safety.MD5:
			p.Md5 = h.Value
		}
	}
	if len(q.Video) > 0 || len(q.Near) == 0 {
		return
	}
	p.Pdq, p.Quality, p.Turned = q.Near[0].Hash.String(), int64(q.Near[0].Quality), turned(q.Near)
}

// turned are the hashes of the first frame in the other seven orientations, as of
// [pdq.Result.Dihedral], in base64; empty where only a hash was given.
func turned(ns []Near) string {
	names := pdq.VariantNames()
	out := make([]byte, 0, 7*len(pdq.Hash{}))
	for _, name := range names[1:] {
		i := slices.IndexFunc(ns, func(n Near) bool { return n.Frame == 0 && n.Variant == name })
		if i < 0 {
			return ""
		}
		out = append(out, ns[i].Hash[:]...)
	}
	return base64.RawStdEncoding.EncodeToString(out)
}
