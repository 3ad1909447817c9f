// Package classify asks programs of the operator for a second opinion on a
// conversation: a model behind a chat interface, a service that gives text labels,
// or anything that speaks Rowan's own plain format (docs/second-opinions.md).
//
// An opinion is one number from 0 to 1 that package talk takes as one more
// indicator, bounded by its weights. It is never an action, and a bad answer is
// never a number: whatever does not keep to the format by the letter, names a
// message that was not sent, repeats what somebody wrote or comes too late is a
// [Failure], counted by its reason. The caller goes on with what it knew before.
//
// What people write is data. It goes out as JSON strings with everything escaped
// that could be taken for a frame of a prompt, without names, under ids that mean
// nothing elsewhere. It may still talk a model into a wrong answer; the most that a
// wrong answer can do is to add what the weights allow, or nothing.
//
// Nothing is asked by default. A [Config] names the surfaces and countries for which
// text may be sent, and says in so many words when it leaves the operator's own
// network. No error, no counter and no log line of this package holds text, a key or
// an address.
package classify
