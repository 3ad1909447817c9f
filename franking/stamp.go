package franking

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math/bits"
	"time"
)

// Labels keep the three uses of keys apart. Each ends in NUL.
const (
	labelCommit = "e2ee-safety/frank/v1/commit\x00"
	labelStamp  = "e2ee-safety/frank/v1/stamp\x00"
	labelSign   = "e2ee-safety/frank/v1/sig\x00"
	labelReport = "e2ee-safety/frank/v1/report\x00"
)

// Key is the secret that opens one message's commitment: 32 random bytes, fresh for
// each message, sent with it inside the encryption.
type Key [32]byte

// Commitment binds a sender to a content without showing it. It travels beside the
// ciphertext, where the hub sees it, and must be part of the associated data that
// the encryption authenticates.
type Commitment [32]byte

// Context is what the hub knows of a message by itself.
type Context struct {
	Key          KeyID     // the hub key that the stamp was made with
	Origin       string    // the hub, for example its host name; 1 to 255 bytes
	Sender       string    // the account that the hub authenticated; 1 to 255 bytes
	Conversation string    // 1 to 255 bytes
	Seq          uint64    // the message's number in the conversation, without gaps
	AcceptedAt   time.Time // by the hub's clock; whole milliseconds
	SizeClass    uint8     // see SizeClass
}

// Stamp is what the hub adds to a message. With a context of typical size it is
// about 155 bytes on the wire.
type Stamp struct {
	Tag       [32]byte // HMAC over commitment and context by a hub key
	Signature [64]byte // Ed25519 over tag and context
	Context   []byte   // an encoded Context, as signed
}

// Encode returns the one encoding of c.
func (c *Context) Encode() ([]byte, error) {
	w := &writer{b: make([]byte, 0, 30+len(c.Origin)+len(c.Sender)+len(c.Conversation))}
	w.u16(version)
	w.raw(c.Key[:])
	w.ref("origin", c.Origin)
	w.ref("sender", c.Sender)
	w.ref("conversation", c.Conversation)
	w.u64(c.Seq)
	w.upto("time accepted", millis(c.AcceptedAt), maxTime)
	w.u8(c.SizeClass)
	return w.b, w.err
}

// ParseContext reads what [Context.Encode] writes and nothing else.
func ParseContext(b []byte) (Context, error) {
	r := &reader{b: b}
	if len(b) > MaxContext {
		r.fail("context", ErrLength)
	}
	r.version("context")
	var c Context
	r.fixed("key id", c.Key[:])
	c.Origin, c.Sender, c.Conversation = r.ref("origin"), r.ref("sender"), r.ref("conversation")
	c.Seq = r.u64("sequence number")
	c.AcceptedAt = fromMillis(r.upto("time accepted", maxTime))
	c.SizeClass = r.u8("size class")
	if err := r.end("context"); err != nil {
		return Context{}, err
	}
	return c, nil
}

// Encode returns the stamp's bytes on the wire: tag, signature, context.
func (s *Stamp) Encode() []byte {
	b := make([]byte, 0, 96+len(s.Context))
	b = append(b, s.Tag[:]...)
	b = append(b, s.Signature[:]...)
	return append(b, s.Context...)
}

// ParseStamp reads what [Stamp.Encode] writes. It checks that the context is well
// formed, not that anybody made it: that is [Receiver.Verify]'s work.
func ParseStamp(b []byte) (Stamp, error) {
	r := &reader{b: b}
	var s Stamp
	r.fixed("tag", s.Tag[:])
	r.fixed("signature", s.Signature[:])
	if r.err != nil {
		return Stamp{}, r.err
	}
	if _, err := ParseContext(r.b); err != nil {
		return Stamp{}, err
	}
	s.Context = bytes.Clone(r.b)
	return s, nil
}

// SizeClass is the class of a ciphertext of n bytes: 0 up to 128, and one more for
// each doubling. The hub knows the size anyhow; the stamp keeps no more than this.
func SizeClass(n int) uint8 {
	if n <= 128 {
		return 0
	}
	return uint8(bits.Len(uint((n - 1) >> 7)))
}

// commit is HMAC-SHA-256 under a key of exactly 32 bytes. Keys of one length make
// HMAC's padding of keys injective, so that finding two openings of a commitment
// is finding a collision of SHA-256.
func commit(key *Key, content []byte) (c Commitment) {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte(labelCommit))
	h.Write(content)
	h.Sum(c[:0])
	return c
}

func tag(hubKey *[32]byte, c Commitment, context []byte) (t [32]byte) {
	h := hmac.New(sha256.New, hubKey[:])
	h.Write([]byte(labelStamp))
	h.Write(c[:])
	h.Write(context)
	h.Sum(t[:0])
	return t
}

// signed is what the hub signs. The commitment is left out on purpose: with it a
// leaked conversation would prove itself to anybody; without it only the holder of
// the hub key can tell what the tag stands for.
func signed(t [32]byte, context []byte) []byte {
	b := make([]byte, 0, len(labelSign)+32+len(context))
	b = append(b, labelSign...)
	b = append(b, t[:]...)
	return append(b, context...)
}

// VerifyKey is a public key of the hub and the time in which it signs.
type VerifyKey struct {
	Public ed25519.PublicKey
	From   time.Time // first moment
	Until  time.Time // first moment after; the zero time means no end
}

func (k *VerifyKey) covers(t time.Time) bool {
	return !t.Before(k.From) && (k.Until.IsZero() || t.Before(k.Until))
}

// authentic checks who made a stamp and returns its context.
func authentic(s *Stamp, origin string, keys []VerifyKey) (Context, error) {
	c, err := ParseContext(s.Context)
	if err != nil {
		return Context{}, err
	}
	if c.Origin != origin {
		return Context{}, fmt.Errorf("%w: stamp", ErrAudience)
	}
	msg := signed(s.Tag, s.Context)
	for i := range keys {
		if len(keys[i].Public) == ed25519.PublicKeySize && keys[i].covers(c.AcceptedAt) && ed25519.Verify(keys[i].Public, msg, s.Signature[:]) {
			return c, nil
		}
	}
	return Context{}, fmt.Errorf("%w: stamp", ErrSignature)
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
