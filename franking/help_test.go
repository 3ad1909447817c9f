package franking_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/hex"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/franking"
)

// now is in ISO week 48 of 2025, that of the published vector.
var now = time.UnixMilli(0x19ab697e87b).UTC()

// world is a hub with a moderation team and one account that writes to another.
type world struct {
	ring      *franking.KeyRing
	hub       *franking.Hub
	sender    franking.Sender
	receiver  franking.Receiver
	moderator franking.Moderator
	reporter  franking.Reporter
	peer      franking.Peer
	seq       uint64
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	rnd := rand.NewChaCha8([32]byte{1})
	sign := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	keys := []franking.VerifyKey{{Public: sign.Public().(ed25519.PublicKey), From: now.AddDate(-1, 0, 0)}}
	ring := franking.NewKeyRing(0)
	_, err := ring.Prepare(rnd, now)
	check(tb, err)
	hub, err := franking.NewHub("chat.example", ring, sign)
	check(tb, err)
	team := reportKey(tb)
	return &world{
		ring: ring, hub: hub,
		sender:    franking.Sender{Account: "acct:alice", Rand: rnd},
		receiver:  franking.Receiver{Origin: "chat.example", Keys: keys},
		moderator: franking.Moderator{Team: "moderation.chat.example", Keys: []franking.ReportKey{team}, Origin: "chat.example", Signed: keys, Ring: ring},
		reporter:  franking.Reporter{Account: "acct:bob", To: franking.Team{Name: "moderation.chat.example", ID: team.ID, Key: team.Key.PublicKey()}},
		peer:      franking.Peer{Sender: "acct:alice", Conversation: "conv:42"},
		seq:       16,
	}
}

func reportKey(tb testing.TB) franking.ReportKey {
	tb.Helper()
	key, err := hpke.MLKEM768X25519().NewPrivateKey(bytes.Repeat([]byte{5}, 32))
	check(tb, err)
	return franking.ReportKey{ID: [8]byte{'x'}, Key: key}
}

func x25519Key(tb testing.TB) franking.ReportKey {
	tb.Helper()
	key, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(bytes.Repeat([]byte{6}, 32))
	check(tb, err)
	return franking.ReportKey{ID: [8]byte{'d'}, Key: key}
}

func message(body string) franking.Content {
	return franking.Content{Sender: "acct:alice", Conversation: "conv:42", ID: [16]byte{1}, SentAt: now, Type: "text/plain", Body: []byte(body)}
}

// sent is a message on its way.
type sent struct {
	payload    []byte
	commitment franking.Commitment
	stamp      franking.Stamp
}

func (w *world) send(tb testing.TB, c franking.Content, at time.Time) sent {
	tb.Helper()
	payload, commitment, err := w.sender.Frank(c)
	check(tb, err)
	w.seq++
	stamp, err := w.hub.Stamp(franking.Submission{Commitment: commitment, Sender: w.sender.Account, Conversation: "conv:42", Seq: w.seq, SizeClass: 1}, at)
	check(tb, err)
	return sent{payload, commitment, stamp}
}

func (w *world) receive(tb testing.TB, m sent) franking.Received {
	tb.Helper()
	got, err := w.receiver.Verify(m.payload, m.commitment, m.stamp, w.peer)
	check(tb, err)
	return got
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	check(tb, err)
	return b
}
