package statement

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// State is where a statement is in its life.
type State string

// The states.
const (
	Kept      State = "kept"      // offered to the platform for the user; not sent: sending is off, or the enterprise exempt
	Waiting   State = "waiting"   // to be sent
	Sending   State = "sending"   // on its way, or was when a process died
	Filed     State = "filed"     // the database has it; the end
	Refused   State = "refused"   // a person must mend the sentences and retry
	Withdrawn State = "withdrawn" // the decision was taken back before anything was sent; the end
)

// Text is what the operator says of one kind of list: the sentences that go into
// every statement on it.
type Text struct {
	Ground        string   `yaml:"ground"` // illegal or incompatible
	LegalGround   string   `yaml:"legal_ground"`
	Explanation   string   `yaml:"explanation"`
	Facts         string   `yaml:"facts"`
	Category      string   `yaml:"category"`
	Specification []string `yaml:"specification"`
	ReferenceURL  string   `yaml:"reference_url"`
}

// Config says whether and how statements are made. The zero value makes none.
type Config struct {
	Texts     map[safety.ListKind]Text
	Territory []string                  // EU and EEA codes; may be empty
	Actions   map[safety.Verdict]string // what the platform does on a verdict, without the prefix; see defaultActions
	URL       string                    // of "…/api/v1/statements"; empty: nothing is sent
	Token     string
	// Exempt reports whether the enterprise is micro or small (DSA Art. 19). It
	// reads through q, which may be a transaction.
	Exempt func(ctx context.Context, q *db.Queries) (bool, error)
	Client *http.Client // nil: one with time limits
}

// On reports whether statements are drafted at all.
func (c Config) On() bool { return len(c.Texts) > 0 }

// Check reports the first thing that is wrong with a configuration.
func (c Config) Check() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL != "" && (err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && !loopback(u))):
		return safety.Errorf(safety.Invalid, "dsa.statements.url: must be https")
	case c.URL != "" && (c.Token == "" || !c.On()):
		return safety.Errorf(safety.Invalid, "dsa.statements: sending needs a token and texts")
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for kind := range c.Texts {
		if !kind.Valid() {
			return safety.Errorf(safety.Invalid, "dsa.statements.texts: there is no kind %q", kind)
		}
		s := c.draft("x", kind, safety.VerdictBlock, []string{"IMAGE"}, now, now, Fully)
		if p := s.Validate(); len(p) > 0 {
			return safety.Errorf(safety.Invalid, "dsa.statements.texts.%s: %s %s", kind, p[0].Field, p[0].Problem)
		}
	}
	return nil
}

func loopback(u *url.URL) bool {
	return u.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
}

// defaultActions is what a platform is expected to do on a verdict.
var defaultActions = map[safety.Verdict]string{safety.VerdictBlock: "CONTENT_REMOVED", safety.VerdictHold: "CONTENT_DISABLED", safety.VerdictLimit: "CONTENT_DEMOTED"}

// Hooks are what happens beside a statement's own change.
type Hooks struct {
	Announce func(context.Context, *store.Tx, safety.Event) error
}

// Desk drafts, keeps and sends statements.
type Desk struct {
	store *store.Store
	now   func() time.Time
	cfg   Config
	hooks Hooks
}

