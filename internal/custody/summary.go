package custody

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/paper"
	"github.com/rowan-safety/rowan/internal/store"
)

var plain = map[string]string{"case.open": "case opened", "case.item": "content added, file sealed", "case.claim": "case taken up", "case.release": "case put back",
	"case.decide": "decided", "case.undo": "decision taken back", "evidence.view": "evidence looked at", exportAction: "bundle made", "evidence.destroy": "evidence destroyed",
	"report.draft": "report drafted", "report.approve": "report approved", "report.filed": "report filed"}

// words are for paper; an action without words stands as the ledger has it.
func words(action string) string { return cmp.Or(plain[action], action) }

func utc(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") }

// summary is what an officer or a court reads first.
func (r *record) summary(chain chainFile, custodyJSON []byte) ([]byte, error) {
	p := paper.New(paper.Info{Title: "Evidence bundle: chain of custody", Subtitle: r.b.d.cfg.Platform, Classification: "Confidential: evidence",
		Reference: "Case " + r.c.ID, Digest: fmt.Sprintf("SHA-256 of custody.json: %x", sha256.Sum256(custodyJSON)), Made: r.made})
	if r.c.Canary {
		p.Notice("TEST. This case was opened by Rowan's own harmless test picture.")
	}
	if r.b.req.WithoutContent {
		p.Notice("The evidence files are not in this bundle: it holds their digests and the chain of custody only.")
	}
	p.Facts(r.facts()...)
	p.Heading("Evidence")
	for _, e := range chain.Evidence {
		p.Facts(r.pieceFacts(e)...)
	}
	p.Heading("Chain of custody")
	p.Paragraph(fmt.Sprintf("Every entry of the ledger about this case, in the order of time. %s", r.lookers()))
	rows := make([][]string, len(chain.Rows))
	for i, row := range chain.Rows {
		rows[i] = []string{fmt.Sprint(row.N), utc(row.At), row.Actor.Name, words(row.Action), row.Detail}
	}
	p.Table([]paper.Column{{Title: "No.", Weight: 0.7}, {Title: "When", Weight: 2.2}, {Title: "Who", Weight: 1.6}, {Title: "What", Weight: 1.9}, {Title: "More", Weight: 3.6}}, rows)
	if len(chain.Transfers) > 0 {
		p.Heading("Sent to authorities")
		rows := make([][]string, len(chain.Transfers))
		for i, t := range chain.Transfers {
			rows[i] = []string{utc(t.At), strings.ToUpper(t.Authority), t.Operation, fmt.Sprint(t.Status), t.RequestID}
			if t.Disclosure != "" {
				rows[i] = []string{utc(t.At), t.Authority, "a bundle was handed over", "", "SHA-256 " + t.Bundle}
			}
		}
		p.Table([]paper.Column{{Title: "When", Weight: 2}, {Title: "Authority", Weight: 1.2}, {Title: "Call", Weight: 1.2}, {Title: "Status", Weight: 0.8}, {Title: "Authority's request id, or what was handed over", Weight: 3, Mono: true}}, rows)
	}
	p.Heading("How to check this bundle")
	p.Paragraph("With the programs of any computer: that the files are those that are listed.")
	p.Literal("unzip " + r.c.ID + ".zip -d bundle\ncd bundle\nsha256sum -c SHA256SUMS")
	p.Paragraph("With the free program rowan, without a server: also that the list is the one that the signed ledger names, that no entry was changed, and the timestamp. " +
		"Get the ledger's key from the service by another way than this bundle.")
	p.Literal("rowan verify bundle " + r.c.ID + ".zip --key KEY")
	p.Heading("What it shows, and what not")
	p.Paragraph("It shows that these files and this record are what the service held when the bundle was made, in the form in which its ledger was signed then, and who of its staff opened what. " +
		"It does not show who made the content, nor that the service recorded everything it was told; and what the ledger says of times is the service's own clock, unless timestamp.tsr is there.")
	return p.PDF()
}

func (r *record) facts() []paper.Fact {
	how := "with the evidence files"
	if r.b.req.WithoutContent {
		how = "without the evidence files"
	}
	out := []paper.Fact{{Label: "Case", Value: r.c.ID, Mono: true}, {Label: "Opened", Value: utc(store.Time(r.c.OpenedAt))},
		{Label: "Account", Value: r.c.AccountID, Mono: true}, {Label: "Bundle made", Value: utc(r.made) + ", " + how}, {Label: "Made by", Value: r.b.req.Who.Name},
		{Label: "Reason", Value: r.b.req.Reason}}
	for _, d := range r.decisions {
		var text strings.Builder
		text.WriteString(d.Outcome)
		for _, c := range []struct{ name, class string }{{"NCMEC class", d.NcmecClass}, {"UK category", d.UkClass}} {
			if c.class != "" {
				text.WriteString(", " + c.name + " " + c.class)
			}
		}
		text.WriteString("\n" + d.DecidedName + ", " + utc(store.Time(d.At)))
		if d.UndoneAt != 0 {
			text.WriteString("\ntaken back " + utc(store.Time(d.UndoneAt)))
		}
		out = append(out, paper.Fact{Label: "Decided", Value: text.String()})
	}
	for _, p := range r.reports {
		text := strings.ToUpper(p.Authority) + ", " + p.State
		if p.RemoteID != "" {
			text += ", number " + p.RemoteID
		}
		if p.Environment != "production" {
			text += " (environment " + p.Environment + ": not a report of a real incident)"
		}
		out = append(out, paper.Fact{Label: "Reported", Value: text})
	}
	return out
}

func (r *record) pieceFacts(e piece) []paper.Fact {
	where := e.Member
	switch {
	case e.Destroyed != nil:
		where = "destroyed " + utc(*e.Destroyed)
	case where == "":
		where = "not in this bundle"
	}
	return []paper.Fact{{Label: "File", Value: where, Mono: e.Member != ""}, {Label: "Kind", Value: fmt.Sprintf("%s, %s, %d bytes", e.Role, e.MediaType, e.Size)},
		{Label: "Sealed", Value: utc(e.Sealed)}, {Label: "SHA-256", Value: e.SHA256, Mono: true}, {Label: "Id", Value: e.ID, Mono: true}}
}

// lookers counts who saw what.
func (r *record) lookers() string {
	full := 0
	people := map[string]bool{}
	for _, v := range r.views {
		people[v.Viewer] = true
		if v.Mode == "original" {
			full++
		}
	}
	return fmt.Sprintf("Looks at evidence by people: %d at the blurred preview, %d at the original, by %d of the staff.", len(r.views)-full, full, len(people))
}

func readme(r *record) string {
	return `EVIDENCE BUNDLE OF CASE ` + r.c.ID + `
Made ` + utc(r.made) + ` by ` + r.b.req.Who.Name + `, ` + r.b.d.cfg.Platform + `

Begin with summary.pdf.

To check that no file was changed, with the programs of any computer:

    unzip ` + r.c.ID + `.zip -d bundle
    cd bundle
    sha256sum -c SHA256SUMS        (macOS: shasum -a 256 -c SHA256SUMS)

To check everything (that this list of files is the one that the service's signed
ledger names, that no entry of the ledger was changed, the timestamp), with the
free program rowan, which needs no server for it:

    rowan verify bundle ` + r.c.ID + `.zip --key KEY

KEY is the public key of the service's ledger. A copy is in ledger/key; ask the
service for it by another way, and compare.

If there is a timestamp.tsr, OpenSSL checks it alone; CA.pem is the root
certificate of the timestamp authority:

    openssl ts -verify -data manifest.json -in timestamp.tsr -CAfile CA.pem

What is in here:

    summary.pdf          the case, who decided and who looked, on paper
    case.json            the case: items, findings, decisions, reports, clocks
    custody.json         the chain of custody: one row for each entry of the ledger
    custody.jsonld       the same in the terms of CASE/UCO (not validated with
                         case_validate)
    evidence/            the files as the service received them
    manifest.json        every file above with size, SHA-256, SHA-1, MD5
    ledger/              the entries, their proofs (RFC 6962), the signed tree head
    timestamp.tsr        a timestamp of manifest.json (RFC 3161), or timestamp.txt,
                         which says why there is none
    SHA256SUMS           digests of all of it
`
}
