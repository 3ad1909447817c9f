// Package cybertip speaks NCMEC's CyberTipline Reporting API, the "ISP web
// service" (ispws): the documents of its XML schema, the rules of its
// documentation that the schema cannot express, and a client.
//
// # Source
//
// The documents are those of NCMEC's XML schema as stored in November 2025;
// the further rules are those of the documentation of 2025-11-04. Names in
// comments such as "report/reporter" are paths of that schema. NCMEC's texts
// are not part of this module; GET /xsd ([Client.XSD]) returns the schema in
// force, and a deployment should fetch it daily and look at any difference.
//
// Statements marked "unverified" in this package come from other people's
// clients or from memory, not from NCMEC. The main ones: that a refused login
// may be HTTP 401 with an empty body; that whitespace in a URL is refused; the
// retry policy by response code ([Class]); which HTTP status accompanies which
// code. Elements seen in 2026 but absent from the November 2025 schema
// (reportAnnotations/informational, person/ageAssertionDiscrepancy and others)
// are left out: sending them to a server without them is refused as a whole.
//
// # How a report is filed
//
//	submit   opens a report; the answer carries its number
//	upload   0..n files, any size; the answer carries a file number and an MD5
//	fileinfo at most once for each uploaded file
//	finish   files the report; nothing can be added, changed or cancelled after
//	retract  withdraws a report that is not finished
//
// A report that is not finished is deleted by NCMEC 24 hours after it was
// opened or one hour after the last upload or fileinfo, whichever is LATER.
// Only finish files it. There is no idempotency key and no status of a report,
// so a caller that lost the answer to submit or finish asks with retract or
// finish again and reads the code: see [Finished] and [Gone].
//
// # Promises
//
//   - [Marshal] writes elements in schema order, escapes everything, strips what
//     XML 1.0 cannot carry and refuses a broken choice. A document that
//     Validate accepts is valid against the schema.
//   - [Report.Validate] and [FileDetails.Validate] list every problem at once
//     and never quote a value.
//   - No error of this package contains what was sent: not a body, not a file
//     name, not a value. [ResponseError.Description] is the authority's own
//     text and may quote the request; Error leaves it out.
//   - Every call returns an [Exchange], also when it fails, because the request
//     and the answer are evidence.
//   - Success is HTTP 200 and response code 0 and the expected numbers, and
//     nothing else. An answer without a code is never read as code 0.
//   - An answer that leaves open whether the request was carried out is
//     [ErrAmbiguous], never "failed".
//   - The client picks no environment by itself, speaks HTTPS only (except to a
//     loopback address), follows no redirect, reads at most 1 MiB of an
//     answer, refuses document type declarations and does not panic on any
//     input.
//
// It does not retry, does not keep state and does not decide: the state machine
// that makes "exactly one finished report" out of these calls is the caller's.
package cybertip

// SchemaSHA256 is the SHA-256, in lower-case hexadecimal, of NCMEC's schema that
// this package was written for (as stored in November 2025). Another digest of
// what GET /xsd answers means that the schema has changed since, or that its
// bytes have; what it says must then be read by a person.
const SchemaSHA256 = "aee4c88099409b8a27d1403a5bc9bf0809bdc4819c079081abc1e2275efb392b"
