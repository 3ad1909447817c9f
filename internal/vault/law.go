package vault

import (
	"fmt"
	"time"
)

// Keeps says what a law makes us keep, or do.
type Keeps string

// What clocks keep.
const (
	KeepsEvidence Keeps = "evidence" // the pieces in the vault
	KeepsRecord   Keeps = "record"   // the row of a report with its reference; evidence may go before
	Due           Keeps = "due"      // nothing: something must be done by then
)

// Law is one row of the table of clocks: from what moment, and for how long.
type Law struct {
	Name   string // short, as on a clock: "18 USC 2258A(h)"
	Keeps  Keeps
	From   string // the moment, as the end of a sentence: "the authority's receipt"
	For    string // how long, in words
	Basis  string // what the law says, in a sentence
	Source string
	// Tag says how well the source was checked: P read in the official text, S
	// taken from several secondary sources, M from memory and to be verified.
	Tag string

	years    int
	elapsed  time.Duration
	fromDate bool // counted from a date and not from a moment
}

// The laws. Nothing here is invented: what a source leaves open is in Basis.
var (
	USPreserve = Law{Name: "18 USC 2258A(h)", Keeps: KeepsEvidence, From: "the authority's receipt", For: "one year", years: 1,
		Basis:  "A completed submission to the CyberTipline is a request to preserve its contents for one year; a provider may keep them longer.",
		Source: "18 USC 2258A(h)(1), as amended by the REPORT Act, Pub. L. 118-59", Tag: "S"}
	UKContent = Law{Name: "SI 2026/268 reg. 8(1)(b)", Keeps: KeepsEvidence, From: "the sending", For: "one year", years: 1, fromDate: true,
		Basis:  "The detected content, what was submitted, what it was judged by, and relevant data of the user are kept for one year.",
		Source: "The Online Safety (CSEA Content Reporting by Regulated User-to-User Service Providers) Regulations 2026, reg. 8(1)(b)", Tag: "S"}
	UKReference = Law{Name: "SI 2026/268 reg. 8(1)(a)", Keeps: KeepsRecord, From: "the issue of the reference", For: "five years", years: 5, fromDate: true,
		Basis:  "The unique report reference is kept for five years. It stands on the report's own row, which outlives the evidence.",
		Source: "The same Regulations, reg. 8(1)(a)", Tag: "S"}
	UKInformationRequest = Law{Name: "SI 2026/268 information request", Keeps: Due, From: "receipt of the request", For: "seven days", elapsed: 7 * 24 * time.Hour,
		Basis:  "A request of the NCA for information is answered as soon as reasonably practicable, and no later than seven days after it came.",
		Source: "The same Regulations, reg. 5 or 6 (the number is not certain)", Tag: "S"}
	UKIntimateImage = Law{Name: "OSA 2023 s.10(3A)", Keeps: Due, From: "receipt of the report", For: "48 hours", elapsed: 48 * time.Hour,
		Basis:  "Reported intimate image content, and the same content elsewhere on the service, is taken down no later than 48 hours after the report came.",
		Source: "Online Safety Act 2023 s.10(3A), inserted by the Crime and Policing Act 2026 s.100-101, in force 29 June 2026 (SI 2026/689)", Tag: "S"}
	USIntimateImage = Law{Name: "TAKE IT DOWN Act s.3", Keeps: Due, From: "receipt of a valid request", For: "48 hours", elapsed: 48 * time.Hour,
		Basis:  "An intimate depiction published without consent is removed, and known identical copies are looked for, as soon as possible and no later than 48 hours after a valid request.",
		Source: "TAKE IT DOWN Act, Pub. L. 119-12, s.3 (47 USC 223a), from memory and to be verified", Tag: "M"}
)

// OperatorTakedown is how long an operator gives itself for a notice of an
// intimate image that no law here covers.
func OperatorTakedown(limit time.Duration) Law {
	return Law{Name: "operator terms", Keeps: Due, From: "receipt of the notice", For: fmt.Sprintf("%d hours", int(limit/time.Hour)), elapsed: limit,
		Basis:  "The operator's own terms promise that a reported intimate image is looked at and taken down within this time.",
		Source: "configuration: takedown.terms_hours", Tag: "P"}
}

// OperatorPolicy is how long an operator keeps what no law does: the evidence of
// a case that was not confirmed, or whose report was withdrawn.
func OperatorPolicy(keep time.Duration) Law {
	return Law{Name: "operator policy", Keeps: KeepsEvidence, From: "the decision", For: fmt.Sprintf("%d days", int(keep/(24*time.Hour))), elapsed: keep,
		Basis:  "Evidence of a case that was not confirmed, or whose report was withdrawn, stays for a while, so that a mistake can be mended.",
		Source: "configuration: evidence.keep_not_confirmed_days", Tag: "P"}
}

// Laws is the whole table, with the operator's own period.
func Laws(keep time.Duration) []Law {
	return []Law{USPreserve, UKContent, UKReference, UKInformationRequest, UKIntimateImage, USIntimateImage, OperatorPolicy(keep)}
}

// End is when the clock that began at from has run out.
//
// Years are calendar years in UTC; a 29 February ends on 1 March of a year that
// has none, never on 28 February. A period that begins with a date, and not a
// moment, gets a day more: the date is over at different times around the world,
// and 24 hours after the anniversary it is over everywhere. Days and hours are
// elapsed time, which no change to daylight saving touches.
func (l Law) End(from time.Time) time.Time {
	end := from.UTC().AddDate(l.years, 0, 0).Add(l.elapsed)
	if l.fromDate {
		end = end.Add(24 * time.Hour)
	}
	return end
}

// Clock starts the law's clock at a moment; what names the thing it is about, as
// in "of report 1234", and may be empty.
func (l Law) Clock(from time.Time, what string) Clock {
	basis := l.For + " from " + l.From
	if what != "" {
		basis += " " + what
	}
	return Clock{Law: l.Name, Basis: basis, Until: l.End(from), Keeps: l.Keeps}
}
