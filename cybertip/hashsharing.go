package cybertip

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The environments of Hash Sharing for industry. Each holds other entries and
// takes other credentials. NCMEC's documentation also names the same service
// under /ws-hashsharing; further environments for other members exist.
const (
	HashSharingURL                = "https://report.cybertip.org/hashsharing"
	HashSharingExploitativeURL    = "https://report.cybertip.org/exploitative-hashsharing"
	HashSharingTestURL            = "https://exttest.cybertip.org/hashsharing"
	HashSharingExploitativeTryURL = "https://exttest.cybertip.org/exploitative-hashsharing"
)

// Limits on what Hash Sharing may answer.
const (
	// MaxHashPage is the most that is read of a page of entries, in bytes.
	MaxHashPage = 64 << 20
	// MaxFingerprint is the most that is read of one large fingerprint.
	MaxFingerprint = 16 << 20
)

// FingerprintType names a fingerprint as the service does.
type FingerprintType string

// The fingerprint types of version 2. The last four are large and binary: an
// entry carries a reference to them. Others may appear.
const (
	FingerprintMD5           FingerprintType = "MD5"
	FingerprintSHA1          FingerprintType = "SHA1"
	FingerprintPDNA          FingerprintType = "PDNA"
	FingerprintPDQ           FingerprintType = "PDQ"
	FingerprintNetClean      FingerprintType = "NETCLEAN"
	FingerprintVidentifier   FingerprintType = "VIDENTIFIER"
	FingerprintTMKPDQF       FingerprintType = "TMK_PDQF"
	FingerprintSSVHPDNA      FingerprintType = "SSVH_PDNA"
	FingerprintSSVHSaferHash FingerprintType = "SSVH_SAFER_HASH"
)

// HashSharing is a client of NCMEC's Hash Sharing API, version 2. It is safe
// for concurrent use, follows no redirect, does not retry and keeps no state.
//
// # Reading entries without losing any
//
// A window [from, to] of [HashSharing.Entries] answers with the LATEST state of
// each entry that changed in it, in no order of time, a thousand to a page. So
// a reader may go on from "to" only when every page of the window was read, must
// use the link of a page with the same from and to, and should end a window a
// few seconds ago ([HashSharingLag]). An entry that changes while the window is
// being read leaves it, and what comes after moves up: compare [EntryPage.Max]
// of the pages, and read the window again when it changes. The service asks not
// to query all of time again and again; ask every ten minutes to once a day.
type HashSharing struct{ c *Client }

// HashSharingLag is how far before now a window should end, so that what is
// being written at the moment is in the next one.
const HashSharingLag = 5 * time.Second

// NewHashSharing returns a client. BaseURL is one of the environments, without
// "/v2".
func NewHashSharing(cfg Config) (*HashSharing, error) {
	c, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return &HashSharing{c}, nil
}

// Entry is one entry of the exchange: a picture or a video that a member
// submitted, or the notice that it was withdrawn. MemberID and ID together are
// its key.
type Entry struct {
	MemberID, Member string // of the submitting organisation
	ID               string
	Video            bool
	Deleted          bool // withdrawn: remove what came of it
	Timestamp        time.Time
	Classification   string // "A1" and so on; may be empty
	Fingerprints     []Fingerprint
}

// Fingerprint is one fingerprint of an entry: a value, or a reference to it.
type Fingerprint struct {
	Type  FingerprintType
	Value string // as the service writes it; empty for a large one
	Href  string // of a large one, for [HashSharing.Fingerprint]; do not keep it
}

// EntryPage is one page of a window.
type EntryPage struct {
	Entries []Entry
	Next    string    // link to the page after this; empty on the last one
	Max     int       // entries in the whole window, as far as the link tells; 0: not told
	Date    time.Time // the service's own clock; zero when it did not say
}

// HashSharingStatus is who the service takes the caller for.
type HashSharingStatus struct{ Username, MemberID, Member string }

// FeedbackReason is a reason that a negative vote may give. GUIDs differ between
// environments and do not change.
type FeedbackReason struct{ GUID, Name string }

// Status asks whether the credentials work.
func (h *HashSharing) Status(ctx context.Context) (HashSharingStatus, error) {
	var w struct {
		Username string     `xml:"username"`
		Member   wireMember `xml:"member"`
	}
	_, err := h.get(ctx, "hash-status", "/v2/status", nil, "status", &w)
	return HashSharingStatus{strings.TrimSpace(w.Username), w.Member.ID, strings.TrimSpace(w.Member.Name)}, err
}

// Reasons returns the reasons for negative votes on a type of fingerprint. That
// they stand in "reason" elements with guid and name is unverified.
func (h *HashSharing) Reasons(ctx context.Context, t FingerprintType) ([]FeedbackReason, error) {
	var w struct {
		Reasons []struct {
			GUID string `xml:"guid,attr"`
			Name string `xml:"name,attr"`
		} `xml:"reason"`
	}
	if !t.valid() {
		return nil, errors.New("cybertip: malformed fingerprint type")
	}
	_, err := h.get(ctx, "hash-reasons", "/v2/feedback/"+string(t)+"/reasons", nil, "", &w)
	out := make([]FeedbackReason, len(w.Reasons))
	for i, r := range w.Reasons {
		out[i] = FeedbackReason(r)
	}
	return out, err
}

