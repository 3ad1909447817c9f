package franking_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/rowan-safety/rowan/franking"
)

var mutations = flag.Int("franking.mutations", 20000, "how many mutations TestMutate tries")

// TestMutate changes genuine messages and reports at random; none may be accepted.
func TestMutate(t *testing.T) {
	w := newWorld(t)
	w.reporter.To = teamOf(x25519Key(t))
	w.moderator.Keys = append(w.moderator.Keys, x25519Key(t))
	var genuine []sent
	for _, body := range []string{"hello", "", string(bytes.Repeat([]byte("long "), 50))} {
		c := message(body)
		c.Attachments = []franking.Attachment{{Plain: [32]byte{1}, Cipher: [32]byte{2}, Size: 3, Type: "image/png"}}
		genuine = append(genuine, w.send(t, c, now))
	}
	workers := runtime.GOMAXPROCS(0)
	var wait sync.WaitGroup
	for i := range workers {
		wait.Go(func() {
			m := mutator{w: w, genuine: genuine, rnd: rand.New(rand.NewPCG(uint64(i), 6))}
			for range *mutations / workers {
				m.try(t)
			}
		})
	}
	wait.Wait()
	t.Logf("%d mutations", *mutations/workers*workers)
}

func teamOf(k franking.ReportKey) franking.Team {
	return franking.Team{Name: "moderation.chat.example", ID: k.ID, Key: k.Key.PublicKey()}
}

type mutator struct {
	w       *world
	genuine []sent
	rnd     *rand.Rand
	sealed  []byte
}

func (m *mutator) try(t *testing.T) {
	if m.rnd.IntN(8) == 0 {
		m.trySealed(t)
		return
	}
	fields := m.fields(m.rnd.IntN(len(m.genuine)))
	for {
		if i := m.rnd.IntN(len(fields)); m.rnd.IntN(4) > 0 {
			fields[i] = m.change(fields[i])
		} else { // a part of another genuine message
			fields[i] = m.fields(m.rnd.IntN(len(m.genuine)))[i]
		}
		if !m.isGenuine(fields) {
			break
		}
	}
	s := franking.Stamp{Context: fields[5]}
	copy(s.Tag[:], fields[3])
	copy(s.Signature[:], fields[4])
	payload := slices.Concat(fields[0], fields[1])
	if _, err := m.w.receiver.Verify(payload, franking.Commitment(fields[2]), s, m.w.peer); err == nil {
		t.Errorf("accepted by the receiver: %x", fields)
	}
	e, err := franking.Broken(payload, s)
	if err != nil {
		return
	}
	// The commitment that came with the message is no part of the evidence.
	fields[2] = m.commitmentOf(fields)
	if f := m.w.moderator.Prove(e, now); f.Outcome == franking.Proved && !m.isGenuine(fields) {
		t.Errorf("proved: %x", fields)
	}
}

// fields are key, content, commitment, tag, signature, context.
func (m *mutator) fields(i int) [][]byte {
	g := m.genuine[i]
	return [][]byte{bytes.Clone(g.payload[:32]), bytes.Clone(g.payload[32:]), bytes.Clone(g.commitment[:]), bytes.Clone(g.stamp.Tag[:]), bytes.Clone(g.stamp.Signature[:]), bytes.Clone(g.stamp.Context)}
}

func (m *mutator) isGenuine(fields [][]byte) bool {
	for i := range m.genuine {
		if slices.EqualFunc(fields, m.fields(i), bytes.Equal) {
			return true
		}
	}
	return false
}

// commitmentOf returns the commitment of the genuine message with these key and content.
func (m *mutator) commitmentOf(fields [][]byte) []byte {
	for _, g := range m.genuine {
		if bytes.Equal(g.payload, slices.Concat(fields[0], fields[1])) {
			return g.commitment[:]
		}
	}
	return fields[2]
}

// change flips a bit, sets a byte, or, where the length is free, cuts and inserts.
func (m *mutator) change(b []byte) []byte {
	b = bytes.Clone(b)
	i := m.rnd.IntN(len(b))
	free := len(b) != 32 && len(b) != 64
	switch k := m.rnd.IntN(4); {
	case free && k == 0:
		return slices.Delete(b, i, min(len(b), i+1+m.rnd.IntN(4)))
	case free && k == 1:
		return slices.Insert(b, i, byte(m.rnd.Uint32()))
	case k == 2:
		b[i] += byte(1 + m.rnd.IntN(255))
	default:
		b[i] ^= 1 << m.rnd.IntN(8)
	}
	return b
}

// trySealed changes a sealed report.
func (m *mutator) trySealed(t *testing.T) {
	if m.sealed == nil {
		e, err := franking.Broken(m.genuine[0].payload, m.genuine[0].stamp)
		check(t, err)
		r, err := m.w.reporter.Compose([]franking.Evidence{e}, 1, true, "note")
		check(t, err)
		m.sealed, err = m.w.reporter.Seal(r)
		check(t, err)
	}
	b := m.change(m.sealed)
	if bytes.Equal(b, m.sealed) {
		return
	}
	if _, err := m.w.moderator.Open(b, "acct:bob"); err == nil {
		t.Errorf("opened: %x", b)
	}
}

// TestMutateEveryBit flips each bit of one message in turn.
func TestMutateEveryBit(t *testing.T) {
	w := newWorld(t)
	g := w.send(t, message("hello"), now)
	wire := slices.Concat(g.payload, g.commitment[:], g.stamp.Encode())
	for bit := range 8 * len(wire) {
		b := bytes.Clone(wire)
		b[bit/8] ^= 1 << (bit % 8)
		n := len(g.payload)
		s, err := franking.ParseStamp(b[n+32:])
		if err != nil {
			continue
		}
		if _, err := w.receiver.Verify(b[:n], franking.Commitment(b[n:n+32]), s, w.peer); err == nil {
			t.Errorf("bit %d: accepted", bit)
		}
	}
}
