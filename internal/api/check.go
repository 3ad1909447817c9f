package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// CheckMeta is what the platform says of a piece of content.
type CheckMeta struct {
	ContentID    string            `json:"content_id" minLength:"1" maxLength:"255" doc:"The platform's id of the content"`
	AccountID    string            `json:"account_id,omitempty" maxLength:"255" doc:"The platform's id of the account that sent it"`
	Surface      string            `json:"surface,omitempty" enum:"public,private,encrypted" doc:"Who could see it; public when left out"`
	Jurisdiction string            `json:"jurisdiction,omitempty" maxLength:"2" doc:"ISO 3166-1 alpha-2, upper case"`
	CreatedAt    string            `json:"created_at,omitempty" maxLength:"40" doc:"When it was made on the platform, RFC 3339"`
	IP           string            `json:"ip,omitempty" maxLength:"45" doc:"Address that it was sent from"`
	Port         int               `json:"port,omitempty" minimum:"0" maximum:"65535" doc:"Port that it was sent from"`
	Filename     string            `json:"filename,omitempty" maxLength:"1024" doc:"Name that the user gave it"`
	URL          string            `json:"url,omitempty" maxLength:"2083" doc:"Where it is on the platform"`
	Hashes       map[string]string `json:"hashes,omitempty" doc:"Instead of a file: hexadecimal sha256, sha1, md5, pdq, and types of this Rowan's hashers"`
	PDQQuality   *int              `json:"pdq_quality,omitempty" minimum:"0" maximum:"100" doc:"Quality of the given PDQ hash; 100 when left out"`
}

// CheckResult is the answer.
type CheckResult struct {
	ID            string         `json:"id"`
	Verdict       string         `json:"verdict" enum:"allow,warn,limit,hold,block"`
	Scan          string         `json:"scan" enum:"scanned,partial,failed,unsupported" doc:"Only scanned supports the statement that nothing known was found"`
	ScanReason    string         `json:"scan_reason,omitempty" doc:"Why it is not scanned"`
	Findings      []FindingModel `json:"findings"`
	CaseID        string         `json:"case_id,omitempty"`
	PolicyVersion string         `json:"policy_version"`
}

// FindingModel is one finding, without hashes and distances: lists are secret.
type FindingModel struct {
	Detector string `json:"detector"`
	List     string `json:"list"`
	Kind     string `json:"kind" enum:"illegal,intimate_image,terrorism,harmful,allow,canary"`
	Match    string `json:"match" enum:"exact,near"`
	Variant  string `json:"variant" doc:"Which form of the picture matched: original, rotate90, …"`
	Frame    int    `json:"frame"`
	FromMS   int64  `json:"from_ms,omitempty" doc:"In a video: when the match begins, in milliseconds"`
	ToMS     int64  `json:"to_ms,omitempty" doc:"In a video: when it ends"`
}

type checkOutput struct{ Body CheckResult }

type checkInput struct {
	Raw
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Repeating a request with the same key within a day gives the same answer"`
}

func (a *API) checkRoutes() {
	handle(a, op{method: "POST", path: "/v1/media/check", id: "check-media", tag: "Checking", scope: access.MediaCheck,
		summary: "Ask about a picture or video: multipart with file and meta, or JSON with hashes", body: a.checkBody}, a.checkMedia)
}

// checkBody documents the two bodies that checkMedia takes.
func (a *API) checkBody() *huma.RequestBody {
	meta := a.huma.OpenAPI().Components.Schemas.Schema(typeOf[CheckMeta](), true, "CheckMeta")
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"multipart/form-data": {Schema: &huma.Schema{Type: "object", Required: []string{"meta"}, Properties: map[string]*huma.Schema{
			"file": {Type: "string", Format: "binary"}, "meta": meta}}},
		"application/json": {Schema: meta},
	}}
}