// Entries returns the first page of a window. Times are sent in whole seconds.
func (h *HashSharing) Entries(ctx context.Context, from, to time.Time) (EntryPage, error) {
	return h.entries(ctx, url.Values{"from": {isoTime(from)}, "to": {isoTime(to)}}, from, to)
}

// NextEntries returns the page that a link leads to. A link of another window is
// refused, and only its query is used: no answer chooses where to ask.
func (h *HashSharing) NextEntries(ctx context.Context, link string, from, to time.Time) (EntryPage, error) {
	u, err := url.Parse(link)
	if err != nil {
		return EntryPage{}, h.broken("hash-entries", "the link to the next page is malformed")
	}
	q := u.Query()
	if !sameTime(q.Get("from"), from) || !sameTime(q.Get("to"), to) {
		return EntryPage{}, h.broken("hash-entries", "the link to the next page is of another window")
	}
	return h.entries(ctx, q, from, to)
}

func (h *HashSharing) entries(ctx context.Context, q url.Values, from, to time.Time) (EntryPage, error) {
	var w wireQuery
	date, err := h.get(ctx, "hash-entries", "/v2/entries", q, "queryResult", &w)
	if err != nil {
		return EntryPage{}, err
	}
	p := EntryPage{Date: date, Next: strings.TrimSpace(w.Next)}
	for _, set := range []struct {
		wireSet
		video bool
	}{{w.Images, false}, {w.Videos, true}} {
		es, err := set.entries(set.video)
		if err != nil {
			return EntryPage{}, h.broken("hash-entries", err.Error())
		}
		p.Entries = append(p.Entries, es...)
	}
	if p.Next == "" {
		return p, nil
	}
	u, err := url.Parse(p.Next)
	if err != nil || !sameTime(u.Query().Get("from"), from) || !sameTime(u.Query().Get("to"), to) {
		return EntryPage{}, h.broken("hash-entries", "the link to the next page is malformed or of another window")
	}
	p.Max, _ = strconv.Atoi(u.Query().Get("max"))
	return p, nil
}

// Fingerprint fetches a large fingerprint. Only a reference to this service's
// own fingerprints is followed.
func (h *HashSharing) Fingerprint(ctx context.Context, href string) ([]byte, error) {
	u, err := url.Parse(href)
	if err != nil || u.RawQuery != "" || !strings.HasPrefix(u.Path, "/v2/entries/") || strings.Contains(u.EscapedPath(), "..") || strings.Contains(u.EscapedPath(), "%") {
		return nil, h.broken("hash-fingerprint", "the reference to a fingerprint is malformed")
	}
	body, _, err := h.do(ctx, http.MethodGet, "hash-fingerprint", u.Path, nil, nil, MaxFingerprint)
	if err == nil && len(body) == 0 {
		err = h.broken("hash-fingerprint", "the fingerprint is empty")
	}
	return body, err
}

// Feedback votes on one fingerprint of an entry: affirmative, or negative for
// reasons (GUIDs of [HashSharing.Reasons], one at least). The same vote again
// replaces itself, as far as a PUT promises it.
func (h *HashSharing) Feedback(ctx context.Context, memberID, entryID string, t FingerprintType, affirmative bool, reasons []string) error {
	if memberID == "" || entryID == "" || !t.valid() || affirmative != (len(reasons) == 0) {
		return errors.New("cybertip: a vote needs a member, an entry, a type, and reasons if and only if it is negative")
	}
	var b bytes.Buffer
	b.WriteString(xml.Header + `<feedbackSubmission xmlns="` + hashNamespace + `">`)
	if affirmative {
		b.WriteString("<affirmative/>")
	} else {
		b.WriteString("<negative><reasonIds>")
		for _, g := range reasons {
			b.WriteString("<guid>")
			_ = xml.EscapeText(&b, []byte(g)) // a bytes.Buffer does not fail
			b.WriteString("</guid>")
		}
		b.WriteString("</reasonIds></negative>")
	}
	b.WriteString("</feedbackSubmission>")
	path := "/v2/entries/" + url.PathEscape(memberID) + "/" + url.PathEscape(entryID) + "/" + string(t) + "/feedback"
	_, _, err := h.do(ctx, http.MethodPut, "hash-feedback", path, nil, b.Bytes(), MaxAnswer)
	return err
}

const hashNamespace = "https://hashsharing.ncmec.org/hashsharing/v2"

