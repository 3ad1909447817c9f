package takedown

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
)

// Relation is how a content belongs to a notice.
type Relation string

// The relations.
const (
	Reported Relation = "reported"
	Same     Relation = "same"    // a cryptographic hash of the file is the same
	Similar  Relation = "similar" // the perceptual hash is near, in one of eight orientations
)

const (
	// overlap is how far back a search begins again: an upload is written some time
	// after it is numbered, beside the answer to it.
	overlap = 10 * time.Minute
	// settled is how long a list takes to be in use everywhere. What is uploaded after
	// it meets the list in its own check, and is no matter of the notice any more.
	settled = time.Minute
	// again is how often everything that is kept is compared anew: what a clock that
	// went wrong for a while has hidden is found then.
	again    = time.Hour
	pageSize = 2000
)

// SearchArgs is the durable job that looks for the same pictures elsewhere.
type SearchArgs struct{}

// Kind names the job.
func (SearchArgs) Kind() string { return "takedown_search" }

// Search compares the uploads that have come since the last time, or all that are
// kept for a new notice, with what notices name. It returns how many contents it
// found. A notice whose search fails is searched again; it keeps no other from its
// search.
func (d *Desk) Search(ctx context.Context) (found int, err error) {
	for after := ""; ; {
		page, readErr := d.store.Read().TakedownsToSearch(ctx, after, micros(overlap+settled), 100)
		if readErr != nil {
			return found, errors.Join(err, fmt.Errorf("reading notices: %w", readErr))
		}
		if len(page) == 0 {
			return found, err
		}
		after = page[len(page)-1].ID
		for _, n := range page {
			k, oneErr := d.search(ctx, n)
			found += k
			if oneErr != nil {
				err = errors.Join(err, fmt.Errorf("searching for %s: %w", n.ID, oneErr))
			}
		}
	}
}

func (d *Desk) search(ctx context.Context, n db.Takedown) (int, error) {
	var hashes []db.TakedownHash
	err := d.store.Tx(ctx, func(tx *store.Tx) error {
		var err error
		if n, err = d.lock(ctx, tx, n.ID); err != nil {
			return err
		}
		fresh, err := d.learn(ctx, tx, n)
		if err != nil {
			return err
		}
		now := store.Micros(d.now())
		if fresh || now < n.FullAt || now >= n.FullAt+micros(again) {
			n.SearchedTo = 0
		}
		hashes, err = tx.TakedownHashes(ctx, n.ID)
		return err
	})
	if err != nil {
		return 0, err
	}
	w := wantedOf(hashes)
	if w.empty() {
		return 0, nil // the content is unknown, and the notice says so
	}
	t := tally{since: n.SearchedTo, to: store.Micros(d.now())}
	if err := d.compare(ctx, w, &t); err != nil {
		return 0, err
	}
	return d.found(ctx, n, &t)
}

// learn looks up the hashes of what a notice names and Rowan did not know, and
// reports whether there are new ones.
func (d *Desk) learn(ctx context.Context, tx *store.Tx, n db.Takedown) (fresh bool, err error) {
	rows, err := tx.TakedownContents(ctx, n.ID)
	if err != nil {
		return false, fmt.Errorf("reading contents: %w", err)
	}
	for _, r := range rows {
		if r.Known || r.ContentID == "" || r.Relation != string(Reported) {
			continue
		}
		ups, err := uploadsOf(ctx, tx, r.ContentID)
		if err != nil {
			return false, err
		}
		known := false
		for _, u := range ups {
			for _, h := range u.hashes() {
				h.TakedownID = n.ID
				if err := tx.AddTakedownHash(ctx, h); err != nil {
					return false, fmt.Errorf("keeping hashes: %w", err)
				}
				known = true
			}
		}
		if !known {
			continue
		}
		fresh = true
		if _, err := tx.KnowTakedownContent(ctx, r.ID, true); err != nil {
			return false, fmt.Errorf("keeping contents: %w", err)
		}
	}
	if !fresh || Outcome(n.Outcome) != TakeDown || !in(n.State, Decided, Removed) {
		return fresh, nil
	}
	return fresh, d.list(ctx, tx, safety.System, n.ID)
}

func uploadsOf(ctx context.Context, tx *store.Tx, contentID string) ([]upload, error) {
	recents, err := tx.RecentsOfContent(ctx, contentID)
	if err != nil {
		return nil, fmt.Errorf("reading uploads: %w", err)
	}
	items, err := tx.ItemsOfContent(ctx, contentID)
	if err != nil {
		return nil, fmt.Errorf("reading items: %w", err)
	}
	var out []upload
	for _, r := range recents {
		out = append(out, fromRecent(r))
	}
	for _, it := range items {
		out = append(out, fromItem(it))
	}
	return out, nil
}

