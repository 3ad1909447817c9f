package proof

import (
	"bytes"
	"crypto/md5"  // officers still compare by it; nothing rests on it here
	"crypto/sha1" // likewise
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"
)

// Format is the version of the bundles that are understood.
const Format = "rowan-evidence/1"

// Options are what the person who checks knows from elsewhere.
type Options struct {
	Key       *Key           // the log's key; nil takes the bundle's own, and says so
	Witnesses []Key          // each must have cosigned the checkpoint
	Roots     *x509.CertPool // of timestamp authorities
}

// Wrong is one thing that does not hold, and where.
type Wrong struct{ Member, What string }

func (w Wrong) String() string { return w.Member + ": " + w.What }

// Report is what a check found. The bundle holds if Problems is empty. Notes are
// what was checked against the bundle's own word only, or could not be checked.
type Report struct {
	Case, By, Reason string
	Made             time.Time
	Members          int
	Bytes            int64
	Content          bool // evidence files are in it
	Entries, Rows    int  // of the ledger; of the chain of custody
	Key              Key
	Size             int64 // of the ledger's checkpoint
	Stamp            *Stamp
	Problems         []Wrong
	Notes            []string
}

// whole stands for what belongs to no member.
const whole = "archive"

func (r *Report) wrong(member, format string, args ...any) {
	if len(r.Problems) < 100 {
		r.Problems = append(r.Problems, Wrong{member, fmt.Sprintf(format, args...)})
	}
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// The forms of the members that are read.
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
	leaf struct {
		ID      string `json:"id"`
		At      int64  `json:"at"`
		Actor   string `json:"actor"`
		Action  string `json:"action"`
		Subject string `json:"subject"`
		Detail  string `json:"detail"`
	}
)

// The members that the manifest cannot list, because they are made after it.
// Their own signatures and the manifest's digest in the ledger bind them.
var unlisted = []string{"manifest.json", "ledger/entries.json", "ledger/proofs.json", "ledger/checkpoint", "ledger/key", "SHA256SUMS"}

var stamps = []string{"timestamp.tsr", "timestamp.txt"} // one or the other

var described = []string{"README.txt", "summary.pdf", "case.json", "custody.json", "custody.jsonld"}

const maxDocument = 64 << 20

// check is a check under way.
type check struct {
	*Report
	r       io.ReaderAt
	o       Options
	members map[string]member
	order   []string
	digests map[string]digests
	m       manifest
	sealed  []leaf
}

type digests struct{ sha256, sha1, md5 string }

// Bundle checks the evidence bundle in r. An error means that r could not be read,
// never that it does not hold.
func Bundle(r io.ReaderAt, size int64, o Options) (*Report, error) {
	c := &check{Report: &Report{Bytes: size}, r: r, o: o, members: map[string]member{}, digests: map[string]digests{}}
	list, err := archive(r, size)
	if err != nil {
		c.wrong(whole, "%v", err)
		return c.Report, nil
	}
	c.Members = len(list)
	for _, m := range list {
		if err := c.digest(m); err != nil {
			return nil, err
		}
	}
	for _, step := range []func(){c.names, c.readManifest, c.listed, c.ledger, c.custody, c.stamp, c.sums} {
		step()
	}
	return c.Report, nil
}