// NewDesk returns a desk.
func NewDesk(s *store.Store, now func() time.Time, c Config, h Hooks) *Desk {
	if c.Client == nil {
		c.Client = &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Desk{store: s, now: now, cfg: c, hooks: h}
}

// SendArgs is the durable job that sends what is due.
type SendArgs struct{}

// Kind names the job.
func (SendArgs) Kind() string { return "statement_send" }

// kinds, the gravest first: a statement speaks of the gravest that was found.
var kinds = []safety.ListKind{safety.ListIllegal, safety.ListIntimateImage, safety.ListTerrorism, safety.ListHarmful}

func gravest(found []safety.ListKind) (safety.ListKind, bool) {
	for _, k := range kinds {
		if slices.Contains(found, k) {
			return k, true
		}
	}
	return "", false
}

// Decided drafts the statement of a case whose decision was confirmed. notBefore
// is when the platform may be told.
func (d *Desk) Decided(ctx context.Context, tx *store.Tx, caseID string, notBefore time.Time) error {
	if !d.cfg.On() {
		return nil
	}
	made, err := lastDecision(ctx, tx, caseID)
	if err != nil || made.Outcome != "confirmed" {
		return err
	}
	items, err := tx.ItemsOfCase(ctx, caseID)
	if err != nil {
		return fmt.Errorf("reading items: %w", err)
	}
	findings, err := tx.FindingsOfCase(ctx, caseID)
	if err != nil {
		return fmt.Errorf("reading findings: %w", err)
	}
	var found []safety.ListKind
	for _, f := range findings {
		found = append(found, safety.ListKind(f.ListKind))
	}
	kind, ok := gravest(found)
	if !ok {
		return nil // the canary
	}
	s := d.cfg.draft(made.ID, kind, harshest(items), formats(items), contentDay(items), store.Time(made.At), Partially)
	return d.add(ctx, tx, "decision "+made.ID, caseID, s, notBefore, target{items[0].AccountID, contentIDs(items)})
}

func lastDecision(ctx context.Context, tx *store.Tx, caseID string) (db.Decision, error) {
	all, err := tx.DecisionsOfCase(ctx, caseID)
	if err != nil {
		return db.Decision{}, fmt.Errorf("reading decisions: %w", err)
	}
	for _, m := range slices.Backward(all) {
		if m.UndoneAt == 0 {
			return m, nil
		}
	}
	return db.Decision{}, nil
}

// Act is a verdict that no person reviews.
type Act struct {
	CheckID, ContentID, AccountID string
	Kinds                         []safety.ListKind
	Verdict                       safety.Verdict
	Format                        string
	ContentAt                     time.Time
}

// Acted drafts the statement of an automatic verdict without a case. The same
// content with the same verdict has one.
func (d *Desk) Acted(ctx context.Context, tx *store.Tx, a Act) error {
	kind, ok := gravest(a.Kinds)
	if !d.cfg.On() || !ok || d.cfg.actions()[a.Verdict] == "" {
		return nil
	}
	cause := "check " + a.CheckID
	if a.ContentID != "" {
		sum := sha256.Sum256([]byte(a.ContentID + "\x00" + string(a.Verdict) + "\x00" + string(kind)))
		cause = "content " + hex.EncodeToString(sum[:])
	}
	now := d.now()
	at := a.ContentAt
	if at.IsZero() {
		at = now
	}
	s := d.cfg.draft(a.CheckID, kind, a.Verdict, []string{mediaType(a.Format)}, at, now, Fully)
	return d.add(ctx, tx, cause, "", s, now, target{a.AccountID, []string{a.ContentID}})
}

// target is whom the platform tells: for its webhook only, never in a statement.
type target struct {
	account  string
	contents []string
}

// add keeps a draft and offers it to the platform.
func (d *Desk) add(ctx context.Context, tx *store.Tx, cause, caseID string, s *Statement, notBefore time.Time, to target) error {
	state, problems := Waiting, []Flaw{}
	if found := s.Validate(); len(found) > 0 {
		state, problems = Refused, found
	} else if exempt, err := d.exempt(ctx, tx.Queries); err != nil {
		return err
	} else if d.cfg.URL == "" || exempt {
		state = Kept
	}
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	wrong, err := json.Marshal(problems)
	if err != nil {
		return err
	}
	now := d.now()
	n, err := tx.AddStatement(ctx, db.AddStatementParams{Puid: s.PUID, Cause: cause, CaseID: caseID, State: string(state), Body: string(body),
		Problems: string(wrong), NextAttemptAt: store.Micros(notBefore), CreatedAt: store.Micros(now)})
	if err != nil {
		return fmt.Errorf("keeping statement: %w", err)
	}
	if n == 0 {
		return nil // drafted already
	}
	if err := ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "statement.draft", Subject: or(caseID, s.PUID), Detail: s.PUID + ": " + string(state)}); err != nil {
		return err
	}
	return d.hooks.Announce(ctx, tx, safety.Event{Type: "decision.statement", Subject: or(caseID, s.PUID), After: notBefore,
		Data: map[string]any{"puid": s.PUID, "case_id": caseID, "account_id": to.account, "content_ids": to.contents, "statement": s}})
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func (d *Desk) exempt(ctx context.Context, q *db.Queries) (bool, error) {
	if d.cfg.Exempt == nil {
		return false, nil
	}
	return d.cfg.Exempt(ctx, q)
}

