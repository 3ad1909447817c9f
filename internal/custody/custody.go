package custody

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"  // officers still compare by it; nothing rests on it here
	"crypto/sha1" // likewise
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/sealedzip"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// Config says who exports and what vouches for it.
type Config struct {
	Platform string // name of the service
	Version  string // of Rowan
	Key      string // the ledger's public key, as a C2SP vkey
	// Stamp asks a timestamp authority for an RFC 3161 answer over a SHA-256; nil
	// where none is configured.
	Stamp func(ctx context.Context, digest [sha256.Size]byte) ([]byte, error)
	// Witness asks for cosignatures of the latest checkpoint and waits a little;
	// nil without witnesses.
	Witness func(ctx context.Context)
}

// Desk makes bundles.
type Desk struct {
	store *store.Store
	vault *vault.Vault
	log   *ledger.Log
	now   func() time.Time
	cfg   Config
}

// NewDesk returns a desk.
func NewDesk(s *store.Store, v *vault.Vault, l *ledger.Log, now func() time.Time, cfg Config) *Desk {
	return &Desk{store: s, vault: v, log: l, now: now, cfg: cfg}
}

// Request asks for a bundle.
type Request struct {
	CaseID         string
	Who            safety.Actor
	Reason         string // why it leaves, kept in the ledger
	WithoutContent bool   // hashes and custody only
	Passphrase     string // of the ZIP file around the bundle; "" for none
	Plain          bool   // content may leave without a passphrase
}

func (r Request) check() error {
	switch n := utf8.RuneCountInString(r.Reason); {
	case !r.Who.Person:
		return safety.Errorf(safety.Forbidden, "only a person takes a bundle")
	case strings.TrimSpace(r.Reason) == "" || n > 200:
		return safety.Errorf(safety.Invalid, "the reason has 1 to 200 characters")
	case r.Passphrase == "" && !r.Plain && !r.WithoutContent:
		return safety.Errorf(safety.Invalid, "a bundle with evidence files needs a passphrase")
	case r.Passphrase != "" && utf8.RuneCountInString(r.Passphrase) < sealedzip.MinPassphrase:
		return safety.Errorf(safety.Invalid, "the passphrase needs at least %d characters", sealedzip.MinPassphrase)
	}
	return nil
}

// Bundle is an export that is on record and can be written.
type Bundle struct {
	d          *Desk
	req        Request
	files      []file
	described  []part // what the manifest lists beside the files
	after      []part // what proves the manifest
	stampState string
}

type part struct {
	name string
	data []byte
}

// file is a piece of evidence with its digests.
type file struct {
	row    db.Evidence
	member string
	digest manifestFile
}

// Export puts an export on record and prepares its bundle.
func (d *Desk) Export(ctx context.Context, req Request) (*Bundle, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	b := &Bundle{d: d, req: req}
	if err := b.hash(ctx); err != nil {
		return nil, err
	}
	if b.req.Passphrase != "" && b.size() > maxLocked {
		return nil, safety.Errorf(safety.TooLarge, "more than 1 GiB cannot be locked with a passphrase: use the command line, onto an encrypted disk")
	}
	var entries []string
	var manifest []byte
	err := d.store.Tx(ctx, func(tx *store.Tx) error {
		r, err := b.collect(ctx, tx)
		if err != nil {
			return err
		}
		if manifest, err = b.describe(r); err != nil {
			return err
		}
		entries = r.entryIDs()
		return ledger.Append(ctx, tx, r.export(manifest))
	})
	if err != nil {
		return nil, err
	}
	return b, b.prove(ctx, entries, manifest)
}

