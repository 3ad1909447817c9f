// Package match keeps the lists of known material and answers whether a
// fingerprint is on one of them.
//
// A [Lists] changes lists in the database; an [Index] holds every enabled list
// in memory and follows the database, so that a lookup touches no SQL and a
// change made by any process is matchable within a second. MD5, SHA-1 and
// SHA-256 match exactly; PDQ matches within the list's threshold of bits.
//
// Lists are secrets: nothing in this package puts a hash into an error, a log
// line or a ledger row.
package match

import "github.com/rowan-safety/rowan/internal/safety"

// KnownMedia is the detector that this package is: comparing fingerprints with
// lists. It never runs on encrypted surfaces: the server does not read what
// people there send each other.
var KnownMedia = safety.Detector{Name: "known-media", Surfaces: []safety.Surface{safety.SurfacePublic, safety.SurfacePrivate}}
