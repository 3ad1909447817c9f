// Package measures is a register of legal duties and measures, and of what
// Rowan can show for each.
//
// The catalogue ([Catalogue]) is data: what is asked, of whom, from which source
// and how well that source was read. [Assess] is a pure function from a
// [Profile] of the service to an answer for each measure: applies, does not
// apply, or undetermined. It uses three-valued logic, so that what is not known
// of the service, or not in our sources, is never taken for a no.
//
// A measure names probes, small functions that package app registers. They read
// what Rowan holds at this moment: settings, counts, the last test. A probe that
// fails is shown as "could not be read", never as evidence; where Rowan holds
// nothing, the gap is named.
//
// Promise: nothing here says that a service meets a duty. It shows evidence and
// gaps; a person judges. Profiles and the operator's records are versioned, each
// version is a ledger row, and none is deleted.
package measures
