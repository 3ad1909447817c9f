// Package proof checks what Rowan hands to outsiders: evidence bundles
// ([Bundle]) and the ledger as it is served over HTTP ([Log]).
//
// It is written apart from what makes these things, on the standard library
// alone: it shares no code with package ledger or package custody, so that a
// mistake there is not repeated here. Whoever wants to be sure can read it in
// an hour, or write it again from docs/evidence-bundle.md and docs/ledger.md.
//
// Promises: what cannot be checked is said, and is never taken for checked; sizes
// are bounded before anything is read; nothing is written, and nothing of a bundle
// is unpacked. Formats: signed notes, checkpoints, cosignatures and tiles of C2SP
// (c2sp.org), Merkle proofs of RFC 6962, timestamps of RFC 3161.
package proof