// hash opens every piece of evidence once.
func (b *Bundle) hash(ctx context.Context) error {
	rows, err := b.d.store.Read().EvidenceOfCase(ctx, b.req.CaseID)
	if err != nil {
		return fmt.Errorf("listing evidence: %w", err)
	}
	slices.SortFunc(rows, func(a, b db.Evidence) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	for _, e := range rows {
		if e.Role == string(vault.Preview) || e.Role == string(vault.Disclosure) {
			continue // made by Rowan: from the original for screens, and bundles like this one
		}
		f := file{row: e}
		if !b.req.WithoutContent && e.DestroyedAt == 0 {
			data, _, err := b.d.vault.Open(ctx, e.ID)
			if err != nil {
				return err
			}
			f.member = "evidence/" + e.ID + extension(e.MediaType)
			f.digest = digest(f.member, data)
		}
		b.files = append(b.files, f)
	}
	return nil
}

// maxLocked bounds what is put together in memory.
const maxLocked = 1 << 30

func (b *Bundle) size() (n int64) {
	for _, f := range b.files {
		n += f.digest.Size
	}
	return n
}

func digest(name string, data []byte) manifestFile {
	s2, s1, m5 := sha256.Sum256(data), sha1.Sum(data), md5.Sum(data)
	return manifestFile{Name: name, Size: int64(len(data)), SHA256: hex.EncodeToString(s2[:]), SHA1: hex.EncodeToString(s1[:]), MD5: hex.EncodeToString(m5[:])}
}

var extensions = map[string]string{"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/bmp": ".bmp", "image/heic": ".heic",
	"image/avif": ".avif", "image/jxl": ".jxl", "image/tiff": ".tif", "video/mp4": ".mp4", "video/webm": ".webm", "video/quicktime": ".mov", "text/csv": ".csv", "text/plain": ".txt"}

func extension(mediaType string) string {
	if e, ok := extensions[mediaType]; ok {
		return e
	}
	return ".bin"
}

type (
	manifest struct {
		Format  string         `json:"format"`
		Case    string         `json:"case"`
		Made    time.Time      `json:"made"`
		By      person         `json:"by"`
		Reason  string         `json:"reason"`
		Rowan   string         `json:"rowan"`
		Content bool           `json:"content"`
		Without string         `json:"without,omitempty"`
		Entry   string         `json:"entry"`
		Members []manifestFile `json:"members"`
	}
	person struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	manifestFile struct {
		Name   string `json:"name"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"`
		SHA1   string `json:"sha1"`
		MD5    string `json:"md5"`
	}
)

// describe makes everything that the manifest lists, and the manifest.
func (b *Bundle) describe(r *record) ([]byte, error) {
	caseJSON, err := encode(r.caseDocument())
	if err != nil {
		return nil, err
	}
	chain := r.chain()
	custodyJSON, err := encode(chain)
	if err != nil {
		return nil, err
	}
	linked, err := encode(r.linked(chain))
	if err != nil {
		return nil, err
	}
	pdf, err := r.summary(chain, custodyJSON)
	if err != nil {
		return nil, fmt.Errorf("setting the summary: %w", err)
	}
	b.described = []part{{"README.txt", []byte(readme(r))}, {"summary.pdf", pdf}, {"case.json", caseJSON}, {"custody.json", custodyJSON}, {"custody.jsonld", linked}}
	m := manifest{Format: "rowan-evidence/1", Case: b.req.CaseID, Made: r.made, By: person{b.req.Who.ID, b.req.Who.Name}, Reason: b.req.Reason,
		Rowan: b.d.cfg.Version, Content: !b.req.WithoutContent, Entry: r.exportID}
	if b.req.WithoutContent {
		m.Without = "by wish of the person who exported: hashes and custody only"
	}
	for _, p := range b.described {
		m.Members = append(m.Members, digest(p.name, p.data))
	}
	for _, f := range b.files {
		if f.member != "" {
			m.Members = append(m.Members, f.digest)
		}
	}
	return encode(m)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// export is the entry that puts this bundle on record.
func (r *record) export(manifest []byte) ledger.Entry {
	sum := sha256.Sum256(manifest)
	how := "with content, under a passphrase"
	switch {
	case r.b.req.WithoutContent:
		how = "without content"
	case r.b.req.Passphrase == "":
		how = "with content, in the clear"
	}
	return ledger.Entry{ID: r.exportID, At: r.made, Actor: r.b.req.Who.ID, Action: exportAction, Subject: r.b.req.CaseID,
		Detail: fmt.Sprintf("manifest sha256:%x %s, by %s: %s", sum, how, r.b.req.Who.Name, r.b.req.Reason)}
}

const exportAction = "evidence.export"

type (
	entriesFile struct {
		Entries []sealedEntry `json:"entries"`
	}
	sealedEntry struct {
		Index int64  `json:"index"`
		Leaf  string `json:"leaf"`
	}
	proofsFile struct {
		Size   int64       `json:"size"`
		Proofs []pathProof `json:"proofs"`
	}
	pathProof struct {
		Index int64    `json:"index"`
		Path  []string `json:"path"`
	}
)

// prove seals the ledger and adds what proves the manifest.
func (b *Bundle) prove(ctx context.Context, entryIDs []string, manifest []byte) error {
	if b.d.cfg.Witness != nil {
		b.d.cfg.Witness(ctx)
	}
	checkpoint, all, err := b.d.log.ProveAll(ctx, entryIDs)
	if err != nil {
		return err
	}
	size, err := ledger.SizeOf(checkpoint)
	if err != nil {
		return err
	}
	entries, proofs := entriesFile{Entries: []sealedEntry{}}, proofsFile{Size: size, Proofs: []pathProof{}}
	for _, p := range all {
		entries.Entries = append(entries.Entries, sealedEntry{p.Index, string(p.Bytes)})
		path := make([]string, len(p.Path))
		for i, h := range p.Path {
			path[i] = h.String()
		}
		proofs.Proofs = append(proofs.Proofs, pathProof{p.Index, path})
	}
	entriesJSON, err := encode(entries)
	if err != nil {
		return err
	}
	proofsJSON, err := encode(proofs)
	if err != nil {
		return err
	}
	b.after = []part{{"manifest.json", manifest}, {"ledger/entries.json", entriesJSON}, {"ledger/proofs.json", proofsJSON},
		{"ledger/checkpoint", []byte(checkpoint)}, {"ledger/key", []byte(b.d.cfg.Key + "\n")}, b.stamp(ctx, manifest)}
	return nil
}

// stamp asks for a timestamp over the manifest. Its failure stops nothing: the
// ledger's checkpoint has a time of its own, if one that Rowan itself says.
func (b *Bundle) stamp(ctx context.Context, manifest []byte) part {
	reason := "no timestamp authority is configured"
	if b.d.cfg.Stamp != nil {
		answer, err := b.d.cfg.Stamp(ctx, sha256.Sum256(manifest))
		if err == nil {
			b.stampState = "timestamped"
			return part{"timestamp.tsr", answer}
		}
		reason = strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '?'
			}
			return r
		}, err.Error())
		reason = reason[:min(len(reason), 300)]
	}
	b.stampState = "no timestamp: " + reason
	return part{"timestamp.txt", []byte(b.stampState + "\n")}
}

