package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Shared are the credentials of all exchanges of a kind that have
// [Settings.SharedCredentials]. They are stored sealed and never shown.
type Shared struct {
	Credentials
	// URL, if not empty, is asked instead of the exchange's own address.
	URL string `json:"url,omitempty"`
}

// hosts are where shared credentials may be sent. An exchange with credentials
// of its own may name any address, because whoever names it has them; shared
// ones were given by somebody else.
var hosts = map[Kind][]string{
	NCMEC: {"report.cybertip.org", "exttest.cybertip.org", "lesp.ncmec.org", "betalesp.ncmec.org", "hashsharing.ncmec.org",
		"hashsharing-test.ncmec.org"},
	StopNCII:       {"api.stopncii.org"},
	ThreatExchange: {"graph.facebook.com"},
	TAT:            {"beta.terrorismanalytics.org"},
	Arachnid:       {"shield.projectarachnid.com"},
}

// checkShared insists that shared credentials stay with their service. This
// machine, where stand-ins are, is trusted.
func (s *Settings) checkShared(k Kind) error {
	u, err := url.Parse(s.URL)
	if err != nil || !slices.Contains(hosts[k], u.Hostname()) && !loopback(u.Hostname()) {
		return safety.Errorf(safety.Invalid, "shared credentials are sent to the service's own addresses only")
	}
	return nil
}

func sharedPurpose(k Kind) string { return "credentials of all exchanges of kind " + string(k) }

// Share sets the shared credentials of a kind; empty ones end them. Exchanges
// that use them are asked at once.
func (d *Desk) Share(ctx context.Context, actor string, k Kind, c Shared) error {
	if _, ok := hosts[k]; !ok {
		return safety.Errorf(safety.Invalid, "exchanges of this kind have no credentials in common")
	}
	gone := c == Shared{}
	var sealed []byte
	if !gone {
		if missing(k, c.Credentials) {
			return safety.Errorf(safety.Invalid, "%s needs credentials; see docs/exchanges.md", k)
		}
		if c.URL != "" {
			if err := checkURL(c.URL, false); err != nil {
				return err
			}
		}
		text, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if sealed, err = d.vault.SealSecret(sharedPurpose(k), text); err != nil {
			return fmt.Errorf("sealing credentials: %w", err)
		}
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		now := store.Micros(d.now())
		var err error
		if gone {
			err = tx.DropExchangeCredentials(ctx, string(k))
		} else {
			err = tx.PutExchangeCredentials(ctx, string(k), sealed, now)
		}
		if err != nil {
			return fmt.Errorf("storing credentials: %w", err)
		}
		rows, err := tx.LiveExchanges(ctx)
		if err != nil {
			return fmt.Errorf("reading exchanges: %w", err)
		}
		for _, row := range rows {
			if s, err := parseSettings(row.Settings); err != nil || row.Kind != string(k) || !s.SharedCredentials || gone {
				continue
			}
			if err := tx.ScheduleExchange(ctx, row.ID, now); err != nil {
				return fmt.Errorf("scheduling exchange: %w", err)
			}
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: actor, Action: "exchange.share", Subject: string(k),
			Detail: fmt.Sprintf("shared credentials set %t", !gone)})
	})
}

// Shares reports whether a kind has shared credentials.
func (d *Desk) Shares(ctx context.Context, k Kind) (bool, error) {
	return shares(ctx, d.store.Read(), k)
}

func shares(ctx context.Context, q *db.Queries, k Kind) (bool, error) {
	_, err := q.ExchangeCredentials(ctx, string(k))
	if store.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading credentials: %w", err)
	}
	return true, nil
}

func (d *Desk) shared(ctx context.Context, k Kind) (c Shared, err error) {
	sealed, err := d.store.Read().ExchangeCredentials(ctx, string(k))
	if store.IsNotFound(err) {
		return c, &Failure{Why: "no credentials are set for this kind of exchange"}
	}
	if err != nil {
		return c, fmt.Errorf("reading credentials: %w", err)
	}
	text, err := d.vault.OpenSecret(sharedPurpose(k), sealed)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, safety.Errorf(safety.Internal, "the credentials cannot be read")
	}
	return c, nil
}
