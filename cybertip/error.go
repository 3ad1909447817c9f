package cybertip

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Class sorts failed calls by what the caller can do. The sorting by response
// code is our reading of the documentation's table, which has no retry advice
// and is declared incomplete; it is unverified.
type Class int

// The classes.
const (
	// Ambiguous: nobody can tell whether the request was carried out. Ask
	// again with finish or retract and read the code.
	Ambiguous Class = iota
	// Transient: it was not carried out, and the same request may succeed later.
	Transient
	// Credentials: nothing will succeed until the operator acts. Page.
	Credentials
	// Terminal: the request is wrong and repeating it will not help.
	Terminal
	// FileUnknown: the file does not exist (5002). The report still may: retract
	// it and start again.
	FileUnknown
	// Gone: the report does not exist or was retracted (5001, 5101). It was not
	// filed and will not be: start again.
	Gone
	// Finished: the report was filed already (5102). Never file it again.
	Finished
)

var classNames = [...]string{"ambiguous", "transient", "credentials", "terminal", "file unknown", "gone", "finished"}

func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return "class " + strconv.Itoa(int(c))
	}
	return classNames[c]
}

// Response codes of the documentation. The list is declared incomplete, so a
// code is an int and not an enumeration.
const (
	CodeSuccess                = 0
	CodeServerError            = 1000
	CodeSaveFailed             = 1100
	CodeUploadFailed           = 1110
	CodeFileUploadFailed       = 1111
	CodeResourceNotFound       = 1210
	CodeUpdateFailed           = 1300
	CodeAuthenticationNeeded   = 2000
	CodeNotAuthorized          = 3000
	CodeSubmitNotAuthorized    = 3100
	CodeUpdateNotAuthorized    = 3300
	CodeInvalidRequest         = 4000
	CodeValidationFailed       = 4100
	CodeMalformedXML           = 4110
	CodeMalformedFile          = 4200
	CodeReportDoesNotExist     = 5001
	CodeFileDoesNotExist       = 5002
	CodeReportAlreadyRetracted = 5101
	CodeReportAlreadyFinished  = 5102
)

// ClassOf sorts a response code other than 0. Unknown codes go by their
// thousand; an unknown 5xxx is Terminal, because guessing that a report is
// gone would file it twice.
func ClassOf(code int) Class {
	switch code {
	case CodeReportDoesNotExist, CodeReportAlreadyRetracted:
		return Gone
	case CodeReportAlreadyFinished:
		return Finished
	case CodeFileDoesNotExist:
		return FileUnknown
	case CodeResourceNotFound:
		return Terminal
	}
	switch code / 1000 {
	case 1:
		return Transient
	case 2, 3:
		return Credentials
	}
	return Terminal
}

var codeNames = map[int]string{
	CodeServerError: "server error", CodeSaveFailed: "save failed", CodeUploadFailed: "upload failed",
	CodeFileUploadFailed: "file upload failed", CodeResourceNotFound: "resource not found",
	CodeUpdateFailed: "update failed", CodeAuthenticationNeeded: "authentication required",
	CodeNotAuthorized: "not authorized", CodeSubmitNotAuthorized: "not authorized to submit",
	CodeUpdateNotAuthorized: "not authorized to update", CodeInvalidRequest: "invalid request",
	CodeValidationFailed: "validation failed", CodeMalformedXML: "malformed XML",
	CodeMalformedFile: "malformed file", CodeReportDoesNotExist: "report does not exist",
	CodeFileDoesNotExist: "file does not exist", CodeReportAlreadyRetracted: "report already retracted",
	CodeReportAlreadyFinished: "report already finished",
}

// ErrAmbiguous matches (errors.Is) every error after which nobody can tell
// whether the request was carried out: lost connections, time-outs, pages that
// are not answers.
var ErrAmbiguous = errors.New("cybertip: not known whether the request was carried out")

// ErrHashMismatch says that the authority received other bytes than were sent, by the
// MD5 it returned. The file now stands in the report; retract the report.
var ErrHashMismatch = errors.New("cybertip: the authority's MD5 differs from that of the bytes sent")

// ErrFileSize says that the reader of an upload held more or fewer bytes than announced.
// The request was broken off; the authority may or may not have kept a part.
var ErrFileSize = errors.New("cybertip: the file is not of the size announced")

// ResponseError is an answer that is not success, or that is no answer at all.
type ResponseError struct {
	Op         string // "submit", "upload", …
	Code       int    // response code; 0 if the answer had none or was not fit to be read
	HTTPStatus int
	// Description is the authority's text. It may quote the request, so it is
	// evidence and must not be logged; Error leaves it out.
	Description string
	RequestID   string        // Request-ID header: NCMEC asks for it
	RetryAfter  time.Duration // Retry-After header; 0 if absent

	class Class
	cause error
}

func (e *ResponseError) Error() string {
	what := "no usable answer"
	if e.Code != 0 {
		what = "code " + strconv.Itoa(e.Code)
		if n := codeNames[e.Code]; n != "" {
			what += " (" + n + ")"
		}
	}
	s := fmt.Sprintf("cybertip: %s: %s, HTTP %d, %s", e.Op, what, e.HTTPStatus, e.class)
	if e.RequestID != "" {
		s += ", request " + e.RequestID
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap returns the cause, say [ErrDocument].
func (e *ResponseError) Unwrap() error { return e.cause }

// Is matches [ErrAmbiguous].
func (e *ResponseError) Is(target error) bool {
	return target == ErrAmbiguous && e.class == Ambiguous
}

// Class says what can be done.
func (e *ResponseError) Class() Class { return e.class }

// Retry reports whether the same request may be sent again later. For submit
// that may leave an unfinished report behind, which NCMEC deletes; for upload
// and fileinfo it may add a second copy, so retracting is cleaner.
func (e *ResponseError) Retry() bool { return e.class == Transient || e.class == Ambiguous }

// TransportError is a call without an answer. It is [ErrAmbiguous] unless no
// connection was made, or the call changes nothing.
type TransportError struct {
	Op    string
	Err   error // of the network or the context
	class Class
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("cybertip: %s: %s: %v", e.Op, e.class, e.Err)
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// Is matches [ErrAmbiguous].
func (e *TransportError) Is(target error) bool {
	return target == ErrAmbiguous && e.class == Ambiguous
}

// Class is [Ambiguous] or [Transient].
func (e *TransportError) Class() Class { return e.class }

// Retry is always true.
func (e *TransportError) Retry() bool { return true }

// Classify returns the class of an error of a [Client] call. ok is false if
// err came from elsewhere, say from [Marshal] or a wrong argument.
func Classify(err error) (class Class, ok bool) {
	var c interface{ Class() Class }
	if errors.As(err, &c) {
		return c.Class(), true
	}
	return 0, false
}
