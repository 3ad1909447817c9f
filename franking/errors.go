package franking

// Error names what is wrong with something that came from outside. Errors of this
// package wrap one of the constants below (errors.Is), add where it was found, and
// never hold a byte of a message, a key or a reference. The texts are the names
// that testdata and the TypeScript client use.
type Error string

func (e Error) Error() string { return "franking: " + string(e) }

// What can be wrong with an encoding.
const (
	ErrVersion      Error = "version"       // not version 1
	ErrTruncated    Error = "truncated"     // ends before it is complete
	ErrTrailing     Error = "trailing"      // goes on after it is complete
	ErrLength       Error = "length"        // longer than the limit, or not of the one length it must have
	ErrText         Error = "text"          // a text that is not UTF-8
	ErrEmpty        Error = "empty"         // a reference, origin or name without a character
	ErrRange        Error = "range"         // a time after the year 9999, or a size of 2^53 or more
	ErrNonCanonical Error = "non-canonical" // a second way to say the same: a truth value over 1, keys out of order
)

// What can be wrong with a message.
const (
	ErrCommitment   Error = "commitment"   // the content is not what was committed to
	ErrSignature    Error = "signature"    // not signed by a hub key that was valid at that time
	ErrTag          Error = "tag"          // the hub did not stamp this commitment in this context
	ErrAudience     Error = "audience"     // stamped by another hub, or sealed for another team
	ErrSender       Error = "sender"       // content, stamp and session do not name one sender
	ErrConversation Error = "conversation" // content, stamp and session do not name one conversation
	ErrAttachment   Error = "attachment"   // a file is not the one that was sent
	ErrReplayed     Error = "replayed"     // this sequence number was there before
	ErrReordered    Error = "reordered"    // too old to tell whether it was there before, or time and number disagree
)

// What can be wrong with a key.
const (
	ErrKeyExpired Error = "key-expired" // destroyed, or past its report window
	ErrKeyUnknown Error = "key-unknown" // never in this ring
	ErrKeyWeek    Error = "key-week"    // used outside the week that it is for
)

// What can be wrong with a report.
const (
	ErrReportSize  Error = "report-size"  // no message, too many messages, or too many bytes
	ErrSuite       Error = "suite"        // a KEM that version 1 does not use
	ErrReportKey   Error = "report-key"   // sealed for a key that is not at hand
	ErrOpen        Error = "open"         // altered, or not sealed for this key
	ErrReporter    Error = "reporter"     // names another reporter than the account that sent it
	ErrAttachmentN Error = "attachment-n" // a key for an attachment that the message does not have
)
