package franking

import (
	"cmp"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Outcome is what is known of one reported message. The set is closed; the zero
// value is none of them.
type Outcome string

// The outcomes.
const (
	// Proved: this account sent exactly this content, these files included as far
	// as they were checked, and the hub accepted it then, at that number.
	Proved Outcome = "proved"
	// NotOurs: nothing shows that the hub stamped this content. It may be forged, or
	// damaged; it is not evidence that the reporter lies.
	NotOurs Outcome = "not-ours"
	// KeyExpired: the hub stamped some message in this context, but the key that
	// could tell which is destroyed.
	KeyExpired Outcome = "key-expired"
	// SenderMismatch: the hub stamped this, but the content names another sender or
	// conversation than the account that sent it.
	SenderMismatch Outcome = "sender-mismatch"
	// AttachmentMismatch: the message is proved, but a file that came with the report
	// is not one of it.
	AttachmentMismatch Outcome = "attachment-mismatch"
)

// Outcomes lists the closed set.
func Outcomes() []Outcome {
	return []Outcome{Proved, NotOurs, KeyExpired, SenderMismatch, AttachmentMismatch}
}

// ReportKey opens reports.
type ReportKey struct {
	ID  ReportKeyID
	Key hpke.PrivateKey
}

// Moderator opens and proves reports for one team of one hub. Ring may be nil only
// where nothing is proved (a team that opens, and sends on to one that proves).
type Moderator struct {
	Team   string
	Keys   []ReportKey
	Origin string      // the hub
	Signed []VerifyKey // the hub's public keys, old ones included
	Ring   *KeyRing
}

// Open opens a sealed report. reporter is the account that sent it, as the service
// authenticated it; a report that names another is [ErrReporter].
func (m *Moderator) Open(sealed []byte, reporter string) (*Report, error) {
	if len(sealed) > MaxSealed {
		return nil, fmt.Errorf("%w: sealed report", ErrReportSize)
	}
	plain, err := m.decrypt(sealed)
	if err != nil {
		return nil, err
	}
	r, err := ParseReport(plain)
	if err != nil {
		return nil, err
	}
	if r.Reporter != reporter {
		return nil, fmt.Errorf("%w: report", ErrReporter)
	}
	return r, nil
}

// MaxSealed is the most bytes of a sealed report: the report, the header, X-Wing's
// encapsulation (1120) and the AEAD's tag (16).
const MaxSealed = MaxReport + 2 + 2 + 1 + MaxText + 8 + 1120 + 16

func (m *Moderator) decrypt(sealed []byte) ([]byte, error) {
	r := &reader{b: sealed}
	r.version("sealed report")
	kem := r.u16("kem")
	team := r.ref("team")
	var id ReportKeyID
	r.fixed("key id", id[:])
	switch {
	case r.err != nil:
		return nil, r.err
	case !suite(kem):
		return nil, fmt.Errorf("%w: sealed report", ErrSuite)
	case team != m.Team:
		return nil, fmt.Errorf("%w: sealed report", ErrAudience)
	}
	i := slices.IndexFunc(m.Keys, func(k ReportKey) bool { return k.ID == id && k.Key.KEM().ID() == kem })
	if i < 0 {
		return nil, fmt.Errorf("%w: sealed report", ErrReportKey)
	}
	head := sealed[:len(sealed)-len(r.b)]
	plain, err := hpke.Open(m.Keys[i].Key, hpke.HKDFSHA256(), hpke.AES256GCM(), reportInfo(head), r.b)
	if err != nil {
		return nil, fmt.Errorf("%w: sealed report", ErrOpen)
	}
	return plain, nil
}

// Finding is what is known of one message. Content and Context are there for every
// outcome as far as they can be read, so that a person sees what was reported; only
// with Proved are they facts.
type Finding struct {
	Outcome Outcome
	Cause   error // why it is not proved; wraps an Error
	Content Content
	Context Context
	Checked []bool // for each attachment: a file was checked and is the one that was sent

	stamped bool
}

// Prove checks one message at the time now.
func (m *Moderator) Prove(e Evidence, now time.Time) Finding {
	var f Finding
	f.Outcome, f.Cause = m.prove(&e, &f, now)
	f.stamped = f.Outcome != NotOurs
	f.Checked = make([]bool, len(f.Content.Attachments))
	return f
}

func (m *Moderator) prove(e *Evidence, f *Finding, now time.Time) (Outcome, error) {
	content, contentErr := ParseContent(e.Content)
	f.Content = content
	// Shown even if it is not authentic; the outcome says what it is worth.
	f.Context, _ = ParseContext(e.Stamp.Context)
	context, err := authentic(&e.Stamp, m.Origin, m.Signed)
	if err == nil {
		err = keyInWeek(context)
	}
	if err == nil && context.AcceptedAt.After(now.Add(MaxSkew)) {
		err = fmt.Errorf("%w: stamped in the future", ErrRange)
	}
	if err != nil {
		return NotOurs, err
	}
	want, err := m.Ring.tag(context.Key, commit(&e.Key, e.Content), e.Stamp.Context, now)
	switch {
	case errors.Is(err, ErrKeyExpired):
		return KeyExpired, err
	case err != nil:
		return NotOurs, err
	case !equal(want[:], e.Stamp.Tag[:]):
		return NotOurs, fmt.Errorf("%w: message", ErrTag)
	case contentErr != nil:
		return NotOurs, contentErr
	}
	return parties(e, content, context)
}

func parties(e *Evidence, content Content, context Context) (Outcome, error) {
	if err := sameParties(content, context, nil); err != nil {
		return SenderMismatch, err
	}
	for _, a := range e.Attachments {
		if int(a.Index) >= len(content.Attachments) {
			return AttachmentMismatch, fmt.Errorf("%w: message", ErrAttachmentN)
		}
	}
	return Proved, nil
}

// CheckFile checks a file that was fetched and opened with the report's key. One
// that is not what was sent turns Proved into AttachmentMismatch, whatever other
// files say; it is not to be shown as this message's. An error to read it is
// returned and changes nothing.
func (f *Finding) CheckFile(index int, file io.Reader) error {
	if index < 0 || index >= len(f.Content.Attachments) {
		return fmt.Errorf("%w: message", ErrAttachmentN)
	}
	err := f.Content.Attachments[index].Check(file)
	if errors.Is(err, ErrAttachment) {
		f.Checked[index] = false
		if f.Outcome == Proved {
			f.Outcome, f.Cause = AttachmentMismatch, err
		}
		return err
	}
	f.Checked[index] = err == nil
	return err
}

// Review is what is known of a report.
type Review struct {
	Findings      []Finding // one for each message, in the report's order
	Conversations []Thread  // those with a message that the hub stamped
}

// Thread shows what a report leaves out of a conversation.
type Thread struct {
	Conversation string
	First, Last  uint64   // lowest and highest number in the report
	Gaps         []Gap    // numbers between them that were not reported
	Repeated     []uint64 // numbers, or messages, that are in the report more than once
	Reordered    bool     // times contradict numbers by more than MaxSkew
}

// Gap is a run of messages that the reporter did not include, or that only others
// could see.
type Gap struct{ After, Before uint64 }

// Missing counts the messages of the gap.
func (g Gap) Missing() uint64 { return g.Before - g.After - 1 }

// Review proves all messages of a report, at the time now.
func (m *Moderator) Review(r *Report, now time.Time) *Review {
	v := &Review{}
	threads := map[string][]Context{}
	ids := map[string]map[[16]byte]uint64{}
	repeated := map[string][]uint64{}
	for _, e := range r.Messages {
		f := m.Prove(e, now)
		v.Findings = append(v.Findings, f)
		if !f.stamped {
			continue
		}
		conv := f.Context.Conversation
		threads[conv] = append(threads[conv], f.Context)
		if f.Outcome == KeyExpired {
			continue // nobody knows whether this content, and so its id, is the stamped one
		}
		if ids[conv] == nil {
			ids[conv] = map[[16]byte]uint64{}
		}
		if seq, again := ids[conv][f.Content.ID]; again && seq != f.Context.Seq {
			repeated[conv] = append(repeated[conv], f.Context.Seq)
		}
		ids[conv][f.Content.ID] = f.Context.Seq
	}
	for conv, stamps := range threads {
		t := thread(conv, stamps)
		t.Repeated = slices.Compact(slices.Sorted(slices.Values(append(t.Repeated, repeated[conv]...))))
		v.Conversations = append(v.Conversations, t)
	}
	slices.SortFunc(v.Conversations, func(a, b Thread) int { return cmp.Compare(a.Conversation, b.Conversation) })
	return v
}

func thread(conv string, stamps []Context) Thread {
	slices.SortStableFunc(stamps, func(a, b Context) int { return cmp.Compare(a.Seq, b.Seq) })
	t := Thread{Conversation: conv, First: stamps[0].Seq, Last: stamps[len(stamps)-1].Seq}
	for i := 1; i < len(stamps); i++ {
		a, b := stamps[i-1], stamps[i]
		switch {
		case a.Seq == b.Seq:
			t.Repeated = append(t.Repeated, a.Seq)
		case b.Seq-a.Seq > 1:
			t.Gaps = append(t.Gaps, Gap{After: a.Seq, Before: b.Seq})
		}
		if b.AcceptedAt.Before(a.AcceptedAt.Add(-MaxSkew)) {
			t.Reordered = true
		}
	}
	return t
}
