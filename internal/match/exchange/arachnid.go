package exchange

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
)

// arachnid asks Shield, of the Canadian Centre for Child Protection's Project
// Arachnid, about uploads by their PDQ hashes. Shield gives no list out, so the
// list that it feeds holds what it has recognised here: the hashes of our own
// uploads that are near to something it knows. The list grows by them, and so they
// are found among the recent uploads as with any list that grows.
//
// Only hashes leave, never a file: POST /v1/pdq/, with HTTP basic authentication.
// The form of question and answer is that of the service's own client library
// (arachnid-shield-sdk-python, July 2025). How many hashes one question may hold is
// unverified.
type arachnid struct {
	*caller
	settings Settings
	store    *store.Store
	exchange string // id
}

func newArachnid(s Settings, c Credentials, st *store.Store, id string, limit time.Duration, now func() time.Time) *arachnid {
	a := &arachnid{caller: newCaller(s.URL, limit, now), settings: s, store: st, exchange: id}
	a.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password)))
	return a
}

const (
	arachnidBatch = 100
	// arachnidLag lets uploads be written by every process before their time is
	// passed by: they are some at a time, half a second late (match.Recents).
	arachnidLag = 2 * time.Minute
	// arachnidAgain is how often what it once recognised is asked again, since it
	// does not say when it withdraws an entry.
	arachnidAgain = 24 * time.Hour
)

// The classifications of Shield's documentation. More may come.
const (
	arachnidCSAM    = "csam"
	arachnidHarmful = "harmful-abusive-material"
	arachnidNothing = "no-known-match"
	arachnidTest    = "test" // of its test entries
)

func (s *Settings) checkArachnid() error {
	for _, v := range s.Surfaces {
		if v != safety.SurfacePublic && v != safety.SurfacePrivate {
			return safety.Errorf(safety.Invalid, "surfaces are public and private")
		}
	}
	for _, c := range s.Classifications {
		if c != arachnidCSAM && c != arachnidHarmful && c != arachnidTest {
			return safety.Errorf(safety.Invalid, "classifications are csam, harmful-abusive-material and test")
		}
	}
	return nil
}

// wants reports whether a classification belongs on the list. One that is not
// known here does: Shield knows nothing but what is harmful, and a person looks.
func (s *Settings) wants(class string) bool {
	switch class {
	case arachnidCSAM, arachnidHarmful, arachnidTest:
		if len(s.Classifications) == 0 {
			return class == arachnidCSAM
		}
		return slices.Contains(s.Classifications, class)
	}
	return true
}

// asks reports whether it is to be asked about an upload.
func (s *Settings) asks(u db.Recent) bool {
	on := safety.Surface(u.Surface)
	if len(s.Surfaces) == 0 && on != safety.SurfacePublic || len(s.Surfaces) > 0 && !slices.Contains(s.Surfaces, on) {
		return false
	}
	return u.Pdq != "" && u.Quality >= pdq.MinQuality
}

// asked is the checkpoint: how far the uploads, and what is on the list, were
// asked about.
type asked struct {
	Upload string `json:"upload"`          // id of the last one
	Again  int64  `json:"again"`           // Unix seconds: when the list was last asked about from its beginning
	Entry  string `json:"entry,omitempty"` // how far
	Going  bool   `json:"going,omitempty"` // it is being asked about
}

func (p asked) String() string {
	b, _ := json.Marshal(p) // plain fields
	return string(b)
}

// Pages implements [Source].
func (a *arachnid) Pages(ctx context.Context, checkpoint string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		var at asked
		if checkpoint != "" {
			if err := json.Unmarshal([]byte(checkpoint), &at); err != nil {
				yield(Page{}, &Failure{Why: "the checkpoint cannot be read; everything will be asked again", Restart: new(string)})
				return
			}
		}
		for _, step := range []func(context.Context, *asked) (Page, bool, error){a.uploads, a.known} {
			for more := true; more; {
				var page Page
				var err error
				before := at
				if page, more, err = step(ctx, &at); err != nil {
					yield(Page{}, err)
					return
				}
				if at == before {
					break
				}
				page.Checkpoint = at.String()
				if !yield(page, nil) {
					return
				}
			}
		}
	}
}

