package custody_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/disclosure"
	"github.com/rowan-safety/rowan/internal/proof"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

// TestHandOver: what was handed over on a request stands in the chain of custody of
// a later bundle and among what was sent to authorities; the earlier bundle itself
// is no member of it; and the checker agrees.
func TestHandOver(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t, storetest.New(t)), t.Context()
	id := b.sampleCase()
	boris := safety.Actor{ID: "user:usr_boris", Name: "Boris", Person: true}
	d := disclosure.NewDesk(b.store, b.vault, b.clock, disclosure.Hooks{
		Bundle: func(context.Context, safety.Actor, string, string, string, bool) ([]byte, error) {
			return b.plain(id), nil
		}})
	r, err := d.Receive(ctx, anna, disclosure.New{Authority: "Example Police", AuthorityKind: "police", Means: "email", Basis: disclosure.CourtOrder,
		ReceivedAt: b.clock(), DueAt: b.clock().Add(time.Hour), Subjects: []disclosure.Subject{{Kind: "case", ID: id}}})
	if err != nil {
		t.Fatal(err)
	}
	x, err := d.Prepare(ctx, anna, r.ID, id, "", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Approve(ctx, boris, x.ID, x.Sha256); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Take(ctx, anna, x.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.HandOver(ctx, anna, x.ID, "an officer", "portal"); err != nil {
		t.Fatal(err)
	}
	bundle := b.plain(id)
	rep := verify(t, bundle, proof.Options{Key: b.key()})
	holds(t, rep)
	z, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("custody.json")
	if err != nil {
		t.Fatal(err)
	}
	var chain struct {
		Evidence  []struct{ Role string }
		Transfers []struct {
			Authority  string
			Operation  string
			Disclosure string
			Bundle     string `json:"bundle_sha256"`
			Entry      string
		}
	}
	if err := json.NewDecoder(f).Decode(&chain); err != nil {
		t.Fatal(err)
	}
	last := chain.Transfers[len(chain.Transfers)-1]
	if last.Authority != "Example Police" || last.Operation != "hand_over" || last.Disclosure != x.ID || last.Bundle != x.Sha256 || last.Entry == "" {
		t.Errorf("%+v", chain.Transfers)
	}
	for _, e := range chain.Evidence {
		if e.Role == "disclosure" {
			t.Error("the bundle that was handed over is a member of the next one")
		}
	}
}