// digest reads a member once, for all its digests.
func (c *check) digest(m member) error {
	s2, s1, m5 := sha256.New(), sha1.New(), md5.New()
	crc, err := checksum(io.TeeReader(io.NewSectionReader(c.r, m.data(), m.size), io.MultiWriter(s2, s1, m5)))
	if err != nil {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	if crc != m.crc {
		c.wrong(m.name, "its bytes are not those of the archive's checksum: altered or damaged")
	}
	text := func(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
	c.members[m.name], c.digests[m.name] = m, digests{text(s2), text(s1), text(m5)}
	c.order = append(c.order, m.name)
	return nil
}

func (c *check) document(name string) ([]byte, error) {
	m, ok := c.members[name]
	if !ok {
		return nil, errors.New("it is not there")
	}
	if m.size > maxDocument {
		return nil, errors.New("it is too large")
	}
	b := make([]byte, m.size)
	return b, readAt(c.r, b, m.data())
}

// read decodes a member strictly.
func (c *check) read(name string, into any) bool {
	b, err := c.document(name)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err = d.Decode(into); err == nil && d.Decode(new(any)) != io.EOF {
			err = errors.New("there is more after it")
		}
		if err != nil {
			err = errors.New("it cannot be read as what it should be")
		}
	}
	if err != nil {
		c.wrong(name, "%v", err)
	}
	return err == nil
}

func (c *check) names() {
	for _, name := range slices.Concat(unlisted, described) {
		if _, ok := c.members[name]; !ok {
			c.wrong(name, "it is missing")
		}
	}
	_, stamped := c.members[stamps[0]]
	if _, said := c.members[stamps[1]]; said == stamped {
		c.wrong(stamps[0], "there must be either a timestamp or the reason why there is none")
	}
}

func (c *check) readManifest() {
	if !c.read("manifest.json", &c.m) {
		return
	}
	if c.m.Format != Format {
		c.wrong("manifest.json", "the format is %q; this program understands %s", c.m.Format, Format)
	}
	c.Case, c.By, c.Made, c.Content, c.Reason = c.m.Case, c.m.By.Name, c.m.Made, c.m.Content, c.m.Reason
	if !c.m.Content {
		c.note("the evidence files are left out of this bundle: %s", c.m.Without)
	}
}

// listed compares the members with the manifest, both ways.
func (c *check) listed() {
	inManifest := map[string]bool{}
	for _, f := range c.m.Members {
		m, there := c.members[f.Name]
		d := c.digests[f.Name]
		switch {
		case inManifest[f.Name] || slices.Contains(unlisted, f.Name) || slices.Contains(stamps, f.Name):
			c.wrong("manifest.json", "it lists %q, which cannot be", f.Name)
		case !there:
			c.wrong(f.Name, "the manifest lists it and it is missing")
		case m.size != f.Size || d.sha256 != f.SHA256:
			c.wrong(f.Name, "it is not what the manifest lists: altered")
		case d.sha1 != f.SHA1 || d.md5 != f.MD5:
			c.wrong("manifest.json", "the SHA-1 or MD5 of %s is not its own", f.Name)
		}
		inManifest[f.Name] = true
	}
	for _, name := range c.order {
		if !inManifest[name] && !slices.Contains(unlisted, name) && !slices.Contains(stamps, name) {
			c.wrong(name, "the manifest does not list it: added")
		}
	}
}

// ledger checks leaf, proof, checkpoint and cosignatures, and that the ledger
// holds the manifest's digest.
func (c *check) ledger() {
	checkpoint, ok := c.checkpoint()
	if !ok {
		return
	}
	var entries entriesFile
	var proofs proofsFile
	if !c.read("ledger/entries.json", &entries) || !c.read("ledger/proofs.json", &proofs) {
		return
	}
	if proofs.Size != checkpoint.Size || len(proofs.Proofs) != len(entries.Entries) {
		c.wrong("ledger/proofs.json", "they are not proofs of these entries to this checkpoint")
		return
	}
	last := int64(-1)
	for i, e := range entries.Entries {
		if e.Index <= last {
			c.wrong("ledger/entries.json", "entry %d is out of order", e.Index)
			return
		}
		last = e.Index
		c.entry(checkpoint, e, proofs.Proofs[i])
	}
	c.Entries = len(c.sealed)
	c.bound()
}

func (c *check) checkpoint() (Checkpoint, bool) {
	vkey, err := c.document("ledger/key")
	if err != nil {
		return Checkpoint{}, false
	}
	key, err := ParseKey(string(vkey))
	if err != nil || string(vkey) != key.String()+"\n" {
		c.wrong("ledger/key", "it is not a key")
		return Checkpoint{}, false
	}
	if c.o.Key == nil {
		c.note("the ledger's key is the bundle's own, %s, id %s: compare it with one that you have from elsewhere (--key)", key.Name, key.ID())
	} else if key.String() != c.o.Key.String() {
		c.wrong("ledger/key", "it is not the key that you gave")
		key = *c.o.Key
	}
	c.Key = key
	text, err := c.document("ledger/checkpoint")
	if err != nil {
		return Checkpoint{}, false
	}
	checkpoint, n, err := OpenCheckpoint(string(text), key)
	if err != nil {
		c.wrong("ledger/checkpoint", "%v", err)
		return Checkpoint{}, false
	}
	c.Size = checkpoint.Size
	for _, w := range c.o.Witnesses {
		if at, err := n.SignedBy(w); err != nil {
			c.wrong("ledger/checkpoint", "witness %s: %v", w.Name, err)
		} else {
			c.note("witness %s cosigned the checkpoint at %s", w.Name, at.Format(time.RFC3339))
		}
	}
	if len(c.o.Witnesses) == 0 && len(n.sigs) > 1 {
		c.note("the checkpoint bears %d cosignatures, which were not checked: give the witnesses' keys (--witness)", len(n.sigs)-1)
	}
	return checkpoint, true
}

func (c *check) entry(checkpoint Checkpoint, e sealedEntry, p pathProof) {
	if p.Index != e.Index || len(p.Path) > 64 {
		c.wrong("ledger/proofs.json", "the proof of entry %d is of another", e.Index)
		return
	}
	path := make([]Hash, len(p.Path))
	for i, text := range p.Path {
		var err error
		if path[i], err = parseHash(text); err != nil {
			c.wrong("ledger/proofs.json", "entry %d: %v", e.Index, err)
			return
		}
	}
	if err := Included(checkpoint, LeafHash([]byte(e.Leaf)), e.Index, path); err != nil {
		c.wrong("ledger/entries.json", "entry %d: %v: it or its proof was altered", e.Index, err)
		return
	}
	var l leaf
	if err := json.Unmarshal([]byte(e.Leaf), &l); err != nil {
		c.wrong("ledger/entries.json", "entry %d cannot be read", e.Index)
		return
	}
	if l.Subject != c.m.Case {
		c.wrong("ledger/entries.json", "entry %d is of another case", e.Index)
	}
	c.sealed = append(c.sealed, l)
}

// bound checks that the ledger's entry of this export holds the digest of this
// manifest.
func (c *check) bound() {
	i := slices.IndexFunc(c.sealed, func(l leaf) bool { return l.ID == c.m.Entry })
	if c.m.Entry == "" || i < 0 {
		c.wrong("manifest.json", "the ledger has no entry of this export")
		return
	}
	l := c.sealed[i]
	if digest, _, _ := strings.Cut(strings.TrimPrefix(l.Detail, "manifest sha256:"), " "); l.Action != "evidence.export" || digest != c.digests["manifest.json"].sha256 {
		c.wrong("manifest.json", "it is not the manifest that the ledger's entry %s names: altered", l.ID)
	}
	if l.At != c.m.Made.UnixMicro() {
		c.wrong("manifest.json", "its time is not that of the ledger's entry")
	}
}

// stamp checks the timestamp over the manifest.
func (c *check) stamp() {
	if _, ok := c.members["timestamp.txt"]; ok {
		b, err := c.document("timestamp.txt")
		if text := strings.TrimSpace(string(b)); err != nil || !strings.HasPrefix(text, "no timestamp: ") || len(text) > 1000 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
			c.wrong("timestamp.txt", "it does not say why there is no timestamp")
		} else {
			c.note("%s", text)
		}
	}
	if _, ok := c.members["timestamp.tsr"]; !ok {
		return
	}
	answer, err := c.document("timestamp.tsr")
	if err != nil {
		c.wrong("timestamp.tsr", "%v", err)
		return
	}
	sum, err := hex.DecodeString(c.digests["manifest.json"].sha256)
	if err != nil || len(sum) != sha256.Size {
		return // there is no manifest, which is a problem already
	}
	s, err := Timestamp(answer, [sha256.Size]byte(sum), c.o.Roots)
	if err != nil {
		c.wrong("timestamp.tsr", "%v", err)
		return
	}
	c.Stamp = &s
	if !s.Trusted {
		c.note("the timestamp's certificate (%s) was not checked: give the authority's root (--tsa-ca)", s.By)
	}
}

