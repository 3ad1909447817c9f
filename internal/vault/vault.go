// Package vault keeps evidence.
//
// Every piece is encrypted before it touches the disk, in the age format
// (https://age-encryption.org/v1, hybrid ML-KEM-768 and X25519 recipients). Each
// case has a key of its own, wrapped by the vault's master key; the header of
// each age file, which holds its file key, lives in the database and the body in
// the blob folder. Destroying the case key, or a header, destroys the content
// wherever copies of the body may be.
//
// Promises: bytes leave the vault for a person only through [Vault.Reveal],
// after the view and its ledger row are committed; what comes out has the
// SHA-256 that went in; a case is never destroyed while it is open, a clock or a
// hold runs, a report is under way, or the machine's clock is in doubt, whoever
// asks for it ([Vault.Destroy]). [Vault.Verify] shows whether all that held.
package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"filippo.io/age"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Role says what a piece of evidence is to its item.
type Role string

// The roles.
const (
	// Original is what the platform sent, byte for byte.
	Original Role = "original"
	// Preview is the small blurred grey derivative that screens may show.
	Preview Role = "preview"
	// Transcript is a conversation as comma-separated values, which somebody
	// referred to review.
	Transcript Role = "transcript"
	// Relevant is context of an account around an incident: what Rowan or the
	// platform knew of it. It is never classified and never sent by itself.
	Relevant Role = "relevant"
	// Disclosure is an evidence bundle as it was prepared for an authority: the
	// bytes that are handed over. It is no evidence of its own, and no bundle
	// holds another.
	Disclosure Role = "disclosure"
)

// Mode says what a person looked at.
type Mode string

// The modes of viewing.
const (
	ViewPreview  Mode = "preview"
	ViewOriginal Mode = "original"
)

// Viewer is a person who looks at evidence.
type Viewer struct{ ID, Name string }

// Vault seals and opens evidence.
type Vault struct {
	store   *store.Store
	master  *age.HybridIdentity
	blobs   *Folder
	now     func() time.Time
	watch   watch
	reserve uint64 // bytes that intake leaves free; see [Vault.Room]
	also    []func(context.Context, *store.Tx, string) (int64, error)
}

// New returns a vault over a blob folder, with the master key that wraps case
// keys.
func New(s *store.Store, master *age.HybridIdentity, blobs *Folder, now func() time.Time) *Vault {
	v := &Vault{store: s, master: master, blobs: blobs, now: now}
	v.watch.complete()
	return v
}

// Piece is evidence to be sealed.
type Piece struct {
	CaseID, ItemID string
	Role           Role
	MediaType      string // RFC 6838 type/subtype, from the bytes and never from a name
	Data           []byte
}

// Seal encrypts p, writes it durably and records it in tx. It returns the id of
// the evidence. When tx does not commit, a body without a header stays behind;
// nobody can read it, and [Vault.Sweep] removes it.
func (v *Vault) Seal(ctx context.Context, tx *store.Tx, p Piece) (string, error) {
	recipient, err := v.caseRecipient(ctx, tx, p.CaseID)
	if err != nil {
		return "", fmt.Errorf("case key: %w", err)
	}
	header, body, err := encrypt(p.Data, recipient)
	if err != nil {
		return "", fmt.Errorf("sealing evidence: %w", err)
	}
	now := v.now()
	id := safety.NewID("evi", now)
	if err := v.blobs.Put(id, body); err != nil {
		return "", safety.Wrap(safety.Unavailable, err, "evidence store does not take writes")
	}
	sum := sha256.Sum256(p.Data)
	err = tx.AddEvidence(ctx, db.AddEvidenceParams{
		ID: id, CaseID: p.CaseID, ItemID: p.ItemID, Role: string(p.Role), MediaType: p.MediaType,
		Size: int64(len(p.Data)), Sha256: hex.EncodeToString(sum[:]), Header: header, Blob: id, CreatedAt: store.Micros(now),
	})
	if err != nil {
		return "", fmt.Errorf("recording evidence: %w", err)
	}
	return id, nil
}

