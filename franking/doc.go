// Package franking makes reports from end-to-end encrypted conversations provable:
// a moderator learns that an account sent exactly this message and when the service
// accepted it, and the service learns nothing about messages nobody reports.
//
// # Specification
//
// Version 1 is written down in docs/franking.md of this module. It has the shape of
// message franking in the IETF's MIMI draft (draft-ietf-mimi-protocol): the sender
// commits to the content, the service ("hub") puts an HMAC over the commitment and
// what it knows of the message, and signs that. testdata holds vectors that Go and
// TypeScript (web/client) both pass.
//
// # The five sides
//
//	Sender     Frank    content          -> payload (encrypted), commitment (beside it)
//	Hub        Stamp    commitment, who, where, number -> stamp
//	Receiver   Verify   payload, commitment, stamp -> message that may be shown
//	Reporter   Compose, Seal             -> report that only the moderators open
//	Moderator  Open, Review              -> an Outcome for each message, and gaps
//
// The encryption itself is the messenger's. It must authenticate the commitment as
// associated data, and must tell who the sender is.
//
// # Promises
//
//   - There is one encoding of everything, and decoders accept nothing else. None
//     panics or allocates beyond the limits of wire.go.
//   - [Proved] needs the signature, the stamp and the commitment to be right; there
//     is no outcome between, and the zero [Outcome] is none.
//   - What is wrong is one of the [Error] constants. No error holds content.
//   - Time and randomness come from the caller, except HPKE's own randomness.
//   - A key that [KeyRing.Destroy] took is zero in memory and absent from the stored
//     form. Go does not promise that no copy is left elsewhere: HMAC's working state
//     is left to the garbage collector. Backups are the caller's affair.
//
// # What it does not do
//
// A proof is the hub's word to its own moderators. A hub that conspires with anybody
// can forge one, and outsiders cannot check it (so a leaked conversation proves
// nothing to the world). Times are the hub's clock. A hub that stamps wrongly on
// purpose makes messages unreportable without receivers noticing; report from test
// accounts regularly. The times and references in a [Content] are the sender's claims.
// The construction as a whole has had no outside cryptographic review.
package franking
