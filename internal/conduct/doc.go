// Package conduct looks at what accounts do, never at what they say: whom they
// approach, how those answer, what they share with other accounts. It is pure:
// facts in, answers out, no I/O, no clock but the one passed in.
//
// Package conversation feeds it with events, keeps its states and does what follows.
//
// An actor's [State] holds sliding windows in bounded space; [Assess] makes an
// [Assessment] from it and from the risk of conversations, which others compute.
// [Propose] makes steps of one, [Check] answers whether an actor may contact a
// target, and [Enforce] records what people have decided. A [Builder] makes a
// [Graph] of ties, in which [Graph.Rings] looks for rings around accounts that
// people have confirmed.
//
// Three promises. Children are never scored or ranked: an account whose
// upper age bound is under 18 gets protections only. Nothing here closes an
// account or files a report, and no type can say that a machine did. What was
// not seen is said ([Assessment.Missing]); it is never "nothing found".
//
// The numbers of [DefaultCard] are experts' guesses, not estimates from data:
// nobody has measured how many children they protect or how many adults they
// wrong. docs/conduct.md has the limits.
package conduct
