// Package ncmec is a stand-in for NCMEC's CyberTipline reporting service, for
// tests and for trying Rowan out. It is NOT the authority: nothing sent to it
// is reported to anyone. Every answer carries "X-Rowan-Standin: true" and every
// description begins with "ROWAN STAND-IN".
//
// It is strict on purpose. It re-implements the schema of November 2025 from a
// table of its own (schema.txt) and the rules of the documentation, shares no
// code with package cybertip, and refuses what the real service is known to
// refuse: children out of order, flags that say false, times in the future, a
// second fileinfo for a file, anything after finish.
//
// What it does not know about the real service, it decides, and these decisions
// are unverified: the HTTP status beside a response code (4xxx and 5xxx: 400,
// 3xxx: 403, 1xxx: 500, see [Config.ErrorsAs200]); 401 with an empty body for
// refused credentials; 4110 for text that is not XML and 4100 for XML that is
// not valid; 4100 for a second fileinfo; 4000 for a wrong content type, method
// or form; 5001 once a report has expired; that lengths are counted in
// characters.
//
// State lives in memory, or, with [Config.Dir], in an append-only journal that
// is synced before each answer, so that both sides of a test can be killed at
// any moment. Bytes of files are hashed and counted and never stored.
package ncmec
