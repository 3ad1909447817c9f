package conversation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/stream"
	"github.com/rowan-safety/rowan/internal/talk"
)

// Kind is what happened.
type Kind string

// The kinds of event, which are the "type" of the CloudEvent.
const (
	Message         Kind = "message"          // somebody wrote; with text, or with what a device saw in it, or neither
	MediaSent       Kind = "media_sent"       // a picture or video was sent; not what it shows
	ContactRequest  Kind = "contact_request"  // from asks to be connected with to
	ContactResponse Kind = "contact_response" // from answers a request of to
	Block           Kind = "block"            // from blocks to
	Report          Kind = "report"           // from reports to
	ChannelMove     Kind = "channel_move"     // the talk goes on in a closer channel
	Call            Kind = "call"             // from calls to
	AgeAssurance    Kind = "age_assurance"    // what is known of an account's age has changed
	AccountSeen     Kind = "account_seen"     // devices, payment handles and groups of an account
	Invite          Kind = "invite"           // from invited to to the platform or a group
	opinionKind     Kind = "rowan.opinion"    // Rowan's own: a second opinion has come
)

// Kinds are those that a platform may send.
var Kinds = []Kind{Message, MediaSent, ContactRequest, ContactResponse, Block, Report, ChannelMove, Call, AgeAssurance, AccountSeen, Invite}

// The bounds of an event.
const (
	MaxEventBytes = 1 << 20 // of one event
	maxRecipients = 16      // a talk among more is a room: it is not followed person by person
	maxThings     = 32      // devices, handles, groups in one event
	maxID         = 255
)

// Party is one who takes part, as far as the platform tells. What it leaves out is
// what was known before.
type Party struct {
	ID           string              `json:"id"`
	AgeBand      string              `json:"age_band,omitempty"` // under13, 13-15, 16-17 or adult
	Age          *int                `json:"age,omitempty"`      // years
	AgeSource    string              `json:"age_source,omitempty"`
	CreatedAt    time.Time           `json:"created_at,omitzero"` // of the account
	Jurisdiction safety.Jurisdiction `json:"jurisdiction,omitempty"`
	Devices      []string            `json:"devices,omitempty"` // the platform's own identifiers; kept as HMACs
	Payments     []string            `json:"payments,omitempty"`
	Groups       []string            `json:"groups,omitempty"`
}

// Relation is what is between the two. A member that is left out is not known.
type Relation struct {
	Connected    *bool     `json:"connected,omitempty"`
	Mutuals      *int      `json:"mutuals,omitempty"` // connections in common
	Family       *bool     `json:"family,omitempty"`  // verified by the platform
	KnownSince   time.Time `json:"known_since,omitzero"`
	FirstContact string    `json:"first_contact_by,omitempty"` // the id of one of the two
	Lobby        *bool     `json:"lobby,omitempty"`            // public game chat
}

// Data is what the event says.
type Data struct {
	ConversationID string              `json:"conversation_id,omitempty"`
	Surface        safety.Surface      `json:"surface,omitempty"`
	Jurisdiction   safety.Jurisdiction `json:"jurisdiction,omitempty"`
	From           Party               `json:"from"`
	To             []Party             `json:"to,omitempty"`
	Relation       *Relation           `json:"relation,omitempty"`
	Text           *string             `json:"text,omitempty"`
	Indicators     []string            `json:"indicators,omitempty"` // seen on the sender's or receiver's device
	Media          bool                `json:"media,omitempty"`
	ExternalScore  *float64            `json:"external_score,omitempty"` // 0 to 1, of the platform's own classifier
	Accepted       *bool               `json:"accepted,omitempty"`       // of a contact_response
}

// Event is one event, read and checked.
type Event struct {
	ID, Source string
	Kind       Kind
	At         time.Time // zero: the platform did not say
	Data
}