func (t FingerprintType) valid() bool {
	return t != "" && strings.Trim(string(t), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

type wireMember struct {
	ID   string `xml:"id,attr"`
	Name string `xml:",chardata"`
}

type wireQuery struct {
	Images wireSet `xml:"images"`
	Videos wireSet `xml:"videos"`
	Next   string  `xml:"paging>next"`
}

type wireSet struct {
	Count string     `xml:"count,attr"`
	Items []wireItem `xml:",any"`
}

type wireItem struct {
	XMLName        xml.Name
	Member         wireMember `xml:"member"`
	Timestamp      string     `xml:"timestamp"`
	ID             string     `xml:"id"`
	Classification string     `xml:"classification"`
	Prints         struct {
		Items []struct {
			XMLName xml.Name
			Href    string `xml:"href,attr"`
			Value   string `xml:",chardata"`
		} `xml:",any"`
	} `xml:"fingerprints"`
}

// entries reads a set. A set that holds fewer entries than it says was cut
// short; whether count includes deleted entries is unverified, so more are fine.
func (s wireSet) entries(video bool) ([]Entry, error) {
	out := make([]Entry, 0, len(s.Items))
	for _, it := range s.Items {
		deleted := false
		switch it.XMLName.Local {
		case "image", "video":
		case "deletedImage", "deletedVideo":
			deleted = true
		default:
			continue
		}
		at, err := time.Parse(time.RFC3339, strings.TrimSpace(it.Timestamp))
		e := Entry{MemberID: strings.TrimSpace(it.Member.ID), Member: strings.TrimSpace(it.Member.Name), ID: strings.TrimSpace(it.ID),
			Video: video, Deleted: deleted, Timestamp: at, Classification: strings.TrimSpace(it.Classification)}
		if err != nil || e.MemberID == "" || e.ID == "" {
			return nil, errors.New("an entry lacks its member, id or time")
		}
		for _, p := range it.Prints.Items {
			e.Fingerprints = append(e.Fingerprints, Fingerprint{Type: printType(p.XMLName.Local), Value: strings.TrimSpace(p.Value), Href: strings.TrimSpace(p.Href)})
		}
		out = append(out, e)
	}
	if n, err := strconv.Atoi(s.Count); s.Count != "" && (err != nil || n < 0 || n > len(out)) {
		return nil, errors.New("there are fewer entries than the page says")
	}
	return slices.Clip(out), nil
}

// printType turns an element's name into that of its type: "tmk-pdqf" is
// TMK_PDQF.
func printType(element string) FingerprintType {
	return FingerprintType(strings.ToUpper(strings.ReplaceAll(element, "-", "_")))
}

func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func sameTime(text string, t time.Time) bool {
	at, err := time.Parse(time.RFC3339, text)
	return err == nil && at.Unix() == t.Unix()
}

func (h *HashSharing) broken(op, why string) error {
	return &ResponseError{Op: op, HTTPStatus: http.StatusOK, class: Transient, cause: unusable(why)}
}

// get reads a document into v and returns the service's clock. root is the name
// of its root element, "" for any.
func (h *HashSharing) get(ctx context.Context, op, path string, q url.Values, root string, v any) (time.Time, error) {
	body, date, err := h.do(ctx, http.MethodGet, op, path, q, nil, MaxHashPage)
	if err != nil {
		return date, err
	}
	name, err := inspect(body)
	if err == nil && root != "" && name != root {
		err = unusable("root element is not " + root)
	}
	if err == nil && xml.Unmarshal(body, v) != nil {
		err = unusable("a value does not fit its element")
	}
	if err != nil {
		return date, &ResponseError{Op: op, HTTPStatus: http.StatusOK, class: Transient, cause: err}
	}
	return date, nil
}

// do makes a call. Success is 200, and for a PUT any 2xx. Every call may be made
// again, so nothing is ambiguous.
func (h *HashSharing) do(ctx context.Context, method, op, path string, q url.Values, body []byte, limit int64) ([]byte, time.Time, error) {
	target := h.c.base + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("cybertip: %s: malformed request", op)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/xml; charset=utf-8")
	}
	req.SetBasicAuth(h.c.username, h.c.password)
	req.Header.Set("User-Agent", h.c.agent)
	req.Header.Set("Accept", "application/xml, application/octet-stream")
	res, err := h.c.http.Do(req)
	if err != nil {
		return nil, time.Time{}, transport(request{op: op, method: http.MethodGet}, err)
	}
	defer func() { _ = res.Body.Close() }()
	date, _ := http.ParseTime(res.Header.Get("Date"))
	if res.StatusCode != http.StatusOK && (method != http.MethodPut || res.StatusCode/100 != 2) {
		e := &ResponseError{Op: op, HTTPStatus: res.StatusCode, RequestID: res.Header.Get("Request-ID"),
			RetryAfter: retryAfter(res.Header.Get("Retry-After"), h.c.now()), class: statusClass(res.StatusCode)}
		if e.class == Ambiguous {
			e.class = Transient
		}
		return nil, date, e
	}
	out, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, date, transport(request{op: op, method: http.MethodGet}, err)
	}
	if int64(len(out)) > limit {
		return nil, date, h.broken(op, "the answer is too long")
	}
	return out, date, nil
}
