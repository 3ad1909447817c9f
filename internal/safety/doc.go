// Package safety holds Rowan's vocabulary: the words that every other package
// uses with one meaning each. It imports nothing but the standard library and
// contains no behaviour beyond parsing, printing and comparing its own values.
//
// The words are those of docs/architecture.md: a [Hash] is a signal we match
// against, a [Finding] is what a detector saw, a [Verdict] is what policy made
// of it, and a [ScanState] always stands beside a verdict, so that "nothing
// found" can never be confused with "not looked at".
package safety
