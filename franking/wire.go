package franking

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Limits of version 1. They bound what a decoder allocates and what a report can
// cost a moderator.
const (
	MaxText        = 255       // bytes of a reference, an origin, a media type
	MaxBody        = 64 << 10  // bytes of a message's body
	MaxAttachments = 100       // attachments of a message
	MaxContent     = 128 << 10 // bytes of an encoded Content
	MaxContext     = 788       // bytes of an encoded Context
	MaxMessages    = 31        // messages of a report: the reported one and 30 before it
	MaxNote        = 8 << 10   // bytes of the reporter's note
	MaxLocator     = 2 << 10   // bytes of an attachment's locator
	MaxReport      = 1 << 20   // bytes of an encoded Report

	maxTime = 253402300799999 // the last millisecond of the year 9999
	maxSize = 1<<53 - 1       // what a JavaScript number holds exactly
)

const version = 1

// writer appends big-endian fields; the first error sticks.
type writer struct {
	b   []byte
	err error
}

func (w *writer) fail(what string, err error) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s", err, what)
	}
}

func (w *writer) u8(v uint8)   { w.b = append(w.b, v) }
func (w *writer) u16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *writer) u64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) raw(p []byte) { w.b = append(w.b, p...) }

// upto writes a number that must not exceed limit.
func (w *writer) upto(what string, v, limit uint64) {
	if v > limit {
		w.fail(what, ErrRange)
	}
	w.u64(v)
}

// v8 writes a text with a length of one byte.
func (w *writer) v8(what, s string) {
	if len(s) > MaxText {
		w.fail(what, ErrLength)
		return
	}
	if !utf8.ValidString(s) {
		w.fail(what, ErrText)
	}
	w.u8(uint8(len(s)))
	w.b = append(w.b, s...)
}

// ref writes a text that must not be empty.
func (w *writer) ref(what, s string) {
	if s == "" {
		w.fail(what, ErrEmpty)
	}
	w.v8(what, s)
}

// v32 writes bytes with a length of four bytes.
func (w *writer) v32(what string, p []byte, limit int) {
	if len(p) > limit {
		w.fail(what, ErrLength)
		return
	}
	w.b = binary.BigEndian.AppendUint32(w.b, uint32(len(p)))
	w.b = append(w.b, p...)
}

// reader takes big-endian fields; after the first error everything is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", err, what)
	}
}

func (r *reader) take(what string, n int) []byte {
	if r.err == nil && n > len(r.b) {
		r.fail(what, ErrTruncated)
	}
	if r.err != nil {
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u8(what string) uint8 {
	if p := r.take(what, 1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) u16(what string) uint16 {
	if p := r.take(what, 2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (r *reader) u64(what string) uint64 {
	if p := r.take(what, 8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

func (r *reader) upto(what string, limit uint64) uint64 {
	v := r.u64(what)
	if v > limit {
		r.fail(what, ErrRange)
	}
	return v
}

func (r *reader) fixed(what string, dst []byte) { copy(dst, r.take(what, len(dst))) }

func (r *reader) version(what string) {
	if v := r.u16(what); r.err == nil && v != version {
		r.fail(what, ErrVersion)
	}
}

func (r *reader) v8(what string) string {
	p := r.take(what, int(r.u8(what)))
	if !utf8.Valid(p) {
		r.fail(what, ErrText)
	}
	return string(p)
}

func (r *reader) ref(what string) string {
	s := r.v8(what)
	if s == "" {
		r.fail(what, ErrEmpty)
	}
	return s
}

// v32 returns a part of the input, not a copy.
func (r *reader) v32(what string, limit int) []byte {
	p := r.take(what, 4)
	if p == nil {
		return nil
	}
	n := binary.BigEndian.Uint32(p)
	if uint64(n) > uint64(limit) {
		r.fail(what, ErrLength)
		return nil
	}
	return r.take(what, int(n))
}

func (r *reader) count(what string, limit int) int {
	n := int(r.u16(what))
	if n > limit {
		r.fail(what, ErrLength)
		return 0
	}
	return n
}

func (r *reader) end(what string) error {
	if r.err == nil && len(r.b) > 0 {
		r.fail(what, ErrTrailing)
	}
	return r.err
}
