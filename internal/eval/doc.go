// Package eval measures what the detectors of package talk say on conversations
// that somebody has judged, and says what such a measurement is worth.
//
// Four sorts of corpus are read, all as a stream, one conversation in memory at a
// time: the XML of PAN 2012 ([PAN12]), the datapacks of eSPD ([ESPD]), lines of JSON
// ([JSONL]), and the synthetic conversations of talk/synthetic ([Synthetic]). This
// package ships no corpus, fetches none and opens no file: callers pass readers.
//
// [Evaluate] runs every direction of every conversation through the detectors and
// makes a [Report]: precision, recall and F at conversations, authors and lines;
// false alarms per 1,000 ordinary conversations with exact intervals; how late an
// alert comes (F-latency, ERDE, histograms); recall within a reviewer's budget;
// calibration; slices for bias; what each indicator is worth; and what share of
// alerts would be right where harm is rare. It is written as JSON and as one page of
// HTML without scripts. Every report begins with its limits.
//
// # Who is the actor
//
// A corpus seldom says who might harm whom. Where it does not, every author is taken
// for the actor once, with everybody else of the conversation as the target and
// nothing known of either. The score of a conversation is the highest of its
// directions; the score of an author the highest over all conversations (the sum of
// the three highest is given beside it). So a conversation counts as found also when
// the wrong one of the two was flagged; at authors that is an error twice.
//
// # Labels
//
// An author is harmful, ordinary or not judged, in a conversation. A conversation is
// harmful if one of its authors is, ordinary if one was judged and none is harmful,
// and otherwise not judged: it is counted and left out of every rate.
//
// # Promises
//
// No text of a corpus and none of its ids gets out: not into a report, not into an
// error. Ids are replaced by HMACs under the caller's key the moment they are read.
// Values of slices must look like short labels, or are called "other". A test fills
// every field with canary words and looks for them in everything that comes out.
//
// Everything is deterministic but for the key: the same corpus and weights make the
// same report. Memory grows with the number of conversations and authors (about 150
// bytes each), not with their length.
package eval
