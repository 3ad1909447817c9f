package measures

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
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

// Fact is one thing that Rowan can show.
type Fact struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Evidence is what a probe found. No facts at all means that there is nothing
// to show; Gap then says what is missing.
type Evidence struct {
	Facts []Fact
	Gap   string
}

// Probe reads live evidence. An error is shown as "could not be read".
type Probe func(context.Context) (Evidence, error)

// Desk keeps the register of a database. Its methods may be called from many
// goroutines.
type Desk struct {
	store     *store.Store
	now       func() time.Time
	log       *slog.Logger
	catalogue *Catalogue
	probes    map[string]Probe
}

// NewDesk returns a desk. It fails when the catalogue names a probe that is not
// there.
func NewDesk(s *store.Store, now func() time.Time, log *slog.Logger, probes map[string]Probe) (*Desk, error) {
	c, err := Load()
	if err != nil {
		return nil, err
	}
	for _, name := range c.ProbeNames() {
		if probes[name] == nil {
			return nil, fmt.Errorf("the catalogue of measures names the probe %q, which nobody has registered", name)
		}
	}
	return &Desk{store: s, now: now, log: log, catalogue: c, probes: probes}, nil
}

// Version is one version of a profile.
type Version struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Profile Profile   `json:"profile"`
}

// Profiles are the versions of the profile, the latest first.
func (d *Desk) Profiles(ctx context.Context, limit int) ([]Version, error) {
	return Profiles(ctx, d.store.Read(), limit)
}

// Profiles are the versions of the profile as q sees them, the latest first.
func Profiles(ctx context.Context, q *db.Queries, limit int) ([]Version, error) {
	rows, err := q.MeasureProfiles(ctx, int32(limit))
	if err != nil {
		return nil, fmt.Errorf("reading profiles: %w", err)
	}
	out := make([]Version, len(rows))
	for i, r := range rows {
		out[i] = Version{ID: r.ID, At: store.Time(r.At), By: r.ActorName}
		if err := json.Unmarshal([]byte(r.Profile), &out[i].Profile); err != nil {
			return nil, fmt.Errorf("profile %s: %w", r.ID, err)
		}
	}
	return out, nil
}

// SetProfile writes a new version of the profile. Earlier ones stay.
func (d *Desk) SetProfile(ctx context.Context, who safety.Actor, p Profile) error {
	if err := p.Check(); err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	now := d.now()
	id := safety.NewID("mpf", now)
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		err := tx.AddMeasureProfile(ctx, db.AddMeasureProfileParams{ID: id, Profile: string(text), At: store.Micros(now), Actor: who.ID, ActorName: who.Name})
		if err != nil {
			return fmt.Errorf("writing profile: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "measures.profile", Subject: id, Detail: "the profile of the service was changed"})
	})
}

// Status is what the operator says of a measure.
type Status string

// The statuses.
const (
	InEffect    Status = "in_effect"
	NotInEffect Status = "not_in_effect"
	NotAdopted  Status = "not_adopted"
	Alternative Status = "alternative" // another measure is taken; it needs a justification
)

// Statuses are all of them.
var Statuses = []Status{InEffect, NotInEffect, NotAdopted, Alternative}

// Record is the operator's own record of a measure.
type Record struct {
	ID            string    `json:"id,omitempty"`
	Code          string    `json:"code"`
	Status        Status    `json:"status" enum:"in_effect,not_in_effect,not_adopted,alternative"`
	EffectiveOn   string    `json:"effective_on,omitempty"` // YYYY-MM-DD
	ReviewOn      string    `json:"review_on,omitempty"`
	Responsible   string    `json:"responsible,omitempty"`
	Justification string    `json:"justification,omitempty"`
	Note          string    `json:"note,omitempty"`
	Links         []string  `json:"links,omitempty"`
	At            time.Time `json:"at"`
	By            string    `json:"by"`
}

func (r *Record) check() error {
	var wrong []string
	if !slices.Contains(Statuses, r.Status) {
		wrong = append(wrong, "status is in_effect, not_in_effect, not_adopted or alternative")
	}
	if r.Status == Alternative && strings.TrimSpace(r.Justification) == "" {
		wrong = append(wrong, "an alternative measure needs a justification")
	}
	for _, day := range []string{r.EffectiveOn, r.ReviewOn} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			wrong = append(wrong, "dates are written YYYY-MM-DD")
		}
	}
	if r.Status == InEffect && r.EffectiveOn == "" {
		wrong = append(wrong, "a measure in effect has the date since when")
	}
	if utf8.RuneCountInString(r.Responsible) > 200 || utf8.RuneCountInString(r.Justification) > 4000 || utf8.RuneCountInString(r.Note) > 4000 {
		wrong = append(wrong, "responsible is over 200 characters, or justification or note over 4000")
	}
	if len(r.Links) > 20 {
		wrong = append(wrong, "there are more than 20 links")
	}
	for _, l := range r.Links {
		u, err := url.Parse(l)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || len(l) > 2000 {
			wrong = append(wrong, "a link is an http or https address")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return safety.Errorf(safety.Invalid, "%s", strings.Join(slices.Compact(wrong), "; "))
}

// SetRecord writes a new version of the operator's record. Earlier ones stay.
func (d *Desk) SetRecord(ctx context.Context, who safety.Actor, r Record) error {
	if d.catalogue.Find(r.Code) == nil {
		return safety.Errorf(safety.NotFound, "no such measure")
	}
	if err := r.check(); err != nil {
		return err
	}
	links, err := json.Marshal(append([]string{}, r.Links...))
	if err != nil {
		return err
	}
	now := d.now()
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		err := tx.AddMeasureRecord(ctx, db.AddMeasureRecordParams{ID: safety.NewID("mrc", now), Code: r.Code, Status: string(r.Status),
			EffectiveOn: r.EffectiveOn, ReviewOn: r.ReviewOn, Responsible: r.Responsible, Justification: r.Justification, Note: r.Note,
			Links: string(links), At: store.Micros(now), Actor: who.ID, ActorName: who.Name})
		if err != nil {
			return fmt.Errorf("writing record: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "measures.record", Subject: r.Code, Detail: "status " + string(r.Status)})
	})
}

// History is every version of the operator's record of a measure, the latest first.
func (d *Desk) History(ctx context.Context, code string) ([]Record, error) {
	if d.catalogue.Find(code) == nil {
		return nil, safety.Errorf(safety.NotFound, "no such measure")
	}
	rows, err := d.store.Read().MeasureRecordsOf(ctx, code, 200)
	if err != nil {
		return nil, fmt.Errorf("reading records: %w", err)
	}
	return eachRecord(rows)
}

func eachRecord(rows []db.MeasureRecord) ([]Record, error) {
	out := make([]Record, len(rows))
	for i, r := range rows {
		out[i] = Record{ID: r.ID, Code: r.Code, Status: Status(r.Status), EffectiveOn: r.EffectiveOn, ReviewOn: r.ReviewOn,
			Responsible: r.Responsible, Justification: r.Justification, Note: r.Note, At: store.Time(r.At), By: r.ActorName}
		if err := json.Unmarshal([]byte(r.Links), &out[i].Links); err != nil {
			return nil, fmt.Errorf("record %s: %w", r.ID, err)
		}
	}
	return out, nil
}
