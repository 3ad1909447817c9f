package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
)

// ncmecSpan is the longest window that NCMEC is asked for at once, so that one
// which changes while it is read is soon read again.
const ncmecSpan = 90 * 24 * time.Hour

// ncmecStart is before the first entry.
var ncmecStart = time.Date(2014, 1, 1, 0, 0, 0, 0, time.UTC)

// ncmecTypes are NCMEC's names of the fingerprints.
var ncmecTypes = map[cybertip.FingerprintType]safety.HashType{
	cybertip.FingerprintMD5: safety.MD5, cybertip.FingerprintSHA1: safety.SHA1, cybertip.FingerprintPDNA: safety.PhotoDNA,
	cybertip.FingerprintPDQ: safety.PDQ, cybertip.FingerprintNetClean: safety.NetClean, cybertip.FingerprintVidentifier: safety.Videntifier,
	cybertip.FingerprintTMKPDQF: safety.TMKPDQF, cybertip.FingerprintSSVHPDNA: safety.SSVHPDNA,
	cybertip.FingerprintSSVHSaferHash: safety.SSVHSaferHash,
}

// ncmec reads NCMEC Hash Sharing.
type ncmec struct {
	feed
	client  *cybertip.HashSharing
	limit   time.Duration
	large   bool
	reasons map[string]string
}

func newNCMEC(s Settings, c Credentials, limit time.Duration, now func() time.Time) (*ncmec, error) {
	client, err := cybertip.NewHashSharing(cybertip.Config{BaseURL: s.URL, Username: c.Username, Password: c.Password, HTTP: newHTTP(limit), Now: now})
	if err != nil {
		return nil, safety.Wrap(safety.Invalid, err, "the exchange's settings are of no use")
	}
	n := &ncmec{client: client, limit: limit, large: s.FetchLarge, reasons: s.Reasons}
	start := s.Start
	if start.IsZero() {
		start = ncmecStart
	}
	n.feed = feed{fetch: n.fetch, now: now, until: func(since int64) (int64, bool) {
		latest := now().Add(-cybertip.HashSharingLag).Unix()
		end := max(since, start.Unix()) + int64(ncmecSpan/time.Second)
		return min(end, latest), end >= latest
	}}
	return n, nil
}

func (n *ncmec) fetch(ctx context.Context, c cursor) (a answer, err error) {
	call, cancel := context.WithTimeout(ctx, n.limit)
	defer cancel()
	from, to := time.Unix(max(c.Since, 0), 0), time.Unix(c.Until, 0)
	if c.Since == 0 {
		from = ncmecStart
	}
	var p cybertip.EntryPage
	if c.Token == "" {
		p, err = n.client.Entries(call, from, to)
	} else {
		p, err = n.client.NextEntries(call, c.Token, from, to)
	}
	if err != nil {
		return a, ncmecFailure(err)
	}
	a = answer{token: p.Next, max: p.Max, digest: digestOf(p.Entries)}
	if !p.Date.IsZero() {
		a.clock = p.Date.Add(-cybertip.HashSharingLag).Unix()
	}
	for _, e := range p.Entries {
		ch, err := n.entry(ctx, e)
		if err != nil {
			return a, err
		}
		a.changes = append(a.changes, ch)
	}
	return a, nil
}

// entry turns NCMEC's entry into a change. Its key is of both numbers: two
// members may use the same one.
func (n *ncmec) entry(ctx context.Context, e cybertip.Entry) (Change, error) {
	key, err := json.Marshal([2]string{e.MemberID, e.ID})
	if err != nil {
		return Change{}, err
	}
	c := Change{Key: string(key), At: e.Timestamp, Deleted: e.Deleted, Classification: e.Classification, Origin: e.Member}
	for _, f := range e.Fingerprints {
		t, known := ncmecTypes[f.Type]
		switch {
		case !known:
			c.Unknown++
		case f.Href != "" && !n.large:
			// Kept out by choice; see Settings.FetchLarge.
		case f.Href != "":
			call, cancel := context.WithTimeout(ctx, n.limit)
			body, err := n.client.Fingerprint(call, f.Href)
			cancel()
			if err != nil {
				return c, ncmecFailure(err)
			}
			c.body(t, body)
		default:
			c.print(t, f.Value)
		}
	}
	return c, nil
}

// print adds a fingerprint in the source's words, or counts it as malformed.
func (c *Change) print(t safety.HashType, value string) {
	h, err := match.ParseSignal(t, value)
	if err != nil {
		if raw, err := base64.StdEncoding.DecodeString(value); err == nil && t.Opaque() && t != safety.PhotoDNA && len(raw) > safety.MaxInline {
			c.body(t, raw)
			return
		}
		c.Malformed++
		return
	}
	if !slices.Contains(c.Prints, h) {
		c.Prints = append(c.Prints, h)
	}
}

// body adds a binary fingerprint: itself when it is short, its digest when not.
func (c *Change) body(t safety.HashType, raw []byte) {
	if len(raw) <= safety.MaxInline {
		c.print(t, hex.EncodeToString(raw))
		return
	}
	if len(raw) > safety.MaxOpaque {
		c.Malformed++
		return
	}
	sum := sha256.Sum256(raw)
	value := "sha256:" + hex.EncodeToString(sum[:])
	if c.Bodies == nil {
		c.Bodies = map[string][]byte{}
	}
	c.Bodies[value] = raw
	c.print(t, value)
}

func digestOf(v any) string {
	b, _ := json.Marshal(v) // plain fields
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}

// ncmecFailure is an error of package cybertip in words.
func ncmecFailure(err error) error {
	f := &Failure{Why: "the source cannot be reached", Err: err}
	if errors.Is(err, context.DeadlineExceeded) {
		f.Why = "the source does not answer in time"
	}
	class, _ := cybertip.Classify(err)
	if e, ok := errors.AsType[*cybertip.ResponseError](err); ok {
		f.RetryAfter = e.RetryAfter
		switch {
		case class == cybertip.Credentials:
			f.Why = "the source refuses our credentials; an operator must act"
		case e.HTTPStatus == 429:
			f.Why = "the source asks us to slow down (429)"
		case e.HTTPStatus == 200:
			f.Why = "the source sent something that is not what was asked for"
		default:
			f.Why = failure("the source answered %d", e.HTTPStatus).Why
		}
		f.Refused = class == cybertip.Terminal
	}
	return f
}

// Vote implements [Voter].
func (n *ncmec) Vote(ctx context.Context, v Vote) error {
	var key [2]string
	if err := json.Unmarshal([]byte(v.Key), &key); err != nil {
		return &Failure{Why: "the entry has no number to vote on", Refused: true}
	}
	var t cybertip.FingerprintType
	for name, ours := range ncmecTypes {
		if ours == v.Print.Type {
			t = name
		}
	}
	var reasons []string
	if !v.Affirmative {
		reason := strings.TrimSpace(n.reasons[string(v.Print.Type)])
		if reason == "" {
			return &Failure{Why: "no reason is set for negative votes on " + string(v.Print.Type) + "; see docs/exchanges.md", Refused: true}
		}
		reasons = []string{reason}
	}
	if err := n.client.Feedback(ctx, key[0], key[1], t, v.Affirmative, reasons); err != nil {
		return ncmecFailure(err)
	}
	return nil
}
