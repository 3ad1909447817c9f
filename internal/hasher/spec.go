package hasher

import (
	"errors"
	"fmt"
	"math/bits"
	"regexp"
	"slices"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Distance names how two fingerprints of a type are compared.
type Distance string

// The distances. All are integers; 0 is equal.
const (
	Hamming   Distance = "hamming"    // bits that differ
	L1        Distance = "l1"         // sum over bytes of how far they are apart
	L2Squared Distance = "l2_squared" // sum over bytes of the squares of that
	Equality  Distance = "equality"   // 0 or 1
)

// Distances lists every distance.
var Distances = []Distance{Hamming, L1, L2Squared, Equality}

// Spec is what the operator declares of a type of fingerprint.
type Spec struct {
	Type      safety.HashType
	Bytes     int // length of a fingerprint, 1 to safety.MaxInline
	Distance  Distance
	Threshold int            // greatest distance that is a match
	Lists     map[string]int // other thresholds, by name of the list
}

// ThresholdOf is the greatest distance that is a match with a list.
func (s *Spec) ThresholdOf(list string) int {
	if t, ok := s.Lists[list]; ok {
		return t
	}
	return s.Threshold
}

// Most is the greatest distance that two fingerprints can have.
func (s *Spec) Most() int {
	switch s.Distance {
	case Hamming:
		return 8 * s.Bytes
	case L1:
		return 255 * s.Bytes
	case L2Squared:
		return 255 * 255 * s.Bytes
	}
	return 1
}

const photoDNABytes = 144

// Check returns everything that is wrong with a spec.
func (s *Spec) Check() error {
	var problems []error
	if !s.Type.Opaque() {
		problems = append(problems, errors.New("type: must be one that Rowan does not compute: photodna and the like, or x_NAME for one of your own"))
	}
	if s.Bytes < 1 || s.Bytes > safety.MaxInline {
		problems = append(problems, fmt.Errorf("bytes: must be 1 to %d", safety.MaxInline))
	}
	if s.Type == safety.PhotoDNA && s.Bytes != photoDNABytes {
		problems = append(problems, fmt.Errorf("bytes: a photodna fingerprint has %d", photoDNABytes))
	}
	if !slices.Contains(Distances, s.Distance) {
		problems = append(problems, errors.New("distance: must be hamming, l1, l2_squared or equality"))
		return errors.Join(problems...)
	}
	// At half of what is possible two strangers match.
	most := s.Most() / 2
	if s.Threshold < 0 || s.Threshold > most {
		problems = append(problems, fmt.Errorf("threshold: must be 0 to %d", most))
	}
	for _, t := range s.Lists {
		if t < 0 || t > most {
			problems = append(problems, fmt.Errorf("lists: thresholds are 0 to %d", most))
			break
		}
	}
	return errors.Join(problems...)
}

// Between is the distance of two fingerprints of one length, or any number over
// limit as soon as it is known to be over.
func (d Distance) Between(a, b []byte, limit int) int {
	b = b[:len(a)]
	sum := 0
	switch d {
	case Hamming:
		for i := range a {
			if sum += bits.OnesCount8(a[i] ^ b[i]); sum > limit {
				break
			}
		}
	case L1:
		for i := range a {
			if sum += abs(int(a[i]) - int(b[i])); sum > limit {
				break
			}
		}
	case L2Squared:
		for i := range a {
			e := int(a[i]) - int(b[i])
			if sum += e * e; sum > limit {
				break
			}
		}
	default:
		if string(a) != string(b) {
			return 1
		}
	}
	return sum
}

// Mass is a number whose difference bounds the distance from below ([Distance.Least]):
// bits that are set, or the sum of the bytes.
func (d Distance) Mass(a []byte) int {
	sum := 0
	for _, v := range a {
		if d == Hamming {
			sum += bits.OnesCount8(v)
		} else {
			sum += int(v)
		}
	}
	return sum
}

// Least is the least distance that two fingerprints of n bytes can have whose
// masses are apart by so much.
func (d Distance) Least(apart, n int) int {
	apart = abs(apart)
	switch d {
	case Hamming, L1:
		return apart
	case L2Squared:
		return (apart*apart + n - 1) / n // the mean of squares is no less than the square of the mean
	}
	return min(apart, 1)
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// Media says which files a hasher is made for.
type Media string

// The kinds of media.
const (
	Image Media = "image"
	Video Media = "video"
)

var mediaType = regexp.MustCompile(`^[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}$`)
