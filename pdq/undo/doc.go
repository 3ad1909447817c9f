// Package undo guesses what a picture was before somebody edited it, so that
// its PDQ hash is found again.
//
// PDQ survives recompression, scaling, blur and changes of colour, and fails
// from a crop of 3 %, a border of 2 % or a turn of one degree: each moves the
// content against the 64×64 samples that are hashed. Where the content can be
// moved back, the hash comes back, although what was cut off is not known: its
// place is filled with the repeated edge, and the low frequencies of which the
// hash consists hardly mind.
//
// # Guesses
//
//   - panel, trim, trim_even: the picture on a page, within a border, as a
//     letterbox or on a screenshot.
//   - uncrop_N: N percent of the width and height were cut off all around;
//     uncrop_left_N and so on: at one side; sides: left and right, ends: top
//     and bottom.
//   - turn_left_N, turn_right_N: turned back by N degrees; turn_cropped: after
//     the turn the empty corners were cut off.
//   - fill_…: something was laid over a corner or written across the picture;
//     it is blended away.
//
// They do not combine: a picture that was cropped and then framed is found only
// if one of the two edits is small. A crop of 15 % and more is lost, and so are
// large overlays.
//
// # Cost
//
// The guesses are made from a plane of at most 512 pixels a side ([Shrinker]).
// Each is one more look-up, and one more chance of a false match: among 544
// unrelated pictures, the guesses of all matched none at 31 bits
// (docs/matching.md has the tables, and how to repeat them).
package undo
