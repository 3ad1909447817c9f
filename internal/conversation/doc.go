// Package conversation follows what people write to children, and what accounts
// do, event by event. It brings together package talk (what is said), package
// conduct (what is done) and package cases (what a person must look at): it keeps
// their states, and commits what follows from them.
//
// An [Event] comes from the platform as a CloudEvent (CloudEvents 1.0, JSON). The
// stream hands events over in the order of their conversation, and [Desk.Apply]
// takes a batch of them in one transaction: states, marks, steps, cases, webhooks
// and ledger rows become durable together or not at all.
//
// A conversation has a row for each direction in which the one who is written to
// is, or may be, a child. No text is kept. Only when a person is to look are the
// messages round it taken from the stream into the vault.
//
// What may be done without a person: a tip to the child; the child's help screen and
// a pause of the channel, when there is a threat and a demand; 72 hours of friction
// for an actor of whom signs of two kinds are seen. All of it is written down and
// can be taken back. Nothing here closes an account or files a report.
//
// What was not looked at is counted and said: a message on a surface, or in a
// place, where text may not be read is "unsupported", never "nothing found".
package conversation
