package talk

import (
	"encoding/binary"
	"errors"
	"math"
)

// MaxState bounds the stored form of a state.
const MaxState = 512

// recent is how many message ids are remembered, to recognise one that comes twice.
// Messages that come again after more than these are the caller's to drop.
const recent = 16

// State is what is kept of one conversation in one direction: sums, counts and
// times, and no text. The zero value is a conversation without messages. It is made
// for one writer.
type State struct {
	sum      [Indicators]float32 // what each indicator adds, as of last
	count    [Indicators]uint16  // occurrences in the time that is remembered
	at       [Indicators]uint32  // second of the last one
	seq      [Indicators]uint32  // number of the message of the last one
	eased    float32             // what ordinary messages took off, as of last; for the explanation
	peak     float32             // the highest score
	peakAt   uint32
	last     uint32 // second of the newest message
	messages uint32 // of both
	sent     uint32 // by the actor
	unread   uint32 // by the actor, without text or not wholly read
	refused  uint32 // number of the target's last no
	media    uint32 // second of the target's last picture
	votes    [languages]uint16
	ageLow   uint8 // of the actor's claims of their own age, 0 for none
	ageHigh  uint8
	tier     Tier // the highest that was proposed
	fast     Fast // the reasons that were given
	tierAt   uint32
	fastAt   uint32
	seen     [recent]uint64
}

// stateVersion is the first byte of the stored form.
const stateVersion = 1

// ErrState says that bytes are not a state.
var ErrState = errors.New("conversation state: not a stored state of this version")

// stateSize is the stored form: the version, then the fields in order.
var stateSize = 1 + binary.Size(stored{})

// stored are the fields of a State as encoding/binary writes them.
type stored struct {
	Sum                                  [Indicators]float32
	Count                                [Indicators]uint16
	At, Seq                              [Indicators]uint32
	Eased, Peak                          float32
	PeakAt, Last, Messages, Sent, Unread uint32
	Refused, Media                       uint32
	Votes                                [languages]uint16
	AgeLow, AgeHigh, Tier, Fast          uint8
	TierAt, FastAt                       uint32
	Seen                                 [recent]uint64
}

// AppendBinary appends the stored form, which is the same for the same state.
func (s *State) AppendBinary(b []byte) ([]byte, error) {
	return binary.Append(append(b, stateVersion), binary.LittleEndian, &stored{
		s.sum, s.count, s.at, s.seq, s.eased, s.peak, s.peakAt, s.last, s.messages, s.sent, s.unread,
		s.refused, s.media, s.votes, s.ageLow, s.ageHigh, uint8(s.tier), uint8(s.fast), s.tierAt, s.fastAt, s.seen,
	})
}

// UnmarshalBinary reads a stored form. Bytes that no state could have written are
// refused, so that a damaged state is an error and not a low score.
func (s *State) UnmarshalBinary(b []byte) error {
	if len(b) != stateSize || b[0] != stateVersion {
		return ErrState
	}
	var d stored
	if _, err := binary.Decode(b[1:], binary.LittleEndian, &d); err != nil {
		return ErrState
	}
	for _, v := range append(d.Sum[:], d.Eased, d.Peak) {
		if f := float64(v); math.IsNaN(f) || f < 0 || f > 1e3 || math.Signbit(f) {
			return ErrState
		}
	}
	if Tier(d.Tier) > Review || Fast(d.Fast) > allFast || d.Sent > d.Messages || d.Unread > d.Sent || d.AgeLow > d.AgeHigh {
		return ErrState
	}
	*s = State{
		d.Sum, d.Count, d.At, d.Seq, d.Eased, d.Peak, d.PeakAt, d.Last, d.Messages, d.Sent, d.Unread,
		d.Refused, d.Media, d.Votes, d.AgeLow, d.AgeHigh, Tier(d.Tier), Fast(d.Fast), d.TierAt, d.FastAt, d.Seen,
	}
	return nil
}
