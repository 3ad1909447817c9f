// Package talk reads conversations for signs that somebody is preparing to harm
// a child: slowly, by winning trust, or fast, by a threat and a demand.
//
// The unit is never one message. It is what one person (the actor) writes to one
// child (the target) over time. [Reader] turns a message into indicators with
// neutral names (asks_age, asks_secrecy, demands_money and so on), [State.Update]
// adds up what they say, and [Assessment] explains itself: which indicators, by
// how much, and what speaks against. The parts of a score add up to the score
// exactly.
//
// Everything here is pure: text in, numbers out. No clock but the times given, no
// input or output, no text kept: a state holds counts, sums and times, at most
// [MaxState] bytes.
//
// Promises: an answer never says "safe". Text in a language without a word list is
// [CoverageMetadata], not harmless. There is no list of sexual words here and none
// may be added; such a score can come only from an operator's own classifier, as
// one bounded number ([Message.External]). Nothing here acts on an account; it
// proposes a tier, and a person decides.
//
// The starting weights are guesses of experts, not measurements, until an operator
// fits them to decisions of their own reviewers (docs/talk.md).
package talk
