package franking

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"time"
)

// Sender is the side of an account that writes.
type Sender struct {
	Account string    // as the hub authenticates it
	Rand    io.Reader // crypto/rand.Reader outside of tests
}

// Frank commits to a content. The payload (key and content, 32 bytes more than the
// content) is what goes into the encryption; the commitment goes beside it, to the
// hub, and into its associated data. A group's message has one payload and one
// commitment for all members.
func (s *Sender) Frank(c Content) (payload []byte, commitment Commitment, err error) {
	if c.Sender != s.Account {
		return nil, commitment, fmt.Errorf("%w: not this account's content", ErrSender)
	}
	content, err := c.Encode()
	if err != nil {
		return nil, commitment, err
	}
	var key Key
	if _, err := io.ReadFull(s.Rand, key[:]); err != nil {
		return nil, commitment, fmt.Errorf("franking: random source: %w", err)
	}
	return append(key[:], content...), commit(&key, content), nil
}

// Hub is the service that relays messages it cannot read.
type Hub struct {
	origin string
	ring   *KeyRing
	sign   ed25519.PrivateKey
}

// NewHub returns a hub that stamps as origin, with keys of the ring and a signature
// by sign. A service changes sign about once a year and publishes its public half.
func NewHub(origin string, ring *KeyRing, sign ed25519.PrivateKey) (*Hub, error) {
	if origin == "" || ring == nil {
		return nil, fmt.Errorf("%w: origin and ring are needed", ErrEmpty)
	}
	if len(sign) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("%w: signing key", ErrLength)
	}
	return &Hub{origin: origin, ring: ring, sign: sign}, nil
}

// Submission is a message as the hub sees it.
type Submission struct {
	Commitment   Commitment
	Sender       string // whom the hub authenticated; never what the client says
	Conversation string
	Seq          uint64 // from the hub's counter of the conversation, one more each time
	SizeClass    uint8
}

// Stamp stamps a message at the time now. It keeps nothing. A week without a key is
// [ErrKeyUnknown]: see [KeyRing.Prepare].
func (h *Hub) Stamp(m Submission, now time.Time) (Stamp, error) {
	id, key, err := h.ring.current(now)
	if err != nil {
		return Stamp{}, err
	}
	defer clear(key[:])
	c := Context{Key: id, Origin: h.origin, Sender: m.Sender, Conversation: m.Conversation, Seq: m.Seq, AcceptedAt: now, SizeClass: m.SizeClass}
	context, err := c.Encode()
	if err != nil {
		return Stamp{}, err
	}
	s := Stamp{Tag: tag(&key, m.Commitment, context), Context: context}
	copy(s.Signature[:], ed25519.Sign(h.sign, signed(s.Tag, context)))
	return s, nil
}

// Receiver is the side of an account that reads.
type Receiver struct {
	Origin string      // the hub
	Keys   []VerifyKey // its public keys, from a source that the hub cannot change for one user alone
}

// Peer is whom the end-to-end session says a message is from.
type Peer struct{ Sender, Conversation string }

// Received is a message that may be shown, with what a report of it needs.
type Received struct {
	Content  Content
	Context  Context
	Evidence Evidence
}

// Verify checks a message before it is shown. payload is what was decrypted,
// commitment what the associated data held. After any error the message must not be
// shown, or a sender could show what cannot be reported; offer to report it as
// broken ([Broken]). Verify remembers nothing: give the context to
// [Sequence.Accept], and each file to [Attachment.Check] before it is shown.
func (r *Receiver) Verify(payload []byte, commitment Commitment, s Stamp, from Peer) (Received, error) {
	key, raw, err := splitPayload(payload)
	if err != nil {
		return Received{}, err
	}
	content, err := ParseContent(raw)
	if err != nil {
		return Received{}, err
	}
	if got := commit(&key, raw); !equal(got[:], commitment[:]) {
		return Received{}, fmt.Errorf("%w: message", ErrCommitment)
	}
	context, err := authentic(&s, r.Origin, r.Keys)
	if err != nil {
		return Received{}, err
	}
	if err := keyInWeek(context); err != nil {
		return Received{}, err
	}
	if err := sameParties(content, context, &from); err != nil {
		return Received{}, err
	}
	return Received{Content: content, Context: context, Evidence: evidence(key, raw, &s)}, nil
}

func splitPayload(payload []byte) (key Key, content []byte, err error) {
	r := &reader{b: payload}
	r.fixed("payload", key[:])
	return key, r.b, r.err
}

func sameParties(content Content, context Context, from *Peer) error {
	if content.Sender != context.Sender || from != nil && from.Sender != context.Sender {
		return fmt.Errorf("%w: message", ErrSender)
	}
	if content.Conversation != context.Conversation || from != nil && from.Conversation != context.Conversation {
		return fmt.Errorf("%w: message", ErrConversation)
	}
	return nil
}

func evidence(key Key, content []byte, s *Stamp) Evidence {
	return Evidence{Key: key, Content: bytes.Clone(content), Stamp: Stamp{Tag: s.Tag, Signature: s.Signature, Context: bytes.Clone(s.Context)}}
}

// Broken makes evidence of a message that [Receiver.Verify] refused, so that it can
// be reported all the same. It will most likely not be proved.
func Broken(payload []byte, s Stamp) (Evidence, error) {
	key, raw, err := splitPayload(payload)
	if err != nil {
		return Evidence{}, err
	}
	if len(raw) > MaxContent || len(s.Context) > MaxContext {
		return Evidence{}, fmt.Errorf("%w: message", ErrLength)
	}
	return evidence(key, raw, &s), nil
}