// caseRecipient returns the public key of a case, making the key pair when the
// case has none yet.
func (v *Vault) caseRecipient(ctx context.Context, tx *store.Tx, caseID string) (*age.HybridRecipient, error) {
	k, err := tx.CaseKey(ctx, caseID)
	switch {
	case err == nil && k.DestroyedAt != 0:
		return nil, safety.Errorf(safety.Conflict, "the evidence of this case was destroyed")
	case err == nil:
		return age.ParseHybridRecipient(k.Recipient)
	case !store.IsNotFound(err):
		return nil, err
	}
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, err
	}
	var wrapped bytes.Buffer
	w, err := age.Encrypt(&wrapped, v.master.Recipient())
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, id.String()); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	err = tx.AddCaseKey(ctx, db.AddCaseKeyParams{CaseID: caseID, Recipient: id.Recipient().String(),
		Wrapped: wrapped.Bytes(), CreatedAt: store.Micros(v.now())})
	return id.Recipient(), err
}

// encrypt returns an age file in two parts: the header, and the body.
func encrypt(data []byte, to age.Recipient) (header, body []byte, err error) {
	var file bytes.Buffer
	w, err := age.Encrypt(&file, to)
	if err != nil {
		return nil, nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, nil, err
	}
	if err := w.Close(); err != nil {
		return nil, nil, err
	}
	if header, err = age.ExtractHeader(bytes.NewReader(file.Bytes())); err != nil {
		return nil, nil, err
	}
	return header, file.Bytes()[len(header):], nil
}

// Open decrypts evidence for Rowan's own use (hashing, filing); a person's view
// goes through [Vault.Reveal]. The bytes are checked against the manifest.
func (v *Vault) Open(ctx context.Context, id string) ([]byte, db.Evidence, error) {
	q := v.store.Read()
	e, err := q.Evidence(ctx, id)
	if err != nil {
		return nil, e, store.NotFound(err, "evidence")
	}
	k, err := q.CaseKey(ctx, e.CaseID)
	if err != nil {
		return nil, e, store.NotFound(err, "case key")
	}
	if e.DestroyedAt != 0 || k.DestroyedAt != 0 {
		return nil, e, safety.Errorf(safety.NotFound, "this evidence was destroyed when its clocks ran out")
	}
	identity, err := v.caseIdentity(k)
	if err != nil {
		return nil, e, fmt.Errorf("case key of %s: %w", e.CaseID, err)
	}
	body, err := v.blobs.Get(e.Blob)
	if err != nil {
		return nil, e, safety.Wrap(safety.Internal, err, "evidence %s cannot be read", e.ID)
	}
	plain, err := age.Decrypt(io.MultiReader(bytes.NewReader(e.Header), bytes.NewReader(body)), identity)
	if err != nil {
		return nil, e, safety.Wrap(safety.Internal, err, "evidence %s does not open", e.ID)
	}
	data, err := io.ReadAll(plain)
	if err != nil {
		return nil, e, safety.Wrap(safety.Internal, err, "evidence %s does not open", e.ID)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != e.Sha256 {
		return nil, e, safety.Errorf(safety.Internal, "evidence %s is not what was sealed", e.ID)
	}
	return data, e, nil
}

func (v *Vault) caseIdentity(k db.CaseKey) (*age.HybridIdentity, error) {
	r, err := age.Decrypt(bytes.NewReader(k.Wrapped), v.master)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return age.ParseHybridIdentity(string(text))
}

// Reveal returns evidence for a person's eyes. The view and its ledger row are
// committed before the bytes are returned, and no view is recorded for bytes
// that could not be opened.
func (v *Vault) Reveal(ctx context.Context, who Viewer, actor, id string, mode Mode, reason string) ([]byte, db.Evidence, error) {
	data, e, err := v.Open(ctx, id)
	if err != nil {
		return nil, e, err
	}
	err = v.store.Tx(ctx, func(tx *store.Tx) error {
		now := v.now()
		err := tx.AddView(ctx, db.AddViewParams{ID: safety.NewID("viw", now), CaseID: e.CaseID, EvidenceID: e.ID,
			Viewer: who.ID, ViewerName: who.Name, Mode: string(mode), Reason: reason, At: store.Micros(now)})
		if err != nil {
			return fmt.Errorf("recording view: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: actor, Action: "evidence.view",
			Subject: e.CaseID, Detail: fmt.Sprintf("%s of %s: %s", mode, e.ID, reason)})
	})
	if err != nil {
		return nil, e, err
	}
	return data, e, nil
}
