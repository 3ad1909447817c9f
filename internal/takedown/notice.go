package takedown

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Notice is what somebody has asked of the platform, as the platform hands it in.
type Notice struct {
	Law        Law
	AskedBy    string // subject or agent
	UnderAge   string // no, yes or maybe: whether the person shown is under 18
	Signed     bool   // with a physical or electronic signature (US)
	GoodFaith  bool   // with a statement of good faith that it was published without consent (US)
	Contact    string // of the one who asks; sealed
	Reference  string // the platform's own number
	ReceivedAt time.Time
	OldReason  string // why it is handed in long after it was received
	Contents   []Named
	Hashes     []safety.Hash // of the file, where somebody has them
	PDQQuality int           // of a given PDQ hash, 0 to 100; below zero when nobody said
}

// AskedBy and UnderAge are the words for who asks, and for the age of the person
// shown.
var (
	AskedBy  = []string{"subject", "agent"}
	UnderAge = []string{"no", "yes", "maybe"}
)

func (d *Desk) check(n *Notice) error {
	now := d.now()
	if n.ReceivedAt.IsZero() {
		n.ReceivedAt = now
	}
	switch {
	case !slices.Contains(Laws, n.Law):
		return safety.Errorf(safety.Invalid, "law must be uk, us or terms")
	case !slices.Contains(AskedBy, n.AskedBy):
		return safety.Errorf(safety.Invalid, "asked_by must be subject or agent")
	case !slices.Contains(UnderAge, n.UnderAge):
		return safety.Errorf(safety.Invalid, "under_age must be no, yes or maybe")
	case n.ReceivedAt.After(now.Add(clockTolerate)):
		return safety.Errorf(safety.Invalid, "received_at is in the future")
	case n.ReceivedAt.Before(now.Add(-d.cfg.OldAfter)) && strings.TrimSpace(n.OldReason) == "":
		return safety.Errorf(safety.Invalid, "received_at is over %d hours ago: say in old_reason why it is handed in only now", int(d.cfg.OldAfter/time.Hour))
	case len(n.Contents) == 0 || len(n.Contents) > maxContents || len(n.Hashes) > maxContents:
		return safety.Errorf(safety.Invalid, "a notice names 1 to %d contents and at most as many hashes", maxContents)
	case utf8.RuneCountInString(n.Contact) > maxNote || utf8.RuneCountInString(n.OldReason) > maxNote || utf8.RuneCountInString(n.Reference) > 100:
		return safety.Errorf(safety.Invalid, "contact and old_reason have at most %d characters, reference 100", maxNote)
	}
	n.ReceivedAt = earlier(n.ReceivedAt, now)
	for _, c := range n.Contents {
		if err := c.check(); err != nil {
			return err
		}
	}
	for _, h := range n.Hashes {
		if _, err := safety.ParseHash(h.Type, h.Value); err != nil {
			return err
		}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

func (c Named) check() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.ContentID == "" && c.URL == "":
		return safety.Errorf(safety.Invalid, "a content needs its content_id or its url")
	case len(c.ContentID) > 255 || len(c.URL) > 2083:
		return safety.Errorf(safety.Invalid, "a content_id has at most 255 bytes and a url 2083")
	case c.URL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http"):
		return safety.Errorf(safety.Invalid, "a url must be an http or https URL")
	}
	return nil
}

// Receive takes a notice. One that may be about a child becomes a case of the
// first priority at once; the notice is kept and says so.
func (d *Desk) Receive(ctx context.Context, tx *store.Tx, who safety.Actor, n Notice) (id string, err error) {
	if err := d.check(&n); err != nil {
		return "", err
	}
	now := d.now()
	id = safety.NewID("tkd", now)
	sealed := []byte{}
	if n.Contact != "" {
		if sealed, err = d.vault.SealSecret("takedown "+id, []byte(n.Contact)); err != nil {
			return "", fmt.Errorf("sealing contact: %w", err)
		}
	}
	row := db.AddTakedownParams{ID: id, State: string(Open), Law: string(n.Law), AskedBy: n.AskedBy, UnderAge: n.UnderAge, Signed: n.Signed, GoodFaith: n.GoodFaith,
		Contact: sealed, Reference: n.Reference, ReceivedAt: store.Micros(n.ReceivedAt), RecordedAt: store.Micros(now), OldReason: n.OldReason,
		DueAt: store.Micros(d.cfg.Clock(n.Law).End(n.ReceivedAt)), RecordedBy: who.ID}
	child := n.UnderAge != "no"
	if child {
		ids, err := d.hooks.Case(ctx, tx, Child{NoticeID: id, Contents: n.Contents, Why: "A takedown notice says that the person shown is or may be under 18."})
		if err != nil {
			return "", fmt.Errorf("opening a case: %w", err)
		}
		row.State, row.EndedAt, row.CaseIds, row.Late = string(Moved), store.Micros(now), strings.Join(ids, " "), store.Micros(now) > row.DueAt
	}
	if err := tx.AddTakedown(ctx, row); err != nil {
		return "", fmt.Errorf("keeping notice: %w", err)
	}
	if err := d.addContents(ctx, tx, id, n, now, child); err != nil {
		return "", err
	}
	detail := fmt.Sprintf("law %s, by the %s, %d contents, due %s", n.Law, n.AskedBy, len(n.Contents), stamp(row.DueAt))
	if err := ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "takedown.receive", Subject: id, Detail: detail}); err != nil {
		return "", err
	}
	if child {
		return id, d.moved(ctx, tx, safety.System, id, row.CaseIds, n.Contents, now)
	}
	return id, nil
}

