package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/takedown"
)

// NamedModel names a content on the platform.
type NamedModel struct {
	ContentID string `json:"content_id,omitempty" maxLength:"255"`
	URL       string `json:"url,omitempty" maxLength:"2083"`
}

// TakedownInput is a notice as the platform hands it in.
type TakedownInput struct {
	Law        string         `json:"law" enum:"uk,us,terms" doc:"By what it is made: the Online Safety Act, the TAKE IT DOWN Act, or your own terms"`
	AskedBy    string         `json:"asked_by" enum:"subject,agent" doc:"The person shown, or somebody for them"`
	UnderAge   string         `json:"under_age" enum:"no,yes,maybe" doc:"Whether the person shown is under 18. Yes or maybe: it becomes a case on the child-safety path at once"`
	Signed     bool           `json:"signed,omitempty" doc:"It has a physical or electronic signature (us)"`
	GoodFaith  bool           `json:"good_faith,omitempty" doc:"It has a statement of good faith that the picture was published without consent (us)"`
	Contact    string         `json:"contact,omitempty" maxLength:"2000" doc:"Of the one who asks. Sealed, and forgotten some time after the notice has ended"`
	Reference  string         `json:"reference,omitempty" maxLength:"100" doc:"Your own number of the notice; comes back in events. Nothing personal"`
	ReceivedAt *time.Time     `json:"received_at,omitempty" doc:"When it reached you: the clock runs from there. Default: now"`
	OldReason  string         `json:"old_reason,omitempty" maxLength:"2000" doc:"Why it is handed in more than a day after that"`
	Contents   []NamedModel   `json:"contents" minItems:"1" maxItems:"100"`
	Hashes     []TakedownHash `json:"hashes,omitempty" maxItems:"100" doc:"Of the file, where you have them"`
	PDQQuality *int           `json:"pdq_quality,omitempty" minimum:"0" maximum:"100" doc:"Of a pdq hash"`
}

// TakedownHash is a hash of a reported file.
type TakedownHash struct {
	Type  string `json:"type" enum:"sha256,sha1,md5,pdq"`
	Value string `json:"value" maxLength:"64"`
}

// TakedownRemoval is a content that is gone.
type TakedownRemoval struct {
	NamedModel
	RemovedAt *time.Time `json:"removed_at,omitempty" doc:"Default: now"`
}

// TakedownReceipt is what the platform is told of its notice.
type TakedownReceipt struct {
	ID      string       `json:"id"`
	State   string       `json:"state" enum:"open,decided,removed,refused,moved"`
	DueAt   time.Time    `json:"due_at"`
	CaseIDs []string     `json:"case_ids" doc:"When it is on the child-safety path: hold the content, the case decides"`
	Search  string       `json:"search" enum:"pending,done,content_unknown,not_made" doc:"content_unknown: no hash of it is known; send it through /v1/media/check with the same content id"`
	ToGo    []NamedModel `json:"to_remove" doc:"What is to be removed and not confirmed; empty before the decision"`
	Gaps    []string     `json:"gaps" doc:"What the law asks of a notice and this one has not"`
}

// TakedownSummary is a notice as the list shows it.
type TakedownSummary struct {
	ID          string     `json:"id"`
	State       string     `json:"state" enum:"open,decided,removed,refused,moved"`
	Law         string     `json:"law" enum:"uk,us,terms"`
	AskedBy     string     `json:"asked_by" enum:"subject,agent"`
	UnderAge    string     `json:"under_age" enum:"no,yes,maybe"`
	Reference   string     `json:"reference,omitempty"`
	ReceivedAt  time.Time  `json:"received_at"`
	DueAt       time.Time  `json:"due_at"`
	SecondsLeft int64      `json:"seconds_left" doc:"Below zero when the time is past"`
	Late        bool       `json:"late" doc:"It ended after its time, or waits past it"`
	Contents    int        `json:"contents" doc:"Named and found"`
	Unconfirmed int        `json:"unconfirmed" doc:"To be removed and not confirmed"`
	Search      string     `json:"search" enum:"pending,done,content_unknown,not_made"`
	HeldAt      *time.Time `json:"held_at,omitempty"`
	EndedAt     *time.Time `json:"ended_at,omitempty"`
	Complaint   bool       `json:"complaint" doc:"One waits"`
	CaseIDs     []string   `json:"case_ids"`
}

