// Package vpdq matches videos by the PDQ hashes of their frames, as Meta's vPDQ
// does (https://github.com/facebook/ThreatExchange/tree/main/vpdq), and finds
// them in an index of many.
//
// # Method
//
// A video is a bag of frames, usually one for each second, each with a PDQ hash,
// a quality and a time. Frames of low quality, which show next to nothing and
// look alike everywhere, are left out on both sides. A frame of one video is
// matched if any frame of the other is near it. The two numbers of a match are
// how many percent of either video's frames are matched. Their order in time
// plays no part in the percentages; [Compare] also tells which stretches of the
// two videos correspond.
//
// # Two conventions
//
// The reference's C++ tools count a distance below the tolerance (<) and keep
// equal frames; its Python library, and so HMA, counts a distance up to it (≤)
// and takes each hash once. [Options] has both; the zero value is the latter
// with a tolerance of 31 bits and a quality of 50.
//
// # Formats
//
// [Parse] and [Format] are the reference's text (a line is frame number, quality,
// hash, seconds), [ParseJSON] and [FormatJSON] its Python library's list of
// strings. That library writes times with three significant digits, so that
// 123.456 s becomes 123; they are read as they are.
package vpdq