// upload is what is kept of an upload: as a recent one, or as an item of a case.
type upload struct {
	contentID, sha256, sha1, md5, pdq, turned string
	quality                                   int64
	at                                        int64
}

func fromRecent(r db.Recent) upload {
	return upload{r.ContentID, r.Sha256, r.Sha1, r.Md5, r.Pdq, r.Turned, r.Quality, r.SeenAt}
}

// fromItem: a case does not keep the quality of a hash.
func fromItem(it db.Item) upload {
	return upload{it.ContentID, it.Sha256, it.Sha1, it.Md5, it.Pdq, "", -1, it.ReceivedAt}
}

func (u upload) hashes() []db.AddTakedownHashParams {
	var out []db.AddTakedownHashParams
	for _, h := range []struct {
		t safety.HashType
		v string
	}{{safety.SHA256, u.sha256}, {safety.SHA1, u.sha1}, {safety.MD5, u.md5}} {
		if h.v != "" {
			out = append(out, db.AddTakedownHashParams{HashType: string(h.t), HashValue: h.v})
		}
	}
	if u.pdq != "" {
		out = append(out, db.AddTakedownHashParams{HashType: string(safety.PDQ), HashValue: u.pdq, Quality: u.quality, Turned: u.turned})
	}
	return out
}

// usable reports whether a hash may be compared: a picture without features
// looks like all others.
func usable(h db.TakedownHash) bool {
	return h.HashType != string(safety.PDQ) || h.Quality < 0 || h.Quality >= pdq.MinQuality
}

// wanted is what a search looks for.
type wanted struct {
	exact map[safety.Hash]bool
	near  []picture
}

// picture is a perceptual hash with its orientations. Without those of the pixels
// they are worked out from the hash, which is some bits off.
type picture struct {
	all   [8]pdq.Hash
	exact bool
}

func pictureOf(text, turned string) (picture, bool) {
	h, err := pdq.ParseHash(text)
	if err != nil || h == (pdq.Hash{}) {
		return picture{}, false
	}
	p := picture{all: h.Orientations()}
	if others, err := parseTurned(turned); err == nil && len(others) == len(p.all)-1 {
		copy(p.all[1:], others)
		p.exact = true
	}
	return p, true
}

func wantedOf(rows []db.TakedownHash) wanted {
	w := wanted{exact: map[safety.Hash]bool{}}
	for _, r := range rows {
		if r.HashType != string(safety.PDQ) {
			w.exact[safety.Hash{Type: safety.HashType(r.HashType), Value: r.HashValue}] = true
		} else if p, ok := pictureOf(r.HashValue, r.Turned); ok && usable(r) {
			w.near = append(w.near, p)
		}
	}
	return w
}

func (w wanted) empty() bool { return len(w.exact) == 0 && len(w.near) == 0 }

// meets says how an upload is like what is wanted; "" when it is not.
func (w wanted) meets(u upload) Relation {
	for t, v := range map[safety.HashType]string{safety.SHA256: u.sha256, safety.SHA1: u.sha1, safety.MD5: u.md5} {
		if v != "" && w.exact[safety.Hash{Type: t, Value: v}] {
			return Same
		}
	}
	if !u.nearable() {
		return ""
	}
	p, ok := pictureOf(u.pdq, u.turned)
	if !ok {
		return ""
	}
	for _, q := range w.near {
		if q.distance(p) <= pdq.MatchThreshold {
			return Similar
		}
	}
	return ""
}

func (u upload) nearable() bool { return u.pdq != "" && (u.quality < 0 || u.quality >= pdq.MinQuality) }

// distance is the least in eight orientations: those of the side whose pixels were
// seen, turned against the other as it is.
func (p picture) distance(q picture) int {
	if !p.exact && q.exact {
		p, q = q, p
	}
	least := len(p.all[0]) * 8
	for _, h := range p.all {
		least = min(least, h.Distance(q.all[0]))
	}
	return least
}

// tally is what a search met.
type tally struct {
	since, to                        int64
	compared, exactOnly, notSearched int64
	oldest                           int64
	hits                             []hit
}

type hit struct {
	contentID string
	relation  Relation
	at        int64
}

func (t *tally) add(w wanted, u upload) {
	counts := u.at > t.since || t.since == 0
	bare := u.sha256 == "" && u.sha1 == "" && u.md5 == "" && u.pdq == ""
	switch {
	case u.contentID == "" || bare:
		if counts {
			t.notSearched++
		}
		return
	case counts && !u.nearable():
		t.exactOnly++
	}
	if counts {
		t.compared++
		if t.oldest == 0 || u.at < t.oldest {
			t.oldest = u.at
		}
	}
	if r := w.meets(u); r != "" {
		t.hits = append(t.hits, hit{u.contentID, r, u.at})
	}
}