// Undone withdraws the statement of a decision that is taken back. One that may
// have been sent stays, marked: the database offers no way to take it back that
// we know of.
func (d *Desk) Undone(ctx context.Context, tx *store.Tx, decisionID string) error {
	s, err := tx.Statement(ctx, decisionID)
	if store.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading statement: %w", err)
	}
	now := store.Micros(d.now())
	n, err := tx.WithdrawStatement(ctx, s.Puid, now)
	what := "statement.withdraw"
	if err == nil && n == 0 {
		what = "statement.undone"
		n, err = tx.UndoStatement(ctx, s.Puid, now)
	}
	if err != nil || n == 0 {
		return err
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: safety.System.ID, Action: what, Subject: or(s.CaseID, s.Puid), Detail: s.Puid})
}

// Retry sends a statement again, with today's sentences of the operator.
func (d *Desk) Retry(ctx context.Context, who safety.Actor, puid string) error {
	if d.cfg.URL == "" {
		return safety.Errorf(safety.Conflict, "sending statements is not configured")
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		row, err := tx.Statement(ctx, puid)
		if err != nil {
			return store.NotFound(err, "statement")
		}
		var s Statement
		if err := json.Unmarshal([]byte(row.Body), &s); err != nil {
			return fmt.Errorf("statement %s: %w", puid, err)
		}
		if State(row.State) != Waiting { // one that waits may be there already, as it is
			d.cfg.refresh(&s)
		}
		if p := s.Validate(); len(p) > 0 {
			return safety.Errorf(safety.Conflict, "it would be refused again: %s %s", p[0].Field, p[0].Problem)
		}
		body, err := json.Marshal(s)
		if err != nil {
			return err
		}
		n, err := tx.RetryStatement(ctx, puid, store.Micros(d.now()), string(body))
		if err != nil {
			return fmt.Errorf("retrying statement: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this statement is %s", row.State)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: who.ID, Action: "statement.retry", Subject: or(row.CaseID, puid), Detail: puid})
	})
}

// draft builds a statement from coded fields and the operator's sentences.
func (c Config) draft(puid string, kind safety.ListKind, v safety.Verdict, types []string, contentAt, at time.Time, decision string) *Statement {
	s := &Statement{PUID: puid, DecisionVisibility: []string{visibility + c.actions()[v]}, TerritorialScope: c.Territory,
		ContentDate: contentAt.UTC().Format(time.DateOnly), ApplicationDate: at.UTC().Format(time.DateOnly),
		SourceType: Voluntary, AutomatedDetection: "Yes", AutomatedDecision: decision}
	slices.Sort(types)
	for _, t := range slices.Compact(types) {
		s.ContentType = append(s.ContentType, contentType+t)
		if t == "OTHER" {
			s.ContentTypeOther = "A link, a file of which the service sent hashes only, or a format of which the kind is not known"
		}
	}
	c.Texts[kind].into(s)
	return s
}

// into writes the sentences. A kind without any leaves them empty, which no
// validation lets through: a person must write them.
func (t Text) into(s *Statement) {
	s.IllegalLegalGround, s.IllegalExplanation, s.IncompatibleGround, s.IncompatibleExplanation = "", "", "", ""
	switch t.Ground {
	case "illegal":
		s.DecisionGround, s.IllegalLegalGround, s.IllegalExplanation = Illegal, t.LegalGround, t.Explanation
	case "incompatible":
		s.DecisionGround, s.IncompatibleGround, s.IncompatibleExplanation = Incompatible, t.LegalGround, t.Explanation
	}
	s.DecisionFacts, s.DecisionGroundReferenceURL = t.Facts, t.ReferenceURL
	s.Category, s.CategorySpecification = t.Category, t.Specification
}