// TakedownDetail is a notice with all that belongs to it.
type TakedownDetail struct {
	TakedownSummary
	Signed      bool                     `json:"signed"`
	GoodFaith   bool                     `json:"good_faith"`
	HasContact  bool                     `json:"has_contact"`
	Gaps        []string                 `json:"gaps"`
	OldReason   string                   `json:"old_reason,omitempty"`
	RecordedAt  time.Time                `json:"recorded_at"`
	RecordedBy  string                   `json:"recorded_by"`
	Clock       LawModel                 `json:"clock"`
	Reasons     []string                 `json:"reasons" doc:"For which it may be refused"`
	MayHold     bool                     `json:"may_hold" doc:"A temporary limit may be asked for"`
	MayJudge    bool                     `json:"may_judge" doc:"You have not decided about this notice before"`
	Found       TakedownSearchModel      `json:"found"`
	Items       []TakedownContentModel   `json:"items"`
	Decisions   []TakedownDecisionModel  `json:"decisions"`
	Complaints  []TakedownComplaintModel `json:"complaints"`
	History     []HistoryModel           `json:"history"`
	WarnedAt    *time.Time               `json:"warned_at,omitempty"`
	OverdueAt   *time.Time               `json:"overdue_at,omitempty" doc:"When the alarm went off"`
	DecidedAt   *time.Time               `json:"decided_at,omitempty"`
	ListedSince *time.Time               `json:"listed_since,omitempty" doc:"Uploads of the same picture are blocked since"`
}

// TakedownSearchModel says what was compared and what was not.
type TakedownSearchModel struct {
	Same        int        `json:"same"`
	Similar     int        `json:"similar"`
	Compared    int64      `json:"compared" doc:"Uploads whose hashes are kept"`
	ExactOnly   int64      `json:"exact_only" doc:"Of those, by exact hash only: videos, pictures without features"`
	NotSearched int64      `json:"not_searched" doc:"Contents of cases that could not be compared: not scanned, or no hash or content id kept"`
	Unknown     int        `json:"unknown" doc:"Contents of the notice of which no hash is known"`
	KeptSince   *time.Time `json:"kept_since,omitempty" doc:"The oldest upload that was compared"`
	SearchedTo  *time.Time `json:"searched_to,omitempty"`
}

// TakedownContentModel is a content of a notice.
type TakedownContentModel struct {
	ID string `json:"id"`
	NamedModel
	Relation    string     `json:"relation" enum:"reported,same,similar"`
	Known       bool       `json:"known" doc:"Its hashes are kept"`
	LeftUp      bool       `json:"left_up" doc:"A person looked, and it is another thing"`
	FoundAt     time.Time  `json:"found_at"`
	RemovedAt   *time.Time `json:"removed_at,omitempty" doc:"As the platform says"`
	ConfirmedAt *time.Time `json:"confirmed_at,omitempty" doc:"When it said so"`
}

// TakedownDecisionModel is a person's decision.
type TakedownDecisionModel struct {
	ID          string      `json:"id"`
	ComplaintID string      `json:"complaint_id,omitempty"`
	Outcome     string      `json:"outcome" enum:"take_down,refuse"`
	Reason      string      `json:"reason,omitempty"`
	Note        string      `json:"note,omitempty"`
	By          PersonModel `json:"by"`
	At          time.Time   `json:"at"`
}

// TakedownComplaintModel is a complaint about a decision.
type TakedownComplaintModel struct {
	ID         string       `json:"id"`
	Party      string       `json:"party" enum:"reporter,uploader"`
	Text       string       `json:"text,omitempty"`
	ReceivedAt time.Time    `json:"received_at"`
	Outcome    string       `json:"outcome,omitempty" enum:"upheld,rejected"`
	Note       string       `json:"note,omitempty"`
	By         *PersonModel `json:"by,omitempty"`
	DecidedAt  *time.Time   `json:"decided_at,omitempty"`
}

func (in *TakedownInput) notice() takedown.Notice {
	n := takedown.Notice{Law: takedown.Law(in.Law), AskedBy: in.AskedBy, UnderAge: in.UnderAge, Signed: in.Signed, GoodFaith: in.GoodFaith, Contact: in.Contact,
		Reference: in.Reference, OldReason: in.OldReason, PDQQuality: -1}
	if in.ReceivedAt != nil {
		n.ReceivedAt = *in.ReceivedAt
	}
	if in.PDQQuality != nil {
		n.PDQQuality = *in.PDQQuality
	}
	for _, c := range in.Contents {
		n.Contents = append(n.Contents, takedown.Named(c))
	}
	for _, h := range in.Hashes {
		n.Hashes = append(n.Hashes, safety.Hash{Type: safety.HashType(h.Type), Value: h.Value})
	}
	return n
}

func takedownReceipt(v takedown.View) TakedownReceipt {
	out := TakedownReceipt{ID: v.ID, State: v.State, DueAt: store.Time(v.DueAt), CaseIDs: strings.Fields(v.CaseIds), Search: string(v.Search), ToGo: []NamedModel{}, Gaps: v.Gaps}
	if takedown.State(v.State) != takedown.Decided {
		return out
	}
	for _, c := range v.Contents {
		if !c.LeftUp && c.ConfirmedAt == 0 {
			out.ToGo = append(out.ToGo, NamedModel{c.ContentID, c.Url})
		}
	}
	return out
}

