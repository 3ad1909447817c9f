package safety

import "time"

// Event tells the platform, through webhooks, that something was decided. Data
// holds identifiers and verdicts only: no content, no hashes, no list names.
type Event struct {
	Type    string         // "verdict.made", "case.decided", "case.reopened", "report.filed", "signal.quarantined", "decision.statement", "takedown.decided"
	Subject string         // id of the case, for cancelling what has not gone yet
	Data    map[string]any // marshalled as JSON
	After   time.Time      // not to be sent before; zero for at once
}

// Actor is who does something, as the ledger names them: "user:ID", "key:ID",
// "system" or "cli". Person says whether a human being stands behind it.
type Actor struct {
	ID     string // "user:usr_…"
	Name   string
	Person bool
}

// System is Rowan itself.
var System = Actor{ID: "system", Name: "Rowan"}