// uploads asks about the next uploads.
func (a *arachnid) uploads(ctx context.Context, at *asked) (page Page, more bool, err error) {
	rows, err := a.store.Read().RecentsAfter(ctx, at.Upload, arachnidBatch)
	if err != nil {
		return page, false, fmt.Errorf("reading uploads: %w", err)
	}
	until := store.Micros(a.now().Add(-arachnidLag))
	if i := slices.IndexFunc(rows, func(u db.Recent) bool { return u.SeenAt > until }); i >= 0 {
		rows = rows[:i]
	}
	if len(rows) == 0 {
		return page, false, nil
	}
	var hashes []string
	for _, u := range rows {
		switch {
		case !a.settings.asks(u):
			page.Skipped++
			continue
		case !slices.Contains(hashes, u.Pdq):
			hashes = append(hashes, u.Pdq)
		}
		page.Asked++
	}
	classes, err := a.ask(ctx, hashes)
	if err != nil {
		return page, false, err
	}
	for _, h := range hashes {
		if c := classes[h]; c != "" && a.settings.wants(c) {
			page.Changes = append(page.Changes, a.recognised(h, c))
		}
	}
	at.Upload = rows[len(rows)-1].ID
	return page, len(rows) == arachnidBatch, nil
}

// known asks again about what is on the list, once a day.
func (a *arachnid) known(ctx context.Context, at *asked) (page Page, more bool, err error) {
	if !at.Going {
		if a.now().Sub(time.Unix(at.Again, 0)) < arachnidAgain {
			return page, false, nil
		}
		at.Again, at.Going, at.Entry = a.now().Unix(), true, ""
	}
	keys, err := a.store.Read().EntriesAfter(ctx, a.exchange, at.Entry, arachnidBatch)
	if err != nil {
		return page, false, fmt.Errorf("reading entries: %w", err)
	}
	classes, err := a.ask(ctx, keys)
	if err != nil {
		return page, false, err
	}
	for _, h := range keys {
		if c := classes[h]; c != "" && a.settings.wants(c) {
			page.Changes = append(page.Changes, a.recognised(h, c))
		} else {
			page.Changes = append(page.Changes, Change{Key: h, At: a.now(), Deleted: true})
		}
	}
	if len(keys) < arachnidBatch {
		at.Going, at.Entry = false, ""
		return page, false, nil
	}
	at.Entry = keys[len(keys)-1]
	return page, true, nil
}

// recognised is an upload that Shield knows, by its hash in hex.
func (a *arachnid) recognised(hash, class string) Change {
	c := Change{Key: hash, At: a.now(), Classification: class, Origin: "Arachnid Shield"}
	switch class {
	case arachnidCSAM, arachnidHarmful, arachnidTest:
	default:
		c.Note = "a classification that Rowan does not know"
		c.Unknown++
	}
	c.print(safety.PDQ, hash)
	return c
}

// shieldMatch is what Shield says of one hash. What it is near to is not kept.
type shieldMatch struct {
	Classification *string         `json:"classification"`
	MatchType      *string         `json:"match_type"`
	Details        json.RawMessage `json:"near_match_details"` // one object or several
}

// ask asks about hashes (hex) and returns the classifications of those that Shield
// knows. An answer that leaves one out, or says two things of one, is none.
func (a *arachnid) ask(ctx context.Context, hashes []string) (map[string]string, error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	question := struct {
		Hashes []string `json:"hashes"`
	}{}
	hexOf := map[string]string{}
	for _, h := range hashes {
		raw, err := hex.DecodeString(h)
		if err != nil {
			return nil, fmt.Errorf("a stored hash: %w", err)
		}
		key := base64.StdEncoding.EncodeToString(raw)
		question.Hashes, hexOf[key] = append(question.Hashes, key), h
	}
	var answer struct {
		Scanned map[string]*shieldMatch `json:"scanned_hashes"`
	}
	if err := a.post(ctx, "/v1/pdq/", nil, question, &answer); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for key, h := range hexOf {
		m, ok := answer.Scanned[key]
		if !ok {
			return nil, failure("the answer leaves out a hash that was asked about")
		}
		class, err := m.class()
		if err != nil {
			return nil, err
		}
		out[h] = class
	}
	if len(answer.Scanned) != len(hexOf) {
		return nil, failure("the answer speaks of hashes that were not asked about")
	}
	return out, nil
}

// class is the classification of a match, empty for none.
func (m *shieldMatch) class() (string, error) {
	if m == nil {
		return "", nil
	}
	none := m.MatchType == nil || *m.MatchType == ""
	switch {
	case m.Classification == nil || *m.Classification == "":
		return "", failure("the answer says of a hash neither that it is known nor that it is not")
	case len(*m.Classification) > 64:
		return "", failure("the answer is not the JSON that was expected")
	case (*m.Classification == arachnidNothing) != none:
		return "", failure("the answer contradicts itself")
	case none:
		return "", nil
	}
	return *m.Classification, nil
}
