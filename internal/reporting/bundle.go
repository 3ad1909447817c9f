package reporting

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/sealedzip"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Bundle is what a person takes to an authority: an encrypted ZIP of report.json
// ([Document]), report.pdf, the files, and SHA256SUMS.
type Bundle struct {
	d          *Desk
	in         *input
	who        safety.Actor
	passphrase string
	json, pdf  []byte
}

// Bundle prepares the bundle of an approved report and records, before a byte
// leaves, that who takes it. The passphrase is not kept: whoever loses it makes
// another bundle.
func (d *Desk) Bundle(ctx context.Context, who safety.Actor, reportID, passphrase string) (*Bundle, error) {
	if !who.Person {
		return nil, safety.Errorf(safety.Forbidden, "only a person takes a bundle")
	}
	if utf8.RuneCountInString(passphrase) < sealedzip.MinPassphrase {
		return nil, safety.Errorf(safety.Invalid, "the passphrase needs at least %d characters", sealedzip.MinPassphrase)
	}
	in, err := load(ctx, d.store.Read(), reportID)
	if err != nil {
		return nil, err
	}
	switch State(in.report.State) {
	case Approved, Opening, Filed:
	default:
		return nil, safety.Errorf(safety.Conflict, "a bundle is made of an approved report")
	}
	if Authority(in.report.Authority) == NCMEC {
		return nil, safety.Errorf(safety.Conflict, "Rowan files this report by itself")
	}
	b := &Bundle{d: d, in: in, who: who, passphrase: passphrase}
	doc, err := d.document(ctx, in)
	if err != nil {
		return nil, err
	}
	if b.json, err = doc.JSON(); err != nil {
		return nil, err
	}
	if b.pdf, err = doc.PDF(b.json); err != nil {
		return nil, fmt.Errorf("setting the report: %w", err)
	}
	return b, d.store.Tx(ctx, func(tx *store.Tx) error {
		// Exactly what is said, kept as what is sent to NCMEC is kept.
		now := d.now()
		err := tx.AddExchange(ctx, db.AddExchangeParams{ID: safety.NewID("exc", now), ReportID: reportID, At: store.Micros(now),
			Operation: "bundle", Request: b.json, Code: -1, Response: []byte{}})
		if err != nil {
			return fmt.Errorf("keeping the report as it leaves: %w", err)
		}
		return d.step(ctx, tx, who, in.report, StepBundle, fmt.Sprintf("%d files", len(in.files)))
	})
}

// WriteTo writes the bundle. Evidence is decrypted file by file and encrypted
// again under the passphrase; nothing touches the disk.
func (b *Bundle) WriteTo(ctx context.Context, w io.Writer) error {
	z := sealedzip.New(w, b.passphrase)
	var sums strings.Builder
	add := func(name string, data []byte) error {
		sum := sha256.Sum256(data)
		fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum[:]), name)
		return z.Add(name, data)
	}
	if err := add("report.json", b.json); err != nil {
		return err
	}
	if err := add("report.pdf", b.pdf); err != nil {
		return err
	}
	for _, f := range b.in.files {
		data, _, err := b.d.vault.Open(ctx, f.row.EvidenceID)
		if err != nil {
			return err
		}
		if err := add("files/"+uploadName(f), data); err != nil {
			return err
		}
	}
	if err := z.Add("SHA256SUMS", []byte(sums.String())); err != nil {
		return err
	}
	return z.Close()
}

// Name is a file name for the bundle.
func (b *Bundle) Name() string { return b.in.report.ID + ".zip" }
