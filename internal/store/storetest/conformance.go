package storetest

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/store"
)

// Run is what every engine must do alike. open gives a store on a fresh
// database. The values expected are written down here, so that engines which
// pass give equal results.
func Run(t *testing.T, open func(testing.TB) *store.Store) {
	t.Helper()
	for name, fn := range map[string]func(*suite){
		"accounts": accounts, "cases": casesGroup, "items": items, "decisions": decisions, "quotas and idempotency": quotas,
		"scores": scores, "contents": contents, "recents": recents, "decided before": before, "pictures": pictures, "requests": requests,
		"lists": lists, "signals": signals, "exchanges": exchanges, "entries": entries, "votes": votes, "vault": vaultGroup, "expiry": expiry, "reports": reports, "report pages": reportPages, "carried reports": carriedReports,
		"holds": holds, "destruction": destruction, "relevant data and erasure": relevant,
		"ledger": ledgerGroup, "users": users, "keys": keys, "sessions": sessions, "webhooks": webhooks,
		"measures": measuresGroup, "counts": countsGroup, "statements": statementsGroup, "takedowns": takedowns, "conversations": conversations, "actors": actors,
		"stream": streamGroup, "quarantine": quarantineGroup,
		"values": values, "constraints": constraints,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			fn(&suite{t: t, ctx: context.Background(), s: s, q: s.Read()})
		})
	}
	t.Run("transactions", func(t *testing.T) { transactions(t, open) })
	t.Run("jobs", func(t *testing.T) { jobs(t, open) })
}

// suite is one group under test.
type suite struct {
	t   *testing.T
	ctx context.Context
	s   *store.Store
	q   queries
}

// ok insists that a statement worked.
func (s *suite) ok(errs ...error) {
	s.t.Helper()
	if err := errors.Join(errs...); err != nil {
		s.t.Fatal(err)
	}
}

// same compares a result with what was expected.
func same[T any](s *suite, what string, want T) func(T, error) {
	return func(got T, err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatalf("%s: %v", what, err)
		}
		if diff := cmp.Diff(want, got, emptyIsNil); diff != "" {
			s.t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// emptyIsNil: an empty bytea comes back as nil from one engine and as an empty
// slice from another. Callers must not tell them apart.
var emptyIsNil = cmp.FilterValues(func(a, b []byte) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore())

// none insists that a query finds no row.
func none[T any](s *suite, what string) func(T, error) {
	return func(_ T, err error) {
		s.t.Helper()
		if !store.IsNotFound(err) || !errors.Is(err, sql.ErrNoRows) {
			s.t.Errorf("%s: got %v, want no row", what, err)
		}
	}
}

// refused insists that the engine keeps a statement out.
func (s *suite) refused(what string, err error) {
	s.t.Helper()
	if err == nil {
		s.t.Errorf("%s: was taken", what)
	}
}

// ids are the ids of rows, for pages.
func ids[T any](rows []T, err error) func(id func(T) string) ([]string, error) {
	return func(id func(T) string) ([]string, error) {
		out := []string{}
		for _, r := range rows {
			out = append(out, id(r))
		}
		return out, err
	}
}
