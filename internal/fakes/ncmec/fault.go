package ncmec

import (
	"net/http"
	"strconv"
	"time"
)

// Phase is when a fault strikes: before the request is looked at, or after its
// change is on the disk and before the answer is sent.
type Phase int

// The phases.
const (
	Before Phase = iota
	After
)

// FaultKind is what goes wrong.
type FaultKind int

// The kinds of fault.
const (
	NoFault      FaultKind = iota
	Drop                   // the connection is closed without an answer
	Status                 // an answer with HTTP Fault.Status and no XML, with Retry-After if set
	Stall                  // Fault.Wait passes, or the client goes away; then all goes on
	TruncatedXML           // an answer whose XML ends in the middle (After only)
	CutBody                // an answer that is shorter than its Content-Length (After only)
	HTML                   // a page of some proxy, with HTTP 200
	WrongMD5               // an upload answered with another hash (After only)
	Code                   // an answer with response code Fault.Code
	Empty                  // HTTP 200 and nothing else (After only)
	Twice                  // the request is carried out twice, the second answer is sent (Before only)
)

// Fault is one fault. The zero value is none.
type Fault struct {
	Kind       FaultKind
	Status     int           // for Status
	RetryAfter time.Duration // for Status; whole seconds
	Wait       time.Duration // for Stall
	Code       int           // for Code
}

// Faults chooses the fault of a request. op is the last part of the path:
// "submit", "upload" and so on. It is called twice for a request, from several
// goroutines at once.
type Faults func(op string, phase Phase) Fault

// strike carries out f in place of the answer a. It reports false if the
// request should go on as if nothing had happened.
func (f Fault) strike(w http.ResponseWriter, r *http.Request, a *answer) bool {
	switch f.Kind {
	case Drop:
		// The way net/http offers to close a connection without an answer.
		panic(http.ErrAbortHandler)
	case Stall:
		select {
		case <-time.After(f.Wait):
		case <-r.Context().Done():
		}
		return false
	case Status:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
		}
		w.WriteHeader(f.Status)
	case HTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!DOCTYPE html>\n<html><head><title>Rowan stand-in</title></head><body>We will be back.</body></html>\n"))
	case Empty:
		w.WriteHeader(http.StatusOK)
	case Code:
		*a = answer{code: f.Code, description: "injected fault"}
		return false
	case TruncatedXML:
		whole := a.xml()
		writeXML(w, a.status(false), whole[:len(whole)/2])
	case CutBody:
		whole := a.xml()
		w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
		writeXML(w, a.status(false), whole[:len(whole)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case WrongMD5:
		if a.hash != "" {
			a.hash = "00000000000000000000000000000000"
		}
		return false
	default:
		return false
	}
	return true
}