// addContents keeps what a notice names. Of a child's picture no hash is kept
// here: the case has what there is.
func (d *Desk) addContents(ctx context.Context, tx *store.Tx, id string, n Notice, now time.Time, child bool) error {
	for _, c := range n.Contents {
		_, err := tx.AddTakedownContent(ctx, db.AddTakedownContentParams{ID: safety.NewID("tkc", now), TakedownID: id, ContentID: c.ContentID, Url: c.URL,
			Relation: string(Reported), FoundAt: store.Micros(now)})
		if err != nil {
			return fmt.Errorf("keeping contents: %w", err)
		}
	}
	if child {
		return nil
	}
	for _, h := range n.Hashes {
		p := db.AddTakedownHashParams{TakedownID: id, HashType: string(h.Type), HashValue: strings.ToLower(h.Value)}
		if h.Type == safety.PDQ {
			p.Quality = int64(n.PDQQuality)
		}
		if err := tx.AddTakedownHash(ctx, p); err != nil {
			return fmt.Errorf("keeping hashes: %w", err)
		}
	}
	row, err := d.lock(ctx, tx, id)
	if err != nil {
		return err
	}
	_, err = d.learn(ctx, tx, row)
	return err
}

func stamp(us int64) string { return store.Time(us).Format(time.RFC3339) }

// moved writes down, and tells the platform, that a notice is a case now.
func (d *Desk) moved(ctx context.Context, tx *store.Tx, who safety.Actor, id, caseIDs string, contents []Named, now time.Time) error {
	err := d.hooks.Announce(ctx, tx, safety.Event{Type: "takedown.moved", Subject: id, Data: map[string]any{"takedown_id": id,
		"case_ids": strings.Fields(caseIDs), "contents": contents, "verdict": string(safety.VerdictHold)}})
	if err != nil {
		return err
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "takedown.move", Subject: id, Detail: "to the child-safety path: " + caseIDs})
}

// Move gives a notice to the child-safety path, because a person has seen that it
// is or may be about a child. One that is being taken down goes on being taken
// down; any other ends here.
func (d *Desk) Move(ctx context.Context, tx *store.Tx, who safety.Actor, id string) error {
	if err := person(who); err != nil {
		return err
	}
	before, err := d.lock(ctx, tx, id)
	if err != nil {
		return err
	}
	if before.CaseIds != "" {
		return safety.Errorf(safety.Conflict, "this notice is a case already")
	}
	rows, err := tx.TakedownContents(ctx, id)
	if err != nil {
		return fmt.Errorf("reading contents: %w", err)
	}
	contents := names(rows)
	ids, err := d.hooks.Case(ctx, tx, Child{NoticeID: id, Contents: contents, Why: "A person who looked at a takedown notice says that the person shown is or may be under 18."})
	if err != nil {
		return fmt.Errorf("opening a case: %w", err)
	}
	n, at := before, d.at(before)
	n.CaseIds = strings.Join(ids, " ")
	if in(n.State, Open, Refused) {
		n.State = string(Moved)
		if n.EndedAt == 0 {
			n.EndedAt = at
		}
	}
	if err := d.save(ctx, tx, before, n); err != nil {
		return err
	}
	return d.moved(ctx, tx, who, id, n.CaseIds, contents, store.Time(at))
}

// names are the contents that an effect is about: not those that stay up.
func names(rows []db.TakedownContent) []Named {
	out := []Named{}
	for _, r := range rows {
		if !r.LeftUp {
			out = append(out, Named{r.ContentID, r.Url})
		}
	}
	return out
}

// Contact opens what the one who asked left to be reached by. The row of the ledger
// says who looked and why, and nothing of what was read; it must commit before the
// contact is shown.
func (d *Desk) Contact(ctx context.Context, tx *store.Tx, who safety.Actor, id, why string) (string, error) {
	if err := person(who); err != nil {
		return "", err
	}
	if strings.TrimSpace(why) == "" || utf8.RuneCountInString(why) > 300 {
		return "", safety.Errorf(safety.Invalid, "say in at most 300 characters why you look")
	}
	n, err := tx.Takedown(ctx, id)
	if err != nil {
		return "", store.NotFound(err, "takedown notice")
	}
	if len(n.Contact) == 0 {
		return "", safety.Errorf(safety.NotFound, "no contact was given, or it was forgotten")
	}
	text, err := d.vault.OpenSecret("takedown "+id, n.Contact)
	if err != nil {
		return "", err
	}
	return string(text), ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "takedown.contact", Subject: id, Detail: why})
}