// compare passes every upload that is kept, from some time before the last search.
func (d *Desk) compare(ctx context.Context, w wanted, t *tally) error {
	q, from := d.store.Read(), int64(0)
	if t.since > 0 {
		// A clock that was set back gives uploads numbers from before the last search.
		from = max(0, min(t.since, t.to)-micros(overlap))
	}
	for after := floor("rec", from); ; {
		page, err := q.RecentsAfter(ctx, after, pageSize)
		if err != nil {
			return fmt.Errorf("reading uploads: %w", err)
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
		for _, r := range page {
			t.add(w, fromRecent(r))
		}
	}
	for after := floor("itm", from); ; {
		page, err := q.ItemsAfter(ctx, after, pageSize)
		if err != nil {
			return fmt.Errorf("reading items: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1].ID
		for _, it := range page {
			t.add(w, fromItem(it))
		}
	}
}

func parseTurned(text string) (out []pdq.Hash, err error) {
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(b)%len(pdq.Hash{}) != 0 {
		return nil, errors.New("the hashes of turned pictures are damaged")
	}
	for c := range slices.Chunk(b, len(pdq.Hash{})) {
		out = append(out, pdq.Hash(c))
	}
	return out, nil
}

// floor is the least id that was made at a time.
func floor(prefix string, us int64) string {
	var b [17]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(us/1000))
	copy(b[:6], ms[2:])
	return safety.FormatID(prefix, b)
}

// found keeps what a search has met. A content that is found for a notice which is
// being taken down, or was, is told to the platform at once.
func (d *Desk) found(ctx context.Context, n db.Takedown, t *tally) (fresh int, err error) {
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		before, err := d.lock(ctx, tx, n.ID)
		if err != nil {
			return err
		}
		fresh = 0
		told := []Named{}
		rows, err := tx.TakedownContents(ctx, n.ID)
		if err != nil {
			return fmt.Errorf("reading contents: %w", err)
		}
		at := d.at(before)
		for _, h := range t.hits {
			if before.ListedAt > 0 && h.at > before.ListedAt+micros(settled) {
				continue
			}
			if slices.ContainsFunc(rows, func(r db.TakedownContent) bool { return r.ContentID == h.contentID }) {
				continue
			}
			k, err := tx.AddTakedownContent(ctx, db.AddTakedownContentParams{ID: safety.NewID("tkc", store.Time(at)), TakedownID: n.ID, ContentID: h.contentID,
				Relation: string(h.relation), Known: true, FoundAt: at})
			if err != nil {
				return fmt.Errorf("keeping what was found: %w", err)
			}
			if k > 0 {
				fresh++
				told = append(told, Named{ContentID: h.contentID})
			}
		}
		if err := d.searched(ctx, tx, before, n.SearchedTo == 0, t); err != nil || fresh == 0 {
			return err
		}
		return d.foundMore(ctx, tx, before, told)
	})
	return fresh, err
}

func (d *Desk) searched(ctx context.Context, tx *store.Tx, n db.Takedown, anew bool, t *tally) error {
	p := db.TakedownSearchedParams{ID: n.ID, SearchedTo: t.to, Compared: n.Compared + t.compared, ExactOnly: n.ExactOnly + t.exactOnly,
		NotSearched: n.NotSearched + t.notSearched, KeptSince: n.KeptSince, FullAt: n.FullAt}
	if anew {
		p.Compared, p.ExactOnly, p.NotSearched, p.KeptSince, p.FullAt = t.compared, t.exactOnly, t.notSearched, t.oldest, t.to
	}
	if err := tx.TakedownSearched(ctx, p); err != nil {
		return fmt.Errorf("noting progress: %w", err)
	}
	return nil
}

func (d *Desk) foundMore(ctx context.Context, tx *store.Tx, before db.Takedown, told []Named) error {
	n := before
	if in(n.State, Decided, Removed) {
		n.State, n.EndedAt = string(Decided), 0
		made, err := tx.TakedownDecisions(ctx, n.ID)
		if err != nil {
			return fmt.Errorf("reading decisions: %w", err)
		}
		if err := d.tell(ctx, tx, "takedown.found", n, made[len(made)-1].ID, told); err != nil {
			return err
		}
	}
	if err := d.save(ctx, tx, before, n); err != nil {
		return err
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: store.Time(d.at(before)), Actor: safety.System.ID, Action: "takedown.found", Subject: n.ID, Detail: fmt.Sprintf("%d more contents", len(told))})
}