func (a *API) checkMedia(ctx context.Context, in *checkInput) (*checkOutput, error) {
	meta, file, err := a.readCheck(in.r)
	if err != nil {
		return nil, err
	}
	content, err := a.content(meta, file)
	if err != nil {
		return nil, err
	}
	request := checkDigest(meta, file)
	if answer, err := a.answered(ctx, in.IdempotencyKey, request); answer != nil || err != nil {
		return answer, err
	}
	got, err := a.Intake.Check(ctx, content)
	if err != nil {
		return nil, err
	}
	out := &checkOutput{checkResult(got)}
	return out, a.remember(ctx, in.IdempotencyKey, request, out)
}

func checkResult(got intake.Answer) CheckResult {
	return CheckResult{ID: got.ID, Verdict: string(got.Verdict), Scan: string(got.Scan), ScanReason: got.ScanReason,
		Findings: findingModels(got.Findings), CaseID: got.CaseID, PolicyVersion: got.PolicyVersion}
}

func findingModels(fs []safety.Finding) []FindingModel {
	out := make([]FindingModel, len(fs))
	for i, f := range fs {
		out[i] = FindingModel{f.Detector, f.List, string(f.Kind), string(f.Match), f.Variant, f.Frame,
			f.From.Milliseconds(), f.To.Milliseconds()}
	}
	return out
}

// readCheck reads either body. file is nil when there is none.
func (a *API) readCheck(r *http.Request) (meta []byte, file []byte, err error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/json":
		meta, err = readAll(r.Body, maxMeta, "the body")
		return meta, nil, err
	case err != nil || kind != "multipart/form-data" || params["boundary"] == "":
		return nil, nil, newProblem(http.StatusUnsupportedMediaType, "send multipart/form-data with file and meta, or application/json with hashes")
	}
	mr, err := r.MultipartReader()
	if err != nil {
		return nil, nil, safety.Errorf(safety.Invalid, "the multipart body cannot be read")
	}
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, safety.Errorf(safety.Invalid, "the multipart body is cut short or malformed")
		}
		switch part.FormName() {
		case "meta":
			meta, err = readAll(part, maxMeta, "meta")
		case "file":
			file, err = readAll(part, a.MaxFile, "the file")
		default:
			err = safety.Errorf(safety.Invalid, "unknown form field; send file and meta")
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if file == nil && meta == nil {
		return nil, nil, safety.Errorf(safety.Invalid, "the form has neither file nor meta")
	}
	return meta, file, nil
}

const maxMeta = 64 << 10

// readAll reads at most limit bytes; it never returns nil without an error.
func readAll(r io.Reader, limit int64, what string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, safety.Errorf(safety.Invalid, "%s is cut short", what)
	}
	if int64(len(b)) > limit {
		return nil, safety.Errorf(safety.TooLarge, "%s is over %d bytes", what, limit)
	}
	return b, nil
}

// content checks and normalises what the platform said.
func (a *API) content(text, file []byte) (intake.Content, error) {
	var m CheckMeta
	if err := a.decode(text, &m); err != nil {
		return intake.Content{}, err
	}
	c := intake.Content{ContentID: m.ContentID, AccountID: m.AccountID, Surface: safety.Surface(m.Surface),
		Jurisdiction: safety.Jurisdiction(m.Jurisdiction), IP: m.IP, Port: m.Port, Filename: m.Filename, URL: m.URL,
		File: file, PDQQuality: 100}
	if m.PDQQuality != nil {
		c.PDQQuality = *m.PDQQuality
	}
	if c.Surface == "" {
		c.Surface = safety.SurfacePublic
	}
	p := newProblem(http.StatusUnprocessableEntity, "meta has invalid members")
	bad := func(name, message string) {
		p.Errors = append(p.Errors, ProblemItem{Location: "meta." + name, Message: message})
	}
	m.check(&c, a.Intake.TakesPrint, bad)
	if (file == nil) == (len(m.Hashes) == 0) {
		bad("hashes", "send either a file or hashes")
	}
	if len(p.Errors) > 0 {
		return c, p
	}
	return c, nil
}

