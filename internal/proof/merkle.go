package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// Hash is a node of the tree.
type Hash [sha256.Size]byte

func (h Hash) String() string { return base64.StdEncoding.EncodeToString(h[:]) }

// LeafHash is the hash of an entry (RFC 6962 §2.1).
func LeafHash(entry []byte) Hash { return sha256.Sum256(append([]byte{0}, entry...)) }

func node(l, r Hash) Hash {
	b := make([]byte, 0, 1+2*len(l))
	return sha256.Sum256(append(append(append(b, 1), l[:]...), r[:]...))
}

// Included checks that leaf stands at index in the tree of c (RFC 9162 §2.1.3.2).
func Included(c Checkpoint, leaf Hash, index int64, path []Hash) error {
	if index < 0 || index >= c.Size {
		return errors.New("the index is outside the tree")
	}
	fn, sn, r := index, c.Size-1, leaf
	for _, p := range path {
		if sn == 0 {
			return errors.New("the proof is too long")
		}
		if fn&1 == 1 || fn == sn {
			r = node(p, r)
			for ; fn&1 == 0 && fn != 0; fn, sn = fn>>1, sn>>1 {
			}
		} else {
			r = node(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 || r != c.Root {
		return errors.New("the proof does not lead to the signed root")
	}
	return nil
}

// Consistent checks that the tree of c begins with the tree of old
// (RFC 9162 §2.1.4.2).
func Consistent(old, c Checkpoint, path []Hash) error {
	bad := errors.New("the proof does not show that one tree begins with the other")
	switch {
	case old.Size < 0 || old.Size > c.Size:
		return bad
	case old.Size == c.Size:
		if len(path) != 0 || old.Root != c.Root {
			return bad
		}
		return nil
	case old.Size == 0:
		if len(path) != 0 {
			return bad
		}
		return nil
	}
	if old.Size&(old.Size-1) == 0 {
		path = append([]Hash{old.Root}, path...)
	}
	if len(path) == 0 {
		return bad
	}
	fn, sn := old.Size-1, c.Size-1
	for ; fn&1 == 1; fn, sn = fn>>1, sn>>1 {
	}
	fr, sr := path[0], path[0]
	for _, p := range path[1:] {
		if sn == 0 {
			return bad
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = node(p, fr), node(p, sr)
			for ; fn&1 == 0 && fn != 0; fn, sn = fn>>1, sn>>1 {
			}
		} else {
			sr = node(sr, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 || fr != old.Root || sr != c.Root {
		return bad
	}
	return nil
}

// span is a tree that grows leaf by leaf: the roots of its complete subtrees,
// the largest first.
type span struct {
	size  int64
	roots []Hash
}

func (s *span) add(leaf Hash) {
	for n := s.size; n&1 == 1; n >>= 1 {
		leaf = node(s.roots[len(s.roots)-1], leaf)
		s.roots = s.roots[:len(s.roots)-1]
	}
	s.roots = append(s.roots, leaf)
	s.size++
}

func (s *span) root() Hash {
	if s.size == 0 {
		return sha256.Sum256(nil)
	}
	h := s.roots[len(s.roots)-1]
	for i := len(s.roots) - 2; i >= 0; i-- {
		h = node(s.roots[i], h)
	}
	return h
}
