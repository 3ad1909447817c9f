package franking

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"time"
)

// Content is a message as its sender wrote it. It is encrypted end to end; only a
// report shows it to anybody else.
type Content struct {
	Sender       string    // the sender's account, as the hub names it; 1 to 255 bytes
	Conversation string    // the conversation, as the hub names it; 1 to 255 bytes
	ID           [16]byte  // chosen by the sender, unique in the conversation
	SentAt       time.Time // by the sender's own clock: a claim, not a proof; whole milliseconds
	Type         string    // media type of Body, up to 255 bytes
	Body         []byte    // up to MaxBody
	Attachments  []Attachment
}

// Attachment binds a file that travels beside the message.
type Attachment struct {
	Plain  [32]byte // SHA-256 of the file
	Cipher [32]byte // SHA-256 of what is stored at the service, encrypted
	Size   uint64   // bytes of the file, below 2^53
	Type   string   // media type, up to 255 bytes
}

// Encode returns the one encoding of c.
func (c *Content) Encode() ([]byte, error) {
	w := &writer{b: make([]byte, 0, 64+len(c.Sender)+len(c.Conversation)+len(c.Type)+len(c.Body)+128*len(c.Attachments))}
	w.u16(version)
	w.ref("sender", c.Sender)
	w.ref("conversation", c.Conversation)
	w.raw(c.ID[:])
	w.upto("time sent", millis(c.SentAt), maxTime)
	w.v8("type", c.Type)
	w.v32("body", c.Body, MaxBody)
	if len(c.Attachments) > MaxAttachments {
		w.fail("attachments", ErrLength)
	}
	w.u16(uint16(len(c.Attachments)))
	for i := range c.Attachments {
		c.Attachments[i].write(w)
	}
	return w.b, w.err
}

func (a *Attachment) write(w *writer) {
	w.raw(a.Plain[:])
	w.raw(a.Cipher[:])
	w.upto("attachment size", a.Size, maxSize)
	w.v8("attachment type", a.Type)
}

// ParseContent reads what [Content.Encode] writes and nothing else.
func ParseContent(b []byte) (Content, error) {
	r := &reader{b: b}
	if len(b) > MaxContent {
		r.fail("content", ErrLength)
	}
	r.version("content")
	c := Content{Sender: r.ref("sender"), Conversation: r.ref("conversation")}
	r.fixed("message id", c.ID[:])
	c.SentAt = fromMillis(r.upto("time sent", maxTime))
	c.Type = r.v8("type")
	c.Body = bytes.Clone(r.v32("body", MaxBody))
	for range r.count("attachments", MaxAttachments) {
		if r.err != nil {
			break
		}
		c.Attachments = append(c.Attachments, readAttachment(r))
	}
	if err := r.end("content"); err != nil {
		return Content{}, err
	}
	return c, nil
}

func readAttachment(r *reader) (a Attachment) {
	r.fixed("attachment", a.Plain[:])
	r.fixed("attachment", a.Cipher[:])
	a.Size = r.upto("attachment size", maxSize)
	a.Type = r.v8("attachment type")
	return a
}

// Check reads a file, decrypted, to its end and answers whether it is the one that
// was sent. It reads at most one byte more than it should have. Any file that is
// not ([ErrAttachment]) must not be shown: authenticated encryption alone does not
// stop a sender from making one ciphertext that two keys open as two files.
func (a *Attachment) Check(file io.Reader) error {
	return sameFile(file, a.Plain, int64(a.Size), "file")
}

// CheckCipher does the same for the encrypted file as stored, whose size the message
// does not say; limit bounds what is read.
func (a *Attachment) CheckCipher(file io.Reader, limit int64) error {
	return sameFile(io.LimitReader(file, limit), a.Cipher, -1, "encrypted file")
}

func sameFile(file io.Reader, want [32]byte, size int64, what string) error {
	h := sha256.New()
	if size >= 0 {
		file = io.LimitReader(file, size+1)
	}
	n, err := io.Copy(h, file)
	if err != nil {
		return fmt.Errorf("franking: reading an attachment: %w", err)
	}
	if size >= 0 && n != size || subtle.ConstantTimeCompare(h.Sum(nil), want[:]) == 0 {
		return fmt.Errorf("%w: %s", ErrAttachment, what)
	}
	return nil
}

// millis is a time's count of milliseconds; what lies before 1970 becomes too large
// to be written.
func millis(t time.Time) uint64      { return uint64(t.UnixMilli()) }
func fromMillis(ms uint64) time.Time { return time.UnixMilli(int64(min(ms, maxTime))).UTC() }
