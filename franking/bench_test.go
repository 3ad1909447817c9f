package franking_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/rowan-safety/rowan/franking"
)

func BenchmarkFrank(b *testing.B) {
	w := newWorld(b)
	c := message(string(make([]byte, 1000)))
	defer cpu(b)()
	for b.Loop() {
		w.sender.Frank(c)
	}
}

func BenchmarkStamp(b *testing.B) {
	w := newWorld(b)
	defer cpu(b)()
	for b.Loop() {
		w.hub.Stamp(franking.Submission{Sender: "acct:alice", Conversation: "conv:42", Seq: 17, SizeClass: 1}, now)
	}
	m := w.send(b, message("hello"), now)
	b.ReportMetric(float64(len(m.stamp.Encode())), "stamp-B")
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	m := w.send(b, message(string(make([]byte, 1000))), now)
	defer cpu(b)()
	for b.Loop() {
		if _, err := w.receiver.Verify(m.payload, m.commitment, m.stamp, w.peer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProve(b *testing.B) {
	w := newWorld(b)
	e := w.receive(b, w.send(b, message(string(make([]byte, 1000))), now)).Evidence
	defer cpu(b)()
	for b.Loop() {
		if f := w.moderator.Prove(e, now); f.Outcome != franking.Proved {
			b.Fatal(f.Cause)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	w := newWorld(b)
	e := w.receive(b, w.send(b, message(string(make([]byte, 20000))), now)).Evidence
	for _, key := range []franking.ReportKey{reportKey(b), x25519Key(b)} {
		b.Run(map[byte]string{'x': "X-Wing", 'd': "X25519"}[key.ID[0]], func(b *testing.B) {
			w.reporter.To = teamOf(key)
			r, err := w.reporter.Compose([]franking.Evidence{e}, 0, false, "")
			check(b, err)
			defer cpu(b)()
			for b.Loop() {
				if _, err := w.reporter.Seal(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAnchor is Ed25519 alone, on the same machine in the same run: what stamping
// and verifying cost beside it is this package's own.
func BenchmarkAnchor(b *testing.B) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	public, msg := key.Public().(ed25519.PublicKey), make([]byte, 116)
	signature := ed25519.Sign(key, msg)
	b.Run("sign", func(b *testing.B) {
		defer cpu(b)()
		for b.Loop() {
			ed25519.Sign(key, msg)
		}
	})
	b.Run("verify", func(b *testing.B) {
		defer cpu(b)()
		for b.Loop() {
			ed25519.Verify(public, msg, signature)
		}
	})
}
