package custody_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/custody"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/proof"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/sample"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/vault"
)

var (
	start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	anna  = safety.Actor{ID: "user:usr_anna", Name: "Anna", Person: true}
	robot = safety.Actor{ID: "key:key_robot", Name: "robot"}
)

type bench struct {
	t     testing.TB
	store *store.Store
	data  *storetest.Database
	vault *vault.Vault
	log   *ledger.Log
	vkey  string
	cases *cases.Desk
	cfg   custody.Config

	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(time.Microsecond)
	return b.now
}

func newBench(t testing.TB, d *storetest.Database) *bench {
	t.Helper()
	b := &bench{t: t, data: d, store: d.Open(t), now: start}
	master, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := vault.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	b.vault = vault.New(b.store, master, blobs, b.clock)
	skey, vkey, err := note.GenerateKey(rand.Reader, "example.test/ledger")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	b.vkey, b.log = vkey, ledger.NewLog(b.store, signer, b.clock, nil)
	b.cases = cases.NewDesk(b.store, b.vault, b.clock, 30*24*time.Hour, cases.Hooks{
		Announce: func(context.Context, *store.Tx, safety.Event) error { return nil },
		Retract:  func(context.Context, *store.Tx, string) (int64, error) { return 0, nil },
		Draft:    b.draft,
		Withdraw: func(context.Context, *store.Tx, safety.Actor, string) error { return nil },
	})
	b.cfg = custody.Config{Platform: "Example service", Version: "test", Key: vkey}
	return b
}

// draft stands for the room that reports: a report with one exchange.
func (b *bench) draft(ctx context.Context, tx *store.Tx, c db.Case, d db.Decision) error {
	now := b.clock()
	if err := tx.CreateReport(ctx, db.CreateReportParams{ID: "rep_1", CaseID: c.ID, DecisionID: d.ID, Authority: "ncmec", Environment: "standin", State: "filed", Draft: "{}",
		Receipt: []byte("receipt"), CreatedAt: store.Micros(now)}); err != nil {
		return err
	}
	if err := ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: "system", Action: "report.draft", Subject: c.ID, Detail: "rep_1"}); err != nil {
		return err
	}
	return tx.AddExchange(ctx, db.AddExchangeParams{ID: "exc_1", ReportID: "rep_1", At: store.Micros(b.clock()), Operation: "submit", Request: []byte("<report/>"), HttpStatus: 200,
		RequestID: "req-1", Response: []byte("<ok/>")})
}