// refresh writes today's sentences into a statement of an earlier day, if it
// can be told from its category which they are.
func (c Config) refresh(s *Statement) {
	var fits []Text
	for _, k := range kinds {
		if t, ok := c.Texts[k]; ok && (s.Category == "" || t.Category == s.Category) {
			fits = append(fits, t)
		}
	}
	if len(fits) == 1 {
		fits[0].into(s)
	}
	s.TerritorialScope = c.Territory
}

func (c Config) actions() map[safety.Verdict]string {
	if c.Actions == nil {
		return defaultActions
	}
	return c.Actions
}

// harshest is the strictest verdict among items; a confirmed case without one is
// expected to be removed.
func harshest(items []db.Item) safety.Verdict {
	for _, v := range []safety.Verdict{safety.VerdictBlock, safety.VerdictHold, safety.VerdictLimit} {
		for _, it := range items {
			if safety.Verdict(it.Verdict) == v {
				return v
			}
		}
	}
	return safety.VerdictBlock
}

func formats(items []db.Item) []string {
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = mediaType(it.Format)
	}
	return out
}

// mediaType is the database's word for a format of package media. What is
// neither a known picture nor a known video is "other".
func mediaType(format string) string {
	switch format {
	case "jpeg", "png", "gif", "webp", "bmp", "tiff", "heic", "heif", "avif", "jxl":
		return "IMAGE"
	case "mp4", "webm", "matroska", "mkv", "mov", "quicktime", "avi", "mpeg", "mpegts", "ogg", "flv", "asf", "video":
		return "VIDEO"
	}
	return "OTHER"
}

// contentDay is when the first of the items came.
func contentDay(items []db.Item) time.Time {
	var first int64
	for _, it := range items {
		at := it.ContentAt
		if at == 0 {
			at = it.ReceivedAt
		}
		if first == 0 || at < first {
			first = at
		}
	}
	return store.Time(first)
}

func contentIDs(items []db.Item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it.ContentID)
	}
	return out
}

// View is a statement as people see it.
type View struct {
	PUID          string     `json:"puid"`
	CaseID        string     `json:"case_id,omitempty"`
	State         State      `json:"state" enum:"kept,waiting,sending,filed,refused,withdrawn"`
	Statement     Statement  `json:"statement"`
	Problems      []Flaw     `json:"problems"`
	RemoteID      string     `json:"remote_id,omitempty"`
	Attempts      int64      `json:"attempts"`
	LastError     string     `json:"last_error,omitempty"`
	NextAttemptAt *time.Time `json:"next_attempt_at,omitempty"`
	CreatedAt     time.Time  `json:"created_at"`
	FiledAt       *time.Time `json:"filed_at,omitempty"`
	UndoneAt      *time.Time `json:"undone_at,omitempty"`
}

// Show is a row as people see it.
func Show(r db.Statement) (View, error) {
	v := View{PUID: r.Puid, CaseID: r.CaseID, State: State(r.State), RemoteID: r.RemoteID, Attempts: r.Attempts, LastError: r.LastError, CreatedAt: store.Time(r.CreatedAt)}
	for into, at := range map[**time.Time]int64{&v.FiledAt: r.FiledAt, &v.UndoneAt: r.UndoneAt, &v.NextAttemptAt: r.NextAttemptAt} {
		if t := store.Time(at); at != 0 {
			*into = &t
		}
	}
	if v.State != Waiting && v.State != Sending {
		v.NextAttemptAt = nil
	}
	err := json.Unmarshal([]byte(r.Body), &v.Statement)
	if err == nil {
		err = json.Unmarshal([]byte(r.Problems), &v.Problems)
	}
	if err != nil {
		return v, fmt.Errorf("statement %s: %w", r.Puid, err)
	}
	return v, nil
}

// trimmed keeps an answer's words short and on one line.
func trimmed(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