// Timestamp says in words whether there is one.
func (b *Bundle) Timestamp() string { return b.stampState }

// Name is a file name for what [Bundle.WriteTo] writes.
func (b *Bundle) Name() string {
	if b.req.Passphrase != "" {
		return b.req.CaseID + "-locked.zip"
	}
	return b.req.CaseID + ".zip"
}

// WriteTo writes the bundle. With a passphrase the whole bundle is the one member
// of an AES ZIP, so that not even its names and sizes show; it is then put
// together in memory, never on a disk.
func (b *Bundle) WriteTo(ctx context.Context, w io.Writer) error {
	if b.req.Passphrase == "" {
		return b.write(ctx, w)
	}
	var inner bytes.Buffer
	if err := b.write(ctx, &inner); err != nil {
		return err
	}
	z := sealedzip.New(w, b.req.Passphrase)
	if err := z.Add(b.req.CaseID+".zip", inner.Bytes()); err != nil {
		return err
	}
	return z.Close()
}

func (b *Bundle) write(ctx context.Context, w io.Writer) error {
	z := &plainZip{w: w}
	var sums strings.Builder
	add := func(name string, data []byte) error {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), name)
		return z.add(name, data)
	}
	for _, p := range b.described {
		if err := add(p.name, p.data); err != nil {
			return err
		}
	}
	for _, f := range b.files {
		if f.member == "" {
			continue
		}
		data, _, err := b.d.vault.Open(ctx, f.row.ID)
		if err != nil {
			return err
		}
		if err := add(f.member, data); err != nil {
			return err
		}
	}
	for _, p := range b.after {
		if err := add(p.name, p.data); err != nil {
			return err
		}
	}
	if err := z.add("SHA256SUMS", []byte(sums.String())); err != nil {
		return err
	}
	return z.close()
}
