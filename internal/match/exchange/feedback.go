package exchange

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// VoteArgs is the durable job that sends votes that are due.
type VoteArgs struct{}

// Kind names the job.
func (VoteArgs) Kind() string { return "exchange_vote" }

// A vote waits until it was sent, or until the source refuses it for good.
type voteState string

const (
	voteWaiting voteState = "waiting"
	voteSent    voteState = "sent"
	voteRefused voteState = "refused"
)

// VoteDelay is how long a vote waits, so that a decision that is taken back was
// not sent.
const VoteDelay = time.Hour

const (
	voteLease = 5 * time.Minute
	voteBatch = 100
)

// Verdict is a reviewer's judgement of a match, and whose decision it is.
type Verdict struct {
	CaseID      string
	Affirmative bool      // it is what the list says; else a false match
	NotBefore   time.Time // when it can no longer be taken back by a slip
}

// Feedback notes, in tx, what a reviewer thinks of a match with a signal, for
// every entry of the signal's exchange that carries it. Each entry gets one
// vote: the same judgement again sends nothing, another one replaces it. An
// exchange that takes no votes, or whose operator has not asked for them to be
// sent, gets none. Sending may happen twice when a process dies after it and
// before the answer is stored; the services replace a vote by the same one.
func (d *Desk) Feedback(ctx context.Context, tx *store.Tx, signalID string, v Verdict) error {
	s, err := tx.ExchangeSignal(ctx, signalID)
	if store.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading signal: %w", err)
	}
	e, err := tx.ExchangeOfList(ctx, s.ListID)
	if store.IsNotFound(err) || (err == nil && !e.Feedback) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading exchange: %w", err)
	}
	keys, err := tx.PrintHolders(ctx, e.ID, s.HashType, s.HashValue)
	if err != nil {
		return fmt.Errorf("reading entries: %w", err)
	}
	now := d.now()
	noted := int64(0)
	for _, key := range keys {
		n, err := tx.PutVote(ctx, db.PutVoteParams{ID: safety.NewID("vot", now), ExchangeID: e.ID, EntryKey: key, HashType: s.HashType,
			HashValue: s.HashValue, Affirmative: v.Affirmative, CaseID: v.CaseID, NextAt: store.Micros(v.NotBefore), CreatedAt: store.Micros(now)})
		if err != nil {
			return fmt.Errorf("noting vote: %w", err)
		}
		noted += n
	}
	if noted == 0 {
		return nil
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "exchange.vote", Subject: v.CaseID,
		Detail: fmt.Sprintf("%d votes for %s on %s, affirmative %t", noted, e.Name, signalID, v.Affirmative)})
}

// Withdraw takes back, in tx, the votes of a decision that were not sent yet.
func (d *Desk) Withdraw(ctx context.Context, tx *store.Tx, caseID string) error {
	n, err := tx.WithdrawVotes(ctx, caseID)
	if err != nil {
		return fmt.Errorf("withdrawing votes: %w", err)
	}
	if n == 0 {
		return nil
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: safety.System.ID, Action: "exchange.vote.withdraw", Subject: caseID,
		Detail: fmt.Sprintf("%d votes", n)})
}

// Send sends the votes that are due. A failure is stored with its vote, which
// is tried again in time.
func (d *Desk) Send(ctx context.Context) error {
	due, err := d.store.Read().DueVotes(ctx, store.Micros(d.now()), voteBatch)
	if err != nil {
		return fmt.Errorf("looking for votes: %w", err)
	}
	for _, v := range due {
		if err := d.send(ctx, v.ID); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) send(ctx context.Context, id string) error {
	now := d.now()
	v, err := d.store.Read().ClaimVote(ctx, id, store.Micros(now), store.Micros(now.Add(voteLease)))
	if store.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claiming vote: %w", err)
	}
	cause := d.vote(ctx, v)
	ctx = context.WithoutCancel(ctx) // an answer that has arrived must be stored
	if cause == nil {
		d.beside("voted")
		_, err = d.store.Read().VoteSent(ctx, v.ID, v.Attempts, store.Micros(d.now()))
		return err
	}
	state, pause := voteWaiting, min(time.Minute<<min(v.Attempts, 10), 6*time.Hour)
	if f, ok := errors.AsType[*Failure](cause); ok {
		pause = min(max(pause, f.RetryAfter), 24*time.Hour)
		if f.Refused {
			state = voteRefused
		}
	}
	d.log.WarnContext(ctx, "a vote was not taken", "attempt", v.Attempts, "state", string(state), "error", cause)
	_, err = d.store.Read().VoteFailed(ctx, db.VoteFailedParams{ID: v.ID, Attempts: v.Attempts, State: string(state),
		NextAt: store.Micros(d.now().Add(pause)), LastError: explain(cause)})
	return err
}

func (d *Desk) vote(ctx context.Context, v db.ExchangeVote) error {
	row, err := d.store.Read().Exchange(ctx, v.ExchangeID)
	if err != nil {
		return store.NotFound(err, "exchange")
	}
	source, err := d.open(ctx, row)
	if err != nil {
		return err
	}
	voter, ok := source.(Voter)
	if !ok {
		return &Failure{Why: "this exchange takes no votes", Refused: true}
	}
	return voter.Vote(ctx, Vote{Key: v.EntryKey, Affirmative: v.Affirmative,
		Print: safety.Hash{Type: safety.HashType(v.HashType), Value: v.HashValue}})
}
