// Package hasher asks programs of the operator for fingerprints that Rowan
// cannot compute, PhotoDNA among them.
//
// A hasher is a program behind HTTP. Rowan sends it the bytes of an upload:
//
//	POST URL
//	Content-Type: image/jpeg
//	Rowan-Signal-Type: x_average
//	Authorization: Bearer TOKEN      (if the operator gave one)
//
// and takes no other answer than status 200, Content-Type application/json and
// one object with the type and exactly one of the other members:
//
//	{"type": "x_average", "hex": "00ff…"}
//	{"type": "x_average", "base64": "AP8…"}
//	{"type": "x_average", "declined": true}
//
// The fingerprint has the length that the operator declared. Declined says that
// the program can make nothing of this file.
//
// Whatever else comes (another type or length, a page of HTML, more behind the
// object, nothing in time) is a [Failure]: this hasher did not scan the file.
// It is counted by its reason and never taken for an answer. What may pass by
// itself is tried once more at once; a hasher that goes on failing is left alone
// for a while, and what comes meanwhile is not scanned by it either.
package hasher