func takedownSummary(v takedown.View) TakedownSummary {
	return TakedownSummary{ID: v.ID, State: v.State, Law: v.Law, AskedBy: v.AskedBy, UnderAge: v.UnderAge, Reference: v.Reference, ReceivedAt: store.Time(v.ReceivedAt),
		DueAt: store.Time(v.DueAt), SecondsLeft: int64(v.Left / time.Second), Late: v.Late, Contents: len(v.Contents), Unconfirmed: toGo(v), Search: string(v.Search),
		HeldAt: timeOrNil(v.HeldAt), EndedAt: timeOrNil(v.EndedAt), Complaint: v.Complained(), CaseIDs: strings.Fields(v.CaseIds)}
}

// toGo counts what is to be removed: nothing before the decision.
func toGo(v takedown.View) int {
	if takedown.State(v.State) != takedown.Decided {
		return 0
	}
	return v.Unconfirmed()
}

func (a *API) takedownDetail(ctx context.Context, id string) (*TakedownDetail, error) {
	q := a.Store.Read()
	n, err := q.Takedown(ctx, id)
	if err != nil {
		return nil, store.NotFound(err, "takedown notice")
	}
	v, err := a.Takedowns.Show(ctx, q, n)
	if err != nil {
		return nil, err
	}
	clock := a.Takedowns.Clock(takedown.Law(n.Law))
	out := &TakedownDetail{TakedownSummary: takedownSummary(v), Signed: n.Signed, GoodFaith: n.GoodFaith, HasContact: len(n.Contact) > 0, Gaps: v.Gaps, OldReason: n.OldReason,
		RecordedAt: store.Time(n.RecordedAt), RecordedBy: n.RecordedBy, Reasons: takedown.Law(n.Law).Reasons(), MayHold: a.Takedowns.MayHold(), MayJudge: true,
		Clock:    LawModel{clock.Name, string(clock.Keeps), clock.From, clock.For, clock.Basis, clock.Source, clock.Tag},
		Found:    TakedownSearchModel{Compared: n.Compared, ExactOnly: n.ExactOnly, NotSearched: n.NotSearched, KeptSince: timeOrNil(n.KeptSince), SearchedTo: timeOrNil(n.SearchedTo)},
		WarnedAt: timeOrNil(n.WarnedAt), OverdueAt: timeOrNil(n.OverdueAt), DecidedAt: timeOrNil(n.DecidedAt), ListedSince: timeOrNil(n.ListedAt)}
	out.fill(v)
	return out, a.takedownPeople(ctx, q, v, out)
}

func (out *TakedownDetail) fill(v takedown.View) {
	out.Items, out.Complaints = []TakedownContentModel{}, []TakedownComplaintModel{}
	for _, c := range v.Contents {
		switch takedown.Relation(c.Relation) {
		case takedown.Same:
			out.Found.Same++
		case takedown.Similar:
			out.Found.Similar++
		case takedown.Reported:
			if !c.Known {
				out.Found.Unknown++
			}
		}
		out.Items = append(out.Items, TakedownContentModel{ID: c.ID, NamedModel: NamedModel{c.ContentID, c.Url}, Relation: c.Relation, Known: c.Known, LeftUp: c.LeftUp,
			FoundAt: store.Time(c.FoundAt), RemovedAt: timeOrNil(c.RemovedAt), ConfirmedAt: timeOrNil(c.ConfirmedAt)})
	}
	for _, c := range v.Complaints {
		m := TakedownComplaintModel{ID: c.ID, Party: c.Party, Text: c.Text, ReceivedAt: store.Time(c.ReceivedAt), Outcome: c.Outcome, Note: c.Note, DecidedAt: timeOrNil(c.DecidedAt)}
		if c.DecidedBy != "" {
			m.By = &PersonModel{c.DecidedBy, c.DecidedName}
		}
		out.Complaints = append(out.Complaints, m)
	}
}

// takedownPeople adds who did what.
func (a *API) takedownPeople(ctx context.Context, q *db.Queries, v takedown.View, out *TakedownDetail) error {
	who := caller(ctx).Actor
	out.MayJudge = who.Person
	out.Decisions, out.History = []TakedownDecisionModel{}, []HistoryModel{}
	for _, d := range v.Decisions {
		out.MayJudge = out.MayJudge && d.DecidedBy != who.ID
		out.Decisions = append(out.Decisions, TakedownDecisionModel{ID: d.ID, ComplaintID: d.ComplaintID, Outcome: d.Outcome, Reason: d.Reason, Note: d.Note,
			By: PersonModel{d.DecidedBy, d.DecidedName}, At: store.Time(d.At)})
	}
	names, err := a.names(ctx)
	if err != nil {
		return err
	}
	out.RecordedBy = nameOr(names, out.RecordedBy)
	entries, err := q.EntriesOfSubject(ctx, v.ID, "~", 200)
	if err != nil {
		return fmt.Errorf("reading history: %w", err)
	}
	for _, e := range entries {
		out.History = append(out.History, HistoryModel{store.Time(e.At), nameOr(names, e.Actor), e.Action, e.Detail})
	}
	return nil
}