// sampleCase is a case with two pictures, a view and a decision, among entries of
// other cases.
func (b *bench) sampleCase() string {
	b.t.Helper()
	ctx := context.Background()
	var id string
	for i := range 2 {
		b.noise(3)
		picture := sample.JPEG(sample.Landscape(uint64(i+1), 96, 64), 80)
		sum := sha256.Sum256(picture)
		err := b.store.Tx(ctx, func(tx *store.Tx) error {
			o, err := b.cases.Open(ctx, tx, cases.Content{ContentID: fmt.Sprint("post-", i), AccountID: "acct-1", Surface: safety.SurfacePublic, Verdict: safety.VerdictBlock,
				Scan: safety.ScanScanned, Queue: "known", Priority: safety.P2, Reason: "on a list", SHA256: hex.EncodeToString(sum[:]), ReceivedAt: b.clock(), Filename: "Häuser <1>.jpg", Size: int64(len(picture)),
				Findings: []safety.Finding{{Detector: "sha256/1", List: "sample", Kind: safety.ListIllegal, Match: safety.MatchExact}}, Original: picture, MediaType: "image/jpeg", Preview: []byte("preview")})
			id = o.CaseID
			return err
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	pieces, err := b.store.Read().EvidenceOfCase(ctx, id)
	if err != nil {
		b.t.Fatal(err)
	}
	slices.SortFunc(pieces, func(a, b db.Evidence) int { return int(a.CreatedAt - b.CreatedAt) })
	for _, e := range pieces {
		if e.Role == string(vault.Original) {
			if _, _, err := b.vault.Reveal(ctx, vault.Viewer{ID: anna.ID, Name: anna.Name}, anna.ID, e.ID, vault.ViewOriginal, "to decide: \"yes\" or no"); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	if _, err := b.cases.Claim(ctx, anna, id); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.cases.Decide(ctx, anna, id, cases.Judgement{Outcome: cases.Confirmed, Reason: "as the list says", IncidentType: "type one", NCMECClass: "B2"}, []string{"type one"}); err != nil {
		b.t.Fatal(err)
	}
	b.noise(4)
	return id
}

func (b *bench) noise(n int) {
	b.t.Helper()
	err := b.store.Tx(context.Background(), func(tx *store.Tx) error {
		for range n {
			if err := ledger.Append(context.Background(), tx, ledger.Entry{At: b.clock(), Actor: "system", Action: "case.open", Subject: "cas_other"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) export(req custody.Request) []byte {
	b.t.Helper()
	made, err := custody.NewDesk(b.store, b.vault, b.log, b.clock, b.cfg).Export(context.Background(), req)
	if err != nil {
		b.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := made.WriteTo(context.Background(), &out); err != nil {
		b.t.Fatal(err)
	}
	return out.Bytes()
}

func (b *bench) plain(caseID string) []byte {
	return b.export(custody.Request{CaseID: caseID, Who: anna, Reason: "court order 12/26", Plain: true})
}

func verify(t testing.TB, bundle []byte, o proof.Options) *proof.Report {
	t.Helper()
	r, err := proof.Bundle(bytes.NewReader(bundle), int64(len(bundle)), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (b *bench) key() *proof.Key {
	k, err := proof.ParseKey(b.vkey)
	if err != nil {
		b.t.Fatal(err)
	}
	return &k
}

func holds(t testing.TB, r *proof.Report) {
	t.Helper()
	for _, p := range r.Problems {
		t.Error(p)
	}
}

func TestExport(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		b := newBench(t, fresh(t))
		id := b.sampleCase()
		r := verify(t, b.plain(id), proof.Options{Key: b.key()})
		holds(t, r)
		// case.open, two items, two views, claim, decide, report.draft, export.
		if r.Case != id || r.Entries != 9 || r.Rows != 9 || r.Members != 14 || !r.Content || r.By != "Anna" {
			t.Errorf("%+v", r)
		}
		again := verify(t, b.plain(id), proof.Options{Key: b.key()})
		holds(t, again)
		if again.Rows != 10 {
			t.Errorf("the first export is not in the second's chain: %d rows", again.Rows)
		}
		bare := b.export(custody.Request{CaseID: id, Who: anna, Reason: "hashes only", WithoutContent: true})
		r = verify(t, bare, proof.Options{Key: b.key()})
		holds(t, r)
		if r.Content || r.Members != 12 || bytes.Contains(bare, sample.JPEG(sample.Landscape(1, 96, 64), 80)) {
			t.Errorf("without content: %+v", r)
		}
	})
}

func TestExport_Refuses(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	id := b.sampleCase()
	for name, tc := range map[string]struct {
		req  custody.Request
		kind safety.Kind
	}{
		"a key is no person":       {custody.Request{CaseID: id, Who: robot, Reason: "r", Plain: true}, safety.Forbidden},
		"no reason":                {custody.Request{CaseID: id, Who: anna, Reason: " ", Plain: true}, safety.Invalid},
		"content in the clear":     {custody.Request{CaseID: id, Who: anna, Reason: "r"}, safety.Invalid},
		"a short passphrase":       {custody.Request{CaseID: id, Who: anna, Reason: "r", Passphrase: "short"}, safety.Invalid},
		"a case that is not there": {custody.Request{CaseID: "cas_no", Who: anna, Reason: "r", Plain: true}, safety.NotFound},
	} {
		_, err := custody.NewDesk(b.store, b.vault, b.log, b.clock, b.cfg).Export(t.Context(), tc.req)
		if safety.KindOf(err) != tc.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.data.SQL(t).Exec("update evidence set sha256 = $1 where case_id = $2", strings.Repeat("0", 64), id); err != nil {
		t.Fatal(err)
	}
	if _, err := custody.NewDesk(b.store, b.vault, b.log, b.clock, b.cfg).Export(t.Context(), custody.Request{CaseID: id, Who: anna, Reason: "r", Plain: true}); err == nil {
		t.Error("evidence that is not what was sealed was exported")
	}
	for _, e := range entries(t, b, id) {
		if e.Action == "evidence.export" {
			t.Error("an export that did not happen is on record")
		}
	}
}

func entries(t *testing.T, b *bench, id string) []db.LedgerEntry {
	t.Helper()
	rows, err := b.store.Read().EntriesOfSubject(t.Context(), id, "~", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// place is a member in the archive, as archive/zip sees it.
type place struct {
	name          string
	header, data  int64
	size          int64
	tableAt, tend int
}

func places(t testing.TB, bundle []byte) []place {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	at := int(binary.LittleEndian.Uint32(bundle[len(bundle)-6:]))
	var out []place
	for _, f := range z.File {
		data, err := f.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		p := place{name: f.Name, data: data, header: data - 30 - int64(len(f.Name)), size: int64(f.UncompressedSize64), tableAt: at, tend: at + 46 + len(f.Name)}
		at = p.tend
		out = append(out, p)
	}
	return out
}

func names(r *proof.Report, member string) bool {
	return slices.ContainsFunc(r.Problems, func(w proof.Wrong) bool { return w.Member == member })
}

// TestFlip changes single bytes: of every member's data, and of every byte of
// every header and of the end. Each must be found, and the member named.
func TestFlip(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	bundle := b.plain(b.sampleCase())
	o := proof.Options{Key: b.key()}
	holds(t, verify(t, bundle, o))
	all := places(t, bundle)
	flip := func(at int64, mask byte) *proof.Report {
		bundle[at] ^= mask
		defer func() { bundle[at] ^= mask }()
		return verify(t, bundle, o)
	}
	for _, p := range all {
		for _, at := range []int64{0, 1, p.size / 2, p.size - 1} {
			if r := flip(p.data+at, 1); !names(r, p.name) {
				t.Errorf("%s: byte %d was changed, and the check says %v", p.name, at, r.Problems)
			}
		}
		for at := p.header; at < p.data; at++ {
			if r := flip(at, 1); len(r.Problems) == 0 {
				t.Errorf("%s: byte %d of its header was changed and not found", p.name, at-p.header)
			}
		}
		for at := p.tableAt; at < p.tend; at++ {
			if r := flip(int64(at), 1); len(r.Problems) == 0 {
				t.Errorf("%s: byte %d of its row was changed and not found", p.name, at-p.tableAt)
			}
		}
	}
	for at := all[len(all)-1].tend; at < len(bundle); at++ {
		if r := flip(int64(at), 0x40); len(r.Problems) == 0 {
			t.Errorf("byte %d of the end was changed and not found", at)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		at, mask := rapid.Int64Range(0, int64(len(bundle)-1)).Draw(rt, "at"), rapid.Byte().Filter(func(b byte) bool { return b != 0 }).Draw(rt, "mask")
		r := flip(at, mask)
		if len(r.Problems) == 0 {
			rt.Fatalf("byte %d xor %#x was not found", at, mask)
		}
		for _, p := range all {
			if at >= p.data && at < p.data+p.size && !names(r, p.name) {
				rt.Fatalf("byte %d of %s: the check says %v", at-p.data, p.name, r.Problems)
			}
		}
	})
	for _, cut := range []int{1, 22, 23, len(bundle) / 2} {
		if len(verify(t, bundle[:len(bundle)-cut], o).Problems) == 0 {
			t.Errorf("%d bytes cut off the end were not missed", cut)
		}
	}
	for _, longer := range [][]byte{append([]byte{0}, bundle...), append(slices.Clone(bundle), 0)} {
		if len(verify(t, longer, o).Problems) == 0 {
			t.Error("bytes beside the bundle were not found")
		}
	}
}

// forger rebuilds an archive with changed members and everything that needs no
// key: checksums, SHA256SUMS and, if asked, the manifest.
func forge(t testing.TB, bundle []byte, remake bool, change func(name string, data []byte) []byte) []byte {
	t.Helper()
	type part struct {
		name string
		data []byte
	}
	var parts []part
	at := map[string]int{}
	for _, p := range places(t, bundle) {
		data := change(p.name, slices.Clone(bundle[p.data:p.data+p.size]))
		if data != nil {
			at[p.name] = len(parts)
			parts = append(parts, part{p.name, data})
		}
	}
	if i, ok := at["manifest.json"]; ok && remake {
		var m map[string]any
		if err := json.Unmarshal(parts[i].data, &m); err != nil {
			t.Fatal(err)
		}
		for _, f := range m["members"].([]any) {
			f := f.(map[string]any)
			if j, ok := at[f["name"].(string)]; ok {
				f["size"], f["sha256"] = len(parts[j].data), fmt.Sprintf("%x", sha256.Sum256(parts[j].data))
			}
		}
		parts[i].data, _ = json.Marshal(m)
	}
	if i, ok := at["SHA256SUMS"]; ok {
		var sums strings.Builder
		for _, p := range parts {
			if p.name != "SHA256SUMS" {
				fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(p.data), p.name)
			}
		}
		parts[i].data = []byte(sums.String())
	}
	var out, table []byte
	for _, p := range parts {
		head := binary.LittleEndian.AppendUint32([]byte{20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0}, crc32.ChecksumIEEE(p.data))
		head = binary.LittleEndian.AppendUint32(head, uint32(len(p.data)))
		head = binary.LittleEndian.AppendUint32(head, uint32(len(p.data)))
		head = append(binary.LittleEndian.AppendUint16(head, uint16(len(p.name))), 0, 0)
		table = append(append(table, "PK\x01\x02\x14\x03"...), head...)
		table = append(table, 0, 0, 0, 0, 0, 0, 0, 0, 0xA4, 0x81)
		table = append(binary.LittleEndian.AppendUint32(table, uint32(len(out))), p.name...)
		out = append(append(append(append(out, "PK\x03\x04"...), head...), p.name...), p.data...)
	}
	end := []byte("PK\x05\x06\x00\x00\x00\x00")
	end = binary.LittleEndian.AppendUint16(end, uint16(len(parts)))
	end = binary.LittleEndian.AppendUint16(end, uint16(len(parts)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(table)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(out)))
	return append(append(out, table...), append(end, 0, 0)...)
}

// TestForge: somebody who changes a member and mends every checksum, the list of
// sums and the manifest itself still lacks the ledger's key.
func TestForge(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	bundle := b.plain(b.sampleCase())
	o := proof.Options{Key: b.key()}
	same := func(_ string, data []byte) []byte { return data }
	if got := forge(t, bundle, false, same); !bytes.Equal(got, bundle) {
		t.Fatal("the forger does not write bundles as they are, so the test would show nothing")
	}
	for _, p := range places(t, bundle) {
		for _, at := range []int64{0, p.size / 2, p.size - 2} {
			forged := forge(t, bundle, false, func(name string, data []byte) []byte {
				if name == p.name {
					data[at] ^= 1
				}
				return data
			})
			r := verify(t, forged, o)
			switch {
			case p.name == "SHA256SUMS", p.name == "timestamp.txt": // mended again; free text
			case strings.HasPrefix(p.name, "ledger/"):
				if len(r.Problems) == 0 {
					t.Errorf("%s: byte %d was changed with all checksums, and not found", p.name, at)
				}
			case !names(r, p.name):
				t.Errorf("%s: byte %d was changed with all checksums, and the check says %v", p.name, at, r.Problems)
			}
			if slices.Contains([]string{"manifest.json", "SHA256SUMS", "timestamp.txt"}, p.name) || strings.HasPrefix(p.name, "ledger/") {
				continue
			}
			forged = forge(t, bundle, true, func(name string, data []byte) []byte {
				if name == p.name {
					data[at] ^= 1
				}
				return data
			})
			if r := verify(t, forged, o); !names(r, "manifest.json") {
				t.Errorf("%s: byte %d was changed with the manifest, and the check says %v", p.name, at, r.Problems)
			}
		}
		gone := forge(t, bundle, false, func(name string, data []byte) []byte {
			if name == p.name {
				return nil
			}
			return data
		})
		if r := verify(t, gone, o); len(r.Problems) == 0 {
			t.Errorf("%s was taken out and not missed", p.name)
		}
	}
	other := newBench(t, storetest.New(t))
	if r := verify(t, bundle, proof.Options{Key: other.key()}); !names(r, "ledger/key") || !names(r, "ledger/checkpoint") {
		t.Errorf("another key: %v", r.Problems)
	}
	if r := verify(t, bundle, proof.Options{}); len(r.Problems) != 0 || !strings.Contains(strings.Join(r.Notes, "\n"), "the bundle's own") {
		t.Errorf("no key: %v %v", r.Problems, r.Notes)
	}
}

// TestUnzip: the programs of any computer open and check a bundle.
func TestUnzip(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"unzip", "sha256sum"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not here", p)
		}
	}
	b := newBench(t, storetest.New(t))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "b.zip"), b.plain(b.sampleCase()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "unzip -q b.zip -d out && cd out && sha256sum -c --strict SHA256SUMS")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), ": OK") != 13 {
		t.Errorf("%v: %s", err, out)
	}
	if keep := os.Getenv("ROWAN_KEEP_BUNDLE"); keep != "" {
		text, _ := os.ReadFile(filepath.Join(dir, "b.zip"))
		_ = os.WriteFile(keep, text, 0o600)
	}
}

func TestPassphrase(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	id := b.sampleCase()
	const passphrase = "a passphrase that is long enough"
	locked := b.export(custody.Request{CaseID: id, Who: anna, Reason: "court order", Passphrase: passphrase})
	if bytes.Contains(locked, []byte("custody.json")) || bytes.Contains(locked, []byte("PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21")) {
		t.Error("the names of members show through")
	}
	if r := verify(t, locked, proof.Options{}); len(r.Problems) != 1 || !strings.Contains(r.Problems[0].What, "locked with a passphrase") {
		t.Errorf("a locked bundle: %v", r.Problems)
	}
	program, err := exec.LookPath("7z")
	if err != nil {
		t.Skip("7z is not here")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "l.zip"), locked, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "e", "-so", "-p"+passphrase, "l.zip", id+".zip")
	cmd.Dir = dir
	inner, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	holds(t, verify(t, inner, proof.Options{Key: b.key()}))
}

var update = flag.Bool("update", false, "write golden files")

// TestLinked holds custody.jsonld against a golden file, in which ids and digests
// are counted, and checks that every reference leads somewhere.
func TestLinked(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	bundle := b.plain(b.sampleCase())
	z, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("custody.jsonld")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	defined, used := map[string]bool{}, map[string]bool{}
	walk(doc, defined, used)
	for id := range used {
		if !defined[id] {
			t.Errorf("%s is spoken of and not described", id)
		}
	}
	seen := map[string]string{}
	got := regexp.MustCompile(`[a-z]{3}_[0-9a-hjkmnp-tv-z]{20,}`).ReplaceAllStringFunc(string(text), func(id string) string {
		if seen[id] == "" {
			seen[id] = fmt.Sprintf("%s_%d", id[:3], len(seen)+1)
		}
		return seen[id]
	})
	const golden = "testdata/custody.jsonld"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != got {
		t.Errorf("%v: custody.jsonld has changed; look at it and run with -update:\n%s", err, got)
	}
}

func walk(v any, defined, used map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			walk(x, defined, used)
		}
	case map[string]any:
		if id, ok := v["@id"].(string); ok {
			if len(v) == 1 {
				used[id] = true
			} else {
				defined[id] = true
			}
		}
		for _, x := range v {
			walk(x, defined, used)
		}
	}
}
