package conduct

import "github.com/rowan-safety/rowan/internal/safety"

// Key stands for an account, a device, a handle or a picture: 64 bits of a keyed
// hash (HMAC) made by the caller, so that no identifier is held here and nobody
// outside can choose keys. Zero is no key.
type Key uint64

// Ages are the bounds within which an account holder's age lies, in years, as far
// as the caller's evidence goes. The zero value says that nothing is known; it is
// neither "adult" nor "child".
//
// A person's own word that they are a child must not set Upper by itself: else
// an adult is out of sight by saying so.
type Ages struct {
	Lower, Upper int
}

// Adulthood is the age from which an account may be scored.
const Adulthood = 18

// check refuses bounds that contradict each other: a mistake of the caller must not
// turn a child into somebody of unknown age. A lower bound alone has Upper 150.
func (a Ages) check() error {
	if a != (Ages{}) && (a.Lower < 0 || a.Upper < 1 || a.Lower > a.Upper) {
		return safety.Errorf(safety.Invalid, "conduct: the bounds of an age contradict each other")
	}
	return nil
}

// Known reports whether there is an upper bound.
func (a Ages) Known() bool { return a.Upper > 0 }

// Child reports whether the holder is certainly under 18.
func (a Ages) Child() bool { return a.Known() && a.Upper < Adulthood }

// Adult reports whether the holder is certainly 18 or older.
func (a Ages) Adult() bool { return a.Known() && a.Lower >= Adulthood }