// check fills c with the members that need parsing and reports what is wrong.
func (m *CheckMeta) check(c *intake.Content, takesPrint func(safety.HashType) bool, bad func(name, message string)) {
	if !c.Jurisdiction.Valid() {
		bad("jurisdiction", "must be two upper-case letters")
	}
	if m.CreatedAt != "" {
		t, err := time.Parse(time.RFC3339, m.CreatedAt)
		if err != nil {
			bad("created_at", "must be RFC 3339, as in 2026-11-23T10:00:00Z")
		}
		c.CreatedAt = t
	}
	if m.IP != "" {
		if _, err := netip.ParseAddr(m.IP); err != nil {
			bad("ip", "is not an IP address")
		}
	}
	if m.URL != "" {
		if u, err := url.Parse(m.URL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			bad("url", "is not an http or https URL")
		}
	}
	for name, value := range m.Hashes {
		t := safety.HashType(name)
		h, err := safety.ParseSignal(t, value)
		if !t.Valid() && !takesPrint(t) {
			bad("hashes", "has an unknown type; use sha256, sha1, md5, pdq, or a type that a hasher of this Rowan gives")
		} else if err != nil {
			bad("hashes."+name, "is not a hash of this type in hexadecimal")
		} else if t.Opaque() && strings.HasPrefix(h.Value, "sha256:") {
			bad("hashes."+name, "is a digest and not a fingerprint")
		} else {
			c.Hashes = append(c.Hashes, h)
		}
	}
}

// decode validates JSON text against the schema of into, as huma does for the
// bodies that it reads.
func (a *API) decode(text []byte, into *CheckMeta) error {
	if !utf8.Valid(text) {
		return newProblem(http.StatusUnprocessableEntity, "meta is not UTF-8")
	}
	var any any
	dec := json.NewDecoder(strings.NewReader(string(text)))
	if err := dec.Decode(&any); err != nil || dec.More() {
		return newProblem(http.StatusUnprocessableEntity, "meta is not one JSON object")
	}
	registry := a.huma.OpenAPI().Components.Schemas
	var res huma.ValidateResult
	path := huma.NewPathBuffer(nil, 0)
	path.Push("meta")
	huma.Validate(registry, registry.Schema(typeOf[CheckMeta](), true, "CheckMeta"), path, huma.ModeWriteToServer, any, &res)
	if len(res.Errors) > 0 {
		return humaProblem(http.StatusUnprocessableEntity, "meta has invalid members", res.Errors...)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return newProblem(http.StatusUnprocessableEntity, "meta is not of the expected form")
	}
	return nil
}

func checkDigest(meta, file []byte) []byte {
	m, f := sha256.Sum256(meta), sha256.Sum256(file)
	return append(m[:], f[:]...)
}

// answered returns the stored answer of a request with the same key.
func (a *API) answered(ctx context.Context, key string, request []byte) (*checkOutput, error) {
	if key == "" {
		return nil, nil
	}
	row, err := a.Store.Read().Idempotent(ctx, idempotencyKey(ctx, key))
	if err != nil {
		if isNotFound(err) {
			return nil, nil
		}
		return nil, safety.Wrap(safety.Unavailable, err, "idempotency keys cannot be looked up at the moment")
	}
	if string(row.Request) != string(request) {
		return nil, safety.Errorf(safety.Conflict, "this Idempotency-Key was used with another request")
	}
	out := &checkOutput{}
	return out, json.Unmarshal(row.Response, &out.Body)
}

// remember stores an answer. When another request with the key was quicker, its
// answer is as good: the same content opens the same case.
func (a *API) remember(ctx context.Context, key string, request []byte, out *checkOutput) error {
	if key == "" {
		return nil
	}
	text, err := json.Marshal(out.Body)
	if err != nil {
		return err
	}
	_, err = a.Store.Read().SetIdempotent(ctx, db.SetIdempotentParams{Key: idempotencyKey(ctx, key), Request: request,
		Status: http.StatusOK, Response: text, CreatedAt: a.Now().UnixMicro()})
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the idempotency key cannot be stored at the moment")
	}
	return nil
}

func idempotencyKey(ctx context.Context, key string) string {
	return caller(ctx).Actor.ID + " check-media " + key
}
