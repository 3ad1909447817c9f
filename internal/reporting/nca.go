package reporting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// NCAInterface is the NCA's programming interface, which the law names (SI
// 2026/268 reg. 2 and 6(2) [P, S]) and whose specification is not public. It is
// off until an operator who has the specification describes it here. What is
// assumed, all unverified: one HTTPS request carries the whole report (a part
// "report" with the [Document] as JSON, and a part "files" for each file), and
// a 2xx answer is JSON that holds the reference at a known place.
type NCAInterface struct {
	URL       string
	Token     string   // sent as "Authorization: Bearer"
	Reference []string // names of the members that lead to the reference, outermost first
	HTTP      *http.Client
}

// errOnItsWay says that a report may or may not have arrived.
var errOnItsWay = errors.New("nobody knows whether the report has arrived; look for it at the authority, and enter what you find")

// errNotSent says that nothing can have arrived.
var errNotSent = errors.New("the authority could not be reached; nothing was sent")

// stepNCA carries a report by the interface. The intent is stored before the
// request, and what is found as an intent is never sent again: the interface is
// not known to refuse a second copy.
func (f *filing) stepNCA(ctx context.Context) error {
	if f.d.cfg.NCA == nil {
		return safety.Errorf(safety.Unavailable, "no interface of the NCA is configured any more; a person must carry this report")
	}
	switch State(f.r.State) {
	case Approved:
		return f.sendNCA(ctx)
	case Opening:
		return errOnItsWay
	}
	return fmt.Errorf("report is in unknown state %q", f.r.State)
}

func (f *filing) sendNCA(ctx context.Context) error {
	in, err := load(ctx, f.d.store.Read(), f.r.ID)
	if err != nil {
		return err
	}
	doc, body, kind, err := f.d.ncaRequest(ctx, in)
	if err != nil {
		return err
	}
	f.r.OpenedAt = store.Micros(f.d.now())
	if err := f.to(ctx, Opening, nil, nil); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, f.d.cfg.CallLimit)
	defer cancel()
	ex, reference, err := f.d.cfg.NCA.send(call, doc, body, kind, f.d.now())
	switch {
	case err == nil:
		f.r.RemoteID, f.r.Receipt = reference, ex.Body
		return f.to(ctx, Filed, &ex, nil)
	case errors.Is(err, errNotSent):
		return errors.Join(f.to(ctx, Approved, &ex, err), err)
	case ex.HTTPStatus >= 400 && ex.HTTPStatus < 500 && ex.HTTPStatus != http.StatusRequestTimeout && ex.HTTPStatus != http.StatusTooManyRequests:
		f.refusal = err
		return f.to(ctx, Draft, &ex, err)
	}
	return errors.Join(f.note(ctx, ex, err), errOnItsWay)
}

// ncaRequest makes the multipart body, with the files from the vault.
func (d *Desk) ncaRequest(ctx context.Context, in *input) (doc []byte, body *bytes.Buffer, kind string, err error) {
	document, err := d.document(ctx, in)
	if err != nil {
		return nil, nil, "", err
	}
	if doc, err = document.JSON(); err != nil {
		return nil, nil, "", err
	}
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	part, err := w.CreateFormFile("report", "report.json")
	if err == nil {
		_, err = part.Write(doc)
	}
	for _, file := range in.files {
		if err != nil {
			break
		}
		var data []byte
		if data, _, err = d.vault.Open(ctx, file.row.EvidenceID); err != nil {
			break
		}
		if part, err = w.CreateFormFile("files", uploadName(file)); err == nil {
			_, err = part.Write(data)
		}
	}
	if err == nil {
		err = w.Close()
	}
	return doc, body, w.FormDataContentType(), err
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

func (n *NCAInterface) send(ctx context.Context, doc []byte, body io.Reader, kind string, now time.Time) (cybertip.Exchange, string, error) {
	ex := cybertip.Exchange{Op: "report", Started: now, RequestXML: doc}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL, body)
	if err != nil {
		return ex, "", fmt.Errorf("%w: the address is malformed", errNotSent)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", "Bearer "+n.Token)
	client := n.HTTP
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	res, err := client.Do(req)
	if err != nil {
		if notSent(err) {
			return ex, "", errNotSent
		}
		return ex, "", errors.New("the connection broke")
	}
	defer func() { _ = res.Body.Close() }()
	ex.HTTPStatus, ex.RequestID = res.StatusCode, res.Header.Get("Request-ID")
	ex.Body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return ex, "", errors.New("the answer was cut short")
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return ex, "", fmt.Errorf("the authority answered %d", res.StatusCode)
	}
	reference, err := n.reference(ex.Body)
	return ex, reference, err
}

// notSent reports whether err came before a connection stood, so that nothing
// can have arrived.
func notSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// reference reads the reference out of an answer.
func (n *NCAInterface) reference(body []byte) (string, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return "", errors.New("the answer is not JSON")
	}
	for _, name := range n.Reference {
		m, ok := v.(map[string]any)
		if !ok {
			return "", errors.New("the answer holds no reference")
		}
		v = m[name]
	}
	var out string
	switch v := v.(type) {
	case string:
		out = strings.TrimSpace(v)
	case json.Number:
		out = v.String()
	}
	if out == "" || len(out) > 100 {
		return "", errors.New("the answer holds no reference")
	}
	return out, nil
}

// stuck leaves a report on its way until a person has looked. It is not due
// again by itself, and stands where failures stand.
func (f *filing) stuck(ctx context.Context, cause error) error {
	_, err := f.d.store.Read().ReportFailed(ctx, db.ReportFailedParams{ID: f.r.ID, Epoch: f.epoch, LastError: cause.Error(),
		NextAttemptAt: store.Micros(f.d.now().AddDate(100, 0, 0)), UpdatedAt: store.Micros(f.d.now())})
	return err
}