// sums checks SHA256SUMS, which stands for people without this program: one line
// for each other member, in the archive's order.
func (c *check) sums() {
	text, err := c.document("SHA256SUMS")
	if err != nil {
		return
	}
	var want strings.Builder
	for _, name := range c.order {
		if name != "SHA256SUMS" {
			fmt.Fprintf(&want, "%s  %s\n", c.digests[name].sha256, name)
		}
	}
	if string(text) == want.String() {
		return
	}
	have := map[string]string{}
	for line := range strings.Lines(string(text)) {
		digest, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		have[name] = digest
	}
	// What is wrong with a member is said already; the list is named when it alone
	// is left to blame.
	explained := false
	for _, name := range c.order {
		switch d, ok := have[name]; {
		case name == "SHA256SUMS" || d == c.digests[name].sha256:
		case slices.ContainsFunc(c.Problems, func(w Wrong) bool { return w.Member == name }):
			explained = true
		case ok && slices.Contains(unlisted, name):
			c.wrong(name, "it is not what SHA256SUMS lists")
			explained = true
		default:
			c.wrong("SHA256SUMS", "it does not agree with %s", name)
			explained = true
		}
	}
	if !explained && !slices.ContainsFunc(c.Problems, func(w Wrong) bool { return w.Member == whole || w.Member == "SHA256SUMS" }) {
		c.wrong("SHA256SUMS", "it does not agree with the members")
	}
}
