package franking

import (
	"bytes"
	"crypto/hpke"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Report is what a person sends to the moderators. Only what stands in Messages can
// be proved; the rest is the reporter's word.
type Report struct {
	Reporter    string     // the reporting account, 1 to 255 bytes
	Reason      uint16     // of the service's own list; 0 if none was given
	ChildAtRisk bool       // the reporter says so
	Messages    []Evidence // 1 to MaxMessages, oldest first; the last is the one reported
	Note        string     // the reporter's words, up to MaxNote bytes
}

// Evidence is a message with what proves it. Content and Stamp.Context are kept as
// they came, also if they cannot be read, so that a broken message can be reported.
type Evidence struct {
	Key         Key
	Content     []byte
	Stamp       Stamp
	Attachments []AttachmentKey // of those files that the reporter hands over
}

// AttachmentKey lets the moderators fetch and open one file.
type AttachmentKey struct {
	Index   uint16 // which of the message's attachments, from 0
	Key     []byte // 1 to 255 bytes; what it means is the service's affair
	Locator string // where the encrypted file is, 1 to MaxLocator bytes
}

// Encode returns the one encoding of r. Beyond the layout that version 1 fixes
// (version, reporter, reason, child at risk, messages, note) it writes lengths as
// the rest of version 1 does; see docs/franking.md.
func (r *Report) Encode() ([]byte, error) {
	w := &writer{}
	w.u16(version)
	w.ref("reporter", r.Reporter)
	w.u16(r.Reason)
	w.truth(r.ChildAtRisk)
	if len(r.Messages) == 0 || len(r.Messages) > MaxMessages {
		w.fail("messages", ErrReportSize)
	}
	w.u16(uint16(len(r.Messages)))
	for i := range r.Messages {
		r.Messages[i].write(w)
	}
	if !utf8.ValidString(r.Note) {
		w.fail("note", ErrText)
	}
	w.v32("note", []byte(r.Note), MaxNote)
	if len(w.b) > MaxReport {
		w.fail("report", ErrReportSize)
	}
	return w.b, w.err
}

func (w *writer) truth(v bool) {
	if v {
		w.u8(1)
	} else {
		w.u8(0)
	}
}

func (e *Evidence) write(w *writer) {
	w.raw(e.Key[:])
	w.v32("content", e.Content, MaxContent)
	w.raw(e.Stamp.Tag[:])
	w.raw(e.Stamp.Signature[:])
	w.v32("context", e.Stamp.Context, MaxContext)
	if len(e.Attachments) > MaxAttachments {
		w.fail("attachment keys", ErrLength)
	}
	w.u16(uint16(len(e.Attachments)))
	last := -1
	for _, a := range e.Attachments {
		if int(a.Index) <= last {
			w.fail("order of attachment keys", ErrNonCanonical)
		}
		last = int(a.Index)
		a.write(w)
	}
}

func (a *AttachmentKey) write(w *writer) {
	if len(a.Key) == 0 || a.Locator == "" {
		w.fail("attachment key", ErrEmpty)
	}
	if len(a.Key) > MaxText {
		w.fail("attachment key", ErrLength)
		return
	}
	if !utf8.ValidString(a.Locator) {
		w.fail("locator", ErrText)
	}
	w.u16(a.Index)
	w.u8(uint8(len(a.Key)))
	w.raw(a.Key)
	w.v32("locator", []byte(a.Locator), MaxLocator)
}

// ParseReport reads what [Report.Encode] writes and nothing else. It proves nothing.
func ParseReport(b []byte) (*Report, error) {
	r := &reader{b: b}
	if len(b) > MaxReport {
		r.fail("report", ErrReportSize)
	}
	r.version("report")
	rep := &Report{Reporter: r.ref("reporter"), Reason: r.u16("reason"), ChildAtRisk: r.truth("child at risk")}
	n := r.u16("messages")
	if n == 0 || n > MaxMessages {
		r.fail("messages", ErrReportSize)
	}
	for range n {
		if r.err != nil {
			break
		}
		rep.Messages = append(rep.Messages, readEvidence(r))
	}
	rep.Note = r.long("note", MaxNote)
	if err := r.end("report"); err != nil {
		return nil, err
	}
	return rep, nil
}

func (r *reader) truth(what string) bool {
	v := r.u8(what)
	if v > 1 {
		r.fail(what, ErrNonCanonical)
	}
	return v == 1
}

func (r *reader) long(what string, limit int) string {
	p := r.v32(what, limit)
	if !utf8.Valid(p) {
		r.fail(what, ErrText)
	}
	return string(p)
}

func readEvidence(r *reader) (e Evidence) {
	r.fixed("message key", e.Key[:])
	e.Content = bytes.Clone(r.v32("content", MaxContent))
	r.fixed("tag", e.Stamp.Tag[:])
	r.fixed("signature", e.Stamp.Signature[:])
	e.Stamp.Context = bytes.Clone(r.v32("context", MaxContext))
	for range r.count("attachment keys", MaxAttachments) {
		a := readAttachmentKey(r)
		if r.err != nil {
			break
		}
		if n := len(e.Attachments); n > 0 && a.Index <= e.Attachments[n-1].Index {
			r.fail("order of attachment keys", ErrNonCanonical)
		}
		e.Attachments = append(e.Attachments, a)
	}
	return e
}

func readAttachmentKey(r *reader) AttachmentKey {
	a := AttachmentKey{Index: r.u16("attachment key")}
	a.Key = bytes.Clone(r.take("attachment key", int(r.u8("attachment key"))))
	a.Locator = r.long("locator", MaxLocator)
	if len(a.Key) == 0 || a.Locator == "" {
		r.fail("attachment key", ErrEmpty)
	}
	return a
}

// ReportKeyID names a key of a moderation team.
type ReportKeyID [8]byte

// Team is to whom reports are sealed.
type Team struct {
	Name string // 1 to 255 bytes, for example "moderation.chat.example"
	ID   ReportKeyID
	Key  hpke.PublicKey // of X-Wing (hpke.MLKEM768X25519), or of DHKEM(X25519)
}

// Reporter is the side of an account that reports.
type Reporter struct {
	Account string
	To      Team
}

// Compose makes a report of the last message of history and as many of those
// before it, up to 30, as fit. It fails if the last alone does not.
func (p *Reporter) Compose(history []Evidence, reason uint16, childAtRisk bool, note string) (*Report, error) {
	from := max(0, len(history)-MaxMessages)
	for {
		r := &Report{Reporter: p.Account, Reason: reason, ChildAtRisk: childAtRisk, Messages: slices.Clone(history[from:]), Note: note}
		_, err := r.Encode()
		if err == nil || from+1 >= len(history) {
			return r, err
		}
		from++
	}
}

// Seal encrypts a report for the team: a header (u16 version, u16 KEM, v8 team,
// key id) and what HPKE's single-shot base mode makes of the report with
// HKDF-SHA256, AES-256-GCM and the header as info. Who sends it is for the service
// that takes it to authenticate.
func (p *Reporter) Seal(r *Report) ([]byte, error) {
	if r.Reporter != p.Account {
		return nil, fmt.Errorf("%w: not this account's report", ErrReporter)
	}
	plain, err := r.Encode()
	if err != nil {
		return nil, err
	}
	head, err := p.To.header()
	if err != nil {
		return nil, err
	}
	sealed, err := hpke.Seal(p.To.Key, hpke.HKDFSHA256(), hpke.AES256GCM(), reportInfo(head), plain)
	if err != nil {
		return nil, fmt.Errorf("franking: sealing a report: %w", err)
	}
	return append(head, sealed...), nil
}

func (t *Team) header() ([]byte, error) {
	w := &writer{}
	w.u16(version)
	if t.Key == nil || !suite(t.Key.KEM().ID()) {
		w.fail("report key", ErrSuite)
		return nil, w.err
	}
	w.u16(t.Key.KEM().ID())
	w.ref("team", t.Name)
	w.raw(t.ID[:])
	return w.b, w.err
}

// suite says which KEMs version 1 knows: X-Wing, because what a child reports should
// stay closed when quantum computers come, and X25519 for the smallest pages.
func suite(kem uint16) bool {
	return kem == hpke.MLKEM768X25519().ID() || kem == 0x0020
}

func reportInfo(header []byte) []byte { return append([]byte(labelReport), header...) }