// envelope is the JSON form of a CloudEvent. Extension attributes are let pass.
type envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Time            string          `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
	DataBase64      json.RawMessage `json:"data_base64"`
}

// Parse reads one CloudEvent. What is wrong is a safety.Invalid error that never
// repeats a value; an event of over [MaxEventBytes] is safety.TooLarge.
func Parse(text []byte) (Event, error) {
	if len(text) > MaxEventBytes {
		return Event{}, safety.Errorf(safety.TooLarge, "an event has at most %d bytes", MaxEventBytes)
	}
	if !utf8.Valid(text) {
		return Event{}, safety.Errorf(safety.Invalid, "the event is not UTF-8")
	}
	var v envelope
	if err := json.Unmarshal(text, &v); err != nil {
		return Event{}, safety.Errorf(safety.Invalid, "the event is not a CloudEvent in JSON: %s", jsonProblem(err))
	}
	e := Event{ID: v.ID, Source: v.Source, Kind: Kind(v.Type)}
	if err := e.head(v); err != nil {
		return Event{ID: v.ID, Source: v.Source}, err
	}
	dec := json.NewDecoder(bytes.NewReader(v.Data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e.Data); err != nil {
		return e, safety.Errorf(safety.Invalid, "data: %s", jsonProblem(err))
	}
	return e, e.check()
}

// jsonProblem says what is wrong without repeating a value.
func jsonProblem(err error) string {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%s has the wrong type", t.Field)
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("it is not JSON, at byte %d", s.Offset)
	}
	if strings.HasPrefix(err.Error(), "json: unknown field") {
		return "it has a member that is not known"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it is missing or cut short"
	}
	return "a member has the wrong form"
}

func (e *Event) head(v envelope) error {
	switch {
	case v.SpecVersion != "1.0":
		return safety.Errorf(safety.Invalid, "specversion must be 1.0")
	case v.ID == "" || len(v.ID) > maxID || v.Source == "" || len(v.Source) > maxID:
		return safety.Errorf(safety.Invalid, "id and source must have 1 to %d bytes", maxID)
	case e.Kind != opinionKind && !slices.Contains(Kinds, e.Kind):
		return safety.Errorf(safety.Invalid, "type is not one of the known kinds")
	case v.DataBase64 != nil || v.DataContentType != "" && !strings.HasPrefix(v.DataContentType, "application/json"):
		return safety.Errorf(safety.Invalid, "data must be JSON")
	}
	if v.Time == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, v.Time)
	if err != nil {
		return safety.Errorf(safety.Invalid, "time is not RFC 3339")
	}
	e.At = at
	return nil
}

// needsOther are the kinds that take place between two.
func (k Kind) needsOther() bool { return k != AgeAssurance && k != AccountSeen }

// inConversation are the kinds that belong to a conversation.
func (k Kind) inConversation() bool {
	return k == Message || k == MediaSent || k == ChannelMove || k == Call || k == opinionKind
}

func (e *Event) check() error {
	if err := e.From.check("data.from"); err != nil {
		return err
	}
	for _, p := range e.To {
		if err := p.check("data.to"); err != nil {
			return err
		}
		if p.ID == e.From.ID {
			return safety.Errorf(safety.Invalid, "data.to: nobody writes to themselves")
		}
	}
	switch {
	case e.Kind.needsOther() && len(e.To) == 0:
		return safety.Errorf(safety.Invalid, "data.to: this kind of event needs another account")
	case len(e.To) > 10_000:
		return safety.Errorf(safety.Invalid, "data.to: at most 10,000 accounts")
	case e.Kind.inConversation() && (e.ConversationID == "" || len(e.ConversationID) > maxID):
		return safety.Errorf(safety.Invalid, "data.conversation_id must have 1 to %d bytes", maxID)
	case e.Kind.inConversation() && !e.Surface.Valid():
		return safety.Errorf(safety.Invalid, "data.surface must be public, private or encrypted")
	case !e.Jurisdiction.Valid():
		return safety.Errorf(safety.Invalid, "data.jurisdiction is not a country code")
	case e.Text != nil && e.Kind != Message:
		return safety.Errorf(safety.Invalid, "data.text: only a message has text")
	case e.Text != nil && e.Surface == safety.SurfaceEncrypted:
		// Text of an encrypted conversation must not come here at all.
		return safety.Errorf(safety.Invalid, "data.text: an encrypted message has no text that a server may see")
	case e.ExternalScore != nil && !(*e.ExternalScore >= 0 && *e.ExternalScore <= 1):
		return safety.Errorf(safety.Invalid, "data.external_score must be 0 to 1")
	case e.Kind == opinionKind && e.ExternalScore == nil:
		return safety.Errorf(safety.Invalid, "data.external_score is missing")
	}
	if _, err := e.found(); err != nil {
		return err
	}
	return e.Relation.check(e)
}

// found are the indicators that a device has seen.
func (e *Event) found() (talk.Set, error) {
	var s talk.Set
	for _, name := range e.Indicators {
		i, ok := talk.IndicatorOf(name)
		if !ok || i == talk.External || i == talk.PushesAfterRefusal {
			return 0, safety.Errorf(safety.Invalid, "data.indicators has a name that is not known")
		}
		s |= talk.SetOf(i)
	}
	return s, nil
}

func (r *Relation) check(e *Event) error {
	if r == nil {
		return nil
	}
	among := r.FirstContact == "" || r.FirstContact == e.From.ID ||
		slices.ContainsFunc(e.To, func(p Party) bool { return p.ID == r.FirstContact })
	if !among || r.Mutuals != nil && *r.Mutuals < 0 {
		return safety.Errorf(safety.Invalid, "data.relation: first_contact_by is one of the two, and mutuals is not negative")
	}
	return nil
}

// bands are the words for age bands, with their bounds in years.
var bands = map[string][2]int{"under13": {0, 12}, "13-15": {13, 15}, "16-17": {16, 17}, "adult": {18, 150}}

func (p Party) check(where string) error {
	switch {
	case p.ID == "" || len(p.ID) > maxID:
		return safety.Errorf(safety.Invalid, "%s.id must have 1 to %d bytes", where, maxID)
	case p.Age != nil && (*p.Age < 0 || *p.Age > 150):
		return safety.Errorf(safety.Invalid, "%s.age must be 0 to 150", where)
	case p.AgeSource != "" && !slices.Contains(safety.AgeSources, p.AgeSource):
		return safety.Errorf(safety.Invalid, "%s.age_source is not a known word", where)
	case !p.Jurisdiction.Valid():
		return safety.Errorf(safety.Invalid, "%s.jurisdiction is not a country code", where)
	case len(p.Devices)+len(p.Payments)+len(p.Groups) > maxThings:
		return safety.Errorf(safety.Invalid, "%s: at most %d devices, payments and groups", where, maxThings)
	}
	if b, known := bands[p.AgeBand]; p.AgeBand != "" && (!known || p.Age != nil && (*p.Age < b[0] || *p.Age > b[1])) {
		return safety.Errorf(safety.Invalid, "%s.age_band is not a known band, or not the band of the age", where)
	}
	return nil
}

// FromPlatform says whether a platform may send events of the kind.
func FromPlatform(k Kind) bool { return slices.Contains(Kinds, k) }

// PartitionKey is what events must have in common to keep their order: the
// conversation, or the account that acts where there is none.
func (e *Event) PartitionKey() string {
	if e.ConversationID != "" {
		return e.ConversationID
	}
	return e.From.ID
}

// Opinion is the event by which a second opinion comes back into a conversation, in
// its order. at is when it was given.
func Opinion(id string, w Window, score float64, at time.Time) ([]byte, error) {
	data, err := json.Marshal(Data{ConversationID: w.ConversationID, Surface: w.Surface, Jurisdiction: w.Jurisdictions[1], From: Party{ID: w.ActorID},
		To: []Party{{ID: w.TargetID}}, ExternalScore: &score})
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"specversion": "1.0", "id": id, "source": "rowan", "type": opinionKind, "time": at.UTC().Format(time.RFC3339Nano), "data": json.RawMessage(data)})
}

// Outgoing reads an event of a platform for the stream. With an error it still has the
// source and the id, as far as they could be read.
func Outgoing(text []byte) (stream.Outgoing, error) {
	e, err := Parse(text)
	if err == nil && !FromPlatform(e.Kind) {
		err = safety.Errorf(safety.Invalid, "type is not one of the known kinds")
	}
	return stream.Outgoing{Source: e.Source, ID: e.ID, Conversation: e.PartitionKey(), Body: text}, err
}
