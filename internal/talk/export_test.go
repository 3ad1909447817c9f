package talk

// Phrase lets tests see what a word list holds.
type Phrase struct {
	Key       string
	Indicator Indicator
}

// Phrases are the phrases of a list.
func Phrases(l *Lexicon) []Phrase {
	var out []Phrase
	for _, p := range l.phrases {
		out = append(out, Phrase{p.key, p.indicator})
	}
	return out
}

// StartingText is the text of the starting weights.
func StartingText() string { return startingWeights }
