package safety

import (
	"errors"
	"fmt"
)

// Kind sorts errors by what the caller can do about them. It is mapped to a
// problem document (RFC 9457) in one place, internal/api.
type Kind int

// The kinds of error.
const (
	// Internal: a fault of ours; the caller can only try again later.
	Internal Kind = iota
	// Invalid: the input is malformed; repeating it will not help.
	Invalid
	// NotFound: no such thing, or none that this caller may know of.
	NotFound
	// Unauthenticated: no or unknown credentials.
	Unauthenticated
	// Forbidden: known caller without the needed scope.
	Forbidden
	// Conflict: the state has changed or does not permit this.
	Conflict
	// TooLarge: over a size limit.
	TooLarge
	// Unavailable: something that we depend on does not answer; try again.
	Unavailable
	// RateLimited: over a quota; try again later.
	RateLimited
)

var kindNames = [...]string{"internal", "invalid", "not found", "unauthenticated",
	"forbidden", "conflict", "too large", "unavailable", "rate limited"}

func (k Kind) String() string {
	if k >= 0 && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Error is the one typed error of Rowan. Detail is a sentence fit for the
// caller to read: it never carries content, hashes or personal data. Err, if
// any, is the cause and is for logs only.
type Error struct {
	Kind   Kind
	Detail string
	Err    error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Detail + ": " + e.Err.Error()
	}
	return e.Detail
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an [Error] of kind k whose detail is the formatted text.
func Errorf(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// Wrap makes an [Error] of kind k around a cause.
func Wrap(k Kind, err error, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...), Err: err}
}

// KindOf is the kind of the first [Error] in err's chain, [Internal] if there
// is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}
