// Package synthetic makes conversations for tests, from a seed: the same seed gives
// the same conversation. Words are neutral: people ask for a grade at school, offer
// coins of a game, propose to meet at a mall.
//
// What it makes was written by those who wrote the word lists. It shows that
// something that worked still works; it says nothing about real conversations, and
// [Warning] goes with everything it makes. It must not be cited as recall or
// precision.
package synthetic

// Warning is part of every conversation made here.
const Warning = "Synthetic. It measures regression, not the field: the same people wrote the word lists and these lines. Not to be cited as recall or precision."
